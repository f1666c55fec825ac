//! The `target` of a patch and the `select` of a replacement.

use regex::Regex;

use super::pattern;
use super::resource::{Id, Resource};
use super::value::{Form, Kind, Value};

/// What an object must fit; empty fields fit all.
#[derive(Debug, Default, Clone)]
pub(super) struct Selector {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    labels: String,
    annotations: String,
}

impl Selector {
    /// Reads a selector; `None` where it holds something else.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let mut selector = Self::default();
        for (key, value) in value.pairs() {
            let Kind::Scalar(text, form) = &value.kind else { return None };
            let field = match key.as_str() {
                "group" => &mut selector.group,
                "version" => &mut selector.version,
                "kind" => &mut selector.kind,
                "name" => &mut selector.name,
                "namespace" => &mut selector.namespace,
                "labelSelector" => &mut selector.labels,
                "annotationSelector" => &mut selector.annotations,
                _ => return None,
            };
            match form {
                Form::Null => {}
                Form::Text | Form::Date => text.clone_into(field),
                Form::Other => return None,
            }
        }
        matches!(value.kind, Kind::Map(_)).then_some(selector)
    }

    pub(super) fn has_name(&self) -> bool {
        !self.name.is_empty()
    }

    /// The kind that it names.
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether it says nothing of the object's id.
    pub(super) fn names_nothing(&self) -> bool {
        let id = [&self.group, &self.version, &self.kind, &self.name, &self.namespace];
        id.iter().all(|field| field.is_empty())
    }

    pub(super) fn has_labels(&self) -> bool {
        !(self.labels.is_empty() && self.annotations.is_empty())
    }

    /// The selector of patches: every field an anchored expression. `None`
    /// where one of them is not followed.
    pub(super) fn compile(&self) -> Option<Expressions> {
        let anchored = |text: &str| match text {
            "" => Some(None),
            text => pattern::compile("^(?:", text, ")$").map(Some),
        };
        Some(Expressions {
            group: anchored(&self.group)?,
            version: anchored(&self.version)?,
            kind: anchored(&self.kind)?,
            name: anchored(&self.name)?,
            namespace: anchored(&self.namespace)?,
            labels: requirements(&self.labels)?,
            annotations: requirements(&self.annotations)?,
        })
    }

    /// Whether an id fits, as replacements compare: field by field, exactly.
    pub(super) fn fits_exactly(&self, id: &Id) -> bool {
        let (group, version) = split_api(&id.api_version);
        let same = |own: &str, other: &str| own.is_empty() || own == other;
        // As a selector, `default` and no namespace are one.
        same(&self.group, group)
            && same(&self.version, version)
            && same(&self.kind, &id.kind)
            && same(&self.name, &id.name)
            && same(&self.namespace, &id.namespace)
    }

    /// Whether labels and annotations fit; `None` where that is not followed.
    pub(super) fn fits_labels(&self, resource: &Resource) -> Option<bool> {
        let labels = requirements(&self.labels)?;
        let annotations = requirements(&self.annotations)?;
        Some(all_met(&labels, resource, "labels") && all_met(&annotations, resource, "annotations"))
    }
}

/// Group and version of an `apiVersion`.
pub(super) fn split_api(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// A selector ready to use.
pub(super) struct Expressions {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl Expressions {
    pub(super) fn fits(&self, resource: &Resource) -> bool {
        let (now, original) = (resource.id(), resource.original());
        let (group, version) = split_api(resource.api_version());
        either(self.namespace.as_ref(), &original.namespace, &now.namespace)
            && either(self.name.as_ref(), &original.name, &now.name)
            && either(self.group.as_ref(), group, group)
            && either(self.version.as_ref(), version, version)
            && either(self.kind.as_ref(), resource.kind(), resource.kind())
            && all_met(&self.labels, resource, "labels")
            && all_met(&self.annotations, resource, "annotations")
    }
}

fn either(regex: Option<&Regex>, a: &str, b: &str) -> bool {
    regex.is_none_or(|regex| regex.is_match(a) || regex.is_match(b))
}

/// One part of a label selector.
struct Requirement {
    key: String,
    wanted: Wanted,
}

enum Wanted {
    Value(String),
    NotValue(String),
    Present,
    Absent,
}

/// Parses `a=b,c!=d,e,!f`; `None` for everything else.
fn requirements(selector: &str) -> Option<Vec<Requirement>> {
    if selector.trim().is_empty() {
        return Some(Vec::new());
    }
    selector.split(',').map(|part| requirement(part.trim())).collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    let (key, wanted) = if let Some((key, value)) = part.split_once("!=") {
        (key, Wanted::NotValue(word(value.trim())?))
    } else if let Some((key, value)) = part.split_once("==") {
        (key, Wanted::Value(word(value.trim())?))
    } else if let Some((key, value)) = part.split_once('=') {
        (key, Wanted::Value(word(value.trim())?))
    } else if let Some(key) = part.strip_prefix('!') {
        (key, Wanted::Absent)
    } else {
        (part, Wanted::Present)
    };
    let key = word(key.trim()).filter(|key| !key.is_empty())?;
    Some(Requirement { key, wanted })
}

fn word(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    text.chars().all(plain).then(|| text.to_owned())
}

fn all_met(requirements: &[Requirement], resource: &Resource, field: &str) -> bool {
    let map = resource.value.get("metadata").and_then(|meta| meta.get(field));
    requirements.iter().all(|requirement| {
        let found = map.and_then(|map| map.get(&requirement.key)).map(|v| v.raw().unwrap_or(""));
        match &requirement.wanted {
            Wanted::Value(value) => found == Some(value.as_str()),
            Wanted::NotValue(value) => found != Some(value.as_str()),
            Wanted::Present => found.is_some(),
            Wanted::Absent => found.is_none(),
        }
    })
}
