//! Overlays rendered on both sides, each once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::discover::Overlay;
use crate::kustomize::is_kustomization;
use crate::kustomize::render::{Rendered, render, render_file, render_plain};
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};
use crate::preview;

use super::Sides;

/// Which tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Base,
    Head,
}

type Rendering = HashMap<(Side, RepoPath), Rc<Rendered>>;

pub(super) struct Renders<'a> {
    sides: &'a Sides<'a>,
    known: RefCell<Rendering>,
}

impl<'a> Renders<'a> {
    pub(super) fn new(sides: &'a Sides<'a>) -> Self {
        Self { sides, known: RefCell::default() }
    }

    pub(super) fn of(&self, side: Side, overlay: &Overlay) -> Result<Rc<Rendered>, SnapshotError> {
        let key = (side, overlay.path.clone());
        if let Some(known) = self.known.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let snapshot = match side {
            Side::Base => self.sides.base,
            Side::Head => self.sides.head,
        };
        let mut rendered = rendered(snapshot, overlay)?;
        if self.sides.is_first(&overlay.environment) {
            without_previews(snapshot, &mut rendered)?;
        }
        let rendered = Rc::new(rendered);
        self.known.borrow_mut().insert(key, Rc::clone(&rendered));
        Ok(rendered)
    }
}

/// A preview that an environment lists is not what the environment runs: it
/// vouches for no version.
fn without_previews(snapshot: &dyn Snapshot, rendered: &mut Rendered) -> Result<(), SnapshotError> {
    let mut kept = Vec::with_capacity(rendered.images.len());
    for image in std::mem::take(&mut rendered.images) {
        let places = std::iter::once(&image.origin).chain(&image.set_by);
        let mut in_preview = false;
        for (path, _) in places {
            in_preview |= preview::holds(snapshot, path)?;
        }
        kept.extend((!in_preview).then_some(image));
    }
    rendered.images = kept;
    Ok(())
}

pub(super) fn rendered(
    snapshot: &dyn Snapshot,
    overlay: &Overlay,
) -> Result<Rendered, SnapshotError> {
    if overlay.is_file {
        return render_file(snapshot, &overlay.path);
    }
    let entries = snapshot.list(&overlay.path)?.unwrap_or_default();
    let built = |name: &str, kind| is_kustomization(name) && kind != EntryKind::Directory;
    if entries.iter().any(|entry| built(&entry.name, entry.kind)) {
        render(snapshot, &overlay.path)
    } else {
        render_plain(snapshot, &overlay.path)
    }
}
