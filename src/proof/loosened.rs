//! What a change of the config allows that was not allowed.

use crate::config::{self, AppPolicy, Config, GITOPS_PROMOTION, LayoutPath, PROMOTE_TOML};
use crate::model::{Environment, RepoPath, SnapshotError, Sources};

use super::{ConfigChange, Sides};

/// Compares the config files of both sides.
pub(super) fn config_change(sides: &Sides<'_>) -> Result<Option<ConfigChange>, SnapshotError> {
    let files = [PROMOTE_TOML, GITOPS_PROMOTION].map(|name| RepoPath::root().join(name));
    // What the config names is part of it: who may sign, what is asked.
    let named = sides.config.named_files();
    let named: Vec<&RepoPath> = named.iter().filter(|file| sides.changed.contains(file)).collect();
    let others =
        || named.iter().map(|file| format!("`{file}`, which the config names, is another"));
    let Some(path) = files.iter().find(|file| sides.changed.contains(file)) else {
        let Some(path) = named.first().map(|path| (*path).clone()) else { return Ok(None) };
        return Ok(Some(ConfigChange { path, loosens: others().collect(), broken: None }));
    };
    let [promote, legacy] = &files;
    let (promote, legacy) = (sides.head.read(promote)?, sides.head.read(legacy)?);
    let path = path.clone();
    Ok(Some(match config::from_files(promote.as_deref(), legacy.as_deref()) {
        Ok(Some(new)) => {
            let loosens = loosened(sides.config, &new).into_iter().chain(others()).collect();
            ConfigChange { path, loosens, broken: None }
        }
        Ok(None) => {
            let loosens =
                vec!["there is no config any more, and no later change can be judged".to_owned()];
            ConfigChange { path, loosens, broken: None }
        }
        Err(error) => ConfigChange { path, loosens: Vec::new(), broken: Some(error.to_string()) },
    }))
}

/// What a config allows that another one does not, or where it looks elsewhere,
/// in words.
pub fn loosened(old: &Config, new: &Config) -> Vec<String> {
    let mut found = Vec::new();
    for environment in old.pipeline.environments() {
        match new.environment(environment.name.as_str()) {
            Some(other) => {
                compare(environment, other, &mut found);
                let name = &environment.name;
                let guards = old.loosened_in(name, new);
                found.extend(guards.into_iter().map(|what| format!("{name}: {what}")));
            }
            None => found.push(format!("{} is no environment any more", environment.name)),
        }
    }
    found.extend(old.guards.loosened(&new.guards));
    for path in old.layout.iter().filter(|path| !new.layout.contains(path)) {
        found.push(format!("`{}` is no longer laid out as it was", path.template));
    }
    let first = |path: &&LayoutPath| !old.layout.contains(path) && !old.layout.is_empty();
    for path in new.layout.iter().filter(first) {
        found.push(format!("`{}` is laid out anew", path.template));
    }
    found.extend(config::wider_grants(&old.overrides, &new.overrides));
    for app in new.apps.iter().filter(|app| !old.apps.contains(app)) {
        if app.policy != AppPolicy::Strict {
            found.push(format!("`{}` is held less strictly", app.name));
        }
        if !app.environments.is_empty() {
            let names: Vec<&str> = app.environments.iter().map(AsRef::as_ref).collect();
            found.push(format!("`{}` exists in {} alone", app.name, names.join(", ")));
        }
    }
    for app in old.apps.iter().filter(|app| !new.apps.contains(app)) {
        found.push(format!("the `[[app]]` entry `{}` is another", app.name));
    }
    for tag in old.mutable_tags.iter().filter(|tag| !new.mutable_tags.contains(tag)) {
        found.push(format!("`{tag}` is no mutable tag any more"));
    }
    if old.require_online && !new.require_online {
        found.push("what is only known online need not be asked any more".to_owned());
    }
    found
}

fn compare(old: &Environment, new: &Environment, found: &mut Vec<String>) {
    let name = &old.name;
    if old.sources != new.sources {
        let shown = |sources: &Sources| match sources {
            Sources::First => "nowhere".to_owned(),
            Sources::All(names) => join(names, " and "),
            Sources::Any(names) => join(names, " or "),
        };
        let (before, after) = (shown(&old.sources), shown(&new.sources));
        found.push(format!("{name} comes from {after}, not from {before}"));
    }
    if old.dirs != new.dirs {
        found.push(format!("the directories of {name} are others"));
    }
    if new.seen && !old.seen {
        found.push(format!("a version that was seen once may enter {name}"));
    }
    if old.images.pin && !new.images.pin {
        found.push(format!("what enters {name} is not pinned by a digest any more"));
    }
    if old.images.signature.is_some() && old.images.signature != new.images.signature {
        found.push(format!("another signature, or none, is asked of what enters {name}"));
    }
    if old.images.registry.is_some() && old.images.registry != new.images.registry {
        found.push(format!("{name} pulls from another registry, or from any"));
    }
    if new.together && !old.together {
        found.push(format!("{name} may be entered together with its `from`"));
    }
    match (&old.health, &new.health) {
        (Some(_), None) => found.push(format!("{name} no longer asks whether they are healthy")),
        (Some(before), Some(after)) if before != after => {
            found.push(format!("{name} asks otherwise whether they are healthy"));
        }
        _ => {}
    }
    for (rollback, what) in [(false, "a change"), (true, "a rollback")] {
        let (before, after) = (old.delivery.needs(rollback), new.delivery.needs(rollback));
        if after < before {
            found.push(format!("{what} of {name} needs {after} approvals, not {before}"));
        }
    }
    if old.delivery.protected && !new.delivery.protected {
        found.push(format!("{name} is not protected any more"));
    }
    if old.delivery.reviewers != new.delivery.reviewers {
        found.push(format!("others are asked to look at changes of {name}"));
    }
    if old.cluster != new.cluster {
        found.push(format!("the cluster of {name} is another"));
    }
}

fn join(names: &[crate::model::EnvironmentName], between: &str) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(between)
}
