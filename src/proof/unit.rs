//! One app in one environment: what it runs on both sides.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use crate::discover::Overlay;
use crate::kustomize::render::{ImageKind, Opaque, Rendered, RenderedImage};
use crate::model::{AppId, EnvironmentName, RepoPath, SnapshotError, Sources};

use super::renders::{Renders, Side};
use super::{Doubt, Entering, Proof, Sides, Vouch, entries};

/// What overlays of different environments belong together by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// The app that the layout names.
    App(AppId),
    /// Without one: the entry of the layout, and the group.
    Place(usize, Option<String>),
}

impl Key {
    pub(super) fn of(overlay: &Overlay) -> Self {
        match &overlay.app {
            Some(app) => Self::App(app.clone()),
            None => Self::Place(overlay.layout, overlay.group.clone()),
        }
    }

    pub(super) fn app(&self) -> Option<&AppId> {
        match self {
            Self::App(app) => Some(app),
            Self::Place(..) => None,
        }
    }

    /// The app that an image belongs to.
    fn app_of(&self, repository: &str) -> AppId {
        match self {
            Self::App(app) => app.clone(),
            Self::Place(_, group) => {
                let name = repository.rsplit('/').next().unwrap_or(repository);
                AppId { group: group.clone(), ..AppId::named(name) }
            }
        }
    }
}

/// The overlays of one key in one environment.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    pub(super) environment: EnvironmentName,
    pub(super) key: Key,
    pub(super) base: Vec<&'a Overlay>,
    pub(super) head: Vec<&'a Overlay>,
}

impl<'a> Unit<'a> {
    pub(super) fn overlays(&self, side: Side) -> &[&'a Overlay] {
        match side {
            Side::Base => &self.base,
            Side::Head => &self.head,
        }
    }

    /// Where it is to be found, for what concerns all of it.
    pub(super) fn path(&self) -> RepoPath {
        let first = self.head.first().or(self.base.first());
        first.map(|overlay| overlay.path.clone()).unwrap_or_default()
    }
}

/// Units by key and environment.
pub(super) type Units<'a> = BTreeMap<(Key, EnvironmentName), Unit<'a>>;

pub(super) fn units<'a>(base: &'a [Overlay], head: &'a [Overlay]) -> Units<'a> {
    let mut units = Units::new();
    for (side, overlays) in [(Side::Base, base), (Side::Head, head)] {
        for overlay in overlays {
            let (key, environment) = (Key::of(overlay), overlay.environment.clone());
            let unit = units.entry((key.clone(), environment.clone())).or_insert_with(|| Unit {
                environment,
                key,
                base: Vec::new(),
                head: Vec::new(),
            });
            match side {
                Side::Base => unit.base.push(overlay),
                Side::Head => unit.head.push(overlay),
            }
        }
    }
    units
}

/// Everything that a judgement of units shares.
pub(super) struct Judging<'a> {
    pub(super) sides: &'a Sides<'a>,
    pub(super) renders: &'a Renders<'a>,
    pub(super) units: &'a Units<'a>,
    /// What changed and what uses that, and every directory above.
    pub(super) holding: &'a HashSet<RepoPath>,
    /// Whether a link changed, or what one leads to: then what is behind links
    /// may be another although every file that was read is the same.
    pub(super) hidden: bool,
}

