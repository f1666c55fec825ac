//! Dates as git reads them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The seconds since the epoch that `text` means: `2026-03-14` (midnight in
/// UTC), `2 weeks ago`, `yesterday`, RFC 3339 and 2822, `@SECONDS`, or as short
/// as the ages that are shown: `12h`, `3d`, `2w`.
pub fn parse_date(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    if let Some(seconds) = short(text) {
        return Some(now.saturating_sub(seconds));
    }
    let zoned = Timestamp::from_second(now).ok()?.to_zoned(TimeZone::UTC);
    // `2.weeks.ago` is what one writes where a blank would have to be quoted.
    let dotted = text.contains(|c: char| c.is_ascii_alphabetic()) && !text.contains([':', ' ']);
    let text = if dotted { text.replace('.', " ") } else { text.to_owned() };
    let with_ago = format!("{text} ago");
    let parsed = gix::date::parse(&text, Some(zoned.clone()));
    let parsed = parsed.or_else(|_| gix::date::parse(&with_ago, Some(zoned)));
    parsed.ok().map(|time| time.seconds)
}

/// `12h`, `3d`, `2w`, `1y`.
fn short(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "y" => 365 * 86_400,
        _ => return None,
    };
    number.parse::<u32>().ok().map(|number| i64::from(number) * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        const NOW: i64 = 1_700_000_000;
        let ago = |text: &str| parse_date(text, NOW).map(|seconds| NOW - seconds);
        assert_eq!(ago("3d"), Some(3 * 86_400));
        assert_eq!(ago("2 weeks ago"), Some(14 * 86_400));
        assert_eq!(ago("2.weeks.ago"), Some(14 * 86_400));
        assert_eq!(ago("2 weeks"), Some(14 * 86_400));
        assert_eq!(parse_date("2023-11-14", NOW), Some(1_699_920_000));
        assert_eq!(parse_date("2023-11-14T00:00:00Z", NOW), Some(1_699_920_000));
        assert_eq!(parse_date("@1699920000", NOW), Some(1_699_920_000));
        assert_eq!(parse_date("soon", NOW), None);
        assert_eq!(parse_date("", NOW), None);
        assert_eq!(parse_date("ä", NOW), None);
    }
}
