//! What a plan means: for the workloads of the overlays, and as a text diff.

use std::fmt;

use similar::TextDiff;

use crate::kustomize::{Closure, closure};
use crate::model::{Edit, FileChange, ImageRef, Pin, RepoPath, SiteKind, SnapshotError};
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

/// What the edits of a plan do to the workloads of their overlays, where the
/// overlays' own files tell.
pub fn effects(world: World<'_>, plan: &Plan) -> Result<Vec<Effect>, SnapshotError> {
    let mut effects = Vec::new();
    for planned in &plan.promotions {
        let promotion = &planned.promotion;
        let cell = world.inventory.cell(&promotion.to, &promotion.app, &promotion.image);
        for index in cell.iter().flat_map(|cell| &cell.overlays) {
            let Some(overlay) = world.inventory.overlays.get(*index) else { continue };
            if !overlay.is_file {
                let closure = closure(world.snapshot, &overlay.path)?;
                effects.extend(of_overlay(world, planned, (&overlay.path, &closure)));
            }
        }
    }
    Ok(effects)
}

fn of_overlay(world: World<'_>, planned: &Planned, overlay: (&RepoPath, &Closure)) -> Vec<Effect> {
    let (dir, closure) = overlay;
    let promotion = &planned.promotion;
    let cell = world.inventory.cell(&promotion.to, &promotion.app, &promotion.image);
    let sites = cell.map(|cell| cell.sites.as_slice()).unwrap_or_default();
    let mut effects = Vec::new();
    for site in sites.iter().filter(|site| site.path.is_within(dir)) {
        if site.kind != SiteKind::Kustomize {
            continue;
        }
        for container in closure.containers.iter().filter(|c| c.repository == site.image) {
            let repository = site.repository.clone().unwrap_or_else(|| site.image.clone());
            effects.push(Effect {
                path: site.path.clone(),
                line: site.line,
                workload: container.workload.clone(),
                field: container.field.clone(),
                image: reference(repository, &promotion.version),
            });
        }
    }
    effects
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
