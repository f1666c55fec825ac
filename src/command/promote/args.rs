//! What can be said to `promote`, as it is typed.

use std::path::PathBuf;

use clap::Args;

use crate::model::Rule;

/// Promote a version into an environment.
#[derive(Debug, Clone, Default, Args)]
pub struct PromoteArgs {
    /// [APP@]VERSION... ENV, or FROM ENV, or ENV alone
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// The flags of every form
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Promote into an environment whatever its name is.
#[derive(Debug, Clone, Args)]
pub struct ToArgs {
    /// The environment to promote into
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The version; without it, whatever the environment before runs
    #[arg(long, value_name = "VERSION", conflicts_with = "from")]
    pub version: Option<String>,
    /// Promote whatever this environment runs
    #[arg(long, value_name = "ENV")]
    pub from: Option<String>,
    /// The flags of every form
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Go back to the version before, or to one that is named.
///
/// Without a version: to the one that ran before and was not itself gone back
/// from, with all images of the app that moved together. The rules that apply to
/// going back do, and the record says that it is one. On a terminal it asks once.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The environment that goes back
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The version to go back to, as VERSION or APP@VERSION; without it, the one
    /// that ran before and was not itself gone back from
    #[arg(value_name = "[APP@]VERSION")]
    pub words: Vec<String>,
    /// Go back by so many versions instead of one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "set")]
    pub steps: Option<u16>,
    /// Take back all that one promotion moved: its Promote-Id, or its commit; apps
    /// that are named are the part of it that goes back
    #[arg(long, value_name = "ID")]
    pub set: Option<String>,
    /// The flags of every form
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What every form of a promotion takes.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct CommonArgs {
    /// Only apps that match this glob (repeatable)
    #[arg(short = 'a', long = "app", value_name = "GLOB", help_heading = "Which apps and images")]
    pub apps: Vec<String>,
    /// Only apps of the groups that match this glob (repeatable)
    #[arg(
        short = 'g',
        long = "group",
        value_name = "GLOB",
        help_heading = "Which apps and images"
    )]
    pub groups: Vec<String>,
    /// Every app
    #[arg(short = 'A', long, help_heading = "Which apps and images")]
    pub all: bool,
    /// Only overlays whose layout name has this value, such as cell=canary
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Which apps and images")]
    pub select: Vec<String>,
    /// Only this image of the app (repeatable)
    #[arg(long = "image", value_name = "NAME", help_heading = "Which apps and images")]
    pub images: Vec<String>,
    /// Make the `images:` entry or the overlay that the environment lacks
    #[arg(long, help_heading = "Which apps and images")]
    pub create: bool,
    /// Let a digest in the target go where the new version has none
    #[arg(long, help_heading = "Which apps and images")]
    pub drop_digest: bool,
    /// Pin the digest that the registry has for the tag
    #[arg(long, help_heading = "Which apps and images")]
    pub pin: bool,

    /// Waive a rule, with --reason (repeatable)
    #[arg(long = "override", value_name = "RULE", help_heading = "Rules")]
    pub overrides: Vec<Rule>,
    /// Why the rules are waived
    #[arg(long, value_name = "TEXT", requires = "overrides", help_heading = "Rules")]
    pub reason: Option<String>,

    /// Go back: the environment ran the version at some time, and did not go back
    /// from it; the record says so
    #[arg(long, help_heading = "Rules")]
    pub rollback: bool,

    /// Whether nobody is asked outside of the repository; said by `why`.
    #[arg(skip)]
    pub offline: bool,

    /// The preview that a version is set for in place; said by `preview create`.
    #[arg(skip)]
    pub preview: Option<String>,

    /// Commit on the current branch (the default, unless promote.toml says otherwise)
    #[arg(long, group = "way", help_heading = "Delivery")]
    pub commit: bool,
    /// Edit the files of the work tree only
    #[arg(long, group = "way", help_heading = "Delivery")]
    pub worktree: bool,
    /// Commit on top of the remote's base branch and push it there
    #[arg(long, group = "way", help_heading = "Delivery")]
    pub push: bool,
    /// Commit on top of the remote's base branch and open a pull request, or
    /// bring the one that is open up to date
    #[arg(long, group = "way", help_heading = "Delivery")]
    pub pr: bool,
    /// With --push or --pr: the remote, by its name or address
    #[arg(long, value_name = "REMOTE", help_heading = "Delivery")]
    pub remote: Option<String>,
    /// With --push or --pr: the branch that environments are deployed from; the
    /// default is the remote's own default branch
    #[arg(long, value_name = "BRANCH", help_heading = "Delivery")]
    pub base: Option<String>,
    /// With --worktree: add the edited files to the index
    #[arg(long, requires = "worktree", help_heading = "Delivery")]
    pub stage: bool,
    /// Do all of the reading and none of the writing
    #[arg(short = 'n', long, help_heading = "Delivery")]
    pub dry_run: bool,
    /// With --dry-run: exit 1 if there would be a change
    #[arg(long, requires = "dry_run", help_heading = "Delivery")]
    pub exit_code: bool,
    /// Show the unified diff of the files too
    #[arg(long, help_heading = "Delivery")]
    pub diff: bool,

    /// The commit message, above the audit record (repeatable: paragraphs)
    #[arg(
        short = 'm',
        long = "message",
        value_name = "TEXT",
        conflicts_with = "file",
        help_heading = "Commit"
    )]
    pub messages: Vec<String>,
    /// Read the commit message from a file; - is standard input
    #[arg(short = 'F', long, value_name = "FILE", help_heading = "Commit")]
    pub file: Option<PathBuf>,
    /// Edit the commit message
    #[arg(short = 'e', long, help_heading = "Commit")]
    pub edit: bool,
    /// Add a Signed-off-by trailer
    #[arg(short = 's', long, help_heading = "Commit")]
    pub signoff: bool,
    /// Sign the commit, with this key or the configured one
    #[arg(short = 'S', long = "gpg-sign", value_name = "KEYID", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Commit")]
    pub gpg_sign: Option<String>,
    /// Do not sign the commit
    #[arg(long, conflicts_with = "gpg_sign", help_heading = "Commit")]
    pub no_gpg_sign: bool,
    /// Do not run the pre-commit and commit-msg hooks
    #[arg(long, help_heading = "Commit")]
    pub no_verify: bool,
    /// Add a trailer to the commit (repeatable)
    #[arg(long = "trailer", value_name = "KEY=VALUE", help_heading = "Commit")]
    pub trailers: Vec<String>,
}
