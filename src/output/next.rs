//! What `next` did, for people and programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::report::{NextReport, NextRow, NextStep};

use super::json::{API_VERSION, word};
use super::table::Table;

/// What went on to the environments after those that a merge entered.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Next")]
pub(super) struct WireNext {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Next`.
    kind: &'static str,
    /// The commits that were looked at, as two full ids; null with `--due`.
    range: Option<String>,
    /// One row an app and environment.
    rows: Vec<WireStep>,
}

/// One app on its way into one environment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WireStep {
    /// The app.
    app: String,
    /// The environment it is to enter.
    to: String,
    /// The version, or several with blanks between.
    version: String,
    /// One of `planned opened up-to-date pushed unchanged held failed`.
    result: &'static str,
    /// The rule that holds it back.
    rule: Option<String>,
    /// Why it is held back, or what failed.
    message: Option<String>,
    /// The address of the pull request.
    pull_request: Option<String>,
}

fn step(step: NextStep) -> &'static str {
    match step {
        NextStep::Planned => "planned",
        NextStep::Opened => "opened",
        NextStep::UpToDate => "up-to-date",
        NextStep::Pushed => "pushed",
        NextStep::Unchanged => "unchanged",
        NextStep::Held => "held",
        NextStep::Failed => "failed",
    }
}

/// The document.
pub fn next_value(report: &NextReport) -> Value {
    let row = |row: &NextRow| WireStep {
        app: row.app.to_string(),
        to: row.to.to_string(),
        version: row.version.clone(),
        result: step(row.step),
        rule: row.rule.map(|rule| rule.to_string()),
        message: row.message.clone(),
        pull_request: row.url.clone(),
    };
    word(&WireNext {
        api_version: API_VERSION,
        kind: "Next",
        range: report.range.clone(),
        rows: report.rows.iter().map(row).collect(),
    })
}

/// One line a move: what became of it, and why.
pub fn next(report: &NextReport) -> String {
    if report.rows.is_empty() {
        return "nothing goes on\n".to_owned();
    }
    next_table(report).aligned()
}

/// The same as rows and columns.
pub fn next_table(report: &NextReport) -> Table {
    let mut table = Table::new(&["APP", "TO", "VERSION", "RESULT", "WHY"]);
    for row in &report.rows {
        let rule = row.rule.map(|rule| format!("{rule} ")).unwrap_or_default();
        let line = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = row.message.as_ref().map(|message| format!("{rule}{}", line(message)));
        let why = why.or_else(|| row.url.clone()).unwrap_or_else(|| "-".to_owned());
        table.push(&[
            row.app.to_string(),
            row.to.to_string(),
            row.version.clone(),
            step(row.step).to_owned(),
            why,
        ]);
    }
    table
}
