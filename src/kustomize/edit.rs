//! Changes of one file, carried out together.

use std::collections::HashMap;

use super::EditError;
use super::change::Planned;
use super::file::File;
use super::images;
use super::manifest::Places;
use super::marker::Markers;
use super::policy::{self, Wanted};
use super::value::is_repository;
use super::{field, refs};
use crate::model::{Edit, FileChange, Pin, RepoPath, Target, VersionError};
use crate::yaml::{NodeId, Operation, apply};

/// A version to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is searched in the file.
    pub target: Target,
    /// The version. A tag alone means that there is no digest.
    pub pin: Pin,
    /// The repository that markers and `newName` write; `None` keeps the one that
    /// stands there.
    pub repository: Option<String>,
}

impl Change {
    /// The change of `target` to `pin`.
    pub fn new(target: Target, pin: Pin) -> Self {
        Self { target, pin, repository: None }
    }
}

/// Makes all `changes` to a file. With nothing to change there are no edits,
/// and `new` is `old`.
///
/// The result is proven: it is parsed again, and differs from the old file in
/// the intended values alone.
pub fn set_pins(
    path: &RepoPath,
    bytes: &[u8],
    changes: &[Change],
) -> Result<FileChange, EditError> {
    let file = File::parse(path, bytes)?;
    let markers = Markers::of(&file);
    let mut planned = Vec::new();
    for change in changes {
        planned.extend(plan(&file, &markers, change)?);
    }
    carry_out(&file, planned)
}

fn plan(file: &File<'_>, markers: &Markers, change: &Change) -> Result<Vec<Planned>, EditError> {
    if change.pin.is_empty() {
        let root = file.stream.documents().first().copied();
        return match root {
            Some(root) => Err(file.refuse(root, "neither a tag nor a digest is given")),
            None => Err(file.not_found("document".to_owned(), Vec::new())),
        };
    }
    if let Some(repository) = change.repository.as_deref() {
        check_repository(file, repository)?;
    }
    if !matches!(&change.target, Target::Field { image: false, .. } | Target::Ref { .. }) {
        check_image_tag(file, &change.pin)?;
    }
    match &change.target {
        Target::Image { name } => {
            images::set_named(file, markers, name, (&change.pin, change.repository.as_deref()))
        }
        Target::Policy { policy } => {
            let repository = change.repository.as_deref();
            policy::set_policy(file, markers, &Wanted { policy, pin: &change.pin, repository })
        }
        Target::Manifest { repository } => {
            Places::of(file, markers).set(file, repository, &change.pin)
        }
        Target::Field { path, image, repository } => {
            let wanted = field::Wanted { image: *image, repository: repository.as_deref() };
            field::set(file, path, &wanted, &change.pin)
        }
        Target::Ref { old } => refs::set(file, old, &change.pin),
    }
}

/// The version of a chart may have build metadata, the tag of an image not.
pub(super) fn check_image_tag(file: &File<'_>, pin: &Pin) -> Result<(), EditError> {
    match pin.tag.as_ref().filter(|tag| !tag.is_image_tag()) {
        None => Ok(()),
        Some(tag) => Err(EditError::Refused {
            path: file.path.clone(),
            at: file.stream.position(0),
            message: VersionError::Tag(tag.to_string()).to_string(),
            hint: Some("only a declared field, such as a chart's version, takes a `+`".to_owned()),
        }),
    }
}

/// Registry, port and path, and nothing that would end the value or the line.
fn check_repository(file: &File<'_>, repository: &str) -> Result<(), EditError> {
    if is_repository(repository) {
        return Ok(());
    }
    Err(EditError::Refused {
        path: file.path.clone(),
        at: file.stream.position(0),
        message: format!("`{repository}` is not a valid repository"),
        hint: Some("name it without tag and digest: registry.example/team/web".to_owned()),
    })
}

/// Applies what is planned and describes it as edits.
pub(super) fn carry_out(file: &File<'_>, planned: Vec<Planned>) -> Result<FileChange, EditError> {
    let planned = reconcile(file, planned)?;
    let old = file.stream.text().as_bytes().to_vec();
    if planned.is_empty() {
        let new = old.clone();
        let path = file.path.clone();
        let (old, edits) = (Some(old), Vec::new());
        return Ok(FileChange { path, old, new, removed: false, executable: false, edits });
    }
    file.refuse_sops()?;
    let operations: Vec<Operation> = planned.iter().map(|p| p.operation.clone()).collect();
    let applied = apply(&file.stream, &operations)
        .map_err(|source| EditError::Yaml { path: file.path.clone(), source })?;
    let mut edits: Vec<Edit> = Vec::with_capacity(planned.len());
    for (planned, splice) in planned.into_iter().zip(applied.splices) {
        edits.push(Edit {
            path: file.path.clone(),
            line: splice.at.line,
            column: splice.at.column,
            field: planned.field,
            kind: planned.kind,
            old: planned.old,
            new: planned.new,
            span: splice.span,
            replacement: splice.replacement.into_bytes(),
        });
    }
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let new = applied.text.into_bytes();
    let (path, old) = (file.path.clone(), Some(old));
    Ok(FileChange { path, old, new, removed: false, executable: false, edits })
}

/// Drops what is asked for twice, and refuses two values for one place.
fn reconcile(file: &File<'_>, planned: Vec<Planned>) -> Result<Vec<Planned>, EditError> {
    let mut kept: Vec<Planned> = Vec::with_capacity(planned.len());
    let mut places: HashMap<(NodeId, usize, String), usize> = HashMap::new();
    for next in planned {
        let (node, offset) = place_of(&next.operation);
        let place = (node, offset, next.field.clone());
        match places.get(&place).and_then(|index| kept.get(*index)) {
            Some(known) if known.operation == next.operation => {}
            Some(known) => {
                let name =
                    |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
                let message = format!(
                    "two values are asked for in one place: `{}` and `{}`",
                    name(&known.new),
                    name(&next.new)
                );
                return Err(file.refuse(place.0, message));
            }
            None => {
                places.insert(place, kept.len());
                kept.push(next);
            }
        }
    }
    Ok(kept)
}

/// The node that changes, and where in its value.
fn place_of(operation: &Operation) -> (NodeId, usize) {
    match operation {
        Operation::Part { node, range, .. } => (*node, range.start),
        Operation::Set { node, .. } => (*node, 0),
        Operation::Insert { mapping, .. }
        | Operation::Remove { mapping, .. }
        | Operation::NewList { mapping, .. } => (*mapping, 0),
        Operation::Append { sequence, .. } | Operation::AppendItem { sequence, .. } => {
            (*sequence, 0)
        }
        Operation::RemoveItem { sequence, index } => (*sequence, *index),
    }
}
