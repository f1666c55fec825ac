//! Which values may stand without quotes.

/// Words that some reader takes for a boolean or null.
const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"];

/// Whether no reader takes `value`, written without quotes, for anything but
/// this string: neither YAML 1.1 (`go-yaml`, `PyYAML`) nor the core schema of 1.2.
pub fn plain_is_safe(value: &str) -> bool {
    let head = value.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let body = |b: u8| b.is_ascii_alphanumeric() || b"._/:@+-".contains(&b);
    if !head || !value.bytes().all(|b| body(b) || b == b'_') || value.ends_with(':') {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    if WORDS.contains(&lower.as_str()) {
        return false;
    }
    if !lower.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let bare = lower.replace('_', "");
    !(is_radix(&bare) || is_number(&bare) || is_sexagesimal(&bare) || is_date(&lower))
}

fn is_radix(text: &str) -> bool {
    ["0x", "0o", "0b"].iter().any(|prefix| text.starts_with(prefix))
}

/// The rest of `text` behind its leading digits.
fn skip_digits(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
}

/// `\d+(\.\d*)?(e[+-]?\d+)?`, so octal and exponent forms too.
fn is_number(text: &str) -> bool {
    let mut rest = skip_digits(text);
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = skip_digits(fraction);
    }
    let Some(exponent) = rest.strip_prefix('e') else { return rest.is_empty() };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !digits.is_empty() && skip_digits(digits).is_empty()
}

/// `\d+:[\d:.]*`
fn is_sexagesimal(text: &str) -> bool {
    let rest = skip_digits(text).strip_prefix(':');
    rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.'))
}

/// `\d{4}-\d{1,2}-\d{1,2}`, alone or followed by `t`.
fn is_date(text: &str) -> bool {
    let take = |text: &mut &str, lengths: std::ops::RangeInclusive<usize>| {
        let rest = skip_digits(text);
        let fits = lengths.contains(&(text.len() - rest.len()));
        *text = rest;
        fits
    };
    let mut rest = text;
    let year = take(&mut rest, 4..=4);
    let Some(mut rest) = rest.strip_prefix('-') else { return false };
    let month = take(&mut rest, 1..=2);
    let Some(mut rest) = rest.strip_prefix('-') else { return false };
    let day = take(&mut rest, 1..=2);
    year && month && day && (rest.is_empty() || rest.starts_with('t'))
}

#[cfg(test)]
mod tests {
    use super::plain_is_safe;

    #[test]
    fn what_any_reader_takes_for_something_else_needs_quotes() {
        for bad in [
            "1.10",
            "0123",
            "706798e8",
            "123e4567",
            "on",
            "ON",
            "2024-01-02",
            "0_o5",
            "1_0",
            "1.",
            "0x1f",
            "0b01",
            "12:30",
            "1:20:30.5",
            "2024-1-2t10:00:00",
            "y",
            "No",
            "null",
            "",
            "-a",
            ".5",
            "a b",
            "a:",
            "a#b",
            "1e5",
            "1e+5",
            "2024-01-02T1",
            "1.5e3",
            "12:",
        ] {
            assert!(!plain_is_safe(bad), "{bad}");
        }
    }

    #[test]
    fn no_needless_quotes() {
        for good in [
            "1.10.0",
            "sha-7b45dd5",
            "v1",
            "2024-01-02-1",
            "1e",
            "12a",
            "7b45dd5",
            "20240102-abc",
            "registry.example:5000/a/b:1.2",
            "10.0.0.1:5000/web:v1",
            "_x",
            "nope",
            "2024-001-02",
            "1.2-3",
            "123e",
            "1e5a",
        ] {
            assert!(plain_is_safe(good), "{good}");
        }
    }
}
