//! The documents of `-o json`: wire types that only grow within v1, made from
//! the reports, with one JSON Schema a kind.

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;
use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlEmitter};

use crate::model::{Edit, Finding, Pin, Promotion};
use crate::report::{EditReport, Ending, PromotionReport};

use super::check::wire::schema as check_schema;

pub(super) const API_VERSION: &str = "git-promote/v1";

/// A promotion that was made, planned or refused.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Promotion")]
struct WirePromotionReport {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Promotion`.
    kind: &'static str,
    /// The environment that versions enter.
    to: String,
    /// Whether nothing was to be written.
    dry_run: bool,
    /// What moves.
    promotions: Vec<WirePromotion>,
    /// What changed between the versions, where the app's own repository tells.
    changes: Vec<super::diff::WireVersionChanges>,
    /// What was copied to the registry of the environment.
    copies: Vec<super::registry::WireCopy>,
    /// The values that change.
    edits: Vec<WireEdit>,
    /// One finding per rule and promotion.
    findings: Vec<WireFinding>,
    /// One of `planned committed edited pushed pull-request unchanged refused`.
    result: &'static str,
    /// The full id of the commit that was made.
    commit: Option<String>,
    /// The branch, unless HEAD is detached.
    branch: Option<String>,
    /// The address of the pull request.
    pull_request: Option<String>,
}

/// One app and image on its way.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePromotion {
    /// The app.
    app: String,
    /// The image.
    image: String,
    /// The first environment it comes from.
    from: Option<String>,
    /// The environment it enters.
    to: String,
    /// The tag before.
    previous: Option<String>,
    /// The tag after.
    version: Option<String>,
    /// The digest before.
    previous_digest: Option<String>,
    /// The digest after.
    digest: Option<String>,
}

/// One value that changes.
#[derive(Serialize, JsonSchema)]
pub(super) struct WireEdit {
    /// The file.
    path: String,
    /// 1-based line.
    line: u32,
    /// 1-based column, in characters.
    column: u32,
    /// The field path.
    field: String,
    /// What is changed, such as `kustomize-tag`.
    kind: Value,
    /// The value before.
    old: Option<String>,
    /// The value after.
    new: Option<String>,
}

/// A rule's answer.
#[derive(Serialize, JsonSchema)]
pub(super) struct WireFinding {
    /// The rule, such as `GP001`.
    rule: String,
    /// One of `pass warn fail skip overridden unverifiable`.
    result: Value,
    /// The app it speaks of.
    app: Option<String>,
    /// The environment that is entered.
    environment: Option<String>,
    /// What was found.
    message: String,
    /// The file it speaks of.
    path: Option<String>,
    /// The 1-based line there.
    line: Option<u32>,
    /// A command that would satisfy it.
    hint: Option<String>,
}

/// What `edit` did to one file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Edit")]
struct WireEditReport {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Edit`.
    kind: &'static str,
    /// The file.
    file: String,
    /// Whether nothing was to be written.
    dry_run: bool,
    /// The values that change; empty where nothing had to be done.
    edits: Vec<WireEdit>,
}

impl From<&Promotion> for WirePromotion {
    fn from(promotion: &Promotion) -> Self {
        let tag = |pin: &Pin| pin.tag.as_ref().map(ToString::to_string);
        let digest = |pin: &Pin| pin.digest.as_ref().map(ToString::to_string);
        Self {
            app: promotion.app.to_string(),
            image: promotion.image.clone(),
            from: promotion.from.first().map(ToString::to_string),
            to: promotion.to.to_string(),
            previous: tag(&promotion.previous),
            version: tag(&promotion.version),
            previous_digest: digest(&promotion.previous),
            digest: digest(&promotion.version),
        }
    }
}

impl From<&Edit> for WireEdit {
    fn from(edit: &Edit) -> Self {
        Self {
            path: edit.path.to_string(),
            line: edit.line,
            column: edit.column,
            field: edit.field.clone(),
            kind: word(&edit.kind),
            old: edit.old.clone(),
            new: edit.new.clone(),
        }
    }
}

impl From<&Finding> for WireFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.to_string(),
            result: word(&finding.outcome),
            app: finding.app.as_ref().map(ToString::to_string),
            environment: finding.environment.as_ref().map(ToString::to_string),
            message: finding.message.clone(),
            path: finding.path.as_ref().map(ToString::to_string),
            line: finding.line,
            hint: finding.hint.clone(),
        }
    }
}

/// The serialised name of an enum value.
pub(super) fn word<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The word for how something ended.
pub(super) fn result_of(ending: Ending) -> &'static str {
    match ending {
        Ending::Planned => "planned",
        Ending::Committed => "committed",
        Ending::Pushed => "pushed",
        Ending::Requested => "pull-request",
        Ending::Edited => "edited",
        Ending::Unchanged => "unchanged",
        Ending::Refused => "refused",
    }
}

