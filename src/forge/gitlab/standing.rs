//! How a merge request stands, and who is in a group.

use jiff::Timestamp;
use serde::Deserialize;

use super::{GitLab, PAGE, shown};
use crate::forge::place::encoded;
use crate::forge::standing::{Person, Standing, Word};
use crate::forge::{ForgeError, Request};

/// A person.
#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

/// A merge request, as far as it tells how it stands.
#[derive(Debug, Deserialize)]
struct Now {
    author: User,
    sha: Option<String>,
    #[serde(default)]
    has_conflicts: bool,
    merge_status: Option<String>,
}

impl Now {
    /// `has_conflicts` is `false` too where nobody has looked yet.
    fn conflicts(&self) -> Option<bool> {
        let known = self.merge_status.as_deref() == Some("can_be_merged");
        (self.has_conflicts || known).then_some(self.has_conflicts)
    }
}

#[derive(Debug, Deserialize)]
struct Approvals {
    approved_by: Vec<Approval>,
}

#[derive(Debug, Deserialize)]
struct Approval {
    user: User,
    /// Since GitLab 18.
    approved_at: Option<String>,
}

/// Somebody who was asked to look. The state of the same name in the merge
/// request is that of the account.
#[derive(Debug, Deserialize)]
struct Reviewer {
    user: User,
    state: String,
}

/// What was on the branch after a push.
#[derive(Debug, Deserialize)]
struct Version {
    id: u64,
    head_commit_sha: String,
    created_at: String,
}

#[derive(Debug, Deserialize)]
struct Member {
    username: String,
    /// Of the account.
    state: String,
    /// Whether the group has let them in already, where that is asked.
    membership_state: Option<String>,
}

pub(super) fn of(gitlab: &GitLab, request: &Request) -> Result<Standing, ForgeError> {
    let path = |below: &str| gitlab.path(request, below);
    let about = |what: &str| {
        let what = format!("{what}{}", shown(request));
        move |error: ForgeError| error.about(&what)
    };
    let now: Now = gitlab.http.get(&path(""), &[]).map_err(about(""))?;
    let approvals = gitlab.http.get(&path("/approvals"), &[]);
    let approvals: Approvals = approvals.map_err(about("the approvals of "))?;
    let reviewers = match gitlab.http.pages::<Reviewer>(&path("/reviewers"), &[PAGE]) {
        // GitLab before 15.3, where nobody could ask for changes.
        Err(ForgeError::NotFound { .. }) => Vec::new(),
        known => known?,
    };
    let versions = gitlab.http.pages(&path("/versions"), &[PAGE]);
    let versions: Vec<Version> = versions.map_err(about("the versions of "))?;
    let given = approvals.approved_by.iter().map(|approval| {
        let current = current(approval, &versions, now.sha.as_deref());
        (Person::from(&*approval.user.username), Word::Approved, current)
    });
    let against = reviewers.iter().filter(|reviewer| reviewer.state == "requested_changes");
    let against = against
        .map(|reviewer| (Person::from(&*reviewer.user.username), Word::Rejected, Some(true)));
    let author = Person::from(&*now.author.username);
    Ok(Standing::of(&author, given.chain(against), now.conflicts()))
}

/// Whether an approval is about what is on the branch now; `None` where that is
/// not told.
fn current(approval: &Approval, versions: &[Version], head: Option<&str>) -> Option<bool> {
    let newest = versions.iter().max_by_key(|version| version.id)?;
    if head.is_none_or(|head| head != newest.head_commit_sha) {
        // A push that GitLab has not taken up yet: it was after all approvals.
        return Some(false);
    }
    let Some(given) = &approval.approved_at else {
        // All that is known is whether anything was pushed since the first one.
        return (versions.len() == 1).then_some(true);
    };
    let pushed: Timestamp = newest.created_at.parse().ok()?;
    Some(given.parse::<Timestamp>().ok()? > pushed)
}

pub(super) fn is_member(gitlab: &GitLab, group: &str, person: &str) -> Result<bool, ForgeError> {
    let path = format!("groups/{}/members/all", encoded(group));
    let found = gitlab.http.pages(&path, &[("query", person), PAGE]);
    let found: Vec<Member> = found.map_err(|error| error.about(&format!("the group {group}")))?;
    let lets_in = |member: &Member| {
        member.state == "active"
            && member.membership_state.as_deref().is_none_or(|state| state == "active")
    };
    let mut own = found.iter().filter(|member| member.username.eq_ignore_ascii_case(person));
    Ok(own.any(lets_in))
}
