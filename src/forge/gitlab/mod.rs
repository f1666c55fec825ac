//! GitLab: merge requests over its REST interface (v4), and by push options
//! where there is no token.
//!
//! GitLab answers 404 where a token may not see something, and 401 where a
//! person may not merge.

mod push_options;
mod standing;
mod wire;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderName};
use serde_json::{Map, Value, json};

pub use push_options::{PushOptions, push_options};

use super::common::{Marks, Steps, entry, look, newest, nothing_to_wait_for};
use super::http::{Http, secret};
use super::place::encoded;
use super::{Check, Draft, Forge, ForgeError, Form, Limits, Place, Request, Standing, Token};
use crate::model::{MergeMethod, Reviewer};
use wire::{MergeRequest, Milestone, Numbered, Pipeline, Project, Rule, Status, User};

const NAME: &str = "GitLab";

/// The marks that make a draft of a merge request.
const MARKS: Marks = Marks(&["Draft:", "[Draft]", "(Draft)"]);

/// A page of a list, as long as GitLab gives them.
const PAGE: (&str, &str) = ("per_page", "100");

/// A project on GitLab.
#[derive(Debug)]
pub(super) struct GitLab {
    http: Http,
    /// `group/config`, for people.
    name: String,
    /// `projects/group%2Fconfig`.
    project: String,
    /// Whether the token is one of a job, which may read merge requests alone.
    of_a_job: bool,
}

impl GitLab {
    pub(super) fn new(place: &Place, token: &Token, limits: Limits) -> Result<Self, ForgeError> {
        let of_a_job = *token.form() == Form::Job;
        let header = if of_a_job {
            (HeaderName::from_static("job-token"), secret(token.secret())?)
        } else {
            // So it takes tokens of OAuth, which `glab` keeps, beside its own.
            entry(NAME, token, (AUTHORIZATION, format!("Bearer {}", token.secret())))?
        };
        let http = Http::new(NAME, &place.api, &[header], limits)?.hiding(token);
        let project = format!("projects/{}", encoded(&place.repository));
        Ok(Self { http, name: place.repository.clone(), project, of_a_job })
    }

    fn list(&self, filter: &[(&str, &str)]) -> Result<Vec<MergeRequest>, ForgeError> {
        let query = [&[("state", "opened")], filter, &[PAGE]].concat();
        let path = format!("{}/merge_requests", self.project);
        self.http.pages(&path, &query).map_err(|error| self.in_project(error))
    }

    /// The path of a merge request, or of something below it.
    fn path(&self, request: &Request, below: &str) -> String {
        format!("{}/merge_requests/{}{below}", self.project, request.number)
    }

    fn now(&self, request: &Request) -> Result<MergeRequest, ForgeError> {
        self.http.get(&self.path(request, ""), &[]).map_err(|error| error.about(&shown(request)))
    }

    fn change(&self, request: &Request, body: &Value) -> Result<MergeRequest, ForgeError> {
        self.may_write()?;
        let answer = self.http.write(Method::PUT, &self.path(request, ""), body);
        answer.map_err(|error| error.about(&shown(request)))
    }

    fn in_project(&self, error: ForgeError) -> ForgeError {
        error.about(&format!("the project {}", self.name))
    }

    fn may_write(&self) -> Result<(), ForgeError> {
        if !self.of_a_job {
            return Ok(());
        }
        Err(ForgeError::Forbidden {
            forge: NAME.to_owned(),
            message: "the token of a job cannot write merge requests; one of a person, project \
                      or group with the scope `api` can"
                .to_owned(),
        })
    }

