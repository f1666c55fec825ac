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

/// That a hold names no environment: it holds nothing. A file that cannot be
/// read is not told of here.
pub(super) fn unknown_environments(snapshot: &dyn Snapshot, config: &Config) -> Vec<Remark> {
    let held = holds(snapshot).unwrap_or_default();
    let is_unknown = |hold: &&Hold| config.environment(hold.environment.as_str()).is_none();
    let told = |hold: &Hold| {
        Remark::Warning(format!("{HOLDS}: there is no environment `{}`", hold.environment))
    };
    held.all().iter().filter(is_unknown).map(told).collect()
}

/// The holds that are about no app of their environment.
pub(super) fn astray(
    snapshot: &dyn Snapshot,
    config: &Config,
    holds: &[&Hold],
) -> Result<Vec<Hold>, Failure> {
    let found = of_held(snapshot, config, holds)?;
    let lost = holds.iter().filter(|hold| cells(&found, hold).next().is_none());
    Ok(lost.map(|hold| (*hold).clone()).collect())
}

/// What to say of the holds beside unknown environments: that one is about no
/// app, or that it is over while the markers of its app are still hidden.
pub(super) fn amiss(
    snapshot: &dyn Snapshot,
    config: &Config,
    now: i64,
) -> Result<Vec<Remark>, Failure> {
    let held = holds(snapshot)?;
    let known = |hold: &&Hold| config.environment(hold.environment.as_str()).is_some();
    let known: Vec<&Hold> = held.all().iter().filter(known).collect();
    let found = of_held(snapshot, config, &known)?;
    let mut remarks = Vec::new();
    for hold in known {
        let Hold { environment, app, .. } = hold;
        if hold.is_active(now) {
            let warning = format!("{HOLDS}: {environment} has no app `{app}`, so nothing is held");
            let lost = cells(&found, hold).next().is_none();
            remarks.extend(lost.then_some(Remark::Warning(warning)));
        } else if is_hidden(snapshot, &found, hold)? {
            remarks.push(Remark::Warning(format!(
                "the hold of {app} in {environment} is over, and its `$imagepolicy` markers are \
                 still hidden from Flux"
            )));
            remarks.push(Remark::Hint(format!("git promote resume {environment} {}", quoted(app))));
        }
    }
    Ok(remarks)
}

/// What there is of the apps that holds name.
fn of_held(
    snapshot: &dyn Snapshot,
    config: &Config,
    holds: &[&Hold],
) -> Result<Inventory, Failure> {
    if holds.is_empty() {
        return Ok(Inventory::default());
    }
    let names: BTreeSet<String> = holds.iter().map(|hold| hold.app_name().to_owned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    let overlays = discover::overlays_of(snapshot, config, Some(&names))?;
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
