//! Delivery metrics, for people and programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::history::metrics::{Delivery, Row, Spans};
use crate::report::MetricsReport;

use super::json::{API_VERSION, word};
use super::table::Table;
use super::text::{ago, day};

/// The seconds of a week.
const WEEK: i64 = 7 * 86_400;

/// How often versions enter environments, how fast, and how often they go back.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Metrics")]
pub(super) struct WireMetrics {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Metrics`.
    kind: &'static str,
    /// The time of the oldest deployment that counts, or what `--since` says;
    /// RFC 3339.
    from: Option<String>,
    /// Now, RFC 3339.
    until: String,
    /// By environment, of all apps and the whole time.
    environments: Vec<WireMetric>,
    /// By environment and month.
    months: Vec<WireMetric>,
    /// By environment and app.
    apps: Vec<WireMetric>,
    /// By environment, app and month.
    rows: Vec<WireMetric>,
    /// The commit at which a shallow clone ends: what came before is not known.
    ends_at: Option<String>,
}

/// What was delivered to one environment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireMetric {
    /// The environment.
    environment: String,
    /// The app; null: all.
    app: Option<String>,
    /// The month in UTC, such as `2026-03`; null: the whole time.
    month: Option<String>,
    /// How many changes of version: one an app and commit.
    deployments: usize,
    /// Deployments a week, over the whole time; null in a month.
    per_week: Option<f64>,
    /// How many of them went back.
    rollbacks: usize,
    /// Their share of the deployments, 0 to 1.
    rollback_share: f64,
    /// From the first environment to here; null where nothing tells.
    lead_time: Option<WireSpans>,
    /// How long what was rolled back had been there.
    time_to_restore: Option<WireSpans>,
}

/// Spans of time.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WireSpans {
    /// How many there are.
    count: usize,
    /// The middle one, in seconds.
    median_seconds: i64,
    /// What nine tenths do not exceed, in seconds.
    p90_seconds: i64,
}

/// From when on is counted.
fn start(report: &MetricsReport) -> Option<i64> {
    report.since.or(report.metrics.period.map(|(first, _)| first))
}

/// How many a week, to two digits behind the point.
pub(super) fn per_week(delivery: &Delivery, report: &MetricsReport) -> Option<f64> {
    let span = (report.now - start(report)?).max(WEEK);
    let hundredths = i64::try_from(delivery.deployments).ok()? * 100 * WEEK / span;
    Some(f64::from(i32::try_from(hundredths).ok()?) / 100.0)
}

/// A share, to three digits behind the point.
pub(super) fn share(delivery: &Delivery) -> f64 {
    let thousandths = (delivery.rollbacks * 1_000).checked_div(delivery.deployments);
    f64::from(u16::try_from(thousandths.unwrap_or_default()).unwrap_or(1_000)) / 1_000.0
}

pub(super) fn metric(row: &Row, report: &MetricsReport) -> WireMetric {
    let spans = |spans: Spans| WireSpans {
        count: spans.count,
        median_seconds: spans.median,
        p90_seconds: spans.p90,
    };
    let delivery = &row.delivery;
    WireMetric {
        environment: row.environment.to_string(),
        app: row.app.as_ref().map(ToString::to_string),
        month: row.month.clone(),
        deployments: delivery.deployments,
        per_week: if row.month.is_none() { per_week(delivery, report) } else { None },
        rollbacks: delivery.rollbacks,
        rollback_share: share(delivery),
        lead_time: delivery.lead.map(spans),
        time_to_restore: delivery.restore.map(spans),
    }
}

/// The document.
pub fn metrics_value(report: &MetricsReport) -> Value {
    let all = |rows: &[Row]| rows.iter().map(|row| metric(row, report)).collect();
    let metrics = &report.metrics;
    word(&WireMetrics {
        api_version: API_VERSION,
        kind: "Metrics",
        from: start(report).map(day),
        until: day(report.now),
        environments: all(&metrics.environments),
        months: all(&metrics.months),
        apps: all(&metrics.apps),
        rows: all(&metrics.rows),
        ends_at: report.cut.clone(),
    })
}

/// The finest rows, for programs.
pub fn metrics_table(report: &MetricsReport) -> Table {
    let heads = [
        "ENVIRONMENT",
        "APP",
        "MONTH",
        "DEPLOYMENTS",
        "ROLLBACKS",
        "LEAD_MEDIAN_S",
        "LEAD_P90_S",
        "RESTORE_MEDIAN_S",
        "RESTORE_P90_S",
    ];
    let mut table = Table::new(&heads);
    let number = |number: Option<i64>| number.map(|n| n.to_string()).unwrap_or_default();
    for row in &report.metrics.rows {
        let Delivery { deployments, rollbacks, lead, restore } = &row.delivery;
        table.push(&[
            row.environment.to_string(),
            row.app.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.month.clone().unwrap_or_default(),
            deployments.to_string(),
            rollbacks.to_string(),
            number(lead.map(|spans| spans.median)),
            number(lead.map(|spans| spans.p90)),
            number(restore.map(|spans| spans.median)),
            number(restore.map(|spans| spans.p90)),
        ]);
    }
    table
}

/// For people: by environment, then by month; `wide` adds the apps.
pub fn metrics(report: &MetricsReport, wide: bool) -> String {
    let metrics = &report.metrics;
    if metrics.environments.is_empty() {
        return "nothing was deployed\n".to_owned();
    }
    let since = start(report).map(day).unwrap_or_default();
    let since = since.split('T').next().unwrap_or_default();
    let mut text = format!("since {since}\n\n");
    text.push_str(&block("ENV", &metrics.environments, report));
    text.push('\n');
    text.push_str(&block("MONTH", &metrics.months, report));
    if wide {
        text.push('\n');
        text.push_str(&block("APP", &metrics.apps, report));
    }
    text
}

fn block(first: &'static str, rows: &[Row], report: &MetricsReport) -> String {
    let tail = ["DEPLOYMENTS", "A WEEK", "LEAD MEDIAN", "LEAD P90", "ROLLBACKS", "RESTORE MEDIAN"];
    let mut heads = vec!["ENV"];
    heads.extend((first != "ENV").then_some(first));
    heads.extend(tail);
    let mut table = Table::new(&heads);
    for row in rows {
        let delivery = &row.delivery;
        let app = row.app.as_ref().map(ToString::to_string);
        let second = row.month.clone().or(app);
        let span = |spans: Option<Spans>, of: fn(Spans) -> i64| {
            spans.map_or_else(|| "-".to_owned(), |spans| ago(of(spans)))
        };
        let week = if row.month.is_some() { None } else { per_week(delivery, report) };
        let mut cells = vec![row.environment.to_string()];
        cells.extend(second);
        cells.extend([
            delivery.deployments.to_string(),
            week.map(|week| format!("{week:.2}")).unwrap_or_default(),
            span(delivery.lead, |spans| spans.median),
            span(delivery.lead, |spans| spans.p90),
            format!("{} ({:.0}%)", delivery.rollbacks, share(delivery) * 100.0),
            span(delivery.restore, |spans| spans.median),
        ]);
        table.push(&cells);
    }
    let week = heads.iter().position(|head| *head == "A WEEK").unwrap_or_default();
    table.without_empty(week).aligned()
}
