//! What `check` found, in every form that people and CI services read.

pub(super) mod annotate;
mod codequality;
pub(super) mod human;
mod junit;
mod markdown;
pub(super) mod past;
mod sarif;
pub(super) mod wire;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::gate::short_id;
use crate::model::{EnvironmentName, Finding, Outcome, RepoPath, Rule, hex};
use crate::report::{CheckReport, Verdict};

use super::table::Table;
use super::text::{clean, short_digests};

/// The forms of `--report KIND=FILE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ReportKind {
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// `JUnit` XML, for lists of tests.
    Junit,
    /// GitLab's Code Quality.
    Codequality,
    /// Markdown, for a comment or the summary of a job.
    Markdown,
}

/// The text of a report file.
pub fn render(kind: ReportKind, report: &CheckReport) -> String {
    match kind {
        ReportKind::Sarif => sarif::sarif(report),
        ReportKind::Junit => junit::junit(report),
        ReportKind::Codequality => codequality::codequality(report),
        ReportKind::Markdown => markdown::markdown(report),
    }
}

/// The findings, those that refuse first.
pub fn check_table(report: &CheckReport) -> Table {
    let mut table = Table::new(&["RULE", "RESULT", "APP", "ENVIRONMENT", "PLACE", "MESSAGE"]);
    let dash = || "-".to_owned();
    for finding in ranked(report) {
        table.push(&[
            finding.rule.to_string(),
            word(finding.outcome).to_owned(),
            finding.app.as_ref().map_or_else(dash, ToString::to_string),
            finding.environment.as_ref().map_or_else(dash, ToString::to_string),
            place(finding).unwrap_or_else(dash),
            finding.message.clone(),
        ]);
    }
    table
}

/// The word for an answer, as the documents have it.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Warn => "warn",
        Outcome::Fail => "fail",
        Outcome::Skip => "skip",
        Outcome::Overridden => "overridden",
        Outcome::Unverifiable => "unverifiable",
    }
}

/// Where an answer stands in a list: what refuses comes first.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fail => 0,
        Outcome::Unverifiable => 1,
        Outcome::Overridden => 2,
        Outcome::Warn => 3,
        Outcome::Skip => 4,
        Outcome::Pass => 5,
    }
}

/// All findings by rank; those of one rank as they came.
fn ranked(report: &CheckReport) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| rank(finding.outcome));
    findings
}

/// The findings with that answer.
fn with(report: &CheckReport, outcome: Outcome) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.outcome == outcome).collect()
}

/// Those that a list of problems names: neither passes nor skips.
fn problems(report: &CheckReport) -> Vec<&Finding> {
    let quiet = |finding: &&Finding| matches!(finding.outcome, Outcome::Pass | Outcome::Skip);
    ranked(report).into_iter().filter(|finding| !quiet(finding)).collect()
}

/// `path:line`, as it came.
fn place(finding: &Finding) -> Option<String> {
    let path = finding.path.as_ref()?;
    Some(finding.line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}")))
}

/// The line that a finding points at, safe to show.
fn excerpt(report: &CheckReport, finding: &Finding) -> Option<String> {
    let key = (finding.path.clone()?, finding.line?);
    report.excerpts.get(&key).map(|line| shown(&line.replace('\t', "  ")))
}

/// Longer texts are cut, in characters.
const LONGEST: usize = 1_000;

/// Foreign text without control characters, with short digests, and not
/// longer than anyone reads.
fn shown(text: &str) -> String {
    cut(&short_digests(&clean(text)), LONGEST)
}

/// A command to be pasted: its digests are whole.
fn command(hint: &str) -> String {
    cut(&clean(hint), LONGEST)
}

/// At most `most` characters, with `...` where some are missing.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(3)).collect::<String>() + "...",
        None => text.to_owned(),
    }
}

