//! A promotion on top of what the remote has: nothing of the work tree, the
//! index or the commits that are not pushed takes part in it.
//!
//! Where somebody else pushes in the meantime, the same intent is planned again
//! on the new tip and judged again. It ends only where somebody set another
//! version for the same app.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use crate::gate::Approved;
use crate::git::{self, Expect, ObjectId, PushHow, Remote, RemoteError, Repository, Tip};
use crate::model::{AppId, Pin, Promotion};
use crate::report::{CommitLine, Ending, PromotionReport};

use super::super::{Exit, Failure, Remark, Workspace};
use super::ending::{End, Outcome};
use super::message::Letter;
use super::{Asked, Promoting, Way, is_address};

/// How often a promotion is planned again on a new tip.
const TRIES: u32 = 40;
/// The longest pause before it is.
const LONGEST: Duration = Duration::from_millis(1_500);

/// Where a promotion is to go.
pub(super) struct Destination {
    pub(super) remote: Remote,
    /// The base branch as it was when the promotion was planned.
    pub(super) base: Tip,
}

impl Asked<'_> {
    /// Plans, judges and delivers on the tip of the base branch.
    pub(super) fn aside(&self, repo: &Repository, way: Way) -> Result<Outcome, Failure> {
        let name = std::env::var("GIT_PROMOTE_REMOTE").ok().filter(|name| !name.is_empty());
        let named = self.args.remote.as_deref().filter(|remote| !is_address(remote));
        let remote = repo.remote(named.or(name.as_deref()))?;
        let repo = repo.clone().with_promised_files(&remote.name);
        let first: RefCell<Option<Before>> = RefCell::default();
        LostRace::default().until(|| {
            let base = remote_tip(&repo, &remote, self.args.base.as_deref())?;
            let workspace = Workspace::at(self.context, &repo, &base)?;
            let destination = Destination { remote: remote.clone(), base };
            let request = self.request(&workspace)?;
            let promoting = Promoting {
                context: self.context,
                workspace: &workspace,
                args: self.args,
                request,
            };
            let carry = |promoting: &Promoting<'_>,
                         approved: &Approved,
                         report: &mut PromotionReport| {
                let mut first = first.borrow_mut();
                first.get_or_insert_with(|| Before::of(&report.promotions)).agree(report)?;
                match way {
                    Way::Pr => super::request::deliver(promoting, (approved, &destination), report),
                    _ => push(promoting, (approved, &destination), report),
                }
            };
            promoting.run(&carry)
        })
    }
}

/// Tries the same again as long as somebody else is quicker.
#[derive(Debug, Default)]
pub(in super::super) struct LostRace(Option<Failure>);

impl LostRace {
    /// What the first try gives that does not lose; the last failure where all do.
    pub(in super::super) fn until<T>(
        mut self,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        for tried in 0..TRIES {
            if tried > 0 {
                std::thread::sleep(pause(tried));
            }
            match attempt() {
                Err(failure) if failure.lost_race => self.0 = Some(failure),
                other => return other,
            }
        }
        Err(self.0.unwrap_or_else(|| Failure::new(Exit::Bug, "nothing was tried")))
    }
}

/// The tip of the base branch, fetched; the branch is the remote's default one
/// where none is named.
pub(in super::super) fn remote_tip(
    repo: &Repository,
    remote: &Remote,
    base: Option<&str>,
) -> Result<Tip, Failure> {
    let wanted: Vec<&str> = base.into_iter().collect();
    let listing = repo.list_remote(&remote.name, &wanted)?;
    let Some(branch) = base.map(str::to_owned).or_else(|| listing.head.clone()) else {
        return Err(Failure::not_found(format!(
            "{} does not say which branch is its default",
            remote.name
        ))
        .hint("--base main names the branch that environments are deployed from"));
    };
    let Some(id) = listing.tip(&branch) else {
        let message = format!("{} has no branch `{branch}`", remote.name);
        return Err(Failure::not_found(message).hint(format!("git ls-remote {}", remote.name)));
    };
    Ok(repo.fetch(remote, &Tip { branch, id })?)
}

/// A pause that differs from process to process, so that those who lost a race
/// do not meet again.
fn pause(attempt: u32) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let most = LONGEST.min(Duration::from_millis(60) * (attempt + 1));
    most.mul_f64(f64::from(u32::try_from(random % 1_000).unwrap_or(500)) / 1_000.0)
}

/// What the target held when the promotion was planned first.
pub(super) struct Before(BTreeMap<(AppId, String), Pin>);

impl Before {
    pub(super) fn of(promotions: &[Promotion]) -> Self {
        let one = |p: &Promotion| ((p.app.clone(), p.image.clone()), p.previous.clone());
        Self(promotions.iter().map(one).collect())
    }

    /// Refuses where somebody else set another version in the meantime.
    pub(super) fn agree(&self, report: &PromotionReport) -> Result<(), Failure> {
        let other = report.promotions.iter().find(|promotion| {
            let key = (promotion.app.clone(), promotion.image.clone());
            self.0.get(&key).is_some_and(|before| *before != promotion.previous)
        });
        let Some(promotion) = other else { return Ok(()) };
        Err(Failure::new(
            Exit::Conflict,
            format!(
                "somebody set {} of {} to {} in the meantime; nothing was changed",
                promotion.app, promotion.to, promotion.previous
            ),
        )
        .hint(format!("git promote status {}", promotion.app.word())))
    }
}

/// A lost race is told from other failures, to be tried again.
pub(in super::super) fn raced(error: RemoteError) -> Failure {
    let lost_race = matches!(error, RemoteError::Lost { .. });
    Failure { lost_race, ..Failure::from(error) }
}

/// Commits on top of the base branch and pushes it.
fn push(
    promoting: &Promoting<'_>,
    (approved, destination): (&Approved, &Destination),
    report: &mut PromotionReport,
) -> Result<End, Failure> {
    let Promoting { workspace, args, .. } = promoting;
    let letter = promoting.letter(report)?;
    let commit = made(workspace, &letter, approved, report)?;
    let Destination { remote, base } = destination;
    let pushed = (base.branch.as_str(), commit);
    let how = PushHow { expect: Expect::Ancestor, verify: !args.no_verify, options: &[] };
    workspace.repo.push(&remote.push_name, pushed, how).map_err(raced)?;
    report.ending = Ending::Pushed;
    report.remote = Some(remote.pushed_to());
    Ok(End { remarks: follow(workspace, base, commit), exit: Exit::Done })
}

/// The commit of a plan, which no branch points at yet.
pub(super) fn made(
    workspace: &Workspace,
    letter: &Letter,
    approved: &Approved,
    report: &mut PromotionReport,
) -> Result<ObjectId, Failure> {
    let commit = git::build(&workspace.repo, &letter.request(workspace, approved))?;
    let subject = workspace.repo.subject(commit)?;
    report.commit = Some(CommitLine { id: commit.to_string(), subject });
    Ok(commit)
}

/// Brings the local branch along, where that overwrites nothing; what is said
/// where it stays behind.
pub(in super::super) fn follow(workspace: &Workspace, base: &Tip, commit: ObjectId) -> Vec<Remark> {
    match workspace.repo.fast_forward(&base.branch, commit) {
        Ok(None | Some(true)) => Vec::new(),
        Ok(Some(false)) | Err(_) => vec![
            Remark::Note(format!("`{}` here stays where it was", base.branch)),
            Remark::Hint("git pull --rebase".to_owned()),
        ],
    }
}
