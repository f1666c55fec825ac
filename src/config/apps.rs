//! Which rules and which environments before count for an app.

use globset::Glob;

use crate::model::{AppId, Environment, EnvironmentName, Sources};

use super::{AppPolicy, AppRule, Config};

impl Config {
    /// The first `[[app]]` whose name matches.
    pub fn app_rule(&self, app: &AppId) -> Option<&AppRule> {
        let shown = app.to_string();
        self.apps.iter().find(|rule| {
            Glob::new(&rule.name).is_ok_and(|glob| {
                let glob = glob.compile_matcher();
                glob.is_match(&app.name) || glob.is_match(&shown)
            })
        })
    }

    /// How strictly the app is held to the rules.
    pub fn app_policy(&self, app: &AppId) -> AppPolicy {
        self.app_rule(app).map(|rule| rule.policy).unwrap_or_default()
    }

    /// The address of the repository that versions of the app are made from.
    pub fn source_of(&self, app: &AppId) -> Option<&str> {
        self.app_rule(app)?.source.as_deref()
    }

    /// Where a version of this app must be before it may enter `environment`:
    /// a source that the app does not exist in (`[[app]] environments`) is
    /// replaced by the sources of that source.
    pub fn sources_for(&self, environment: &Environment, app: &AppId) -> Sources {
        let exists = match self.app_rule(app).map(|rule| rule.environments.as_slice()) {
            None | Some([]) => return environment.sources.clone(),
            Some(exists) => exists,
        };
        let mut names: Vec<EnvironmentName> = Vec::new();
        let mut open: Vec<EnvironmentName> =
            environment.sources.names().iter().rev().cloned().collect();
        // The pipeline has no cycle, so this ends.
        while let Some(name) = open.pop() {
            if exists.contains(&name) {
                if !names.contains(&name) {
                    names.push(name);
                }
                continue;
            }
            let before = self.environment(name.as_str()).map(|e| e.sources.names());
            open.extend(before.unwrap_or_default().iter().rev().cloned());
        }
        match environment.sources {
            _ if names.is_empty() => Sources::First,
            Sources::Any(_) => Sources::Any(names),
            _ => Sources::All(names),
        }
    }
}
