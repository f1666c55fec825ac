//! `images:` entries over what is not followed: what they pin is not seen, so
//! neither an entry nor the order of entries may just change.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::kustomize::render::{ImageKind, Rendered};
use crate::model::RepoPath;

use super::Doubt;
use super::unit::{Unit, doubt, images};

/// An `images:` entry that pinned what lies in something not followed must
/// not just go: nobody sees what comes through then.
pub(super) fn gone(
    unit: &Unit<'_>,
    (base, head): (&[Rc<Rendered>], &[Rc<Rendered>]),
    doubts: &mut Vec<Doubt>,
) {
    if head.iter().all(|rendered| rendered.opaque.is_empty()) {
        return;
    }
    if let Some(at) = reordered(base, head) {
        let message = "the entries come in another order, and where their images are used cannot \
                       be followed";
        doubts.push(doubt(unit, at, message.to_owned()));
    }
    let (old, new) = (names(base), names(head));
    for (name, at) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        let message = format!(
            "the entry that pinned {name} is gone, and where that image is used cannot be followed"
        );
        doubts.push(doubt(unit, at.clone(), message));
    }
}

/// The first kustomization whose entries come in an order that is not the one
/// of the base: its own, or for a new one that of every other.
fn reordered(base: &[Rc<Rendered>], head: &[Rc<Rendered>]) -> Option<(RepoPath, u32)> {
    let known: BTreeMap<&RepoPath, &Vec<String>> =
        base.iter().flat_map(|rendered| &rendered.entries).collect();
    head.iter().find_map(|rendered| {
        let odd = |(dir, order): &(&RepoPath, &Vec<String>)| match known.get(*dir) {
            Some(own) => !same_order(own, order),
            None => !known.values().all(|other| same_order(other, order)),
        };
        let (_, order) = rendered.entries.iter().find(odd)?;
        let mut images = rendered.images.iter();
        let entry = images
            .find(|image| image.kind == ImageKind::Entry && order.first() == Some(&image.field));
        entry.map(|image| image.origin.clone())
    })
}

/// Whether the entries that both have come in the same order.
fn same_order(one: &[String], other: &[String]) -> bool {
    let shared = |of: &[String], with: &[String]| -> Vec<String> {
        of.iter().filter(|name| with.contains(name)).cloned().collect()
    };
    shared(one, other) == shared(other, one)
}

fn names(rendered: &[Rc<Rendered>]) -> BTreeMap<&str, (RepoPath, u32)> {
    images(rendered)
        .filter(|image| image.kind == ImageKind::Entry)
        .map(|image| (image.field.as_str(), image.origin.clone()))
        .collect()
}