    /// The ids of the reviewers that it shall have, where any is missing.
    fn reviewers(
        &self,
        request: &Request,
        draft: &Draft,
        steps: &mut Steps,
    ) -> Result<Option<Vec<u64>>, ForgeError> {
        let people = draft.reviewers.iter().filter_map(|reviewer| match reviewer {
            Reviewer::Person(name) => Some(name),
            Reviewer::Team { .. } => None,
        });
        let wanted: Vec<u64> = people.filter_map(|name| steps.take(self.user(name))).collect();
        if wanted.is_empty() || steps.is_lost() {
            return Ok(None);
        }
        let mut ids: Vec<u64> = self.now(request)?.reviewers.iter().map(|user| user.id).collect();
        let before = ids.len();
        ids.extend(wanted);
        let mut seen = std::collections::BTreeSet::new();
        ids.retain(|id| seen.insert(*id));
        Ok((ids.len() > before).then_some(ids))
    }

    fn user(&self, name: &str) -> Result<u64, ForgeError> {
        let found: Vec<User> = self.http.get("users", &[("username", name)])?;
        let found = found.iter().find(|user| user.username.eq_ignore_ascii_case(name));
        found.map(|user| user.id).ok_or_else(|| ForgeError::NotFound {
            forge: NAME.to_owned(),
            what: format!("@{name}"),
            message: "no user has that name".to_owned(),
        })
    }

    fn milestone(&self, title: &str) -> Result<u64, ForgeError> {
        let query = [("title", title), ("state", "active"), ("include_ancestors", "true"), PAGE];
        let path = format!("{}/milestones", self.project);
        let found: Vec<Milestone> = self.http.pages(&path, &query)?;
        let found = found.iter().find(|milestone| milestone.title == title);
        found.map(|milestone| milestone.id).ok_or_else(|| ForgeError::NotFound {
            forge: NAME.to_owned(),
            what: format!("the milestone {title}"),
            message: "no active milestone has that title".to_owned(),
        })
    }

    /// Labels, people and the milestone go in one change.
    fn fields(&self, request: &Request, draft: &Draft, steps: &mut Steps) -> Map<String, Value> {
        let mut fields = Map::new();
        if !draft.labels.is_empty() {
            fields.insert("add_labels".to_owned(), draft.labels.join(",").into());
        }
        let reviewers = self.reviewers(request, draft, steps);
        if let Some(ids) = steps.take(reviewers).flatten() {
            fields.insert("reviewer_ids".to_owned(), ids.into());
        }
        let milestone = draft.milestone.as_deref().filter(|_| !steps.is_lost());
        if let Some(id) = milestone.and_then(|title| steps.take(self.milestone(title))) {
            fields.insert("milestone_id".to_owned(), id.into());
        }
        fields
    }

    /// Sets them. GitLab without a licence keeps one reviewer and says nothing.
    fn set(&self, request: &Request, fields: Map<String, Value>) -> Result<(), ForgeError> {
        let wanted = fields.get("reviewer_ids").and_then(Value::as_array).map_or(0, Vec::len);
        let changed = self.change(request, &Value::Object(fields))?;
        if changed.reviewers.len() < wanted {
            let (kept, forge) = (changed.reviewers.len(), NAME.to_owned());
            let message = format!("it took {kept} of {wanted} reviewers of {}", shown(request));
            return Err(ForgeError::Unsupported { forge, message });
        }
        Ok(())
    }

    /// Groups are no reviewers. Where the project has approval rules, a rule of
    /// the merge request asks the group for one approval.
    fn ask_group(&self, request: &Request, path: &str) -> Result<(), ForgeError> {
        let group: Numbered = self
            .http
            .get(&format!("groups/{}", encoded(path)), &[("with_projects", "false")])
            .map_err(|error| error.about(&format!("the group {path}")))?;
        let name = format!("@{path}");
        let rules = self.path(request, "/approval_rules");
        let asked = self.http.pages::<Rule>(&rules, &[PAGE]).and_then(|known| {
            if known.iter().any(|rule| rule.name == name) {
                return Ok(());
            }
            let rule = json!({"name": name, "approvals_required": 1, "group_ids": [group.id]});
            self.http.send(Method::POST, &rules, &rule).map(|_| ())
        });
        asked.map_err(|error| match error {
            ForgeError::NotFound { message, .. } | ForgeError::Forbidden { message, .. } => {
                ForgeError::Unsupported {
                    forge: NAME.to_owned(),
                    message: format!(
                        "a group is no reviewer, and approval rules, which could ask {name}, \
                         are not to be had: {message}"
                    ),
                }
            }
            other => other,
        })
    }

