//! Patches in all their spellings.

use super::context::{Context, Copies, Evidence};
use super::document::{self, Source};
use super::merge::{self, Trouble};
use super::resource::{self, Resource};
use super::select::Selector;
use super::spec::Spec;
use super::value::{Form, Kind, Place, Value};
use super::{json_patch, load, unknown};
use crate::model::{RepoPath, SnapshotError};
use crate::yaml::Stream;

/// The objects that patches and entries apply to.
pub(super) struct Objects {
    pub(super) all: Vec<Resource>,
    /// Whether there may be more that are not known.
    pub(super) open: bool,
}

/// `patchesStrategicMerge`, then `patches`.
pub(super) fn strategic(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    spec: &Spec,
    objects: &mut Objects,
) -> Result<(), SnapshotError> {
    for (text, at) in spec.texts(ctx, "patchesStrategicMerge") {
        let Some((source, text)) = legacy_text(ctx, dir, text, at)? else { continue };
        let documents = document::all(ctx, Source { text: &text, at: source });
        for patch in resource::objects(ctx, documents) {
            by_id(ctx, objects, patch.value, Options::default());
        }
    }
    for item in spec.list(ctx, "patches") {
        patch(ctx, dir, &item, objects)?;
    }
    Ok(())
}

/// `patchesJson6902`.
pub(super) fn json(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    spec: &Spec,
    objects: &mut Objects,
) -> Result<(), SnapshotError> {
    for item in spec.list(ctx, "patchesJson6902") {
        let Some(parts) = parts(ctx, dir, &item)? else { continue };
        let documents = document::all(ctx, Source { text: &parts.text, at: parts.at });
        let target = parts.target.filter(Selector::has_name);
        match (documents.as_slice(), target) {
            ([operations], Some(target)) if matches!(operations.kind, Kind::List(_)) => {
                operate(ctx, objects, operations, (&target, false));
            }
            _ => odd(ctx, &item, &documents),
        }
    }
    Ok(())
}

fn odd(ctx: &mut Context<'_>, item: &Value, documents: &[Value]) {
    let evidence = documents.iter().fold(Evidence::value(item), Evidence::and);
    ctx.opaque(item.at, "a patch of another shape", evidence);
}

/// A patch of `patchesStrategicMerge` is a path, or the patch itself.
fn legacy_text(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    text: String,
    at: Place,
) -> Result<Option<(Place, String)>, SnapshotError> {
    let stream = Stream::parse(text.as_bytes());
    let is_patch =
        stream.is_ok_and(|stream| stream.documents().iter().any(|root| stream.is_mapping(*root)));
    if is_patch {
        return Ok(Some((at, text)));
    }
    let found = load::file(ctx, dir, &text, at)?;
    Ok(found.map(|(path, text)| (Place { file: ctx.file(&path), line: 1 }, text)))
}

#[derive(Debug, Clone, Copy, Default)]
struct Options {
    name_change: bool,
    kind_change: bool,
}

/// The parts of an item of `patches` or `patchesJson6902`.
struct Parts {
    text: String,
    at: Place,
    target: Option<Selector>,
    options: Options,
}

fn parts(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    item: &Value,
) -> Result<Option<Parts>, SnapshotError> {
    const KEYS: [&str; 4] = ["path", "patch", "target", "options"];
    let scalar = |key: &str| match item.get(key).map(|value| (&value.kind, value.at)) {
        None | Some((Kind::Scalar(_, Form::Null), _)) => Some(None),
        Some((Kind::Scalar(text, Form::Text | Form::Date), at)) => Some(Some((text.clone(), at))),
        Some(_) => None,
    };
    let given = item.get("target").filter(|target| !target.is_null());
    let target = given.map(Selector::parse);
    let known = item.pairs().iter().all(|(key, _)| KEYS.contains(&key.as_str()));
    let options = options(item.get("options"));
    let whole = known && !matches!(target, Some(None)) && matches!(item.kind, Kind::Map(_));
    let source = match (scalar("path"), scalar("patch"), options.is_some() && whole) {
        (Some(Some((path, at))), Some(None), true) if !path.is_empty() => {
            let Some((path, text)) = load::file(ctx, dir, &path, at)? else { return Ok(None) };
            Some((text, Place { file: ctx.file(&path), line: 1 }))
        }
        (Some(None), Some(Some((text, at))), true) => Some((text.trim().to_owned(), at)),
        _ => None,
    };
    let Some((text, at)) = source else {
        odd(ctx, item, &[]);
        return Ok(None);
    };
    let options = options.unwrap_or_default();
    Ok(Some(Parts { text, at, target: target.flatten(), options }))
}

