//! Objects of Flux and Argo CD: whether an environment still gets what its own
//! overlays give.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::discover::{self, Overlay};
use crate::kustomize::is_kustomization;
use crate::kustomize::render::{Pointer, PointerField, Rendered, render_file};
use crate::model::{EntryKind, EnvironmentName, RepoPath, Snapshot, SnapshotError, Sources};

use super::affected::Affected;
use super::expand::{Directory, Expansion, expand};
use super::followed::{Line, versions};
use super::outside::{is_manifest, outside};
use super::renders::Side;
use super::shared::{self, Shared};
use super::unit::{Judging, Unit};
use super::{Doubt, Moved, Proof, Sides};

/// What points elsewhere after the change.
pub(super) fn doubts(
    judging: &Judging<'_>,
    affected: &Affected,
    proof: &Proof,
) -> Result<(Vec<Doubt>, Vec<Moved>), SnapshotError> {
    let sides = judging.sides;
    let mut found = Vec::new();
    let mut moved = Vec::new();
    for unit in judging.units.values() {
        if !judging.is_touched(unit)? {
            continue;
        }
        let (base, head) =
            (judging.rendered(unit, Side::Base)?, judging.rendered(unit, Side::Head)?);
        let first = judging.sources(unit) == Sources::First;
        let scope =
            Scope { sides, proof, environment: Some(&unit.environment), first, goes: false };
        let base = pointers(&base);
        let mut head = vouched(judging, unit, &base, pointers(&head))?;
        if !first {
            let judged = |at: &(RepoPath, u32)| scope.is_judged(at);
            let followed = judging.line(unit)?.follow(&base, &head, &judged);
            head = followed.head;
            moved.extend(followed.moved);
            found.extend(followed.doubts);
        }
        let told = scope.compare(&base, &head, &[])?;
        let known = |doubt: Doubt| Doubt { app: unit.key.app().cloned(), ..doubt };
        found.extend(told.into_iter().map(known));
    }
    let goes = goes(sides, affected)?;
    let left: Vec<Pointer> = goes.iter().flat_map(|(_, left)| left.clone()).collect();
    for place in outside(sides, affected)? {
        let (base, mut head) = (place.pointers(sides.base)?, place.pointers(sides.head)?);
        let environment = sides.environment_of(&place.path);
        let first = environment.is_some_and(|name| sides.is_first(name));
        let goes = goes.iter().any(|(deploys, _)| *deploys);
        let scope = Scope { sides, proof, environment, first, goes };
        let mut beside = if head.is_empty() { Vec::new() } else { place.beside(sides.base)? };
        if let (Some(environment), false) = (environment, first) {
            let sources = environment_sources(sides, environment);
            let before = place.before(sides, environment, &sources)?;
            let line = Line { environment, app: None, sources, before };
            let followed = line.follow(&base, &head, &|at| scope.is_judged(at));
            head = followed.head;
            moved.extend(followed.moved);
            found.extend(followed.doubts);
        }
        if environment.is_none() {
            beside.extend(left.iter().cloned());
        }
        found.extend(scope.compare(&base, &head, &beside)?);
    }
    Ok((found, moved))
}

/// Where marked and declared versions stand.
pub(super) fn held(proof: &Proof) -> BTreeSet<(RepoPath, u32)> {
    let sites = proof.after.cells.values().flat_map(|cell| &cell.sites);
    sites.map(|site| (site.path.clone(), site.line)).collect()
}

/// The objects of a unit, without those that are new and that every
/// environment before has alike: a source, which says all that it deploys, or
/// a release, whose values are judged for themselves.
fn vouched(
    judging: &Judging<'_>,
    unit: &Unit<'_>,
    base: &[Pointer],
    mut head: Vec<Pointer>,
) -> Result<Vec<Pointer>, SnapshotError> {
    let Sources::All(sources) = judging.sources(unit) else { return Ok(head) };
    let own = |pointer: &Pointer| {
        let object = pointer.object.split_once('/').map(|(kind, rest)| {
            (kind.to_owned(), rest.rsplit('/').next().unwrap_or(rest).to_owned())
        });
        let fields: BTreeSet<(String, String)> =
            pointer.fields.iter().map(|f| (f.path.clone(), f.value.clone())).collect();
        (object, fields)
    };
    let mut theirs = Vec::new();
    for source in &sources {
        let Some(before) = judging.unit(&unit.key, source) else { return Ok(head) };
        let rendered = judging.rendered(before, Side::Base)?;
        theirs.push(pointers(&rendered).iter().map(own).collect::<Vec<_>>());
    }
    head.retain(|pointer| {
        let source = ["Helm", "GitRepository/", "OCIRepository/", "Bucket/"];
        let old = base.iter().any(|other| other.object == pointer.object);
        let is_source = source.iter().any(|kind| pointer.object.starts_with(kind));
        old || !is_source || !theirs.iter().all(|theirs| theirs.contains(&own(pointer)))
    });
    Ok(head)
}

