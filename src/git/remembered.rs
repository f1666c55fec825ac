//! The first-parent line to the first commit, looked at once and kept in
//! memory, for whoever asks many commits of it for their past.

use std::collections::HashMap;
use std::sync::Arc;

use gix::ObjectId;

use super::history::{HistoryCommit, Interest, Step};
use super::tree_diff::BlobSides;
use super::{GitError, Repository, walk};
use crate::model::RepoPath;

/// What was seen of the line, newest first.
#[derive(Debug)]
pub(super) struct Remembered {
    commits: Vec<Seen>,
    places: HashMap<ObjectId, usize>,
}

#[derive(Debug)]
struct Seen {
    step: Step,
    changed: Vec<(RepoPath, BlobSides)>,
}

impl Repository {
    /// The same repository, which looks at the commits from `tip` on once and
    /// for all.
    pub fn remembering(&self, tip: ObjectId) -> Result<Self, GitError> {
        let mut commits = Vec::new();
        let mut places = HashMap::new();
        for commit in walk(self, tip, Interest::everything())?.with_unchanged() {
            let HistoryCommit { id, parent, tree, seconds, changed, blobs, .. } = commit?;
            places.insert(id, commits.len());
            let changed = changed.into_iter().zip(blobs).collect();
            commits.push(Seen { step: Step { id, parent, tree, seconds }, changed });
        }
        let mut remembering = self.clone();
        remembering.line = Some(Arc::new(Remembered { commits, places }));
        Ok(remembering)
    }
}

/// The paths of interest that a commit changed, and what they held.
type Changes = (Vec<RepoPath>, Vec<BlobSides>);

impl Remembered {
    fn seen(&self, id: ObjectId) -> Option<&Seen> {
        self.commits.get(*self.places.get(&id)?)
    }

    /// What a commit changed, where that is remembered.
    pub(super) fn recall(&self, id: ObjectId, interest: &Interest) -> Option<Changes> {
        let changed = self.seen(id)?.changed.iter();
        let of_interest = changed.filter(|(path, _)| interest.covers(path.as_str()));
        Some(of_interest.cloned().unzip())
    }

    /// What is known of a commit beside its changes.
    pub(super) fn step(&self, id: ObjectId) -> Option<Step> {
        Some(self.seen(id)?.step)
    }
}
