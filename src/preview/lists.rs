//! Who lists a preview: the kustomization that lists the overlay, so that the
//! copy is applied by whatever applies the original.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::found::{Preview, at};
use super::{Changes, PreviewError};
use crate::config::Config;
use crate::discover::Overlay;
use crate::kustomize::{self, is_kustomization, render};
use crate::model::{
    EntryKind, Environment, FileChange, Patched, RepoPath, Search, Snapshot, SnapshotError,
};

/// The kustomization that lists the overlay.
///
/// One that stands in a directory of another environment is none: `staging` may
/// use `dev` as its base. Where the layout names no app and nobody lists the
/// overlay, it is the overlay's own.
pub(super) fn of(
    snapshot: &dyn Snapshot,
    config: &Config,
    overlay: &Overlay,
) -> Result<Option<RepoPath>, PreviewError> {
    let mut found = naming(snapshot, &overlay.path)?;
    found.retain(|path| stands_in(config, overlay, path) != Some(false));
    let own: Vec<RepoPath> = found
        .iter()
        .filter(|path| stands_in(config, overlay, path) == Some(true))
        .cloned()
        .collect();
    if !own.is_empty() {
        found = own;
    }
    match found.as_slice() {
        [] if overlay.app.is_none() => kustomization_of(snapshot, &overlay.path),
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => Err(PreviewError::SeveralLists { overlay: overlay.path.clone(), found }),
    }
}

/// Whether a path is of the overlay's environment; `None` where it names none.
fn stands_in(config: &Config, overlay: &Overlay, path: &RepoPath) -> Option<bool> {
    let parts: Vec<&str> = path.parts().collect();
    let names = |environment: &&Environment| {
        let mut dirs = environment.dirs.iter();
        dirs.any(|dir| RepoPath::normalize(dir).is_some_and(|dir| has(&parts, &dir)))
    };
    let mut found = config.pipeline.environments().iter().filter(names).peekable();
    found.peek()?;
    Some(found.any(|environment| environment.name == overlay.environment))
}

/// Whether the parts of `dir` stand among `parts`, one behind the other.
fn has(parts: &[&str], dir: &RepoPath) -> bool {
    let dir: Vec<&str> = dir.parts().collect();
    parts.windows(dir.len().max(1)).any(|window| window == dir.as_slice())
}

