//! `index.lock`: taken before anything is read, as git takes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::super::CommitError;
use crate::worktree::sync_directory_of;

/// How long a lock that someone else holds is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The held lock. Dropped without [`IndexLock::write`] it leaves the index as
/// it is.
#[derive(Debug)]
pub(in super::super) struct IndexLock {
    index: PathBuf,
    lock: PathBuf,
    file: Option<File>,
}

impl IndexLock {
    /// Locks the index at `index`, waiting up to ten seconds.
    pub(in super::super) fn acquire(index: &Path) -> Result<Self, CommitError> {
        // Git locks the file that a symbolic link leads to.
        let index = index.canonicalize().unwrap_or_else(|_| index.to_owned());
        let mut name = index.clone().into_os_string();
        name.push(".lock");
        let lock = PathBuf::from(name);
        let until = Instant::now() + patience();
        let mut pause = Duration::from_millis(5);
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&lock) {
                Ok(file) => return Ok(Self { index, lock, file: Some(file) }),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(CommitError::write(format!("`{}`", lock.display()), error));
                }
                Err(_) if Instant::now() >= until => {
                    return Err(CommitError::Locked { age: age_of(&lock), path: lock });
                }
                Err(_) => sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// The index that is locked.
    pub(in super::super) fn index(&self) -> &Path {
        &self.index
    }

    /// Replaces the index by `data` and lets the lock go.
    pub(in super::super) fn write(mut self, data: &[u8], durable: bool) -> io::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let written = file.write_all(data).and_then(|()| {
            if let Ok(found) = fs::metadata(&self.index) {
                file.set_permissions(found.permissions())?;
            }
            if durable { file.sync_all() } else { Ok(()) }
        });
        drop(file);
        let renamed = written.and_then(|()| fs::rename(&self.lock, &self.index));
        if let Err(error) = renamed {
            remove(&self.lock);
            return Err(error);
        }
        if durable { sync_directory_of(&self.index) } else { Ok(()) }
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            remove(&self.lock);
        }
    }
}

/// A lock that cannot be removed is named by the next command that meets it.
fn remove(lock: &Path) {
    let _gone = fs::remove_file(lock);
}

/// How long a lock file has been there.
pub(in super::super) fn age_of(lock: &Path) -> Duration {
    let modified = fs::metadata(lock).and_then(|found| found.modified());
    modified
        .ok()
        .and_then(|then| SystemTime::now().duration_since(then).ok())
        .unwrap_or(Duration::ZERO)
}

/// Ten seconds, or as many milliseconds as `GIT_PROMOTE_LOCK_TIMEOUT` says.
fn patience() -> Duration {
    let given = std::env::var("GIT_PROMOTE_LOCK_TIMEOUT").ok();
    given.and_then(|text| text.parse().ok()).map_or(PATIENCE, Duration::from_millis)
}
