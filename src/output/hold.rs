//! What `hold` and `resume` did, and what is held; for people and programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::config::Hold;
use crate::model::{Edit, EditKind};
use crate::report::{HoldAction, HoldReport};

use super::delivered::delivered;
use super::json::{API_VERSION, WireEdit, result_of, word};
use super::table::Table;
use super::text::{clean, day};

/// What was held or resumed, or what is held.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Hold")]
pub(super) struct WireHolds {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Hold`.
    kind: &'static str,
    /// One of `hold resume list`.
    action: &'static str,
    /// Whether nothing was to be written.
    dry_run: bool,
    /// The hold that came or went, or those that there are.
    holds: Vec<WireHold>,
    /// The files and comments that change.
    edits: Vec<WireEdit>,
    /// One of `planned committed edited pushed pull-request unchanged`.
    result: &'static str,
    /// The full id of the commit that was made.
    commit: Option<String>,
    /// The branch, unless HEAD is detached.
    branch: Option<String>,
    /// The address of the pull request.
    pull_request: Option<String>,
}

/// A hold.
#[derive(Serialize, JsonSchema)]
struct WireHold {
    /// The environment.
    environment: String,
    /// The app.
    app: String,
    /// Why.
    reason: String,
    /// When it ends by itself, in RFC 3339.
    until: Option<String>,
    /// Whether it holds still.
    active: bool,
}

fn action(action: HoldAction) -> &'static str {
    match action {
        HoldAction::Hold => "hold",
        HoldAction::Resume => "resume",
        HoldAction::List => "list",
    }
}

/// The document.
pub fn hold_value(report: &HoldReport) -> Value {
    let one = |hold: &Hold| WireHold {
        environment: hold.environment.to_string(),
        app: hold.app.clone(),
        reason: hold.reason.clone(),
        until: hold.until.map(day),
        active: hold.is_active(report.now),
    };
    let change = &report.change;
    word(&WireHolds {
        api_version: API_VERSION,
        kind: "Hold",
        action: action(report.action),
        dry_run: change.dry_run,
        holds: report.holds.iter().map(one).collect(),
        edits: change.edits.iter().map(WireEdit::from).collect(),
        result: result_of(change.ending),
        commit: change.commit.as_ref().map(|commit| commit.id.clone()),
        branch: change.branch.clone(),
        pull_request: change.request.as_ref().map(|request| request.url.clone()),
    })
}

/// The holds, what changes, and how it ended.
pub fn hold(report: &HoldReport) -> String {
    let mut text = match report.action {
        HoldAction::List if report.holds.is_empty() => "nothing is held\n".to_owned(),
        HoldAction::Resume => report
            .holds
            .iter()
            .map(|hold| clean(&format!("{} in {} goes on", hold.app, hold.environment)) + "\n")
            .collect(),
        _ => hold_table(report).aligned(),
    };
    let asked = !matches!(report.action, HoldAction::List);
    text.push_str(&delivered(&report.change, edit_line, asked));
    text
}

fn edit_line(edit: &Edit) -> String {
    let path = clean(edit.path.as_str());
    match (edit.kind, &edit.old, &edit.new) {
        (EditKind::NewFile, None, _) => format!("new      {path}\n"),
        (EditKind::RemovedFile, ..) => format!("removed  {path}\n"),
        (EditKind::Comment, _, Some(new)) => {
            format!("marker   {path}:{}  {}\n", edit.line, clean(new))
        }
        _ => format!("changed  {path}\n"),
    }
}

/// One row a hold.
pub fn hold_table(report: &HoldReport) -> Table {
    let mut table = Table::new(&["ENVIRONMENT", "APP", "UNTIL", "REASON"]);
    for hold in &report.holds {
        let until = match hold.until.map(day) {
            Some(until) if hold.is_active(report.now) => until,
            Some(until) => format!("{until} (over)"),
            None => "-".to_owned(),
        };
        let environment = hold.environment.to_string();
        table.push(&[environment, hold.app.clone(), until, hold.reason.clone()]);
    }
    table
}
