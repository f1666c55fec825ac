//! Which overlays a promotion has to look at: those of the apps that are
//! named, without listing the others where the layout allows it.

use std::collections::BTreeSet;

use crate::discover::{self, Inventory, Overlay, Roots};
use crate::model::nearest::nearest;
use crate::model::{AppId, EnvironmentName, Pin, RepoPath, Snapshot};

use super::super::{Exit, Failure, Workspace};
use super::Promoting;
use super::apps::is_plain;
use super::args::CommonArgs;
use super::words::{Request, What};

/// Whether there is an app that answers to the name.
pub(super) fn is_app(workspace: &Workspace, name: &str) -> Result<bool, Failure> {
    let overlays = overlays_of(workspace, Some(name))?;
    let named = |overlay: &Overlay| overlay.app.as_ref().is_some_and(|app| app.answers_to(name));
    if overlays.iter().any(named) {
        return Ok(true);
    }
    if overlays.iter().all(|overlay| overlay.app.is_some()) {
        return Ok(false);
    }
    // Without `{app}` in the layout, apps are known by what the overlays hold.
    let config = &workspace.config;
    let inventory = discover::read(&workspace.snapshot, config, overlays, &|_| true)?;
    Ok(inventory.apps().iter().any(|app| app.answers_to(name)))
}

impl Promoting<'_> {
    /// What is where, in the environment and those before it; of the apps that
    /// are named, if they are. `far`: in all that come before.
    pub(super) fn inventory(&self, far: bool) -> Result<Inventory, Failure> {
        let overlays = overlays(self.workspace, self.args, &self.request)?;
        let concerned = self.concerned(far);
        let apps: Option<BTreeSet<AppId>> = match self.searched() {
            Some(search) => apps_with(self.workspace, &overlays, search)?
                .filter(|apps| !apps.is_empty())
                .map(|apps| apps.into_iter().cloned().collect()),
            None => None,
        };
        let wanted = |overlay: &Overlay| {
            let app = overlay.app.as_ref();
            let meant = |apps: &BTreeSet<AppId>| app.is_some_and(|app| apps.contains(app));
            concerned.contains(&overlay.environment) && apps.as_ref().is_none_or(meant)
        };
        let config = &self.workspace.config;
        Ok(discover::read(&self.workspace.snapshot, config, overlays, &wanted)?)
    }

    /// The version that tells the app, and where it has to run for that; `None`
    /// where something else may tell.
    fn searched(&self) -> Option<(&[EnvironmentName], &Pin)> {
        let What::Version(version) = &self.request.what else { return None };
        let config = &self.workspace.config;
        let sources = config.environment(self.request.to.as_str())?.sources.names();
        let by_flag = self.args.all || !self.args.apps.is_empty() || !self.args.groups.is_empty();
        let by_place = self.workspace.prefix() != RepoPath::root()
            || self.workspace.repo.config_string("promote.app").is_some();
        // Where apps differ in their environments, so do their sources.
        let plain = !sources.is_empty() && config.apps.is_empty();
        (plain && !by_flag && !by_place).then_some((sources, version))
    }

    /// The environment, those that may come before it for some app, and the
    /// one that was named.
    fn concerned(&self, far: bool) -> BTreeSet<EnvironmentName> {
        let mut concerned = BTreeSet::new();
        let mut open = vec![self.request.to.clone()];
        if let What::RunsIn(Some(source)) = &self.request.what {
            concerned.insert(source.clone());
        }
        while let Some(name) = open.pop() {
            let sources = self.workspace.config.environment(name.as_str()).map(|e| &e.sources);
            let further = far || !self.workspace.config.apps.is_empty() || name == self.request.to;
            if let Some(sources) = sources.filter(|_| further) {
                open.extend(sources.names().iter().filter(|n| !concerned.contains(n)).cloned());
            }
            concerned.insert(name);
        }
        concerned
    }
}

/// The overlays of the named apps, or of all; only those with the labels of
/// `--select`.
pub(in super::super) fn overlays(
    workspace: &Workspace,
    args: &CommonArgs,
    request: &Request,
) -> Result<Vec<Overlay>, Failure> {
    let mut overlays = match names(args, request) {
        Some(names) => {
            let mut found: Vec<Overlay> = Vec::new();
            let mut seen = BTreeSet::new();
            for name in names {
                for overlay in overlays_of(workspace, Some(&name))? {
                    if seen.insert(overlay.path.clone()) {
                        found.push(overlay);
                    }
                }
            }
            found
        }
        None => overlays_of(workspace, None)?,
    };
    for selector in &args.select {
        let Some((name, value)) = selector.split_once('=') else {
            return Err(Failure::usage(format!("`{selector}` is no selector"))
                .hint("--select NAME=VALUE, with a NAME of the layout, such as cell=canary"));
        };
        if !knows_label(workspace, name) {
            return Err(Failure::usage(format!("no layout path has the name {{{name}}}"))
                .hint("git promote config show"));
        }
        let before = std::mem::take(&mut overlays);
        let (kept, others): (Vec<Overlay>, Vec<Overlay>) =
            before.into_iter().partition(|overlay| label(overlay, name) == Some(value));
        if kept.is_empty() {
            let near = nearest(value, others.iter().filter_map(|overlay| label(overlay, name)));
            return Err(Failure::not_found(format!("no overlay has {name}={value}"))
                .maybe_hint(near.map(|near| format!("--select {name}={near}")))
                .hint("git promote status"));
        }
        overlays = kept;
    }
    Ok(overlays)
}

