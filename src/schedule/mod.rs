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
pub use days::{Days, meet};
pub use freeze::Freeze;
pub use repeated::Repeated;
pub use span::Span;
pub use zone::Zone;

/// A moment as a finding shows it, so that it can be given to `--at`:
/// `2026-11-28T06:33:11Z`. `None` for seconds that no calendar has.
pub fn shown(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
