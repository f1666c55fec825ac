//! GP009: how long a version has been where, to the second.

use insta::assert_snapshot;
use promote::gate::{Dated, Past};
use promote::model::Rule;

use crate::judged::{HOUR, Judged, NOON};
use crate::kit::{self, LINE, line, put, run, save};

fn says(judged: &Judged) -> String {
    judged.says(Rule::GP009)
}

/// The id of the commit of that time.
fn id(seconds: i64) -> String {
    format!("{seconds:040}")
}

#[test]
fn it_is_reached_at_the_very_second() {
    let mut judged = Judged::with("soak = \"24h\"");
    assert_snapshot!(says(&judged), @"Pass: dev has run v2 for 24h (0000000); soak is 24h");
    assert_snapshot!(says(judged.at(NOON - 1)), @"Fail: dev has run v2 for 23h (0000000); soak is 24h, reached at 2026-11-27T12:00:00Z");
    assert_snapshot!(says(judged.at(NOON + 1)), @"Pass: dev has run v2 for 24h (0000000); soak is 24h");
    assert_eq!(says(&Judged::with("")), "", "nothing is asked where nothing is configured");
}

#[test]
fn a_stay_that_was_interrupted_starts_anew() {
    let mut judged = Judged::with("soak = \"24h\"");
    let held = [("v2", NOON - HOUR), ("v1", NOON - 2 * HOUR), ("v2", NOON - 90 * HOUR)];
    assert_snapshot!(says(judged.ran("dev", &held)), @"Fail: dev has run v2 for 60m (0000000); soak is 24h, reached at 2026-11-28T11:00:00Z");
    // The same tag over another image is another version.
    let digest = format!("v2@sha256:{}", "1".repeat(64));
    let held = [("v2", NOON - HOUR), (digest.as_str(), NOON - 90 * HOUR)];
    assert_snapshot!(says(judged.ran("dev", &held)), @"Fail: dev has run v2 for 60m (0000000); soak is 24h, reached at 2026-11-28T11:00:00Z");
}

#[test]
fn clocks_that_are_wrong_are_named() {
    let mut judged = Judged::with("soak = \"24h\"");
    judged.ran("dev", &[("v2", NOON + HOUR), ("v1", NOON - 90 * HOUR)]);
    assert_snapshot!(says(&judged), @"Fail: dev has run v2 for 0s (0000000, dated in the future: a clock is wrong); soak is 24h, reached at 2026-11-28T13:00:00Z");
    // Older than its own parent: somebody wrote the date.
    judged.ran("dev", &[("v2", NOON - 90 * HOUR), ("v1", NOON - 91 * HOUR)]);
    let newest_before = Some(NOON - 2 * HOUR);
    let authored = NOON - 90 * HOUR;
    judged.dates.insert(id(NOON - 90 * HOUR), Dated { authored, newest_before });
    assert_snapshot!(says(&judged), @"Fail: dev has run v2 for 2h (0000000, dated 3d before a commit that came before it); soak is 24h, reached at 2026-11-28T10:00:00Z");
    // A rebase gives an old commit a new date.
    judged.ran("dev", &[("v2", NOON - HOUR), ("v1", NOON - 91 * HOUR)]);
    let newest_before = Some(NOON - 2 * HOUR);
    judged.dates.insert(id(NOON - HOUR), Dated { authored, newest_before });
    assert_snapshot!(says(&judged), @"Fail: dev has run v2 for 60m (0000000, written 3d before it was committed, which counts); soak is 24h, reached at 2026-11-28T11:00:00Z");
}

