//! Spans of time as a config writes them: `24h`, `90m`, `1d 12h`.

use std::fmt;
use std::str::FromStr;

use jiff::SpanRelativeTo;

/// The longest span that is taken: ten years. Whoever waits longer has made a
/// slip.
const MOST: i64 = 10 * 366 * 86_400;

/// A span of time in whole seconds, more than none. A day has 24 hours, also
/// where the clocks change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// How many seconds it has.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span: jiff::Span = text.parse().map_err(|_| "it is no span of time".to_owned())?;
        let duration = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| "months and years have no fixed length".to_owned())?;
        match duration.as_secs() {
            _ if duration.subsec_nanos() != 0 => Err("it has parts of a second".to_owned()),
            ..=0 => Err("it is not more than nothing".to_owned()),
            seconds if seconds > MOST => Err("it is longer than ten years".to_owned()),
            seconds => Ok(Self(seconds)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.0 / 3_600, 'h'), (self.0 / 60 % 60, 'm'), (self.0 % 60, 's')];
        let mut between = "";
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{between}{number}{unit}")?;
            between = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn spans_are_written_as_people_say_them() {
        for (text, shown) in [
            ("24h", "24h"),
            ("90m", "1h 30m"),
            ("1d 12h", "36h"),
            ("1d12h", "36h"),
            ("2 weeks", "336h"),
            ("45s", "45s"),
            ("1h 1s", "1h 1s"),
            ("PT2H", "2h"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(span), "{shown} reads back");
        }
    }

    #[test]
    fn what_is_no_span_says_why() {
        let why = |text: &str| text.parse::<Span>().unwrap_err();
        assert_eq!(why("24"), "it is no span of time");
        assert_eq!(why("a while"), "it is no span of time");
        assert_eq!(why(""), "it is no span of time");
        assert_eq!(why("0h"), "it is not more than nothing");
        assert_eq!(why("-1h"), "it is not more than nothing");
        assert_eq!(why("1h ago"), "it is not more than nothing");
        assert_eq!(why("1.5s"), "it has parts of a second");
        assert_eq!(why("1 month"), "months and years have no fixed length");
        assert_eq!(why("20000 days"), "it is longer than ten years");
    }
}
