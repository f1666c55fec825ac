//! Times that a config speaks of: how long, and when.
//!
//! Nothing here asks the clock; the time to judge at is always passed in.

mod calendar;
mod days;
mod freeze;
mod repeated;
mod span;
mod zone;

pub use calendar::{Calendar, Shut, Standing, Times, Window};
pub use days::{Days, WEEK, meet, minus};
pub use freeze::Freeze;
pub use repeated::Repeated;
pub use span::Span;
pub use zone::Zone;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A moment as a finding shows it, so that it can be given to `--at`:
/// `2026-11-28T06:33:11Z`. `None` for seconds that no calendar has.
pub fn shown(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// What somebody writes for a moment: a time with its offset, or a day in UTC,
/// which begins at the first of the two and is over at the second.
pub fn moment(text: &str) -> Option<(i64, i64)> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some((time.as_second(), time.as_second()));
    }
    let day = (text.len() == "2026-12-31".len()).then(|| text.parse::<Date>().ok())??;
    let first = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second());
    Some((first(day)?, first(day.tomorrow().ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_day_stands_for_all_of_it() {
        let noon = 1_795_780_800;
        assert_eq!(moment("2026-11-27T13:00:00+01:00"), Some((noon, noon)));
        assert_eq!(moment("2026-11-27"), Some((noon - 43_200, noon + 43_200)));
        for no in ["2026-11-27T12:00:00", "2026-11-31", "20261127", "tomorrow", "9999-12-31"] {
            assert_eq!(moment(no), None, "{no}");
        }
    }
}
