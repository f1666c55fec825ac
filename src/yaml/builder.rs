//! Lays the parser's events over the text they came from.

use std::collections::HashMap;

use yaml_rust2::parser::{Event, Tag};
use yaml_rust2::scanner::TScalarStyle;

use super::cursor::{Cursor, Properties};
use super::node::{Node, NodeId, NodeKind, Pair, Scalar, Stream, Style};
use super::shadow::DASH;
use super::{Lines, YamlError};

/// How a collection is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Block,
    /// Between brackets.
    Flow,
    /// A pair inside `[...]` without braces of its own.
    Bare,
}

/// A collection that is not yet closed.
struct Open {
    node: NodeId,
    mapping: bool,
    layout: Layout,
    key: Option<NodeId>,
    first: bool,
    /// Column of a block collection.
    column: isize,
}

/// What an event says of a node beside its kind.
struct Lead {
    indicator: Option<usize>,
    properties: Properties,
    tag: Option<String>,
    anchor: usize,
}

struct Builder<'t> {
    cursor: Cursor<'t>,
    nodes: Vec<Node>,
    documents: Vec<NodeId>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
}

/// Builds the nodes; fails where the events do not fit the text.
pub(super) fn build(text: &str, lines: Lines, events: Vec<Event>) -> Result<Stream, YamlError> {
    let cursor = Cursor { text, lines: &lines, at: lines.start(0), comments: Vec::new() };
    let mut builder = Builder {
        cursor,
        nodes: Vec::with_capacity(events.len()),
        documents: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
    };
    for event in events {
        builder.event(event)?;
    }
    builder.cursor.document_start();
    if builder.cursor.at < text.len() {
        return Err(builder.cursor.fail("the end of the file"));
    }
    let Builder { cursor, nodes, documents, .. } = builder;
    let comments = cursor.comments;
    Ok(Stream { text: text.to_owned(), lines, nodes, documents, comments })
}

