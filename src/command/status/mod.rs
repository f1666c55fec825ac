//! `git promote status`: who runs what, where, since when, what is next.

mod carried;
mod kept;
mod live;
mod matrix;
mod requests;
mod watch;

pub(super) use matrix::Wanted;

use kept::Whole;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;

use crate::config::Config;
use crate::discover::{CellKey, Inventory};
use crate::output::{self, Format};
use crate::report::StatusReport;

use super::evidence::{Ground, arrivals};
use super::held::{holds, still_hidden};
use super::inventory::inventory;
use super::leftovers;
use super::wait::span;
use super::{Answer, Context, Exit, Failure, Remark, Workspace};

/// Who runs what, where, since when, what is next
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Only these apps or environments
    #[arg(value_name = "APP|ENV")]
    pub names: Vec<String>,
    /// Every row; else, of more than 40, those where something differs
    #[arg(long)]
    pub all: bool,
    /// Beside each version what the cluster of the environment runs, asked by
    /// kubectl (`context` and `namespace` in promote.toml)
    #[arg(long)]
    pub live: bool,
    /// How long a cluster is waited for
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = span, requires = "live")]
    pub timeout: Duration,
    /// Also which pull requests are open, asked of the forge of the remote (it
    /// takes a token)
    #[arg(long)]
    pub requests: bool,
    /// Look again and again, until Ctrl-C
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = "5s", value_parser = span)]
    pub watch: Option<Duration>,
}

impl Default for StatusArgs {
    /// As `status` without any word.
    fn default() -> Self {
        let timeout = Duration::from_secs(15);
        let (names, watch) = (Vec::new(), None);
        Self { names, all: false, live: false, timeout, requests: false, watch }
    }
}

/// What was seen at one time.
#[derive(Debug, Clone)]
struct Seen {
    report: StatusReport,
    remarks: Vec<Remark>,
    /// The full id of the commit.
    base: String,
}

impl Seen {
    /// Whether there is more news in the other than that time went by.
    fn differs(&self, other: &Self) -> bool {
        let now = other.report.now;
        StatusReport { now, ..self.report.clone() } != other.report || self.remarks != other.remarks
    }
}

/// `git promote status [APP|ENV...]`
pub fn run(context: &Context, args: &StatusArgs) -> Result<Answer, Failure> {
    if let Some(interval) = args.watch {
        return watch::watch(context, args, interval.max(Duration::from_secs(1)));
    }
    let Seen { report, remarks, .. } = see(context, args)?;
    // The part that git tells is there; only what was asked beside it is not.
    let silent = report.live.iter().flatten().any(|(_, error)| error.is_some());
    let exit = match report.forge {
        Some(Err(cause)) => Exit::of_silence(cause),
        _ if silent => Exit::Unavailable,
        _ => Exit::Done,
    };
    Ok(Answer { remarks, exit, ..Answer::done(render(context, &report, args.all)) })
}

fn see(context: &Context, args: &StatusArgs) -> Result<Seen, Failure> {
    let workspace = Workspace::open(context)?;
    let kept = if args.live { None } else { known(context, &workspace, args)? };
    let (mut whole, mut asked) = match kept {
        Some(whole) => {
            let apps = || whole.report.rows.iter().map(|row| &row.app).collect();
            let wanted = Wanted::new(&workspace, apps, &args.names)?;
            let mut whole = whole;
            wanted.narrow(&mut whole.report);
            (whole, Vec::new())
        }
        None => tell(context, &workspace, args)?,
    };
    if args.requests {
        asked.extend(requests::look(&workspace, &mut whole.report));
    }
    let mut remarks = leftovers::noticed(&workspace.repo);
    remarks.extend(workspace.config_notes());
    remarks.extend(still_hidden(&workspace.snapshot, &workspace.config, context.now)?);
    remarks.extend(whole.unread.into_iter().map(Remark::Warning));
    let nothing = whole.report.rows.is_empty() && whole.report.left_out == 0;
    if nothing && args.names.is_empty() {
        remarks.push(Remark::Note(nothing_found(&workspace.config)));
    } else if nothing {
        remarks.push(Remark::Note("no version was found there".to_owned()));
    }
    let unknown = whole.report.rows.iter().flat_map(|row| &row.cells);
    if workspace.repo.is_shallow()
        && unknown.into_iter().any(|c| c.pin.is_some() && c.since.is_none())
    {
        let shallow = "the clone is shallow: since when some versions are there is not known \
                       (git fetch --unshallow)";
        remarks.push(Remark::Warning(shallow.to_owned()));
    }
    if context.verbose {
        remarks.extend(whole.notes.into_iter().map(Remark::Note));
    }
    remarks.extend(asked);
    Ok(Seen { report: whole.report, remarks, base: workspace.base.to_string() })
}

