//! GitLab.

use std::sync::Arc;

use promote::forge::{Check, CheckState, Draft, Forge, ForgeError, Form, Limits, Request, Token};
use promote::model::{ForgeKind, MergeMethod};
use serde_json::{Value, json};

use crate::faults::{Double, Refusal, TOKEN, draft, limits, play};
use crate::server::{Received, Reply, Server};
use crate::store::{Opened, Store, asked, client, client_with, text};

const API: &str = "/api/v4";

/// Where everything of the project is.
const PROJECT: &str = "/api/v4/projects/group%2Fsub%2Fconfig";

/// A stand-in for GitLab.
pub(crate) struct Stand {
    store: Store,
    /// What keeps requests from being merged.
    pipeline: &'static str,
    status: &'static str,
    method: &'static str,
}

impl Default for Stand {
    fn default() -> Self {
        let store = Store::default();
        Self { store, pipeline: "running", status: "ci_still_running", method: "merge" }
    }
}

impl Stand {
    fn shown(&self, opened: &Opened) -> Value {
        json!({
            "id": 7000 + opened.number,
            "iid": opened.number,
            "web_url": format!("https://gitlab.test/group/sub/config/-/merge_requests/{}", opened.number),
            "source_branch": opened.head,
            "target_branch": opened.base,
            "source_project_id": 3,
            "target_project_id": 3,
            "sha": "0123456789abcdef0123456789abcdef01234567",
            "title": opened.title,
            "description": opened.body,
            "draft": opened.title.starts_with("Draft:"),
            "state": "opened",
            "merge_when_pipeline_succeeds": opened.auto_merge,
            "head_pipeline": {"id": 9, "status": self.pipeline},
            "detailed_merge_status": self.status,
            "reviewers": opened.reviewers.iter().map(|id| json!({"id": id})).collect::<Vec<_>>(),
        })
    }

    fn list(&self, received: &Received) -> Reply {
        let head = received.query("source_branch");
        let all = self.store.all();
        let found = all.iter().filter(|opened| head.is_empty() || opened.head == head);
        let mut found: Vec<Value> = found.map(|opened| self.shown(opened)).collect();
        if !found.is_empty() {
            // One of a fork, whose branch has the same name.
            let mut foreign = found[0].clone();
            foreign["iid"] = json!(0);
            foreign["source_project_id"] = json!(4);
            found.push(foreign);
        }
        Reply::json(200, &found.into())
    }

    fn create(&self, body: &Value) -> Reply {
        let opened = self.store.open(Opened {
            head: text(body, "/source_branch"),
            base: text(body, "/target_branch"),
            title: text(body, "/title"),
            body: text(body, "/description"),
            ..Opened::default()
        });
        match opened {
            Some(opened) => Reply::json(201, &self.shown(&opened)),
            None => self.refusal(Refusal::Exists).unwrap(),
        }
    }

    fn change(&self, received: &Received) -> Reply {
        let body = received.json();
        let opened = self.store.change(below(received), |opened| {
            if body["title"].is_string() {
                (opened.title, opened.body) = (text(&body, "/title"), text(&body, "/description"));
            }
            if let Some(ids) = body["reviewer_ids"].as_array() {
                opened.reviewers.clone_from(ids);
            }
        });
        Reply::json(200, &self.shown(&opened))
    }

    fn merge(&self, received: &Received, on: bool) -> Reply {
        let opened = self.store.change(below(received), |opened| opened.auto_merge = on);
        Reply::json(if on { 200 } else { 201 }, &self.shown(&opened))
    }
}

/// The path below the project.
fn below(received: &Received) -> &str {
    received.path.strip_prefix(PROJECT).unwrap_or(&received.path)
}

fn not_found() -> Reply {
    Reply::json(404, &json!({"message": "404 Not Found"}))
}

impl Double for Stand {
    fn connect(&self, origin: &str, limits: Limits) -> Result<Box<dyn Forge>, ForgeError> {
        client(ForgeKind::GitLab, (origin, API), "group/sub/config", limits)
    }

