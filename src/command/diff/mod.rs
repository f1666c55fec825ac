//! `git promote diff`: two environments, or two versions of an app.

mod config;
mod render;
mod versions;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;

use crate::discover::{self, Cell, CellKey, Inventory, Overlay};
use crate::history::Timeline;
use crate::model::{AppId, EnvironmentName, Pin};
use crate::output::{self, Format};
use crate::report::{DiffReport, DiffRow, Found};

use super::evidence::{Ground, Reach, timelines};
use super::promote::{
    self, CommonArgs, Request, What, apps_at, flagged, is_plain, no_match, unknown_app,
};
use super::{Answer, Context, Exit, Failure, Remark, Workspace};

use words::Meant;

/// Compare two environments, or two versions of an app.
///
/// Two environments: what is promoted and differs; with --config also what is
/// not. Without a second one the environments before it are meant, without any
/// each with those before it. Two versions, APP@V1 APP@V2: the changes between.
///
/// Exit code 1 where something differs.
#[derive(Debug, Clone, Default, Args)]
pub struct DiffArgs {
    /// Environments, or APP@VERSION twice
    #[arg(value_name = "ENV|APP@VERSION")]
    words: Vec<String>,
    /// Compare the settings too: what the overlays render beside the versions
    #[arg(long)]
    config: bool,
    /// Compare what kustomize renders, as text
    #[arg(long)]
    render: bool,
    /// A clone of the app's repository, for the commits between two versions
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Only apps that match this glob (repeatable)
    #[arg(short = 'a', long = "app", value_name = "GLOB", help_heading = "Which apps")]
    apps: Vec<String>,
    /// Only apps of the groups that match this glob (repeatable)
    #[arg(short = 'g', long = "group", value_name = "GLOB", help_heading = "Which apps")]
    groups: Vec<String>,
    /// Every app, wherever you stand
    #[arg(short = 'A', long, help_heading = "Which apps")]
    all: bool,
    /// Only overlays whose layout name has this value, such as cell=canary
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Which apps")]
    select: Vec<String>,
}

/// `git promote diff [A] [B]`, `diff APP@V1 APP@V2`
pub fn run(context: &Context, args: &DiffArgs) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    match words::meant(context, &workspace, args)? {
        Meant::Versions(app, from, to) => {
            versions::run(context, &workspace, (args, &app, (from, to)))
        }
        Meant::Environments(pairs) => Diffing { context, workspace: &workspace, args }.run(pairs),
    }
}

/// A pair of environments.
type Pair = (EnvironmentName, EnvironmentName);

#[derive(Clone, Copy)]
struct Diffing<'a> {
    context: &'a Context,
    workspace: &'a Workspace,
    args: &'a DiffArgs,
}

/// What is compared.
struct Ends<'a> {
    inventory: &'a Inventory,
    timelines: &'a BTreeMap<CellKey, Timeline>,
}

