//! What `verify` found, for people and programs.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::gate::short_id;
use crate::report::{ConfigTurn, Signatures, VerifyReport, VerifyRow};

use super::json::{API_VERSION, word};
use super::paint::Paint;
use super::table::Table;
use super::text::{clean, day, inert, minute, short_digests};

/// The records of a range beside what its trees say.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Verify")]
pub(super) struct WireVerify {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Verify`.
    kind: &'static str,
    /// The range as it was asked for.
    range: String,
    /// How many first-parent commits were looked at.
    commits: usize,
    /// How many lie before the config was there.
    before_config: usize,
    /// How many come behind a commit whose config is gone or cannot be read, and
    /// were looked at by the last one that could.
    without_config: usize,
    /// These, newest first, by their full ids.
    commits_without_config: Vec<String>,
    /// How many versions changed.
    changes: usize,
    /// How many records there are.
    records: usize,
    /// How many of these stand in the text of a squash.
    in_text: usize,
    /// How many were judged on a commit that is not in the history, as a squash
    /// or a rebase leaves them, and fit what moved all the same.
    rewritten: usize,
    /// Changes without a record into environments that have none before.
    unrecorded: usize,
    /// Changes without a record that came together with the environments before,
    /// as the config lets them.
    together: usize,
    /// Changes without a record of apps whose `policy` is `off`.
    policy_off: usize,
    /// The commits since which the config lets more through, or other places are
    /// looked at, newest first.
    config_changes: Vec<WireTurn>,
    /// The signatures of the commits with versions or records.
    signatures: WireSignatures,
    /// What is wrong, newest first.
    findings: Vec<WireWrong>,
}

/// A commit since which the config lets more through.
#[derive(Serialize, JsonSchema)]
struct WireTurn {
    /// The full id of the commit.
    commit: String,
    /// Its time, RFC 3339.
    time: String,
    /// What is other now, in words.
    changes: Vec<String>,
}

/// How many signatures are what.
#[derive(Serialize, JsonSchema)]
struct WireSignatures {
    /// Good ones.
    good: usize,
    /// Those that cannot be checked here.
    unchecked: usize,
    /// Commits without one.
    none: usize,
    /// Those that are not what they should be.
    bad: usize,
}

/// One thing that is wrong.
#[derive(Serialize, JsonSchema)]
struct WireWrong {
    /// The full id of the commit.
    commit: String,
    /// Its time, RFC 3339.
    time: String,
    /// One of `unexplained lost app version previous environment digest source id
    /// override rollback gate signature config`.
    finding: &'static str,
    /// The app, where it is about one.
    app: Option<String>,
    /// The environment, where it is about one.
    environment: Option<String>,
    /// What the record says, and what is.
    message: String,
}

/// The document.
pub fn verify_value(report: &VerifyReport) -> Value {
    let Signatures { good, unchecked, none, bad } = report.signatures;
    let row = |row: &VerifyRow| WireWrong {
        commit: row.commit.clone(),
        time: day(row.time),
        finding: row.flaw.word(),
        app: row.app.as_ref().map(ToString::to_string),
        environment: row.environment.as_ref().map(ToString::to_string),
        message: row.message.clone(),
    };
    let turn = |turn: &ConfigTurn| WireTurn {
        commit: turn.commit.clone(),
        time: day(turn.time),
        changes: turn.changes.clone(),
    };
    word(&WireVerify {
        api_version: API_VERSION,
        kind: "Verify",
        range: report.range.clone(),
        commits: report.commits,
        before_config: report.before_config,
        without_config: report.without_config.len(),
        commits_without_config: report.without_config.clone(),
        changes: report.changes,
        records: report.records,
        in_text: report.in_text,
        rewritten: report.rewritten,
        unrecorded: report.unrecorded,
        together: report.together,
        policy_off: report.policy_off,
        config_changes: report.config_turns.iter().map(turn).collect(),
        signatures: WireSignatures { good, unchecked, none, bad },
        findings: report.rows.iter().map(row).collect(),
    })
}

