//! Gitea and Forgejo: pull requests over their REST interface (v1).

mod wire;

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::common::{Marks, Steps, entry, look, newest, nothing_to_wait_for};
use super::http::Http;
use super::place::encoded;
use super::standing::Standing;
use super::{Check, Draft, Forge, ForgeError, Limits, Place, Request, Token};
use crate::model::{MergeMethod, Reviewer};
use wire::{Branch, Named, Pull, Review, Status, User};

const NAME: &str = "Gitea";

/// The marks that make a draft of a pull request, where nobody set others.
const MARKS: Marks = Marks(&["WIP:", "[WIP]"]);

/// A page of a list, as long as Gitea gives them.
const PAGE: (&str, usize) = ("limit", 50);

/// The colour of a label that is made.
const COLOR: &str = "#0e8a16";

/// A repository on Gitea or Forgejo.
#[derive(Debug)]
pub(super) struct Gitea {
    http: Http,
    /// `acme/config`, for people.
    name: String,
    /// `repos/acme/config`.
    repository: String,
    /// `acme`.
    owner: String,
}

impl Gitea {
    pub(super) fn new(place: &Place, token: &Token, limits: Limits) -> Result<Self, ForgeError> {
        let own = (AUTHORIZATION, format!("token {}", token.secret()));
        let header = entry(NAME, token, own)?;
        let http = Http::new(NAME, &place.api, &[header], limits)?.hiding(token);
        let name = place.repository.clone();
        let Some((owner, repository)) = name.rsplit_once('/') else {
            return Err(ForgeError::Config(format!("`{name}` is no repository on {NAME}")));
        };
        let owner = owner.to_owned();
        let repository = format!("repos/{}/{}", encoded(&owner), encoded(repository));
        Ok(Self { http, name, repository, owner })
    }

    fn list(&self) -> Result<Vec<Pull>, ForgeError> {
        let path = format!("{}/pulls", self.repository);
        self.all(&path, &[("state", "open")]).map_err(|error| self.here(error))
    }

    /// A list to its end. Of some lists Gitea says how long they are and not
    /// where the next page is.
    fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ForgeError> {
        self.http.numbered(path, query, PAGE)
    }

    /// The path of a pull request, or of something below it.
    fn pull(&self, request: &Request, below: &str) -> String {
        format!("{}/pulls/{}{below}", self.repository, request.number)
    }

    /// Labels and comments are those of the issue with the same number.
    fn issue(&self, request: &Request, below: &str) -> String {
        format!("{}/issues/{}{below}", self.repository, request.number)
    }

    fn here(&self, error: ForgeError) -> ForgeError {
        error.about(&format!("the repository {}", self.name))
    }

    fn edit(&self, request: &Request, body: &Value) -> Result<Pull, ForgeError> {
        let answer = self.http.write(Method::PATCH, &self.pull(request, ""), body);
        answer.map_err(|error| error.about(&shown(request)))
    }

    fn post(&self, path: &str, body: &Value) -> Result<(), ForgeError> {
        self.http.send(Method::POST, path, body).map(|_| ())
    }

    /// Labels of the repository and of its organization, by name.
    fn label(&self, name: &str, known: &[Named]) -> Result<u64, ForgeError> {
        if let Some(label) = known.iter().find(|label| label.name == name) {
            return Ok(label.id);
        }
        let body = json!({"name": name, "color": COLOR});
        let path = format!("{}/labels", self.repository);
        let made: Result<Named, ForgeError> = self.http.write(Method::POST, &path, &body);
        made.map(|label| label.id).map_err(|error| match error {
            ForgeError::NotFound { forge, message, .. }
            | ForgeError::Forbidden { forge, message } => {
                let message =
                    format!("the label {name} is not there, nor may we make it: {message}");
                ForgeError::Forbidden { forge, message }
            }
            other => other,
        })
    }

