//! What became of a hold.

use crate::config::Hold;
use crate::model::Edit;

use super::{CommitLine, Ending, RequestLine};

/// What is done with holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldAction {
    /// An app stays where it is.
    Hold,
    /// It goes on.
    Resume,
    /// What is held is told.
    List,
}

/// What `hold` and `resume` did or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldReport {
    /// What was done.
    pub action: HoldAction,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// The hold that came or went, or those that there are.
    pub holds: Vec<Hold>,
    /// What changes in files.
    pub edits: Vec<Edit>,
    /// How it ended.
    pub ending: Ending,
    /// The commit that was made.
    pub commit: Option<CommitLine>,
    /// The branch; `None` where HEAD is detached.
    pub branch: Option<String>,
    /// The pull request.
    pub request: Option<RequestLine>,
    /// The unified diff, where it was asked for.
    pub unified: Option<String>,
    /// The time that it was asked at, seconds since the epoch.
    pub now: i64,
}
