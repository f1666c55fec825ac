//! `git promote check`: what a change would let through, before it is merged.

pub mod ends;
pub(super) mod judge;
mod past;
mod publish;
mod replay;

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;

use crate::gate;
use crate::git::{self, Change, GitError, Repository};
use crate::model::Outcome;
use crate::output::{self, CiChoice, ReportKind};
use crate::report::{CheckReport, Verdict};
use crate::schedule::moment;

use super::{Answer, Context, Exit, Failure, Remark, workspace};

use ends::{Around, Ends, Pair, Update};
use judge::Options;

/// Judges a change before it is merged: was an environment skipped?
///
/// The change is BASE..HEAD. Left out, it is the pull request, merge request
/// or push that the CI system or the git hook tells of, else HEAD against its
/// upstream. The config is that of the base. Only git objects are read.
///
/// Exit code 0: proven that no environment is skipped. 3: refused, or not
/// proven. 7: with --online, all that is missing is an answer.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// Judge by the config of the head where the base has none
    #[arg(long)]
    adopt: bool,
    /// Ask forges, clusters and registries too, as the config of the base says;
    /// without it no connection is opened and no program is started
    #[arg(long)]
    online: bool,
    /// Write a report to a file: sarif, junit, codequality or markdown; may be
    /// given several times
    #[arg(long = "report", value_name = "KIND=FILE", value_parser = report_file)]
    reports: Vec<(ReportKind, PathBuf)>,
    /// Judge every first-parent commit of the past by the config of HEAD
    #[arg(long, value_name = "RANGE", conflicts_with_all = ["range", "base", "head", "staged", "pre_push", "pre_receive", "reports", "online"])]
    replay: Option<String>,
    /// Judge as if it were this time, such as 2026-11-20T10:00:00Z, or the
    /// beginning of this day (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<i64>,
    /// Which CI system to write annotations for
    #[arg(long, value_name = "SYSTEM", default_value = "auto")]
    ci: CiChoice,
    /// Exit with 0 whatever the verdict is, and say so
    #[arg(long)]
    exit_zero: bool,
}

/// Which change is judged.
#[derive(Debug, Clone, Default, Args)]
struct ChangeArgs {
    /// The change: two revisions with two or three dots between
    #[arg(value_name = "BASE..HEAD")]
    range: Option<String>,
    /// The tip of the branch that is merged into
    #[arg(long, value_name = "REVISION")]
    base: Option<String>,
    /// What is to be merged
    #[arg(long, value_name = "REVISION")]
    head: Option<String>,
    /// Judge what the index would commit on HEAD
    #[arg(long)]
    staged: bool,
    /// Judge what git's pre-push hook is told on standard input
    #[arg(long, group = "hook")]
    pre_push: bool,
    /// Judge what git's pre-receive hook is told on standard input
    #[arg(long, group = "hook")]
    pre_receive: bool,
    /// The branches that a hook judges; all that are named before, without it
    #[arg(long = "branch", value_name = "BRANCH", requires = "hook")]
    branches: Vec<String>,
}

fn report_file(text: &str) -> Result<(ReportKind, PathBuf), String> {
    let expected = "expected KIND=FILE with sarif, junit, codequality or markdown";
    let (kind, file) = text.split_once('=').ok_or(expected)?;
    let kind = <ReportKind as clap::ValueEnum>::from_str(kind, true).map_err(|_| expected)?;
    if file.is_empty() { Err(expected.to_owned()) } else { Ok((kind, PathBuf::from(file))) }
}

fn time(text: &str) -> Result<i64, String> {
    let expected = "expected a time such as 2026-11-20T10:00:00Z, or a day";
    moment(text).map(|(begins, _)| begins).ok_or_else(|| expected.to_owned())
}

