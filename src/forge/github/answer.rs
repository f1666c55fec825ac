//! What GitHub answers, as far as it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::forge::common::{line, seconds};
use crate::forge::standing::{Person, Standing, Word};
use crate::forge::{Check, CheckState, Request};

#[derive(Deserialize)]
pub(super) struct Pull {
    number: u64,
    node_id: String,
    html_url: String,
    title: String,
    body: Option<String>,
    #[serde(default)]
    draft: bool,
    head: Branch,
    base: Branch,
    auto_merge: Option<AutoMerge>,
    /// Lists leave it out.
    #[serde(default)]
    merged: bool,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    /// None where a fork is gone.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
}

#[derive(Deserialize)]
struct AutoMerge {
    merge_method: String,
}

impl Pull {
    /// Whether its branch is one of the repository itself: a fork may have
    /// branches of the same name.
    pub(super) fn is_ours(&self) -> bool {
        let id = |branch: &Branch| branch.repo.as_ref().map(|repo| repo.id);
        id(&self.head).is_some() && id(&self.head) == id(&self.base)
    }

    pub(super) fn auto_merge(&self) -> Option<&str> {
        self.auto_merge.as_ref().map(|merge| merge.merge_method.as_str())
    }

    pub(super) fn is_merged(&self) -> bool {
        self.merged
    }

    pub(super) fn request(self) -> Request {
        Request {
            number: self.number,
            id: self.node_id,
            url: self.html_url,
            head: self.head.name,
            tip: self.head.sha,
            base: self.base.name,
            title: self.title,
            body: self.body.unwrap_or_default(),
            draft: self.draft,
            auto_merge: self.auto_merge.is_some(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    pub(super) users: Vec<User>,
    pub(super) teams: Vec<Team>,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(super) struct Team {
    pub(super) slug: String,
}

#[derive(Deserialize)]
pub(super) struct Review {
    /// None where the account is gone.
    pub(super) user: Option<User>,
}

/// A pull request, as far as it tells how it stands.
#[derive(Deserialize)]
pub(super) struct Now {
    head: Head,
    user: Option<User>,
    /// `None` while GitHub looks.
    mergeable: Option<bool>,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

/// What somebody said of it.
#[derive(Deserialize)]
pub(super) struct Said {
    user: Option<User>,
    state: String,
    commit_id: Option<String>,
}

impl Now {
    /// The older words first.
    pub(super) fn standing(&self, said: &[Said]) -> Standing {
        let person = |user: &Option<User>| user.as_ref().map(|user| Person::from(&*user.login));
        let word = |said: &Said| {
            let word = match &*said.state {
                "APPROVED" => Word::Approved,
                "CHANGES_REQUESTED" => Word::Rejected,
                "DISMISSED" => Word::Withdrawn,
                // A comment takes nothing back.
                _ => return None,
            };
            let current = said.commit_id.as_deref() == Some(&self.head.sha);
            Some((person(&said.user)?, word, Some(current)))
        };
        let author = person(&self.user).unwrap_or_default();
        let conflicts = self.mergeable.map(|can| !can);
        Standing::of(&author, said.iter().filter_map(word), conflicts)
    }
}

/// That somebody is in a team.
#[derive(Deserialize)]
pub(super) struct Membership {
    /// `pending` until they have agreed.
    pub(super) state: String,
}

#[derive(Deserialize)]
pub(super) struct Milestone {
    pub(super) number: u64,
    pub(super) title: String,
}

/// A page of the newest statuses of a commit.
#[derive(Deserialize)]
pub(super) struct Statuses {
    pub(super) statuses: Vec<Status>,
}

/// A page of the check runs of a commit.
#[derive(Deserialize)]
pub(super) struct Runs {
    pub(super) check_runs: Vec<Run>,
}

#[derive(Deserialize)]
pub(super) struct Status {
    context: String,
    state: String,
    description: Option<String>,
    target_url: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Run {
    /// Later ones are greater.
    id: u64,
    name: String,
    status: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
    output: Option<Output>,
}

#[derive(Deserialize)]
struct Output {
    title: Option<String>,
}

/// The newest of each name. GitHub gives the newest status of a name; of check
/// runs it gives the newest of each app and event, and the last one counts.
/// Where a status and a run have the same name, the worse one counts.
pub(super) fn newest(statuses: Vec<Status>, mut runs: Vec<Run>) -> Vec<Check> {
    runs.sort_by_key(|run| run.id);
    let of_name = |check: Check| (check.context.clone(), check);
    let mut found: BTreeMap<String, Check> =
        runs.into_iter().map(Run::check).map(of_name).collect();
    for status in statuses.into_iter().map(Status::check) {
        let worse = found.get(&status.context).is_none_or(|run| run.state < status.state);
        if worse {
            found.insert(status.context.clone(), status);
        }
    }
    found.into_values().collect()
}

impl Status {
    pub(super) fn check(self) -> Check {
        Check {
            context: self.context,
            state: match self.state.as_str() {
                "success" => CheckState::Success,
                "pending" => CheckState::Pending,
                _ => CheckState::Failure,
            },
            description: line(self.description.as_deref()),
            updated: seconds(self.updated_at.as_deref()),
            url: self.target_url.unwrap_or_default(),
        }
    }
}

impl Run {
    pub(super) fn check(self) -> Check {
        let state = match (self.status.as_str(), self.conclusion.as_deref()) {
            // As for a required check: what was not needed is no failure.
            ("completed", Some("success" | "neutral" | "skipped")) => CheckState::Success,
            ("completed", _) => CheckState::Failure,
            _ => CheckState::Pending,
        };
        let updated = self.completed_at.or(self.started_at);
        Check {
            context: self.name,
            state,
            description: line(self.output.and_then(|output| output.title).as_deref()),
            updated: seconds(updated.as_deref()),
            url: self.html_url.unwrap_or_default(),
        }
    }
}
