//! Objects of Flux and Argo CD: whether an environment still gets what its own
//! overlays give.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::discover;
use crate::kustomize::is_kustomization;
use crate::kustomize::render::{Pointer, PointerField, Rendered, render, render_file};
use crate::model::{EntryKind, EnvironmentName, RepoPath, Snapshot, SnapshotError, Sources};

use super::affected::Affected;
use super::renders::Side;
use super::unit::Judging;
use super::{Doubt, Proof, Sides};

/// What points elsewhere after the change.
pub(super) fn doubts(
    judging: &Judging<'_>,
    affected: &Affected,
    proof: &Proof,
) -> Result<Vec<Doubt>, SnapshotError> {
    let mut found = Vec::new();
    for unit in judging.units.values() {
        if judging.sources(unit) == Sources::First || !judging.is_touched(unit)? {
            continue;
        }
        let (base, head) =
            (judging.rendered(unit, Side::Base)?, judging.rendered(unit, Side::Head)?);
        let scope = Scope { sides: judging.sides, proof, environment: Some(&unit.environment) };
        let told = scope.compare(&pointers(&base), &pointers(&head))?;
        let known = |doubt: Doubt| Doubt { app: unit.key.app().cloned(), ..doubt };
        found.extend(told.into_iter().map(known));
    }
    for place in outside(judging.sides, affected)? {
        let (base, head) =
            (place.pointers(judging.sides.base)?, place.pointers(judging.sides.head)?);
        let environment = judging.sides.environment_of(&place.path);
        if environment.is_some_and(|name| judging.sides.is_first(name)) {
            continue;
        }
        let scope = Scope { sides: judging.sides, proof, environment };
        found.extend(scope.compare(&base, &head)?);
    }
    Ok(found)
}

fn pointers(rendered: &[Rc<Rendered>]) -> Vec<Pointer> {
    rendered.iter().flat_map(|rendered| rendered.pointers.clone()).collect()
}

/// A file, or a kustomization, that no overlay holds.
struct Outside {
    path: RepoPath,
    is_file: bool,
}

impl Outside {
    fn pointers(&self, snapshot: &dyn Snapshot) -> Result<Vec<Pointer>, SnapshotError> {
        if self.is_file {
            return Ok(render_file(snapshot, &self.path)?.pointers);
        }
        let entries = snapshot.list(&self.path)?.unwrap_or_default();
        if entries.iter().any(|entry| is_kustomization(&entry.name)) {
            return Ok(render(snapshot, &self.path)?.pointers);
        }
        Ok(Vec::new())
    }
}

/// The kustomizations and files outside of overlays that change.
fn outside(sides: &Sides<'_>, affected: &Affected) -> Result<Vec<Outside>, SnapshotError> {
    let overlays = || affected.base.iter().chain(&affected.head);
    let mut found = Vec::new();
    for dir in &affected.reached {
        if !overlays().any(|overlay| dir.is_within(&overlay.path)) {
            found.push(Outside { path: dir.clone(), is_file: false });
        }
    }
    for path in &affected.outside {
        let manifest = [".yaml", ".yml", ".json"].iter().any(|end| path.file_name().ends_with(end));
        let there = sides.head.kind(path)? == Some(EntryKind::File);
        if manifest && there && !is_kustomization(path.file_name()) {
            found.push(Outside { path: path.clone(), is_file: true });
        }
    }
    Ok(found)
}

/// Where pointers are compared.
struct Scope<'a> {
    sides: &'a Sides<'a>,
    proof: &'a Proof,
    environment: Option<&'a EnvironmentName>,
}

