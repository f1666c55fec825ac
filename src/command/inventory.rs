//! What the base commit holds, read by several threads where that is much.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::config::Config;
use crate::discover::{self, Inventory, Overlay, Part, Roots};
use crate::git::{Repository, TreeSnapshot};
use crate::model::SnapshotError;

use super::{Failure, Workspace};

/// Fewer overlays or cells than this are read by one thread.
const WORTH_A_THREAD: usize = 1_000;
/// The most threads that read.
const READERS: usize = 4;
/// How many overlays a thread takes at a time. They lie side by side, so that
/// hardly a directory is read by two.
const TAKEN: usize = 100;

/// What the base commit holds.
pub(super) fn inventory(workspace: &Workspace) -> Result<Inventory, Failure> {
    let (snapshot, config) = (&workspace.snapshot, &workspace.config);
    let overlays = discover::overlays(snapshot, config, None)?;
    let readers = readers(&workspace.repo, overlays.len());
    Ok(read((snapshot, config), overlays, readers)?)
}

/// How many threads read so many overlays or cells.
pub(super) fn readers(repo: &Repository, count: usize) -> usize {
    // What is brought here only once it is asked for is brought by one.
    if count < WORTH_A_THREAD || repo.is_promised() {
        return 1;
    }
    thread::available_parallelism().map_or(1, NonZero::get).min(READERS)
}

fn read(
    from: (&TreeSnapshot, &Config),
    overlays: Vec<Overlay>,
    readers: usize,
) -> Result<Inventory, SnapshotError> {
    let (snapshot, config) = from;
    if readers > 1 {
        let roots = Roots::of(&overlays);
        if let Some(parts) = shared(from, (&overlays, &roots), readers) {
            return Ok(Inventory::of((overlays, roots), parts));
        }
    }
    discover::read(snapshot, config, overlays, &|_| true)
}

/// What several threads read; `None` where one of them failed: the first
/// failure of all is found by one alone.
fn shared(
    (snapshot, config): (&TreeSnapshot, &Config),
    (overlays, roots): (&[Overlay], &Roots),
    readers: usize,
) -> Option<Vec<Part>> {
    let mut indexes: Vec<usize> = (0..overlays.len()).collect();
    indexes.sort_by_key(|index| overlays.get(*index).map(|overlay| &overlay.path));
    let taken: Vec<&[usize]> = indexes.chunks(TAKEN).collect();
    let next = AtomicUsize::new(0);
    let work = |snapshot: &TreeSnapshot| {
        let mut part = Part::default();
        while let Some(indexes) = taken.get(next.fetch_add(1, Ordering::Relaxed)) {
            part.read((snapshot, config), (overlays, roots), indexes).ok()?;
        }
        Some(part)
    };
    let fork = snapshot.fork();
    thread::scope(|scope| {
        let spawn = |_| scope.spawn(|| work(&fork.snapshot()));
        let others: Vec<_> = (1..readers).map(spawn).collect();
        let own = work(snapshot);
        let others = others.into_iter().map(|other| other.join().ok().flatten());
        std::iter::once(own).chain(others).collect()
    })
}
