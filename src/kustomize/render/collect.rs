//! The images in what was rendered.

use super::context::{Context, Evidence};
use super::reference;
use super::resource::Resource;
use super::scalar;
use super::value::{Form, Kind, Value};
use super::{ImageKind, RenderedImage};
use crate::kustomize::file::step;

const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Finds the images of an object.
pub(super) fn of(ctx: &mut Context<'_>, resource: &Resource, found: &mut Vec<RenderedImage>) {
    names(ctx, resource);
    let mut walk = Walk { ctx, title: resource.title(), found };
    walk.value(&resource.value, &Path::default(), Site::Plain);
}

/// Tells of names that are rendered otherwise than they are written.
fn names(ctx: &mut Context<'_>, resource: &Resource) {
    let meta = resource.value.get("metadata");
    let named = [resource.value.get("kind"), meta.and_then(|meta| meta.get("name"))];
    let namespace = meta.and_then(|meta| meta.get("namespace"));
    for name in named.into_iter().chain([namespace]).flatten() {
        if !matches!(name.kind, Kind::Scalar(_, Form::Text | Form::Null)) {
            ctx.opaque(name.at, "a name that is no text", Evidence::value(name));
        }
    }
}

/// Where a value stands, to be written only where it is an image.
#[derive(Default)]
struct Path<'p> {
    above: Option<&'p Path<'p>>,
    step: String,
}

impl Path<'_> {
    fn show(&self) -> String {
        let above = self.above.map(Path::show).unwrap_or_default();
        let dot = if above.is_empty() || self.step.starts_with('[') { "" } else { "." };
        format!("{above}{dot}{}", self.step)
    }
}

/// What a value is by where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Site {
    Plain,
    /// A list of containers.
    Containers,
    /// One of its items.
    Container,
    /// The `image` of a container, or of something else.
    Image(ImageKind),
}

struct Walk<'w, 's> {
    ctx: &'w mut Context<'s>,
    title: String,
    found: &'w mut Vec<RenderedImage>,
}

impl Walk<'_, '_> {
    fn value(&mut self, value: &Value, path: &Path<'_>, site: Site) {
        match (&value.kind, site) {
            (Kind::Scalar(_, Form::Null), _) => {}
            (Kind::Scalar(text, form), Site::Image(kind)) => {
                if *form != Form::Text {
                    let evidence = Evidence::value(value);
                    self.ctx.opaque(value.at, "an image that is no text", evidence);
                }
                self.push((kind, text), value, path);
            }
            (Kind::Scalar(text, _), _) => {
                for image in reference::images_in(text) {
                    self.push((ImageKind::Scalar, image), value, path);
                }
            }
            (Kind::List(items), site) => self.items(items, path, site),
            (Kind::Map(pairs), site) => self.pairs(pairs, path, site),
        }
    }

    fn items(&mut self, items: &[Value], path: &Path<'_>, site: Site) {
        let site = if site == Site::Containers { Site::Container } else { Site::Plain };
        for (index, item) in items.iter().enumerate() {
            let name = match item.get("name").map(|name| &name.kind) {
                Some(Kind::Scalar(text, Form::Text)) => text.as_str(),
                Some(Kind::Scalar(text, Form::Other)) if scalar::was_boolean(text) => text,
                Some(Kind::Scalar(_, Form::Date)) => {
                    let evidence = Evidence::value(item);
                    self.ctx.opaque(item.at, "a name that is no text", evidence);
                    ""
                }
                _ => "",
            };
            let step = if name.is_empty() { format!("[{index}]") } else { format!("[{name}]") };
            self.value(item, &Path { above: Some(path), step }, site);
        }
    }

    fn pairs(&mut self, pairs: &[(String, Value)], path: &Path<'_>, site: Site) {
        if let Some((reference, at)) = in_parts(pairs) {
            self.push((ImageKind::Field, &reference), at, path);
        }
        for (key, value) in pairs {
            let inner = match key.as_str() {
                "image" if site == Site::Container => Site::Image(ImageKind::Container),
                "image" => Site::Image(ImageKind::Field),
                key if LISTS.contains(&key) => Site::Containers,
                _ => Site::Plain,
            };
            if key == "namespace" && reference::is_image_like(value.shown()) {
                let evidence = Evidence::value(value);
                self.ctx.opaque(value.at, "an image where a namespace is set", evidence);
            }
            let path = Path { above: Some(path), step: step(key) };
            for image in reference::images_in(key) {
                self.push((ImageKind::Scalar, image), value, &path);
            }
            self.value(value, &path, inner);
        }
    }

    fn push(&mut self, (kind, reference): (ImageKind, &str), value: &Value, path: &Path<'_>) {
        self.found.push(RenderedImage {
            kind,
            object: self.title.clone(),
            field: path.show(),
            reference: reference.to_owned(),
            origin: self.ctx.place(value.at),
            set_by: value.set_by.map(|place| self.ctx.place(place)),
        });
    }
}

/// An image whose repository and version stand in fields of their own, as in
/// the values of a chart; with the value that gives the version.
pub(super) fn in_parts(pairs: &[(String, Value)]) -> Option<(String, &Value)> {
    let get = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        found.filter(|value| !value.shown().is_empty())
    };
    let (tag, digest) = (get("tag"), get("digest"));
    let at = tag.or(digest)?;
    let registry = get("registry").map(|value| format!("{}/", value.shown()));
    let mut reference = registry.unwrap_or_default() + get("repository")?.shown();
    for (mark, part) in [(':', tag), ('@', digest)] {
        if let Some(part) = part {
            reference.push(mark);
            reference.push_str(part.shown());
        }
    }
    Some((reference, at))
}
