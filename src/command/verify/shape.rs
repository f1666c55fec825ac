//! Whether a commit may change what is guessed of a tree. A guess looks at all
//! directories, and most commits leave these as they are.

use crate::git::{HistoryCommit, ObjectId, Repository, TreeSnapshot};
use crate::kustomize;
use crate::model::{EntryKind, Pipeline, RepoPath, Snapshot as _};

use super::super::Failure;

/// Whether there are other directories beside or below those of environments, or
/// other ones with manifests in them, than in the parent.
pub(super) fn differs(
    repo: &Repository,
    (parent, commit): (ObjectId, &HistoryCommit),
    pipeline: &Pipeline,
) -> Result<bool, Failure> {
    let sides = commit.changed.iter().zip(&commit.blobs);
    let came_or_went = sides.filter(|(_, (old, new))| old.is_none() || new.is_none());
    let paths: Vec<&RepoPath> = came_or_went.map(|(path, _)| path).collect();
    if paths.is_empty() {
        return Ok(false);
    }
    let (before, after) = (repo.snapshot(parent)?, repo.snapshot(commit.id)?);
    for path in paths {
        let held = is_held(&before, path)? && is_held(&after, path)?;
        if !held && (is_near(&before, path, pipeline)? || is_near(&after, path, pipeline)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an environment is above the path, or beside something that is.
fn is_near(snapshot: &TreeSnapshot, path: &RepoPath, pipeline: &Pipeline) -> Result<bool, Failure> {
    let mut above = path.parent();
    while let Some(dir) = above {
        let entries = snapshot.list(&dir)?.unwrap_or_default();
        if entries.iter().any(|entry| pipeline.by_dir(&entry.name).is_some()) {
            return Ok(true);
        }
        above = dir.parent();
    }
    Ok(false)
}

/// Whether the directory is there without the path just as it is with it.
fn is_held(snapshot: &TreeSnapshot, path: &RepoPath) -> Result<bool, Failure> {
    let name = path.file_name();
    if !name.contains('.') || kustomize::is_kustomization(name) {
        return Ok(false);
    }
    let Some(entries) = snapshot.list(&path.parent().unwrap_or_default())? else {
        return Ok(false);
    };
    let mut others = entries.iter().filter(|entry| entry.name != name);
    let is_manifest = |name: &str| {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        matches!(extension, Some("yaml" | "yml"))
    };
    Ok(!is_manifest(name)
        || others.any(|other| other.kind == EntryKind::File && is_manifest(&other.name)))
}
