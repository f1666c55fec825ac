//! Spans of the calendar, so that no plot has more of them than can be read.

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

const DAY: i64 = 86_400;

/// How long each span is. Days, weeks and months are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
}

impl Grain {
    /// The finest one that makes no more than about thirty spans of a time.
    pub fn of(seconds: i64) -> Self {
        match seconds / DAY {
            ..=28 => Self::Day,
            29..=203 => Self::Week,
            204..=900 => Self::Month,
            901..=2_700 => Self::Quarter,
            _ => Self::Year,
        }
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    fn step(self) -> Span {
        match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Quarter => 3.months(),
            Self::Year => 1.year(),
        }
    }

    fn start(self, day: Date) -> Date {
        let first_of = |month: i8| date(day.year(), month, 1);
        match self {
            Self::Day => day,
            Self::Week => {
                let back = day.weekday().since(Weekday::Monday);
                day.checked_sub(i64::from(back).days()).unwrap_or(day)
            }
            Self::Month => first_of(day.month()),
            Self::Quarter => first_of((day.month() - 1) / 3 * 3 + 1),
            Self::Year => first_of(1),
        }
    }

    fn label(self, day: Date) -> String {
        match self {
            Self::Day | Self::Week => day.to_string(),
            Self::Month => format!("{:04}-{:02}", day.year(), day.month()),
            Self::Quarter => format!("{:04} Q{}", day.year(), (day.month() + 2) / 3),
            Self::Year => format!("{:04}", day.year()),
        }
    }
}

/// One span of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// What it is called: its first day, or its month, quarter or year.
    pub label: String,
    /// Its first second since the epoch.
    pub from: i64,
    /// The first second behind it.
    pub until: i64,
}

/// The spans from one time to another, both included, the oldest first.
pub fn periods(from: i64, until: i64) -> (Grain, Vec<Period>) {
    let grain = Grain::of(until - from);
    let start = |day: Date| day.to_zoned(TimeZone::UTC).map(|day| day.timestamp().as_second());
    let mut day = grain.start(date_of(from));
    let mut found = Vec::new();
    while let (Ok(begin), Ok(next)) = (start(day), day.checked_add(grain.step())) {
        let Ok(end) = start(next) else { break };
        if begin > until {
            break;
        }
        found.push(Period { label: grain.label(day), from: begin, until: end });
        day = next;
    }
    (grain, found)
}

fn date_of(seconds: i64) -> Date {
    Timestamp::from_second(seconds).unwrap_or_default().to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from: &str, until: &str) -> Vec<String> {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let (_, periods) = periods(at(from), at(until));
        for pair in periods.windows(2) {
            assert_eq!(pair[0].until, pair[1].from);
        }
        periods.into_iter().map(|period| period.label).collect()
    }

    #[test]
    fn spans_follow_one_another_and_are_few() {
        assert_eq!(
            labels("2026-02-27T23:59:59Z", "2026-03-01T00:00:00Z"),
            ["2026-02-27", "2026-02-28", "2026-03-01"]
        );
        // A Wednesday lies in the week of its Monday.
        let weeks = labels("2026-01-07T12:00:00Z", "2026-03-01T00:00:00Z");
        assert_eq!(weeks.first().unwrap(), "2026-01-05");
        assert_eq!(weeks.last().unwrap(), "2026-02-23");
        let months = labels("2024-12-31T00:00:00Z", "2026-01-01T00:00:00Z");
        assert_eq!((months.len(), months[0].as_str()), (14, "2024-12"));
        let quarters = labels("2021-05-01T00:00:00Z", "2026-01-01T00:00:00Z");
        assert_eq!((quarters.len(), quarters[0].as_str()), (20, "2021 Q2"));
        assert_eq!(labels("2014-05-01T00:00:00Z", "2026-01-01T00:00:00Z").len(), 13);
        for days in [0, 28, 29, 203, 204, 900, 901, 2_700, 2_701] {
            let count = periods(0, days * DAY).1.len();
            assert!((1..=32).contains(&count), "{days} days make {count} spans");
        }
    }
}
