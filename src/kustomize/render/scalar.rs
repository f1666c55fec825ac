//! What a plain scalar is to go-yaml: version 2 reads kustomizations, version
//! 3 reads resources. Where they differ it counts as [`Form::Other`].

use super::value::Form;

const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

const WORDS: [&str; 12] =
    ["true", "false", "y", "yes", "n", "no", "on", "off", ".nan", ".inf", "+.inf", "-.inf"];

/// The form of a scalar without quotes.
pub(super) fn plain(text: &str) -> Form {
    if NULLS.contains(&text) {
        return Form::Null;
    }
    if text == "<<" || text == "=" || WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Form::Other;
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Form::Text;
    }
    if is_number(&text.replace('_', "").to_ascii_lowercase()) {
        Form::Other
    } else if is_date(text) {
        Form::Date
    } else {
        Form::Text
    }
}

/// Whether YAML 1.1 takes it for a boolean and go-yaml 3, which reads
/// resources, for text.
pub(super) fn was_boolean(text: &str) -> bool {
    ["y", "yes", "n", "no", "on", "off"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn digits(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
}

/// Whether some reader takes it for a number; `_` removed, in lower case.
fn is_number(text: &str) -> bool {
    let bare = text.trim_start_matches(['+', '-']);
    if ["0x", "0o", "0b"].iter().any(|radix| bare.starts_with(radix)) {
        return true;
    }
    let mut rest = digits(bare);
    let mut any = rest.len() < bare.len();
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = digits(fraction);
        any |= rest.len() < fraction.len();
    }
    if let Some(exponent) = rest.strip_prefix('e') {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        rest = digits(unsigned);
        any &= rest.len() < unsigned.len();
    }
    any && rest.is_empty()
}

/// Whether it starts like a time: `2024-01-02`.
fn is_date(text: &str) -> bool {
    let Some(rest) = digits(text).strip_prefix('-') else { return false };
    let Some(rest) = digits(rest).strip_prefix('-') else { return false };
    let tail = digits(rest);
    tail.len() < rest.len() && (tail.is_empty() || tail.starts_with(['T', 't', ' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_form_go_yaml_gives_them() {
        for text in ["~", "", "null"] {
            assert_eq!(plain(text), Form::Null, "{text}");
        }
        for text in ["1", "1.10", "-1", "+.5", "1e3", "0x1F", "0o7", "1_000", "yes", "Off", "1."] {
            assert_eq!(plain(text), Form::Other, "{text}");
        }
        assert_eq!(plain("2024-01-02"), Form::Date);
        for text in ["v1", "1.10.0", "../base", "./x", "-", ".", "12:30", "a", "sha256:1", "1e"] {
            assert_eq!(plain(text), Form::Text, "{text}");
        }
    }
}
