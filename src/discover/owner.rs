//! Which overlay a path belongs to, wherever and whenever that was: told by
//! the layout alone, for histories, where what was there is there no longer.

use std::collections::HashMap;
use std::rc::Rc;

use crate::config::Config;
use crate::model::{EnvironmentName, RepoPath};

use super::Overlay;
use super::files::{MAX_DEPTH, is_manifest};
use super::overlay::{Templates, overlay};

/// Whether a file of an overlay is read for versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// What stands beside it tells.
    Unsure,
}

/// The overlays that paths belong to.
pub struct Owners<'a> {
    config: &'a Config,
    templates: Templates,
    /// Overlays that are there now, by path, named as the others tell.
    present: HashMap<RepoPath, Rc<Overlay>>,
    known: HashMap<RepoPath, Option<Rc<Overlay>>>,
}

impl<'a> Owners<'a> {
    /// By the layout of the config; `present` are the overlays that are there
    /// now, which name what lies below `**`.
    pub fn new(config: &'a Config, present: Vec<Overlay>) -> Self {
        let templates = Templates::of(config);
        let present =
            present.into_iter().map(|overlay| (overlay.path.clone(), Rc::new(overlay))).collect();
        Self { config, templates, present, known: HashMap::new() }
    }

    /// Whether the layout alone does not name the apps: then [`Owners::new`]
    /// wants to know what is there now.
    pub fn need_present(config: &Config) -> bool {
        config.layout.iter().any(|layout| {
            layout.template.trim_end_matches("/**").contains("**")
                && !layout.template.contains("{group}")
        })
    }

    /// The innermost overlay around the file at `path`.
    pub fn of(&mut self, path: &RepoPath) -> Option<Rc<Overlay>> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let found = self.find(path);
        self.known.insert(path.clone(), found.clone());
        found
    }

    fn find(&self, path: &RepoPath) -> Option<Rc<Overlay>> {
        let mut best: Option<Overlay> = None;
        for (index, found) in self.templates.around(path) {
            let deeper = |best: &Overlay| found.path.parts().count() > best.path.parts().count();
            if best.as_ref().is_none_or(deeper)
                && let Some(mut overlay) = overlay(self.config, index, &found)
            {
                self.tell_apart(&mut overlay, found.names.get("**"));
                best = Some(overlay);
            }
        }
        let best = best?;
        Some(self.present.get(&best.path).cloned().unwrap_or_else(|| Rc::new(best)))
    }

    /// Where an app of that name is elsewhere now, the place names this one.
    fn tell_apart(&self, overlay: &mut Overlay, place: Option<&String>) {
        let Some(app) = &mut overlay.app else { return };
        let taken = |other: &Rc<Overlay>| {
            other.environment == overlay.environment
                && other.path != overlay.path
                && other.app.as_ref().is_some_and(|other| other.name == app.name)
        };
        if app.group.is_none() && self.present.values().any(taken) {
            app.group = place.cloned().filter(|place| !place.is_empty());
        }
    }
}

/// Whether a file of the overlay is one that versions are read from.
pub fn holds(overlay: &Overlay, path: &RepoPath) -> Holds {
    if overlay.is_file {
        return if *path == overlay.path { Holds::Yes } else { Holds::No };
    }
    let below: Vec<&str> = path.parts().skip(overlay.path.parts().count()).collect();
    let Some((name, dirs)) = below.split_last() else { return Holds::No };
    if !is_manifest(name) || dirs.len() > MAX_DEPTH {
        // A chart that comes or goes changes what its templates are.
        return if *name == "Chart.yaml" { Holds::Unsure } else { Holds::No };
    }
    if dirs.contains(&"templates") || *name == "Chart.yaml" { Holds::Unsure } else { Holds::Yes }
}

