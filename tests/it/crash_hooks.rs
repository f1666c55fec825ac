//! Promotions that git commits, because of a hook, and that go wrong.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::crash::{PROMOTE, assert_nothing_left, assert_promoted, new, old, staging};
use crate::kit::{line, run};
use crate::testkit::{Sandbox, hook_in};

fn hook(repo: &Sandbox, name: &str, script: &str) {
    hook_in(&repo.root.join(".git/hooks"), name, script);
}

/// Starts a promotion and waits until its hook, which makes the file `begun`,
/// is at work.
fn at_its_hook(repo: &Sandbox) -> Child {
    let child = run(repo, &PROMOTE).spawn();
    let until = Instant::now() + Duration::from_secs(20);
    while !repo.root.join(".git/begun").exists() {
        assert!(Instant::now() < until, "the hook did not run");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn what_is_saved_while_a_hook_refuses_stays() {
    let repo = line();
    hook(
        &repo,
        "pre-commit",
        "touch .git/begun; for i in $(seq 500); do [ -e .git/begun ] || break; sleep 0.02; done; exit 1\n",
    );
    let child = at_its_hook(&repo);
    let saved = format!("{}# mine\n", new());
    repo.write(&staging(), &saved);
    std::fs::remove_file(repo.root.join(".git/begun")).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(128), "{said}");
    assert_eq!(repo.read(&staging()), saved);
    assert!(said.contains("a hook refused the commit without a word; changed in the meantime"));
    assert!(said.contains(&format!("hint: git restore -p -- '{}'", staging())), "{said}");
    assert_nothing_left(&repo);
    // Where nobody saved anything, the file is as it was.
    repo.write(&staging(), &old());
    hook(&repo, "pre-commit", "exit 1\n");
    let text = run(&repo, &PROMOTE).text();
    assert!(!text.contains("in the meantime"), "{text}");
    assert_eq!(repo.read(&staging()), old());
    repo.assert_clean();
}

#[test]
fn the_end_of_git_is_waited_for_and_not_that_of_its_hooks() {
    // A signal to the promotion alone, which passes it on to git.
    let repo = line();
    let before = repo.state();
    hook(&repo, "pre-commit", "touch .git/begun; sleep 8\n");
    let child = at_its_hook(&repo);
    let start = Instant::now();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(output.status.code(), Some(143));
    std::fs::remove_file(repo.root.join(".git/begun")).unwrap();
    assert_eq!(repo.state(), before);
    assert_nothing_left(&repo);
    // A hook that leaves a process behind.
    let start = Instant::now();
    hook(&repo, "pre-commit", "echo one >&2; sleep 8 &\n");
    let text = run(&repo, &PROMOTE).text();
    assert!(text.starts_with("exit 0") && text.contains("note: one"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_promoted(&repo);
}

#[test]
fn a_git_that_commits_for_us_is_no_finding() {
    let repo = line();
    hook(
        &repo,
        "pre-commit",
        "touch .git/begun; for i in $(seq 500); do [ -e .git/begun ] || break; sleep 0.02; done\n",
    );
    let child = at_its_hook(&repo);
    let found = run(&repo, &["doctor", "-o", "json"]).json(0);
    assert_eq!(found["findings"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["findings"][0]["finding"], "running");
    std::fs::remove_file(repo.root.join(".git/begun")).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_promoted(&repo);
}

#[test]
fn a_message_that_is_emptied_is_no_fault_of_a_hook() {
    let repo = line();
    let edited = [&PROMOTE[..], &["-e"]].concat();
    let text = run(&repo, &edited).env("GIT_EDITOR", "truncate -s 0").text();
    assert!(text.starts_with("exit 128"), "{text}");
    assert!(text.contains("error: git commit made no commit\n"), "{text}");
    assert!(text.contains("hint: run the same command again, and save a message"), "{text}");
    assert_eq!(repo.read(&staging()), old());
    assert_nothing_left(&repo);
    repo.assert_clean();
}
