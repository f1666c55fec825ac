//! Parts of images in custom resources and in the values of Helm releases:
//! a tag, a digest or a repository in a field of its own.
//!
//! What makes an image of them is not known. So each is a setting, and told by
//! where it stands.

use super::context::Context;
use super::resource::Resource;
use super::value::{Form, Kind, Value};
use super::{ImageKind, RenderedImage, collect, values_from};
use crate::kustomize::file::step;

/// Groups whose objects are compared as a whole (see `pointer`).
const COMPARED: [&str; 4] = [
    "argoproj.io",
    "image.toolkit.fluxcd.io",
    "kustomize.toolkit.fluxcd.io",
    "source.toolkit.fluxcd.io",
];

/// The settings of an object among all that are rendered.
pub(super) fn of(
    ctx: &mut Context<'_>,
    resource: &Resource,
    all: &[Resource],
    found: &mut Vec<RenderedImage>,
) {
    if !is_custom(resource) {
        return;
    }
    let kind = resource.kind();
    // Where there is one of a kind, its name may differ in each environment.
    let alone = all.iter().filter(|other| other.kind() == kind).count() == 1;
    let title = resource.title();
    let name = title.rsplit('/').next().unwrap_or_default();
    let owner = if alone { kind.to_owned() } else { format!("{kind}/{name}") };
    let mut rest = resource.value.clone();
    let is_release = resource.api_version().starts_with("helm.toolkit.fluxcd.io/");
    let (values, further) =
        if is_release { values_from::values(ctx, resource, all) } else { (None, false) };
    let mut walk = Walk { ctx, title, owner, further, found };
    if let Some(values) = values {
        walk.value(&values, "spec.values", false);
    }
    walk.further = false;
    if is_release {
        // The images that it puts over those of the chart are images.
        if let Some(spec) = rest.entry("spec", resource.value.at) {
            spec.remove("values");
            spec.remove("postRenderers");
        }
    }
    let about = ["apiVersion", "kind", "metadata"];
    let own = rest.pairs().iter().filter(|(key, _)| !about.contains(&key.as_str()));
    walk.pairs(&own.cloned().collect::<Vec<_>>(), "", false);
    // What does not belong there is no less a setting to whoever reads it.
    let words = ["annotations", "labels"];
    let meta = resource.value.get("metadata").map(Value::pairs).unwrap_or_default();
    let odd = meta.iter().filter(|(key, _)| !words.contains(&key.as_str()));
    walk.pairs(&odd.cloned().collect::<Vec<_>>(), "metadata", false);
}

/// Whether what the fields of an object mean is not known.
pub(super) fn is_custom(resource: &Resource) -> bool {
    let version = resource.api_version();
    let (group, _) = version.split_once('/').unwrap_or_default();
    let own = !group.contains('.') || group.ends_with(".k8s.io");
    !(own && !version.is_empty() || COMPARED.contains(&group))
}

struct Walk<'w, 's> {
    ctx: &'w Context<'s>,
    title: String,
    owner: String,
    /// Whether values come from other objects, so that what these are together
    /// stands nowhere in this one.
    further: bool,
    found: &'w mut Vec<RenderedImage>,
}

impl Walk<'_, '_> {
    /// `image` tells whether something here or above is called so.
    fn value(&mut self, value: &Value, path: &str, image: bool) {
        match &value.kind {
            Kind::Scalar(..) => {}
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(item, &format!("{path}[{index}]"), image);
                }
            }
            Kind::Map(pairs) => self.pairs(pairs, path, image),
        }
    }

    fn pairs(&mut self, pairs: &[(String, Value)], path: &str, image: bool) {
        let called = |(key, _): &(String, Value)| key.to_ascii_lowercase().contains("image");
        let image = image || pairs.iter().any(called);
        let has =
            |name: &str| pairs.iter().any(|(key, value)| key == name && !value.shown().is_empty());
        // These are an image together.
        let whole = has("repository") && (has("tag") || has("digest"));
        if let Some((reference, at)) = collect::in_parts(pairs).filter(|_| self.further) {
            let found = self.image((ImageKind::Field, reference), at, path);
            self.found.push(found);
        }
        // The name of what is called an image; containers have names too.
        let own = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase().contains("image");
        for (key, value) in pairs {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{}", step(key));
            let together = ["registry", "repository", "tag", "digest"].contains(&key.as_str());
            match &value.kind {
                Kind::Scalar(text, form) if *form != Form::Null && !text.is_empty() => {
                    let part = is_part(key, image) || own && key == "name";
                    if part && !(whole && together) {
                        self.push(value, &path, text);
                    }
                }
                _ => self.value(value, &path, image || called(&(key.clone(), value.clone()))),
            }
        }
    }

    fn push(&mut self, value: &Value, path: &str, text: &str) {
        let reference = format!("{} {path}={text}", self.owner);
        let found = self.image((ImageKind::Setting, reference), value, path);
        self.found.push(found);
    }

    fn image(
        &self,
        (kind, reference): (ImageKind, String),
        value: &Value,
        path: &str,
    ) -> RenderedImage {
        RenderedImage {
            kind,
            object: self.title.clone(),
            field: path.to_owned(),
            reference,
            origin: self.ctx.place(value.at),
            set_by: value.set_by.map(|place| self.ctx.place(place)),
        }
    }
}

/// Whether a field is called as a part of an image is; some only where
/// something near is called an image.
fn is_part(key: &str, image: bool) -> bool {
    const VERSIONS: [&str; 5] = ["tag", "digest", "imageversion", "imagesha", "sha256"];
    const NAMES: [&str; 5] = ["repository", "registry", "imagename", "baseimage", "repo"];
    let lower = key.to_ascii_lowercase();
    VERSIONS.iter().any(|name| lower.ends_with(name))
        || image
            && (NAMES.iter().any(|name| lower.ends_with(name))
                || ["version", "sha"].contains(&lower.as_str()))
}
