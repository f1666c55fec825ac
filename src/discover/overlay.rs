//! Which directories and files belong to which environment and app.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::config::{Config, LayoutPath};
use crate::model::{AppId, EnvironmentName, MemorySnapshot, RepoPath, Snapshot, SnapshotError};

use super::template::{Bindings, Match, Template};

/// The directory (or file) that an environment owns for an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app, where the layout names it.
    pub app: Option<AppId>,
    /// `{group}` of the layout.
    pub group: Option<String>,
    /// The directory or file.
    pub path: RepoPath,
    /// Whether it is a file.
    pub is_file: bool,
    /// Which `[layout] paths` entry matched.
    pub layout: usize,
    /// The directory name that stood for the environment.
    pub dir: String,
    /// The byte of `path` at which it begins.
    pub dir_at: usize,
}

impl Overlay {
    /// The path of this overlay if the environment of the directory `dir`
    /// owned it.
    pub fn path_in(&self, dir: &str) -> Option<RepoPath> {
        let (head, tail) = self.path.as_str().split_at_checked(self.dir_at)?;
        let tail = tail.strip_prefix(&self.dir)?;
        RepoPath::normalize(&format!("{head}{dir}{tail}"))
    }
}

/// The overlays of every environment, of all apps or, where the layout names
/// apps, of those called `app`.
///
/// Sorted by environment order, then by path; a path matched by several
/// templates belongs to the first.
pub fn overlays(
    snapshot: &dyn Snapshot,
    config: &Config,
    app: Option<&str>,
) -> Result<Vec<Overlay>, SnapshotError> {
    let apps = app.map(|app| vec![app.to_owned()]);
    overlays_of(snapshot, config, apps.as_deref())
}

/// The names of apps that paths may belong to by the layout: of an overlay, or
/// of what lies beside its overlays.
pub fn apps_on<'p>(
    config: &Config,
    paths: impl IntoIterator<Item = &'p RepoPath>,
) -> BTreeSet<String> {
    let templates = Templates::of(config).all;
    let on = |path| templates.iter().flat_map(move |template| template.apps_on(path));
    paths.into_iter().flat_map(on).collect()
}

/// As [`overlays`], for several apps at once.
pub fn overlays_of(
    snapshot: &dyn Snapshot,
    config: &Config,
    apps: Option<&[String]>,
) -> Result<Vec<Overlay>, SnapshotError> {
    let mut found = Vec::new();
    let mut taken: HashSet<RepoPath> = HashSet::new();
    let unbound = Templates::of(config);
    for (index, layout) in config.layout.iter().enumerate() {
        let bound = apps.filter(|_| layout.template.contains("{app}"));
        let mut bindings = unbound.bindings.clone();
        if let Some(apps) = bound {
            bindings = bindings.with("app", apps.to_vec());
        }
        let matches = Template::new(&layout.template, &bindings).expand(snapshot, &bindings)?;
        // What is found with every name is what the names mean.
        let sure = apps.is_none() || (bound.is_none() && index == 0);
        for found_path in matches {
            let owner = if sure { Some((index, found_path)) } else { unbound.owner(&found_path) };
            let named = |app: &String| sure || apps.is_none_or(|apps| apps.contains(app));
            let owner = owner.filter(|(_, found)| found.names.get("app").is_none_or(named));
            let Some((index, found_path)) = owner else { continue };
            let overlay = overlay(config, index, &found_path);
            if let Some(overlay) = overlay.filter(|overlay| taken.insert(overlay.path.clone())) {
                found.push((found_path, overlay));
            }
        }
    }
    Ok(in_order(config, tell_apart(found)))
}

/// The templates of a layout, as they are read where no app is named.
pub(super) struct Templates {
    bindings: Bindings,
    all: Vec<Template>,
}

impl Templates {
    pub(super) fn of(config: &Config) -> Self {
        let bindings = Bindings::default().with("env", directories(config));
        let template = |layout: &LayoutPath| Template::new(&layout.template, &bindings);
        let all = config.layout.iter().map(template).collect();
        Self { bindings, all }
    }

    /// What the templates make of a file and the directories around it, in their
    /// order: which one, and what its names stand for.
    pub(super) fn around(&self, file: &RepoPath) -> impl Iterator<Item = (usize, Match)> + use<'_> {
        let alone = MemorySnapshot::new([(file.clone(), Vec::new())]);
        self.all.iter().enumerate().flat_map(move |(index, template)| {
            // In memory nothing fails to be read.
            let matches = template.expand(&alone, &self.bindings).unwrap_or_default();
            matches.into_iter().map(move |found| (index, found))
        })
    }

    /// What the layout says of a path that was found by the name of an app: part
    /// of it may be taken for an app that is another one's, or that an earlier
    /// template has taken.
    fn owner(&self, found: &Match) -> Option<(usize, Match)> {
        let file = if found.is_file { found.path.clone() } else { found.path.join("x") };
        let same =
            |(_, one): &(usize, Match)| one.path == found.path && one.is_file == found.is_file;
        self.around(&file).find(same)
    }
}

