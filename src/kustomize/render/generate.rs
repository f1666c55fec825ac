//! `configMapGenerator` and `secretGenerator`. What a generated Secret holds
//! is encoded, so only a `ConfigMap` can show an image.

use super::context::{Context, Evidence};
use super::load;
use super::resource::{Behavior, Resource};
use super::spec::{Spec, text_of};
use super::value::{Kind, Place, Value};
use crate::model::{RepoPath, SnapshotError};

/// Adds what the generators make to the objects.
pub(super) fn apply(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    spec: &Spec,
    resources: &mut Vec<Resource>,
) -> Result<(), SnapshotError> {
    let globals = spec.given("generatorOptions").cloned();
    for (field, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
        for arguments in spec.list(ctx, field) {
            let mut generator = Generator { ctx, dir, kind, globals: globals.as_ref() };
            let (made, behavior) = generator.make(&arguments)?;
            absorb(ctx, resources, made, behavior);
        }
    }
    Ok(())
}

struct Generator<'g, 's> {
    ctx: &'g mut Context<'s>,
    dir: &'g RepoPath,
    kind: &'static str,
    globals: Option<&'g Value>,
}

impl Generator<'_, '_> {
    fn make(&mut self, arguments: &Value) -> Result<(Resource, Behavior), SnapshotError> {
        let at = arguments.at;
        let mut data = Vec::new();
        let mut behavior = Behavior::Create;
        for (key, value) in arguments.pairs() {
            match key.as_str() {
                "name" | "namespace" | "options" | "type" => {}
                "behavior" => behavior = self::behavior(value),
                "literals" => self.literals(value, &mut data),
                "files" => self.files(value, &mut data)?,
                "envs" => {
                    for item in value.items() {
                        self.env(item, &mut data)?;
                    }
                }
                "env" => self.env(value, &mut data)?,
                _ => {
                    let what = format!("`{key}` of a generator");
                    self.ctx.opaque(value.at, what, Evidence::value(value));
                }
            }
        }
        let mut made = Value::map(at, Vec::new());
        made.set("apiVersion", Value::text(at, "v1"));
        made.set("kind", Value::text(at, self.kind));
        made.set("metadata", self.metadata(arguments));
        let data = Value::map(at, data);
        if self.kind == "ConfigMap" {
            made.set("data", data);
        } else {
            self.ctx.secrets.push((arguments.shown_at("name").to_owned(), data));
        }
        let mut made = Resource::new(made);
        made.hashed = self.is_hashed(arguments);
        Ok((made, behavior))
    }

    /// Whether the name gets a hash of the content.
    fn is_hashed(&self, arguments: &Value) -> bool {
        let options = [self.globals, arguments.get("options")];
        !options.into_iter().flatten().any(|options| options.get("disableNameSuffixHash").is_some())
    }

    fn metadata(&mut self, arguments: &Value) -> Value {
        let mut metadata = Value::map(arguments.at, Vec::new());
        for key in ["name", "namespace"] {
            let Some(value) = arguments.get(key).filter(|value| !value.is_empty()) else {
                continue;
            };
            let text = text_of(self.ctx, value).unwrap_or_default();
            metadata.set(key, Value::text(value.at, text));
        }
        let options = [self.globals, arguments.get("options")];
        for options in options.into_iter().flatten() {
            for key in ["labels", "annotations"] {
                let Some(pairs) = options.get(key) else { continue };
                let Some(map) = metadata.entry(key, pairs.at) else { continue };
                for (name, value) in pairs.pairs() {
                    map.set(name, Value::text(value.at, value.shown()));
                }
            }
        }
        metadata
    }

    fn odd(&mut self, value: &Value) {
        let evidence = Evidence::value(value);
        self.ctx.opaque(value.at, "a source of a generator that is not followed", evidence);
    }

    fn literals(&mut self, list: &Value, data: &mut Vec<(String, Value)>) {
        for item in list.items() {
            let text = text_of(self.ctx, item).unwrap_or_default();
            match text.split_once('=').filter(|(key, _)| !key.is_empty()) {
                Some((key, value)) => {
                    data.push((key.to_owned(), Value::text(item.at, without_quotes(value))));
                }
                None => self.odd(item),
            }
        }
    }

