//! Objects of Flux and Argo CD in directories that name no environment, and
//! what lies beside such objects: where an environment is known only by what
//! is deployed to the same place.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use memchr::memmem;

use crate::discover;
use crate::kustomize::is_kustomization;
use crate::kustomize::render::{Pointer, PointerField, RenderedImage, render, render_file};
use crate::model::{EntryKind, EnvironmentName, RepoPath, Search, Snapshot, SnapshotError};

use super::pointers::{is_path, is_source, is_target, last};
use super::{Doubt, Sides};

/// Of a directory with more files only these are looked at.
const MOST_BESIDE: usize = 500;

/// What is new of the objects that belong to no environment.
pub(super) struct Shared<'a> {
    pub(super) sides: &'a Sides<'a>,
    /// The objects that were there, in the places that change and beside them.
    pub(super) usual: &'a [&'a Pointer],
    /// Whether one that deployed an environment goes by the same change.
    pub(super) goes: bool,
}

impl Shared<'_> {
    /// Why a new object may bring something to an environment that is not
    /// that one's own.
    pub(super) fn objection(&self, pointer: &Pointer) -> Result<Option<Objection>, SnapshotError> {
        let environments = deployed(self.sides, pointer)?;
        if environments.is_empty() {
            let moves = self.goes && pointer.fields.iter().any(|field| is_source(&field.path));
            let message = "is new, while one that deploys an environment goes".to_owned();
            return Ok(moves.then(|| (pointer.origin.clone(), message)));
        }
        let known: BTreeSet<Rc<str>> = self.usual.iter().flat_map(|other| sources(other)).collect();
        if !sources(pointer).is_subset(&known) {
            let message = "is new, and its source or target is one of its own".to_owned();
            return Ok(Some((pointer.origin.clone(), message)));
        }
        let mut there = BTreeSet::new();
        let mut beside = BTreeSet::new();
        for other in self.usual.iter().filter(|other| targets(other) == targets(pointer)) {
            let theirs = deployed(self.sides, other)?;
            if namespace(other) == namespace(pointer) {
                beside.extend(theirs.iter().cloned());
            }
            there.extend(theirs);
        }
        let strange = |known: &BTreeSet<EnvironmentName>| !environments.is_subset(known);
        if strange(&there) || !beside.is_empty() && strange(&beside) {
            let names: Vec<&str> = environments.iter().map(AsRef::as_ref).collect();
            let message =
                format!("is new, and brings {} to where it is not deployed", names.join(" and "));
            return Ok(Some((pointer.origin.clone(), message)));
        }
        Ok(None)
    }
}

/// Where, and what is wrong.
type Objection = ((RepoPath, u32), String);

/// Where an object takes its content from and brings it to.
fn sources(pointer: &Pointer) -> BTreeSet<Rc<str>> {
    let of = pointer.fields.iter().filter(|field| is_source(&field.path));
    of.map(|field| format!("{}={}", last(&field.path), field.value).into()).collect()
}

fn targets(pointer: &Pointer) -> BTreeSet<(&str, &str)> {
    let of = pointer.fields.iter().filter(|field| is_target(&field.path));
    of.map(|field| (last(&field.path), field.value.as_str())).collect()
}

fn namespace(pointer: &Pointer) -> Option<&str> {
    let of = |field: &&PointerField| field.path.ends_with("destination.namespace");
    pointer.fields.iter().find(of).map(|field| field.value.as_str())
}

/// The environments whose overlays an object deploys: those at, above or below
/// its paths; for what is beside the overlays of an app, such as its base, all
/// that the app has.
pub(super) fn deployed(
    sides: &Sides<'_>,
    pointer: &Pointer,
) -> Result<BTreeSet<EnvironmentName>, SnapshotError> {
    let mut found = BTreeSet::new();
    for field in pointer.fields.iter().filter(|field| is_path(&field.path)) {
        // What is filled in later leads anywhere.
        if field.value.contains(['{', '$', '*']) {
            continue;
        }
        let text = field.value.trim_start_matches('/');
        let Some(path) = RepoPath::root().resolve(text) else { continue };
        let apps: Vec<String> = discover::apps_on(sides.config, [&path]).into_iter().collect();
        let overlays = discover::overlays_of(sides.head, sides.config, Some(&apps))?;
        let near = |place: &RepoPath| place.is_within(&path) || path.is_within(place);
        let related: Vec<_> = overlays.iter().filter(|overlay| near(&overlay.path)).collect();
        if related.is_empty() && !apps.is_empty() {
            found.extend(overlays.iter().map(|overlay| overlay.environment.clone()));
        } else {
            found.extend(related.iter().map(|overlay| overlay.environment.clone()));
        }
    }
    Ok(found)
}

