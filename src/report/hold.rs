//! What became of a hold.

use crate::config::Hold;

use super::Delivered;

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
    /// The hold that came or went, or those that there are.
    pub holds: Vec<Hold>,
    /// What changes in files.
    pub change: Delivered,
    /// The time that it was asked at, seconds since the epoch.
    pub now: i64,
}
