//! GitHub and GitHub Enterprise Server, through octocrab.
//!
//! Pull requests are REST, draft and auto-merge GraphQL, which is elsewhere on
//! GitHub Enterprise Server: `/api/graphql` beside `/api/v3`.

mod answer;
mod app;
mod graphql;
mod wire;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Value, json};

use self::answer::{Asked, Milestone, Pull, Review, Run, Runs, Status, Statuses};
use super::common::Steps;
use super::http::{Http, secret};
use super::place::encoded;
use super::standing::{Person, Standing, Word, text};
use super::{Check, Draft, Forge, ForgeError, Form, Limits, Place, Request, Token};
use crate::model::{MergeMethod, Reviewer};

/// The client of one repository.
#[derive(Debug)]
pub(super) struct GitHub {
    http: Http,
    owner: String,
    /// `repos/OWNER/NAME`.
    path: String,
    /// Where GraphQL is, from the address of REST.
    graphql: &'static str,
}

/// The most entries of a page.
const PAGE: (&str, &str) = ("per_page", "100");

impl GitHub {
    pub(super) fn new(place: &Place, token: &Token, limits: Limits) -> Result<Self, ForgeError> {
        let (owner, name) = names(place)?;
        let token = match token.form() {
            Form::App { .. } => &app::token(place, token, limits)?,
            _ => token,
        };
        Ok(Self {
            http: client(place, token, limits)?,
            owner: owner.to_owned(),
            path: format!("repos/{}/{}", encoded(owner), encoded(name)),
            graphql: if place.api.ends_with("/api/v3") { "../graphql" } else { "graphql" },
        })
    }

    fn pull(&self, request: &Request) -> String {
        format!("{}/pulls/{}", self.path, request.number)
    }

    /// Every pull request is an issue of the same number.
    fn issue(&self, request: &Request) -> String {
        format!("{}/issues/{}", self.path, request.number)
    }

    fn pulls(&self, query: &[(&str, &str)]) -> Result<Vec<Pull>, ForgeError> {
        let query: Vec<_> = [("state", "open"), PAGE].iter().chain(query).copied().collect();
        self.http.pages(&format!("{}/pulls", self.path), &query).map_err(|error| self.known(error))
    }

    /// What is not known is the repository, as far as anyone can tell.
    fn known(&self, error: ForgeError) -> ForgeError {
        error.about(self.path.trim_start_matches("repos/"))
    }

    fn mutate(&self, text: &str, variables: &Value) -> Result<(), ForgeError> {
        graphql::mutate(&self.http, self.graphql, text, variables)
    }

    fn add_labels(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        if draft.labels.is_empty() {
            return Ok(());
        }
        let path = format!("{}/labels", self.issue(request));
        self.http.send(Method::POST, &path, &json!({ "labels": draft.labels }))?;
        Ok(())
    }

    /// Asks those who were not asked and did not answer yet: to be asked again
    /// is a message again.
    fn ask_reviewers(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        if draft.reviewers.is_empty() {
            return Ok(());
        }
        let path = format!("{}/requested_reviewers", self.pull(request));
        let asked: Asked = self.http.get(&path, &[])?;
        let reviews = format!("{}/reviews", self.pull(request));
        let reviews: Vec<Review> = self.http.pages(&reviews, &[PAGE])?;
        let mut due: Vec<&Reviewer> = draft.reviewers.iter().collect();
        due.retain(|reviewer| !is_asked(reviewer, &asked, &reviews));
        match self.ask(&path, &due) {
            // One who cannot be asked keeps all others from being asked.
            Err(error @ ForgeError::Refused { .. }) if due.len() > 1 => {
                let alone = due.iter().map(|reviewer| self.ask(&path, &[*reviewer]));
                alone.fold(Ok(()), Result::and).and(Err(error))
            }
            answer => answer,
        }
    }

    fn ask(&self, path: &str, due: &[&Reviewer]) -> Result<(), ForgeError> {
        if due.is_empty() {
            return Ok(());
        }
        let (mut people, mut teams) = (Vec::new(), Vec::new());
        for reviewer in due {
            match reviewer {
                Reviewer::Person(name) => people.push(name),
                Reviewer::Team { name, .. } => teams.push(name),
            }
        }
        let body = json!({ "reviewers": people, "team_reviewers": teams });
        self.http.send(Method::POST, path, &body)?;
        Ok(())
    }