/// Images that come beside objects which deploy environments: whoever applies
/// these applies them too.
pub(super) fn workloads(
    sides: &Sides<'_>,
    outside: &[RepoPath],
) -> Result<Vec<Doubt>, SnapshotError> {
    let mut found = Vec::new();
    for path in outside.iter().filter(|path| is_yaml(path.file_name())) {
        let environment = sides.environment_of(path);
        let first = environment.is_some_and(|name| sides.is_first(name));
        if first || sides.head.kind(path)? != Some(EntryKind::File) {
            continue;
        }
        let mut new = images(sides.head, path)?;
        if !new.is_empty() && sides.base.kind(path)? == Some(EntryKind::File) {
            let old = references(sides.base, path)?;
            new.retain(|image| !old.contains(&image.reference));
        }
        let Some(dir) = path.parent().filter(|_| !new.is_empty()) else { continue };
        if !is_applied(sides, &dir)? {
            continue;
        }
        let mut known = BTreeSet::new();
        for file in manifests(sides.base, &dir)? {
            known.extend(references(sides.base, &file)?);
        }
        if let Some(image) = new.iter().find(|image| !known.contains(&image.reference)) {
            let (path, line) = image.origin.clone();
            let message = format!(
                "{} would run {}, beside objects that deploy environments and outside of every \
                 overlay",
                image.object, image.reference
            );
            let environment = environment.cloned();
            found.push(Doubt { environment, app: None, path, line, message });
        }
    }
    Ok(found)
}