fn options(value: Option<&Value>) -> Option<Options> {
    let mut options = Options::default();
    for (key, value) in value.map(Value::pairs).unwrap_or_default() {
        let set = match value.raw()? {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        match key.as_str() {
            "allowNameChange" => options.name_change = set,
            "allowKindChange" => options.kind_change = set,
            _ => {}
        }
    }
    Some(options)
}

/// An item of `patches`.
fn patch(
    ctx: &mut Context<'_>,
    dir: &RepoPath,
    item: &Value,
    objects: &mut Objects,
) -> Result<(), SnapshotError> {
    let Some(parts) = parts(ctx, dir, item)? else { return Ok(()) };
    let mut documents = document::all(ctx, Source { text: &parts.text, at: parts.at });
    let is_list = |value: &Value| matches!(value.kind, Kind::List(_));
    match (documents.as_slice(), parts.target) {
        ([operations], Some(target)) if is_list(operations) => {
            operate(ctx, objects, operations, (&target, true));
        }
        (several, _) if several.is_empty() || several.iter().any(is_list) => {
            odd(ctx, item, &documents);
        }
        ([_], Some(target)) => {
            let patches = resource::objects(ctx, std::mem::take(&mut documents));
            match <[Resource; 1]>::try_from(patches) {
                Ok([patch]) => by_target(ctx, objects, &patch.value, (&target, parts.options)),
                Err(_) => odd(ctx, item, &[]),
            }
        }
        (_, None) => {
            for patch in resource::objects(ctx, documents) {
                by_id(ctx, objects, patch.value, parts.options);
            }
        }
        _ => odd(ctx, item, &documents),
    }
    Ok(())
}

/// Applies a strategic merge patch to the one object it names.
fn by_id(ctx: &mut Context<'_>, objects: &mut Objects, patch: Value, options: Options) {
    let named = Resource::new(patch);
    let id = named.id();
    let mut found = Vec::new();
    for (index, resource) in objects.all.iter().enumerate() {
        if resource.ids().contains(&id) {
            found.push(index);
        }
    }
    let [index] = *found.as_slice() else {
        let what = format!("a patch for `{}`, which is there {} times", named.title(), found.len());
        let evidence = found.iter().filter_map(|index| objects.all.get(*index));
        let whole = evidence.fold(Evidence::value(&named.value), |all, r| all.and(&r.value));
        let whole = ctx.described(named.value.at, (what.clone(), None), whole);
        // What a patch of an unknown object cannot do to its images, is no
        // matter of ours.
        match unknown::harmless(&named.value).filter(|_| found.is_empty()) {
            Some(rest) => {
                let rest = Evidence::text(&rest);
                let part = ctx.described(named.value.at, (what, None), rest);
                if unknown::marks(&named.value) {
                    ctx.marked.push(whole.clone());
                }
                ctx.tell_part(Some(part), whole);
            }
            None => ctx.tell(whole),
        }
        return;
    };
    apply(ctx, objects, index, (named.value, options));
    objects.all.retain(|resource| !resource.value.is_empty());
}

/// Applies a strategic merge patch to every object that fits.
fn by_target(
    ctx: &mut Context<'_>,
    objects: &mut Objects,
    patch: &Value,
    (target, options): (&Selector, Options),
) {
    if objects.open {
        let over = Over {
            decides: merge::may_hold_image(patch) || unknown::decides(patch, target.kind()),
            selects: target.has_labels(),
            wakes: Wakes {
                renames: options.name_change || options.kind_change,
                marks: unknown::marks(patch),
            },
        };
        over_unknown(ctx, patch, &over);
    }
    for index in selected(ctx, objects, patch, target) {
        let Some(resource) = objects.all.get(index) else { continue };
        let mut own = patch.clone();
        own.set("apiVersion", Value::text(patch.at, resource.api_version()));
        apply(ctx, objects, index, (own, options));
    }
    objects.all.retain(|resource| !resource.value.is_empty());
}

/// Tells of a patch that may apply to objects which are not known. Where one
/// decides what runs, whatever makes it apply or not is told, too.
fn over_unknown(ctx: &mut Context<'_>, patch: &Value, what: &Over) {
    let message = "a patch that may apply to objects which are not known";
    if what.decides {
        ctx.opaque(patch.at, message, Evidence::value(patch));
        ctx.selects = Copies::Maybe;
        if what.selects {
            ctx.marks = Copies::Maybe;
        }
        return;
    }
    let whole = ctx.described(patch.at, (message.to_owned(), None), Evidence::value(patch));
    if what.wakes.renames {
        ctx.woken.push(whole.clone());
    }
    if what.wakes.marks {
        ctx.marked.push(whole.clone());
    }
    ctx.tell_part(None, whole);
}

/// What a patch does to objects that are not known.
struct Over {
    /// Whether it may decide what they run.
    decides: bool,
    /// Whether it goes by labels, annotations or places in lists.
    selects: bool,
    /// What it may change that others go by.
    wakes: Wakes,
}

/// What a patch may change of an object that another patch goes by.
struct Wakes {
    /// Whether it may give them other names.
    renames: bool,
    /// Whether it may give them other labels, annotations or places in lists.
    marks: bool,
}

/// The indices of the objects that fit.
fn selected(
    ctx: &mut Context<'_>,
    objects: &Objects,
    patch: &Value,
    target: &Selector,
) -> Vec<usize> {
    let Some(expressions) = target.compile() else {
        let evidence = resource::evidence(&objects.all).and(patch);
        ctx.opaque(patch.at, "a patch whose target is not followed", evidence);
        return Vec::new();
    };
    if !ctx.spend(patch.at, objects.all.len() * 4) {
        return Vec::new();
    }
    let all = objects.all.iter().enumerate();
    all.filter(|(_, resource)| expressions.fits(resource)).map(|(index, _)| index).collect()
}

/// Merges a patch into an object; an object that it deletes is left empty.
fn apply(
    ctx: &mut Context<'_>,
    objects: &mut Objects,
    index: usize,
    (mut patch, options): (Value, Options),
) {
    let Some(resource) = objects.all.get_mut(index) else { return };
    let at = patch.at;
    let size = resource.value.size();
    if !ctx.spend(at, size + size.saturating_mul(patch.size()) / 64) {
        return;
    }
    mark(&mut patch);
    let kept = Kept::of(resource);
    let evidence = Evidence::value(&patch).and(&resource.value);
    if options.name_change || options.kind_change {
        resource.remember();
    }
    match merge::merge(resource.value.clone(), patch) {
        Ok(Some(merged)) => {
            resource.value = merged;
            kept.restore(resource, options);
        }
        Ok(None) => resource.value = Value::map(at, Vec::new()),
        Err(Trouble { at, what }) => ctx.opaque(at, format!("a patch: {what}"), evidence),
    }
}

/// Every scalar of a patch decides itself.
fn mark(patch: &mut Value) {
    match &mut patch.kind {
        Kind::Scalar(..) => patch.set_by = Some(patch.at),
        Kind::Map(pairs) => pairs.iter_mut().for_each(|(_, value)| mark(value)),
        Kind::List(items) => items.iter_mut().for_each(mark),
    }
}

/// What no strategic merge patch changes.
struct Kept {
    kind: Option<Value>,
    name: Option<Value>,
    namespace: Option<Value>,
}

impl Kept {
    fn of(resource: &Resource) -> Self {
        let meta = |key: &str| resource.value.get("metadata").and_then(|m| m.get(key)).cloned();
        let kind = resource.value.get("kind").cloned();
        Self { kind, name: meta("name"), namespace: meta("namespace") }
    }

    fn restore(self, resource: &mut Resource, options: Options) {
        let at = resource.value.at;
        if let Some(kind) = self.kind.filter(|_| !options.kind_change) {
            resource.value.set("kind", kind);
        }
        let Some(meta) = resource.value.entry("metadata", at) else { return };
        if let Some(name) = self.name.filter(|_| !options.name_change) {
            meta.set("name", name);
        }
        meta.remove("namespace");
        if let Some(namespace) = self.namespace.filter(|namespace| !namespace.is_empty()) {
            meta.set("namespace", namespace);
        }
    }
}

/// Applies a JSON patch to every object that fits.
fn operate(
    ctx: &mut Context<'_>,
    objects: &mut Objects,
    operations: &Value,
    (target, remembers): (&Selector, bool),
) {
    let mut operations = operations.clone();
    mark(&mut operations);
    if objects.open {
        let over = Over {
            decides: json_patch::may_make_image(&operations)
                || json_patch::may_decide(&operations, target.kind()),
            selects: target.has_labels() || json_patch::goes_by_place(&operations),
            // Where it goes is a text, and it may move whole parts.
            wakes: Wakes { renames: json_patch::renames(&operations), marks: true },
        };
        over_unknown(ctx, &operations, &over);
    }
    for index in selected(ctx, objects, &operations, target) {
        let Some(resource) = objects.all.get_mut(index) else { continue };
        if !ctx.spend(operations.at, resource.value.size() * (1 + operations.items().len())) {
            return;
        }
        if remembers {
            resource.remember();
        }
        let evidence = Evidence::value(&operations).and(&resource.value);
        // Kustomize keeps its books in annotations, so that there are some.
        if let Some(meta) = resource.value.entry("metadata", operations.at) {
            meta.entry("annotations", operations.at);
        }
        if let Err(Trouble { at, what }) = json_patch::apply(&mut resource.value, &operations) {
            ctx.opaque(at, format!("a patch: {what}"), evidence);
        }
    }
    objects.all.retain(|resource| !resource.value.is_empty());
}
