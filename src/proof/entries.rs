//! `images:` entries over what is not followed: what they pin is not seen, so
//! neither an entry nor the order of entries may just change.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::kustomize::render::{ImageKind, Rendered, RenderedImage};
use crate::model::{RepoPath, SnapshotError};

use super::unit::{Unit, doubt, images};
use super::{Doubt, Sides};

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

/// A setting that says which image a chart or a custom resource takes must not
/// just go: what comes in its place nobody sees.
pub(super) fn settings_gone(
    unit: &Unit<'_>,
    sides: &Sides<'_>,
    (base, head): (&[Rc<Rendered>], &[Rc<Rendered>]),
) -> Result<Vec<Doubt>, SnapshotError> {
    let setting = |image: &&RenderedImage| image.kind == ImageKind::Setting;
    let place = |image: &RenderedImage| (image.object.clone(), image.field.clone());
    let left: BTreeSet<(String, String)> = images(head).filter(setting).map(place).collect();
    // An object that goes as a whole takes its settings with it.
    let objects: BTreeSet<&str> = images(head).map(|image| image.object.as_str()).collect();
    let mut doubts = Vec::new();
    for image in images(base).filter(setting).filter(|image| !left.contains(&place(image))) {
        let there = sides.head.kind(&image.origin.0)?.is_some();
        if there && (objects.contains(image.object.as_str()) || is_chart(image, head)) {
            let message = format!(
                "{} of {} is gone: what it takes then is not known",
                image.field, image.object
            );
            doubts.push(doubt(unit, image.origin.clone(), message));
        }
    }
    Ok(doubts)
}

/// Whether the chart of a setting is there still.
fn is_chart(image: &RenderedImage, head: &[Rc<Rendered>]) -> bool {
    let charts = head.iter().flat_map(|rendered| &rendered.opaque);
    image.object.starts_with("chart ") && charts.into_iter().any(|one| one.what.contains("Helm"))
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
