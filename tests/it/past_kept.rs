//! What is kept of a history: it makes nothing else of the log, whatever is in
//! the files.

use std::fs;
use std::path::PathBuf;

use crate::kit::{at, overlay, put, run};
use crate::log::{git_on, lines, put_on, story};
use crate::testkit::Sandbox;

fn dir(repo: &Sandbox) -> PathBuf {
    repo.root.join(".git/promote/history")
}

fn files(repo: &Sandbox) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir(repo)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The log with nothing kept.
fn fresh(repo: &Sandbox, args: &[&str]) -> Vec<String> {
    let _ = fs::remove_dir_all(dir(repo));
    lines(repo, args)
}

#[test]
fn what_is_kept_is_used_and_changes_nothing() {
    let repo = story();
    let before = lines(&repo, &[]);
    assert_eq!(files(&repo).len(), 1);
    assert_eq!(lines(&repo, &[]), before);
    assert_eq!(lines(&repo, &["web", "prod"]), fresh(&repo, &["web", "prod"]));
    // With a tree of the past gone, only what was kept can tell.
    assert_eq!(lines(&repo, &[]), before);
    let root = repo.git(["rev-list", "--max-parents=0", "HEAD"]);
    let tree = repo.git(["rev-parse", &format!("{}^{{tree}}", root.trim())]);
    let (head, tail) = tree.trim().split_at(2);
    fs::remove_file(repo.root.join(format!(".git/objects/{head}/{tail}"))).unwrap();
    assert_eq!(lines(&repo, &[]), before);
    fs::remove_dir_all(dir(&repo)).unwrap();
    assert_ne!(run(&repo, &["log"]).code(), 0);
}

#[test]
fn new_commits_go_on_from_what_is_kept() {
    let repo = story();
    lines(&repo, &[]);
    for day in 8..20 {
        put_on(&repo, day, ("web", "dev", &format!("v2.{day}.0")));
        assert_eq!(
            lines(&repo, &["-3"]).first().unwrap().split(' ').nth(4),
            Some(&*format!("v2.{day}.0"))
        );
    }
    let kept = fs::read(&files(&repo)[0]).unwrap();
    let grown = lines(&repo, &[]);
    // A few commits are not worth another file.
    assert_eq!(fs::read(&files(&repo)[0]).unwrap(), kept);
    for day in 20..80 {
        git_on(&repo, day, &["commit", "-q", "--allow-empty", "-m", "Nothing"]);
    }
    assert_eq!(lines(&repo, &[]), grown);
    assert_ne!(fs::read(&files(&repo)[0]).unwrap(), kept);
    assert_eq!(lines(&repo, &[]), grown);
    assert_eq!(fresh(&repo, &[]), grown);
}

#[test]
fn another_history_is_not_mixed_in() {
    let repo = story();
    let whole = lines(&repo, &[]);
    // Before the kept tip, beside it, and on none of its commits.
    repo.git(["switch", "-q", "--detach", "HEAD~2"]);
    assert_eq!(lines(&repo, &[]), whole[2..]);
    put_on(&repo, 30, ("web", "prod", "v5.0.0"));
    let beside = lines(&repo, &[]);
    assert_eq!(beside, fresh(&repo, &[]));
    repo.git(["switch", "-q", "main"]);
    assert_eq!(lines(&repo, &[]), whole);
    repo.git(["switch", "-q", "--orphan", "other"]);
    repo.write("promote.toml", crate::kit::LINE);
    repo.write(&at("web", "dev"), &overlay("registry.example/acme/web", "v1.0.0"));
    repo.git(["add", "-A"]);
    repo.git(["commit", "-q", "-m", "Other"]);
    assert_eq!(lines(&repo, &[]).len(), 1);
}

#[test]
fn broken_and_foreign_files_are_nothing() {
    let repo = story();
    let right = lines(&repo, &[]);
    let file = files(&repo)[0].clone();
    let whole = fs::read(&file).unwrap();
    let mut cases: Vec<Vec<u8>> = vec![Vec::new(), b"nonsense".to_vec(), vec![0xff; 4_096]];
    cases.extend((0..whole.len()).step_by(37).map(|length| whole[..length].to_vec()));
    for at in (0..whole.len()).step_by(41) {
        let mut broken = whole.clone();
        broken[at] ^= 1;
        cases.push(broken);
    }
    // Of another repository, with the same name and a right sum.
    let other = story();
    put_on(&other, 9, ("web", "dev", "v6.6.6"));
    other.git(["commit", "-q", "--amend", "-m", "Another id"]);
    lines(&other, &[]);
    assert_eq!(files(&other)[0].file_name(), file.file_name());
    cases.push(fs::read(&files(&other)[0]).unwrap());
    for bytes in cases {
        fs::write(&file, &bytes).unwrap();
        assert_eq!(lines(&repo, &[]), right, "{} bytes", bytes.len());
    }
    // A directory in its place, and one that cannot be written to.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(lines(&repo, &[]), right);
    fs::remove_dir_all(repo.root.join(".git/promote")).unwrap();
    fs::write(repo.root.join(".git/promote"), "in the way").unwrap();
    assert_eq!(lines(&repo, &[]), right);
}

#[test]
fn another_layout_is_another_history() {
    let repo = story();
    let all = lines(&repo, &[]).len();
    let config =
        crate::kit::LINE.replace("name = \"staging\"", "name = \"staging\"\ndirs = [\"x\"]");
    crate::kit::save(&repo, "Staging is elsewhere", &[("promote.toml", &config)]);
    let fewer = lines(&repo, &[]);
    assert!(fewer.len() < all);
    assert_eq!(fewer, fresh(&repo, &[]));
}

#[test]
fn eight_at_once_see_the_same() {
    let repo = story();
    for round in 0..4 {
        put_on(&repo, 30 + round, ("web", "dev", &format!("v3.{round}.0")));
        let right = fresh(&repo, &[]);
        let _ = fs::remove_dir_all(dir(&repo));
        let children: Vec<_> = (0..8)
            .map(|_| {
                let format = "%(env) %(app) %(previous) -> %(version) rollback=%(rollback) \
                              recorded=%(recorded)";
                run(&repo, &["log", "--format", format]).spawn()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(text.lines().collect::<Vec<_>>(), right);
        }
        assert_eq!(lines(&repo, &[]), right);
        assert!(
            files(&repo).iter().all(|file| fs::read(file).unwrap().starts_with(b"git-promote"))
        );
    }
}

#[test]
fn only_so_many_files_are_kept() {
    let repo = story();
    lines(&repo, &[]);
    for n in 0..40 {
        fs::write(dir(&repo).join(format!("{n:032x}")), "old").unwrap();
    }
    put(&repo, "api", "dev", "v1");
    lines(&repo, &["web"]);
    let _ = fs::remove_file(files(&repo).first().unwrap());
    lines(&repo, &["api", "dev"]);
    assert!(files(&repo).len() <= 41, "{}", files(&repo).len());
    fs::remove_dir_all(dir(&repo)).unwrap();
    lines(&repo, &["api", "dev"]);
    assert_eq!(files(&repo).len(), 1);
}
