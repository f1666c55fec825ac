//! What `wait` saw, for people and programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::gate::short_id;
use crate::report::{WaitReport, WaitRow};

use super::json::{API_VERSION, word};
use super::table::Table;

/// The state of what runs where a change takes its versions from.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Wait")]
pub(super) struct WireWait {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Wait`.
    kind: &'static str,
    /// One row an environment and app; none where nothing is waited for.
    rows: Vec<WireState>,
}

/// The state of one app in one environment.
#[derive(Serialize, JsonSchema)]
struct WireState {
    /// The environment.
    environment: String,
    /// The app.
    app: String,
    /// What it runs there.
    version: String,
    /// One of `healthy pending failed unknown`.
    state: &'static str,
    /// What tells: a commit status or check run, an object of a cluster, a
    /// program.
    context: Option<String>,
    /// The commit it belongs to.
    commit: Option<String>,
    /// What it says.
    message: Option<String>,
    /// Where a person sees more.
    url: Option<String>,
}

/// The document.
pub fn wait_value(report: &WaitReport) -> Value {
    let row = |row: &WaitRow| WireState {
        environment: row.environment.to_string(),
        app: row.app.to_string(),
        version: row.version.to_string(),
        state: row.state.word(),
        context: row.context.clone(),
        commit: row.commit.clone(),
        message: row.message.clone(),
        url: row.url.clone(),
    };
    word(&WireWait {
        api_version: API_VERSION,
        kind: "Wait",
        rows: report.rows.iter().map(row).collect(),
    })
}

/// One line an environment and app.
pub fn waited(report: &WaitReport) -> String {
    if report.rows.is_empty() {
        return "nothing is promoted: nothing to wait for\n".to_owned();
    }
    wait_table(report).aligned()
}

/// The same as rows and columns.
pub fn wait_table(report: &WaitReport) -> Table {
    let heads = ["ENVIRONMENT", "APP", "VERSION", "STATE", "CONTEXT", "COMMIT", "SAYS"];
    let mut table = Table::new(&heads);
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    for row in &report.rows {
        table.push(&[
            row.environment.to_string(),
            row.app.to_string(),
            row.version.to_string(),
            row.state.word().to_owned(),
            or_dash(&row.context),
            row.commit.as_deref().map_or("-", short_id).to_owned(),
            or_dash(&row.message),
        ]);
    }
    table
}
