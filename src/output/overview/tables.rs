//! The tables of the page: what has skipped an environment, and what moved
//! last.

use maud::{Markup, html};

use crate::gate::short_id;
use crate::history::Entry;
use crate::model::{EnvironmentName, Pin};
use crate::report::{AuditRow, Overview};

use super::super::log::notes;
use super::super::text::{clean, day, minute, short_digests};
use super::{left_out_count, them};

/// More rows than this are left out.
const MOST: usize = 50;

/// What has skipped an environment.
pub(super) fn violations(report: &Overview) -> Markup {
    if let Some(why) = &report.unjudged {
        return html! { p { "These were not looked for: " (clean(why)) "." } };
    }
    if report.violations.is_empty() {
        return html! {
            p.calm { "None: every version was in the environments before its own." }
        };
    }
    html! {
        div.scroll role="region" tabindex="0" aria-labelledby="violations-table" {
            table {
                caption id="violations-table" { "Versions that never were in an environment before" }
                thead {
                    tr {
                        @for head in ["App", "Environment", "Version", "Not in", "Since", "Where"] {
                            th scope="col" { (head) }
                        }
                    }
                }
                tbody {
                    @for row in report.violations.iter().take(MOST) { (violation(row)) }
                }
            }
        }
        (left_out(report.violations.len(), "git promote audit --history"))
    }
}

fn violation(row: &AuditRow) -> Markup {
    let missing: Vec<&str> = row.missing_in.iter().map(EnvironmentName::as_str).collect();
    let place = row.path.as_ref().map(|path| match row.line {
        Some(line) => format!("{path}:{line}"),
        None => path.to_string(),
    });
    html! {
        tr {
            th scope="row" { (clean(&row.app.to_string())) }
            td { (clean(row.environment.as_str())) }
            td { (version(&row.version)) }
            td {
                span.bad-text { (clean(&missing.join(", "))) }
            }
            td {
                @if let Some(since) = row.since { (moment(since)) }
                @if let Some(commit) = &row.commit { " " code { (short_id(commit)) } }
            }
            td.place { (clean(&place.unwrap_or_default())) }
        }
    }
}

/// What moved last.
pub(super) fn latest(report: &Overview) -> Markup {
    let promotions: Vec<&Entry> = report.promotions().collect();
    if promotions.is_empty() {
        return html! { p { "No promotion was found." } };
    }
    let noted = promotions.iter().take(MOST).any(|entry| !notes(entry).is_empty());
    html! {
        div.scroll role="region" tabindex="0" aria-labelledby="latest-table" {
            table {
                caption id="latest-table" { "Versions that entered an environment, newest first" }
                thead {
                    tr {
                        @for head in ["When (UTC)", "Environment", "App", "From", "To", "By", "Commit"] {
                            th scope="col" { (head) }
                        }
                        @if noted { th scope="col" { "Notes" } }
                    }
                }
                tbody {
                    @for entry in promotions.iter().take(MOST) { (promotion(entry, noted)) }
                }
            }
        }
        (left_out(promotions.len(), "git promote log"))
    }
}

fn promotion(entry: &Entry, noted: bool) -> Markup {
    html! {
        tr {
            td { (moment(entry.moment.seconds)) }
            td { (clean(entry.environment.as_str())) }
            th scope="row" { (clean(&entry.app.to_string())) }
            td { (version(&entry.previous)) }
            td { (version(&entry.version)) }
            td { (clean(&entry.moment.author)) }
            td { code { (short_id(&entry.moment.commit)) } }
            @if noted {
                td.notes {
                    @if entry.rollback { span.mark.back { "rollback" } " " }
                    (clean(&waived(entry)))
                }
            }
        }
    }
}

/// The notes but for that it goes back, which has a mark.
fn waived(entry: &Entry) -> String {
    let notes = notes(entry);
    let rest = if entry.rollback { notes.strip_prefix("rollback") } else { None };
    rest.map_or(notes.as_str(), |rest| rest.trim_start_matches("; ")).to_owned()
}

/// A version, its digest cut short; whole where one points at it.
fn version(pin: &Pin) -> Markup {
    let whole = pin.to_string();
    html! { span.version title=(clean(&whole)) { (clean(&short_digests(&whole))) } }
}

/// A time to the minute.
fn moment(seconds: i64) -> Markup {
    html! { time datetime=(day(seconds)) { (minute(seconds)) } }
}

fn left_out(all: usize, command: &str) -> Markup {
    html! {
        @if all > MOST {
            p.left-out {
                (left_out_count(all - MOST, "more row")) ": " code { (command) }
                " shows " (them(all - MOST)) "."
            }
        }
    }
}
