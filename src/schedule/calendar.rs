//! When an environment may be entered: windows minus freezes.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::days::Days;
use super::{Freeze, Repeated, Zone};

/// How far ahead an opening is looked for: a leap day comes within it.
const AHEAD: SignedDuration = SignedDuration::from_hours(9 * 366 * 24);

/// How far ahead it is told that the environment closes.
const CLOSES: SignedDuration = SignedDuration::from_hours(100 * 24);

/// More steps than these are not looked at.
const STEPS: usize = 40_000;

/// A time to be open, or to be shut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Which times.
    pub times: Times,
    /// Where the clocks hang.
    pub zone: Zone,
}

/// Which times a window has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Times {
    /// Open on these days and hours.
    Allow(Days),
    /// Shut on these days and hours.
    Deny(Days),
    /// Open from each occurrence on.
    Cron(Repeated),
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.times {
            Times::Allow(days) | Times::Deny(days) => write!(f, "{days}"),
            Times::Cron(repeated) => write!(f, "{repeated} for {}", repeated.duration),
        }?;
        write!(f, " {}", self.zone.name())
    }
}

impl Window {
    fn is_deny(&self) -> bool {
        matches!(self.times, Times::Deny(_))
    }

    fn holds(&self, at: Timestamp) -> bool {
        match &self.times {
            Times::Allow(days) | Times::Deny(days) => days.shows(self.zone.civil(at)),
            Times::Cron(repeated) => repeated.is_open(&self.zone, at),
        }
    }

    fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.times {
            Times::Allow(days) | Times::Deny(days) => days.next_change(&self.zone, at),
            Times::Cron(repeated) => repeated.next_change(&self.zone, at),
        }
    }
}

/// The windows and freezes of an environment.
#[derive(Debug, Clone, Copy)]
pub struct Calendar<'c> {
    /// It is open in any of the windows that allow, or always where none does;
    /// and never in one that denies.
    pub windows: &'c [Window],
    /// Its own freezes, and those of all environments.
    pub freezes: [&'c [Freeze]; 2],
}

/// What a calendar says of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'c> {
    /// Open; until when, if that is soon.
    Open {
        /// The moment that it is no longer.
        until: Option<Timestamp>,
    },
    /// Shut; until when, if it opens at all.
    Shut {
        /// The moment that it opens.
        opens: Option<Timestamp>,
        /// Why it is shut.
        why: Shut<'c>,
    },
}

