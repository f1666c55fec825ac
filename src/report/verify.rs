//! What `verify` found.

use crate::model::{AppId, EnvironmentName};

/// What is wrong between a record and the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// A version changed, and no record speaks of it.
    Unexplained,
    /// The subject is that of a promotion, and its record is gone.
    Lost,
    /// The record names an app that did not move.
    App,
    /// The record names another version.
    Version,
    /// The record names another version before.
    Previous,
    /// The record names another environment.
    Environment,
    /// The record names another digest.
    Digest,
    /// The record names other environments before, or a commit that is not in
    /// the history.
    Source,
    /// The id is not that of what moved.
    Id,
    /// A rule was waived that must not be waived there.
    Override,
    /// It says that it goes back, and does not.
    Rollback,
    /// The record says that a rule passed, which refuses.
    Gate,
    /// The signature is not what it should be.
    Signature,
    /// The config is gone, or cannot be read any more.
    Config,
}

impl Flaw {
    /// The word for it in every form of output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unexplained => "unexplained",
            Self::Lost => "lost",
            Self::App => "app",
            Self::Version => "version",
            Self::Previous => "previous",
            Self::Environment => "environment",
            Self::Digest => "digest",
            Self::Source => "source",
            Self::Id => "id",
            Self::Override => "override",
            Self::Rollback => "rollback",
            Self::Gate => "gate",
            Self::Signature => "signature",
            Self::Config => "config",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyRow {
    /// The full id of the commit.
    pub commit: String,
    /// Its time, seconds since the epoch.
    pub time: i64,
    /// What is wrong.
    pub flaw: Flaw,
    /// The app, where it is about one.
    pub app: Option<AppId>,
    /// The environment, where it is about one.
    pub environment: Option<EnvironmentName>,
    /// What the record says, and what is.
    pub message: String,
}

/// A commit that changes the config so that more is let through, or other places
/// are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigTurn {
    /// The full id of the commit.
    pub commit: String,
    /// Its time, seconds since the epoch.
    pub time: i64,
    /// What is other now, in words.
    pub changes: Vec<String>,
}

/// How many signatures are what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signatures {
    /// Commits whose signature is good.
    pub good: usize,
    /// Commits whose signature cannot be checked here.
    pub unchecked: usize,
    /// Commits without one.
    pub none: usize,
    /// Commits whose signature is bad.
    pub bad: usize,
}

/// What `verify` found in a range of the history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// The range as it was asked for.
    pub range: String,
    /// How many first-parent commits were looked at.
    pub commits: usize,
    /// How many of them lie before the config was there, and were not.
    pub before_config: usize,
    /// The full ids of those behind a commit whose config is gone or cannot be
    /// read, which were looked at by the last one that could; newest first.
    pub without_config: Vec<String>,
    /// How many versions changed.
    pub changes: usize,
    /// How many records there are.
    pub records: usize,
    /// How many of these stand in the text of a squash.
    pub in_text: usize,
    /// How many were judged on a commit that is not in the history, and fit what
    /// moved all the same.
    pub rewritten: usize,
    /// Changes without a record that are none of its business: into an
    /// environment that has none before it.
    pub unrecorded: usize,
    /// Changes without a record that came together with the environments before,
    /// as the config lets them.
    pub together: usize,
    /// Changes without a record of apps that are not judged (`policy = "off"`).
    pub policy_off: usize,
    /// The commits since which the config lets more through, newest first.
    pub config_turns: Vec<ConfigTurn>,
    /// The signatures of the commits with versions or records.
    pub signatures: Signatures,
    /// What is wrong, newest first.
    pub rows: Vec<VerifyRow>,
}
