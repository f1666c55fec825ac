//! The approvals of a change: those that a request will ask for, or those that
//! the open one has.

use crate::forge::{Forge, ForgeError, Request, Review, Standing};
use crate::gate::{Approval, Given, Silence};
use crate::git::{ObjectId, Repository};
use crate::model::{Cause, Reviewer};

use super::super::Failure;
use super::asker::Asker;

/// What becomes of the change that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fate {
    /// A request is opened for it, or brought up to date.
    Request,
    /// It is pushed to the base branch.
    Push,
    /// It is committed here, or only written.
    Local,
    /// Somebody wants this commit to be merged.
    Foreign(ObjectId),
}

impl Asker<'_> {
    /// What is known of the approvals for an environment with these reviewers.
    pub(super) fn approval(&self, fate: Fate, reviewers: &[Reviewer]) -> Result<Approval, Failure> {
        let head = match fate {
            Fate::Request => return Ok(Approval::Requested),
            Fate::Push => return Ok(Approval::Pushed),
            Fate::Local => return Ok(Approval::Local),
            Fate::Foreign(head) => head,
        };
        let forge = match self.forge() {
            Ok(forge) => forge,
            Err(failure) => return Ok(Approval::Silent(failure.silence())),
        };
        let heads = heads(self.ground.repo, head)?;
        let asked = given(forge, &heads, reviewers);
        Ok(match asked {
            Ok(Some(given)) => Approval::Given(Box::new(given)),
            Ok(None) => Approval::Silent(no_request(forge, head)),
            Err(error) => Approval::Silent(Failure::from(error).silence()),
        })
    }
}

fn no_request(forge: &dyn Forge, head: ObjectId) -> Silence {
    let id = head.to_string();
    Silence {
        message: format!(
            "{} has no open request of a branch of this repository whose head is {}",
            forge.name(),
            crate::gate::short_id(&id)
        ),
        hint: None,
        cause: Cause::Passing,
    }
}

/// The commits that a request may have as its head: what is judged may be the
/// merge of it.
fn heads(repo: &Repository, head: ObjectId) -> Result<Vec<String>, Failure> {
    let Some(commit) = repo.commit_of(head)? else { return Ok(Vec::new()) };
    let parents = repo.parents(commit)?;
    let merged = if parents.len() > 1 { parents.into_iter().skip(1).collect() } else { Vec::new() };
    Ok(std::iter::once(commit).chain(merged).map(|id| id.to_string()).collect())
}

fn given(
    forge: &dyn Forge,
    heads: &[String],
    reviewers: &[Reviewer],
) -> Result<Option<Given>, ForgeError> {
    let open = forge.open_requests()?;
    // Of several of one head each has to be approved: the first that has least.
    let is_like = |tip: &str| !tip.is_empty() && heads.iter().any(|head| head.starts_with(tip));
    let mut least: Option<Given> = None;
    for request in open.iter().filter(|request| is_like(&request.tip)) {
        if !heads.contains(&forge.whole_tip(request)?) {
            continue;
        }
        let standing = forge.standing(request)?;
        let one = sorted(forge, (request, &standing), reviewers)?;
        if least.as_ref().is_none_or(|least| one.good.len() < least.good.len()) {
            least = Some(one);
        }
    }
    Ok(least)
}

/// Whose word counts, and why that of the others does not.
pub(in super::super) fn sorted(
    forge: &dyn Forge,
    (request, standing): (&Request, &Standing),
    reviewers: &[Reviewer],
) -> Result<Given, ForgeError> {
    let mut given = Given {
        request: format!("#{}", request.number),
        forge: forge.name().to_owned(),
        ..Given::default()
    };
    for review in &standing.reviews {
        let person = review.person.clone();
        let counts = reviewers.is_empty() || is_among(forge, reviewers, review, &mut given)?;
        let list = match (review.approves, counts, review.current) {
            (false, _, _) => &mut given.against,
            (true, false, _) => &mut given.others,
            (true, true, Some(true)) => &mut given.good,
            (true, true, Some(false)) => &mut given.stale,
            (true, true, None) => &mut given.undated,
        };
        list.push(person);
    }
    Ok(given)
}

fn is_among(
    forge: &dyn Forge,
    reviewers: &[Reviewer],
    review: &Review,
    given: &mut Given,
) -> Result<bool, ForgeError> {
    let person = &review.person;
    for reviewer in reviewers {
        let (is, what) = match reviewer {
            Reviewer::Person(name) => (forge.is_by(review, name), "is"),
            Reviewer::Team { organization, name } => {
                (forge.is_member((organization, name), person), "is in")
            }
        };
        match is {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) if error.is_passing() => return Err(error),
            // What it does not tell does not count, and is named.
            Err(error) => {
                let why = format!("whether {person} {what} {reviewer} is not told: {error}");
                given.untold.push(why);
            }
        }
    }
    Ok(false)
}
