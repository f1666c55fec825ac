//! The documents of `check`, `audit` and `check --replay`.

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

use crate::model::Pin;
use crate::report::{AuditReport, AuditRow, CheckReport, ReplayReport, ReplayRow, Verdict};

use super::super::json::{API_VERSION, WireFinding, WirePromotion, word};
use super::super::text::day;

/// What a change may do.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Check")]
struct WireCheck {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Check`.
    kind: &'static str,
    /// The full id of the base: a commit or a tree.
    base: String,
    /// The full id of the head: a commit or a tree.
    head: String,
    /// The config that was judged by: its file, an `@`, the id of its blob.
    config: Option<String>,
    /// One of `pass deny unverifiable`.
    verdict: &'static str,
    /// The versions that enter environments.
    promotions: Vec<WirePromotion>,
    /// One finding per rule and promotion.
    findings: Vec<WireFinding>,
    /// What a person should know beside it.
    notes: Vec<String>,
    /// Whether the exit code says nothing (`--exit-zero`).
    exit_zero: bool,
}

/// The versions that are not in the environments before.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Audit")]
struct WireAudit {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Audit`.
    kind: &'static str,
    /// The full id of the commit that was looked at.
    base: String,
    /// One row an app, image and environment.
    rows: Vec<WireAuditRow>,
}

/// A version that an environment before does not run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WireAuditRow {
    /// The app.
    app: String,
    /// The image.
    image: String,
    /// The environment that runs the version.
    environment: String,
    /// The tag.
    version: Option<String>,
    /// The digest.
    digest: Option<String>,
    /// The environments before that do not run it.
    missing_in: Vec<String>,
    /// When it arrived, RFC 3339.
    since: Option<String>,
    /// The commit that brought it.
    commit: Option<String>,
    /// Whether each of `missingIn` ran it at some time; null where that was
    /// not asked, or cannot be told.
    ever_in: Option<bool>,
    /// The file that pins it.
    path: Option<String>,
    /// The 1-based line there.
    line: Option<u32>,
}

/// The past, judged by the rules of today.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Replay")]
struct WireReplay {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Replay`.
    kind: &'static str,
    /// The range as it was asked for.
    range: String,
    /// How many commits were judged.
    commits: usize,
    /// How many commits have which verdict.
    verdicts: WireVerdicts,
    /// The commits that move no version.
    unmoved: WireUnmoved,
    /// How many commits each rule refuses.
    rules: Vec<WireRuleCount>,
    /// One row a commit, newest first.
    rows: Vec<WireReplayRow>,
}

/// Commits that move no version of an environment after the first.
#[derive(Serialize, JsonSchema)]
struct WireUnmoved {
    /// How many there are.
    commits: usize,
    /// How many of them are refused.
    refused: usize,
}

/// Commits by verdict.
#[derive(Serialize, JsonSchema)]
struct WireVerdicts {
    /// No environment is skipped.
    pass: usize,
    /// A rule refuses.
    deny: usize,
    /// It cannot be proven.
    unverifiable: usize,
}

/// Commits that a rule refuses.
#[derive(Serialize, JsonSchema)]
struct WireRuleCount {
    /// The rule, such as `GP001`.
    rule: String,
    /// How many commits it refuses.
    commits: usize,
}

/// One commit of the past.
#[derive(Serialize, JsonSchema)]
struct WireReplayRow {
    /// Its full id.
    commit: String,
    /// Its time, RFC 3339.
    time: String,
    /// Its subject.
    subject: String,
    /// One of `pass deny unverifiable`.
    verdict: &'static str,
    /// The rules that refuse it.
    rules: Vec<String>,
    /// How many versions enter environments with it, as pins of images.
    promotions: usize,
    /// How many versions enter environments after the first: of images, charts
    /// and remote resources, pinned or not.
    moves: usize,
}

impl From<&AuditRow> for WireAuditRow {
    fn from(row: &AuditRow) -> Self {
        let Pin { tag, digest } = &row.version;
        Self {
            app: row.app.to_string(),
            image: row.image.clone(),
            environment: row.environment.to_string(),
            version: tag.as_ref().map(ToString::to_string),
            digest: digest.as_ref().map(ToString::to_string),
            missing_in: row.missing_in.iter().map(ToString::to_string).collect(),
            since: row.since.map(day),
            commit: row.commit.clone(),
            ever_in: row.ever_in,
            path: row.path.as_ref().map(ToString::to_string),
            line: row.line,
        }
    }
}

impl From<&ReplayRow> for WireReplayRow {
    fn from(row: &ReplayRow) -> Self {
        Self {
            commit: row.commit.clone(),
            time: day(row.time),
            subject: row.subject.clone(),
            verdict: row.verdict.word(),
            rules: row.rules.iter().map(ToString::to_string).collect(),
            promotions: row.promotions,
            moves: row.moves,
        }
    }
}

/// The document of a check. Its rows are `findings`.
pub fn check_value(report: &CheckReport) -> Value {
    word(&WireCheck {
        api_version: API_VERSION,
        kind: "Check",
        base: report.base.clone(),
        head: report.head.clone(),
        config: report.config.clone(),
        verdict: report.verdict.word(),
        promotions: report.promotions.iter().map(WirePromotion::from).collect(),
        findings: report.findings.iter().map(WireFinding::from).collect(),
        notes: report.notes.clone(),
        exit_zero: report.exit_zero,
    })
}

/// The document of an audit. Its rows are `rows`.
pub fn audit_value(report: &AuditReport) -> Value {
    word(&WireAudit {
        api_version: API_VERSION,
        kind: "Audit",
        base: report.base.clone(),
        rows: report.rows.iter().map(WireAuditRow::from).collect(),
    })
}

/// The document of a replay. Its rows are `rows`.
pub fn replay_value(report: &ReplayReport) -> Value {
    let counts = report.by_rule().into_iter();
    let (unmoved, refused) = report.unmoved();
    word(&WireReplay {
        api_version: API_VERSION,
        kind: "Replay",
        range: report.range.clone(),
        commits: report.rows.len(),
        verdicts: WireVerdicts {
            pass: report.count(Verdict::Pass),
            deny: report.count(Verdict::Deny),
            unverifiable: report.count(Verdict::Unverifiable),
        },
        unmoved: WireUnmoved { commits: unmoved, refused },
        rules: counts
            .map(|(rule, commits)| WireRuleCount { rule: rule.to_string(), commits })
            .collect(),
        rows: report.rows.iter().map(WireReplayRow::from).collect(),
    })
}

/// The JSON Schema of a kind of this module, in lower case.
pub(in super::super) fn schema(kind: &str) -> Option<Value> {
    let schema = match kind {
        "check" => schema_for!(WireCheck),
        "audit" => schema_for!(WireAudit),
        "replay" => schema_for!(WireReplay),
        _ => return None,
    };
    Some(schema.to_value())
}
