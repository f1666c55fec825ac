//! The turn: one run at a time writes in a work tree.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::{CommitError, Repository};
use super::linked::has_name;
use super::owner::{age_of, name_of, wait};
use super::signals::Hold;
use crate::worktree::again;

/// The lock of our own, in the git directory of the work tree. It is held by
/// `flock`, so that it is free once its holder is gone, however it went.
pub(super) const OWN: &str = "git-promote.lock";

/// The right to write in a work tree. Signals that ask for an end are noted
/// meanwhile, and nothing else.
#[derive(Debug)]
pub(in super::super) struct Turn {
    path: PathBuf,
    file: File,
    _signals: Hold,
}

impl Turn {
    /// Waits for the turn.
    pub(in super::super) fn wait(repo: &Repository) -> Result<Self, CommitError> {
        let path = path(repo);
        let signals = Hold::new();
        match wait(|| open(&path))? {
            Some(file) => Ok(Self { path, file, _signals: signals }.signed()),
            None => Err(CommitError::Busy { process: holder(&path), age: age_of(&path) }),
        }
    }

    /// The turn, unless another run has it.
    pub(super) fn now(repo: &Repository) -> Result<Option<Self>, CommitError> {
        let path = path(repo);
        let signals = Hold::new();
        let file = open(&path)?;
        Ok(file.map(|file| Self { path, file, _signals: signals }.signed()))
    }

    /// The git directory of the work tree.
    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Writes down whose turn it is, for those who wait.
    fn signed(mut self) -> Self {
        let _only_for_people = self
            .file
            .set_len(0)
            .and_then(|()| self.file.write_all(std::process::id().to_string().as_bytes()));
        self
    }
}

impl Drop for Turn {
    /// The file goes while it is still locked: whoever opened it before sees
    /// that it has no name any more, and opens the next one.
    fn drop(&mut self) {
        if cfg!(unix) && has_name(&self.file, &self.path) {
            let _stays_unlocked = again(|| fs::remove_file(&self.path));
        }
    }
}

/// Where the lock of our own is.
pub(super) fn path(repo: &Repository) -> PathBuf {
    repo.git_dir().join(OWN)
}

/// Opens and locks the file; `None` where another run has it.
fn open(path: &Path) -> Result<Option<File>, CommitError> {
    let failed = |error| CommitError::write(format!("`{}`", path.display()), error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return replace(path, error);
        }
        opened => opened.map_err(failed)?,
    };
    let ours = try_lock(&file).map_err(failed)? && has_name(&file, path);
    Ok(ours.then_some(file))
}

/// Removes a file that a run of another user's left, so that the next try makes
/// one of ours. Nobody may be at it: reading is enough for that lock.
fn replace(path: &Path, denied: io::Error) -> Result<Option<File>, CommitError> {
    let failed = |error| CommitError::write(format!("`{}`", path.display()), error);
    let Ok(file) = File::open(path) else { return Err(failed(denied)) };
    if try_lock(&file).map_err(failed)? && has_name(&file, path) {
        again(|| fs::remove_file(path)).map_err(failed)?;
    }
    Ok(None)
}

fn try_lock(file: &File) -> io::Result<bool> {
    again(|| match fs4::FileExt::try_lock(file) {
        Ok(()) => Ok(true),
        Err(fs4::TryLockError::WouldBlock) => Ok(false),
        Err(fs4::TryLockError::Error(error)) => Err(error),
    })
}

/// The process whose turn it is, as it signed.
pub(super) fn holder(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    Some(name_of(text.trim().parse().ok()?))
}

/// Whether a run has the turn now.
pub(super) fn is_taken(repo: &Repository) -> bool {
    is_held(&path(repo))
}

/// Whether a run has the turn that this file is for.
pub(super) fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(fs4::FileExt::try_lock_shared(&file), Err(fs4::TryLockError::WouldBlock))
}
