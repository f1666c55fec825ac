//! What environments render that those before them do not: the standing state
//! rather than a change.

use crate::config::Config;
use crate::discover;
use crate::model::{Snapshot, SnapshotError, Sources};

use super::renders::{Renders, Side};
use super::unit::{Judging, units};
use super::{Entering, Sides};

/// Every image that an environment renders and that the environments before it
/// do not.
pub fn standing(snapshot: &dyn Snapshot, config: &Config) -> Result<Vec<Entering>, SnapshotError> {
    let sides =
        Sides { base: snapshot, head: snapshot, config, changed: &[], odd_names: 0, search: false };
    let overlays = discover::overlays(snapshot, config, None)?;
    let units = units(&overlays, &overlays);
    let renders = Renders::new(&sides);
    let holding = std::collections::HashSet::new();
    let judging = Judging {
        sides: &sides,
        renders: &renders,
        units: &units,
        holding: &holding,
        hidden: false,
    };
    let mut found = Vec::new();
    for unit in units.values() {
        let sources = judging.sources(unit);
        if sources == Sources::First {
            continue;
        }
        let rendered = judging.rendered(unit, Side::Base)?;
        for entering in judging.distinct(unit, &rendered)? {
            let missing = entering.from.iter().filter(|vouch| !vouch.runs).count();
            let refused = match sources {
                Sources::Any(_) => missing == entering.from.len(),
                _ => missing > 0,
            };
            if refused {
                found.push(entering);
            }
        }
    }
    Ok(found)
}
