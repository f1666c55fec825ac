//! The report as Markdown, for wikis and pull requests.

use std::fmt::Write as _;

use crate::gate::short_id;
use crate::history::Entry;
use crate::history::metrics::Row;
use crate::model::EnvironmentName;
use crate::report::{AuditRow, Overview, Standing, StatusCell, StatusRow};

use super::super::log::notes;
use super::super::markdown::{cell, code, prose};
use super::super::metrics::{per_week, share};
use super::super::status::disagreeing;
use super::super::text::{ago, clean, minute, short_digests};
use super::{Shown, choose, count, numbers};

/// Up to so many rows of the matrix are shown as they are; of more, so many
/// that differ, and none of the others.
const ALL: usize = 40;
const MOST: (usize, usize) = (100, 0);
/// The latest promotions.
const LATEST: usize = 20;
/// The violations.
const VIOLATIONS: usize = 50;

/// The whole text.
pub(super) fn markdown(report: &Overview) -> String {
    let mut text = format!("# Promotions of {}\n\n{}", prose(&clean(&report.title)), about(report));
    let parts = [
        ("Open violations", violations(report)),
        ("Versions", versions(report)),
        ("Delivery", delivery(report)),
        ("Latest promotions", latest(report)),
    ];
    for (heading, part) in parts {
        let _ = write!(text, "\n## {heading}\n\n{part}");
    }
    text
}

fn about(report: &Overview) -> String {
    let mut text = format!("Commit {}", code(short_id(&report.commit)));
    if let Some(branch) = &report.branch {
        let _ = write!(text, " on {}", code(&clean(branch)));
    }
    let _ = write!(text, ", told {} UTC", minute(report.now));
    if let Some(since) = report.since {
        let _ = write!(text, ", promotions since {} UTC", minute(since));
    }
    if !report.narrowed.is_empty() {
        let _ = write!(text, ", only {}", prose(&clean(&report.narrowed.join(", "))));
    }
    let _ = writeln!(
        text,
        ": {} in {}, {} behind, {}.",
        count(report.apps(), "app"),
        count(report.status.environments.len(), "environment"),
        report.standing(Standing::Behind),
        match report.unjudged {
            Some(_) => "violations not judged".to_owned(),
            None => count(report.violations.len(), "open violation"),
        },
    );
    if let Some(cut) = &report.cut {
        let _ = write!(
            text,
            "\nThe clone is shallow: what came before {} is not known.\n",
            code(short_id(cut))
        );
    }
    text
}

