//! What a plan means: for the workloads of the overlays, and as a text diff.

mod settings;

pub use settings::{Names, Setting, Settings, compare};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use similar::TextDiff;

use crate::discover::Overlay;
use crate::kustomize::render::{ImageKind, Rendered, render};
use crate::model::{FileChange, Patched, RepoPath, Snapshot, SnapshotError};
use crate::plan::{Plan, Planned, World};

/// What a plan does to one image of a rendered object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The overlay that renders it.
    pub overlay: RepoPath,
    /// Kind and name of the object.
    pub object: String,
    /// The field of the image.
    pub field: String,
    /// The image before; `None` where the object is new.
    pub old: Option<String>,
    /// The image after; `None` where it is gone.
    pub new: Option<String>,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = |image: &Option<String>| image.clone().unwrap_or_else(|| "none".to_owned());
        let (old, new) = (image(&self.old), image(&self.new));
        write!(f, "{} {}  {old} -> {new}", kind_and_name(&self.object), of_pod(&self.field))
    }
}

/// `Deployment/web` of `Deployment/shop/web`.
fn kind_and_name(object: &str) -> String {
    match (object.split_once('/'), object.rsplit_once('/')) {
        (Some((kind, _)), Some((_, name))) => format!("{kind}/{name}"),
        _ => object.to_owned(),
    }
}

/// `containers[web].image` of `spec.template.spec.containers[web].image`.
pub fn of_pod(field: &str) -> &str {
    let lists = ["containers[", "initContainers[", "ephemeralContainers["];
    let starts = lists.iter().filter_map(|list| {
        let at = field.rfind(&format!(".{list}"))?;
        field.get(at + 1..)
    });
    starts.min_by_key(|rest| rest.len()).unwrap_or(field)
}

/// What a plan means for the workloads of its overlays.
#[derive(Debug, Default)]
pub struct Effects {
    /// What changes in what the overlays render.
    pub effects: Vec<Effect>,
    /// Promotions that change nothing that is rendered.
    pub dead: Vec<String>,
}

/// Renders every overlay of the plan before and after, and compares. Where an
/// overlay holds what is not followed, only what was followed is told.
pub fn effects(world: World<'_>, plan: &Plan) -> Result<Effects, SnapshotError> {
    let after = Patched::new(world.snapshot, &plan.files);
    let mut found = Effects::default();
    let mut told: BTreeMap<usize, bool> = BTreeMap::new();
    for planned in &plan.promotions {
        let overlays = overlays_of(world, planned);
        for (index, overlay) in &overlays {
            if !told.contains_key(index) {
                let known = found.of_overlay((world.snapshot, &after), overlay)?;
                told.insert(*index, known);
            }
        }
        let silent = |(index, overlay): &(usize, &Overlay)| {
            let moves = found.effects.iter().any(|effect| effect.overlay == overlay.path);
            told.get(index) == Some(&true) && !moves
        };
        if !overlays.is_empty() && overlays.iter().all(silent) {
            found.dead.extend(dead(planned));
        }
    }
    Ok(found)
}

fn overlays_of<'a>(world: World<'a>, planned: &Planned) -> Vec<(usize, &'a Overlay)> {
    let promotion = &planned.promotion;
    let cell = world.inventory.cell(&promotion.to, &promotion.app, &promotion.image);
    let indexes = cell.iter().flat_map(|cell| cell.overlays.iter().copied());
    let overlays = indexes.filter_map(|index| Some((index, world.inventory.overlays.get(index)?)));
    overlays.filter(|(_, overlay)| !overlay.is_file).collect()
}

fn dead(planned: &Planned) -> Option<String> {
    let (path, line) = planned.sites.first()?;
    let image = &planned.promotion.image;
    Some(format!(
        "{path}:{line} changes no image that is rendered: another entry decides, or nothing has \
         the image {image}"
    ))
}

impl Effects {
    /// Adds what changes in an overlay; whether all of it was followed.
    fn of_overlay(
        &mut self,
        snapshots: (&dyn Snapshot, &dyn Snapshot),
        overlay: &Overlay,
    ) -> Result<bool, SnapshotError> {
        let (before, after) = snapshots;
        let (before, after) = (render(before, &overlay.path)?, render(after, &overlay.path)?);
        let (old, new) = (images(&before), images(&after));
        let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
        for key in keys.into_iter().filter(|key| old.get(*key) != new.get(*key)) {
            let (object, field, _) = key;
            self.effects.push(Effect {
                overlay: overlay.path.clone(),
                object: object.clone(),
                field: field.clone(),
                old: old.get(key).cloned(),
                new: new.get(key).cloned(),
            });
        }
        Ok(after.opaque.is_empty() && before.opaque.is_empty() && !new.is_empty())
    }
}

/// Object, field, and which one of several with the same name.
type Key = (String, String, usize);

/// The images of containers and image fields.
fn images(rendered: &Rendered) -> BTreeMap<Key, String> {
    let mut images = BTreeMap::new();
    let wanted = |kind: ImageKind| matches!(kind, ImageKind::Container | ImageKind::Field);
    for image in rendered.images.iter().filter(|image| wanted(image.kind)) {
        let mut key = (image.object.clone(), image.field.clone(), 0);
        while images.contains_key(&key) {
            key.2 += 1;
        }
        images.insert(key, image.reference.clone());
    }
    images
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
    let after = match file.after() {
        Some(_) => format!("b/{}", file.path),
        None => "/dev/null".to_owned(),
    };
    TextDiff::from_lines(old.as_ref(), new.as_ref())
        .unified_diff()
        .context_radius(3)
        .header(&before, &after)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_names_the_workload_and_its_container() {
        let effect = Effect {
            overlay: RepoPath::root(),
            object: "CronJob/shop/web".to_owned(),
            field: "spec.jobTemplate.spec.template.spec.initContainers[a.b].image".to_owned(),
            old: Some("web:v1".to_owned()),
            new: None,
        };
        assert_eq!(effect.to_string(), "CronJob/web initContainers[a.b].image  web:v1 -> none");
        assert_eq!(of_pod("spec.image"), "spec.image");
        assert_eq!(kind_and_name("Tekton"), "Tekton");
    }
}
