//! `replacements`, as far as their paths are simple.

use super::context::Context;
use super::document::{self, Source};
use super::field_path::FieldPath;
use super::patches::Objects;
use super::resource::{self, Resource};
use super::select::Selector;
use super::spec::Spec;
use super::value::{Form, Kind, Place, Value};
use super::{load, reference, scalar};
use crate::model::{RepoPath, SnapshotError};

/// Applies all replacements of a kustomization.
pub(super) fn apply(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    spec: &Spec,
    objects: &mut Objects,
) -> Result<(), SnapshotError> {
    for item in spec.list(ctx, "replacements") {
        for replacement in listed(ctx, dir, item)? {
            let size: usize = objects.all.iter().map(|resource| resource.value.size()).sum();
            if !ctx.spend(replacement.at, size) {
                return Ok(());
            }
            let followed = !objects.open && one(&replacement, &mut objects.all).is_some();
            if !followed {
                let evidence = resource::evidence(&objects.all).and(&replacement);
                ctx.opaque(replacement.at, "a replacement", evidence);
            }
        }
    }
    Ok(())
}

/// The replacements of an item: itself, or those of the file that it names.
fn listed(ctx: &mut Context<'_>, dir: &RepoPath, item: Value) -> Result<Vec<Value>, SnapshotError> {
    let path = item.shown_at("path").to_owned();
    if path.is_empty() || item.pairs().len() > 1 {
        return Ok(vec![item]);
    }
    let Some((path, text)) = load::file(ctx, dir, &path, item.at)? else { return Ok(Vec::new()) };
    let start = Place { file: ctx.file(&path), line: 1 };
    let found = document::first(ctx, Source { text: &text, at: start });
    Ok(match found {
        Some(Value { kind: Kind::List(items), .. }) => items,
        other => other.into_iter().collect(),
    })
}

/// The keys of a mapping, all of which must be known.
fn known(value: &Value, keys: &[&str]) -> Option<()> {
    let fits = value.pairs().iter().all(|(key, _)| keys.contains(&key.as_str()));
    (fits && matches!(value.kind, Kind::Map(_))).then_some(())
}

/// How a part of a text is taken or set.
struct Part {
    delimiter: String,
    index: i64,
    create: bool,
}

fn part(options: Option<&Value>) -> Option<Part> {
    let mut part = Part { delimiter: String::new(), index: 0, create: false };
    let Some(options) = options.filter(|options| !options.is_null()) else { return Some(part) };
    known(options, &["delimiter", "index", "create", "encoding"])?;
    for (key, value) in options.pairs() {
        match key.as_str() {
            "delimiter" => value.shown().clone_into(&mut part.delimiter),
            "index" => part.index = value.raw()?.parse().ok()?,
            "create" => part.create = value.raw()?.parse().ok()?,
            _ => {}
        }
    }
    Some(part)
}

/// What is copied.
struct Found {
    value: Value,
    uncertain: bool,
}

/// Applies one replacement; `None` where it is not followed.
fn one(replacement: &Value, resources: &mut [Resource]) -> Option<()> {
    known(replacement, &["source", "targets"])?;
    let found = source(replacement.get("source")?, resources)?;
    for target in replacement.get("targets")?.items() {
        let target = Target::parse(target, replacement.at)?;
        for resource in resources.iter_mut() {
            if target.fits(resource)? {
                target.set(&mut resource.value, &found)?;
            }
        }
    }
    Some(())
}

/// The selector inside a mapping that holds other keys beside it.
fn selector(value: &Value, others: &[&str]) -> Option<Selector> {
    let pairs = value.pairs().iter().filter(|(key, _)| !others.contains(&key.as_str())).cloned();
    Selector::parse(&Value::map(value.at, pairs.collect()))
}

