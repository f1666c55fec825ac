//! What can go wrong between the product and a repository.

use std::path::PathBuf;

use thiserror::Error;

use super::state::Operation;
use super::way_out;
use crate::model::{RepoPath, SnapshotError};
use crate::worktree::WorktreeError;

/// What sort of failure it is; the command layer turns it into an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no repository, or none that may be trusted.
    NotARepository,
    /// The current branch has no commit.
    Unborn,
    /// There is no work tree.
    Bare,
    /// A merge, rebase, cherry-pick, revert or am is not finished.
    InProgress,
    /// A target differs from the commit that the plan was made on.
    DirtyTarget,
    /// HEAD is no longer the commit that the plan was made on.
    Moved,
    /// Another process holds a lock.
    Locked,
    /// What an earlier run left stands in the way.
    Unfinished,
    /// A signal asked for an end.
    Interrupted(u8),
    /// A hook, or git itself, refused.
    Refused,
    /// Git does not know who commits.
    NoIdentity,
    /// The commit could not be signed.
    Signing,
    /// A target that must not be written: through a symbolic link, in a
    /// submodule, outside the work tree.
    BadTarget,
    /// A revision or object that is not there.
    NotFound,
    /// Something that neither engine can do.
    Unsupported,
    /// A file or object could not be read or written.
    Io,
}

impl ErrorKind {
    /// The exit code that belongs to it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::DirtyTarget | Self::Moved | Self::Locked => 6,
            Self::NotFound => 5,
            Self::Unfinished => 9,
            Self::Interrupted(signal) => 128 + signal,
            Self::BadTarget => 8,
            _ => 128,
        }
    }
}

/// How much a repository has of the one that it was cloned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloneKind {
    /// Everything: what is missing is broken.
    Whole,
    /// History was cut off.
    Shallow,
    /// Objects are fetched when git needs them.
    Partial,
}

/// Why a repository cannot be opened or read.
#[derive(Debug, Error)]
pub enum GitError {
    /// No repository at the directory or above.
    #[error("not a git repository (or any of the parent directories): .git")]
    NotARepository,
    /// What `GIT_DIR` names is none.
    #[error("not a git repository: '{}'", path.display())]
    NoGitDirectory {
        /// What it names.
        path: PathBuf,
    },
    /// The repository belongs to someone else.
    #[error("detected dubious ownership in repository at '{}'", path.display())]
    Untrusted {
        /// The repository.
        path: PathBuf,
    },
    /// The current branch has no commit.
    #[error("your current branch '{branch}' does not have any commits yet")]
    Unborn {
        /// The branch.
        branch: String,
    },
    /// There is no work tree.
    #[error("this operation must be run in a work tree")]
    Bare,
    /// An operation of git is not finished.
    #[error("{0}")]
    InProgress(Operation),
    /// A revision that names nothing.
    #[error("unknown revision '{spec}'")]
    UnknownRevision {
        /// What was asked for.
        spec: String,
    },
    /// An object that the repository does not have, as in a shallow or partial
    /// clone. Nothing says that it is broken.
    #[error("the {kind} {id} is not in this clone")]
    Missing {
        /// `commit`, `tree`, `blob` or `object`.
        kind: &'static str,
        /// The object.
        id: gix::ObjectId,
        /// What sort of clone it is.
        clone: CloneKind,
    },
    /// The index holds a conflict.
    #[error("the index has conflicts, `{path}` is one of them")]
    Unmerged {
        /// A path with a conflict.
        path: String,
    },
    /// An object, ref or file of the repository cannot be read.
    #[error("cannot read {what}: {message}")]
    Read {
        /// What could not be read.
        what: String,
        /// What stood in the way.
        message: String,
    },
    /// An object cannot be written.
    #[error("cannot write {what}: {message}")]
    Write {
        /// What could not be written.
        what: String,
        /// What stood in the way.
        message: String,
    },
    /// A repository format that this program cannot read.
    #[error("the repository cannot be opened: {message}")]
    Unsupported {
        /// What is not supported.
        message: String,
    },
    /// Git could not be run, or failed where that says nothing of the user.
    #[error("`git {command}` failed: {message}")]
    Child {
        /// The git command.
        command: String,
        /// What it said.
        message: String,
    },
}

