//! Images of containers, in manifests and patches.

use std::collections::HashSet;

use super::EditError;
use super::change::Planned;
use super::file::{File, field, slot};
use super::marker::Markers;
use super::read::Note;
use super::value::{self, Reading};
use crate::model::{ImageRef, Pin, Site, SiteKind, Target};
use crate::yaml::{NodeId, Operation, Position, SourceMap, Stream, apply};

/// An image reference in a manifest, a patch file or an inline patch.
pub(super) struct Place {
    /// The scalar, in the file's own stream or in the inline patch's.
    node: NodeId,
    /// The inline patch that holds it.
    inline: Option<usize>,
    kind: SiteKind,
    text: String,
    field: String,
    at: Position,
}

/// A patch written as a text inside a kustomization.
struct Inline {
    outer: NodeId,
    inner: Stream,
    map: SourceMap,
}

/// All container images of a file that have no marker.
pub(super) struct Places {
    all: Vec<Place>,
    inline: Vec<Inline>,
    /// Patches that cannot be read.
    pub(super) notes: Vec<Note>,
}

/// The image scalars of everything called `containers`, at any depth, each once.
fn container_images(stream: &Stream) -> Vec<NodeId> {
    const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (id, _) in stream.nodes() {
        for pair in stream.pairs_of(id) {
            if stream.value(pair.key).is_some_and(|key| LISTS.contains(&key)) {
                let items = stream.items(pair.value).iter();
                let images = items.filter_map(|item| slot(stream, *item, "image").value);
                found.extend(images.filter(|image| seen.insert(*image)));
            }
        }
    }
    found
}

/// The values of JSON 6902 operations that set an image or a whole container.
fn operation_images(stream: &Stream) -> Vec<NodeId> {
    let mut found = Vec::new();
    for root in stream.documents() {
        for item in stream.items(*root) {
            let text = |key| stream.get(*item, key).and_then(|id| stream.value(id));
            let (Some("add" | "replace"), Some(path)) = (text("op"), text("path")) else {
                continue;
            };
            let Some(value) = stream.get(*item, "value") else { continue };
            if path.ends_with("/image") {
                found.push(value);
            } else if is_container_path(path) {
                found.extend(stream.get(value, "image"));
            } else if is_list_path(path) {
                let items = stream.items(value).iter();
                found.extend(items.filter_map(|item| stream.get(*item, "image")));
            }
        }
    }
    found
}

fn join(base: &str, field: &str) -> String {
    let dot = if field.starts_with('[') { "" } else { "." };
    format!("{base}{dot}{field}")
}

/// Whether a JSON pointer names a list of containers.
fn is_list_path(path: &str) -> bool {
    let last = path.rsplit('/').next();
    matches!(last, Some("containers" | "initContainers" | "ephemeralContainers"))
}

/// Whether a JSON pointer names one container.
fn is_container_path(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(list, index)| {
        is_list_path(list) && (index == "-" || index.bytes().all(|b| b.is_ascii_digit()))
    })
}

impl Places {
    /// Finds all of them; in a kustomization those of its inline patches.
    pub(super) fn of(file: &File<'_>, markers: &Markers) -> Self {
        let mut places = Self { all: Vec::new(), inline: Vec::new(), notes: Vec::new() };
        if file.kustomization {
            for outer in inline_patches(file) {
                places.add_inline(file, outer);
            }
            return places;
        }
        for (kind, nodes) in images(&file.stream) {
            for node in nodes.into_iter().filter(|node| markers.on(*node).is_none()) {
                let Reading::Text(text) = value::read(&file.stream, node) else { continue };
                let (field, at) = (file.field(node), file.stream.position_of(node));
                places.all.push(Place { node, inline: None, kind, text, field, at });
            }
        }
        places
    }

    fn add_inline(&mut self, file: &File<'_>, outer: NodeId) {
        let text = file.stream.value(outer).unwrap_or_default();
        if !text.contains("image") && !text.contains("ontainers") {
            return;
        }
        let inner = match Stream::parse(text.as_bytes()) {
            Ok(inner) => inner,
            Err(error) => return self.note(file, outer, &error.to_string()),
        };
        let Some(map) = SourceMap::new(&file.stream, outer) else {
            return self.note(file, outer, "it is written in an unusual way");
        };
        let base = file.field(outer);
        for (_, nodes) in images(&inner) {
            for node in nodes {
                let Reading::Text(text) = value::read(&inner, node) else { continue };
                let start = inner.node(node).map_or(0, |node| node.span.start);
                let offset = map.range(start..start).map_or(0, |range| range.start);
                self.all.push(Place {
                    node,
                    inline: Some(self.inline.len()),
                    kind: SiteKind::Patch,
                    text,
                    field: join(&base, &field(&inner, node)),
                    at: file.stream.position(offset),
                });
            }
        }
        self.inline.push(Inline { outer, inner, map });
    }

