//! `git promote preview`: short-lived copies of an app in the first environment.

mod create;
mod deliver;
mod images;
mod list;
mod overwrite;
mod remove;

pub(super) use overwrite::{Overwrite, standing as standing_overwrites};

use clap::{Args, Subcommand};

use crate::output::{self, Format};
use crate::preview::{Name, NameError, PreviewError};
use crate::report::PreviewReport;

use super::promote::CommonArgs;
use super::{Answer, Context, Exit, Failure, Remark};

/// Short-lived copies of an app in the first environment.
///
/// A preview is never promoted: no layout reads it, and it vouches for no
/// version. See docs/preview.md.
#[derive(Debug, Clone, Args)]
pub struct PreviewArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Make a preview, or renew the one of that name
    Create(Box<CreateArgs>),
    /// Which previews there are
    List,
    /// Remove a preview
    Delete(Box<DeleteArgs>),
    /// Remove every preview that is older
    Prune(Box<PruneArgs>),
}

/// Make a preview, or renew the one of that name.
#[derive(Debug, Clone, Args)]
pub struct CreateArgs {
    /// Its name, or a branch that one is made of: `feature/ABC-12` becomes
    /// `feature-abc-12`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The app and the version that the copy is to run
    #[arg(value_name = "APP@VERSION")]
    pub version: String,
    /// Only objects with this label, where a directory holds several apps
    /// (repeatable: all of them)
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "overwrite")]
    pub selector: Vec<String>,
    /// Only this image of the app (repeatable)
    #[arg(long = "image", value_name = "NAME")]
    pub images: Vec<String>,
    /// The kustomization (or its directory) to list the copy in; the default is
    /// the one that lists the overlay
    #[arg(long, value_name = "PATH", conflicts_with = "overwrite")]
    pub list_in: Option<String>,
    /// Set the version in place instead: a promotion into the first environment
    /// that `next` does not carry on
    #[arg(long)]
    pub overwrite: bool,
    /// Where the change goes
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Remove a preview.
#[derive(Debug, Clone, Args)]
pub struct DeleteArgs {
    /// Its name, or the branch that it was made of
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where the change goes
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Remove every preview that is older.
#[derive(Debug, Clone, Args)]
pub struct PruneArgs {
    /// The age from which a preview goes, such as 12h, 7d or 2w; it counts from
    /// the commit that made or renewed it
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub max_age: i64,
    /// Where the change goes
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Where a change goes, and how it is committed.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct DeliveryArgs {
    /// Commit on the current branch (the default, unless promote.toml says otherwise)
    #[arg(long, group = "preview_way", help_heading = "Delivery")]
    pub commit: bool,
    /// Edit the files of the work tree only
    #[arg(long, group = "preview_way", help_heading = "Delivery")]
    pub worktree: bool,
    /// Commit on top of the remote's base branch and push it there
    #[arg(long, group = "preview_way", help_heading = "Delivery")]
    pub push: bool,
    /// Commit on top of the remote's base branch and open a pull request, or
    /// bring the one that is open up to date
    #[arg(long, group = "preview_way", help_heading = "Delivery")]
    pub pr: bool,
    /// With --push or --pr: the remote, by its name
    #[arg(long, value_name = "REMOTE", help_heading = "Delivery")]
    pub remote: Option<String>,
    /// With --push or --pr: the branch that environments are deployed from; the
    /// default is the remote's own default branch
    #[arg(long, value_name = "BRANCH", help_heading = "Delivery")]
    pub base: Option<String>,
    /// With --worktree: bring the index along
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
    /// The commit message, above the trailers (repeatable: paragraphs)
    #[arg(short = 'm', long = "message", value_name = "TEXT", help_heading = "Commit")]
    pub messages: Vec<String>,
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

impl DeliveryArgs {
    /// The same as the flags of a promotion.
    pub(super) fn common(&self) -> CommonArgs {
        CommonArgs {
            commit: self.commit,
            worktree: self.worktree,
            push: self.push,
            pr: self.pr,
            remote: self.remote.clone(),
            base: self.base.clone(),
            stage: self.stage,
            dry_run: self.dry_run,
            exit_code: self.exit_code,
            diff: self.diff,
            messages: self.messages.clone(),
            signoff: self.signoff,
            gpg_sign: self.gpg_sign.clone(),
            no_gpg_sign: self.no_gpg_sign,
            no_verify: self.no_verify,
            trailers: self.trailers.clone(),
            ..CommonArgs::default()
        }
    }
}

/// `git promote preview ...`
pub fn run(context: &Context, args: &PreviewArgs) -> Result<Answer, Failure> {
    match &args.action {
        Action::Create(args) => create::run(context, args),
        Action::List => list::run(context),
        Action::Delete(args) => remove::delete(context, args),
        Action::Prune(args) => remove::prune(context, args),
    }
}

/// What is said of it, in the form that was asked for.
fn answer(
    context: &Context,
    report: &PreviewReport,
    (remarks, exit): (Vec<Remark>, Exit),
) -> Answer {
    let text = match context.format {
        Format::Table | Format::Wide if context.quiet => String::new(),
        Format::Table | Format::Wide => output::preview(report),
        format => {
            let table = output::preview_table(report);
            output::machine(format, &output::preview_value(report), "previews", &table)
        }
    };
    Answer { text, remarks, exit }
}

/// `12h`, `7d`, `2w` as seconds.
fn age(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is no age: say 12h, 7d or 2w");
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(bad()),
    };
    let number: u32 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| bad())?;
    Ok(i64::from(number) * seconds)
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::usage(error.to_string()).hint("git promote preview create login web@v1.2.3")
    }
}

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Self {
        let (exit, hint) = match &error {
            PreviewError::NothingSelected { .. } | PreviewError::NoList(_) => {
                (Exit::NotFound, None)
            }
            PreviewError::SeveralLists { found, .. } => {
                let first = found.first().map(ToString::to_string).unwrap_or_default();
                (Exit::Usage, Some(format!("--list-in {first}")))
            }
            PreviewError::Transformed { .. } => {
                (Exit::Invalid, Some("--list-in PATH names another kustomization".to_owned()))
            }
            PreviewError::Exists(_) => (Exit::Conflict, None),
            PreviewError::Edit(_) | PreviewError::Snapshot(_) => (Exit::Invalid, None),
            _ => (Exit::Invalid, Some("git promote preview create --overwrite ...".to_owned())),
        };
        let message = error.to_string();
        match error {
            PreviewError::Edit(error) => Self::from(error),
            PreviewError::Snapshot(error) => Self::from(error),
            _ => Self::new(exit, message).maybe_hint(hint),
        }
    }
}

/// The name of a text on the command line.
fn name(text: &str) -> Result<Name, Failure> {
    Ok(Name::new(text)?)
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_have_a_unit() {
        assert_eq!(age("12h"), Ok(43_200));
        assert_eq!(age("7d"), Ok(604_800));
        assert_eq!(age("2w"), Ok(1_209_600));
        assert_eq!(age("0s"), Ok(0));
        for bad in ["", "7", "d", "-1d", "7x", "1.5h", "7dd"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
