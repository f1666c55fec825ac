//! Gitea and Forgejo. What is sent is held against Gitea's own description of
//! its interface too, which `.ci/run` takes out of the Go module of Gitea.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use promote::forge::{Check, CheckState, Draft, Forge, ForgeError, Limits, Request};
use promote::model::{ForgeKind, MergeMethod};
use serde_json::{Value, json};

use crate::faults::{Double, Refusal, TOKEN, draft, limits, play};
use crate::github_app::skipped;
use crate::github_schema::{Operation, folder};
use crate::server::{Received, Reply, Server};
use crate::store::{Opened, Store, asked, client, text};

const API: &str = "/api/v1";

/// Where everything of the repository is.
const REPOSITORY: &str = "/api/v1/repos/acme/config";

const TIP: &str = "0123456789abcdef0123456789abcdef01234567";

/// A stand-in for Gitea.
pub(crate) struct Stand {
    pub(crate) store: Store,
    /// The branch that is merged into, with what protects it.
    base: Value,
    /// The statuses of the tip.
    statuses: Value,
    reviews: Value,
    /// Whether it looks for conflicts still.
    busy: AtomicBool,
}

impl Default for Stand {
    fn default() -> Self {
        let protects = json!({
            "name": "main", "protected": true, "required_approvals": 0,
            "enable_status_check": true, "status_check_contexts": ["ci/*"],
        });
        Self {
            store: Store::default(),
            base: protects,
            statuses: json!([status(1, "ci/build", "pending")]),
            reviews: json!([]),
            busy: AtomicBool::new(false),
        }
    }
}

fn status(id: u64, context: &str, status: &str) -> Value {
    json!({
        "id": id, "context": context, "status": status, "description": "it\nsays",
        "target_url": "https://ci.test/1", "updated_at": "2026-01-02T04:04:05+01:00",
    })
}

fn said(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message, "url": "https://gitea.test/api/swagger"}))
}

fn below(received: &Received) -> &str {
    received.path.strip_prefix(REPOSITORY).unwrap_or(&received.path)
}

impl Stand {
    fn shown(opened: &Opened) -> Value {
        json!({
            "id": 7000 + opened.number,
            "number": opened.number,
            "html_url": format!("https://gitea.test/acme/config/pulls/{}", opened.number),
            "title": opened.title,
            "body": opened.body,
            "state": "open",
            "merged": false,
            "head": {"label": opened.head, "ref": opened.head, "sha": TIP, "repo_id": 3},
            "base": {"label": opened.base, "ref": opened.base, "sha": TIP, "repo_id": 3},
        })
    }

    fn list(&self) -> Reply {
        let mut found: Vec<Value> = self.store.all().iter().map(Self::shown).collect();
        if !found.is_empty() {
            // One of a fork, whose branch has the same name.
            let mut foreign = found[0].clone();
            foreign["number"] = json!(0);
            foreign["head"]["repo_id"] = json!(4);
            found.push(foreign);
        }
        Reply::json(200, &found.into())
    }

    fn create(&self, body: &Value) -> Reply {
        let opened = self.store.open(Opened {
            head: text(body, "/head"),
            base: text(body, "/base"),
            title: text(body, "/title"),
            body: text(body, "/body"),
            ..Opened::default()
        });
        match opened {
            Some(opened) => Reply::json(201, &Self::shown(&opened)),
            None => self.refusal(Refusal::Exists).unwrap(),
        }
    }

    fn edit(&self, received: &Received) -> Reply {
        let body = received.json();
        let opened = self.store.change(below(received), |opened| {
            if body["title"].is_string() {
                (opened.title, opened.body) = (text(&body, "/title"), text(&body, "/body"));
            }
        });
        Reply::json(201, &Self::shown(&opened))
    }

    fn schedule(&self, received: &Received) -> Reply {
        if self.busy.swap(false, Ordering::SeqCst) {
            return said(405, "Please try again later");
        }
        let mut was = false;
        self.store.change(below(received), |opened| {
            was = std::mem::replace(&mut opened.auto_merge, true);
        });
        if was {
            return said(409, "pull request is already scheduled to auto merge [pull_id: 1]");
        }
        Reply { status: 201, ..Reply::default() }
    }

    fn unschedule(&self, received: &Received) -> Reply {
        let mut was = false;
        self.store.change(below(received), |opened| {
            was = std::mem::replace(&mut opened.auto_merge, false);
        });
        if was { Reply { status: 204, ..Reply::default() } } else { said(404, "not found") }
    }
}

impl Double for Stand {
    fn connect(&self, origin: &str, limits: Limits) -> Result<Box<dyn Forge>, ForgeError> {
        client(ForgeKind::Gitea, (origin, API), "acme/config", limits)
    }

