//! Why a command failed: exit code, message and the way out, in one place.

use crate::config::ConfigError;
use crate::forge::ForgeError;
use crate::gate::Silence;
use crate::git::{CommitError, GitError, RemoteError};
use crate::kustomize::EditError;
use crate::model::{Cause, SnapshotError, VersionError, nearest, quoted};
use crate::plan::PlanError;
use crate::worktree::WorktreeError;

/// The documented exit codes, the same for every output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// The answer is "differs" or "found".
    Differs = 1,
    /// The command was not understood.
    Usage = 2,
    /// A rule refused.
    Refused = 3,
    /// A forge or remote does not let us in.
    Auth = 4,
    /// Something named is not there.
    NotFound = 5,
    /// Something else is in the way; a retry may help.
    Conflict = 6,
    /// A forge or remote cannot be reached now; a retry may help.
    Unavailable = 7,
    /// Input or config that cannot be used.
    Invalid = 8,
    /// Done in part; the hint continues.
    Partly = 9,
    /// A bug of this program.
    Bug = 70,
    /// Git refused.
    Git = 128,
    /// The terminal went away before anything was changed.
    HungUp = 129,
    /// Interrupted before anything was changed.
    Interrupted = 130,
    /// The reader of the output went away.
    ClosedPipe = 141,
    /// Told to end before anything was changed.
    Terminated = 143,
}

impl Exit {
    /// Where nothing but a silence is in the way.
    pub(super) fn of_silence(cause: Cause) -> Self {
        match cause {
            Cause::Passing => Self::Unavailable,
            Cause::Closed => Self::Auth,
            Cause::Broken => Self::Invalid,
        }
    }
}

/// A command that did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What, where and why; lower case, no full stop.
    pub message: String,
    /// Commands that help.
    pub hints: Vec<String>,
    /// Whether somebody else was quicker, and the same may be tried again.
    pub lost_race: bool,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new(), lost_race: false }
    }

    /// The command was not understood.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something named is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }

    /// The same as the silence of whom it was to be heard from.
    pub(super) fn silence(self) -> Silence {
        let cause = match self.exit {
            Exit::Auth => Cause::Closed,
            Exit::Invalid | Exit::Usage => Cause::Broken,
            _ => Cause::Passing,
        };
        Silence { message: self.message, hint: self.hints.into_iter().next(), cause }
    }

    /// Adds a command that helps.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a hint if there is one.
    #[must_use]
    pub fn maybe_hint(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

/// What of git's own exit codes we use.
pub(super) fn git_exit(code: u8) -> Exit {
    match code {
        2 => Exit::Usage,
        3 => Exit::Refused,
        4 => Exit::Auth,
        5 => Exit::NotFound,
        6 => Exit::Conflict,
        7 => Exit::Unavailable,
        8 => Exit::Invalid,
        9 => Exit::Partly,
        129 => Exit::HungUp,
        130 => Exit::Interrupted,
        143 => Exit::Terminated,
        _ => Exit::Git,
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let hint = match error {
            GitError::NotARepository => Some("git promote demo".to_owned()),
            _ => error.hint(),
        };
        Self::new(git_exit(error.kind().exit_code()), error.to_string()).maybe_hint(hint)
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        let lost_race = matches!(error, CommitError::Moved { .. });
        let failure = Self::new(git_exit(error.kind().exit_code()), error.to_string());
        Self { lost_race, ..failure.maybe_hint(error.hint()) }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::new(git_exit(error.exit_code()), error.to_string()).maybe_hint(error.hint())
    }
}

impl From<ForgeError> for Failure {
    fn from(error: ForgeError) -> Self {
        let hint = match error.exit_code() {
            4 => Some("export GIT_PROMOTE_TOKEN=TOKEN"),
            8 => Some("git promote config show"),
            _ => None,
        };
        Self::new(git_exit(error.exit_code()), error.to_string()).maybe_hint(hint)
    }
}

impl From<WorktreeError> for Failure {
    fn from(error: WorktreeError) -> Self {
        let exit = match error {
            WorktreeError::Changed { .. } | WorktreeError::Exists { .. } => Exit::Conflict,
            _ => Exit::Invalid,
        };
        Self::new(exit, error.to_string()).hint("git status")
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Invalid, error.to_string()).hint(error.hint())
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        match &error.fetch {
            // It may be that nothing is wrong but that it is not here.
            Some(fetch) => Self::not_found(error.to_string()).hint(fetch),
            None => Self::new(Exit::Invalid, error.to_string()).hint("git fsck"),
        }
    }
}

impl From<VersionError> for Failure {
    fn from(error: VersionError) -> Self {
        Self::new(Exit::Invalid, error.to_string()).hint("git promote v1.2.3 staging")
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let exit = if error.is_not_found() { Exit::NotFound } else { Exit::Invalid };
        Self::new(exit, error.to_string()).maybe_hint(error.hint())
    }
}

/// With more ways than this only the first are shown.
const HINTS: usize = 5;

/// The image that was meant: one that matches where a pattern was given, else
/// the nearest by the last segment of its name, else the first.
fn near_image<'a>(asked: &str, known: &'a [String]) -> Option<&'a String> {
    let last = |image: &'a String| image.rsplit('/').next().unwrap_or(image);
    let pattern = globset::Glob::new(asked).ok().map(|glob| glob.compile_matcher());
    let matches = |image: &&String| pattern.as_ref().is_some_and(|glob| glob.is_match(image));
    let asked = asked.rsplit('/').next().unwrap_or(asked);
    let near = nearest(asked, known.iter().map(last));
    let by_name = || known.iter().find(|image| Some(last(image)) == near);
    known.iter().find(matches).or_else(by_name).or(known.first())
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let message = error.to_string();
        match error {
            PlanError::Edit(error) => error.into(),
            PlanError::Snapshot(error) => error.into(),
            PlanError::Missing { create: Some(version), app, environment, .. } => {
                let command = format!("git promote {} {environment} --create", app.at(&version));
                Self::not_found(message).hint(command)
            }
            PlanError::Missing { app, .. }
            | PlanError::NotThere { app, .. }
            | PlanError::Elsewhere { app, .. } => {
                Self::not_found(message).hint(format!("git promote status {}", app.word()))
            }
            PlanError::UnknownImage { app, image, known } => {
                let near =
                    near_image(&image, &known).map(|near| format!("--image {}", quoted(near)));
                Self::not_found(message)
                    .maybe_hint(near)
                    .hint(format!("git promote status {} -o wide", app.word()))
            }
            PlanError::TwoVersions { app, environment, versions } => Self::usage(message)
                .hint(format!("git promote {} {environment}", app.at(&versions.0))),
            PlanError::SeveralImages { app, environment, images, version, .. } => {
                let command = |image: &String| {
                    let word = app.at(version.as_ref());
                    format!("git promote {word} {environment} --image {}", quoted(image))
                };
                let hints = images.iter().take(HINTS).map(command).collect();
                Self { hints, ..Self::usage(message) }
            }
            PlanError::Unclear { app, .. } => Self::new(Exit::Invalid, message)
                .hint(format!("git promote status {} -o wide", app.word())),
            PlanError::Unreadable { path, .. } | PlanError::Untouchable { path, .. } => {
                Self::new(Exit::Invalid, message).hint(format!("git log -1 -- {path}"))
            }
        }
    }
}