    fn answer(&self, received: &Received) -> Reply {
        if received.header("authorization") != format!("Bearer {TOKEN}") {
            return Reply::json(401, &json!({"message": "401 Unauthorized"}));
        }
        match (&*received.method, below(received)) {
            ("GET", "/merge_requests") => self.list(received),
            ("POST", "/merge_requests") => self.create(&received.json()),
            ("GET", "/merge_requests/1") => Reply::json(200, &self.shown(&self.store.all()[0])),
            ("PUT", "/merge_requests/1") => self.change(received),
            ("PUT", "/merge_requests/1/merge") => self.merge(received, true),
            ("POST", "/merge_requests/1/cancel_merge_when_pipeline_succeeds") => {
                self.merge(received, false)
            }
            ("POST", "/merge_requests/1/approval_rules" | "/merge_requests/1/notes") => {
                Reply::json(201, &json!({"id": 5}))
            }
            ("GET", "/api/v4/users") if received.query("username") == "carol" => {
                Reply::json(200, &json!([{"id": 41, "username": "carol"}]))
            }
            ("GET", "/api/v4/users" | "/merge_requests/1/approval_rules") => {
                Reply::json(200, &json!([]))
            }
            ("GET", "/api/v4/groups/acme%2Fsecurity") => {
                Reply::json(200, &json!({"id": 12, "full_path": "acme/security"}))
            }
            ("GET", "/milestones") => Reply::json(200, &json!([{"id": 8, "title": "July"}])),
            ("GET", "") => Reply::json(200, &json!({"id": 3, "merge_method": self.method})),
            ("GET", "/repository/commits/abc/statuses") => Reply::json(200, &statuses()),
            ("GET", "/pipelines") => Reply::json(200, &pipelines()),
            _ => not_found(),
        }
    }

    fn requests(&self) -> usize {
        self.store.all().len()
    }

    fn opens(&self, received: &Received) -> bool {
        received.is("POST", &format!("{PROJECT}/merge_requests"))
    }

    fn asks_reviewers(&self, received: &Received) -> bool {
        received.method == "PUT" && !received.json()["reviewer_ids"].is_null()
    }

    fn merges(&self, received: &Received) -> bool {
        received.is("PUT", &format!("{PROJECT}/merge_requests/1/merge"))
    }

    fn refusal(&self, refusal: Refusal) -> Option<Reply> {
        let (status, said) = match refusal {
            Refusal::Exists => (
                409,
                json!(["Another open merge request already exists for this source branch: !1"]),
            ),
            Refusal::Base => (400, json!({"target_branch": ["does not exist"]})),
            Refusal::Reviewers => (400, json!({"reviewer_ids": ["is invalid"]})),
            // A request without commits may be opened.
            Refusal::NoCommits => return None,
            Refusal::Within => {
                let opened = Opened { number: 1, ..Opened::default() };
                return Some(Reply::json(200, &self.shown(&opened)));
            }
        };
        Some(Reply::json(status, &json!({ "message": said })))
    }

    fn page(&self, _: &Received, next: &str) -> Option<Reply> {
        let link = format!("<{next}>; rel=\"next\", <{next}>; rel=\"last\"");
        Some(Reply::json(200, &json!([])).header("Link", &link))
    }
}

fn statuses() -> Value {
    let status = |id: u64, name: &str, status: &str, may_fail: bool| {
        json!({
            "id": id, "name": name, "status": status, "allow_failure": may_fail,
            "description": "it\nsays", "target_url": "https://ci.test/1",
            "created_at": "2026-01-02T03:04:05.000Z", "finished_at": null,
        })
    };
    json!([
        status(4, "kustomization/web-staging", "success", false),
        status(3, "kustomization/web-staging", "failed", false),
        status(2, "lint", "failed", true),
        status(1, "deploy", "manual", false),
    ])
}

fn pipelines() -> Value {
    json!([
        {"id": 8, "status": "failed", "source": "push", "web_url": "https://gitlab.test/p/8",
         "updated_at": "2026-01-02T03:04:06Z"},
        {"id": 7, "status": "success", "source": "push", "updated_at": "2026-01-02T03:04:05Z"},
    ])
}

fn served(stand: Stand) -> (Server, Box<dyn Forge>) {
    let stand = Arc::new(stand);
    let own = Arc::clone(&stand);
    let server = Server::start(move |received| own.answer(received));
    let forge = stand.connect(&server.origin(), limits()).unwrap();
    (server, forge)
}

fn first() -> Request {
    Request { number: 1, ..Request::default() }
}

#[test]
fn nearly_right_answers_end_well() {
    crate::garbled::play(|| Arc::new(Stand::default()), 60);
}

#[test]
fn faults_end_well() {
    let skipped = play(|| Arc::new(Stand::default()));
    assert_eq!(skipped, ["no commits between"]);
}

