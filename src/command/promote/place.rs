//! The apps of the directory that the user stands in.

use std::collections::BTreeSet;

use crate::discover::Inventory;
use crate::model::{AppId, RepoPath};

/// The apps whose overlays are around or below the directory; where there are
/// none, those of the nearest directory above that has any. At the root: none.
pub(in super::super) fn apps_at(prefix: &RepoPath, inventory: &Inventory) -> BTreeSet<AppId> {
    let mut at = Some(prefix.clone());
    while let Some(dir) = at.filter(|dir| *dir != RepoPath::root()) {
        let apps = apps_near(&dir, inventory);
        if !apps.is_empty() {
            return apps;
        }
        at = dir.parent();
    }
    BTreeSet::new()
}

fn apps_near(dir: &RepoPath, inventory: &Inventory) -> BTreeSet<AppId> {
    let near: BTreeSet<usize> = inventory
        .overlays
        .iter()
        .enumerate()
        .filter(|(_, overlay)| overlay.path.is_within(dir) || dir.is_within(&overlay.path))
        .map(|(index, _)| index)
        .collect();
    let named = near.iter().filter_map(|index| inventory.overlays.get(*index)?.app.clone());
    // Without `{app}` in the layout, apps are known by what the overlays hold.
    let held = inventory.cells.iter().filter(|(_, cell)| !cell.overlays.is_disjoint(&near));
    named.chain(held.map(|(key, _)| key.app.clone())).collect()
}
