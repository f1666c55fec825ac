//! Marked and declared fields: they are compared like images, but nothing
//! renders them, so they have to stay where they are.

use std::collections::BTreeSet;

use crate::config::FieldSpec;
use crate::discover::{Cell, CellKey, Inventory};
use crate::kustomize;
use crate::kustomize::render::ImageKind;
use crate::model::{RepoPath, Site, SiteKind, Snapshot, SnapshotError};

use super::{Doubt, Entering, Proof, Sides};

/// What cannot be told of the versions in such fields.
pub(super) fn doubts(sides: &Sides<'_>, proof: &mut Proof) -> Result<(), SnapshotError> {
    let mut found = Vec::new();
    for (key, cell) in &proof.before.cells {
        if sides.is_first(&key.environment) {
            continue;
        }
        for site in cell.sites.iter().filter(|site| is_field(site)) {
            found.extend(gone(sides, &proof.after, (key, site))?);
            found.extend(renamed_beside(sides, (&proof.before, &proof.after), (key, site))?);
        }
        found.extend(renamed(proof, (key, cell)));
    }
    for (key, cell) in &proof.after.cells {
        if !sides.is_first(&key.environment) {
            let before = proof.before.cells.get(key);
            found.extend(cell.sites.iter().filter_map(|site| unreadable(before, (key, site))));
        }
    }
    proof.doubts.extend(found);
    Ok(())
}

/// A setting that is a marked or declared version is judged as such.
pub(super) fn take_out(proof: &mut Proof) {
    let sites = proof.after.cells.values().flat_map(|cell| &cell.sites);
    let judged: BTreeSet<(RepoPath, u32)> =
        sites.filter(|site| is_field(site)).map(|site| (site.path.clone(), site.line)).collect();
    let setting = |entering: &Entering| entering.kind == ImageKind::Setting;
    proof.entering.retain(|entering| !setting(entering) || !judged.contains(&entering.place));
}

fn is_field(site: &Site) -> bool {
    matches!(site.kind, SiteKind::Marker | SiteKind::Field)
}

fn doubt(key: &CellKey, site: &Site, message: String) -> Doubt {
    Doubt {
        environment: Some(key.environment.clone()),
        app: Some(key.app.clone()),
        path: site.path.clone(),
        line: site.line,
        message,
    }
}

/// A marker that is gone from a value that is still there: what stands there
/// next would not be judged.
fn gone(
    sides: &Sides<'_>,
    after: &Inventory,
    lost: (&CellKey, &Site),
) -> Result<Option<Doubt>, SnapshotError> {
    let (key, site) = lost;
    let all = || after.cells.values().flat_map(|cell| &cell.sites);
    let in_place = |other: &Site| {
        (&other.path, &other.field, &other.policy) == (&site.path, &site.field, &site.policy)
    };
    if all().any(in_place) {
        return Ok(None);
    }
    let said = match &site.policy {
        Some(policy) => format!("the marker of {policy}"),
        None => format!("the declared field {}", site.field),
    };
    let Some(bytes) = sides.head.read(&site.path)? else {
        return replaced(sides, key, site, &said);
    };
    let of_it = |other: &&Site| (&other.path, &other.policy) == (&site.path, &site.policy);
    let mut moved = all().filter(of_it).peekable();
    if site.policy.is_some()
        && moved.peek().is_some()
        && !moved.any(|other| shape(&other.field) == shape(&site.field))
    {
        // Nothing tells that the other field makes the same image.
        return Ok(Some(doubt(key, site, format!("{said} moved to another field"))));
    }
    let path = site.field.clone();
    let field = FieldSpec { path, image: false };
    let still = match kustomize::read_sites(&site.path, &bytes, &[field]) {
        Ok(found) => found.sites.iter().any(|other| other.field == site.field),
        Err(_) => true,
    };
    if still {
        let message = format!("{said} is gone, and the value is still there: it is judged no more");
        return Ok(Some(doubt(key, site, message)));
    }
    // The image of a container goes with the container, which is rendered.
    let container = site.kind == SiteKind::Marker && last_key(&site.field) == "image";
    let message = format!("{said} is gone: what comes in its place is not known");
    Ok((!container).then(|| doubt(key, site, message)))
}

