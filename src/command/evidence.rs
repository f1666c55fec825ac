//! Evidence from history: since when, and what ran before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;

use crate::config::Config;
use crate::discover::{Cell, CellKey, Inventory, Reader};
use crate::gate;
use crate::git::{self, Interest, ObjectId, Repository};
use crate::history::{Moment, Recorder, Timeline, Version};
use crate::model::{Promotion, RepoPath};
use crate::plan::Planned;
use crate::proof::{Proof, Ran};

use super::inventory::readers;
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

/// When the versions of many cells arrived, from the first-parent history of
/// the base: each thread goes through all of it, and reads what the commits did
/// to its own apps.
pub(super) fn arrivals(
    ground: Ground<'_>,
    inventory: &Inventory,
    cells: &BTreeSet<&CellKey>,
) -> Result<BTreeMap<CellKey, Timeline>, Failure> {
    let readers = readers(ground.repo, cells.len());
    let shared = if readers > 1 { shared(ground, inventory, cells, readers) } else { None };
    shared.map_or_else(|| timelines(ground, inventory, cells, Reach::Arrivals), Ok)
}

/// What several threads found; `None` where one of them failed: the first
/// failure of all is found by one alone.
fn shared(
    ground: Ground<'_>,
    inventory: &Inventory,
    cells: &BTreeSet<&CellKey>,
    readers: usize,
) -> Option<BTreeMap<CellKey, Timeline>> {
    let mut parts: Vec<BTreeSet<&CellKey>> = vec![BTreeSet::new(); readers];
    for key in cells {
        let sum: usize = key.app.name.bytes().map(usize::from).sum();
        parts.get_mut(sum % readers)?.insert(key);
    }
    let Ground { config, base, .. } = ground;
    thread::scope(|scope| {
        let threads = parts.into_iter().map(|part| {
            let repo = ground.repo.clone();
            scope.spawn(move || {
                let ground = Ground { repo: &repo, config, base };
                timelines(ground, inventory, &part, Reach::Arrivals).ok()
            })
        });
        let threads: Vec<_> = threads.collect();
        let mut all = BTreeMap::new();
        for thread in threads {
            all.append(&mut thread.join().ok().flatten()?);
        }
        Some(all)
    })
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
    let mut watch = Watch::new(inventory, cells);
    if watch.overlays.is_empty() {
        return Ok(recorder.finish(true));
    }
    let mut reader = Reader::new(ground.config);
    let interest = Interest::below(std::mem::take(&mut watch.paths));
    let mut history = git::walk(ground.repo, ground.base, interest)?.with_first_unread();
    let arrival_only = reach == Reach::Arrivals;
    for commit in history.by_ref() {
        let commit = commit?;
        let touched = watch.touched(&commit.changed, |key| recorder.wants(key, arrival_only));
        if touched.is_empty() && commit.parent.is_some() {
            continue;
        }
        let moment = Moment {
            commit: commit.id.to_string(),
            seconds: commit.seconds,
            author: commit.author().to_owned(),
        };
        match commit.parent {
            Some(parent) => {
                let before = read_at((ground, &mut reader), parent, (inventory, &touched))?;
                for key in touched {
                    recorder.before(&key, &moment, find(&before, &key).map(held));
                }
            }
            None => recorder.begins(&moment, arrival_only),
        }
        if arrival_only && recorder.knows_arrivals() {
            return Ok(recorder.finish(false));
        }
    }
    let whole = !history.ended_shallow();
    Ok(recorder.finish(whole))
}

/// What was rendered where an environment ran a version that it goes back to, or
/// one before it that ran it once, where that is enough: only that came with it.
pub(super) fn rendered_then(
    ground: Ground<'_>,
    proof: &Proof,
    (promotions, timelines): (&[Planned], &BTreeMap<CellKey, Timeline>),
) -> Result<BTreeMap<CellKey, Ran>, Failure> {
    let mut found = BTreeMap::new();
    for promotion in promotions.iter().map(|planned| &planned.promotion) {
        let seen = ground.config.environment(promotion.to.as_str()).is_some_and(|to| to.seen);
        let before = promotion.from.iter().filter(|_| seen);
        for environment in std::iter::once(&promotion.to).chain(before) {
            let key = CellKey::of(promotion, environment);
            let (Some(timeline), Some(cell)) = (timelines.get(&key), proof.before.cells.get(&key))
            else {
                continue;
            };
            let came = if *environment == promotion.to {
                gate::gone_back_to(timeline, promotion)
            } else {
                let stay = timeline.ran(&promotion.version).filter(|_| !carries(cell, promotion));
                stay.and_then(|stay| stay.since.as_ref())
            };
            let commit = came.and_then(|came| ObjectId::from_hex(came.commit.as_bytes()).ok());
            let Some(commit) = commit else { continue };
            let snapshot = ground.repo.snapshot(commit)?;
            let all = &proof.before.overlays;
            let overlays = cell.overlays.iter().filter_map(|index| all.get(*index));
            found.insert(key, Ran::of(&snapshot, overlays)?);
        }
    }
    Ok(found)
}

fn carries(cell: &Cell, promotion: &Promotion) -> bool {
    cell.pin().is_some_and(|pin| pin.carries(&promotion.version))
}

/// What a cell held; where its sites disagreed, the first of them.
fn held(cell: &Cell) -> Version {
    let pin = cell.sites.first().map(|site| site.pin.clone()).unwrap_or_default();
    let beside = cell.sites.iter().find_map(|site| site.beside.clone());
    Version { pin, repository: cell.repository().map(str::to_owned), beside }
}

/// Which cells each overlay holds, by the overlay's path.
struct Watch<'a> {
    overlays: HashMap<&'a str, Vec<&'a CellKey>>,
    paths: Vec<RepoPath>,
}

impl<'a> Watch<'a> {
    fn new(inventory: &'a Inventory, cells: &BTreeSet<&'a CellKey>) -> Self {
        let mut overlays: HashMap<&str, Vec<&CellKey>> = HashMap::new();
        let mut paths = Vec::new();
        for key in cells {
            for index in inventory.cells.get(*key).iter().flat_map(|cell| &cell.overlays) {
                let Some(overlay) = inventory.overlays.get(*index) else { continue };
                let there = overlays.entry(overlay.path.as_str()).or_default();
                if there.is_empty() {
                    paths.push(overlay.path.clone());
                }
                there.push(key);
            }
        }
        Self { overlays, paths }
    }

    /// The cells whose overlays hold one of the paths, as far as they are
    /// wanted.
    fn touched(&self, changed: &[RepoPath], wanted: impl Fn(&CellKey) -> bool) -> Vec<CellKey> {
        let mut touched: BTreeSet<&CellKey> = BTreeSet::new();
        for path in changed.iter().map(RepoPath::as_str) {
            let ends = path.match_indices('/').map(|(at, _)| at);
            for end in ends.chain([0, path.len()]) {
                let around = path.get(..end).and_then(|path| self.overlays.get(path));
                touched.extend(around.into_iter().flatten());
            }
        }
        touched.into_iter().filter(|key| wanted(key)).cloned().collect()
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
