//! A check for people: the verdict, what moves, what is wrong and where.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::model::{AppId, Finding, Outcome, Promotion, Rule};
use crate::report::{CheckReport, Verdict};

use super::super::human::LISTED;
use super::super::paint::Paint;
use super::super::text::{clean, inert, short_digests};
use super::{
    EXIT_ZERO, command, counted, cut, excerpt, judge, message, place, ranked, shown, span, verdict,
    vouched,
};

/// More findings with one answer than this are counted, not shown.
const MOST: usize = 50;
/// No more characters of a line of the source are shown.
const WIDTH: usize = 100;

/// What `check` says on standard output. No line of it is a command to a CI
/// service, whatever the texts in it say.
pub fn check(report: &CheckReport, paint: Paint, verbose: bool) -> String {
    let mut text = headline(report, paint);
    if report.exit_zero {
        let _ = writeln!(text, "{EXIT_ZERO}");
    }
    text.push_str(&short_digests(&moves(&report.promotions, paint, verbose)));
    text.push_str(&trouble(report, paint, verbose));
    text.push_str(&passes(report, paint, verbose));
    for note in &report.notes {
        let _ = writeln!(text, "note: {}", shown(note));
    }
    inert(&text)
}

/// The verdict and what it is about.
fn headline(report: &CheckReport, paint: Paint) -> String {
    let word = match report.verdict {
        Verdict::Pass => paint.fresh(report.verdict.word()),
        Verdict::Deny | Verdict::Unverifiable => paint.old(report.verdict.word()),
    };
    let sentence = verdict(report);
    format!("{word}: {sentence} ({}, {})\n", span(report), judge(report))
}

/// One line for each image that moves.
fn moves(promotions: &[Promotion], paint: Paint, verbose: bool) -> String {
    let mut images: BTreeMap<&AppId, Vec<&str>> = BTreeMap::new();
    for promotion in promotions {
        images.entry(&promotion.app).or_default().push(&promotion.image);
    }
    let several = |app: &AppId| {
        images
            .get(app)
            .is_some_and(|images| images.iter().any(|image| Some(image) != images.first()))
    };
    let mut text = String::new();
    let most = if verbose { usize::MAX } else { MOST };
    for promotion in promotions.iter().take(most) {
        let image = if several(&promotion.app) {
            format!("  {}", clean(&promotion.image))
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "{}{image}  {}  {} -> {}",
            paint.bold(&clean(&promotion.app.to_string())),
            clean(promotion.to.as_str()),
            paint.old(&promotion.previous.to_string()),
            paint.fresh(&promotion.version.to_string()),
        );
    }
    text + &rest(promotions.len(), most, "version moves", "versions move")
}

/// The line that counts what is not shown.
fn rest(count: usize, most: usize, one: &str, many: &str) -> String {
    match count.saturating_sub(most) {
        0 => String::new(),
        1 => format!("and 1 more {one}\n"),
        more => format!("and {more} more {many}\n"),
    }
}

/// Everything that is not a pass, what refuses first.
fn trouble(report: &CheckReport, paint: Paint, verbose: bool) -> String {
    let most = if verbose { usize::MAX } else { MOST };
    let mut text = String::new();
    let findings = ranked(report);
    for group in findings.chunk_by(|a, b| a.outcome == b.outcome) {
        let Some(outcome) = group.first().map(|finding| finding.outcome) else { continue };
        if outcome == Outcome::Pass {
            continue;
        }
        for finding in group.iter().take(most) {
            text.push_str(&block(report, finding, paint));
        }
        let word = format!("with the answer `{}`", super::word(outcome));
        text.push_str(&rest(group.len(), most, &word, &word));
    }
    text
}

/// One finding: the rule and its reason, the line, and the cure.
fn block(report: &CheckReport, finding: &Finding, paint: Paint) -> String {
    let mark = paint.outcome(finding.outcome);
    let subject = match super::subject(finding) {
        subject if subject.is_empty() => subject,
        subject => format!("{subject}: "),
    };
    let mut text = format!("{mark}  {}  {subject}{}\n", finding.rule, message(finding));
    text.push_str(&source(report, finding, paint));
    if let Some(hint) = &finding.hint {
        let _ = writeln!(text, "      hint: {}", command(hint));
    }
    text
}

/// Where it is: the place, and the line with its content underlined.
fn source(report: &CheckReport, finding: &Finding, paint: Paint) -> String {
    let Some(place) = place(finding) else { return String::new() };
    let number = finding.line.map(|line| line.to_string()).unwrap_or_default();
    let pad = " ".repeat(number.len());
    let mut text = format!("     {pad}{} {}\n", paint.dim("-->"), shown(&place));
    let Some(line) = excerpt(report, finding) else { return text };
    let line = cut(line.trim_end(), WIDTH);
    let content = line.trim_start();
    let blank = line.width().saturating_sub(content.width());
    let under = format!("{}{}", " ".repeat(blank), paint.old(&"^".repeat(content.width())));
    let bar = paint.dim("|");
    let _ = writeln!(text, "     {} {bar} {line}", paint.dim(&number));
    if !content.is_empty() {
        let _ = writeln!(text, "     {pad} {bar} {under}");
    }
    text
}

/// The rules that hold: where the versions come from, and how many others;
/// nothing where no version moves and nobody asked.
fn passes(report: &CheckReport, paint: Paint, verbose: bool) -> String {
    if report.promotions.is_empty() && vouched(report) == 0 && !verbose {
        return String::new();
    }
    let passed = |finding: &&Finding| finding.outcome == Outcome::Pass;
    let mut rules: BTreeMap<Rule, Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().filter(passed) {
        rules.entry(finding.rule).or_default().push(finding);
    }
    let mark = paint.outcome(Outcome::Pass);
    let (told, counted_only): (Vec<_>, Vec<_>) =
        rules.into_iter().partition(|(rule, _)| verbose || *rule == Rule::GP001);
    let mut text = String::new();
    for (rule, findings) in told {
        if !verbose && findings.len() > LISTED {
            let _ = writeln!(
                text,
                "{mark}  {rule}  {}",
                counted(findings.len(), "promotion") + " pass"
            );
            continue;
        }
        let mut told = BTreeSet::new();
        for finding in findings {
            let line = block_line(report, finding, &mark);
            // The images of an app often have one answer.
            if told.insert(line.clone()) {
                text.push_str(&line);
            }
        }
    }
    let names: Vec<String> = counted_only.iter().map(|(rule, _)| rule.to_string()).collect();
    if !names.is_empty() {
        let _ = writeln!(text, "{mark}  {}", names.join(" "));
    }
    text
}

fn block_line(report: &CheckReport, finding: &Finding, mark: &str) -> String {
    let subject = super::subject(finding);
    let subject = if report.promotions.len() != 1 && !subject.is_empty() {
        format!("{subject}: ")
    } else {
        String::new()
    };
    format!("{mark}  {}  {subject}{}\n", finding.rule, message(finding))
}
