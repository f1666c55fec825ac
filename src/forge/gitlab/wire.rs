//! What GitLab sends, as far as it is needed.

use serde::Deserialize;

use super::{MARKS, NAME};
use crate::forge::common::{line, seconds};
use crate::forge::{Check, CheckState, Request};

/// A merge request.
#[derive(Debug, Deserialize)]
pub(super) struct MergeRequest {
    iid: u64,
    web_url: String,
    source_branch: String,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: Option<u64>,
    pub(super) sha: Option<String>,
    title: String,
    description: Option<String>,
    draft: Option<bool>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) merge_when_pipeline_succeeds: bool,
    /// Only where one is asked for, not in lists.
    head_pipeline: Option<PipelineState>,
    /// What keeps it from being merged, since GitLab 15.6.
    detailed_merge_status: Option<String>,
    #[serde(default)]
    pub(super) reviewers: Vec<User>,
}

#[derive(Debug, Deserialize)]
struct PipelineState {
    status: String,
}

/// A person.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) username: String,
}

/// Anything with an id.
#[derive(Debug, Deserialize)]
pub(super) struct Numbered {
    pub(super) id: u64,
}

/// A milestone.
#[derive(Debug, Deserialize)]
pub(super) struct Milestone {
    pub(super) id: u64,
    pub(super) title: String,
}

/// An approval rule of a merge request.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    pub(super) name: String,
}

/// How a project merges.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    /// `merge`, `rebase_merge` or `ff`.
    pub(super) merge_method: Option<String>,
    /// `never`, `always`, `default_on` or `default_off`.
    pub(super) squash_option: Option<String>,
}

/// States of a pipeline that has not ended.
const RUNNING: [&str; 7] = [
    "created",
    "waiting_for_resource",
    "waiting_for_callback",
    "preparing",
    "pending",
    "running",
    "scheduled",
];

/// Where nothing is known that keeps a merge request from being merged.
const FREE: [&str; 5] = ["checking", "mergeable", "not_open", "preparing", "unchecked"];

impl MergeRequest {
    /// Whether its branch is in the project itself. One of a fork may have the
    /// same name.
    pub(super) fn is_ours(&self) -> bool {
        self.source_project_id == self.target_project_id
    }

    /// Whether GitLab cannot merge it at once.
    pub(super) fn waits(&self) -> bool {
        let runs = self.head_pipeline.as_ref().map(|pipeline| pipeline.status.as_str());
        runs.is_some_and(|status| RUNNING.contains(&status))
            || self.detailed_merge_status.as_deref().is_some_and(|status| !FREE.contains(&status))
    }

    pub(super) fn request(self) -> Request {
        // The mark of a draft is not part of the title that we gave it.
        let draft = self.draft.unwrap_or_else(|| MARKS.is_draft(&self.title));
        let title = if draft { MARKS.bare(&self.title).to_owned() } else { self.title };
        Request {
            number: self.iid,
            id: String::new(),
            url: self.web_url,
            head: self.source_branch,
            tip: self.sha.unwrap_or_default(),
            base: self.target_branch,
            title,
            body: self.description.unwrap_or_default(),
            draft,
            auto_merge: self.merge_when_pipeline_succeeds,
        }
    }
}

/// A job or an external status of a commit.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) id: u64,
    name: String,
    #[serde(rename = "status")]
    state: String,
    description: Option<String>,
    target_url: Option<String>,
    #[serde(default)]
    allow_failure: bool,
    created_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
}

impl Status {
    pub(super) fn check(self) -> Check {
        // One that may fail keeps nothing from being merged.
        let state = match state(&self.state) {
            CheckState::Success => CheckState::Success,
            _ if self.allow_failure && has_ended(&self.state) => CheckState::Success,
            state => state,
        };
        let times = [&self.finished_at, &self.started_at, &self.created_at];
        let updated = times.into_iter().find_map(Option::as_deref);
        Check {
            context: self.name,
            state,
            description: line(self.description.as_deref()),
            updated: seconds(updated),
            url: self.target_url.unwrap_or_default(),
        }
    }
}

/// A pipeline of a commit.
#[derive(Debug, Deserialize)]
pub(super) struct Pipeline {
    pub(super) id: u64,
    status: String,
    source: Option<String>,
    web_url: Option<String>,
    updated_at: Option<String>,
}

impl Pipeline {
    pub(super) fn check(self) -> Check {
        let source = self.source.unwrap_or_else(|| NAME.to_owned());
        Check {
            context: format!("pipeline ({source})"),
            state: state(&self.status),
            description: self.status,
            updated: seconds(self.updated_at.as_deref()),
            url: self.web_url.unwrap_or_default(),
        }
    }
}

fn state(status: &str) -> CheckState {
    match status {
        "success" | "skipped" => CheckState::Success,
        "failed" | "canceled" => CheckState::Failure,
        _ => CheckState::Pending,
    }
}

/// `manual` waits for a person, which nobody has to be.
fn has_ended(status: &str) -> bool {
    matches!(status, "failed" | "canceled" | "manual")
}
