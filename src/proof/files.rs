//! Files that change what others mean.

use std::collections::BTreeSet;

use crate::discover::Overlay;
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

use super::affected::Affected;
use super::lifecycle::overall;
use super::{Doubt, Sides};

/// Attributes that leave the content of a file as it is, but for line ends.
const HARMLESS: [&str; 9] = [
    "binary",
    "conflict-marker-size",
    "delta",
    "diff",
    "encoding",
    "merge",
    "text",
    "whitespace",
    "export-ignore",
];

/// What cannot be told because a file beside the manifests changed.
pub(super) fn doubts(
    sides: &Sides<'_>,
    affected: &Affected,
    doubts: &mut Vec<Doubt>,
) -> Result<(), SnapshotError> {
    for path in sides.changed {
        match path.file_name() {
            ".gitattributes" => doubts.extend(attributes(sides, path)?),
            "HEAD" => doubts.extend(embedded(sides.head, path)?),
            name if name.starts_with(".argocd-source") => {
                doubts.extend(argocd_source(sides, affected, path));
            }
            _ => {}
        }
    }
    if sides.odd_names > 0 {
        let message = format!("{} changed paths have names that are no UTF-8", sides.odd_names);
        doubts.push(overall(RepoPath::root(), message));
    }
    Ok(())
}

/// Attributes by which the files that are deployed differ from those judged.
fn attributes(sides: &Sides<'_>, path: &RepoPath) -> Result<Vec<Doubt>, SnapshotError> {
    let lines = |snapshot: &dyn Snapshot| -> Result<Vec<String>, SnapshotError> {
        let bytes = snapshot.read(path)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    };
    if matches!(sides.head.kind(path)?, Some(EntryKind::Symlink)) {
        return Ok(vec![overall(path.clone(), "the attributes are a symbolic link".to_owned())]);
    }
    let before: BTreeSet<String> = lines(sides.base)?.into_iter().collect();
    let mut found = Vec::new();
    for (line, text) in (1..).zip(lines(sides.head)?) {
        let Some(word) = text.split_whitespace().skip(1).find(|word| !is_harmless(word)) else {
            continue;
        };
        if !before.contains(&text) && !text.trim_start().starts_with('#') {
            let message =
                format!("the attribute `{word}` may change files when they are checked out");
            found.push(Doubt { line, ..overall(path.clone(), message) });
        }
    }
    Ok(found)
}

fn is_harmless(word: &str) -> bool {
    let name = word.trim_start_matches(['-', '!']);
    let name = name.split('=').next().unwrap_or(name);
    word == "eol=lf"
        || HARMLESS.contains(&name)
        || name.starts_with("linguist-")
        || name.starts_with("gitlab-")
}

/// Argo CD reads overrides of an application from beside its source.
fn argocd_source(sides: &Sides<'_>, affected: &Affected, path: &RepoPath) -> Option<Doubt> {
    let overlays = || affected.head.iter().chain(&affected.base);
    let declared = |overlay: &Overlay| overlay.is_file && overlay.path == *path;
    if overlays().any(declared) {
        return None;
    }
    let here = |overlay: &&Overlay| {
        path.is_within(&overlay.path) || path.parent() == overlay.path.parent()
    };
    let first = |overlay: &Overlay| {
        let environment = sides.config.environment(overlay.environment.as_str());
        environment.is_none_or(|environment| environment.sources.names().is_empty())
    };
    let overlay = overlays().find(here);
    if overlay.is_some_and(first) {
        return None;
    }
    let message = "Argo CD takes overrides of images from this file".to_owned();
    Some(Doubt {
        environment: overlay.map(|overlay| overlay.environment.clone()),
        app: overlay.and_then(|overlay| overlay.app.clone()),
        ..overall(path.clone(), message)
    })
}

/// A git directory among the files: programs that stand in it take its settings.
fn embedded(head: &dyn Snapshot, path: &RepoPath) -> Result<Option<Doubt>, SnapshotError> {
    let Some(dir) = path.parent() else { return Ok(None) };
    let entries = head.list(&dir)?.unwrap_or_default();
    let has = |name: &str| {
        entries.iter().any(|entry| entry.name == name && entry.kind == EntryKind::Directory)
    };
    let is = head.kind(path)?.is_some() && (has("objects") || has("refs"));
    Ok(is.then(|| overall(path.clone(), format!("`{dir}` is a git repository of its own"))))
}
