//! `gitops-promotion.yaml` of the tool gitops-promotion, read as it is.
//!
//! The keys are those of its `pkg/config/config.go` (github.com/XenitAB). The environments
//! and their order are what matters; `auto` and `prflow` say how pull requests
//! are made and merged. What has no effect here is noted rather than refused: to
//! ignore it makes nothing pass that would be stopped.

use super::error::{ConfigError, Problem, Source};
use super::grammar::printable;
use super::import::{Imported, Importer};
use super::yaml::{self, Node};
use super::{Config, DeliveryConfig, GITOPS_PROMOTION, LayoutPath, Origin, PullRequestConfig};
use crate::model::{Flow, Pipeline, nearest};

/// The keys of the file.
const KEYS: [&str; 4] = ["prflow", "status_timeout_minutes", "environments", "groups"];

/// Where such a repository keeps its manifests; apps are known by their markers.
const LAYOUT: &str = "{group}/{env}/**";

/// Reads the text of a `gitops-promotion.yaml`.
pub fn from_gitops_promotion(text: &str) -> Result<Config, ConfigError> {
    import_gitops_promotion(text).map(|imported| imported.config)
}

/// Reads the text of a `gitops-promotion.yaml`, and says what has no effect.
pub fn import_gitops_promotion(text: &str) -> Result<Imported, ConfigError> {
    let source = Source::new(GITOPS_PROMOTION, text)?;
    let root = yaml::parse(source)?;
    let mut importer = Importer::new(source);
    if root.map().is_none() && !root.is_null() {
        return Err(importer.shape(&root, GITOPS_PROMOTION, "a mapping"));
    }
    importer.note_unknown(&root, &KEYS);
    let Some(list) = root.get("environments") else {
        return Err(missing_environments(source, &root));
    };
    let pipeline = environments(&mut importer, list)?;
    let flow = pull_requests(&mut importer, &root)?;
    note_groups(&mut importer, &root)?;
    importer.notes.sort_by_key(|note| note.line);
    let layout = vec![LayoutPath { template: LAYOUT.to_owned(), fields: Vec::new(), couple: true }];
    let config = Config {
        origin: Origin::GitopsPromotion,
        layout,
        delivery: DeliveryConfig {
            pull_request: PullRequestConfig { flow, ..PullRequestConfig::default() },
            ..DeliveryConfig::default()
        },
        ..Config::bare(pipeline)
    };
    Ok(Imported { config, notes: importer.notes })
}

/// A mistyped `environments` is the likeliest reason why there is none.
fn missing_environments(source: Source<'_>, root: &Node) -> ConfigError {
    let slip =
        root.map().unwrap_or_default().iter().find(|(key, _)| {
            key.scalar().is_some_and(|key| nearest(key, ["environments"]).is_some())
        });
    match slip {
        Some((key, _)) if key.scalar() != Some("environments") => {
            let nearest = Some("environments".to_owned());
            let name = printable(key.scalar().unwrap_or_default());
            key.error(source, Problem::UnknownKey { key: name, nearest, known: KEYS.to_vec() })
        }
        _ => root.error(source, Problem::Missing("environments")),
    }
}

fn environments(importer: &mut Importer<'_>, list: &Node) -> Result<Pipeline, ConfigError> {
    let Some(entries) = list.list() else {
        return Err(importer.shape(list, "environments", "a list"));
    };
    let mut stages = Vec::new();
    for entry in entries {
        importer.note_unknown(entry, &["name", "auto"]);
        let Some(name) = entry.get("name") else {
            return Err(entry.error(importer.source, Problem::Missing("name")));
        };
        if name.scalar().is_none() {
            return Err(importer.shape(name, "name", "a text"));
        }
        stages.push((name, importer.bool(entry.get("auto"), "auto")?));
    }
    importer.pipeline(list, &stages)
}

/// Which promotions share a pull request; there, as here, one an app and
/// environment where nothing is said.
fn pull_requests(importer: &mut Importer<'_>, root: &Node) -> Result<Flow, ConfigError> {
    let mut flow = Flow::PerEnv;
    if let Some(node) = root.get("prflow") {
        flow = match node.scalar().unwrap_or_default() {
            "per-app" => Flow::PerApp,
            "per-env" => Flow::PerEnv,
            other => {
                let (value, known) = (printable(other), vec!["per-app", "per-env"]);
                let problem = Problem::UnknownValue { key: "prflow", value, known };
                return Err(node.error(importer.source, problem));
            }
        };
    }
    if let Some(timeout) = root.get("status_timeout_minutes") {
        let text = "`status_timeout_minutes` has no effect: `git promote wait --timeout` waits";
        importer.note(timeout, text);
    }
    Ok(flow)
}

/// Groups say how feature deployments are made, not which apps there are.
fn note_groups(importer: &mut Importer<'_>, root: &Node) -> Result<(), ConfigError> {
    let Some(groups) = root.get("groups") else { return Ok(()) };
    let Some(entries) = groups.map() else {
        return Err(importer.shape(groups, "groups", "a mapping"));
    };
    for (_, group) in entries {
        let Some(applications) = group.get("applications") else { continue };
        let Some(applications) = applications.map() else {
            return Err(importer.shape(applications, "applications", "a mapping"));
        };
        for (name, application) in applications {
            importer.note_unknown(application, &["featureOverwrite", "featureLabelSelector"]);
            importer.bool(application.get("featureOverwrite"), "featureOverwrite")?;
            let shown = printable(name.scalar().unwrap_or_default());
            let text =
                format!("feature deployments of `{shown}` are made by `git promote preview`");
            importer.note(name, text);
        }
    }
    Ok(())
}