/// The document of a promotion.
pub fn promotion_value(report: &PromotionReport) -> Value {
    let result = result_of(report.ending);
    word(&WirePromotionReport {
        api_version: API_VERSION,
        kind: "Promotion",
        to: report.to.to_string(),
        dry_run: report.dry_run,
        promotions: report.promotions.iter().map(WirePromotion::from).collect(),
        changes: report.changes.iter().map(super::diff::WireVersionChanges::from).collect(),
        copies: report.copies.iter().map(super::registry::WireCopy::from).collect(),
        edits: report.edits.iter().map(WireEdit::from).collect(),
        findings: report.findings.iter().map(WireFinding::from).collect(),
        result,
        commit: report.commit.as_ref().map(|commit| commit.id.clone()),
        branch: report.branch.clone(),
        pull_request: report.request.as_ref().map(|request| request.url.clone()),
    })
}

/// The document of an edit.
pub fn edit_value(report: &EditReport) -> Value {
    word(&WireEditReport {
        api_version: API_VERSION,
        kind: "Edit",
        file: report.file.clone(),
        dry_run: report.dry_run,
        edits: report.edits.iter().map(WireEdit::from).collect(),
    })
}

/// The kinds that [`schema`] knows.
pub fn schema_kinds() -> &'static [&'static str] {
    &[
        "promotion",
        "status",
        "edit",
        "check",
        "audit",
        "replay",
        "next",
        "wait",
        "preview",
        "hold",
        "doctor",
        "verify",
        "diff",
        "changes",
        "log",
        "metrics",
        "why",
        "versions",
        "registrycheck",
        "registrycopy",
        "report",
    ]
}

/// The JSON Schema of a kind, whatever its case.
pub fn schema(kind: &str) -> Option<Value> {
    let schema = match kind.to_ascii_lowercase().as_str() {
        "promotion" => schema_for!(WirePromotionReport),
        "status" => schema_for!(super::status::WireStatus),
        "edit" => schema_for!(WireEditReport),
        "next" => schema_for!(super::next::WireNext),
        "preview" => schema_for!(super::preview::WirePreviews),
        "hold" => schema_for!(super::hold::WireHolds),
        "wait" => schema_for!(super::wait::WireWait),
        "doctor" => schema_for!(super::doctor::WireDoctor),
        "diff" => schema_for!(super::diff::WireDiff),
        "changes" => schema_for!(super::diff::WireChanges),
        "verify" => schema_for!(super::verify::WireVerify),
        "log" => schema_for!(super::log::WireLog),
        "metrics" => schema_for!(super::metrics::WireMetrics),
        "why" => schema_for!(super::why::WireWhy),
        "versions" => schema_for!(super::versions::WireVersions),
        "registrycheck" => schema_for!(super::registry::WireRegistryCheck),
        "registrycopy" => schema_for!(super::registry::WireRegistryCopy),
        "report" => schema_for!(super::overview::WireReport),
        kind => return check_schema(kind),
    };
    Some(schema.to_value())
}

/// Indented JSON with a final newline.
pub fn pretty(document: &Value) -> String {
    no_command(&format!("{document:#}\n"))
}

/// The same JSON without `##`, which only a string can hold: Azure Pipelines
/// reads a command behind `##vso[` wherever it stands in a log. What a terminal
/// would obey is escaped as well.
pub(super) fn no_command(json: &str) -> String {
    let json = json.replace("##", "#\\u0023");
    let escape = |c: char| match c {
        '\n' => c.to_string(),
        c if super::text::is_hostile(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    json.chars().map(escape).collect()
}

/// Each element of the list `rows`, one a line.
pub(super) fn lines(document: &Value, rows: &str) -> String {
    let rows = document.get(rows).and_then(Value::as_array);
    let lines: Vec<String> =
        rows.into_iter().flatten().map(|row| no_command(&row.to_string())).collect();
    super::text::lines(&lines)
}

/// The document as YAML, without the `---`. What a terminal would obey and a
/// plain scalar cannot escape is replaced.
pub(super) fn yaml(document: &Value) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = YamlEmitter::new(&mut text).dump(&to_yaml(document));
    let text = text.trim_start_matches("---\n").split('\n').map(super::text::clean);
    text.collect::<Vec<_>>().join("\n") + "\n"
}

fn to_yaml(value: &Value) -> Yaml {
    match value {
        Value::Null => Yaml::Null,
        Value::Bool(value) => Yaml::Boolean(*value),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Yaml::Real(number.to_string()), Yaml::Integer)
        }
        Value::String(text) => Yaml::String(text.clone()),
        Value::Array(items) => Yaml::Array(items.iter().map(to_yaml).collect()),
        Value::Object(fields) => {
            let mut hash = Hash::new();
            for (key, value) in fields {
                hash.insert(Yaml::String(key.clone()), to_yaml(value));
            }
            Yaml::Hash(hash)
        }
    }
}
