//! Which way a promotion goes: a flag says, else its environment, else the
//! config; never which credentials happen to be there.

use crate::config::Config;
use crate::model::{Deliver, EnvironmentName};

use super::args::CommonArgs;

/// Which way a promotion goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Way {
    /// A commit on the current branch.
    Commit,
    /// Files of the work tree.
    Worktree,
    /// A commit on top of the base branch of the remote, pushed to it.
    Push,
    /// The same on a branch of its own, with a pull request.
    Pr,
}

impl Way {
    /// The way that a flag names.
    pub(in super::super) fn flagged(args: &CommonArgs) -> Option<Self> {
        let flags = [
            (args.worktree, Self::Worktree),
            (args.commit, Self::Commit),
            (args.push, Self::Push),
            (args.pr, Self::Pr),
        ];
        flags.into_iter().find(|(given, _)| *given).map(|(_, way)| way)
    }

    /// The way of a promotion into an environment.
    pub(in super::super) fn of(args: &CommonArgs, config: &Config, to: &EnvironmentName) -> Self {
        let own = config.environment(to.as_str()).and_then(|e| e.delivery.deliver);
        Self::flagged(args).unwrap_or(match own.unwrap_or(config.delivery.deliver) {
            Deliver::Commit => Self::Commit,
            Deliver::Push => Self::Push,
            Deliver::Pr => Self::Pr,
        })
    }

    /// Whether it leaves work tree and index alone.
    pub(in super::super) fn is_aside(self) -> bool {
        matches!(self, Self::Push | Self::Pr)
    }
}
