//! Bitbucket Cloud.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use promote::forge::{CheckState, Draft, Forge, ForgeError, Form, Limits, Request, Token};
use promote::model::{ForgeKind, MergeMethod, Reviewer};
use serde_json::{Value, json};

use crate::faults::{Double, Refusal, TOKEN, draft, limits, play};
use crate::server::{Received, Reply, Server};
use crate::store::{Opened, Store, asked, client, client_with, text};

const API: &str = "/2.0";

/// Where everything of the repository is.
const REPOSITORY: &str = "/2.0/repositories/acme/config";

/// A stand-in for Bitbucket.
#[derive(Default)]
pub(crate) struct Stand {
    store: Store,
}

fn said(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"type": "error", "error": {"message": message}}))
}

fn list(values: &Value) -> Reply {
    Reply::json(200, &json!({"pagelen": 50, "page": 1, "values": values}))
}

fn below(received: &Received) -> &str {
    received.path.strip_prefix(REPOSITORY).unwrap_or(&received.path)
}

/// Only what Bitbucket has.
fn plain() -> Draft {
    let reviewers = vec![Reviewer::Person("carol".to_owned())];
    Draft { labels: Vec::new(), reviewers, ..draft() }
}

impl Stand {
    fn shown(opened: &Opened) -> Value {
        let own = json!({"full_name": "acme/config", "uuid": "{1}"});
        json!({
            "type": "pullrequest",
            "id": opened.number,
            "title": opened.title,
            "description": opened.body,
            "state": "OPEN",
            "draft": opened.draft,
            "source": {
                "branch": {"name": opened.head}, "commit": {"hash": "0123456789ab"},
                "repository": own,
            },
            "destination": {"branch": {"name": opened.base}, "commit": null, "repository": own},
            "links": {"html": {"href": format!("https://bitbucket.test/{}", opened.number)}},
            "reviewers": opened.reviewers,
        })
    }

    fn list(&self, received: &Received) -> Reply {
        let all = self.store.all();
        let asks = |opened: &&Opened| {
            let by_head = format!("source.branch.name=\"{}\" AND state=\"OPEN\"", opened.head);
            [&*by_head, "state=\"OPEN\""].contains(&received.query("q"))
        };
        let mut found: Vec<Value> = all.iter().filter(asks).map(Self::shown).collect();
        if !found.is_empty() {
            // One of a fork that is gone, whose branch had the same name.
            let mut foreign = found[0].clone();
            foreign["id"] = json!(0);
            foreign["source"]["repository"] = Value::Null;
            found.push(foreign);
        }
        list(&found.into())
    }

    fn create(&self, body: &Value) -> Reply {
        let opened = self.store.open(Opened {
            head: text(body, "/source/branch/name"),
            base: text(body, "/destination/branch/name"),
            title: text(body, "/title"),
            body: text(body, "/description"),
            draft: body["draft"] == true,
            ..Opened::default()
        });
        match opened {
            Some(opened) => Reply::json(201, &Self::shown(&opened)),
            None => self.refusal(Refusal::Exists).unwrap(),
        }
    }

    /// What a request has is what is put.
    fn put(&self, received: &Received) -> Reply {
        let body = received.json();
        let opened = self.store.change(below(received), |opened| {
            (opened.title, opened.body) = (text(&body, "/title"), text(&body, "/description"));
            opened.draft = body["draft"] == true;
            opened.reviewers = body["reviewers"].as_array().cloned().unwrap_or_default();
        });
        Reply::json(200, &Self::shown(&opened))
    }
}

impl Double for Stand {
    fn connect(&self, origin: &str, limits: Limits) -> Result<Box<dyn Forge>, ForgeError> {
        client(ForgeKind::Bitbucket, (origin, API), "acme/config", limits)
    }

    fn answer(&self, received: &Received) -> Reply {
        if received.header("authorization") != format!("Bearer {TOKEN}") {
            return said(401, "Token is invalid, expired, or not supported for this endpoint.");
        }
        match (&*received.method, below(received)) {
            ("GET", "/pullrequests") => self.list(received),
            ("POST", "/pullrequests") => self.create(&received.json()),
            ("GET", "/pullrequests/1") => Reply::json(200, &Self::shown(&self.store.all()[0])),
            ("PUT", "/pullrequests/1") => self.put(received),
            ("POST", "/pullrequests/1/comments" | "/pullrequests/1/decline") => {
                Reply::json(200, &json!({"id": 1}))
            }
            ("GET", "/2.0/workspaces/acme/members") => list(&json!([
                {"user": {"uuid": "{aa-1}", "account_id": "557058:1", "nickname": "carol"}},
                {"user": {"uuid": "{aa-2}", "account_id": "557058:2", "nickname": "dan"}},
            ])),
            ("GET", "/commit/abc/statuses") => list(&statuses()),
            _ => said(404, "Resource not found"),
        }
    }

