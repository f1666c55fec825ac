//! The standing state (`audit`) and the past (`check --replay`) for people,
//! and as tables.

use std::fmt::Write as _;

use crate::gate::short_id;
use crate::model::EnvironmentName;
use crate::report::{AuditReport, AuditRow, ReplayReport, ReplayRow, Verdict};

use super::super::paint::Paint;
use super::super::table::Table;
use super::super::text::{clean, day, inert, short_digests};
use super::{counted, shown};

/// More rows than this are counted, not shown.
const MOST: usize = 200;

/// What `audit` says on standard output.
pub fn audit(report: &AuditReport, paint: Paint, verbose: bool) -> String {
    let most = if verbose { usize::MAX } else { MOST };
    let rows = report.rows.iter().take(most).map(|row| audit_lines(row, paint));
    let mut text: String = rows.collect();
    if report.rows.len() > most {
        let _ = writeln!(text, "and {} more", report.rows.len() - most);
    }
    let at = short_id(&report.base);
    let _ = match report.rows.len() {
        0 => writeln!(text, "no version has skipped an environment ({at})"),
        1 => writeln!(text, "1 version is not in an environment before it ({at})"),
        many => writeln!(text, "{many} versions are not in an environment before them ({at})"),
    };
    inert(&text)
}

fn audit_lines(row: &AuditRow, paint: Paint) -> String {
    let mut text = format!(
        "{}  {}  {}  not in {}",
        paint.bold(&clean(&row.app.to_string())),
        clean(row.environment.as_str()),
        paint.old(&short_digests(&row.version.to_string())),
        shown(&missing(row)),
    );
    match row.ever_in {
        Some(false) => text.push_str(", and never was"),
        Some(true) => text.push_str(" any more"),
        None => {}
    }
    if let Some(since) = row.since {
        let commit = row.commit.as_deref().map(short_id).unwrap_or_default();
        let _ = write!(text, "; since {} {commit}", day(since));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    if let Some(place) = place(row) {
        let _ = writeln!(text, "  at {}", shown(&place));
    }
    text
}

fn missing(row: &AuditRow) -> String {
    let names: Vec<&str> = row.missing_in.iter().map(EnvironmentName::as_str).collect();
    names.join(", ")
}

fn place(row: &AuditRow) -> Option<String> {
    let path = row.path.as_ref()?;
    Some(row.line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}")))
}

/// The rows of an audit.
pub fn audit_table(report: &AuditReport) -> Table {
    let heading = [
        "APP",
        "IMAGE",
        "ENVIRONMENT",
        "VERSION",
        "MISSING IN",
        "EVER",
        "SINCE",
        "COMMIT",
        "PLACE",
    ];
    let mut table = Table::new(&heading);
    let dash = || "-".to_owned();
    for row in &report.rows {
        let ever = row.ever_in.map(|ever| if ever { "yes" } else { "no" });
        table.push(&[
            row.app.to_string(),
            row.image.clone(),
            row.environment.to_string(),
            row.version.to_string(),
            missing(row),
            ever.unwrap_or("-").to_owned(),
            row.since.map_or_else(dash, day),
            row.commit.as_deref().map_or_else(dash, |id| short_id(id).to_owned()),
            place(row).unwrap_or_else(dash),
        ]);
    }
    table
}

/// What `check --replay` says on standard output: the counts, then what would
/// have been refused.
pub fn replay(report: &ReplayReport, paint: Paint, verbose: bool) -> String {
    let refused: Vec<&ReplayRow> =
        report.rows.iter().filter(|row| verbose || row.verdict != Verdict::Pass).collect();
    let most = if verbose { usize::MAX } else { MOST };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}: {}: {} pass, {} deny, {} unverifiable",
        paint.bold(&shown(&report.range)),
        counted(report.rows.len(), "commit"),
        report.count(Verdict::Pass),
        report.count(Verdict::Deny),
        report.count(Verdict::Unverifiable),
    );
    let (unmoved, stopped) = report.unmoved();
    let _ = writeln!(
        text,
        "{} {} no version; {stopped} of them refused",
        counted(unmoved, "commit"),
        if unmoved == 1 { "moves" } else { "move" },
    );
    for (rule, commits) in report.by_rule() {
        let _ = writeln!(text, "{rule}  {}", counted(commits, "commit"));
    }
    if !refused.is_empty() {
        let shown: Vec<&ReplayRow> = refused.iter().copied().take(most).collect();
        let _ = write!(text, "\n{}", rows_table(&shown).aligned());
    }
    if refused.len() > most {
        let _ = writeln!(text, "and {} more", refused.len() - most);
    }
    inert(&text)
}

/// All rows of a replay.
pub fn replay_table(report: &ReplayReport) -> Table {
    rows_table(&report.rows.iter().collect::<Vec<_>>())
}

fn rows_table(rows: &[&ReplayRow]) -> Table {
    let mut table = Table::new(&["COMMIT", "TIME", "VERDICT", "RULES", "PROMOTIONS", "SUBJECT"]);
    for row in rows {
        let rules: Vec<String> = row.rules.iter().map(ToString::to_string).collect();
        table.push(&[
            short_id(&row.commit).to_owned(),
            day(row.time),
            row.verdict.word().to_owned(),
            if rules.is_empty() { "-".to_owned() } else { rules.join(",") },
            row.promotions.to_string(),
            shown(&row.subject),
        ]);
    }
    table
}
