//! What a plan means: for the workloads of the overlays, and as a text diff.

use std::fmt;

use similar::TextDiff;

use crate::kustomize::{Closure, Container, closure};
use crate::model::{Edit, FileChange, ImageRef, Pin, RepoPath, Site, SiteKind, SnapshotError};
use crate::plan::{Plan, Planned, World};

/// What an edit does to one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The file that is edited.
    pub path: RepoPath,
    /// The line of the site there.
    pub line: u32,
    /// Kind and name of the workload.
    pub workload: String,
    /// The field of the container.
    pub field: String,
    /// The image it is given now.
    pub image: String,
}

impl Effect {
    /// Whether this is what `edit` does.
    pub fn is_of(&self, edit: &Edit) -> bool {
        self.path == edit.path && self.line == edit.line
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.workload, self.field, self.image)
    }
}

/// What a plan means for the workloads of its overlays.
#[derive(Debug, Default)]
pub struct Effects {
    /// What each edit does, where the overlays' own files tell.
    pub effects: Vec<Effect>,
    /// Entries that are edited and give no container its version.
    pub dead: Vec<String>,
}

/// What the edits of a plan do to the workloads of their overlays.
pub fn effects(world: World<'_>, plan: &Plan) -> Result<Effects, SnapshotError> {
    let mut found = Effects::default();
    for planned in &plan.promotions {
        let promotion = &planned.promotion;
        let cell = world.inventory.cell(&promotion.to, &promotion.app, &promotion.image);
        let sites = cell.map(|cell| cell.sites.as_slice()).unwrap_or_default();
        for index in cell.iter().flat_map(|cell| &cell.overlays) {
            let Some(overlay) = world.inventory.overlays.get(*index) else { continue };
            if overlay.is_file {
                continue;
            }
            let closure = closure(world.snapshot, &overlay.path)?;
            let own = sites.iter().filter(|site| site.path.is_within(&overlay.path));
            for site in own.filter(|site| site.kind == SiteKind::Kustomize) {
                found.of_site(planned, site, (&overlay.path, &closure));
            }
        }
    }
    Ok(found)
}

impl Effects {
    fn of_site(&mut self, planned: &Planned, site: &Site, overlay: (&RepoPath, &Closure)) {
        let (dir, closure) = overlay;
        let before = self.effects.len();
        let repository = site.repository.as_ref().unwrap_or(&site.image);
        let pinned = |container: &&Container| {
            let by = container.pinned_by.as_ref();
            by.is_some_and(|(path, index)| *path == site.path && entry_of(site) == Some(*index))
        };
        for container in closure.containers.iter().filter(pinned) {
            self.effects.push(Effect {
                path: site.path.clone(),
                line: site.line,
                workload: container.workload.clone(),
                field: container.field.clone(),
                image: reference(repository.clone(), &planned.promotion.version),
            });
        }
        // What lies deeper may be deployed by itself, and custom resources have
        // images in fields of their own.
        let told = closure.complete && !closure.containers.is_empty();
        let told = told && site.path.parent().as_ref() == Some(dir);
        if self.effects.len() == before && told && !site.pin.is_empty() {
            self.dead.push(format!(
                "{}:{} gives no container its version: another entry does, or nothing has the \
                 image {}",
                site.path, site.line, site.image
            ));
        }
    }
}

/// The index in `images:` of a site.
fn entry_of(site: &Site) -> Option<usize> {
    let rest = site.field.strip_prefix("images[")?;
    rest.split(']').next()?.parse().ok()
}

fn reference(repository: String, pin: &Pin) -> String {
    ImageRef { repository, pin: pin.clone() }.to_string()
}

/// The files before and after as a unified diff, with git's file headings.
pub fn unified(files: &[FileChange]) -> String {
    files.iter().map(file_diff).collect()
}

fn file_diff(file: &FileChange) -> String {
    let old = String::from_utf8_lossy(file.old.as_deref().unwrap_or_default());
    let new = String::from_utf8_lossy(&file.new);
    let before = match file.old {
        Some(_) => format!("a/{}", file.path),
        None => "/dev/null".to_owned(),
    };
    TextDiff::from_lines(old.as_ref(), new.as_ref())
        .unified_diff()
        .context_radius(3)
        .header(&before, &format!("b/{}", file.path))
        .to_string()
}
