//! Locks that others hold: told from ours, named, and never removed.

use std::fs;

use crate::crash::PROMOTE;
use crate::kit::{line, run};

#[test]
fn a_lock_of_the_same_commit_is_no_lock_of_ours() {
    let (repo, twin) = (line(), line());
    // Equal dates make equal commits.
    assert_eq!(repo.head(), twin.head());
    assert_eq!(run(&twin, &PROMOTE).code(), 0);
    let lock = repo.root.join(".git/refs/heads/main.lock");
    let content = format!("{}\n", twin.head());
    fs::write(&lock, &content).unwrap();
    let before = repo.state();
    for _ in 0..2 {
        let text = run(&repo, &PROMOTE).env("GIT_PROMOTE_LOCK_TIMEOUT", "100").text();
        assert!(text.starts_with("exit 6") && text.contains("main.lock"), "{text}");
        assert_eq!(fs::read_to_string(&lock).unwrap(), content);
        assert_eq!(repo.state(), before);
    }
    fs::remove_file(&lock).unwrap();
    assert_eq!(run(&repo, &PROMOTE).code(), 0);
    assert_eq!(repo.head(), twin.head(), "the same commit");
}