impl GitError {
    pub(super) fn read(what: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self::Read { what: what.into(), message: error.to_string() }
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotARepository | Self::NoGitDirectory { .. } | Self::Untrusted { .. } => {
                ErrorKind::NotARepository
            }
            Self::Unborn { .. } => ErrorKind::Unborn,
            Self::Bare => ErrorKind::Bare,
            Self::InProgress(_) | Self::Unmerged { .. } => ErrorKind::InProgress,
            Self::UnknownRevision { .. } | Self::Missing { .. } => ErrorKind::NotFound,
            Self::Read { .. } | Self::Write { .. } => ErrorKind::Io,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Child { .. } => ErrorKind::Refused,
        }
    }

    /// The command that helps, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Untrusted { path } => {
                Some(format!("git config --global --add safe.directory '{}'", path.display()))
            }
            Self::NoGitDirectory { .. } => Some("unset GIT_DIR".to_owned()),
            Self::Unborn { .. } => Some("git commit --allow-empty -m 'Start'".to_owned()),
            Self::Bare => Some("git promote ... --pr".to_owned()),
            Self::InProgress(operation) => Some(operation.way_out().to_owned()),
            Self::UnknownRevision { .. } => Some("git fetch".to_owned()),
            // A depth would make a whole clone shallow.
            Self::Missing { id, clone: CloneKind::Shallow, .. } => {
                Some(format!("git fetch --depth=1 origin {id}"))
            }
            // One tree or file would lead to the next: all of them are needed.
            Self::Missing { clone: CloneKind::Partial, .. } => {
                Some("git fetch --refetch --no-filter origin".to_owned())
            }
            Self::Missing { id, .. } => Some(format!("git fetch origin {id}")),
            Self::Read { .. } => Some("git fsck".to_owned()),
            Self::Write { message, .. } => Some(way_out_of(message).to_owned()),
            Self::Unsupported { .. } | Self::Child { .. } => Some("git status".to_owned()),
            Self::Unmerged { .. } => Some("git mergetool".to_owned()),
            Self::NotARepository => None,
        }
    }

    /// The same failure, where a snapshot was asked for `path`.
    pub(super) fn at(&self, path: &RepoPath) -> SnapshotError {
        let missing = matches!(self, Self::Missing { .. });
        let fetch = if missing { self.hint() } else { None };
        SnapshotError { path: path.clone(), message: self.to_string(), fetch }
    }
}

/// In what a target differs from the commit that the plan was made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Difference {
    /// The file in the work tree was changed.
    #[error("it has changes that are not committed")]
    WorkTree,
    /// The index holds something else.
    #[error("it has staged changes")]
    Staged,
    /// The index holds a conflict.
    #[error("it is not merged")]
    Unmerged,
    /// Sparse checkout left the file out of the work tree.
    #[error("it is outside of the sparse checkout")]
    NotCheckedOut,
    /// The file in the work tree is gone.
    #[error("it is deleted in the work tree")]
    Deleted,
    /// The file is to be created and is there already.
    #[error("a file that git does not track is in its place")]
    Untracked,
    /// The file is to be created and the index knows its path.
    #[error("it is already in the index")]
    Indexed,
    /// The commit itself holds something else than the plan says.
    #[error("the commit holds something else than the plan was made on")]
    Commit,
    /// The plan creates a file where the index or tree has a directory, or the
    /// other way round.
    #[error("a directory and a file share its name")]
    DirectoryFile,
}

