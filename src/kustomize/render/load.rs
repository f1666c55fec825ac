//! What a kustomization names: a file, a directory, or something not followed.

use super::Source;
use super::context::{Context, Evidence};
use super::document;
use super::value::Place;
use crate::model::{EntryKind, RepoPath, SnapshotError};

/// What a resource is.
pub(super) enum Named {
    /// A file and its text.
    File(RepoPath, String),
    /// A directory.
    Directory(RepoPath),
    /// Something that is not followed; told.
    Unknown,
}

/// What `text` names as seen from the kustomization in `dir`.
pub(super) fn named(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    text: &str,
    at: Place,
) -> Result<Named, SnapshotError> {
    let Some(path) = local(ctx, dir, text, at) else { return Ok(Named::Unknown) };
    match ctx.snapshot.kind(&path)? {
        Some(EntryKind::Directory) => Ok(Named::Directory(path)),
        _ => {
            let found = read(ctx, dir, &path, at)?;
            Ok(found.map_or(Named::Unknown, |text| Named::File(path, text)))
        }
    }
}

/// The file that `text` names, and its text.
pub(super) fn file(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    text: &str,
    at: Place,
) -> Result<Option<(RepoPath, String)>, SnapshotError> {
    let Some(path) = local(ctx, dir, text, at) else { return Ok(None) };
    Ok(read(ctx, dir, &path, at)?.map(|text| (path, text)))
}

/// The bytes of the file that `text` names.
pub(super) fn bytes(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    text: &str,
    at: Place,
) -> Result<Option<Vec<u8>>, SnapshotError> {
    let Some(path) = local(ctx, dir, text, at) else { return Ok(None) };
    if !allowed(ctx, dir, &path, at)? {
        return Ok(None);
    }
    ctx.read(&path, at)
}

fn read(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    path: &RepoPath,
    at: Place,
) -> Result<Option<String>, SnapshotError> {
    if !allowed(ctx, dir, path, at)? {
        return Ok(None);
    }
    let Some(bytes) = ctx.read(path, at)? else { return Ok(None) };
    let start = Place { file: ctx.file(path), line: 1 };
    Ok(document::text(ctx, &bytes, start))
}

/// Kustomize reads files only in and below the directory that names them.
fn allowed(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    path: &RepoPath,
    at: Place,
) -> Result<bool, SnapshotError> {
    let inside = path.is_within(dir);
    if !inside {
        ctx.files.insert(path.clone());
        let bytes = ctx.snapshot.read(path)?.unwrap_or_default();
        let evidence = Evidence::default().and_bytes(&bytes);
        let evidence = if ctx.is_hidden(path)? { evidence.partial() } else { evidence };
        ctx.opaque(at, format!("`{path}`, a file outside of `{dir}`"), evidence);
    }
    Ok(inside)
}

fn local(ctx: &mut Context<'_>, dir: &RepoPath, text: &str, at: Place) -> Option<RepoPath> {
    let what = if text.is_empty() {
        "an empty path"
    } else if is_remote(text) {
        "a remote resource"
    } else if text.starts_with('/') {
        "an absolute path"
    } else {
        let path = dir.resolve(text);
        if path.is_some() {
            return path;
        }
        "a path out of the repository"
    };
    let source = is_remote(text).then(|| at_ref(text)).flatten();
    ctx.opaque_source(at, (format!("{what}: `{text}`"), source), Evidence::default());
    None
}

/// A remote resource without the `ref` of its query, and that.
fn at_ref(text: &str) -> Option<Source> {
    let (url, query) = text.split_once('?')?;
    let is_ref = |pair: &&str| pair.starts_with("ref=") || pair.starts_with("version=");
    let (refs, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_ref);
    let [version] = *refs.as_slice() else { return None };
    let name = if rest.is_empty() { url.to_owned() } else { format!("{url}?{}", rest.join("&")) };
    Some(Source { name, version: version.to_owned(), local: false, rest: [0; 32] })
}

/// Whether kustomize may take it for a URL.
fn is_remote(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let user = text.split_once('@').is_some_and(|(user, _)| {
        user.starts_with(|c: char| c.is_ascii_alphabetic())
            && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    });
    let starts = ["git::", "github.com/", "github.com:"];
    user || lower.contains("://") || starts.iter().any(|start| lower.starts_with(start))
}
