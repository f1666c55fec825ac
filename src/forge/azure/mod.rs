//! Azure DevOps: pull requests over its REST interface, version 7.1.
//!
//! An answer of 203, or the way to the sign-in page, is a token that is not
//! taken. A list holds the first 400 characters of a description alone.

mod description;
mod people;
mod wire;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::common::{Steps, entry, look, newest, nothing_to_wait_for};
use super::http::Http;
use super::place::encoded;
use super::{Check, Draft, Forge, ForgeError, Limits, Place, Request, Review, Standing, Token};
use crate::model::MergeMethod;
use description::fitting;
use wire::{Connection, Evaluation, Pull, Status, Votes};

const NAME: &str = "Azure DevOps";

const VERSION: (&str, &str) = ("api-version", "7.1");

/// What is not out of its preview yet.
const PREVIEW: (&str, &str) = ("api-version", "7.1-preview.1");

/// A page of a list: how its length and what to skip are called, and its length.
const PAGE: (&str, &str, usize) = ("$top", "$skip", 100);

/// The same of a list of statuses.
const BARE_PAGE: (&str, &str, usize) = ("top", "skip", 100);

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

    fn list(&self, filter: &[(&str, &str)]) -> Result<Vec<Pull>, ForgeError> {
        let active = ("searchCriteria.status", "active");
        let query = [&[active], filter, &[VERSION]].concat();
        let path = format!("{}/pullrequests", self.repository);
        self.http.skipping(&path, &query, PAGE).map_err(|error| self.here(error))
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

    /// The path of the organization, with what stands before it on a server.
    fn base(&self) -> &str {
        self.project.rsplit_once('/').map_or("", |(base, _)| base)
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
        self.http.skipping(&path, &query, PAGE)
    }

    /// The policies of a request, of which one at least is not fulfilled yet.
    fn awaited(&self, request: &Request) -> Result<Vec<Evaluation>, ForgeError> {
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
        waiting.ok_or_else(|| {
            let what = "no branch policy is left to be fulfilled";
            nothing_to_wait_for(NAME, &shown(request), what)
        })
    }

    fn complete_once_it_may(
        &self,
        request: &Request,
        method: MergeMethod,
    ) -> Result<(), ForgeError> {
        let policies = self.awaited(request)?;
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
        let mut found = self.list(&[])?;
        found.retain(|pull| pull.fork_source.is_none());
        self.whole(found)
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
        Ok(newest(self.states(commit, "true")?))
    }

    fn standing(&self, request: &Request) -> Result<Standing, ForgeError> {
        let path = format!("{}/pullrequests/{}", self.repository, request.number);
        let votes: Votes =
            self.http.get(&path, &[VERSION]).map_err(|error| error.about(&shown(request)))?;
        Ok(votes.standing())
    }

    fn is_by(&self, review: &Review, name: &str) -> Result<bool, ForgeError> {
        if review.person.eq_ignore_ascii_case(name) {
            return Ok(true);
        }
        // Another name may be that of several people: it is looked up as it is
        // where somebody is asked.
        let id = self.person(name)?;
        Ok(review.ids.iter().any(|known| known.eq_ignore_ascii_case(&id)))
    }

    fn all_checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        self.states(commit, "false")
    }
}

impl Azure {
    /// The statuses of a commit, the older ones first; the newest of each name
    /// alone, or all of them.
    fn states(&self, commit: &str, newest: &str) -> Result<Vec<Check>, ForgeError> {
        let path = format!("{}/commits/{}/statuses", self.repository, encoded(commit));
        let found = self.http.skipping(&path, &[("latestOnly", newest), VERSION], BARE_PAGE);
        let mut found: Vec<Status> =
            found.map_err(|error| error.about(&format!("the commit {commit}")))?;
        found.sort_by_key(|status| status.id);
        Ok(found.into_iter().map(Status::check).collect())
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
