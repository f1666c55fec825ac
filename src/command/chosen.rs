//! The apps and environments whose past was asked for.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};

use crate::discover;
use crate::history::Entry;
use crate::model::{AppId, EnvironmentName, nearest};

use super::past::Scope;
use super::promote::is_plain;
use super::{Failure, Workspace};

/// What words and flags name.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    environments: Vec<EnvironmentName>,
    /// Apps by what the user calls them.
    apps: Vec<String>,
    globs: Vec<GlobMatcher>,
}

impl Chosen {
    /// `words` name apps or environments; the flags name globs over apps, and
    /// environments.
    pub(super) fn new(
        workspace: &Workspace,
        words: &[String],
        (globs, environments): (&[String], &[String]),
    ) -> Result<Self, Failure> {
        let mut chosen = Self::default();
        for word in words {
            match workspace.config.environment(word) {
                Some(environment) => chosen.environments.push(environment.name.clone()),
                None => chosen.apps.push(word.clone()),
            }
        }
        for name in environments {
            chosen.environments.push(environment(workspace, name)?);
        }
        for glob in globs {
            if is_plain(glob) {
                chosen.apps.push(glob.clone());
                continue;
            }
            let compiled = Glob::new(glob).map_err(|error| {
                Failure::usage(format!("`{glob}` is no glob: {}", error.kind()))
                    .hint("--app 'web-*'")
            })?;
            chosen.globs.push(compiled.compile_matcher());
        }
        Ok(chosen)
    }

    /// What has to be read for it; of all environments where `all` of them
    /// matter.
    pub(super) fn scope(&self, all: bool) -> Scope {
        let environments = if all { Vec::new() } else { self.environments.clone() };
        let mut apps: Vec<String> = self.apps.iter().map(|app| bare(app).to_owned()).collect();
        if !self.globs.is_empty() {
            apps.clear();
        }
        apps.sort();
        apps.dedup();
        Scope { environments: in_order(environments), apps }
    }

    /// The environments; none: all of them.
    pub(super) fn environments(&self) -> &[EnvironmentName] {
        &self.environments
    }

    /// Whether an entry is meant.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        let environment =
            self.environments.is_empty() || self.environments.contains(&entry.environment);
        environment && self.has_app_or_all(&entry.app)
    }

    /// Whether the app is meant, or no app was named.
    pub(super) fn has_app_or_all(&self, app: &AppId) -> bool {
        self.apps.is_empty() && self.globs.is_empty() || self.has_app(app)
    }

    fn has_app(&self, app: &AppId) -> bool {
        let named = self.apps.iter().any(|name| app.answers_to(name));
        let shown = app.to_string();
        named || self.globs.iter().any(|glob| glob.is_match(&app.name) || glob.is_match(&shown))
    }

    /// Whether there is, or was, an app of each name.
    pub(super) fn check_apps(
        &self,
        workspace: &Workspace,
        entries: &[Entry],
    ) -> Result<(), Failure> {
        let unseen = |name: &&String| !entries.iter().any(|entry| entry.app.answers_to(name));
        let unseen: Vec<&String> = self.apps.iter().filter(unseen).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let overlays = discover::overlays(&workspace.snapshot, &workspace.config, None)?;
        let present = discover::read(&workspace.snapshot, &workspace.config, overlays, &|_| true)?;
        let apps: BTreeSet<&AppId> = present.apps();
        match unseen.iter().find(|name| !apps.iter().any(|app| app.answers_to(name))) {
            Some(name) => Err(unknown_app(workspace, &apps, name)),
            None => Ok(()),
        }
    }
}

/// The environment of that name.
pub(super) fn environment(workspace: &Workspace, name: &str) -> Result<EnvironmentName, Failure> {
    if let Some(environment) = workspace.config.environment(name) {
        return Ok(environment.name.clone());
    }
    let known = workspace.config.pipeline.environments().iter().map(|e| e.name.as_str());
    let near = nearest(name, known.clone());
    let all: Vec<&str> = known.collect();
    Err(Failure::not_found(format!(
        "there is no environment `{name}`; there are {}",
        crate::model::listed(&all)
    ))
    .maybe_hint(near.map(|near| format!("did you mean {near}?")))
    .hint("git promote status"))
}

/// No app is called so.
pub(super) fn unknown_app(workspace: &Workspace, apps: &BTreeSet<&AppId>, name: &str) -> Failure {
    // Where images share their last segment, each is called by all of its name.
    let last = |app: &&&AppId| app.name.rsplit_once('/').is_some_and(|(_, last)| last == name);
    let alike: Vec<String> = apps.iter().filter(last).map(ToString::to_string).collect();
    if !alike.is_empty() {
        let message = format!("`{name}` is {}: name one of them", crate::model::listed(&alike));
        return Failure::usage(message).hint("git promote status");
    }
    let environments = workspace.config.pipeline.environments().iter();
    let mut names: Vec<String> = environments.map(|e| e.name.to_string()).collect();
    names.extend(apps.iter().map(ToString::to_string));
    let near = nearest(name, names.iter().map(String::as_str));
    Failure::not_found(format!("there is no app or environment `{name}`, and there never was"))
        .maybe_hint(near.map(|near| format!("did you mean {near}?")))
        .hint("git promote status")
}

/// The name of an app without group and labels.
pub(super) fn bare(app: &str) -> &str {
    let app = app.split('[').next().unwrap_or(app);
    app.rsplit(['/', ':']).next().unwrap_or(app)
}

fn in_order(mut environments: Vec<EnvironmentName>) -> Vec<EnvironmentName> {
    environments.sort();
    environments.dedup();
    environments
}
