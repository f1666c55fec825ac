//! Which files of an overlay are read.

use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

use super::{Overlay, Roots};

/// Directories nested deeper than this below an overlay are not read.
pub(super) const MAX_DEPTH: usize = 16;

/// The YAML and JSON files of an overlay, without those of overlays nested in it.
pub fn overlay_files(
    snapshot: &dyn Snapshot,
    overlay: &Overlay,
    roots: &Roots,
) -> Result<Vec<RepoPath>, SnapshotError> {
    Ok(Files::of(snapshot, overlay, roots)?.paths)
}

/// The files of an overlay.
pub(super) struct Files<'a> {
    snapshot: &'a dyn Snapshot,
    roots: &'a Roots,
    /// Those that are read.
    pub(super) paths: Vec<RepoPath>,
    /// The links and submodules among them, which are not followed.
    pub(super) links: Vec<RepoPath>,
}

impl<'a> Files<'a> {
    pub(super) fn of(
        snapshot: &'a dyn Snapshot,
        overlay: &Overlay,
        roots: &'a Roots,
    ) -> Result<Self, SnapshotError> {
        let mut files = Self { snapshot, roots, paths: Vec::new(), links: Vec::new() };
        if overlay.is_file {
            files.paths.push(overlay.path.clone());
        } else {
            files.below(&overlay.path, 0)?;
        }
        Ok(files)
    }

    fn below(&mut self, dir: &RepoPath, depth: usize) -> Result<(), SnapshotError> {
        let entries = self.snapshot.list(dir)?.unwrap_or_default();
        // The templates of a Helm chart are no YAML before Helm has rendered them.
        let is_chart = entries.iter().any(|entry| entry.name == "Chart.yaml");
        for entry in entries {
            let path = dir.join(&entry.name);
            if is_chart && entry.name == "templates" {
                continue;
            }
            match entry.kind {
                EntryKind::File if is_manifest(&entry.name) && !self.roots.has(&path) => {
                    self.paths.push(path);
                }
                EntryKind::Directory if depth < MAX_DEPTH && !self.roots.has(&path) => {
                    self.below(&path, depth + 1)?;
                }
                EntryKind::Symlink if is_manifest(&entry.name) => self.links.push(path),
                EntryKind::Submodule => self.links.push(path),
                _ => {}
            }
        }
        Ok(())
    }
}

pub(super) fn is_manifest(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json")) || name == "Kustomization"
}
