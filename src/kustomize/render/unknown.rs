//! Patches for objects that are not known, such as those of a remote base.

use super::charts::NAMES;
use super::reference;
use super::value::{Form, Kind, Value};

/// How keys end that say what is deployed from where.
const POINTS: [&str; 8] =
    ["path", "url", "ref", "source", "sources", "chart", "components", "patches"];

/// The groups of objects whose fields are known.
const GROUPS: [&str; 7] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "policy",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
];

/// Kinds that say what else is deployed.
const TAKERS: [&str; 8] = [
    "Application",
    "ApplicationSet",
    "GitRepository",
    "HelmChart",
    "HelmRelease",
    "HelmRepository",
    "Kustomization",
    "OCIRepository",
];

/// Whether a patch for objects of that kind which are not known may say what
/// they take from elsewhere.
pub(super) fn decides(patch: &Value, kind: &str) -> bool {
    let kind = if kind.is_empty() { patch.shown_at("kind") } else { kind };
    patch.any(&mut |value| value.pairs().iter().any(|(key, _)| key_decides(key, kind)))
}

/// The same of a key.
pub(super) fn key_decides(key: &str, kind: &str) -> bool {
    // What is no name may stand for any kind.
    let plain = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric());
    let takes = !plain || TAKERS.contains(&kind);
    takes && key != "apiVersion" && (ends(key, &NAMES) || ends(key, &POINTS))
}

/// Whether a patch may give an object other labels, annotations or places in
/// lists, which another patch may go by.
pub(super) fn marks(patch: &Value) -> bool {
    patch.any(&mut |value| {
        let is_list = matches!(value.kind, Kind::List(_));
        is_list
            || value.is_null()
            || value.pairs().iter().any(|(key, value)| pair_marks(key, value))
    })
}

fn pair_marks(key: &str, value: &Value) -> bool {
    let is_name = |(key, _): &(String, Value)| ["name", "namespace"].contains(&key.as_str());
    match key {
        "labels" | "annotations" => true,
        "metadata" => !value.pairs().iter().all(is_name),
        _ => key.starts_with('$'),
    }
}

/// What is left of a patch for an object that is not known, where all else
/// that it says can change none of its images: what the object is.
pub(super) fn harmless(patch: &Value) -> Option<String> {
    let api = patch.shown_at("apiVersion");
    // What other kinds of objects mean by their fields is not known.
    let group = api.split_once('/').map_or("", |(group, _)| group);
    let builtin = !api.is_empty() && GROUPS.contains(&group);
    let data = api == "v1" && patch.shown_at("kind") == "ConfigMap";
    let all = patch.pairs().iter().filter(|(key, _)| key != "apiVersion");
    let free = |(key, value): &(String, Value)| match key.as_str() {
        "data" if data => value.pairs().iter().all(|(key, value)| is_datum(key, value)),
        key => says_nothing(key) && is_free(value),
    };
    (builtin && Value::twice(patch.pairs()).is_none() && all.into_iter().all(free))
        .then(|| api.to_owned())
}

/// Whether an entry of a `ConfigMap` is one line that names no image.
fn is_datum(key: &str, value: &Value) -> bool {
    let line =
        value.raw().is_some_and(|text| !text.contains('\n') && !reference::is_image_like(text));
    let null = matches!(value.kind, Kind::Scalar(_, Form::Null));
    line && !null && !ends(key, &NAMES) && !key.starts_with('$')
}

fn is_free(value: &Value) -> bool {
    match &value.kind {
        Kind::Scalar(text, form) => *form != Form::Null && !reference::is_image_like(text),
        Kind::List(items) => items.iter().all(is_free),
        Kind::Map(pairs) => {
            Value::twice(pairs).is_none()
                && pairs.iter().all(|(key, value)| says_nothing(key) && is_free(value))
        }
    }
}

fn says_nothing(key: &str) -> bool {
    // Of containers, not of kustomizations.
    let points = key != "resources" && ends(key, &POINTS);
    !key.starts_with('$') && !ends(key, &NAMES) && !points
}

fn ends(key: &str, names: &[&str]) -> bool {
    let key = key.to_lowercase();
    names.iter().any(|name| key.ends_with(name))
}
