//! What overlays rendered at some time of the past.

use std::collections::BTreeSet;

use crate::discover::Overlay;
use crate::kustomize::render::ImageKind;
use crate::model::{Snapshot, SnapshotError};

use super::Entering;
use super::renders::rendered;

/// The references that overlays rendered, and the entries for what was not
/// followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    references: BTreeSet<String>,
    entries: BTreeSet<String>,
}

impl Ran {
    /// What these overlays render in a snapshot.
    pub fn of<'o>(
        snapshot: &dyn Snapshot,
        overlays: impl IntoIterator<Item = &'o Overlay>,
    ) -> Result<Self, SnapshotError> {
        let mut found = Self::default();
        for overlay in overlays {
            for image in rendered(snapshot, overlay)?.images {
                let entry = image.kind == ImageKind::Entry;
                let into = if entry { &mut found.entries } else { &mut found.references };
                into.insert(image.reference);
            }
        }
        Ok(found)
    }

    /// Whether the very reference was rendered. An entry that may have applied
    /// to something tells only of another such entry.
    pub fn has(&self, entering: &Entering) -> bool {
        let reference = &entering.reference;
        self.references.contains(reference)
            || entering.kind == ImageKind::Entry && self.entries.contains(reference)
    }
}