fn directories(config: &Config) -> Vec<String> {
    config.pipeline.environments().iter().flat_map(|e| e.dirs.iter().cloned()).collect()
}

pub(super) fn overlay(config: &Config, layout: usize, found: &Match) -> Option<Overlay> {
    let dir = found.names.get("env")?;
    let environment = config.pipeline.by_dir(dir)?.name.clone();
    let group = found.names.get("group").cloned();
    let labels: BTreeMap<String, String> = found
        .names
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "app" | "env" | "group" | "**"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let app = found.names.get("app").map(|name| AppId {
        name: name.clone(),
        group: group.clone(),
        from_marker: false,
        labels,
    });
    let path = found.path.clone();
    Some(Overlay {
        environment,
        app,
        group,
        path,
        is_file: found.is_file,
        layout,
        dir: dir.clone(),
        dir_at: found.env_at,
    })
}

/// Two directories at different places whose apps have one name are two apps:
/// what `**` stood for becomes their group.
fn tell_apart(found: Vec<(Match, Overlay)>) -> Vec<Overlay> {
    let place = |found: &Match| found.names.get("**").cloned().unwrap_or_default();
    if found.iter().all(|(found_path, _)| !found_path.names.contains_key("**")) {
        return found.into_iter().map(|(_, overlay)| overlay).collect();
    }
    let mut places: BTreeMap<AppId, BTreeSet<String>> = BTreeMap::new();
    for (found_path, overlay) in &found {
        if let Some(app) = &overlay.app {
            places.entry(app.clone()).or_default().insert(place(found_path));
        }
    }
    let ambiguous = |app: &AppId| places.get(app).is_some_and(|places| places.len() > 1);
    let settle = |(found_path, mut overlay): (Match, Overlay)| {
        if let Some(app) = overlay.app.as_mut().filter(|app| app.group.is_none() && ambiguous(app))
        {
            app.group = Some(place(&found_path)).filter(|place| !place.is_empty());
        }
        overlay
    };
    found.into_iter().map(settle).collect()
}

fn in_order(config: &Config, overlays: Vec<Overlay>) -> Vec<Overlay> {
    let environments = config.pipeline.environments();
    let ranks: BTreeMap<&EnvironmentName, usize> =
        environments.iter().enumerate().map(|(rank, e)| (&e.name, rank)).collect();
    let rank = |overlay: &Overlay| ranks.get(&overlay.environment).copied();
    let mut ranked: Vec<(Option<usize>, Overlay)> =
        overlays.into_iter().map(|overlay| (rank(&overlay), overlay)).collect();
    ranked.sort_by(|(a, left), (b, right)| (a, &left.path).cmp(&(b, &right.path)));
    ranked.into_iter().map(|(_, overlay)| overlay).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LayoutPath;
    use crate::model::{Environment, MemorySnapshot, Pipeline, Sources};

    fn counterpart(template: &str, path: &str) -> String {
        let environment =
            |name: &str| Environment::bare(EnvironmentName::new(name), Sources::First);
        let layout = LayoutPath { template: template.to_owned(), fields: Vec::new(), couple: true };
        let pipeline = Pipeline::new(vec![environment("main"), environment("test")]).unwrap();
        let config = Config { layout: vec![layout], ..Config::bare(pipeline) };
        let snapshot = MemorySnapshot::new([(RepoPath::normalize(path).unwrap(), Vec::new())]);
        let found = overlays(&snapshot, &config, None).unwrap();
        found.first().unwrap().path_in("test").unwrap().to_string()
    }

    #[test]
    fn only_what_stood_for_the_environment_is_replaced() {
        assert_eq!(counterpart("{app}/{env}", "main/main/a.yaml"), "main/test");
        assert_eq!(counterpart("{env}/{app}", "main/main/a.yaml"), "test/main");
        assert_eq!(counterpart("9c-{env}", "9c-main/a.yaml"), "9c-test");
        assert_eq!(counterpart("{env}-{app}.yaml", "main-main-x.yaml"), "test-main-x.yaml");
        assert_eq!(counterpart("**/{env}/{app}/x", "a/main/b/x/k.yaml"), "a/test/b/x");
    }
}
