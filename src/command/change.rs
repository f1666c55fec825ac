//! A change that is no promotion on its way: a commit, files of the work tree, a
//! push or a pull request.

use std::time::Duration;

use crate::diff;
use crate::forge::{self, Draft, ForgeError, Place, PushOptions};
use crate::git::{
    self, CommitOptions, CommitRequest, Expect, ObjectId, PushHow, Remote, Repository, Tip,
};
use crate::model::{EnvironmentName, FileChange, ForgeKind};
use crate::report::{CommitLine, Delivered, Ending, RequestLine};

use super::promote::{self, CommonArgs, End, LostRace, Way};
use super::{Context, Exit, Failure, Remark, Workspace, forges, leftovers};

/// The pause before a request is looked for that may have been opened.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be done.
pub(super) struct Change {
    pub(super) files: Vec<FileChange>,
    pub(super) remarks: Vec<Remark>,
    pub(super) subject: String,
    /// What the message says below the subject, a line each.
    pub(super) lines: Vec<String>,
    pub(super) trailers: Vec<(&'static str, String)>,
    /// The branch of a pull request.
    pub(super) branch: String,
}

/// What a change was about, and what became of it.
pub(super) struct Performed<T> {
    pub(super) about: T,
    pub(super) delivered: Delivered,
    pub(super) remarks: Vec<Remark>,
    pub(super) exit: Exit,
}

/// Plans in a repository.
pub(super) type Plan<'p, T> = &'p dyn Fn(&Workspace) -> Result<(Change, T), Failure>;

/// How a change is delivered.
#[derive(Clone, Copy)]
pub(super) struct Delivering<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a CommonArgs,
    /// Whose way of delivery counts where no flag names one.
    pub(super) to: &'a dyn Fn(&Workspace) -> Option<EnvironmentName>,
}

impl Delivering<'_> {
    /// Plans and delivers.
    pub(super) fn perform<T>(&self, plan: Plan<'_, T>) -> Result<Performed<T>, Failure> {
        let here = Workspace::open(self.context)?;
        let remarks = leftovers::settle(&here.repo, self.args.dry_run)?;
        let mut performed = self.deliver(&here, plan)?;
        performed.remarks.splice(0..0, remarks);
        Ok(performed)
    }

    fn deliver<T>(&self, here: &Workspace, plan: Plan<'_, T>) -> Result<Performed<T>, Failure> {
        let way = Way::flagged(self.args).unwrap_or_else(|| {
            let to = (self.to)(here).unwrap_or_else(|| EnvironmentName::new(""));
            Way::of(self.args, &here.config, &to)
        });
        if !way.is_aside() {
            if self.args.remote.is_some() || self.args.base.is_some() {
                return Err(Failure::usage("--remote and --base are for --push and --pr")
                    .hint(format!("{} ... --pr", self.context.front.name())));
            }
            return LostRace::default().until(|| {
                let here = Workspace::of(self.context, here.repo.clone())?;
                self.run((&here, plan(&here)?), &|step, went| self.local(step, went))
            });
        }
        let name = std::env::var("GIT_PROMOTE_REMOTE").ok().filter(|name| !name.is_empty());
        let remote = here.repo.remote(self.args.remote.as_deref().or(name.as_deref()))?;
        let repo = here.repo.clone().with_promised_files(&remote.name);
        LostRace::default().until(|| self.aside((&repo, &remote), way, plan))
    }

    /// On top of what the remote has.
    fn aside<T>(
        &self,
        (repo, remote): (&Repository, &Remote),
        way: Way,
        plan: Plan<'_, T>,
    ) -> Result<Performed<T>, Failure> {
        let base = promote::remote_tip(repo, remote, self.args.base.as_deref())?;
        let workspace = Workspace::at(self.context, repo, &base)?;
        let planned = plan(&workspace)?;
        self.run((&workspace, planned), &|step, went| match way {
            Way::Pr => Request { step, remote, base: &base }.deliver(went),
            _ => push(step, (remote, &base), went),
        })
    }

    /// What is the same whichever way it goes.
    fn run<T>(
        &self,
        (workspace, (change, about)): (&Workspace, (Change, T)),
        carry: &dyn Fn(&Step<'_>, &mut Delivered) -> Result<End, Failure>,
    ) -> Result<Performed<T>, Failure> {
        let mut delivered = Delivered {
            dry_run: self.args.dry_run,
            edits: change.files.iter().flat_map(|file| file.edits.clone()).collect(),
            unified: self.args.diff.then(|| diff::unified(&change.files)),
            ..Delivered::nothing(workspace.branch.clone())
        };
        let mut remarks = workspace.config_notes();
        remarks.extend(change.remarks.iter().cloned());
        if change.files.is_empty() {
            return Ok(Performed { about, delivered, remarks, exit: Exit::Done });
        }
        let text = promote::message_text(self.context, self.args)?;
        let message = message(&change, text.as_deref());
        let options = promote::options(self.args)?;
        let step = Step { workspace, planned: &change, message, options };
        let End { remarks: more, exit } = if self.args.dry_run {
            step.rehearse((self.args.worktree, self.args.stage))?;
            delivered.ending = Ending::Planned;
            End::quiet(if self.args.exit_code { Exit::Differs } else { Exit::Done })
        } else {
            carry(&step, &mut delivered)?
        };
        remarks.extend(more);
        Ok(Performed { about, delivered, remarks, exit })
    }

    /// A commit on the current branch, or files of the work tree.
    fn local(&self, step: &Step<'_>, report: &mut Delivered) -> Result<End, Failure> {
        let Step { workspace, planned, .. } = step;
        if self.args.worktree {
            let files = &planned.files;
            let mut remarks = Vec::new();
            if git::apply_to_worktree(&workspace.repo, files, self.args.stage)? {
                report.ending = Ending::Edited;
            } else {
                remarks.push(Remark::Note(promote::THERE_ALREADY.to_owned()));
            }
            let hint = if self.args.stage { "git commit" } else { "git status" };
            remarks.push(Remark::Hint(hint.to_owned()));
            return Ok(End { remarks, exit: Exit::Done });
        }
        let committed = git::commit(&workspace.repo, &step.request())?;
        report.ending = Ending::Committed;
        let subject = workspace.repo.subject(committed.id);
        let subject = subject.unwrap_or_else(|_| planned.subject.clone());
        report.commit = Some(CommitLine { id: committed.id.to_string(), subject });
        Ok(promote::done(self.context, workspace, &committed))
    }
}

