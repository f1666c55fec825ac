//! A stand-in for GitHub, as GitHub Enterprise Server has it: REST below
//! `/api/v3`, GraphQL beside it.

use std::sync::Mutex;

use promote::forge::{Forge, ForgeError, Limits, Place, Token, connect};
use promote::model::ForgeKind;
use serde_json::{Value, json};

use crate::faults::{Double, Refusal, TOKEN};
use crate::server::{Received, Reply};

/// What it keeps.
#[derive(Default)]
pub(crate) struct State {
    /// Pull requests, as GitHub writes them.
    pub(crate) pulls: Vec<Value>,
    pub(crate) labels: Vec<Value>,
    /// Bodies of requests for reviewers.
    pub(crate) asked: Vec<Value>,
    pub(crate) reviews: Vec<Value>,
    pub(crate) comments: Vec<Value>,
    pub(crate) milestone: Value,
    pub(crate) statuses: Vec<Value>,
    pub(crate) runs: Vec<Value>,
    /// What turning auto-merge on is refused with.
    pub(crate) refuses_merge: Option<&'static str>,
}

/// The stand-in; `page` entries are on a page.
pub(crate) struct GitHubDouble {
    pub(crate) state: Mutex<State>,
    pub(crate) page: usize,
}

impl Default for GitHubDouble {
    fn default() -> Self {
        Self { state: Mutex::default(), page: 100 }
    }
}

pub(crate) fn place(api: &str) -> Place {
    Place {
        kind: ForgeKind::GitHub,
        host: "github.example".to_owned(),
        api: api.to_owned(),
        web: "https://github.example".to_owned(),
        repository: "acme/config".to_owned(),
    }
}

/// A pull request of a branch, in the repository with this id.
pub(crate) fn pull(number: u64, head: &str, repository: u64) -> Value {
    json!({
        "number": number,
        "node_id": format!("PR_{number}"),
        "html_url": format!("https://github.example/acme/config/pull/{number}"),
        "title": "An older one",
        "body": null,
        "draft": false,
        "state": "open",
        "merged": false,
        "head": { "ref": head, "sha": "1111", "repo": { "id": repository } },
        "base": { "ref": "main", "sha": "2222", "repo": { "id": 7 } },
        "auto_merge": null,
    })
}

impl Double for GitHubDouble {
    fn connect(&self, origin: &str, limits: Limits) -> Result<Box<dyn Forge>, ForgeError> {
        let place = place(&format!("{origin}/api/v3"));
        connect(&place, &Token::new(TOKEN, "a test"), limits)
    }

    fn answer(&self, received: &Received) -> Reply {
        let mut state = self.state.lock().unwrap();
        if received.is("POST", "/api/graphql") {
            return graphql(&mut state, &received.json());
        }
        let Some(path) = received.path.strip_prefix("/api/v3/repos/acme/config/") else {
            return Reply::json(404, &json!({ "message": "Not Found" }));
        };
        let parts: Vec<&str> = path.split('/').collect();
        let body = received.json();
        match (received.method.as_str(), &parts[..]) {
            ("GET", ["pulls"]) => self.list(&state.pulls, received),
            ("POST", ["pulls"]) => open(&mut state, &body),
            (method, ["pulls" | "issues", number, rest @ ..]) => {
                let at = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                match at.filter(|at| *at < state.pulls.len()) {
                    Some(at) => one(&mut state, (method, rest), at, &body),
                    None => Reply::json(404, &json!({ "message": "Not Found" })),
                }
            }
            ("GET", ["milestones"]) => {
                Reply::json(200, &json!([{ "number": 3, "title": "Spring" }]))
            }
            ("GET", ["commits", _, "status"]) => {
                Reply::json(200, &json!({ "state": "success", "statuses": state.statuses }))
            }
            ("GET", ["commits", _, "check-runs"]) => {
                Reply::json(200, &json!({ "total_count": 9, "check_runs": state.runs }))
            }
            _ => Reply::json(404, &json!({ "message": "Not Found" })),
        }
    }

    fn requests(&self) -> usize {
        let state = self.state.lock().unwrap();
        state.pulls.iter().filter(|pull| pull["state"] == "open").count()
    }

    fn opens(&self, received: &Received) -> bool {
        received.is("POST", "/api/v3/repos/acme/config/pulls")
    }

    fn asks_reviewers(&self, received: &Received) -> bool {
        received.method == "POST" && received.path.ends_with("/requested_reviewers")
    }

    fn merges(&self, received: &Received) -> bool {
        received.is("POST", "/api/graphql")
    }

    fn refusal(&self, refusal: Refusal) -> Option<Reply> {
        let custom =
            |text: &str| json!({ "resource": "PullRequest", "code": "custom", "message": text });
        let error = match refusal {
            Refusal::Exists => {
                custom("A pull request already exists for acme:promote/web/staging.")
            }
            Refusal::NoCommits => custom("No commits between main and promote/web/staging"),
            Refusal::Base => {
                json!({ "resource": "PullRequest", "field": "base", "code": "invalid" })
            }
            Refusal::Reviewers => {
                let text = "Reviews may only be requested from collaborators. One or more of the \
                            users or teams you specified is not a collaborator.";
                return Some(Reply::json(422, &json!({ "message": text })));
            }
            Refusal::Within => return Some(clean()),
        };
        let body = json!({ "message": "Validation Failed", "errors": [error] });
        Some(Reply::json(422, &body))
    }

