//! A small YAML tree with lines and columns, for the config files of other
//! tools.
//!
//! Holds what such files need and no more: aliases, tags, merge keys, repeated
//! keys and further documents are refused, so that what is read is what stands
//! there, and the size of the tree is bounded by the size of the text.

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, ScanError, TScalarStyle};

use super::error::{ConfigError, Problem, Source, small};
use super::grammar::printable;

/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 32;

/// A value with its place.
#[derive(Debug)]
pub(super) struct Node {
    /// The 1-based line.
    pub(super) line: u32,
    /// The 1-based column, in characters.
    pub(super) column: u32,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The error at this place.
    pub(super) fn error(&self, source: Source<'_>, problem: Problem) -> ConfigError {
        ConfigError { file: source.file, line: self.line, column: self.column, problem }
    }

    /// Whether nothing stands here.
    pub(super) fn is_null(&self) -> bool {
        let Value::Scalar { text, plain: true } = &self.value else { return false };
        matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The text of a scalar as it is written, of a number or a bool too.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The entries of a list.
    pub(super) fn list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub(super) fn map(&self) -> Option<&[(Self, Self)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key; null counts as none.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let entry = self.map()?.iter().find(|(own, _)| own.scalar() == Some(key))?;
        Some(&entry.1).filter(|value| !value.is_null())
    }

    /// A bool, in the spellings of YAML 1.1 that such files are written in.
    pub(super) fn bool(&self) -> Option<bool> {
        let Value::Scalar { text, plain: true } = &self.value else { return None };
        match text.to_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }
}

/// Reads the one document of a text; an empty text is null.
pub(super) fn parse(source: Source<'_>) -> Result<Node, ConfigError> {
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let mut reader = Reader { source, parser: Parser::new_from_str(text) };
    let mut root = None;
    loop {
        let (event, mark) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart if root.is_some() => {
                return Err(reader.refuse(mark, "several documents"));
            }
            Event::StreamStart | Event::DocumentStart | Event::DocumentEnd | Event::Nothing => {}
            event => root = Some(reader.node(event, mark, 0)?),
        }
    }
    let null = Value::Scalar { text: String::new(), plain: true };
    Ok(root.unwrap_or(Node { line: 1, column: 1, value: null }))
}

struct Reader<'t> {
    source: Source<'t>,
    parser: Parser<std::str::Chars<'t>>,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<(Event, Marker), ConfigError> {
        self.parser.next_token().map_err(|error| self.scan_error(&error))
    }

    fn scan_error(&self, error: &ScanError) -> ConfigError {
        self.at(*error.marker(), Problem::Syntax(printable(error.info())))
    }

    fn at(&self, mark: Marker, problem: Problem) -> ConfigError {
        let (line, column) = place(mark);
        ConfigError { file: self.source.file, line, column, problem }
    }

    fn refuse(&self, mark: Marker, what: &'static str) -> ConfigError {
        self.at(mark, Problem::Construct(what))
    }

    /// The value that starts with `event`.
    fn node(&mut self, event: Event, mark: Marker, depth: usize) -> Result<Node, ConfigError> {
        if depth > MAX_DEPTH {
            return Err(self.refuse(mark, "values nested this deep"));
        }
        let (line, column) = place(mark);
        let value = match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return Err(self.refuse(mark, "tags")),
            Event::Scalar(text, style, ..) => {
                Value::Scalar { text, plain: style == TScalarStyle::Plain }
            }
            Event::SequenceStart(..) => Value::List(self.entries(depth)?),
            Event::MappingStart(..) => Value::Map(self.pairs(depth)?),
            _ => return Err(self.refuse(mark, "aliases")),
        };
        Ok(Node { line, column, value })
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Node>, ConfigError> {
        let mut entries = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(entries),
                (event, mark) => entries.push(self.node(event, mark, depth + 1)?),
            }
        }
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, ConfigError> {
        let mut pairs = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(pairs),
                (event, mark) => self.node(event, mark, depth + 1)?,
            };
            let Some(name) = key.scalar() else {
                return Err(key.error(self.source, Problem::Construct("keys that are no text")));
            };
            if name == "<<" {
                return Err(key.error(self.source, Problem::Construct("merge keys")));
            }
            if !seen.insert(name.to_owned()) {
                let message = format!("the key `{}` is given twice", printable(name));
                return Err(key.error(self.source, Problem::Syntax(message)));
            }
            let (event, mark) = self.next()?;
            pairs.push((key, self.node(event, mark, depth + 1)?));
        }
    }
}

/// The parser counts lines from 1 and columns from 0.
fn place(mark: Marker) -> (u32, u32) {
    (small(mark.line()), small(mark.col() + 1))
}
