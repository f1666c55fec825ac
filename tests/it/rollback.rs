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
    // Dev runs it: a promotion, and no way back.
    let said = run(&sandbox, &["rollback", "staging", "web@v1.2.3"]).output();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(3), "{text}");
    assert!(text.contains("fail  GP003  no way back: staging did not run v1.2.3"), "{text}");
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
    assert_eq!(run(&sandbox, &["rollback", "staging", "-n"]).dir("apps/web").code(), 0);
    let said = run(&sandbox, &["rollback", "staging", "web"]).stdout(0);
    assert!(said.contains("web  staging  v2 -> v1.2.2"), "{said}");
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

#[test]
fn what_a_shallow_clone_does_not_know_is_said() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--push"]).code(), 0);
    let url = format!("file://{}", remote.display());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("repo");
    sandbox.git(["clone", "-q", "--depth=1", &url, &root.display().to_string()]);
    let shallow = crate::testkit::Sandbox { dir, root };
    for args in [&["rollback", "staging", "web"][..], &["rollback", "staging", "web@v1.2.2"]] {
        let said = run(&shallow, args).output();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        );
        assert!(matches!(said.status.code(), Some(3 | 5)), "{text}");
        assert!(text.contains("the history is cut off"), "{text}");
        assert!(text.contains("git fetch --unshallow"), "{text}");
    }
    // Without a checkout the history is fetched for it.
    sandbox.git_in(&remote, ["config", "uploadpack.allowFilter", "true"]);
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().display().to_string();
    let args = ["-C", &elsewhere, "rollback", "staging", "web", "--push", "--remote", &url];
    assert_eq!(run(&sandbox, &args).code(), 0);
    let text = sandbox.git_in(&remote, ["show", &format!("main:{}", at("web", "staging"))]);
    assert!(text.contains("v1.2.2"), "{text}");
}
