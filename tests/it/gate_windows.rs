//! GP006: windows and freezes, as the rules, the commands and the config tell
//! of them. The edges of the calendar itself are tests of `schedule`.

use insta::assert_snapshot;
use promote::config::{from_toml, to_toml};
use promote::model::Rule;

use crate::config::error;
use crate::judged::{HOUR, Judged, NOON};
use crate::kit::{LINE, line, put, run, save};

const OFFICE: &str =
    "windows = [{ allow = \"Mon-Fri 10:00-16:00\", timezone = \"Europe/Berlin\" }]";

fn says(judged: &Judged) -> String {
    judged.says(Rule::GP006)
}

#[test]
fn a_finding_says_when_it_opens_and_until_when() {
    let mut judged = Judged::with(OFFICE);
    assert_snapshot!(says(&judged), @"Pass: staging is open until Fri 2026-11-27 16:00 Europe/Berlin (2026-11-27T15:00:00Z)");
    assert_snapshot!(says(judged.at(NOON + 3 * HOUR)), @"Fail: staging is outside its windows; it opens at Mon 2026-11-30 10:00 Europe/Berlin (2026-11-30T09:00:00Z)");
    assert_snapshot!(says(judged.at(NOON + 3 * HOUR - 1)), @"Pass: staging is open until Fri 2026-11-27 16:00 Europe/Berlin (2026-11-27T15:00:00Z)");
    assert_snapshot!(says(judged.at(NOON + 3 * HOUR).waive(Rule::GP006)), @"Overridden: staging is outside its windows; it opens at Mon 2026-11-30 10:00 Europe/Berlin (2026-11-30T09:00:00Z) (overridden: INC-42)");
    assert_eq!(says(&Judged::with("")), "", "nothing is asked where nothing is configured");
    let denied = "windows = [{ deny = \"Fri 12:00-24:00\", timezone = \"UTC\" }]";
    assert_snapshot!(says(&Judged::with(denied)), @"Fail: staging is shut by the window `Fri 12:00-24:00 UTC`; it opens at Sat 2026-11-28 00:00 UTC (2026-11-28T00:00:00Z)");
}

#[test]
fn freezes_are_of_one_environment_or_of_all() {
    let freeze = "freezes = [{ from = \"2026-11-20\", to = \"2026-11-27\", timezone = \"UTC\", reason = \"Black Friday\" }]\n";
    let own = Judged::with(freeze);
    assert_snapshot!(says(&own), @"Fail: staging is frozen from 2026-11-20 to 2026-11-27 (Black Friday); it opens at Sat 2026-11-28 00:00 UTC (2026-11-28T00:00:00Z)");
    let mut all = Judged::with(OFFICE);
    all.config = all.config.replacen("version = 1\n", &format!("version = 1\n{freeze}"), 1);
    assert_snapshot!(says(&all), @"Fail: staging is frozen from 2026-11-20 to 2026-11-27 (Black Friday); it opens at Mon 2026-11-30 09:00 UTC (2026-11-30T09:00:00Z)");
}

#[test]
fn a_rollback_waits_unless_it_is_exempt() {
    let mut judged = Judged::with("windows = [{ allow = \"Sat\", timezone = \"UTC\" }]");
    judged
        .ran("staging", &[("v3", NOON - HOUR), ("v2", NOON - 80 * HOUR), ("v0", NOON - 90 * HOUR)]);
    judged.rollback = true;
    assert!(says(&judged).starts_with("Fail"), "{}", says(&judged));
    judged.config =
        judged.config.replace("windows", "rollback = { exempt = [\"GP006\"] }\nwindows");
    assert_snapshot!(says(&judged), @"Skip: staging is outside its windows; it opens at Sat 2026-11-28 00:00 UTC (2026-11-28T00:00:00Z); a rollback is exempt");
}

fn bad(environment: &str) -> String {
    let text = format!("version = 1\n[[environment]]\nname = \"dev\"\n{environment}\n");
    error(from_toml(&text))
}

