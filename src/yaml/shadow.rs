//! Events of a text, also where yaml-rust2 rejects what go-yaml accepts.
//!
//! yaml-rust2 0.13 stops at four things that real files hold: a flow line or
//! closing bracket at the indent of its parent, a continuation line of a quoted
//! scalar there, a tab between `:` and a plain value, and `-` alone in a flow
//! sequence. On these errors a private copy is patched and parsed again. The
//! events are then laid over the original text, so the copy never shows.

use std::ops::RangeInclusive;

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, ScanError};

use super::cursor::is_break;
use super::lines::to_u32;
use super::node::MOST_VALUES;
use super::{Lines, Position, YamlError};

/// Stands in for a `-` that yaml-rust2 does not take; cannot occur in a text,
/// because control characters are rejected before.
pub(super) const DASH: char = '\u{1}';

/// How many bytes may be parsed in all, so that a hostile text cannot ask for
/// a cure a line.
const BUDGET: usize = 24 << 20;

/// All events of the documents in `text`.
pub(super) fn events(text: &str, lines: &Lines) -> Result<Vec<Event>, YamlError> {
    let body = text.get(lines.start(0)..).unwrap_or_default();
    let error = match parse(body) {
        Ok(events) => return Ok(events),
        Err(Stop::TooLarge(error)) => return Err(error),
        Err(Stop::Syntax(error)) => error,
    };
    let mut shadow = Shadow { text: body.to_owned(), pushes: Vec::new() };
    let mut last = error;
    let mut spent = body.len();
    while spent < BUDGET && shadow.cure(&last) {
        spent += shadow.text.len().max(4096);
        match parse(&shadow.text) {
            Ok(events) => return Ok(events),
            Err(Stop::TooLarge(error)) => return Err(error),
            Err(Stop::Syntax(error)) => last = error,
        }
    }
    Err(YamlError::Syntax { at: shadow.original(last.marker()), message: last.info().to_owned() })
}

/// Why a text was not parsed to its end.
enum Stop {
    Syntax(ScanError),
    TooLarge(YamlError),
}

fn parse(text: &str) -> Result<Vec<Event>, Stop> {
    let mut parser = Parser::new_from_str(text);
    let mut events = Vec::new();
    let mut values = 0;
    loop {
        let (event, mark) = parser.next_token().map_err(Stop::Syntax)?;
        match event {
            Event::StreamEnd => return Ok(events),
            Event::SequenceEnd | Event::MappingEnd | Event::DocumentEnd => {}
            _ => values += 1,
        }
        if values > MOST_VALUES {
            let at = Position { line: to_u32(mark.line()), column: to_u32(mark.col() + 1) };
            return Err(Stop::TooLarge(YamlError::TooLarge {
                at,
                most: MOST_VALUES,
                of: "values",
            }));
        }
        events.push(event);
    }
}

struct Shadow {
    text: String,
    /// 1-based line and how many blanks were put before it.
    pushes: Vec<(usize, usize)>,
}

impl Shadow {
    /// Patches the copy for that error; `false` where there is no cure.
    fn cure(&mut self, error: &ScanError) -> bool {
        let mark = error.marker();
        match error.info() {
            "invalid indentation" | "invalid indentation in flow construct" => {
                self.push_line(mark.line())
            }
            "invalid indentation in quoted scalar" => self.push_quoted(mark),
            "':' must be followed by a valid YAML whitespace" => self.untab(mark),
            "plain scalar cannot start with '-' followed by ,[]{}" => self.replace_dash(mark),
            _ => false,
        }
    }

    fn offset(&self, mark: &Marker) -> Option<usize> {
        let start = Lines::new(self.text.as_bytes()).start(mark.line().checked_sub(1)?);
        let rest = self.text.get(start..)?;
        rest.char_indices().nth(mark.col()).map(|(offset, _)| start + offset)
    }

