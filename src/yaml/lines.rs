//! Lines of a text: `\n`, `\r\n` and a lone `\r` end one.

use std::ops::Range;

/// A place in a text as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters; a byte order mark does not count.
    pub column: u32,
}

/// Where the lines of a text start.
#[derive(Debug, Clone)]
pub struct Lines {
    starts: Vec<usize>,
    end: usize,
    /// How many characters start before every [`STRIDE`]th byte, so that a
    /// column far inside a line costs no walk from its start.
    characters: Vec<usize>,
}

const STRIDE: usize = 1024;

/// The bytes of a UTF-8 byte order mark.
pub(super) const BOM: &str = "\u{feff}";

impl Lines {
    /// Reads the line breaks of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let first = if bytes.starts_with(BOM.as_bytes()) { BOM.len() } else { 0 };
        let mut starts = vec![first];
        let mut previous = 0;
        for (offset, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if previous == b'\r' => {
                    if let Some(last) = starts.last_mut() {
                        *last = offset + 1;
                    }
                }
                b'\n' | b'\r' => starts.push(offset + 1),
                _ => {}
            }
            previous = *byte;
        }
        let mut characters = vec![0];
        for chunk in bytes.chunks(STRIDE) {
            let before = characters.last().copied().unwrap_or_default();
            characters.push(before + count_characters(chunk));
        }
        Self { starts, end: bytes.len(), characters }
    }

    /// How many lines there are; a text that ends in a line break has an empty one at its end.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The 0-based index of the line that holds `offset`.
    pub fn index(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Where the 0-based line starts; the end of the text for a line beyond it.
    pub fn start(&self, index: usize) -> usize {
        self.starts.get(index).copied().unwrap_or(self.end)
    }

    /// The bytes of the 0-based line, its line break included.
    pub fn range(&self, index: usize) -> Range<usize> {
        self.start(index)..self.start(index + 1)
    }

    /// Where the line of `offset` starts.
    pub fn start_of(&self, offset: usize) -> usize {
        self.start(self.index(offset))
    }

    fn characters_before(&self, bytes: &[u8], offset: usize) -> usize {
        let chunk = offset / STRIDE;
        let known = self.characters.get(chunk).copied().unwrap_or_default();
        known + count_characters(bytes.get(chunk * STRIDE..offset).unwrap_or_default())
    }

    /// Line and column of `offset` in `text`, which these are the lines of.
    pub fn position(&self, bytes: &[u8], offset: usize) -> Position {
        let index = self.index(offset);
        let before = self.characters_before(bytes, self.start(index));
        let characters = self.characters_before(bytes, offset).saturating_sub(before);
        Position { line: to_u32(index + 1), column: to_u32(characters + 1) }
    }
}

/// How many characters start in these bytes.
fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

pub(super) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_line_breaks_end_a_line() {
        let text = "a\r\nb\rc\nd";
        let lines = Lines::new(text.as_bytes());
        assert_eq!(lines.count(), 4);
        assert_eq!(lines.range(0), 0..3);
        assert_eq!(lines.range(1), 3..5);
        assert_eq!(lines.range(2), 5..7);
        assert_eq!(lines.range(3), 7..8);
    }

    #[test]
    fn columns_are_characters_and_a_byte_order_mark_is_none() {
        let text = "\u{feff}\u{e4}b\n";
        let lines = Lines::new(text.as_bytes());
        assert_eq!(lines.position(text.as_bytes(), 5), Position { line: 1, column: 2 });
        assert_eq!(lines.position(text.as_bytes(), 3), Position { line: 1, column: 1 });
        let long = format!("a\n{}x", "\u{e4}".repeat(3000));
        let lines = Lines::new(long.as_bytes());
        assert_eq!(lines.position(long.as_bytes(), 6002), Position { line: 2, column: 3001 });
    }
}