/// Why nothing was committed. Whenever one of these is returned, ref, index
/// and work tree are what they were before; [`CommitError::Kept`] alone names
/// files that are not.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The repository could not be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A target is not what the plan was made on.
    #[error("cannot write `{path}`: {difference}")]
    DirtyTarget {
        /// The target.
        path: RepoPath,
        /// In what it differs.
        difference: Difference,
    },
    /// HEAD is another commit than the plan was made on.
    #[error("HEAD moved from {base} to {now} in the meantime")]
    Moved {
        /// The commit of the plan.
        base: gix::ObjectId,
        /// What HEAD is now.
        now: String,
    },
    /// A lock file is held.
    #[error("unable to create '{}': file exists, held for {} s by {}", path.display(), age.as_secs(), owner.as_deref().unwrap_or("a process that cannot be seen, perhaps one that is gone"))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it has been there.
        age: std::time::Duration,
        /// The process that has it open, where that can be seen.
        owner: Option<String>,
        /// The work tree in which a run of this program left it.
        left_in: Option<PathBuf>,
    },
    /// Another run writes in this work tree.
    #[error("another promotion is under way here for {} s: {}", age.as_secs(), process.as_deref().unwrap_or("a process that did not say which it is"))]
    Busy {
        /// The process.
        process: Option<String>,
        /// How long it has been at it.
        age: std::time::Duration,
    },
    /// What an earlier run left cannot be brought to its end.
    #[error("an earlier promotion was broken off, and cannot be brought to its end: {message}")]
    Unfinished {
        /// What stands in the way.
        message: String,
    },
    /// An earlier run was broken off, and the index is gone.
    #[error("an earlier promotion was broken off, and there is no index to go on with")]
    NoIndex,
    /// An earlier run was broken off that used another index.
    #[error("an earlier promotion was broken off, and it used another index: '{index}'")]
    OtherIndex {
        /// The index, from the git directory on.
        index: String,
    },
    /// The journal of an earlier run is whole, and of another version.
    #[error(
        "an earlier promotion was broken off, and its journal is not for this version: {reason}"
    )]
    OtherJournal {
        /// Which version wrote it.
        reason: String,
    },
    /// The journal of an earlier run is of no use; it was put aside.
    #[error("an earlier promotion was broken off, and its journal is of no use: {reason}; it is kept as '{}'{}", kept.display(), to_look_at(paths))]
    DamagedJournal {
        /// What is wrong with it.
        reason: String,
        /// Where it is now.
        kept: PathBuf,
        /// Its files that differ between HEAD, index and work tree.
        paths: Vec<RepoPath>,
    },
    /// A signal asked for an end before anything was changed.
    #[error("broken off by a signal; nothing was changed")]
    Interrupted {
        /// Its number.
        signal: u8,
    },
    /// Nothing was committed, and files that somebody changed meanwhile keep
    /// what they hold.
    #[error(
        "{error}; changed in the meantime, and left as it is, perhaps with the new version in it: {}",
        listed(paths)
    )]
    Kept {
        /// Why nothing was committed.
        error: Box<Self>,
        /// The files.
        paths: Vec<RepoPath>,
    },
    /// A target that must not be written.
    #[error("cannot write `{path}`: {reason}")]
    BadTarget {
        /// The target.
        path: RepoPath,
        /// Why not.
        reason: String,
    },
    /// `git commit` refused, mostly through a hook. What it said has been
    /// shown, or is the message.
    #[error("git commit refused: {message}")]
    Refused {
        /// Git's words, or the hook's.
        message: String,
    },
    /// Git made no commit, and told the terminal why.
    #[error("git commit made no commit")]
    NotCommitted,
    /// Git does not know who commits.
    #[error("{message}")]
    NoIdentity {
        /// Git's words.
        message: String,
    },
    /// The commit could not be signed.
    #[error("failed to sign the commit: {message}")]
    Signing {
        /// What the signing program said.
        message: String,
    },
    /// Nothing is left of the message.
    #[error("aborting commit due to empty commit message")]
    EmptyMessage,
    /// The plan changes nothing.
    #[error("nothing to commit")]
    NothingToCommit,
    /// Neither engine can commit here.
    #[error("{message}")]
    Unsupported {
        /// What is not supported.
        message: String,
    },
    /// A file or object could not be written.
    #[error("cannot write {what}: {message}")]
    Write {
        /// What could not be written.
        what: String,
        /// What stood in the way.
        message: String,
    },
}

impl CommitError {
    pub(super) fn write(what: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self::Write { what: what.into(), message: error.to_string() }
    }

