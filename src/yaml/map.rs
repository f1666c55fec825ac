//! From the characters of a scalar's value back to the bytes they came from.

use std::ops::Range;

use super::node::{Scalar, Style};
use super::{NodeId, Stream};

/// For every character of a value the bytes that stand for it.
#[derive(Debug, Clone)]
pub struct SourceMap {
    style: Style,
    /// Offset in the value, and the bytes of the file.
    characters: Vec<(usize, Range<usize>)>,
    length: usize,
    end: usize,
}

impl SourceMap {
    /// The map of the scalar at `id`; `None` where value and text do not fit together.
    pub fn new(stream: &Stream, id: NodeId) -> Option<Self> {
        let scalar = stream.scalar(id)?;
        let node = stream.node(id)?;
        let inside = match (&scalar.block, scalar.style) {
            (Some(block), _) => block.content.clone(),
            (None, Style::SingleQuoted | Style::DoubleQuoted) => {
                node.span.start + 1..node.span.end - 1
            }
            (None, _) => node.span.clone(),
        };
        let indent = scalar.block.as_ref().map_or(usize::MAX, |block| block.indent);
        let text = stream.text().get(..inside.end)?;
        let mut walk = Walk { text, at: inside.start, indent, style: scalar.style };
        let characters = walk.all(scalar)?;
        Some(Self { style: scalar.style, characters, length: scalar.value.len(), end: walk.at })
    }

    /// The bytes that stand for a part of the value.
    pub fn range(&self, part: Range<usize>) -> Option<Range<usize>> {
        let start = self.start(part.start)?;
        if part.is_empty() {
            return Some(start..start);
        }
        let last = self.characters.partition_point(|(offset, _)| *offset < part.end);
        let (_, bytes) = self.characters.get(last.checked_sub(1)?)?;
        Some(start..bytes.end)
    }

    /// Where the character at `offset` of the value starts in the file.
    fn start(&self, offset: usize) -> Option<usize> {
        if offset == self.length {
            return Some(self.end);
        }
        let index = self.characters.binary_search_by_key(&offset, |(at, _)| *at).ok()?;
        self.characters.get(index).map(|(_, bytes)| bytes.start)
    }

    /// `text` as it must be written inside this scalar.
    pub fn encode(&self, text: &str) -> String {
        match self.style {
            Style::SingleQuoted => text.replace('\'', "''"),
            Style::DoubleQuoted => text.replace('\\', "\\\\").replace('"', "\\\""),
            _ => text.to_owned(),
        }
    }
}

struct Walk<'t> {
    text: &'t str,
    at: usize,
    indent: usize,
    style: Style,
}

impl Walk<'_> {
    fn all(&mut self, scalar: &Scalar) -> Option<Vec<(usize, Range<usize>)>> {
        let mut characters = Vec::with_capacity(scalar.value.len());
        if scalar.block.is_some() {
            self.skip_indent();
        }
        let mut breaks = 0_usize;
        for (offset, wanted) in scalar.value.char_indices() {
            self.skip_continuations();
            let start = self.at;
            if breaks > 0 && wanted == '\n' {
                breaks -= 1;
                characters.push((offset, start..start));
                continue;
            }
            breaks = 0;
            if self.at_break(wanted) {
                let folded = self.skip_breaks(scalar.style);
                breaks = if wanted == '\n' { folded.saturating_sub(1) } else { 0 };
            } else if self.at < self.text.len() {
                self.one(wanted)?;
            } else if wanted != '\n' {
                return None;
            }
            characters.push((offset, start..self.at));
        }
        Some(characters)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Whether a line break, with blanks before it where they fold away,
    /// stands for `wanted`.
    fn at_break(&self, wanted: char) -> bool {
        if wanted != ' ' && wanted != '\n' {
            return false;
        }
        let rest = match self.style {
            Style::Literal | Style::Folded => self.rest(),
            _ => self.rest().trim_start_matches([' ', '\t']),
        };
        rest.starts_with(['\n', '\r'])
    }

    /// Passes escaped line breaks, which stand for nothing.
    fn skip_continuations(&mut self) {
        let escaped = |rest: &str| rest.starts_with("\\\n") || rest.starts_with("\\\r");
        while self.style == Style::DoubleQuoted && escaped(self.rest()) {
            let length = if self.rest().starts_with("\\\r\n") { 3 } else { 2 };
            self.at += length;
            self.skip_indent();
        }
    }

    /// Passes line breaks: one in a literal, else all that fold together.
    fn skip_breaks(&mut self, style: Style) -> usize {
        let mut passed = 0;
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            let rest = rest.get(blanks..).unwrap_or_default();
            let length = if rest.starts_with("\r\n") { 2 } else { 1 };
            if !rest.starts_with(['\n', '\r']) {
                break;
            }
            self.at += blanks + length;
            passed += 1;
            if style == Style::Literal {
                break;
            }
        }
        self.skip_indent();
        passed
    }

    fn skip_indent(&mut self) {
        let blank = |byte: &u8| *byte == b' ' || self.indent == usize::MAX && *byte == b'\t';
        let blanks = self.rest().bytes().take(self.indent).take_while(blank).count();
        self.at += blanks;
    }

    /// Passes what stands for one character.
    fn one(&mut self, wanted: char) -> Option<()> {
        let rest = self.rest();
        let length = match self.style {
            Style::SingleQuoted if rest.starts_with("''") => 2,
            Style::DoubleQuoted if rest.starts_with('\\') => escape_length(rest)?,
            _ => {
                let here = rest.chars().next()?;
                if here != wanted {
                    return None;
                }
                here.len_utf8()
            }
        };
        self.at += length;
        Some(())
    }
}

/// The length of the escape at the start of `text`; `None` for an escaped line break.
fn escape_length(text: &str) -> Option<usize> {
    match text.as_bytes().get(1)? {
        b'x' => Some(4),
        b'u' => Some(6),
        b'U' => Some(10),
        b'\n' | b'\r' => None,
        _ => Some(1 + text.chars().nth(1)?.len_utf8()),
    }
}
