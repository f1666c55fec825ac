//! Runs in other work trees of the repository: the branches are common to all,
//! and each has a turn of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::entry::whole;
use super::linked::same_file;
use super::turn;

/// The run in another work tree that holds a lock of a branch now.
pub(super) fn run_with(lock: &Path) -> Option<String> {
    let (dir, _) = recorded_in(lock)?;
    let turn = dir.join(turn::OWN);
    if turn::is_held(&turn) { turn::holder(&turn) } else { None }
}

/// The work tree in which a run left a lock of a branch.
pub(super) fn left_in(lock: &Path) -> Option<PathBuf> {
    let (dir, work_tree) = recorded_in(lock)?;
    (!turn::is_held(&dir.join(turn::OWN))).then_some(work_tree)
}

/// The git directory with the record of a lock, and its work tree.
fn recorded_in(lock: &Path) -> Option<(PathBuf, PathBuf)> {
    let lock = whole(lock);
    let common = lock.ancestors().skip(1).find(|dir| dir.join("HEAD").is_file())?;
    let linked = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
    let linked = linked.filter_map(|entry| {
        let text = fs::read_to_string(entry.path().join("gitdir")).ok()?;
        Some((entry.path(), Path::new(text.trim_end()).parent()?.to_owned()))
    });
    let main = common.parent().map(|top| (common.to_owned(), top.to_owned()));
    main.into_iter().chain(linked).find(|(dir, _)| same_file(&dir.join("git-promote.ref"), &lock))
}

/// Whether a run in another work tree is at work in the directory of a record:
/// one whose index is in force here (`GIT_INDEX_FILE`).
pub(super) fn is_busy(own: &Path, record: &Path) -> bool {
    let Some(dir) = record.parent() else { return false };
    let own = own.canonicalize();
    let other = dir.canonicalize().is_ok_and(|dir| own.is_ok_and(|own| own != dir));
    other && turn::is_held(&dir.join(turn::OWN))
}