    /// The same, where these files keep what somebody made of them.
    pub(super) fn keeping(self, paths: Vec<RepoPath>) -> Self {
        Self::Kept { error: Box::new(self), paths }
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Git(error) => error.kind(),
            Self::Kept { error, .. } => error.kind(),
            Self::DirtyTarget { .. } => ErrorKind::DirtyTarget,
            Self::Moved { .. } => ErrorKind::Moved,
            Self::Locked { .. } | Self::Busy { .. } => ErrorKind::Locked,
            Self::Unfinished { .. }
            | Self::NoIndex
            | Self::OtherIndex { .. }
            | Self::OtherJournal { .. }
            | Self::DamagedJournal { .. } => ErrorKind::Unfinished,
            Self::Interrupted { signal } => ErrorKind::Interrupted(*signal),
            Self::BadTarget { .. } => ErrorKind::BadTarget,
            Self::Refused { .. }
            | Self::NotCommitted
            | Self::EmptyMessage
            | Self::NothingToCommit => ErrorKind::Refused,
            Self::NoIdentity { .. } => ErrorKind::NoIdentity,
            Self::Signing { .. } => ErrorKind::Signing,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Write { .. } => ErrorKind::Io,
        }
    }

    /// The command that helps, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.hint(),
            Self::DirtyTarget { path, difference } => Some(match difference {
                Difference::Staged | Difference::Indexed => {
                    format!("git restore --staged -- '{path}'")
                }
                Difference::Untracked => format!("git clean -i -- '{path}'"),
                Difference::Deleted => format!("git restore -- '{path}'"),
                Difference::NotCheckedOut => {
                    format!("git sparse-checkout add '{}'", path.parent().unwrap_or_default())
                }
                _ => format!("git stash push -- '{path}'"),
            }),
            Self::Kept { paths, .. } => {
                let paths: Vec<String> = paths.iter().map(|path| format!("'{path}'")).collect();
                Some(format!("git restore -p -- {}", paths.join(" ")))
            }
            Self::Moved { .. } => Some("run the same command again".to_owned()),
            Self::Locked { owner: Some(owner), .. } => Some(format!("wait for {owner}")),
            Self::Locked { left_in: Some(there), .. } => Some(way_out::recover_there(there)),
            Self::Locked { path, .. } => Some(way_out::unlock(path)),
            Self::NoIndex => Some("git reset".to_owned()),
            Self::OtherIndex { index } if index == "index" => {
                Some("env -u GIT_INDEX_FILE git promote doctor --recover".to_owned())
            }
            Self::OtherIndex { index } => {
                Some(format!("GIT_INDEX_FILE='{index}' git promote doctor --recover"))
            }
            Self::Busy { .. } => Some("git promote doctor".to_owned()),
            Self::Unfinished { .. } => Some("git promote doctor --recover".to_owned()),
            Self::OtherJournal { .. } => {
                Some("git promote doctor --recover, with that version".to_owned())
            }
            Self::DamagedJournal { paths, .. } => match paths.first() {
                Some(path) => Some(format!("git diff HEAD -- '{path}'")),
                None => Some("git status".to_owned()),
            },
            Self::Interrupted { .. } => Some("git promote status".to_owned()),
            Self::NoIdentity { message } if is_of_the_name(message) => {
                Some("git config --global user.name \"Your Name\"".to_owned())
            }
            Self::NoIdentity { .. } => {
                Some("git config --global user.email \"you@example.com\"".to_owned())
            }
            Self::Signing { .. } => {
                Some("git config --get-regexp '^(gpg|user\\.signingkey)'".to_owned())
            }
            Self::BadTarget { path, .. } => Some(format!("git status -- '{path}'")),
            Self::Unsupported { .. } => Some("git status".to_owned()),
            Self::Write { message, .. } => Some(way_out_of(message).to_owned()),
            Self::NotCommitted => Some("run the same command again, and save a message".to_owned()),
            Self::Refused { .. } => {
                Some("--no-verify leaves the pre-commit and commit-msg hooks out".to_owned())
            }
            _ => None,
        }
    }
}

/// `a`, `b`
fn listed(paths: &[RepoPath]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}

/// What shows why the system refused to write.
fn way_out_of(message: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match () {
        () if says(&["Permission denied", "Operation not permitted"]) => {
            "ls -ld . \"$(git rev-parse --git-dir)\""
        }
        () if says(&["Read-only file system"]) => "findmnt -T .",
        () if says(&["No space left", "quota"]) => "df -h . && df -i .",
        () => "git status",
    }
}

/// The files that a person has to look at.
fn to_look_at(paths: &[RepoPath]) -> String {
    if paths.is_empty() { String::new() } else { format!("; look at {}", listed(paths)) }
}

/// Whether git's words on an identity are of the name in it alone.
fn is_of_the_name(message: &str) -> bool {
    message.contains("empty ident name") || message.contains("name consists only")
}

impl From<WorktreeError> for CommitError {
    fn from(error: WorktreeError) -> Self {
        let difference = match &error {
            WorktreeError::Changed { .. } => Some(Difference::WorkTree),
            WorktreeError::Exists { .. } => Some(Difference::Untracked),
            WorktreeError::Missing { .. } => Some(Difference::Deleted),
            _ => None,
        };
        let path = RepoPath::normalize(error.path()).unwrap_or_default();
        match (error, difference) {
            (_, Some(difference)) => Self::DirtyTarget { path, difference },
            (WorktreeError::Io { path, source }, _) => Self::write(format!("`{path}`"), source),
            (error, None) => Self::BadTarget { path, reason: error.reason() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::way_out_of;

    #[test]
    fn a_refusal_of_the_system_is_looked_at_where_it_is() {
        assert!(way_out_of("Permission denied (os error 13)").starts_with("ls -ld"));
        assert_eq!(way_out_of("Read-only file system (os error 30)"), "findmnt -T .");
        assert!(way_out_of("No space left on device (os error 28)").starts_with("df"));
        assert_eq!(way_out_of("odd"), "git status");
    }
}