    fn may_write(&self, person: &str) -> Result<bool, ForgeError> {
        let path = format!("{}/collaborators/{}/permission", self.path, encoded(person));
        match self.http.get::<Value>(&path, &[]) {
            Ok(value) => Ok(matches!(text(&value, "/permission"), "admin" | "write")),
            Err(ForgeError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn set_milestone(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        let Some(title) = &draft.milestone else { return Ok(()) };
        let path = format!("{}/milestones", self.path);
        let open: Vec<Milestone> = self.http.pages(&path, &[("state", "open"), PAGE])?;
        let Some(milestone) = open.iter().find(|milestone| milestone.title == *title) else {
            return Err(ForgeError::NotFound {
                forge: self.name().to_owned(),
                what: format!("an open milestone `{title}`"),
                message: "labels and reviewers do not depend on it".to_owned(),
            });
        };
        let body = json!({ "milestone": milestone.number });
        self.http.send(Method::PATCH, &self.issue(request), &body)?;
        Ok(())
    }
}

impl Forge for GitHub {
    fn name(&self) -> &'static str {
        "GitHub"
    }

    fn find(&self, head: &str) -> Result<Vec<Request>, ForgeError> {
        let filter = format!("{}:{head}", self.owner);
        let found = self.pulls(&[("head", &filter)])?.into_iter().filter(Pull::is_ours);
        Ok(found.map(Pull::request).filter(|request| request.head == head).collect())
    }

    fn open_requests(&self) -> Result<Vec<Request>, ForgeError> {
        let found = self.pulls(&[])?.into_iter().filter(Pull::is_ours);
        Ok(found.map(Pull::request).collect())
    }

    fn create(&self, draft: &Draft) -> Result<Request, ForgeError> {
        let body = json!({
            "title": draft.title,
            "body": draft.body,
            "head": draft.head,
            "base": draft.base,
            "draft": draft.draft,
        });
        let path = format!("{}/pulls", self.path);
        match self.http.write::<Pull>(Method::POST, &path, &body) {
            Ok(pull) => Ok(pull.request()),
            // The only sign of it is GitHub's own sentence.
            Err(ForgeError::Refused { forge, message })
                if message.contains("pull request already exists") =>
            {
                Err(ForgeError::Conflict { forge, message })
            }
            Err(error) => Err(self.known(error)),
        }
    }

    fn update(&self, request: &Request, draft: &Draft) -> Result<Request, ForgeError> {
        let mut now = request.clone();
        if (&now.title, &now.body) != (&draft.title, &draft.body) {
            let body = json!({ "title": draft.title, "body": draft.body });
            now = self.http.write::<Pull>(Method::PATCH, &self.pull(request), &body)?.request();
        }
        if now.draft != draft.draft {
            let text = if draft.draft { graphql::TO_DRAFT } else { graphql::TO_READY };
            self.mutate(text, &json!({ "id": now.id }))?;
            now.draft = draft.draft;
        }
        Ok(now)
    }

    fn decorate(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        let mut steps = Steps::new(self.name());
        for step in [Self::add_labels, Self::ask_reviewers, Self::set_milestone] {
            if !steps.is_lost() {
                steps.take(step(self, request, draft));
            }
        }
        steps.end()
    }

    fn comment(&self, request: &Request, text: &str) -> Result<(), ForgeError> {
        let path = format!("{}/comments", self.issue(request));
        self.http.send(Method::POST, &path, &json!({ "body": text }))?;
        Ok(())
    }

    fn close(&self, request: &Request) -> Result<(), ForgeError> {
        self.http.send(Method::PATCH, &self.pull(request), &json!({ "state": "closed" }))?;
        Ok(())
    }

    fn set_auto_merge(
        &self,
        request: &Request,
        merge: Option<MergeMethod>,
    ) -> Result<(), ForgeError> {
        let method = merge.map(graphql::method);
        let told = match method {
            Some(method) => {
                let variables = json!({ "id": request.id, "method": method });
                self.mutate(graphql::MERGE_ON, &variables)
            }
            None => self.mutate(graphql::MERGE_OFF, &json!({ "id": request.id })),
        };
        // What counts is how it is now: it may have been so before, or be so
        // although no answer came.
        let is_so = self.http.get::<Pull>(&self.pull(request), &[]).map(|pull| {
            let now = pull.auto_merge().map(str::to_ascii_uppercase);
            now.as_deref() == method || (method.is_some() && pull.is_merged())
        });
        match (is_so, told) {
            (Ok(true), _) => Ok(()),
            (_, Err(error)) => Err(explained(error)),
            (Ok(false), Ok(())) => Err(self.http.strange("it says that it did it, and did not")),
            (Err(error), Ok(())) => Err(error),
        }
    }

    fn checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        let commit = format!("{}/commits/{}", self.path, encoded(commit));
        let statuses =
            self.http
                .pages_of(&format!("{commit}/status"), &[PAGE], |page: Statuses| page.statuses)?;
        let runs = self.http.pages_of(
            &format!("{commit}/check-runs"),
            &[("filter", "latest"), PAGE],
            |page: Runs| page.check_runs,
        )?;
        Ok(answer::newest(statuses, runs))
    }

    fn standing(&self, request: &Request) -> Result<Standing, ForgeError> {
        let pull: Value = self.http.get(&self.pull(request), &[])?;
        let said: Vec<Value> =
            self.http.pages(&format!("{}/reviews", self.pull(request)), &[PAGE])?;
        let tip = text(&pull, "/head/sha");
        let word = |review: &Value| {
            let word = match text(review, "/state") {
                "APPROVED" => Word::Approved,
                "CHANGES_REQUESTED" => Word::Rejected,
                "DISMISSED" => Word::Withdrawn,
                // A comment takes nothing back.
                _ => return None,
            };
            let current = text(review, "/commit_id") == tip && !tip.is_empty();
            Some((Person::from(text(review, "/user/login")), word, Some(current)))
        };
        let conflicts = pull.pointer("/mergeable").and_then(Value::as_bool).map(|can| !can);
        let mut standing = Standing::of(
            &text(&pull, "/user/login").into(),
            said.iter().filter_map(word),
            conflicts,
        );
        // Anybody may have a say on a public repository: what counts there is
        // who may write.
        let mut reviews = Vec::new();
        for review in standing.reviews {
            if self.may_write(&review.person)? {
                reviews.push(review);
            }
        }
        standing.reviews = reviews;
        Ok(standing)
    }

    fn is_member(
        &self,
        (organization, name): (&str, &str),
        person: &str,
    ) -> Result<bool, ForgeError> {
        let (organization, name, person) = (encoded(organization), encoded(name), encoded(person));
        let path = format!("orgs/{organization}/teams/{name}/memberships/{person}");
        match self.http.get::<Value>(&path, &[]) {
            Ok(member) => Ok(text(&member, "/state") == "active"),
            Err(ForgeError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn all_checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        let commit = format!("{}/commits/{}", self.path, encoded(commit));
        let statuses: Vec<Status> = self.http.pages(&format!("{commit}/statuses"), &[PAGE])?;
        let runs = self.http.pages_of(
            &format!("{commit}/check-runs"),
            &[("filter", "all"), PAGE],
            |page: Runs| page.check_runs,
        )?;
        let runs = runs.into_iter().map(Run::check);
        Ok(statuses.into_iter().map(Status::check).chain(runs).collect())
    }
}

fn is_asked(reviewer: &Reviewer, asked: &Asked, reviews: &[Review]) -> bool {
    match reviewer {
        Reviewer::Person(name) => {
            let answered = reviews.iter().filter_map(|review| review.user.as_ref());
            asked.users.iter().chain(answered).any(|user| user.login.eq_ignore_ascii_case(name))
        }
        Reviewer::Team { name, .. } => {
            asked.teams.iter().any(|team| team.slug.eq_ignore_ascii_case(name))
        }
    }
}

/// GitHub turns auto-merge on only where something is still missing. What
/// could be merged at once is left to a person.
fn explained(error: ForgeError) -> ForgeError {
    match error {
        ForgeError::Refused { forge, message } if message.contains("clean status") => {
            let message = format!(
                "{message}: nothing is missing, so it could be merged at once, and auto-merge \
                 only waits for a required check or review"
            );
            ForgeError::Refused { forge, message }
        }
        error => error,
    }
}

/// The owner and the name of the repository.
fn names(place: &Place) -> Result<(&str, &str), ForgeError> {
    let named = place.repository.split_once('/').filter(|(_, name)| !name.contains('/'));
    named.ok_or_else(|| {
        ForgeError::Config(format!("`{}` is no repository on GitHub", place.repository))
    })
}

/// A client that sends the token, on octocrab.
fn client(place: &Place, token: &Token, limits: Limits) -> Result<Http, ForgeError> {
    let headers = [
        (AUTHORIZATION, secret(&format!("Bearer {}", token.secret()))?),
        (ACCEPT, HeaderValue::from_static("application/vnd.github+json")),
        (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28")),
    ];
    Ok(Http::new("GitHub", &place.api, &headers, limits)?.hiding(token).through(wire::on))
}
