//! The tree that a commit of the index would have.
//!
//! Made of the entries alone: the tree cache of an index may be stale. The
//! index is read and never written.

use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice};
use gix::index::entry::{Flags, Mode, Stage};
use gix::objs::tree::{Entry, EntryKind, EntryMode};

use super::GitError;

/// A file, or a directory that a sparse index does not list.
struct Leaf<'a> {
    path: &'a [u8],
    mode: EntryMode,
    id: ObjectId,
}

/// Writes the trees of the index through `repo`, which should write to memory;
/// gives the root.
pub(super) fn write(repo: &gix::Repository) -> Result<ObjectId, GitError> {
    let index = repo.try_index().map_err(|error| GitError::read("the index", error))?;
    let Some(index) = index else { return Ok(ObjectId::empty_tree(repo.object_hash())) };
    let mut leaves = Vec::new();
    for entry in index.entries() {
        let path = entry.path(&index);
        if entry.stage() != Stage::Unconflicted {
            return Err(GitError::Unmerged { path: path.to_str_lossy().into_owned() });
        }
        // `git commit` leaves out what is only meant to be added.
        if !entry.flags.contains(Flags::INTENT_TO_ADD) {
            leaves.push(Leaf { path, mode: mode_of(entry.mode, path)?, id: entry.id });
        }
    }
    directory(repo, &leaves, 0)
}

fn mode_of(mode: Mode, path: &BStr) -> Result<EntryMode, GitError> {
    if mode.is_sparse() {
        return Ok(EntryKind::Tree.into());
    }
    mode.to_tree_entry_mode()
        .ok_or_else(|| GitError::read("the index", format!("`{path}` has an unknown mode")))
}

/// Writes the directory that `leaves` lie in, whose path has `depth` bytes.
fn directory(
    repo: &gix::Repository,
    leaves: &[Leaf<'_>],
    depth: usize,
) -> Result<ObjectId, GitError> {
    let mut entries = Vec::new();
    let mut rest = leaves;
    while let Some(first) = rest.first() {
        let below = first.path.get(depth..).unwrap_or_default();
        let name = below.split(|byte| *byte == b'/').next().unwrap_or_default();
        let end = depth + name.len();
        let is_directory = first.path.len() > end + 1;
        let same = |leaf: &&Leaf<'_>| {
            leaf.path.get(depth..end) == Some(name) && leaf.path.get(end) == Some(&b'/')
        };
        let count = if is_directory { rest.iter().take_while(same).count() } else { 1 };
        let (group, others) = rest.split_at(count.max(1));
        rest = others;
        let (mode, oid) = if is_directory {
            (EntryKind::Tree.into(), directory(repo, group, end + 1)?)
        } else {
            (first.mode, first.id)
        };
        entries.push(Entry { mode, filename: name.into(), oid });
    }
    entries.sort();
    let written = repo.write_object(gix::objs::Tree { entries });
    Ok(written.map_err(|error| GitError::read("the index", error))?.detach())
}