/// The status from what was kept of this commit, or of one before it.
fn known(
    context: &Context,
    workspace: &Workspace,
    args: &StatusArgs,
) -> Result<Option<Whole>, Failure> {
    // Of many rows people see those that differ.
    let people = matches!(context.format, Format::Table | Format::Wide);
    let brief = people && !args.all && !args.requests && args.names.is_empty();
    match kept::read(context, workspace, brief) {
        Some(whole) => Ok(Some(whole)),
        None => carried::carry_on(context, workspace, brief),
    }
}

/// The status from the trees, and what to say of the clusters that were asked.
fn tell(
    context: &Context,
    workspace: &Workspace,
    args: &StatusArgs,
) -> Result<(Whole, Vec<Remark>), Failure> {
    let inventory = inventory(workspace)?;
    let wanted = Wanted::new(workspace, || inventory.apps(), &args.names)?;
    let mut whole = rows_of(context, (workspace, &inventory), &wanted)?;
    let mut asked = Vec::new();
    if args.live {
        asked = live::look((workspace, &inventory), &mut whole.report, args.timeout)?;
    } else if args.names.is_empty() {
        kept::write(workspace, &whole);
    }
    Ok((whole, asked))
}

/// What an inventory tells.
fn rows_of(
    context: &Context,
    (workspace, inventory): (&Workspace, &Inventory),
    wanted: &Wanted,
) -> Result<Whole, Failure> {
    let report = matrix(context, (workspace, inventory), wanted)?;
    let unreadable = inventory.unreadable.iter().filter(|unreadable| !unreadable.link);
    Ok(Whole {
        report,
        unread: unreadable.map(|unreadable| unreadable.message.clone()).collect(),
        notes: inventory.notes.clone(),
    })
}

/// Who runs what.
pub(super) fn matrix(
    context: &Context,
    (workspace, inventory): (&Workspace, &Inventory),
    wanted: &Wanted,
) -> Result<StatusReport, Failure> {
    // What stands before tells whether a version is ahead, asked for or not.
    let own = |key: &&CellKey| wanted.has_app(&key.app);
    let keys: BTreeSet<&CellKey> = inventory.cells.keys().filter(own).collect();
    let timelines = arrivals(Ground::of(workspace), inventory, &keys)?;
    let (past, holds) = (BTreeMap::new(), holds(&workspace.snapshot)?);
    let frozen = matrix::frozen(&workspace.config, context.now);
    let mut matrix =
        matrix::Matrix { context, workspace, inventory, timelines, past, frozen, holds };
    matrix.look_back(wanted)?;
    Ok(matrix.report(wanted))
}

/// Why the table is empty: the overlays are elsewhere, or what they hold is
/// nothing that is recognised by itself.
fn nothing_found(config: &Config) -> String {
    let paths: Vec<&str> = config.layout.iter().map(|path| path.template.as_str()).collect();
    format!(
        "no version was found in {}; `fields` of a layout path in promote.toml declares where \
         Helm values and custom resources hold one",
        paths.join(", ")
    )
}

fn render(context: &Context, report: &StatusReport, all: bool) -> String {
    match context.format {
        Format::Table => context.front.commands(&output::status(report, all)),
        Format::Wide => context.front.commands(&output::wide_status(report, all)),
        // Of many rows it takes long to make the form that is not asked for.
        Format::Json | Format::Yaml | Format::Ndjson => {
            let table = output::Table::default();
            output::machine(context.format, &output::status_value(report), "rows", &table)
        }
        Format::Name | Format::Tsv | Format::Markdown => {
            let table = output::plain_status_table(report);
            output::machine(context.format, &serde_json::Value::Null, "rows", &table)
        }
    }
}