    fn requests(&self) -> usize {
        self.store.all().len()
    }

    fn opens(&self, received: &Received) -> bool {
        received.is("POST", &format!("{REPOSITORY}/pullrequests"))
    }

    fn asks_reviewers(&self, received: &Received) -> bool {
        received.method == "PUT"
    }

    fn refusal(&self, refusal: Refusal) -> Option<Reply> {
        match refusal {
            Refusal::Exists => Some(said(409, "There is a pull request for these branches.")),
            Refusal::NoCommits => Some(said(400, "There are no changes to be pulled")),
            Refusal::Base => Some(said(400, "destination: branch not found: main")),
            Refusal::Reviewers => {
                let fields = json!({"reviewers": ["carol has no access"]});
                let error = json!({"message": "Bad request", "fields": fields});
                Some(Reply::json(400, &json!({"type": "error", "error": error})))
            }
            Refusal::Within => None,
        }
    }

    fn page(&self, _: &Received, next: &str) -> Option<Reply> {
        Some(Reply::json(200, &json!({"values": [], "next": next})))
    }

    fn draft(&self) -> Draft {
        plain()
    }
}

fn statuses() -> Value {
    let status = |key: &str, name: &str, state: &str, time: &str| {
        json!({
            "key": key, "name": name, "state": state, "description": "it\nsays",
            "url": "https://ci.test/1", "updated_on": time,
        })
    };
    json!([
        status("1", "kustomization/web", "SUCCESSFUL", "2026-01-02T03:04:05.123456+00:00"),
        status("2", "kustomization/web", "FAILED", "2026-01-02T03:04:04+00:00"),
        status("build", "", "INPROGRESS", "2026-01-02T03:04:04+00:00"),
        status("4", "lint", "STOPPED", "2026-01-02T03:04:04+00:00"),
    ])
}

fn served() -> (Server, Box<dyn Forge>) {
    let stand = Arc::new(Stand::default());
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
    assert_eq!(skipped, ["a refusal within"]);
}

#[test]
fn every_verb_is_as_documented() {
    let (server, forge) = served();
    assert_eq!(forge.find("promote/web/staging"), Ok(Vec::new()));
    let made = forge.create(&Draft { draft: true, ..plain() }).unwrap();
    assert_eq!((made.number, made.draft, &*made.title), (1, true, &*draft().title));
    assert_eq!(made.tip, "0123456789ab", "its first digits");
    let found = forge.find("promote/web/staging").unwrap();
    assert_eq!(found, std::slice::from_ref(&made), "one of a fork is none of ours");
    assert_eq!(forge.open_requests().map(|all| all.len()), Ok(1));
    forge.decorate(&made, &plain()).unwrap();
    forge.decorate(&made, &plain()).unwrap();
    assert!(!forge.update(&made, &plain()).unwrap().draft);
    forge.comment(&made, "It is on its way.").unwrap();
    forge.set_auto_merge(&made, None).unwrap();
    forge.close(&made).unwrap();
    let pulls = format!("{REPOSITORY}/pullrequests");
    let find = format!(
        "GET {pulls}?q=source.branch.name=\"promote/web/staging\" AND state=\"OPEN\"&pagelen=50"
    );
    let members = "GET /2.0/workspaces/acme/members?pagelen=100".to_owned();
    let now = format!("GET {pulls}/1");
    let put = |draft: bool| {
        let body = json!({
            "title": "Promote web v1.2.3 to staging",
            "description": "What moves: `web`",
            "draft": draft,
            "reviewers": [{"uuid": "{aa-1}"}],
        });
        format!("PUT {pulls}/1 {body}")
    };
    let wanted = [
        find.clone(),
        format!(
            "POST {pulls} {}",
            json!({
                "title": "Promote web v1.2.3 to staging",
                "description": "What moves: `web`",
                "source": {"branch": {"name": "promote/web/staging"}},
                "destination": {"branch": {"name": "main"}},
                "draft": true,
            })
        ),
        find,
        format!("GET {pulls}?q=state=\"OPEN\"&pagelen=50"),
        members.clone(),
        now.clone(),
        now.clone(),
        put(true),
        members,
        now.clone(),
        now,
        put(false),
        format!("POST {pulls}/1/comments {}", json!({"content": {"raw": "It is on its way."}})),
        format!("POST {pulls}/1/decline"),
    ];
    assert_eq!(asked(&server), wanted);
}