    /// Moves a line inside brackets right, and those behind it up to the
    /// closing bracket; each time twice as far as the time before.
    fn push_line(&mut self, line: usize) -> bool {
        let done = self.pushed(line);
        let blanks = done.max(1);
        if done > 4096 {
            return false;
        }
        let Some(index) = line.checked_sub(1) else { return false };
        let lines = Lines::new(self.text.as_bytes());
        let end = bracket_end(&self.text, lines.start(index));
        self.push(&lines, index..=lines.index(end), blanks);
        true
    }

    fn push(&mut self, lines: &Lines, range: RangeInclusive<usize>, blanks: usize) {
        let pad = " ".repeat(blanks);
        let mut text = self.text.get(..lines.start(*range.start())).unwrap_or_default().to_owned();
        let end = lines.start(range.end() + 1);
        for index in range {
            text.push_str(&pad);
            text.push_str(self.text.get(lines.range(index)).unwrap_or_default());
            self.pushes.push((index + 1, blanks));
        }
        text.push_str(self.text.get(end..).unwrap_or_default());
        self.text = text;
    }

    fn pushed(&self, line: usize) -> usize {
        self.pushes.iter().filter(|(at, _)| *at == line).map(|(_, blanks)| blanks).sum()
    }

    /// Moves the continuation lines of the quoted scalar at `mark` to the
    /// right of where it starts.
    fn push_quoted(&mut self, mark: &Marker) -> bool {
        let Some(start) = self.offset(mark) else { return false };
        let Some(end) = quoted_end(&self.text, start) else { return false };
        let lines = Lines::new(self.text.as_bytes());
        let (first, last) = (lines.index(start), lines.index(end.saturating_sub(1)));
        if first == last || self.pushed(first + 2) > 0 && mark.col() <= self.pushed(first + 2) {
            return false;
        }
        self.push(&lines, first + 1..=last, mark.col() + 1);
        true
    }

    /// Makes the tabs between `:` and a value blanks.
    fn untab(&mut self, mark: &Marker) -> bool {
        let Some(end) = self.offset(mark) else { return false };
        let before = self.text.get(..end).unwrap_or_default();
        let start = before.trim_end_matches([' ', '\t']).len();
        if !before.get(start..).is_some_and(|gap| gap.contains('\t')) {
            return false;
        }
        self.text.replace_range(start..end, &" ".repeat(end - start));
        true
    }

    fn replace_dash(&mut self, mark: &Marker) -> bool {
        let Some(at) = self.offset(mark) else { return false };
        if self.text.as_bytes().get(at) != Some(&b'-') {
            return false;
        }
        self.text.replace_range(at..=at, DASH.encode_utf8(&mut [0; 4]));
        true
    }

    /// Where a place of the copy is in the original.
    fn original(&self, mark: &Marker) -> Position {
        let column = (mark.col() + 1).saturating_sub(self.pushed(mark.line())).max(1);
        Position { line: to_u32(mark.line()), column: to_u32(column) }
    }
}

/// Where the brackets end that are open at the start of a line.
fn bracket_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 1_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b'"' | b'\'' => match quoted_end(text, at) {
                Some(end) if opens_scalar(bytes, at) => at = end - 1,
                _ => {}
            },
            b'#' if opens_scalar(bytes, at) => {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().position(|byte| is_break(*byte)).unwrap_or(rest.len());
            }
            _ => {}
        }
        if depth == 0 {
            return at;
        }
        at += 1;
    }
    start
}

/// Whether a quote or `#` here is no part of a plain scalar.
fn opens_scalar(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    before.is_none_or(|byte| b" \t\r\n,[{:".contains(byte))
}

/// Where the quoted scalar that starts at `start` ends, its quote included.
pub(super) fn quoted_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(start)?;
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            byte if byte == quote => {
                if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') {
                    at += 2;
                } else {
                    return Some(at + 1);
                }
            }
            _ => at += 1,
        }
    }
}
