//! Walks a text in step with the parser's events and finds where things end.

use std::ops::Range;

use super::node::{Block, Comment};
use super::shadow::{DASH, quoted_end};
use super::{Lines, YamlError};

/// A place in the text, and the comments passed so far.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) lines: &'t Lines,
    pub(super) at: usize,
    pub(super) comments: Vec<Comment>,
}

/// Anchor and tag before a node, and where they start.
pub(super) struct Properties {
    pub(super) start: Option<usize>,
    pub(super) anchor: Option<String>,
}

pub(super) fn is_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_flow(byte: u8) -> bool {
    b",[]{}".contains(&byte)
}

impl Cursor<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    pub(super) fn fail(&self, expected: &'static str) -> YamlError {
        let at = self.lines.position(self.text.as_bytes(), self.at);
        YamlError::Layout { at, expected }
    }

    /// Whether the byte behind the next one is a blank, a break or the end.
    pub(super) fn stands_alone(&self) -> bool {
        self.byte(self.at + 1).is_none_or(|byte| is_blank(byte) || is_break(byte))
    }

    /// Passes blanks, line breaks and comments.
    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'#' {
                self.take_comment();
            } else if is_blank(byte) || is_break(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn take_comment(&mut self) {
        let start = self.at;
        self.skip_line();
        let line = self.lines.index(start);
        self.comments.push(Comment { span: start..self.at, line });
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| !is_break(byte)) {
            self.at += 1;
        }
    }

    /// Passes directives, `...` and `---` before a document.
    pub(super) fn document_start(&mut self) {
        loop {
            self.skip_space();
            let rest = self.text.get(self.at..).unwrap_or_default();
            let at_margin = self.lines.start_of(self.at) == self.at;
            let mark = rest.get(..3).unwrap_or_default();
            let ends = self.byte(self.at + 3).is_none_or(|b| is_blank(b) || is_break(b));
            if at_margin && rest.starts_with('%') {
                self.skip_line();
            } else if at_margin && ends && (mark == "---" || mark == "...") {
                self.at += 3;
                if mark == "---" {
                    return;
                }
            } else {
                return;
            }
        }
    }

    /// Passes that byte, with blanks, breaks and comments before it.
    pub(super) fn take(&mut self, wanted: u8, name: &'static str) -> Result<usize, YamlError> {
        self.skip_space();
        if self.peek() != Some(wanted) {
            return Err(self.fail(name));
        }
        self.at += 1;
        Ok(self.at - 1)
    }

    /// Passes as many of anchor and tag as the event says there are.
    pub(super) fn properties(&mut self, anchor: bool, tag: bool) -> Result<Properties, YamlError> {
        let mut found = Properties { start: None, anchor: None };
        let mut wanted = (anchor, tag);
        while wanted != (false, false) {
            self.skip_space();
            found.start.get_or_insert(self.at);
            match self.peek() {
                Some(b'&') if wanted.0 => {
                    wanted.0 = false;
                    found.anchor = Some(self.name()?);
                }
                Some(b'!') if wanted.1 => {
                    wanted.1 = false;
                    self.skip_tag();
                }
                _ => return Err(self.fail("an anchor or a tag")),
            }
        }
        Ok(found)
    }

    /// Passes `&name` or `*name` and gives the name: of letters, digits, `-`
    /// and `_`, because go-yaml reads `&a:` as a name and a `:`.
    pub(super) fn name(&mut self) -> Result<String, YamlError> {
        let start = self.at + 1;
        self.at = start;
        self.skip_word(true);
        let name = self.text.get(start..self.at).unwrap_or_default();
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Ok(name.to_owned());
        }
        self.at = start;
        Err(self.fail("an anchor or alias of letters, digits, `-` and `_`"))
    }

    fn skip_tag(&mut self) {
        let verbatim = self.byte(self.at + 1) == Some(b'<');
        self.skip_word(!verbatim);
    }

    fn skip_word(&mut self, stops_at_flow: bool) {
        while let Some(byte) = self.peek() {
            if is_blank(byte) || is_break(byte) || stops_at_flow && is_flow(byte) {
                return;
            }
            self.at += 1;
        }
    }

    /// Passes a quoted scalar.
    pub(super) fn quoted(&mut self) -> Result<Range<usize>, YamlError> {
        let start = self.at;
        self.at = quoted_end(self.text, start).ok_or_else(|| self.fail("a closing quote"))?;
        Ok(start..self.at)
    }

    /// Passes a plain scalar that reads as `value`, over all its lines.
    pub(super) fn plain(&mut self, value: &str) -> Result<Range<usize>, YamlError> {
        let start = self.at;
        let mut rest = value;
        while let Some(next) = rest.chars().next() {
            if (next == ' ' || next == '\n') && self.fold_ahead() {
                let folded = if self.skip_fold() == 1 { 1 } else { next_breaks(rest) };
                rest = rest.get(folded..).unwrap_or_default();
                continue;
            }
            let here = self.text.get(self.at..).and_then(|text| text.chars().next());
            let same = here == Some(next) || next == DASH && here == Some('-');
            if !same {
                return Err(self.fail("the rest of a plain scalar"));
            }
            self.at += here.map_or(0, char::len_utf8);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
        Ok(start..self.at)
    }

    /// Whether only blanks stand before the end of the line.
    fn fold_ahead(&self) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        rest.iter().find(|byte| !is_blank(**byte)).is_some_and(|byte| is_break(*byte))
    }

    /// Passes a fold, and tells how many line breaks it has.
    fn skip_fold(&mut self) -> usize {
        let first = self.lines.index(self.at);
        while self.peek().is_some_and(|byte| is_blank(byte) || is_break(byte)) {
            self.at += 1;
        }
        self.lines.index(self.at) - first
    }

    /// Passes a block scalar below a collection at `parent`, which is -1 at
    /// the top. `empty`: it has no line with content.
    pub(super) fn block(&mut self, parent: isize, empty: bool) -> Block {
        let start = self.at;
        self.skip_word(false);
        let header = start..self.at;
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        if self.peek() == Some(b'#') {
            self.take_comment();
        }
        let first = self.lines.index(start) + 1;
        let digit = self
            .text
            .get(header.clone())
            .and_then(|text| text.chars().find_map(|c| c.to_digit(10)));
        let indent = match digit {
            Some(digit) => parent.max(0).unsigned_abs() + digit as usize,
            None => self.block_indent(first, parent),
        };
        if empty {
            return Block { header, content: self.at..self.at, indent };
        }
        let end = self.block_end(first, indent);
        self.at = end;
        Block { header, content: self.lines.start(first)..end, indent }
    }

    fn block_indent(&self, first: usize, parent: isize) -> usize {
        let mut deepest = (parent + 1).max(0).unsigned_abs();
        for line in first..self.lines.count() {
            let bytes = self.line(line);
            let blanks = bytes.iter().take_while(|byte| **byte == b' ').count();
            deepest = deepest.max(blanks);
            if bytes.get(blanks).is_some_and(|byte| !is_break(*byte)) {
                break;
            }
        }
        deepest
    }

    /// Where the last content line ends, without its line break.
    fn block_end(&self, first: usize, indent: usize) -> usize {
        let mut end = self.at;
        for line in first..self.lines.count() {
            let bytes = self.line(line);
            let blanks = bytes.iter().take(indent).take_while(|byte| **byte == b' ').count();
            let blank = bytes.get(blanks).is_none_or(|byte| is_break(*byte));
            if blank {
                continue;
            }
            let marker = indent == 0 && (bytes.starts_with(b"---") || bytes.starts_with(b"..."));
            if blanks < indent || marker {
                break;
            }
            let breaks = bytes.iter().rev().take_while(|byte| is_break(**byte)).count();
            end = self.lines.range(line).end - breaks;
        }
        end
    }

    fn line(&self, index: usize) -> &[u8] {
        self.text.as_bytes().get(self.lines.range(index)).unwrap_or_default()
    }
}

fn next_breaks(rest: &str) -> usize {
    rest.bytes().take_while(|byte| *byte == b'\n').count()
}
