//! Apps that come and overlays that go.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use crate::kustomize::is_kustomization;
use crate::model::{EntryKind, EnvironmentName, RepoPath, SnapshotError};

use super::renders::Side;
use super::unit::{Judging, Key, Unit};
use super::{Doubt, Fresh, Gone, Proof};

impl Judging<'_> {
    /// Tells of overlays that go, and of apps that are new.
    pub(super) fn lifecycle(
        &self,
        outside: &[RepoPath],
        proof: &mut Proof,
    ) -> Result<(), SnapshotError> {
        for unit in self.units.values().filter(|unit| unit.head.is_empty()) {
            let later = self.later(unit);
            let path = unit.path();
            let kind = self.sides.head.kind(&path)?;
            if matches!(kind, Some(EntryKind::Symlink | EntryKind::Submodule)) {
                let message = format!("the overlay {path} becomes a link, which is not followed");
                proof.doubts.push(self.doubt(unit, (path, 0), message));
                continue;
            }
            if !later.is_empty() {
                let (environment, app) = (unit.environment.clone(), unit.key.app().cloned());
                proof.gone.push(Gone { environment, app, path, later });
            } else if let Some(new) = self.moved_out(unit, outside)? {
                let message = format!(
                    "the overlay {path} goes, and {new} is new outside of every overlay: what \
                     replaces it is not judged"
                );
                proof.doubts.push(self.doubt(unit, (new, 0), message));
            }
        }
        let keys: BTreeSet<&Key> = self.units.values().map(|unit| &unit.key).collect();
        for key in keys {
            let fresh: Vec<&Unit<'_>> = self.of(key).collect();
            if fresh.iter().all(|unit| unit.base.is_empty()) {
                proof.fresh.extend(self.fresh(&fresh, proof)?);
            }
        }
        Ok(())
    }

    fn of<'u>(&'u self, key: &'u Key) -> impl Iterator<Item = &'u Unit<'u>> {
        self.units.values().filter(move |unit| unit.key == *key)
    }

    /// The environments after that have the app at the head.
    fn later(&self, unit: &Unit<'_>) -> Vec<EnvironmentName> {
        let pipeline = &self.sides.config.pipeline;
        let mut after: Vec<&EnvironmentName> = vec![&unit.environment];
        let mut next = 0;
        while let Some(name) = after.get(next).copied() {
            next += 1;
            for environment in pipeline.following(name) {
                if !after.contains(&&environment.name) {
                    after.push(&environment.name);
                }
            }
        }
        let has = |name: &&&EnvironmentName| {
            self.of(&unit.key).any(|other| other.environment == ***name && !other.head.is_empty())
        };
        after.iter().skip(1).filter(has).map(|name| (*name).clone()).collect()
    }

    /// A manifest that is new outside of every overlay.
    fn moved_out(
        &self,
        unit: &Unit<'_>,
        outside: &[RepoPath],
    ) -> Result<Option<RepoPath>, SnapshotError> {
        if self.sources(unit).names().is_empty() {
            return Ok(None);
        }
        let mut used = BTreeSet::new();
        for unit in self.units.values() {
            used.extend(self.rendered(unit, Side::Head)?.iter().flat_map(|r| r.files.clone()));
        }
        let unused = |path: &&RepoPath| is_manifest(path.file_name()) && !used.contains(*path);
        for path in outside.iter().filter(unused) {
            if self.sides.base.kind(path)?.is_none() && self.sides.head.kind(path)?.is_some() {
                return Ok(Some(path.clone()));
            }
        }
        Ok(None)
    }

    /// What is to be known of an app that no environment had.
    fn fresh(&self, units: &[&Unit<'_>], proof: &Proof) -> Result<Option<Fresh>, SnapshotError> {
        let Some(app) = units.first().and_then(|unit| unit.key.app()).cloned() else {
            return Ok(None);
        };
        let entering = proof.entering.iter().filter(|entering| entering.app == app);
        let repositories: BTreeSet<&str> =
            entering.map(|entering| entering.repository.as_str()).collect();
        let overlays = units.iter().flat_map(|unit| unit.overlays(Side::Head));
        Ok(Some(Fresh {
            overlays: overlays.map(|overlay| overlay.path.clone()).collect(),
            elsewhere: self.named_at_base(&repositories)?,
            app,
        }))
    }

    /// The files of the base that name one of these repositories already.
    fn named_at_base(
        &self,
        repositories: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, RepoPath>, SnapshotError> {
        let mut found = BTreeMap::new();
        let mut open = if repositories.is_empty() { Vec::new() } else { vec![RepoPath::root()] };
        while let Some(dir) = open.pop() {
            for entry in self.sides.base.list(&dir)?.unwrap_or_default() {
                let path = dir.join(&entry.name);
                if entry.kind == EntryKind::Directory {
                    open.push(path);
                } else if is_manifest(&entry.name) {
                    let bytes = self.sides.base.read(&path)?.unwrap_or_default();
                    for repository in repositories {
                        if memmem::find(&bytes, repository.as_bytes()).is_some() {
                            found.insert((*repository).to_owned(), path.clone());
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

fn is_manifest(name: &str) -> bool {
    is_kustomization(name) || [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// A doubt about the change as a whole.
pub(super) fn overall(path: RepoPath, message: String) -> Doubt {
    Doubt { environment: None, app: None, path, line: 0, message }
}
