//! `namespace`, `namePrefix`, `nameSuffix`, labels and annotations: no images
//! themselves, but what later patches select by.

use super::context::{Context, Evidence};
use super::reference;
use super::resource::Resource;
use super::schema;
use super::select::split_api;
use super::spec::{Spec, text_of};
use super::value::{Place, Value};

/// Applies them to all objects, in kustomize's order.
pub(super) fn apply(ctx: &mut Context<'_>, spec: &Spec, resources: &mut [Resource]) {
    if let Some((at, text)) = name_part(ctx, spec, "namespace") {
        for resource in resources.iter_mut() {
            namespace(resource, at, &text);
        }
    }
    if let Some((at, text)) = name_part(ctx, spec, "namePrefix") {
        for resource in resources.iter_mut() {
            rename(ctx, resource, at, (&text, ""));
        }
    }
    if let Some((at, text)) = name_part(ctx, spec, "nameSuffix") {
        for resource in resources.iter_mut() {
            rename(ctx, resource, at, ("", &text));
        }
    }
    for label in spec.list(ctx, "labels") {
        if let Some(pairs) = label.get("pairs") {
            texts(ctx, resources, "labels", pairs);
        }
    }
    for (field, key) in [("commonLabels", "labels"), ("commonAnnotations", "annotations")] {
        if let Some(pairs) = spec.given(field) {
            texts(ctx, resources, key, pairs);
        }
    }
}

/// Tells of what sets these on objects that are not known, where something
/// selects by them.
pub(super) fn unknown(ctx: &mut Context<'_>, spec: &Spec) {
    const FIELDS: [&str; 6] =
        ["namespace", "namePrefix", "nameSuffix", "labels", "commonLabels", "commonAnnotations"];
    for (field, value) in FIELDS.iter().filter_map(|field| Some((field, spec.given(field)?))) {
        let what = format!("`{field}` of objects which are not known");
        let whole = ctx.described(value.at, (what, None), Evidence::value(value));
        let woken = if field.starts_with("name") { &mut ctx.woken } else { &mut ctx.marked };
        woken.push(whole.clone());
        ctx.tell_part(None, whole);
    }
}

/// A part of a name; told where it could make an image.
fn name_part(ctx: &mut Context<'_>, spec: &Spec, field: &str) -> Option<(Place, String)> {
    let at = spec.given(field)?.at;
    let text = spec.text(ctx, field);
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
        ctx.opaque(at, format!("a `{field}` that is no part of a name"), Evidence::text(&text));
    }
    (!text.is_empty()).then_some((at, text))
}

fn namespace(resource: &mut Resource, at: Place, namespace: &str) {
    resource.remember();
    let is_namespace = resource.kind() == "Namespace" && resource.api_version() == "v1";
    let key = match () {
        () if is_namespace => "name",
        () if schema::is_cluster_scoped(resource.api_version(), resource.kind()) => return,
        () => "namespace",
    };
    if let Some(meta) = resource.value.entry("metadata", at) {
        meta.set(key, Value::text(at, namespace));
    }
}

fn rename(
    ctx: &mut Context<'_>,
    resource: &mut Resource,
    at: Place,
    (prefix, suffix): (&str, &str),
) {
    let original = resource.original();
    let (group, _) = split_api(&original.api_version);
    let skipped = matches!(original.kind.as_str(), "CustomResourceDefinition" | "Namespace")
        || original.kind == "APIService" && group == "apiregistration.k8s.io";
    if skipped {
        return;
    }
    resource.remember();
    let name = format!("{prefix}{}{suffix}", resource.name());
    if reference::is_image_like(&name) || reference::is_image_like(resource.name()) {
        // Kustomize renames it where others refer to it, too.
        ctx.opaque(at, "a name that looks like an image", Evidence::text(&name));
    }
    if let Some(meta) = resource.value.entry("metadata", at) {
        meta.set("name", Value::text(at, name));
    }
}

/// Sets labels or annotations. Kustomize sets them at more places than
/// `metadata`, which matters only where they could be an image there.
fn texts(ctx: &mut Context<'_>, resources: &mut [Resource], key: &str, pairs: &Value) {
    const TELLING: [&str; 4] = ["image", "containers", "initContainers", "ephemeralContainers"];
    for (name, value) in pairs.pairs() {
        text_of(ctx, value);
        let image = TELLING.contains(&name.as_str()) || reference::is_image_like(value.shown());
        if image || reference::is_image_like(name) {
            let what = format!("{key} that look like an image");
            ctx.opaque(value.at, what, Evidence::value(value));
        }
    }
    for resource in resources {
        if !ctx.spend(pairs.at, resource.value.size().saturating_mul(pairs.pairs().len()) / 4) {
            return;
        }
        // They are set over what stands in the metadata of a template, too.
        let covers = |value: &Value| {
            pairs.pairs().iter().any(|(name, _)| reference::is_image_like(value.shown_at(name)))
        };
        if resource.value.any(&mut |value| covers(value)) {
            let evidence = Evidence::value(pairs).and(&resource.value);
            ctx.opaque(pairs.at, format!("{key} over what looks like an image"), evidence);
        }
        let Some(meta) = resource.value.entry("metadata", pairs.at) else { continue };
        let Some(map) = meta.entry(key, pairs.at) else { continue };
        for (name, value) in pairs.pairs() {
            map.set(name, Value::text(value.at, value.shown()));
        }
    }
}