    /// Whether commits are squashed. The other methods are a setting of the
    /// project, which has to be as it is wanted.
    fn squash(&self, method: MergeMethod) -> Result<bool, ForgeError> {
        if method == MergeMethod::Squash {
            return Ok(true);
        }
        let project: Project =
            self.http.get(&self.project, &[]).map_err(|error| self.in_project(error))?;
        let has = project.merge_method.as_deref().unwrap_or("merge");
        let fits = (has == "ff") == (method == MergeMethod::Rebase);
        if fits && project.squash_option.as_deref() != Some("always") {
            return Ok(false);
        }
        let wanted = if method == MergeMethod::Rebase { "rebase" } else { "merge" };
        let squashes = project.squash_option.as_deref() == Some("always");
        let always = if squashes { " and always squashes" } else { "" };
        Err(ForgeError::Unsupported {
            forge: NAME.to_owned(),
            message: format!(
                "`{wanted}` is a setting of the project, and {} has the method `{has}`{always}",
                self.name
            ),
        })
    }

    fn merge_once_it_may(&self, request: &Request, method: MergeMethod) -> Result<(), ForgeError> {
        self.may_write()?;
        let squash = self.squash(method)?;
        let waiting = look(self.http.limits().pause, || {
            let now = self.now(request)?;
            if now.state != "opened" {
                let message = format!("{} is {}", shown(request), now.state);
                return Err(ForgeError::Conflict { forge: NAME.to_owned(), message });
            }
            Ok((now.merge_when_pipeline_succeeds || now.waits()).then_some(now))
        })?;
        let Some(now) = waiting else {
            let what = "no pipeline runs, and nothing else is missing";
            return Err(nothing_to_wait_for(NAME, &shown(request), what));
        };
        if now.merge_when_pipeline_succeeds {
            return Ok(());
        }
        // The commit is named: what was looked at is what is merged. The second
        // word for auto-merge is the one before GitLab 17.11.
        let body = json!({
            "auto_merge": true,
            "merge_when_pipeline_succeeds": true,
            "sha": now.sha,
            "squash": squash,
            "should_remove_source_branch": true,
        });
        let answer = self.http.write(Method::PUT, &self.path(request, "/merge"), &body);
        let after: MergeRequest = answer.map_err(|error| may_not_merge(error, request))?;
        // Merged: what it waited for came in between.
        if after.merge_when_pipeline_succeeds || matches!(&*after.state, "merged" | "locked") {
            return Ok(());
        }
        let message = format!("it did not take {} for auto-merge", shown(request));
        Err(ForgeError::Refused { forge: NAME.to_owned(), message })
    }

    fn merge_by_hand(&self, request: &Request) -> Result<(), ForgeError> {
        self.may_write()?;
        if !self.now(request)?.merge_when_pipeline_succeeds {
            return Ok(());
        }
        let path = self.path(request, "/cancel_merge_when_pipeline_succeeds");
        let sent = self.http.send(Method::POST, &path, &Value::Null);
        sent.map(|_| ()).map_err(|error| may_not_merge(error, request))
    }
}

