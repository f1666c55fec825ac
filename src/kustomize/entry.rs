//! A new entry of `images:` (`--create`).

use super::EditError;
use super::change::Planned;
use super::edit::{carry_out, check_image_tag};
use super::file::File;
use super::images;
use crate::model::{EditKind, FileChange, Pin, RepoPath};
use crate::yaml::Operation;

/// An entry that is missing.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'e> {
    /// The image as the base names it.
    pub name: &'e str,
    /// Where it is pulled from, if elsewhere.
    pub new_name: Option<&'e str>,
    /// The version.
    pub pin: &'e Pin,
}

/// Adds an entry at the end of `images:`, in the style of the
/// entries there, or a new `images:` at the end of the kustomization.
pub fn add_image_entry(
    path: &RepoPath,
    bytes: &[u8],
    new: &NewEntry<'_>,
) -> Result<FileChange, EditError> {
    let file = File::parse(path, bytes)?;
    check_image_tag(&file, new.pin)?;
    let Some(root) = file.root().filter(|_| file.kustomization) else {
        return Err(file.not_found("kustomization to add an entry to".to_owned(), Vec::new()));
    };
    let named = |entry: &&images::Entry| entry.name(&file).as_deref() == Some(new.name);
    if let Some(entry) = images::entries(&file).iter().find(named) {
        let message = format!("`images` has an entry for `{}` already", new.name);
        return Err(file.refuse(entry.mapping, message));
    }
    let pairs = pairs(new);
    let lists = images::lists(&file);
    if let Some(second) = lists.get(1) {
        return Err(file.refuse(*second, "`images` is given twice"));
    }
    let operation = match lists.first() {
        None => Operation::NewList { mapping: root, key: "images", pairs },
        Some(list) if file.stream.is_sequence(*list) => {
            file.refuse_shared(file.stream.resolve(*list), None)?;
            Operation::Append { sequence: file.stream.resolve(*list), pairs }
        }
        Some(list) => return Err(file.refuse(*list, "`images` is no list")),
    };
    let index = lists.first().map_or(0, |list| file.stream.items(*list).len());
    let planned = Planned {
        operation,
        field: format!("images[{index}]"),
        kind: EditKind::KustomizeEntry,
        old: None,
        new: Some(new.pin.to_string()),
    };
    carry_out(&file, vec![planned])
}

fn pairs(new: &NewEntry<'_>) -> Vec<(&'static str, String)> {
    let NewEntry { name, new_name, pin } = *new;
    let mut pairs = vec![("name", name.to_owned())];
    pairs.extend(new_name.map(|new_name| ("newName", new_name.to_owned())));
    pairs.extend(pin.tag.as_ref().map(|tag| ("newTag", tag.to_string())));
    pairs.extend(pin.digest.as_ref().map(|digest| ("digest", digest.to_string())));
    pairs
}
