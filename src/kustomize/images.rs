//! The top-level `images:` of a kustomization.

use super::EditError;
use super::change::Planned;
use super::file::{File, Slot, same_key, slot};
use super::marker::Markers;
use super::read::Note;
use super::value::{self, Parsed, Reading};
use crate::model::{Digest, EditKind, Pin, Site, SiteKind, Tag, Target};
use crate::yaml::{NodeId, NodeKind, Operation};

/// One entry of `images:`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The mapping, an alias followed.
    pub(super) mapping: NodeId,
    name: Slot,
    new_name: Slot,
    tag: Slot,
    digest: Slot,
    tag_key: &'static str,
}

/// One half of a pin, as an entry has it and as it should be.
struct Half<'w> {
    slot: Slot,
    key: &'static str,
    wanted: Option<&'w str>,
    /// The pair behind which it goes, where it is new.
    after: Option<usize>,
}

/// The lists called `images`; more than one is a mistake.
pub(super) fn lists(file: &File<'_>) -> Vec<NodeId> {
    let Some(root) = file.root().filter(|_| file.kustomization) else { return Vec::new() };
    let named = |key: &NodeId| file.stream.value(*key).is_some_and(|key| same_key(key, "images"));
    file.stream.pairs(root).iter().filter(|pair| named(&pair.key)).map(|pair| pair.value).collect()
}

/// The entries of all lists, each once.
pub(super) fn entries(file: &File<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for list in lists(file) {
        for item in file.stream.items(list) {
            let mapping = file.stream.resolve(*item);
            let known = file.stream.node(*item).is_some_and(is_alias)
                && entries.iter().any(|entry| entry.mapping == mapping);
            if file.stream.is_mapping(mapping) && !known {
                entries.push(Entry::new(file, mapping));
            }
        }
    }
    entries
}

fn is_alias(node: &crate::yaml::Node) -> bool {
    matches!(node.kind, NodeKind::Alias { .. })
}

impl Entry {
    pub(super) fn new(file: &File<'_>, mapping: NodeId) -> Self {
        Self::keyed(file, mapping, "newTag")
    }

    /// A mapping that holds tag and digest side by side, the tag under that key.
    pub(super) fn keyed(file: &File<'_>, mapping: NodeId, tag_key: &'static str) -> Self {
        let slot = |key| slot(&file.stream, mapping, key);
        Self {
            mapping,
            name: slot("name"),
            new_name: slot("newName"),
            tag: slot(tag_key),
            digest: slot("digest"),
            tag_key,
        }
    }

    /// The version.
    pub(super) fn pin(&self, file: &File<'_>) -> Parsed<Pin> {
        value::pin(&file.stream, self.tag.value, self.digest.value)
    }

    pub(super) fn repository(&self, file: &File<'_>) -> Option<String> {
        value::text(&file.stream, self.new_name.value).or_else(|| self.name(file))
    }

    pub(super) fn name(&self, file: &File<'_>) -> Option<String> {
        value::text(&file.stream, self.name.value)
    }

    /// Whether `node` is one of the scalars of this entry that hold a version or name.
    pub(super) fn holds(&self, node: NodeId) -> bool {
        [self.tag, self.digest, self.new_name].iter().any(|slot| slot.value == Some(node))
    }

    /// Where the version stands, or the entry where there is none.
    fn place(&self) -> NodeId {
        let written = [self.tag, self.digest].into_iter().find(|slot| slot.own.is_some());
        written.or(Some(self.name)).and_then(|slot| slot.value).unwrap_or(self.mapping)
    }

    fn twice(&self) -> Option<NodeId> {
        [self.name, self.new_name, self.tag, self.digest].iter().find_map(|slot| slot.twice)
    }

    pub(super) fn site(&self, file: &File<'_>, markers: &Markers) -> Option<Site> {
        let name = self.name(file)?;
        let place = self.place();
        let at = file.stream.position_of(place);
        let parsed = self.pin(file);
        let problem = if lists(file).len() > 1 {
            Some("`images` is given twice".to_owned())
        } else {
            let twice = self.twice().map(|_| "a key of this entry is given twice".to_owned());
            twice.or(parsed.problem)
        };
        let written = [self.tag, self.digest].into_iter().find(|slot| slot.own.is_some());
        let field = match written {
            Some(_) => file.field(place),
            None => format!("{}.newTag", file.field(self.mapping)),
        };
        Some(Site {
            path: file.path.clone(),
            line: at.line,
            column: at.column,
            field,
            kind: SiteKind::Kustomize,
            target: Target::Image { name: name.clone() },
            repository: self.repository(file),
            image: name,
            beside: None,
            policy: self.policy(markers),
            pin: parsed.value,
            problem,
        })
    }

    fn policy(&self, markers: &Markers) -> Option<String> {
        let mut values = [self.tag, self.digest].into_iter().filter_map(|slot| slot.value);
        values.find_map(|value| markers.on(value)).map(|marker| marker.policy.clone())
    }