/// The objects outside of overlays, in what names no environment, that go; and
/// whether they deployed one.
fn goes(
    sides: &Sides<'_>,
    affected: &Affected,
) -> Result<Vec<(bool, Vec<Pointer>)>, SnapshotError> {
    let mut found = Vec::new();
    let nobodys =
        |path: &&RepoPath| is_manifest(path.file_name()) && sides.environment_of(path).is_none();
    let mut stays = BTreeSet::new();
    for path in affected.outside.iter().filter(nobodys) {
        let head = render_file_if(sides.head, path)?;
        stays.extend(head.into_iter().map(|pointer| pointer.object));
    }
    for path in affected.outside.iter().filter(nobodys) {
        let mut deploys = false;
        let left = render_file_if(sides.base, path)?;
        for pointer in left.iter().filter(|pointer| !stays.contains(&pointer.object)) {
            deploys |= !shared::deployed(sides, pointer)?.is_empty();
        }
        found.push((deploys, left));
    }
    Ok(found)
}

fn render_file_if(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<Vec<Pointer>, SnapshotError> {
    let is_file = snapshot.kind(path)? == Some(EntryKind::File);
    Ok(if is_file { render_file(snapshot, path)?.pointers } else { Vec::new() })
}

pub(super) fn pointers(rendered: &[Rc<Rendered>]) -> Vec<Pointer> {
    rendered.iter().flat_map(|rendered| rendered.pointers.clone()).collect()
}

/// Where an automation of Flux writes.
const WRITTEN: &str = "spec.update.path";

/// Where pointers are compared.
struct Scope<'a> {
    sides: &'a Sides<'a>,
    proof: &'a Proof,
    environment: Option<&'a EnvironmentName>,
    /// Whether that is a first environment, which may take anything, but not
    /// bring it to others.
    first: bool,
    /// Whether an object that deploys an environment, and belongs to none,
    /// goes by the same change.
    goes: bool,
}

