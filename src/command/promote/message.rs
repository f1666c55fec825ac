//! What a commit says, and what the user asked of it.

use std::io::Read as _;

use crate::audit::{Record, Waiver};
use crate::gate::Approved;
use crate::git::{CommitOptions, CommitRequest, SignChoice};
use crate::model::{Finding, Outcome, Promotion};
use crate::report::PromotionReport;

use super::super::{Context, Failure, Workspace};
use super::Promoting;
use super::args::CommonArgs;

/// All that a commit is made of, but for its files.
pub(super) struct Letter {
    pub(super) record: Record,
    message: String,
    options: CommitOptions,
}

impl Letter {
    /// The commit of a plan, on the base of the workspace.
    pub(super) fn request<'a>(
        &'a self,
        workspace: &Workspace,
        approved: &'a Approved,
    ) -> CommitRequest<'a> {
        CommitRequest {
            changes: &approved.plan().files,
            base: workspace.base,
            message: self.message.clone(),
            options: &self.options,
        }
    }
}

impl Promoting<'_> {
    /// What the commit of a promotion says.
    pub(super) fn letter(&self, report: &PromotionReport) -> Result<Letter, Failure> {
        let record = record(self.workspace, self.args, report);
        let text = message_text(self.context, self.args)?;
        let message = record.message(text.as_deref());
        Ok(Letter { record, message, options: options(self.args)? })
    }
}

/// The audit record of a promotion.
fn record(workspace: &Workspace, args: &CommonArgs, report: &PromotionReport) -> Record {
    let mut waivers: Vec<Waiver> = Vec::new();
    let reason = args.reason.clone().unwrap_or_default();
    for finding in report.findings.iter().filter(|f| f.outcome == Outcome::Overridden) {
        let waiver = Waiver { rule: finding.rule, reason: reason.clone() };
        if !waivers.contains(&waiver) {
            waivers.push(waiver);
        }
    }
    let promotions: Vec<Promotion> = report.promotions.clone();
    Record {
        promotions,
        base: workspace.base.to_string(),
        gates: gate_lines(&report.findings),
        waivers,
        rollback: args.rollback,
        preview: args.preview.clone(),
    }
}

/// The worst answer of each rule.
fn gate_lines(findings: &[Finding]) -> Vec<String> {
    let mut worst: std::collections::BTreeMap<_, Outcome> = std::collections::BTreeMap::new();
    for finding in findings {
        let outcome = worst.entry(finding.rule).or_insert(finding.outcome);
        *outcome = (*outcome).max(finding.outcome);
    }
    let word = |outcome: Outcome| match outcome {
        Outcome::Pass => "pass",
        Outcome::Warn => "warn",
        Outcome::Fail => "fail",
        Outcome::Skip => "skip",
        Outcome::Overridden => "overridden",
        Outcome::Unverifiable => "unverifiable",
    };
    worst.into_iter().map(|(rule, outcome)| format!("{rule} {}", word(outcome))).collect()
}

/// What the flags ask of the commit.
pub(in super::super) fn options(args: &CommonArgs) -> Result<CommitOptions, Failure> {
    let sign = match (&args.gpg_sign, args.no_gpg_sign) {
        (Some(key), _) => SignChoice::On(Some(key.clone()).filter(|key| !key.is_empty())),
        (None, true) => SignChoice::Off,
        (None, false) => SignChoice::Config,
    };
    let trailer = |text: &String| match text.split_once(['=', ':']) {
        Some((key, value)) if is_trailer_key(key) && !value.chars().any(char::is_control) => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(Failure::usage(format!("`{text}` is no trailer")).hint("--trailer Ticket=OPS-42")),
    };
    let trailers: Result<Vec<(String, String)>, Failure> =
        args.trailers.iter().map(trailer).collect();
    Ok(CommitOptions {
        sign,
        no_verify: args.no_verify,
        signoff: args.signoff,
        edit: args.edit,
        trailers: trailers?,
    })
}

/// A trailer's key is letters, digits and dashes, and not one of the record's.
fn is_trailer_key(key: &str) -> bool {
    let key = key.trim();
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain && !key.is_empty() && !key.to_ascii_lowercase().starts_with("promote-")
}

/// `-m` paragraphs, or the text of `-F`.
pub(in super::super) fn message_text(
    context: &Context,
    args: &CommonArgs,
) -> Result<Option<String>, Failure> {
    let text = given_text(context, args)?;
    if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Failure::usage("the commit message is empty")
            .hint("git promote VERSION ENV writes one, where -m and -F are left out"));
    }
    Ok(text)
}

fn given_text(context: &Context, args: &CommonArgs) -> Result<Option<String>, Failure> {
    if !args.messages.is_empty() {
        return Ok(Some(args.messages.join("\n\n")));
    }
    let Some(file) = &args.file else { return Ok(None) };
    let unreadable = |error: std::io::Error| {
        Failure::not_found(format!("could not read log file '{}': {error}", file.display()))
            .hint("git promote -m TEXT VERSION ENV")
    };
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        return Ok(Some(text));
    }
    std::fs::read_to_string(context.directory.join(file)).map(Some).map_err(unreadable)
}
