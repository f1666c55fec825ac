//! SARIF 2.1.0 (OASIS standard), in the part of it that GitHub's code scanning
//! reads and with its limits: 5,000 results are shown, and 10 MB compressed
//! are taken ("SARIF support for code scanning", GitHub docs).

use serde_json::{Value, json};

use crate::gate::{self, RULES};
use crate::model::{Finding, Outcome, Rule};
use crate::report::CheckReport;

use super::super::json::no_command;
use super::{
    EXIT_ZERO, command, excerpt, file, fingerprints, message, problems, shown, subject, with,
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";
/// The results that are shown; of more, the worst are kept.
const MOST: usize = 5_000;
/// The rule under which a name stays the same from run to run.
const FINGERPRINT: &str = "gitPromote/v1";

/// The report of a check, as one line of JSON.
pub(super) fn sarif(report: &CheckReport) -> String {
    let problems = problems(report);
    let rules = rules(&problems);
    let names = fingerprints(report, &problems);
    let results: Vec<Value> = problems
        .iter()
        .zip(&names)
        .take(MOST)
        .map(|(finding, name)| result(report, finding, name, &rules))
        .collect();
    let rules: Vec<Value> = rules.into_iter().map(descriptor).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "git-promote",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Up to its last slash GitHub takes this for the category.
            "automationDetails": { "id": "git-promote-check/" },
            "originalUriBaseIds": { "%SRCROOT%": {
                "description": { "text": "the root of the repository" },
            }},
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications(report, problems.len()),
            }],
            "results": results,
            "properties": {
                "base": shown(&report.base),
                "head": shown(&report.head),
                "config": report.config.as_deref().map(shown),
                "verdict": report.verdict.word(),
                "exitZero": report.exit_zero,
            },
        }],
    });
    no_command(&format!("{document}\n"))
}

/// All rules of this version, and those that a finding names beside them.
fn rules(findings: &[&Finding]) -> Vec<Rule> {
    let known = RULES.iter().map(|info| info.rule);
    let mut rules: Vec<Rule> = known.chain(findings.iter().map(|finding| finding.rule)).collect();
    rules.sort();
    rules.dedup();
    rules
}

fn descriptor(rule: Rule) -> Value {
    let explain = format!("git promote explain {rule}");
    let Some(info) = gate::rule(rule) else {
        return json!({ "id": rule, "shortDescription": { "text": rule.to_string() } });
    };
    json!({
        "id": rule,
        "name": rule,
        "shortDescription": { "text": format!("Refuses {}", info.refuses) },
        "fullDescription": { "text": info.why },
        "help": {
            "text": format!("{}\n\n{}\n\nMore: {explain}", info.why, info.satisfy),
            "markdown": format!("{}\n\n{}\n\nMore: `{explain}`", info.why, info.satisfy),
        },
        "defaultConfiguration": { "level": "error" },
        "properties": { "tags": ["gitops", "promotion"], "precision": "very-high" },
    })
}

fn result(report: &CheckReport, finding: &Finding, name: &str, rules: &[Rule]) -> Value {
    let about = match subject(finding) {
        subject if subject.is_empty() => subject,
        subject => format!("{subject}: "),
    };
    let hint = finding.hint.as_deref().map(|hint| format!("\nTo fix it: {}", command(hint)));
    let text = format!("{about}{}{}", message(finding), hint.unwrap_or_default());
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": rules.iter().position(|rule| *rule == finding.rule),
        "level": level(finding.outcome),
        "message": { "text": text },
        "locations": [{ "physicalLocation": location(report, finding) }],
        "partialFingerprints": { FINGERPRINT: name },
        "properties": { "result": finding.outcome },
    });
    if let (Outcome::Overridden, Some(fields)) = (finding.outcome, result.as_object_mut()) {
        // The override is on record in a commit, not in the file.
        let justification = shown(&finding.message);
        let suppression = json!({
            "kind": "external", "status": "accepted", "justification": justification,
        });
        fields.insert("suppressions".to_owned(), json!([suppression]));
    }
    result
}

fn level(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fail | Outcome::Unverifiable => "error",
        Outcome::Warn => "warning",
        Outcome::Overridden | Outcome::Skip | Outcome::Pass => "note",
    }
}

/// The place of a finding; GitHub takes no result without one, so that what
/// names no file is shown at the config.
fn location(report: &CheckReport, finding: &Finding) -> Value {
    let mut region = json!({ "startLine": finding.line.unwrap_or(1).max(1) });
    if let (Some(line), Some(fields)) = (excerpt(report, finding), region.as_object_mut()) {
        fields.insert("snippet".to_owned(), json!({ "text": line }));
    }
    json!({
        "artifactLocation": {
            "uri": encoded(&file(report, finding)),
            "uriBaseId": "%SRCROOT%",
        },
        "region": region,
    })
}

/// A path as a relative reference (RFC 3986): every byte that is neither
/// unreserved nor a slash is written in hex.
fn encoded(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    path.bytes().map(byte).collect()
}

/// What was not asked, what is left out, and what the exit code is worth.
fn notifications(report: &CheckReport, problems: usize) -> Vec<Value> {
    let note = |text: String| json!({ "level": "note", "message": { "text": text } });
    let skipped = with(report, Outcome::Skip).into_iter().take(MOST).map(|finding| {
        json!({
            "level": "note",
            "message": { "text": format!("{} was not asked: {}", finding.rule, shown(&finding.message)) },
            "associatedRule": { "id": finding.rule },
        })
    });
    let left_out = problems.saturating_sub(MOST);
    let left_out = (left_out > 0).then(|| note(format!("{left_out} more results are left out")));
    let exit = report.exit_zero.then(|| note(EXIT_ZERO.to_owned()));
    let notes = report.notes.iter().map(|text| note(shown(text)));
    skipped.chain(notes).chain(left_out).chain(exit).collect()
}
