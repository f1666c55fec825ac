//! The promotions that a change makes: what stands at its head and did not
//! stand at its base.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::discover::{Cell, CellKey, Inventory};
use crate::model::{AppId, EnvironmentName, Pin, Promotion, RepoPath};

use super::Planned;

/// Compares two inventories of the same overlays.
pub fn between(config: &Config, before: &Inventory, after: &Inventory) -> Vec<Planned> {
    let change = Change { config, before, after };
    let mut found = Vec::new();
    for (key, cell) in &after.cells {
        let old = change.at_base(key);
        let known = old.map(Cell::pins).unwrap_or_default();
        let readable = cell.sites.iter().filter(|site| site.problem.is_none());
        let mut new: Vec<&Pin> = readable.map(|site| &site.pin).collect();
        new.retain(|pin| !pin.is_empty() && !known.contains(pin));
        let mut told: BTreeSet<String> = BTreeSet::new();
        for pin in new.into_iter().filter(|pin| told.insert(pin.to_string())) {
            found.extend(change.planned(key, (old, cell), pin));
        }
    }
    let environments = config.pipeline.environments();
    found.sort_by_key(|planned: &Planned| {
        environments.iter().position(|environment| environment.name == planned.promotion.to)
    });
    found
}

struct Change<'a> {
    config: &'a Config,
    before: &'a Inventory,
    after: &'a Inventory,
}

impl Change<'_> {
    /// What the environment had of the image; an app that is named after its
    /// image may have been named otherwise.
    fn at_base(&self, key: &CellKey) -> Option<&Cell> {
        self.before.cells.get(key).or_else(|| {
            let (_, cell) = self.before.cells.iter().find(|(other, _)| {
                other.environment == key.environment && self.is_same(other, key)
            })?;
            Some(cell)
        })
    }

    fn is_same(&self, other: &CellKey, key: &CellKey) -> bool {
        let unnamed = |inventory: &Inventory, key: &CellKey| {
            let cell = inventory.cells.get(key);
            let overlays = cell.iter().flat_map(|cell| &cell.overlays);
            overlays.filter_map(|index| inventory.overlays.get(*index)).all(|o| o.app.is_none())
        };
        other.image == key.image
            && other.app.group == key.app.group
            && unnamed(self.before, other)
            && unnamed(self.after, key)
    }

    /// The app as the base calls it.
    fn app(&self, key: &CellKey) -> AppId {
        if self.before.cells.keys().any(|other| other.app == key.app && other.image == key.image) {
            return key.app.clone();
        }
        let known = self.before.cells.keys().find(|other| self.is_same(other, key));
        known.map_or_else(|| key.app.clone(), |other| other.app.clone())
    }

    fn planned(&self, key: &CellKey, cells: (Option<&Cell>, &Cell), pin: &Pin) -> Option<Planned> {
        let (old, cell) = cells;
        let app = self.app(key);
        let environment = self.config.environment(key.environment.as_str())?;
        let from = self.config.sources_for(environment, &app).names().to_vec();
        let previous = old.and_then(|old| old.pins().first().copied().cloned()).unwrap_or_default();
        let sites = cell.sites.iter().filter(|site| site.pin == *pin);
        let sites: Vec<(RepoPath, u32)> =
            sites.map(|site| (site.path.clone(), site.line)).collect();
        let promotion = Promotion {
            image: key.image.clone(),
            repository: cell.repository().map(str::to_owned),
            to: key.environment.clone(),
            version: pin.clone(),
            previous,
            app,
            from,
        };
        Some(Planned {
            // Whoever made the change let it go on purpose; where an
            // environment before pins it, GP004 refuses.
            loses_digest: false,
            left_behind: self.left_behind(&promotion),
            sites,
            promotion,
        })
    }

    /// Images that have the version in an environment before, and are not
    /// moved along.
    fn left_behind(&self, promotion: &Promotion) -> Vec<String> {
        let carries = |inventory: &Inventory, environment: &EnvironmentName, image: &str| {
            let cell = inventory.cell(environment, &promotion.app, image);
            cell.is_some_and(|cell| cell.pins().iter().any(|pin| pin.carries(&promotion.version)))
        };
        let together = |source: &&EnvironmentName| carries(self.before, source, &promotion.image);
        let mut left = BTreeSet::new();
        for source in promotion.from.iter().filter(together) {
            for (image, _) in self.before.images(source, &promotion.app) {
                let here = self.before.cell(&promotion.to, &promotion.app, image).is_some();
                if image != promotion.image
                    && here
                    && carries(self.before, source, image)
                    && !carries(self.after, &promotion.to, image)
                {
                    left.insert(image.to_owned());
                }
            }
        }
        left.into_iter().collect()
    }
}