impl<'a> Judging<'a> {
    /// Whether a changed file is part of what it is made of.
    pub(super) fn is_touched(&self, unit: &Unit<'_>) -> Result<bool, SnapshotError> {
        let mut all = unit.base.iter().chain(&unit.head);
        if all.any(|overlay| self.holding.contains(&overlay.path)) {
            return Ok(true);
        }
        for rendered in self.rendered(unit, Side::Base)? {
            if self.sides.changed.iter().any(|path| rendered.files.contains(path)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a changed file is surely part of it: in its overlays, or read to
    /// render them.
    pub(super) fn is_made_of_changed(&self, unit: &Unit<'_>) -> Result<bool, SnapshotError> {
        let overlays = || unit.base.iter().chain(&unit.head);
        let inside = |path: &RepoPath| overlays().any(|overlay| path.is_within(&overlay.path));
        if self.sides.changed.iter().any(inside) {
            return Ok(true);
        }
        for side in [Side::Base, Side::Head] {
            for rendered in self.rendered(unit, side)? {
                if self.sides.changed.iter().any(|path| rendered.files.contains(path)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The environments that its versions come from.
    pub(super) fn sources(&self, unit: &Unit<'_>) -> Sources {
        let environment = self.sides.config.environment(unit.environment.as_str());
        match (environment, unit.key.app()) {
            (None, _) => Sources::First,
            (Some(environment), Some(app)) => self.sides.config.sources_for(environment, app),
            (Some(environment), None) => environment.sources.clone(),
        }
    }

    pub(super) fn unit(&self, key: &Key, environment: &EnvironmentName) -> Option<&Unit<'a>> {
        self.units.get(&(key.clone(), environment.clone()))
    }

    pub(super) fn rendered(
        &self,
        unit: &Unit<'_>,
        side: Side,
    ) -> Result<Vec<Rc<Rendered>>, SnapshotError> {
        unit.overlays(side).iter().map(|overlay| self.renders.of(side, overlay)).collect()
    }

    /// What enters the environment, and what cannot be told.
    pub(super) fn judge(&self, unit: &Unit<'_>, proof: &mut Proof) -> Result<(), SnapshotError> {
        if self.sources(unit) == Sources::First {
            return Ok(());
        }
        let (base, head) = (self.rendered(unit, Side::Base)?, self.rendered(unit, Side::Head)?);
        self.opaque(unit, (&base, &head), proof)?;
        entries::gone(unit, (&base, &head), &mut proof.doubts);
        proof.doubts.extend(self.settings_gone(unit, (&base, &head))?);
        let mut known: BTreeSet<String> = references(&base);
        if unit.base.is_empty() {
            known.extend(self.moved(unit)?);
        }
        moved_below_changes(unit, (&base, &head), &mut proof.doubts);
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for image in head.iter().flat_map(|rendered| &rendered.images) {
            if known.contains(&image.reference) || !told.insert(&image.reference) {
                continue;
            }
            if image.reference.contains("${") {
                let message = format!(
                    "{} {} of {} is filled in when it is applied",
                    image.object, image.field, image.reference
                );
                proof.doubts.push(doubt(unit, place(image), message));
                continue;
            }
            proof.entering.push(self.entering(unit, image, &base)?);
        }
        Ok(())
    }

    /// What overlays of the environment that go had: an app that is renamed
    /// brings nothing new.
    fn moved(&self, unit: &Unit<'_>) -> Result<BTreeSet<String>, SnapshotError> {
        let mut known = BTreeSet::new();
        let goes =
            |other: &&Unit<'_>| other.environment == unit.environment && other.head.is_empty();
        for other in self.units.values().filter(goes) {
            known.extend(references(&self.rendered(other, Side::Base)?));
        }
        Ok(known)
    }

    /// Every reference that is rendered, once, with what the environments
    /// before say of it.
    pub(super) fn distinct(
        &self,
        unit: &Unit<'_>,
        rendered: &[Rc<Rendered>],
    ) -> Result<Vec<Entering>, SnapshotError> {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        let mut found = Vec::new();
        for image in images(rendered).filter(|image| told.insert(&image.reference)) {
            found.push(self.entering(unit, image, rendered)?);
        }
        Ok(found)
    }

    fn entering(
        &self,
        unit: &Unit<'_>,
        image: &RenderedImage,
        base: &[Rc<Rendered>],
    ) -> Result<Entering, SnapshotError> {
        let before: Vec<&RenderedImage> = base
            .iter()
            .flat_map(|rendered| &rendered.images)
            .filter(|other| other.repository() == image.repository())
            .collect();
        let mut from = Vec::new();
        let mut known = !before.is_empty();
        for source in self.sources(unit).names() {
            from.push(self.ask(unit, source, (image, &before))?);
            // What is a copy of what an environment before runs, is known too.
            if let Some(there) = self.unit(&unit.key, source) {
                let at_base = self.rendered(there, Side::Base)?;
                known |=
                    images(&at_base).any(|other| self.is_mirrored((unit, image), there, other));
            }
        }
        // Where nothing of the name was there, only the whole of it says what
        // it is.
        let app = match (unit.key.app(), before.is_empty()) {
            (None, true) => AppId::named(image.repository()),
            _ => unit.key.app_of(image.repository()),
        };
        Ok(Entering {
            environment: unit.environment.clone(),
            unnamed: unit.key.app().is_none(),
            siblings: self.siblings(unit, (image, &before))?,
            app,
            reference: image.reference.clone(),
            tag: image.tag().to_owned(),
            digest: image.digest().to_owned(),
            repository: image.repository().to_owned(),
            kind: image.kind,
            object: image.object.clone(),
            place: place(image),
            known,
            from,
        })
    }

    /// The environments that come after the same ones and render the image.
    fn siblings(
        &self,
        unit: &Unit<'_>,
        image: (&RenderedImage, &[&RenderedImage]),
    ) -> Result<Vec<EnvironmentName>, SnapshotError> {
        let own = self.sources(unit);
        let mut found = Vec::new();
        for other in self.units.values().filter(|other| other.key == unit.key) {
            let follows = other.environment != unit.environment && self.sources(other) == own;
            if follows && self.ask(unit, &other.environment, image)?.runs {
                found.push(other.environment.clone());
            }
        }
        Ok(found)
    }

    /// What an environment before says of an image: it runs the very reference,
    /// or, where this environment has a repository of its own for it, the same
    /// version at the same place.
    fn ask(
        &self,
        unit: &Unit<'_>,
        source: &EnvironmentName,
        image: (&RenderedImage, &[&RenderedImage]),
    ) -> Result<Vouch, SnapshotError> {
        let (image, before) = image;
        let Some(there) = self.unit(&unit.key, source) else {
            let environment = source.clone();
            return Ok(Vouch {
                environment,
                runs: false,
                gets: false,
                instead: Vec::new(),
                has_app: false,
            });
        };
        let at_base = self.rendered(there, Side::Base)?;
        let at_head = self.rendered(there, Side::Head)?;
        // What it runs under the same name, it says by that name.
        let by_name = images(&at_base).any(|other| other.repository() == image.repository());
        let same_place =
            |other: &RenderedImage| !by_name && before.iter().any(|slot| corresponds(slot, other));
        let mirrored =
            |other: &RenderedImage| !by_name && self.is_mirrored((unit, image), there, other);
        // An entry that may apply to something vouches for nothing that runs.
        let entry = |image: &RenderedImage| image.kind == ImageKind::Entry;
        let has = |other: &RenderedImage| {
            other.reference == image.reference && (entry(image) || !entry(other))
                || (same_place(other) || mirrored(other) && (entry(image) || !entry(other)))
                    && (other.tag(), other.digest()) == (image.tag(), image.digest())
        };
        let mut instead: Vec<String> = images(&at_base)
            .filter(|other| {
                other.repository() == image.repository() || same_place(other) || mirrored(other)
            })
            .map(|other| other.reference.clone())
            .collect();
        instead.sort();
        instead.dedup();
        Ok(Vouch {
            environment: source.clone(),
            runs: images(&at_base).any(has),
            gets: images(&at_head).any(has),
            instead,
            has_app: !there.base.is_empty(),
        })
    }
}

impl Judging<'_> {
    /// Whether two repositories are one below the registries that the config
    /// gives their environments.
    fn is_mirrored(
        &self,
        (unit, image): (&Unit<'_>, &RenderedImage),
        there: &Unit<'_>,
        other: &RenderedImage,
    ) -> bool {
        let rest = |environment: &EnvironmentName, image: &RenderedImage| {
            let environment = self.sides.config.environment(environment.as_str())?;
            environment.images.below(image.repository()).map(str::to_owned)
        };
        let own = rest(&unit.environment, image);
        own.is_some() && own == rest(&there.environment, other)
    }
}

/// A doubt about a unit.
pub(super) fn doubt(unit: &Unit<'_>, at: (RepoPath, u32), message: String) -> Doubt {
    Doubt {
        environment: Some(unit.environment.clone()),
        app: unit.key.app().cloned(),
        path: at.0,
        line: at.1,
        message,
    }
}

/// Below something that changes images in a way that is not followed, what is
/// known to run is known at its place alone.
fn moved_below_changes(
    unit: &Unit<'_>,
    (base, head): (&[Rc<Rendered>], &[Rc<Rendered>]),
    doubts: &mut Vec<Doubt>,
) {
    let mut opaque = head.iter().flat_map(|rendered| &rendered.opaque);
    let Some(changes) = opaque.find(|opaque| opaque.changes) else { return };
    let at = |image: &RenderedImage| {
        (image.object.clone(), image.field.clone(), image.reference.clone())
    };
    let places: BTreeSet<_> = images(base).map(at).collect();
    let known = references(base);
    let new =
        |image: &&RenderedImage| known.contains(&image.reference) && !places.contains(&at(image));
    if let Some(image) = images(head).find(new) {
        let message = format!(
            "what {} makes of {} in {} is not known",
            changes.what, image.reference, image.object
        );
        doubts.push(doubt(unit, place(image), message));
    }
}

/// Every image of some overlays.
pub(super) fn images(rendered: &[Rc<Rendered>]) -> impl Iterator<Item = &RenderedImage> {
    rendered.iter().flat_map(|rendered| &rendered.images)
}

fn references(rendered: &[Rc<Rendered>]) -> BTreeSet<String> {
    images(rendered).map(|image| image.reference.clone()).collect()
}

pub(super) fn same(a: &Opaque, b: &Opaque) -> bool {
    (&a.what, a.content, a.complete) == (&b.what, b.content, b.complete)
}

fn place(image: &RenderedImage) -> (RepoPath, u32) {
    image.set_by.clone().unwrap_or_else(|| image.origin.clone())
}

/// Whether two environments mean one container: it stands at one place of a
/// shared file, or in the field of the object of one name.
fn corresponds(slot: &RenderedImage, other: &RenderedImage) -> bool {
    let named = |image: &RenderedImage| {
        let (kind, rest) = image.object.split_once('/').unwrap_or((&image.object, ""));
        (kind.to_owned(), rest.rsplit('/').next().unwrap_or(rest).to_owned())
    };
    slot.kind == other.kind
        && slot.field == other.field
        && (slot.origin == other.origin || named(slot) == named(other))
}
