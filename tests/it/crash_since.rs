//! A promotion that was killed between branch and files, and what was done to
//! the repository before the recovery.

use std::fs;

use crate::crash::{
    PROMOTE, assert_nothing_left, assert_promoted, can_trace, kill, old, staging, then,
};
use crate::kit::{line, run};
use crate::testkit::Sandbox;

#[test]
fn a_commit_is_known_by_another_name() {
    if !can_trace() {
        return;
    }
    let acts: [&[&str]; 3] = [
        &["branch", "-m", "main", "trunk"],
        &["commit", "-q", "--amend", "--only", "-m", "Other words"],
        &["checkout", "-q", "--detach"],
    ];
    for act in acts {
        let repo = then(|repo| drop(repo.git(act)));
        let text = run(&repo, &["doctor", "--recover"]).text();
        assert!(text.contains("it is committed; 1 file was brought along"), "{act:?}: {text}");
        assert!(!text.contains("not checked out"), "{text}");
        assert_promoted(&repo);
    }
}

/// The journal, changed, with a checksum that holds.
fn rewrite_journal(repo: &Sandbox, change: impl Fn(&str) -> String) {
    let path = repo.root.join(".git/git-promote.journal");
    let text = fs::read_to_string(&path).unwrap();
    let line = change(text.lines().next().unwrap());
    fs::write(&path, format!("{line}\n{}\n", sha256(&line))).unwrap();
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_journal_of_another_version_stays() {
    if !can_trace() {
        return;
    }
    let repo = line();
    kill(&repo, &staging(), &PROMOTE);
    rewrite_journal(&repo, |line| {
        let line = line.replace("\"version\":1,", "\"version\":2,");
        line.replace(concat!("\"by\":\"", env!("CARGO_PKG_VERSION")), "\"by\":\"7.8.9")
    });
    for args in [&PROMOTE[..], &["doctor", "--recover"]] {
        let text = run(&repo, args).text();
        assert!(text.starts_with("exit 9"), "{text}");
        assert!(text.contains("it is of version 2, written by git-promote 7.8.9"), "{text}");
    }
    assert_eq!(repo.read(&staging()), old());
    let found = run(&repo, &["doctor", "-o", "json"]).json(1);
    assert!(found["findings"].to_string().contains("damaged-journal"), "{found}");
    rewrite_journal(&repo, |line| line.replace("\"version\":2,", "\"version\":1,"));
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
    assert_promoted(&repo);
}

#[test]
fn a_damaged_journal_is_kept_and_its_files_are_named() {
    if !can_trace() {
        return;
    }
    let repo = line();
    kill(&repo, &staging(), &PROMOTE);
    let path = repo.root.join(".git/git-promote.journal");
    let text = fs::read_to_string(&path).unwrap();
    let cut = &text[..text.len() - 80];
    fs::write(&path, cut).unwrap();
    let text = run(&repo, &PROMOTE).text();
    assert!(text.starts_with("exit 9") && text.contains("it is cut off or damaged"), "{text}");
    assert!(text.contains(&format!("look at `{}`", staging())), "{text}");
    let kept = repo.root.join(".git/git-promote.journal.damaged");
    assert_eq!(fs::read_to_string(&kept).unwrap(), cut);
    fs::remove_file(&kept).unwrap();
    assert_nothing_left(&repo);
}
