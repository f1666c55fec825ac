//! Bitbucket Cloud: pull requests over its REST interface (2.0). Bitbucket
//! Server and Data Center have another one.

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{Steps, entry, line, newest, seconds};
use super::http::Http;
use super::place::encoded;
use super::standing::{Person, Standing, Word};
use super::{Check, CheckState, Draft, Forge, ForgeError, Limits, Place, Request, Review, Token};
use crate::model::{MergeMethod, Reviewer};

const NAME: &str = "Bitbucket";

/// A page of requests, as long as Bitbucket gives them.
const PAGE: (&str, &str) = ("pagelen", "50");

/// A page of anything else.
const LONG_PAGE: (&str, &str) = ("pagelen", "100");

/// A repository on Bitbucket Cloud.
#[derive(Debug)]
pub(super) struct Bitbucket {
    http: Http,
    /// `acme/config`, for people.
    name: String,
    /// `repositories/acme/config`.
    repository: String,
    /// `workspaces/acme`.
    workspace: String,
}

/// A pull request.
#[derive(Debug, Deserialize)]
struct Pull {
    id: u64,
    title: String,
    description: Option<String>,
    #[serde(default)]
    draft: bool,
    source: Side,
    destination: Side,
    links: Links,
    /// Not in lists.
    #[serde(default)]
    reviewers: Vec<User>,
}

