//! Which app is meant: what was named, where the user stands, what was
//! configured, or what the versions tell.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};

use globset::{Glob, GlobMatcher};

use crate::discover::{Cell, Inventory};
use crate::model::{AppId, EnvironmentName, Pin, Sources, listed};
use crate::output::clean;
use crate::plan::{Move, Wanted};

use super::super::{Context, Exit, Failure, Workspace};
use super::args::CommonArgs;
use super::words::{Request, What};
use super::{absent, place};

/// Chooses among the apps of an inventory.
pub(super) struct Choosing<'a> {
    pub(super) context: &'a Context,
    pub(super) workspace: &'a Workspace,
    pub(super) inventory: &'a Inventory,
    pub(super) args: &'a CommonArgs,
    pub(super) request: &'a Request,
}

/// The moves, and how the apps were found if they were not named.
pub(super) struct Chosen {
    pub(super) moves: Vec<Move>,
    pub(super) inferred: Option<String>,
}

impl Choosing<'_> {
    pub(super) fn choose(&self) -> Result<Chosen, Failure> {
        if let What::Apps(apps) = &self.request.what {
            let moves: Result<Vec<Move>, Failure> = apps
                .iter()
                .map(|(name, version)| {
                    let wanted = Wanted::Version(version.clone());
                    Ok(Move { app: self.named(name)?, wanted, named: true })
                })
                .collect();
            return Ok(Chosen { moves: moves?, inferred: None });
        }
        if let What::Images(apps) = &self.request.what {
            let to_move = |(app, images): &(AppId, BTreeMap<String, Pin>)| Move {
                app: app.clone(),
                wanted: Wanted::Images(images.clone()),
                named: true,
            };
            return Ok(Chosen { moves: apps.iter().map(to_move).collect(), inferred: None });
        }
        if self.args.all || !self.args.apps.is_empty() || !self.args.groups.is_empty() {
            return self.by_flags();
        }
        let here = place::apps_at(&self.workspace.prefix(), self.inventory);
        if let Some((app, how)) = self.by_place(&here)? {
            let inferred = Some(format!("app {}: {how}", clean(&app.to_string())));
            return Ok(Chosen { moves: vec![self.to_move(app, true)?], inferred });
        }
        self.by_version(&here)
    }

    fn to_move(&self, app: AppId, named: bool) -> Result<Move, Failure> {
        let wanted = match &self.request.what {
            What::Version(version) => Wanted::Version(version.clone()),
            What::RunsIn(Some(source)) => Wanted::WhatRunsIn(source.clone()),
            What::RunsIn(None) => Wanted::WhatRunsIn(self.source_of(&app)?),
            What::Apps(_) | What::Images(_) => {
                return Err(Failure::new(Exit::Bug, "the apps are named already"));
            }
        };
        Ok(Move { app, wanted, named })
    }

    /// The environment before, for `git promote ENV`: the first of `from`. Of
    /// `from-any` they must all run the same.
    fn source_of(&self, app: &AppId) -> Result<EnvironmentName, Failure> {
        let to = &self.request.to;
        let none = || {
            Failure::usage(format!("no environment comes before {to}: name the version"))
                .hint(format!("{} {} {to}", self.context.front.name(), app.at(&"VERSION")))
        };
        let environment = self.workspace.config.environment(to.as_str()).ok_or_else(none)?;
        let sources = self.workspace.config.sources_for(environment, app);
        let first = sources.names().first().ok_or_else(none)?;
        let runs = |source: &EnvironmentName| -> Vec<(String, Vec<Pin>)> {
            let pins = |cell: &Cell| cell.pins().into_iter().cloned().collect();
            let images = self.inventory.images(source, app);
            images.map(|(image, cell)| (image.to_owned(), pins(cell))).collect()
        };
        let differ = sources.names().iter().any(|source| runs(source) != runs(first));
        if differ && matches!(sources, Sources::Any(_)) {
            return Err(Failure::usage(format!(
                "the environments before {to} run different versions of {app}"
            ))
            .hint(format!("{} {first} {to}", self.context.front.name())));
        }
        Ok(first.clone())
    }

    /// The one app of that name.
    fn named(&self, name: &str) -> Result<AppId, Failure> {
        self.one_of(&absent::all_apps(self.inventory), name)
    }

    fn one_of(&self, apps: &BTreeSet<AppId>, name: &str) -> Result<AppId, Failure> {
        let found: Vec<&AppId> = apps.iter().filter(|app| app.answers_to(name)).collect();
        match found.as_slice() {
            [app] => Ok((*app).clone()),
            [] => Err(absent::unknown_app(self.context, self.workspace, name)),
            several => {
                let names: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(Failure::usage(format!("several apps are called {name}: {}", listed(&names)))
                    .maybe_hint(several.first().map(|first| self.example(name, first))))
            }
        }
    }

    /// The command with the one app in place of its ambiguous name.
    fn example(&self, name: &str, app: &AppId) -> String {
        let program = self.context.front.name();
        let What::Apps(apps) = &self.request.what else {
            return format!("{program} -a {} {}", app.word(), self.request.typed());
        };
        let word = |(other, version): &(String, Pin)| {
            if other == name { app.at(version) } else { format!("{other}@{version}") }
        };
        let words: Vec<String> = apps.iter().map(word).collect();
        format!("{program} {} {}", words.join(" "), self.request.to)
    }

    /// `-a`, `-g` and `-A`. An app named without a wildcard must exist.
    fn by_flags(&self) -> Result<Chosen, Failure> {
        let globs = Globs::of(self.args)?;
        let mut known = absent::all_apps(self.inventory);
        known.retain(|app| globs.has_group(app));
        if known.is_empty() && !self.args.groups.is_empty() {
            return Err(self.no_match("group", &self.args.groups));
        }
        let mut moves = Vec::new();
        // `web[cell=one]` is the name of an app, though it looks like a glob.
        let shown: BTreeSet<String> = known.iter().map(ToString::to_string).collect();
        let named = |name: &&String| is_plain(name) || shown.contains(*name);
        for name in self.args.apps.iter().filter(named) {
            moves.push(self.to_move(self.one_of(&known, name)?, true)?);
        }
        known.retain(|app| globs.has_name(app));
        if known.is_empty() {
            return Err(self.no_match("app", &self.args.apps));
        }
        for app in known.iter().filter(|app| self.is_candidate(app)) {
            if !moves.iter().any(|other| other.app == *app) {
                moves.push(self.to_move(app.clone(), false)?);
            }
        }
        if moves.is_empty() {
            return Err(self.nobody(&known));
        }
        Ok(Chosen { moves, inferred: None })
    }

    fn no_match(&self, what: &str, globs: &[String]) -> Failure {
        absent::no_match(self.context, self.workspace, (what, globs))
    }

    fn nobody(&self, looked_at: &BTreeSet<AppId>) -> Failure {
        absent::nobody(self.context, self.workspace, (self.request, looked_at))
    }

    /// The app whose directory the user stands in, the configured one, or the
    /// only one there is.
    fn by_place(&self, here: &BTreeSet<AppId>) -> Result<Option<(AppId, &'static str)>, Failure> {
        if !here.is_empty() {
            let only = here.first().filter(|_| here.len() == 1).cloned();
            return Ok(only.map(|app| (app, "from the current directory")));
        }
        if let Some(name) = self.workspace.repo.config_string("promote.app") {
            return Ok(Some((self.named(&name)?, "from git config promote.app")));
        }
        let apps = self.inventory.apps();
        // Of the others perhaps only the place is known.
        let known: BTreeSet<&AppId> =
            self.inventory.overlays.iter().filter_map(|overlay| overlay.app.as_ref()).collect();
        let only = apps.iter().next().filter(|_| apps.len() == 1 && known.len() <= 1);
        Ok(only.map(|app| ((*app).clone(), "the only app")))
    }

    /// The apps that the version, or what the environment before runs, tells;
    /// of those `here` if there are any.
    fn by_version(&self, here: &BTreeSet<AppId>) -> Result<Chosen, Failure> {
        let all = absent::all_apps(self.inventory);
        let looked_at = if here.is_empty() { &all } else { here };
        let candidates: Vec<&AppId> =
            looked_at.iter().filter(|app| self.is_candidate(app)).collect();
        let open: Vec<&AppId> =
            candidates.iter().copied().filter(|app| !self.is_current(app)).collect();
        let (found, how) = match (open.as_slice(), candidates.as_slice()) {
            ([], []) => return Err(self.nobody(looked_at)),
            ([], current) => (current.to_vec(), "already there"),
            ([one], _) => (vec![*one], "the only app that this fits"),
            (several, _) if self.share_overlay(several) => {
                (several.to_vec(), "the images of one overlay")
            }
            (several, _) => (self.ask(several)?, "chosen"),
        };
        let names: Vec<String> = found.iter().map(ToString::to_string).collect();
        let inferred = Some(format!("app {}: {how}", clean(&names.join(", "))));
        let moves: Result<Vec<Move>, Failure> =
            found.into_iter().map(|app| self.to_move(app.clone(), true)).collect();
        Ok(Chosen { moves: moves?, inferred })
    }

    /// Whether the app could be meant: an environment before runs the version,
    /// or runs anything, where it is told by what runs there.
    fn is_candidate(&self, app: &AppId) -> bool {
        let config = &self.workspace.config;
        let Some(environment) = config.environment(self.request.to.as_str()) else { return false };
        let runs = |name: &EnvironmentName, version: Option<&Pin>| {
            self.inventory.images(name, app).any(|(_, cell)| match version {
                Some(version) => cell.pins().iter().any(|pin| pin.carries(version)),
                None => cell.pins().iter().any(|pin| !pin.is_empty()),
            })
        };
        let sources = config.sources_for(environment, app);
        match &self.request.what {
            What::Version(_) if sources == Sources::First => runs(&self.request.to, None),
            What::Version(version) => {
                sources.names().iter().any(|name| runs(name, Some(version)))
                    || runs(&self.request.to, Some(version))
            }
            What::RunsIn(Some(source)) => runs(source, None),
            What::RunsIn(None) => sources.names().iter().any(|name| runs(name, None)),
            What::Apps(_) | What::Images(_) => false,
        }
    }

    /// Whether the target already runs what is wanted, or does not have the app.
    fn is_current(&self, app: &AppId) -> bool {
        let target = |image: &str| self.inventory.cell(&self.request.to, app, image);
        let version = match &self.request.what {
            What::Version(version) => Some(version),
            _ => None,
        };
        let sources = match &self.request.what {
            What::RunsIn(Some(source)) => vec![source.clone()],
            _ => {
                let environment = self.workspace.config.environment(self.request.to.as_str());
                let sources =
                    environment.map(|e| self.workspace.config.sources_for(e, app).names().to_vec());
                sources.unwrap_or_default()
            }
        };
        if sources.is_empty() {
            let mut images = self.inventory.images(&self.request.to, app);
            return images.all(|(_, cell)| cell.pin().is_some_and(|pin| Some(pin) == version));
        }
        let moves = |(image, cell): (&str, &Cell)| {
            let Some(pin) = cell.pin() else { return true };
            let wanted = version.is_none_or(|version| pin.carries(version));
            wanted && target(image).is_some_and(|there| there.pin() != Some(pin))
        };
        !sources.iter().any(|source| self.inventory.images(source, app).any(moves))
    }

    /// Without `{app}` in the layout, the images of one overlay move together.
    fn share_overlay(&self, apps: &[&AppId]) -> bool {
        let to = &self.request.to;
        let mut overlays: BTreeSet<usize> = BTreeSet::new();
        for app in apps {
            overlays.extend(self.inventory.images(to, app).flat_map(|(_, cell)| &cell.overlays));
        }
        let nameless = |index: &usize| {
            self.inventory.overlays.get(*index).is_some_and(|overlay| overlay.app.is_none())
        };
        let dirs = self.workspace.config.environment(to.as_str()).map_or(1, |e| e.dirs.len());
        overlays.len() <= dirs
            && overlays.iter().all(nameless)
            && apps.iter().all(|app| !app.from_marker)
            && (!self.enters() || self.run_the_same(apps))
    }

    /// Whether a version comes from nowhere: into a first environment nothing
    /// tells which of the images it is a version of.
    fn enters(&self) -> bool {
        let environment = self.workspace.config.environment(self.request.to.as_str());
        let first = environment.is_none_or(|e| e.sources == Sources::First);
        first && matches!(self.request.what, What::Version(_))
    }

    fn run_the_same(&self, apps: &[&AppId]) -> bool {
        let images = apps.iter().flat_map(|app| self.inventory.images(&self.request.to, app));
        let pins: BTreeSet<Option<&Pin>> = images.map(|(_, cell)| cell.pin()).collect();
        // A digest is of one image; a tag may be that of all.
        let digest = match &self.request.what {
            What::Version(version) => version.digest.is_some(),
            _ => false,
        };
        let set = |pin: &&Pin| (pin.tag.clone(), pin.digest.clone().filter(|_| pin.tag.is_none()));
        let sets: BTreeSet<_> = pins.iter().flatten().map(set).collect();
        sets.len() <= 1 && !pins.contains(&None) && !(digest && apps.len() > 1)
    }

    fn ask<'a>(&self, apps: &[&'a AppId]) -> Result<Vec<&'a AppId>, Failure> {
        let names: Vec<String> = apps.iter().map(ToString::to_string).collect();
        if !self.context.interactive {
            let example = apps.first().map(|app| app.word()).unwrap_or_default();
            let (program, typed) = (self.context.front.name(), self.request.typed());
            return Err(Failure::usage(format!("several apps could be meant: {}", listed(&names)))
                .hint(format!("{program} -a {example} {typed}"))
                .maybe_hint((!self.enters()).then(|| format!("{program} --all {typed}"))));
        }
        let heading = format!("Several apps can move into {}:", self.request.to);
        let chosen = question(&names, &heading)?;
        Ok(apps
            .iter()
            .enumerate()
            .filter(|(i, _)| chosen.contains(i))
            .map(|(_, app)| *app)
            .collect())
    }
}

