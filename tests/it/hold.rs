//! `hold`, `resume` and GP016.

use insta::assert_snapshot;
use promote::config::{Hold, Holds, with_hold};
use promote::model::{EnvironmentName, Rule};
use serde_json::json;

use crate::judged::{HOUR, Judged, NOON};
use crate::kit::{LINE, at, line, overlay, put, repo, run, save, settled};
use crate::testkit::Sandbox;

const FILE: &str = ".promote/holds.toml";

/// web is held in staging.
fn held() -> Sandbox {
    let repo = line();
    run(&repo, &["hold", "staging", "web", "--reason", "INC-42: too slow"]).stdout(0);
    repo
}

#[test]
fn a_hold_is_a_commit_of_its_own() {
    let repo = line();
    repo.write("mine.txt", "not yours");
    let hold = ["hold", "staging", "web", "--reason", "INC-42: too slow"];
    assert_snapshot!(run(&repo, &[&hold[..], &["-n"]].concat()).text(), @"
    exit 0
    --- stdout
    ENVIRONMENT  APP  UNTIL  REASON
    staging      web  -      INC-42: too slow
    new      .promote/holds.toml
    dry run: nothing was written
    ");
    assert!(!repo.root.join(FILE).exists(), "a dry run writes nothing");
    assert_snapshot!(run(&repo, &hold).text(), @"
    exit 0
    --- stdout
    ENVIRONMENT  APP  UNTIL  REASON
    staging      web  -      INC-42: too slow
    new      .promote/holds.toml
    [main [ID]] Hold web in staging
    ");
    assert_snapshot!(settled(&repo.git(["log", "-1", "--format=%B", "--name-only"])), @"
    Hold web in staging

    INC-42: too slow

    Promote-Hold: staging web
    Promote-Reason: INC-42: too slow


    .promote/holds.toml
    ");
    assert_snapshot!(repo.read(FILE), @r#"
    # The apps that stay where they are: rule GP016. Written by `git promote hold`
    # and `git promote resume`.

    [[hold]]
    environment = "staging"
    app = "web"
    reason = "INC-42: too slow"
    "#);
    assert_snapshot!(run(&repo, &hold).text(), @"
    exit 0
    --- stdout
    ENVIRONMENT  APP  UNTIL  REASON
    staging      web  -      INC-42: too slow
    nothing to do
    ");
    assert_eq!(repo.git(["status", "--porcelain"]), "?? mine.txt\n");
}

#[test]
fn what_is_held_stays_and_what_is_resumed_goes_on() {
    let repo = held();
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging"]).text(), @"
    exit 3
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    fail  GP016  web is held in staging until it is resumed: INC-42: too slow
                  at apps/web/overlays/staging/kustomization.yaml:5
    --- stderr
    error: refused by GP016; nothing was changed
    hint: git promote resume staging web
    hint: git promote explain GP016
    ");
    assert_snapshot!(run(&repo, &["hold"]).text(), @"
    exit 0
    --- stdout
    ENVIRONMENT  APP  UNTIL  REASON
    staging      web  -      INC-42: too slow
    ");
    let document = run(&repo, &["status", "web", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["cells"][1]["state"], "held");
    assert_ne!(document["rows"][0]["next"]["environment"], "staging", "{document}");
    let why = run(&repo, &["why", "web", "staging", "v1.2.3", "--offline"]).text();
    assert!(why.contains("web is held in staging until it is resumed: INC-42"), "{why}");
    assert_snapshot!(run(&repo, &["resume", "staging", "web", "--reason", "Fixed"]).text(), @"
    exit 0
    --- stdout
    web in staging goes on
    removed  .promote/holds.toml
    [main [ID]] Resume web in staging
    ");
    assert_snapshot!(repo.git(["log", "-1", "--format=%B"]), @"
    Resume web in staging

    Fixed

    Promote-Resume: staging web
    Promote-Reason: Fixed
    ");
    run(&repo, &["web@v1.2.3", "staging"]).stdout(0);
    assert_snapshot!(run(&repo, &["resume", "staging", "web"]).text(), @"
    exit 5
    --- stderr
    error: web is not held in staging
    hint: git promote hold
    ");
}

#[test]
fn other_apps_and_environments_are_free() {
    let repo = held();
    put(&repo, "api", "dev", "v1.2.3");
    run(&repo, &["api@v1.2.3", "staging"]).stdout(0);
    let document = run(&repo, &["hold", "-o", "json"]).json(0);
    crate::schema::assert_valid(&document);
    assert_eq!(
        document["holds"],
        json!([{"environment": "staging", "app": "web", "reason": "INC-42: too slow", "until": null, "active": true}])
    );
    assert_eq!(run(&repo, &["hold", "prod"]).stdout(0), "nothing is held\n");
}

#[test]
fn what_cannot_be_held_is_refused() {
    let repo = line();
    let said = |args: &[&str]| run(&repo, &[&["hold"], args].concat()).text();
    let all = [
        said(&["staging", "web"]),
        said(&["stagin", "web", "--reason", "x"]),
        said(&["staging", "wep", "--reason", "x"]),
        said(&["staging", "web", "--reason", "x\nPromote-Override: GP001"]),
        said(&["staging", "web", "--reason", "x", "--until", "2020-01-01T00:00:00Z"]),
        said(&["staging", "web", "--reason", "x", "--until", "tomorrow"]),
        said(&["staging", "web", "--reason", "x", "--marker"]),
    ];
    assert_snapshot!(all.concat(), @"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      --reason <TEXT>

    Usage: git promote hold --reason <TEXT> <ENV> <APP>
    hint: git promote help hold
    exit 5
    --- stderr
    error: there is no environment `stagin`; there are dev, staging, prod
    hint: did you mean staging?
    hint: git promote status
    exit 5
    --- stderr
    error: staging has no app `wep`
    hint: git promote status staging
    exit 2
    --- stderr
    error: --reason is one line that says something
    hint: --reason 'INC-42: what happened'
    exit 2
    --- stderr
    error: `2020-01-01T00:00:00Z` is over
    hint: --until 3d
    exit 2
    --- stderr
    error: `tomorrow` is neither a time, a day nor a span
    hint: --until 2026-12-01T10:00:00Z, --until 2026-12-01, or --until 3d
    exit 5
    --- stderr
    error: web has no `$imagepolicy` marker in staging
    hint: git promote hold ENV APP --reason TEXT
    ");
    save(&repo, "Break the file", &[(FILE, "[[hold]]\nenvironment = 'staging'\n")]);
    assert_snapshot!(run(&repo, &["web@v1.2.3", "staging"]).text(), @"
    exit 8
    --- stderr
    error: .promote/holds.toml:1:1: missing field `app`
    hint: `[[hold]]` with `environment`, `app`, `reason` and perhaps `until` is a hold
    ");
}

fn judged(until: Option<i64>) -> Judged {
    let mut judged = Judged::with("");
    let environment = EnvironmentName::new("staging");
    let hold = Hold { environment, app: "web".to_owned(), reason: "INC-42".to_owned(), until };
    let text = with_hold(None, &hold).unwrap();
    judged.holds = Holds::read(Some(text.as_bytes())).unwrap();
    judged
}

#[test]
fn a_hold_ends_at_its_second_and_can_be_waived() {
    let says = |judged: &Judged| judged.says(Rule::GP016);
    assert_snapshot!(says(&judged(None)), @"Fail: web is held in staging until it is resumed: INC-42");
    assert_snapshot!(says(&judged(Some(NOON + 1))), @"Fail: web is held in staging until 2026-11-27T12:00:01Z: INC-42");
    assert_snapshot!(says(&judged(Some(NOON))), @"Pass: the hold of web in staging ended at 2026-11-27T12:00:00Z");
    assert_snapshot!(says(judged(None).waive(Rule::GP016)), @"Overridden: web is held in staging until it is resumed: INC-42 (overridden: INC-42)");
    let mut back = judged(None);
    back.rollback = true;
    back.ran("staging", &[("v3", NOON - HOUR), ("v2", NOON - 80 * HOUR), ("v0", NOON - 90 * HOUR)]);
    assert!(says(&back).starts_with("Fail"), "a rollback is held as well");
    assert_eq!(says(&Judged::with("")), "");
}

#[test]
fn no_change_lifts_a_hold_and_promotes_past_it() {
    let repo = held();
    repo.git(["branch", "base"]);
    let check = |repo: &Sandbox| settled(&run(repo, &["check", "base..HEAD"]).text());
    repo.git(["rm", "-q", FILE]);
    save(&repo, "Lift it", &[]);
    let ids = regex::Regex::new("[(][0-9a-f]{7}.*").unwrap();
    assert_snapshot!(ids.replace(&check(&repo), "[IDS]"), @"
    exit 0
    --- stdout
    pass: no version moves [IDS]
    warn  GP016  staging: this change lifts the hold of web in staging: INC-42: too slow
         --> .promote/holds.toml
    ");
    put(&repo, "web", "staging", "v1.2.3");
    let said = check(&repo);
    assert!(said.starts_with("exit 3") && said.contains("fail  GP016"), "{said}");
    repo.git(["checkout", "-q", "--detach", "base"]);
    save(&repo, "Break the file", &[(FILE, "hold = 1")]);
    let said = check(&repo);
    assert!(said.starts_with("exit 3") && said.contains("GP011"), "{said}");
}

#[test]
fn a_marker_is_hidden_from_flux_and_comes_back_as_it_was() {
    let repo = line();
    let text = overlay("registry.example/acme/web", "v1.2.2")
        .replace("# set by us", "#  {\"$imagepolicy\": \"flux-system:web:tag\"}  ");
    save(&repo, "Mark it", &[(&at("web", "staging"), &text)]);
    let hold = ["hold", "staging", "web", "--reason", "INC-42", "--marker"];
    assert_snapshot!(run(&repo, &hold).text(), @r#"
    exit 0
    --- stdout
    ENVIRONMENT  APP  UNTIL  REASON
    staging      web  -      INC-42
    new      .promote/holds.toml
    marker   apps/web/overlays/staging/kustomization.yaml:5  held {"$imagepolicy": "flux-system:web:tag"}
    [main [ID]] Hold web in staging
    "#);
    let hidden = repo.read(&at("web", "staging"));
    assert!(hidden.contains("#  held {\"$imagepolicy\""), "{hidden}");
    // It is the same site to us, and the gate.
    let base = repo.git(["rev-parse", "HEAD~1"]);
    assert_eq!(run(&repo, &["check", &format!("{}..HEAD", base.trim())]).code(), 0);
    run(&repo, &["resume", "staging", "web"]).stdout(0);
    assert_eq!(repo.read(&at("web", "staging")), text);
    assert!(!repo.root.join(FILE).exists());
}

#[test]
fn a_hold_is_pushed_like_a_promotion() {
    let repo = line();
    let remote = repo.dir.path().join("remote.git").display().to_string();
    repo.git(["clone", "-q", "--bare", ".", &remote]);
    repo.git(["remote", "add", "origin", &remote]);
    run(&repo, &["hold", "staging", "web", "--reason", "x", "--until", "3d", "--push"]).stdout(0);
    let text = repo.git_in(std::path::Path::new(&remote), ["show", &format!("main:{FILE}")]);
    assert!(text.contains("app = \"web\"") && text.contains("until = \""), "{text}");
    run(&repo, &["hold", "prod", "web", "--reason", "x", "--pr"]).stdout(0);
    let branches =
        repo.git_in(std::path::Path::new(&remote), ["branch", "--format=%(refname:short)"]);
    assert_eq!(branches, "main\npromote/hold/prod/web\n");
}

/// A hold, as people write it.
fn entry(environment: &str, app: &str, more: &str) -> String {
    format!("[[hold]]\nenvironment = '{environment}'\napp = '{app}'\nreason = 'INC-42'\n{more}\n")
}

/// These apps of groups, with the holds of the file.
fn grouped(apps: &[&str], holds: &str) -> Sandbox {
    let repo = repo(&[
        ("promote.toml", &LINE.replace("apps/{app}/overlays/{env}", "apps/{group}/{app}/{env}")),
        (FILE, holds),
    ]);
    for app in apps {
        for (environment, tag) in [("dev", "v2"), ("staging", "v1"), ("prod", "v1")] {
            let text = format!("images:\n- name: registry.example/web\n  newTag: {tag}\n");
            repo.write(&format!("apps/{app}/{environment}/kustomization.yaml"), &text);
        }
    }
    save(&repo, "Add apps", &[]);
    repo
}

#[test]
fn a_hold_by_the_short_name_holds_and_is_resumed_by_either() {
    let repo = grouped(&["shop/web"], &entry("staging", "web", ""));
    let said = run(&repo, &["shop/web@v2", "staging"]).text();
    let held = "fail  GP016  shop/web is held in staging until it is resumed: INC-42";
    assert!(said.contains(held) && said.contains("promote resume staging web"), "{said}");
    repo.git(["branch", "base"]);
    run(&repo, &["resume", "staging", "shop/web"]).stdout(0);
    assert!(!repo.root.join(FILE).exists());
    repo.git(["checkout", "-q", "--detach", "base"]);
    run(&repo, &["resume", "staging", "web"]).stdout(0);
    assert_eq!(run(&repo, &["shop/web@v2", "staging"]).code(), 0);
}

#[test]
fn a_hold_of_several_apps_is_not_lifted_for_one() {
    let repo = grouped(&["shop/web", "blog/web"], &entry("staging", "web", ""));
    assert_snapshot!(run(&repo, &["resume", "staging", "shop/web"]).text(), @"
    exit 2
    --- stderr
    error: the hold of `web` in staging holds blog/web too
    hint: git promote resume staging web
    ");
    assert!(repo.root.join(FILE).exists());
    run(&repo, &["resume", "staging", "web"]).stdout(0);
    assert!(!repo.root.join(FILE).exists());
}

#[test]
fn a_name_of_several_apps_that_are_held_is_asked_for() {
    let held = entry("staging", "shop/web", "") + &entry("staging", "blog/web", "");
    let repo = grouped(&["shop/web", "blog/web"], &held);
    assert_snapshot!(run(&repo, &["resume", "staging", "web"]).text(), @"
    exit 2
    --- stderr
    error: `web` is blog/web, shop/web
    hint: git promote hold staging
    ");
    run(&repo, &["resume", "staging", "blog/web"]).stdout(0);
    assert!(repo.read(FILE).contains("shop/web"));
}

#[test]
fn an_app_that_is_let_off_is_held_all_the_same() {
    for policy in ["off", "warn"] {
        let mut judged = judged(None);
        judged.config.push_str(&format!("\n[[app]]\nname = \"web\"\npolicy = \"{policy}\"\n"));
        assert_eq!(judged.says(Rule::GP016).split(':').next(), Some("Fail"), "{policy}");
    }
}

#[test]
fn a_hold_of_nothing_is_told() {
    let repo = line();
    repo.git(["branch", "base"]);
    let wrong = entry("staging", "wep", "") + &entry("prodd", "web", "") + &entry("dev", "web", "");
    save(&repo, "Hold", &[(FILE, &wrong)]);
    let remarks = |args: &[&str]| {
        let text = run(&repo, args).text();
        text.split("--- stderr\n").nth(1).unwrap_or_default().to_owned()
    };
    let told = remarks(&["hold"]);
    assert_snapshot!(told, @"
    warning: .promote/holds.toml: there is no environment `prodd`, so nothing is held
    warning: .promote/holds.toml: staging has no app `wep`, so nothing is held
    ");
    assert_eq!(remarks(&["status"]), told);
    // The second time it is told from what was kept.
    assert_eq!(remarks(&["status"]), told);
    assert_eq!(remarks(&["config", "validate"]), told);
    assert_eq!(remarks(&["web@v1.2.3", "staging", "-n"]), told);
    let check = run(&repo, &["check", "base..HEAD", "-v"]).stdout(0);
    let of_rule: Vec<&str> = check.lines().filter(|line| line.contains("GP016")).collect();
    assert_snapshot!(of_rule.join("\n"), @"
    warn  GP016  staging: this change holds wep in staging: INC-42; there is no such app there, so nothing is held
    warn  GP016  prodd: this change holds web in prodd: INC-42; there is no such app there, so nothing is held
    ok    GP016  dev: this change holds web in dev: INC-42
    ");
}

#[test]
fn markers_that_stay_hidden_after_the_hold_are_told() {
    let repo = line();
    let text = overlay("registry.example/acme/web", "v1.2.2")
        .replace("# set by us", "# {\"$imagepolicy\": \"flux-system:web:tag\"}");
    save(&repo, "Mark it", &[(&at("web", "staging"), &text)]);
    let told =
        |args: &[&str]| run(&repo, args).text().contains("hint: git promote resume staging web");
    for over in ["", "until = '2020-01-01T00:00:00Z'"] {
        save(&repo, "Hold", &[(FILE, &entry("staging", "web", over))]);
        assert!(!told(&["hold"]), "it is shown to Flux");
    }
    save(&repo, "Hide it", &[(&at("web", "staging"), &text.replace("# {", "# held {"))]);
    let said = run(&repo, &["hold"]).text();
    assert_snapshot!(said.split("--- stderr\n").nth(1).unwrap_or_default(), @"
    warning: the hold of web in staging is over, and its `$imagepolicy` markers are still hidden from Flux
    hint: git promote resume staging web
    ");
    assert!(told(&["status"]) && told(&["status"]) && told(&["config", "validate"]));
    save(&repo, "Hold on", &[(FILE, &entry("staging", "web", ""))]);
    assert!(!told(&["hold"]), "it is held");
}

#[test]
fn why_says_that_what_runs_there_is_held() {
    let repo = held();
    let said = run(&repo, &["why", "web", "staging"]).text();
    assert_snapshot!(said.split("--- stderr\n").nth(1).unwrap_or_default(), @"
    note: web is held in staging until it is resumed: INC-42: too slow
    hint: git promote resume staging web
    hint: git promote why web staging v1.2.3
    ");
    let other = run(&repo, &["why", "web", "dev"]).text();
    assert!(!other.contains("is held"), "{other}");
}
