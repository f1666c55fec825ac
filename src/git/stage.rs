//! Files changed without a commit: `--worktree`, and `--stage` with it.

use super::commit::{Durability, Target, bring, bring_back, inspect, read_index, write_index};
use super::index::{Index, IndexLock, Rewrite};
use super::{CommitError, Difference, GitError, Repository, child};
use crate::model::FileChange;

/// Writes the changes to the work tree, all or none of them; with `stage` also
/// to the index. Targets must be what HEAD holds, in index and work tree.
///
/// An error means that nothing changed.
pub fn apply_to_worktree(
    repo: &Repository,
    changes: &[FileChange],
    stage: bool,
) -> Result<(), CommitError> {
    repo.work_tree()?;
    if changes.is_empty() {
        return Ok(());
    }
    let lock = IndexLock::acquire(&repo.gix.index_path())?;
    let index = read_index(repo, lock.index(), changes)?;
    let targets = look(repo, &index, changes)?;
    write_all(repo, &targets)?;
    let staged = if stage { add(repo, lock, index, &targets) } else { Ok(()) };
    staged.inspect_err(|_| take_back(repo, &targets))
}

/// Whether [`apply_to_worktree`] would start now; writes nothing.
pub fn rehearse_in_worktree(repo: &Repository, changes: &[FileChange]) -> Result<(), CommitError> {
    repo.work_tree()?;
    let index = read_index(repo, &repo.gix.index_path(), changes)?;
    look(repo, &index, changes).map(drop)
}

/// The targets, each of them as HEAD has it and in the work tree.
fn look<'c>(
    repo: &Repository,
    index: &Index,
    changes: &'c [FileChange],
) -> Result<Vec<Target<'c>>, CommitError> {
    let head = repo.head()?;
    let branch = head.branch.unwrap_or_default();
    let base = head.commit.ok_or(GitError::Unborn { branch })?;
    let targets = inspect(repo, base, index, changes)?;
    if let Some(target) = targets.iter().find(|target| target.file.is_none()) {
        let (path, difference) = (target.change.path.clone(), Difference::NotCheckedOut);
        return Err(CommitError::DirtyTarget { path, difference });
    }
    Ok(targets)
}

fn write_all(repo: &Repository, targets: &[Target<'_>]) -> Result<(), CommitError> {
    let root = repo.work_tree()?;
    let durable = Durability::of(repo).objects;
    for (done, target) in targets.iter().enumerate() {
        let Some(file) = &target.file else { continue };
        if let Err(error) = bring(root, target, file, durable) {
            take_back(repo, targets.get(..done).unwrap_or_default());
            return Err(error.into());
        }
    }
    Ok(())
}

fn take_back(repo: &Repository, targets: &[Target<'_>]) {
    let Some(root) = repo.root() else { return };
    for target in targets {
        let Some(file) = &target.file else { continue };
        let left = (!target.change.removed).then_some(file.after.as_slice());
        // What someone else wrote in the meantime is theirs, and stays.
        let _best_effort = bring_back(root, target, file, left);
    }
}

/// Adds the files to the index: in place, or by git where only git can.
fn add(
    repo: &Repository,
    lock: IndexLock,
    index: Index,
    targets: &[Target<'_>],
) -> Result<(), CommitError> {
    for target in targets {
        let Some(bytes) = target.change.after() else { continue };
        repo.gix.write_blob(bytes).map_err(|error| CommitError::write("an object", error))?;
    }
    if index.needs_git()?.is_some() {
        drop(lock);
        let mut info = Vec::new();
        for target in targets {
            // Mode 0 takes an entry away.
            let mode = if target.change.removed { 0 } else { target.mode };
            let (id, path) = (target.id, &target.change.path);
            info.extend_from_slice(format!("{mode:o} {id} 0\t{path}\0").as_bytes());
        }
        child::answer(repo, &["update-index", "--add", "-z", "--index-info"], &info)?;
        return Ok(());
    }
    let mut rewrite = Rewrite::default();
    for target in targets {
        let mut above = target.change.path.parent();
        while let Some(dir) = above {
            rewrite.directory(dir.as_str().to_owned(), None, None);
            above = dir.parent();
        }
    }
    write_index(repo, (lock, index), targets, rewrite)
}