/// What a finding speaks of: `web in staging`; empty for the whole change.
fn subject(finding: &Finding) -> String {
    let app = finding.app.as_ref().map(|app| shown(&app.to_string()));
    let environment = finding.environment.as_ref().map(|name| shown(name.as_str()));
    match (app, environment) {
        (Some(app), Some(environment)) => format!("{app} in {environment}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => String::new(),
    }
}

/// What a finding says, with the word that tells what cannot be proven from
/// what is refused.
fn message(finding: &Finding) -> String {
    let message = shown(&finding.message);
    match finding.outcome {
        Outcome::Unverifiable => format!("cannot be proven: {message}"),
        Outcome::Overridden => format!("overridden: {message}"),
        _ => message,
    }
}

/// Both ends of the change, short.
fn span(report: &CheckReport) -> String {
    format!("{}..{}", short_id(&clean(&report.base)), short_id(&clean(&report.head)))
}

/// By what the change was judged.
fn judge(report: &CheckReport) -> String {
    match &report.config {
        Some(_) => format!("judged by {}", config(report)),
        None => "judged without a config".to_owned(),
    }
}

/// The config that was judged by, with the short id of its blob.
fn config(report: &CheckReport) -> String {
    match report.config.as_deref().map(|config| config.rsplit_once('@').unwrap_or((config, ""))) {
        None => "no config".to_owned(),
        Some((file, "")) => clean(file),
        Some((file, id)) => format!("{}@{}", clean(file), short_id(&clean(id))),
    }
}

/// The verdict in one sentence.
fn verdict(report: &CheckReport) -> String {
    let count = |outcome| report.findings.iter().filter(|f| f.outcome == outcome).count();
    let (denied, open) = (count(Outcome::Fail), count(Outcome::Unverifiable));
    let open_text = match open {
        0 => String::new(),
        open => format!("; {} cannot be proven", counted(open, "finding")),
    };
    match report.verdict {
        Verdict::Pass if report.promotions.is_empty() => match vouched(report) {
            0 => "no version moves".to_owned(),
            count => format!("{} may enter", counted(count, "version")),
        },
        Verdict::Pass => format!("{} may enter", counted(report.promotions.len(), "version")),
        Verdict::Deny => format!("refused by {}{open_text}", counted(denied, "finding")),
        Verdict::Unverifiable => format!("no rule refuses{open_text}"),
    }
}

/// How many versions the environments before vouch for: where no image is
/// promoted, those of charts and of remote resources.
fn vouched(report: &CheckReport) -> usize {
    let vouched = |f: &&Finding| f.outcome == Outcome::Pass && f.rule == Rule::GP001;
    report.findings.iter().filter(vouched).count()
}

/// `1 finding`, `2 findings`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What `--exit-zero` means, where it was given.
const EXIT_ZERO: &str = "--exit-zero: the exit code is 0 whatever the verdict";

/// A name for each finding that stays when lines move and times pass: of the
/// rule, whom it speaks of, the file and the text of the line. Equal ones are
/// told apart by their order.
fn fingerprints(report: &CheckReport, findings: &[&Finding]) -> Vec<String> {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    let name = |finding: &&Finding| {
        let mut hash = Sha256::new();
        let text = |text: Option<&str>| text.unwrap_or_default().trim().to_owned();
        let app = finding.app.as_ref().map(ToString::to_string);
        let place = finding.path.clone().zip(finding.line);
        let line = place.and_then(|place| report.excerpts.get(&place));
        let parts = [
            finding.rule.to_string(),
            text(app.as_deref()),
            text(finding.environment.as_ref().map(EnvironmentName::as_str)),
            text(finding.path.as_ref().map(RepoPath::as_str)),
            text(line.map(String::as_str)),
        ];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hex = hex(&hash.finalize());
        let before = met.entry(hex.clone()).or_insert(0);
        *before += 1;
        if *before == 1 { hex } else { format!("{hex}-{before}") }
    };
    findings.iter().map(name).collect()
}

/// The file a finding is shown at where it names none: a report for machines
/// has to name one.
fn file(report: &CheckReport, finding: &Finding) -> String {
    match (&finding.path, &report.config) {
        (Some(path), _) => path.to_string(),
        (None, Some(config)) => {
            config.rsplit_once('@').map_or(config.as_str(), |it| it.0).to_owned()
        }
        (None, None) => "promote.toml".to_owned(),
    }
}