fn references(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<BTreeSet<String>, SnapshotError> {
    Ok(images(snapshot, path)?.into_iter().map(|image| image.reference).collect())
}

/// The images of a file of manifests, or of the directory of a kustomization.
fn images(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<Vec<RenderedImage>, SnapshotError> {
    let rendered = match path.parent() {
        Some(dir) if is_kustomization(path.file_name()) => render(snapshot, &dir)?,
        _ => render_file(snapshot, path)?,
    };
    Ok(rendered.images)
}

/// Whether objects in a directory, or in one above, deploy environments.
fn is_applied(sides: &Sides<'_>, dir: &RepoPath) -> Result<bool, SnapshotError> {
    for dir in dir.ancestors().filter(|dir| !dir.as_str().is_empty()) {
        for file in manifests(sides.base, &dir)? {
            for pointer in render_file(sides.base, &file)?.pointers {
                if !deployed(sides, &pointer)?.is_empty() {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn manifests(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Vec<RepoPath>, SnapshotError> {
    let entries = snapshot.list(dir)?.unwrap_or_default();
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    let files = files.filter(|entry| is_manifest(&entry.name)).take(MOST_BESIDE);
    Ok(files.map(|entry| dir.join(&entry.name)).collect())
}

fn is_manifest(name: &str) -> bool {
    is_yaml(name) && !is_kustomization(name)
}

fn is_yaml(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// Variables that Flux takes from a `ConfigMap` or a `Secret` and puts into
/// what it applies: one that changes must not be part of an image.
pub(super) fn variables(
    sides: &Sides<'_>,
    outside: &[RepoPath],
) -> Result<Vec<Doubt>, SnapshotError> {
    let mut changed: Vec<(&RepoPath, Variable)> = Vec::new();
    for path in outside {
        let first = sides.environment_of(path).is_some_and(|name| sides.is_first(name));
        let (old, new) = (sides.base.read(path)?, sides.head.read(path)?);
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        if !first && (holds_settings(path, &old) || holds_settings(path, &new)) {
            changed.extend(keys(&old, &new).into_iter().map(|key| (path, key)));
        }
    }
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<Variable> = changed.iter().map(|(_, key)| key.clone()).collect();
    let told = users(sides, &keys, &|_| true)?.into_iter().filter_map(|(index, user)| {
        let (path, (key, _)) = changed.get(index)?;
        let message = format!("Flux may put `{key}` into an image: {user} uses it");
        let environment = sides.environment_of(path).cloned();
        Some(Doubt { environment, app: None, path: (*path).clone(), line: 0, message })
    });
    Ok(told.collect())
}

/// Which of some variables files may put into an image, and one such file of
/// each; none where Flux takes variables from nowhere, or no file that says so
/// `reads` these.
pub(super) fn users(
    sides: &Sides<'_>,
    keys: &[Variable],
    reads: &(dyn Fn(&[u8]) -> bool + Sync),
) -> Result<BTreeMap<usize, RepoPath>, SnapshotError> {
    let taken = Mutex::new(false);
    let used: Mutex<BTreeMap<usize, RepoPath>> = Mutex::default();
    let show = |path: &RepoPath, text: &[u8]| {
        // The field of Flux that holds both ways to give variables.
        if memmem::find(text, b"postBuild").is_some() && reads(text) {
            *taken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
        if memmem::find(text, b"${").is_none() {
            return;
        }
        for (index, _) in keys.iter().enumerate().filter(|(_, key)| gives(text, key)) {
            let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
            let known = used.entry(index).or_insert_with(|| path.clone());
            // The same one whichever is seen first.
            if path < known {
                known.clone_from(path);
            }
        }
    };
    let search = Search { wanted: &is_text, show: &show, link: &|_, _| {}, most: usize::MAX };
    sides.base.scan(&search)?;
    for path in sides.changed.iter().filter(|path| is_text(path.file_name())) {
        show(path, &sides.head.read(path)?.unwrap_or_default());
    }
    let taken = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
    let used = used.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(if taken { used } else { BTreeMap::new() })
}

/// Whether a variable that an object of Flux sets is part of no image.
pub(super) fn is_free(sides: &Sides<'_>, field: &PointerField) -> Result<bool, SnapshotError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match field.path.strip_prefix("spec.postBuild.substitute.") {
        Some(key) if key.chars().all(plain) => {
            // Flux puts it in as text, whatever that makes of the YAML.
            let odd = !field.value.chars().all(|c| plain(c) || "./-".contains(c));
            Ok(users(sides, &[(key.to_owned(), odd)], &|_| true)?.is_empty())
        }
        _ => Ok(false),
    }
}

/// Whether a file may give variables.
fn holds_settings(path: &RepoPath, text: &[u8]) -> bool {
    let name = path.file_name();
    let kind = [&b"ConfigMap"[..], b"Secret"].iter().any(|kind| memmem::find(text, kind).is_some());
    let text = name.rsplit_once('.').is_some_and(|(_, end)| end == "md");
    is_kustomization(name) || is_yaml(name) && kind || !is_yaml(name) && !text
}

/// A variable, and whether its value may be more than the value of a field.
pub(super) type Variable = (String, bool);

/// What stands before the first `:` or `=` of the lines that differ, and of
/// those that do not tell all of the value.
fn keys(old: &[u8], new: &[u8]) -> BTreeSet<Variable> {
    let lines = |text: &[u8]| -> BTreeSet<String> {
        String::from_utf8_lossy(text).lines().map(|line| line.trim().to_owned()).collect()
    };
    let (old, new) = (lines(old), lines(new));
    let key = |line: &String| -> Option<Variable> {
        let line = line.trim_start_matches(['-', ' ', '"', '\'']);
        let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
        let (key, rest) = line.split_at(end);
        let value = rest.trim_start_matches(['"', '\'', ' ']).strip_prefix([':', '='])?;
        let value = value.trim();
        let odd = value.is_empty()
            || value.starts_with(['|', '>', '&', '*', '!', '{', '['])
            || value.contains(['\\', '$', '\n']);
        (!key.is_empty()).then(|| (key.to_owned(), odd))
    };
    let differ = old.symmetric_difference(&new).filter_map(key);
    differ.chain(new.iter().filter_map(key).filter(|(_, odd)| *odd)).collect()
}

/// Files in which a variable may be used: whatever kustomize may take in.
fn is_text(name: &str) -> bool {
    name.rsplit_once('.').is_none_or(|(_, end)| end != "md")
}

/// Whether a text uses a variable. Where it is used does not matter: a value may
/// be taken on from any field into an image.
fn gives(text: &[u8], (key, _): &Variable) -> bool {
    let needle = format!("${{{key}");
    memmem::find_iter(text, needle.as_bytes()).any(|at| {
        let after = text.get(at + needle.len());
        !after.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_give_an_image_wherever_it_is_used() {
        let tag = ("web_tag".to_owned(), false);
        assert!(gives(b"a: 1\nnewTag: ${web_tag}\n", &tag));
        assert!(gives(b"- ${web_tag:=v1}\n", &tag));
        assert!(gives(b"app: &x ${web_tag}\nimage: *x\n", &tag));
        assert!(!gives(b"newTag: ${web_tag_2}\n", &tag));
    }

    #[test]
    fn keys_of_lines_that_differ() {
        let found = keys(b"data:\n  a: 1\n  b: 2\n", b"data:\n  a: 2\n  b: 2\n- \"c\"=3\n");
        let found: Vec<(&str, bool)> =
            found.iter().map(|(key, odd)| (key.as_str(), *odd)).collect();
        assert_eq!(found, [("a", false), ("c", false), ("data", true)]);
        let found = keys(b"a: 1\nb: |\n  x\n", b"a: \"1\\n\"\nb: |\n  y\n");
        assert!(found.contains(&("a".to_owned(), true)) && found.contains(&("b".to_owned(), true)));
    }
}
