//! `git promote next`: what was merged goes on to the environments after it.
//!
//! What moved is told by trees, so it does not matter how it was merged or who
//! wrote it. Each move is a promotion like any other, judged by the same rules;
//! what a rule holds back is no failure.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::config::Config;
use crate::git::{self, ObjectId};
use crate::model::{AppId, EnvironmentName, Finding, Outcome as Verdict, Pin, Promotion};
use crate::output::{self, Format};
use crate::plan;
use crate::report::{Ending, NextReport, NextRow, NextStep};

use super::inventory::inventory;
use super::moved::{Moved, moved};
use super::preview::{Overwrite, standing_overwrites};
use super::promote::{self, CommonArgs, Outcome, Request, What};
use super::status::{self, Wanted};
use super::{Answer, Context, Exit, Failure, Remark, Workspace, leftovers};

/// Promote what was merged to the environments that come after it.
///
/// Run it on the base branch after a merge. What a rule holds back is told and
/// is no failure.
#[derive(Debug, Clone, Default, Args)]
pub struct NextArgs {
    /// The commits whose moves go on; the default is the last step of the
    /// first-parent line
    #[arg(value_name = "RANGE", conflicts_with = "due")]
    pub range: Option<String>,
    /// Every move that is allowed now, whatever merge brought it
    #[arg(long)]
    pub due: bool,
    /// Push to the base branch instead of opening pull requests
    #[arg(long)]
    pub push: bool,
    /// The remote, by its name
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
    /// The branch that environments are deployed from
    #[arg(long, value_name = "BRANCH")]
    pub base: Option<String>,
    /// Do all of the reading and none of the writing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// What goes on: into an environment, an app with its versions.
type Moves = BTreeMap<(EnvironmentName, AppId), BTreeSet<Pin>>;

/// `git promote next [RANGE]`
pub fn run(context: &Context, args: &NextArgs) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let settled = leftovers::settle(&workspace.repo, args.dry_run)?;
    let (range, moves) = if args.due {
        (None, due(context, &workspace)?)
    } else {
        let (base, head) = ends(&workspace, args.range.as_deref())?;
        let range = format!("{base}..{head}");
        (Some(range), merged(&workspace, (base, head))?)
    };
    let (moves, mut remarks) = without_previews(&workspace, moves)?;
    let mut rows = Vec::new();
    let mut exits = Vec::new();
    for ((to, app), versions) in in_order(&workspace.config, moves) {
        let common = common(args, &workspace.config, &to);
        let apps = versions.iter().map(|version| (app.to_string(), version.clone())).collect();
        let request = Request { to: to.clone(), what: What::Apps(apps) };
        let result = promote::carry_out(context, &common, &request);
        let (row, exit) = row((&to, &app, &versions), result, &mut remarks);
        rows.push(row);
        exits.push(exit);
    }
    let report = NextReport { range, rows };
    remarks.splice(0..0, settled);
    Ok(Answer { text: render(context, &report), remarks, exit: worst(&exits) })
}

/// The flags of each promotion: a pull request, unless the config or a flag
/// says that it is pushed.
fn common(args: &NextArgs, config: &Config, to: &EnvironmentName) -> CommonArgs {
    let own = config.environment(to.as_str()).and_then(|e| e.delivery.deliver);
    let pushed = own.unwrap_or(config.delivery.deliver) == crate::model::Deliver::Push;
    CommonArgs {
        push: args.push || pushed,
        pr: !args.push && !pushed,
        remote: args.remote.clone(),
        base: args.base.clone(),
        dry_run: args.dry_run,
        ..CommonArgs::default()
    }
}

/// The two ends of the range.
fn ends(workspace: &Workspace, range: Option<&str>) -> Result<(ObjectId, ObjectId), Failure> {
    let repo = &workspace.repo;
    let Some(range) = range else {
        let parents = repo.parents(workspace.base)?;
        let none = || {
            Failure::not_found("the last commit has no parent: nothing was merged by it")
                .hint("git promote next --due")
        };
        return Ok((*parents.first().ok_or_else(none)?, workspace.base));
    };
    let (base, head) = range.split_once("..").ok_or_else(|| {
        Failure::usage(format!("`{range}` is no range")).hint("git promote next HEAD~1..HEAD")
    })?;
    let head = if head.is_empty() { "HEAD" } else { head };
    Ok((repo.resolve(base)?, repo.resolve(head)?))
}

/// What a change moved, and where that goes on to.
fn merged(workspace: &Workspace, (base, head): (ObjectId, ObjectId)) -> Result<Moves, Failure> {
    let change = git::moved(&workspace.repo, base, head)?;
    let config = &workspace.config;
    let Moved { after, planned } = moved(&change, config)?;
    let mut moves = Moves::new();
    for planned in planned {
        let Promotion { app, image, to, version, .. } = planned.promotion;
        for next in config.pipeline.following(&to) {
            let there = after.cell(&next.name, &app, &image).and_then(|cell| cell.pin());
            let has = there.is_some_and(|pin| pin != &version);
            if has && plan::exists_in(config, &app, &next.name) {
                moves.entry((next.name.clone(), app.clone())).or_default().insert(version.clone());
            }
        }
    }
    Ok(moves)
}

