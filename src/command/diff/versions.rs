//! `diff APP@V1 APP@V2`: the changes of the app's own repository, where that is
//! known, and how the versions came to the environments.

use std::collections::BTreeSet;

use crate::discover::{self, CellKey};
use crate::history::{Held, Timeline};
use crate::model::{AppId, Pin};
use crate::output::{self, Format};
use crate::report::{Arrival, Changes};

use super::super::evidence::{Ground, Reach, timelines};
use super::super::source::AppSource;
use super::super::{Answer, Context, Exit, Failure, Remark, Workspace};
use super::DiffArgs;

pub(super) fn run(
    context: &Context,
    workspace: &Workspace,
    (args, app, (from, to)): (&DiffArgs, &AppId, (Pin, Pin)),
) -> Result<Answer, Failure> {
    let between = Between { context, workspace, app, from: &from, to: &to };
    let mut remarks = workspace.config_notes();
    let source = AppSource { repo: &workspace.repo, app };
    let compare = source.compare(&workspace.config, (&from, &to));
    let named = args.source.as_deref().map(|dir| context.directory.join(dir));
    let clone = named.or_else(|| source.clone());
    let log = match (&clone, from == to) {
        (Some(dir), false) => match source.commits(dir, (&from, &to)) {
            Ok(found) => Some(found),
            // Only what was asked for by name has to be there.
            Err(failure) if args.source.is_some() => return Err(failure),
            Err(failure) => {
                remarks.push(Remark::Warning(failure.message));
                None
            }
        },
        _ => None,
    };
    let arrivals = between.arrivals()?;
    let ran = |version: &Pin| arrivals.iter().any(|arrival| arrival.version.carries(version));
    let never: Vec<&Pin> = [&from, &to].into_iter().filter(|version| !ran(version)).collect();
    if log.is_none() && !never.is_empty() {
        let unknown = between.unknown(&never);
        if compare.is_none() {
            return Err(unknown);
        }
        remarks.push(Remark::Note(unknown.message));
    }
    if log.is_none() && compare.is_none() {
        let what = format!(
            "`source` of an [[app]] in promote.toml, or --source DIR, tells the \
                            changes of {app} itself"
        );
        remarks.push(Remark::Note(what));
    }
    let shown = log.as_ref().and(clone.as_ref());
    let source = shown.map(|dir| dir.display().to_string());
    let backwards = log.as_ref().is_some_and(|(_, backwards)| *backwards);
    let exit = if from == to { Exit::Done } else { Exit::Differs };
    let commits = log.map(|(commits, _)| commits);
    let app = app.clone();
    let report = Changes { app, from, to, compare, source, commits, backwards, arrivals };
    Ok(Answer { text: render(context, workspace, &report), remarks, exit })
}

fn render(context: &Context, workspace: &Workspace, report: &Changes) -> String {
    match context.format {
        Format::Table | Format::Wide => output::changes(report, workspace.paint, context.verbose),
        format => {
            let (value, table) = (output::changes_value(report), output::changes_table(report));
            let rows = if report.commits.is_some() { "commits" } else { "arrivals" };
            output::machine(format, &value, rows, &table)
        }
    }
}

struct Between<'a> {
    context: &'a Context,
    workspace: &'a Workspace,
    app: &'a AppId,
    from: &'a Pin,
    to: &'a Pin,
}

impl Between<'_> {
    /// How the versions, and those between them, came to the environments.
    fn arrivals(&self) -> Result<Vec<Arrival>, Failure> {
        let (snapshot, config) = (&self.workspace.snapshot, &self.workspace.config);
        let overlays = discover::overlays(snapshot, config, Some(&self.app.name))?;
        let inventory = discover::read(snapshot, config, overlays, &|_| true)?;
        let keys: BTreeSet<&CellKey> =
            inventory.cells.keys().filter(|key| key.app == *self.app).collect();
        let ground = Ground::of(self.workspace);
        let timelines = timelines(ground, &inventory, &keys, Reach::Everything)?;
        let rank = |arrival: &Arrival| {
            let environments = config.pipeline.environments();
            environments.iter().position(|e| e.name == arrival.environment)
        };
        let between: Vec<&Pin> =
            timelines.values().flat_map(|timeline| self.between(timeline)).collect();
        let mut found: Vec<Arrival> =
            timelines.iter().flat_map(|(key, timeline)| self.of(key, timeline, &between)).collect();
        // Of one environment they are in their order already.
        found.sort_by_key(rank);
        Ok(found)
    }

    /// The versions between the two, where an environment ran both.
    fn between<'t>(&self, timeline: &'t Timeline) -> Vec<&'t Pin> {
        let at = |version: &Pin| timeline.held.iter().position(|held| held.pin.carries(version));
        let (Some(from), Some(to)) = (at(self.from), at(self.to)) else { return Vec::new() };
        let stays = timeline.held.get(from.min(to)..=from.max(to)).unwrap_or_default();
        stays.iter().map(|held| &held.pin).collect()
    }

    /// Of one environment and image: the stays of these versions.
    fn of(&self, key: &CellKey, timeline: &Timeline, between: &[&Pin]) -> Vec<Arrival> {
        let meant = |held: &&Held| {
            let end = held.pin.carries(self.from) || held.pin.carries(self.to);
            end || between.contains(&&held.pin)
        };
        let arrival = |held: &Held| Arrival {
            environment: key.environment.clone(),
            image: key.image.clone(),
            version: held.pin.clone(),
            time: held.since.as_ref().map(|since| since.seconds),
            commit: held.since.as_ref().map(|since| since.commit.clone()),
        };
        timeline.held.iter().filter(meant).map(arrival).collect()
    }

    fn unknown(&self, never: &[&Pin]) -> Failure {
        let app = self.app;
        let never: Vec<String> = never.iter().map(ToString::to_string).collect();
        let never = never.join(" or ");
        let cut = if self.workspace.repo.is_shallow() { "; the history is cut off" } else { "" };
        let message = format!("no environment ever ran {never} of {app}{cut}");
        let hint = if cut.is_empty() { "git promote status" } else { "git fetch --unshallow" };
        Failure::not_found(message).hint(self.context.front.commands(hint))
    }
}
