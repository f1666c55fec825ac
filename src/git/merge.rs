//! Merging two trees by whole paths: what only one side changed is taken from
//! that side, and what both changed to different things is a conflict.
//!
//! No contents are merged and no renames are followed. Where git merges
//! without a conflict and without doing either, the result is the same tree.
//! The trees are written into the memory of the repository handle.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::objs::TreeRefIter;
use gix::objs::tree::{Entry, EntryMode};

use super::{GitError, tree};

/// Three trees, of which any may be absent: common, base, head.
type Trees = [Option<ObjectId>; 3];

/// What a name stands for.
type Node = (EntryMode, ObjectId);

/// What was merged, and what could not be.
pub(super) struct Merge<'a> {
    repo: &'a gix::Repository,
    /// Paths that both sides changed.
    pub(super) conflicts: Vec<String>,
}

impl<'a> Merge<'a> {
    /// A merge that writes trees through `repo`.
    pub(super) fn new(repo: &'a gix::Repository) -> Self {
        Self { repo, conflicts: Vec::new() }
    }

    /// The merged tree at `dir`; `None` where nothing is left of it.
    pub(super) fn trees(&mut self, trees: Trees, dir: &str) -> Result<Option<ObjectId>, GitError> {
        if let Some(known) = decided(trees) {
            return Ok(known);
        }
        let mut names: BTreeMap<Vec<u8>, [Option<Node>; 3]> = BTreeMap::new();
        for (side, id) in trees.into_iter().enumerate() {
            self.entries(id, side, &mut names)?;
        }
        let mut merged = Vec::new();
        for (name, nodes) in names {
            let text = String::from_utf8_lossy(&name);
            let path = if dir.is_empty() { text.into_owned() } else { format!("{dir}/{text}") };
            if let Some((mode, oid)) = self.name(nodes, path)? {
                merged.push(Entry { mode, filename: name.into(), oid });
            }
        }
        if merged.is_empty() && !dir.is_empty() {
            return Ok(None);
        }
        merged.sort();
        let written = self.repo.write_object(gix::objs::Tree { entries: merged });
        Ok(Some(written.map_err(|error| GitError::read(format!("tree `{dir}`"), error))?.detach()))
    }

    /// Adds the entries of the tree of one side.
    fn entries(
        &self,
        id: Option<ObjectId>,
        side: usize,
        names: &mut BTreeMap<Vec<u8>, [Option<Node>; 3]>,
    ) -> Result<(), GitError> {
        let Some(id) = id else { return Ok(()) };
        let data = tree::load(self.repo, id)?;
        let hash = self.repo.object_hash();
        tree::check(&data, hash).map_err(|error| GitError::read(format!("tree {id}"), error))?;
        for entry in TreeRefIter::from_bytes(&data, hash).flatten() {
            let nodes = names.entry(entry.filename.to_vec()).or_default();
            if let Some(node) = nodes.get_mut(side) {
                *node = Some((entry.mode, entry.oid.to_owned()));
            }
        }
        Ok(())
    }

    /// One name: the file of it and the directory of it are two paths, and
    /// both cannot be there.
    fn name(&mut self, nodes: [Option<Node>; 3], path: String) -> Result<Option<Node>, GitError> {
        if let Some(known) = decided(nodes) {
            return Ok(known);
        }
        let files = nodes.map(|node| node.filter(|(mode, _)| !mode.is_tree()));
        let trees = nodes.map(|node| node.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id));
        let tree = if trees == [None; 3] { None } else { self.trees(trees, &path)? };
        let Some(file) = decided(files) else {
            self.conflicts.push(path);
            return Ok(None);
        };
        let directory = tree.map(|id| (gix::objs::tree::EntryKind::Tree.into(), id));
        if file.is_some() && directory.is_some() {
            self.conflicts.push(path);
        }
        Ok(file.or(directory))
    }
}

/// What comes out where at most one side changed something, or both the same.
fn decided<T: PartialEq + Copy>([common, base, head]: [Option<T>; 3]) -> Option<Option<T>> {
    if base == head || head == common {
        return Some(base);
    }
    (base == common).then_some(head)
}