/// Whether the text is a name rather than a glob.
/// The apps that the flags name.
struct Globs<'a> {
    args: &'a CommonArgs,
    apps: Vec<GlobMatcher>,
    groups: Vec<GlobMatcher>,
}

impl<'a> Globs<'a> {
    fn of(args: &'a CommonArgs) -> Result<Self, Failure> {
        Ok(Self { args, apps: matchers(&args.apps)?, groups: matchers(&args.groups)? })
    }

    fn has_group(&self, app: &AppId) -> bool {
        let group = app.group.as_deref().unwrap_or_default();
        self.groups.is_empty() || self.groups.iter().any(|glob| glob.is_match(group))
    }

    fn has_name(&self, app: &AppId) -> bool {
        let shown = app.to_string();
        let by_glob = |glob: &GlobMatcher| glob.is_match(&app.name) || glob.is_match(&shown);
        self.apps.is_empty() || self.args.apps.contains(&shown) || self.apps.iter().any(by_glob)
    }
}

/// The apps among these that the flags name; `None` where no flag names any.
pub(in super::super) fn flagged(
    args: &CommonArgs,
    apps: &BTreeSet<AppId>,
) -> Result<Option<BTreeSet<AppId>>, Failure> {
    if !args.all && args.apps.is_empty() && args.groups.is_empty() {
        return Ok(None);
    }
    let globs = Globs::of(args)?;
    let named = apps.iter().filter(|app| globs.has_group(app) && globs.has_name(app));
    Ok(Some(named.cloned().collect()))
}

