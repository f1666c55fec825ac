//! Days on which nothing moves.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::Zone;

/// Days from and to, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Where these days are.
    pub zone: Zone,
    /// Why.
    pub reason: Option<String>,
}

impl Freeze {
    /// Whether its last day is over.
    pub fn is_over(&self, at: Timestamp) -> bool {
        self.end().is_some_and(|end| end <= at)
    }

    /// The moment at which it begins.
    pub(super) fn start(&self) -> Option<Timestamp> {
        midnight(self.from, &self.zone)
    }

    /// The moment at which it is over.
    pub(super) fn end(&self) -> Option<Timestamp> {
        midnight(self.to.checked_add(1.day()).ok()?, &self.zone)
    }

    /// Its first second, and the first one after it.
    pub fn seconds(&self) -> (i64, i64) {
        let second = |at: Timestamp| at.as_second();
        (self.start().map_or(i64::MIN, second), self.end().map_or(i64::MAX, second))
    }

    /// Whether it is one of its days. One whose end no calendar has does not
    /// end.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.start().is_none_or(|start| start <= at) && self.end().is_none_or(|end| at < end)
    }
}

/// The first moment of a day.
fn midnight(date: Date, zone: &Zone) -> Option<Timestamp> {
    date.to_zoned(zone.time_zone().clone()).ok().map(|zoned| zoned.timestamp())
}