#[test]
fn opening_is_as_documented() {
    let (server, forge) = served(Stand::default());
    assert_eq!(forge.find("promote/web/staging"), Ok(Vec::new()));
    let made = forge.create(&Draft { draft: true, ..draft() }).unwrap();
    assert_eq!((made.number, made.draft, &*made.title), (1, true, &*draft().title));
    assert_eq!(made.tip, "0123456789abcdef0123456789abcdef01234567");
    let found = forge.find("promote/web/staging").unwrap();
    assert_eq!(found, std::slice::from_ref(&made), "one of a fork is none of ours");
    assert_eq!(forge.open_requests().map(|all| all.len()), Ok(1));
    let updated = forge.update(&made, &draft()).unwrap();
    assert!(!updated.draft && updated.title == draft().title);
    let milestone = Some("July".to_owned());
    forge.decorate(&made, &Draft { milestone, ..draft() }).unwrap();
    let path = |rest: &str| format!("{PROJECT}/merge_requests{rest}");
    let list = format!("GET {}?state=opened", path(""));
    let now = format!("GET {}", path("/1"));
    let find = format!("{list}&source_branch=promote/web/staging&per_page=100");
    let wanted = [
        find.clone(),
        format!(
            "POST {} {}",
            path(""),
            json!({
                "source_branch": "promote/web/staging",
                "target_branch": "main",
                "title": "Draft: Promote web v1.2.3 to staging",
                "description": "What moves: `web`",
            })
        ),
        find,
        format!("{list}&per_page=100"),
        format!(
            "PUT {} {}",
            path("/1"),
            json!({
                "title": "Promote web v1.2.3 to staging",
                "description": "What moves: `web`",
            })
        ),
        "GET /api/v4/users?username=carol".to_owned(),
        now.clone(),
        format!(
            "GET {PROJECT}/milestones?title=July&state=active&include_ancestors=true&per_page=100"
        ),
        format!(
            "PUT {} {}",
            path("/1"),
            json!({"add_labels": "promotion", "reviewer_ids": [41], "milestone_id": 8})
        ),
        "GET /api/v4/groups/acme%2Fsecurity?with_projects=false".to_owned(),
        format!("GET {}?per_page=100", path("/1/approval_rules")),
        format!(
            "POST {} {}",
            path("/1/approval_rules"),
            json!({"name": "@acme/security", "approvals_required": 1, "group_ids": [12]})
        ),
    ];
    assert_eq!(asked(&server), wanted);
}

#[test]
fn what_follows_is_as_documented() {
    let (server, forge) = served(Stand::default());
    let made = forge.create(&draft()).unwrap();
    forge.comment(&made, "It is on its way.").unwrap();
    forge.set_auto_merge(&made, Some(MergeMethod::Squash)).unwrap();
    forge.set_auto_merge(&made, Some(MergeMethod::Squash)).unwrap();
    forge.set_auto_merge(&made, None).unwrap();
    forge.set_auto_merge(&made, None).unwrap();
    forge.close(&made).unwrap();
    let path = |rest: &str| format!("{PROJECT}/merge_requests{rest}");
    let now = format!("GET {}", path("/1"));
    let wanted = [
        format!("POST {} {}", path("/1/notes"), json!({"body": "It is on its way."})),
        now.clone(),
        format!(
            "PUT {} {}",
            path("/1/merge"),
            json!({
                "auto_merge": true,
                "merge_when_pipeline_succeeds": true,
                "sha": "0123456789abcdef0123456789abcdef01234567",
                "squash": true,
                "should_remove_source_branch": true,
            })
        ),
        now.clone(),
        now.clone(),
        format!("POST {}", path("/1/cancel_merge_when_pipeline_succeeds")),
        now,
        format!("PUT {} {}", path("/1"), json!({"state_event": "close"})),
    ];
    assert_eq!(asked(&server)[1..], wanted);
}

#[test]
fn checks_are_statuses_and_pipelines() {
    let (server, forge) = served(Stand::default());
    forge.all_checks("abc").unwrap();
    assert!(asked(&server)[0].contains("/commits/abc/statuses?all=true&"), "{:?}", asked(&server));
    let (server, forge) = served(Stand::default());
    let checks = forge.checks("abc").unwrap();
    let told: Vec<_> = checks.iter().map(|check| (&*check.context, check.state)).collect();
    let wanted = [
        ("deploy", CheckState::Pending),
        ("kustomization/web-staging", CheckState::Success),
        ("lint", CheckState::Success),
        ("pipeline (push)", CheckState::Failure),
    ];
    assert_eq!(told, wanted);
    let first = Check {
        context: "deploy".to_owned(),
        state: CheckState::Pending,
        description: "it says".to_owned(),
        updated: 1_767_323_045,
        url: "https://ci.test/1".to_owned(),
    };
    assert_eq!(checks[0], first);
    let wanted = [
        format!("GET {PROJECT}/repository/commits/abc/statuses?per_page=100"),
        format!("GET {PROJECT}/pipelines?sha=abc&per_page=100"),
    ];
    assert_eq!(asked(&server), wanted);
}

/// Whether auto-merge was asked for in the end.
fn merging(stand: Stand, method: MergeMethod) -> (Result<(), ForgeError>, bool) {
    let (server, forge) = served(stand);
    forge.create(&draft()).unwrap();
    let outcome = forge.set_auto_merge(&first(), Some(method));
    let sent = asked(&server).iter().any(|line| line.contains("/merge "));
    (outcome, sent)
}

