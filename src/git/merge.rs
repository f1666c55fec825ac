//! Merging two trees by whole paths: what only one side changed is taken from
//! that side, and what both changed to different things is a conflict.
//!
//! No contents are merged and no renames are followed. Where git merges
//! without a conflict and without doing either, the result is the same tree.
//! The trees are written into the memory of the repository handle.

use std::collections::HashMap;

use gix::ObjectId;
use gix::bstr::BStr;
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
        if let Ok(known) = decided(trees) {
            return Ok(known);
        }
        let [common, base, head] = trees.map(|id| self.load(id));
        let data = [common?, base?, head?];
        let hash = self.repo.object_hash();
        let mut names: HashMap<&BStr, [Option<Node>; 3]> = HashMap::new();
        for (side, data) in data.iter().enumerate() {
            for entry in TreeRefIter::from_bytes(data, hash).flatten() {
                if let Some(node) = names.entry(entry.filename).or_default().get_mut(side) {
                    *node = Some((entry.mode, entry.oid.to_owned()));
                }
            }
        }
        let mut merged = Vec::with_capacity(names.len());
        for (name, nodes) in names {
            let node = match decided(nodes) {
                Ok(node) => node,
                Err(BothChanged) if dir.is_empty() => self.name(nodes, name.to_string())?,
                Err(BothChanged) => self.name(nodes, format!("{dir}/{name}"))?,
            };
            merged.extend(node.map(|(mode, oid)| Entry { mode, filename: name.into(), oid }));
        }
        if merged.is_empty() && !dir.is_empty() {
            return Ok(None);
        }
        merged.sort_unstable();
        let written = self.repo.write_object(gix::objs::Tree { entries: merged });
        Ok(Some(written.map_err(|error| GitError::read(format!("tree `{dir}`"), error))?.detach()))
    }

    /// The bytes of a tree that is well-formed.
    fn load(&self, id: Option<ObjectId>) -> Result<Vec<u8>, GitError> {
        let Some(id) = id else { return Ok(Vec::new()) };
        let data = tree::load(self.repo, id)?;
        let checked = tree::check(&data, self.repo.object_hash());
        checked.map_err(|error| GitError::read(format!("tree {id}"), error))?;
        Ok(data)
    }

    /// One name: the file of it and the directory of it are two paths, and
    /// both cannot be there. Both sides have changed what it stands for.
    fn name(&mut self, nodes: [Option<Node>; 3], path: String) -> Result<Option<Node>, GitError> {
        let files = nodes.map(|node| node.filter(|(mode, _)| !mode.is_tree()));
        let trees = nodes.map(|node| node.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id));
        let tree = if trees == [None; 3] { None } else { self.trees(trees, &path)? };
        let Ok(file) = decided(files) else {
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

/// Base and head both changed it, each to something else.
struct BothChanged;

/// What comes out where at most one side changed something, or both the same.
fn decided<T: PartialEq>([common, base, head]: [Option<T>; 3]) -> Result<Option<T>, BothChanged> {
    if base == head || head == common {
        return Ok(base);
    }
    if base == common { Ok(head) } else { Err(BothChanged) }
}