#[test]
fn all_of_from_or_one_of_from_any() {
    let with = |sources: &str| {
        let mut judged = Judged::with("");
        let other = format!(
            "[[environment]]\nname = \"qa\"\nfrom = []\n\n[[environment]]\nname = \"staging\"\n{sources}\nsoak = \"2h\""
        );
        judged.config = LINE.replace("[[environment]]\nname = \"staging\"", &other);
        judged.ran("dev", &[("v2", NOON - 3 * HOUR), ("v1", NOON - 90 * HOUR)]);
        judged.ran("qa", &[("v2", NOON - HOUR), ("v1", NOON - 90 * HOUR)]);
        judged
    };
    assert_snapshot!(says(&with("from = [\"dev\", \"qa\"]")), @"Fail: qa has run v2 for 60m (0000000); soak is 2h, reached at 2026-11-27T13:00:00Z");
    assert_snapshot!(says(&with("from-any = [\"qa\", \"dev\"]")), @"Pass: dev has run v2 for 3h (0000000); soak is 2h");
    assert_snapshot!(says(with("from-any = [\"qa\", \"dev\"]").at(NOON - 2 * HOUR)), @"Fail: qa has run v2 for 0s (0000000, dated in the future: a clock is wrong); dev has run v2 for 60m (0000000); soak is 2h, reached at 2026-11-27T11:00:00Z");
    assert_eq!(says(&with("from = []")), "", "nothing comes before a first environment");
    // What one ran before counts only where that lets a version in.
    let left = |sources: &str| {
        let mut judged = with(sources);
        judged.ran("dev", &[("v2", NOON - 1), ("v1", NOON - 90 * HOUR)]);
        let qa = [("v1", NOON - HOUR), ("v2", NOON - 80 * HOUR), ("v1", NOON - 90 * HOUR)];
        judged.ran("qa", &qa);
        judged
    };
    assert_snapshot!(says(&left("from-any = [\"qa\", \"dev\"]")), @"Fail: qa ran v2 for 3d (0000000) and no longer does; dev has run v2 for 1s (0000000); soak is 2h, reached at 2026-11-27T13:59:59Z");
    assert_snapshot!(says(&left("seen = true\nfrom-any = [\"qa\", \"dev\"]")), @"Pass: qa ran v2 for 3d (0000000) and no longer does; soak is 2h");
}

#[test]
fn what_was_seen_counts_for_as_long_as_it_was_there() {
    let mut judged = Judged::with("soak = \"24h\"\nseen = true");
    judged.ran("dev", &[("v3", NOON - HOUR), ("v2", NOON - 25 * HOUR), ("v1", NOON - 90 * HOUR)]);
    assert_snapshot!(says(&judged), @"Pass: dev ran v2 for 24h (0000000) and no longer does; soak is 24h");
    judged.ran("dev", &[("v3", NOON - HOUR), ("v2", NOON - 24 * HOUR), ("v1", NOON - 90 * HOUR)]);
    assert_snapshot!(says(&judged), @"Fail: dev ran v2 for 23h (0000000) and no longer does; soak is 24h");
}

