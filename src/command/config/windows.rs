//! What windows and freezes amount to, for who has written them.

use jiff::Timestamp;

use crate::config::Config;
use crate::model::EnvironmentName;
use crate::schedule::{Calendar, Standing, Times};

/// A line for each environment that has a calendar, and what is odd about it.
pub(super) fn told(config: &Config, now: i64) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut warnings) = (Vec::new(), Vec::new());
    let Ok(now) = Timestamp::from_second(now) else { return (lines, warnings) };
    for environment in config.pipeline.environments() {
        let calendar = config.calendar(&environment.name);
        if !calendar.is_empty() {
            lines.push(line(&environment.name, &calendar, now));
            warnings.extend(odd(&environment.name, &calendar, now));
        }
    }
    (lines, warnings)
}

fn line(name: &EnvironmentName, calendar: &Calendar<'_>, now: Timestamp) -> String {
    let words = calendar.windows.iter().map(|window| {
        let zone = window.zone.name();
        match &window.times {
            Times::Allow(days) => format!("{days} {zone}"),
            Times::Deny(days) => format!("not {days} {zone}"),
            Times::Cron(repeated) => match repeated.amounts_to() {
                Some((what, _)) => format!("{what} {zone}"),
                None => window.to_string(),
            },
        }
    });
    let words: Vec<String> = words.collect();
    let open = if words.is_empty() { "always".to_owned() } else { words.join("; ") };
    let shown = |at: Timestamp| calendar.zone().map_or(at.to_string(), |zone| zone.shown(at));
    let now = match calendar.at(now) {
        Standing::Open { until: Some(until) } => format!("open until {}", shown(until)),
        Standing::Open { until: None } => "open".to_owned(),
        Standing::Shut { opens: Some(opens), .. } => format!("opens at {}", shown(opens)),
        Standing::Shut { opens: None, .. } => "does not open again".to_owned(),
    };
    format!("{name}: open {open}; now {now}\n")
}

/// Patterns that open again while they are still open, and freezes that are
/// over.
fn odd(name: &EnvironmentName, calendar: &Calendar<'_>, now: Timestamp) -> Vec<String> {
    let mut found = Vec::new();
    for window in calendar.windows {
        let Times::Cron(repeated) = &window.times else { continue };
        if let Some((what, true)) = repeated.amounts_to() {
            found.push(format!(
                "{name}: `{repeated}` opens again before its {} are over: that is {what}",
                repeated.duration
            ));
        }
    }
    let [own, _] = calendar.freezes;
    for freeze in own.iter().filter(|freeze| freeze.is_over(now)) {
        found.push(format!("{name}: the freeze of {} to {} is over", freeze.from, freeze.to));
    }
    found
}