/// What was set as a preview goes nowhere.
fn without_previews(workspace: &Workspace, moves: Moves) -> Result<(Moves, Vec<Remark>), Failure> {
    let mut notes = BTreeSet::new();
    if moves.is_empty() {
        return Ok((moves, Vec::new()));
    }
    let previews = standing_overwrites(workspace)?;
    let mut kept = Moves::new();
    for ((to, app), versions) in moves {
        let is_preview = |version: &Pin| {
            let one = |one: &&Overwrite| one.app == app.to_string() && one.is_version(version);
            previews.iter().find(one)
        };
        let (held, free): (BTreeSet<Pin>, BTreeSet<Pin>) =
            versions.into_iter().partition(|version| is_preview(version).is_some());
        for one in held.iter().filter_map(is_preview) {
            let Overwrite { name, app, version, environment, .. } = one;
            notes.insert(format!(
                "{app} {version} in {environment} is the preview {name}: it stays"
            ));
        }
        if !free.is_empty() {
            kept.insert((to, app), free);
        }
    }
    Ok((kept, notes.into_iter().map(Remark::Note).collect()))
}

/// Every move that the status knows of.
fn due(context: &Context, workspace: &Workspace) -> Result<Moves, Failure> {
    let inventory = inventory(workspace)?;
    // What is held or frozen is told, with the rule that says so.
    let wanted = Wanted { waiting: true, ..Wanted::default() };
    let report = status::matrix(context, (workspace, &inventory), &wanted)?;
    let mut moves = Moves::new();
    for row in report.rows {
        for next in row.next {
            let key = (next.environment, row.app.clone());
            moves.entry(key).or_default().insert(next.version);
        }
    }
    Ok(moves)
}

/// Environments in the order of the pipeline, so that what is told reads as it
/// goes.
fn in_order(config: &Config, moves: Moves) -> Vec<((EnvironmentName, AppId), BTreeSet<Pin>)> {
    let place = |name: &EnvironmentName| {
        config.pipeline.environments().iter().position(|environment| environment.name == *name)
    };
    let mut moves: Vec<_> = moves.into_iter().collect();
    moves.sort_by_key(|((to, _), _)| place(to));
    moves
}

/// What became of one move.
fn row(
    (to, app, versions): (&EnvironmentName, &AppId, &BTreeSet<Pin>),
    result: Result<Outcome, Failure>,
    remarks: &mut Vec<Remark>,
) -> (NextRow, Exit) {
    let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
    let mut row = NextRow {
        app: app.clone(),
        to: to.clone(),
        version: versions.join(" "),
        step: NextStep::Failed,
        rule: None,
        message: None,
        url: None,
    };
    let exit = match result {
        Ok(outcome) => {
            fill(&mut row, &outcome);
            let held = row.step == NextStep::Held;
            let told = |remark: &Remark| !held && !matches!(remark, Remark::Note(_));
            remarks.extend(outcome.remarks.into_iter().filter(told));
            if held && outcome.exit == Exit::Refused { Exit::Done } else { outcome.exit }
        }
        // A rule that is asked before there is a plan.
        Err(failure) if failure.exit == Exit::Refused => {
            row.step = NextStep::Held;
            row.message = Some(failure.message);
            Exit::Done
        }
        Err(failure) => {
            row.message = Some(failure.message.clone());
            remarks.push(Remark::Error(format!("{app} to {to}: {}", failure.message)));
            remarks.extend(failure.hints.into_iter().map(Remark::Hint));
            failure.exit
        }
    };
    (row, exit)
}

fn fill(row: &mut NextRow, outcome: &Outcome) {
    let report = &outcome.report;
    row.url = report.request.as_ref().map(|request| request.url.clone());
    row.step = match (report.ending, &report.request) {
        (Ending::Refused, _) => NextStep::Held,
        (Ending::Unchanged, _) => NextStep::Unchanged,
        (Ending::Planned, _) => NextStep::Planned,
        (Ending::Requested, Some(request)) if request.opened => NextStep::Opened,
        (Ending::Requested, _) => NextStep::UpToDate,
        (Ending::Pushed | Ending::Committed | Ending::Edited, _) => NextStep::Pushed,
    };
    let refuses = |f: &&Finding| matches!(f.outcome, Verdict::Fail | Verdict::Unverifiable);
    if let Some(finding) = report.findings.iter().find(refuses) {
        row.rule = Some(finding.rule);
        row.message = Some(finding.message.clone());
    }
}

/// One failure among what was done is "partly"; failures alone are what the
/// first of them is.
fn worst(exits: &[Exit]) -> Exit {
    let failed: Vec<Exit> = exits.iter().copied().filter(|exit| *exit != Exit::Done).collect();
    match failed.first() {
        None => Exit::Done,
        Some(first) if failed.len() == exits.len() => *first,
        Some(_) => Exit::Partly,
    }
}

fn render(context: &Context, report: &NextReport) -> String {
    match context.format {
        Format::Table | Format::Wide if context.quiet => String::new(),
        Format::Table | Format::Wide => output::next(report),
        format => output::machine(
            format,
            &output::next_value(report),
            "rows",
            &output::next_table(report),
        ),
    }
}
