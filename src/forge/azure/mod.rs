//! Azure DevOps: pull requests over its REST interface, version 7.1.
//!
//! An answer of 203, or the way to the sign-in page, is a token that is not
//! taken. A list holds the first 400 characters of a description alone.

mod description;
mod wire;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::common::{Steps, entry, look, newest, nothing_to_wait_for};
use super::http::Http;
use super::place::encoded;
use super::{Check, Draft, Forge, ForgeError, Limits, Place, Request, Token};
use crate::model::{MergeMethod, Reviewer};
use description::fitting;
use wire::{Connection, Evaluation, Identified, Identity, List, Pull, Status};

const NAME: &str = "Azure DevOps";

const VERSION: (&str, &str) = ("api-version", "7.1");

/// What is not out of its preview yet.
const PREVIEW: (&str, &str) = ("api-version", "7.1-preview.1");

/// A page of a list.
const PAGE: usize = 100;

/// The length that a description is cut to in a list.
const SHORTENED: usize = 400;

/// Nobody.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A repository on Azure DevOps.
#[derive(Debug)]
pub(super) struct Azure {
    http: Http,
    /// Where people are looked up: another host in the cloud.
    people: Http,
    /// `acme/shop/config`, for people.
    name: String,
    /// `acme`.
    organization: String,
    /// `acme/shop`.
    project: String,
    /// `acme/shop/_apis/git/repositories/config`.
    repository: String,
    /// Where people see the repository.
    web: String,
}

impl Azure {
    pub(super) fn new(place: &Place, token: &Token, limits: Limits) -> Result<Self, ForgeError> {
        let own = (AUTHORIZATION, format!("Basic {}", token.basic("")));
        // Says no instead of the way to the sign-in page.
        let no_page = HeaderName::from_static("x-tfs-fedauthredirect");
        let no_page = (no_page, HeaderValue::from_static("Suppress"));
        let headers = [entry(NAME, token, own)?, no_page];
        let client = |api: &str| Ok(Http::new(NAME, api, &headers, limits)?.hiding(token));
        let identities = match place.api.as_str() {
            "https://dev.azure.com" => "https://vssps.dev.azure.com",
            other => other,
        };
        let (project, repository) = place.azure();
        let project: Vec<String> = project.split('/').map(segment).collect();
        let [.., organization, _] = project.as_slice() else {
            let name = &place.repository;
            return Err(ForgeError::Config(format!(
                "`{name}` is no `organization/project/repository` on {NAME}"
            )));
        };
        let (organization, project) = (organization.clone(), project.join("/"));
        let repository = segment(repository);
        Ok(Self {
            http: client(&place.api)?,
            people: client(identities)?,
            name: place.repository.clone(),
            web: format!("{}/{project}/_git/{repository}", place.web),
            repository: format!("{project}/_apis/git/repositories/{repository}"),
            organization,
            project,
        })
    }

