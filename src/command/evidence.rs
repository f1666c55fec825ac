//! Evidence from history: since when, and what ran before.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::discover::{Cell, CellKey, Inventory, Reader};
use crate::gate;
use crate::git::{self, Interest, ObjectId, Repository};
use crate::history::{Moment, Recorder, Timeline, Version};
use crate::model::RepoPath;
use crate::plan::Planned;
use crate::proof::{Proof, Ran};

use super::{Failure, Workspace};

/// How far back to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Until every cell's present version has been seen to arrive.
    Arrivals,
    /// To the first commit.
    Everything,
}

/// Where history is read from.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) repo: &'a Repository,
    pub(super) config: &'a Config,
    pub(super) base: ObjectId,
}

impl<'a> Ground<'a> {
    pub(super) fn of(workspace: &'a Workspace) -> Self {
        Self { repo: &workspace.repo, config: &workspace.config, base: workspace.base }
    }
}

/// The cells of a promotion: the target's and those it comes from.
pub(super) fn cells_of(planned: &Planned) -> Vec<CellKey> {
    let promotion = &planned.promotion;
    let environments = std::iter::once(&promotion.to).chain(&promotion.from);
    environments.map(|environment| CellKey::of(promotion, environment)).collect()
}

/// The timelines of some cells, from the first-parent history of the base.
pub(super) fn timelines(
    ground: Ground<'_>,
    inventory: &Inventory,
    cells: &BTreeSet<&CellKey>,
    reach: Reach,
) -> Result<BTreeMap<CellKey, Timeline>, Failure> {
    let now = cells.iter().filter_map(|key| {
        let cell = inventory.cells.get(*key)?;
        Some(((*key).clone(), held(cell)))
    });
    let mut recorder = Recorder::new(now);
    let watch = Watch::new(inventory, cells);
    if watch.overlays.is_empty() {
        return Ok(recorder.finish(true));
    }
    let paths: Vec<RepoPath> = watch.overlays.keys().map(|path| (*path).clone()).collect();
    let mut reader = Reader::new(ground.config);
    let mut history = git::walk(ground.repo, ground.base, Interest::below(paths))?;
    for commit in history.by_ref() {
        let commit = commit?;
        let moment = Moment {
            commit: commit.id.to_string(),
            seconds: commit.seconds,
            author: commit.author().to_owned(),
        };
        let arrival_only = reach == Reach::Arrivals;
        let mut touched = watch.touched(&commit.changed);
        touched.retain(|key| recorder.wants(key, arrival_only));
        if touched.is_empty() {
            continue;
        }
        let before = match commit.parent {
            Some(parent) => read_at((ground, &mut reader), parent, (inventory, &touched))?,
            None => Inventory::default(),
        };
        for key in touched {
            recorder.before(&key, &moment, find(&before, &key).map(held));
        }
        if arrival_only && recorder.knows_arrivals() {
            return Ok(recorder.finish(false));
        }
    }
    let whole = !history.ended_shallow();
    Ok(recorder.finish(whole))
}

/// What was rendered where an environment ran a version that it goes back to:
/// only that came with it.
pub(super) fn rendered_then(
    repo: &Repository,
    proof: &Proof,
    (promotions, timelines): (&[Planned], &BTreeMap<CellKey, Timeline>),
) -> Result<BTreeMap<CellKey, Ran>, Failure> {
    let mut found = BTreeMap::new();
    for planned in promotions {
        let key = CellKey::of(&planned.promotion, &planned.promotion.to);
        let (Some(timeline), Some(cell)) = (timelines.get(&key), proof.before.cells.get(&key))
        else {
            continue;
        };
        let Some(since) = gate::gone_back_to(timeline, &planned.promotion) else { continue };
        let Ok(commit) = ObjectId::from_hex(since.commit.as_bytes()) else { continue };
        let snapshot = repo.snapshot(commit)?;
        let all = &proof.before.overlays;
        let overlays = cell.overlays.iter().filter_map(|index| all.get(*index));
        found.insert(key, Ran::of(&snapshot, overlays)?);
    }
    Ok(found)
}

/// What a cell held; where its sites disagreed, the first of them.
fn held(cell: &Cell) -> Version {
    let pin = cell.sites.first().map(|site| site.pin.clone()).unwrap_or_default();
    let beside = cell.sites.iter().find_map(|site| site.beside.clone());
    Version { pin, repository: cell.repository().map(str::to_owned), beside }
}

/// Which cells each overlay holds, by the overlay's path.
struct Watch<'a> {
    overlays: BTreeMap<&'a RepoPath, Vec<&'a CellKey>>,
}

impl<'a> Watch<'a> {
    fn new(inventory: &'a Inventory, cells: &BTreeSet<&'a CellKey>) -> Self {
        let mut overlays: BTreeMap<&RepoPath, Vec<&CellKey>> = BTreeMap::new();
        for key in cells {
            for index in inventory.cells.get(*key).iter().flat_map(|cell| &cell.overlays) {
                if let Some(overlay) = inventory.overlays.get(*index) {
                    overlays.entry(&overlay.path).or_default().push(key);
                }
            }
        }
        Self { overlays }
    }

    /// The cells whose overlays hold one of the paths.
    fn touched(&self, changed: &[RepoPath]) -> Vec<CellKey> {
        let mut touched: BTreeSet<&CellKey> = BTreeSet::new();
        for path in changed {
            let mut at = Some(path.clone());
            while let Some(path) = at {
                touched.extend(self.overlays.get(&path).into_iter().flatten());
                at = path.parent();
            }
        }
        touched.into_iter().cloned().collect()
    }
}

/// What the overlays of these cells held at a commit.
pub(super) fn at_commit(
    ground: Ground<'_>,
    commit: ObjectId,
    wanted: (&Inventory, &[CellKey]),
) -> Result<Inventory, Failure> {
    read_at((ground, &mut Reader::new(ground.config)), commit, wanted)
}

fn read_at(
    from: (Ground<'_>, &mut Reader<'_>),
    commit: ObjectId,
    wanted: (&Inventory, &[CellKey]),
) -> Result<Inventory, Failure> {
    let (ground, reader) = from;
    let (inventory, keys) = wanted;
    let cells = keys.iter().filter_map(|key| inventory.cells.get(key));
    let indexes: BTreeSet<usize> = cells.flat_map(|cell| cell.overlays.iter().copied()).collect();
    let overlays = indexes.into_iter().filter_map(|index| inventory.overlays.get(index).cloned());
    let snapshot = ground.repo.snapshot(commit)?;
    Ok(reader.read(&snapshot, overlays.collect(), &|_| true)?)
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
