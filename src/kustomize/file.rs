//! A parsed file and what every part of this module asks of it.

use std::collections::HashSet;

use super::EditError;
use crate::model::RepoPath;
use crate::yaml::{NodeId, NodeKind, Stream};

/// Whether Kustomize reads a file of that name as a kustomization.
pub fn is_kustomization(name: &str) -> bool {
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// A parsed file.
pub(super) struct File<'p> {
    pub(super) path: &'p RepoPath,
    pub(super) stream: Stream,
    pub(super) kustomization: bool,
}

impl<'p> File<'p> {
    pub(super) fn parse(path: &'p RepoPath, bytes: &[u8]) -> Result<Self, EditError> {
        let stream = Stream::parse(bytes)
            .map_err(|source| EditError::Yaml { path: path.clone(), source })?;
        Ok(Self { path, stream, kustomization: is_kustomization(path.file_name()) })
    }

    /// The root mapping of the first document, the only one Kustomize reads.
    pub(super) fn root(&self) -> Option<NodeId> {
        self.stream.documents().first().copied().filter(|root| self.stream.is_mapping(*root))
    }

    pub(super) fn refuse(&self, node: NodeId, message: impl Into<String>) -> EditError {
        let at = self.stream.position_of(node);
        EditError::Refused { path: self.path.clone(), at, message: message.into(), hint: None }
    }

    pub(super) fn refuse_with(&self, node: NodeId, message: String, hint: &str) -> EditError {
        let at = self.stream.position_of(node);
        let hint = Some(hint.to_owned());
        EditError::Refused { path: self.path.clone(), at, message, hint }
    }

    pub(super) fn not_found(&self, searched: String, existing: Vec<String>) -> EditError {
        EditError::NotFound { path: self.path.clone(), searched, existing }
    }

    /// SOPS signs a file's values; a changed one would no longer decrypt.
    pub(super) fn refuse_sops(&self) -> Result<(), EditError> {
        let sealed = self.stream.documents().iter().find_map(|root| {
            let sops = self.stream.get(*root, "sops")?;
            self.stream.get(sops, "mac")
        });
        match sealed {
            Some(mac) => Err(self.refuse_with(
                mac,
                "the file is signed by SOPS (`sops.mac`), so an edit would break it".to_owned(),
                "edit it with `sops`",
            )),
            None => Ok(()),
        }
    }

    /// The field path of a node, such as `images[0].newTag`.
    pub(super) fn field(&self, id: NodeId) -> String {
        field(&self.stream, id)
    }
}

/// The field path of a node.
pub(super) fn field(stream: &Stream, id: NodeId) -> String {
    let mut steps = Vec::new();
    let mut child = id;
    while let Some(parent) = stream.node(child).and_then(|node| node.parent) {
        match stream.node(parent).map(|node| &node.kind) {
            Some(NodeKind::Sequence { items, .. }) => {
                let index = items.iter().position(|item| *item == child).unwrap_or(0);
                steps.push(format!("[{index}]"));
            }
            Some(NodeKind::Mapping { pairs, .. }) => {
                let pair = pairs.iter().find(|pair| pair.value == child || pair.key == child);
                let key = pair.and_then(|pair| stream.value(pair.key)).unwrap_or_default();
                steps.push(step(key));
            }
            _ => {}
        }
        child = parent;
    }
    let mut path = String::new();
    for step in steps.into_iter().rev() {
        if !path.is_empty() && !step.starts_with('[') {
            path.push('.');
        }
        path.push_str(&step);
    }
    path
}

pub(super) fn step(key: &str) -> String {
    let simple = !key.is_empty() && !key.contains(['.', '[', ']', '"', ' ']);
    if simple { key.to_owned() } else { format!("[\"{key}\"]") }
}

/// Whether two keys are one to Kustomize, which reads them as Go's JSON
/// decoder does: without regard to case, under Unicode folding.
pub(super) fn same_key(a: &str, b: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    a.chars().map(fold).eq(b.chars().map(fold))
}

/// What a mapping says of a key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    /// The index of its own pair; the last one, if several.
    pub(super) own: Option<usize>,
    /// The value: its own, else one inherited through a merge key.
    pub(super) value: Option<NodeId>,
    /// The second of two own pairs.
    pub(super) twice: Option<NodeId>,
}

/// Looks a key up as Kustomize does.
pub(super) fn slot(stream: &Stream, mapping: NodeId, key: &str) -> Slot {
    let mut slot = Slot::default();
    for (index, pair) in stream.pairs(mapping).iter().enumerate() {
        if stream.value(pair.key).is_some_and(|own| same_key(own, key)) {
            if slot.own.is_some() {
                slot.twice = Some(pair.key);
            }
            slot.own = Some(index);
            slot.value = Some(pair.value);
        }
    }
    if slot.own.is_none() {
        slot.value = inherited(stream, mapping, key);
    }
    slot
}

/// The value that merge keys (`<<`) give; the first merged mapping wins.
fn inherited(stream: &Stream, mapping: NodeId, key: &str) -> Option<NodeId> {
    let mut seen = HashSet::new();
    let mut work = merged(stream, mapping);
    while let Some(next) = work.pop() {
        if !seen.insert(next) {
            continue;
        }
        let own = stream.pairs(next).iter().rev();
        let found = own.into_iter().find(|p| stream.value(p.key).is_some_and(|k| same_key(k, key)));
        if let Some(pair) = found {
            return Some(pair.value);
        }
        work.extend(merged(stream, next));
    }
    None
}

/// The mappings merged into one, the first last.
fn merged(stream: &Stream, mapping: NodeId) -> Vec<NodeId> {
    let merges = stream.pairs(mapping).iter().filter(|pair| stream.value(pair.key) == Some("<<"));
    let mut found = Vec::new();
    for pair in merges {
        let value = stream.resolve(pair.value);
        if stream.is_sequence(value) {
            found.extend(stream.items(value).iter().map(|item| stream.resolve(*item)));
        } else {
            found.push(value);
        }
    }
    found.reverse();
    found
}
