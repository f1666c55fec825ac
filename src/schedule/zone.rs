//! Time zones by their IANA names.

use std::str::FromStr;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// The zones that are built in: what a config means must not depend on the
/// machine that reads it.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Its name, such as `Europe/Berlin`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn time_zone(&self) -> &TimeZone {
        &self.zone
    }

    /// What the clocks on the wall show.
    pub(super) fn civil(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    /// The moments at which the clocks show a time: one, two where they were
    /// set back, none where they were set forward.
    pub(super) fn moments(&self, civil: DateTime) -> impl Iterator<Item = Timestamp> {
        let offsets = match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
            AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
            AmbiguousOffset::Gap { .. } => [None, None],
        };
        offsets.into_iter().flatten().filter_map(move |offset| offset.to_timestamp(civil).ok())
    }

    /// When the clocks are set next.
    pub(super) fn next_set(&self, at: Timestamp) -> Option<Timestamp> {
        self.zone.following(at).next().map(|transition| transition.timestamp())
    }

    /// A moment for people, and so that it can be given to `--at`:
    /// `Mon 2026-11-30 10:00 Europe/Berlin (2026-11-30T09:00:00Z)`.
    pub fn shown(&self, at: Timestamp) -> String {
        let civil = self.civil(at);
        let seconds = if civil.second() == 0 { "" } else { ":%S" };
        let text = civil.strftime(&format!("%a %Y-%m-%d %H:%M{seconds}")).to_string();
        format!("{text} {} ({at})", self.name)
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = |_| "there is no such zone".to_owned();
        let zone = ZONES.get(text).map_err(unknown)?;
        let name = zone.iana_name().unwrap_or(text).to_owned();
        Ok(Self { name, zone })
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn zones_are_known_by_their_names() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        assert_eq!(berlin.name(), "Europe/Berlin");
        let at = "2026-11-30T09:00:00Z".parse().unwrap();
        assert_eq!(berlin.shown(at), "Mon 2026-11-30 10:00 Europe/Berlin (2026-11-30T09:00:00Z)");
        let at = "2026-07-01T09:00:07Z".parse().unwrap();
        assert_eq!(
            berlin.shown(at),
            "Wed 2026-07-01 11:00:07 Europe/Berlin (2026-07-01T09:00:07Z)"
        );
        for unknown in ["Europe/Bärlin", "", "CEST+2", "../etc/passwd", "Local"] {
            assert!(unknown.parse::<Zone>().is_err(), "{unknown}");
        }
    }
}
