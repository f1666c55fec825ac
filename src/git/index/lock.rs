//! `index.lock`: taken before anything is read, as git takes it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::CommitError;
use super::super::journal::{LinkedLock, Token, Turn, outlast_commits};
use crate::worktree::{again, sync_directory_of};

/// The held lock. Dropped without [`IndexLock::write`] it leaves the index as
/// it is.
#[derive(Debug)]
pub(in super::super) struct IndexLock {
    index: PathBuf,
    lock: LinkedLock,
}

/// The files beside an index that belong to its lock.
#[derive(Debug)]
pub(in super::super) struct Beside {
    /// `index.lock`
    pub(in super::super) lock: PathBuf,
    /// What tells that the lock is ours.
    pub(in super::super) record: PathBuf,
    /// The index to come.
    pub(in super::super) new: PathBuf,
}

impl Beside {
    /// Those of the index at `index`.
    pub(in super::super) fn of(index: &Path) -> Self {
        // Git locks the file that a symbolic link leads to.
        let index = index.canonicalize().unwrap_or_else(|_| index.to_owned());
        let beside = |end: &str| {
            let mut name = index.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        Self {
            lock: beside(".lock"),
            record: beside(".git-promote"),
            new: beside(".git-promote.new"),
        }
    }
}

impl IndexLock {
    /// Locks the index at `index`, waiting up to ten seconds.
    pub(in super::super) fn acquire(turn: &Turn, index: &Path) -> Result<Self, CommitError> {
        let index = index.canonicalize().unwrap_or_else(|_| index.to_owned());
        let Beside { lock, record, .. } = Beside::of(&index);
        let held = LinkedLock::take(turn, (lock, record), &Token::process(), false)?;
        Ok(Self { index, lock: held })
    }

    /// The index that is locked.
    pub(in super::super) fn index(&self) -> &Path {
        &self.index
    }

    /// Replaces the index by `data` and lets the lock go. With
    /// [`CommitError::Unfinished`] it is replaced, but may not last, or the
    /// lock stays.
    pub(in super::super) fn write(self, data: &[u8], durable: bool) -> Result<(), CommitError> {
        let new = Beside::of(&self.index).new;
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(data)?;
            if let Ok(found) = fs::metadata(&self.index) {
                file.set_permissions(found.permissions())?;
            }
            if durable { file.sync_all() } else { Ok(()) }
        });
        let renamed = written.and_then(|()| again(|| fs::rename(&new, &self.index)));
        if let Err(error) = renamed {
            let _met_by_the_next_run = fs::remove_file(&new);
            return Err(CommitError::write("the index", error));
        }
        outlast_commits(&self.index);
        let lasting = if durable { sync_directory_of(&self.index) } else { Ok(()) };
        let released = lasting.and(self.lock.release());
        released.map_err(|error| CommitError::Unfinished { message: error.to_string() })
    }
}
