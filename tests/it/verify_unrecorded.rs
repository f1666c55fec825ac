//! `git promote verify` where versions come without a record and may: apps that
//! are new, and environments that are entered together.

use crate::kit::{LINE, app, at, line, overlay, put, run, save};
use crate::testkit::Sandbox;
use crate::verify::findings;

const NONE: [&str; 0] = [];

/// The kustomization of `web` or `api` at a version.
fn set(sandbox: &Sandbox, name: &str, env: &str, tag: &str) {
    sandbox.write(&at(name, env), &overlay(&format!("registry.example/acme/{name}"), tag));
}

/// A line whose staging may be entered together with dev.
fn together() -> Sandbox {
    let sandbox = line();
    let config = LINE.replace("\"staging\"", "\"staging\"\ntogether = true");
    save(&sandbox, "Let dev and staging move together", &[("promote.toml", &config)]);
    sandbox
}

#[test]
fn what_may_come_together_needs_no_record() {
    let sandbox = together();
    set(&sandbox, "web", "dev", "v1.2.4");
    put(&sandbox, "web", "staging", "v1.2.4");
    assert_eq!(findings(&sandbox, &[]), NONE);
    assert_eq!(run(&sandbox, &["verify", "-o", "json"]).json(0)["together"], 1);
    let text = run(&sandbox, &["verify"]).stdout(0);
    assert!(text.contains("1 version: no record, together with the environments before"), "{text}");
    assert_eq!(findings(&sandbox, &["--strict", "HEAD~1.."]), ["0 unexplained"; 2]);
    // By itself it is a promotion.
    put(&sandbox, "web", "dev", "v1.2.5");
    put(&sandbox, "web", "staging", "v1.2.5");
    assert_eq!(findings(&sandbox, &["HEAD~1.."]), ["0 unexplained"]);
    // What the rules refuse is not let off; prod was not to be entered so.
    let sandbox = together();
    set(&sandbox, "web", "dev", "v1.2.1");
    set(&sandbox, "web", "prod", "v1.2.1");
    put(&sandbox, "web", "staging", "v1.2.1");
    assert_eq!(findings(&sandbox, &[]), ["0 unexplained", "0 unexplained"]);
}

#[test]
fn a_new_app_is_new_once() {
    let sandbox = line();
    let everywhere = |tag| [("dev", tag), ("staging", tag), ("prod", tag)];
    app(&sandbox, "new", &everywhere("v1.0.0"));
    save(&sandbox, "Add new", &[]);
    assert_eq!(findings(&sandbox, &[]), NONE);
    sandbox.git(["rm", "-q", "-r", "apps/new", "apps/web"]);
    save(&sandbox, "Take both away", &[]);
    app(&sandbox, "web", &everywhere("v9.0.0"));
    app(&sandbox, "other", &everywhere("v9.0.0"));
    save(&sandbox, "Add web", &[]);
    let both = ["0 unexplained", "0 unexplained"];
    assert_eq!(findings(&sandbox, &[]), both);
    assert_eq!(findings(&sandbox, &["HEAD~1.."]), both, "it is asked before the range too");
    let text = run(&sandbox, &["verify"]).stdout(1);
    assert!(text.contains("web is not new: prod had it before"), "{text}");
    // Among what comes later it stands where its commit does.
    put(&sandbox, "api", "prod", "v9.0.0");
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    assert_eq!(findings(&sandbox, &[]), ["1 unexplained", "2 unexplained", "2 unexplained"]);
}
