//! What single commits did to files and their versions.
//!
//! A commit is told by the blobs of the files that it changed. Where what
//! stands beside them matters too (an `image:` that an `images:` entry may
//! rewrite), [`needs_whole`] says so, and the whole overlay is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::audit::{ClaimedApp, Said};
use crate::discover::Overlay;
use crate::model::{AppId, EnvironmentName, Pin, RepoPath, Site, SiteKind};

use super::Moment;

/// A version in a file at some commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The image's identity.
    pub image: Arc<str>,
    /// The version; never empty.
    pub pin: Pin,
    /// The repository, where the file tells.
    pub repository: Option<Arc<str>>,
    /// The policy of a marker.
    pub policy: Option<Arc<str>>,
    /// What sort of place it is.
    pub kind: SiteKind,
}

/// The versions of a file or of an overlay; `None` where it cannot be read.
pub type Contents = Option<Rc<[Spot]>>;

/// A file (or a whole overlay, by its path) and what a commit made of it.
#[derive(Debug, Clone)]
pub struct FileStep {
    /// The file.
    pub path: RepoPath,
    /// Its overlay.
    pub overlay: Rc<Overlay>,
    /// What it held in the first parent.
    pub before: Contents,
    /// What it holds at the commit.
    pub after: Contents,
}

/// Whose versions an overlay holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app, where the layout names it.
    pub app: Option<AppId>,
    /// `{group}` of the layout.
    pub group: Option<String>,
    /// The overlay.
    pub path: RepoPath,
}

impl Place {
    /// The place of an overlay.
    pub fn of(overlay: &Overlay) -> Self {
        Self {
            environment: overlay.environment.clone(),
            app: overlay.app.clone(),
            group: overlay.group.clone(),
            path: overlay.path.clone(),
        }
    }
}

/// One image of one overlay, before and after a commit. Never the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Where.
    pub place: Arc<Place>,
    /// The image.
    pub image: Arc<str>,
    /// The policy of its marker.
    pub policy: Option<Arc<str>>,
    /// The repository, where the files told.
    pub repository: Option<Arc<str>>,
    /// The versions before; none where it was not there.
    pub before: Vec<Pin>,
    /// The versions after.
    pub after: Vec<Pin>,
}

/// A commit that changed versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The commit.
    pub moment: Arc<Moment>,
    /// What its trailers say.
    pub claims: Option<Arc<Said>>,
    /// What it changed.
    pub shifts: Vec<Shift>,
}

/// What sites hold; those without a version are left out.
pub fn spots(sites: Vec<Site>) -> Rc<[Spot]> {
    let spot = |site: Site| Spot {
        image: site.image.into(),
        pin: site.pin,
        repository: site.repository.map(Into::into),
        policy: site.policy.map(Into::into),
        kind: site.kind,
    };
    sites.into_iter().filter(|site| !site.pin.is_empty()).map(spot).collect()
}

/// Whether a kustomization may have the last word on it.
fn is_weak(spot: &Spot) -> bool {
    matches!(spot.kind, SiteKind::Manifest | SiteKind::Patch)
}

/// Whether what changed in a file cannot be told without the rest of the
/// overlay: images of manifests changed, or entries that may cover some came
/// or went.
pub fn needs_whole(before: &[Spot], after: &[Spot]) -> bool {
    fn weak(spots: &[Spot]) -> Vec<(&str, &Pin)> {
        let weak = spots.iter().filter(|spot| is_weak(spot));
        let mut weak: Vec<(&str, &Pin)> = weak.map(|spot| (&*spot.image, &spot.pin)).collect();
        weak.sort();
        weak
    }
    fn entries(spots: &[Spot]) -> BTreeSet<&str> {
        let entries = spots.iter().filter(|spot| spot.kind == SiteKind::Kustomize);
        entries.map(|spot| &*spot.image).collect()
    }
    weak(before) != weak(after) || entries(before) != entries(after)
}

/// What a file held before, by what the record says: of one image, at exactly
/// the version that the record names, with no digest in it. `None` where the
/// file has to be read.
pub fn derived(claims: &Said, overlay: &Overlay, after: &[Spot]) -> Option<Rc<[Spot]>> {
    let app = overlay.app.as_ref()?;
    if claims.to != overlay.environment.as_str() {
        return None;
    }
    let claim_of = |spot: &Spot| {
        let claim = claims.about(app, &spot.image)?;
        let tag = spot.pin.tag.as_ref()?.as_str();
        let plain = spot.pin.digest.is_none() && !is_weak(spot);
        (plain && claim.version == tag).then_some(claim)
    };
    let moved: Vec<&Spot> = after.iter().filter(|spot| claim_of(spot).is_some()).collect();
    let (first, rest) = moved.split_first()?;
    let old: Pin = claim_of(first)?.previous.parse().ok()?;
    let known = old.tag.as_ref().is_some_and(|tag| tag.as_str() != "none");
    if !known || old.digest.is_some() || rest.iter().any(|spot| spot.image != first.image) {
        return None;
    }
    // Another image of the app that moved is named by a line of its own.
    let of_app = |claim: &&ClaimedApp| {
        app.leads(&claim.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    if claims.moves.iter().filter(of_app).count() != 1 {
        return None;
    }
    let image = first.image.clone();
    let back = |spot: &Spot| {
        let goes_back = spot.image == image && claim_of(spot).is_some();
        Spot { pin: if goes_back { old.clone() } else { spot.pin.clone() }, ..spot.clone() }
    };
    Some(after.iter().map(back).collect())
}

/// An image and the policy of its marker.
type Named<'s> = (&'s Arc<str>, Option<&'s Arc<str>>);

/// The pins of each image, in the order of the file.
fn by_image(spots: &[Spot]) -> BTreeMap<Named<'_>, Vec<&Spot>> {
    let mut found: BTreeMap<_, Vec<&Spot>> = BTreeMap::new();
    for spot in spots {
        found.entry((&spot.image, spot.policy.as_ref())).or_default().push(spot);
    }
    found
}

/// The pins, each once.
fn pins(spots: &[&Spot]) -> Vec<Pin> {
    let mut pins: Vec<Pin> = Vec::new();
    for spot in spots {
        if !pins.contains(&spot.pin) {
            pins.push(spot.pin.clone());
        }
    }
    pins
}

/// What changed in a file of `place`.
pub fn shifts(step: &FileStep, place: &Arc<Place>) -> Vec<Shift> {
    let (Some(before), Some(after)) = (&step.before, &step.after) else { return Vec::new() };
    let (before, after) = (by_image(before), by_image(after));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let old = before.get(key).map_or(&[][..], Vec::as_slice);
        let new = after.get(key).map_or(&[][..], Vec::as_slice);
        let repository = new.iter().chain(old).find_map(|spot| spot.repository.clone());
        let (before, after) = (pins(old), pins(new));
        if before != after {
            let (place, image, policy) = (place.clone(), key.0.clone(), key.1.cloned());
            found.push(Shift { place, image, policy, repository, before, after });
        }
    }
    found
}