impl Forge for GitLab {
    fn name(&self) -> &'static str {
        NAME
    }

    fn find(&self, head: &str) -> Result<Vec<Request>, ForgeError> {
        let mut found = self.list(&[("source_branch", head)])?;
        found.retain(MergeRequest::is_ours);
        Ok(found.into_iter().map(MergeRequest::request).collect())
    }

    fn open_requests(&self) -> Result<Vec<Request>, ForgeError> {
        let found = self.list(&[])?.into_iter().filter(MergeRequest::is_ours);
        Ok(found.map(MergeRequest::request).collect())
    }

    fn create(&self, draft: &Draft) -> Result<Request, ForgeError> {
        self.may_write()?;
        let body = json!({
            "source_branch": draft.head,
            "target_branch": draft.base,
            "title": MARKS.written(&draft.title, draft.draft),
            "description": draft.body,
        });
        let path = format!("{}/merge_requests", self.project);
        let answer = self.http.write::<MergeRequest>(Method::POST, &path, &body);
        answer.map(MergeRequest::request).map_err(|error| self.in_project(error))
    }

    fn update(&self, request: &Request, draft: &Draft) -> Result<Request, ForgeError> {
        let title = MARKS.written(&draft.title, draft.draft);
        let body = json!({"title": title, "description": draft.body});
        Ok(self.change(request, &body)?.request())
    }

    fn decorate(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        self.may_write()?;
        let mut steps = Steps::new(NAME);
        let fields = self.fields(request, draft, &mut steps);
        if !fields.is_empty() && !steps.is_lost() {
            steps.take(self.set(request, fields));
        }
        for reviewer in &draft.reviewers {
            if let Reviewer::Team { organization, name } = reviewer
                && !steps.is_lost()
            {
                steps.take(self.ask_group(request, &format!("{organization}/{name}")));
            }
        }
        steps.end()
    }

    fn comment(&self, request: &Request, text: &str) -> Result<(), ForgeError> {
        self.may_write()?;
        let path = self.path(request, "/notes");
        let sent = self.http.send(Method::POST, &path, &json!({"body": text}));
        sent.map(|_| ()).map_err(|error| error.about(&shown(request)))
    }

    fn close(&self, request: &Request) -> Result<(), ForgeError> {
        self.change(request, &json!({"state_event": "close"})).map(|_| ())
    }

    fn set_auto_merge(
        &self,
        request: &Request,
        merge: Option<MergeMethod>,
    ) -> Result<(), ForgeError> {
        match merge {
            Some(method) => self.merge_once_it_may(request, method),
            None => self.merge_by_hand(request),
        }
    }

    fn checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        Ok(newest(self.states(commit, &[PAGE])?))
    }

    fn standing(&self, request: &Request) -> Result<Standing, ForgeError> {
        standing::of(self, request)
    }

    fn is_member(
        &self,
        (organization, name): (&str, &str),
        person: &str,
    ) -> Result<bool, ForgeError> {
        standing::is_member(self, &format!("{organization}/{name}"), person)
    }

    fn all_checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        self.states(commit, &[("all", "true"), PAGE])
    }
}

impl GitLab {
    /// Statuses and pipelines of a commit, the older ones first.
    fn states(&self, commit: &str, query: &[(&str, &str)]) -> Result<Vec<Check>, ForgeError> {
        let path = format!("{}/repository/commits/{}/statuses", self.project, encoded(commit));
        let statuses = self.http.pages(&path, query);
        let mut statuses: Vec<Status> =
            statuses.map_err(|error| error.about(&format!("the commit {commit}")))?;
        statuses.sort_by_key(|status| status.id);
        let path = format!("{}/pipelines", self.project);
        let pipelines = self.http.pages(&path, &[("sha", commit), PAGE]);
        let mut pipelines: Vec<Pipeline> = pipelines.map_err(|error| self.in_project(error))?;
        pipelines.sort_by_key(|pipeline| pipeline.id);
        let checks = statuses.into_iter().map(Status::check);
        Ok(checks.chain(pipelines.into_iter().map(Pipeline::check)).collect())
    }
}

fn shown(request: &Request) -> String {
    format!("!{}", request.number)
}

/// The token is taken for everything else: it is merging that is not allowed.
fn may_not_merge(error: ForgeError, request: &Request) -> ForgeError {
    match error.about(&shown(request)) {
        ForgeError::Unauthorized { forge, message } => {
            let message = format!("{} is not this token's to merge: {message}", shown(request));
            ForgeError::Forbidden { forge, message }
        }
        other => other,
    }
}
