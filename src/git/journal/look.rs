//! What a run that is at it, or one that was broken off, has left: looked at,
//! and never touched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::Repository;
use super::super::commit::Files;
use super::super::index::Beside;
use super::elsewhere::left_in;
use super::entry::{self, Journal};
use super::linked::is_ours;
use super::owner::{age_of, culprit};
use super::turn;
use super::unreadable::Unreadable;

/// Something that was found in a work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A run is at it now.
    Running {
        /// The process.
        process: Option<String>,
        /// For how long.
        age: Duration,
    },
    /// A lock of ours that nobody holds any more.
    OwnLock {
        /// The lock.
        path: PathBuf,
        /// How long it has been there.
        age: Duration,
    },
    /// A lock that git or another program took. It is never removed.
    ForeignLock {
        /// The lock.
        path: PathBuf,
        /// How long it has been there.
        age: Duration,
        /// Who has it open, where that can be seen.
        owner: Option<String>,
    },
    /// A lock that a run left which was broken off in another work tree.
    LeftElsewhere {
        /// The lock.
        path: PathBuf,
        /// How long it has been there.
        age: Duration,
        /// The work tree, from which it is removed.
        work_tree: PathBuf,
    },
    /// A promotion that was broken off.
    Journal {
        /// Its commit, where it is known.
        commit: Option<String>,
        /// The files.
        files: Vec<String>,
        /// How long ago.
        age: Duration,
    },
    /// A journal that cannot be followed.
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Whether it is whole, and for another version of this program.
        other: bool,
    },
}

impl Finding {
    /// Whether recovering brings it to its end.
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::OwnLock { .. } | Self::Journal { .. } => true,
            Self::Damaged { other, .. } => !other,
            Self::Running { .. } | Self::ForeignLock { .. } | Self::LeftElsewhere { .. } => false,
        }
    }
}

/// Looks at locks and journal; writes nothing.
pub fn examine(repo: &Repository) -> Vec<Finding> {
    let running = turn::is_taken(repo);
    let own = turn::path(repo);
    let mut found = Vec::new();
    if running {
        found.push(Finding::Running { process: turn::holder(&own), age: age_of(&own) });
    } else if own.exists() {
        found.push(Finding::OwnLock { age: age_of(&own), path: own });
    }
    let journal = Journal::read(repo).unwrap_or_else(|error| {
        Err(Unreadable::Damaged { reason: error.to_string(), paths: Vec::new() })
    });
    for (lock, record) in locks(repo, journal.as_ref().ok().and_then(Option::as_ref)) {
        found.extend(examine_lock(running, &lock, &record));
    }
    let path = entry::path(repo);
    match journal {
        // It is that of the run.
        _ if running => {}
        Ok(None) => {}
        Ok(Some(journal)) => found.push(Finding::Journal {
            commit: journal.commit,
            files: journal.files.iter().map(|file| file.path.to_string()).collect(),
            age: age_of(&path),
        }),
        Err(error) => found.push(Finding::Damaged {
            path,
            reason: error.to_string(),
            other: error.is_of_another_version(),
        }),
    }
    found
}

/// The locks that a promotion takes, and their records.
fn locks(repo: &Repository, journal: Option<&Journal>) -> Vec<(PathBuf, PathBuf)> {
    let Beside { lock, record, .. } = Beside::of(&repo.gix.index_path());
    let now = repo.gix.head_name().ok().flatten().map(|name| name.as_bstr().to_string());
    let branch = journal.map_or(now, |journal| journal.branch.clone());
    let files = Files::of(repo, branch.as_deref());
    [(lock, record), files.head].into_iter().chain(files.branch).collect()
}

fn examine_lock(running: bool, lock: &Path, record: &Path) -> Option<Finding> {
    let (path, there) = (lock.to_owned(), lock.symlink_metadata().is_ok());
    let ours = if there { is_ours(lock, record) } else { record.exists() };
    match (ours, running) {
        (true, false) => {
            let path = if there { path } else { record.to_owned() };
            Some(Finding::OwnLock { age: age_of(&path), path })
        }
        // While a run is at it, git may commit for it.
        (false, false) if there => Some(match (culprit(lock), left_in(lock)) {
            (None, Some(work_tree)) => {
                Finding::LeftElsewhere { age: age_of(lock), path, work_tree }
            }
            (owner, _) => Finding::ForeignLock { age: age_of(lock), owner, path },
        }),
        _ => None,
    }
}
