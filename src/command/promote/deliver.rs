//! The effects: a commit on the current branch, or files in the work tree.

use crate::discover::{Cell, CellKey, Inventory};
use crate::gate::Approved;
use crate::git::{self, Committed, Held, Unfinished};
use crate::model::Promotion;
use crate::report::{CommitLine, Ending, PromotionReport};

use super::super::evidence::{Ground, at_commit};
use super::super::{Context, Exit, Failure, Remark, Workspace};
use super::Promoting;
use super::args::CommonArgs;
use super::ending::End;
use super::way::Way;

/// Carries an approved plan out here: a commit on the current branch, or files
/// of the work tree. Where somebody else was quicker before, the right to
/// commit is `held` since before it was planned.
pub(super) fn deliver(
    promoting: &Promoting<'_>,
    approved: &Approved,
    report: &mut PromotionReport,
    held: Option<Held>,
) -> Result<End, Failure> {
    let Promoting { workspace, args, .. } = promoting;
    if args.worktree {
        drop(held);
        let files = &approved.plan().files;
        if git::apply_to_worktree(&workspace.repo, files, args.stage)? {
            report.ending = Ending::Edited;
            return Ok(edited(args));
        }
        let mut end = edited(args);
        end.remarks.insert(0, Remark::Note(THERE_ALREADY.to_owned()));
        return Ok(end);
    }
    let letter = promoting.letter(report)?;
    let request = letter.request(workspace, approved);
    let committed = match held {
        Some(held) => held.commit(&workspace.repo, &request)?,
        None => git::commit(&workspace.repo, &request)?,
    };
    report.ending = Ending::Committed;
    // As it was committed: the editor or a hook may have changed it.
    let subject = workspace.repo.subject(committed.id);
    let subject = subject.unwrap_or_else(|_| letter.record.subject());
    report.commit = Some(CommitLine { id: committed.id.to_string(), subject });
    Ok(done(promoting.context, workspace, &committed))
}

impl Promoting<'_> {
    /// What is said where a commit here is on no branch.
    pub(super) fn detached(&self) -> Option<&'static str> {
        let Promoting { workspace, args, .. } = self;
        let here = workspace.local && workspace.branch.is_none();
        let commits = Way::of(args, &workspace.config, &self.request.to) == Way::Commit;
        (here && commits).then_some(DETACHED)
    }
}

/// What is said before a commit on no branch.
pub(in super::super) const DETACHED: &str =
    "HEAD is detached: no branch has the commit, and `git switch -c NAME` makes one";

/// Whether the plan could be carried out now; what a dry run says of it.
pub(super) fn rehearse(
    promoting: &Promoting<'_>,
    approved: &Approved,
    report: &PromotionReport,
) -> Result<(), Failure> {
    let Promoting { workspace, args, .. } = promoting;
    let letter = promoting.letter(report)?;
    if !workspace.local {
        return Ok(());
    }
    if args.worktree {
        return Ok(git::rehearse_in_worktree(&workspace.repo, &approved.plan().files, args.stage)?);
    }
    Ok(git::rehearse(&workspace.repo, &letter.request(workspace, approved))?)
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

/// What is said where `--worktree` finds its own work.
pub(in super::super) const THERE_ALREADY: &str = "the files hold it already; nothing was written";

fn edited(args: &CommonArgs) -> End {
    let hint = if args.stage { "git commit" } else { "git diff" };
    End { remarks: vec![Remark::Hint(hint.to_owned())], exit: Exit::Done }
}

/// What is said after the commit: what hooks said, what is unfinished, and
/// where the branch stands.
pub(in super::super) fn done(
    context: &Context,
    workspace: &Workspace,
    committed: &Committed,
) -> End {
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
    }
    remarks.extend(committed.unfinished.first().map(|it| Remark::Hint(it.command().to_owned())));
    End { remarks, exit: Exit::Partly }
}

fn told(unfinished: &Unfinished) -> String {
    match unfinished {
        Unfinished::File { path, message, .. } => {
            format!("{path} was not brought along: {message}")
        }
        Unfinished::Index { message, .. } => format!("the index was not brought along: {message}"),
        Unfinished::Locked => "a lock of HEAD or of the branch stays".to_owned(),
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
