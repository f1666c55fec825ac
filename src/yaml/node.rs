//! A file as nodes with byte spans.

use std::ops::Range;

use super::{Lines, Position, YamlError, builder, shadow};

/// What a file may hold, so that reading it, changing it and proving the change
/// takes two seconds and 256 MB at most. The largest manifests that projects
/// publish have some 5 MB and 150 000 values.
const MOST_BYTES: usize = 16 << 20;
const MOST_LINES: usize = 1_000_000;
pub(super) const MOST_VALUES: usize = 250_000;

/// The index of a node in its [`Stream`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) usize);

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all: a value that is left out.
    Empty,
    /// Without quotes.
    Plain,
    /// `'...'`
    SingleQuoted,
    /// `"..."`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// The parts of a block scalar (`|` or `>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The indicators: `|`, `>-`, `|2+`.
    pub header: Range<usize>,
    /// The content lines, from the start of the first one (blank ones and
    /// indentation included) to the end of the last one, without its line
    /// break. Empty, at the end of the header's line, where there is none.
    pub content: Range<usize>,
    /// How many blanks the content is indented by.
    pub indent: usize,
}

/// A scalar as YAML reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The value, quotes and escapes resolved.
    pub value: String,
    /// How it is written.
    pub style: Style,
    /// The parts, where it is a block scalar.
    pub block: Option<Block>,
}

/// A key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: NodeId,
    /// The value; an empty scalar where it is left out.
    pub value: NodeId,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A scalar.
    Scalar(Scalar),
    /// `*name`
    Alias {
        /// The name.
        name: String,
        /// The node that carries the anchor.
        target: Option<NodeId>,
    },
    /// A mapping, in order.
    Mapping {
        /// Its pairs.
        pairs: Vec<Pair>,
        /// Whether it is written `{...}`.
        flow: bool,
    },
    /// A sequence.
    Sequence {
        /// Its items.
        items: Vec<NodeId>,
        /// Whether it is written `[...]`.
        flow: bool,
    },
}

/// One value of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its bytes: quotes, brackets and the header of a block scalar included,
    /// anchor and tag not.
    pub span: Range<usize>,
    /// Where its anchor or tag starts, whichever is first.
    pub properties: Option<usize>,
    /// Its anchor, without `&`.
    pub anchor: Option<String>,
    /// Its explicit tag, resolved: `tag:yaml.org,2002:int`, `!` or `!local`.
    pub tag: Option<String>,
    /// The collection that holds it.
    pub parent: Option<NodeId>,
    /// Where the `-`, `:` or `,` stands that introduces it.
    pub indicator: Option<usize>,
}

impl Node {
    /// Whether it is a scalar or an alias.
    pub fn is_leaf(&self) -> bool {
        matches!(self.kind, NodeKind::Scalar(_) | NodeKind::Alias { .. })
    }

    /// Where it starts, anchor and tag included.
    pub fn start(&self) -> usize {
        self.properties.unwrap_or(self.span.start)
    }
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its bytes, from the first `#` to the end of the line.
    pub span: Range<usize>,
    /// The 0-based line.
    pub line: usize,
}

/// A file: its text, its documents and its comments.
#[derive(Debug, Clone)]
pub struct Stream {
    pub(super) text: String,
    pub(super) lines: Lines,
    pub(super) nodes: Vec<Node>,
    pub(super) documents: Vec<NodeId>,
    pub(super) comments: Vec<Comment>,
}

