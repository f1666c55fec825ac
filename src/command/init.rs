//! `git promote init`: writes `promote.toml` from what the directories tell.

use clap::Args;

use super::{Answer, Context, Failure};

/// Write promote.toml from what the directories tell
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Print it instead of writing it
    #[arg(long)]
    pub print: bool,
}

/// `git promote init`
pub fn run(_context: &Context, _args: &InitArgs) -> Result<Answer, Failure> {
    Err(Failure::usage("init comes next"))
}