pub(in super::super) fn is_plain(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', '{'])
}

fn matchers(globs: &[String]) -> Result<Vec<GlobMatcher>, Failure> {
    let matcher = |glob: &String| {
        Glob::new(glob).map(|glob| glob.compile_matcher()).map_err(|error| {
            Failure::usage(format!("`{glob}` is no glob: {}", error.kind()))
                .hint("* stands for any text, ? for one character, {a,b} for a or b")
        })
    };
    globs.iter().map(matcher).collect()
}

/// Asks which of the apps are meant; an empty answer takes none.
pub(super) fn question(names: &[String], heading: &str) -> Result<BTreeSet<usize>, Failure> {
    let mut terminal = std::io::stderr().lock();
    let mut text = format!("{}\n", clean(heading));
    for (number, name) in (1..).zip(names) {
        text.push_str(&format!("  {number}) {}\n", clean(name)));
    }
    text.push_str("Which? (numbers, `all`, or nothing to stop) ");
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
    if line.trim() == "all" {
        return Ok((0..names.len()).collect());
    }
    let numbers: Result<BTreeSet<usize>, _> = line
        .split([' ', ',', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty())
        .map(str::parse::<usize>)
        .collect();
    match numbers {
        Ok(numbers)
            if !numbers.is_empty() && numbers.iter().all(|n| (1..=names.len()).contains(n)) =>
        {
            Ok(numbers.into_iter().map(|number| number - 1).collect())
        }
        _ => Err(Failure::usage("no app was chosen; nothing was changed")),
    }
}