    fn files(
        &mut self,
        list: &Value,
        data: &mut Vec<(String, Value)>,
    ) -> Result<(), SnapshotError> {
        for item in list.items() {
            let text = text_of(self.ctx, item).unwrap_or_default();
            let (key, path) = match text.split_once('=') {
                None => {
                    (text.trim_end_matches('/').rsplit('/').next().unwrap_or(""), text.as_str())
                }
                Some((key, path)) if !key.is_empty() && !path.contains('=') => (key, path),
                Some(_) => {
                    self.odd(item);
                    continue;
                }
            };
            let Some(bytes) = load::bytes(self.ctx, self.dir, path, item.at)? else { continue };
            let at = self.start(path, item.at);
            // What is no text is encoded and shows no image.
            let text = String::from_utf8(bytes).unwrap_or_default();
            data.push((key.to_owned(), Value::text(at, text)));
        }
        Ok(())
    }

    fn start(&mut self, path: &str, at: Place) -> Place {
        match self.dir.resolve(path) {
            Some(path) => Place { file: self.ctx.file(&path), line: 1 },
            None => at,
        }
    }

    fn env(&mut self, item: &Value, data: &mut Vec<(String, Value)>) -> Result<(), SnapshotError> {
        let path = text_of(self.ctx, item).unwrap_or_default();
        if path.is_empty() && item.is_null() {
            return Ok(());
        }
        let Some(bytes) = load::bytes(self.ctx, self.dir, &path, item.at)? else { return Ok(()) };
        let Ok(text) = String::from_utf8(bytes) else {
            self.odd(item);
            return Ok(());
        };
        let start = self.start(&path, item.at);
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let at = Place { line: number, ..start };
            data.push((key.to_owned(), Value::text(at, value)));
        }
        Ok(())
    }
}

fn behavior(value: &Value) -> Behavior {
    match value.shown() {
        "merge" => Behavior::Merge,
        "replace" => Behavior::Replace,
        _ => Behavior::Create,
    }
}

/// As kustomize does: only where the same quote stands at both ends.
fn without_quotes(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// Puts a generated object beside or into the others.
fn absorb(
    ctx: &mut Context<'_>,
    resources: &mut Vec<Resource>,
    made: Resource,
    behavior: Behavior,
) {
    let id = made.id();
    let mut matches = resources.iter_mut().filter(|resource| resource.ids().contains(&id));
    match (matches.next(), matches.next(), behavior) {
        (None, _, Behavior::Create) => resources.push(made),
        (Some(old), None, Behavior::Merge | Behavior::Replace) => {
            combine(&mut old.value, made.value, behavior);
        }
        (None, _, _) => {
            // Into an object that is not known, or else kustomize refuses it:
            // what is put there is seen.
            let what = format!("a generator for `{}`, which is not known", made.title());
            ctx.opaque(made.value.at, what, Evidence::default());
            resources.push(made);
        }
        _ => {
            let what = format!("a generator for `{}`, which is there already", made.title());
            ctx.opaque(made.value.at, what, Evidence::value(&made.value));
        }
    }
}

/// The new content under the old name.
fn combine(old: &mut Value, mut made: Value, behavior: Behavior) {
    let before = old.get("metadata").cloned();
    let at = made.at;
    if let (Some(before), Some(meta)) = (before, made.entry("metadata", at)) {
        for key in ["labels", "annotations"] {
            overlay(meta, before.get(key), key);
        }
        for key in ["name", "namespace"] {
            meta.remove(key);
            if let Some(value) = before.get(key) {
                meta.set(key, value.clone());
            }
        }
    }
    if behavior == Behavior::Merge {
        for key in ["data", "binaryData"] {
            overlay(&mut made, old.get(key), key);
        }
    }
    *old = made;
}

/// Puts the pairs of `below` under those that `map` has behind `key`.
fn overlay(map: &mut Value, below: Option<&Value>, key: &str) {
    let Some(below) = below else { return };
    let mut union = Value { kind: Kind::Map(below.pairs().to_vec()), ..below.clone() };
    for (name, value) in map.get(key).map(Value::pairs).unwrap_or_default() {
        union.set(name, value.clone());
    }
    map.set(key, union);
}