    fn note(&mut self, file: &File<'_>, outer: NodeId, reason: &str) {
        let line = file.stream.position_of(outer).line;
        let message = format!("this patch is not searched for images: {reason}");
        self.notes.push(Note { line, message });
    }

    /// The sites, in the order of the file.
    pub(super) fn sites(&self, file: &File<'_>) -> Vec<Site> {
        self.all.iter().map(|place| place.site(file)).collect()
    }

    /// Plans the change of all images of that repository.
    pub(super) fn set(
        &self,
        file: &File<'_>,
        repository: &str,
        pin: &Pin,
    ) -> Result<Vec<Planned>, EditError> {
        let wanted = |place: &&Place| repository_of(&place.text) == repository;
        if !self.all.iter().any(|place| wanted(&place)) {
            let mut names: Vec<String> =
                self.all.iter().map(|place| repository_of(&place.text).to_owned()).collect();
            names.sort();
            names.dedup();
            return Err(file.not_found(format!("container with the image `{repository}`"), names));
        }
        let mut planned = Vec::new();
        for place in self.all.iter().filter(wanted) {
            let reference = ImageRef { repository: repository.to_owned(), pin: pin.clone() };
            if reference.to_string() != place.text {
                planned.push(self.plan(file, place, reference.to_string())?);
            }
        }
        Ok(planned)
    }

    fn plan(&self, file: &File<'_>, place: &Place, new: String) -> Result<Planned, EditError> {
        let inline = place.inline.and_then(|index| self.inline.get(index));
        let operation = match inline {
            None => {
                file.check_tag(place.node)?;
                Operation::Set { node: place.node, value: new.clone() }
            }
            Some(inline) => {
                file.refuse_shared(inline.outer, None)?;
                inline.operation(file, place.node, &new)?
            }
        };
        Ok(Planned {
            operation,
            field: place.field.clone(),
            kind: place.kind.edit_kind(),
            old: Some(place.text.clone()),
            new: Some(new),
        })
    }
}

impl Inline {
    /// The change inside the patch as a change of a part of its text.
    fn operation(&self, file: &File<'_>, node: NodeId, new: &str) -> Result<Operation, EditError> {
        let set = Operation::Set { node, value: new.to_owned() };
        let applied = apply(&self.inner, std::slice::from_ref(&set))
            .map_err(|error| file.refuse(self.outer, format!("in this patch: {error}")))?;
        let splice = applied.splices.into_iter().next();
        let splice =
            splice.ok_or_else(|| file.refuse(self.outer, "nothing to change in this patch"))?;
        if self.map.range(splice.span.clone()).is_none() {
            return Err(file.refuse(
                self.outer,
                "this patch is written in a way that cannot be changed in place",
            ));
        }
        Ok(Operation::Part { node: self.outer, range: splice.span, text: splice.replacement })
    }
}

fn images(stream: &Stream) -> [(SiteKind, Vec<NodeId>); 2] {
    [(SiteKind::Manifest, container_images(stream)), (SiteKind::Patch, operation_images(stream))]
}

/// The scalars of a kustomization that hold a whole patch, each once.
fn inline_patches(file: &File<'_>) -> Vec<NodeId> {
    let Some(root) = file.root() else { return Vec::new() };
    let list = |key| slot(&file.stream, root, key).value;
    let items = |key| list(key).map(|list| file.stream.items(list)).unwrap_or_default();
    let mut found: Vec<NodeId> = Vec::new();
    for item in items("patches").iter().chain(items("patchesJson6902")) {
        found.extend(slot(&file.stream, *item, "patch").value);
    }
    found.extend(items("patchesStrategicMerge"));
    let mut seen = HashSet::new();
    let resolved = found.into_iter().map(|id| file.stream.resolve(id));
    resolved.filter(|id| file.stream.scalar(*id).is_some() && seen.insert(*id)).collect()
}

/// The repository of a reference, also where its tag or digest is not valid.
pub(super) fn repository_of(text: &str) -> &str {
    let name = text.split('@').next().unwrap_or(text);
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let colon = name.get(path..).and_then(|last| last.find(':'));
    colon.and_then(|colon| name.get(..path + colon)).unwrap_or(name)
}

impl Place {
    fn site(&self, file: &File<'_>) -> Site {
        let repository = repository_of(&self.text).to_owned();
        let parsed = self.text.parse::<ImageRef>();
        Site {
            path: file.path.clone(),
            line: self.at.line,
            column: self.at.column,
            field: self.field.clone(),
            kind: self.kind,
            target: Target::Manifest { repository: repository.clone() },
            image: repository.clone(),
            repository: Some(repository),
            beside: None,
            policy: None,
            problem: parsed.as_ref().err().map(ToString::to_string),
            pin: parsed.map(|reference| reference.pin).unwrap_or_default(),
        }
    }
}
