//! `git promote rollback`: to the version before, or one that is named.

use crate::kit::{at, line, put, run};
use crate::push::with_remote;

#[test]
fn a_rollback_restores_the_bytes() {
    let sandbox = line();
    let before = sandbox.read(&at("web", "staging"));
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging"]).code(), 0);
    assert_ne!(sandbox.read(&at("web", "staging")), before);
    let said = run(&sandbox, &["rollback", "staging", "-a", "web"]).stdout(0);
    assert!(said.contains("web  staging  v1.2.3 -> v1.2.2"), "{said}");
    assert!(said.contains("a rollback: staging ran v1.2.2 before"), "{said}");
    assert_eq!(sandbox.read(&at("web", "staging")), before);
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    assert!(message.starts_with("Roll back web to v1.2.2 in staging\n"), "{message}");
    assert!(message.contains("\nPromote-Rollback: true\n"), "{message}");
    sandbox.assert_clean();
}

#[test]
fn what_was_gone_back_from_is_passed_over() {
    let sandbox = line();
    for tag in ["v2", "v3"] {
        put(&sandbox, "web", "staging", tag);
    }
    // v3 was bad: back to v2, and on to v4, which is bad as well.
    assert_eq!(run(&sandbox, &["rollback", "staging", "-a", "web"]).code(), 0);
    put(&sandbox, "web", "staging", "v4");
    let said = run(&sandbox, &["rollback", "staging", "web@v3"]).output();
    assert_eq!(said.status.code(), Some(3), "v3 was gone back from");
    let said = run(&sandbox, &["rollback", "staging", "-a", "web"]).stdout(0);
    assert!(said.contains("v4 -> v2"), "{said}");
}

#[test]
fn a_version_that_never_ran_here_is_no_rollback() {
    let sandbox = line();
    let said = run(&sandbox, &["rollback", "staging", "web@v0.1"]).output();
    assert_eq!(said.status.code(), Some(3));
    let said = run(&sandbox, &["rollback", "prod", "-a", "web"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(5), "{error}");
    assert!(error.contains("prod ran no version of web before"), "{error}");
}

#[test]
fn the_app_has_to_be_clear() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v2");
    let said = run(&sandbox, &["rollback", "staging"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{error}");
    assert!(error.contains("hint: git promote rollback staging -a APP"), "{error}");
    assert_eq!(run(&sandbox, &["rollback", "staging"]).dir("apps/web").code(), 0);
}

#[test]
fn a_rollback_can_be_pushed() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--push"]).code(), 0);
    assert_eq!(run(&sandbox, &["rollback", "staging", "-a", "web", "--push"]).code(), 0);
    let text = sandbox.git_in(&remote, ["show", &format!("main:{}", at("web", "staging"))]);
    assert!(text.contains("v1.2.2"), "{text}");
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 0);
}
