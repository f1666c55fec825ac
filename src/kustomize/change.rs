//! Planned changes, and what must not be changed.

use super::EditError;
use super::file::{File, slot};
use super::value::is_string_tag;
use crate::model::EditKind;
use crate::yaml::{NodeId, NodeKind, Operation};

/// One change to one value, not yet carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) operation: Operation,
    pub(super) field: String,
    pub(super) kind: EditKind,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

impl File<'_> {
    /// Refuses a value whose explicit tag says it is no text.
    pub(super) fn check_tag(&self, id: NodeId) -> Result<(), EditError> {
        let tag = self.stream.node(id).and_then(|node| node.tag.as_deref());
        match tag.filter(|tag| !is_string_tag(tag)) {
            Some(tag) => {
                let short = tag.replace("tag:yaml.org,2002:", "!!");
                let message =
                    format!("the value has the explicit tag `{short}`, which is not text");
                Err(self.refuse_with(id, message, "remove the tag first"))
            }
            None => Ok(()),
        }
    }

    /// Refuses a change that would reach other places through an anchor: of
    /// the value itself or of a collection around it. Only in a
    /// kustomization; in a marker file the anchor is edited, as Flux does.
    pub(super) fn refuse_shared(&self, id: NodeId, key: Option<&str>) -> Result<(), EditError> {
        if !self.kustomization {
            return Ok(());
        }
        let mut next = Some(id);
        while let Some(current) = next {
            for alias in self.stream.aliases(current) {
                if !self.overrides(alias, key) && !self.is_entry_alias(alias) {
                    let name = self.stream.node(current).and_then(|node| node.anchor.clone());
                    let name = name.unwrap_or_default();
                    let at = self.stream.position_of(alias);
                    let message = format!(
                        "the value is shared: `*{name}` in line {} would change too",
                        at.line
                    );
                    return Err(self.refuse_with(
                        id,
                        message,
                        "write the value out in both places",
                    ));
                }
            }
            next = self.stream.node(current).and_then(|node| node.parent);
        }
        Ok(())
    }

    /// Whether the alias is merged into a mapping that has `key` itself.
    fn overrides(&self, alias: NodeId, key: Option<&str>) -> bool {
        let Some(key) = key else { return false };
        let mut holder = self.stream.node(alias).and_then(|node| node.parent);
        if let Some(parent) = holder.filter(|parent| self.stream.is_sequence(*parent)) {
            holder = self.stream.node(parent).and_then(|node| node.parent);
        }
        let Some(holder) = holder else { return false };
        let merges = self.stream.pairs(holder).iter().any(|pair| {
            let merged = pair.value == alias || self.stream.items(pair.value).contains(&alias);
            merged && self.stream.value(pair.key) == Some("<<")
        });
        merges && slot(&self.stream, holder, key).own.is_some()
    }

    /// Whether the alias repeats a whole entry in `images`.
    fn is_entry_alias(&self, alias: NodeId) -> bool {
        let Some(parent) = self.stream.node(alias).and_then(|node| node.parent) else {
            return false;
        };
        let list = super::images::lists(self).contains(&parent);
        let Some(NodeKind::Alias { target: Some(target), .. }) =
            self.stream.node(alias).map(|node| &node.kind)
        else {
            return false;
        };
        list && self.stream.node(*target).and_then(|node| node.parent) == Some(parent)
    }
}
