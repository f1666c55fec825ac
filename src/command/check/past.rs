//! What the history says of a change: whether an app that is new was there
//! before.

use std::collections::BTreeSet;

use crate::git::{self, Interest, ObjectId, Repository};
use crate::model::{RepoPath, Snapshot};
use crate::proof::{self, Fresh, Proof};

use super::judge::Stop;

/// Where the past is read.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) repo: &'a Repository,
    pub(super) base: ObjectId,
    pub(super) proof: &'a Proof,
}

impl Ground<'_> {
    /// Overlays of apps that are new, where these, or images of the app, were
    /// there at some time.
    pub(super) fn returned(&self) -> Result<Vec<RepoPath>, Stop> {
        let Some(base) = self.repo.commit_of(self.base)? else { return Ok(Vec::new()) };
        let fresh = &self.proof.fresh;
        let overlays = || fresh.iter().flat_map(|fresh| fresh.overlays.iter().cloned());
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted: Vec<(&Fresh, BTreeSet<&str>)> =
            fresh.iter().map(|fresh| (fresh, self.arriving(fresh))).collect();
        wanted.retain(|(_, repositories)| !repositories.is_empty());
        let mut found = Vec::new();
        let interest = match wanted.as_slice() {
            [] => Interest::below(overlays()),
            _ => Interest::everything(),
        };
        for commit in git::walk(self.repo, base, interest)? {
            let commit = commit?;
            let was =
                |overlay: &RepoPath| commit.changed.iter().any(|path| path.is_within(overlay));
            found.extend(overlays().filter(was));
            let (Some(parent), false) = (commit.parent, wanted.is_empty()) else { continue };
            let before = self.repo.snapshot(parent)?;
            for path in &commit.changed {
                let Some(bytes) = before.read(path)? else { continue };
                wanted.retain(|(fresh, repositories)| {
                    let known = repositories.iter().any(|name| proof::names_image(&bytes, name));
                    if known {
                        found.extend(fresh.overlays.iter().cloned());
                    }
                    !known
                });
            }
        }
        Ok(found)
    }

    /// The images that arrive with a new app in an environment and in those
    /// before it, and that nothing else has now.
    fn arriving<'f>(&'f self, fresh: &Fresh) -> BTreeSet<&'f str> {
        let of_it = |entering: &&proof::Entering| {
            entering.app == fresh.app
                && !fresh.elsewhere.contains_key(&entering.repository)
                && entering.from.iter().all(|vouch| vouch.gets)
        };
        let entering = self.proof.entering.iter().filter(of_it);
        entering.map(|entering| entering.repository.as_str()).collect()
    }
}
