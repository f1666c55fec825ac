//! Files changed without a commit: `--worktree`, and `--stage` with it.

use gix::ObjectId;

use super::commit::{
    Durability, Entry, Target, blob_id, bring, bring_back, entries, inspect, read_index,
    sync_objects, write_index,
};
use super::filters::Filters;
use super::index::{Index, IndexLock, Rewrite};
use super::journal::{Journal, Kind, Turn, interrupted, recover_in};
use super::{CommitError, Difference, GitError, Repository, child};
use crate::model::{FileChange, RepoPath};
use crate::worktree::{NewFile, WorktreeError, read_beneath, write_beneath};

/// Writes the changes to the work tree, all or none of them; with `stage` also
/// to the index. Targets must be what HEAD holds, in index and work tree; those
/// that are what they are to become, as a run leaves them that was killed at
/// its end, are done. Tells whether any was written.
///
/// An error means that nothing changed.
pub fn apply_to_worktree(
    repo: &Repository,
    changes: &[FileChange],
    stage: bool,
) -> Result<bool, CommitError> {
    repo.work_tree()?;
    if changes.is_empty() {
        return Ok(false);
    }
    let turn = Turn::wait(repo)?;
    recover_in(&turn, repo)?.settled()?;
    let lock = IndexLock::acquire(&turn, &repo.gix.index_path())?;
    let index = read_index(repo, lock.index(), changes)?;
    let due = due(repo, &index, (changes, stage))?;
    if due.is_empty() {
        return Ok(false);
    }
    let (base, targets) = look(repo, &index, &due)?;
    interrupted()?;
    let kind = if stage { Kind::Staged } else { Kind::Files };
    Journal::new(repo, kind, (base, None), &targets)?.write(&turn, repo)?;
    let written = write_all(repo, &targets);
    let done = written.map_err(|(error, done)| (error, targets.get(..done).unwrap_or_default()));
    let done = done.and_then(|()| {
        let staged = if stage { add(repo, lock, index, &targets) } else { Ok(()) };
        staged.map_err(|error| (error, targets.as_slice()))
    });
    if let Err((error @ CommitError::Unfinished { .. }, _)) = done {
        return Err(error);
    }
    let back = done.as_ref().err().is_none_or(|(_, written)| take_back(repo, written));
    if back {
        // One that stays is found to be done, or undone.
        let _met_by_the_next_run = Journal::drop_from(repo);
    }
    done.map(|()| true).map_err(|(error, _)| error)
}

/// Writes a file that no commit is made of, as whole as those of a promotion.
pub fn put(
    repo: &Repository,
    path: &RepoPath,
    old: Option<&[u8]>,
    new: NewFile<'_>,
) -> Result<(), CommitError> {
    let root = repo.work_tree()?;
    let turn = Turn::wait(repo)?;
    recover_in(&turn, repo)?.settled()?;
    Ok(write_beneath(root, path, old, new)?)
}

/// Whether [`apply_to_worktree`] would start now; writes nothing.
pub fn rehearse_in_worktree(
    repo: &Repository,
    changes: &[FileChange],
    stage: bool,
) -> Result<(), CommitError> {
    repo.work_tree()?;
    let index = read_index(repo, &repo.gix.index_path(), changes)?;
    let due = due(repo, &index, (changes, stage))?;
    look(repo, &index, &due).map(drop)
}

/// The changes that are not there yet.
fn due(
    repo: &Repository,
    index: &Index,
    (changes, stage): (&[FileChange], bool),
) -> Result<Vec<FileChange>, CommitError> {
    let indexed = entries(repo, index, changes.iter().map(|change| &change.path))?;
    let mut filters = Filters::new(repo, false)?;
    let mut due = Vec::new();
    for change in changes {
        let entry = indexed.get(change.path.as_str().as_bytes());
        if !is_staged(repo, change, (entry, stage))? || !is_written(repo, change, &mut filters)? {
            due.push(change.clone());
        }
    }
    Ok(due)
}

/// Whether the entry is what it is to become; without `stage`, it may also be
/// what it was.
fn is_staged(
    repo: &Repository,
    change: &FileChange,
    (entry, stage): (Option<&Entry>, bool),
) -> Result<bool, CommitError> {
    let is = |bytes: Option<&[u8]>| -> Result<bool, CommitError> {
        Ok(match (bytes, entry) {
            (None, None) => true,
            (Some(bytes), Some(entry)) if !entry.unmerged && !entry.intent_to_add => {
                blob_id(repo, bytes)? == entry.id
            }
            _ => false,
        })
    };
    Ok(is(change.after())? || (!stage && is(change.old.as_deref())?))
}

