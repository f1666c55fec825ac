//! Tree objects as bytes: looked up in, compared, and written again with
//! single entries replaced or removed.

use std::ops::Range;

use gix::ObjectId;
use gix::objs::tree::{EntryKind, EntryMode, EntryRef, name_order};
use gix::objs::{Kind, TreeRefIter};

use super::{CloneKind, GitError};

/// The raw content of the tree `id`, which it is for sure.
pub(super) fn load(repo: &gix::Repository, id: ObjectId) -> Result<Vec<u8>, GitError> {
    let data = load_as_found(repo, id)?;
    verify((Kind::Tree, id), &data)?;
    Ok(data)
}

/// Whether an object has the content that its id stands for: gix 0.90 takes
/// what it finds in the place of it.
pub(super) fn verify((kind, id): (Kind, ObjectId), data: &[u8]) -> Result<(), GitError> {
    let failed = |error| GitError::read(format!("{kind} {id}"), error);
    let found = gix::objs::compute_hash(id.kind(), kind, data);
    if found.map_err(|error| failed(error.to_string()))? == id {
        return Ok(());
    }
    Err(failed("its content is another".to_owned()))
}

/// The raw content that is found for the tree `id`: for histories, where a
/// thousand versions of a wide tree are compared.
pub(super) fn load_as_found(repo: &gix::Repository, id: ObjectId) -> Result<Vec<u8>, GitError> {
    if id.is_empty_tree() {
        return Ok(Vec::new());
    }
    let found = repo.find_object(id).map_err(|error| unreadable(repo, ("tree", id), &error))?;
    let mut tree = found.try_into_tree().map_err(|_| GitError::Read {
        what: format!("tree {id}"),
        message: "it is no tree".to_owned(),
    })?;
    Ok(std::mem::take(&mut tree.data))
}

/// Why an object could not be had: it is not there, or it is broken.
pub(super) fn unreadable(
    repo: &gix::Repository,
    (kind, id): (&'static str, ObjectId),
    error: &gix::Error,
) -> GitError {
    if error.is_not_found() {
        return GitError::Missing { kind, id, clone: clone_kind(repo) };
    }
    GitError::read(format!("{kind} {id}"), error)
}

fn clone_kind(repo: &gix::Repository) -> CloneKind {
    let config = repo.config_snapshot();
    let promises = |name: &gix::bstr::BString| {
        config.boolean(format!("remote.{name}.promisor").as_str()) == Some(true)
    };
    if repo.is_shallow().unwrap_or(false) {
        CloneKind::Shallow
    } else if repo.remote_names().iter().any(promises) {
        CloneKind::Partial
    } else {
        CloneKind::Whole
    }
}

/// The name of an entry as a part of a path; `None` where it is not UTF-8, or
/// what no checkout would write.
pub(super) fn plain_name(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    (!matches!(name, "" | "." | "..") && !name.contains('/')).then_some(name)
}

/// Whether a tree can be read, is sorted, and has each name once. In a tree of
/// another sort two readers may find two things under one name (the same is
/// asked by `git fsck`: treeNotSorted, duplicateEntries).
pub(super) fn check(data: &[u8], hash: gix::hash::Kind) -> Result<(), String> {
    let mut last: Option<EntryRef<'_>> = None;
    // Files whose name the next ones begin with: a directory of the same name
    // stands behind `name-x` and `name.x`.
    let mut files: Vec<&[u8]> = Vec::new();
    for entry in TreeRefIter::from_bytes(data, hash) {
        let entry = entry.map_err(|error| error.to_string())?;
        let name: &[u8] = entry.filename;
        let sorted = last.is_none_or(|last| {
            name_order(last.filename, last.mode.is_tree(), name, entry.mode.is_tree()).is_lt()
        });
        while files.last().is_some_and(|file| !name.starts_with(file)) {
            files.pop();
        }
        if !sorted || files.last() == Some(&name) {
            return Err("its entries are not sorted, or one is there twice".to_owned());
        }
        if !entry.mode.is_tree() {
            files.push(name);
        }
        last = Some(entry);
    }
    Ok(())
}

/// The entry `name` of a tree: its mode and id.
pub(super) fn find(
    data: &[u8],
    name: &str,
    hash: gix::hash::Kind,
) -> Result<Option<(EntryMode, ObjectId)>, GitError> {
    for entry in TreeRefIter::from_bytes(data, hash) {
        let entry = entry.map_err(|error| GitError::read("a tree", error))?;
        if entry.filename == name {
            return Ok(Some((entry.mode, entry.oid.to_owned())));
        }
    }
    Ok(None)
}

/// A file that a tree is to hold.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// The names on the way, the file's own last; never empty.
    pub(super) parts: Vec<String>,
    /// The blob; `None` where the file goes.
    pub(super) id: Option<ObjectId>,
    /// The mode of a new entry; one that is there keeps its own.
    pub(super) executable: bool,
}