fn last_key(field: &str) -> &str {
    field.rsplit('.').next().unwrap_or(field)
}

/// The keys of a field path: places in lists may shift.
fn shape(field: &str) -> Vec<&str> {
    let keys = field.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
    keys.collect()
}

/// A file that held a marker goes while others come into the overlay.
fn replaced(
    sides: &Sides<'_>,
    key: &CellKey,
    site: &Site,
    said: &str,
) -> Result<Option<Doubt>, SnapshotError> {
    let dir = site.path.parent().unwrap_or_default();
    let near: BTreeSet<&RepoPath> = sides
        .changed
        .iter()
        .filter(|path| path.is_within(&dir) && path.file_name().ends_with("ml"))
        .collect();
    for path in near {
        let new = sides.base.kind(path)?.is_none() && sides.head.kind(path)?.is_some();
        let marked = || -> Result<bool, SnapshotError> {
            let bytes = sides.head.read(path)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            Ok(site.policy.as_ref().is_some_and(|policy| text.contains(policy.as_str())))
        };
        if new && !marked()? {
            let message = format!("{said} goes with its file, and {path} is new: it is not judged");
            return Ok(Some(doubt(key, site, message)));
        }
    }
    Ok(None)
}

/// Another repository behind a marked or declared field.
fn renamed(proof: &Proof, held: (&CellKey, &Cell)) -> Option<Doubt> {
    let (key, cell) = held;
    let now = proof.after.cells.get(key)?;
    let (old, new) = (cell.repository()?, now.repository()?);
    let site = now.sites.iter().find(|site| is_field(site))?;
    let message = format!("the image of {} is {new} and was {old}", key.image);
    (old != new).then(|| doubt(key, site, message))
}

/// Another repository in a field beside the version.
fn renamed_beside(
    sides: &Sides<'_>,
    (before, after): (&Inventory, &Inventory),
    held: (&CellKey, &Site),
) -> Result<Option<Doubt>, SnapshotError> {
    let (key, site) = held;
    let mut all = after.cells.values().flat_map(|cell| &cell.sites);
    let same = |other: &&Site| (&other.path, &other.field) == (&site.path, &site.field);
    let Some(now) = all.find(same).filter(|_| site.repository.is_none()) else { return Ok(None) };
    if !sides.changed.contains(&site.path) {
        return Ok(None);
    }
    let (old, new) = (names(sides.base, before, site)?, names(sides.head, after, now)?);
    let message = "what stands beside the version says that it is another image".to_owned();
    Ok((old != new).then(|| doubt(key, now, message)))
}

/// What names the image beside a site, but for what is a site of its own.
fn names(
    snapshot: &dyn Snapshot,
    inventory: &Inventory,
    site: &Site,
) -> Result<Option<Vec<(String, String)>>, SnapshotError> {
    let bytes = snapshot.read(&site.path)?.unwrap_or_default();
    let own = |line: u32| {
        let mut sites = inventory.cells.values().flat_map(|cell| &cell.sites);
        sites.any(|other| (&other.path, other.line) == (&site.path, line))
    };
    let found = kustomize::beside(&site.path, &bytes, site).ok();
    Ok(found.map(|names| {
        let others = names.into_iter().filter(|(_, _, line)| !own(*line));
        others.map(|(key, value, _)| (key, value)).collect()
    }))
}

/// A value that is no version, where it was one.
fn unreadable(before: Option<&Cell>, held: (&CellKey, &Site)) -> Option<Doubt> {
    let (key, site) = held;
    let problem = site.problem.as_ref()?;
    let known = before.is_some_and(|cell| {
        cell.sites.iter().any(|other| other.problem.is_some() && other.path == site.path)
    });
    (!known).then(|| doubt(key, site, format!("what stands here is no version: {problem}")))
}
