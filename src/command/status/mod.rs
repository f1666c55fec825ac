//! `git promote status`: who runs what, where, since when, what is next.

mod matrix;

pub(super) use matrix::Wanted;

use std::collections::BTreeSet;

use clap::Args;

use crate::config::Config;
use crate::discover::{self, CellKey, Inventory};
use crate::output::{self, Format};
use crate::report::StatusReport;

use super::evidence::{Ground, Reach, timelines};
use super::leftovers;
use super::{Answer, Context, Failure, Remark, Workspace};

/// Who runs what, where, since when, what is next
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// Only these apps or environments
    #[arg(value_name = "APP|ENV")]
    pub names: Vec<String>,
    /// Every row; else, of more than 40, those where something differs
    #[arg(long)]
    pub all: bool,
}

/// `git promote status [APP|ENV...]`
pub fn run(context: &Context, args: &StatusArgs) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let config = &workspace.config;
    let inventory = inventory(&workspace)?;
    let wanted = Wanted::new(&workspace, &inventory, &args.names)?;
    let report = matrix(context, (&workspace, &inventory), &wanted)?;
    let text = render(context, &report, args.all);
    let mut remarks = leftovers::noticed(&workspace.repo);
    remarks.extend(workspace.config_notes());
    let unreadable = inventory.unreadable.iter().filter(|unreadable| !unreadable.link);
    remarks.extend(unreadable.map(|u| Remark::Warning(u.message.clone())));
    if inventory.cells.is_empty() {
        remarks.push(Remark::Note(nothing_found(config)));
    }
    if context.verbose {
        remarks.extend(inventory.notes.iter().cloned().map(Remark::Note));
    }
    Ok(Answer { remarks, ..Answer::done(text) })
}

/// What the base commit holds.
pub(super) fn inventory(workspace: &Workspace) -> Result<Inventory, Failure> {
    let overlays = discover::overlays(&workspace.snapshot, &workspace.config, None)?;
    Ok(discover::read(&workspace.snapshot, &workspace.config, overlays, &|_| true)?)
}

/// Who runs what.
pub(super) fn matrix(
    context: &Context,
    (workspace, inventory): (&Workspace, &Inventory),
    wanted: &Wanted,
) -> Result<StatusReport, Failure> {
    let keys: BTreeSet<&CellKey> = inventory.cells.keys().filter(|key| wanted.has(key)).collect();
    let timelines = timelines(Ground::of(workspace), inventory, &keys, Reach::Arrivals)?;
    let matrix = matrix::Matrix { context, workspace, inventory, timelines };
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
        format => {
            let table = output::plain_status_table(report);
            output::machine(format, &output::status_value(report), "rows", &table)
        }
    }
}
