//! What differs between two trees: only trees that differ are read, and of
//! these only the ones that lead to the paths of interest.

use std::collections::HashMap;
use std::rc::Rc;

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::TreeRefIter;
use gix::objs::tree::{EntryRef, name_order};

use super::history::Interest;
use super::pieces::Tree;
use super::trees::Trees;
use super::{GitError, tree};
use crate::model::RepoPath;

/// The trees of the older side of the last comparison, by directory: they are
/// those of the newer side of the next one.
pub(super) type Kept = HashMap<String, (ObjectId, Rc<Tree>)>;

/// The content of a file before and after: the ids of its blobs, `None` where
/// there is no regular file.
pub type BlobSides = (Option<ObjectId>, Option<ObjectId>);

/// The files that differ.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Their paths, sorted. A change of type or mode is one too.
    pub(super) paths: Vec<RepoPath>,
    /// What each of them holds on both sides.
    pub(super) blobs: Vec<BlobSides>,
    found: Vec<(RepoPath, BlobSides)>,
    /// How many changed entries have a name that is no part of a path: not
    /// UTF-8, or one that git would never check out.
    pub(super) odd_names: usize,
}

/// Compares two trees.
pub(super) fn between(
    repo: &gix::Repository,
    old: Option<ObjectId>,
    new: ObjectId,
    interest: &Interest,
) -> Result<Changed, GitError> {
    let kept = &mut Kept::new();
    let mut diff = TreeDiff { repo, interest, changed: Changed::default(), kept, trees: None };
    diff.compare(old, Some(new), "")?;
    Ok(diff.finish())
}

/// Compares trees, descending where they differ and it matters.
pub(super) struct TreeDiff<'a> {
    repo: &'a gix::Repository,
    interest: &'a Interest,
    changed: Changed,
    kept: &'a mut Kept,
    /// Where trees come from that need not be what their ids say.
    trees: Option<&'a mut Trees>,
}

impl<'a> TreeDiff<'a> {
    /// Compares what is found, without a look whether it is what the ids say.
    pub(super) fn new(
        repo: &'a gix::Repository,
        interest: &'a Interest,
        (kept, trees): (&'a mut Kept, &'a mut Trees),
    ) -> Self {
        Self { repo, interest, changed: Changed::default(), kept, trees: Some(trees) }
    }

    /// What was found, sorted.
    pub(super) fn finish(mut self) -> Changed {
        let mut found = std::mem::take(&mut self.changed.found);
        found.sort();
        // Where a file took the place of a directory, or was written twice.
        found.dedup_by(|next, kept| next.0 == kept.0);
        (self.changed.paths, self.changed.blobs) = found.into_iter().unzip();
        self.changed
    }

    fn read(&mut self, id: Option<ObjectId>) -> Result<Rc<Tree>, GitError> {
        let hash = self.repo.object_hash();
        Ok(match (id, &mut self.trees) {
            (None, _) => Rc::new(Tree::whole(Vec::new(), hash)),
            (Some(id), Some(trees)) => trees.get(self.repo, id)?,
            (Some(id), None) => Rc::new(Tree::whole(tree::load(self.repo, id)?, hash)),
        })
    }

    pub(super) fn compare(
        &mut self,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        dir: &str,
    ) -> Result<(), GitError> {
        if old == new {
            return Ok(());
        }
        let older = self.read(old)?;
        let newer = match (self.kept.remove(dir), new) {
            (Some((id, tree)), Some(new)) if id == new => tree,
            (_, new) => self.read(new)?,
        };
        self.walk((&older, &newer), dir)?;
        if let Some(id) = old {
            self.kept.insert(dir.to_owned(), (id, older));
        }
        Ok(())
    }

    /// Goes through what differs; where only a few names of a wide tree
    /// matter, through these.
    fn walk(&mut self, (old, new): (&Tree, &Tree), dir: &str) -> Result<(), GitError> {
        if let Some(differing) = old.differences(new) {
            return differing.into_iter().try_for_each(|(old, new)| self.entry(old, new, dir));
        }
        let wide = old.len().max(new.len()) > WIDE;
        if let Some(names) = self.interest.names_in(dir, FEW).filter(|_| wide) {
            for name in names {
                let broken = |_| GitError::read(format!("tree `{dir}`"), "it is no tree");
                let (old, new) = (old.find(name), new.find(name));
                self.entry(old.map_err(broken)?, new.map_err(broken)?, dir)?;
            }
            return Ok(());
        }
        self.side_by_side((&old.bytes(), &new.bytes()), dir)
    }

