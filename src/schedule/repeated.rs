//! Times by a cron pattern of five fields and a duration: open from each
//! occurrence on for that long.
//!
//! The duration is of real hours: six hours are six hours also in the night in
//! which the clocks are set. An occurrence in an hour that is skipped is at the
//! end of the gap, one in an hour that comes twice is the first.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::days::{DAY, NAMES, WEEK};
use super::{Span, Zone};

/// What opens again and again.
#[derive(Debug, Clone)]
pub struct Repeated {
    cron: Box<Cron>,
    text: String,
    /// How long it stays open each time.
    pub duration: Span,
}

impl PartialEq for Repeated {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.duration == other.duration
    }
}

impl Eq for Repeated {}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Repeated {
    /// Reads a pattern of five fields.
    pub fn new(pattern: &str, duration: Span) -> Result<Self, String> {
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        if fields.len() != 5 {
            return Err(format!("it has {} fields, not five", fields.len()));
        }
        let text = fields.join(" ");
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(&text).map_err(|error| error.to_string())?;
        let found = Self { cron: Box::new(cron), text, duration };
        Ok(found)
    }

    /// When it was opened last, if that was at or before `at`.
    fn last(&self, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
        let zoned = at.to_zoned(zone.time_zone().clone());
        self.cron.find_previous_occurrence(&zoned, true).ok().map(|zoned| zoned.timestamp())
    }

    fn next(&self, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
        let zoned = at.to_zoned(zone.time_zone().clone());
        self.cron.find_next_occurrence(&zoned, false).ok().map(|zoned| zoned.timestamp())
    }

    fn end(&self, start: Timestamp) -> Option<Timestamp> {
        start.checked_add(SignedDuration::from_secs(self.duration.seconds())).ok()
    }

    /// Whether it is open.
    pub(super) fn is_open(&self, zone: &Zone, at: Timestamp) -> bool {
        let end = self.last(zone, at).and_then(|start| self.end(start));
        end.is_some_and(|end| at < end)
    }

    /// The next moment at which it may open or close.
    pub(super) fn next_change(&self, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
        let end = self.last(zone, at).and_then(|start| self.end(start));
        end.into_iter().chain(self.next(zone, at)).filter(|moment| *moment > at).min()
    }

    /// What it amounts to: days and hours, and whether it is opened again
    /// while it is still open. `None` where not every week is alike.
    pub fn amounts_to(&self) -> Option<(String, bool)> {
        let (starts, minutes) = (self.starts()?, self.minutes());
        let later = starts.iter().skip(1).copied().chain(starts.first().map(|first| first + WEEK));
        let overlaps = starts.iter().zip(later).any(|(one, next)| next - one < minutes);
        Some((describe(&merged(&starts, minutes)), overlaps))
    }

    /// The minutes of the week that it has, from and to; none goes over the end
    /// of the week. `None` where not every week is alike.
    pub fn of_week(&self) -> Option<Vec<(u32, u32)>> {
        let stretches = merged(&self.starts()?, self.minutes());
        let parts = stretches.into_iter().flat_map(|(from, to)| {
            let over = (to > WEEK).then(|| (0, to.min(2 * WEEK) - WEEK));
            std::iter::once((from, to.min(WEEK))).chain(over)
        });
        Some(parts.collect())
    }

    /// How long it stays open, at most a week.
    fn minutes(&self) -> u32 {
        let minutes = u32::try_from(self.duration.seconds().div_euclid(60)).unwrap_or(WEEK);
        minutes.clamp(1, WEEK)
    }

    /// The minutes of the week at which it is opened.
    fn starts(&self) -> Option<Vec<u32>> {
        let fields: Vec<&str> = self.text.split(' ').collect();
        let [_, _, day, month, weekday] = fields.as_slice() else { return None };
        let any = |field: &str| matches!(field, "*" | "?");
        // The first or last of its kind in a month is not there every week.
        if !any(day) || !any(month) || weekday.contains(['#', 'L', 'l']) {
            return None;
        }
        // A Monday.
        let monday = date(2024, 1, 1).at(0, 0, 0, 0);
        let zoned = monday.to_zoned(TimeZone::UTC).ok()?;
        let first = self.cron.find_next_occurrence(&zoned, true).ok()?.datetime();
        let first = u32::try_from(zoned.datetime().duration_until(first).as_mins()).ok()?;
        // Day, hour and minute do not depend on one another.
        let matches = |minute: &u32| {
            let civil = monday.checked_add(i64::from(*minute).minutes()).ok();
            civil.is_some_and(|civil| self.cron.is_time_matching(&civil).unwrap_or_default())
        };
        let (of_day, of_hour) = (first % DAY, first % 60);
        let days = (0..7).map(|day| day * DAY).filter(|day| matches(&(day + of_day)));
        let hours = (0..24).map(|hour| hour * 60);
        let hours: Vec<u32> =
            hours.filter(|hour| matches(&(first - of_day + hour + of_hour))).collect();
        let minutes = (0..60).filter(|minute| matches(&(first - of_hour + minute)));
        let minutes: Vec<u32> = minutes.collect();
        let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour + minute));
        let times: Vec<u32> = times.collect();
        Some(days.flat_map(|day| times.iter().map(move |time| day + time)).collect())
    }
}

