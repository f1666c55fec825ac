//! `$imagepolicy` markers: the comments by which Flux's image automation finds
//! the values that it updates.

use std::collections::{BTreeMap, HashMap};

use super::EditError;
use super::change::Planned;
use super::file::File;
use super::images;
use super::manifest::repository_of;
use super::read::Note;
use super::value::{self, Parsed, Reading};
use crate::model::{EditKind, ImageRef, Pin, Site, SiteKind, Target};
use crate::yaml::{Comment, Node, NodeId, NodeKind, Operation, Stream, Style};

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
                Ok((node, marker)) => markers.add(stream, comment, node, marker),
                Err(reason) => markers.note(stream, comment, reason),
            }
        }
        markers
    }

    fn add(&mut self, stream: &Stream, comment: &Comment, node: NodeId, marker: Marker) {
        if self.by_node.contains_key(&node) {
            self.note(stream, comment, "the value has another marker already");
            return;
        }
        self.by_node.insert(node, self.bound.len());
        self.bound.push((node, marker));
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

/// The sites of the markers that bind to a node for which `free` holds.
///
/// A whole reference is a site of its own; the parts of one policy that stand
/// in one mapping (name, tag, digest) are one site together.
pub(super) fn sites(
    file: &File<'_>,
    markers: &Markers,
    free: impl Fn(NodeId) -> bool,
) -> Vec<Site> {
    let mut sites = Vec::new();
    for group in groups(file, markers) {
        if group.nodes().any(|node| !free(node)) {
            continue;
        }
        sites.extend(group.site(file));
    }
    sites
}

/// The values that one policy holds together.
#[derive(Debug, Default, Clone)]
pub(super) struct Group {
    pub(super) policy: String,
    pub(super) reference: Option<NodeId>,
    pub(super) tag: Option<NodeId>,
    pub(super) name: Option<NodeId>,
    pub(super) digest: Option<NodeId>,
}

impl Group {
    fn nodes(&self) -> impl Iterator<Item = NodeId> {
        [self.reference, self.tag, self.digest, self.name].into_iter().flatten()
    }

    fn slot(&mut self, part: Part) -> &mut Option<NodeId> {
        match part {
            Part::Reference => &mut self.reference,
            Part::Tag => &mut self.tag,
            Part::Name => &mut self.name,
            Part::Digest => &mut self.digest,
        }
    }

    /// The site; `None` for a name that stands alone, which holds no version.
    fn site(&self, file: &File<'_>) -> Option<Site> {
        let place = self.reference.or(self.tag).or(self.digest)?;
        let (repository, parsed) = match self.reference {
            Some(node) => read_reference(&file.stream, node),
            None => {
                let name = value::text(&file.stream, self.name);
                (name, value::pin(&file.stream, self.tag, self.digest))
            }
        };
        let at = file.stream.position_of(place);
        Some(Site {
            path: file.path.clone(),
            line: at.line,
            column: at.column,
            field: file.field(place),
            kind: SiteKind::Marker,
            target: Target::Policy { policy: self.policy.clone() },
            image: self.policy.clone(),
            repository,
            policy: Some(self.policy.clone()),
            pin: parsed.value,
            problem: parsed.problem,
        })
    }
}

fn read_reference(stream: &Stream, node: NodeId) -> (Option<String>, Parsed<Pin>) {
    let parsed = value::parse::<ImageRef>(stream, Some(node), "reference");
    let (repository, pin) = parsed.value.map(|r| (r.repository, r.pin)).unzip();
    (repository, Parsed { value: pin.unwrap_or_default(), problem: parsed.problem })
}

/// The markers of a file as groups, in order.
pub(super) fn groups(file: &File<'_>, markers: &Markers) -> Vec<Group> {
    let mut groups: Vec<(Option<NodeId>, Group)> = Vec::new();
    for (node, marker) in &markers.bound {
        let parent = file.stream.node(*node).and_then(|node| node.parent);
        let parent = parent.filter(|parent| file.stream.is_mapping(*parent));
        let parent = parent.filter(|_| marker.part != Part::Reference);
        let open = groups.iter_mut().rev().find(|(holder, group)| {
            parent.is_some() && *holder == parent && group.policy == marker.policy
        });
        let slot = open.map(|(_, group)| group.slot(marker.part)).filter(|slot| slot.is_none());
        if let Some(slot) = slot {
            *slot = Some(*node);
            continue;
        }
        let mut group = Group { policy: marker.policy.clone(), ..Group::default() };
        *group.slot(marker.part) = Some(*node);
        groups.push((parent, group));
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// What a policy is set to.
pub(super) struct Wanted<'c> {
    pub(super) policy: &'c str,
    pub(super) pin: &'c Pin,
    pub(super) repository: Option<&'c str>,
}

/// Plans the change of all values of a policy.
pub(super) fn set_policy(
    file: &File<'_>,
    markers: &Markers,
    wanted: &Wanted<'_>,
) -> Result<Vec<Planned>, EditError> {
    let own: Vec<&(NodeId, Marker)> =
        markers.bound.iter().filter(|(_, marker)| marker.policy == wanted.policy).collect();
    if own.is_empty() {
        let searched = format!("marker for the policy `{}`", wanted.policy);
        return Err(file.not_found(searched, markers.policies()));
    }
    let entries = images::entries(file);
    let mut done: Vec<NodeId> = Vec::new();
    let mut planned = Vec::new();
    for (node, marker) in own {
        let entry = entries.iter().find(|entry| entry.holds(*node));
        if let Some(entry) = entry.filter(|_| marker.part != Part::Name) {
            refuse_part(file, *node, marker, wanted.pin)?;
            if !done.contains(&entry.mapping) {
                done.push(entry.mapping);
                planned.extend(entry.set(file, markers, wanted.pin)?);
            }
            continue;
        }
        planned.extend(set_part(file, *node, marker, wanted)?);
    }
    Ok(planned)
}

/// In an `images` entry only `:tag` on `newTag` and `:digest` on `digest` make sense.
fn refuse_part(file: &File<'_>, node: NodeId, marker: &Marker, pin: &Pin) -> Result<(), EditError> {
    match marker.part {
        Part::Digest => {
            new_value(file, node, marker, &Wanted { policy: "", pin, repository: None }).map(drop)
        }
        Part::Tag => Ok(()),
        Part::Reference | Part::Name => Err(file.refuse_with(
            node,
            format!("the marker `{}` would write a whole reference here", marker.policy),
            "give it the suffix `:tag`, `:name` or `:digest`",
        )),
    }
}

fn set_part(
    file: &File<'_>,
    node: NodeId,
    marker: &Marker,
    wanted: &Wanted<'_>,
) -> Result<Option<Planned>, EditError> {
    let Some(new) = new_value(file, node, marker, wanted)? else { return Ok(None) };
    let old = match value::read(&file.stream, node) {
        Reading::Text(text) if text == new => return Ok(None),
        Reading::Text(text) | Reading::Other(text, _) => Some(text),
        Reading::Nothing | Reading::Collection => None,
    };
    file.check_tag(node)?;
    file.refuse_shared(node, None)?;
    Ok(Some(Planned {
        operation: Operation::Set { node, value: new.clone() },
        field: file.field(node),
        kind: EditKind::Marker,
        old,
        new: Some(new),
    }))
}

/// What a value becomes; `None` where it stays as it is.
fn new_value(
    file: &File<'_>,
    node: NodeId,
    marker: &Marker,
    wanted: &Wanted<'_>,
) -> Result<Option<String>, EditError> {
    let missing = |what: &str, hint| {
        let message = format!("the marker `{}` needs a {what}, and none is given", marker.policy);
        file.refuse_with(node, message, hint)
    };
    match marker.part {
        Part::Tag => match &wanted.pin.tag {
            Some(tag) => Ok(Some(tag.to_string())),
            None => Err(missing("tag", "name the tag that belongs to the digest")),
        },
        Part::Digest => match &wanted.pin.digest {
            Some(digest) => Ok(Some(digest.to_string())),
            None => Err(missing("digest", "name a digest too: TAG@sha256:...")),
        },
        Part::Name => Ok(wanted.repository.map(str::to_owned)),
        Part::Reference => {
            let standing = value::text(&file.stream, Some(node));
            let standing = standing.as_deref().map(repository_of).filter(|name| !name.is_empty());
            let Some(repository) = wanted.repository.or(standing) else {
                return Err(missing("repository", "name it with --repo"));
            };
            let reference = ImageRef { repository: repository.to_owned(), pin: wanted.pin.clone() };
            Ok(Some(reference.to_string()))
        }
    }
}