impl Builder<'_> {
    fn event(&mut self, event: Event) -> Result<(), YamlError> {
        match event {
            Event::DocumentStart => self.cursor.document_start(),
            Event::Scalar(value, style, anchor, tag) => {
                let empty = value.is_empty() && style == TScalarStyle::Plain;
                let lead = self.lead(anchor, tag, empty)?;
                self.scalar(value, style, lead)?;
            }
            Event::Alias(id) => self.alias(id)?,
            Event::SequenceStart(anchor, tag) => {
                let lead = self.lead(anchor, tag, false)?;
                self.start(lead, false);
            }
            Event::MappingStart(anchor, tag) => {
                let lead = self.lead(anchor, tag, false)?;
                self.start(lead, true);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Passes everything that stands before a node.
    fn lead(&mut self, anchor: usize, tag: Option<Tag>, empty: bool) -> Result<Lead, YamlError> {
        let indicator = self.indicator(empty)?;
        let properties = self.cursor.properties(anchor > 0, tag.is_some())?;
        let tag = tag.map(|tag| tag.handle + &tag.suffix);
        Ok(Lead { indicator, properties, tag, anchor })
    }

    fn indicator(&mut self, empty: bool) -> Result<Option<usize>, YamlError> {
        let cursor = &mut self.cursor;
        let Some(open) = self.open.last_mut() else { return Ok(None) };
        let first = std::mem::replace(&mut open.first, false);
        if !open.mapping && open.layout == Layout::Block {
            return cursor.take(b'-', "`-`").map(Some);
        }
        if open.key.is_some() {
            return value_indicator(cursor, empty);
        }
        let comma = if open.layout == Layout::Flow && !first {
            Some(cursor.take(b',', "`,`")?)
        } else {
            None
        };
        if open.mapping {
            cursor.skip_space();
            if cursor.peek() == Some(b'?') && cursor.stands_alone() {
                cursor.at += 1;
            }
        }
        Ok(comma)
    }

    fn scalar(&mut self, value: String, style: TScalarStyle, lead: Lead) -> Result<(), YamlError> {
        let empty = value.is_empty() && style == TScalarStyle::Plain;
        if !empty {
            self.cursor.skip_space();
        }
        let mut block = None;
        let (style, span) = match style {
            TScalarStyle::Plain if empty => (Style::Empty, self.cursor.at..self.cursor.at),
            TScalarStyle::Plain => (Style::Plain, self.cursor.plain(&value)?),
            TScalarStyle::SingleQuoted => (Style::SingleQuoted, self.quoted(b'\'')?),
            TScalarStyle::DoubleQuoted => (Style::DoubleQuoted, self.quoted(b'"')?),
            TScalarStyle::Literal | TScalarStyle::Folded => {
                let (mark, style) = if style == TScalarStyle::Literal {
                    (b'|', Style::Literal)
                } else {
                    (b'>', Style::Folded)
                };
                let found = self.block(mark, value.trim_matches('\n').is_empty())?;
                let span = found.header.start..found.content.end;
                block = Some(found);
                (style, span)
            }
        };
        let value = if value.contains(DASH) { value.replace(DASH, "-") } else { value };
        let kind = NodeKind::Scalar(Scalar { value, style, block });
        let id = self.add(kind, span, lead);
        self.attach(id);
        Ok(())
    }

    fn quoted(&mut self, quote: u8) -> Result<std::ops::Range<usize>, YamlError> {
        if self.cursor.peek() == Some(quote) {
            self.cursor.quoted()
        } else {
            Err(self.cursor.fail("a quote"))
        }
    }

    fn block(&mut self, mark: u8, empty: bool) -> Result<super::Block, YamlError> {
        if self.cursor.peek() != Some(mark) {
            return Err(self.cursor.fail("a block scalar"));
        }
        let parent = self.open.last().map_or(-1, |open| open.column);
        Ok(self.cursor.block(parent, empty))
    }

    fn alias(&mut self, anchor: usize) -> Result<(), YamlError> {
        let lead = self.lead(0, None, false)?;
        self.cursor.skip_space();
        if self.cursor.peek() != Some(b'*') {
            return Err(self.cursor.fail("an alias"));
        }
        let start = self.cursor.at;
        let name = self.cursor.name()?;
        let target = self.anchors.get(&anchor).copied();
        let id = self.add(NodeKind::Alias { name, target }, start..self.cursor.at, lead);
        self.attach(id);
        Ok(())
    }

    fn start(&mut self, lead: Lead, mapping: bool) {
        self.cursor.skip_space();
        let bracket = if mapping { b'{' } else { b'[' };
        let start = self.cursor.at;
        let inside_flow = self.open.last().is_some_and(|open| open.layout != Layout::Block);
        let bracketed = self.cursor.peek() == Some(bracket);
        if bracketed {
            self.cursor.at += 1;
        }
        let flow = bracketed || inside_flow;
        let kind = if mapping {
            NodeKind::Mapping { pairs: Vec::new(), flow }
        } else {
            NodeKind::Sequence { items: Vec::new(), flow }
        };
        let column = if flow {
            self.open.last().map_or(-1, |open| open.column)
        } else {
            isize::try_from(self.column(start)).unwrap_or(isize::MAX)
        };
        let node = self.add(kind, start..start, lead);
        self.attach(node);
        let layout = match (bracketed, inside_flow) {
            (true, _) => Layout::Flow,
            (false, true) => Layout::Bare,
            (false, false) => Layout::Block,
        };
        self.open.push(Open { node, mapping, layout, key: None, first: true, column });
    }

    fn column(&self, at: usize) -> usize {
        let start = self.cursor.lines.start_of(at);
        self.cursor.text.get(start..at).unwrap_or_default().chars().count()
    }

    fn end(&mut self) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else {
            return Err(self.cursor.fail("no closing bracket"));
        };
        if open.layout == Layout::Flow {
            self.cursor.skip_space();
            if self.cursor.peek() == Some(b',') {
                self.cursor.at += 1;
            }
            if open.mapping {
                self.cursor.take(b'}', "`}`")?;
            } else {
                self.cursor.take(b']', "`]`")?;
            }
        }
        let end = self.cursor.at;
        if let Some(node) = self.nodes.get_mut(open.node.0) {
            node.span.end = end.max(node.span.start);
        }
        Ok(())
    }

    fn add(&mut self, kind: NodeKind, span: std::ops::Range<usize>, lead: Lead) -> NodeId {
        let id = NodeId(self.nodes.len());
        if lead.anchor > 0 {
            self.anchors.insert(lead.anchor, id);
        }
        self.nodes.push(Node {
            kind,
            span,
            properties: lead.properties.start,
            anchor: lead.properties.anchor,
            tag: lead.tag,
            parent: self.open.last().map(|open| open.node),
            indicator: lead.indicator,
        });
        id
    }

    /// Hands a node to the collection that holds it.
    fn attach(&mut self, id: NodeId) {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(id);
            return;
        };
        let parent = self.nodes.get_mut(open.node.0).map(|node| &mut node.kind);
        match parent {
            Some(NodeKind::Sequence { items, .. }) => items.push(id),
            Some(NodeKind::Mapping { pairs, .. }) => match open.key.take() {
                None => open.key = Some(id),
                Some(key) => pairs.push(Pair { key, value: id }),
            },
            _ => {}
        }
    }
}

/// Passes the `:` before a value; an empty value may have none.
fn value_indicator(cursor: &mut Cursor<'_>, empty: bool) -> Result<Option<usize>, YamlError> {
    let before = (cursor.at, cursor.comments.len());
    cursor.skip_space();
    if cursor.peek() == Some(b':') {
        cursor.at += 1;
        return Ok(Some(cursor.at - 1));
    }
    if !empty {
        return Err(cursor.fail("`:`"));
    }
    cursor.at = before.0;
    cursor.comments.truncate(before.1);
    Ok(None)
}
