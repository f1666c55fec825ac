//! Kustomizations in kustomize's own order: resources and bases, generators,
//! components, then patches, names, labels, images and replacements.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Copies, Evidence};
use super::document::{self, Source};
use super::images::Entry;
use super::load::{self, Named};
use super::patches::{self, Objects};
use super::resource::{self, Resource};
use super::spec::{Role, Spec};
use super::unfollowed;
use super::value::{Place, Value};
use super::variables::Variable;
use super::{
    Datum, ImageKind, Rendered, RenderedImage, collect, generate, metadata, parts, pointer,
    replacements, values_from, variables,
};
use crate::kustomize::is_kustomization;
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

/// Kustomizations nested deeper are not followed.
const MAX_CHAIN: usize = 64;

/// Renders a kustomization.
pub(super) fn render(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Rendered, SnapshotError> {
    let mut ctx = Context::new(snapshot);
    let at = Place { file: ctx.file(dir), line: 1 };
    let mut walk =
        Walk { ctx: &mut ctx, chain: Vec::new(), variables: Vec::new(), entries: Vec::new() };
    let objects = walk.directory(dir, at, Role::Overlay)?;
    let Walk { variables, entries, .. } = walk;
    resource::collisions(&mut ctx, &objects.all);
    let order = entries.iter().map(|entry| entry.field.clone()).collect();
    let orders = BTreeMap::from([(dir.clone(), order)]);
    Ok(Rendered { entries: orders, ..finish(ctx, &objects, &variables, entries) })
}

/// The objects of a kustomization.
pub(super) fn objects(
    snapshot: &dyn Snapshot,
    dir: &RepoPath,
) -> Result<super::Objects, SnapshotError> {
    let mut ctx = Context::new(snapshot);
    let at = Place { file: ctx.file(dir), line: 1 };
    let mut walk =
        Walk { ctx: &mut ctx, chain: Vec::new(), variables: Vec::new(), entries: Vec::new() };
    let all = walk.directory(dir, at, Role::Overlay)?.all;
    let kept = all.iter().filter(|resource| !resource::is_local(&resource.value));
    let objects = kept.map(|resource| resource.object(&ctx)).collect();
    Ok(super::Objects { objects, opaque: ctx.opaque, files: ctx.files })
}

/// The images of the objects, and all else that was found.
pub(super) fn finish(
    mut ctx: Context<'_>,
    objects: &Objects,
    variables: &[Variable],
    mut images: Vec<RenderedImage>,
) -> Rendered {
    variables::uses(&mut ctx, variables, &objects.all);
    let mut pointers = Vec::new();
    let mut titles = std::mem::take(&mut ctx.charts);
    let mut custom = BTreeSet::new();
    let mut data = Vec::new();
    for resource in objects.all.iter().filter(|resource| !resource::is_local(&resource.value)) {
        ctx.apart(|ctx| collect::of(ctx, resource, &mut images));
        parts::of(&mut ctx, resource, &objects.all, &mut images);
        pointers.extend(pointer::of(&ctx, resource));
        titles.insert(resource.title());
        if parts::is_custom(resource) {
            custom.insert(resource.title());
        }
        data.extend(known_data(&ctx, resource));
        if values_from::takes(resource) {
            ctx.copies = Copies::Maybe;
        }
    }
    // What is filled in when it is applied may come from any of them.
    if images.iter().any(|image| image.reference.contains("${")) {
        ctx.copies = Copies::Maybe;
    }
    images.append(&mut ctx.settings);
    ctx.tell_copied();
    Rendered {
        images,
        opaque: ctx.opaque,
        pointers,
        objects: titles,
        custom,
        data,
        cut: ctx.cut,
        files: ctx.files,
        entries: BTreeMap::new(),
    }
}

/// What an object says under a name that does not change with what it says.
fn known_data(ctx: &Context<'_>, resource: &Resource) -> Vec<Datum> {
    if resource.hashed {
        return Vec::new();
    }
    let datum = |(key, value): (String, Option<Value>)| {
        // What cannot be read is told apart by how it is written.
        let written = || resource.value.get("data").and_then(|data| data.get(&key)).cloned();
        let value = value.or_else(written);
        Datum {
            object: resource.title(),
            value: value.as_ref().map_or("", Value::shown).to_owned(),
            origin: ctx.place(value.map_or(resource.value.at, |value| value.at)),
            key,
        }
    };
    let mut found = values_from::entries(ctx, resource);
    if resource.kind() == "SealedSecret" {
        let sealed = resource.value.get("spec").and_then(|spec| spec.get("encryptedData"));
        let pairs = sealed.map(Value::pairs).unwrap_or_default();
        found.extend(pairs.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
    }
    found.into_iter().map(datum).collect()
}

/// A walk down the kustomizations.
pub(super) struct Walk<'w, 's> {
    pub(super) ctx: &'w mut Context<'s>,
    /// The directories from the overlay down to here.
    pub(super) chain: Vec<RepoPath>,
    pub(super) variables: Vec<Variable>,
    /// Entries that may apply to objects which are not known.
    pub(super) entries: Vec<RenderedImage>,
}

impl Walk<'_, '_> {
    /// The objects of the kustomization in a directory.
    pub(super) fn directory(
        &mut self,
        dir: &RepoPath,
        at: Place,
        role: Role,
    ) -> Result<Objects, SnapshotError> {
        let none = Objects { all: Vec::new(), open: false };
        self.target(dir, (at, role), none)
    }

    /// Adds a kustomization, or applies a component, to objects.
    fn target(
        &mut self,
        dir: &RepoPath,
        (at, role): (Place, Role),
        mut objects: Objects,
    ) -> Result<Objects, SnapshotError> {
        let circle = self.chain.iter().any(|visited| visited.is_within(dir));
        if circle || self.chain.len() >= MAX_CHAIN {
            let what = if circle { "a circle" } else { "nested too deep" };
            self.ctx.opaque(at, format!("`{dir}`: {what}"), Evidence::default());
            objects.open = true;
            return Ok(objects);
        }
        let Some(spec) = self.spec(dir, at, role)? else {
            objects.open = true;
            return Ok(objects);
        };
        self.chain.push(dir.clone());
        let done = self.steps(dir, &spec, objects);
        self.chain.pop();
        done
    }

    fn steps(
        &mut self,
        dir: &RepoPath,
        spec: &Spec,
        mut objects: Objects,
    ) -> Result<Objects, SnapshotError> {
        for field in ["resources", "bases"] {
            for (text, at) in spec.texts(self.ctx, field) {
                self.resource(dir, (&text, at), &mut objects)?;
            }
        }
        generate::apply(self.ctx, dir, spec, &mut objects.all)?;
        objects.open |= unfollowed::makers(self.ctx, dir, spec)?;
        for (text, at) in spec.texts(self.ctx, "components") {
            match load::named(self.ctx, dir, &text, at)? {
                Named::Directory(path) => {
                    objects = self.target(&path, (at, Role::Component), objects)?;
                }
                Named::File(path, _) => {
                    let what = format!("`{path}`, a file where kustomize expects a component");
                    self.ctx.opaque(at, what, Evidence::default());
                }
                Named::Unknown => {
                    objects.open = true;
                    self.ctx.copies = Copies::Maybe;
                }
            }
        }
        resource::collisions(self.ctx, &objects.all);
        self.transform(dir, spec, &mut objects)?;
        self.variables.extend(variables::declared(self.ctx, spec));
        Ok(objects)
    }

    fn transform(
        &mut self,
        dir: &RepoPath,
        spec: &Spec,
        objects: &mut Objects,
    ) -> Result<(), SnapshotError> {
        objects.open |= unfollowed::changers(self.ctx, dir, spec, &objects.all)?;
        patches::strategic(self.ctx, dir, spec, objects)?;
        if objects.open {
            metadata::unknown(self.ctx, spec);
        }
        metadata::apply(self.ctx, spec, &mut objects.all);
        patches::json(self.ctx, dir, spec, objects)?;
        for field in ["images", "imageTags"] {
            for item in spec.list(self.ctx, field) {
                let Some(entry) = Entry::parse(self.ctx, &item) else { continue };
                entry.apply(self.ctx, &mut objects.all);
                if objects.open {
                    self.entries.push(shown(self.ctx, &entry));
                }
            }
        }
        replacements::apply(self.ctx, dir, spec, objects)
    }

    fn resource(
        &mut self,
        dir: &RepoPath,
        (text, at): (&str, Place),
        objects: &mut Objects,
    ) -> Result<(), SnapshotError> {
        match self.ctx.apart(|ctx| load::named(ctx, dir, text, at))? {
            Named::File(path, text) => {
                let start = Place { file: self.ctx.file(&path), line: 1 };
                objects.all.extend(self.ctx.apart(|ctx| manifests(ctx, &text, start)));
            }
            Named::Directory(path) => {
                let below = self.directory(&path, at, Role::Base)?;
                objects.all.extend(below.all);
                objects.open |= below.open;
            }
            Named::Unknown => objects.open = true,
        }
        Ok(())
    }

    /// Reads the one kustomization of a directory.
    fn spec(
        &mut self,
        dir: &RepoPath,
        at: Place,
        role: Role,
    ) -> Result<Option<Spec>, SnapshotError> {
        let entries = self.ctx.snapshot.list(dir)?.unwrap_or_default();
        let files = entries
            .iter()
            .filter(|entry| is_kustomization(&entry.name) && entry.kind != EntryKind::Directory);
        let names: Vec<&str> = files.map(|entry| entry.name.as_str()).collect();
        for name in ["kustomization.yaml", "kustomization.yml", "Kustomization"] {
            self.ctx.files.insert(dir.join(name));
        }
        let [name] = *names.as_slice() else {
            let what = match names.len() {
                0 => "a directory without a kustomization",
                _ => "two kustomizations in one directory",
            };
            self.ctx.opaque(at, format!("`{dir}`: {what}"), Evidence::default());
            return Ok(None);
        };
        let path = dir.join(name);
        let Some(bytes) = self.ctx.read(&path, at)? else { return Ok(None) };
        let start = Place { file: self.ctx.file(&path), line: 1 };
        let Some(text) = document::text(self.ctx, &bytes, start) else { return Ok(None) };
        let Some(root) = document::first(self.ctx, Source { text: &text, at: start }) else {
            self.ctx.opaque(start, "an empty kustomization", Evidence::text(&text));
            return Ok(None);
        };
        Ok(Spec::new(self.ctx, root, role))
    }
}

/// The objects of a file.
pub(super) fn manifests(ctx: &mut Context<'_>, text: &str, start: Place) -> Vec<Resource> {
    let documents = document::all(ctx, Source { text, at: start });
    resource::objects(ctx, documents)
}

fn shown(ctx: &Context<'_>, entry: &Entry) -> RenderedImage {
    RenderedImage {
        kind: ImageKind::Entry,
        object: "images".to_owned(),
        field: entry.name.clone(),
        reference: entry.shown(),
        origin: ctx.place(entry.at),
        set_by: None,
    }
}
