//! The branch of a request: what it holds already, what is pushed to it, and
//! whether it still holds that in the end.

use crate::git::{Expect, ObjectId, PushHow, RemoteError, Tip};
use crate::model::RepoPath;
use crate::report::{CommitLine, PromotionReport};

use super::super::Failure;
use super::Promoting;
use super::aside::{made, raced};
use super::request::Step;

/// What a branch of ours holds.
#[derive(Default)]
pub(super) struct There {
    tip: Option<ObjectId>,
    pub(super) kept: Option<Kept>,
}

/// A commit that stays.
pub(super) struct Kept {
    id: ObjectId,
    pub(super) base: ObjectId,
}

impl Step<'_> {
    /// What the branch holds. A commit with the same change stays, and with it
    /// what was approved: where a request is open, or on the very base. One that
    /// was merged or given up before is no part of a new request.
    pub(super) fn there(&self, open: bool) -> Result<There, Failure> {
        let workspace = self.promoting.workspace;
        let remote = &self.destination.remote;
        let found = workspace.repo.list_remote(&remote.push_name, &[&self.branch])?;
        let Some(id) = found.tip(&self.branch) else { return Ok(There::default()) };
        let tip = workspace.repo.fetch(remote, &Tip { branch: self.branch.clone(), id })?;
        let parent = self.unchanged(tip.id)?;
        let stays = |parent: &ObjectId| *parent == workspace.base || (open && !self.holds(tip.id));
        let kept = parent.filter(stays).map(|base| Kept { id: tip.id, base });
        Ok(There { tip: Some(id), kept })
    }

    /// Whether the base has a commit already: it was merged.
    fn holds(&self, commit: ObjectId) -> bool {
        let workspace = self.promoting.workspace;
        workspace.repo.is_ancestor(commit, workspace.base).unwrap_or(true)
    }

    /// Puts the commit on the branch, unless it holds the same change already.
    pub(super) fn push(
        &self,
        report: &mut PromotionReport,
        branch: &There,
        options: &[String],
    ) -> Result<(), Failure> {
        let Promoting { workspace, args, .. } = self.promoting;
        if let Some(kept) = &branch.kept {
            let subject = workspace.repo.subject(kept.id)?;
            report.commit = Some(CommitLine { id: kept.id.to_string(), subject });
            return Ok(());
        }
        let letter = self.promoting.letter(report)?;
        let commit = made(workspace, &letter, self.approved, report)?;
        let expect = Expect::Exactly(branch.tip);
        let how = PushHow { expect, verify: !args.no_verify, options };
        let name = self.destination.remote.push_name.as_str();
        workspace.repo.push(name, (&self.branch, commit), how).map_err(raced)?;
        report.remote = Some(self.destination.remote.pushed_to());
        Ok(())
    }

    /// The parent of a commit that changes on it just what the plan changes on
    /// the base.
    fn unchanged(&self, commit: ObjectId) -> Result<Option<ObjectId>, Failure> {
        let repo = &self.promoting.workspace.repo;
        let [parent] = repo.parents(commit)?[..] else { return Ok(None) };
        if !repo.has(parent) {
            return Ok(None);
        }
        let change = crate::git::moved(repo, parent, commit)?;
        let files = &self.approved.plan().files;
        let mut paths: Vec<&RepoPath> = files.iter().map(|file| &file.path).collect();
        paths.sort();
        if !change.changed.iter().eq(paths) || change.odd_names > 0 {
            return Ok(None);
        }
        for file in files {
            use crate::model::Snapshot as _;
            let (old, new) = (change.before.read(&file.path)?, change.after.read(&file.path)?);
            if old != file.old || new.as_deref() != file.after() {
                return Ok(None);
            }
        }
        Ok(Some(parent))
    }

    /// What the text says is what the branch holds: where somebody renewed the
    /// branch in the meantime, all of it is planned again.
    pub(super) fn is_still_ours(&self, report: &PromotionReport) -> Result<(), Failure> {
        let remote = &self.destination.remote.push_name;
        let repo = &self.promoting.workspace.repo;
        // What cannot be asked is not known to be otherwise.
        let Ok(listing) = repo.list_remote(remote, &[&self.branch]) else { return Ok(()) };
        let there = listing.tip(&self.branch).map(|id| id.to_string());
        if there.is_none() || there.as_ref() == report.commit.as_ref().map(|commit| &commit.id) {
            return Ok(());
        }
        Err(raced(RemoteError::Lost {
            remote: self.destination.remote.name.clone(),
            branch: self.branch.clone(),
            message: "somebody else renewed the branch".to_owned(),
        }))
    }
}
