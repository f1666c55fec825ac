//! A journal that this version cannot follow: one of another version stays
//! where it is, a damaged one is put aside, and its files are named.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::super::{CommitError, Repository, child};
use super::entry;
use crate::model::RepoPath;
use crate::worktree::{again, remove_temporary};

/// Why a journal cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is whole, and of another version.
    Other {
        /// The version of the journal.
        version: u64,
        /// The version of the program that wrote it, where it says so.
        by: Option<String>,
    },
    /// It is cut off or damaged.
    Damaged {
        /// What is wrong with it.
        reason: String,
        /// The files that it still names.
        paths: Vec<RepoPath>,
    },
}

impl Unreadable {
    /// One that is no journal of this version although it is whole.
    pub(super) fn other(line: &Value) -> Self {
        let by = line.get("by").and_then(Value::as_str).map(ToOwned::to_owned);
        Self::Other { version: line.get("version").and_then(Value::as_u64).unwrap_or(0), by }
    }

    /// One that is damaged, with what can still be read of it.
    pub(super) fn damaged(text: &str, reason: impl Into<String>) -> Self {
        let names = text.split("\"path\":").skip(1).filter_map(|rest| {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            values.next()?.ok()
        });
        let mut paths: Vec<RepoPath> =
            names.filter_map(|name| RepoPath::normalize(&name)).collect();
        paths.dedup();
        Self::Damaged { reason: reason.into(), paths }
    }

    /// Whether another version of the program goes on.
    pub(super) fn is_of_another_version(&self) -> bool {
        matches!(self, Self::Other { .. })
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Other { version, by: Some(by) } => {
                write!(out, "it is of version {version}, written by git-promote {by}")
            }
            Self::Other { version, by: None } => {
                write!(out, "it is of version {version}, written by another git-promote")
            }
            Self::Damaged { reason, .. } => out.write_str(reason),
        }
    }
}

/// The error that is told of it. A damaged journal is out of the way then.
pub(super) fn refused(repo: &Repository, journal: &Unreadable) -> CommitError {
    let reason = journal.to_string();
    let Unreadable::Damaged { paths, .. } = journal else {
        return CommitError::OtherJournal { reason };
    };
    for path in paths {
        // One that cannot be removed is no more in the way than the rest.
        let _best_effort = repo.root().map(|root| remove_temporary(root, path));
    }
    let (from, to) = (entry::path(repo), aside(repo));
    match again(|| fs::rename(&from, &to)) {
        Ok(()) => CommitError::DamagedJournal { reason, kept: to, paths: differing(repo, paths) },
        Err(error) => CommitError::write("the journal", error),
    }
}

/// Where a damaged journal is kept.
fn aside(repo: &Repository) -> PathBuf {
    repo.git_dir().join("git-promote.journal.damaged")
}

/// Those of the files that differ between HEAD, index and work tree.
fn differing(repo: &Repository, paths: &[RepoPath]) -> Vec<RepoPath> {
    let differs = |path: &&RepoPath| {
        let pathspec = format!(":(top,literal){path}");
        let args = ["status", "--porcelain", "-uall", "--", pathspec.as_str()];
        child::answer(repo, &args, b"").map_or(true, |said| !said.is_empty())
    };
    paths.iter().filter(differs).cloned().collect()
}
