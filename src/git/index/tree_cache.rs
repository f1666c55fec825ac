//! The tree cache (extension `TREE`): the ids of directories whose entries
//! have not changed since a tree was written of them.
//!
//! Git trusts it when it writes the tree of the next commit, so a node that
//! keeps its old id brings old content back. On the path of a change a node
//! gets the id of the new tree where its old id was that of the commit, and is
//! invalidated otherwise.

use std::collections::HashMap;

use gix::ObjectId;
use gix::bstr::ByteSlice;

/// What became of one directory.
#[derive(Debug, Clone)]
pub(in super::super) struct Rewritten {
    /// Its path, empty for the root.
    pub(in super::super) dir: String,
    /// Its tree in the commit before; `None` where it is new.
    pub(in super::super) old: Option<ObjectId>,
    /// Its tree now; `None` invalidates the node whatever it holds.
    pub(in super::super) new: Option<ObjectId>,
}

/// The extension's content with the nodes of `changes` corrected; `None` where
/// it cannot be read, and has to be left out.
pub(super) fn rewrite(content: &[u8], changes: &[Rewritten], hash_len: usize) -> Option<Vec<u8>> {
    let changes: HashMap<&[u8], &Rewritten> =
        changes.iter().map(|change| (change.dir.as_bytes(), change)).collect();
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    // The directories that are open: length of the path, subtrees to come.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut path: Vec<u8> = Vec::new();
    while !rest.is_empty() {
        let node = Node::parse(rest, hash_len)?;
        rest = rest.get(node.length..)?;
        let parent = path.len();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(node.name);
        node.write(changes.get(path.as_slice()).copied(), &mut out);
        open.push((parent, node.subtrees));
        while let Some((parent, 0)) = open.last().copied() {
            path.truncate(parent);
            open.pop();
        }
        if let Some((_, subtrees)) = open.last_mut() {
            *subtrees -= 1;
        }
    }
    open.is_empty().then_some(out)
}

struct Node<'a> {
    name: &'a [u8],
    entries: &'a [u8],
    subtrees: usize,
    id: &'a [u8],
    bytes: &'a [u8],
    length: usize,
}

impl<'a> Node<'a> {
    /// `name NUL entries SP subtrees LF id`, the id only where `entries` is
    /// not negative.
    fn parse(bytes: &'a [u8], hash_len: usize) -> Option<Self> {
        let (name, rest) = bytes.split_once_str(b"\0")?;
        let (entries, rest) = rest.split_once_str(b" ")?;
        let (subtrees, rest) = rest.split_once_str(b"\n")?;
        let id_length = if entries.starts_with(b"-") { 0 } else { hash_len };
        let id = rest.get(..id_length)?;
        let length = bytes.len() - rest.len() + id_length;
        let subtrees = subtrees.to_str().ok()?.parse().ok()?;
        Some(Self { name, entries, subtrees, id, bytes: bytes.get(..length)?, length })
    }

    fn write(&self, change: Option<&Rewritten>, out: &mut Vec<u8>) {
        let Some(change) = change else {
            out.extend_from_slice(self.bytes);
            return;
        };
        let known = change.old.is_some_and(|old| old.as_slice() == self.id);
        let id = change.new.filter(|_| known);
        out.extend_from_slice(self.name);
        out.push(0);
        out.extend_from_slice(if id.is_some() { self.entries } else { b"-1" });
        out.extend_from_slice(format!(" {}\n", self.subtrees).as_bytes());
        if let Some(id) = id {
            out.extend_from_slice(id.as_slice());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::Sha1([byte; 20])
    }

    fn node(name: &str, entries: i32, subtrees: u32, of: Option<u8>) -> Vec<u8> {
        let mut bytes = format!("{name}\0{entries} {subtrees}\n").into_bytes();
        bytes.extend(of.iter().flat_map(|byte| [*byte; 20]));
        bytes
    }

    #[test]
    fn nodes_on_the_path_change_and_others_stay() {
        let before = [
            node("", 9, 2, Some(1)),
            node("a", 3, 1, Some(2)),
            node("b", 1, 0, Some(3)),
            node("b", 2, 0, Some(4)),
        ];
        let change =
            |dir: &str, old, new| Rewritten { dir: dir.to_owned(), old: Some(id(old)), new };
        let changes = [
            change("", 1, Some(id(11))),
            change("a", 2, Some(id(12))),
            change("a/b", 9, Some(id(13))),
        ];
        let after = rewrite(&before.concat(), &changes, 20).unwrap();
        // The node `a/b` held a tree that is not the commit's.
        let wanted = [
            node("", 9, 2, Some(11)),
            node("a", 3, 1, Some(12)),
            node("b", -1, 0, None),
            node("b", 2, 0, Some(4)),
        ];
        assert_eq!(after, wanted.concat());
        assert!(rewrite(b"x", &changes, 20).is_none());
        assert!(rewrite(&node("", 1, 1, Some(1)), &[], 20).is_none(), "a subtree is missing");
    }
}