#[test]
fn what_can_never_be_is_refused_with_its_place() {
    let window = |text: &str| bad(&format!("windows = [{{ {text} }}]"));
    let all = [
        window("allow = 'Mon-Fri 10:00-16:00'"),
        window("allow = 'Mon-Fri 10:00-16:00', timezone = 'Europe/Berln'"),
        window("allow = 'Mo-Fr', timezone = 'UTC'"),
        window("allow = '10:00-25:00', timezone = 'UTC'"),
        window("timezone = 'UTC'"),
        window("allow = 'Mon', deny = 'Tue', timezone = 'UTC'"),
        window("cron = '0 10 * * 1-5', timezone = 'UTC'"),
        window("allow = 'Mon', duration = '1h', timezone = 'UTC'"),
        window("cron = '0 10 * * 9', duration = '1h', timezone = 'UTC'"),
        window("cron = '0 10 30 2 *', duration = '1h', timezone = 'UTC'"),
        window("allow = 'Mon', until = 'UTC'"),
        window(
            "allow = 'Mon', timezone = 'UTC' }, { allow = 'Sun-Mon 10:00-12:00', timezone = 'UTC'",
        ),
        window("allow = 'Mon', timezone = 'UTC' }, { deny = 'Mon', timezone = 'UTC'"),
        bad("windows = []"),
        bad("windows = { allow = 'Mon', timezone = 'UTC' }"),
    ];
    assert_snapshot!(all.concat(), @r#"
    promote.toml:4:12: the key `timezone` is missing
      hint: add `timezone = "UTC"`, or another one such as `Europe/Berlin`
    promote.toml:4:56: `Europe/Berln` is not a valid time zone: there is no such zone
      hint: write it like `Europe/Berlin` or `UTC`
    promote.toml:4:22: `Mo-Fr` is not a valid window: `Mo` is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun
      hint: write it like `Mon-Fri 10:00-16:00`, `Sat-Sun` or `22:00-02:00`
    promote.toml:4:22: `10:00-25:00` is not a valid window: `25:00` is no time of day
      hint: write it like `Mon-Fri 10:00-16:00`, `Sat-Sun` or `22:00-02:00`
    promote.toml:4:12: an entry of `windows` has one of `allow`, `deny` and `cron`
      hint: windows = [{ allow = "Mon-Fri 10:00-16:00", timezone = "Europe/Berlin" }]
    promote.toml:4:12: an entry of `windows` has one of `allow`, `deny` and `cron`
      hint: windows = [{ allow = "Mon-Fri 10:00-16:00", timezone = "Europe/Berlin" }]
    promote.toml:4:12: `duration` goes with `cron`, and `cron` with `duration`
      hint: { cron = "0 10 * * 1-5", duration = "6h", timezone = "Europe/Berlin" }
    promote.toml:4:12: `duration` goes with `cron`, and `cron` with `duration`
      hint: { cron = "0 10 * * 1-5", duration = "6h", timezone = "Europe/Berlin" }
    promote.toml:4:21: `0 10 * * 9` is not a valid cron pattern: Component error: Number out of bounds.
      hint: write it like `0 10 * * 1-5`: minute, hour, day of the month, month, day of the week
    promote.toml:4:11: with these windows the environment `dev` is never open
      hint: an environment that nothing enters has no place in the pipeline
    promote.toml:4:29: the key `until` does not belong here
      hint: move it to `[[override]]`
    promote.toml:4:49: `Sun-Mon 10:00-12:00 UTC` overlaps `Mon UTC`
      hint: make one window of the two, or let the one end where the other begins
    promote.toml:4:11: with these windows the environment `dev` is never open
      hint: an environment that nothing enters has no place in the pipeline
    promote.toml:4:11: the list `windows` is empty
      hint: name something in `windows`, or remove it
    promote.toml:4:11: invalid type: table, expected a list
      hint: `git promote init --print` shows a config as it should be
    "#);
}

#[test]
fn patterns_that_overlap_are_refused_and_others_are_not() {
    let read = |one: &str, two: &str| {
        let text = format!(
            "version = 1\n[layout]\npaths = [\"{{app}}/{{env}}\"]\n[[environment]]\nname = \
             \"dev\"\nwindows = [{{ {one} }}, {{ {two} }}]\n"
        );
        from_toml(&text).map(drop).map_err(|error| error.to_string())
    };
    let utc = |text: &str| format!("{text}, timezone = 'UTC'");
    let ten = utc("cron = '0 10 * * 1', duration = '2h'");
    let eleven = utc("cron = '0 11 * * 1', duration = '1h'");
    let twelve = utc("cron = '0 12 * * 1', duration = '1h'");
    let days = utc("allow = 'Mon 10:00-12:00'");
    let monthly = utc("cron = '0 10 1 * *', duration = '2h'");
    for (one, two) in [(&days, &eleven), (&ten, &eleven), (&eleven, &days), (&monthly, &monthly)] {
        let said = read(one, two).unwrap_err();
        assert!(said.contains("overlaps"), "{one} {two}: {said}");
    }
    let tokyo = "cron = '0 11 * * 1', duration = '1h', timezone = 'Asia/Tokyo'".to_owned();
    let denied = utc("deny = 'Mon 11:00-11:30'");
    for (one, two) in
        [(&days, &twelve), (&ten, &twelve), (&ten, &tokyo), (&ten, &denied), (&ten, &monthly)]
    {
        assert_eq!(read(one, two), Ok(()), "{one} {two}");
    }
}

#[test]
fn days_that_are_not_there_are_refused_with_their_place() {
    let all = [
        bad("freezes = [{ from = '2026-02-30', to = '2026-03-01', timezone = 'UTC' }]"),
        bad("freezes = [{ from = '2026-03-02', to = '2026-03-01', timezone = 'UTC' }]"),
        bad("freezes = [{ from = '2026-03-01', timezone = 'UTC' }]"),
        bad("soak = '1 month'"),
        bad("rollback = { exempt = ['GP001'] }"),
        bad("rollback = { exempt = ['GP017'] }"),
        bad("rollback = { exempt = ['GP011'] }"),
        bad("rollback = { exempt = ['GP009', 'gp009'] }"),
        bad("rollback = { except = ['GP009'] }"),
    ];
    assert_snapshot!(all.concat(), @"
    promote.toml:4:21: `2026-02-30` is not a valid date: there is no such day
      hint: write it like `2026-12-20`
    promote.toml:4:12: the freeze ends on 2026-03-01, before it begins on 2026-03-02
      hint: `to` is the last day of the freeze
    promote.toml:4:12: the key `to` is missing
      hint: add `to`
    promote.toml:4:8: `1 month` is not a valid span of time: months and years have no fixed length
      hint: write it like `24h`, `90m` or `1d 12h`
    promote.toml:4:24: a rollback cannot be exempt from the rule `GP001`
      hint: remove `GP001`: what ran here satisfies GP001
    promote.toml:4:24: a rollback cannot be exempt from the rule `GP017`
      hint: write `|| promotion.rollback` in the policy instead
    promote.toml:4:24: a rollback cannot be exempt from the rule `GP011`
      hint: remove `GP011`: the rule has no exception
    promote.toml:4:33: `gp009` is given twice in `exempt`
      hint: remove the second `gp009`
    promote.toml:4:14: unknown key `except`, did you mean `exempt`?
      hint: write `exempt`
    ");
}

#[test]
fn what_is_written_reads_back() {
    let text = "version = 1
freezes = [{ from = \"2026-12-20\", to = \"2027-01-04\", timezone = \"europe/berlin\", reason = \"holi\\\"days\" }]

[[environment]]
name = \"dev\"
soak = \"90m\"
rollback = { exempt = [] }
windows = [
    { allow = \"Mon-Fri  10:00-16:00\", timezone = \"Europe/Berlin\" },
    { deny = \"Fri 12:00-24:00\", timezone = \"Europe/Berlin\" },
    { cron = \"0 10-16 * * 1-5\", duration = \"6h\", timezone = \"Asia/Tokyo\" },
]
freezes = [{ from = \"2026-02-28\", to = \"2026-02-28\", timezone = \"UTC\" }]
";
    let config = from_toml(text).unwrap();
    let written = to_toml(&config, &[]);
    assert_eq!(from_toml(&written).as_ref(), Ok(&config), "{written}");
    assert_snapshot!(written.split_once("version = 1\n").unwrap().1, @r#"
    deliver = "commit"
    freezes = [
        { from = "2026-12-20", to = "2027-01-04", timezone = "Europe/Berlin", reason = 'holi"days' },
    ]

    # The order of this list is the order of promotion.
    [[environment]]
    name = "dev"
    soak = "1h 30m"
    rollback = { exempt = [] }
    windows = [
        { allow = "Mon-Fri 10:00-16:00", timezone = "Europe/Berlin" },
        { deny = "Fri 12:00-24:00", timezone = "Europe/Berlin" },
        { cron = "0 10-16 * * 1-5", duration = "6h", timezone = "Asia/Tokyo" },
    ]
    freezes = [
        { from = "2026-02-28", to = "2026-02-28", timezone = "UTC" },
    ]
    "#);
}

/// `line()` with windows that are always and never open, by the clock of now.
fn guarded(staging: &str) -> crate::testkit::Sandbox {
    let repo = line();
    let config = LINE.replace("name = \"staging\"", &format!("name = \"staging\"\n{staging}"));
    save(&repo, "Guard staging", &[("promote.toml", &config)]);
    repo
}

/// A freeze around today.
fn freeze_now() -> String {
    let today = jiff::Zoned::now().date();
    let (from, to) = (today.yesterday().unwrap(), today.tomorrow().unwrap());
    format!(
        "freezes = [{{ from = \"{from}\", to = \"{to}\", timezone = \"UTC\", reason = \"Now\" }}]"
    )
}

#[test]
fn promote_refuses_and_status_shows_a_freeze() {
    let repo = guarded(&freeze_now());
    let said = run(&repo, &["web@v1.2.3", "staging"]).text();
    assert!(
        said.starts_with("exit 3") && said.contains("fail  GP006  staging is frozen"),
        "{said}"
    );
    let document = run(&repo, &["status", "web", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["cells"][1]["state"], "frozen");
    assert!(run(&repo, &["status"]).text().contains("*  behind, and frozen"));
    let why = run(&repo, &["why", "web", "staging", "v1.2.3", "--offline"]).text();
    assert!(why.contains("it opens at"), "{why}");
}

#[test]
fn a_move_that_is_due_waits_and_says_until_when() {
    let repo = guarded(&freeze_now());
    let remote = repo.dir.path().join("remote.git").display().to_string();
    repo.git(["clone", "-q", "--bare", ".", &remote]);
    repo.git(["remote", "add", "origin", &remote]);
    let document = run(&repo, &["next", "--due", "-n", "--push", "-o", "json"]).json(0);
    let row = &document["rows"][0];
    assert_eq!(
        (row["result"].as_str(), row["rule"].as_str()),
        (Some("held"), Some("GP006")),
        "{row}"
    );
    assert!(row["message"].as_str().unwrap().contains("it opens at"), "{row}");
}

#[test]
fn check_judges_windows_at_the_time_that_is_given() {
    let repo = guarded(OFFICE);
    repo.git(["branch", "base"]);
    put(&repo, "web", "staging", "v1.2.3");
    let verdict = |at: &str| run(&repo, &["check", "base..HEAD", "--at", at]).code();
    assert_eq!(verdict("2026-11-27T14:59:59Z"), 0);
    assert_eq!(verdict("2026-11-27T15:00:00Z"), 3);
    assert_eq!(verdict("2026-11-30T10:00:00+01:00"), 0);
}

#[test]
fn validate_says_what_a_window_amounts_to() {
    let cron = "windows = [{ cron = \"0 10-16 * * 1-5\", duration = \"6h\", timezone = \"Europe/Berlin\" }]\nfreezes = [{ from = \"2020-01-01\", to = \"2020-01-02\", timezone = \"UTC\" }]";
    let repo = guarded(cron);
    let said = run(&repo, &["config", "validate"]).text();
    let now = regex::Regex::new("; now .*").unwrap();
    assert_snapshot!(now.replace_all(&said, "; now [NOW]"), @"
    exit 0
    --- stdout
    promote.toml: valid, 3 environments
    staging: open Mon-Fri 10:00-22:00 Europe/Berlin; now [NOW]
    --- stderr
    warning: staging: `0 10-16 * * 1-5` opens again before its 6h are over: that is Mon-Fri 10:00-22:00
    warning: staging: the freeze of 2020-01-01 to 2020-01-02 is over
    ");
    let bad = LINE.replace(
        "name = \"staging\"",
        "name = \"staging\"\nwindows = [{ allow = \"Mon\", timezone = \"Mars\" }]",
    );
    repo.write("promote.toml", &bad);
    let said = run(&repo, &["config", "validate"]).text();
    assert!(said.starts_with("exit 8") && said.contains("promote.toml:11:"), "{said}");
}