    fn answer(&self, received: &Received) -> Reply {
        if received.header("authorization") != format!("token {TOKEN}") {
            return said(401, "token is required");
        }
        match (&*received.method, below(received)) {
            ("GET", "/pulls") => self.list(),
            ("POST", "/pulls") => self.create(&received.json()),
            ("GET", "/pulls/1") => Reply::json(200, &Self::shown(&self.store.all()[0])),
            ("PATCH", "/pulls/1") => self.edit(received),
            ("POST", "/pulls/1/merge") => self.schedule(received),
            ("DELETE", "/pulls/1/merge") => self.unschedule(received),
            ("GET", "/pulls/1/reviews") => Reply::json(200, &self.reviews),
            ("POST", "/pulls/1/requested_reviewers") => Reply::json(201, &json!([])),
            ("GET", "/labels") => Reply::json(200, &json!([{"id": 5, "name": "other"}])),
            ("GET", "/api/v1/orgs/acme/labels") => {
                Reply::json(200, &json!([{"id": 6, "name": "promotion"}]))
            }
            ("POST", "/labels") => Reply::json(201, &json!({"id": 7, "name": "new"})),
            ("POST", "/issues/1/labels") => Reply::json(200, &json!([])),
            ("POST", "/issues/1/comments") => Reply::json(201, &json!({"id": 1})),
            ("GET", "/milestones") => Reply::json(200, &json!([{"id": 8, "title": "July"}])),
            ("GET", "/branches/main") => Reply::json(200, &self.base),
            ("GET", path) if path.starts_with("/commits/") => Reply::json(200, &self.statuses),
            _ => said(404, "not found"),
        }
    }

    fn requests(&self) -> usize {
        self.store.all().len()
    }

    fn opens(&self, received: &Received) -> bool {
        received.is("POST", &format!("{REPOSITORY}/pulls"))
    }

    fn asks_reviewers(&self, received: &Received) -> bool {
        received.method == "POST" && received.path.ends_with("/requested_reviewers")
    }

    fn merges(&self, received: &Received) -> bool {
        received.is("POST", &format!("{REPOSITORY}/pulls/1/merge"))
    }

    fn refusal(&self, refusal: Refusal) -> Option<Reply> {
        match refusal {
            Refusal::Exists => Some(said(
                409,
                "pull request already exists for these targets [id: 7, issue_id: 7]",
            )),
            Refusal::Reviewers => Some(said(422, "poster of pr can't be reviewer")),
            // A missing base is told by 404, the rest does not happen.
            Refusal::NoCommits | Refusal::Base | Refusal::Within => None,
        }
    }

    fn page(&self, _: &Received, next: &str) -> Option<Reply> {
        let link = format!("<{next}>; rel=\"next\",<{next}>; rel=\"last\"");
        Some(Reply::json(200, &json!([])).header("Link", &link))
    }
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
    assert_eq!(skipped, ["no commits between", "no such base", "a refusal within"]);
}

#[test]
fn every_verb_is_as_documented() {
    let (server, forge) = served(Stand::default());
    assert_eq!(forge.find("promote/web/staging"), Ok(Vec::new()));
    let made = forge.create(&Draft { draft: true, ..draft() }).unwrap();
    assert_eq!((made.number, made.draft, &*made.title), (1, true, &*draft().title));
    assert_eq!(made.tip, TIP);
    let found = forge.find("promote/web/staging").unwrap();
    assert_eq!(found, std::slice::from_ref(&made), "one of a fork is none of ours");
    assert_eq!(forge.open_requests().map(|all| all.len()), Ok(1));
    let updated = forge.update(&made, &draft()).unwrap();
    assert!(!updated.draft && updated.title == draft().title);
    let milestone = Some("July".to_owned());
    let labels = vec!["promotion".to_owned(), "new".to_owned()];
    forge.decorate(&made, &Draft { milestone, labels, ..draft() }).unwrap();
    forge.comment(&made, "It is on its way.").unwrap();
    forge.close(&made).unwrap();
    let list = format!("GET {REPOSITORY}/pulls?state=open&limit=50");
    let pull = format!("{REPOSITORY}/pulls/1");
    let issue = format!("{REPOSITORY}/issues/1");
    let wanted = [
        list.clone(),
        format!(
            "POST {REPOSITORY}/pulls {}",
            json!({
                "head": "promote/web/staging",
                "base": "main",
                "title": "WIP: Promote web v1.2.3 to staging",
                "body": "What moves: `web`",
            })
        ),
        list.clone(),
        list,
        format!(
            "PATCH {pull} {}",
            json!({"title": "Promote web v1.2.3 to staging", "body": "What moves: `web`"})
        ),
        format!("GET {REPOSITORY}/labels?limit=50"),
        "GET /api/v1/orgs/acme/labels?limit=50".to_owned(),
        format!("POST {REPOSITORY}/labels {}", json!({"name": "new", "color": "#0e8a16"})),
        format!("POST {issue}/labels {}", json!({"labels": [6, 7]})),
        format!("GET {pull}/reviews?limit=50"),
        format!("POST {pull}/requested_reviewers {}", json!({"reviewers": ["carol"]})),
        format!("POST {pull}/requested_reviewers {}", json!({"team_reviewers": ["security"]})),
        format!("GET {REPOSITORY}/milestones?state=open&name=July&limit=50"),
        format!("PATCH {pull} {}", json!({"milestone": 8})),
        format!("POST {issue}/comments {}", json!({"body": "It is on its way."})),
        format!("PATCH {pull} {}", json!({"state": "closed"})),
    ];
    assert_eq!(asked(&server), wanted);
}

