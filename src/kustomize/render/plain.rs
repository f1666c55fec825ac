//! A directory without a kustomization.

use std::collections::BTreeMap;

use super::accumulate::{Walk, finish, manifests};
use super::context::{Context, Evidence};
use super::patches::Objects;
use super::spec::Role;
use super::value::Place;
use super::{Rendered, document};
use crate::kustomize::is_kustomization;
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

/// Renders all manifests at any depth.
pub(super) fn render(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Rendered, SnapshotError> {
    let mut ctx = Context::new(snapshot);
    let at = Place { file: ctx.file(dir), line: 1 };
    let mut walk =
        Walk { ctx: &mut ctx, chain: Vec::new(), variables: Vec::new(), entries: Vec::new() };
    let mut objects = Objects { all: Vec::new(), open: false };
    let mut orders = BTreeMap::new();
    let mut open = vec![dir.clone()];
    while let Some(dir) = open.pop() {
        let entries = walk.ctx.snapshot.list(&dir)?.unwrap_or_default();
        if entries.iter().any(|e| is_kustomization(&e.name) && e.kind != EntryKind::Directory) {
            let before = walk.entries.len();
            let below = walk.directory(&dir, at, Role::Base)?;
            let new = walk.entries.iter().skip(before);
            orders.insert(dir, new.map(|entry| entry.field.clone()).collect());
            objects.all.extend(below.all);
            objects.open |= below.open;
            continue;
        }
        for entry in entries {
            let path = dir.join(&entry.name);
            match entry.kind {
                EntryKind::Directory => open.push(path),
                EntryKind::Symlink | EntryKind::Submodule => {
                    let start = Place { file: walk.ctx.file(&path), line: 1 };
                    let evidence = Evidence::text(&entry.name).partial();
                    walk.ctx.opaque(start, "a link in a directory of manifests", evidence);
                }
                EntryKind::File if is_manifest(&entry.name) => file(walk.ctx, &path, &mut objects)?,
                EntryKind::File => {}
            }
        }
    }
    let Walk { variables, entries, .. } = walk;
    Ok(Rendered { entries: orders, ..finish(ctx, &objects, &variables, entries) })
}

/// Renders the manifests of one file.
pub(super) fn render_file(
    snapshot: &dyn Snapshot,
    path: &RepoPath,
) -> Result<Rendered, SnapshotError> {
    let mut ctx = Context::new(snapshot);
    let mut objects = Objects { all: Vec::new(), open: false };
    file(&mut ctx, path, &mut objects)?;
    Ok(finish(ctx, &objects, &[], Vec::new()))
}

/// The documents of one file, whatever they are; every scalar but null is a
/// text.
pub(super) fn documents(
    snapshot: &dyn Snapshot,
    path: &RepoPath,
) -> Result<Vec<serde_json::Value>, SnapshotError> {
    let mut ctx = Context::new(snapshot);
    let at = Place { file: ctx.file(path), line: 1 };
    let Some(bytes) = ctx.read(path, at)? else { return Ok(Vec::new()) };
    let Some(text) = document::text(&mut ctx, &bytes, at) else { return Ok(Vec::new()) };
    let found = document::all(&mut ctx, document::Source { text: &text, at });
    Ok(found.iter().map(super::value::Value::json).collect())
}

fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

fn file(
    ctx: &mut Context<'_>,
    path: &RepoPath,
    objects: &mut Objects,
) -> Result<(), SnapshotError> {
    let start = Place { file: ctx.file(path), line: 1 };
    let Some(bytes) = ctx.read(path, start)? else { return Ok(()) };
    if let Some(text) = document::text(ctx, &bytes, start) {
        objects.all.extend(manifests(ctx, &text, start));
    }
    Ok(())
}