impl Stream {
    /// Reads all documents of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, YamlError> {
        let at = Position { line: 1, column: 1 };
        if bytes.len() > MOST_BYTES {
            return Err(YamlError::TooLarge { at, most: MOST_BYTES, of: "bytes" });
        }
        let lines = Lines::new(bytes);
        if lines.count() > MOST_LINES {
            return Err(YamlError::TooLarge { at, most: MOST_LINES, of: "lines" });
        }
        let text = check_text(bytes, &lines)?;
        let events = shadow::events(text, &lines)?;
        builder::build(text, lines, events)
    }

    /// The text, its byte order mark included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines of the text.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The root of every document.
    pub fn documents(&self) -> &[NodeId] {
        &self.documents
    }

    /// All comments, in order.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// The comment on the 0-based line, if it has one.
    pub fn comment_on(&self, line: usize) -> Option<&Comment> {
        let index = self.comments.binary_search_by_key(&line, |comment| comment.line).ok()?;
        self.comments.get(index)
    }

    /// All nodes with their ids; a node comes after the collection that holds it.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// The node of an id of this stream.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// The node an alias stands for, or the node itself.
    pub fn resolve(&self, id: NodeId) -> NodeId {
        match self.node(id).map(|node| &node.kind) {
            Some(NodeKind::Alias { target: Some(target), .. }) => *target,
            _ => id,
        }
    }

    /// The scalar at `id`, aliases not followed.
    pub fn scalar(&self, id: NodeId) -> Option<&Scalar> {
        match &self.node(id)?.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of the scalar at `id` or of the one its alias stands for.
    pub fn value(&self, id: NodeId) -> Option<&str> {
        self.scalar(self.resolve(id)).map(|scalar| scalar.value.as_str())
    }

    /// The pairs of the mapping at `id`, an alias followed; none for another node.
    pub fn pairs(&self, id: NodeId) -> &[Pair] {
        match self.node(self.resolve(id)).map(|node| &node.kind) {
            Some(NodeKind::Mapping { pairs, .. }) => pairs,
            _ => &[],
        }
    }

    /// The items of the sequence at `id`, an alias followed; none for another node.
    pub fn items(&self, id: NodeId) -> &[NodeId] {
        match self.node(self.resolve(id)).map(|node| &node.kind) {
            Some(NodeKind::Sequence { items, .. }) => items,
            _ => &[],
        }
    }

    /// The pairs of the mapping at `id`, aliases not followed.
    pub fn pairs_of(&self, id: NodeId) -> &[Pair] {
        if self.resolve(id) == id { self.pairs(id) } else { &[] }
    }

    /// Whether `id`, an alias followed, is a mapping.
    pub fn is_mapping(&self, id: NodeId) -> bool {
        matches!(self.node(self.resolve(id)).map(|n| &n.kind), Some(NodeKind::Mapping { .. }))
    }

    /// Whether `id`, an alias followed, is a sequence.
    pub fn is_sequence(&self, id: NodeId) -> bool {
        matches!(self.node(self.resolve(id)).map(|n| &n.kind), Some(NodeKind::Sequence { .. }))
    }

    /// The value of the last pair whose key is `key`.
    pub fn get(&self, mapping: NodeId, key: &str) -> Option<NodeId> {
        let found = self.pairs(mapping).iter().rev().find(|pair| self.value(pair.key) == Some(key));
        found.map(|pair| pair.value)
    }

    /// The last scalar or alias that starts before `offset`.
    pub fn leaf_before(&self, offset: usize) -> Option<(NodeId, &Node)> {
        let end = self.nodes.partition_point(|node| node.span.start < offset);
        let before = self.nodes.get(..end)?.iter().enumerate().rev();
        let mut leaves = before.filter(|(_, node)| node.is_leaf());
        leaves.next().map(|(index, node)| (NodeId(index), node))
    }

    /// The first scalar or alias that starts at `offset` or behind it.
    pub fn leaf_from(&self, offset: usize) -> Option<(NodeId, &Node)> {
        let start = self.nodes.partition_point(|node| node.span.start < offset);
        let mut leaves = self.nodes.iter().enumerate().skip(start).filter(|(_, n)| n.is_leaf());
        leaves.next().map(|(index, node)| (NodeId(index), node))
    }

    /// Line and column of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.lines.position(self.text.as_bytes(), offset)
    }

    /// Line and column of a node: of the content of a block scalar, else of
    /// its first byte.
    pub fn position_of(&self, id: NodeId) -> Position {
        let Some(node) = self.node(id) else { return self.position(0) };
        let block = self.scalar(id).and_then(|scalar| scalar.block.as_ref());
        let offset = match block {
            Some(block) if !block.content.is_empty() => {
                let content = self.text.get(block.content.clone()).unwrap_or_default();
                let blank = content.len() - content.trim_start().len();
                block.content.start + blank
            }
            _ => node.span.start,
        };
        self.position(offset)
    }

    /// Whether an alias anywhere stands for `id`.
    pub fn is_aliased(&self, id: NodeId) -> bool {
        self.aliases(id).next().is_some()
    }

    /// The aliases that stand for `id`.
    pub fn aliases(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let anchored = self.node(id).is_some_and(|node| node.anchor.is_some());
        let nodes = if anchored { self.nodes.as_slice() } else { &[] };
        nodes.iter().enumerate().filter_map(move |(index, node)| match node.kind {
            NodeKind::Alias { target: Some(target), .. } if target == id => Some(NodeId(index)),
            _ => None,
        })
    }
}

/// Rejects what go-yaml rejects too (its reader's `is_printable`), and the
/// line breaks of YAML 1.1 that only some readers see: a comment would end
/// there for Kustomize but not for us.
fn check_text<'b>(bytes: &'b [u8], lines: &Lines) -> Result<&'b str, YamlError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| YamlError::NotUtf8 { at: lines.position(bytes, error.valid_up_to()) })?;
    let start = lines.start(0);
    let body = text.get(start..).unwrap_or_default();
    match body.char_indices().find(|(_, c)| !is_allowed(*c)) {
        Some((offset, c)) => Err(YamlError::Character {
            at: lines.position(bytes, start + offset),
            code: u32::from(c),
        }),
        None => Ok(text),
    }
}

fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' => true,
        '\0'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}
