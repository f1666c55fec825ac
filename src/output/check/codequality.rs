//! GitLab's Code Quality report: the fields that "Code Quality report format"
//! of the GitLab docs requires, and no other.

use serde_json::{Value, json};

use crate::model::{Finding, Outcome};
use crate::report::CheckReport;

use super::super::json::no_command;
use super::{command, file, fingerprints, message, problems, subject};

/// The report of a check: a list, empty where nothing is wrong.
pub(super) fn codequality(report: &CheckReport) -> String {
    let problems = problems(report);
    let names = fingerprints(report, &problems);
    let rows: Vec<Value> =
        problems.iter().zip(names).map(|(finding, name)| row(report, finding, &name)).collect();
    no_command(&format!("{:#}\n", Value::Array(rows)))
}

fn row(report: &CheckReport, finding: &Finding, name: &str) -> Value {
    let about = match subject(finding) {
        subject if subject.is_empty() => subject,
        subject => format!("{subject}: "),
    };
    let hint = finding.hint.as_deref().map(|hint| format!(" (to fix it: {})", command(hint)));
    let hint = hint.unwrap_or_default();
    json!({
        "description": format!("{}: {about}{}{hint}", finding.rule, message(finding)),
        "check_name": finding.rule,
        "fingerprint": name,
        "severity": severity(finding.outcome),
        "location": {
            "path": file(report, finding),
            "lines": { "begin": finding.line.unwrap_or(1).max(1) },
        },
    })
}

fn severity(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fail => "blocker",
        Outcome::Unverifiable => "critical",
        Outcome::Warn => "minor",
        Outcome::Overridden | Outcome::Skip | Outcome::Pass => "info",
    }
}