impl Diffing<'_> {
    fn run(self, pairs: Vec<Pair>) -> Result<Answer, Failure> {
        let inventory = self.inventory(&pairs)?;
        let (apps, inferred) = self.apps(&inventory)?;
        let mut report =
            DiffReport { apps: apps.len(), config: self.args.config, ..DiffReport::default() };
        let mut remarks = self.workspace.config_notes();
        remarks.extend(inferred.map(Remark::Note));
        let timelines = self.timelines(&inventory, &apps)?;
        let ends = Ends { inventory: &inventory, timelines: &timelines };
        for pair in &pairs {
            // Apps that are known by their images share what stands beside them.
            let mut seen = BTreeSet::new();
            for app in &apps {
                report.rows.extend(versions_of(&inventory, pair, app));
                if !seen.insert(overlays_of(&inventory, pair, app)) {
                    continue;
                }
                if self.args.config {
                    let found = self.settings(&ends, pair, app)?;
                    remarks.extend(found.remarks);
                    report.rows.extend(found.rows);
                }
                if self.args.render {
                    report.renders.extend(self.rendered(&inventory, pair, app)?);
                }
            }
        }
        report.pairs = pairs;
        let unreadable = inventory.unreadable.iter().filter(|unreadable| !unreadable.link);
        remarks.extend(unreadable.map(|u| Remark::Warning(u.message.clone())));
        remarks.extend(self.next(&report).map(Remark::Hint));
        let exit = if report.differs() { Exit::Differs } else { Exit::Done };
        Ok(Answer { text: self.render(&report), remarks, exit })
    }

    fn common(self) -> CommonArgs {
        CommonArgs {
            apps: self.args.apps.clone(),
            groups: self.args.groups.clone(),
            all: self.args.all,
            select: self.args.select.clone(),
            ..CommonArgs::default()
        }
    }

    fn inventory(self, pairs: &[Pair]) -> Result<Inventory, Failure> {
        let to = pairs.first().map(|(_, right)| right.clone());
        let Some(to) = to else { return Ok(Inventory::default()) };
        let request = Request { to, what: What::RunsIn(None) };
        let overlays = promote::overlays(self.workspace, &self.common(), &request)?;
        let wanted = |overlay: &Overlay| {
            let name = &overlay.environment;
            pairs.iter().any(|(left, right)| left == name || right == name)
        };
        let config = &self.workspace.config;
        Ok(discover::read(&self.workspace.snapshot, config, overlays, &wanted)?)
    }

    /// The apps that are compared, and how they were found if not by a flag.
    fn apps(self, inventory: &Inventory) -> Result<(BTreeSet<AppId>, Option<String>), Failure> {
        let all: BTreeSet<AppId> = inventory.cells.keys().map(|key| key.app.clone()).collect();
        let common = self.common();
        if let Some(flagged) = flagged(&common, &all)? {
            if !flagged.is_empty() {
                return Ok((flagged, None));
            }
            let (context, workspace) = (self.context, self.workspace);
            return Err(match (common.apps.as_slice(), common.groups.as_slice()) {
                ([], groups) => no_match(context, workspace, ("group", groups)),
                ([name], _) if is_plain(name) => unknown_app(context, workspace, name),
                (apps, _) => no_match(context, workspace, ("app", apps)),
            });
        }
        let here = apps_at(&self.workspace.prefix(), inventory);
        if here.is_empty() {
            return Ok((all, None));
        }
        let names: Vec<String> =
            here.iter().take(10).map(|app| output::clean(&app.to_string())).collect();
        let note = format!("app {}: from the current directory", names.join(", "));
        Ok((here, Some(note)))
    }

    /// Since when the apps run what they run, where settings are compared.
    fn timelines(
        self,
        inventory: &Inventory,
        apps: &BTreeSet<AppId>,
    ) -> Result<BTreeMap<CellKey, Timeline>, Failure> {
        if !self.args.config {
            return Ok(BTreeMap::new());
        }
        let keys: BTreeSet<&CellKey> =
            inventory.cells.keys().filter(|key| apps.contains(&key.app)).collect();
        timelines(Ground::of(self.workspace), inventory, &keys, Reach::Arrivals)
    }

    /// The promotion that would make the versions the same.
    fn next(self, report: &DiffReport) -> Option<String> {
        let versions = report.rows.iter().filter(|row| {
            matches!(&row.found, Found::Version { left, right, .. }
                if !left.is_empty() && !right.is_empty())
        });
        let rows: Vec<&DiffRow> = versions.collect();
        let first = rows.first()?;
        let (left, right) = (&first.left, &first.right);
        let follows = self.workspace.config.environment(right.as_str())?.sources.names();
        if !follows.contains(left)
            || rows.iter().any(|row| (&row.left, &row.right) != (left, right))
        {
            return None;
        }
        let one = rows.iter().all(|row| row.app == first.app);
        let which = if one { format!("-a {}", first.app.word()) } else { "--all".to_owned() };
        Some(format!("{} {left} {right} {which} --dry-run", self.context.front.name()))
    }

    fn render(self, report: &DiffReport) -> String {
        match self.context.format {
            Format::Table | Format::Wide => {
                output::diff(report, self.workspace.paint, self.context.verbose)
            }
            format => {
                let (value, table) = (output::diff_value(report), output::diff_table(report));
                output::machine(format, &value, "rows", &table)
            }
        }
    }
}

/// Where an app stands in both, as indexes into the overlays.
fn overlays_of(
    inventory: &Inventory,
    (left, right): &Pair,
    app: &AppId,
) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let of = |environment| {
        let cells = inventory.images(environment, app);
        cells.flat_map(|(_, cell)| cell.overlays.iter().copied()).collect()
    };
    (of(left), of(right))
}

/// The versions that differ.
fn versions_of(inventory: &Inventory, pair: &Pair, app: &AppId) -> Vec<DiffRow> {
    let (left, right) = pair;
    let of = |environment: &EnvironmentName| -> BTreeMap<String, Vec<Pin>> {
        let images = inventory.images(environment, app);
        images.map(|(image, cell)| (image.to_owned(), pins_of(cell))).collect()
    };
    let (a, b) = (of(left), of(right));
    let images: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let row = |image: &&String| DiffRow {
        left: left.clone(),
        right: right.clone(),
        app: app.clone(),
        found: Found::Version {
            image: (*image).clone(),
            left: a.get(*image).cloned().unwrap_or_default(),
            right: b.get(*image).cloned().unwrap_or_default(),
        },
    };
    images.iter().filter(|image| a.get(**image) != b.get(**image)).map(row).collect()
}

/// What a cell says; nothing where one of its files cannot be read.
fn pins_of(cell: &Cell) -> Vec<Pin> {
    let readable = cell.sites.iter().all(|site| site.problem.is_none());
    let pins = cell.pins().into_iter().filter(|pin| !pin.is_empty());
    if readable { pins.cloned().collect() } else { Vec::new() }
}
