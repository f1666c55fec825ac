//! `$imagepolicy` markers: the comments by which Flux's image automation finds
//! the values that it updates.

use std::collections::{BTreeMap, HashMap};

use super::file::File;
use super::read::Note;
use crate::yaml::{Comment, Node, NodeId, NodeKind, Stream, Style};

/// What a marker's value holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole reference.
    Reference,
    /// `:tag`
    Tag,
    /// `:name`
    Name,
    /// `:digest`
    Digest,
}

/// A marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    /// `group:app`, the policy's namespace and name.
    pub(super) policy: String,
    pub(super) part: Part,
}

/// The markers of a file that bind to a value.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// In the order of the file.
    pub(super) bound: Vec<(NodeId, Marker)>,
    by_node: HashMap<NodeId, usize>,
    /// Those that bind to nothing, and why.
    pub(super) notes: Vec<Note>,
}

impl Markers {
    /// Reads all markers of a file.
    pub(super) fn of(file: &File<'_>) -> Self {
        let mut markers = Self::default();
        let stream = &file.stream;
        if !stream.text().contains("$imagepolicy") {
            return markers;
        }
        for comment in stream.comments() {
            let text = stream.text().get(comment.span.clone()).unwrap_or_default();
            if !text.contains("$imagepolicy") {
                continue;
            }
            let found = match parse(text) {
                Ok(None) => continue,
                Ok(Some(marker)) => bind(stream, comment).map(|node| (node, marker)),
                Err(reason) => Err(reason),
            };
            match found {
                Ok((node, _)) if markers.by_node.contains_key(&node) => {
                    markers.note(stream, comment, "the value has another marker already");
                }
                Ok((node, marker)) => {
                    markers.by_node.insert(node, markers.bound.len());
                    markers.bound.push((node, marker));
                }
                Err(reason) => markers.note(stream, comment, reason),
            }
        }
        markers
    }

    fn note(&mut self, stream: &Stream, comment: &Comment, reason: &str) {
        let line = stream.position(comment.span.start).line;
        self.notes.push(Note {
            line,
            message: format!("this `$imagepolicy` marker has no effect: {reason}"),
        });
    }

    /// The marker of a value.
    pub(super) fn on(&self, node: NodeId) -> Option<&Marker> {
        let index = self.by_node.get(&node)?;
        self.bound.get(*index).map(|(_, marker)| marker)
    }

    /// The policies, sorted.
    pub(super) fn policies(&self) -> Vec<String> {
        let mut names: Vec<String> = self.bound.iter().map(|(_, m)| m.policy.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Reads a comment; `None` where it is no marker at all, as in a line of text
/// that is commented out.
fn parse(comment: &str) -> Result<Option<Marker>, &'static str> {
    let body = comment.trim_start_matches('#').trim();
    if !body.starts_with('{') {
        return Ok(None);
    }
    let fields: BTreeMap<String, String> =
        serde_json::from_str(body).map_err(|_| "it is not a JSON object of strings alone")?;
    let Some(setter) = fields.get("$imagepolicy") else { return Ok(None) };
    let mut parts = setter.split(':');
    let (group, app) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if group.is_empty() || app.is_empty() {
        return Err("it does not name a policy as `namespace:name`");
    }
    let part = match (parts.next(), parts.next()) {
        (None, _) => Part::Reference,
        (Some("tag"), None) => Part::Tag,
        (Some("name"), None) => Part::Name,
        (Some("digest"), None) => Part::Digest,
        _ => return Err("its suffix is none of `:tag`, `:name`, `:digest`"),
    };
    Ok(Some(Marker { policy: format!("{group}:{app}"), part }))
}

/// The value a marker belongs to.
fn bind(stream: &Stream, comment: &Comment) -> Result<NodeId, &'static str> {
    let start = stream.lines().start(comment.line);
    let before = stream.text().get(start..comment.span.start).unwrap_or_default();
    let id = if before.trim().is_empty() {
        bind_below(stream, comment)?
    } else {
        bind_before(stream, comment)?
    };
    let node = stream.node(id).ok_or("there is no value")?;
    if matches!(node.kind, NodeKind::Alias { .. }) {
        return Err("it stands at an alias");
    }
    if is_key(stream, id, node) {
        return Err("it stands at a key");
    }
    match stream.scalar(id).map(|scalar| scalar.style) {
        None => Err("it stands at a list or mapping"),
        Some(Style::Empty) => Err("the value is empty"),
        Some(_) => Ok(id),
    }
}

fn is_key(stream: &Stream, id: NodeId, node: &Node) -> bool {
    let parent = node.parent.map(|parent| stream.pairs(parent)).unwrap_or_default();
    parent.iter().any(|pair| pair.key == id)
}

/// The last scalar that ends on the comment's line.
fn bind_before(stream: &Stream, comment: &Comment) -> Result<NodeId, &'static str> {
    let (id, node) =
        stream.leaf_before(comment.span.start).ok_or("there is no value on its line")?;
    let block = stream.scalar(id).and_then(|scalar| scalar.block.as_ref());
    let end = block.map_or(node.span.end, |block| block.header.end);
    if node.span.is_empty() {
        return Err("the value is empty");
    }
    let between = stream.text().get(end..comment.span.start).unwrap_or("?").trim();
    let line = stream.lines().index(end);
    if line != comment.line {
        return Err("there is no value on its line");
    }
    match between {
        "" => Ok(id),
        "," if node.span.end <= stream.lines().start(comment.line + 1) && in_flow(stream, node) => {
            Ok(id)
        }
        ":" => Err("it stands at a key"),
        _ => Err("there is something between the value and it"),
    }
}

fn in_flow(stream: &Stream, node: &Node) -> bool {
    let parent = node.parent.and_then(|parent| stream.node(parent));
    match parent.map(|parent| &parent.kind) {
        Some(NodeKind::Mapping { flow, .. } | NodeKind::Sequence { flow, .. }) => *flow,
        _ => false,
    }
}

/// The sequence scalar or value that is alone on the next line.
fn bind_below(stream: &Stream, comment: &Comment) -> Result<NodeId, &'static str> {
    if comment.line > 0 && is_comment_line(stream, comment.line - 1) {
        return Err("it is not the only comment line above the value");
    }
    let line = stream.lines().range(comment.line + 1);
    let (id, node) = stream
        .leaf_from(line.start)
        .filter(|(_, node)| node.span.start < line.end)
        .ok_or("there is no value on the line below")?;
    let before = stream.text().get(line.start..node.start()).unwrap_or_default().trim();
    let parent = node.parent.and_then(|parent| stream.node(parent));
    let in_sequence = parent.is_some_and(|parent| matches!(parent.kind, NodeKind::Sequence { .. }));
    if is_key(stream, id, node) {
        return Err("it stands above a key");
    }
    if before.is_empty() || in_sequence && before == "-" {
        return Ok(id);
    }
    Err("the value below is not alone on its line")
}

fn is_comment_line(stream: &Stream, line: usize) -> bool {
    let text = stream.text().get(stream.lines().range(line)).unwrap_or_default();
    text.trim_start().starts_with('#') && stream.comment_on(line).is_some()
}
