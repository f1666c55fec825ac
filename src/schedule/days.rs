//! Days and hours: `Mon-Fri 10:00-16:00`, `Sat-Mon`, `22:00-02:00`.
//!
//! It is such a time whenever the clocks on the wall of the zone show one. So
//! an hour that is skipped in spring is not there, and one that comes twice in
//! autumn is there twice.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Weekday};
use jiff::{Timestamp, ToSpan as _};

use super::Zone;

/// The names of days, Monday first.
pub(super) const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The minutes of a day.
pub(super) const DAY: u32 = 24 * 60;

/// The minutes of a week.
pub const WEEK: u32 = 7 * DAY;

/// Days of the week and hours of these days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// Monday first.
    on: [bool; 7],
    /// Minutes of the day, from and to; beyond its end where they go over
    /// midnight. Sorted.
    hours: Vec<(u32, u32)>,
    text: String,
}

impl Days {
    /// Whether the clocks show such a time.
    pub(super) fn shows(&self, civil: DateTime) -> bool {
        let minute =
            u32::from(civil.hour().unsigned_abs()) * 60 + u32::from(civil.minute().unsigned_abs());
        let today = self.has(civil.weekday());
        let yesterday = self.has(civil.weekday().previous());
        self.hours.iter().any(|(from, to)| {
            today && (*from..*to).contains(&minute)
                || yesterday && (*from..*to).contains(&(minute + DAY))
        })
    }

    fn has(&self, day: Weekday) -> bool {
        let at = usize::from(day.to_monday_zero_offset().unsigned_abs());
        self.on.get(at).copied().unwrap_or_default()
    }

    /// The next moment at which such a time may begin or end.
    pub(super) fn next_change(&self, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
        let today = zone.civil(at).date();
        let days = (-1..=8).filter_map(|days| today.checked_add(days.days()).ok());
        let on = days.filter(|date| self.has(date.weekday()));
        let bounds = on.flat_map(|date| {
            let bounds = self.hours.iter().flat_map(|(from, to)| [*from, *to]);
            let midnight = date.to_datetime(jiff::civil::Time::midnight());
            bounds
                .filter_map(move |minutes| midnight.checked_add(i64::from(minutes).minutes()).ok())
        });
        let moments = bounds.flat_map(|civil| zone.moments(civil));
        moments.chain(zone.next_set(at)).filter(|moment| *moment > at).min()
    }

    /// The minutes of the week that it has, from and to; none goes over the end
    /// of the week.
    pub fn of_week(&self) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        for (day, _) in (0..).zip(self.on).filter(|(_, on)| *on) {
            for (from, to) in &self.hours {
                let (from, to) = (day * DAY + from, day * DAY + to);
                found.push((from, to.min(WEEK)));
                if to > WEEK {
                    found.push((0, to - WEEK));
                }
            }
        }
        found.sort_unstable();
        found
    }
}

/// Whether two lists of stretches have a time in common.
pub fn meet(one: &[(u32, u32)], two: &[(u32, u32)]) -> bool {
    one.iter().any(|(from, to)| two.iter().any(|(start, end)| from < end && start < to))
}

/// What of a list of stretches is in none of another one.
pub fn minus<T: Ord + Copy>(stretches: &[(T, T)], others: &[(T, T)]) -> Vec<(T, T)> {
    others.iter().fold(stretches.to_vec(), |rest, (start, end)| {
        let parts = rest.into_iter();
        let parts = parts.flat_map(|(from, to)| [(from, to.min(*start)), (from.max(*end), to)]);
        parts.filter(|(from, to)| from < to).collect()
    })
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, hours) = match words.as_slice() {
            [one] if one.starts_with(|c: char| c.is_ascii_digit()) => (None, Some(*one)),
            [one] => (Some(*one), None),
            [days, hours] => (Some(*days), Some(*hours)),
            [] => return Err("it is empty".to_owned()),
            _ => return Err("it is more than days and hours".to_owned()),
        };
        let days = days.map_or(Ok([true; 7]), read_days)?;
        let hours = hours.map_or(Ok(vec![(0, DAY)]), read_hours)?;
        let found = Self { on: days, hours, text: words.join(" ") };
        let of_week = found.of_week();
        let pairs = of_week.iter().zip(of_week.iter().skip(1));
        if pairs.into_iter().any(|((_, to), (from, _))| from < to) {
            return Err("its hours overlap".to_owned());
        }
        Ok(found)
    }
}

fn read_days(text: &str) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (mut at, to) = (day(from)?, day(to)?);
        while let Some(place) = days.get_mut(at) {
            if std::mem::replace(place, true) {
                return Err(format!("`{part}` has a day that is there already"));
            }
            if at == to {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    Ok(days)
}

fn day(text: &str) -> Result<usize, String> {
    let found = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("`{text}` is no day: {}", NAMES.join(", ")))
}