fn source(source: &Value, resources: &[Resource]) -> Option<Found> {
    let wanted = selector(source, &["fieldPath", "options"])?;
    if wanted.has_labels() {
        return None;
    }
    let mut fits = resources.iter().filter(|r| r.ids().iter().any(|id| wanted.fits_exactly(id)));
    let (Some(resource), None) = (fits.next(), fits.next()) else { return None };
    let path = match source.shown_at("fieldPath") {
        "" => "metadata.name",
        given => given,
    };
    let path = FieldPath::parse(path)?;
    let mut value = path.lookup(&resource.value).filter(|value| !value.is_empty())?.clone();
    let part = part(source.get("options"))?;
    if !part.delimiter.is_empty() {
        let Kind::Scalar(text, _) = &mut value.kind else { return None };
        let index = usize::try_from(part.index).ok()?;
        *text = text.split(part.delimiter.as_str()).nth(index)?.to_owned();
    }
    Some(Found { value, uncertain: path.uncertain })
}

struct Target {
    at: Place,
    select: Selector,
    reject: Vec<Selector>,
    paths: Vec<FieldPath>,
    part: Part,
}

impl Target {
    fn parse(value: &Value, at: Place) -> Option<Self> {
        known(value, &["select", "reject", "fieldPaths", "options"])?;
        let reject: Option<Vec<Selector>> = match value.get("reject") {
            Some(list) => list.items().iter().map(Selector::parse).collect(),
            None => Some(Vec::new()),
        };
        let given = value.get("fieldPaths").map(Value::items).unwrap_or_default();
        let mut paths: Vec<&str> = given.iter().map(Value::shown).collect();
        if paths.is_empty() {
            paths.push("metadata.name");
        }
        let paths: Option<Vec<FieldPath>> = paths.into_iter().map(FieldPath::parse).collect();
        let select = Selector::parse(value.get("select")?)?;
        Some(Self { at, select, reject: reject?, paths: paths?, part: part(value.get("options"))? })
    }

    fn fits(&self, resource: &Resource) -> Option<bool> {
        if !self.select.fits_labels(resource)? {
            return Some(false);
        }
        for reject in self.reject.iter().filter(|reject| reject.has_labels()) {
            if reject.fits_labels(resource)? {
                return Some(false);
            }
        }
        let ids = resource.ids();
        let rejected = self
            .reject
            .iter()
            .filter(|reject| !reject.names_nothing())
            .any(|reject| ids.iter().any(|id| reject.fits_exactly(id)));
        Some(!rejected && ids.iter().any(|id| self.select.fits_exactly(id)))
    }

    fn set(&self, object: &mut Value, found: &Found) -> Option<()> {
        let create = self.part.create.then_some(self.at);
        for path in &self.paths {
            if found.uncertain && path.names_image {
                return None;
            }
            let mut set = |target: &mut Value| {
                self.put(target, found)?;
                let image = found.uncertain
                    && target.any(&mut |value| reference::is_image_like(value.shown()));
                (!image).then_some(())
            };
            let count = path.each(object, create, &mut set)?;
            if count == 0 {
                return None;
            }
        }
        Some(())
    }

    fn put(&self, target: &mut Value, found: &Found) -> Option<()> {
        let Kind::Scalar(old, form) = &mut target.kind else {
            if !self.part.delimiter.is_empty() {
                return None;
            }
            *target = found.value.clone();
            return Some(());
        };
        let created = *form == Form::Other && old.is_empty();
        let Kind::Scalar(new, _) = &found.value.kind else { return None };
        if *form != Form::Text && !created {
            return None;
        }
        *old = self.join(old, new);
        if created {
            *form = scalar::plain(old);
        }
        target.set_by = Some(self.at);
        Some(())
    }

    /// The text with one part replaced.
    fn join(&self, old: &str, new: &str) -> String {
        let delimiter = self.part.delimiter.as_str();
        if delimiter.is_empty() {
            return new.to_owned();
        }
        let mut parts: Vec<&str> = old.split(delimiter).collect();
        match usize::try_from(self.part.index) {
            Err(_) => parts.insert(0, new),
            Ok(index) => match parts.get_mut(index) {
                Some(part) => *part = new,
                None => parts.push(new),
            },
        }
        parts.join(delimiter)
    }
}