impl Scope<'_> {
    fn compare(
        &self,
        base: &[Pointer],
        head: &[Pointer],
        beside: &[Pointer],
    ) -> Result<Vec<Doubt>, SnapshotError> {
        let before: BTreeMap<&str, &Pointer> =
            base.iter().map(|pointer| (pointer.object.as_str(), pointer)).collect();
        let usual: Vec<&Pointer> = base.iter().chain(beside).collect();
        let mut doubts = Vec::new();
        for pointer in head {
            let said = match before.get(pointer.object.as_str()) {
                Some(old) if self.stays(old, pointer)? => None,
                Some(old) => self.changed(old, pointer)?,
                None => self.added(&usual, pointer)?,
            };
            doubts.extend(said);
        }
        Ok(doubts)
    }

    /// Whether the field matters here.
    fn matters(&self, field: &PointerField) -> bool {
        // The namespace is the app's own affair.
        let namespace = field.path.ends_with("spec.destination.namespace");
        // A release of no environment takes its charts as it pleases.
        if self.environment.is_none() && is_value_or_version(&field.path) {
            return false;
        }
        let aims = is_target(&field.path) || is_making(&field.path) || field.path == WRITTEN;
        !namespace && (!self.first || aims)
    }

    fn doubt(&self, at: &(RepoPath, u32), message: String) -> Doubt {
        let (path, line) = at.clone();
        Doubt { environment: self.environment.cloned(), app: None, path, line, message }
    }

    fn changed(&self, old: &Pointer, new: &Pointer) -> Result<Option<Doubt>, SnapshotError> {
        let before: BTreeSet<(&str, &str)> = old.fields.iter().map(pair).collect();
        let after: BTreeSet<(&str, &str)> = new.fields.iter().map(pair).collect();
        let lists = Lists::of(old, new);
        let changed = new.fields.iter().filter(|field| {
            let same = before.contains(&pair(field)) || self.is_judged(&field.origin);
            self.matters(field) && !same && !lists.is_added(self.sides, field)
        });
        for field in changed {
            if !shared::is_free(self.sides, field)? {
                let message =
                    format!("{} would take another {}: {}", new.object, field.path, field.value);
                return Ok(Some(self.doubt(&field.origin, message)));
            }
        }
        let lost = old.fields.iter().filter(|field| {
            let gone = !after.contains(&pair(field)) && !lists.paths.contains(field.path.as_str());
            self.matters(field) && gone && element_of(&field.path).is_none()
        });
        for lost in lost {
            if !shared::is_free(self.sides, lost)? {
                let message = format!("{} loses {}: {}", new.object, lost.path, lost.value);
                return Ok(Some(self.doubt(&new.origin, message)));
            }
        }
        Ok(None)
    }

    /// Whether an `ApplicationSet` takes one environment's own directories to the
    /// same clusters, or to fewer of them, and these had no later ones: what
    /// lies in the directories is judged as what that environment runs.
    fn stays(&self, old: &Pointer, new: &Pointer) -> Result<bool, SnapshotError> {
        if old.fields == new.fields {
            return Ok(true);
        }
        let (Some(before), Some(after)) = (expand(old), expand(new)) else { return Ok(false) };
        let was = self.environments(self.sides.base, &before)?;
        let is = self.environments(self.sides.head, &after)?;
        let (Some(was), Some(is)) = (was, is) else { return Ok(false) };
        if was.iter().chain(&is).all(Option::is_none) {
            // No environment gets it, neither before nor after.
            return Ok(self.environment.is_none() && after.is_of_same_source(&before));
        }
        let is_first = |name: &Option<EnvironmentName>| {
            name.as_ref().is_some_and(|name| self.sides.is_first(name))
        };
        let own = self.environment.is_none_or(|own| is.iter().flatten().eq([own]));
        let first = was.iter().chain(&is).all(is_first);
        // Its own now, where it was that or what comes before.
        let later = is.len() == 1
            && is.iter().all(Option::is_some)
            && was.iter().all(|name| is.contains(name) || is_first(name));
        Ok(own && after.narrows(&before) && (first || later))
    }

    /// The environments that directories belong to, each to a single one or to
    /// nobody; `None` where that cannot be told.
    fn environments(
        &self,
        snapshot: &dyn Snapshot,
        expansion: &Expansion,
    ) -> Result<Option<BTreeSet<Option<EnvironmentName>>>, SnapshotError> {
        let mut found = BTreeSet::new();
        for directory in &expansion.paths {
            let holders = self.holders(snapshot, directory)?;
            let Some(holders) = holders.filter(|holders| holders.len() <= 1) else {
                return Ok(None);
            };
            found.insert(holders.into_iter().next());
        }
        Ok(Some(found))
    }

    /// Whether a marked or declared version stands there, which is judged as
    /// such.
    fn is_judged(&self, at: &(RepoPath, u32)) -> bool {
        let mut sites = self.proof.after.cells.values().flat_map(|cell| &cell.sites);
        sites.any(|site| (&site.path, site.line) == (&at.0, at.1))
    }

    /// A new object is fine where it takes its source from where others do, and
    /// a path that is this environment's alone.
    fn added(&self, usual: &[&Pointer], pointer: &Pointer) -> Result<Option<Doubt>, SnapshotError> {
        let object = &pointer.object;
        let told = |field: &PointerField, message| Ok(Some(self.doubt(&field.origin, message)));
        if object.starts_with("ImageUpdateAutomation/") && !self.first {
            let message = format!("{object} is new, and would write versions by itself");
            return Ok(Some(self.doubt(&pointer.origin, message)));
        }
        if self.environment.is_none() {
            let shared = Shared { sides: self.sides, usual, goes: self.goes };
            if let Some((at, what)) = shared.objection(pointer)? {
                return Ok(Some(self.doubt(&at, format!("{object} {what}"))));
            }
        }
        if self.environment.is_some() && !self.first {
            let taken: BTreeSet<_> = usual.iter().flat_map(|other| versions(other)).collect();
            if object.starts_with("HelmRelease/") || !versions(pointer).is_subset(&taken) {
                let message = format!("{object} is new, and not as in the environments before");
                return Ok(Some(self.doubt(&pointer.origin, message)));
            }
        }
        // In a first environment the first of its kind decides.
        let alone = self.first && usual.is_empty();
        // What belongs to no environment may come, but carry no image.
        let alone = alone || self.environment.is_none();
        let known: BTreeSet<(&str, &str)> =
            usual.iter().flat_map(|other| self.sources(other)).collect();
        if !alone && !self.sources(pointer).is_subset(&known) {
            let message = format!("{object} is new, and its source or target is one of its own");
            return Ok(Some(self.doubt(&pointer.origin, message)));
        }
        let directories = directory_values(pointer);
        for field in pointer.fields.iter().filter(|field| self.matters(field)) {
            if carries_image(field, &directories) && !self.is_judged(&field.origin) {
                return told(
                    field,
                    format!("{object} is new and carries an image: {}", field.value),
                );
            }
            let placed = self.environment.is_some() || field.path == WRITTEN;
            if placed && is_path(&field.path) && !self.is_own(&field.value)? {
                return told(field, format!("{object} is new and deploys {}", field.value));
            }
        }
        Ok(None)
    }

    /// The fields that say where from and where to, as far as they matter here,
    /// each by its own name.
    fn sources<'p>(&self, pointer: &'p Pointer) -> BTreeSet<(&'p str, &'p str)> {
        let of = |field: &&PointerField| is_source(&field.path) && self.matters(field);
        let known = pointer.fields.iter().filter(of);
        known.map(|field| (last(&field.path), field.value.as_str())).collect()
    }

    /// Whether the overlays at a path are of this environment alone.
    fn is_own(&self, path: &str) -> Result<bool, SnapshotError> {
        let owners = self.owners(path)?;
        Ok(match self.environment {
            Some(environment) => owners.iter().eq([environment]),
            None => owners.len() == 1,
        })
    }

    /// The environments whose overlays lie at, above or below a path.
    fn owners(&self, text: &str) -> Result<BTreeSet<EnvironmentName>, SnapshotError> {
        let Some(path) = RepoPath::root().resolve(text.trim_start_matches('/')) else {
            return Ok(BTreeSet::new());
        };
        let overlays = self.overlays_at(self.sides.head, &path)?;
        let near = overlays
            .into_iter()
            .filter(|overlay| overlay.path.is_within(&path) || path.is_within(&overlay.path));
        Ok(near.map(|overlay| overlay.environment).collect())
    }

    /// The environments whose overlays are a directory, or take in all of it;
    /// `None` where only a part of it is known to be judged.
    fn holders(
        &self,
        snapshot: &dyn Snapshot,
        directory: &Directory,
    ) -> Result<Option<BTreeSet<EnvironmentName>>, SnapshotError> {
        let Some(path) = RepoPath::root().resolve(directory.known()) else { return Ok(None) };
        let mut found = BTreeSet::new();
        // Behind a link lies what belongs to somebody else.
        let link = |kind| matches!(kind, EntryKind::Symlink | EntryKind::Submodule);
        for above in path.ancestors() {
            if snapshot.kind(&above)?.is_some_and(link) {
                return Ok(None);
            }
        }
        let entries = snapshot.list(&path)?.unwrap_or_default();
        if !directory.whole && entries.iter().any(|entry| link(entry.kind)) {
            return Ok(None);
        }
        for overlay in self.overlays_at(snapshot, &path)? {
            if !path.is_within(&overlay.path) {
                if overlay.path.is_within(&path) {
                    return Ok(None);
                }
                continue;
            }
            // Below a kustomization only what it names is judged. A first
            // environment may take anything.
            let free = self.sides.is_first(&overlay.environment);
            for above in path.ancestors().filter(|above| above.is_within(&overlay.path)) {
                let entries = snapshot.list(&above)?.unwrap_or_default();
                let built = entries.iter().any(|entry| is_kustomization(&entry.name));
                if built && !free && !(directory.whole && above == path) {
                    return Ok(None);
                }
            }
            found.insert(overlay.environment);
        }
        Ok(Some(found))
    }

    fn overlays_at(
        &self,
        snapshot: &dyn Snapshot,
        path: &RepoPath,
    ) -> Result<Vec<Overlay>, SnapshotError> {
        let apps: Vec<String> = discover::apps_on(self.sides.config, [path]).into_iter().collect();
        discover::overlays_of(snapshot, self.sides.config, Some(&apps))
    }
}