#[test]
fn auto_merge_is_scheduled_and_taken_back() {
    let stand = Stand { busy: AtomicBool::new(true), ..Stand::default() };
    let (server, forge) = served(stand);
    forge.create(&draft()).unwrap();
    // Once while Gitea looks for conflicts, once where it is scheduled already.
    forge.set_auto_merge(&first(), Some(MergeMethod::Squash)).unwrap();
    forge.set_auto_merge(&first(), Some(MergeMethod::Squash)).unwrap();
    forge.set_auto_merge(&first(), None).unwrap();
    forge.set_auto_merge(&first(), None).unwrap();
    let pull = format!("{REPOSITORY}/pulls/1");
    let reads = [
        format!("GET {pull}"),
        format!("GET {REPOSITORY}/branches/main"),
        format!("GET {REPOSITORY}/commits/{TIP}/statuses?limit=50"),
        format!("GET {pull}/reviews?limit=50"),
    ];
    let merge = format!(
        "POST {pull}/merge {}",
        json!({
            "do": "squash",
            "Do": "squash",
            "merge_when_checks_succeed": true,
            "head_commit_id": TIP,
            "delete_branch_after_merge": true,
        })
    );
    let mut wanted = reads.to_vec();
    wanted.extend([merge.clone(), merge.clone()]);
    wanted.extend(reads);
    wanted.push(merge);
    wanted.extend([
        format!("DELETE {pull}/merge"),
        format!("DELETE {pull}/merge"),
        format!("GET {pull}"),
    ]);
    assert_eq!(asked(&server)[1..], wanted);
}

/// Whether a merge was asked for in the end.
fn merging(stand: Stand) -> (Result<(), ForgeError>, bool) {
    let (server, forge) = served(stand);
    forge.create(&draft()).unwrap();
    let outcome = forge.set_auto_merge(&first(), Some(MergeMethod::Rebase));
    (outcome, asked(&server).iter().any(|line| line.contains("/merge ")))
}

#[test]
fn nothing_is_ever_merged_at_once() {
    let free = json!({"enable_status_check": false, "required_approvals": 0});
    let approved = json!([{
        "user": {"login": "carol"}, "team": null, "state": "APPROVED", "official": true,
    }]);
    let one = json!({"enable_status_check": false, "required_approvals": 1});
    let well = json!([status(1, "ci/build", "success")]);
    for stand in [
        Stand { base: free, ..Stand::default() },
        Stand { statuses: well, ..Stand::default() },
        Stand { base: one.clone(), reviews: approved, ..Stand::default() },
    ] {
        let (outcome, sent) = merging(stand);
        let told = outcome.unwrap_err().to_string();
        assert!(!sent && told.contains("merged at once"), "{told}");
    }
    let waiting = Stand { base: one, ..Stand::default() };
    assert_eq!(merging(waiting), (Ok(()), true));
}

#[test]
fn checks_are_the_newest_statuses() {
    let statuses = json!([
        status(3, "ci/build", "success"),
        status(2, "ci/lint", "warning"),
        status(1, "ci/build", "failure"),
        status(4, "ci/deploy", "pending"),
    ]);
    let (_server, forge) = served(Stand { statuses, ..Stand::default() });
    let checks = forge.checks("abc").unwrap();
    let told: Vec<_> = checks.iter().map(|check| (&*check.context, check.state)).collect();
    let wanted = [
        ("ci/build", CheckState::Success),
        ("ci/deploy", CheckState::Pending),
        ("ci/lint", CheckState::Failure),
    ];
    assert_eq!(told, wanted);
    assert_eq!((checks[0].updated, &*checks[0].description), (1_767_323_045, "it says"));
    let all = forge.all_checks("abc").unwrap();
    let failed = |check: &Check| check.context == "ci/build" && check.state == CheckState::Failure;
    assert!(all.len() == 4 && all.iter().any(failed), "what was before is kept");
}

