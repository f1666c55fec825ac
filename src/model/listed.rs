//! Lists of names in a message, which stay short however many names there are.

use std::fmt::Display;

/// More names than this are counted.
const MOST: usize = 10;

/// The names with commas between them, at most ten: `a, b and 3 more`.
pub fn listed<T: Display>(names: &[T]) -> String {
    let shown: Vec<String> = names.iter().take(MOST).map(ToString::to_string).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn ten_are_named_and_the_rest_counted() {
        let names: Vec<u8> = (1..=12).collect();
        assert_eq!(listed(&names), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed::<u8>(&[]), "");
    }
}
