//! Spans of time as people read them.

/// A span as short as it can be read: `45s`, `12m`, `5h`, `3d`, `2y`. Less than
/// nothing is nothing.
pub fn short_span(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..=119 => format!("{s}s"),
        s @ 120..=7_199 => format!("{}m", s / 60),
        s @ 7_200..=172_799 => format!("{}h", s / 3_600),
        s @ 172_800..=63_071_999 => format!("{}d", s / 86_400),
        s => format!("{}y", s / 31_536_000),
    }
}