fn read_hours(text: &str) -> Result<Vec<(u32, u32)>, String> {
    let mut hours = Vec::new();
    for part in text.split(',') {
        let (from, to) =
            part.split_once('-').ok_or_else(|| format!("`{part}` is no `HH:MM-HH:MM`"))?;
        let (from, mut to) = (minutes(from)?, minutes(to)?);
        if from == to {
            return Err(format!("`{part}` is empty"));
        }
        if from >= DAY {
            return Err(format!("`{part}` begins after the day"));
        }
        if to < from {
            to += DAY;
        }
        hours.push((from, to));
    }
    hours.sort_unstable();
    Ok(hours)
}

/// `HH:MM`, up to `24:00`.
fn minutes(text: &str) -> Result<u32, String> {
    let bad = || format!("`{text}` is no time of day");
    let (hours, minutes) = text.split_once(':').ok_or_else(bad)?;
    let two = |text: &str| {
        let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok()).flatten()
    };
    match (two(hours), two(minutes)) {
        (Some(hours), Some(minutes)) if minutes < 60 && hours * 60 + minutes <= DAY => {
            Ok(hours * 60 + minutes)
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::Days;

    fn shows(text: &str, civil: &str) -> bool {
        text.parse::<Days>().unwrap().shows(civil.parse().unwrap())
    }

    #[test]
    fn the_start_is_in_it_and_the_end_is_not() {
        // 2026-11-27 is a Friday.
        let text = "Mon-Fri 10:00-16:00";
        assert!(!shows(text, "2026-11-27T09:59:59") && shows(text, "2026-11-27T10:00:00"));
        assert!(shows(text, "2026-11-27T15:59:59") && !shows(text, "2026-11-27T16:00:00"));
        assert!(!shows(text, "2026-11-28T12:00:00"), "Saturday");
        assert!(shows("Fri 16:00-24:00", "2026-11-27T23:59:59"));
        assert!(!shows("Fri 16:00-24:00", "2026-11-28T00:00:00"));
    }

    #[test]
    fn a_night_belongs_to_the_day_that_it_begins_on() {
        let text = "Fri 22:00-02:00";
        assert!(shows(text, "2026-11-27T22:00:00") && shows(text, "2026-11-28T01:59:59"));
        assert!(!shows(text, "2026-11-28T02:00:00") && !shows(text, "2026-11-27T01:00:00"));
        assert!(shows("22:00-02:00", "2026-11-29T01:00:00"), "every night");
        assert!(shows("Sun 22:00-02:00", "2026-11-30T01:00:00"), "into Monday");
    }

    #[test]
    fn days_wrap_around_the_week() {
        let on = |text: &str| -> Vec<bool> {
            (23..30).map(|day| shows(text, &format!("2026-11-{day}T12:00:00"))).collect()
        };
        let (yes, no) = (true, false);
        assert_eq!(on("Sat-Mon"), [yes, no, no, no, no, yes, yes]);
        assert_eq!(on("mon,WED,Fri-sat"), [yes, no, yes, no, yes, yes, no]);
        assert_eq!(on("Tue-Mon"), [yes; 7]);
        assert_eq!(on("10:00-13:00"), [yes; 7]);
        assert_eq!(on("Thu 08:00-09:00,11:30-12:30"), [no, no, no, yes, no, no, no]);
    }

    #[test]
    fn what_is_no_days_says_why() {
        let why = |text: &str| text.parse::<Days>().unwrap_err();
        let all: Vec<String> = [
            "",
            "Mo",
            "Mon-Fri 10-16",
            "Mon-Fri 10:00",
            "Mon-Fri 10:00-24:01",
            "Mon-Fri 1:00-2:00",
            "Mon-Fri 10:00-10:00",
            "24:00-02:00",
            "Mon 10:00-12:00,11:00-13:00",
            "Mon-Wed,Tue 10:00-11:00",
            "Sun,Mon 22:00-08:00,07:00-09:00",
            "Mon Tue 10:00-12:00",
        ]
        .map(why)
        .to_vec();
        insta::assert_snapshot!(all.join("\n"), @"
        it is empty
        `Mo` is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun
        `10` is no time of day
        `10:00` is no `HH:MM-HH:MM`
        `24:01` is no time of day
        `1:00` is no time of day
        `10:00-10:00` is empty
        `24:00-02:00` begins after the day
        its hours overlap
        `Tue` has a day that is there already
        its hours overlap
        it is more than days and hours
        ");
    }

    #[test]
    fn two_of_them_may_meet() {
        let meet = |one: &str, two: &str| {
            let of_week = |text: &str| text.parse::<Days>().unwrap().of_week();
            super::meet(&of_week(one), &of_week(two))
        };
        assert!(meet("Mon-Fri 10:00-16:00", "Fri-Sun 15:59-18:00"));
        assert!(!meet("Mon-Fri 10:00-16:00", "Fri-Sun 16:00-18:00"));
        assert!(meet("Sun 22:00-02:00", "Mon 01:00-03:00"), "over the end of the week");
    }
}
