//! What became of a change that is no promotion.

use crate::model::Edit;

use super::{CommitLine, Ending, RequestLine};

/// A change of files, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// What changes in files.
    pub edits: Vec<Edit>,
    /// How it ended.
    pub ending: Ending,
    /// The commit, if one was made.
    pub commit: Option<CommitLine>,
    /// The branch; `None` where HEAD is detached.
    pub branch: Option<String>,
    /// The pull request, if there is one.
    pub request: Option<RequestLine>,
    /// The unified diff, where it was asked for.
    pub unified: Option<String>,
}

impl Delivered {
    /// Nothing that changes, on a branch.
    pub fn nothing(branch: Option<String>) -> Self {
        Self {
            dry_run: false,
            edits: Vec::new(),
            ending: Ending::Unchanged,
            commit: None,
            branch,
            request: None,
            unified: None,
        }
    }
}
