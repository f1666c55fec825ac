//! What an earlier run left, brought to its end: forward where the branch has
//! moved, else back.
//!
//! What HEAD, index and file say now decides for each file. Whatever somebody
//! changed since stays and is named: nothing is written over but bytes that the
//! journal knows. Each step can be taken again, so that a recovery that is
//! killed is no worse than the run before it.

use std::fs;
use std::io;
use std::path::Path;

use super::super::commit::{Durability, Files, Target, head_ref, papers, write_index};
use super::super::index::{Beside, Index, IndexLock};
use super::super::stage::{add_by_git, invalidated};
use super::super::{CommitError, Repository};
use super::elsewhere::is_busy;
use super::entry::{self, Journal};
use super::halves::remove_halves;
use super::linked::{clear, remove};
use super::signals::interrupted;
use super::turn::{self, Turn};
use super::unreadable::refused;
use super::verdict::{Put, Step, verdict};
use crate::model::{FileChange, RepoPath};
use crate::worktree::{
    NewFile, remove_beneath, remove_temporary, sync, sync_directory_of, write_beneath,
};

/// A file that is not as the promotion meant it, and why it stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The file.
    pub path: RepoPath,
    /// Why it was left as it is.
    pub reason: String,
    /// Whether a person has to look at it: it is not as HEAD has it.
    pub differs: bool,
}

/// What became of what an earlier run left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Whether there was anything.
    pub found: bool,
    /// Whether the promotion is committed; `None` where it never began.
    pub committed: Option<bool>,
    /// Files that were brought to where they belong.
    pub mended: Vec<RepoPath>,
    /// Files that somebody changed since: they stay.
    pub left: Vec<Left>,
    /// What could not be done; the journal stays then.
    pub failed: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Recovered {
    /// An error where something could not be brought to its end.
    pub(in super::super) fn settled(self) -> Result<Self, CommitError> {
        if self.failed.is_empty() {
            return Ok(self);
        }
        Err(CommitError::Unfinished { message: self.failed.join("; ") })
    }
}

/// Brings what an earlier run left to its end, and waits for the turn to do it.
pub fn recover(repo: &Repository) -> Result<Recovered, CommitError> {
    let turn = Turn::wait(repo)?;
    recover_in(&turn, repo)
}

/// The same, unless a run is at it: that one has done so at its own start.
pub fn settle(repo: &Repository) -> Result<Recovered, CommitError> {
    if !is_anything_left(repo) {
        return Ok(Recovered::default());
    }
    match Turn::now(repo)? {
        Some(turn) => {
            let recovered = recover_in(&turn, repo)?.settled()?;
            // Whoever asked for an end meanwhile wants no promotion after it.
            interrupted()?;
            Ok(recovered)
        }
        None => Ok(Recovered::default()),
    }
}

/// Whether a run is at it, or left something.
pub fn is_anything_left(repo: &Repository) -> bool {
    let Beside { record, new, .. } = Beside::of(&repo.gix.index_path());
    let own = [turn::path(repo), entry::path(repo), entry::new_path(repo), record, new];
    own.iter().chain(&Files::records(repo)).chain(&papers(repo)).any(|path| path.exists())
}

/// Brings what an earlier run left to its end.
pub(in super::super) fn recover_in(
    turn: &Turn,
    repo: &Repository,
) -> Result<Recovered, CommitError> {
    let mut done = Recovered::default();
    let read = Journal::read(repo).map_err(|error| CommitError::write("the journal", error))?;
    let journal = match read {
        Ok(journal) => journal,
        Err(other) if other.is_of_another_version() => return Err(refused(repo, &other)),
        Err(damaged) => {
            let refused = refused(repo, &damaged);
            clear_locks(repo, None).map_err(|error| CommitError::write("the locks", error))?;
            return Err(refused);
        }
    };
    if let Some(journal) = journal.as_ref().filter(|journal| !journal.is_of_this_index(repo)) {
        return Err(CommitError::OtherIndex { index: journal.index.clone() });
    }
    // Objects are written under the lock of the index: first what its record
    // leads to, then the record.
    if Beside::of(&repo.gix.index_path()).record.exists() {
        let removed = remove_halves(repo);
        removed.map_err(|error| CommitError::write("the objects", error))?;
    }
    let removed = clear_locks(repo, journal.as_ref());
    done.found = removed.map_err(|error| CommitError::write("the locks", error))?;
    let Some(journal) = journal else {
        if papers(repo).iter().any(|path| path.exists()) {
            let _no_git_reads_them = IndexLock::acquire(turn, &repo.gix.index_path())?;
            remove_papers(repo)?;
            done.found = true;
        }
        return Ok(done);
    };
    done.found = true;
    mend(turn, repo, (&journal, &mut done))?;
    if done.failed.is_empty() {
        drop_journal(repo)?;
    }
    Ok(done)
}