    /// What must change so that the entry says `pin`.
    pub(super) fn set(
        &self,
        file: &File<'_>,
        markers: &Markers,
        pin: &Pin,
    ) -> Result<Vec<Planned>, EditError> {
        if let Some(twice) = self.twice() {
            return Err(file.refuse_with(
                twice,
                "a key is given twice in this `images` entry".to_owned(),
                "remove one of the two lines",
            ));
        }
        let tag_stays = pin.tag.is_some() && self.tag.own.is_some();
        let halves = [
            Half {
                slot: self.tag,
                key: self.tag_key,
                wanted: pin.tag.as_ref().map(Tag::as_str),
                after: None,
            },
            Half {
                slot: self.digest,
                key: "digest",
                wanted: pin.digest.as_ref().map(Digest::as_str),
                after: self.tag.own.filter(|_| tag_stays),
            },
        ];
        let mut planned = Vec::new();
        for half in &halves {
            planned.extend(self.part(file, half)?);
        }
        for change in &planned {
            refuse_marked(file, markers, change)?;
        }
        Ok(planned)
    }

    fn part(&self, file: &File<'_>, half: &Half<'_>) -> Result<Option<Planned>, EditError> {
        let Half { slot, key, wanted, after } = *half;
        let old = slot.value.and_then(|value| value::text(&file.stream, Some(value)));
        let node = slot.value.unwrap_or(self.mapping);
        let operation = match (slot.own, wanted) {
            _ if wanted.is_some() && says(file, node, wanted) => return Ok(None),
            (None, None) if old.is_none() => return Ok(None),
            (None, None) => {
                let message =
                    format!("the `{key}` comes through a merge key, so it cannot be removed here");
                return Err(file.refuse(node, message));
            }
            (Some(index), None) => {
                file.refuse_shared(node, None)?;
                Operation::Remove { mapping: self.mapping, index }
            }
            (Some(_), Some(value)) => {
                file.check_tag(node)?;
                file.refuse_shared(node, Some(key))?;
                Operation::Set { node, value: value.to_owned() }
            }
            (None, Some(value)) => {
                file.refuse_shared(self.mapping, Some(key))?;
                let after = after.unwrap_or_else(|| self.insertion());
                Operation::Insert { mapping: self.mapping, after, key, value: value.to_owned() }
            }
        };
        let kind = if key == "digest" { EditKind::KustomizeDigest } else { EditKind::KustomizeTag };
        let field = format!("{}.{key}", file.field(self.mapping));
        Ok(Some(Planned { operation, field, kind, old, new: wanted.map(str::to_owned) }))
    }

    /// The pair behind which a new key goes: `newName`, else `name`, else the last.
    fn insertion(&self) -> usize {
        self.new_name.own.or(self.name.own).unwrap_or(0)
    }
}

/// Whether a value is text and says `wanted` already.
fn says(file: &File<'_>, node: NodeId, wanted: Option<&str>) -> bool {
    match value::read(&file.stream, node) {
        Reading::Text(text) => Some(text.as_str()) == wanted,
        _ => false,
    }
}

/// A line that carries a marker is not removed: the next run of the
/// automation would miss it.
fn refuse_marked(file: &File<'_>, markers: &Markers, change: &Planned) -> Result<(), EditError> {
    let Operation::Remove { mapping, index } = change.operation else { return Ok(()) };
    let Some(pair) = file.stream.pairs(mapping).get(index) else { return Ok(()) };
    match markers.on(pair.value) {
        Some(marker) => Err(file.refuse_with(
            pair.value,
            format!("the line to remove carries the marker `{}`", marker.policy),
            "name a digest too, or remove the marker first",
        )),
        None => Ok(()),
    }
}

/// Plans the change of all entries of that name.
pub(super) fn set_named(
    file: &File<'_>,
    markers: &Markers,
    name: &str,
    (pin, repository): (&Pin, Option<&str>),
) -> Result<Vec<Planned>, EditError> {
    let entries = entries(file);
    if let Some(second) = lists(file).get(1) {
        let hint = "make one list of the two";
        return Err(file.refuse_with(*second, "`images` is given twice".to_owned(), hint));
    }
    let own_name = |entry: &Entry| entry.name(file);
    if !entries.iter().any(|entry| own_name(entry).as_deref() == Some(name)) {
        let mut names: Vec<String> = entries.iter().filter_map(own_name).collect();
        names.dedup();
        return Err(file.not_found(format!("image `{name}` in `images`"), names));
    }
    let mut planned = Vec::new();
    for entry in entries.iter().filter(|entry| own_name(entry).as_deref() == Some(name)) {
        planned.extend(entry.set(file, markers, pin)?);
        // A name that is not there is not made up: the entry means its `name`.
        if let Some(repository) = repository.filter(|_| entry.new_name.value.is_some()) {
            let (slot, wanted) = (entry.new_name, Some(repository));
            planned.extend(entry.part(file, &Half { slot, key: "newName", wanted, after: None })?);
        }
    }
    Ok(planned)
}

/// `tagSuffix` beside a tag or digest is ignored by Kustomize 5.5.
pub(super) fn suffix_notes(file: &File<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    for entry in entries(file) {
        let suffix = slot(&file.stream, entry.mapping, "tagSuffix");
        let Some(node) = suffix.value else { continue };
        let pinned = entry.tag.value.is_some() || entry.digest.value.is_some();
        let effect = if pinned { "is ignored beside a tag or digest" } else { "changes the tag" };
        let line = file.stream.position_of(node).line;
        notes.push(Note { line, message: format!("`tagSuffix` {effect}") });
    }
    notes
}