/// Writes trees; remembers what was written.
pub(super) struct TreeWriter<'a> {
    repo: &'a gix::Repository,
    /// Directory path (empty for the root), tree before, tree after.
    pub(super) rewritten: Vec<(String, Option<ObjectId>, ObjectId)>,
}

impl<'a> TreeWriter<'a> {
    pub(super) fn new(repo: &'a gix::Repository) -> Self {
        Self { repo, rewritten: Vec::new() }
    }

    /// Writes `tree` (at directory `dir`) with `leaves` in it, all of which lie
    /// below `dir` and are sorted by their parts.
    pub(super) fn write(
        &mut self,
        tree: Option<ObjectId>,
        dir: &str,
        leaves: &[Leaf],
    ) -> Result<ObjectId, GitError> {
        let depth = depth_of(dir);
        let mut data = tree.map_or(Ok(Vec::new()), |id| load(self.repo, id))?;
        let mut rest = leaves;
        while let Some(name) = rest.first().and_then(|leaf| leaf.parts.get(depth)) {
            let same = |leaf: &Leaf| leaf.parts.get(depth) == Some(name);
            let (group, others) = rest.split_at(rest.iter().take_while(|leaf| same(leaf)).count());
            rest = others;
            self.put(&mut data, dir, group)?;
        }
        let object = gix::objs::TreeRef::from_bytes(&data, self.repo.object_hash());
        let object = object.map_err(|error| GitError::read(format!("tree `{dir}`"), error))?;
        let written = self.repo.write_object(&object);
        let failed = |error: gix::Error| GitError::Write {
            what: format!("the tree of `{dir}`"),
            message: error.to_string(),
        };
        let id = written.map_err(failed)?.detach();
        self.rewritten.push((dir.to_owned(), tree, id));
        Ok(id)
    }

    /// Puts the leaves of one name into the tree's bytes.
    fn put(&mut self, data: &mut Vec<u8>, dir: &str, group: &[Leaf]) -> Result<(), GitError> {
        let depth = depth_of(dir);
        let Some(leaf) = group.first() else { return Ok(()) };
        let name = leaf.parts.get(depth).map_or("", String::as_str);
        let there = find(data, name, self.repo.object_hash())?;
        let is_leaf = leaf.parts.len() == depth + 1;
        let (mode, id) = if is_leaf {
            let kind = if leaf.executable { EntryKind::BlobExecutable } else { EntryKind::Blob };
            (there.map_or(kind.into(), |(mode, _)| mode), leaf.id)
        } else {
            let below = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
            let old = there.and_then(|(mode, id)| mode.is_tree().then_some(id));
            let id = self.write(old, &below, group)?;
            // Git knows no directory without files.
            (EntryKind::Tree.into(), Some(id).filter(|id| !id.is_empty_tree()))
        };
        match id {
            Some(id) => splice(data, name, mode, id),
            None => {
                let place = place_of(data, name, mode, self.repo.object_hash());
                data.drain(place);
            }
        }
        Ok(())
    }
}

/// How many names down a directory is.
fn depth_of(dir: &str) -> usize {
    dir.split('/').filter(|part| !part.is_empty()).count()
}

/// Replaces the entry `name` of a tree, or puts it where it belongs.
fn splice(data: &mut Vec<u8>, name: &str, mode: EntryMode, id: ObjectId) {
    let place = place_of(data, name, mode, id.kind());
    let mut backing = [0; 6];
    let mut entry = mode.as_bytes(&mut backing).to_vec();
    entry.push(b' ');
    entry.extend_from_slice(name.as_bytes());
    entry.push(0);
    entry.extend_from_slice(id.as_slice());
    data.splice(place, entry);
}

/// The bytes of the entry `name`; empty at its place where it is not there.
fn place_of(data: &[u8], name: &str, mode: EntryMode, hash: gix::hash::Kind) -> Range<usize> {
    let mut entries = TreeRefIter::from_bytes(data, hash);
    let mut offset = 0;
    while let Some(Ok(entry)) = entries.next() {
        let end = entries.offset_to_next_entry(data);
        if entry.filename == name {
            return offset..end;
        }
        let order =
            name_order(entry.filename, entry.mode.is_tree(), name.as_bytes(), mode.is_tree());
        if order.is_gt() {
            return offset..offset;
        }
        offset = end;
    }
    offset..offset
}