/// Why an environment is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut<'c> {
    /// A freeze.
    Frozen(&'c Freeze),
    /// A window that denies.
    Denied(&'c Window),
    /// No window that allows.
    Outside,
}

impl<'c> Calendar<'c> {
    /// What it says of a moment.
    pub fn at(&self, at: Timestamp) -> Standing<'c> {
        match self.shut(at) {
            None => Standing::Open { until: self.closes(at) },
            Some(why) => Standing::Shut { opens: self.opens(at), why },
        }
    }

    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.freezes.iter().all(|freezes| freezes.is_empty())
    }

    /// Whether a freeze holds.
    pub fn is_frozen(&self, at: Timestamp) -> bool {
        self.freezes().any(|freeze| freeze.holds(at))
    }

    fn shut(&self, at: Timestamp) -> Option<Shut<'c>> {
        let frozen = self.freezes().find(|freeze| freeze.holds(at));
        frozen.map(Shut::Frozen).or_else(|| self.barred(at))
    }

    fn freezes(&self) -> impl Iterator<Item = &'c Freeze> {
        self.freezes.into_iter().flatten()
    }

    /// Why the windows bar a moment.
    fn barred(&self, at: Timestamp) -> Option<Shut<'c>> {
        if !self.is_allowed(at) {
            return Some(Shut::Outside);
        }
        let mut denies = self.windows.iter().filter(|window| window.is_deny());
        denies.find(|window| window.holds(at)).map(Shut::Denied)
    }

    fn is_allowed(&self, at: Timestamp) -> bool {
        let mut allows = self.windows.iter().filter(|window| !window.is_deny()).peekable();
        allows.peek().is_none() || allows.any(|window| window.holds(at))
    }

    /// The first moment from `from` on at which it is open.
    pub fn opens(&self, from: Timestamp) -> Option<Timestamp> {
        let last = from.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let mut at = from;
        for _ in 0..STEPS {
            at = match self.shut(at) {
                None => return Some(at),
                Some(Shut::Frozen(freeze)) => freeze.end()?,
                // What is denied matters only where something is allowed.
                Some(Shut::Outside) => self.next_change(at, |window| !window.is_deny())?,
                Some(Shut::Denied(_)) => self.next_change(at, |_| true)?,
            };
            // The windows come again; a freeze has its own end.
            if at > last && self.freezes().all(|freeze| !freeze.holds(at)) {
                return None;
            }
        }
        None
    }

    /// The first moment after `from` at which it is shut, if that is soon.
    fn closes(&self, from: Timestamp) -> Option<Timestamp> {
        let last = from.checked_add(CLOSES).unwrap_or(Timestamp::MAX);
        let mut at = from;
        for _ in 0..STEPS {
            let starts = self.freezes().filter_map(Freeze::start).filter(|start| *start > at);
            at = starts.chain(self.next_change(at, |_| true)).min()?;
            if at > last {
                return None;
            }
            if self.shut(at).is_some() {
                return Some(at);
            }
        }
        None
    }

    /// The zone that its times are told in.
    pub fn zone(&self) -> Option<&'c Zone> {
        let freeze = self.freezes().next().map(|freeze| &freeze.zone);
        self.windows.first().map(|window| &window.zone).or(freeze)
    }

    fn next_change(&self, at: Timestamp, of: impl Fn(&Window) -> bool) -> Option<Timestamp> {
        let windows = self.windows.iter().filter(|window| of(window));
        windows.filter_map(|window| window.next_change(at)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Window {
        let (kind, rest) = text.split_once(' ').unwrap();
        let (times, zone) = rest.rsplit_once(' ').unwrap();
        let times = match kind {
            "allow" => Times::Allow(times.parse().unwrap()),
            "deny" => Times::Deny(times.parse().unwrap()),
            _ => {
                let (cron, duration) = times.split_once(" for ").unwrap();
                Times::Cron(Repeated::new(cron, duration.parse().unwrap()).unwrap())
            }
        };
        Window { times, zone: zone.parse().unwrap() }
    }

    fn freeze(text: &str) -> Freeze {
        let words: Vec<&str> = text.split(' ').collect();
        let [from, to] = [words[0], words[1]].map(|day| day.parse().unwrap());
        Freeze { from, to, zone: words[2].parse().unwrap(), reason: None }
    }

    /// What windows and freezes say of moments, each a line.
    fn says(windows: &[&str], freezes: &[&str], moments: &[&str]) -> String {
        let windows: Vec<Window> = windows.iter().map(|text| window(text)).collect();
        let freezes: Vec<Freeze> = freezes.iter().map(|text| freeze(text)).collect();
        let calendar = Calendar { windows: &windows, freezes: [&freezes, &[]] };
        let shown = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
        let line = |moment: &&str| {
            let said = match calendar.at(moment.parse().unwrap()) {
                Standing::Open { until } => format!("open until {}", shown(until)),
                Standing::Shut { opens, why } => {
                    let why = match why {
                        Shut::Frozen(_) => "frozen",
                        Shut::Denied(_) => "denied",
                        Shut::Outside => "outside",
                    };
                    format!("{why}, opens {}", shown(opens))
                }
            };
            format!("{moment} {said}")
        };
        moments.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_limits_are_exact() {
        insta::assert_snapshot!(says(&["allow Mon-Fri 10:00-16:00 Europe/Berlin"], &[], &[
            "2026-11-27T08:59:59Z", "2026-11-27T09:00:00Z", "2026-11-27T14:59:59Z",
            "2026-11-27T15:00:00Z", "2026-07-03T14:00:00Z",
        ]), @"
        2026-11-27T08:59:59Z outside, opens 2026-11-27T09:00:00Z
        2026-11-27T09:00:00Z open until 2026-11-27T15:00:00Z
        2026-11-27T14:59:59Z open until 2026-11-27T15:00:00Z
        2026-11-27T15:00:00Z outside, opens 2026-11-30T09:00:00Z
        2026-07-03T14:00:00Z outside, opens 2026-07-06T08:00:00Z
        ");
    }

    #[test]
    fn windows_are_added_up_and_denied_times_taken_off() {
        let windows = [
            "allow Mon-Fri 09:00-17:00 Europe/Berlin",
            "allow Mon-Fri 09:00-17:00 America/New_York",
            "deny Fri 12:00-24:00 Europe/Berlin",
        ];
        insta::assert_snapshot!(says(&windows, &[], &[
            "2026-11-26T12:00:00Z", "2026-11-27T10:00:00Z", "2026-11-27T11:00:00Z",
        ]), @"
        2026-11-26T12:00:00Z open until 2026-11-26T22:00:00Z
        2026-11-27T10:00:00Z open until 2026-11-27T11:00:00Z
        2026-11-27T11:00:00Z denied, opens 2026-11-30T08:00:00Z
        ");
        insta::assert_snapshot!(says(&["deny Sat-Sun UTC"], &[], &["2026-11-27T23:59:59Z", "2026-11-28T00:00:00Z"]), @"
        2026-11-27T23:59:59Z open until 2026-11-28T00:00:00Z
        2026-11-28T00:00:00Z denied, opens 2026-11-30T00:00:00Z
        ");
        insta::assert_snapshot!(says(&["allow Mon UTC", "deny Mon UTC"], &[], &["2026-11-27T00:00:00Z"]), @"2026-11-27T00:00:00Z outside, opens never");
    }

    #[test]
    fn an_hour_that_is_skipped_is_not_there() {
        // 2026-03-29, 02:00 becomes 03:00 in Berlin, at 01:00 UTC.
        insta::assert_snapshot!(says(&["allow 02:15-02:45 Europe/Berlin"], &[], &["2026-03-28T12:00:00Z"]), @"2026-03-28T12:00:00Z outside, opens 2026-03-30T00:15:00Z");
        insta::assert_snapshot!(says(&["allow 02:30-04:00 Europe/Berlin"], &[], &["2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"]), @"
        2026-03-28T12:00:00Z outside, opens 2026-03-29T01:00:00Z
        2026-03-29T01:00:00Z open until 2026-03-29T02:00:00Z
        ");
        insta::assert_snapshot!(says(&["allow 01:00-02:30 Europe/Berlin"], &[], &["2026-03-29T00:30:00Z"]), @"2026-03-29T00:30:00Z open until 2026-03-29T01:00:00Z");
    }

    #[test]
    fn an_hour_that_comes_twice_is_there_twice() {
        // 2026-10-25, 03:00 becomes 02:00 in Berlin, at 01:00 UTC.
        insta::assert_snapshot!(says(&["allow 02:15-02:45 Europe/Berlin"], &[], &[
            "2026-10-24T23:00:00Z", "2026-10-25T00:20:00Z", "2026-10-25T00:45:00Z", "2026-10-25T01:20:00Z", "2026-10-25T01:45:00Z",
        ]), @"
        2026-10-24T23:00:00Z outside, opens 2026-10-25T00:15:00Z
        2026-10-25T00:20:00Z open until 2026-10-25T00:45:00Z
        2026-10-25T00:45:00Z outside, opens 2026-10-25T01:15:00Z
        2026-10-25T01:20:00Z open until 2026-10-25T01:45:00Z
        2026-10-25T01:45:00Z outside, opens 2026-10-26T01:15:00Z
        ");
        insta::assert_snapshot!(says(&["allow Sat 22:00-02:30 Europe/Berlin"], &[], &["2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z"]), @"
        2026-10-24T22:00:00Z open until 2026-10-25T00:30:00Z
        2026-10-25T00:30:00Z outside, opens 2026-10-25T01:00:00Z
        ");
    }

    #[test]
    fn a_pattern_opens_for_real_hours() {
        let sample = ["cron 0 10-16 * * 1-5 for 6h Europe/Berlin"];
        insta::assert_snapshot!(says(&sample, &[], &["2026-11-27T08:59:59Z", "2026-11-27T09:00:00Z", "2026-11-27T20:59:59Z", "2026-11-27T21:00:00Z"]), @"
        2026-11-27T08:59:59Z outside, opens 2026-11-27T09:00:00Z
        2026-11-27T09:00:00Z open until 2026-11-27T21:00:00Z
        2026-11-27T20:59:59Z open until 2026-11-27T21:00:00Z
        2026-11-27T21:00:00Z outside, opens 2026-11-30T09:00:00Z
        ");
        // Six hours over both nights in which the clocks are set.
        insta::assert_snapshot!(says(&["cron 0 23 * * 6 for 6h Europe/Berlin"], &[], &["2026-03-28T22:00:00Z", "2026-10-24T21:00:00Z"]), @"
        2026-03-28T22:00:00Z open until 2026-03-29T04:00:00Z
        2026-10-24T21:00:00Z open until 2026-10-25T03:00:00Z
        ");
        // In the gap, and in the hour that comes twice.
        insta::assert_snapshot!(says(&["cron 30 2 * * * for 10m Europe/Berlin"], &[], &["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2026-10-25T00:40:00Z"]), @"
        2026-03-28T12:00:00Z outside, opens 2026-03-29T01:00:00Z
        2026-10-24T12:00:00Z outside, opens 2026-10-25T00:30:00Z
        2026-10-25T00:40:00Z outside, opens 2026-10-26T01:30:00Z
        ");
        insta::assert_snapshot!(says(&["cron 0 10 29 2 * for 1h UTC"], &[], &["2026-11-27T00:00:00Z"]), @"2026-11-27T00:00:00Z outside, opens 2028-02-29T10:00:00Z");
        insta::assert_snapshot!(says(&["cron 0 10 30 2 * for 1h UTC"], &[], &["2026-11-27T00:00:00Z"]), @"2026-11-27T00:00:00Z outside, opens never");
    }

    #[test]
    fn both_days_of_a_freeze_are_in_it() {
        let freezes = ["2026-12-20 2027-01-04 Europe/Berlin"];
        insta::assert_snapshot!(says(&[], &freezes, &["2026-12-19T22:59:59Z", "2026-12-19T23:00:00Z", "2027-01-04T22:59:59Z", "2027-01-04T23:00:00Z", "2026-06-01T00:00:00Z"]), @"
        2026-12-19T22:59:59Z open until 2026-12-19T23:00:00Z
        2026-12-19T23:00:00Z frozen, opens 2027-01-04T23:00:00Z
        2027-01-04T22:59:59Z frozen, opens 2027-01-04T23:00:00Z
        2027-01-04T23:00:00Z open until never
        2026-06-01T00:00:00Z open until never
        ");
        // One freeze follows the other, and a window is shut when they end.
        let windows = ["allow Mon-Fri 10:00-16:00 Europe/Berlin"];
        let freezes = ["2026-12-20 2026-12-31 UTC", "2026-12-31 2027-01-01 UTC"];
        insta::assert_snapshot!(says(&windows, &freezes, &["2026-12-24T12:00:00Z", "2026-12-18T12:00:00Z"]), @"
        2026-12-24T12:00:00Z frozen, opens 2027-01-04T09:00:00Z
        2026-12-18T12:00:00Z open until 2026-12-18T15:00:00Z
        ");
        insta::assert_snapshot!(says(&[], &["2028-02-29 2028-02-29 UTC"], &["2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"]), @"
        2028-02-29T00:00:00Z frozen, opens 2028-03-01T00:00:00Z
        2028-03-01T00:00:00Z open until never
        ");
        // Where midnight is skipped, the day begins after the gap.
        insta::assert_snapshot!(says(&[], &["2026-03-29 2026-03-29 Asia/Beirut"], &["2026-03-28T21:59:59Z", "2026-03-28T22:00:00Z"]), @"
        2026-03-28T21:59:59Z open until 2026-03-28T22:00:00Z
        2026-03-28T22:00:00Z frozen, opens 2026-03-29T21:00:00Z
        ");
    }

    #[test]
    fn no_moment_is_too_early_or_too_late() {
        let windows = [
            "allow Mon-Fri 10:00-16:00 Europe/Berlin",
            "cron 0 10 * * * for 24h Asia/Tokyo",
            "deny Sun 00:00-12:00 Pacific/Apia",
        ];
        let windows: Vec<Window> = windows.iter().map(|text| window(text)).collect();
        let freezes = ["0001-01-01 9999-12-31 UTC", "9999-12-31 9999-12-31 UTC"].map(freeze);
        for freezes in [&[][..], &freezes] {
            let calendar = Calendar { windows: &windows, freezes: [freezes, &[]] };
            for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
                let _ = calendar.at(at);
            }
        }
        assert_eq!(
            says(&[], &["0001-01-01 9999-12-31 UTC"], &["2026-11-27T00:00:00Z"]),
            "2026-11-27T00:00:00Z frozen, opens never"
        );
    }
}
