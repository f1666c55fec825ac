//! The matrix of a status: which rows and columns, and where each version
//! stands.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Holds};
use crate::discover::{Cell, CellKey, Inventory};
use crate::gate::{self, by_semver};
use crate::history::Timeline;
use crate::kustomize::is_kustomization;
use crate::model::{AppId, Environment, EnvironmentName, Pin, RepoPath, Sources, pasted};
use crate::plan;
use crate::report::{Next, Standing, StatusCell, StatusReport, StatusRow};

use super::super::evidence::{Ground, Reach, timelines};
use super::super::workspace::is_undecided;
use super::super::{Context, Failure, Workspace};

/// The rows and columns that were asked for; all where none are named.
#[derive(Debug, Default)]
pub(in super::super) struct Wanted {
    /// The apps.
    pub(in super::super) apps: Vec<AppId>,
    /// The environments.
    pub(in super::super) environments: Vec<EnvironmentName>,
    /// Also moves into what is held or frozen.
    pub(in super::super) waiting: bool,
}

impl Wanted {
    /// What words name; `apps` are those that there are.
    pub(super) fn new<'a>(
        workspace: &Workspace,
        apps: impl FnOnce() -> BTreeSet<&'a AppId>,
        names: &[String],
    ) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        let apps = if names.is_empty() { BTreeSet::new() } else { apps() };
        for name in names {
            if let Some(environment) = workspace.config.environment(name) {
                wanted.environments.push(environment.name.clone());
                continue;
            }
            let found: Vec<AppId> =
                apps.iter().filter(|app| app.answers_to(name)).map(|app| (*app).clone()).collect();
            if found.is_empty() {
                return Err(unknown(workspace, &apps, name));
            }
            wanted.apps.extend(found);
        }
        Ok(wanted)
    }

    /// Of the rows and columns of all, those that are wanted.
    pub(super) fn narrow(&self, report: &mut StatusReport) {
        report.environments.retain(|(name, _)| self.has_environment(name));
        report.rows.retain_mut(|row| {
            row.cells.retain(|cell| self.has_environment(&cell.environment));
            row.next.retain(|next| self.has_environment(&next.environment));
            // A cell that is there has a file.
            let here = self.environments.is_empty() || row.cells.iter().any(|c| c.path.is_some());
            here && self.has_app(&row.app)
        });
    }

    /// Whether an app is wanted.
    pub(super) fn has_app(&self, app: &AppId) -> bool {
        self.apps.is_empty() || self.apps.contains(app)
    }

    fn has_environment(&self, name: &EnvironmentName) -> bool {
        self.environments.is_empty() || self.environments.contains(name)
    }
}

fn unknown(workspace: &Workspace, apps: &BTreeSet<&AppId>, name: &str) -> Failure {
    let environments = workspace.config.pipeline.environments().iter();
    let mut names: Vec<String> = environments.map(|e| e.name.to_string()).collect();
    names.extend(apps.iter().map(ToString::to_string));
    let near = crate::model::nearest::nearest(name, names.iter().map(String::as_str));
    Failure::not_found(format!("there is no app or environment `{name}`"))
        .maybe_hint(near.map(|near| format!("did you mean {near}?")))
        .hint("git promote status")
}

/// The command that makes a promotion.
pub(super) fn command_of(
    context: &Context,
    app: &AppId,
    (environment, version): (&EnvironmentName, &Pin),
) -> String {
    let shown = version.tag.as_ref().map_or_else(|| version.to_string(), ToString::to_string);
    pasted(&format!("{} {} {environment}", context.front.name(), app.at(&shown)))
}

/// The environments that are frozen now.
pub(super) fn frozen(config: &Config, now: i64) -> BTreeSet<EnvironmentName> {
    let all = config.pipeline.environments().iter().map(|environment| &environment.name);
    let shut = |name: &&EnvironmentName| {
        let now = jiff::Timestamp::from_second(now).ok();
        now.is_some_and(|now| config.calendar(name).is_frozen(now))
    };
    all.filter(shut).cloned().collect()
}

/// What the matrix is made of.
pub(super) struct Matrix<'a> {
    pub(super) context: &'a Context,
    pub(super) workspace: &'a Workspace,
    pub(super) inventory: &'a Inventory,
    pub(super) timelines: BTreeMap<CellKey, Timeline>,
    /// All that was in the environments before, where that has to be known.
    pub(super) past: BTreeMap<CellKey, Timeline>,
    pub(super) frozen: BTreeSet<EnvironmentName>,
    pub(super) holds: Holds,
}

