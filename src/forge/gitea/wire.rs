//! What Gitea and Forgejo send, as far as it is needed.

use std::collections::BTreeSet;

use globset::Glob;
use serde::Deserialize;

use super::MARKS;
use crate::forge::common::{line, seconds};
use crate::forge::standing::{Person, Word};
use crate::forge::{Check, CheckState, Request};

/// A pull request.
#[derive(Debug, Deserialize)]
pub(super) struct Pull {
    number: u64,
    html_url: String,
    title: String,
    body: Option<String>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) merged: bool,
    /// Since Gitea 1.19; the title tells it before.
    draft: Option<bool>,
    head: Side,
    base: Side,
    user: Option<User>,
    mergeable: Option<bool>,
}

/// One of the two branches of a pull request.
#[derive(Debug, Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    sha: Option<String>,
    #[serde(default)]
    repo_id: i64,
}

impl Pull {
    /// Whether its branch is in the repository itself. One of a fork may have
    /// the same name.
    pub(super) fn is_ours(&self) -> bool {
        self.head.repo_id == self.base.repo_id
    }

    pub(super) fn is_of(&self, head: &str) -> bool {
        self.head.branch == head
    }

    pub(super) fn tip(&self) -> &str {
        self.head.sha.as_deref().unwrap_or_default()
    }

    pub(super) fn base(&self) -> &str {
        &self.base.branch
    }

    pub(super) fn author(&self) -> Person {
        self.user.as_ref().map(User::person).unwrap_or_default()
    }

    /// Whether it conflicts with its base. That a draft cannot be merged says
    /// nothing about it.
    pub(super) fn conflicts(&self) -> Option<bool> {
        let can = self.mergeable?;
        (can || !self.is_draft()).then_some(!can)
    }

    fn is_draft(&self) -> bool {
        self.draft.unwrap_or(false) || MARKS.is_draft(&self.title)
    }

    pub(super) fn request(self) -> Request {
        // The mark of a draft is not part of the title that we gave it.
        let draft = self.is_draft();
        Request {
            number: self.number,
            id: String::new(),
            url: self.html_url,
            head: self.head.branch,
            tip: self.head.sha.unwrap_or_default(),
            base: self.base.branch,
            title: MARKS.bare(&self.title).to_owned(),
            body: self.body.unwrap_or_default(),
            draft,
            // Gitea does not say.
            auto_merge: false,
        }
    }
}

/// A label or a milestone.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: u64,
    #[serde(alias = "title")]
    pub(super) name: String,
}

/// A review, or the wish for one.
#[derive(Debug, Deserialize)]
pub(super) struct Review {
    pub(super) user: Option<User>,
    pub(super) team: Option<Team>,
    state: String,
    #[serde(default)]
    dismissed: bool,
    official: Option<bool>,
    stale: Option<bool>,
    commit_id: Option<String>,
}

impl Review {
    /// What it says of the request, whose head is at a commit.
    pub(super) fn word(&self, tip: &str) -> Option<(Person, Word, Option<bool>)> {
        let word = match &*self.state {
            "APPROVED" | "REQUEST_CHANGES" if self.dismissed => Word::Withdrawn,
            // One of somebody who may not write is not official.
            "APPROVED" | "REQUEST_CHANGES" if self.official == Some(false) => return None,
            "APPROVED" => Word::Approved,
            "REQUEST_CHANGES" => Word::Rejected,
            _ => return None,
        };
        // One is marked as stale a while after the push, and not where the push
        // changed nothing against the base: it is of another commit all the same.
        let other = self.commit_id.as_deref().is_some_and(|id| !id.is_empty() && id != tip);
        let current = if other { Some(false) } else { self.stale.map(|stale| !stale) };
        Some((self.user.as_ref()?.person(), word, current))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) login: String,
}

impl User {
    fn person(&self) -> Person {
        Person::from(&*self.login)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub(super) name: String,
}

/// A branch with what protects it, as far as everybody may know it.
#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    required_approvals: u64,
    #[serde(default)]
    enable_status_check: bool,
    status_check_contexts: Option<Vec<String>>,
}

