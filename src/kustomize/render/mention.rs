//! Words of a text that may name files.

use std::collections::BTreeSet;

/// The words that have a dot or a slash in them, each once.
pub(super) fn words(text: &str) -> BTreeSet<&str> {
    let ends = |c: char| c.is_whitespace() || "'\"=,[]{}();|&<>`$:".contains(c);
    text.split(ends).filter(|word| word.contains(['.', '/'])).collect()
}
