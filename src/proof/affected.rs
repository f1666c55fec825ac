//! Which overlays a change may affect.

use std::collections::{BTreeSet, HashSet};

use crate::discover::{self, Overlay};
use crate::model::{RepoPath, SnapshotError};

use super::Sides;
use super::links::Links;
use super::reach::{Reached, reached};

/// Where everything that changes lies in overlays, repositories with more
/// directories than this are not searched for other overlays that use them.
const SMALL: usize = 2_500;
/// With more directories than this a repository is not searched at all.
const MOST: usize = 2_000_000;

/// The overlays of both sides, of every app that may be affected, in all of
/// its environments.
#[derive(Debug, Default)]
pub(super) struct Affected {
    pub(super) base: Vec<Overlay>,
    pub(super) head: Vec<Overlay>,
    /// Changed paths that no overlay holds.
    pub(super) outside: Vec<RepoPath>,
    /// Directories of kustomizations that use what changed.
    pub(super) reached: BTreeSet<RepoPath>,
    /// Symbolic links that lead to what changed, or to what uses it.
    pub(super) linked: BTreeSet<RepoPath>,
    /// All symbolic links of the base, where they were searched for.
    pub(super) links: Links,
    /// Whether the whole repository was searched for them.
    pub(super) searched: bool,
}

/// Finds them by the layout, and by who names what changed.
pub(super) fn affected(sides: &Sides<'_>) -> Result<Affected, SnapshotError> {
    let mut apps = apps_on(sides, sides.changed.iter());
    let mut found = overlays(sides, &apps)?;
    let places: HashSet<&RepoPath> =
        found.base.iter().chain(&found.head).map(|overlay| &overlay.path).collect();
    let held = |path: &&RepoPath| path.ancestors().any(|place| places.contains(&place));
    let outside: Vec<RepoPath> = sides.changed.iter().filter(|path| !held(path)).cloned().collect();
    if !sides.search {
        return Ok(Affected { outside, ..found });
    }
    let most = if outside.iter().all(is_config) { SMALL } else { MOST };
    let users = reached((sides.base, sides.head), sides.changed, most)?;
    let (users, searched) = users.map_or((Reached::default(), false), |users| (users, true));
    let Reached { dirs, linked, links } = users;
    let more = apps_on(sides, dirs.iter().chain(&linked));
    if !more.is_subset(&apps) {
        apps.extend(more);
        found = overlays(sides, &apps)?;
    }
    Ok(Affected { outside, reached: dirs, linked, links, searched, ..found })
}

/// Files that no kustomization can be meant to use.
fn is_config(path: &RepoPath) -> bool {
    let name = path.as_str();
    name == crate::config::PROMOTE_TOML || name == crate::config::GITOPS_PROMOTION
}

fn apps_on<'p>(sides: &Sides<'_>, paths: impl Iterator<Item = &'p RepoPath>) -> BTreeSet<String> {
    // What lies in one directory belongs to one app.
    let directories: BTreeSet<RepoPath> =
        paths.flat_map(|path| [path.parent().unwrap_or_default(), path.clone()]).collect();
    discover::apps_on(sides.config, &directories)
}

fn overlays(sides: &Sides<'_>, apps: &BTreeSet<String>) -> Result<Affected, SnapshotError> {
    let apps: Vec<String> = apps.iter().cloned().collect();
    Ok(Affected {
        base: discover::overlays_of(sides.base, sides.config, Some(&apps))?,
        head: discover::overlays_of(sides.head, sides.config, Some(&apps))?,
        ..Affected::default()
    })
}
