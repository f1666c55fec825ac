//! `git promote check --replay RANGE`: the rules of today on every first-parent
//! commit of the past.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::git::{self, HistoryCommit, Interest, ObjectId, Repository};
use crate::model::{Finding, Outcome, Rule};
use crate::output::{self, Format};
use crate::report::{CheckReport, ReplayReport, ReplayRow, Verdict};

use super::super::{Answer, Context, Failure, Remark, Workspace, workspace};
use super::judge::{self, Options};

/// Judges every commit of a range against its first parent, by the config of
/// HEAD. Always ends with 0: it is about the past.
pub(super) fn run(context: &Context, range: &str) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let repo = &workspace.repo;
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (Some(from), to.trim_start_matches('.')),
        None => (None, range),
    };
    let tip = revision(repo, if to.is_empty() { "HEAD" } else { to })?;
    let end = from.filter(|from| !from.is_empty()).map(|from| revision(repo, from)).transpose()?;
    let mut report = ReplayReport { range: range.to_owned(), rows: Vec::new() };
    let mut details = Vec::new();
    for commit in git::walk(repo, tip, Interest::everything())?.with_unchanged() {
        let commit = commit?;
        if Some(commit.id) == end {
            break;
        }
        let Some(parent) = commit.parent else { continue };
        let judged = judge(context, &workspace.config, (repo, parent, &commit))?;
        if context.verbose && judged.verdict != Verdict::Pass {
            details.extend(judged.findings.iter().filter(|f| refuses(f)).map(|finding| {
                let place = finding.path.as_ref().map(|path| format!(" ({path})"));
                let place = place.unwrap_or_default();
                let id = crate::gate::short_id(&judged.head);
                Remark::Note(format!("{id} {} {}{place}", finding.rule, finding.message))
            }));
        }
        report.rows.push(row(repo, &commit, &judged));
    }
    let text = render(context, &workspace, &report);
    let mut remarks = workspace.config_notes();
    remarks.extend(details);
    Ok(Answer { remarks, ..Answer::done(text) })
}

fn revision(repo: &Repository, name: &str) -> Result<ObjectId, Failure> {
    if name.starts_with('-') {
        return Err(Failure::usage(format!("`{name}` is no revision")));
    }
    Ok(repo.resolve(name)?)
}

fn judge(
    context: &Context,
    config: &Config,
    past: (&Repository, ObjectId, &HistoryCommit),
) -> Result<CheckReport, Failure> {
    let (repo, parent, commit) = past;
    let change = git::moved(repo, parent, commit.id)?;
    let options = Options { adopt: false, now: commit.seconds.min(context.now), online: false };
    judge::judge_by(repo, &change, (options, Some(config)))
}

fn refuses(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Fail | Outcome::Unverifiable)
}

fn row(repo: &Repository, commit: &HistoryCommit, judged: &CheckReport) -> ReplayRow {
    let rules: BTreeSet<Rule> =
        judged.findings.iter().filter(|f| refuses(f)).map(|finding| finding.rule).collect();
    ReplayRow {
        commit: commit.id.to_string(),
        time: commit.seconds,
        subject: repo.subject(commit.id).unwrap_or_default(),
        verdict: judged.verdict,
        rules: rules.into_iter().collect(),
        promotions: judged.promotions.len(),
        moves: judged.moves,
    }
}

fn render(context: &Context, workspace: &Workspace, report: &ReplayReport) -> String {
    let paint = workspace::paint(context, &workspace.repo);
    match context.format {
        Format::Table | Format::Wide => output::replay(report, paint, context.verbose),
        format => {
            let (value, table) = (output::replay_value(report), output::replay_table(report));
            output::machine(format, &value, "rows", &table)
        }
    }
}
