//! The two other ways of a promotion, killed at every call of our own: the one
//! that git commits, because of a hook, and the one that writes files alone.
//!
//! Git outlives the kill and ends by itself, as SHORTCOMINGS.md has it: what it
//! commits counts. So all that holds for the native way is asked here too; only
//! a kill of git itself, which may leave its own `index.lock`, is left out.

use crate::fault::Fault;
use crate::sweep::{Job, Scene, sweep};
use crate::trace;

/// Every `step`-th kill.
fn kills(scene: &Scene, step: usize, name: &str) {
    let jobs: Vec<Job<'_>> = scene.jobs(&[Fault::Kill]).into_iter().step_by(step).collect();
    sweep(&jobs).settle(name);
}

#[test]
fn killed_alone_a_promotion_that_git_commits_is_whole_or_not_there() {
    if trace::available() {
        // Odd, so that both ways on have their turn.
        kills(&Scene::by_git(1), 3, "one file, by git, some");
    }
}

#[test]
fn killed_anywhere_files_alone_are_all_there_or_none() {
    if trace::available() {
        kills(&Scene::worktree(5), 3, "five files, files alone, some");
    }
}

#[test]
#[ignore = "part of the whole sweep"]
fn every_kill_of_a_promotion_that_git_commits() {
    if trace::available() {
        kills(&Scene::by_git(1), 1, "one file, by git");
        kills(&Scene::by_git(5), 1, "five files, by git");
    }
}

#[test]
#[ignore = "part of the whole sweep"]
fn every_kill_of_files_alone() {
    if trace::available() {
        kills(&Scene::worktree(1), 1, "one file, files alone");
        kills(&Scene::worktree(5), 1, "five files, files alone");
    }
}
