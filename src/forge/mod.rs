//! Forges: pull requests, who is asked, merges, and the state of commits.
//!
//! Shell code: it does I/O and holds no policy. One small trait with a client
//! for each kind of forge; all of them speak through `http`, which holds what
//! is the same everywhere: deadlines, limits, where a token may go, and what an
//! answer means. Async stays inside.

mod azure;
mod bitbucket;
mod common;
mod ensure;
mod error;
mod gitea;
mod github;
mod gitlab;
mod http;
mod meaning;
mod place;
mod sources;
mod standing;
mod token;
mod versions;

pub use ensure::{Ensured, ensure};
pub use error::ForgeError;
pub use gitlab::{PushOptions, push_options};
pub use http::Limits;
pub use place::{Place, Told};
pub use sources::{Ask, Sources, find as find_token, missing as missing_token, run as ask_program};
pub use standing::{Review, Standing};
pub use token::{Form, Token};
pub use versions::compare_versions;

use std::fmt;

use crate::model::{ForgeKind, MergeMethod, Reviewer};

/// A pull request (a merge request) that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// The branch that holds the change, short. It was pushed before.
    pub head: String,
    /// The branch that it shall be merged into, short.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Whether it is not to be merged yet.
    pub draft: bool,
    /// Labels that it shall have.
    pub labels: Vec<String>,
    /// Who shall look at it.
    pub reviewers: Vec<Reviewer>,
    /// The milestone, by its title.
    pub milestone: Option<String>,
}

/// A pull request as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Its number, as people write it.
    pub number: u64,
    /// The id that the forge's own interface asks for, where that is another.
    pub id: String,
    /// Where a person sees it.
    pub url: String,
    /// The branch that holds the change, short.
    pub head: String,
    /// The commit that the forge knows as its tip, or its first digits; empty
    /// where it does not say.
    pub tip: String,
    /// The branch that it shall be merged into, short.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Whether it is not to be merged yet.
    pub draft: bool,
    /// Whether the forge merges it by itself once it may.
    pub auto_merge: bool,
}

/// The state of a check of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckState {
    /// It is well.
    Success,
    /// It is not known yet.
    Pending,
    /// It is not well.
    Failure,
}

/// A commit status or a check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name: the context of a status, the name of a check run.
    pub context: String,
    /// Its newest state.
    pub state: CheckState,
    /// What it says, one line; may be empty.
    pub description: String,
    /// When it was last changed, seconds since the epoch; 0 where unknown.
    pub updated: i64,
    /// Where a person sees more; may be empty.
    pub url: String,
}

/// What is asked of a forge. Each verb is one step that is safe to repeat;
/// what belongs together is put together in [`ensure`].
pub trait Forge: fmt::Debug {
    /// Its name for people: `GitHub`.
    fn name(&self) -> &'static str;

    /// The open requests of a branch of ours, whatever they shall be merged
    /// into.
    fn find(&self, head: &str) -> Result<Vec<Request>, ForgeError>;

    /// All open requests of branches of ours: a fork may have branches of the same
    /// names, and texts that look like ours.
    fn open_requests(&self) -> Result<Vec<Request>, ForgeError>;

    /// Opens a request: branches, title, body, draft. Never tried twice by
    /// itself; [`ForgeError::is_ambiguous`] says whether it may be there.
    fn create(&self, draft: &Draft) -> Result<Request, ForgeError>;

    /// Brings title, body and draft of an open request up to date.
    fn update(&self, request: &Request, draft: &Draft) -> Result<Request, ForgeError>;

    /// Adds the labels, asks the reviewers, sets the milestone. What is there
    /// already stays.
    fn decorate(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError>;

    /// Says something under a request.
    fn comment(&self, request: &Request, text: &str) -> Result<(), ForgeError>;

    /// Closes a request without merging it. The branch stays.
    fn close(&self, request: &Request) -> Result<(), ForgeError>;

    /// Whether [`Request::auto_merge`] says how it is; else it is always `false`.
    fn tells_auto_merge(&self) -> bool {
        true
    }

    /// Lets the forge merge a request once it may, or takes that back. Never
    /// merges at once: where the forge can only do that, it is an error.
    fn set_auto_merge(
        &self,
        request: &Request,
        merge: Option<MergeMethod>,
    ) -> Result<(), ForgeError>;

    /// How a request stands with people and with its base.
    fn standing(&self, request: &Request) -> Result<Standing, ForgeError>;

    /// The whole name of the commit that a request has as its tip, where
    /// [`Request::tip`] is its first digits alone.
    fn whole_tip(&self, request: &Request) -> Result<String, ForgeError> {
        Ok(request.tip.clone())
    }

    /// Whether a review is by the person that a config calls so.
    fn is_by(&self, review: &Review, name: &str) -> Result<bool, ForgeError> {
        let mut names = std::iter::once(&review.person).chain(&review.ids);
        Ok(names.any(|known| known.eq_ignore_ascii_case(name)))
    }

    /// Whether a person is in a team.
    fn is_member(&self, team: (&str, &str), person: &str) -> Result<bool, ForgeError> {
        let (organization, name) = team;
        let message = format!("whether {person} is in @{organization}/{name} is not asked there");
        Err(ForgeError::Unsupported { forge: self.name().to_owned(), message })
    }

    /// The statuses and check runs of a commit, the newest of each name.
    fn checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError>;

    /// Every state that the statuses and check runs of a commit had; the newest
    /// ones alone where the forge does not keep the others
    /// ([`keeps_states`](Self::keeps_states)).
    fn all_checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError>;

    /// Whether a state is still known after a newer one of the same name.
    fn keeps_states(&self) -> bool {
        true
    }
}

/// The client of the forge of a repository.
pub fn connect(place: &Place, token: &Token, limits: Limits) -> Result<Box<dyn Forge>, ForgeError> {
    Ok(match place.kind {
        ForgeKind::GitHub => Box::new(github::GitHub::new(place, token, limits)?),
        ForgeKind::GitLab => Box::new(gitlab::GitLab::new(place, token, limits)?),
        ForgeKind::Gitea => Box::new(gitea::Gitea::new(place, token, limits)?),
        ForgeKind::Azure => Box::new(azure::Azure::new(place, token, limits)?),
        ForgeKind::Bitbucket => Box::new(bitbucket::Bitbucket::new(place, token, limits)?),
        ForgeKind::None => {
            return Err(ForgeError::Config("there is no forge to speak to".to_owned()));
        }
    })
}
