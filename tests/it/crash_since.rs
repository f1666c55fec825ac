//! A promotion that was killed between branch and files, and what was done to
//! the repository before the recovery.

use std::fs;

use crate::crash::{
    PROMOTE, assert_nothing_left, assert_promoted, can_trace, kill, kill_at_removal, new, old,
    signalled, staging, then, two,
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
    let bytes = sha2::Sha256::digest(text);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
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

#[test]
fn files_that_are_all_there_are_done() {
    if !can_trace() {
        return;
    }
    for stage in [&["--worktree"][..], &["--worktree", "--stage"]] {
        let args = [&["web@v1.2.3", "api@v1.2.3", "staging"][..], stage].concat();
        let repo = two();
        kill_at_removal(&repo, ".git/git-promote.journal", &args);
        for _ in 0..2 {
            let text = run(&repo, &args).text();
            assert!(text.starts_with("exit 0"), "{stage:?}: {text}");
            assert!(text.contains("note: the files hold it already; nothing was written"));
            assert_nothing_left(&repo);
        }
        assert_eq!(run(&repo, &[&args[..], &["-n"]].concat()).code(), 0);
        let mut document = run(&repo, &[&args[..], &["-o", "json"]].concat()).json(0);
        assert_eq!(document["result"].take(), "unchanged");
        let staged = repo.git(["diff", "--cached", "--name-only"]).lines().count();
        assert_eq!(staged, if stage.len() == 2 { 2 } else { 0 });
        // What is changed beside it is still refused.
        repo.write(&staging(), &format!("{}# mine\n", new()));
        assert_eq!(run(&repo, &args).code(), 6);
    }
}

#[test]
fn a_signal_during_the_recovery_ends_the_promotion_before_it_begins() {
    if !can_trace() {
        return;
    }
    let repo = two();
    let base = repo.head();
    kill(&repo, &staging(), &PROMOTE);
    let code = signalled(&repo, ("SIGINT", &staging()), &["api@v1.2.3", "staging"]);
    assert_eq!(code, Some(130));
    assert_eq!(repo.git(["rev-list", "--count", &format!("{base}..")]).trim(), "1");
    assert_promoted(&repo);
}

#[test]
fn another_index_is_not_mended() {
    if !can_trace() {
        return;
    }
    let repo = line();
    let other = repo.root.join(".git/other");
    fs::copy(repo.root.join(".git/index"), &other).unwrap();
    kill(&repo, &staging(), &PROMOTE);
    let bytes = fs::read(&other).unwrap();
    for args in [&PROMOTE[..], &["doctor", "--recover"]] {
        let text = run(&repo, args).env("GIT_INDEX_FILE", ".git/other").text();
        assert!(text.starts_with("exit 9") && text.contains("another index: 'index'"), "{text}");
        assert!(text.contains("hint: env -u GIT_INDEX_FILE git promote doctor --recover"));
    }
    assert_eq!(fs::read(&other).unwrap(), bytes);
    // A repository that was moved has the same index.
    let moved = repo.root.with_file_name("moved");
    fs::rename(&repo.root, &moved).unwrap();
    let repo = Sandbox { root: moved, ..repo };
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
    assert_promoted(&repo);
}

#[test]
fn programs_are_told_what_people_are() {
    if !can_trace() {
        return;
    }
    let repo = then(|repo| drop(repo.git(["checkout", "-q", "-f", "-b", "side", "HEAD~1"])));
    let found = run(&repo, &["doctor", "--recover", "-o", "json"]).json(0);
    let notes = found["recovery"]["notes"].to_string();
    assert!(notes.contains("is on main, which is not checked out"), "{found}");
}

#[test]
fn an_index_that_is_gone_can_be_made_anew() {
    if !can_trace() {
        return;
    }
    let repo = then(|repo| fs::remove_file(repo.root.join(".git/index")).unwrap());
    let text = run(&repo, &["doctor", "--recover"]).text();
    assert!(text.starts_with("exit 9") && text.contains("hint: git reset\n"), "{text}");
    repo.git(["reset", "-q"]);
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
    assert_promoted(&repo);
}
