//! What `doctor` found and did, for people and programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::report::{Ailment, DoctorReport, DoctorRow};

use super::json::{API_VERSION, word};
use super::table::Table;

/// Locks, and promotions that were broken off.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Doctor")]
pub(super) struct WireDoctor {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Doctor`.
    kind: &'static str,
    /// What was found; after `--recover` what is still there.
    findings: Vec<WireFound>,
    /// What `--recover` did; null where there was nothing to do.
    recovery: Option<WireRecovery>,
}

/// One thing that was found.
#[derive(Serialize, JsonSchema)]
struct WireFound {
    /// One of `running own-lock foreign-lock broken-off damaged-journal`.
    finding: &'static str,
    /// The file that it is about.
    path: Option<String>,
    /// The process that holds it, where that is known.
    owner: Option<String>,
    /// For how many seconds.
    seconds: u64,
    /// The commit of a promotion that was broken off, where it is known.
    commit: Option<String>,
    /// Its files.
    files: Vec<String>,
    /// What is wrong with it.
    reason: Option<String>,
}

/// What became of a promotion that was broken off.
#[derive(Serialize, JsonSchema)]
struct WireRecovery {
    /// Whether it is committed; null where it never began.
    committed: Option<bool>,
    /// Files that were brought to where they belong.
    mended: Vec<String>,
    /// Files that were left as they are.
    left: Vec<WireLeft>,
    /// What could not be done.
    failed: Vec<String>,
    /// What a person should know.
    notes: Vec<String>,
}

/// A file that somebody changed since.
#[derive(Serialize, JsonSchema)]
struct WireLeft {
    /// The file.
    path: String,
    /// Why it was left.
    reason: String,
}

fn name(ailment: Ailment) -> &'static str {
    match ailment {
        Ailment::Running => "running",
        Ailment::OwnLock => "own-lock",
        Ailment::ForeignLock => "foreign-lock",
        Ailment::BrokenOff => "broken-off",
        Ailment::DamagedJournal => "damaged-journal",
    }
}

/// The document.
pub fn doctor_value(report: &DoctorReport) -> Value {
    let found = |row: &DoctorRow| WireFound {
        finding: name(row.ailment),
        path: row.path.clone(),
        owner: row.owner.clone(),
        seconds: row.seconds,
        commit: row.commit.clone(),
        files: row.files.clone(),
        reason: row.reason.clone(),
    };
    let left =
        |(path, reason): &(String, String)| WireLeft { path: path.clone(), reason: reason.clone() };
    let recovery = report.recovery.as_ref().map(|recovery| WireRecovery {
        committed: recovery.committed,
        mended: recovery.mended.clone(),
        left: recovery.left.iter().map(left).collect(),
        failed: recovery.failed.clone(),
        notes: recovery.notes.clone(),
    });
    word(&WireDoctor {
        api_version: API_VERSION,
        kind: "Doctor",
        findings: report.rows.iter().map(found).collect(),
        recovery,
    })
}

/// One line a finding.
pub fn doctor(report: &DoctorReport) -> String {
    match &report.recovery {
        _ if !report.rows.is_empty() => doctor_table(report).aligned(),
        Some(_) => "nothing is left\n".to_owned(),
        None => "no lock is held, and no promotion was broken off\n".to_owned(),
    }
}

/// The same as rows and columns.
pub fn doctor_table(report: &DoctorReport) -> Table {
    let mut table = Table::new(&["FINDING", "SINCE", "HELD BY", "WHAT"]);
    for row in &report.rows {
        let owner = row.owner.clone().unwrap_or_else(|| "-".to_owned());
        table.push(&[name(row.ailment).to_owned(), format!("{} s", row.seconds), owner, what(row)]);
    }
    table
}

fn what(row: &DoctorRow) -> String {
    let short = |id: &String| format!("commit {}", crate::gate::short_id(id));
    let commit = row.commit.as_ref().map(short);
    let files = row.files.join(", ");
    let parts = [row.path.clone(), commit, Some(files), row.reason.clone()];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join("; ") }
}
