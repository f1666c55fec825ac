//! What a change does behind symbolic links, which no snapshot follows.

use std::collections::{BTreeMap, BTreeSet};

use crate::discover;
use crate::model::{EntryKind, MemorySnapshot, RepoPath, Snapshot, SnapshotError};

use super::affected::Affected;
use super::links::{self, Links};
use super::{Doubt, Sides};

/// Whether a link or a submodule changed, or what one leads to.
pub(super) fn is_hidden(sides: &Sides<'_>, affected: &Affected) -> Result<bool, SnapshotError> {
    if !affected.linked.is_empty() {
        return Ok(true);
    }
    for path in sides.changed {
        for side in [sides.base, sides.head] {
            if matches!(side.kind(path)?, Some(EntryKind::Symlink | EntryKind::Submodule)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Overlays by the layout that stand behind a link, where they are not found:
/// what changes there nobody judges.
pub(super) fn doubts(sides: &Sides<'_>, affected: &Affected) -> Result<Vec<Doubt>, SnapshotError> {
    let mut found = Vec::new();
    if !affected.links.is_empty() {
        let reached: BTreeSet<RepoPath> = affected.reached.iter().cloned().collect();
        let changed: BTreeSet<RepoPath> =
            sides.changed.iter().chain(&affected.linked).cloned().collect();
        let touched = |way: &[RepoPath]| {
            links::holds(way, &changed)
                || links::holds(way, &reached)
                || links::is_below(way, &changed)
        };
        for link in &affected.linked {
            let behind = Behind { sides, links: &affected.links, snapshot: sides.base, link };
            found.extend(behind.doubt(&touched)?);
        }
    }
    let mut links: BTreeMap<RepoPath, String> =
        affected.links.paths().filter_map(|path| affected.links.said(path)).collect();
    let mut new = Vec::new();
    for path in sides.changed {
        match sides.head.target(path)? {
            Some(said) => {
                links.insert(path.clone(), String::from_utf8_lossy(&said).into_owned());
                new.push(path);
            }
            None => drop(links.remove(path)),
        }
    }
    let links = Links::new(links);
    for link in new {
        let behind = Behind { sides, links: &links, snapshot: sides.head, link };
        found.extend(behind.doubt(&|_| true)?);
    }
    Ok(found)
}

/// What a link leads to.
struct Behind<'a> {
    sides: &'a Sides<'a>,
    links: &'a Links,
    snapshot: &'a dyn Snapshot,
    link: &'a RepoPath,
}

impl Behind<'_> {
    /// The first overlay of a later environment that is reached through the
    /// link and touched.
    fn doubt(&self, touched: &dyn Fn(&[RepoPath]) -> bool) -> Result<Option<Doubt>, SnapshotError> {
        let (sides, link) = (self.sides, self.link);
        let paths = self.links.behind(self.snapshot, link)?;
        let named = MemorySnapshot::new(paths.into_iter().map(|path| (path, Vec::new())));
        for overlay in discover::overlays(&named, sides.config, None)? {
            let behind = overlay.path.is_within(link);
            if !behind || sides.is_first(&overlay.environment) {
                continue;
            }
            let way = self.links.way(&overlay.path);
            // The link itself is on the way to all that is behind it.
            let own: Vec<RepoPath> = way.into_iter().filter(|place| place != link).collect();
            if !touched(&own) {
                continue;
            }
            let message = format!(
                "the overlay {} stands behind the symbolic link {link}, which is not followed",
                overlay.path
            );
            return Ok(Some(Doubt {
                environment: Some(overlay.environment),
                app: overlay.app,
                path: link.clone(),
                line: 0,
                message,
            }));
        }
        Ok(None)
    }
}