#[derive(Debug, Deserialize)]
struct Side {
    branch: Branch,
    commit: Option<Commit>,
    /// None where a fork is gone.
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Branch {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Commit {
    hash: String,
}

#[derive(Debug, Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Debug, Deserialize)]
struct Links {
    html: Link,
}

#[derive(Debug, Deserialize)]
struct Link {
    href: String,
}

/// A member of the workspace.
#[derive(Debug, Deserialize)]
struct Member {
    user: User,
}

#[derive(Debug, Deserialize)]
struct User {
    /// With braces.
    uuid: String,
    account_id: Option<String>,
    nickname: Option<String>,
}

impl User {
    /// Whether a reviewer is named by this id or nickname.
    fn is(&self, name: &str) -> bool {
        let known = |text: &Option<String>| text.as_deref() == Some(name);
        bare(&self.uuid) == bare(name) || known(&self.account_id) || known(&self.nickname)
    }
}

/// A pull request, as far as it tells how it stands.
#[derive(Debug, Deserialize)]
struct Said {
    /// None where the account is gone.
    author: Option<User>,
    participants: Vec<Participant>,
}

/// Somebody who was asked, or said something.
#[derive(Debug, Deserialize)]
struct Participant {
    user: Option<User>,
    state: Option<String>,
}

impl User {
    fn person(&self) -> Person {
        let ids = std::iter::once(self.uuid.clone()).chain(self.account_id.clone()).collect();
        Person { name: self.nickname.clone().unwrap_or_else(|| self.uuid.clone()), ids }
    }
}

impl Participant {
    /// To which push it belongs is not told.
    fn word(&self) -> Option<(Person, Word, Option<bool>)> {
        let word = match self.state.as_deref()? {
            "approved" => Word::Approved,
            "changes_requested" => Word::Rejected,
            _ => return None,
        };
        Some((self.user.as_ref()?.person(), word, None))
    }
}

impl Pull {
    /// Whether its branch is in the repository itself. One of a fork may have
    /// the same name.
    fn is_ours(&self) -> bool {
        let name = |side: &Side| side.repository.as_ref().map(|known| known.full_name.clone());
        name(&self.source).is_some_and(|source| Some(source) == name(&self.destination))
    }

    fn request(self) -> Request {
        Request {
            number: self.id,
            id: String::new(),
            url: self.links.html.href,
            head: self.source.branch.name,
            // Its first twelve digits alone.
            tip: self.source.commit.map(|commit| commit.hash).unwrap_or_default(),
            base: self.destination.branch.name,
            title: self.title,
            body: self.description.unwrap_or_default(),
            draft: self.draft,
            auto_merge: false,
        }
    }
}

/// A build status of a commit.
#[derive(Debug, Deserialize)]
struct Status {
    key: String,
    name: Option<String>,
    state: String,
    description: Option<String>,
    url: Option<String>,
    updated_on: Option<String>,
    created_on: Option<String>,
}

impl Status {
    fn check(self) -> Check {
        let state = match &*self.state {
            "SUCCESSFUL" => CheckState::Success,
            "INPROGRESS" => CheckState::Pending,
            _ => CheckState::Failure,
        };
        let time = self.updated_on.or(self.created_on);
        Check {
            // Keys are often sums of what the name says.
            context: self.name.filter(|name| !name.is_empty()).unwrap_or(self.key),
            state,
            description: line(self.description.as_deref()),
            updated: seconds(time.as_deref()),
            url: self.url.unwrap_or_default(),
        }
    }
}

impl Bitbucket {
    pub(super) fn new(place: &Place, token: &Token, limits: Limits) -> Result<Self, ForgeError> {
        let own = (AUTHORIZATION, format!("Bearer {}", token.secret()));
        let header = entry(NAME, token, own)?;
        let http = Http::new(NAME, &place.api, &[header], limits)?.hiding(token);
        let name = place.repository.clone();
        let Some((workspace, repository)) = name.split_once('/') else {
            return Err(ForgeError::Config(format!("`{name}` is no repository on {NAME}")));
        };
        let workspace = encoded(workspace);
        let repository = format!("repositories/{workspace}/{}", encoded(repository));
        let workspace = format!("workspaces/{workspace}");
        Ok(Self { http, name, repository, workspace })
    }

    fn list(&self, filter: &str) -> Result<Vec<Pull>, ForgeError> {
        let path = format!("{}/pullrequests", self.repository);
        self.http.chained(&path, &[("q", filter), PAGE]).map_err(|error| self.here(error))
    }

    /// The path of a pull request, or of something below it.
    fn path(&self, request: &Request, below: &str) -> String {
        format!("{}/pullrequests/{}{below}", self.repository, request.number)
    }

    fn now(&self, request: &Request) -> Result<Pull, ForgeError> {
        self.http.get(&self.path(request, ""), &[]).map_err(|error| error.about(&shown(request)))
    }

    fn here(&self, error: ForgeError) -> ForgeError {
        error.about(&format!("the repository {}", self.name))
    }

    /// Puts a request anew with some fields changed. What it has besides goes
    /// with it: it would be taken away.
    fn put(&self, request: &Request, fields: Value, more: &[String]) -> Result<Pull, ForgeError> {
        let now = self.now(request)?;
        let people = now.reviewers.iter().map(|user| &user.uuid).chain(more);
        let people: Vec<Value> = people.map(|uuid| json!({"uuid": uuid})).collect();
        let mut body = json!({
            "title": now.title,
            "description": now.description,
            "draft": now.draft,
            "reviewers": people,
        });
        if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
            body.extend(fields);
        }
        let answer = self.http.write(Method::PUT, &self.path(request, ""), &body);
        answer.map_err(|error| error.about(&shown(request)))
    }

    fn ask(&self, request: &Request, reviewers: &[Reviewer]) -> Result<(), ForgeError> {
        let mut steps = Steps::new(NAME);
        let mut names = Vec::new();
        for reviewer in reviewers {
            match reviewer {
                Reviewer::Person(name) => names.push(name),
                Reviewer::Team { .. } => {
                    steps
                        .take(unsupported(&format!("{reviewer} is a group, which is no reviewer")));
                }
            }
        }
        if names.is_empty() {
            return steps.end();
        }
        let members: Vec<Member> =
            self.http.chained(&format!("{}/members", self.workspace), &[LONG_PAGE])?;
        let known = self.now(request)?.reviewers;
        let mut more = Vec::new();
        for name in names {
            let user = members.iter().map(|member| &member.user).find(|user| user.is(name));
            let Some(user) = steps.take(user.ok_or_else(|| nobody(name))) else { continue };
            if !known.iter().any(|known| known.is(&user.uuid)) {
                more.push(user.uuid.clone());
            }
        }
        if !more.is_empty() {
            steps.take(self.put(request, json!({}), &more));
        }
        steps.end()
    }
}

impl Forge for Bitbucket {
    fn name(&self) -> &'static str {
        NAME
    }

    fn find(&self, head: &str) -> Result<Vec<Request>, ForgeError> {
        let quoted = head.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("source.branch.name=\"{quoted}\" AND state=\"OPEN\"");
        let mut found = self.list(&filter)?;
        found.retain(Pull::is_ours);
        Ok(found.into_iter().map(Pull::request).collect())
    }

    fn open_requests(&self) -> Result<Vec<Request>, ForgeError> {
        let found = self.list("state=\"OPEN\"")?.into_iter().filter(Pull::is_ours);
        Ok(found.map(Pull::request).collect())
    }