/// More findings than this are counted, not shown.
const MOST: usize = 200;

/// One line a finding, then the counts.
pub fn verify(report: &VerifyReport, paint: Paint, verbose: bool) -> String {
    let most = if verbose { usize::MAX } else { MOST };
    let mut text = String::new();
    for row in report.rows.iter().take(most) {
        let about = [
            row.app.as_ref().map(ToString::to_string),
            row.environment.as_ref().map(ToString::to_string),
        ];
        let about: Vec<String> = about.into_iter().flatten().map(|part| clean(&part)).collect();
        let about =
            if about.is_empty() { String::new() } else { format!("{}  ", about.join("  ")) };
        let _ = writeln!(
            text,
            "{}  {}  {}  {about}{}",
            short_id(&row.commit),
            minute(row.time),
            paint.old(row.flaw.word()),
            clean(&short_digests(&row.message)),
        );
    }
    if report.rows.len() > most {
        let _ = writeln!(text, "and {} more (-v)", report.rows.len() - most);
    }
    text.push_str(&verify_counts(report));
    inert(&text)
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How much was looked at and what was passed over, one line each.
pub fn verify_counts(report: &VerifyReport) -> String {
    let found = match report.rows.len() {
        0 => "nothing is wrong".to_owned(),
        many => format!("{} wrong", counted(many, "thing")),
    };
    let mut text = format!(
        "{}: {}, {}, {}: {found}\n",
        clean(&report.range),
        counted(report.commits, "commit"),
        counted(report.changes, "version change"),
        counted(report.records, "record"),
    );
    let Signatures { good, unchecked, none, bad } = report.signatures;
    let signed = [(good, "good"), (bad, "bad"), (unchecked, "not checked"), (none, "without")];
    let signed: Vec<String> =
        signed.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if good + bad + unchecked > 0 {
        let _ = writeln!(text, "signatures: {}", signed.join(", "));
    }
    for (count, noun, what) in passed_over(report) {
        if count > 0 {
            let _ = writeln!(text, "{}: {what}", counted(count, noun));
        }
    }
    for ConfigTurn { commit, time, changes } in &report.config_turns {
        let changes = clean(&changes.join("; "));
        let _ = writeln!(text, "  {}  {}  {changes}", short_id(commit), minute(*time));
    }
    text
}

/// What was looked at otherwise, or not at all: how many, of what, and why.
fn passed_over(report: &VerifyReport) -> [(usize, &'static str, &'static str); 8] {
    [
        (
            report.unrecorded,
            "version",
            "no record, of new apps or into environments that have none before them (--strict)",
        ),
        (
            report.together,
            "version",
            "no record, together with the environments before, as the config lets it (--strict)",
        ),
        (report.policy_off, "version", "no record, of apps whose `policy` is `off`"),
        (
            report.in_text,
            "record",
            "in the text of a squash, where git reads no trailers (--strict)",
        ),
        (
            report.rewritten,
            "record",
            "judged on a commit that a squash or a rebase left behind (--strict)",
        ),
        (report.before_config, "commit", "before the config was there, not looked at"),
        (
            report.without_config.len(),
            "commit",
            "without a config that can be read, looked at by the last one before",
        ),
        (
            report.config_turns.len(),
            "commit",
            "the config lets more through, or looks elsewhere (--strict)",
        ),
    ]
}

/// The findings as rows and columns.
pub fn verify_table(report: &VerifyReport) -> Table {
    let mut table = Table::new(&["COMMIT", "TIME", "FINDING", "APP", "ENVIRONMENT", "MESSAGE"]);
    for row in &report.rows {
        table.push(&[
            row.commit.clone(),
            day(row.time),
            row.flaw.word().to_owned(),
            row.app.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.environment.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.message.clone(),
        ]);
    }
    table
}
