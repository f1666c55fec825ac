//! `git promote audit`: the standing state instead of a change.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::config::{AppPolicy, Config};
use crate::discover::{self, Cell, CellKey, Inventory};
use crate::history::Timeline;
use crate::model::{AppId, EnvironmentName, Pin, Sources};
use crate::output::{self, Format};
use crate::proof::{self, Entering};
use crate::report::{AuditReport, AuditRow};

use super::evidence::{Ground, Reach, timelines};
use super::leftovers;
use super::workspace::is_undecided;
use super::{Answer, Context, Exit, Failure, Remark, Workspace};

/// Every version in an environment that is not in the one before, by what is
/// committed and by what it renders.
///
/// Exit code 1 where there is one.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditArgs {
    /// Only versions that never were in the environment before
    #[arg(long)]
    pub history: bool,
}

/// `git promote audit [--history]`
pub fn run(context: &Context, args: &AuditArgs) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let config = &workspace.config;
    if let Some(message) = undecided(config) {
        return Err(
            Failure::new(Exit::Refused, message).hint(context.front.commands("git promote init"))
        );
    }
    let overlays = discover::overlays(&workspace.snapshot, config, None)?;
    let inventory = discover::read(&workspace.snapshot, config, overlays, &|_| true)?;
    let rows = violations(&workspace, &inventory, args.history)?;
    let report = AuditReport { base: workspace.base.to_string(), rows };
    let exit = if report.rows.is_empty() { Exit::Done } else { Exit::Differs };
    let mut remarks = leftovers::noticed(&workspace.repo);
    remarks.extend(workspace.config_notes());
    if workspace.repo.is_shallow() && !report.rows.is_empty() {
        let shallow =
            "the history is cut off: what ran before is not known (git fetch --unshallow)";
        remarks.push(Remark::Warning(shallow.to_owned()));
    }
    let unreadable = inventory.unreadable.iter();
    remarks.extend(unreadable.map(|u| Remark::Warning(format!("{}: {}", u.path, u.message))));
    Ok(Answer { text: render(context, &workspace, &report), remarks, exit })
}

/// Why nothing can be said: a guess does not place an environment.
pub(super) fn undecided(config: &Config) -> Option<String> {
    let mut names = config.pipeline.environments().iter().map(|environment| &environment.name);
    let name = names.find(|name| is_undecided(config, name))?;
    Some(format!("nothing says where {name} stands in the order of the environments"))
}

/// Every version that is not in the environments before it.
pub(super) fn violations(
    workspace: &Workspace,
    inventory: &Inventory,
    history: bool,
) -> Result<Vec<AuditRow>, Failure> {
    let auditing = Auditing { workspace, inventory };
    let found = auditing.pinned();
    let rows = auditing.rows(&found, history)?;
    let rendered = auditing.rendered(&rows)?;
    let mut rows: Vec<AuditRow> = rows.into_iter().chain(rendered).collect();
    rows.sort_by(|a, b| {
        (&a.app, &a.environment, &a.image).cmp(&(&b.app, &b.environment, &b.image))
    });
    Ok(rows)
}

fn render(context: &Context, workspace: &Workspace, report: &AuditReport) -> String {
    match context.format {
        Format::Table | Format::Wide => output::audit(report, workspace.paint, context.verbose),
        format => {
            let (value, table) = (output::audit_value(report), output::audit_table(report));
            output::machine(format, &value, "rows", &table)
        }
    }
}

struct Auditing<'a> {
    workspace: &'a Workspace,
    inventory: &'a Inventory,
}

/// A version and the environments before that do not run it.
struct Missing<'a> {
    key: &'a CellKey,
    cell: &'a Cell,
    pin: &'a Pin,
    sources: Vec<EnvironmentName>,
}

