//! Regular expressions that mean the same to Go and to Rust.

use regex::{Regex, RegexBuilder};

/// Go's expression `before` + `pattern` + `behind`; `None` where it is no
/// valid one or might mean something else here.
pub(super) fn compile(before: &str, pattern: &str, behind: &str) -> Option<Regex> {
    if !is_common(pattern) {
        return None;
    }
    let whole = format!("{before}{pattern}{behind}");
    RegexBuilder::new(&whole).size_limit(1 << 20).unicode(true).build().ok()
}

/// Whether both readers agree on it: letters, digits and the plain operators.
fn is_common(pattern: &str) -> bool {
    let mut rest = pattern;
    let mut repeated = false;
    let mut open = 0_u32;
    // An operator needs something to repeat.
    let mut operand = false;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        let (next, is_repeat, is_operand) = match c {
            '\\' => match tail.chars().next() {
                Some(escaped) if escaped.is_ascii_punctuation() => {
                    (tail.get(1..).unwrap_or_default(), false, true)
                }
                _ => return false,
            },
            '[' => match class(tail) {
                Some(next) => (next, false, true),
                None => return false,
            },
            '*' | '+' | '?' if operand && !repeated => (tail, true, true),
            '(' => {
                open += 1;
                let inside = tail.strip_prefix("?:").unwrap_or(tail);
                (inside, false, false)
            }
            ')' if open > 0 => {
                open -= 1;
                (tail, false, true)
            }
            '|' | '^' | '$' => (tail, false, false),
            '.' => (tail, false, true),
            c if c.is_ascii_alphanumeric() || "_/:@-, =~#%&;<>!\"'`".contains(c) => {
                (tail, false, true)
            }
            _ => return false,
        };
        repeated = is_repeat;
        operand = is_operand;
        rest = next;
    }
    open == 0
}

/// What follows a simple character class whose `[` has been passed.
fn class(text: &str) -> Option<&str> {
    let (inside, rest) = text.split_once(']')?;
    let inside = inside.strip_prefix('^').unwrap_or(inside);
    let simple = |c: char| c.is_ascii_alphanumeric() || "_./:@-".contains(c);
    let fits = !inside.is_empty()
        && inside.chars().all(simple)
        && !inside.contains("--")
        && !inside.contains("..");
    fits.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_readers_agree_on_compiles() {
        for good in ["ghcr.io/a/b", "a|b", ".*", "(a|b)+", "[a-z]+", "a\\.b", "", "(?:x)?", "^a$"] {
            assert!(compile("^", good, "$").is_some(), "{good}");
        }
        for bad in ["(", "a**", "*", "a{2}", "\\d", "(?i)a", "[[:alpha:]]", "\u{e4}", "a)", "^*"] {
            assert!(compile("^", bad, "$").is_none(), "{bad}");
        }
    }
}