fn knows_label(workspace: &Workspace, name: &str) -> bool {
    let braced = format!("{{{name}}}");
    workspace.config.layout.iter().any(|path| path.template.contains(&braced))
}

fn label<'a>(overlay: &'a Overlay, name: &str) -> Option<&'a str> {
    match name {
        "group" => overlay.group.as_deref(),
        "app" => overlay.app.as_ref().map(|app| app.name.as_str()),
        "env" => Some(&overlay.dir),
        name => overlay.app.as_ref()?.labels.get(name).map(String::as_str),
    }
}

/// The names, where every app is named without a wildcard.
fn names(args: &CommonArgs, request: &Request) -> Option<Vec<String>> {
    if let What::Apps(apps) = &request.what {
        return Some(apps.iter().map(|(name, _)| name.clone()).collect());
    }
    if let What::Images(apps) = &request.what {
        return Some(apps.iter().map(|(app, _)| app.to_string()).collect());
    }
    let plain = args.apps.iter().all(|name| is_plain(name));
    let only_apps = !args.apps.is_empty() && plain && !args.all && args.groups.is_empty();
    only_apps.then(|| args.apps.clone())
}

fn overlays_of(workspace: &Workspace, name: Option<&str>) -> Result<Vec<Overlay>, Failure> {
    // `group/web`, `group:web` and `web[cell=canary]` are all called `web` in
    // the layout.
    let short = name.map(|name| {
        let name = name.split('[').next().unwrap_or(name);
        name.rsplit(['/', ':']).next().unwrap_or(name)
    });
    Ok(discover::overlays(&workspace.snapshot, &workspace.config, short)?)
}

/// The apps whose overlays in one of `sources` hold the text of the version:
/// none of the others can be meant, and their files need not be parsed. `None`
/// where the layout does not tell the app, so that all have to be.
pub(super) fn apps_with<'o>(
    workspace: &Workspace,
    overlays: &'o [Overlay],
    (sources, version): (&[EnvironmentName], &Pin),
) -> Result<Option<BTreeSet<&'o AppId>>, Failure> {
    let tag = version.tag.as_ref().map(ToString::to_string);
    let text = tag.or_else(|| version.digest.as_ref().map(ToString::to_string));
    let search = Search { text: text.unwrap_or_default(), roots: Roots::of(overlays) };
    let wanted = overlays.iter().filter(|overlay| sources.contains(&overlay.environment));
    let wanted: Option<Vec<(&Overlay, &AppId)>> =
        wanted.map(|overlay| Some((overlay, overlay.app.as_ref()?))).collect();
    let Some(wanted) = wanted else { return Ok(None) };
    if wanted.len() < WORTH_A_THREAD {
        return Ok(Some(search.among(&workspace.snapshot, &wanted)?));
    }
    let (left, right) = wanted.split_at(wanted.len() / 2);
    let reader = workspace.snapshot.fork();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| search.among(&reader.snapshot(), right));
        let mut apps = search.among(&workspace.snapshot, left)?;
        let died = |_| Err(Failure::new(Exit::Bug, "a search of the overlays ended early"));
        apps.extend(other.join().unwrap_or_else(died)?);
        Ok(Some(apps))
    })
}

/// Fewer overlays than this are searched at once.
const WORTH_A_THREAD: usize = 200;

/// A text that is looked for in the bytes of overlays.
struct Search {
    text: String,
    roots: Roots,
}

impl Search {
    fn among<'o>(
        &self,
        snapshot: &dyn Snapshot,
        overlays: &[(&Overlay, &'o AppId)],
    ) -> Result<BTreeSet<&'o AppId>, Failure> {
        let mut apps = BTreeSet::new();
        for (overlay, app) in overlays {
            for path in discover::overlay_files(snapshot, overlay, &self.roots)? {
                if !apps.contains(app) && self.is_in(&snapshot.read(&path)?.unwrap_or_default()) {
                    apps.insert(*app);
                }
            }
        }
        Ok(apps)
    }

    /// What is no text is looked at closely, so that it is reported.
    fn is_in(&self, bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).map_or(true, |file| file.contains(&self.text))
    }
}
