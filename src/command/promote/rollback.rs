//! Going back: which versions an environment ran before the present ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::discover::{Cell, CellKey, Inventory, Overlay};
use crate::gate::{self, Target};
use crate::git::{self, Interest};
use crate::history::Timeline;
use crate::model::{AppId, EnvironmentName, Pin, RepoPath, Site, listed, quoted};

use super::super::evidence::{Ground, Reach, timelines};
use super::super::{Context, Failure, Workspace};
use super::apps::{flagged, question};
use super::args::CommonArgs;
use super::place::apps_at;
use super::words::{Request, What};
use super::{absent, scope};

/// A rollback that is being made out.
#[derive(Clone, Copy)]
pub(super) struct Back<'a> {
    pub(super) context: &'a Context,
    pub(super) workspace: &'a Workspace,
    pub(super) args: &'a CommonArgs,
    /// `--steps`
    pub(super) steps: Option<usize>,
}

/// The images that go back together: those of one app, or of one overlay.
type Group = Vec<CellKey>;

/// What goes back together, and the version that was named for it.
type Meant = (Group, Option<Pin>);

impl Back<'_> {
    /// The request with the versions that it leaves open: for each app that is
    /// meant, what ran before, with the images that moved together; and what is
    /// to be said of apps that stay.
    pub(super) fn completed(self, request: Request) -> Result<(Request, Vec<String>), Failure> {
        self.refuse_version_with_steps(&request)?;
        let inventory = self.inventory(&request)?;
        let groups = self.groups(&inventory, &request)?;
        let keys: BTreeSet<&CellKey> = groups.iter().flat_map(|(keys, _)| keys).collect();
        let ground = Ground::of(self.workspace);
        let timelines = timelines(ground, &inventory, &keys, Reach::Everything)?;
        let order = self.order(&inventory, &timelines)?;
        let past = (&inventory, &timelines);
        let mut apps: BTreeMap<AppId, BTreeMap<String, Pin>> = BTreeMap::new();
        let mut stay: Vec<&Meant> = Vec::new();
        for group in &groups {
            let (keys, version) = group;
            let torn = version.is_none() && torn(&inventory, keys).is_some();
            let found = (!torn)
                .then(|| self.of_group((keys, version.as_ref()), &timelines, &order))
                .flatten();
            match found {
                Some(moves) => moves.into_iter().for_each(|(app, image, pin)| {
                    apps.entry(app).or_default().insert(image, pin);
                }),
                // That it never ran here is for the rules to say.
                None if version.is_some() => {
                    return Ok((named_by_app(&groups, request), Vec::new()));
                }
                None => stay.push(group),
            }
        }
        if apps.is_empty() {
            return Err(self.nothing(&request.to, &stay, past));
        }
        let named: Vec<&Meant> =
            stay.iter().copied().filter(|(keys, _)| self.is_named(&request, keys)).collect();
        if !named.is_empty() {
            let failure = self.nothing(&request.to, &named, past);
            return Err(Failure { hints: vec![self.alone(&request.to, &apps)], ..failure });
        }
        let notes = stay.iter().map(|group| self.told(&request.to, &[group], past));
        let notes = notes.map(|(message, _)| message).collect();
        let what = What::Images(apps.into_iter().collect());
        Ok((Request { to: request.to, what }, notes))
    }

    /// The command for those apps alone that can go back.
    fn alone(self, to: &EnvironmentName, apps: &BTreeMap<AppId, BTreeMap<String, Pin>>) -> String {
        let apps: Vec<String> = apps.keys().map(AppId::word).collect();
        let steps = self.steps.map(|steps| format!(" --steps {steps}")).unwrap_or_default();
        format!("{} rollback {to} {}{steps}", self.context.front.name(), apps.join(" "))
    }

    /// A version that is named is no number of versions.
    fn refuse_version_with_steps(self, request: &Request) -> Result<(), Failure> {
        let Some(steps) = self.steps else { return Ok(()) };
        let (named, apps) = match &request.what {
            What::Version(version) => (format!(" {}", quoted(&version.to_string())), String::new()),
            What::Apps(words) if words.iter().any(|(_, version)| !version.is_empty()) => {
                let spaced = |text: String, word: String| text + " " + &quoted(&word);
                let named = words.iter().map(|(app, version)| format!("{app}@{version}"));
                let apps = words.iter().map(|(app, _)| app.clone());
                (named.fold(String::new(), spaced), apps.fold(String::new(), spaced))
            }
            _ => return Ok(()),
        };
        let start = format!("{} rollback {}", self.context.front.name(), request.to);
        Err(Failure::usage("--steps counts back from the present version: name none")
            .hint(format!("{start}{apps} --steps {steps}"))
            .hint(format!("{start}{named}")))
    }

    /// Whether the user named an app of the group, by a word or by a flag
    /// without a wildcard.
    fn is_named(self, request: &Request, keys: &Group) -> bool {
        let plain = self.args.apps.iter().filter(|name| super::apps::is_plain(name));
        let flagged: Vec<&String> = plain.collect();
        matches!(request.what, What::Apps(_))
            || keys.iter().any(|key| flagged.iter().any(|name| key.app.answers_to(name)))
    }

    /// What the environment has.
    pub(super) fn inventory(self, request: &Request) -> Result<Inventory, Failure> {
        let overlays = scope::overlays(self.workspace, self.args, request)?;
        let here = |overlay: &Overlay| overlay.environment == request.to;
        let config = &self.workspace.config;
        Ok(crate::discover::read(&self.workspace.snapshot, config, overlays, &here)?)
    }

    /// What goes back together, and the version that was named for it.
    fn groups(self, inventory: &Inventory, request: &Request) -> Result<Vec<Meant>, Failure> {
        let of_app = |app: &AppId| -> Group {
            inventory.cells.keys().filter(|key| key.app == *app).cloned().collect()
        };
        if let What::Apps(apps) = &request.what {
            let group = |(name, version): &(String, Pin)| {
                let app = self.one(inventory, name, &request.to)?;
                let version = Some(version.clone()).filter(|version| !version.is_empty());
                Ok((of_app(&app), version))
            };
            return apps.iter().map(group).collect();
        }
        let version = match &request.what {
            What::Version(version) => Some(version.clone()),
            _ => None,
        };
        let meant = self.meant(inventory, &request.to).map_err(|failure| match &version {
            // A word without a digit is hardly a version.
            Some(word) if !word.to_string().contains(|c: char| c.is_ascii_digit()) => {
                absent::unknown_app(self.context, self.workspace, &word.to_string())
            }
            _ => failure,
        });
        let groups = meant?.into_iter();
        let group =
            |apps: BTreeSet<AppId>| (apps.iter().flat_map(of_app).collect(), version.clone());
        Ok(groups.map(group).collect())
    }

    /// The app of that name.
    fn one(
        self,
        inventory: &Inventory,
        name: &str,
        to: &EnvironmentName,
    ) -> Result<AppId, Failure> {
        let apps: BTreeSet<&AppId> =
            inventory.cells.keys().map(|key| &key.app).filter(|app| app.answers_to(name)).collect();
        let program = self.context.front.name();
        match apps.iter().collect::<Vec<_>>().as_slice() {
            [app] => Ok((**app).clone()),
            [] => Err(Failure::not_found(format!("{to} runs nothing of {name}"))
                .hint(format!("{program} status {name}"))),
            several => {
                let names: Vec<String> = several.iter().map(ToString::to_string).collect();
                let first = several.first().map(|app| app.word()).unwrap_or_default();
                Err(Failure::usage(format!("several apps are called {name}: {}", listed(&names)))
                    .hint(format!("{program} rollback {to} {first}")))
            }
        }
    }

    /// The apps that go back: those of the flags, of the directory, or the only
    /// one. Apps that are known by their images alone go back together where
    /// they stand in one overlay.
    fn meant(
        self,
        inventory: &Inventory,
        to: &EnvironmentName,
    ) -> Result<Vec<BTreeSet<AppId>>, Failure> {
        let all: BTreeSet<AppId> = inventory.cells.keys().map(|key| key.app.clone()).collect();
        let alone = |app: AppId| BTreeSet::from([app]);
        if let Some(flagged) = self.flagged(&all)? {
            return Ok(flagged.into_iter().map(alone).collect());
        }
        let near = apps_at(&self.workspace.prefix(), inventory);
        let configured = self.workspace.repo.config_string("promote.app");
        let configured =
            all.iter().filter(|app| configured.iter().any(|name| app.answers_to(name)));
        let configured: BTreeSet<AppId> = configured.cloned().collect();
        for found in [near, configured, all.clone()] {
            if found.len() == 1 || share_overlay(inventory, &found) {
                return Ok(vec![found]);
            }
        }
        if self.context.interactive && !all.is_empty() {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            let chosen = question(&names, &format!("Which app goes back in {to}?"))?;
            let apps = all.into_iter().enumerate().filter(|(index, _)| chosen.contains(index));
            return Ok(apps.map(|(_, app)| alone(app)).collect());
        }
        Err(self.which(inventory, &all, to))
    }

    /// The apps of `-a`, `-g` and `-A`.
    pub(super) fn flagged(self, all: &BTreeSet<AppId>) -> Result<Option<BTreeSet<AppId>>, Failure> {
        let flagged = flagged(self.args, all)?;
        if flagged.as_ref().is_some_and(BTreeSet::is_empty) {
            let (context, workspace) = (self.context, self.workspace);
            return Err(match (self.args.apps.as_slice(), self.args.groups.as_slice()) {
                ([], groups) => absent::no_match(context, workspace, ("group", groups)),
                ([name], _) if super::apps::is_plain(name) => {
                    absent::unknown_app(context, workspace, name)
                }
                (apps, _) => absent::no_match(context, workspace, ("app", apps)),
            });
        }
        Ok(flagged)
    }

    /// Which app is meant? Most likely the one that moved last.
    fn which(self, inventory: &Inventory, all: &BTreeSet<AppId>, to: &EnvironmentName) -> Failure {
        let program = self.context.front.name();
        if all.is_empty() {
            return Failure::not_found(format!("no version was found in {to}"))
                .hint(format!("{program} status"));
        }
        let names: Vec<String> = all.iter().take(10).map(ToString::to_string).collect();
        let mut message = format!("which app goes back in {to}? There are {}", names.join(", "));
        let last = self.moved_last(inventory).ok().flatten();
        if let Some(last) = &last {
            message.push_str(&format!("; {last} moved last"));
        }
        Failure::usage(message)
            .maybe_hint(last.map(|app| format!("{program} rollback {to} {}", app.word())))
            .hint(format!("{program} rollback {to} -a APP"))
    }

    /// The app whose version changed last in the environment.
    fn moved_last(self, inventory: &Inventory) -> Result<Option<AppId>, Failure> {
        let paths = inventory.cells.values().flat_map(|cell| &cell.overlays);
        let paths = paths.filter_map(|index| Some(inventory.overlays.get(*index)?.path.clone()));
        let workspace = self.workspace;
        let mut history = git::walk(&workspace.repo, workspace.base, Interest::below(paths))?;
        let Some(commit) = history.next().transpose()? else { return Ok(None) };
        let touched = |cell: &&Cell| {
            let mut overlays = cell.overlays.iter().filter_map(|at| inventory.overlays.get(*at));
            overlays.any(|overlay| commit.changed.iter().any(|path| path.is_within(&overlay.path)))
        };
        let mut cells = inventory.cells.iter().filter(|(_, cell)| touched(cell));
        let first = cells.next().map(|(key, _)| key.app.clone());
        let others = cells.any(|(key, _)| Some(&key.app) != first.as_ref());
        Ok(first.filter(|_| !others && commit.parent.is_some()))
    }

    /// How many newer ones there are of each commit that the timelines name.
    fn order(
        self,
        inventory: &Inventory,
        timelines: &BTreeMap<CellKey, Timeline>,
    ) -> Result<BTreeMap<String, usize>, Failure> {
        let held = timelines.values().flat_map(|timeline| &timeline.held);
        let commits = held.filter_map(|held| held.since.as_ref()).map(|since| &since.commit);
        let mut wanted: BTreeSet<&String> = commits.collect();
        let indexes = timelines.keys().filter_map(|key| inventory.cells.get(key));
        let indexes = indexes.flat_map(|cell| &cell.overlays);
        let paths: BTreeSet<RepoPath> =
            indexes.filter_map(|at| Some(inventory.overlays.get(*at)?.path.clone())).collect();
        let mut order = BTreeMap::new();
        let (repo, base) = (&self.workspace.repo, self.workspace.base);
        for (at, commit) in git::walk(repo, base, Interest::below(paths))?.enumerate() {
            if wanted.is_empty() {
                break;
            }
            let id = commit?.id.to_string();
            if wanted.remove(&id) {
                order.insert(id, at);
            }
        }
        Ok(order)
    }

    fn of_group(
        self,
        (keys, version): (&Group, Option<&Pin>),
        timelines: &BTreeMap<CellKey, Timeline>,
        order: &BTreeMap<String, usize>,
    ) -> Option<Vec<(AppId, String, Pin)>> {
        let own = keys.iter().filter_map(|key| Some((key.image.as_str(), timelines.get(key)?)));
        let target = version.map_or(Target::Steps(self.steps.unwrap_or(1)), Target::Version);
        let moves = gate::way_back(&own.collect(), order, target)?;
        let app = |image: &String| keys.iter().find(|key| key.image == *image);
        let moves = moves.into_iter();
        Some(
            moves.filter_map(|(image, pin)| Some((app(&image)?.app.clone(), image, pin))).collect(),
        )
    }

    fn nothing(
        self,
        to: &EnvironmentName,
        groups: &[&Meant],
        past: (&Inventory, &BTreeMap<CellKey, Timeline>),
    ) -> Failure {
        let (message, hint) = self.told(to, groups, past);
        Failure::not_found(message).hint(hint)
    }

    /// Why apps cannot go back, and the way out.
    fn told(
        self,
        to: &EnvironmentName,
        groups: &[&Meant],
        (inventory, timelines): (&Inventory, &BTreeMap<CellKey, Timeline>),
    ) -> (String, String) {
        let command =
            |app: &str| format!("{} rollback {to} {app}@VERSION", self.context.front.name());
        if let Some((app, torn)) = groups.iter().find_map(|(keys, _)| torn(inventory, keys)) {
            let message = format!("{to} runs {torn} of {app}: to which version does it go back?");
            return (message, command(&app.word()));
        }
        let keys: BTreeSet<&CellKey> = groups.iter().flat_map(|(keys, _)| keys).collect();
        let apps: BTreeSet<String> = keys.iter().map(|key| key.app.to_string()).collect();
        let apps = listed(&apps.into_iter().collect::<Vec<_>>());
        let mut concerned = keys.iter().filter_map(|key| timelines.get(*key));
        if concerned.any(|timeline| !timeline.complete) {
            let message =
                format!("the history is cut off: what {to} ran of {apps} before is not known");
            return (message, "git fetch --unshallow".to_owned());
        }
        let ran = match (self.steps.filter(|steps| *steps > 1), came(&keys, timelines)) {
            (Some(steps), _) => format!("did not run {steps} versions of {apps} before"),
            (None, Some(commit)) => {
                format!("has run no other version of {apps} since it came there ({commit})")
            }
            (None, None) => format!("ran no version of {apps} before"),
        };
        (format!("{to} {ran} that it could go back to"), command("APP"))
    }
}

