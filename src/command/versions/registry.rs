//! The versions that registries have, beside those that the history tells of.
//! Tags that move are no versions, and are left out.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::registry::{Places, registries};
use super::super::{Exit, Failure, Workspace};
use crate::discover::Inventory;
use crate::gate::is_moving;
use crate::model::{AppId, Digest, Pin, Tag, by_semver};
use crate::registry::{Found, Registries, RepositoryName};
use crate::report::VersionRow;

/// Tags of one repository whose images are looked at for their dates.
const DATED: usize = 100;

/// What was said beside the rows.
#[derive(Default)]
pub(super) struct Said {
    pub(super) notes: Vec<String>,
    /// Why a part is missing, and the exit code of the first that is.
    pub(super) warnings: Vec<String>,
    pub(super) exit: Option<Exit>,
}

impl Said {
    fn missing(&mut self, failure: Failure) {
        self.exit.get_or_insert(failure.exit);
        if !self.warnings.contains(&failure.message) {
            self.warnings.push(failure.message);
        }
    }
}

/// Adds what the registries of these apps have. One that does not answer takes
/// nothing away of what the others have.
pub(super) fn add(
    workspace: &Workspace,
    (present, is_meant): (&Inventory, &dyn Fn(&AppId) -> bool),
    rows: &mut Vec<VersionRow>,
) -> Result<Said, Failure> {
    let registries = registries(Some(&workspace.repo))?;
    let places = Places { config: &workspace.config, inventory: present };
    let images: BTreeSet<(&AppId, &str)> =
        present.cells.keys().map(|key| (&key.app, key.image.as_str())).collect();
    let mut said = Said::default();
    for (app, image) in images.into_iter().filter(|(app, _)| is_meant(app)) {
        for name in repositories(workspace, places, ((app, image), &mut said)) {
            let asked = tags(workspace, &registries, &name).and_then(|found| {
                let one = One { registries: &registries, name: &name, app, image };
                one.add(found, (rows, &mut said.notes))
            });
            if let Err(failure) = asked {
                said.missing(failure);
            }
        }
    }
    Ok(said)
}

/// One image in one repository.
struct One<'a> {
    registries: &'a Registries,
    name: &'a RepositoryName,
    app: &'a AppId,
    image: &'a str,
}

impl One<'_> {
    fn add(
        &self,
        found: Listed,
        (rows, notes): (&mut Vec<VersionRow>, &mut Vec<String>),
    ) -> Result<(), Failure> {
        let Self { name, app, image, .. } = *self;
        if found.moving > 0 {
            notes.push(format!("{name} has {} tags that move, and are no versions", found.moving));
        }
        if found.undated > 0 {
            let more = found.undated;
            notes.push(format!("{name}: {more} older tags are shown without their dates"));
        }
        for Version { tag, built, digest } in found.versions {
            let known = rows.iter_mut().filter(|row| {
                row.app == *app && row.image == image && row.version.tag.as_ref() == Some(&tag)
            });
            let mut is_known = false;
            for row in known {
                is_known = true;
                let other = row.version.digest.as_ref().filter(|own| digest.as_ref() != Some(own));
                if let Some(own) = other {
                    // The date of the tag is that of another image.
                    let pin = Pin { tag: None, digest: Some(own.clone()) };
                    let Some(image) = self.registries.look(name, &pin)? else { continue };
                    if digest.is_some() {
                        notes.push(format!("{name} has {tag} as another image than {own}"));
                    }
                    row.built = row.built.or(second(&image));
                } else {
                    row.built = row.built.or(built);
                }
                row.registries.push(name.to_string());
            }
            if !is_known {
                rows.push(new(app, image, (tag, built, name)));
            }
        }
        Ok(())
    }
}

/// When an image was made.
fn second(found: &Found) -> Option<i64> {
    let created: Option<Timestamp> = found.created.as_ref()?.parse().ok();
    created.map(Timestamp::as_second)
}

fn new(
    app: &AppId,
    image: &str,
    (tag, built, name): (Tag, Option<i64>, &RepositoryName),
) -> VersionRow {
    VersionRow {
        app: app.clone(),
        image: image.to_owned(),
        version: Pin::tag(tag),
        first: None,
        now_in: Vec::new(),
        ever_in: Vec::new(),
        built,
        registries: vec![name.to_string()],
    }
}

/// The repositories that the environments pull an image from, each once.
fn repositories(
    workspace: &Workspace,
    places: Places<'_>,
    (image, said): ((&AppId, &str), &mut Said),
) -> Vec<RepositoryName> {
    let mut found = Vec::new();
    for environment in workspace.config.pipeline.environments() {
        match places.repository(&environment.name, image) {
            Ok(Some(name)) if !found.contains(&name) => found.push(name),
            Ok(_) => {}
            Err(failure) => said.missing(failure),
        }
    }
    found
}

/// A tag, when its image was made, and which one it is, where that was looked at.
struct Version {
    tag: Tag,
    built: Option<i64>,
    digest: Option<Digest>,
}

struct Listed {
    versions: Vec<Version>,
    moving: usize,
    undated: usize,
}

fn tags(
    workspace: &Workspace,
    registries: &Registries,
    name: &RepositoryName,
) -> Result<Listed, Failure> {
    let all = registries.tags(name)?;
    // What stands for a digest is no version: signatures and the like.
    let all = all.iter().filter(|tag| !tag.starts_with("sha256-"));
    let all: Vec<Tag> = all.filter_map(|tag| tag.parse().ok()).collect();
    let (moving, mut still): (Vec<Tag>, Vec<Tag>) =
        all.into_iter().partition(|tag| is_moving(&workspace.config, tag));
    // The newest first: those with a number by it, then the rest.
    still.sort_by(|a, b| b.cmp(a));
    let is_number = |tag: &Tag| by_semver(&Pin::tag(tag.clone()), &Pin::tag(tag.clone())).is_some();
    let (mut numbers, rest): (Vec<Tag>, Vec<Tag>) = still.into_iter().partition(is_number);
    numbers.sort_by(|a, b| {
        let order = by_semver(&Pin::tag(b.clone()), &Pin::tag(a.clone()));
        order.unwrap_or(std::cmp::Ordering::Equal)
    });
    let tags: Vec<Tag> = numbers.into_iter().chain(rest).collect();
    let dated: Vec<Pin> = tags.iter().take(DATED).cloned().map(Pin::tag).collect();
    let looked = registries.look_at(name, &dated)?;
    let undated = tags.len().saturating_sub(DATED);
    let looked = looked.into_iter().chain(std::iter::repeat(None));
    let version = |(tag, found): (Tag, Option<Found>)| Version {
        tag,
        built: found.as_ref().and_then(second),
        digest: found.map(|found| found.digest),
    };
    let versions = tags.into_iter().zip(looked).map(version).collect();
    Ok(Listed { versions, moving: moving.len(), undated })
}
