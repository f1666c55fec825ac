//! The dates of the commits that brought versions, against those before them.

use std::collections::{BTreeMap, BTreeSet};

use crate::discover::CellKey;
use crate::gate::{self, Dated};
use crate::git::{self, ObjectId};
use crate::history::{Moment, Timeline};
use crate::plan::Planned;

use super::Failure;
use super::evidence::{Ground, cells_of};

/// How many commits before an arrival are looked at: so many have to be dated
/// wrongly, one after the other, for an arrival to look older than it is.
const BEFORE: usize = 1_000;

/// The dates of what brought the versions to the environments, and took them
/// away, where the config asks for a time.
pub(super) fn dates(
    ground: Ground<'_>,
    promotions: &[Planned],
    (timelines, now): (&BTreeMap<CellKey, Timeline>, i64),
) -> Result<BTreeMap<String, Dated>, Failure> {
    let wanted: BTreeSet<ObjectId> = arrivals(ground, promotions, timelines);
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let line = Line::read(ground, &wanted)?;
    for id in wanted {
        let Some(at) = line.places.get(&id) else { continue };
        let (authored, newest_before) =
            (git::authored(ground.repo, id)?, line.newest_before(*at, now));
        found.insert(id.to_string(), Dated { authored, newest_before });
    }
    Ok(found)
}

/// The commits whose dates count.
fn arrivals(
    ground: Ground<'_>,
    promotions: &[Planned],
    timelines: &BTreeMap<CellKey, Timeline>,
) -> BTreeSet<ObjectId> {
    let mut moments: Vec<&Moment> = Vec::new();
    for planned in promotions {
        let to = &planned.promotion.to;
        if ground.config.guard(to).soak.is_some() {
            moments.extend(soaked(planned, timelines));
        }
        let mut policies = ground.config.guards.policies.iter().filter(|one| one.is_for(to));
        if policies.any(|policy| policy.expression.asks_of_places()) {
            let cells = cells_of(planned);
            moments.extend(cells.iter().filter_map(|key| timelines.get(key)?.since()));
        }
    }
    moments.iter().filter_map(|m| ObjectId::from_hex(m.commit.as_bytes()).ok()).collect()
}

/// What brought the newest stay of the version to the environments before, and
/// what ended it.
fn soaked<'t>(planned: &Planned, timelines: &'t BTreeMap<CellKey, Timeline>) -> Vec<&'t Moment> {
    let wanted = gate::tag_or_digest(&planned.promotion.version);
    let before = cells_of(planned).into_iter().skip(1);
    let mut found = Vec::new();
    for timeline in before.filter_map(|key| timelines.get(&key)) {
        let Some(at) = timeline.held.iter().position(|held| held.pin.carries(&wanted)) else {
            continue;
        };
        let ends = timeline.held.iter().skip(at.saturating_sub(1)).take(2);
        found.extend(ends.filter_map(|held| held.since.as_ref()));
    }
    found
}

/// The first-parent line as far as it is needed.
struct Line {
    times: Vec<i64>,
    places: BTreeMap<ObjectId, usize>,
}

impl Line {
    fn read(ground: Ground<'_>, wanted: &BTreeSet<ObjectId>) -> Result<Self, Failure> {
        let mut line = Self { times: Vec::new(), places: BTreeMap::new() };
        let mut last = None;
        for commit in git::line(ground.repo, ground.base)? {
            let (id, seconds) = commit?;
            let at = line.times.len();
            if wanted.contains(&id) {
                line.places.insert(id, at);
                last = (line.places.len() == wanted.len()).then_some(at);
            }
            line.times.push(seconds);
            if last.is_some_and(|last| at >= last + BEFORE) {
                break;
            }
        }
        Ok(line)
    }

    /// The newest time before that place of the line that is not in the future.
    fn newest_before(&self, at: usize, now: i64) -> Option<i64> {
        let before = self.times.iter().skip(at + 1).take(BEFORE);
        before.copied().filter(|seconds| *seconds <= now).max()
    }
}