    /// Goes through the entries of two trees.
    fn side_by_side(&mut self, trees: (&[u8], &[u8]), dir: &str) -> Result<(), GitError> {
        let hash = self.repo.object_hash();
        let bad = |error: gix::Error| GitError::read(format!("tree `{dir}`"), error);
        let (mut old, mut new) = trees;
        loop {
            let same = common_start(old, new, hash);
            (old, new) = (after(old, same), after(new, same));
            let left = first_entry(old, hash).map_err(bad)?;
            let right = first_entry(new, hash).map_err(bad)?;
            if left.is_none() && right.is_none() {
                return Ok(());
            }
            let order = order_of(left.map(|(entry, _)| entry), right.map(|(entry, _)| entry));
            let left = left.filter(|_| order.is_le());
            let right = right.filter(|_| order.is_ge());
            self.entry(left.map(|(entry, _)| entry), right.map(|(entry, _)| entry), dir)?;
            old = after(old, left.map_or(0, |(_, length)| length));
            new = after(new, right.map_or(0, |(_, length)| length));
        }
    }

    /// One name, on one side or both.
    fn entry(
        &mut self,
        old: Option<EntryRef<'_>>,
        new: Option<EntryRef<'_>>,
        dir: &str,
    ) -> Result<(), GitError> {
        if let (Some(old), Some(new)) = (&old, &new)
            && (old.oid, old.mode) == (new.oid, new.mode)
        {
            return Ok(());
        }
        let Some(filename) = new.or(old).map(|entry| entry.filename) else { return Ok(()) };
        let Some(name) = tree::plain_name(filename) else {
            self.changed.odd_names += usize::from(self.interest.covers(dir));
            return Ok(());
        };
        let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
        let covered = self.interest.covers(&path);
        let subtree = |side: Option<EntryRef<'_>>| {
            side.and_then(|entry| entry.mode.is_tree().then(|| entry.oid.to_owned()))
        };
        let is_file = |side: Option<EntryRef<'_>>| side.is_some_and(|entry| !entry.mode.is_tree());
        if covered && (is_file(old) || is_file(new)) {
            let blob = |side: Option<EntryRef<'_>>| {
                side.and_then(|entry| entry.mode.is_blob().then(|| entry.oid.to_owned()))
            };
            let path = RepoPath::normalize(&path);
            self.changed.found.extend(path.map(|path| (path, (blob(old), blob(new)))));
        }
        if covered || self.interest.leads(&path) {
            self.compare(subtree(old), subtree(new), &path)?;
        }
        Ok(())
    }
}

/// In trees of more bytes than this, names are searched for.
const WIDE: usize = 4_096;
/// Where no more than these are searched for.
const FEW: usize = 4;

/// Where the first entry starts that is not the same on both sides. Wide
/// directories differ in one entry mostly, and comparing bytes is cheaper than
/// decoding entries.
fn common_start(old: &[u8], new: &[u8], hash: gix::hash::Kind) -> usize {
    if old == new {
        return old.len();
    }
    let chunks = old.chunks(256).zip(new.chunks(256));
    let whole = chunks.take_while(|(a, b)| a == b).count() * 256;
    let tails = old.iter().skip(whole).zip(new.iter().skip(whole));
    let same = whole + tails.take_while(|(a, b)| a == b).count();
    let mut start = 0;
    while let Some(nul) = old.get(start..).and_then(|rest| rest.find_byte(0)) {
        let end = start + nul + 1 + hash.len_in_bytes();
        if end > same {
            break;
        }
        start = end;
    }
    start
}

fn after(data: &[u8], length: usize) -> &[u8] {
    data.get(length..).unwrap_or_default()
}

/// The entry that a tree begins with, and its length.
fn first_entry(
    data: &[u8],
    hash: gix::hash::Kind,
) -> Result<Option<(EntryRef<'_>, usize)>, gix::Error> {
    let mut entries = TreeRefIter::from_bytes(data, hash);
    let entry = entries.next().transpose()?;
    Ok(entry.map(|entry| (entry, entries.offset_to_next_entry(data))))
}

fn order_of(left: Option<EntryRef<'_>>, right: Option<EntryRef<'_>>) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    match (left, right) {
        (Some(a), Some(b)) => {
            name_order(a.filename, a.mode.is_tree(), b.filename, b.mode.is_tree())
        }
        (Some(_), None) => Ordering::Less,
        _ => Ordering::Greater,
    }
}
