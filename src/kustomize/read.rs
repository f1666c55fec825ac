//! The versions that a file holds.

use std::collections::HashSet;

use super::EditError;
use super::file::{File, is_kustomization};
use super::images::{self, Entry};
use super::manifest::Places;
use super::marker::Markers;
use super::{field, policy};
use crate::config::FieldSpec;
use crate::model::{RepoPath, Site};

/// Something a user should know about a file that is no version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// 1-based.
    pub line: u32,
    /// What it is.
    pub message: String,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSites {
    /// The versions.
    pub sites: Vec<Site>,
    /// Markers that bind to nothing, and the like.
    pub notes: Vec<Note>,
}

/// Finds all versions of a file: `images:` entries where its name is that of a
/// kustomization, markers, images of containers, and the declared `fields`.
///
/// A file without any of the words that such a place needs is not parsed.
pub fn read_sites(
    path: &RepoPath,
    bytes: &[u8],
    fields: &[FieldSpec],
) -> Result<FileSites, EditError> {
    if !may_hold_sites(path, bytes, fields) {
        return Ok(FileSites::default());
    }
    let file = File::parse(path, bytes)?;
    let markers = Markers::of(&file);
    let entries = images::entries(&file);
    let mut sites: Vec<Site> =
        entries.iter().filter_map(|entry| entry.site(&file, &markers)).collect();
    let free = |node| !entries.iter().any(|entry: &Entry| entry.holds(node));
    sites.extend(policy::sites(&file, &markers, free));
    let taken = |node| markers.on(node).is_some() || !free(node);
    let (declared, mut notes) = field::sites(&file, fields, taken);
    sites.extend(declared);
    let places = Places::of(&file, &markers);
    sites.extend(places.sites(&file));
    // One place is one site: a declared field comes before a container's image.
    let mut known = HashSet::new();
    sites.retain(|site| known.insert((site.line, site.column)));
    sites.sort_by_key(|site| (site.line, site.column));
    notes.extend(images::suffix_notes(&file));
    notes.extend(places.notes);
    notes.extend(markers.notes);
    notes.sort_by_key(|note| note.line);
    Ok(FileSites { sites, notes })
}

fn may_hold_sites(path: &RepoPath, bytes: &[u8], fields: &[FieldSpec]) -> bool {
    if is_kustomization(path.file_name()) || !fields.is_empty() {
        return true;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return has_image(bytes) };
    text.contains("image")
        && ["\"$imagepolicy\"", "ontainers", "/image"].iter().any(|word| text.contains(word))
}

/// The slow way, for bytes that are no text and so will be refused.
fn has_image(bytes: &[u8]) -> bool {
    bytes.windows(5).any(|window| window == b"image")
}
