//! `vars`: texts that hold one are followed only where no image can come of it.

use super::context::Context;
use super::field_path::FieldPath;
use super::reference;
use super::resource::{self, Resource};
use super::spec::Spec;
use super::value::{Form, Kind, Value};

/// A variable and its declaration.
pub(super) struct Variable {
    /// `$(NAME)`
    pattern: String,
    declared: Value,
}

/// The variables that a kustomization declares.
pub(super) fn declared(ctx: &mut Context<'_>, spec: &Spec) -> Vec<Variable> {
    let all = spec.list(ctx, "vars").into_iter();
    let named = all.map(|declared| Variable {
        pattern: format!("$({})", declared.shown_at("name")),
        declared,
    });
    named.collect()
}

/// Tells of texts with a variable that may be, or become, an image.
pub(super) fn uses(ctx: &mut Context<'_>, variables: &[Variable], resources: &[Resource]) {
    if variables.is_empty() {
        return;
    }
    let values: Vec<(&Variable, Option<String>)> =
        variables.iter().map(|variable| (variable, value_of(variable, resources))).collect();
    for resource in resources {
        let Some((first, _)) = values.first() else { return };
        let size = resource.value.size().saturating_mul(values.len());
        if !ctx.spend(first.declared.at, size) {
            return;
        }
        if let Some(variable) = telling(&resource.value, false, &values) {
            let what = format!("the variable `{}` in `{}`", variable.pattern, resource.title());
            let evidence = resource::evidence(resources).and(&variable.declared);
            ctx.opaque(variable.declared.at, what, evidence);
        }
    }
}

/// The text that a variable stands for, where it can be told.
fn value_of(variable: &Variable, resources: &[Resource]) -> Option<String> {
    let object = variable.declared.get("objref")?;
    let (kind, name) = (object.shown_at("kind"), object.shown_at("name"));
    let fits =
        |resource: &&Resource| resource.ids().iter().any(|id| id.kind == kind && id.name == name);
    let mut fitting = resources.iter().filter(fits);
    let (Some(resource), None) = (fitting.next(), fitting.next()) else { return None };
    let path = match variable.declared.get("fieldref").map(|field| field.shown_at("fieldpath")) {
        None | Some("") => "metadata.name",
        Some(path) => path,
    };
    let path = FieldPath::parse(path).filter(|path| !path.uncertain)?;
    match &path.lookup(&resource.value)?.kind {
        Kind::Scalar(text, Form::Text) => Some(text.clone()),
        _ => None,
    }
}

/// A variable below `value` that may make an image.
fn telling<'v>(
    value: &Value,
    image: bool,
    variables: &[(&'v Variable, Option<String>)],
) -> Option<&'v Variable> {
    match &value.kind {
        Kind::Scalar(text, _) => in_text(text, image, variables),
        Kind::List(items) => items.iter().find_map(|item| telling(item, image, variables)),
        Kind::Map(pairs) => pairs.iter().find_map(|(key, value)| {
            let inside = || telling(value, image || key == "image", variables);
            in_text(key, true, variables).or_else(inside)
        }),
    }
}

fn in_text<'v>(
    text: &str,
    image: bool,
    variables: &[(&'v Variable, Option<String>)],
) -> Option<&'v Variable> {
    let mut used = variables.iter().filter(|(variable, _)| text.contains(&variable.pattern));
    let (first, _) = used.next()?;
    let mut after = text.to_owned();
    for (variable, value) in variables.iter().filter(|(v, _)| text.contains(&v.pattern)) {
        let Some(value) = value else { return Some(variable) };
        // A value with a variable in it is replaced in turn.
        if value.contains("$(") {
            return Some(variable);
        }
        after = after.replace(&variable.pattern, value);
    }
    let looks = reference::is_image_like(text) || reference::is_image_like(&after);
    (image || looks).then_some(*first)
}