    fn add_labels(&self, request: &Request, names: &[String]) -> Result<(), ForgeError> {
        let mut known: Vec<Named> = self.all(&format!("{}/labels", self.repository), &[])?;
        let of_all = format!("orgs/{}/labels", encoded(&self.owner));
        match self.all(&of_all, &[]) {
            Ok(labels) => known.extend::<Vec<Named>>(labels),
            // A person is no organization.
            Err(ForgeError::NotFound { .. } | ForgeError::Forbidden { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut steps = Steps::new(NAME);
        let mut ids = Vec::new();
        for name in names {
            if !steps.is_lost() {
                ids.extend(steps.take(self.label(name, &known)));
            }
        }
        if !ids.is_empty() && !steps.is_lost() {
            let path = self.issue(request, "/labels");
            steps.take(self.post(&path, &json!({"labels": ids})));
        }
        steps.end()
    }

    fn reviews(&self, request: &Request) -> Result<Vec<Review>, ForgeError> {
        self.all(&self.pull(request, "/reviews"), &[])
    }

    /// Asks those who were not asked before; who has had their say is left
    /// alone.
    fn ask(&self, request: &Request, reviewers: &[Reviewer]) -> Result<(), ForgeError> {
        let known = self.reviews(request)?;
        let path = self.pull(request, "/requested_reviewers");
        let mut steps = Steps::new(NAME);
        for reviewer in reviewers.iter().filter(|reviewer| !is_asked(reviewer, &known)) {
            let body = match reviewer {
                Reviewer::Person(name) => json!({"reviewers": [name]}),
                Reviewer::Team { organization, name } if self.is_owner(organization) => {
                    json!({"team_reviewers": [name]})
                }
                Reviewer::Team { .. } => {
                    let owner = &self.owner;
                    let message = format!("{reviewer} is no team of {owner}, the owner");
                    let forge = NAME.to_owned();
                    steps.take::<()>(Err(ForgeError::Unsupported { forge, message }));
                    continue;
                }
            };
            if !steps.is_lost() {
                let asked = self.post(&path, &body);
                steps.take(asked.map_err(|error| error.about(&reviewer.to_string())));
            }
        }
        steps.end()
    }

    fn is_owner(&self, organization: &str) -> bool {
        self.owner.eq_ignore_ascii_case(organization)
    }

    fn set_milestone(&self, request: &Request, title: &str) -> Result<(), ForgeError> {
        let path = format!("{}/milestones", self.repository);
        let query = [("state", "open"), ("name", title)];
        let found: Vec<Named> = self.all(&path, &query)?;
        let Some(milestone) = found.iter().find(|milestone| milestone.name == title) else {
            return Err(ForgeError::NotFound {
                forge: NAME.to_owned(),
                what: format!("the milestone {title}"),
                message: "no open milestone has that title".to_owned(),
            });
        };
        self.edit(request, &json!({"milestone": milestone.id})).map(|_| ())
    }

    /// The tip of a request where Gitea has to wait with merging it. Where it
    /// has not, it would merge at once.
    fn waiting(&self, request: &Request) -> Result<Option<String>, ForgeError> {
        let pull: Pull = self
            .http
            .get(&self.pull(request, ""), &[])
            .map_err(|error| error.about(&shown(request)))?;
        if pull.merged || pull.state != "open" {
            let message = format!("{} is not open any more", shown(request));
            return Err(ForgeError::Conflict { forge: NAME.to_owned(), message });
        }
        let path = format!("{}/branches/{}", self.repository, encoded(pull.base()));
        let base: Branch = self
            .http
            .get(&path, &[])
            .map_err(|error| error.about(&format!("the branch {}", pull.base())))?;
        let waits = base.waits(&self.checks(pull.tip())?, &self.reviews(request)?);
        Ok(waits.then(|| pull.tip().to_owned()))
    }

    fn merge_once_it_may(&self, request: &Request, method: MergeMethod) -> Result<(), ForgeError> {
        let pause = self.http.limits().pause;
        let Some(tip) = look(pause, || self.waiting(request))? else {
            let what = "its branch requires no check and no approval that it lacks";
            return Err(nothing_to_wait_for(NAME, &shown(request), what));
        };
        let style = match method {
            MergeMethod::Squash => "squash",
            MergeMethod::Merge => "merge",
            MergeMethod::Rebase => "rebase",
        };
        // The key is `do` since Gitea 1.27, and was `Do` before.
        let body = json!({
            "do": style,
            "Do": style,
            "merge_when_checks_succeed": true,
            "head_commit_id": tip,
            "delete_branch_after_merge": true,
        });
        let path = self.pull(request, "/merge");
        let done = look(pause, || match self.post(&path, &body) {
            Ok(()) => Ok(Some(Ok(()))),
            // It still looks for conflicts, and has done nothing.
            Err(error @ ForgeError::Refused { .. }) if says(&error, "try again later") => Ok(None),
            Err(error @ ForgeError::Conflict { .. }) if says(&error, "already scheduled") => {
                Ok(Some(Ok(())))
            }
            Err(error) => Ok(Some(Err(error.about(&shown(request))))),
        })?;
        done.unwrap_or_else(|| {
            let request = shown(request);
            let message = format!("{request} has conflicts, or they are still looked for");
            Err(ForgeError::Unavailable { forge: NAME.to_owned(), message, ambiguous: false })
        })
    }

    fn merge_by_hand(&self, request: &Request) -> Result<(), ForgeError> {
        let sent = self.http.send(Method::DELETE, &self.pull(request, "/merge"), &Value::Null);
        match sent {
            // Nothing was scheduled, if the request itself is there.
            Err(ForgeError::NotFound { .. }) => {
                let known: Result<Pull, ForgeError> = self.http.get(&self.pull(request, ""), &[]);
                known.map(|_| ()).map_err(|error| error.about(&shown(request)))
            }
            other => other.map(|_| ()),
        }
    }
}

impl Forge for Gitea {
    fn name(&self) -> &'static str {
        NAME
    }

    fn find(&self, head: &str) -> Result<Vec<Request>, ForgeError> {
        // The list cannot be asked for a branch, whatever its base.
        let mut found = self.list()?;
        found.retain(|pull| pull.is_ours() && pull.is_of(head));
        Ok(found.into_iter().map(Pull::request).collect())
    }

    fn open_requests(&self) -> Result<Vec<Request>, ForgeError> {
        Ok(self.list()?.into_iter().filter(Pull::is_ours).map(Pull::request).collect())
    }

    fn create(&self, draft: &Draft) -> Result<Request, ForgeError> {
        let body = json!({
            "head": draft.head,
            "base": draft.base,
            "title": MARKS.written(&draft.title, draft.draft),
            "body": draft.body,
        });
        let path = format!("{}/pulls", self.repository);
        let answer = self.http.write::<Pull>(Method::POST, &path, &body);
        answer.map(Pull::request).map_err(|error| {
            error.about(&format!("{}, or a branch of {} and {}", self.name, draft.head, draft.base))
        })
    }

    fn update(&self, request: &Request, draft: &Draft) -> Result<Request, ForgeError> {
        let title = MARKS.written(&draft.title, draft.draft);
        let edited = self.edit(request, &json!({"title": title, "body": draft.body}));
        edited.map(Pull::request)
    }

    fn decorate(&self, request: &Request, draft: &Draft) -> Result<(), ForgeError> {
        let mut steps = Steps::new(NAME);
        if !draft.labels.is_empty() {
            steps.take(self.add_labels(request, &draft.labels));
        }
        if !draft.reviewers.is_empty() && !steps.is_lost() {
            steps.take(self.ask(request, &draft.reviewers));
        }
        if let Some(title) = draft.milestone.as_deref().filter(|_| !steps.is_lost()) {
            steps.take(self.set_milestone(request, title));
        }
        steps.end()
    }

    fn comment(&self, request: &Request, text: &str) -> Result<(), ForgeError> {
        let sent = self.post(&self.issue(request, "/comments"), &json!({"body": text}));
        sent.map_err(|error| error.about(&shown(request)))
    }

    fn close(&self, request: &Request) -> Result<(), ForgeError> {
        self.edit(request, &json!({"state": "closed"})).map(|_| ())
    }

    fn tells_auto_merge(&self) -> bool {
        false
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
        Ok(newest(self.all_checks(commit)?))
    }

    fn standing(&self, request: &Request) -> Result<Standing, ForgeError> {
        let about = |error: ForgeError| error.about(&shown(request));
        let now = || self.http.get::<Pull>(&self.pull(request, ""), &[]).map_err(about);
        let mut pull = now()?;
        if pull.conflicts() == Some(true) {
            // It says the same while it still looks for conflicts.
            std::thread::sleep(self.http.limits().pause);
            pull = now()?;
        }
        let said = self.reviews(request).map_err(about)?;
        let words = said.iter().filter_map(|review| review.word(pull.tip()));
        Ok(Standing::of(&pull.author(), words, pull.conflicts()))
    }

    fn is_member(
        &self,
        (organization, name): (&str, &str),
        person: &str,
    ) -> Result<bool, ForgeError> {
        let about = |error: ForgeError| error.about(&format!("the team @{organization}/{name}"));
        let path = format!("orgs/{}/teams", encoded(organization));
        let teams: Vec<Named> = self.all(&path, &[]).map_err(about)?;
        let Some(team) = teams.iter().find(|team| team.name.eq_ignore_ascii_case(name)) else {
            let message = "no team of the organization has that name".to_owned();
            let forge = NAME.to_owned();
            return Err(about(ForgeError::NotFound { forge, what: String::new(), message }));
        };
        let members = format!("teams/{}/members", team.id);
        let path = format!("{members}/{}", encoded(person));
        match self.http.get::<User>(&path, &[]) {
            Ok(member) => Ok(member.login.eq_ignore_ascii_case(person)),
            // It says the same of a team that we may not look into.
            Err(ForgeError::NotFound { .. }) => {
                let seen = self.http.get::<Vec<User>>(&members, &[("limit", "1")]);
                seen.map(|_| false).map_err(about)
            }
            Err(error) => Err(error),
        }
    }

    fn all_checks(&self, commit: &str) -> Result<Vec<Check>, ForgeError> {
        let path = format!("{}/commits/{}/statuses", self.repository, encoded(commit));
        let found = self.all(&path, &[]);
        let mut found: Vec<Status> =
            found.map_err(|error| error.about(&format!("the commit {commit}")))?;
        found.sort_by_key(|status| status.id);
        Ok(found.into_iter().map(Status::check).collect())
    }
}

fn shown(request: &Request) -> String {
    format!("#{}", request.number)
}

fn says(error: &ForgeError, words: &str) -> bool {
    error.to_string().to_ascii_lowercase().contains(words)
}

/// Whether somebody was asked or has had their say.
fn is_asked(reviewer: &Reviewer, known: &[Review]) -> bool {
    known.iter().any(|review| match reviewer {
        Reviewer::Person(name) => {
            review.user.as_ref().is_some_and(|user| user.login.eq_ignore_ascii_case(name))
        }
        Reviewer::Team { name, .. } => {
            review.team.as_ref().is_some_and(|team| team.name.eq_ignore_ascii_case(name))
        }
    })
}