#[test]
fn who_was_asked_is_not_asked_again() {
    let reviews = json!([
        {"user": {"login": "Carol"}, "team": null, "state": "CHANGES_REQUESTED"},
        {"user": null, "team": {"name": "security"}, "state": "REQUEST_REVIEW"},
    ]);
    let (server, forge) = served(Stand { reviews, ..Stand::default() });
    forge.create(&draft()).unwrap();
    forge.decorate(&first(), &draft()).unwrap();
    assert!(!asked(&server).iter().any(|line| line.contains("requested_reviewers")));
}

#[test]
fn a_label_is_not_made_again_because_there_are_many() {
    let stand = Arc::new(Stand::default());
    let own = Arc::clone(&stand);
    let server = Server::start(move |received| match (&*received.method, below(received)) {
        // As Gitea does it: how long the list is, and no next page.
        ("GET", "/labels") => {
            let first = received.query("page").is_empty();
            let many: Vec<Value> =
                (0..50).map(|id| json!({"id": id, "name": format!("l{id}")})).collect();
            let last = json!([{"id": 99, "name": "promotion"}]);
            let page = if first { json!(many) } else { last };
            Reply::json(200, &page).header("X-Total-Count", "51")
        }
        _ => own.answer(received),
    });
    let forge = stand.connect(&server.origin(), limits()).unwrap();
    forge.create(&draft()).unwrap();
    let labels = vec!["promotion".to_owned()];
    forge.decorate(&first(), &Draft { labels, reviewers: Vec::new(), ..draft() }).unwrap();
    let asked = asked(&server);
    assert!(asked.contains(&format!("GET {REPOSITORY}/labels?limit=50&page=2")), "{asked:?}");
    assert!(asked.iter().any(|line| line.ends_with("{\"labels\":[99]}")), "{asked:?}");
}

#[test]
fn a_team_of_somebody_else_is_told() {
    let (server, forge) = served(Stand::default());
    forge.create(&draft()).unwrap();
    let reviewers = vec!["@else/security".parse().unwrap(), "@carol".parse().unwrap()];
    let told = forge.decorate(&first(), &Draft { reviewers, ..draft() }).unwrap_err();
    assert_eq!(
        told.to_string(),
        "Gitea cannot do this: @else/security is no team of acme, the owner"
    );
    let last = asked(&server).pop().unwrap();
    assert!(last.ends_with("{\"reviewers\":[\"carol\"]}"), "the others are asked: {last}");
}

/// Every request that the client can make.
fn every_request() -> Vec<Received> {
    let (server, forge) = served(Stand::default());
    let milestone = Some("July".to_owned());
    let labels = vec!["promotion".to_owned(), "new".to_owned()];
    let all = Draft { milestone, labels, ..draft() };
    let made = forge.create(&all).unwrap();
    forge.find(&all.head).unwrap();
    forge.update(&made, &all).unwrap();
    forge.decorate(&made, &all).unwrap();
    for method in [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase] {
        forge.set_auto_merge(&made, Some(method)).unwrap();
        forge.set_auto_merge(&made, None).unwrap();
    }
    forge.comment(&made, "It is on its way.").unwrap();
    forge.close(&made).unwrap();
    server.received()
}

/// A request without what only versions before the description know.
fn as_of_now(mut received: Received) -> Received {
    let mut body = received.json();
    if body.as_object_mut().is_some_and(|body| body.shift_remove("Do").is_some()) {
        received.body = body.to_string().into_bytes();
    }
    received
}

#[test]
fn what_is_sent_is_what_gitea_describes() {
    let path = folder().join("gitea.json");
    let Ok(text) = std::fs::read(&path) else {
        skipped("Gitea's description is not there, requests were not held against it");
        return;
    };
    let description: Value = serde_json::from_slice(&text).unwrap();
    let requests: Vec<Received> = every_request().into_iter().map(as_of_now).collect();
    assert!(requests.len() > 20);
    for received in &requests {
        let asked = format!("{} {}", received.method, received.path);
        let operation = Operation::find_below(API, &description, received);
        let operation = operation.unwrap_or_else(|| panic!("{asked} is not described"));
        assert_eq!(operation.problems(received), [""; 0], "{asked} {}", received.json());
    }
    let wrong = Received {
        method: "POST".to_owned(),
        path: format!("{REPOSITORY}/pulls/1/merge"),
        body: json!({"do": "at-once", "when": true}).to_string().into_bytes(),
        ..Received::default()
    };
    let found = Operation::find_below(API, &description, &wrong).unwrap().problems(&wrong);
    assert_eq!(found.len(), 2, "{found:?}");
}
