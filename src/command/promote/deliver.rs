//! The effects: a commit on the current branch, or files in the work tree.

use std::io::Read as _;

use crate::audit::{Record, Waiver};
use crate::discover::{Cell, CellKey, Inventory};
use crate::gate::Approved;
use crate::git::{self, CommitOptions, CommitRequest, Committed, SignChoice, Unfinished};
use crate::model::{Finding, Outcome, Promotion};
use crate::report::{CommitLine, Ending, PromotionReport};

use super::super::evidence::{Ground, at_commit};
use super::super::{Context, Exit, Failure, Remark, Workspace};
use super::args::CommonArgs;
use super::ending::End;

/// Carries an approved plan out.
pub(super) fn deliver(
    context: &Context,
    workspace: &Workspace,
    work: (&CommonArgs, &Approved),
    report: &mut PromotionReport,
) -> Result<End, Failure> {
    let (args, approved) = work;
    if args.worktree {
        git::apply_to_worktree(&workspace.repo, &approved.plan().files, args.stage)?;
        report.ending = Ending::Edited;
        return Ok(edited(args));
    }
    let record = record(workspace, args, report);
    let options = options(args)?;
    let request = request(context, (workspace, args), (&record, approved, &options))?;
    let committed = git::commit(&workspace.repo, &request)?;
    report.ending = Ending::Committed;
    // As it was committed: the editor or a hook may have changed it.
    let subject = workspace.repo.subject(committed.id).unwrap_or_else(|_| record.subject());
    report.commit = Some(CommitLine { id: committed.id.to_string(), subject });
    Ok(done(context, workspace, &committed))
}

/// Whether the plan could be carried out now; what a dry run says of it.
pub(super) fn rehearse(
    context: &Context,
    workspace: &Workspace,
    work: (&CommonArgs, &Approved),
    report: &PromotionReport,
) -> Result<(), Failure> {
    let (args, approved) = work;
    if args.worktree {
        return Ok(git::rehearse_in_worktree(&workspace.repo, &approved.plan().files)?);
    }
    let record = record(workspace, args, report);
    let options = options(args)?;
    let request = request(context, (workspace, args), (&record, approved, &options))?;
    Ok(git::rehearse(&workspace.repo, &request)?)
}

fn request<'a>(
    context: &Context,
    place: (&Workspace, &CommonArgs),
    work: (&Record, &'a Approved, &'a CommitOptions),
) -> Result<CommitRequest<'a>, Failure> {
    let ((workspace, args), (record, approved, options)) = (place, work);
    let text = message_text(context, args)?;
    Ok(CommitRequest {
        changes: &approved.plan().files,
        base: workspace.base,
        message: record.message(text.as_deref()),
        options,
    })
}

/// What is said where the version may only be missing because the branch is
/// behind its upstream.
pub(super) fn behind(workspace: &Workspace) -> Vec<Remark> {
    let upstream = workspace.repo.upstream_state().ok().flatten();
    match upstream.filter(|upstream| upstream.behind > 0) {
        Some(upstream) => {
            let pull = if upstream.ahead > 0 { "git pull --rebase" } else { "git pull" };
            vec![behind_warning(&upstream), Remark::Hint(pull.to_owned())]
        }
        None => Vec::new(),
    }
}

fn behind_warning(upstream: &git::Upstream) -> Remark {
    let plural = if upstream.behind == 1 { "" } else { "s" };
    Remark::Warning(format!(
        "the branch is {} commit{plural} behind {}",
        upstream.behind, upstream.name
    ))
}

fn edited(args: &CommonArgs) -> End {
    let hint = if args.stage { "git commit" } else { "git diff" };
    End { remarks: vec![Remark::Hint(hint.to_owned())], exit: Exit::Done }
}

/// What is said after the commit: what hooks said, what is unfinished, and
/// where the branch stands.
fn done(context: &Context, workspace: &Workspace, committed: &Committed) -> End {
    let mut remarks: Vec<Remark> = committed.notes.iter().cloned().map(Remark::Note).collect();
    if committed.unfinished.is_empty() {
        remarks.extend(branch_remarks(workspace));
        let exit = Exit::Done;
        if context.quiet {
            remarks.retain(|remark| matches!(remark, Remark::Warning(_)));
        }
        return End { remarks, exit };
    }
    for unfinished in &committed.unfinished {
        remarks.push(Remark::Warning(format!("committed, but {}", told(unfinished))));
        remarks.push(Remark::Hint(unfinished.command()));
    }
    End { remarks, exit: Exit::Partly }
}

fn told(unfinished: &Unfinished) -> String {
    match unfinished {
        Unfinished::File { path, message, .. } => {
            format!("{path} was not brought along: {message}")
        }
        Unfinished::Index { message, .. } => format!("the index was not brought along: {message}"),
        Unfinished::NotDurable { message } => {
            format!("it may be lost if the machine stops now: {message}")
        }
    }
}

fn branch_remarks(workspace: &Workspace) -> Vec<Remark> {
    match workspace.repo.upstream_state() {
        Ok(Some(upstream)) if upstream.behind > 0 => vec![
            behind_warning(&upstream),
            Remark::Hint("git pull --rebase && git push".to_owned()),
        ],
        Ok(Some(_)) => vec![Remark::Hint("git push".to_owned())],
        _ => Vec::new(),
    }
}

/// A warning where the upstream does not know yet that an environment before
/// runs the version: whoever merges only this commit would skip it.
///
/// The commit is made; what cannot be read here is no failure of it.
pub(super) fn unpushed_evidence(
    workspace: &Workspace,
    inventory: &Inventory,
    report: &PromotionReport,
) -> Vec<Remark> {
    let upstream = workspace.repo.upstream_state().ok().flatten().filter(|up| up.ahead > 1);
    let Some(upstream) = upstream else { return Vec::new() };
    let promotions = report.promotions.iter();
    let sources: Vec<(&Promotion, CellKey)> = promotions
        .flat_map(|promotion| {
            promotion.from.iter().map(move |s| (promotion, CellKey::of(promotion, s)))
        })
        .collect();
    let keys: Vec<CellKey> = sources.iter().map(|(_, key)| key.clone()).collect();
    let there = workspace.repo.resolve(&upstream.name).map_err(Failure::from);
    let there = there.and_then(|tip| at_commit(Ground::of(workspace), tip, (inventory, &keys)));
    let Ok(there) = there else { return Vec::new() };
    let runs = |inventory: &Inventory, promotion: &Promotion, key: &CellKey| {
        let cell = inventory.cells.get(key).and_then(Cell::pin);
        cell.is_some_and(|pin| pin.carries(&promotion.version))
    };
    let unknown = sources.iter().filter(|(promotion, key)| {
        runs(inventory, promotion, key) && !runs(&there, promotion, key)
    });
    let warning = |(promotion, key): &(&Promotion, CellKey)| {
        Remark::Warning(format!(
            "{} does not have {} of {} in {} yet",
            upstream.name, promotion.version, promotion.app, key.environment
        ))
    };
    unknown.map(warning).collect()
}

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

fn options(args: &CommonArgs) -> Result<CommitOptions, Failure> {
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
fn message_text(context: &Context, args: &CommonArgs) -> Result<Option<String>, Failure> {
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
