//! Apps that seem to be new: whether they are, only the commits before tell.
//! They are asked in the same walk, which goes on behind the range for them
//! alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::discover::{CellKey, Inventory};
use crate::gate::short_id;
use crate::git::ObjectId;
use crate::model::{Promotion, RepoPath};
use crate::plan::Planned;
use crate::report::{Flaw, VerifyRow};

use super::compare::Wrong;
use super::line::row;

/// A version that came as that of a new app.
#[derive(Debug)]
struct Arrival {
    promotion: Promotion,
    commit: (ObjectId, i64),
    /// The directories of the files that hold it.
    dirs: BTreeSet<RepoPath>,
    /// How many findings there were before it.
    place: usize,
}

/// Those of which nothing was seen so far.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    waiting: BTreeMap<CellKey, Vec<Arrival>>,
    found: Vec<(usize, VerifyRow)>,
}

impl Arrivals {
    pub(super) fn wait(&mut self, planned: &Planned, commit: (ObjectId, i64), place: usize) {
        let promotion = planned.promotion.clone();
        let dirs = planned.sites.iter().filter_map(|(path, _)| path.parent()).collect();
        let key = CellKey::of(&promotion, &promotion.to);
        let arrival = Arrival { promotion, commit, dirs, place };
        self.waiting.entry(key).or_default().push(arrival);
    }

    /// Whether nothing is asked of what is before.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Where those that are not settled stand.
    pub(super) fn dirs(&self) -> BTreeSet<RepoPath> {
        self.waiting.values().flatten().flat_map(|arrival| arrival.dirs.iter().cloned()).collect()
    }

    /// Takes out those that an earlier commit had; says how many there were.
    pub(super) fn seen(&mut self, before: &Inventory, by: ObjectId) -> usize {
        if self.waiting.is_empty() {
            return 0;
        }
        let by = by.to_string();
        let mut count = 0;
        for key in before.cells.keys() {
            for Arrival { promotion, commit, place, .. } in
                self.waiting.remove(key).unwrap_or_default()
            {
                let (to, app, new) = (&promotion.to, &promotion.app, &promotion.version);
                let message = format!(
                    "{new} has no record, and {app} is not new: {to} had it before {}",
                    short_id(&by)
                );
                let wrong = Wrong::of(Flaw::Unexplained, &promotion, message);
                self.found.push((place, row(commit, wrong)));
                count += 1;
            }
        }
        count
    }

    /// Puts what was found where it belongs among the other findings.
    pub(super) fn put_into(mut self, rows: &mut Vec<VerifyRow>) {
        self.found.sort_by_key(|(place, _)| *place);
        for (place, row) in self.found.into_iter().rev() {
            rows.insert(place.min(rows.len()), row);
        }
    }
}
