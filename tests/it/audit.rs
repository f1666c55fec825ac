//! `git promote audit` and `git promote check --replay`: the standing state,
//! and the past.

use insta::assert_snapshot;
use serde_json::Value;

use crate::kit::{at, line, overlay, put, run, save};
use crate::testkit::Sandbox;

fn document(repo: &Sandbox, args: &[&str]) -> Value {
    let output = run(repo, &[args, &["-o", "json"]].concat()).output();
    let document = serde_json::from_slice(&output.stdout).unwrap();
    crate::schema::assert_valid(&document);
    document
}

#[test]
fn a_version_that_skipped_an_environment_is_found_and_dated() {
    let repo = line();
    put(&repo, "web", "dev", "v1.2.2");
    assert_eq!(run(&repo, &["audit"]).code(), 0);
    put(&repo, "web", "prod", "v9.0.0");
    assert_snapshot!(run(&repo, &["audit"]).text(), @"
    exit 1
    --- stdout
    web  prod  v9.0.0  not in staging; since 2023-11-14T22:13:20Z 9d60cc4
      at apps/web/overlays/prod/kustomization.yaml:5
    1 version is not in an environment before it (9d60cc4)
    ");
    let found = document(&repo, &["audit"]);
    let row = &found["rows"][0];
    assert_eq!(row["missingIn"], serde_json::json!(["staging"]));
    assert_eq!(row["commit"].as_str().unwrap(), repo.git(["rev-parse", "HEAD"]).trim());
    assert_eq!(run(&repo, &["audit", "--history"]).code(), 1);
}

#[test]
fn with_history_only_what_never_was_there_counts() {
    let repo = line();
    put(&repo, "web", "staging", "v1.2.3");
    put(&repo, "web", "prod", "v1.2.3");
    put(&repo, "web", "staging", "v1.2.2");
    assert_eq!(run(&repo, &["audit"]).code(), 1);
    assert_eq!(run(&repo, &["audit", "--history"]).code(), 0);
    // Staging may have moved on; what it never ran stays a skip.
    put(&repo, "web", "prod", "v1.2.9");
    let rows = document(&repo, &["audit", "--history"])["rows"].clone();
    assert_eq!(rows[0]["version"], "v1.2.9");
    assert_eq!(rows[0]["everIn"], false);
}

#[test]
fn what_is_rendered_counts_too() {
    let repo = line();
    let text = overlay("registry.example/acme/web", "v1.2.2");
    let more = "patches:\n- patch: |-\n    - op: add\n      path: /spec/template/spec/containers/-\n\
                \x20     value: {name: side, image: registry.example/acme/side:v7}\n  target: {kind: Deployment}\n";
    save(&repo, "Add a sidecar to prod", &[(&at("web", "prod"), &format!("{text}{more}"))]);
    assert_snapshot!(run(&repo, &["audit"]).text(), @"
    exit 1
    --- stdout
    web  prod  v7  not in staging; since 2023-11-14T22:13:20Z 29657ff
      at apps/web/overlays/prod/kustomization.yaml:10
    web  staging  v1.2.2  not in dev; since 2023-11-14T22:13:20Z 896e5fe
      at apps/web/overlays/staging/kustomization.yaml:5
    2 versions are not in an environment before them (29657ff)
    ");
}

#[test]
fn an_app_that_is_off_is_not_audited() {
    let repo = crate::kit::line_with("\n[[app]]\nname = \"web\"\npolicy = \"off\"\n");
    put(&repo, "web", "prod", "v9.0.0");
    assert_eq!(run(&repo, &["audit"]).code(), 0);
}

#[test]
fn the_past_is_judged_by_the_rules_of_today() {
    let repo = line();
    put(&repo, "web", "staging", "v1.2.3");
    put(&repo, "web", "prod", "v9.0.0");
    save(&repo, "Say something", &[("README.md", "hello\n")]);
    assert_snapshot!(run(&repo, &["check", "--replay", "HEAD~3..HEAD", "-v"]).text(), @"
    exit 0
    --- stdout
    HEAD~3..HEAD: 3 commits: 2 pass, 1 deny, 0 unverifiable
    1 commit moves no version; 0 of them refused
    GP001  1 commit

    COMMIT   TIME                  VERDICT  RULES  PROMOTIONS  SUBJECT
    08a5f33  2023-11-14T22:13:20Z  pass     -      0           Say something
    9a8bacb  2023-11-14T22:13:20Z  deny     GP001  1           web v9.0.0 in prod
    d7a8a1e  2023-11-14T22:13:20Z  pass     -      1           web v1.2.3 in staging
    --- stderr
    note: 9a8bacb GP001 staging runs v1.2.3, not v9.0.0 (apps/web/overlays/staging/kustomization.yaml:5) (apps/web/overlays/prod/kustomization.yaml)
    ");
    let found = document(&repo, &["check", "--replay", "HEAD"]);
    let rows = found["rows"].as_array().unwrap();
    let commits = repo.git(["rev-list", "--count", "--first-parent", "HEAD"]);
    // The first commit has no parent to be judged against.
    assert_eq!(rows.len() + 1, commits.trim().parse::<usize>().unwrap());
    assert_eq!(run(&repo, &["check", "--replay", "--nonsense"]).code(), 2);
}

#[test]
fn a_change_can_be_judged_at_another_time() {
    let repo = line();
    put(&repo, "web", "staging", "v1.2.3");
    let ask = |time: &str| run(&repo, &["check", "HEAD~1..HEAD", "--at", time]).stdout(0);
    let (early, late) = (ask("2030-01-01T00:00:00Z"), ask("2031-01-01T00:00:00Z"));
    assert_ne!(early, late);
    assert!(late.contains("dev has run v1.2.3 for"), "{late}");
    assert_eq!(run(&repo, &["check", "HEAD~1..HEAD", "--at", "noon"]).code(), 2);
}