/// Every kustomization that names the directory among its resources.
fn naming(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Vec<RepoPath>, PreviewError> {
    let found = Mutex::new(Vec::new());
    let word = dir.file_name().as_bytes();
    let show = |path: &RepoPath, bytes: &[u8]| {
        // Only what has the last part of the path is worth parsing.
        if !bytes.windows(word.len().max(1)).any(|window| window == word) {
            return;
        }
        let own = path.parent().unwrap_or_default();
        let names = |text: &String| own.resolve(text).as_ref() == Some(dir);
        let listed = kustomize::listed(path, bytes).unwrap_or_default();
        if listed.iter().any(names) {
            found.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        }
    };
    let link = |_: &RepoPath, _: &[u8]| {};
    let wanted = &is_kustomization;
    snapshot.scan(&Search { wanted, show: &show, link: &link, most: usize::MAX })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort();
    Ok(found)
}

/// The kustomization of a directory.
pub(super) fn kustomization_of(
    snapshot: &dyn Snapshot,
    dir: &RepoPath,
) -> Result<Option<RepoPath>, PreviewError> {
    let entries = snapshot.list(dir)?.unwrap_or_default();
    let files = entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
    Ok(files.map(|entry| entry.name).find(|name| is_kustomization(name)).map(|n| dir.join(&n)))
}

/// The kustomization that a person names: the file, or its directory.
pub(super) fn named(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<RepoPath, PreviewError> {
    let missing = || PreviewError::NoList(path.clone());
    match snapshot.kind(path)? {
        Some(EntryKind::Directory) => kustomization_of(snapshot, path)?.ok_or_else(missing),
        Some(EntryKind::File) if is_kustomization(path.file_name()) => Ok(path.clone()),
        _ => Err(missing()),
    }
}

/// Adds a directory to a list, unless it is there.
pub(super) fn add(
    snapshot: &dyn Snapshot,
    list: &RepoPath,
    dir: &RepoPath,
) -> Result<Option<FileChange>, PreviewError> {
    let own = list.parent().unwrap_or_default();
    let bytes = snapshot.read(list)?.ok_or_else(|| PreviewError::NoList(list.clone()))?;
    let listed = kustomize::listed(list, &bytes)?;
    if listed.iter().any(|text| own.resolve(text).as_ref() == Some(dir)) {
        return Ok(None);
    }
    Ok(Some(kustomize::list(list, &bytes, &dir.seen_from(&own))?))
}

/// What a directory renders: every reference, and how often; `None` where that
/// is too much to follow.
fn references(
    snapshot: &dyn Snapshot,
    dir: &RepoPath,
) -> Result<Option<BTreeMap<String, usize>>, SnapshotError> {
    let mut counted = BTreeMap::new();
    let rendered = render::render(snapshot, dir)?;
    for image in rendered.images {
        *counted.entry(image.reference).or_default() += 1;
    }
    Ok((!rendered.cut).then_some(counted))
}

/// Proves that a list neither changes what the preview runs, nor that anything
/// else it lists changes with it; `false` where it lists too much to tell.
pub(super) fn prove(
    (base, head): (&dyn Snapshot, &dyn Snapshot),
    (list, dir): (&RepoPath, &RepoPath),
    version: &str,
) -> Result<bool, PreviewError> {
    let own = list.parent().unwrap_or_default();
    let both = (references(base, &own)?, references(head, &own)?);
    let (Some(mut wanted), Some(found)) = both else { return Ok(false) };
    if let Some(before) = at(base, dir)? {
        // It is listed already, with what it ran before.
        let listed = kustomize::listed(list, &base.read(list)?.unwrap_or_default())?;
        if listed.iter().any(|text| own.resolve(text).as_ref() == Some(&before.dir)) {
            for (reference, count) in references(base, dir)?.unwrap_or_default() {
                let left = wanted.entry(reference).or_default();
                *left = left.saturating_sub(count);
            }
        }
    }
    for (reference, count) in references(head, dir)?.unwrap_or_default() {
        *wanted.entry(reference).or_default() += count;
    }
    wanted.retain(|_, count| *count > 0);
    if found == wanted {
        return Ok(true);
    }
    Err(PreviewError::Transformed { list: list.clone(), version: version.to_owned() })
}

/// Removes previews: their files, and every line that lists them.
pub fn delete(snapshot: &dyn Snapshot, previews: &[Preview]) -> Result<Changes, PreviewError> {
    let mut changes = Changes::default();
    let mut lists: BTreeMap<RepoPath, Vec<RepoPath>> = BTreeMap::new();
    for preview in previews {
        changes.dir.clone_from(&preview.dir);
        for path in super::copy::all_files(snapshot, &preview.dir)? {
            let old = snapshot.read(&path)?.unwrap_or_default();
            changes.files.push(FileChange::gone(path, old));
        }
        for list in naming(snapshot, &preview.dir)? {
            lists.entry(list).or_default().push(preview.dir.clone());
        }
    }
    for (list, dirs) in lists {
        if previews.iter().any(|preview| list.is_within(&preview.dir)) {
            continue;
        }
        let own = list.parent().unwrap_or_default();
        let bytes = snapshot.read(&list)?.unwrap_or_default();
        let gone = |text: &str| own.resolve(text).is_some_and(|path| dirs.contains(&path));
        changes.files.push(kustomize::unlist(&list, &bytes, &gone)?);
        changes.listed_in = Some(list);
    }
    changes.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// The snapshot once the changes are made.
pub(super) fn after<'a>(base: &'a dyn Snapshot, files: &[FileChange]) -> Patched<'a> {
    Patched::new(base, files)
}