    /// A list, page by page: what to skip is told by the one who asks.
    fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        names: (&str, &str),
    ) -> Result<Vec<T>, ForgeError> {
        let mut found = Vec::new();
        let size = PAGE.to_string();
        for page in 0..self.http.limits().pages {
            let skip = (page * PAGE).to_string();
            let rest = [(names.0, size.as_str()), (names.1, skip.as_str())];
            let list: List<T> = self.http.get(path, &[query, &rest].concat())?;
            let length = list.value.len();
            found.extend(list.value);
            if length < PAGE {
                return Ok(found);
            }
        }
        Err(self.http.too_many_pages())
    }

    fn list(&self, filter: &[(&str, &str)]) -> Result<Vec<Pull>, ForgeError> {
        let active = ("searchCriteria.status", "active");
        let query = [&[active], filter, &[VERSION]].concat();
        let path = format!("{}/pullrequests", self.repository);
        self.all(&path, &query, ("$top", "$skip")).map_err(|error| self.here(error))
    }

    /// The requests of a list, with the whole of their descriptions.
    fn whole(&self, pulls: Vec<Pull>) -> Result<Vec<Request>, ForgeError> {
        let whole = pulls.into_iter().map(|pull| {
            let text = pull.description.as_deref().unwrap_or_default();
            let pull = if text.encode_utf16().count() >= SHORTENED {
                self.now(pull.number)?
            } else {
                pull
            };
            Ok(self.request(pull))
        });
        whole.collect()
    }

    fn now(&self, number: u64) -> Result<Pull, ForgeError> {
        let path = format!("{}/pullrequests/{number}", self.repository);
        self.http.get(&path, &[VERSION]).map_err(|error| error.about(&format!("!{number}")))
    }

    fn request(&self, pull: Pull) -> Request {
        let set_by = pull.auto_complete_set_by.filter(|identity| identity.id != NOBODY);
        Request {
            number: pull.number,
            id: String::new(),
            url: format!("{}/pullrequest/{}", self.web, pull.number),
            head: short(pull.source_ref_name),
            tip: pull.last_merge_source_commit.map(|commit| commit.commit_id).unwrap_or_default(),
            base: short(pull.target_ref_name),
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            draft: pull.is_draft,
            auto_merge: set_by.is_some(),
        }
    }

    fn here(&self, error: ForgeError) -> ForgeError {
        error.about(&format!("the repository {}", self.name))
    }

    /// The path of a pull request, or of something below it, to be changed.
    fn path(&self, request: &Request, below: &str) -> String {
        let (name, value) = VERSION;
        format!("{}/pullrequests/{}{below}?{name}={value}", self.repository, request.number)
    }

    fn change(&self, request: &Request, body: &Value) -> Result<Pull, ForgeError> {
        let answer = self.http.write(Method::PATCH, &self.path(request, ""), body);
        answer.map_err(|error| error.about(&shown(request)))
    }

    /// The id of a person or team.
    fn identity(&self, reviewer: &Reviewer) -> Result<String, ForgeError> {
        match reviewer {
            Reviewer::Person(name) => self.person(name),
            Reviewer::Team { organization, name } => {
                // `@shop/reviewers` is of a project, `@acme/reviewers` of ours.
                let last = organization.rsplit('/').next().unwrap_or(organization);
                let own = self.project.rsplit('/').next().unwrap_or_default();
                let ours = segment(last).eq_ignore_ascii_case(&self.organization);
                let project = if ours { own.to_owned() } else { segment(last) };
                let path =
                    format!("{}/_apis/projects/{project}/teams/{}", self.base(), segment(name));
                let team: Identified = self.http.get(&path, &[VERSION])?;
                Ok(team.id)
            }
        }
    }

    /// The path of the organization, with what stands before it on a server.
    fn base(&self) -> &str {
        self.project.rsplit_once('/').map_or("", |(base, _)| base)
    }

    fn person(&self, name: &str) -> Result<String, ForgeError> {
        let path = format!("{}/_apis/identities", self.base());
        let query = [
            ("searchFilter", "General"),
            ("filterValue", name),
            ("queryMembership", "None"),
            VERSION,
        ];
        let list: List<Identity> = self.people.get(&path, &query)?;
        let fits = |person: &&Identity| person.is_active && !person.is_container && person.is(name);
        let found: Vec<&Identity> = list.value.iter().filter(fits).collect();
        let forge = NAME.to_owned();
        match found.as_slice() {
            [person] => Ok(person.id.clone()),
            [] => {
                let message = "nobody has that name, account or mail address".to_owned();
                Err(ForgeError::NotFound { forge, what: format!("@{name}"), message })
            }
            several => {
                let count = several.len();
                let message = format!("{count} people are called {name}; a mail address tells");
                Err(ForgeError::Refused { forge, message })
            }
        }
    }

    /// Asks those who are no reviewers yet: to ask again takes a vote back.
    fn ask(&self, request: &Request, reviewers: &[Reviewer]) -> Result<(), ForgeError> {
        let path = format!("{}/pullrequests/{}/reviewers", self.repository, request.number);
        let known: List<Identified> =
            self.http.get(&path, &[VERSION]).map_err(|error| error.about(&shown(request)))?;
        let mut steps = Steps::new(NAME);
        for reviewer in reviewers {
            if steps.is_lost() {
                break;
            }
            let id = self.identity(reviewer).map_err(|error| error.about(&reviewer.to_string()));
            let Some(id) = steps.take(id) else { continue };
            if known.value.iter().any(|known| known.id.eq_ignore_ascii_case(&id)) {
                continue;
            }
            let path = self.path(request, &format!("/reviewers/{}", encoded(&id)));
            let body = json!({"vote": 0, "isRequired": false});
            let asked = self.http.send(Method::PUT, &path, &body);
            steps.take(asked.map_err(|error| error.about(&reviewer.to_string())));
        }
        steps.end()
    }

    /// What the policies of the branch say of a request.
    fn policies(&self, pull: &Pull) -> Result<Vec<Evaluation>, ForgeError> {
        let Some(repository) = &pull.repository else {
            return Err(self.http.strange("a pull request of no repository"));
        };
        let (project, number) = (&repository.project.id, pull.number);
        let artifact = format!("vstfs:///CodeReview/CodeReviewId/{project}/{number}");
        let path = format!("{}/_apis/policy/evaluations", self.project);
        let query = [("artifactId", artifact.as_str()), PREVIEW];
        self.all(&path, &query, ("$top", "$skip"))
    }

    fn complete_once_it_may(
        &self,
        request: &Request,
        method: MergeMethod,
    ) -> Result<(), ForgeError> {
        let waiting = look(self.http.limits().pause, || {
            let pull = self.now(request.number)?;
            if pull.status != "active" {
                let message = format!("{} is {}", shown(request), pull.status);
                return Err(ForgeError::Conflict { forge: NAME.to_owned(), message });
            }
            // Where none blocks, auto-complete completes at once.
            let policies = self.policies(&pull)?;
            Ok(policies.iter().any(Evaluation::blocks).then_some(policies))
        })?;
        let Some(policies) = waiting else {
            let what = "no branch policy is left to be fulfilled";
            return Err(nothing_to_wait_for(NAME, &shown(request), what));
        };
        // It would wait for those that nobody has to fulfil too, maybe for ever.
        let optional: Vec<u64> = policies.iter().filter_map(Evaluation::optional).collect();
        let path = format!("{}/_apis/connectionData", self.base());
        let connection: Connection = self.http.get(&path, &[PREVIEW])?;
        let strategy = match method {
            MergeMethod::Squash => "squash",
            MergeMethod::Merge => "noFastForward",
            MergeMethod::Rebase => "rebase",
        };
        let body = json!({
            "autoCompleteSetBy": {"id": connection.authenticated_user.id},
            "completionOptions": {
                "mergeStrategy": strategy,
                "deleteSourceBranch": true,
                "autoCompleteIgnoreConfigIds": optional,
            },
        });
        let pull = self.change(request, &body)?;
        let is_set = pull.auto_complete_set_by.is_some_and(|identity| identity.id != NOBODY);
        // Completed: what it waited for came in between.
        if is_set || pull.status == "completed" {
            return Ok(());
        }
        let message = format!("it did not take {} for auto-complete", shown(request));
        Err(ForgeError::Refused { forge: NAME.to_owned(), message })
    }

    fn complete_by_hand(&self, request: &Request) -> Result<(), ForgeError> {
        if !self.request(self.now(request.number)?).auto_merge {
            return Ok(());
        }
        let body = json!({"autoCompleteSetBy": {"id": NOBODY}});
        self.change(request, &body).map(|_| ())
    }
}