/// A table of these heads and rows.
fn table(heads: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Foreign text in a cell.
fn foreign(text: &str) -> String {
    cell(&short_digests(&clean(text)))
}

fn left_out(all: usize, most: usize, command: &str) -> String {
    match all.saturating_sub(most) {
        0 => String::new(),
        more => format!("\n{} left out, see `{command}`.\n", count(more, "more row")),
    }
}

fn violations(report: &Overview) -> String {
    if let Some(why) = &report.unjudged {
        return format!("Not looked for: {}.\n", prose(&clean(why)));
    }
    if report.violations.is_empty() {
        return "None: every version was in the environments before its own.\n".to_owned();
    }
    let row = |row: &AuditRow| {
        let missing: Vec<&str> = row.missing_in.iter().map(EnvironmentName::as_str).collect();
        let place = row.path.as_ref().map(|path| match row.line {
            Some(line) => foreign(&format!("{path}:{line}")),
            None => foreign(path.as_str()),
        });
        vec![
            foreign(&row.app.to_string()),
            foreign(row.environment.as_str()),
            foreign(&row.version.to_string()),
            foreign(&missing.join(", ")),
            row.since.map(minute).unwrap_or_default(),
            place.unwrap_or_default(),
        ]
    };
    let heads = heads(&["App", "Environment", "Version", "Not in", "Since (UTC)", "Where"]);
    table(&heads, report.violations.iter().take(VIOLATIONS).map(row))
        + &left_out(report.violations.len(), VIOLATIONS, "git promote audit --history")
}

fn versions(report: &Overview) -> String {
    let all = &report.status.rows;
    if all.is_empty() {
        return "No version was found.\n".to_owned();
    }
    let Shown { first, more_differ, more_same, .. } = choose(all, ALL, MOST);
    let several = all.windows(2).any(|pair| matches!(pair, [a, b] if a.app == b.app));
    let mut heads = heads(if several { &["App", "Image"] } else { &["App"] });
    let environments = report.status.environments.iter();
    heads.extend(environments.map(|(name, _)| foreign(name.as_str())));
    let row = |row: &&StatusRow| {
        let image = several.then(|| foreign(&row.image));
        let cells = row.cells.iter().map(|cell| version(cell, report.now));
        std::iter::once(foreign(&row.app.to_string())).chain(image).chain(cells).collect()
    };
    let mut text = String::new();
    if !first.is_empty() {
        text = table(&heads, first.iter().map(row));
    }
    if more_differ > 0 {
        let _ = write!(
            text,
            "\n{} that differ left out, see `git promote status`.\n",
            count(more_differ, "more row")
        );
    }
    if more_same > 0 {
        let _ = write!(
            text,
            "\n{} with the same version everywhere left out.\n",
            count(more_same, "row")
        );
    }
    text
}

fn version(cell: &StatusCell, now: i64) -> String {
    let Some(pin) = &cell.pin else {
        return match (cell.standing, disagreeing(cell)) {
            (Standing::Absent, _) => "\u{2013}".to_owned(),
            (_, versions) if versions.is_empty() => "?".to_owned(),
            (_, versions) => format!("{} ?", foreign(&versions)),
        };
    };
    let shown = pin.tag.as_ref().map_or_else(|| pin.to_string(), ToString::to_string);
    let mark = match cell.standing {
        Standing::Behind => " **behind**",
        Standing::Ahead => " **ahead**",
        Standing::Held => " **held**",
        Standing::Frozen => " **frozen**",
        _ => "",
    };
    let age = cell.since.map(|since| format!(" ({})", ago(now - since)));
    format!("{}{mark}{}", foreign(&shown), age.unwrap_or_default())
}

fn delivery(report: &Overview) -> String {
    let numbers = numbers(report);
    if numbers.metrics.environments.is_empty() {
        return "Nothing was promoted.\n".to_owned();
    }
    let span = |span: Option<i64>| span.map_or_else(|| "\u{2013}".to_owned(), ago);
    let row = |row: &Row| {
        let delivery = &row.delivery;
        let week = per_week(delivery, &numbers).map(|week| format!("{week:.2}"));
        vec![
            foreign(row.environment.as_str()),
            delivery.deployments.to_string(),
            week.unwrap_or_default(),
            span(delivery.lead.map(|spans| spans.median)),
            span(delivery.lead.map(|spans| spans.p90)),
            format!("{} ({:.0} %)", delivery.rollbacks, share(delivery) * 100.0),
            span(delivery.restore.map(|spans| spans.median)),
        ]
    };
    let heads = heads(&[
        "Environment",
        "Promotions",
        "A week",
        "Lead time, median",
        "90 % within",
        "Went back",
        "Time to restore",
    ]);
    table(&heads, numbers.metrics.environments.iter().map(row))
}

fn latest(report: &Overview) -> String {
    let promotions: Vec<&Entry> = report.promotions().collect();
    if promotions.is_empty() {
        return "No promotion was found.\n".to_owned();
    }
    let row = |entry: &&Entry| {
        vec![
            minute(entry.moment.seconds),
            foreign(entry.environment.as_str()),
            foreign(&entry.app.to_string()),
            foreign(&entry.previous.to_string()),
            foreign(&entry.version.to_string()),
            prose(&clean(&entry.moment.author)),
            code(short_id(&entry.moment.commit)),
            prose(&clean(&notes(entry))),
        ]
    };
    let heads = heads(&["When (UTC)", "Environment", "App", "From", "To", "By", "Commit", "Notes"]);
    table(&heads, promotions.iter().take(LATEST).map(row))
        + &left_out(promotions.len(), LATEST, "git promote log")
}