impl Scope<'_> {
    fn compare(&self, base: &[Pointer], head: &[Pointer]) -> Result<Vec<Doubt>, SnapshotError> {
        let before: BTreeMap<&str, &Pointer> =
            base.iter().map(|pointer| (pointer.object.as_str(), pointer)).collect();
        let mut doubts = Vec::new();
        for pointer in head {
            let said = match before.get(pointer.object.as_str()) {
                Some(old) => self.changed(old, pointer),
                None => self.new(base, pointer)?,
            };
            doubts.extend(said);
        }
        Ok(doubts)
    }

    fn doubt(&self, at: &(RepoPath, u32), message: String) -> Doubt {
        let (path, line) = at.clone();
        Doubt { environment: self.environment.cloned(), app: None, path, line, message }
    }

    fn changed(&self, old: &Pointer, new: &Pointer) -> Option<Doubt> {
        let before: BTreeSet<(&str, &str)> = old.fields.iter().map(pair).collect();
        let after: BTreeSet<(&str, &str)> = new.fields.iter().map(pair).collect();
        let changed = new
            .fields
            .iter()
            .find(|field| !before.contains(&pair(field)) && !self.is_judged(&field.origin));
        if let Some(field) = changed {
            let message =
                format!("{} would take another {}: {}", new.object, field.path, field.value);
            return Some(self.doubt(&field.origin, message));
        }
        let lost = old.fields.iter().find(|field| {
            let kept = |other: &&PointerField| other.path == field.path;
            !after.contains(&pair(field)) && !new.fields.iter().any(|other| kept(&other))
        })?;
        let message = format!("{} loses {}: {}", new.object, lost.path, lost.value);
        Some(self.doubt(&new.origin, message))
    }

    /// Whether a marked or declared version stands there, which is judged as
    /// such.
    fn is_judged(&self, at: &(RepoPath, u32)) -> bool {
        let mut sites = self.proof.after.cells.values().flat_map(|cell| &cell.sites);
        sites.any(|site| (&site.path, site.line) == (&at.0, at.1))
    }

    /// A new object is fine where it takes its source from where others do, and
    /// a path that is this environment's alone.
    fn new(&self, base: &[Pointer], pointer: &Pointer) -> Result<Option<Doubt>, SnapshotError> {
        let sources = |pointer: &Pointer| -> BTreeSet<(String, String)> {
            let of = |field: &&PointerField| is_source(&field.path);
            let known = pointer.fields.iter().filter(of);
            known.map(|field| (field.path.clone(), field.value.clone())).collect()
        };
        let own = sources(pointer);
        let known = own.is_empty() || base.iter().any(|other| sources(other) == own);
        let object = &pointer.object;
        if !known {
            let message =
                format!("{object} is new, and takes what it deploys from a source of its own");
            return Ok(Some(self.doubt(&pointer.origin, message)));
        }
        for field in &pointer.fields {
            if field.path.to_ascii_lowercase().contains("image") && !self.is_judged(&field.origin) {
                let message = format!("{object} is new and carries an image: {}", field.value);
                return Ok(Some(self.doubt(&field.origin, message)));
            }
            if !(field.path.ends_with(".path") && field.path.contains("sp")) {
                continue;
            }
            let owners = self.owners(&field.value)?;
            let own = match self.environment {
                Some(environment) => owners.iter().eq([environment]),
                None => owners.len() == 1,
            };
            if !own {
                let message = format!("{object} is new and deploys {}", field.value);
                return Ok(Some(self.doubt(&field.origin, message)));
            }
        }
        Ok(None)
    }

    /// The environments whose overlays lie at, above or below a path.
    fn owners(&self, text: &str) -> Result<BTreeSet<EnvironmentName>, SnapshotError> {
        let Some(path) = RepoPath::root().resolve(text.trim_start_matches('/')) else {
            return Ok(BTreeSet::new());
        };
        let apps: Vec<String> = discover::apps_on(self.sides.config, &path).into_iter().collect();
        let overlays = discover::overlays_of(self.sides.head, self.sides.config, Some(&apps))?;
        let near = overlays
            .into_iter()
            .filter(|overlay| overlay.path.is_within(&path) || path.is_within(&overlay.path));
        Ok(near.map(|overlay| overlay.environment).collect())
    }
}

fn pair(field: &PointerField) -> (&str, &str) {
    (&field.path, &field.value)
}

/// Fields that say where the content comes from, but for the path in it.
fn is_source(path: &str) -> bool {
    let name = path.rsplit(['.', ']']).next().unwrap_or(path);
    ["repoURL", "targetRevision", "chart", "url", "branch", "tag", "semver", "commit"]
        .contains(&name)
        || path.contains("sourceRef.")
        || path.contains("chartRef.")
        || path.contains("destination.")
}
