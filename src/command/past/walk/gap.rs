//! Whether what was seen goes on from commit to commit without a gap. What a
//! record hides shows here: the files do not lead from where they began to
//! where they are now.

use std::collections::HashMap;

use crate::git::{BlobSides, ObjectId, TreeSnapshot};
use crate::model::RepoPath;

use super::super::super::Failure;
use super::{Blob, Group, Known, Walk};

/// Which blob each file has at the commit that is looked at, as the newer
/// commits leave it.
#[derive(Default)]
pub(super) struct Chain {
    blobs: HashMap<RepoPath, Blob>,
    /// Which blob each of them has in the end.
    newest: HashMap<RepoPath, Option<ObjectId>>,
    /// Whether somewhere two changes of a file do not go on from one another.
    broken: bool,
}

impl Chain {
    /// A commit that was looked at makes the second blob of the first.
    pub(super) fn goes_on(&mut self, path: &RepoPath, (old, new): BlobSides) {
        let after = self.blobs.insert(path.clone(), Blob::Is(old));
        self.newest.entry(path.clone()).or_insert(new);
        self.broken |= matches!(after, Some(Blob::Is(known)) if known != new);
    }

    /// Which blob a file is at the commit that the walk is at; `None` where no
    /// newer commit changed it.
    pub(super) fn blob(&self, path: &RepoPath) -> Option<Blob> {
        self.blobs.get(path).copied()
    }

    /// A commit that was not looked at changes a file that is, in the end, what
    /// `known` says, unless a newer commit told.
    pub(super) fn is_told(&mut self, path: &RepoPath, known: Blob) {
        if let Some(blob) = self.blobs.get_mut(path) {
            *blob = Blob::Unseen;
            return;
        }
        if let Blob::Is(newest) = known {
            self.newest.entry(path.clone()).or_insert(newest);
        }
        self.blobs.insert(path.clone(), Blob::Unseen);
    }
}

impl Walk<'_, '_, '_> {
    /// Before a commit is looked at: what records told that its files hold
    /// after it is held against what they do hold.
    pub(super) fn see(&mut self, group: &Group) -> Result<(), Failure> {
        for (path, (_, new)) in &group.files {
            let told = self.known.get(path).filter(|known| known.blob == Blob::Unseen);
            let Some(told) = told.map(|known| known.contents.clone()) else { continue };
            let contents = self.read(&group.overlay, path, *new)?;
            self.chain.broken |= contents != told;
            let seen = Known { blob: Blob::Is(*new), contents };
            self.known.insert(path.clone(), seen);
        }
        Ok(())
    }

    /// Whether a commit that was not looked at changed a file that is wanted
    /// otherwise than its record says: the changes do not go on from one
    /// another, do not lead to what is there now, or do not begin where the
    /// file did. `oldest` is the commit at which the walk ended early.
    pub(in crate::command::past) fn has_gap(
        &mut self,
        oldest: Option<ObjectId>,
    ) -> Result<bool, Failure> {
        if self.chain.broken {
            return Ok(true);
        }
        let now = self.standing()?.now();
        for (path, blob) in &self.chain.newest {
            if now.id(path)? != *blob {
                return Ok(true);
            }
        }
        let start = oldest.map(|oldest| self.ground.repo.snapshot(oldest)).transpose()?;
        let at_start = |path: &RepoPath| {
            start.as_ref().map(|start| start.id(path)).transpose().map(Option::flatten)
        };
        for (path, blob) in &self.chain.blobs {
            let first = at_start(path)?;
            let same = match blob {
                Blob::Is(blob) => first == *blob,
                Blob::Unseen => self.holds_what_was_told(path, first)?,
            };
            if !same {
                return Ok(true);
            }
        }
        self.has_unseen(&now, start.as_ref())
    }

    fn holds_what_was_told(
        &self,
        path: &RepoPath,
        blob: Option<ObjectId>,
    ) -> Result<bool, Failure> {
        let standing = self.standing.as_ref().and_then(|standing| standing.overlay_of(path));
        let (Some(overlay), Some(known)) = (standing, self.known.get(path)) else {
            return Ok(false);
        };
        Ok(self.read(&overlay, path, blob)? == known.contents)
    }

    /// Whether a file is there now that no commit was seen to bring.
    fn has_unseen(
        &mut self,
        now: &TreeSnapshot,
        start: Option<&TreeSnapshot>,
    ) -> Result<bool, Failure> {
        let standing = self.standing()?;
        let mut overlays: Vec<_> = standing.overlays().collect();
        overlays.retain(|overlay| self.wants(overlay));
        for overlay in &overlays {
            for path in self.files_of(overlay)?.iter() {
                let seen = self.chain.newest.contains_key(path);
                let old = || start.map(|start| start.id(path)).transpose().map(Option::flatten);
                if !seen && old()? != now.id(path)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
