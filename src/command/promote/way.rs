//! Which way a promotion goes: a flag says, else its environment, else the
//! config; never which credentials happen to be there.

use crate::config::Config;
use crate::model::{Deliver, EnvironmentName, quoted};

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

/// A command that promotes, to go the way that the flags of this one name;
/// another command is left as it is. `program` is what it begins with.
pub(super) fn the_same_way(args: &CommonArgs, program: &str, command: String) -> String {
    let words = command.strip_prefix(program).map(str::trim_start);
    let verb = words.and_then(|words| words.split(' ').next()).unwrap_or_default();
    if !verb.contains('@') && verb != "rollback" {
        return command;
    }
    // A command that names its own way goes that way.
    let own = ["--worktree", "--push", "--pr", "--commit"];
    let named = command.split(' ').any(|word| own.contains(&word));
    let flag = match Way::flagged(args).filter(|_| !named) {
        Some(Way::Worktree) => " --worktree",
        Some(Way::Push) => " --push",
        Some(Way::Pr) => " --pr",
        Some(Way::Commit) | None => "",
    };
    let valued = |name: &str, value: Option<&String>| {
        value.map(|value| format!(" {name} {}", quoted(value))).unwrap_or_default()
    };
    let remote = valued("--remote", args.remote.as_ref());
    let base = valued("--base", args.base.as_ref());
    format!("{command}{flag}{remote}{base}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_promotions_go_the_same_way() {
        let args = CommonArgs { pr: true, remote: Some("a b".to_owned()), ..CommonArgs::default() };
        let same = |command: &str| the_same_way(&args, "git promote", command.to_owned());
        let to = "git promote web@v1 staging";
        assert_eq!(same(to), format!("{to} --pr --remote 'a b'"));
        assert_eq!(
            same("git promote rollback dev web"),
            "git promote rollback dev web --pr --remote 'a b'"
        );
        for other in ["git promote why web dev v1", "git fetch", "git promote explain GP001"] {
            assert_eq!(same(other), other);
        }
        let push =
            CommonArgs { push: true, base: Some("main".to_owned()), ..CommonArgs::default() };
        let asked = format!("{to} --pr");
        let own = the_same_way(&push, "git promote", asked.clone());
        assert_eq!(own, format!("{asked} --base main"));
        let plain = CommonArgs::default();
        assert_eq!(the_same_way(&plain, "git promote", to.to_owned()), to);
    }
}