/// The stretches of the week that are open, from and to; the last one may go
/// over its end.
fn merged(starts: &[u32], minutes: u32) -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> = Vec::new();
    for start in starts {
        match found.last_mut() {
            Some((_, to)) if start <= to => *to = start + minutes,
            _ => found.push((*start, start + minutes)),
        }
    }
    if let (Some((first, early)), Some((_, late))) = (found.first().copied(), found.last().copied())
        && late >= first + WEEK
    {
        if found.len() == 1 {
            return vec![(0, WEEK)];
        }
        found.remove(0);
        if let Some((_, to)) = found.last_mut() {
            *to = late.max(early + WEEK);
        }
    }
    found
}

/// Days and hours in words: `Mon-Fri 10:00-22:00`.
fn describe(stretches: &[(u32, u32)]) -> String {
    if stretches.iter().any(|(from, to)| to - from >= WEEK) {
        return "always".to_owned();
    }
    let mut hours: Vec<((u32, u32), Vec<u32>)> = Vec::new();
    for (from, to) in stretches {
        let (day, key) = (from / DAY, (from % DAY, to - from));
        match hours.iter_mut().find(|(known, _)| *known == key) {
            Some((_, days)) => days.push(day),
            None => hours.push((key, vec![day])),
        }
    }
    let words = hours.iter().map(|((from, length), days)| {
        format!("{} {}-{}", days_in_words(days), clock(*from), end_in_words(*from, *length))
    });
    words.collect::<Vec<_>>().join(", ")
}

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The end as `HH:MM`, with the days that it goes over.
fn end_in_words(from: u32, length: u32) -> String {
    match from + length {
        end @ ..=DAY => clock(end),
        end if length < DAY => clock(end - DAY),
        end => format!("{} {} days later", clock(end % DAY), end / DAY),
    }
}

fn days_in_words(days: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *day => *last = *day,
            _ => runs.push((*day, *day)),
        }
    }
    let name = |day: u32| usize::try_from(day).ok().and_then(|day| NAMES.get(day)).unwrap_or(&"");
    let run = |(first, last): &(u32, u32)| match last - first {
        0 => (*name(*first)).to_owned(),
        _ => format!("{}-{}", name(*first), name(*last)),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::Repeated;

    fn amounts(pattern: &str, duration: &str) -> String {
        let repeated = Repeated::new(pattern, duration.parse().unwrap()).unwrap();
        repeated.amounts_to().map_or("not weekly".to_owned(), |(what, overlaps)| {
            format!("{what}{}", if overlaps { ", overlapping" } else { "" })
        })
    }

    #[test]
    fn what_a_pattern_amounts_to() {
        let all = [
            amounts("0 10-16 * * 1-5", "6h"),
            amounts("0 10 * * 1-5", "6h"),
            amounts("0 22 * * *", "4h"),
            amounts("30 9,14 * * Mon,Wed", "90m"),
            amounts("0 * * * *", "1h"),
            amounts("0 * * * *", "2h"),
            amounts("0 22 * * 5", "2d 12h"),
            amounts("0 22 * * 7", "4h"),
            amounts("0 0 * * 6,0", "24h"),
            amounts("0 10 1 * *", "6h"),
            amounts("0 10 * * 1#1", "6h"),
            amounts("59 23 * * 7", "1h"),
            amounts("0,30 8-9 * * Sun,Tue", "10m"),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        Mon-Fri 10:00-22:00, overlapping
        Mon-Fri 10:00-16:00
        Mon-Sun 22:00-02:00
        Mon,Wed 09:30-11:00, Mon,Wed 14:30-16:00
        always
        always, overlapping
        Fri 22:00-10:00 3 days later
        Sun 22:00-02:00
        Sat 00:00-00:00 2 days later
        not weekly
        not weekly
        Sun 23:59-00:59
        Tue,Sun 08:00-08:10, Tue,Sun 08:30-08:40, Tue,Sun 09:00-09:10, Tue,Sun 09:30-09:40
        ");
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let why = |text: &str| Repeated::new(text, "1h".parse().unwrap()).unwrap_err();
        assert_eq!(why("* * * *"), "it has 4 fields, not five");
        assert_eq!(why("0 0 10 * * 1-5"), "it has 6 fields, not five");
        assert_eq!(why("@daily"), "it has 1 fields, not five");
        for bad in ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *"]
        {
            assert!(!why(bad).is_empty(), "{bad}");
        }
    }
}
