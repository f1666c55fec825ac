//! Objects of Flux and Argo CD outside of every overlay.

use std::collections::BTreeSet;

use crate::kustomize::is_kustomization;
use crate::kustomize::render::{Pointer, render, render_file};
use crate::model::{EntryKind, EnvironmentName, RepoPath, Snapshot, SnapshotError, Sources};

use super::Sides;
use super::affected::Affected;

/// A file, or a kustomization, that no overlay holds.
pub(super) struct Outside {
    pub(super) path: RepoPath,
    is_file: bool,
}

impl Outside {
    pub(super) fn pointers(&self, snapshot: &dyn Snapshot) -> Result<Vec<Pointer>, SnapshotError> {
        if self.is_file {
            return Ok(render_file(snapshot, &self.path)?.pointers);
        }
        let entries = snapshot.list(&self.path)?.unwrap_or_default();
        if entries.iter().any(|entry| is_kustomization(&entry.name)) {
            return Ok(render(snapshot, &self.path)?.pointers);
        }
        Ok(Vec::new())
    }

    /// The pointers of each environment before in the same place, as far as a
    /// directory or a word of the file tells them apart.
    pub(super) fn before(
        &self,
        sides: &Sides<'_>,
        environment: &EnvironmentName,
        sources: &Sources,
    ) -> Result<Vec<(EnvironmentName, Vec<Pointer>)>, SnapshotError> {
        let words = |name: &EnvironmentName| {
            let environment = sides.config.environment(name.as_str());
            let dirs = environment.map(|environment| environment.dirs.clone()).unwrap_or_default();
            std::iter::once(name.to_string()).chain(dirs).collect::<Vec<_>>()
        };
        let mut found = Vec::new();
        for source in sources.names() {
            let mut theirs = Vec::new();
            let mut met = BTreeSet::from([self.path.clone()]);
            for (own, other) in words(environment)
                .iter()
                .flat_map(|own| words(source).into_iter().map(move |o| (own, o)))
            {
                let Some(path) =
                    self.elsewhere(own, &other).filter(|path| met.insert(path.clone()))
                else {
                    continue;
                };
                let there = Self { path, is_file: self.is_file };
                if !there.is_file || sides.base.kind(&there.path)? == Some(EntryKind::File) {
                    theirs.extend(there.pointers(sides.base)?);
                }
            }
            found.push((source.clone(), theirs));
        }
        Ok(found)
    }

    /// The path with one word in the place of another.
    fn elsewhere(&self, own: &str, other: &str) -> Option<RepoPath> {
        let parts: Vec<String> = self
            .path
            .parts()
            .map(|part| {
                let (stem, end) = part.split_at(part.find('.').unwrap_or(part.len()));
                let words = stem.split('-').map(|word| if word == own { other } else { word });
                words.collect::<Vec<_>>().join("-") + end
            })
            .collect();
        RepoPath::root().resolve(&parts.join("/"))
    }

    /// The pointers in the files beside it: what is usual here.
    pub(super) fn beside(&self, snapshot: &dyn Snapshot) -> Result<Vec<Pointer>, SnapshotError> {
        let dir = self.path.parent().filter(|_| self.is_file).unwrap_or(self.path.clone());
        let mut found = Vec::new();
        let entries = snapshot.list(&dir)?.unwrap_or_default();
        let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
        for entry in files.filter(|entry| is_manifest(&entry.name)).take(MOST_BESIDE) {
            found.extend(render_file(snapshot, &dir.join(&entry.name))?.pointers);
        }
        Ok(found)
    }
}

/// Of a directory with more files only these are looked at.
const MOST_BESIDE: usize = 500;

pub(super) fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) && !is_kustomization(name)
}

/// The kustomizations and files outside of overlays that change.
pub(super) fn outside(
    sides: &Sides<'_>,
    affected: &Affected,
) -> Result<Vec<Outside>, SnapshotError> {
    let overlays = || affected.base.iter().chain(&affected.head);
    let mut found = Vec::new();
    for dir in &affected.reached {
        if !overlays().any(|overlay| dir.is_within(&overlay.path)) {
            found.push(Outside { path: dir.clone(), is_file: false });
        }
    }
    for path in &affected.outside {
        let there = sides.head.kind(path)? == Some(EntryKind::File);
        if there && is_manifest(path.file_name()) {
            found.push(Outside { path: path.clone(), is_file: true });
        }
    }
    Ok(found)
}
