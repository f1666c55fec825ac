//! A search through every tree of a commit.
//!
//! It reads each tree once and keeps none, so it goes past the caches of the
//! snapshot, and where there is much to read two threads share the work.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use gix::ObjectId;
use gix::objs::{Kind, TreeRefIter};

use super::snapshot::TreeReader;
use super::{GitError, tree};
use crate::model::{RepoPath, Search, SnapshotError};

/// With fewer directories left than this a second thread is not worth it.
const WORTH_A_THREAD: usize = 200;

/// A directory that is yet to be read.
type Open = (RepoPath, ObjectId);

/// Shows the wanted files of the tree that `reader` reads; `false` where it
/// has too many directories.
pub(super) fn scan(
    reader: &TreeReader,
    root: ObjectId,
    search: &Search<'_>,
) -> Result<bool, SnapshotError> {
    let scan = Scan {
        reader,
        search,
        met: AtomicUsize::new(1),
        open: Mutex::new(vec![(RepoPath::root(), root)]),
        stop: AtomicBool::new(false),
    };
    let mut worker = Worker { scan: &scan, repo: scan.repo() };
    // From the top down, until there is enough for two.
    let mut level = vec![(RepoPath::root(), root)];
    while !level.is_empty() && level.len() < WORTH_A_THREAD {
        let mut below = Vec::new();
        for open in level {
            worker.directory(&open, &mut below)?;
        }
        level = below;
        if scan.is_too_much() {
            return Ok(false);
        }
    }
    level.reverse();
    *scan.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = level;
    scan.share(&mut worker)?;
    Ok(!scan.is_too_much())
}

struct Scan<'a> {
    reader: &'a TreeReader,
    search: &'a Search<'a>,
    /// How many directories are known of.
    met: AtomicUsize,
    /// What nobody has taken yet, the next one last.
    open: Mutex<Vec<Open>>,
    stop: AtomicBool,
}

impl Scan<'_> {
    fn repo(&self) -> gix::Repository {
        let mut repo = self.reader.repository();
        // Nothing is read twice.
        repo.object_cache_size(None);
        repo
    }

    fn is_too_much(&self) -> bool {
        self.met.load(Ordering::Relaxed) > self.search.most
    }

    fn next(&self) -> Option<Open> {
        if self.stop.load(Ordering::Relaxed) || self.is_too_much() {
            return None;
        }
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop()
    }

    /// Reads the rest in this thread and, where there is one to be had, in
    /// another.
    fn share(&self, worker: &mut Worker<'_>) -> Result<(), SnapshotError> {
        if self.open.lock().map_or(0, |open| open.len()) < WORTH_A_THREAD {
            return worker.work();
        }
        thread::scope(|scope| {
            let second = || Worker { scan: self, repo: self.repo() }.work();
            let second = thread::Builder::new().spawn_scoped(scope, second);
            let first = worker.work();
            let second = match second {
                Ok(thread) => thread.join().unwrap_or_else(|_| Err(broken_off())),
                Err(_) => Ok(()),
            };
            first.and(second)
        })
    }
}

fn broken_off() -> SnapshotError {
    SnapshotError {
        path: RepoPath::root(),
        message: "the search broke off".to_owned(),
        fetch: None,
    }
}

struct Worker<'a> {
    scan: &'a Scan<'a>,
    repo: gix::Repository,
}

impl Worker<'_> {
    fn work(&mut self) -> Result<(), SnapshotError> {
        while let Some(open) = self.scan.next() {
            let done = self.below(open);
            if done.is_err() {
                self.scan.stop.store(true, Ordering::Relaxed);
            }
            done?;
        }
        Ok(())
    }

    fn below(&self, open: Open) -> Result<(), SnapshotError> {
        let mut mine = vec![open];
        while let Some(open) = mine.pop() {
            self.directory(&open, &mut mine)?;
            if self.scan.is_too_much() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads one directory: shows its wanted files, and notes what is below.
    fn directory(&self, (dir, id): &Open, below: &mut Vec<Open>) -> Result<(), SnapshotError> {
        let data = tree::load(&self.repo, *id).map_err(|error| error.at(dir))?;
        let hash = self.repo.object_hash();
        let odd = |error| GitError::read(format!("tree {id}"), error).at(dir);
        tree::check(&data, hash).map_err(odd)?;
        let before = below.len();
        for entry in TreeRefIter::from_bytes(&data, hash).flatten() {
            let Some(name) = tree::plain_name(entry.filename) else { continue };
            if entry.mode.is_tree() {
                below.push((dir.join(name), entry.oid.to_owned()));
            } else if entry.mode.is_link()
                || entry.mode.is_blob() && (self.scan.search.wanted)(name)
            {
                let blob = self.repo.find_blob(entry.oid);
                let blob = blob.map_err(|error| {
                    let id = entry.oid.to_owned();
                    tree::unreadable(&self.repo, ("blob", id), &error).at(&dir.join(name))
                })?;
                let verified = tree::verify((Kind::Blob, blob.id), &blob.data);
                verified.map_err(|error| error.at(&dir.join(name)))?;
                let search = self.scan.search;
                let show = if entry.mode.is_link() { search.link } else { search.show };
                show(&dir.join(name), &blob.data);
            }
        }
        self.scan.met.fetch_add(below.len() - before, Ordering::Relaxed);
        Ok(())
    }
}