/// Removes what git was given to read. Only under the lock of the index: a git
/// that outlived the run before reads it as long as it holds that lock.
fn remove_papers(repo: &Repository) -> Result<(), CommitError> {
    let removed = papers(repo).iter().try_for_each(|path| remove(path).map(drop));
    removed.map_err(|error| CommitError::write("a temporary file", error))
}

fn drop_journal(repo: &Repository) -> Result<(), CommitError> {
    Journal::drop_from(repo).map_err(|error| CommitError::write("the journal", error))
}

/// Removes locks of ours, and what was to become index or journal.
fn clear_locks(repo: &Repository, journal: Option<&Journal>) -> io::Result<bool> {
    let mut any = false;
    let Beside { lock, record, new } = Beside::of(&repo.gix.index_path());
    if !is_busy(repo.git_dir(), &record) {
        any |= clear(&lock, &record)? | remove(&new)?;
    }
    let now = repo.gix.head_name().ok().flatten().map(|name| name.as_bstr().to_string());
    let branch = journal.map_or(now, |journal| journal.branch.clone());
    let files = Files::of(repo, branch.as_deref());
    for (lock, record) in files.branch.iter().chain([&files.head]) {
        any |= clear(lock, record)?;
    }
    Ok(any | remove(&entry::new_path(repo))?)
}

/// Brings files and index to where they belong.
fn mend(
    turn: &Turn,
    repo: &Repository,
    (journal, done): (&Journal, &mut Recovered),
) -> Result<(), CommitError> {
    let root = repo.work_tree()?;
    for file in &journal.files {
        if let Err(error) = remove_temporary(root, &file.path) {
            done.failed.push(error.to_string());
        }
    }
    let lock = IndexLock::acquire(turn, &repo.gix.index_path())?;
    remove_papers(repo)?;
    let index = Index::read(lock.index(), repo.gix.object_hash())?;
    let index = index.ok_or(CommitError::NoIndex)?;
    let verdict = verdict(repo, journal, &index)?;
    done.committed = Some(verdict.committed);
    done.left.extend(verdict.left);
    done.notes.extend(verdict.note);
    for step in &verdict.steps {
        match put(repo, root, step) {
            Ok(false) => {}
            Ok(true) => done.mended.push(step.change.path.clone()),
            Err(error) => done.failed.push(error.to_string()),
        }
    }
    if let Err(error) = mend_index(repo, (lock, index), &verdict.steps) {
        done.failed.push(error.to_string());
    }
    for dir in journal.made.iter().rev() {
        // One that holds something stays.
        let _empty = fs::remove_dir(root.join(dir.as_str()));
    }
    if verdict.committed && Durability::of(repo).refs {
        let failed = |error| format!("cannot sync the branch: {error}");
        done.failed.extend(head_ref(repo).err().map(failed));
    }
    Ok(())
}

/// Writes the file of a step; tells whether it had to be.
fn put(repo: &Repository, root: &Path, step: &Step) -> Result<bool, CommitError> {
    let durable = Durability::of(repo).objects;
    let FileChange { path, executable, .. } = &step.change;
    match &step.put {
        Some(Put { now, then: Some(bytes) }) => {
            let new = NewFile { bytes, executable: *executable, durable };
            write_beneath(root, path, now.as_deref(), new)?;
        }
        Some(Put { now, then: None }) => {
            remove_beneath(root, path, now.as_deref().unwrap_or_default(), durable)?;
        }
        None => {
            let file = root.join(path.as_str());
            if durable && step.holds.is_some() && file.exists() {
                // It holds what it is to hold, but perhaps not on disk.
                let lasting = sync(&file).and_then(|()| sync_directory_of(&file));
                lasting.map_err(|error| CommitError::write(format!("`{path}`"), error))?;
            }
        }
    }
    Ok(step.put.is_some())
}

/// Brings the entries along that are to change.
fn mend_index(
    repo: &Repository,
    (lock, index): (IndexLock, Index),
    steps: &[Step],
) -> Result<(), CommitError> {
    let targets: Vec<Target<'_>> =
        steps.iter().filter(|step| step.index).map(Step::target).collect();
    if targets.is_empty() {
        if Durability::of(repo).index {
            let lasting = sync_directory_of(lock.index());
            lasting.map_err(|error| CommitError::write("the index", error))?;
        }
        return Ok(());
    }
    if index.needs_git()?.is_some() {
        drop(lock);
        return add_by_git(repo, &targets);
    }
    write_index(repo, (lock, index), &targets, invalidated(&targets))
}
