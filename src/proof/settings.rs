//! Settings that say which image a chart or a custom resource takes: one that
//! goes lets through what the chart has by itself, which nobody sees.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::kustomize::render::{ImageKind, Opaque, Rendered, RenderedImage};
use crate::model::{SnapshotError, Sources};

use super::Doubt;
use super::followed::{named, versions};
use super::pointers::pointers;
use super::renders::Side;
use super::unit::{Judging, Unit, doubt, images, same};

type Rendering = [Rc<Rendered>];

impl Judging<'_> {
    /// Settings that go, or that a new object lacks, and that the environments
    /// before do not lack alike.
    pub(super) fn settings_gone(
        &self,
        unit: &Unit<'_>,
        (base, head): (&Rendering, &Rendering),
    ) -> Result<Vec<Doubt>, SnapshotError> {
        let lost: Vec<&RenderedImage> =
            settings(base).filter(|image| !is_set(image, head) && is_there(image, head)).collect();
        let mut doubts = Vec::new();
        let new: BTreeSet<&str> = objects(head).difference(&objects(base)).copied().collect();
        if lost.is_empty() && new.is_empty() {
            return Ok(doubts);
        }
        let sources = self.sources(unit);
        let mut before = Vec::new();
        for source in sources.names() {
            if let Some(other) = self.unit(&unit.key, source) {
                before.push((source, self.rendered(other, Side::Base)?));
            }
        }
        let whole = before.len() == sources.names().len();
        for image in lost {
            let mut answers = before.iter().map(|(_, theirs)| lacks_alike(image, head, theirs));
            let vouched = match sources {
                Sources::Any(_) => answers.any(|answer| answer),
                _ => whole && answers.all(|answer| answer),
            };
            if !vouched {
                let message = format!(
                    "{} of {} is gone: what it takes then is not known",
                    image.field, image.object
                );
                doubts.push(doubt(unit, image.origin.clone(), message));
            }
        }
        for (source, theirs) in &before {
            if let Some((object, field)) = lacking(&new, head, theirs) {
                let message = format!(
                    "{object} is new and does not set {field}, which {source} does: what it takes \
                     is not known"
                );
                doubts.push(doubt(unit, (unit.path(), 0), message));
            }
        }
        Ok(doubts)
    }
}

/// Settings, and the images of objects that only their controllers understand:
/// these have one of their own, too.
fn settings(rendered: &Rendering) -> impl Iterator<Item = &RenderedImage> {
    let named = |image: &RenderedImage| {
        let last = image.field.rsplit(['.', ']']).next().unwrap_or_default();
        last.to_ascii_lowercase().contains("image")
    };
    let of = move |rendered: &'_ Rc<Rendered>, image: &RenderedImage| match image.kind {
        ImageKind::Setting => true,
        ImageKind::Field => rendered.custom.contains(&image.object),
        ImageKind::Scalar => named(image) && rendered.custom.contains(&image.object),
        ImageKind::Container | ImageKind::Entry => false,
    };
    rendered.iter().flat_map(move |one| one.images.iter().filter(move |image| of(one, image)))
}

fn objects(rendered: &Rendering) -> BTreeSet<&str> {
    rendered.iter().flat_map(|rendered| &rendered.objects).map(String::as_str).collect()
}

/// What the setting belongs to: a kind where there is one of it, else the
/// object.
fn owner(image: &RenderedImage) -> &str {
    match image.kind {
        ImageKind::Setting => image.reference.split(' ').next().unwrap_or_default(),
        _ => &image.object,
    }
}

fn is_of_chart(image: &RenderedImage) -> bool {
    image.object.starts_with("chart ")
}

fn is_set(image: &RenderedImage, there: &Rendering) -> bool {
    let alone = !is_of_chart(image);
    settings(there).any(|other| {
        other.field == image.field
            && (other.object == image.object || alone && owner(other) == owner(image))
    })
}

/// Whether what it belongs to is there: what goes as a whole takes its
/// settings with it.
fn is_there(image: &RenderedImage, there: &Rendering) -> bool {
    let owner = owner(image);
    let alone = !owner.contains('/') && !is_of_chart(image);
    objects(there).into_iter().any(|object| {
        let (kind, name) = named(object);
        object == image.object || alone && kind == owner || owner == format!("{kind}/{name}")
    })
}

/// Whether an environment before has the same, and does not set it either.
fn lacks_alike(image: &RenderedImage, head: &Rendering, theirs: &Rendering) -> bool {
    if !is_there(image, theirs) || is_set(image, theirs) {
        return false;
    }
    let charts = |opaque: &&Opaque| opaque.what == "a Helm chart";
    if is_of_chart(image) {
        let theirs: Vec<&Opaque> =
            theirs.iter().flat_map(|rendered| &rendered.opaque).filter(charts).collect();
        let mut own = head.iter().flat_map(|rendered| &rendered.opaque).filter(charts);
        return own.all(|own| own.complete && theirs.iter().any(|other| same(own, other)));
    }
    let release = |all: &Rendering| -> BTreeSet<(String, String)> {
        let all = pointers(all);
        let fits = all.iter().filter(|one| named(&one.object) == named(&image.object));
        fits.flat_map(versions).collect()
    };
    release(head) == release(theirs)
}

/// A new object, and a setting of it that an environment before has and that it
/// has not.
fn lacking<'r>(
    new: &BTreeSet<&'r str>,
    head: &Rendering,
    theirs: &'r Rendering,
) -> Option<(&'r str, &'r str)> {
    settings(theirs).find_map(|image| {
        let object = new.iter().find(|own| named(own) == named(&image.object))?;
        let set = |other: &RenderedImage| other.object == **object && other.field == image.field;
        (!images(head).any(set)).then_some((*object, image.field.as_str()))
    })
}