#[test]
fn what_is_not_there_is_told() {
    let (server, forge) = served();
    forge.create(&plain()).unwrap();
    let told = forge.set_auto_merge(&first(), Some(MergeMethod::Squash)).unwrap_err();
    assert_eq!(
        told.to_string(),
        "Bitbucket cannot do this: its interface has no auto-merge: somebody has to merge #1"
    );
    let milestone = Some("July".to_owned());
    let told = forge.decorate(&first(), &Draft { milestone, ..draft() }).unwrap_err();
    assert_eq!(
        told.to_string(),
        "Bitbucket refuses: cannot do this: @acme/security is a group, which is no reviewer; \
         cannot do this: pull requests have no labels: promotion; cannot do this: pull requests \
         have no milestones: July"
    );
    assert!(asked(&server).pop().unwrap().contains("{aa-1}"), "carol is asked all the same");
}

#[test]
fn reviewers_are_members_by_any_of_their_names() {
    for (name, uuid) in [
        ("557058:2", Some("{aa-2}")),
        ("{AA-2}", Some("{aa-2}")),
        ("aa-1", Some("{aa-1}")),
        ("Carol Smith", None),
    ] {
        let (server, forge) = served();
        forge.create(&plain()).unwrap();
        let reviewers = vec![Reviewer::Person(name.to_owned())];
        let outcome = forge.decorate(&first(), &Draft { reviewers, ..plain() });
        let last = asked(&server).pop().unwrap();
        match uuid {
            Some(uuid) => assert!(last.contains(&json!([{ "uuid": uuid }]).to_string()), "{last}"),
            None => assert!(matches!(outcome, Err(ForgeError::NotFound { .. })), "{outcome:?}"),
        }
    }
}

#[test]
fn the_field_that_is_refused_is_told() {
    let stand = Stand::default();
    let server = Server::start(move |received| match &*received.method {
        "GET" => stand.answer(received),
        _ => stand.refusal(Refusal::Reviewers).unwrap(),
    });
    let to = (&*server.origin(), API);
    let forge = client(ForgeKind::Bitbucket, to, "acme/config", limits()).unwrap();
    let told = forge.create(&plain()).unwrap_err().to_string();
    assert_eq!(told, "Bitbucket refuses: Bad request: reviewers carol has no access");
}

#[test]
fn a_branch_is_quoted_in_the_question() {
    let (server, forge) = served();
    forge.find("a\"b").unwrap();
    let wanted = "source.branch.name=\"a\\\"b\" AND state=\"OPEN\"";
    assert_eq!(server.received()[0].query("q"), wanted);
}

#[test]
fn checks_are_the_build_statuses() {
    let (server, forge) = served();
    let checks = forge.checks("abc").unwrap();
    let told: Vec<_> = checks.iter().map(|check| (&*check.context, check.state)).collect();
    let wanted = [
        ("build", CheckState::Pending),
        ("kustomization/web", CheckState::Success),
        ("lint", CheckState::Failure),
    ];
    assert_eq!(told, wanted);
    assert_eq!((checks[1].updated, &*checks[1].description), (1_767_323_045, "it says"));
    assert_eq!(asked(&server), [format!("GET {REPOSITORY}/commit/abc/statuses?pagelen=100")]);
    assert_eq!(forge.all_checks("abc").unwrap(), checks);
    assert!(!forge.keeps_states());
}

#[test]
fn a_token_of_a_person_goes_with_the_name() {
    let server = Server::start(|_| list(&json!([])));
    let form = Form::Password { user: "carol@acme.test".to_owned() };
    let token = Token::with(form, TOKEN, "BITBUCKET_TOKEN");
    let (origin, place) = (server.origin(), "acme/config");
    let to = (&*origin, API);
    let forge = client_with(ForgeKind::Bitbucket, to, place, (&token, limits())).unwrap();
    assert_eq!(forge.find("x"), Ok(Vec::new()));
    let entry = BASE64_STANDARD.encode(format!("carol@acme.test:{TOKEN}"));
    assert_eq!(server.received()[0].header("authorization"), format!("Basic {entry}"));
}
