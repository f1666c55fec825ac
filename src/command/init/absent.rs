//! Environments that are named and not there.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::discover::{self, Overlay};
use crate::model::nearest::nearest;
use crate::model::{EntryKind, Pipeline, RepoPath, Snapshot, SnapshotError};
use crate::output::clean;

use super::super::Failure;

/// Directories deeper than this are not looked at.
const MAX_DEPTH: usize = 10;

/// The environments that no overlay belongs to.
pub(super) fn without_overlay<'p>(pipeline: &'p Pipeline, found: &[Overlay]) -> Vec<&'p str> {
    let environments = pipeline.environments().iter();
    let empty = environments.filter(|e| found.iter().all(|o| o.environment != e.name));
    empty.map(|environment| environment.name.as_str()).collect()
}

/// Refuses a name that no directory has, where the repository has others:
/// those that are `known`, or some of the config. Where it has none yet, any
/// name may come to be.
pub(super) fn refuse(
    snapshot: &dyn Snapshot,
    config: &Config,
    known: &BTreeSet<String>,
) -> Result<(), Failure> {
    let found = discover::overlays(snapshot, config, None)?;
    let mut absent = without_overlay(&config.pipeline, &found);
    absent.retain(|name| !known.contains(*name));
    if absent.is_empty() {
        return Ok(());
    }
    let directories = directories(snapshot)?;
    absent.retain(|name| !directories.contains(*name));
    let there = config.pipeline.environments().len() - absent.len();
    let Some(name) = absent.first().filter(|_| there > 0 || !known.is_empty()) else {
        return Ok(());
    };
    let names = known.iter().chain(&directories).map(String::as_str);
    let hint = nearest(name, names).map_or_else(
        || "leave it out, and add it to promote.toml once its directory is there".to_owned(),
        |near| format!("did you mean {}?", clean(near)),
    );
    let message =
        format!("there is no directory `{}` in the last commit; nothing was written", clean(name));
    Err(Failure::not_found(message).hint(hint))
}

/// The names of all directories.
fn directories(snapshot: &dyn Snapshot) -> Result<BTreeSet<String>, SnapshotError> {
    let mut names = BTreeSet::new();
    let mut open = vec![RepoPath::root()];
    while let Some(dir) = open.pop() {
        for entry in snapshot.list(&dir)?.unwrap_or_default() {
            if entry.kind != EntryKind::Directory || entry.name.starts_with('.') {
                continue;
            }
            if dir.parts().count() < MAX_DEPTH {
                open.push(dir.join(&entry.name));
            }
            names.insert(entry.name);
        }
    }
    Ok(names)
}