#[test]
fn nothing_is_ever_merged_at_once() {
    for pipeline in ["success", "failed", "canceled"] {
        for status in ["mergeable", "unchecked", "checking"] {
            let stand = Stand { pipeline, status, ..Stand::default() };
            let (outcome, sent) = merging(stand, MergeMethod::Squash);
            let told = outcome.unwrap_err().to_string();
            assert!(!sent && told.contains("merged at once"), "{pipeline} {status}: {told}");
        }
    }
    for (pipeline, status) in [("success", "not_approved"), ("pending", "mergeable")] {
        let stand = Stand { pipeline, status, ..Stand::default() };
        assert_eq!(merging(stand, MergeMethod::Squash), (Ok(()), true), "{pipeline} {status}");
    }
}

#[test]
fn the_method_has_to_be_that_of_the_project() {
    for (method, wanted, works) in [
        ("merge", MergeMethod::Merge, true),
        ("rebase_merge", MergeMethod::Merge, true),
        ("ff", MergeMethod::Merge, false),
        ("ff", MergeMethod::Rebase, true),
        ("merge", MergeMethod::Rebase, false),
        ("merge", MergeMethod::Squash, true),
    ] {
        let (outcome, sent) = merging(Stand { method, ..Stand::default() }, wanted);
        assert_eq!((outcome.is_ok(), sent), (works, works), "{method} {wanted:?}: {outcome:?}");
    }
}

#[test]
fn the_token_of_a_job_reads_alone() {
    let server = Server::start(|_| Reply::json(200, &json!([])));
    let token = Token::with(Form::Job, TOKEN, "CI_JOB_TOKEN");
    let (origin, place) = (server.origin(), "group/sub/config");
    let to = (&*origin, API);
    let forge = client_with(ForgeKind::GitLab, to, place, (&token, limits())).unwrap();
    assert_eq!(forge.find("x"), Ok(Vec::new()));
    assert_eq!(server.received()[0].header("job-token"), TOKEN);
    let told = forge.create(&draft()).unwrap_err();
    assert_eq!(told.exit_code(), 4);
    assert!(told.to_string().contains("the token of a job cannot write"), "{told}");
    for outcome in [
        forge.decorate(&first(), &draft()),
        forge.comment(&first(), "x"),
        forge.close(&first()),
        forge.set_auto_merge(&first(), None),
        forge.set_auto_merge(&first(), Some(MergeMethod::Squash)),
    ] {
        assert_eq!(outcome.map_err(|error| error.exit_code()), Err(4));
    }
    assert_eq!(server.received().len(), 1, "nothing was asked for that cannot be");
}

#[test]
fn what_cannot_be_decorated_is_told() {
    let stand = Arc::new(Stand::default());
    let own = Arc::clone(&stand);
    // As GitLab without a licence: one reviewer, and no approval rules.
    let server = Server::start(move |received| match (&*received.method, below(received)) {
        (_, "/merge_requests/1/approval_rules") => not_found(),
        ("GET", "/api/v4/users") => {
            let name = received.query("username");
            Reply::json(200, &json!([{"id": 40 + name.len(), "username": name}]))
        }
        ("PUT", _) => {
            let mut opened = own.store.all()[0].clone();
            opened.reviewers = vec![json!(43)];
            Reply::json(200, &own.shown(&opened))
        }
        _ => own.answer(received),
    });
    let forge = stand.connect(&server.origin(), limits()).unwrap();
    let made = forge.create(&draft()).unwrap();
    let reviewers = ["@bob", "@carol", "@acme/security"].map(|name| name.parse().unwrap());
    let wanted = Draft { reviewers: reviewers.into(), ..draft() };
    let told = forge.decorate(&made, &wanted).unwrap_err();
    assert_eq!(
        told.to_string(),
        "GitLab refuses: cannot do this: it took 1 of 2 reviewers of !1; cannot do this: a group \
         is no reviewer, and approval rules, which could ask @acme/security, are not to be had: \
         404 Not Found"
    );
}

#[test]
fn who_may_not_merge_is_told_so() {
    let stand = Arc::new(Stand::default());
    let own = Arc::clone(&stand);
    let server = Server::start(move |received| {
        if own.merges(received) {
            return Reply::json(401, &json!({"message": "401 Unauthorized"}));
        }
        own.answer(received)
    });
    let forge = stand.connect(&server.origin(), limits()).unwrap();
    let made = forge.create(&draft()).unwrap();
    let told = forge.set_auto_merge(&made, Some(MergeMethod::Squash)).unwrap_err();
    assert!(matches!(told, ForgeError::Forbidden { .. }), "{told}");
}
