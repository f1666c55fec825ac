//! The holds of a snapshot, and what is amiss with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, HOLDS, Hold, Holds};
use crate::discover::{self, CellKey, Inventory, Overlay};
use crate::kustomize;
use crate::model::{RepoPath, Snapshot, quoted};

use super::{Failure, Remark};

/// Where they stand.
pub(super) fn file() -> RepoPath {
    RepoPath::normalize(HOLDS).unwrap_or_default()
}

/// What is held in a snapshot.
pub(super) fn holds(snapshot: &dyn Snapshot) -> Result<Holds, Failure> {
    let bytes = snapshot.read(&file())?;
    Ok(Holds::read(bytes.as_deref())?)
}

/// That a hold names no environment or app that there is: it holds nothing. A
/// file that cannot be read is not told of here.
pub(super) fn idle(snapshot: &dyn Snapshot, config: &Config, now: i64) -> Vec<Remark> {
    let held = holds(snapshot).unwrap_or_default();
    let known = |hold: &&&Hold| config.environment(hold.environment.as_str()).is_some();
    let active: Vec<&Hold> = held.all().iter().filter(|hold| hold.is_active(now)).collect();
    let (known, unknown): (Vec<&Hold>, Vec<&Hold>) = active.iter().partition(known);
    let nowhere = unknown.iter().map(|hold| {
        format!("{HOLDS}: there is no environment `{}`, so nothing is held", hold.environment)
    });
    let lost = astray(snapshot, config, &known).unwrap_or_default();
    let lost = lost.iter().map(|hold| {
        let Hold { environment, app, .. } = hold;
        format!("{HOLDS}: {environment} has no app `{app}`, so nothing is held")
    });
    nowhere.chain(lost).map(Remark::Warning).collect()
}

/// The holds that are about no app of their environment.
pub(super) fn astray(
    snapshot: &dyn Snapshot,
    config: &Config,
    holds: &[&Hold],
) -> Result<Vec<Hold>, Failure> {
    let overlays = overlays(snapshot, config, holds)?;
    let has = |hold: &&&Hold| {
        overlays.iter().any(|overlay| {
            let app = overlay.app.as_ref();
            app.is_some_and(|app| hold.is_for(&overlay.environment, app))
        })
    };
    let unseen: Vec<&Hold> = holds.iter().filter(|hold| !has(hold)).copied().collect();
    // Where the layout names no app, what stands in the files does.
    let found = read(snapshot, config, &unseen)?;
    let lost = unseen.into_iter().filter(|hold| cells(&found, hold).next().is_none());
    Ok(lost.cloned().collect())
}

/// That a hold is over while the markers of its app are still hidden.
pub(super) fn still_hidden(
    snapshot: &dyn Snapshot,
    config: &Config,
    now: i64,
) -> Result<Vec<Remark>, Failure> {
    let held = holds(snapshot)?;
    let over: Vec<&Hold> = held.all().iter().filter(|hold| !hold.is_active(now)).collect();
    let found = read(snapshot, config, &over)?;
    let mut remarks = Vec::new();
    for hold in over {
        let Hold { environment, app, .. } = hold;
        if is_hidden(snapshot, &found, hold)? {
            remarks.push(Remark::Warning(format!(
                "the hold of {app} in {environment} is over, and its `$imagepolicy` markers are \
                 still hidden from Flux"
            )));
            remarks.push(Remark::Hint(format!("git promote resume {environment} {}", quoted(app))));
        }
    }
    Ok(remarks)
}

/// The overlays of the apps that holds name.
fn overlays(
    snapshot: &dyn Snapshot,
    config: &Config,
    holds: &[&Hold],
) -> Result<Vec<Overlay>, Failure> {
    if holds.is_empty() {
        return Ok(Vec::new());
    }
    let names: BTreeSet<String> = holds.iter().map(|hold| hold.app_name().to_owned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    Ok(discover::overlays_of(snapshot, config, Some(&names))?)
}

/// What there is of the apps that holds name.
fn read(snapshot: &dyn Snapshot, config: &Config, holds: &[&Hold]) -> Result<Inventory, Failure> {
    let overlays = overlays(snapshot, config, holds)?;
    let here = |overlay: &Overlay| holds.iter().any(|h| h.environment == overlay.environment);
    Ok(discover::read(snapshot, config, overlays, &here)?)
}

fn cells<'i>(
    found: &'i Inventory,
    hold: &'i Hold,
) -> impl Iterator<Item = (&'i CellKey, &'i discover::Cell)> {
    found.cells.iter().filter(|(key, _)| hold.is_for(&key.environment, &key.app))
}

/// Whether a marker of the app is hidden from Flux.
fn is_hidden(snapshot: &dyn Snapshot, found: &Inventory, hold: &Hold) -> Result<bool, Failure> {
    let mut policies: BTreeMap<&RepoPath, BTreeSet<String>> = BTreeMap::new();
    for site in cells(found, hold).flat_map(|(_, cell)| &cell.sites) {
        if let Some(policy) = &site.policy {
            policies.entry(&site.path).or_default().insert(policy.clone());
        }
    }
    for (path, policies) in policies {
        let Some(bytes) = snapshot.read(path)? else { continue };
        if !kustomize::hide_markers(path, &bytes, (&policies, false))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
