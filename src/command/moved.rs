//! What a change moved, told by its two trees.

use crate::config::Config;
use crate::discover::{self, Inventory};
use crate::git::Change;
use crate::model::{RepoPath, Snapshot};
use crate::plan::{self, Planned};

use super::Failure;

/// What a change moved.
pub(super) struct Moved {
    /// What is where after it, of the apps that it touches.
    pub(super) after: Inventory,
    /// The versions that enter environments by it.
    pub(super) planned: Vec<Planned>,
}

/// Finds out what a change moved.
pub(super) fn moved(change: &Change, config: &Config) -> Result<Moved, Failure> {
    let around = |path: &RepoPath| [path.parent().unwrap_or_default(), path.clone()];
    let paths: Vec<RepoPath> = change.changed.iter().flat_map(around).collect();
    let apps: Vec<String> = discover::apps_on(config, &paths).into_iter().collect();
    let before = inventory(&change.before, config, Some(&apps))?;
    let after = inventory(&change.after, config, Some(&apps))?;
    let planned = plan::between(config, &before, &after);
    Ok(Moved { after, planned })
}

/// What is where, of the named apps or of all.
pub(super) fn inventory(
    snapshot: &dyn Snapshot,
    config: &Config,
    apps: Option<&[String]>,
) -> Result<Inventory, Failure> {
    let overlays = discover::overlays_of(snapshot, config, apps)?;
    Ok(discover::read(snapshot, config, overlays, &|_| true)?)
}
