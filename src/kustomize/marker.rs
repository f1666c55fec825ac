//! `$imagepolicy` markers: the comments by which Flux's image automation finds
//! the values that it updates.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::EditError;
use super::file::File;
use super::read::Note;
use crate::model::{Edit, EditKind, RepoPath};
use crate::yaml::{Comment, Node, NodeId, NodeKind, Stream, Style};

/// What stands before a marker that Flux is not to see: it reads a comment only
/// where all of it is JSON.
const HELD: &str = "held ";

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

/// The markers of a file.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// Those that bind to a value, in the order of the file.
    pub(super) bound: BTreeMap<NodeId, Marker>,
    /// Those that bind to nothing, and why.
    pub(super) notes: Vec<Note>,
}

impl Markers {
    /// Reads all markers of a file. A marker on the line of a value comes
    /// before one on the line above it, as in kyaml.
    pub(super) fn of(file: &File<'_>) -> Self {
        let mut markers = Self::default();
        let stream = &file.stream;
        if !stream.text().contains("$imagepolicy") {
            return markers;
        }
        let (above, beside): (Vec<&Comment>, Vec<&Comment>) =
            stream.comments().iter().partition(|comment| is_alone(stream, comment));
        for comment in beside.into_iter().chain(above) {
            if let Err(reason) = markers.add(stream, comment) {
                let line = stream.position(comment.span.start).line;
                let message = format!("this `$imagepolicy` marker has no effect: {reason}");
                markers.notes.push(Note { line, message });
            }
        }
        markers
    }

    fn add(&mut self, stream: &Stream, comment: &Comment) -> Result<(), &'static str> {
        let text = stream.text().get(comment.span.clone()).unwrap_or_default();
        if !text.contains("$imagepolicy") {
            return Ok(());
        }
        let Some(marker) = parse(text)? else { return Ok(()) };
        match self.bound.entry(bind(stream, comment)?) {
            Entry::Occupied(_) => return Err("the value has another marker already"),
            Entry::Vacant(place) => place.insert(marker),
        };
        Ok(())
    }

    /// The marker of a value.
    pub(super) fn on(&self, node: NodeId) -> Option<&Marker> {
        self.bound.get(&node)
    }

    /// The policies, sorted.
    pub(super) fn policies(&self) -> Vec<String> {
        let mut names: Vec<String> = self.bound.values().map(|m| m.policy.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Whether only blanks stand before a comment on its line.
fn is_alone(stream: &Stream, comment: &Comment) -> bool {
    let start = stream.lines().start(comment.line);
    stream.text().get(start..comment.span.start).is_some_and(|before| before.trim().is_empty())
}

/// Reads a comment; `None` where it is no marker at all, as in a line of text
/// that is commented out.
fn parse(comment: &str) -> Result<Option<Marker>, &'static str> {
    let body = comment.trim_start_matches('#').trim();
    // One that is neutralised still says what stands beside it.
    let body = body.strip_prefix(HELD).unwrap_or(body);
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
    let id = if is_alone(stream, comment) {
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

/// The changes of the markers of some policies that hide them from Flux, or
/// show them again: the place of each comment, and where so many bytes are
/// replaced by what.
pub fn hide(
    path: &RepoPath,
    bytes: &[u8],
    (policies, hidden): (&BTreeSet<String>, bool),
) -> Result<Vec<Edit>, EditError> {
    let file = File::parse(path, bytes)?;
    file.refuse_sops()?;
    let stream = &file.stream;
    let mut edits = Vec::new();
    // Offsets are those of the bytes only where the text is as it is written.
    if stream.text().as_bytes() != bytes {
        return Ok(edits);
    }
    for comment in stream.comments() {
        let text = stream.text().get(comment.span.clone()).unwrap_or_default();
        let Ok(Some(marker)) = parse(text) else { continue };
        let body = text.trim_start_matches('#').trim_start();
        if !policies.contains(&marker.policy) || body.starts_with(HELD) == hidden {
            continue;
        }
        let start = comment.span.start + (text.len() - body.len());
        let (old, new) = if hidden { ("", HELD) } else { (HELD, "") };
        let at = stream.position(start);
        let shown = body.trim_end();
        let other = format!("{new}{}", shown.strip_prefix(old).unwrap_or(shown));
        edits.push(Edit {
            path: path.clone(),
            line: at.line,
            column: at.column,
            field: marker.policy,
            kind: EditKind::Comment,
            old: Some(shown.to_owned()),
            new: Some(other),
            span: start..start + old.len(),
            replacement: new.as_bytes().to_vec(),
        });
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_hidden_and_shown_again_byte_by_byte() {
        let path = RepoPath::normalize("a.yaml").unwrap();
        let text = "a: v1 # {\"$imagepolicy\": \"flux:web:tag\"}  \r\nb: v2 #{\"$imagepolicy\": \"flux:web\"}\nc: v3 # {\"$imagepolicy\": \"flux:api:tag\"}\n# $imagepolicy in words\n";
        let web = BTreeSet::from(["flux:web".to_owned()]);
        let edited = |text: &str, hidden: bool| {
            let edits = hide(&path, text.as_bytes(), (&web, hidden)).unwrap();
            let mut out = text.to_owned();
            for edit in edits.iter().rev() {
                let new = std::str::from_utf8(&edit.replacement).unwrap();
                out.replace_range(edit.span.clone(), new);
            }
            (out, edits.len())
        };
        let (hidden, count) = edited(text, true);
        assert_eq!(count, 2);
        assert!(
            hidden.starts_with(
                "a: v1 # held {\"$imagepolicy\": \"flux:web:tag\"}  \r\nb: v2 #held {"
            )
        );
        assert_eq!(edited(&hidden, true).1, 0, "twice is once");
        assert_eq!(edited(&hidden, false), (text.to_owned(), 2));
        assert_eq!(edited(text, false).1, 0);
        // What it marks stays known.
        let read = |text: &str| {
            crate::kustomize::read_sites(&path, text.as_bytes(), &[]).unwrap().sites.len()
        };
        assert_eq!(read(text), read(&hidden));
    }
}
