//! Fields that the config declares: versions in Helm values, custom resources
//! and files of a few lines, and whole references as Argo CD writes them.

use super::EditError;
use super::change::Planned;
use super::file::File;
use super::images::Entry;
use super::path::{self, Step};
use super::read::Note;
use super::value::{self, Parsed, Reading};
use crate::config::FieldSpec;
use crate::model::{Digest, EditKind, ImageRef, Pin, Site, SiteKind, Target};
use crate::yaml::{NodeId, Operation};

/// Which of the values of a path are meant.
pub(super) struct Wanted<'t> {
    /// Whether they are whole references.
    pub(super) image: bool,
    /// The repository, or the name before Argo CD's `=`.
    pub(super) repository: Option<&'t str>,
}

/// The values a path leads to; a list of references is its items.
fn nodes(file: &File<'_>, steps: &[Step], image: bool) -> Vec<NodeId> {
    let stream = &file.stream;
    let mut found = Vec::new();
    for node in path::find(stream, steps) {
        if image && stream.is_sequence(node) {
            found.extend(stream.items(node));
        } else {
            found.push(node);
        }
    }
    found
}

/// The sites of all declared fields, and what is odd about them.
pub(super) fn sites(
    file: &File<'_>,
    specs: &[FieldSpec],
    taken: impl Fn(NodeId) -> bool,
) -> (Vec<Site>, Vec<Note>) {
    let (mut sites, mut notes) = (Vec::new(), Vec::new());
    for spec in specs {
        let Some(steps) = path::parse(&spec.path) else {
            let message = format!("the field path `{}` is not understood", spec.path);
            notes.push(Note { line: 1, message });
            continue;
        };
        let several = spec.image && is_open(&steps);
        for node in nodes(file, &steps, spec.image) {
            if !taken(node) && !follows_tag(file, node, specs) {
                let several =
                    several || file.stream.node(node).is_some_and(|n| in_list(file, n.parent));
                sites.push(site(file, spec, node, several && spec.image));
            }
        }
    }
    (sites, notes)
}

fn in_list(file: &File<'_>, parent: Option<NodeId>) -> bool {
    parent.is_some_and(|parent| file.stream.is_sequence(parent))
}

fn is_open(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Every))
}

/// Whether the value is the digest beside a tag that is declared too: the two
/// are one site.
fn follows_tag(file: &File<'_>, node: NodeId, specs: &[FieldSpec]) -> bool {
    let Some(parent) = file.stream.node(node).and_then(|node| node.parent) else { return false };
    if file.stream.get(parent, "digest") != Some(node) {
        return false;
    }
    let tags = ["tag", "newTag"].map(|key| file.stream.get(parent, key));
    specs.iter().filter(|spec| !spec.image).any(|spec| {
        let steps = path::parse(&spec.path).unwrap_or_default();
        path::find(&file.stream, &steps).iter().any(|found| tags.contains(&Some(*found)))
    })
}

/// The pair of tag and digest that a value belongs to: `newTag` beside a
/// `name` (Flux's `spec.images`), or a `tag` beside a `digest` (Helm values).
fn pair(file: &File<'_>, node: NodeId) -> Option<Entry> {
    let parent = file.stream.node(node)?.parent?;
    if file.stream.get(parent, "newTag") == Some(node) && file.stream.get(parent, "name").is_some()
    {
        return Some(Entry::new(file, parent));
    }
    let digest = file.stream.get(parent, "digest");
    value::text(&file.stream, digest)?;
    let is_tag = file.stream.get(parent, "tag") == Some(node);
    is_tag.then(|| Entry::keyed(file, parent, "tag"))
}

fn site(file: &File<'_>, spec: &FieldSpec, node: NodeId, several: bool) -> Site {
    let entry = if spec.image { None } else { pair(file, node) };
    let (name, repository, parsed) = match &entry {
        Some(entry) => (None, entry.repository(file), entry.pin(file)),
        None if spec.image => reference(file, node),
        None => (None, None, version(file, node)),
    };
    let known = name.or_else(|| repository.clone()).filter(|_| several);
    let at = file.stream.position_of(node);
    let target =
        Target::Field { path: spec.path.clone(), image: spec.image, repository: known.clone() };
    Site {
        path: file.path.clone(),
        line: at.line,
        column: at.column,
        field: file.field(node),
        kind: SiteKind::Field,
        target,
        image: known.unwrap_or_else(|| spec.path.clone()),
        repository,
        beside: beside(file, node).filter(|_| !spec.image),
        policy: None,
        pin: parsed.value,
        problem: parsed.problem,
    }
}

/// The `repository` beside a `tag`, as Helm values have it, behind the `registry`
/// where there is one too.
fn beside(file: &File<'_>, node: NodeId) -> Option<String> {
    let parent = file.stream.node(node)?.parent?;
    if file.stream.get(parent, "tag") != Some(node) {
        return None;
    }
    let text = |key| value::text(&file.stream, file.stream.get(parent, key));
    let repository = text("repository")?;
    let whole = match text("registry") {
        Some(registry) => format!("{registry}/{repository}"),
        None => repository,
    };
    value::is_repository(&whole).then_some(whole)
}

fn version(file: &File<'_>, node: NodeId) -> Parsed<Pin> {
    let parsed = value::parse::<Pin>(&file.stream, Some(node), "version");
    Parsed { value: parsed.value.unwrap_or_default(), problem: parsed.problem }
}

/// A reference as Argo CD may write it: `name=repository:tag`.
fn split_name(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, reference)) => (Some(name), reference),
        None => (None, text),
    }
}

