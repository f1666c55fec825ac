//! `git promote versions`: which versions there were, and where they run.

mod registry;

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use crate::discover::{CellKey, Inventory};
use crate::history::Entry;
use crate::model::{AppId, EnvironmentName, Pin, by_semver};
use crate::output::{self, Format};
use crate::report::{VersionRow, VersionsReport};

use super::chosen::{Chosen, bare};
use super::evidence::Ground;
use super::log::cut_off;
use super::moved::inventory;
use super::past::{Past, past};
use super::{Answer, Context, Exit, Failure, Remark, Workspace};

/// What versions are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Order {
    /// Newest by its number first, where all of an image have one; else by time.
    #[default]
    Version,
    /// Last seen for the first time first.
    Time,
}

/// Which versions there were of an app, when each was first seen, and where it
/// runs now.
///
/// As the history of this repository knows them; with --online also as their
/// registries do.
#[derive(Debug, Clone, Default, Args)]
pub struct VersionsArgs {
    /// Only these apps
    #[arg(value_name = "APP")]
    pub apps: Vec<String>,
    /// What they are ordered by
    #[arg(long, value_name = "ORDER", default_value = "version")]
    pub sort: Order,
    /// Ask the registries too: which tags there are, and when their images were
    /// made
    #[arg(long)]
    pub online: bool,
}

/// `git promote versions [APP]`
pub fn run(context: &Context, args: &VersionsArgs) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let is_environment = |word: &&String| workspace.config.environment(word).is_some();
    if let Some(word) = args.apps.iter().find(is_environment) {
        return Err(Failure::usage(format!("`{word}` is an environment; versions are of apps"))
            .hint(format!("{} status {word}", context.front.name())));
    }
    let chosen = Chosen::new(&workspace, &args.apps, (&[], &[]))?;
    let Past { entries, cut } = past(Ground::of(&workspace), &chosen.scope(true))?;
    chosen.check_apps(&workspace, &entries)?;
    let names: Vec<String> = args.apps.iter().map(|app| bare(app).to_owned()).collect();
    let names = (!names.is_empty()).then_some(names.as_slice());
    let present = inventory(&workspace.snapshot, &workspace.config, names)?;
    let mut rows = rows(&workspace, &entries, &present);
    if cut.is_some() {
        forget_first(&mut rows, &entries, &present);
    }
    rows.retain(|row| chosen.has_app_or_all(&row.app));
    let mut remarks = workspace.config_notes();
    let mut exit = Exit::Done;
    if args.online {
        let is_meant = |app: &AppId| chosen.has_app_or_all(app);
        let said = registry::add(&workspace, (&present, &is_meant), &mut rows)?;
        remarks.extend(said.notes.into_iter().map(Remark::Note));
        remarks.extend(said.warnings.into_iter().map(Remark::Warning));
        exit = said.exit.unwrap_or(exit);
    }
    in_order(&mut rows, args.sort);
    remarks.extend(cut.as_deref().map(cut_off));
    if rows.is_empty() {
        remarks.push(Remark::Note("no version was found".to_owned()));
    }
    let report = VersionsReport { rows, cut, now: context.now };
    Ok(Answer { remarks, exit, ..Answer::done(render(context, &report)) })
}

/// The versions that the history or the present tells of.
fn rows(workspace: &Workspace, entries: &[Entry], present: &Inventory) -> Vec<VersionRow> {
    let mut found: BTreeMap<(AppId, String, Pin), VersionRow> = BTreeMap::new();
    let row = |(app, image, version): &(AppId, String, Pin)| VersionRow {
        app: app.clone(),
        image: image.clone(),
        version: version.clone(),
        first: None,
        now_in: Vec::new(),
        ever_in: Vec::new(),
        built: None,
        registries: Vec::new(),
    };
    // From the oldest on, so that the first is the first.
    let mut came = BTreeMap::new();
    for (at, entry) in entries.iter().rev().enumerate() {
        let key = (entry.app.clone(), entry.image.clone(), entry.version.clone());
        came.entry(key.clone()).or_insert(at);
        let row = found.entry(key).or_insert_with_key(row);
        row.first.get_or_insert_with(|| entry.clone());
        row.ever_in.push(entry.environment.clone());
    }
    for (key, cell) in &present.cells {
        for pin in cell.pins().into_iter().filter(|pin| !pin.is_empty()) {
            let row = found
                .entry((key.app.clone(), key.image.clone(), pin.clone()))
                .or_insert_with_key(row);
            row.now_in.push(key.environment.clone());
            row.ever_in.push(key.environment.clone());
        }
    }
    let environments = workspace.config.pipeline.environments();
    let place = |name: &EnvironmentName| environments.iter().position(|e| e.name == *name);
    // Newest first, for those of one second too.
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(key, _)| Reverse(came.get(key).copied()));
    let mut rows: Vec<VersionRow> = found.into_iter().map(|(_, row)| row).collect();
    for row in &mut rows {
        for names in [&mut row.now_in, &mut row.ever_in] {
            names.sort_by_key(|name| place(name));
            names.dedup();
        }
    }
    rows
}

/// Where the history is cut off: what stood anywhere at its beginning was first
/// seen before it.
fn forget_first(rows: &mut [VersionRow], entries: &[Entry], present: &Inventory) {
    let mut oldest: BTreeMap<CellKey, Vec<&Pin>> = BTreeMap::new();
    for (key, cell) in &present.cells {
        oldest.insert(key.clone(), cell.pins());
    }
    // Newest first: the last one that is put in is the oldest.
    for entry in entries {
        oldest.insert(entry.key(), vec![&entry.previous]);
    }
    for row in rows {
        let stood = |(key, pins): (&CellKey, &Vec<&Pin>)| {
            key.app == row.app && key.image == row.image && pins.contains(&&row.version)
        };
        if oldest.iter().any(stood) {
            row.first = None;
        }
    }
}

/// By app and image, then as asked for.
fn in_order(rows: &mut [VersionRow], order: Order) {
    let time = |row: &VersionRow| {
        let seen = row.first.as_ref().map(|entry| entry.moment.seconds);
        seen.or(row.built).unwrap_or(i64::MIN)
    };
    rows.sort_by(|a, b| {
        let same = (&a.app, &a.image).cmp(&(&b.app, &b.image));
        let by_version = || match (&a.first, &b.first) {
            (Some(_), Some(_)) => Ordering::Equal,
            _ => a.version.cmp(&b.version),
        };
        same.then_with(|| time(b).cmp(&time(a))).then_with(by_version)
    });
    if order == Order::Version {
        let one_image = |a: &VersionRow, b: &VersionRow| (&a.app, &a.image) == (&b.app, &b.image);
        for rows in rows.chunk_by_mut(one_image) {
            // Where one of them is no number, no order by numbers is total.
            let first = rows.first().map(|row| row.version.clone());
            let comparable = |row: &VersionRow| {
                first.as_ref().is_some_and(|first| by_semver(first, &row.version).is_some())
            };
            if rows.iter().all(comparable) {
                rows.sort_by(|a, b| by_semver(&b.version, &a.version).unwrap_or(Ordering::Equal));
            }
        }
    }
}

fn render(context: &Context, report: &VersionsReport) -> String {
    match context.format {
        Format::Table => output::versions(report, false),
        Format::Wide => output::versions(report, true),
        format => {
            let table = output::versions_table(report);
            output::machine(format, &output::versions_value(report), "rows", &table)
        }
    }
}