/// Subject or the user's text, what it is about, and the trailers.
fn message(planned: &Change, text: Option<&str>) -> String {
    let lines: Vec<String> = planned.lines.iter().map(|line| one_line(line)).collect();
    let head = match text {
        Some(text) => text.trim_end().to_owned(),
        None if lines.is_empty() => one_line(&planned.subject),
        None => format!("{}\n\n{}", one_line(&planned.subject), lines.join("\n")),
    };
    let trailers: Vec<String> = planned
        .trailers
        .iter()
        .map(|(key, value)| format!("{key}: {}\n", one_line(value)))
        .collect();
    format!("{head}\n\n{}", trailers.concat())
}

/// A name of the repository must not begin a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A plan in its repository, with all that a commit needs.
struct Step<'a> {
    workspace: &'a Workspace,
    planned: &'a Change,
    message: String,
    options: CommitOptions,
}

impl Step<'_> {
    fn request(&self) -> CommitRequest<'_> {
        CommitRequest {
            changes: &self.planned.files,
            base: self.workspace.base,
            message: self.message.clone(),
            options: &self.options,
        }
    }

    fn rehearse(&self, (worktree, stage): (bool, bool)) -> Result<(), Failure> {
        let Self { workspace, planned, .. } = self;
        match (workspace.local, worktree) {
            (false, _) => Ok(()),
            (true, true) => Ok(git::rehearse_in_worktree(&workspace.repo, &planned.files, stage)?),
            (true, false) => Ok(git::rehearse(&workspace.repo, &self.request())?),
        }
    }

    /// The commit, which no branch points at yet.
    fn made(&self, report: &mut Delivered) -> Result<ObjectId, Failure> {
        let repo = &self.workspace.repo;
        let commit = git::build(repo, &self.request())?;
        let subject = repo.subject(commit)?;
        report.commit = Some(CommitLine { id: commit.to_string(), subject });
        Ok(commit)
    }
}

/// Commits on top of the base branch and pushes it.
fn push(
    step: &Step<'_>,
    (remote, base): (&Remote, &Tip),
    report: &mut Delivered,
) -> Result<End, Failure> {
    let commit = step.made(report)?;
    let verify = !step.options.no_verify;
    let how = PushHow { expect: Expect::Ancestor, verify, options: &[] };
    let repo = &step.workspace.repo;
    repo.push(&remote.push_name, (&base.branch, commit), how).map_err(promote::raced)?;
    report.ending = Ending::Pushed;
    Ok(End { remarks: promote::follow(step.workspace, base, commit), exit: Exit::Done })
}

