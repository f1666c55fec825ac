//! Objects of Flux and Argo CD that say what else is deployed, and from where.

use sha2::{Digest as _, Sha256};

use super::RepoPath;
use super::context::Context;
use super::resource::Resource;
use super::value::{Kind, Value};
use crate::kustomize::file::step;

/// A field of such an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PointerField {
    /// Its path, such as `spec.path`.
    pub path: String,
    /// Its value.
    pub value: String,
    /// File and 1-based line where the value stands.
    pub origin: (RepoPath, u32),
}

/// An object that points at what is deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    /// `Kustomization/flux-system/apps`.
    pub object: String,
    /// Where the object stands.
    pub origin: (RepoPath, u32),
    /// The fields that decide what is deployed, and from where.
    pub fields: Vec<PointerField>,
}

/// Which fields of a `spec` decide.
struct Schema {
    group: &'static str,
    kind: &'static str,
    rule: Fields,
}

enum Fields {
    /// These and all below them.
    Only(&'static [&'static str]),
    /// All but these.
    But(&'static [&'static str]),
}

/// By the API references of Flux 2.4 and Argo CD 2.13. What is left out only
/// tells when, as whom, and how often. The values of a Helm release are its
/// settings; versions among them are markers or declared fields.
const SCHEMAS: [Schema; 10] = [
    Schema {
        group: "kustomize.toolkit.fluxcd.io",
        kind: "Kustomization",
        rule: Fields::But(&[
            "commonMetadata",
            "decryption",
            "deletionPolicy",
            "dependsOn",
            "force",
            "healthCheckExprs",
            "healthChecks",
            "interval",
            "namePrefix",
            "nameSuffix",
            "prune",
            "retryInterval",
            "serviceAccountName",
            "suspend",
            "targetNamespace",
            "timeout",
            "wait",
        ]),
    },
    Schema { group: "source.toolkit.fluxcd.io", kind: "GitRepository", rule: SOURCE },
    Schema { group: "source.toolkit.fluxcd.io", kind: "OCIRepository", rule: SOURCE },
    Schema { group: "source.toolkit.fluxcd.io", kind: "Bucket", rule: SOURCE },
    Schema { group: "source.toolkit.fluxcd.io", kind: "HelmRepository", rule: SOURCE },
    Schema { group: "source.toolkit.fluxcd.io", kind: "HelmChart", rule: SOURCE },
    Schema {
        group: "helm.toolkit.fluxcd.io",
        kind: "HelmRelease",
        rule: Fields::Only(&[
            "chart.spec.chart",
            "chart.spec.sourceRef",
            "chart.spec.valuesFile",
            "chart.spec.valuesFiles",
            "chart.spec.version",
            "chartRef",
            "postRenderers",
            "valuesFrom",
        ]),
    },
    Schema {
        group: "image.toolkit.fluxcd.io",
        kind: "ImageUpdateAutomation",
        rule: Fields::But(&["interval", "suspend"]),
    },
    Schema {
        group: "argoproj.io",
        kind: "Application",
        rule: Fields::Only(&["source", "sources", "destination", "sourceHydrator"]),
    },
    Schema {
        group: "argoproj.io",
        kind: "ApplicationSet",
        rule: Fields::Only(&[
            "applyNestedSelectors",
            "generators",
            "goTemplate",
            "goTemplateOptions",
            "template.spec.destination",
            "template.spec.source",
            "template.spec.sourceHydrator",
            "template.spec.sources",
            "templatePatch",
        ]),
    },
];

const SOURCE: Fields = Fields::But(&[
    "accessFrom",
    "interval",
    "passCredentials",
    "proxySecretRef",
    "secretRef",
    "certSecretRef",
    "serviceAccountName",
    "suspend",
    "timeout",
    "verify",
]);

/// Settings of a chart in an Argo CD application: free, like the values of a
/// Helm release, but for what is named after images and tags.
const CHART_SETTINGS: [&str; 4] = ["values", "valuesObject", "parameters", "valueFiles"];

/// The object as a pointer, where it is one.
pub(super) fn of(ctx: &Context<'_>, resource: &Resource) -> Option<Pointer> {
    let (group, _) = resource.api_version().split_once('/')?;
    let schema = SCHEMAS.iter().find(|s| s.group == group && s.kind == resource.kind())?;
    let mut fields = Vec::new();
    if let Some(spec) = resource.value.get("spec") {
        leaves(ctx, spec, "", &mut fields);
    }
    fields.retain(|field| schema.rule.decides(&field.path) && !is_setting(field));
    for field in &mut fields {
        field.path.insert_str(0, "spec.");
    }
    let origin = ctx.place(resource.value.at);
    Some(Pointer { object: resource.title(), origin, fields })
}

impl Fields {
    fn decides(&self, path: &str) -> bool {
        let below = |top: &&str| {
            path.strip_prefix(*top)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        match self {
            Self::Only(tops) => tops.iter().any(&below),
            Self::But(tops) => !tops.iter().any(below),
        }
    }
}

fn is_setting(field: &PointerField) -> bool {
    let helm = field.path.split_once("helm.").map(|(_, below)| below);
    let setting = helm.is_some_and(|below| CHART_SETTINGS.iter().any(|own| below.starts_with(own)));
    let text = format!("{} {}", field.path, field.value).to_ascii_lowercase();
    setting && !["image", "tag", "digest"].iter().any(|word| text.contains(word))
}

/// A step that stands for an element of that content.
fn element(item: &Value) -> String {
    let mut hash = Sha256::default();
    item.feed(&mut hash);
    let digest = hash.finalize();
    let id = digest.iter().take(4).fold(0_u32, |id, byte| id << 8 | u32::from(*byte));
    format!("~{id:08x}")
}

/// Every scalar below a value, with its path.
fn leaves(ctx: &Context<'_>, value: &Value, path: &str, found: &mut Vec<PointerField>) {
    match &value.kind {
        Kind::Scalar(text, _) => found.push(PointerField {
            path: path.to_owned(),
            value: text.clone(),
            origin: ctx.place(value.at),
        }),
        // All clusters: no scalar says so.
        Kind::Map(pairs) if pairs.is_empty() && path.ends_with(".clusters") => {
            let origin = ctx.place(value.at);
            found.push(PointerField { path: path.to_owned(), value: "{}".to_owned(), origin });
        }
        Kind::Map(pairs) => {
            for (key, value) in pairs {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(ctx, value, &format!("{path}{dot}{}", step(key)), found);
            }
        }
        Kind::List(items) => {
            // The elements of a list generator have no order: they are told
            // apart by what they are.
            let unordered = path.ends_with("list.elements");
            for (index, item) in items.iter().enumerate() {
                let step = if unordered { element(item) } else { index.to_string() };
                leaves(ctx, item, &format!("{path}[{step}]"), found);
            }
        }
    }
}
