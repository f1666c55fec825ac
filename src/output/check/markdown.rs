//! A check as Markdown: for a comment at a pull request (GitHub takes 65,536
//! characters) or the summary of a job.
//!
//! Foreign text stands in code spans, or with every sign escaped that begins
//! a mark, a tag, a link, a mention or a reference.

use crate::model::{Finding, Outcome};
use crate::report::CheckReport;

use super::super::markdown::{cell, code, prose};
use super::{
    EXIT_ZERO, command, config, counted, excerpt, place, ranked, shown, span, subject, verdict,
};

/// The text is not longer, in bytes; what is left out is counted.
const MOST: usize = 60_000;
/// Room for the lines that count what is left out.
const RESERVE: usize = 1_000;

/// A text that grows up to a length.
struct Page {
    text: String,
    full: bool,
}

impl Page {
    /// Adds a piece; not so when one before it found no room.
    fn add(&mut self, piece: &str) -> bool {
        self.full |= self.text.len() + piece.len() > MOST - RESERVE;
        if !self.full {
            self.text.push_str(piece);
        }
        !self.full
    }

    /// Says how many pieces found no room.
    fn missing(&mut self, count: usize, noun: &str) {
        if count > 0 {
            self.text.push_str(&format!("\n_{} more not shown here._\n", counted(count, noun)));
        }
    }
}

/// The report of a check.
pub(super) fn markdown(report: &CheckReport) -> String {
    let text = format!(
        "## git promote check: {}\n\n{}: {}, judged by {}.\n",
        report.verdict.word(),
        prose(&verdict(report)),
        code(&span(report)),
        code(&config(report)),
    );
    let mut page = Page { text, full: false };
    if report.exit_zero {
        page.add(&format!("\n**{}**\n", prose(EXIT_ZERO)));
    }
    promotions(report, &mut page);
    findings(report, &mut page);
    let note = |note: &&String| !page.add(&format!("\nNote: {}\n", prose(&shown(note))));
    let missing = report.notes.iter().filter(note).count();
    page.missing(missing, "note");
    page.text
}

/// A table of what moves: at most half of the page.
fn promotions(report: &CheckReport, page: &mut Page) {
    if report.promotions.is_empty() {
        return;
    }
    page.add("\n| App | Image | Environment | From | To |\n|---|---|---|---|---|\n");
    let mut listed = 0;
    for promotion in &report.promotions {
        let cells = [
            promotion.app.to_string(),
            promotion.image.clone(),
            promotion.to.to_string(),
            promotion.previous.to_string(),
            promotion.version.to_string(),
        ];
        let row = format!("| {} |\n", cells.map(|text| cell(&shown(&text))).join(" | "));
        if page.text.len() + row.len() > MOST / 2 || !page.add(&row) {
            break;
        }
        listed += 1;
    }
    page.missing(report.promotions.len() - listed, "version");
}

/// The findings below a heading for each answer; passes are counted.
fn findings(report: &CheckReport, page: &mut Page) {
    let findings = ranked(report);
    for group in findings.chunk_by(|a, b| a.outcome == b.outcome) {
        let Some(outcome) = group.first().map(|finding| finding.outcome) else { continue };
        if outcome == Outcome::Pass {
            page.add(&format!("\n{} passed.\n", counted(group.len(), "finding")));
            continue;
        }
        page.add(&format!("\n### {} ({})\n\n", heading(outcome), group.len()));
        let left_out = |finding: &&&Finding| page.full || !page.add(&item(report, finding));
        let missing = group.iter().filter(left_out).count();
        page.missing(missing, "finding");
    }
}

fn heading(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fail => "Refused",
        Outcome::Unverifiable => "Cannot be proven",
        Outcome::Overridden => "Overridden",
        Outcome::Warn => "Warnings",
        Outcome::Skip => "Not asked",
        Outcome::Pass => "Passed",
    }
}

fn item(report: &CheckReport, finding: &Finding) -> String {
    let about = match subject(finding) {
        subject if subject.is_empty() => String::new(),
        subject => format!(" {}", code(&subject)),
    };
    let mut text = format!("- **{}**{about}: {}\n", finding.rule, prose(&shown(&finding.message)));
    if let Some(place) = place(finding) {
        let line = excerpt(report, finding).map(|line| format!(": {}", code(line.trim())));
        text.push_str(&format!("  - at {}{}\n", code(&shown(&place)), line.unwrap_or_default()));
    }
    if let Some(hint) = &finding.hint {
        text.push_str(&format!("  - to fix it: {}\n", code(&command(hint))));
    }
    text
}
