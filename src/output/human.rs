//! Reports for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::diff::Effect;
use crate::gate::short_id;
use crate::model::{AppId, Edit, Finding, Outcome, Rule};
use crate::report::{EditReport, Ending, PromotionReport, RequestLine};

use super::paint::Paint;
use super::text::{clean, short_digests};

/// With more promotions than this, rules that pass are counted, not listed.
pub(super) const LISTED: usize = 3;

/// What `promote` says on standard output.
pub fn promotion(report: &PromotionReport, paint: Paint, verbose: bool) -> String {
    let mut text = short_digests(&(moves(report, paint) + &findings(report, paint, verbose)));
    // What is refused changes nothing, and should not read as if it did.
    if report.ending != Ending::Refused {
        text.push_str(&short_digests(&changes(report, paint)));
    }
    if let Some(unified) = &report.unified {
        text.push_str(&painted_diff(unified, paint));
    }
    if verbose {
        report.changes.iter().for_each(|told| text.push_str(&super::changes(told, paint, false)));
    }
    report.copies.iter().for_each(|row| text.push_str(&super::registry::copied(row)));
    text.push_str(&ending(report));
    text
}

/// One line for each image that moves or is there already.
fn moves(report: &PromotionReport, paint: Paint) -> String {
    let mut text = String::new();
    let moving = report.promotions.iter().map(|promotion| &promotion.app);
    let apps: Vec<_> = moving.chain(report.current.iter().map(|(app, ..)| app)).collect();
    let shown = |app: &AppId, image: &str| {
        let several = apps.iter().filter(|other| **other == app).count() > 1;
        if several { format!("  {}", clean(image)) } else { String::new() }
    };
    for promotion in &report.promotions {
        let _ = writeln!(
            text,
            "{}{}  {}  {} -> {}",
            paint.bold(&clean(&promotion.app.to_string())),
            shown(&promotion.app, &promotion.image),
            promotion.to,
            paint.old(&promotion.previous.to_string()),
            paint.fresh(&promotion.version.to_string()),
        );
    }
    for (app, image, pin) in &report.current {
        let (name, image) = (clean(&app.to_string()), shown(app, image));
        let _ = writeln!(text, "{name}{image}  {}  already at {pin}", report.to);
    }
    text
}

/// The edits of each file, and what they do to the workloads of its overlay.
fn changes(report: &PromotionReport, paint: Paint) -> String {
    let mut text = String::new();
    let mut told: Vec<&Effect> = Vec::new();
    let mut edits = report.edits.iter().peekable();
    while let Some(edit) = edits.next() {
        text.push_str(&edit_line(edit, &edit.path.to_string(), paint));
        if edits.peek().is_some_and(|next| next.path == edit.path) {
            continue;
        }
        for effect in report.effects.iter().filter(|e| edit.path.is_within(&e.overlay)) {
            if !told.contains(&effect) {
                let _ = writeln!(text, "    {}", paint.dim(&clean(&effect.to_string())));
                told.push(effect);
            }
        }
    }
    text
}

/// One line per rule and promotion; many promotions that pass are counted.
fn findings(report: &PromotionReport, paint: Paint, verbose: bool) -> String {
    let mut passed: BTreeMap<Rule, Vec<&Finding>> = BTreeMap::new();
    let mut lines: BTreeMap<Rule, String> = BTreeMap::new();
    for finding in &report.findings {
        let short = !verbose && report.promotions.len() > LISTED;
        if short && finding.outcome == Outcome::Pass {
            passed.entry(finding.rule).or_default().push(finding);
            continue;
        }
        let line = finding_line(report, finding, paint);
        // The images of an app often have one answer.
        let lines = lines.entry(finding.rule).or_default();
        if !lines.ends_with(&line) {
            lines.push_str(&line);
        }
    }
    for (rule, findings) in passed {
        let mark = paint.outcome(Outcome::Pass);
        let line = format!("{mark}  {rule}  {} promotions pass\n", findings.len());
        lines.entry(rule).or_default().push_str(&line);
    }
    lines.into_values().collect()
}

fn finding_line(report: &PromotionReport, finding: &Finding, paint: Paint) -> String {
    let mark = paint.outcome(finding.outcome);
    let subject = match &finding.app {
        Some(app) if report.promotions.len() > 1 => format!("{}: ", clean(&app.to_string())),
        _ => String::new(),
    };
    let place = match (&finding.path, finding.line) {
        (Some(path), Some(line)) if finding.outcome != Outcome::Pass => {
            format!("\n              at {}:{line}", clean(path.as_str()))
        }
        (Some(path), None) => format!("\n              at {}", clean(path.as_str())),
        _ => String::new(),
    };
    format!("{mark}  {}  {subject}{}{place}\n", finding.rule, clean(&finding.message))
}

fn edit_line(edit: &Edit, file: &str, paint: Paint) -> String {
    let value = |value: &Option<String>| clean(value.as_deref().unwrap_or("none"));
    format!(
        "{}:{}  {}  {} -> {}\n",
        clean(file),
        edit.line,
        clean(&edit.field),
        paint.old(&value(&edit.old)),
        paint.fresh(&value(&edit.new)),
    )
}

fn painted_diff(unified: &str, paint: Paint) -> String {
    let line = |line: &str| {
        let shown = clean(line.trim_end_matches('\r'));
        let painted = match line.bytes().next() {
            Some(b'+') => paint.fresh(&shown),
            Some(b'-') => paint.old(&shown),
            Some(b'@') => paint.dim(&shown),
            _ => shown,
        };
        format!("{painted}\n")
    };
    unified.lines().map(line).collect()
}

fn ending(report: &PromotionReport) -> String {
    match (&report.commit, report.ending) {
        (Some(commit), _) => format!(
            "[{} {}] {}\n{}{}",
            clean(report.branch.as_deref().unwrap_or("detached HEAD")),
            short_id(&commit.id),
            clean(&commit.subject),
            report.remote.as_ref().map(|name| pushed(name)).unwrap_or_default(),
            report.request.as_ref().map(request).unwrap_or_default(),
        ),
        (None, Ending::Planned) => "dry run: nothing was written\n".to_owned(),
        (None, Ending::Edited) => "edited, not committed\n".to_owned(),
        (None, _) => String::new(),
    }
}

fn pushed(remote: &str) -> String {
    format!("pushed to {}\n", clean(remote))
}

/// The pull request: what became of it, and where it is.
fn request(request: &RequestLine) -> String {
    let became = if request.opened { "opened" } else { "up to date" };
    let merges = if request.auto_merge { ", merges by itself" } else { "" };
    format!("pull request #{} {became}{merges}: {}\n", request.number, clean(&request.url))
}

/// What `edit` says on standard output.
pub fn edits(report: &EditReport, paint: Paint) -> String {
    let lines = report.edits.iter().map(|edit| edit_line(edit, &report.file, paint));
    let mut text: String = lines.collect();
    let values = report.edits.len();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let written = if report.dry_run { "would change" } else { "changed" };
    let _ = if values == 0 {
        writeln!(text, "{}: nothing to change", clean(&report.file))
    } else {
        let bytes = report.changed_bytes;
        writeln!(text, "{values} value{}, {bytes} byte{} {written}", plural(values), plural(bytes))
    };
    text
}
