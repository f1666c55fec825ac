//! The values that a policy's markers hold, as sites and as changes.

use super::EditError;
use super::change::Planned;
use super::file::File;
use super::images;
use super::manifest::repository_of;
use super::marker::{Marker, Markers, Part};
use super::value::{self, Parsed, Reading, is_repository};
use crate::model::{EditKind, ImageRef, Pin, Site, SiteKind, Target};
use crate::yaml::{NodeId, Operation, Stream};

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
        let (repository, parsed) = if let Some(node) = self.reference {
            read_reference(&file.stream, node)
        } else {
            let name = value::text(&file.stream, self.name);
            (name, value::pin(&file.stream, self.tag, self.digest))
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
            beside: None,
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
        let open = parent.and_then(|parent| {
            let same = |(holder, group): &&mut (Option<NodeId>, Group)| {
                *holder == Some(parent) && group.policy == marker.policy
            };
            groups.iter_mut().rev().find(same)
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
    let own: Vec<(&NodeId, &Marker)> =
        markers.bound.iter().filter(|(_, marker)| marker.policy == wanted.policy).collect();
    if own.is_empty() {
        let searched = format!("marker for the policy `{}`", wanted.policy);
        return Err(file.not_found(searched, markers.policies()));
    }
    let entries = images::entries(file);
    let mut planned = Vec::new();
    for (node, marker) in own {
        let entry = entries.iter().find(|entry| entry.holds(*node));
        if let Some(entry) = entry.filter(|_| marker.part != Part::Name) {
            refuse_part(file, *node, marker, wanted.pin)?;
            // Planned once for every marker; the same change counts once.
            planned.extend(entry.set(file, markers, wanted.pin)?);
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
            let standing = standing.as_deref().map(|text| repository_of(text).trim());
            let standing = standing.filter(|name| is_repository(name));
            let Some(repository) = wanted.repository.or(standing) else {
                return Err(missing("repository", "name it with --repo"));
            };
            let reference = ImageRef { repository: repository.to_owned(), pin: wanted.pin.clone() };
            Ok(Some(reference.to_string()))
        }
    }
}