impl Branch {
    /// Whether Gitea has to wait. It waits for nothing but what protects the
    /// branch, whatever else is pending. In doubt it does not wait.
    pub(super) fn waits(&self, checks: &[Check], reviews: &[Review]) -> bool {
        self.lacks_approvals(reviews) || (self.enable_status_check && self.lacks_checks(checks))
    }

    fn lacks_approvals(&self, reviews: &[Review]) -> bool {
        let given = reviews.iter().filter(|review| review.state == "APPROVED" && !review.dismissed);
        let people: BTreeSet<&str> =
            given.filter_map(|review| Some(review.user.as_ref()?.login.as_str())).collect();
        u64::try_from(people.len()).is_ok_and(|given| given < self.required_approvals)
    }

    fn lacks_checks(&self, checks: &[Check]) -> bool {
        let well = checks.iter().filter(|check| check.state == CheckState::Success);
        let well: Vec<&str> = well.map(|check| check.context.as_str()).collect();
        match self.status_check_contexts.as_deref().unwrap_or_default() {
            // All there are, where none is named.
            [] => well.len() < checks.len(),
            named => named.iter().any(|name| !well.iter().any(|context| matches(name, context))),
        }
    }
}

/// Whether a status has a name that is required, which may be a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    pattern == name || Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

/// A status of a commit.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) id: u64,
    #[serde(rename = "status")]
    state: String,
    context: String,
    description: Option<String>,
    target_url: Option<String>,
    updated_at: Option<String>,
}

impl Status {
    pub(super) fn check(self) -> Check {
        let state = match &*self.state {
            "success" | "skipped" => CheckState::Success,
            "pending" => CheckState::Pending,
            _ => CheckState::Failure,
        };
        Check {
            context: self.context,
            state,
            description: line(self.description.as_deref()),
            updated: seconds(self.updated_at.as_deref()),
            url: self.target_url.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(context: &str, state: CheckState) -> Check {
        Check {
            context: context.to_owned(),
            state,
            description: String::new(),
            updated: 0,
            url: String::new(),
        }
    }

    fn branch(value: serde_json::Value) -> Branch {
        serde_json::from_value(value).unwrap()
    }

    fn review(login: &str, state: &str, dismissed: bool) -> Review {
        let value = serde_json::json!({
            "user": {"login": login}, "team": null, "state": state, "dismissed": dismissed,
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_what_protects_the_branch_is_waited_for() {
        let pending = [check("ci/build", CheckState::Pending)];
        let free = branch(serde_json::json!({"enable_status_check": false}));
        assert!(!free.waits(&pending, &[]));
        let named = serde_json::json!({
            "enable_status_check": true, "status_check_contexts": ["ci/*"],
        });
        let named = branch(named);
        assert!(named.waits(&pending, &[]));
        assert!(named.waits(&[], &[]));
        assert!(named.waits(&[check("other", CheckState::Success)], &[]));
        assert!(!named.waits(&[check("ci/build", CheckState::Success)], &[]));
        let any = branch(serde_json::json!({
            "enable_status_check": true, "status_check_contexts": null,
        }));
        assert!(any.waits(&pending, &[]));
        assert!(!any.waits(&[], &[]));
    }

    #[test]
    fn approvals_are_counted_by_people() {
        let two = branch(serde_json::json!({"required_approvals": 2}));
        let once = review("carol", "APPROVED", false);
        assert!(two.waits(&[], &[]));
        assert!(two.waits(&[], &[once, review("carol", "APPROVED", false)]));
        let gone = [review("carol", "APPROVED", false), review("dan", "APPROVED", true)];
        assert!(two.waits(&[], &gone));
        let both = [review("carol", "APPROVED", false), review("dan", "APPROVED", false)];
        assert!(!two.waits(&[], &both));
    }
}
