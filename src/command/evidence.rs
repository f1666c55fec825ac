//! Evidence from history: since when, and what ran before.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::discover::{self, Cell, CellKey, Inventory, Overlay};
use crate::git::{self, Interest};
use crate::history::{Moment, Recorder, Timeline};
use crate::model::{Pin, RepoPath};

use super::{Failure, Workspace};

/// How far back to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Until every cell's present version has been seen to arrive.
    Arrivals,
    /// To the first commit.
    Everything,
}

/// The timelines of some cells, from the first-parent history of the base.
pub(super) fn timelines(
    workspace: &Workspace,
    inventory: &Inventory,
    cells: &BTreeSet<&CellKey>,
    reach: Reach,
) -> Result<BTreeMap<CellKey, Timeline>, Failure> {
    let now = cells.iter().filter_map(|key| {
        let cell = inventory.cells.get(*key)?;
        Some(((*key).clone(), held(cell)))
    });
    let mut recorder = Recorder::new(now);
    let overlays = watched(inventory, cells);
    if overlays.is_empty() {
        return Ok(recorder.finish(true));
    }
    let paths = overlays.iter().map(|(_, overlay)| overlay.path.clone());
    let mut history =
        git::walk(&workspace.repo, workspace.base, Interest::below(paths.collect::<Vec<_>>()))?;
    for commit in history.by_ref() {
        let commit = commit?;
        let moment = Moment {
            commit: commit.id.to_string(),
            seconds: commit.seconds,
            author: commit.author().to_owned(),
        };
        let touched: Vec<&(usize, &Overlay)> =
            overlays.iter().filter(|(_, overlay)| touches(&commit.changed, overlay)).collect();
        let affected = affected(inventory, cells, &touched);
        let before = match commit.parent {
            Some(parent) => at_commit(workspace, parent, (inventory, &affected))?,
            None => Inventory::default(),
        };
        for key in affected {
            recorder.before(&key, &moment, find(&before, &key).map(held));
        }
        if reach == Reach::Arrivals && recorder.knows_arrivals() {
            return Ok(recorder.finish(false));
        }
    }
    let whole = !history.ended_shallow();
    Ok(recorder.finish(whole))
}

/// What a cell held; where its sites disagreed, the first of them.
fn held(cell: &Cell) -> Pin {
    cell.sites.first().map(|site| site.pin.clone()).unwrap_or_default()
}

fn watched<'a>(inventory: &'a Inventory, cells: &BTreeSet<&CellKey>) -> Vec<(usize, &'a Overlay)> {
    let indexes: BTreeSet<usize> = cells
        .iter()
        .filter_map(|key| inventory.cells.get(*key))
        .flat_map(|cell| cell.overlays.iter().copied())
        .collect();
    indexes.into_iter().filter_map(|i| Some((i, inventory.overlays.get(i)?))).collect()
}

fn touches(changed: &[RepoPath], overlay: &Overlay) -> bool {
    // Sorted by bytes: what lies below the overlay follows its path.
    let start = changed.partition_point(|path| *path < overlay.path);
    changed
        .iter()
        .skip(start)
        .take_while(|path| path.as_str().starts_with(overlay.path.as_str()))
        .any(|path| path.is_within(&overlay.path))
}

fn affected(
    inventory: &Inventory,
    cells: &BTreeSet<&CellKey>,
    touched: &[&(usize, &Overlay)],
) -> Vec<CellKey> {
    let touched: BTreeSet<usize> = touched.iter().map(|(index, _)| *index).collect();
    let is_touched = |key: &&&CellKey| {
        inventory.cells.get(**key).is_some_and(|cell| !cell.overlays.is_disjoint(&touched))
    };
    cells.iter().filter(is_touched).map(|key| (*key).clone()).collect()
}

/// What the overlays of these cells held at a commit.
pub(super) fn at_commit(
    workspace: &Workspace,
    commit: git::ObjectId,
    wanted: (&Inventory, &[CellKey]),
) -> Result<Inventory, Failure> {
    let (inventory, keys) = wanted;
    let keys: BTreeSet<&CellKey> = keys.iter().collect();
    let overlays = watched(inventory, &keys).into_iter().map(|(_, overlay)| overlay.clone());
    let snapshot = workspace.repo.snapshot(commit)?;
    let config: &Config = &workspace.config;
    Ok(discover::read(&snapshot, config, overlays.collect(), &|_| true)?)
}

/// The cell of a key in an inventory of a few overlays, where an app that is
/// named after its image may be named otherwise.
fn find<'a>(inventory: &'a Inventory, key: &CellKey) -> Option<&'a Cell> {
    inventory.cells.get(key).or_else(|| {
        let same = |(other, _): &(&CellKey, &Cell)| {
            other.environment == key.environment
                && other.image == key.image
                && key.app.group == other.app.group
                && inventory.overlays.iter().all(|overlay| overlay.app.is_none())
        };
        inventory.cells.iter().find(same).map(|(_, cell)| cell)
    })
}
