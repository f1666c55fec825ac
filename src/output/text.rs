//! Foreign text made safe, and times as people read them.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::model::short_span;

/// Replaces what would move the cursor, colour the screen or turn the reading
/// direction: control characters and bidirectional overrides.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a character is obeyed by a terminal instead of shown.
pub(super) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}' | '\u{feff}')
}

/// Keeps foreign text from being a command to the log reader of a CI service,
/// at the price of a blank. GitHub's runner obeys a line that starts with `::`
/// and what follows `##[` anywhere (its `ActionCommand.cs`), the agent of Azure
/// Pipelines what follows `##vso[` anywhere (its `Command.cs`).
pub fn inert(text: &str) -> String {
    let line = |line: &str| match line.trim_start().strip_prefix("::") {
        Some(rest) => format!(": :{rest}"),
        None => line.to_owned(),
    };
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n").replace("##[", "# #[").replace("##vso[", "# #vso[")
}

/// Digests cut to their first twelve digits, as container tools show them.
pub(super) fn short_digests(text: &str) -> String {
    const SHOWN: usize = 12;
    const LENGTH: usize = 64;
    let mut short = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("sha256:") {
        let (head, tail) = rest.split_at(at + "sha256:".len());
        let digits = tail.bytes().take_while(u8::is_ascii_hexdigit).count();
        let kept = if digits == LENGTH { SHOWN } else { digits };
        short.push_str(head);
        short.push_str(tail.get(..kept).unwrap_or_default());
        rest = tail.get(digits..).unwrap_or_default();
    }
    short + rest
}

/// How long ago, as short as it can be read: `45s`, `12m`, `5h`, `3d`, `2y`.
/// Clocks may differ by some minutes; what is further ahead is said to be.
pub fn ago(seconds: i64) -> String {
    match seconds {
        ..=-600 => "in the future".to_owned(),
        seconds => short_span(seconds),
    }
}

/// The order in which people count: `app-2` before `app-10`.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (mut left, mut right) = (one, other);
    while let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) {
        let (long, wide) = (digits(left), digits(right));
        let numbers = long > 0 && wide > 0;
        let (long, wide) =
            if numbers { (long, wide) } else { (first.len_utf8(), second.len_utf8()) };
        let (head, rest) = left.split_at(long);
        let (their_head, their_rest) = right.split_at(wide);
        let order = if numbers {
            let (head, their_head) =
                (head.trim_start_matches('0'), their_head.trim_start_matches('0'));
            head.len().cmp(&their_head.len()).then_with(|| head.cmp(their_head))
        } else {
            first.cmp(&second)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (rest, their_rest);
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// A time as RFC 3339 in UTC.
pub fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// A time in UTC to the minute: `2026-03-14 09:26`.
pub(super) fn minute(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).map(|time| time.strftime("%Y-%m-%d %H:%M"));
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// Each text on a line of its own.
pub(super) fn lines<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().fold(String::new(), |all, text| all + text.as_ref() + "\n")
}

/// Breaks paragraphs at blanks so that no line is longer than `width`; lines
/// that start with a blank stay as they are.
pub fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut used = 0;
        for word in line.split(' ').filter(|_| !line.starts_with(' ')) {
            if used > 0 && used + 1 + word.len() > width {
                wrapped.push('\n');
                used = 0;
            } else if used > 0 {
                wrapped.push(' ');
                used += 1;
            }
            wrapped.push_str(word);
            used += word.len();
        }
        wrapped.push_str(if line.starts_with(' ') { line } else { "" });
        wrapped.push('\n');
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d");
        assert_eq!(clean("größe"), "größe");
    }

    #[test]
    fn nothing_foreign_commands_a_ci_service() {
        assert_eq!(inert("a\n \t::error::x\nb ::c\n"), "a\n: :error::x\nb ::c\n");
        assert_eq!(inert("a##[x] b##vso[y]###[z]"), "a# #[x] b# #vso[y]## #[z]");
    }

    #[test]
    fn numbers_in_names_are_counted() {
        let mut names = ["app-10", "app-2", "app", "app-1", "app-02", "b", "app-2x"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["app", "app-1", "app-02", "app-2", "app-2x", "app-10", "b"]);
    }

    #[test]
    fn digests_are_cut_and_nothing_else() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(
            short_digests(&format!("v1@{digest} -> v2@{digest}, sha256:12")),
            "v1@sha256:0123456789ab -> v2@sha256:0123456789ab, sha256:12"
        );
        assert_eq!(short_digests("v1"), "v1");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(ago(59), "59s");
        assert_eq!(ago(3 * 3600), "3h");
        assert_eq!(ago(-5), "0s");
        assert_eq!(ago(-600), "in the future");
        assert_eq!(day(0), "1970-01-01T00:00:00Z");
    }
}
