//! `replacements`.

use super::context::{Context, Evidence};
use super::patches::Objects;
use super::resource;
use super::spec::Spec;
use crate::model::{RepoPath, SnapshotError};

/// Applies all replacements of a kustomization.
pub(super) fn apply(
    ctx: &mut Context<'_>,
    _dir: &RepoPath,
    spec: &Spec,
    objects: &mut Objects,
) -> Result<(), SnapshotError> {
    for item in spec.list(ctx, "replacements") {
        let evidence = resource::evidence(&objects.all).and(&item);
        ctx.opaque(item.at, "a replacement", evidence);
    }
    let _ = Evidence::default();
    Ok(())
}
