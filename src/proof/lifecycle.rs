//! Apps that come and overlays that go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use memchr::memmem;

use crate::kustomize::is_kustomization;
use crate::model::{EntryKind, EnvironmentName, RepoPath, Search, SnapshotError};

use super::renders::Side;
use super::unit::{Judging, Key, Unit, doubt};
use super::{Doubt, Fresh, Gone, Proof};

impl Judging<'_> {
    /// Tells of overlays that go, and of apps that are new.
    pub(super) fn lifecycle(
        &self,
        outside: &[RepoPath],
        proof: &mut Proof,
    ) -> Result<(), SnapshotError> {
        for unit in self.units.values().filter(|unit| unit.head.is_empty()) {
            let later = self.later(unit)?;
            let path = unit.path();
            let kind = self.sides.head.kind(&path)?;
            if matches!(kind, Some(EntryKind::Symlink | EntryKind::Submodule)) {
                let message = format!("the overlay {path} becomes a link, which is not followed");
                proof.doubts.push(doubt(unit, (path, 0), message));
                continue;
            }
            if !later.is_empty() {
                proof.gone.push(gone(unit, later));
            } else if let Some(new) = self.moved_out(unit, outside)? {
                let message = format!(
                    "the overlay {path} goes, and {new} is new outside of every overlay: what \
                     replaces it is not judged"
                );
                proof.doubts.push(doubt(unit, (new, 0), message));
            }
        }
        for unit in self.units.values() {
            if self.is_emptied(unit)? {
                let later = self.later(unit)?;
                if !later.is_empty() {
                    proof.gone.push(gone(unit, later));
                }
            }
        }
        let mut come = Vec::new();
        let keys: BTreeSet<&Key> = self.units.values().map(|unit| &unit.key).collect();
        for key in keys {
            let fresh: Vec<&Unit<'_>> = self.of(key).collect();
            if fresh.iter().all(|unit| unit.base.is_empty()) {
                come.extend(fresh_app(&fresh, proof));
            }
        }
        let repositories = come.iter().flat_map(|(_, repositories)| repositories);
        let named = self.named_at_base(&repositories.map(String::as_str).collect())?;
        for (mut fresh, repositories) in come {
            let of_it = |(name, _): &(&String, &RepoPath)| repositories.contains(*name);
            let elsewhere = named.iter().filter(of_it);
            fresh.elsewhere = elsewhere.map(|(name, path)| (name.clone(), path.clone())).collect();
            proof.fresh.push(fresh);
        }
        Ok(())
    }

    fn of<'u>(&'u self, key: &'u Key) -> impl Iterator<Item = &'u Unit<'u>> {
        self.units.values().filter(move |unit| unit.key == *key)
    }

    /// Whether an overlay is still there, but nothing is left of what it ran.
    fn is_emptied(&self, unit: &Unit<'_>) -> Result<bool, SnapshotError> {
        if unit.base.is_empty() || unit.head.is_empty() || !self.is_touched(unit)? {
            return Ok(false);
        }
        let ran = self.rendered(unit, Side::Base)?.iter().any(|base| !base.images.is_empty());
        let head = self.rendered(unit, Side::Head)?;
        Ok(ran && head.iter().all(|head| head.images.is_empty() && head.opaque.is_empty()))
    }

    /// The environments after that run the app at the head.
    fn later(&self, unit: &Unit<'_>) -> Result<Vec<EnvironmentName>, SnapshotError> {
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
        let mut found = Vec::new();
        for name in after.into_iter().skip(1) {
            for other in self.of(&unit.key).filter(|other| other.environment == *name) {
                if !other.head.is_empty() && !self.is_emptied(other)? {
                    found.push(name.clone());
                }
            }
        }
        Ok(found)
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

    /// The files of the base that name one of these repositories already.
    fn named_at_base(
        &self,
        repositories: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, RepoPath>, SnapshotError> {
        if repositories.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found: Mutex<BTreeMap<String, RepoPath>> = Mutex::default();
        let show = |path: &RepoPath, bytes: &[u8]| {
            let finds = |name: &&&str| names_image(bytes, name);
            for name in repositories.iter().filter(finds) {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                let known = found.entry((*name).to_owned()).or_insert_with(|| path.clone());
                // The same one whichever is seen first.
                if path < known {
                    known.clone_from(path);
                }
            }
        };
        self.sides.base.scan(&Search {
            wanted: &|_| true,
            show: &show,
            link: &|_, _| {},
            most: usize::MAX,
        })?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a text names an image of that repository, whichever registry it is
/// from and however that is spelled.
pub fn names_image(text: &[u8], repository: &str) -> bool {
    let host = |first: &str| first.contains(['.', ':']) || first == "localhost";
    let name = match repository.split_once('/') {
        Some((first, rest)) if host(first) => rest,
        _ => repository,
    };
    let name = name.strip_prefix("library/").unwrap_or(name);
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| b" \t\r\n\"':@,]}".contains(byte));
    let starts = |byte: Option<&u8>| byte.is_none_or(|byte| b" \t\r\n\"'/=[{,".contains(byte));
    memmem::find_iter(text, name.as_bytes()).any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        starts(before) && ends(text.get(at + name.len()))
    })
}

fn gone(unit: &Unit<'_>, later: Vec<EnvironmentName>) -> Gone {
    let (environment, app) = (unit.environment.clone(), unit.key.app().cloned());
    Gone { environment, app, path: unit.path(), later }
}

fn is_manifest(name: &str) -> bool {
    is_kustomization(name) || [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// A doubt about the change as a whole.
pub(super) fn overall(path: RepoPath, message: String) -> Doubt {
    Doubt { environment: None, app: None, path, line: 0, message }
}

/// An app that no environment had, and the repositories of its images; where
/// else these are named is still to be found out.
fn fresh_app(units: &[&Unit<'_>], proof: &Proof) -> Option<(Fresh, BTreeSet<String>)> {
    let app = units.first().and_then(|unit| unit.key.app()).cloned()?;
    let entering = proof.entering.iter().filter(|entering| entering.app == app);
    let repositories = entering.map(|entering| entering.repository.clone()).collect();
    let overlays = units.iter().flat_map(|unit| unit.overlays(Side::Head));
    let overlays = overlays.map(|overlay| overlay.path.clone()).collect();
    Some((Fresh { overlays, elsewhere: BTreeMap::new(), app }, repositories))
}