/// Whether the file is what it is to become, as git compares it.
fn is_written(
    repo: &Repository,
    change: &FileChange,
    filters: &mut Filters<'_>,
) -> Result<bool, CommitError> {
    let found = read_beneath(repo.work_tree()?, &change.path)?;
    match (found, change.after()) {
        (None, after) => Ok(after.is_none()),
        (Some(_), None) => Ok(false),
        (Some(found), Some(_)) if Some(&found.bytes) == change.old.as_ref() => Ok(false),
        (Some(found), Some(new)) => {
            Ok(filters.updated(&change.path, &found.bytes, (new, new))?.is_some())
        }
    }
}

/// The targets, each of them as HEAD has it and in the work tree.
fn look<'c>(
    repo: &Repository,
    index: &Index,
    changes: &'c [FileChange],
) -> Result<(ObjectId, Vec<Target<'c>>), CommitError> {
    let head = repo.head()?;
    let branch = head.branch.unwrap_or_default();
    let base = head.commit.ok_or(GitError::Unborn { branch })?;
    let targets = inspect(repo, base, index, changes)?;
    if let Some(target) = targets.iter().find(|target| target.file.is_none()) {
        let (path, difference) = (target.change.path.clone(), Difference::NotCheckedOut);
        return Err(CommitError::DirtyTarget { path, difference });
    }
    Ok((base, targets))
}

/// An error tells how many files were written before.
fn write_all(repo: &Repository, targets: &[Target<'_>]) -> Result<(), (CommitError, usize)> {
    let root = repo.work_tree().map_err(|error| (error.into(), 0))?;
    let durable = Durability::of(repo).objects;
    for (done, target) in targets.iter().enumerate() {
        let Some(file) = &target.file else { continue };
        // Nothing says that it is too late before all of them are there.
        let brought = bring(root, target, file, durable).map_err(CommitError::from);
        brought.and_then(|()| interrupted()).map_err(|error| (error, done + 1))?;
    }
    Ok(())
}

/// Gives files their bytes back; tells whether all is as it was.
fn take_back(repo: &Repository, targets: &[Target<'_>]) -> bool {
    let Some(root) = repo.root() else { return false };
    let mut whole = true;
    for target in targets {
        let Some(file) = &target.file else { continue };
        let left = (!target.change.removed).then_some(file.after.as_slice());
        // What someone else wrote in the meantime is theirs, and stays.
        if let Err(WorktreeError::Io { .. }) = bring_back(root, target, file, left) {
            whole = false;
        }
    }
    whole
}

/// Adds the files to the index: in place, or by git where only git can.
fn add(
    repo: &Repository,
    lock: IndexLock,
    index: Index,
    targets: &[Target<'_>],
) -> Result<(), CommitError> {
    let failed = |error: &dyn std::fmt::Display| CommitError::write("an object", error);
    let mut ids = Vec::new();
    for target in targets {
        let Some(bytes) = target.change.after() else { continue };
        ids.push(repo.gix.write_blob(bytes).map_err(|error| failed(&error))?.detach());
    }
    if Durability::of(repo).objects {
        sync_objects(repo, &ids).map_err(|error| failed(&error))?;
    }
    if index.needs_git()?.is_some() {
        drop(lock);
        return add_by_git(repo, targets);
    }
    write_index(repo, (lock, index), targets, invalidated(targets))
}

/// Git writes the index: one that is split or sparse.
pub(super) fn add_by_git(repo: &Repository, targets: &[Target<'_>]) -> Result<(), CommitError> {
    let mut info = Vec::new();
    for target in targets {
        // Mode 0 takes an entry away.
        let mode = if target.change.removed { 0 } else { target.mode };
        let (id, path) = (target.id, &target.change.path);
        info.extend_from_slice(format!("{mode:o} {id} 0\t{path}\0").as_bytes());
    }
    child::answer(repo, &["update-index", "--add", "-z", "--index-info"], &info)?;
    Ok(())
}

/// The trees of these targets are not known any more.
pub(super) fn invalidated(targets: &[Target<'_>]) -> Rewrite {
    let mut rewrite = Rewrite::default();
    for target in targets {
        let mut above = target.change.path.parent();
        while let Some(dir) = above {
            rewrite.directory(dir.as_str().to_owned(), None, None);
            above = dir.parent();
        }
    }
    rewrite
}
