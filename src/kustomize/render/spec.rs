//! A kustomization, as far as it bears on images.

use super::context::{Context, Copies, Evidence};
use super::value::{Form, Kind, Place, Value};
use crate::kustomize::file::same_key;

/// Every field kustomize 5.5 knows; others are errors.
const FIELDS: [&str; 34] = [
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// Why a kustomization is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is what is rendered: a component may be, too.
    Overlay,
    /// It is a resource.
    Base,
    /// It is a component.
    Component,
}

/// A kustomization file.
pub(super) struct Spec {
    pub(super) root: Value,
}

/// The fields that may take what one object says into another.
const COPIES: [&str; 6] =
    ["replacements", "vars", "transformers", "configurations", "crds", "openapi"];

impl Spec {
    /// Reads the root of a kustomization; tells what kustomize would refuse.
    pub(super) fn new(ctx: &mut Context<'_>, root: Value, role: Role) -> Option<Self> {
        if !matches!(root.kind, Kind::Map(_)) || root.is_empty() {
            ctx.opaque(root.at, "an empty kustomization", Evidence::value(&root));
            return None;
        }
        for (key, value) in root.pairs() {
            if FIELDS.contains(&key.as_str()) {
                continue;
            }
            let folded = FIELDS.iter().find(|field| same_key(field, key));
            let what = match folded {
                Some(field) => format!("`{key}`, which kustomize reads as `{field}`"),
                None => format!("`{key}`, which kustomize does not know"),
            };
            ctx.opaque(value.at, what, Evidence::value(value));
            ctx.copies = Copies::Maybe;
        }
        let spec = Self { root };
        if COPIES.iter().any(|field| spec.given(field).is_some()) {
            ctx.copies = Copies::Maybe;
        }
        spec.check_kind(ctx, role);
        Some(spec)
    }

    fn check_kind(&self, ctx: &mut Context<'_>, role: Role) {
        let kind = self.root.shown_at("kind");
        let api = self.root.shown_at("apiVersion");
        let component = role == Role::Component || role == Role::Overlay && kind == "Component";
        let wanted = if component {
            ("Component", "kustomize.config.k8s.io/v1alpha1")
        } else {
            ("Kustomization", "kustomize.config.k8s.io/v1beta1")
        };
        let fits = (kind == wanted.0 || kind.is_empty() && !component)
            && (api.is_empty() || api == wanted.1);
        if !fits {
            let what = format!("`{kind}` of `{api}` where kustomize expects a {}", wanted.0);
            ctx.opaque(self.root.at, what, Evidence::default());
        }
    }

    /// The text of a field; empty where it is not given.
    pub(super) fn text(&self, ctx: &mut Context<'_>, key: &str) -> String {
        let Some(value) = self.root.get(key) else { return String::new() };
        text_of(ctx, value).unwrap_or_default()
    }

    /// The items of a field that is a list.
    pub(super) fn list(&self, ctx: &mut Context<'_>, key: &str) -> Vec<Value> {
        let Some(value) = self.root.get(key) else { return Vec::new() };
        match &value.kind {
            Kind::List(items) => items.clone(),
            _ if value.is_null() => Vec::new(),
            _ => {
                ctx.opaque(value.at, format!("`{key}` that is no list"), Evidence::value(value));
                Vec::new()
            }
        }
    }

    /// The texts of a field that is a list of them.
    pub(super) fn texts(&self, ctx: &mut Context<'_>, key: &str) -> Vec<(String, Place)> {
        let items = self.list(ctx, key);
        items.iter().filter_map(|item| Some((text_of(ctx, item)?, item.at))).collect()
    }

    /// Whether a field is given and holds something.
    pub(super) fn given(&self, key: &str) -> Option<&Value> {
        self.root.get(key).filter(|value| !value.is_empty())
    }
}

/// The text of a scalar that kustomize reads as one; told where it does not.
pub(super) fn text_of(ctx: &mut Context<'_>, value: &Value) -> Option<String> {
    match &value.kind {
        Kind::Scalar(text, Form::Text | Form::Date) => Some(text.clone()),
        Kind::Scalar(_, Form::Null) => Some(String::new()),
        _ => {
            ctx.opaque(value.at, "no text where kustomize expects one", Evidence::value(value));
            None
        }
    }
}
