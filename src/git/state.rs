//! Where a repository stands: HEAD, unfinished operations, upstream.

use std::fmt;

use gix::ObjectId;

use super::{GitError, Repository, tree};

/// Where HEAD points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The branch, short (`main`); `None` where HEAD is detached.
    pub branch: Option<String>,
    /// The commit; `None` on a branch without commits.
    pub commit: Option<ObjectId>,
}

/// An operation of git that has to be finished first. A bisect is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `git merge`
    Merge,
    /// `git rebase`
    Rebase,
    /// `git cherry-pick`
    CherryPick,
    /// `git revert`
    Revert,
    /// `git am`
    Am,
}

impl Operation {
    /// The git command that ends it.
    pub fn way_out(self) -> &'static str {
        match self {
            Self::Merge => "git merge --continue",
            Self::Rebase => "git rebase --continue",
            Self::CherryPick => "git cherry-pick --continue",
            Self::Revert => "git revert --continue",
            Self::Am => "git am --continue",
        }
    }
}

impl fmt::Display for Operation {
    /// The words of `git commit -- path`; for revert and am, which git lets
    /// through, the same sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article_and_name = match self {
            Self::Merge => "a merge",
            Self::Rebase => "a rebase",
            Self::CherryPick => "a cherry-pick",
            Self::Revert => "a revert",
            Self::Am => "an am session",
        };
        write!(f, "cannot do a partial commit during {article_and_name}.")
    }
}

/// The upstream of the current branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its short name, such as `origin/main`.
    pub name: String,
    /// Commits of ours that it does not have.
    pub ahead: usize,
    /// Commits of it that we do not have.
    pub behind: usize,
}

impl Repository {
    /// Where HEAD points now; read anew at each call.
    pub fn head(&self) -> Result<Head, GitError> {
        let head = self.gix.head().map_err(|error| GitError::read("HEAD", error))?;
        let branch = head.referent_name().map(|name| name.shorten().to_string());
        let named = head.id().map(gix::Id::detach);
        let commit = head.try_into_peeled_id().map_err(|error| match named {
            Some(id) => tree::unreadable(&self.gix, ("commit", id), &error),
            None => GitError::read("HEAD", error),
        });
        let commit = commit?.map(gix::Id::detach);
        Ok(Head { branch, commit })
    }

    /// The operation that has to be finished before a commit, if there is one.
    ///
    /// A bisect does not count; but gix names one state only, so a revert that
    /// was begun during a bisect is looked for as well.
    pub fn operation_in_progress(&self) -> Option<Operation> {
        use gix::state::InProgress;
        match self.gix.state()? {
            InProgress::ApplyMailbox | InProgress::ApplyMailboxRebase => Some(Operation::Am),
            InProgress::CherryPick | InProgress::CherryPickSequence => Some(Operation::CherryPick),
            InProgress::Merge => Some(Operation::Merge),
            InProgress::Rebase | InProgress::RebaseInteractive => Some(Operation::Rebase),
            InProgress::Revert | InProgress::RevertSequence => Some(Operation::Revert),
            InProgress::Bisect => {
                self.git_dir().join("REVERT_HEAD").is_file().then_some(Operation::Revert)
            }
        }
    }

    /// How far the current branch and its upstream are apart; `None` where
    /// there is no upstream, or it was never fetched.
    pub fn upstream_state(&self) -> Result<Option<Upstream>, GitError> {
        let Some((name, upstream)) = self.upstream_tip()? else {
            return Ok(None);
        };
        let Some(ours) = self.head()?.commit else {
            return Ok(None);
        };
        if ours == upstream {
            return Ok(Some(Upstream { name, ahead: 0, behind: 0 }));
        }
        let ahead = self.count_missing(ours, upstream)?;
        let behind = self.count_missing(upstream, ours)?;
        Ok(Some(Upstream { name, ahead, behind }))
    }

    /// Short name and tip of the upstream of the current branch.
    pub fn upstream_tip(&self) -> Result<Option<(String, ObjectId)>, GitError> {
        let Some(branch) = self.gix.head_name().map_err(|error| GitError::read("HEAD", error))?
        else {
            return Ok(None);
        };
        let tracking = self
            .gix
            .branch_remote_tracking_ref_name(branch.as_ref(), gix::remote::Direction::Fetch);
        let Some(Ok(tracking)) = tracking else {
            return Ok(None);
        };
        let name = tracking.shorten().to_string();
        let found = self.gix.try_find_reference(tracking.as_ref());
        let Some(mut reference) = found.map_err(|error| GitError::read(name.clone(), error))?
        else {
            return Ok(None);
        };
        let tip = reference.peel_to_id().map_err(|error| GitError::read(name.clone(), error))?;
        Ok(Some((name, tip.detach())))
    }

    /// How many commits `tip` has that `other` has not.
    fn count_missing(&self, tip: ObjectId, other: ObjectId) -> Result<usize, GitError> {
        let walk = self.gix.rev_walk([tip]).with_hidden([other]).all();
        let walk = walk.map_err(|error| GitError::read(tip.to_string(), error))?;
        let mut count = 0;
        for step in walk {
            step.map_err(|error| GitError::read(tip.to_string(), error))?;
            count += 1;
        }
        Ok(count)
    }

    /// The names of the remotes, sorted.
    pub fn remote_names(&self) -> Vec<String> {
        self.gix.remote_names().iter().map(ToString::to_string).collect()
    }
}