impl Matrix<'_> {
    /// Reads the whole past of what needs it: of environments before those that
    /// seem to be ahead of them, and of those that something could enter.
    pub(super) fn look_back(&mut self, wanted: &Wanted) -> Result<(), Failure> {
        let mut keys = BTreeSet::new();
        let shown =
            |key: &CellKey| wanted.has_app(&key.app) && wanted.has_environment(&key.environment);
        for (key, cell) in self.inventory.cells.iter().filter(|(key, _)| shown(key)) {
            let environment = self.workspace.config.environment(key.environment.as_str());
            let (Some(environment), Some(pin)) = (environment, cell.pin()) else { continue };
            if self.standing(key, environment) == Standing::Ahead && !pin.is_empty() {
                let sources = self.workspace.config.sources_for(environment, &key.app);
                keys.extend(sources.names().iter().map(|name| elsewhere(key, name)));
            }
            if self.candidate((&key.app, &key.image), environment).is_some() {
                keys.insert(key.clone());
            }
        }
        let keys: BTreeSet<&CellKey> =
            keys.iter().filter(|key| self.inventory.cells.contains_key(*key)).collect();
        if !keys.is_empty() {
            let ground = Ground::of(self.workspace);
            self.past = timelines(ground, self.inventory, &keys, Reach::Everything)?;
        }
        Ok(())
    }

    /// The rows and columns that are wanted.
    pub(super) fn report(&self, wanted: &Wanted) -> StatusReport {
        let all = self.workspace.config.pipeline.environments();
        let shown: Vec<&Environment> =
            all.iter().filter(|e| wanted.has_environment(&e.name)).collect();
        let images: BTreeSet<(&AppId, &str)> =
            self.inventory.cells.keys().map(|key| (&key.app, key.image.as_str())).collect();
        let rows = images
            .into_iter()
            .filter(|(app, _)| wanted.has_app(app))
            .filter(|(app, image)| {
                let here = |e: &&Environment| self.inventory.cell(&e.name, app, image).is_some();
                wanted.environments.is_empty() || shown.iter().any(here)
            })
            .map(|(app, image)| self.row((app, image), &shown, wanted.waiting))
            .collect();
        let sources = |e: &&Environment| (e.name.clone(), e.sources.names().to_vec());
        StatusReport {
            environments: shown.iter().map(sources).collect(),
            rows,
            left_out: 0,
            live: None,
            forge: None,
            now: self.context.now,
        }
    }

    fn row(
        &self,
        (app, image): (&AppId, &str),
        environments: &[&Environment],
        waiting: bool,
    ) -> StatusRow {
        let cells: Vec<StatusCell> =
            environments.iter().map(|environment| self.cell(app, image, environment)).collect();
        let goes = environments.iter().filter(|environment| {
            waiting || !(self.is_held(app, environment) || self.is_frozen(environment))
        });
        let next = goes.filter_map(|environment| self.next(app, image, environment));
        let next = next.collect();
        StatusRow { app: app.clone(), image: image.to_owned(), cells, next }
    }

    fn cell(&self, app: &AppId, image: &str, environment: &Environment) -> StatusCell {
        let key = CellKey {
            environment: environment.name.clone(),
            app: app.clone(),
            image: image.to_owned(),
        };
        let cell = self.inventory.cells.get(&key);
        let since = self.timelines.get(&key).and_then(Timeline::since);
        let pin = cell.and_then(Cell::pin).filter(|pin| !pin.is_empty());
        StatusCell {
            environment: environment.name.clone(),
            pin: pin.cloned(),
            since: since.filter(|_| pin.is_some()).map(|moment| moment.seconds),
            commit: since.filter(|_| pin.is_some()).map(|moment| moment.commit.clone()),
            author: since.filter(|_| pin.is_some()).map(|moment| moment.author.clone()),
            path: cell.and_then(|cell| cell.sites.first()).map(|site| site.path.clone()),
            found: cell.map(found).unwrap_or_default(),
            standing: self.standing(&key, environment),
            live: None,
            requests: Vec::new(),
        }
    }

    /// Behind where an environment before runs something else that could come;
    /// ahead where this one's version never was in them.
    fn standing(&self, key: &CellKey, environment: &Environment) -> Standing {
        let Some(cell) = self.inventory.cells.get(key) else {
            return if self.is_blind(key) { Standing::Unknown } else { Standing::Absent };
        };
        let Some(pin) = cell.pin() else { return Standing::Unknown };
        if self.is_held(&key.app, environment) {
            return Standing::Held;
        }
        let sources = self.workspace.config.sources_for(environment, &key.app);
        let before: Vec<Option<&Cell>> = sources
            .names()
            .iter()
            .map(|name| self.inventory.cell(name, &key.app, &key.image))
            .collect();
        let same = |cell: Option<&Cell>| cell.and_then(Cell::pin) == Some(pin);
        let current = match sources {
            Sources::First => true,
            Sources::All(_) => before.iter().copied().all(same),
            Sources::Any(_) => before.iter().copied().any(same),
        };
        if current {
            return Standing::Current;
        }
        let alone = before.iter().all(Option::is_none);
        let newer = newer_than(pin, &before).unwrap_or_else(|| self.never_before(key, &sources));
        let ahead = alone || (newer && !self.ran_before(key, &sources, pin));
        match ahead {
            true => Standing::Ahead,
            false if self.is_frozen(environment) => Standing::Frozen,
            false => Standing::Behind,
        }
    }

    fn is_held(&self, app: &AppId, environment: &Environment) -> bool {
        self.holds.active(&environment.name, app, self.context.now).is_some()
    }

    fn is_frozen(&self, environment: &Environment) -> bool {
        self.frozen.contains(&environment.name)
    }

    /// Whether the environments before had this version at some time.
    fn ran_before(&self, key: &CellKey, sources: &Sources, pin: &Pin) -> bool {
        let ran = |name: &EnvironmentName| {
            let past = self.past.get(&elsewhere(key, name));
            past.is_some_and(|timeline| timeline.ran(pin).is_some())
        };
        match sources {
            Sources::First => false,
            Sources::All(names) => names.iter().all(ran),
            Sources::Any(names) => names.iter().any(ran),
        }
    }

    /// Whether a kustomization of the app's overlay there cannot be read.
    fn is_blind(&self, key: &CellKey) -> bool {
        self.inventory.unreadable.iter().any(|unreadable| {
            let overlay = self.inventory.overlays.get(unreadable.overlay);
            is_kustomization(unreadable.path.file_name())
                && overlay.is_some_and(|overlay| {
                    overlay.environment == key.environment
                        && overlay.app.as_ref().is_none_or(|app| *app == key.app)
                })
        })
    }

    /// Whether this version arrived here after anything that the environments
    /// before run now, and they do not run it: they moved on, it did not.
    fn never_before(&self, key: &CellKey, sources: &Sources) -> bool {
        let arrived = |key: &CellKey| {
            self.timelines.get(key).and_then(Timeline::since).map(|moment| moment.seconds)
        };
        let Some(here) = arrived(key) else { return false };
        let there = |name: &EnvironmentName| arrived(&elsewhere(key, name));
        sources.names().iter().all(|name| there(name).is_some_and(|there| there < here))
    }

    /// What the environment could take from the one before it, as far as the
    /// present tells.
    fn candidate(&self, (app, image): (&AppId, &str), environment: &Environment) -> Option<&Pin> {
        if is_undecided(&self.workspace.config, &environment.name) {
            return None;
        }
        let here = self.inventory.cell(&environment.name, app, image)?;
        plan::exists_in(&self.workspace.config, app, &environment.name).then_some(())?;
        let sources = self.workspace.config.sources_for(environment, app);
        let (first, rest) = sources.names().split_first()?;
        let version = self.inventory.cell(first, app, image)?.pin()?;
        let agreed = matches!(sources, Sources::Any(_))
            || rest.iter().all(|name| {
                self.inventory.cell(name, app, image).and_then(Cell::pin) == Some(version)
            });
        let back = here.pin().is_some_and(|pin| gate::goes_back(version, pin));
        let goes = agreed && !back && !version.is_empty() && here.pin() != Some(version);
        goes.then_some(version)
    }

    /// What the environment could take from the one before it, if that is not
    /// refused at first sight.
    fn next(&self, app: &AppId, image: &str, environment: &Environment) -> Option<Next> {
        let version = self.candidate((app, image), environment)?;
        // What it left before is refused too (GP003).
        let key = CellKey {
            environment: environment.name.clone(),
            app: app.clone(),
            image: image.to_owned(),
        };
        let left = |timelines: &BTreeMap<CellKey, Timeline>| {
            timelines.get(&key).is_some_and(|timeline| timeline.left(version))
        };
        if left(&self.past) || left(&self.timelines) {
            return None;
        }
        let command = command_of(self.context, app, (&environment.name, version));
        Some(Next { environment: environment.name.clone(), version: version.clone(), command })
    }
}

/// What stands in a cell that does not tell one version.
fn found(cell: &Cell) -> Vec<(Pin, RepoPath)> {
    let mut found = Vec::new();
    if cell.pin().is_none() {
        for site in &cell.sites {
            let one = (site.pin.clone(), site.path.clone());
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// The same app and image in another environment.
fn elsewhere(key: &CellKey, name: &EnvironmentName) -> CellKey {
    CellKey { environment: name.clone(), ..key.clone() }
}

/// By `SemVer`, where all versions tell.
fn newer_than(pin: &Pin, before: &[Option<&Cell>]) -> Option<bool> {
    let others: Option<Vec<&Pin>> = before.iter().map(|cell| cell.and_then(Cell::pin)).collect();
    let orders: Option<Vec<Ordering>> =
        others?.into_iter().map(|other| by_semver(pin, other)).collect();
    Some(orders?.into_iter().all(|order| order == Ordering::Greater))
}