/// The same as a pull request.
struct Request<'a> {
    step: &'a Step<'a>,
    remote: &'a Remote,
    base: &'a Tip,
}

impl Request<'_> {
    fn deliver(&self, report: &mut Delivered) -> Result<End, Failure> {
        report.branch = Some(self.step.planned.branch.clone());
        let workspace = self.step.workspace;
        let place = forges::place(&workspace.config, &self.remote.push_url)?;
        let connect = |place| forges::connect(&workspace.repo, place);
        let forge = place.as_ref().map_or(Ok(None), connect)?;
        match (&place, forge) {
            (Some(place), Some(forge)) => {
                let open = forge.find(&self.step.planned.branch)?;
                let body = open.into_iter().next().map(|request| request.body);
                self.push(report, &[])?;
                report.ending = Ending::Pushed;
                let ensured = match forge::ensure(forge.as_ref(), &self.draft(body), PAUSE) {
                    Ok(ensured) => ensured,
                    Err(error) => return Ok(self.unfinished(place, &error)),
                };
                report.ending = Ending::Requested;
                report.request = Some(RequestLine {
                    number: ensured.request.number,
                    url: ensured.request.url,
                    opened: ensured.created,
                    auto_merge: ensured.request.auto_merge,
                });
                let told = |error| Remark::Warning(format!("the request is open, but {error}"));
                let remarks: Vec<Remark> = ensured.problems.into_iter().map(told).collect();
                let exit = if remarks.is_empty() { Exit::Done } else { Exit::Partly };
                Ok(End { remarks, exit })
            }
            (Some(place), None) => {
                let PushOptions { options, left_out } = match place.kind {
                    ForgeKind::GitLab => forge::push_options(&self.draft(None), None),
                    _ => PushOptions::default(),
                };
                self.push(report, &options)?;
                report.ending = Ending::Pushed;
                let url = place.compare_url(&self.base.branch, &self.step.planned.branch);
                let mut remarks =
                    vec![Remark::Note(format!("there is no token for {}", place.host))];
                let without = |what| Remark::Note(format!("left out without one: {what}"));
                remarks.extend(left_out.into_iter().map(without));
                remarks.push(Remark::Hint(url));
                Ok(End { remarks, exit: Exit::Done })
            }
            (None, _) => {
                self.push(report, &[])?;
                report.ending = Ending::Pushed;
                Ok(End { remarks: Vec::new(), exit: Exit::Done })
            }
        }
    }

    /// The branch is pushed, and the forge did not open the request.
    fn unfinished(&self, place: &Place, error: &ForgeError) -> End {
        let branch = &self.step.planned.branch;
        let message = format!("the branch is pushed, but there is no request: {error}");
        let url = place.compare_url(&self.base.branch, branch);
        End { remarks: vec![Remark::Error(message), Remark::Hint(url)], exit: Exit::Partly }
    }

    /// The request; what people wrote into one that is open stays.
    fn draft(&self, body: Option<String>) -> Draft {
        let Step { workspace, planned, message, .. } = self.step;
        let said = message.split_once("\n\n").map_or(message.as_str(), |(_, rest)| rest);
        let settings = &workspace.config.delivery.pull_request;
        Draft {
            head: planned.branch.clone(),
            base: self.base.branch.clone(),
            title: planned.subject.clone(),
            body: body.unwrap_or_else(|| format!("```text\n{}\n```\n", said.trim_end())),
            draft: settings.draft,
            labels: Vec::new(),
            reviewers: Vec::new(),
            milestone: settings.milestone.clone(),
        }
    }

    /// Puts the commit on the branch, unless it holds the same already.
    fn push(&self, report: &mut Delivered, options: &[String]) -> Result<(), Failure> {
        let Self { step, remote, base } = self;
        let (repo, branch) = (&step.workspace.repo, step.planned.branch.as_str());
        let there = repo.list_remote(&remote.push_name, &[branch])?.tip(branch);
        let commit = step.made(report)?;
        if let Some(id) = there {
            let tip = repo.fetch(remote, &Tip { branch: branch.to_owned(), id })?;
            let same = repo.snapshot(tip.id)?.tree() == repo.snapshot(commit)?.tree();
            if same && repo.parents(tip.id)? == [base.id] {
                let subject = repo.subject(tip.id)?;
                report.commit = Some(CommitLine { id: tip.id.to_string(), subject });
                return Ok(());
            }
        }
        let verify = !step.options.no_verify;
        let how = PushHow { expect: Expect::Exactly(there), verify, options };
        repo.push(&remote.push_name, (branch, commit), how).map_err(promote::raced)
    }
}