    fn create(&self, draft: &Draft) -> Result<Request, ForgeError> {
        let body = json!({
            "title": draft.title,
            "description": draft.body,
            "source": {"branch": {"name": draft.head}},
            "destination": {"branch": {"name": draft.base}},
            "draft": draft.draft,
        });
        let path = format!("{}/pullrequests", self.repository);
        let answer = self.http.write::<Pull>(Method::POST, &path, &body);
        answer.map(Pull::request).map_err(|error| self.here(error))
    }

    fn update(&self, request: &Request, draft: &Draft) -> Result<Request, ForgeError> {
        let body = json!({"title": draft.title, "description": draft.body, "draft": draft.draft});
        self.put(request, body, &[]).map(Pull::request)
    }

    fn decorate(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        let mut steps = Steps::new(NAME);
        if !draft.reviewers.is_empty() {
            steps.take(self.ask(request, &draft.reviewers));
        }
        if !draft.labels.is_empty() {
            let labels = draft.labels.join(", ");
            steps.take(unsupported(&format!("pull requests have no labels: {labels}")));
        }
        if let Some(milestone) = &draft.milestone {
            steps.take(unsupported(&format!("pull requests have no milestones: {milestone}")));
        }
        steps.end()
    }

    fn comment(&self, request: &Request, text: &str) -> Result<(), ForgeError> {
        let body = json!({"content": {"raw": text}});
        let sent = self.http.send(Method::POST, &self.path(request, "/comments"), &body);
        sent.map(|_| ()).map_err(|error| error.about(&shown(request)))
    }

    fn close(&self, request: &Request) -> Result<(), ForgeError> {
        let sent = self.http.send(Method::POST, &self.path(request, "/decline"), &Value::Null);
        sent.map(|_| ()).map_err(|error| error.about(&shown(request)))
    }

    fn set_auto_merge(
        &self,
        request: &Request,
        merge: Option<MergeMethod>,
    ) -> Result<(), ForgeError> {
        match merge {
            Some(_) => unsupported(&format!(
                "its interface has no auto-merge: somebody has to merge {}",
                shown(request)
            )),
            // There is none that could be taken back.
            None => Ok(()),
        }
    }

    fn checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        let path = format!("{}/commit/{}/statuses", self.repository, encoded(commit));
        let found: Result<Vec<Status>, ForgeError> = self.http.chained(&path, &[LONG_PAGE]);
        let found = found.map_err(|error| error.about(&format!("the commit {commit}")))?;
        Ok(newest(found.into_iter().map(Status::check).collect()))
    }

    fn standing(&self, request: &Request) -> Result<Standing, ForgeError> {
        let said: Said = self
            .http
            .get(&self.path(request, ""), &[])
            .map_err(|error| error.about(&shown(request)))?;
        let author = said.author.as_ref().map(User::person).unwrap_or_default();
        // Whether it conflicts is not told.
        Ok(Standing::of(&author, said.participants.iter().filter_map(Participant::word), None))
    }

    fn whole_tip(&self, request: &Request) -> Result<String, ForgeError> {
        let path = format!("{}/commit/{}", self.repository, encoded(&request.tip));
        let commit: Commit = self
            .http
            .get(&path, &[])
            .map_err(|error| error.about(&format!("the commit {}", request.tip)))?;
        if !commit.hash.starts_with(&request.tip) {
            return Err(self.http.strange("another commit than it was asked for"));
        }
        Ok(commit.hash)
    }

    fn is_by(&self, review: &Review, name: &str) -> Result<bool, ForgeError> {
        let is = |known: &String| bare(known) == bare(name);
        // Everybody chooses a nickname: who is meant by an id is nobody by it.
        let by_nickname = !is_id(name) && is(&review.person);
        Ok(by_nickname || review.ids.iter().any(is))
    }

    fn all_checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        self.checks(commit)
    }

    /// A status is written over.
    fn keeps_states(&self) -> bool {
        false
    }
}

fn shown(request: &Request) -> String {
    format!("#{}", request.number)
}

fn unsupported(message: &str) -> Result<(), ForgeError> {
    Err(ForgeError::Unsupported { forge: NAME.to_owned(), message: message.to_owned() })
}

/// A UUID is written with braces and without.
fn bare(name: &str) -> String {
    name.trim_matches(['{', '}']).to_ascii_lowercase()
}

/// Whether it is an account id or UUID, by its looks.
fn is_id(name: &str) -> bool {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    name.contains([':', '{']) || (name.len() >= 24 && digits(name))
}

fn nobody(name: &str) -> ForgeError {
    ForgeError::NotFound {
        forge: NAME.to_owned(),
        what: format!("@{name}"),
        message: "no member of the workspace has that id or nickname".to_owned(),
    }
}
