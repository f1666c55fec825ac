//! Lock files of git that a later run knows for ours.
//!
//! A lock that a killed run left must go, one that git or another program took
//! must never. So a record is written first and then linked to the name of the
//! lock, which is one step and fails where somebody holds it: the lock is ours
//! as long as it and the record are the same file. Where links are not
//! possible, the content tells, and the record says that it does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::CommitError;
use super::elsewhere::is_busy;
use super::owner::patiently;
use super::turn::Turn;
use crate::worktree::{again, sync_directory_of};

/// What a lock without content of its own begins with; git writes no such.
const MAGIC: &str = "git-promote, process ";

/// What the record says behind the content of a lock that is not one file with
/// it. Equal content alone tells nothing: two runs may make the same commit.
const MADE: &[u8] = b"not linked\n";

/// What tells a lock from those of others.
#[derive(Debug)]
pub(in super::super) struct Token(Vec<u8>);

impl Token {
    /// Nothing but whose it is.
    pub(in super::super) fn process() -> Self {
        Self(format!("{MAGIC}{}\n", std::process::id()).into_bytes())
    }

    /// What is to stand in the file that the lock is for.
    pub(in super::super) fn content(content: String) -> Self {
        Self(content.into_bytes())
    }
}

/// A held lock file; dropped, it lets go.
#[derive(Debug)]
pub(in super::super) struct LinkedLock {
    lock: PathBuf,
    record: PathBuf,
    /// Whether it is held: until then only the record is ours.
    held: bool,
}

impl LinkedLock {
    /// Takes the lock at `lock`, recorded at `record`; waits for whoever holds
    /// it. With `durable` the content is on disk then.
    pub(in super::super) fn take(
        turn: &Turn,
        (lock, record): (PathBuf, PathBuf),
        token: &Token,
        durable: bool,
    ) -> Result<Self, CommitError> {
        let failed = |error| CommitError::write(format!("`{}`", lock.display()), error);
        patiently(&lock, || Ok((!is_busy(turn.directory(), &record)).then_some(())))?;
        clear(&lock, &record).map_err(failed)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&record).map_err(failed)?;
        // From here on the record goes with the value.
        let mut held = Self { lock: lock.clone(), record, held: false };
        file.write_all(&token.0).map_err(failed)?;
        if durable {
            file.sync_all().map_err(failed)?;
        }
        drop(file);
        patiently(&lock, || held.link(&token.0).map_err(failed))?;
        held.held = true;
        Ok(held)
    }

    /// Links the record to the name of the lock; `None` where somebody has it.
    fn link(&self, content: &[u8]) -> io::Result<Option<()>> {
        match again(|| fs::hard_link(&self.record, &self.lock)) {
            Ok(()) => Ok(Some(())),
            // A link over a network may be made and reported as failed.
            Err(_) if same_file(&self.record, &self.lock) => Ok(Some(())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make_way(&error),
            Err(error) if cannot_link(&error) => self.create(content),
            Err(error) => Err(error),
        }
    }

    /// The directory of a branch that is packed may not be there.
    fn make_way(&self, error: &io::Error) -> io::Result<Option<()>> {
        let parent = self.lock.parent().filter(|parent| !parent.exists());
        let parent = parent.ok_or_else(|| io::Error::from(error.kind()))?;
        again(|| fs::create_dir_all(parent))?;
        let made = parent.ancestors().take_while(|dir| !dir.ends_with("refs"));
        made.take(16).try_for_each(sync_directory_of)?;
        Ok(None)
    }

    fn create(&self, content: &[u8]) -> io::Result<Option<()>> {
        match OpenOptions::new().write(true).create_new(true).open(&self.lock) {
            Ok(mut file) => {
                // Known for ours by its content, and that only by this mark.
                let marked = [content, MADE].concat();
                let made = file.write_all(content).and_then(|()| fs::write(&self.record, marked));
                made.map(Some).inspect_err(|_| drop(remove(&self.lock)))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the content of the lock that of `target`, and lets go.
    pub(in super::super) fn commit(self, target: &Path) -> io::Result<()> {
        again(|| fs::rename(&self.lock, target))
    }

    /// Lets go; an error tells that the lock stays.
    pub(in super::super) fn release(mut self) -> io::Result<()> {
        self.let_go()
    }

    fn let_go(&mut self) -> io::Result<()> {
        if self.held {
            return clear(&self.lock, &self.record).map(drop);
        }
        remove(&self.record).map(drop)
    }
}

impl Drop for LinkedLock {
    /// A lock that cannot be removed is met, known and removed by the next run.
    fn drop(&mut self) {
        let _next_time = self.let_go();
    }
}

/// Removes a lock of ours, and its record; tells whether one was there. Only
/// for who has the turn: nobody else of us holds the lock then.
pub(super) fn clear(lock: &Path, record: &Path) -> io::Result<bool> {
    let ours = is_ours(lock, record);
    if ours {
        remove(lock)?;
    }
    Ok(remove(record)? || ours)
}

/// Whether the lock was taken by a run of this program.
pub(super) fn is_ours(lock: &Path, record: &Path) -> bool {
    if same_file(lock, record) {
        return true;
    }
    let Some(content) = small(lock) else { return false };
    let made = || small(record).is_some_and(|record| record == [&content, MADE].concat());
    content.starts_with(MAGIC.as_bytes()) || (!content.is_empty() && made())
}

/// The content of a file that is as small as a token.
fn small(path: &Path) -> Option<Vec<u8>> {
    let found = fs::symlink_metadata(path).ok()?;
    (found.is_file() && found.len() <= 256).then(|| fs::read(path).ok()).flatten()
}

pub(super) fn remove(path: &Path) -> io::Result<bool> {
    match again(|| fs::remove_file(path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether two names are one file.
#[cfg(unix)]
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((id(a), id(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
pub(super) fn same_file(_: &Path, _: &Path) -> bool {
    false
}

/// Whether an open file still has this name.
#[cfg(unix)]
pub(super) fn has_name(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |found: fs::Metadata| (found.dev(), found.ino());
    let (open, named) = (file.metadata().map(id), fs::symlink_metadata(path).map(id));
    matches!((open, named), (Ok(open), Ok(named)) if open == named)
}

#[cfg(not(unix))]
pub(super) fn has_name(_: &File, _: &Path) -> bool {
    true
}

/// Whether the file system knows no links between these two names.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), Unsupported | PermissionDenied | CrossesDevices | TooManyLinks)
}
