//! The kustomization around the copy.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::objects::Patch;
use super::{INNER, LABEL, Name};
use crate::kustomize::render::Object;
use crate::yaml::plain_is_safe;

/// What a preview says of itself.
pub(super) struct Said<'s> {
    pub(super) name: &'s Name,
    pub(super) app: &'s str,
    pub(super) environment: &'s str,
    pub(super) version: &'s str,
}

/// The text of the kustomization.
pub(super) fn text(
    said: &Said<'_>,
    labels: &BTreeMap<String, String>,
    patches: &[(&Object, Patch)],
) -> String {
    let name = said.name;
    let mut text = format!(
        "# A preview of {} by git promote. It goes with: git promote preview delete {name}\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata:\n  \
         name: {}\n  annotations:\n",
        one_line(said.app),
        quoted(name.as_str())
    );
    let annotations = [
        (LABEL, name.as_str()),
        ("git-promote/app", said.app),
        ("git-promote/environment", said.environment),
        ("git-promote/version", said.version),
    ];
    for (key, value) in annotations {
        let _ = writeln!(text, "    {key}: {}", quoted(value));
    }
    let _ = write!(text, "resources:\n- {INNER}\nnameSuffix: {}\n", quoted(&format!("-{name}")));
    text.push_str("labels:\n- includeSelectors: true\n  pairs:\n");
    let _ = writeln!(text, "    {LABEL}: {}", quoted(name.as_str()));
    for (key, value) in labels {
        let _ = writeln!(text, "    {}: {}", quoted(key), quoted(value));
    }
    if !patches.is_empty() {
        text.push_str("patches:\n");
    }
    for (object, patch) in patches {
        target(&mut text, object);
        match patch {
            Patch::Delete => delete(&mut text, object),
            Patch::Fields(fields) => replace(&mut text, fields),
        }
    }
    text
}

/// A kustomization of these resources.
pub(super) fn list(resources: &[String]) -> String {
    let items = resources.iter().map(|item| format!("- {}\n", quoted(item)));
    std::iter::once("resources:\n".to_owned()).chain(items).collect()
}

fn target(text: &mut String, object: &Object) {
    text.push_str("- target:\n");
    let (group, version) =
        object.api_version.split_once('/').unwrap_or(("", object.api_version.as_str()));
    let selects = [
        ("group", group),
        ("version", version),
        ("kind", object.kind.as_str()),
        ("name", object.name.as_str()),
        ("namespace", object.namespace.as_str()),
    ];
    for (key, value) in selects.into_iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "    {key}: {}", quoted(value));
    }
    text.push_str("  patch: |-\n");
}

fn delete(text: &mut String, object: &Object) {
    let _ = write!(
        text,
        "    $patch: delete\n    apiVersion: {}\n    kind: {}\n    metadata:\n      name: {}\n",
        quoted(&object.api_version),
        quoted(&object.kind),
        quoted(&object.name)
    );
}

fn replace(text: &mut String, fields: &BTreeMap<String, String>) {
    for (path, value) in fields {
        let _ = write!(
            text,
            "    - op: replace\n      path: {}\n      value: {}\n",
            quoted(path),
            quoted(value)
        );
    }
}

/// A YAML scalar that is this text whatever it looks like.
fn quoted(text: &str) -> String {
    if plain_is_safe(text) { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// A comment must not end before its line does.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