impl Forge for Azure {
    fn name(&self) -> &'static str {
        NAME
    }

    fn find(&self, head: &str) -> Result<Vec<Request>, ForgeError> {
        let branch = format!("refs/heads/{head}");
        let mut found = self.list(&[("searchCriteria.sourceRefName", &branch)])?;
        // One of a fork may have the same name.
        found.retain(|pull| pull.fork_source.is_none());
        self.whole(found)
    }

    fn open_requests(&self) -> Result<Vec<Request>, ForgeError> {
        self.whole(self.list(&[])?)
    }

    fn create(&self, draft: &Draft) -> Result<Request, ForgeError> {
        let body = json!({
            "sourceRefName": format!("refs/heads/{}", draft.head),
            "targetRefName": format!("refs/heads/{}", draft.base),
            "title": draft.title,
            "description": fitting(&draft.body),
            "isDraft": draft.draft,
        });
        let (name, value) = VERSION;
        let path = format!("{}/pullrequests?{name}={value}", self.repository);
        let pull: Result<Pull, ForgeError> = self.http.write(Method::POST, &path, &body);
        Ok(self.request(pull.map_err(|error| self.here(error))?))
    }

    fn update(&self, request: &Request, draft: &Draft) -> Result<Request, ForgeError> {
        let description = fitting(&draft.body);
        let same = (&request.title, &request.body, request.draft)
            == (&draft.title, &description, draft.draft);
        if same {
            return Ok(request.clone());
        }
        let body =
            json!({"title": draft.title, "description": description, "isDraft": draft.draft});
        Ok(self.request(self.change(request, &body)?))
    }

    fn decorate(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        let mut steps = Steps::new(NAME);
        for label in &draft.labels {
            if !steps.is_lost() {
                let path = self.path(request, "/labels");
                let sent = self.http.send(Method::POST, &path, &json!({"name": label}));
                steps.take(sent.map_err(|error| error.about(&shown(request))));
            }
        }
        if !draft.reviewers.is_empty() && !steps.is_lost() {
            steps.take(self.ask(request, &draft.reviewers));
        }
        if let Some(milestone) = &draft.milestone {
            let message = format!("pull requests have no milestones: {milestone} was not set");
            let forge = NAME.to_owned();
            steps.take::<()>(Err(ForgeError::Unsupported { forge, message }));
        }
        steps.end()
    }

    fn comment(&self, request: &Request, text: &str) -> Result<(), ForgeError> {
        // Closed: one that is active may keep the request from being completed.
        let body = json!({
            "comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}],
            "status": "closed",
        });
        let sent = self.http.send(Method::POST, &self.path(request, "/threads"), &body);
        sent.map(|_| ()).map_err(|error| error.about(&shown(request)))
    }

    fn close(&self, request: &Request) -> Result<(), ForgeError> {
        self.change(request, &json!({"status": "abandoned"})).map(|_| ())
    }

    fn set_auto_merge(
        &self,
        request: &Request,
        merge: Option<MergeMethod>,
    ) -> Result<(), ForgeError> {
        match merge {
            Some(method) => self.complete_once_it_may(request, method),
            None => self.complete_by_hand(request),
        }
    }

    fn checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        let path = format!("{}/commits/{}/statuses", self.repository, encoded(commit));
        let found = self.all(&path, &[("latestOnly", "true"), VERSION], ("top", "skip"));
        let mut found: Vec<Status> =
            found.map_err(|error| error.about(&format!("the commit {commit}")))?;
        found.sort_by_key(|status| status.id);
        Ok(newest(found.into_iter().map(Status::check).collect()))
    }
}

fn shown(request: &Request) -> String {
    format!("!{}", request.number)
}

/// A branch without what stands before every branch.
fn short(name: String) -> String {
    name.strip_prefix("refs/heads/").map(str::to_owned).unwrap_or(name)
}

/// A part of a path. Remotes write blanks in it in hex already.
fn segment(text: &str) -> String {
    if text.contains('%') { text.to_owned() } else { encoded(text) }
}