fn reference(file: &File<'_>, node: NodeId) -> (Option<String>, Option<String>, Parsed<Pin>) {
    let text = match value::read(&file.stream, node) {
        Reading::Text(text) | Reading::Other(text, _) => text,
        Reading::Nothing => return (None, None, Parsed::default()),
        Reading::Collection => {
            let problem = Some("the reference is a list or mapping".to_owned());
            return (None, None, Parsed { value: Pin::default(), problem });
        }
    };
    let (name, reference) = split_name(&text);
    let name = name.map(str::to_owned);
    match reference.parse::<ImageRef>() {
        Ok(reference) => {
            let parsed = Parsed { value: reference.pin, problem: None };
            (name, Some(reference.repository), parsed)
        }
        Err(error) => {
            let parsed = Parsed { value: Pin::default(), problem: Some(error.to_string()) };
            (name, Some(super::manifest::repository_of(reference).to_owned()), parsed)
        }
    }
}

/// Plans the change of the values that a path leads to.
pub(super) fn set(
    file: &File<'_>,
    path: &str,
    wanted: &Wanted<'_>,
    pin: &Pin,
) -> Result<Vec<Planned>, EditError> {
    let steps = path::parse(path).ok_or_else(|| {
        file.not_found(format!("field: the path `{path}` is not understood"), Vec::new())
    })?;
    let mut names = Vec::new();
    let mut found = Vec::new();
    for node in nodes(file, &steps, wanted.image) {
        match wanted.repository.filter(|_| wanted.image) {
            None => found.push(node),
            Some(name) => {
                let (alias, repository, _) = reference(file, node);
                if [&alias, &repository].into_iter().flatten().any(|own| own == name) {
                    found.push(node);
                }
                names.extend(alias.or(repository));
            }
        }
    }
    if found.is_empty() {
        let image = wanted.repository.map(|name| format!(" with the image `{name}`"));
        let searched = format!("field `{path}`{}", image.unwrap_or_default());
        return Err(file.not_found(searched, names));
    }
    let mut planned = Vec::new();
    for node in found {
        planned.extend(plan(file, node, wanted.image, pin)?);
    }
    Ok(planned)
}

fn plan(file: &File<'_>, node: NodeId, image: bool, pin: &Pin) -> Result<Vec<Planned>, EditError> {
    if let Some(entry) = pair(file, node).filter(|_| !image) {
        let mut planned = entry.set(file, &super::marker::Markers::default(), pin)?;
        for change in &mut planned {
            change.kind = EditKind::Field;
        }
        return Ok(planned);
    }
    let old = match value::read(&file.stream, node) {
        Reading::Text(text) | Reading::Other(text, _) => Some(text),
        Reading::Nothing => None,
        Reading::Collection => return Err(file.refuse(node, "a list or mapping stands here")),
    };
    let new = if image { new_reference(file, node, pin)? } else { new_version(file, node, pin)? };
    let same = matches!(value::read(&file.stream, node), Reading::Text(text) if text == new);
    if same {
        return Ok(Vec::new());
    }
    file.check_tag(node)?;
    file.refuse_shared(node, None)?;
    Ok(vec![Planned {
        operation: match old.as_deref().filter(|_| image) {
            Some(old) => rewrite(file, node, (old, &new)),
            None => Operation::Set { node, value: new.clone() },
        },
        field: file.field(node),
        kind: EditKind::Field,
        old,
        new: Some(new),
    }])
}

/// A reference with Argo CD's `name=` keeps the bytes up to the `=`.
fn rewrite(file: &File<'_>, node: NodeId, (old, new): (&str, &str)) -> Operation {
    let start = old.find('=').map(|equals| equals + 1);
    match (start, start.and_then(|start| new.get(start..))) {
        (Some(start), Some(text)) if file.stream.scalar(node).is_some() => {
            Operation::Part { node, range: start..old.len(), text: text.to_owned() }
        }
        _ => Operation::Set { node, value: new.to_owned() },
    }
}

fn new_reference(file: &File<'_>, node: NodeId, pin: &Pin) -> Result<String, EditError> {
    let text = value::text(&file.stream, Some(node)).unwrap_or_default();
    let (name, reference) = split_name(&text);
    let repository = super::manifest::repository_of(reference).to_owned();
    if repository.is_empty() {
        return Err(file.refuse(node, "no repository stands here to keep"));
    }
    let reference = ImageRef { repository, pin: pin.clone() };
    Ok(name.map(|name| format!("{name}=")).unwrap_or_default() + &reference.to_string())
}

/// A field that held a digest alone keeps holding one.
fn new_version(file: &File<'_>, node: NodeId, pin: &Pin) -> Result<String, EditError> {
    let old = value::text(&file.stream, Some(node)).unwrap_or_default();
    let holds_digest = old.parse::<Digest>().is_ok() || is_digest_key(file, node);
    match (holds_digest, &pin.digest, &pin.tag) {
        (true, Some(digest), _) => Ok(digest.to_string()),
        (true, None, _) => Err(file.refuse_with(
            node,
            "this field holds a digest, and none is given".to_owned(),
            "name a digest too: TAG@sha256:...",
        )),
        (false, _, Some(_)) => Ok(pin.to_string()),
        (false, _, None) => {
            Err(file.refuse(node, "this field holds a tag, and only a digest is given"))
        }
    }
}

fn is_digest_key(file: &File<'_>, node: NodeId) -> bool {
    let parent = file.stream.node(node).and_then(|node| node.parent);
    parent.is_some_and(|parent| file.stream.get(parent, "digest") == Some(node))
}
