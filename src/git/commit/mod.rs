//! Committing files on the current branch.
//!
//! One predicate ([`engine::asks_for_git`]) chooses between two engines that
//! give the same tree, commit, index and reflog: a native one, and `git commit
//! --only` where hooks or a setting ask for git. Both look first whether HEAD,
//! index and work tree still agree with what the plan was made on.

mod aside;
mod engine;
mod handoff;
mod identity;
mod message;
mod native;
mod reference;
mod sync;
mod targets;

use gix::ObjectId;

use super::index::IndexLock;
use super::journal::{Turn, recover_in};
use super::{CommitError, GitError, Repository};
use crate::model::{FileChange, RepoPath};

pub use aside::build;
pub(super) use engine::has_hook;
pub(super) use handoff::papers;
pub(super) use native::{bring, bring_back, read_index, write_index};
pub(super) use reference::Files;
pub(super) use sync::{Durability, head_ref, objects as sync_objects};
pub(super) use targets::{
    Checkout, Entry, MODE_EXECUTABLE, MODE_FILE, Target, blob_id, entries, inspect,
};

/// Whether to sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SignChoice {
    /// As `commit.gpgSign` says.
    #[default]
    Config,
    /// Not at all.
    Off,
    /// With this key, or with that of `user.signingKey`.
    On(Option<String>),
}

/// What the user asked of the commit, as with `git commit`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitOptions {
    /// `-S`, `--no-gpg-sign`
    pub sign: SignChoice,
    /// `--no-verify`: without the hooks `pre-commit` and `commit-msg`.
    pub no_verify: bool,
    /// `-s`: a `Signed-off-by` trailer of the committer.
    pub signoff: bool,
    /// `-e`: the message goes through the editor first.
    pub edit: bool,
    /// `--trailer`: more trailers, in this order.
    pub trailers: Vec<(String, String)>,
}

/// A commit that is to be made.
#[derive(Debug, Clone)]
pub struct CommitRequest<'a> {
    /// The files.
    pub changes: &'a [FileChange],
    /// HEAD as the plan was made on it.
    pub base: ObjectId,
    /// The message, its audit record as last paragraph.
    pub message: String,
    /// What the user asked for.
    pub options: &'a CommitOptions,
}

/// What was left undone after the branch had moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfinished {
    /// A file of the work tree does not hold what was committed.
    File {
        /// The file.
        path: RepoPath,
        /// Whether someone changed it in the meantime: it is theirs then.
        changed: bool,
        /// What stood in the way.
        message: String,
    },
    /// The index does not hold what was committed.
    Index {
        /// The files.
        paths: Vec<RepoPath>,
        /// What stood in the way.
        message: String,
    },
    /// A lock of HEAD or of the branch could not be removed.
    Locked,
    /// The commit may be lost by a power loss.
    NotDurable {
        /// What stood in the way.
        message: String,
    },
}

impl Unfinished {
    /// The command that continues.
    pub fn command(&self) -> &'static str {
        "git promote doctor --recover"
    }
}

/// A commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its id.
    pub id: ObjectId,
    /// The branch, short; `None` where HEAD is detached.
    pub branch: Option<String>,
    /// What hooks and git said, and what they did otherwise than planned.
    pub notes: Vec<String>,
    /// What was left undone.
    pub unfinished: Vec<Unfinished>,
}

/// Commits the changes, and nothing else, on the current branch.
///
/// An error means that nothing changed. What fails after the branch moved is
/// in [`Committed::unfinished`].
pub fn commit(repo: &Repository, request: &CommitRequest<'_>) -> Result<Committed, CommitError> {
    if request.changes.is_empty() {
        return Err(CommitError::NothingToCommit);
    }
    hold(repo)?.commit(repo, request)
}

/// The turn and the lock of the index: while it is held, no commit of others
/// moves the branch that is checked out.
#[derive(Debug)]
pub struct Held {
    // Given back in this order.
    lock: IndexLock,
    turn: Turn,
}

/// Waits for both, and brings what an earlier run left to its end.
pub fn hold(repo: &Repository) -> Result<Held, CommitError> {
    repo.work_tree()?;
    let turn = Turn::wait(repo)?;
    recover_in(&turn, repo)?.settled()?;
    let lock = IndexLock::acquire(&turn, &repo.gix.index_path())?;
    Ok(Held { lock, turn })
}

impl Held {
    /// As [`commit`] does, without another wait.
    pub fn commit(
        self,
        repo: &Repository,
        request: &CommitRequest<'_>,
    ) -> Result<Committed, CommitError> {
        let Self { lock, turn } = self;
        let prepared = native::prepare(lock, repo, request)?;
        let message = message::compose(repo, request)?;
        match engine::asks_for_git(repo, request.options, &prepared)? {
            Some(reason) => handoff::commit(&turn, (repo, request), prepared, (&message, &reason)),
            None => native::commit(&turn, (repo, request), prepared, &message),
        }
    }
}

/// Whether [`commit`] would start now; writes nothing, and runs no hook.
pub fn rehearse(repo: &Repository, request: &CommitRequest<'_>) -> Result<(), CommitError> {
    repo.work_tree()?;
    native::rehearse(repo, request)?;
    message::compose(repo, request).map(drop)
}

/// HEAD is the commit of the plan and no operation of git is unfinished.
pub(super) fn check_head(repo: &Repository, base: ObjectId) -> Result<Option<String>, CommitError> {
    let head = repo.head()?;
    let branch = head.branch.clone().unwrap_or_default();
    let now = head.commit.ok_or(GitError::Unborn { branch })?;
    if let Some(operation) = repo.operation_in_progress() {
        return Err(GitError::InProgress(operation).into());
    }
    if now != base {
        return Err(CommitError::Moved { base, now: now.to_string() });
    }
    Ok(head.branch)
}
