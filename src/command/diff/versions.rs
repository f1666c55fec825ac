//! `diff APP@V1 APP@V2`: the changes of the app's own repository, where that is
//! known, and how the versions came to the environments.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::discover::{self, CellKey};
use crate::forge::compare_versions;
use crate::git::{ObjectId, Repository};
use crate::history::{Held, Timeline};
use crate::model::{AppId, Pin};
use crate::output::{self, Format};
use crate::report::{Arrival, Change, Changes};

use super::super::evidence::{Ground, Reach, timelines};
use super::super::{Answer, Context, Exit, Failure, Remark, Workspace};
use super::DiffArgs;

pub(super) fn run(
    context: &Context,
    workspace: &Workspace,
    (args, app, (from, to)): (&DiffArgs, &AppId, (Pin, Pin)),
) -> Result<Answer, Failure> {
    let between = Between { context, workspace, app, from: &from, to: &to };
    let mut remarks = workspace.config_notes();
    let source = workspace.config.source_of(app);
    let compare = match (source, &from.tag, &to.tag) {
        (Some(source), Some(from), Some(to)) => {
            compare_versions(source, from.as_str(), to.as_str())
        }
        _ => None,
    };
    let clone = between.clone(args.source.as_deref());
    let log = match (&clone, from == to) {
        (Some(dir), false) => match between.commits(dir) {
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
    /// The clone of the app's repository: that of the flag, or of git's config.
    fn clone(&self, flag: Option<&Path>) -> Option<PathBuf> {
        if let Some(flag) = flag {
            return Some(self.context.directory.join(flag));
        }
        let repo = &self.workspace.repo;
        let source = repo.config_string(&format!("promote.{}.source", self.app.name))?;
        Some(repo.root().unwrap_or(&self.context.directory).join(source))
    }

    /// The commits between the tags of the versions, and whether they go from the
    /// second to the first.
    fn commits(&self, dir: &Path) -> Result<(Vec<Change>, bool), Failure> {
        let unusable = |why: &dyn std::fmt::Display| {
            let message = format!("`{}` is no clone of {}: {why}", dir.display(), self.app);
            Failure::not_found(message).hint("git clone URL DIR")
        };
        let repo = Repository::open(dir).map_err(|error| unusable(&error))?;
        let (old, new) = (self.tag(&repo, dir, self.from)?, self.tag(&repo, dir, self.to)?);
        let mut ids = repo.surely_only_in(old, new)?;
        let backwards = ids.is_empty() && old != new;
        if backwards {
            ids = repo.surely_only_in(new, old)?;
        }
        let change = |id: &ObjectId| {
            let carrier = repo.carrier(*id)?;
            let subject = carrier.message.lines().next().unwrap_or_default().to_owned();
            let commit = id.to_string();
            Ok(Change { commit, time: carrier.seconds, author: carrier.author, subject })
        };
        let commits: Result<Vec<Change>, Failure> = ids.iter().map(change).collect();
        Ok((commits?, backwards))
    }

    /// The commit of a version: its tag with or without `v`, alone or behind the
    /// app's name, else what git knows by it.
    fn tag(&self, repo: &Repository, dir: &Path, version: &Pin) -> Result<ObjectId, Failure> {
        let text = version.tag.as_ref().map(ToString::to_string).unwrap_or_default();
        let bare = text.strip_prefix('v').unwrap_or(&text);
        let name = &self.app.name;
        let forms = [text.clone(), format!("v{bare}"), bare.to_owned()];
        let mut names: Vec<String> = forms.iter().map(|form| format!("refs/tags/{form}")).collect();
        for form in &forms {
            names.extend(["/", "-", "@", "_"].map(|by| format!("refs/tags/{name}{by}{form}")));
        }
        // Images that are tagged by the commit they were built from.
        let hex = text.rsplit(['-', '.']).next().unwrap_or_default();
        let is_hex = hex.len() >= 7 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        names.extend(is_hex.then(|| hex.to_owned()));
        names.iter().find_map(|name| repo.resolve(name).ok()).ok_or_else(|| {
            Failure::not_found(format!("`{}` has no tag for {version}", dir.display()))
                .hint(format!("git -C {} fetch --tags", dir.display()))
        })
    }

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