/// The paths of all overlays of these environments and apps that there ever
/// were, part by part, of all where none is named; `None` is any part, and what
/// lies further down belongs to it.
pub fn reach(
    config: &Config,
    environments: &[EnvironmentName],
    apps: &[String],
) -> Vec<Vec<Option<String>>> {
    let mut found = Vec::new();
    for layout in &config.layout {
        let named = |e: &&crate::model::Environment| {
            environments.is_empty() || environments.contains(&e.name)
        };
        let dirs = config.pipeline.environments().iter().filter(named).flat_map(|e| &e.dirs);
        for dir in dirs {
            let template = layout.template.replace("{env}", dir);
            match apps {
                [] => found.push(parts(&template)),
                apps => found.extend(apps.iter().map(|app| parts(&template.replace("{app}", app)))),
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The parts of a template, up to the first that may be any number of them.
fn parts(template: &str) -> Vec<Option<String>> {
    let parts = template.split('/').filter(|part| !part.is_empty());
    let parts = parts.take_while(|part| *part != "**");
    parts.map(|part| (!part.contains(['{', '*'])).then(|| part.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::from_toml;

    const CONFIG: &str = r#"version = 1
[layout]
paths = ["apps/{app}/overlays/{env}", "argocd/{env}/{app}.yaml", "x/**/{env}"]
[[environment]]
name = "dev"
[[environment]]
name = "prod"
dirs = ["prod/blue", "prod/green"]
"#;

    fn path(text: &str) -> RepoPath {
        RepoPath::normalize(text).unwrap()
    }

    #[test]
    fn the_innermost_overlay_owns_a_file() {
        let config = from_toml(CONFIG).unwrap();
        let mut owners = Owners::new(&config, Vec::new());
        let mut shown = |text: &str| {
            owners.of(&path(text)).map(|o| (o.path.to_string(), o.environment.to_string()))
        };
        let pair = |path: &str, env: &str| Some((path.to_owned(), env.to_owned()));
        assert_eq!(shown("apps/web/overlays/dev/a/k.yaml"), pair("apps/web/overlays/dev", "dev"));
        assert_eq!(shown("argocd/dev/web.yaml"), pair("argocd/dev/web.yaml", "dev"));
        assert_eq!(
            shown("apps/web/overlays/prod/blue/k.yaml"),
            pair("apps/web/overlays/prod/blue", "prod")
        );
        assert_eq!(shown("x/dev/a/dev/k.yaml"), pair("x/dev/a/dev", "dev"));
        assert_eq!(shown("apps/web/base/k.yaml"), None);
        assert_eq!(shown("apps/web/overlays/dev"), None);
    }

    #[test]
    fn charts_are_looked_at_in_full() {
        let config = from_toml(CONFIG).unwrap();
        let overlay = Owners::new(&config, Vec::new()).of(&path("apps/w/overlays/dev/k.yaml"));
        let overlay = overlay.unwrap();
        let below = |name: &str| holds(&overlay, &path(&format!("apps/w/overlays/dev/{name}")));
        assert_eq!(below("k.yaml"), Holds::Yes);
        assert_eq!(below("k.txt"), Holds::No);
        assert_eq!(below("c/Chart.yaml"), Holds::Unsure);
        assert_eq!(below("c/templates/k.yaml"), Holds::Unsure);
    }

    #[test]
    fn what_is_named_narrows_the_search() {
        let config = from_toml(CONFIG).unwrap();
        let shown = |environments: &[&str], apps: &[&str]| {
            let environments: Vec<EnvironmentName> =
                environments.iter().map(|name| EnvironmentName::new(*name)).collect();
            let apps: Vec<String> = apps.iter().map(|app| (*app).to_owned()).collect();
            let found = reach(&config, &environments, &apps);
            let shown = |parts: &Vec<Option<String>>| {
                let parts: Vec<&str> = parts.iter().map(|p| p.as_deref().unwrap_or("*")).collect();
                parts.join("/")
            };
            found.iter().map(shown).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(&["dev"], &[]), "apps/*/overlays/dev argocd/dev/* x");
        assert_eq!(shown(&["dev"], &["web"]), "apps/web/overlays/dev argocd/dev/web.yaml x");
        assert_eq!(shown(&["prod"], &["a"]).matches("prod/blue").count(), 2);
    }
}
