//! `windows` and `freezes`: read and written.

use std::fmt::{self, Write};

use jiff::Timestamp;
use jiff::civil::Date;
use toml::Spanned;

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar::printable;
use super::guards::{bad, span};
use super::raw::{RawEnvironment, Text};
use super::raw_times::{RawFreeze, RawWindow};
use super::write::string;
use crate::schedule::{Calendar, Freeze, Repeated, Times, Window, Zone, meet};

/// The most windows of an environment, and the most freezes of a list.
const MOST: usize = 200;

/// 2024-01-01, from which on it is asked whether windows open at all. Fixed, so
/// that a config is valid or not whenever it is read.
const REFERENCE: i64 = 1_704_067_200;

/// Reads the windows of an environment.
pub(super) fn windows(
    source: Source<'_>,
    raw: &RawEnvironment,
) -> Result<Vec<Window>, ConfigError> {
    let Some(list) = &raw.windows else { return Ok(Vec::new()) };
    let fail = |problem| Err(source.at(list.span(), problem));
    if list.get_ref().is_empty() {
        return fail(Problem::EmptyList("windows"));
    }
    if list.get_ref().len() > MOST {
        return fail(Problem::TooMany { list: "windows", most: MOST });
    }
    let mut windows: Vec<Window> = Vec::new();
    let mut stretches: Vec<Option<Vec<(u32, u32)>>> = Vec::new();
    for one in list.get_ref() {
        let window = window(source, one)?;
        let own = of_week(&window.times);
        let mut before = windows.iter().zip(&stretches);
        let first = before.find(|(other, of)| overlap((other, of), (&window, &own)));
        if let Some((first, _)) = first {
            let (first, second) = (first.to_string(), window.to_string());
            return Err(source.at(one.span(), Problem::Overlap { first, second }));
        }
        windows.push(window);
        stretches.push(own);
    }
    let calendar = Calendar { windows: &windows, freezes: [&[], &[]] };
    let reference = Timestamp::from_second(REFERENCE).unwrap_or_default();
    if calendar.opens(reference).is_none() {
        return fail(Problem::NeverOpens(printable(raw.name.get_ref())));
    }
    Ok(windows)
}

/// The minutes of the week that they have; `None` where not every week is alike.
pub(super) fn of_week(times: &Times) -> Option<Vec<(u32, u32)>> {
    match times {
        Times::Allow(days) | Times::Deny(days) => Some(days.of_week()),
        Times::Cron(repeated) => repeated.of_week(),
    }
}

/// A window with the minutes of the week that it has.
type Weekly<'w> = (&'w Window, &'w Option<Vec<(u32, u32)>>);

/// Whether two windows of one zone and kind have a time in common. Between
/// zones that is ordinary: the working hours of two offices. Of patterns by the
/// day of the month only the same twice is known for it.
fn overlap((one, ours): Weekly<'_>, (two, theirs): Weekly<'_>) -> bool {
    let denies = |window: &Window| matches!(window.times, Times::Deny(_));
    if one.zone != two.zone || denies(one) != denies(two) {
        return false;
    }
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => meet(ours, theirs),
        _ => one.times == two.times,
    }
}

fn window(source: Source<'_>, raw: &Spanned<RawWindow>) -> Result<Window, ConfigError> {
    let at = raw.span();
    let raw = raw.get_ref();
    let days = |text: &Text| {
        let days = text.get_ref().parse();
        days.map_err(|reason: String| bad(source, (text, Kind::Days), reason))
    };
    let times = match (&raw.allow, &raw.deny, &raw.cron) {
        (Some(_), None, None) | (None, Some(_), None) if raw.duration.is_some() => {
            return Err(source.at(at, Problem::Duration));
        }
        (Some(allow), None, None) => Times::Allow(days(allow)?),
        (None, Some(deny), None) => Times::Deny(days(deny)?),
        (None, None, Some(cron)) => {
            let duration = raw.duration.as_ref().ok_or_else(|| source.at(at, Problem::Duration))?;
            let repeated = Repeated::new(cron.get_ref(), span(source, duration)?);
            Times::Cron(repeated.map_err(|reason| bad(source, (cron, Kind::Cron), reason))?)
        }
        _ => return Err(source.at(at, Problem::NotOneTime)),
    };
    Ok(Window { times, zone: zone(source, &raw.timezone)? })
}

fn zone(source: Source<'_>, text: &Text) -> Result<Zone, ConfigError> {
    text.get_ref().parse().map_err(|reason: String| bad(source, (text, Kind::Zone), reason))
}

/// Reads freezes.
pub(super) fn freezes(
    source: Source<'_>,
    raw: &[Spanned<RawFreeze>],
) -> Result<Vec<Freeze>, ConfigError> {
    if let Some(beyond) = raw.get(MOST) {
        return Err(source.at(beyond.span(), Problem::TooMany { list: "freezes", most: MOST }));
    }
    raw.iter().map(|one| freeze(source, one)).collect()
}

fn freeze(source: Source<'_>, raw: &Spanned<RawFreeze>) -> Result<Freeze, ConfigError> {
    let at = raw.span();
    let raw = raw.get_ref();
    let (from, to) = (date(source, &raw.from)?, date(source, &raw.to)?);
    if to < from {
        let (from, to) = (from.to_string(), to.to_string());
        return Err(source.at(at, Problem::Backwards { from, to }));
    }
    let reason = raw.reason.as_ref().map(|text| printable(text.get_ref()));
    let reason = reason.filter(|text| !text.trim().is_empty());
    Ok(Freeze { from, to, zone: zone(source, &raw.timezone)?, reason })
}

fn date(source: Source<'_>, text: &Text) -> Result<Date, ConfigError> {
    let plain = text.get_ref().len() == 10;
    let date = text.get_ref().parse::<Date>().ok().filter(|_| plain);
    date.ok_or_else(|| bad(source, (text, Kind::Date), "there is no such day"))
}

/// Writes the windows of an environment.
pub(super) fn write_windows(text: &mut String, windows: &[Window]) -> fmt::Result {
    if windows.is_empty() {
        return Ok(());
    }
    text.push_str("windows = [\n");
    for window in windows {
        let times = match &window.times {
            Times::Allow(days) => format!("allow = {}", string(&days.to_string())),
            Times::Deny(days) => format!("deny = {}", string(&days.to_string())),
            Times::Cron(repeated) => {
                let (cron, duration) = (repeated.to_string(), repeated.duration.to_string());
                format!("cron = {}, duration = {}", string(&cron), string(&duration))
            }
        };
        writeln!(text, "    {{ {times}, timezone = {} }},", string(window.zone.name()))?;
    }
    text.push_str("]\n");
    Ok(())
}

/// Writes freezes.
pub(super) fn write_freezes(text: &mut String, freezes: &[Freeze]) -> fmt::Result {
    if freezes.is_empty() {
        return Ok(());
    }
    text.push_str("freezes = [\n");
    for freeze in freezes {
        let zone = string(freeze.zone.name());
        write!(
            text,
            "    {{ from = \"{}\", to = \"{}\", timezone = {zone}",
            freeze.from, freeze.to
        )?;
        if let Some(reason) = &freeze.reason {
            write!(text, ", reason = {}", string(reason))?;
        }
        text.push_str(" },\n");
    }
    text.push_str("]\n");
    Ok(())
}