/// Judges one change, or each of those that a hook is told of.
pub fn run(context: &Context, args: &CheckArgs) -> Result<Answer, Failure> {
    if let Some(range) = &args.replay {
        return replay::run(context, range);
    }
    let repo = Repository::open(&context.directory)?;
    let asked = ends::Asked {
        range: args.change.range.clone(),
        base: args.change.base.clone(),
        head: args.change.head.clone(),
        staged: args.change.staged,
        pre_push: args.change.pre_push,
        pre_receive: args.change.pre_receive,
        branches: args.change.branches.clone(),
    };
    let stdin = || {
        let mut input = Vec::new();
        std::io::stdin().lock().read_to_end(&mut input)?;
        Ok(input)
    };
    let found = ends::find(&repo, &asked, &Around { env: &env, stdin: &stdin })?;
    let checking = Checking { context, args, repo: &repo };
    checking.ends(&found)
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// An update of a ref that no verdict allows.
fn refused(name: &str, reason: &str) -> Answer {
    let remark = Remark::Error(format!("{name}: {reason}"));
    Answer { text: String::new(), remarks: vec![remark], exit: Exit::Refused }
}

struct Checking<'a> {
    context: &'a Context,
    args: &'a CheckArgs,
    repo: &'a Repository,
}

impl Checking<'_> {
    fn ends(&self, found: &Ends) -> Result<Answer, Failure> {
        let Ends::Updates(updates) = found else {
            let Some(change) = found.change(self.repo) else {
                return Ok(Answer::done(String::new()));
            };
            return match (found, change) {
                (Ends::Pair(pair), Err(error @ GitError::Missing { .. })) => {
                    self.answer(judge::absent(pair, error))
                }
                (_, change) => self.one(&change?),
            };
        };
        let mut answer = Answer::done(String::new());
        answer.remarks = ends::passed_over(updates).into_iter().map(Remark::Note).collect();
        let directories = git::object_directories(&|name| std::env::var_os(name));
        for update in updates {
            let one = match (update, update.change(self.repo, &directories)) {
                (Update::Refuse { name, reason }, _) => refused(name, reason),
                (_, Some(change)) => self.one(&change?)?,
                (_, None) => continue,
            };
            if let Update::Judge(Pair { branch: Some(branch), .. }) = update {
                answer.text.push_str(&format!("{}\n", output::clean(branch)));
            }
            answer.text.push_str(&one.text);
            answer.remarks.extend(one.remarks);
            if one.exit != Exit::Done {
                answer.exit = one.exit;
            }
        }
        Ok(answer)
    }

    fn one(&self, change: &Change) -> Result<Answer, Failure> {
        let now = self.args.at.unwrap_or(self.context.now);
        let options = Options { adopt: self.args.adopt, now, online: self.args.online };
        self.answer(judge::judge(self.repo, change, options)?)
    }

    fn answer(&self, mut report: CheckReport) -> Result<Answer, Failure> {
        report.exit_zero = self.args.exit_zero;
        for finding in &mut report.findings {
            let hint = finding.hint.take();
            finding.hint = hint.map(|hint| self.context.front.commands(&hint));
        }
        let people = matches!(self.context.format, output::Format::Table | output::Format::Wide);
        let published = publish::publish(self.args, &report, people)?;
        let exit = match report.verdict {
            Verdict::Pass => Exit::Done,
            Verdict::Deny | Verdict::Unverifiable if self.args.exit_zero => Exit::Done,
            Verdict::Deny | Verdict::Unverifiable => {
                gate::only_silence(&report.findings).map_or(Exit::Refused, Exit::of_silence)
            }
        };
        let text = self.render(&report) + &published;
        Ok(Answer { text, remarks: Vec::new(), exit })
    }

    fn render(&self, report: &CheckReport) -> String {
        let paint = workspace::paint(self.context, self.repo);
        match self.context.format {
            output::Format::Table | output::Format::Wide => {
                output::check(report, paint, self.context.verbose)
            }
            output::Format::Name => {
                let mut told = report.clone();
                told.findings.retain(|finding| finding.outcome != Outcome::Pass);
                output::check_table(&told).names()
            }
            format => {
                let (value, table) = (output::check_value(report), output::check_table(report));
                output::machine(format, &value, "findings", &table)
            }
        }
    }
}