impl<'a> Auditing<'a> {
    /// The versions of the files.
    fn pinned(&self) -> Vec<Missing<'a>> {
        let mut found = Vec::new();
        for (key, cell) in &self.inventory.cells {
            let sources = self.sources(&key.environment, &key.app);
            for pin in cell.pins().into_iter().filter(|pin| !pin.is_empty()) {
                let lacks = |source: &&EnvironmentName| !self.runs(key, source, pin);
                let missing: Vec<EnvironmentName> =
                    sources.names().iter().filter(lacks).cloned().collect();
                let enough = match &sources {
                    Sources::Any(names) => missing.len() < names.len(),
                    Sources::First | Sources::All(_) => missing.is_empty(),
                };
                if !enough {
                    found.push(Missing { key, cell, pin, sources: missing });
                }
            }
        }
        found
    }

    /// Where versions of the app come from; nowhere where it is not judged.
    fn sources(&self, environment: &EnvironmentName, app: &AppId) -> Sources {
        let config = &self.workspace.config;
        let judged = config.app_policy(app) != AppPolicy::Off;
        let environment = config.environment(environment.as_str()).filter(|_| judged);
        environment.map_or(Sources::First, |environment| config.sources_for(environment, app))
    }

    fn runs(&self, key: &CellKey, source: &EnvironmentName, pin: &Pin) -> bool {
        let there = self.inventory.cell(source, &key.app, &key.image);
        there.is_some_and(|cell| cell.pins().iter().any(|other| other.carries(pin)))
    }

    /// The rows, with since when; and whether it was ever where it is missing.
    fn rows(&self, found: &[Missing<'_>], history: bool) -> Result<Vec<AuditRow>, Failure> {
        let seen = |missing: &Missing<'_>| {
            let environment = self.workspace.config.environment(missing.key.environment.as_str());
            environment.is_some_and(|environment| environment.seen)
        };
        let far = history || found.iter().any(seen);
        let sources = found.iter().filter(|_| far).flat_map(|missing| {
            let at = |source: &EnvironmentName| CellKey {
                environment: source.clone(),
                ..missing.key.clone()
            };
            missing.sources.iter().map(at).collect::<Vec<_>>()
        });
        let keys: BTreeSet<CellKey> =
            found.iter().map(|missing| missing.key.clone()).chain(sources).collect();
        let keys: BTreeSet<&CellKey> = keys.iter().collect();
        let reach = if far { Reach::Everything } else { Reach::Arrivals };
        let past = timelines(Ground::of(self.workspace), self.inventory, &keys, reach)?;
        let mut rows = Vec::new();
        for missing in found {
            let row = row(missing, far.then_some(&past), past.get(missing.key));
            if !((history || seen(missing)) && row.ever_in == Some(true)) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// What is rendered and no row tells of.
    fn rendered(&self, rows: &[AuditRow]) -> Result<Vec<AuditRow>, Failure> {
        let config = &self.workspace.config;
        let standing = proof::standing(&self.workspace.snapshot, config)?;
        let pinned = |entering: &Entering| {
            rows.iter().any(|row| {
                row.environment == entering.environment
                    && row.version.to_string() == version(entering)
            })
        };
        let judged = |entering: &Entering| {
            self.sources(&entering.environment, &entering.app) != Sources::First
        };
        // Where `seen` or --history is enough, the pins have answered.
        let known = |entering: &Entering| {
            self.inventory.images(&entering.environment, &entering.app).any(|(_, cell)| {
                cell.pins().iter().any(|pin| pin.to_string() == version(entering))
                    && cell.repository().is_none_or(|name| name == entering.repository)
            })
        };
        let told = |entering: &&Entering| judged(entering) && !pinned(entering) && !known(entering);
        Ok(standing.iter().filter(told).map(of_rendered).collect())
    }
}

fn version(entering: &Entering) -> String {
    match (entering.tag.as_str(), entering.digest.as_str()) {
        (tag, "") => tag.to_owned(),
        ("", digest) => digest.to_owned(),
        (tag, digest) => format!("{tag}@{digest}"),
    }
}

fn of_rendered(entering: &Entering) -> AuditRow {
    let missing = entering.from.iter().filter(|vouch| !vouch.runs);
    AuditRow {
        app: entering.app.clone(),
        image: entering.repository.clone(),
        environment: entering.environment.clone(),
        version: version(entering).parse().unwrap_or_default(),
        missing_in: missing.map(|vouch| vouch.environment.clone()).collect(),
        since: None,
        commit: None,
        ever_in: None,
        path: Some(entering.place.0.clone()),
        line: Some(entering.place.1),
    }
}

fn row(
    missing: &Missing<'_>,
    past: Option<&BTreeMap<CellKey, Timeline>>,
    own: Option<&Timeline>,
) -> AuditRow {
    let site = missing.cell.sites.iter().find(|site| site.pin == *missing.pin);
    // Where files do not agree, the timeline is that of the first.
    let own = own.filter(|own| own.held.first().is_some_and(|held| held.pin == *missing.pin));
    let since = own.and_then(Timeline::since);
    AuditRow {
        app: missing.key.app.clone(),
        image: missing.key.image.clone(),
        environment: missing.key.environment.clone(),
        version: missing.pin.clone(),
        missing_in: missing.sources.clone(),
        since: since.map(|since| since.seconds),
        commit: since.map(|since| since.commit.clone()),
        ever_in: past.and_then(|past| ever_in(missing, past)),
        path: site.map(|site| site.path.clone()),
        line: site.map(|site| site.line),
    }
}

/// Whether all of them ran it at some time; `None` where that is cut off.
fn ever_in(missing: &Missing<'_>, past: &BTreeMap<CellKey, Timeline>) -> Option<bool> {
    let mut all = true;
    for source in &missing.sources {
        let key = CellKey { environment: source.clone(), ..missing.key.clone() };
        // An environment that does not have the app now has no history here.
        let timeline = past.get(&key);
        let ran = timeline.is_some_and(|timeline| timeline.ran(missing.pin).is_some());
        if !ran && timeline.is_some_and(|timeline| !timeline.complete) {
            return None;
        }
        all &= ran;
    }
    Some(all)
}
