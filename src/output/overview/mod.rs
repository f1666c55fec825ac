//! The report of a whole repository: as Markdown, as a page, as a document.

mod chart;
mod frequency;
mod lead;
mod markdown;
mod matrix;
mod page;
mod tables;
mod timeline;

pub use page::overview_page;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::report::{Overview, StatusRow};

use super::check::wire::WireAuditRow;
use super::json::{API_VERSION, word};
use super::log::{WireRecord, record};
use super::metrics::{WireMetric, metric};
use super::status::{WireEnvironment, WireRow, environments, in_order, plain_status_table};
use super::text::day;
use super::{Format, machine};
use crate::report::MetricsReport;

/// Who runs what, how it got there, how fast, and what has skipped an
/// environment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Report")]
pub(super) struct WireReport {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Report`.
    kind: &'static str,
    /// What it is called.
    title: String,
    /// The full id of the commit that is told of.
    commit: String,
    /// Its branch, unless HEAD is detached.
    branch: Option<String>,
    /// The time that it was made, RFC 3339.
    time: String,
    /// What `--since` says, RFC 3339.
    since: Option<String>,
    /// The environments in their order.
    environments: Vec<WireEnvironment>,
    /// One row an app and image.
    rows: Vec<WireRow>,
    /// The versions that are not in the environments before.
    violations: Vec<WireAuditRow>,
    /// Why these were not looked for.
    unjudged: Option<String>,
    /// How often and how fast, by environment.
    metrics: Vec<WireMetric>,
    /// The same by environment and month.
    months: Vec<WireMetric>,
    /// The versions that entered environments, newest first.
    records: Vec<WireRecord>,
    /// Files that cannot be read, and so count for nothing.
    unread: Vec<String>,
    /// The commit at which a shallow clone ends: what came before is not known.
    ends_at: Option<String>,
}

/// The report, in any form but that of a page.
pub fn overview(format: Format, report: &Overview) -> String {
    match format {
        Format::Table | Format::Wide | Format::Markdown => markdown::markdown(report),
        format => {
            let table = plain_status_table(&report.status);
            machine(format, &overview_value(report), "rows", &table)
        }
    }
}

/// The document.
pub fn overview_value(report: &Overview) -> Value {
    let metrics = numbers(report);
    let rows = |rows: &[crate::history::metrics::Row]| {
        rows.iter().map(|row| metric(row, &metrics)).collect()
    };
    word(&WireReport {
        api_version: API_VERSION,
        kind: "Report",
        title: report.title.clone(),
        commit: report.commit.clone(),
        branch: report.branch.clone(),
        time: day(report.now),
        since: report.since.map(day),
        environments: environments(&report.status),
        rows: report.status.rows.iter().map(|row| WireRow::of(row, false)).collect(),
        violations: report.violations.iter().map(WireAuditRow::from).collect(),
        unjudged: report.unjudged.clone(),
        metrics: rows(&metrics.metrics.environments),
        months: rows(&metrics.metrics.months),
        records: report.entries.iter().map(record).collect(),
        unread: report.unread.clone(),
        ends_at: report.cut.clone(),
    })
}

/// The metrics as `log --metrics` has them.
fn numbers(report: &Overview) -> MetricsReport {
    MetricsReport {
        metrics: report.metrics.clone(),
        since: report.since,
        cut: report.cut.clone(),
        now: report.now,
    }
}

/// Rows of a matrix that is shown in part.
struct Shown<'a> {
    /// Those to be seen first: where something differs, or all of a few.
    first: Vec<&'a StatusRow>,
    /// Those that are the same everywhere.
    same: Vec<&'a StatusRow>,
    /// How many that differ are left out.
    more_differ: usize,
    /// How many that are the same everywhere are left out.
    more_same: usize,
}

/// Of few rows all; of many those that differ, and then the others, as many as
/// each may have.
fn choose(rows: &[StatusRow], all: usize, most: (usize, usize)) -> Shown<'_> {
    let ordered = in_order(rows.iter().collect());
    if rows.len() <= all {
        let first = ordered;
        return Shown { first, same: Vec::new(), more_differ: 0, more_same: 0 };
    }
    let (mut first, mut same): (Vec<_>, Vec<_>) =
        ordered.into_iter().partition(|row| row.differs());
    let more_differ = first.len().saturating_sub(most.0);
    let more_same = same.len().saturating_sub(most.1);
    first.truncate(most.0);
    same.truncate(most.1);
    Shown { first, same, more_differ, more_same }
}

/// A number with a narrow gap between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 promotion`, `2 promotions`.
fn count(number: usize, one: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {one}{end}", grouped(number))
}

/// `1 more row is left out`, `2 more rows are left out`.
fn left_out_count(number: usize, one: &str) -> String {
    format!("{} {} left out", count(number, one), if number == 1 { "is" } else { "are" })
}

fn them(number: usize) -> &'static str {
    if number == 1 { "it" } else { "them" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        let shown = [1, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(shown, ["1", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!(count(1, "app"), "1 app");
        assert_eq!(count(0, "app"), "0 apps");
        assert_eq!(left_out_count(1, "more row"), "1 more row is left out");
        assert_eq!(left_out_count(2, "more row"), "2 more rows are left out");
    }
}