    fn page(&self, _received: &Received, next: &str) -> Option<Reply> {
        let page = json!([pull(1, "some", 7)]);
        Some(Reply::json(200, &page).header("Link", &format!("<{next}>; rel=\"next\"")))
    }
}

impl GitHubDouble {
    fn list(&self, pulls: &[Value], received: &Received) -> Reply {
        let wanted = received.query("head");
        let fits = |pull: &&Value| {
            let head = format!("acme:{}", pull["head"]["ref"].as_str().unwrap());
            pull["state"] == received.query("state") && (wanted.is_empty() || wanted == head)
        };
        let page = received.query("page").parse::<usize>().unwrap_or(1);
        let found: Vec<&Value> = pulls.iter().filter(fits).collect();
        let shown: Vec<_> = found.iter().skip((page - 1) * self.page).take(self.page).collect();
        let reply = Reply::json(200, &json!(shown));
        if found.len() <= page * self.page {
            return reply;
        }
        let next = format!("{}?state=open&per_page=100&page={}", received.path, page + 1);
        reply.header("Link", &format!("<{next}>; rel=\"next\", <{next}>; rel=\"last\""))
    }
}

fn open(state: &mut State, body: &Value) -> Reply {
    let number = state.pulls.len() as u64 + 1;
    let head = body["head"].as_str().unwrap();
    let same = |pull: &Value| pull["head"]["ref"] == head && pull["state"] == "open";
    if state.pulls.iter().any(same) {
        return GitHubDouble::default().refusal(Refusal::Exists).unwrap();
    }
    let mut new = pull(number, head, 7);
    for key in ["title", "body", "draft"] {
        new[key] = body[key].clone();
    }
    new["base"]["ref"] = body["base"].clone();
    state.pulls.push(new.clone());
    Reply::json(201, &new)
}

/// What is asked of one pull request.
fn one(state: &mut State, asked: (&str, &[&str]), at: usize, body: &Value) -> Reply {
    let pull = &mut state.pulls[at];
    match asked {
        ("GET", []) => Reply::json(200, pull),
        ("PATCH", []) => {
            for key in ["title", "body", "state"] {
                if !body[key].is_null() {
                    pull[key] = body[key].clone();
                }
            }
            if !body["milestone"].is_null() {
                state.milestone = body["milestone"].clone();
            }
            Reply::json(200, pull)
        }
        ("GET", ["requested_reviewers"]) => {
            let all = |key: &str, name: &str| {
                let named = state.asked.iter().flat_map(|asked| asked[key].as_array().unwrap());
                json!(named.map(|value| json!({ name: value })).collect::<Vec<_>>())
            };
            let (users, teams) = (all("reviewers", "login"), all("team_reviewers", "slug"));
            Reply::json(200, &json!({ "users": users, "teams": teams }))
        }
        ("POST", ["requested_reviewers"]) => {
            // As GitHub does: one that cannot be asked, and nobody is.
            let names = body["reviewers"].as_array().unwrap();
            if names.contains(&json!("nobody")) {
                return GitHubDouble::default().refusal(Refusal::Reviewers).unwrap();
            }
            state.asked.push(body.clone());
            Reply::json(201, pull)
        }
        ("GET", ["reviews"]) => Reply::json(200, &json!(state.reviews)),
        ("POST", ["labels"]) => {
            state.labels.extend(body["labels"].as_array().unwrap().clone());
            Reply::json(200, &json!([]))
        }
        ("POST", ["comments"]) => {
            state.comments.push(body["body"].clone());
            Reply::json(201, &json!({}))
        }
        _ => Reply::json(404, &json!({ "message": "Not Found" })),
    }
}

/// What GitHub answers where nothing is missing for a merge.
fn clean() -> Reply {
    let error = json!({
        "type": "UNPROCESSABLE",
        "path": ["enablePullRequestAutoMerge"],
        "message": "Pull request Pull request is in clean status",
    });
    let body = json!({ "data": { "enablePullRequestAutoMerge": null }, "errors": [error] });
    Reply::json(200, &body)
}

fn graphql(state: &mut State, body: &Value) -> Reply {
    let (text, id) = (body["query"].as_str().unwrap(), &body["variables"]["id"]);
    let Some(pull) = state.pulls.iter_mut().find(|pull| pull["node_id"] == *id) else {
        let error = json!({ "type": "NOT_FOUND", "message": "Could not resolve to a node" });
        return Reply::json(200, &json!({ "data": null, "errors": [error] }));
    };
    if text.contains("convertPullRequestToDraft") {
        pull["draft"] = json!(true);
    } else if text.contains("markPullRequestReadyForReview") {
        pull["draft"] = json!(false);
    } else if text.contains("enablePullRequestAutoMerge") {
        match state.refuses_merge {
            Some("clean") => return clean(),
            Some("nothing is done") => {
                return Reply::json(200, &json!({ "data": { "done": { "id": 1 } } }));
            }
            Some(message) => {
                let error = json!({ "type": "FORBIDDEN", "message": message });
                return Reply::json(200, &json!({ "data": null, "errors": [error] }));
            }
            None => {}
        }
        let method = body["variables"]["method"].as_str().unwrap().to_ascii_lowercase();
        pull["auto_merge"] = json!({ "merge_method": method });
    } else if text.contains("disablePullRequestAutoMerge") {
        pull["auto_merge"] = Value::Null;
    }
    Reply::json(200, &json!({ "data": { "done": { "clientMutationId": null } } }))
}
