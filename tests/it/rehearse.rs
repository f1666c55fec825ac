//! A dry run refuses what the run would refuse, in the same words.

use crate::kit::{at, everything, line, run};
use crate::testkit::Sandbox;

/// What both say; the dry run writes nothing.
#[track_caller]
fn both(repo: &Sandbox, args: &[&str], code: i32) {
    let before = everything(repo);
    let dry = run(repo, &[&["-n", "v1.2.3", "staging"], args].concat()).text();
    assert_eq!(everything(repo), before);
    let real = run(repo, &[&["v1.2.3", "staging"], args].concat()).text();
    assert_eq!(dry, real);
    assert!(dry.starts_with(&format!("exit {code}\n")), "{dry}");
}

#[test]
fn a_dirty_target_is_refused() {
    let repo = line();
    repo.write(&at("web", "staging"), "images: []\n");
    both(&repo, &[], 6);
    both(&repo, &["--worktree"], 6);
    repo.git(["add", "-A"]);
    both(&repo, &[], 6);
}

#[test]
fn an_unfinished_merge_is_refused() {
    let repo = line();
    std::fs::write(repo.root.join(".git/MERGE_HEAD"), format!("{}\n", repo.head())).unwrap();
    both(&repo, &[], 128);
}

#[test]
fn a_message_or_trailer_that_cannot_be_is_refused() {
    let repo = line();
    both(&repo, &["-m", " "], 2);
    both(&repo, &["-F", "missing"], 5);
    both(&repo, &["--trailer", "no trailer"], 2);
    both(&repo, &["--trailer", "Promote-To=prod"], 2);
}