/// The list of the element that a field belongs to, where elements have no
/// order.
fn element_of(path: &str) -> Option<&str> {
    path.split_once("[~").map(|(list, _)| list)
}

/// The lists of an object whose elements have no order.
struct Lists<'p> {
    /// Every field after the change.
    paths: BTreeSet<&'p str>,
    /// Lists from which an element goes.
    shrunk: BTreeSet<&'p str>,
    /// Texts that say where from, with variables in them; whether each is the
    /// path in the source.
    templates: Vec<(&'p str, bool)>,
}

impl<'p> Lists<'p> {
    fn of(old: &'p Pointer, new: &'p Pointer) -> Self {
        let paths: BTreeSet<&str> = new.fields.iter().map(|field| field.path.as_str()).collect();
        let gone = old.fields.iter().filter(|field| !paths.contains(field.path.as_str()));
        let shrunk = gone.filter_map(|field| element_of(&field.path)).collect();
        let leads = |field: &&PointerField| {
            let from = is_path(&field.path) || is_source(&field.path) && !is_target(&field.path);
            from && field.value.contains("{{") && element_of(&field.path).is_none()
        };
        let templates = new.fields.iter().filter(leads);
        let templates = templates.map(|field| (field.value.as_str(), is_path(&field.path)));
        Self { paths, shrunk, templates: templates.collect() }
    }

