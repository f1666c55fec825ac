//! The dates of the commits that brought versions, against those before them.

use std::collections::{BTreeMap, BTreeSet};

use crate::discover::CellKey;
use crate::gate::{self, Dated};
use crate::git::{self, ObjectId};
use crate::history::Timeline;
use crate::plan::Planned;

use super::Failure;
use super::evidence::{Ground, cells_of};

/// How many commits before an arrival are looked at: so many have to be dated
/// wrongly, one after the other, for an arrival to look older than it is.
const BEFORE: usize = 1_000;

/// The dates of what brought the versions to the environments before, and took
/// them away, where the config asks for a time.
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

/// The commits whose dates count: those that brought the newest stay of the
/// version, and those that ended it.
fn arrivals(
    ground: Ground<'_>,
    promotions: &[Planned],
    timelines: &BTreeMap<CellKey, Timeline>,
) -> BTreeSet<ObjectId> {
    let timed = |planned: &&Planned| ground.config.guard(&planned.promotion.to).soak.is_some();
    let mut found = BTreeSet::new();
    for planned in promotions.iter().filter(timed) {
        let wanted = gate::tag_or_digest(&planned.promotion.version);
        let before = cells_of(planned).into_iter().skip(1);
        for timeline in before.filter_map(|key| timelines.get(&key)) {
            let Some(at) = timeline.held.iter().position(|held| held.pin.carries(&wanted)) else {
                continue;
            };
            let ends = timeline.held.iter().skip(at.saturating_sub(1)).take(2);
            let moments = ends.filter_map(|held| held.since.as_ref());
            found.extend(moments.filter_map(|m| ObjectId::from_hex(m.commit.as_bytes()).ok()));
        }
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