#[test]
fn without_the_history_nobody_knows() {
    let mut judged = Judged::with("soak = \"24h\"");
    judged.ran("dev", &[("v2", 0)]);
    judged.history = Past::CutOff;
    let both = format!("{}\n{}", says(&judged), judged.says(Rule::GP010));
    assert_snapshot!(both, @"
    Skip: the history is cut off: how long dev has run v2 is not known
    Unverifiable: the history is cut off: how long dev has run v2 is not known
    ");
    judged.history = Past::None;
    assert_snapshot!(judged.says(Rule::GP010), @"Unverifiable: a tree has no history: how long dev has run v2 is not known");
}

#[test]
fn a_rollback_is_exempt_as_the_config_says() {
    let mut judged = Judged::with("soak = \"24h\"");
    judged.ran("dev", &[("v3", NOON - 50 * HOUR), ("v1", NOON - 90 * HOUR)]);
    judged
        .ran("staging", &[("v1", NOON - HOUR), ("v2", NOON - 80 * HOUR), ("v0", NOON - 90 * HOUR)]);
    assert_snapshot!(says(&judged), @"Fail: dev does not run v2; soak is 24h");
    judged.rollback = true;
    // What came after v2 was older: v2 was gone back from.
    assert_snapshot!(says(&judged), @"Fail: dev does not run v2; soak is 24h");
    judged
        .ran("staging", &[("v3", NOON - HOUR), ("v2", NOON - 80 * HOUR), ("v0", NOON - 90 * HOUR)]);
    assert_snapshot!(says(&judged), @"Skip: dev does not run v2; soak is 24h; a rollback is exempt");
    judged.config = judged.config.replace("soak", "rollback = { exempt = [\"GP003\"] }\nsoak");
    assert_snapshot!(says(&judged), @"Fail: dev does not run v2; soak is 24h");
}

#[test]
fn it_can_be_waived_with_a_reason() {
    let mut judged = Judged::with("soak = \"48h\"");
    assert_snapshot!(says(judged.waive(Rule::GP009)), @"Overridden: dev has run v2 for 24h (0000000); soak is 48h, reached at 2026-11-28T12:00:00Z (overridden: INC-42)");
}

/// `line()` in which staging asks for a day.
fn soaking() -> crate::testkit::Sandbox {
    let repo = line();
    let config = LINE.replace("name = \"staging\"", "name = \"staging\"\nsoak = \"1d\"");
    save(&repo, "Ask for a day", &[("promote.toml", &config)]);
    repo
}

#[test]
fn promote_reads_the_time_from_the_commits() {
    let repo = soaking();
    // The commits of the test are of 2026-01; their dates are old enough.
    assert_snapshot!(soak_line(&repo), @"ok    GP009  dev has run v1.2.3 for [AGE] ([ID]); soak is 24h");
    // A commit that says to be old is not older than what it was made on.
    save_at(&repo, "now", "web v1.2.4", &[("dev", "v1.2.4")]);
    let said = run(&repo, &["web@v1.2.4", "staging", "-n"]).text();
    assert!(said.contains("fail  GP009  dev has run v1.2.4 for [AGE]"), "{said}");
    save_at(&repo, "now", "Anything", &[]);
    save_at(&repo, "2020-01-01T00:00:00Z", "web v1.2.5", &[("dev", "v1.2.5")]);
    let said = run(&repo, &["web@v1.2.5", "staging", "-n"]).text();
    assert!(said.contains("before a commit that came before it"), "{said}");
    assert!(said.starts_with("exit 3"), "{said}");
}

#[test]
fn check_judges_at_the_time_that_is_given() {
    let repo = soaking();
    let now = jiff::Timestamp::now();
    save_at(&repo, "now", "web v1.2.4", &[("dev", "v1.2.4")]);
    repo.git(["branch", "base"]);
    put(&repo, "web", "staging", "v1.2.4");
    let verdict = |hours: i64| {
        let at = now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string();
        run(&repo, &["check", "base..HEAD", "--at", &at]).code()
    };
    assert_eq!((verdict(23), verdict(25)), (3, 0));
}

fn soak_line(repo: &crate::testkit::Sandbox) -> String {
    let said = run(repo, &["web@v1.2.3", "staging", "-n"]).text();
    said.lines().find(|line| line.contains("GP009")).unwrap_or(&said).to_owned()
}

/// A commit of that date which sets versions of web.
fn save_at(repo: &crate::testkit::Sandbox, date: &str, message: &str, versions: &[(&str, &str)]) {
    let date = match date {
        "now" => jiff::Timestamp::now().to_string(),
        date => date.to_owned(),
    };
    for (environment, tag) in versions {
        let text = kit::overlay("registry.example/acme/web", tag);
        repo.write(&kit::at("web", environment), &text);
    }
    repo.git(["add", "-A"]);
    let set = format!("GIT_COMMITTER_DATE={date}");
    let mut command = std::process::Command::new("git");
    crate::testkit::hermetic(&mut command, repo.dir.path());
    let (name, value) = set.split_once('=').unwrap();
    command.env(name, value).env("GIT_AUTHOR_DATE", value);
    command.args(["commit", "-q", "--allow-empty", "-m", message]).current_dir(&repo.root);
    assert!(command.status().unwrap().success());
}

#[test]
fn a_policy_that_asks_since_when_is_not_told_what_somebody_wrote() {
    let repo = line();
    let policy = |name: &str, expression: &str| {
        format!("\n[[policy]]\nname = \"{name}\"\nexpression = \"{expression}\"\n")
    };
    let config = LINE.to_owned()
        + &policy("from", "from.all(f, now - f.since >= duration('4h'))")
        + &policy("to", "now - to.since >= duration('4h')");
    save_at(&repo, "now", "Ask for hours", &[]);
    save(&repo, "Ask for hours", &[("promote.toml", &config)]);
    let judged = || {
        let said = run(&repo, &["web@v1.2.4", "staging", "-n"]).text();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("GP017")).collect();
        lines.join("\n")
    };
    save_at(&repo, "2020-01-01T00:00:00Z", "web v1.2.4", &[("dev", "v1.2.4")]);
    assert!(judged().contains("fail  GP017  policy `from`"), "{}", judged());
    assert!(!judged().contains("policy `to`"), "{}", judged());
    save_at(&repo, "2020-01-01T00:00:00Z", "web v1.2.1", &[("staging", "v1.2.1")]);
    assert!(judged().contains("fail  GP017  policy `to`"), "{}", judged());
}