    /// Whether the field belongs to an element that is only added to such a
    /// list, names no image, and is no part of where the content comes from.
    fn is_added(&self, sides: &Sides<'_>, field: &PointerField) -> bool {
        let Some(list) = element_of(&field.path) else { return false };
        let text = format!("{} {}", field.path, field.value).to_ascii_lowercase();
        let image = ["image", "tag", "digest", "@sha256"].iter().any(|word| text.contains(word));
        let name = field.path.rsplit_once("[~").and_then(|(_, rest)| rest.split_once(']'));
        let name = name.map_or(field.path.as_str(), |(_, name)| name);
        let name = name.trim_matches(['.', '[', ']', '"']);
        let inner = is_inner(sides, &field.value);
        let leads = self.templates.iter().any(|(template, path)| {
            let first = template.trim_start_matches(['{', ' ', '.']).starts_with(name);
            template.contains(name) && !(*path && inner && !first)
        });
        !image && !leads && !self.shrunk.contains(list)
    }
}

/// Whether a text is the name of one directory that means no environment: in
/// the middle of a path it leads to no other environment.
fn is_inner(sides: &Sides<'_>, text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let mut environments = sides.config.pipeline.environments().iter();
    let named = environments.any(|one| {
        one.name.as_str() == text || one.dirs.iter().any(|dir| dir.split('/').any(|d| d == text))
    });
    !text.is_empty() && text.chars().all(plain) && !named
}

/// Whether a new field names an image. The name of a directory may hold that
/// word.
fn carries_image(field: &PointerField, directories: &BTreeSet<&str>) -> bool {
    let directory = is_path(&field.path) || directories.contains(field.path.as_str());
    let value = if directory && !field.value.contains([':', '@']) { "" } else { &field.value };
    let text = format!("{} {value}", field.path).to_ascii_lowercase();
    ["image", "@sha256:", "spec.components", "substitute."].iter().any(|word| text.contains(word))
}

/// The fields of generators that are nothing but parts of a directory: the
/// sources of the template have no variable apart from their path.
fn directory_values(pointer: &Pointer) -> BTreeSet<&str> {
    if expand(pointer).is_none() {
        return BTreeSet::new();
    }
    let value = |field: &&PointerField| {
        field.path.starts_with("spec.generators[") && field.path.contains(".values.")
            || field.path == "spec.template.spec.source.path"
    };
    pointer.fields.iter().filter(value).map(|field| field.path.as_str()).collect()
}

fn pair(field: &PointerField) -> (&str, &str) {
    (&field.path, &field.value)
}

/// Fields that say where the content comes from and where it goes, but for the
/// path in the source.
pub(super) fn is_source(path: &str) -> bool {
    const NAMES: [&str; 8] =
        ["repoURL", "targetRevision", "chart", "url", "branch", "tag", "semver", "commit"];
    NAMES.contains(&last(path))
        || path.contains("sourceRef.")
        || path.contains("chartRef.")
        || is_target(path)
}

/// The last name of a field path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit(['.', ']']).next().unwrap_or(path)
}

/// Fields of a Helm release that say which values and which version of its
/// chart it takes.
fn is_value_or_version(path: &str) -> bool {
    ["spec.valuesFrom", "spec.chart.spec.version", "spec.chart.spec.valuesFile"]
        .iter()
        .any(|field| path.starts_with(field))
}

fn environment_sources(sides: &Sides<'_>, environment: &EnvironmentName) -> Sources {
    let environment = sides.config.environment(environment.as_str());
    environment.map_or(Sources::First, |environment| environment.sources.clone())
}

/// Fields that say what a set makes of all its others, its targets too.
fn is_making(path: &str) -> bool {
    ["spec.applyNestedSelectors", "spec.goTemplate", "spec.templatePatch"]
        .iter()
        .any(|making| path.starts_with(making))
}

/// Fields that say where the content goes.
pub(super) fn is_target(path: &str) -> bool {
    // The namespace is the app's own affair.
    let cluster = path.contains("destination.") && !path.ends_with(".namespace");
    cluster || path.contains("kubeConfig.")
}

/// Fields that name a directory of the repository.
pub(super) fn is_path(path: &str) -> bool {
    path == "spec.path"
        || path == WRITTEN
        || path.ends_with("source.path")
        || path.starts_with("spec.sources[") && last(path) == "path"
}
