//! What a pull request says to the people who look at it.

use std::fmt::Write as _;

use crate::audit::Record;
use crate::gate::short_id;
use crate::model::{AppId, Edit, Finding, Outcome, Pin, Rule};
use crate::report::PromotionReport;

use super::markdown::{cell, code, prose};
use super::text::{clean, short_digests};

/// Rows of a table that are shown; the rest is counted. A request's text has a
/// limit everywhere (65 536 characters on GitHub).
const ROWS: usize = 60;

/// All that is said.
pub struct RequestText<'a> {
    /// What moves, and what the rules say of it.
    pub report: &'a PromotionReport,
    /// What the commit says of itself.
    pub record: &'a Record,
    /// Names and addresses for people.
    pub links: &'a [(String, String)],
    /// Commands that go back.
    pub back: &'a [String],
}

/// The text of a request, without what it remembers.
pub fn pull_request(text: &RequestText<'_>) -> String {
    let mut page = moves(text.report);
    page.push_str(&links(text.links));
    page.push_str(&commits(text.report));
    page.push_str(&changes(text.report));
    page.push_str(&rules(text.report));
    page.push_str(&back(text.back));
    page.push_str(&audit(text.record));
    page
}

fn more(page: &mut String, all: usize) {
    if all > ROWS {
        let _ = write!(page, "\nand {} more\n", all - ROWS);
    }
}

/// What moves, and the evidence for it: where each version ran, and for how
/// long.
fn moves(report: &PromotionReport) -> String {
    let to = cell(report.to.as_str());
    let mut page = format!("| app | image | {to} before | {to} after | evidence |\n");
    page.push_str("|---|---|---|---|---|\n");
    for promotion in report.promotions.iter().take(ROWS) {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            cell(&clean(&promotion.app.to_string())),
            cell(&clean(&promotion.image)),
            cell(&short_digests(&promotion.previous.to_string())),
            cell(&short_digests(&promotion.version.to_string())),
            evidence(report, &promotion.app),
        );
    }
    more(&mut page, report.promotions.len());
    page
}

fn evidence(report: &PromotionReport, app: &AppId) -> String {
    let of_app = |finding: &&Finding| {
        finding.rule == Rule::GP001 && finding.app.as_ref().is_none_or(|other| other == app)
    };
    let mut messages: Vec<&str> = Vec::new();
    for finding in report.findings.iter().filter(of_app) {
        if !messages.contains(&finding.message.as_str()) {
            messages.push(&finding.message);
        }
    }
    prose(&short_digests(&clean(&messages.join("; "))))
}

fn links(links: &[(String, String)]) -> String {
    let line = |(name, address): &(String, String)| {
        // An address that could end the link is shown as text.
        let plain = address.starts_with("https://") || address.starts_with("http://");
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\`|".contains(c);
        if plain && !address.contains(odd) {
            format!("- [{}]({address})\n", prose(&clean(name)))
        } else {
            format!("- {}: {}\n", prose(&clean(name)), code(&clean(address)))
        }
    };
    let list: String = links.iter().map(line).collect();
    if list.is_empty() { list } else { format!("\n{list}") }
}

/// The commits between the versions, where a clone of the app's own repository
/// tells.
fn commits(report: &PromotionReport) -> String {
    let mut page = String::new();
    for told in &report.changes {
        let Some(commits) = told.commits.as_ref().filter(|commits| !commits.is_empty()) else {
            continue;
        };
        let tag = |pin: &Pin| pin.tag.as_ref().map_or_else(|| pin.to_string(), ToString::to_string);
        let title = format!("Commits of {}, {} to {}", told.app, tag(&told.from), tag(&told.to));
        let _ = write!(page, "\n### {}\n\n", prose(&clean(&title)));
        if told.backwards {
            page.push_str("These go away:\n\n");
        }
        for commit in commits.iter().take(ROWS) {
            let (subject, author) = (clean(&commit.subject), clean(&commit.author));
            let id = code(short_id(&commit.commit));
            let _ = writeln!(page, "- {id} {} ({})", prose(&subject), prose(&author));
        }
        more(&mut page, commits.len());
    }
    page
}

fn changes(report: &PromotionReport) -> String {
    let value = |value: &Option<String>| clean(value.as_deref().unwrap_or("none"));
    let edit = |edit: &Edit| {
        let (path, field) = (clean(edit.path.as_str()), clean(&edit.field));
        format!("{path}:{}  {field}  {} -> {}\n", edit.line, value(&edit.old), value(&edit.new))
    };
    let mut lines: Vec<String> = report.edits.iter().map(edit).collect();
    lines.extend(
        report.effects.iter().map(|effect| format!("    {}\n", clean(&effect.to_string()))),
    );
    let shown: String = lines.iter().take(ROWS).map(String::as_str).collect();
    // A fence is longer than any row of the same sign in it.
    let fence = "`".repeat(longest_run(&shown, '`').max(2) + 1);
    let mut page = format!("\n### Changes\n\n{fence}text\n{shown}{fence}\n");
    more(&mut page, lines.len());
    page
}

fn longest_run(text: &str, sign: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == sign { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn rules(report: &PromotionReport) -> String {
    let mut page = String::from("\n### Rules\n\n| rule | answer | why |\n|---|---|---|\n");
    let several = report.promotions.len() > 1;
    let mut rows: Vec<String> = Vec::new();
    for finding in &report.findings {
        let row = rule(finding, several);
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
    page.extend(rows.iter().take(ROWS).map(String::as_str));
    more(&mut page, rows.len());
    page
}

fn rule(finding: &Finding, several: bool) -> String {
    let answer = match finding.outcome {
        Outcome::Pass => "ok",
        Outcome::Warn => "**warning**",
        Outcome::Fail => "**refused**",
        Outcome::Skip => "not asked",
        Outcome::Overridden => "**overridden**",
        Outcome::Unverifiable => "**unverifiable**",
    };
    let app = finding.app.as_ref().filter(|_| several);
    let subject = app.map(|app| format!("{}: ", prose(&clean(&app.to_string()))));
    let message = prose(&short_digests(&clean(&finding.message)));
    format!("| {} | {answer} | {}{message} |\n", finding.rule, subject.unwrap_or_default())
}

fn back(commands: &[String]) -> String {
    if commands.is_empty() {
        return String::new();
    }
    let mut page = String::from("\n### To go back after the merge\n\n");
    for command in commands {
        page.push_str(&format!("    {}\n", clean(command)));
    }
    page
}

/// The audit record, for a merge that drops the messages of commits.
fn audit(record: &Record) -> String {
    let line = |(key, value): (&str, String)| format!("    {key}: {}\n", clean(&value));
    let lines: String = record.trailers().into_iter().map(line).collect();
    format!("\n### Audit record\n\n{lines}")
}
