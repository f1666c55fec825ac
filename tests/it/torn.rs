//! An app of which an environment has several files that do not agree on its
//! version: every command says so, and none takes one of them for both.

use crate::kit::{repo, run, save};
use crate::testkit::Sandbox;

const CONFIG: &str = "version = 1\n[layout]\npaths = [\"apps/{app}/{env}/*\"]\n\
                      [[environment]]\nname = \"staging\"\n[[environment]]\nname = \"prod\"\n";

fn one(tag: &str) -> String {
    format!("images:\n- name: acme/web\n  newTag: {tag}\n")
}

fn place(env: &str, region: &str) -> String {
    format!("apps/web/{env}/{region}/kustomization.yaml")
}

/// Staging at v1.2.0; prod went there as a whole, and one region back by hand.
fn torn() -> Sandbox {
    let places: Vec<String> = ["staging", "prod"]
        .into_iter()
        .flat_map(|env| ["eu", "us"].map(|r| place(env, r)))
        .collect();
    let first = one("v1.0.0");
    let mut files = vec![("promote.toml", CONFIG)];
    files.extend(places.iter().map(|place| (place.as_str(), first.as_str())));
    let sandbox = repo(&files);
    for tag in ["v1.1.0", "v1.2.0"] {
        let new = one(tag);
        let staging: Vec<(&str, &str)> =
            places.iter().take(2).map(|place| (place.as_str(), new.as_str())).collect();
        save(&sandbox, "New", &staging);
        assert_eq!(run(&sandbox, &["staging", "prod", "-A"]).code(), 0);
    }
    save(&sandbox, "Back by hand", &[(&place("prod", "us"), &first)]);
    sandbox
}

#[test]
fn a_rollback_asks_which_version() {
    let sandbox = torn();
    let before = sandbox.state();
    for app in [&["web"][..], &["-A"]] {
        let said = run(&sandbox, &[&["rollback", "prod"], app].concat()).text();
        assert_eq!(
            said,
            "exit 5\n--- stderr\n\
             error: prod runs v1.2.0 (apps/web/prod/eu/kustomization.yaml:3) and v1.0.0 \
             (apps/web/prod/us/kustomization.yaml:3) of web: to which version does it go back?\n\
             hint: git promote rollback prod web@VERSION\n"
        );
    }
    assert_eq!(sandbox.state(), before);
    assert_eq!(run(&sandbox, &["rollback", "prod", "web@v1.0.0"]).code(), 0);
    assert_eq!(sandbox.read(&place("prod", "eu")), one("v1.0.0"));
}

#[test]
fn each_of_the_versions_is_there() {
    let sandbox = torn();
    let said = run(&sandbox, &["why", "web", "prod"]).stdout(0);
    let rows: Vec<&str> = said.lines().filter(|line| line.starts_with("prod ")).collect();
    assert_eq!(rows.len(), 2, "{said}");
    assert!(rows.iter().all(|row| row.contains("until now")), "{said}");
    let told: serde_json::Value =
        serde_json::from_str(&run(&sandbox, &["why", "web", "prod", "-o", "json"]).stdout(0))
            .unwrap();
    assert_eq!(told["running"], serde_json::json!(["v1.2.0", "v1.0.0"]));
    let said = run(&sandbox, &["diff", "staging", "prod"]).stdout(1);
    assert!(said.contains("  web  v1.2.0 | v1.2.0, v1.0.0\n"), "{said}");
    // Since when the second is there, the timeline of the first does not tell.
    let said = run(&sandbox, &["audit"]).stdout(1);
    assert!(said.contains("web  prod  v1.0.0  not in staging\n"), "{said}");
}
