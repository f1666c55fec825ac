//! The versions that registries have, beside those that the history tells of.
//! Tags that move are no versions, and are left out.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::registry::{Places, registries};
use super::super::{Failure, Workspace};
use crate::discover::Inventory;
use crate::gate::is_moving;
use crate::model::{AppId, Pin, Tag, by_semver};
use crate::registry::{Registries, RepositoryName};
use crate::report::VersionRow;

/// Tags of one repository whose images are looked at for their dates.
const DATED: usize = 100;

/// Adds what the registries of these apps have. Gives what is to be said of it.
pub(super) fn add(
    workspace: &Workspace,
    (present, is_meant): (&Inventory, &dyn Fn(&AppId) -> bool),
    rows: &mut Vec<VersionRow>,
) -> Result<Vec<String>, Failure> {
    let registries = registries(Some(&workspace.repo))?;
    let places = Places { config: &workspace.config, inventory: present };
    let images: BTreeSet<(&AppId, &str)> =
        present.cells.keys().map(|key| (&key.app, key.image.as_str())).collect();
    let mut notes = Vec::new();
    for (app, image) in images.into_iter().filter(|(app, _)| is_meant(app)) {
        for name in repositories(workspace, places, (app, image))? {
            let found = tags(workspace, &registries, &name)?;
            if found.moving > 0 {
                notes.push(format!(
                    "{name} has {} tags that move, and are no versions",
                    found.moving
                ));
            }
            if found.undated > 0 {
                let more = found.undated;
                notes.push(format!("{name}: {more} older tags are shown without their dates"));
            }
            for (tag, built) in found.versions {
                let known = rows.iter_mut().filter(|row| {
                    row.app == *app && row.image == image && row.version.tag.as_ref() == Some(&tag)
                });
                let mut is_known = false;
                for row in known {
                    is_known = true;
                    row.built = row.built.or(built);
                    row.registries.push(name.to_string());
                }
                if !is_known {
                    rows.push(new(app, image, (tag, built, &name)));
                }
            }
        }
    }
    Ok(notes)
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
    image: (&AppId, &str),
) -> Result<Vec<RepositoryName>, Failure> {
    let mut found = Vec::new();
    for environment in workspace.config.pipeline.environments() {
        if let Some(name) = places.repository(&environment.name, image)?
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    Ok(found)
}

struct Listed {
    /// Each with the time at which its image was made, if that is known.
    versions: Vec<(Tag, Option<i64>)>,
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
    let built = looked.into_iter().map(|found| {
        let created: Option<Timestamp> = found?.created?.parse().ok();
        created.map(Timestamp::as_second)
    });
    let undated = tags.len().saturating_sub(DATED);
    let tags = tags.into_iter().zip(built.chain(std::iter::repeat(None))).collect();
    Ok(Listed { versions: tags, moving: moving.len(), undated })
}
