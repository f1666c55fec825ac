//! `images:` entries over what is not followed: what they pin is not seen, so
//! neither an entry nor the order of entries may just change.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::kustomize::render::{ImageKind, Rendered};
use crate::model::RepoPath;

use super::Doubt;
use super::renders::Side;
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
    if let Some(at) = reordered(unit, base, head) {
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

/// The first overlay whose entries come in an order that is not the one of the
/// base: its own, or for a new overlay that of any other one.
fn reordered(
    unit: &Unit<'_>,
    base: &[Rc<Rendered>],
    head: &[Rc<Rendered>],
) -> Option<(RepoPath, u32)> {
    let paths = |side| unit.overlays(side).iter().map(|overlay| &overlay.path);
    let known: BTreeMap<&RepoPath, &Rc<Rendered>> = paths(Side::Base).zip(base).collect();
    paths(Side::Head).zip(head).find_map(|(path, rendered)| {
        let alike = known.get(path).map_or_else(
            || base.is_empty() || base.iter().any(|other| same_order(other, rendered)),
            |own| same_order(own, rendered),
        );
        let first = names(std::slice::from_ref(rendered)).into_values().next();
        first.filter(|_| !alike)
    })
}

/// Whether the entries that both have come in the same order.
fn same_order(one: &Rendered, other: &Rendered) -> bool {
    let shared = |of: &Rendered, with: &Rendered| -> Vec<String> {
        let has = |name: &str| entries(with).any(|(other, _)| other == name);
        entries(of).map(|(name, _)| name).filter(|name| has(name)).map(str::to_owned).collect()
    };
    shared(one, other) == shared(other, one)
}

fn entries(rendered: &Rendered) -> impl Iterator<Item = (&str, &str)> {
    let all = rendered.images.iter().filter(|image| image.kind == ImageKind::Entry);
    all.map(|image| (image.field.as_str(), image.reference.as_str()))
}

fn names(rendered: &[Rc<Rendered>]) -> BTreeMap<&str, (RepoPath, u32)> {
    images(rendered)
        .filter(|image| image.kind == ImageKind::Entry)
        .map(|image| (image.field.as_str(), image.origin.clone()))
        .collect()
}