/// An app whose files do not agree on its version, and what each of them says.
fn torn<'k>(inventory: &Inventory, keys: &'k Group) -> Option<(&'k AppId, String)> {
    let cell = |key: &'k CellKey| Some((key, inventory.cells.get(key)?));
    let (key, cell) = keys.iter().filter_map(cell).find(|(_, cell)| cell.pins().len() > 1)?;
    let place = |site: &Site| format!("{} ({}:{})", site.pin, site.path, site.line);
    let places: Vec<String> = cell.sites.iter().map(place).collect();
    Some((&key.app, places.join(" and ")))
}

/// The commit that brought an image, which is there since: what was before
/// that, nobody goes back to.
fn came<'t>(
    keys: &BTreeSet<&CellKey>,
    timelines: &'t BTreeMap<CellKey, Timeline>,
) -> Option<&'t str> {
    let mut keys = keys.iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return None };
    let first = timelines.get(*key)?.held.last()?.since.as_ref()?;
    Some(gate::short_id(&first.commit))
}

/// Whether these apps are known by their images alone, and stand in one overlay.
fn share_overlay(inventory: &Inventory, apps: &BTreeSet<AppId>) -> bool {
    let cells = inventory.cells.iter().filter(|(key, _)| apps.contains(&key.app));
    let overlays: BTreeSet<usize> =
        cells.flat_map(|(_, cell)| cell.overlays.iter().copied()).collect();
    let nameless =
        |index: &usize| inventory.overlays.get(*index).is_some_and(|overlay| overlay.app.is_none());
    overlays.len() == 1 && overlays.iter().all(nameless)
}

/// The request with the apps that are meant, each by its name.
fn named_by_app(groups: &[Meant], request: Request) -> Request {
    let word = |(keys, version): &Meant| {
        let app = keys.first().map(|key| key.app.to_string());
        Some((app?, version.clone()?))
    };
    let words: Option<Vec<(String, Pin)>> = groups.iter().map(word).collect();
    match words {
        Some(words) => Request { to: request.to, what: What::Apps(words) },
        None => request,
    }
}
