//! Azure DevOps.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use promote::forge::{CheckState, Draft, Forge, ForgeError, Form, Limits, Request, Token};
use promote::model::{ForgeKind, MergeMethod, Reviewer};
use serde_json::{Value, json};

use crate::faults::{Double, Refusal, TOKEN, draft, limits, play};
use crate::server::{Received, Reply, Server};
use crate::store::{Opened, Store, asked, client, client_with, text};

/// Where everything of the repository is. The project has a blank in its name.
const REPOSITORY: &str = "/acme/the%20shop/_apis/git/repositories/config";

const VERSION: &str = "api-version=7.1";

/// Ids of us, of Carol and of a team.
const US: &str = "00000000-0000-0000-0000-000000000001";
const CAROL: &str = "00000000-0000-0000-0000-000000000002";
const TEAM: &str = "00000000-0000-0000-0000-000000000003";
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A stand-in for Azure DevOps.
pub(crate) struct Stand {
    store: Store,
    /// The state of a policy of the branch, and whether it blocks.
    policy: (&'static str, bool),
    /// Who has that name.
    people: Value,
}

impl Default for Stand {
    fn default() -> Self {
        let people = json!([person(CAROL, "Carol", "carol", "carol@acme.test")]);
        Self { store: Store::default(), policy: ("running", true), people }
    }
}

fn person(id: &str, name: &str, account: &str, mail: &str) -> Value {
    json!({
        "id": id, "providerDisplayName": name, "isActive": true, "isContainer": false,
        "properties": {
            "Account": {"$type": "System.String", "$value": account},
            "Mail": {"$type": "System.String", "$value": mail},
        },
    })
}

fn said(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"$id": "1", "message": message, "errorCode": 0}))
}

fn list(value: &Value) -> Reply {
    let count = value.as_array().map_or(0, Vec::len);
    Reply::json(200, &json!({"value": value, "count": count}))
}

fn below(received: &Received) -> &str {
    received.path.strip_prefix(REPOSITORY).unwrap_or(&received.path)
}

impl Stand {
    fn shown(opened: &Opened) -> Value {
        let by = if opened.auto_merge { json!({"id": US}) } else { Value::Null };
        json!({
            "pullRequestId": opened.number,
            "sourceRefName": opened.head,
            "targetRefName": opened.base,
            "title": opened.title,
            "description": opened.body,
            "isDraft": opened.draft,
            "status": "active",
            "autoCompleteSetBy": by,
            "lastMergeSourceCommit": {"commitId": "abc"},
            "repository": {"id": "r", "name": "config", "project": {"id": "p", "name": "the shop"}},
        })
    }

    fn list(&self) -> Reply {
        let mut found: Vec<Value> = self.store.all().iter().map(Self::shown).collect();
        for shown in &mut found {
            // As the service does.
            let short: String = text(shown, "/description").chars().take(400).collect();
            shown["description"] = short.into();
        }
        if !found.is_empty() {
            let mut foreign = found[0].clone();
            foreign["pullRequestId"] = json!(2);
            foreign["description"] = json!("");
            foreign["forkSource"] = json!({"name": "refs/heads/promote/web/staging"});
            found.push(foreign);
        }
        list(&found.into())
    }

    fn create(&self, body: &Value) -> Reply {
        let opened = self.store.open(Opened {
            head: text(body, "/sourceRefName"),
            base: text(body, "/targetRefName"),
            title: text(body, "/title"),
            body: text(body, "/description"),
            draft: body["isDraft"] == true,
            ..Opened::default()
        });
        match opened {
            Some(opened) => Reply::json(201, &Self::shown(&opened)),
            None => self.refusal(Refusal::Exists).unwrap(),
        }
    }

    fn update(&self, received: &Received) -> Reply {
        let body = received.json();
        let opened = self.store.change(below(received), |opened| {
            if body["title"].is_string() {
                (opened.title, opened.body) = (text(&body, "/title"), text(&body, "/description"));
                opened.draft = body["isDraft"] == true;
            }
            if body["autoCompleteSetBy"].is_object() {
                opened.auto_merge = text(&body, "/autoCompleteSetBy/id") != NOBODY;
            }
        });
        Reply::json(200, &Self::shown(&opened))
    }
}

impl Double for Stand {
    fn connect(&self, origin: &str, limits: Limits) -> Result<Box<dyn Forge>, ForgeError> {
        client(ForgeKind::Azure, (origin, ""), "acme/the%20shop/config", limits)
    }

    fn answer(&self, received: &Received) -> Reply {
        let entry = format!("Basic {}", BASE64_STANDARD.encode(format!(":{TOKEN}")));
        if received.header("authorization") != entry {
            return Reply::text(203, "text/html", "<title>Sign in</title>");
        }
        assert!(received.query("api-version").starts_with("7.1"), "{received:?}");
        match (&*received.method, below(received)) {
            ("GET", "/pullrequests") => self.list(),
            ("POST", "/pullrequests") => self.create(&received.json()),
            ("GET", "/pullrequests/1") => Reply::json(200, &Self::shown(&self.store.all()[0])),
            ("PATCH", "/pullrequests/1") => self.update(received),
            ("GET", "/pullrequests/1/reviewers") => list(&json!([{"id": US, "vote": 10}])),
            ("PUT", path) if path.starts_with("/pullrequests/1/reviewers/") => {
                Reply::json(200, &json!({"vote": 0}))
            }
            ("POST", "/pullrequests/1/labels" | "/pullrequests/1/threads") => {
                Reply::json(200, &json!({"id": "x"}))
            }
            ("GET", "/acme/_apis/identities") => list(&self.people),
            ("GET", "/acme/_apis/projects/the%20shop/teams/security") => {
                Reply::json(200, &json!({"id": TEAM, "name": "security"}))
            }
            ("GET", "/acme/_apis/connectionData") => {
                Reply::json(200, &json!({"authenticatedUser": {"id": US}}))
            }
            ("GET", "/acme/the%20shop/_apis/policy/evaluations") => {
                let (status, blocks) = self.policy;
                let policy = |id: u64, status: &str, blocks: bool| {
                    let policy = json!({"id": id, "isEnabled": true, "isBlocking": blocks});
                    json!({"status": status, "configuration": policy})
                };
                list(&json!([policy(1, status, blocks), policy(2, "queued", false)]))
            }
            ("GET", "/commits/abc/statuses") => list(&statuses()),
            _ => said(404, "TF401180: The requested pull request was not found."),
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

    fn merges(&self, received: &Received) -> bool {
        received.method == "PATCH" && received.json()["autoCompleteSetBy"].is_object()
    }

    fn refusal(&self, refusal: Refusal) -> Option<Reply> {
        Some(match refusal {
            Refusal::Exists => said(
                409,
                "TF401179: An active pull request for the source and target branch already exists.",
            ),
            Refusal::Base => said(400, "TF401398: The source or the target branch does not exist."),
            Refusal::Reviewers => said(400, "TF401186: The reviewer is invalid."),
            // A request without commits may be opened.
            Refusal::NoCommits => return None,
            Refusal::Within => {
                let opened = Opened { number: 1, ..Opened::default() };
                Reply::json(200, &Self::shown(&opened))
            }
        })
    }

    fn page(&self, _: &Received, _: &str) -> Option<Reply> {
        // A full page: there may be more.
        let opened = Opened { number: 1, ..Opened::default() };
        Some(list(&vec![Self::shown(&opened); 100].into()))
    }

    fn follows(&self) -> bool {
        false
    }

    fn secrets(&self) -> Vec<String> {
        vec![BASE64_STANDARD.encode(format!(":{TOKEN}"))]
    }
}

fn statuses() -> Value {
    let status = |id: u64, genre: Value, name: &str, state: &str| {
        json!({
            "id": id, "state": state, "description": "it\nsays",
            "context": {"name": name, "genre": genre},
            "creationDate": "2026-01-02T03:04:05.1234567Z", "targetUrl": "https://ci.test/1",
        })
    };
    json!([
        status(1, json!("fluxcd"), "kustomization/web-staging", "failed"),
        status(2, json!("fluxcd"), "kustomization/web-staging", "succeeded"),
        status(3, json!(null), "build", "pending"),
        status(4, json!(""), "lint", "error"),
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
    assert_eq!(skipped, ["a next page on another host", "no commits between"]);
}

#[test]
fn opening_is_as_documented() {
    let (server, forge) = served(Stand::default());
    assert_eq!(forge.find("promote/web/staging"), Ok(Vec::new()));
    let made = forge.create(&Draft { draft: true, ..draft() }).unwrap();
    assert_eq!((&*made.head, &*made.base), ("promote/web/staging", "main"));
    assert_eq!((made.number, made.draft, &*made.title), (1, true, &*draft().title));
    let url = format!("{}/acme/the%20shop/_git/config/pullrequest/1", server.origin());
    assert_eq!((&*made.tip, &made.url), ("abc", &url));
    let found = forge.find("promote/web/staging").unwrap();
    assert_eq!(found, std::slice::from_ref(&made), "one of a fork is none of ours");
    assert_eq!(forge.open_requests().map(|all| all.len()), Ok(1));
    assert!(!forge.update(&made, &draft()).unwrap().draft);
    let pulls = format!("{REPOSITORY}/pullrequests");
    let list = format!("GET {pulls}?searchCriteria.status=active");
    let end = format!("{VERSION}&$top=100&$skip=0");
    let find = format!("{list}&searchCriteria.sourceRefName=refs/heads/promote/web/staging&{end}");
    let one = |below: &str| format!("{pulls}/1{below}?{VERSION}");
    let wanted = [
        find.clone(),
        format!(
            "POST {pulls}?{VERSION} {}",
            json!({
                "sourceRefName": "refs/heads/promote/web/staging",
                "targetRefName": "refs/heads/main",
                "title": "Promote web v1.2.3 to staging",
                "description": "What moves: `web`",
                "isDraft": true,
            })
        ),
        find,
        format!("{list}&{end}"),
        format!(
            "PATCH {} {}",
            one(""),
            json!({
                "title": "Promote web v1.2.3 to staging",
                "description": "What moves: `web`",
                "isDraft": false,
            })
        ),
    ];
    assert_eq!(asked(&server), wanted);
}

#[test]
fn decoration_is_as_documented() {
    let (server, forge) = served(Stand::default());
    forge.create(&draft()).unwrap();
    forge.decorate(&first(), &draft()).unwrap();
    let one = |below: &str| format!("{REPOSITORY}/pullrequests/1{below}?{VERSION}");
    let wanted = [
        format!("POST {} {}", one("/labels"), json!({"name": "promotion"})),
        format!("GET {}", one("/reviewers")),
        format!(
            "GET /acme/_apis/identities?searchFilter=General&filterValue=carol\
             &queryMembership=None&{VERSION}"
        ),
        format!(
            "PUT {} {}",
            one(&format!("/reviewers/{CAROL}")),
            json!({"vote": 0, "isRequired": false})
        ),
        format!("GET /acme/_apis/projects/the%20shop/teams/security?{VERSION}"),
        format!(
            "PUT {} {}",
            one(&format!("/reviewers/{TEAM}")),
            json!({"vote": 0, "isRequired": false})
        ),
    ];
    assert_eq!(asked(&server)[1..], wanted);
}

#[test]
fn what_follows_is_as_documented() {
    let (server, forge) = served(Stand::default());
    forge.create(&draft()).unwrap();
    forge.comment(&first(), "It is on its way.").unwrap();
    forge.set_auto_merge(&first(), Some(MergeMethod::Squash)).unwrap();
    forge.set_auto_merge(&first(), None).unwrap();
    forge.set_auto_merge(&first(), None).unwrap();
    forge.close(&first()).unwrap();
    let one = |below: &str| format!("{REPOSITORY}/pullrequests/1{below}?{VERSION}");
    let wanted = [
        format!(
            "POST {} {}",
            one("/threads"),
            json!({
                "comments": [{
                    "parentCommentId": 0, "content": "It is on its way.", "commentType": "text",
                }],
                "status": "closed",
            })
        ),
        format!("GET {}", one("")),
        "GET /acme/the%20shop/_apis/policy/evaluations\
         ?artifactId=vstfs:///CodeReview/CodeReviewId/p/1\
         &api-version=7.1-preview.1&$top=100&$skip=0"
            .to_owned(),
        "GET /acme/_apis/connectionData?api-version=7.1-preview.1".to_owned(),
        format!(
            "PATCH {} {}",
            one(""),
            json!({
                "autoCompleteSetBy": {"id": US},
                "completionOptions": {
                    "mergeStrategy": "squash",
                    "deleteSourceBranch": true,
                    "autoCompleteIgnoreConfigIds": [2],
                },
            })
        ),
        format!("GET {}", one("")),
        format!("PATCH {} {}", one(""), json!({"autoCompleteSetBy": {"id": NOBODY}})),
        format!("GET {}", one("")),
        format!("PATCH {} {}", one(""), json!({"status": "abandoned"})),
    ];
    assert_eq!(asked(&server)[1..], wanted);
}

#[test]
fn nothing_is_ever_completed_at_once() {
    let strategies = [
        (MergeMethod::Squash, "squash"),
        (MergeMethod::Merge, "noFastForward"),
        (MergeMethod::Rebase, "rebase"),
    ];
    for (policy, (method, strategy)) in
        [("queued", true), ("rejected", true), ("broken", true)].into_iter().zip(strategies)
    {
        let (server, forge) = served(Stand { policy, ..Stand::default() });
        forge.create(&draft()).unwrap();
        forge.set_auto_merge(&first(), Some(method)).unwrap();
        let last = asked(&server).pop().unwrap();
        assert!(last.contains(&format!("\"mergeStrategy\":\"{strategy}\"")), "{last}");
    }
    for policy in [("approved", true), ("notApplicable", true), ("running", false)] {
        let (server, forge) = served(Stand { policy, ..Stand::default() });
        forge.create(&draft()).unwrap();
        let told = forge.set_auto_merge(&first(), Some(MergeMethod::Squash)).unwrap_err();
        assert!(told.to_string().contains("merged at once"), "{policy:?}: {told}");
        assert!(!asked(&server).iter().any(|line| line.starts_with("PATCH")), "{policy:?}");
    }
}

#[test]
fn checks_are_the_statuses_of_the_commit() {
    let (server, forge) = served(Stand::default());
    let checks = forge.checks("abc").unwrap();
    let told: Vec<_> = checks.iter().map(|check| (&*check.context, check.state)).collect();
    let wanted = [
        ("build", CheckState::Pending),
        ("fluxcd/kustomization/web-staging", CheckState::Success),
        ("lint", CheckState::Failure),
    ];
    assert_eq!(told, wanted);
    assert_eq!(checks[0].updated, 1_767_323_045);
    let wanted =
        format!("GET {REPOSITORY}/commits/abc/statuses?latestOnly=true&{VERSION}&top=100&skip=0");
    assert_eq!(asked(&server)[0], wanted);
    forge.all_checks("abc").unwrap();
    assert_eq!(asked(&server)[1..], [wanted.replace("latestOnly=true", "latestOnly=false")]);
}

#[test]
fn a_long_description_is_cut_once_and_found_whole() {
    let (server, forge) = served(Stand::default());
    let block = "<!-- git-promote:begin v1 -->\n{}\n<!-- git-promote:end -->";
    let body = format!("{}{block}", "what moves\n".repeat(600));
    let long = Draft { body, ..draft() };
    let made = forge.create(&long).unwrap();
    assert!(made.body.ends_with(block) && made.body.encode_utf16().count() <= 4000);
    let found = forge.find(&long.head).unwrap();
    assert_eq!(found, std::slice::from_ref(&made), "the list has the first 400 characters");
    let before = asked(&server).len();
    assert_eq!(forge.update(&made, &long), Ok(made));
    assert_eq!(asked(&server).len(), before, "nothing is to be changed");
}

#[test]
fn people_are_named_exactly() {
    let two = json!([
        person(CAROL, "Carol", "c1", "c1@acme.test"),
        person(US, "carol", "c2", "c2@acme.test"),
    ]);
    let mut group = person(CAROL, "carol", "", "");
    group["isContainer"] = json!(true);
    for (people, told) in [
        (two.clone(), "2 people are called carol"),
        (json!([person(CAROL, "Carola", "carola", "")]), "does not know @carol"),
        (json!([group]), "does not know @carol"),
    ] {
        let (_server, forge) = served(Stand { people, ..Stand::default() });
        forge.create(&draft()).unwrap();
        let error = forge.decorate(&first(), &draft()).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let (server, forge) = served(Stand { people: two, ..Stand::default() });
    forge.create(&draft()).unwrap();
    let reviewers = vec![Reviewer::Person("c1@acme.test".to_owned())];
    forge.decorate(&first(), &Draft { reviewers, ..draft() }).unwrap();
    assert!(asked(&server).pop().unwrap().contains(CAROL));
}

#[test]
fn a_milestone_is_told_not_to_be_there() {
    let (_server, forge) = served(Stand::default());
    forge.create(&draft()).unwrap();
    let milestone = Some("July".to_owned());
    let told = forge.decorate(&first(), &Draft { milestone, ..draft() }).unwrap_err();
    assert_eq!(
        told.to_string(),
        "Azure DevOps cannot do this: pull requests have no milestones: July was not set"
    );
}

#[test]
fn the_token_of_a_pipeline_is_a_bearer() {
    let server = Server::start(|_| list(&json!([])));
    let token = Token::with(Form::Bearer, TOKEN, "SYSTEM_ACCESSTOKEN");
    let (origin, place) = (server.origin(), "acme/shop/config");
    let to = (&*origin, "");
    let forge = client_with(ForgeKind::Azure, to, place, (&token, limits())).unwrap();
    assert_eq!(forge.find("x"), Ok(Vec::new()));
    let received = &server.received()[0];
    assert_eq!(received.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(received.header("x-tfs-fedauthredirect"), "Suppress");
}

#[test]
fn a_list_is_read_page_by_page() {
    let shown = |number: u64| {
        Stand::shown(&Opened { number, head: format!("refs/heads/{number}"), ..Opened::default() })
    };
    let server = Server::start(move |received| match received.query("$skip") {
        "0" => list(&(1..=100).map(shown).collect()),
        "100" => list(&(101..=130).map(shown).collect()),
        other => panic!("there is no page behind the last one: {other}"),
    });
    let forge = Stand::default().connect(&server.origin(), limits()).unwrap();
    let all = forge.open_requests().unwrap();
    let numbers: Vec<u64> = all.iter().map(|request| request.number).collect();
    assert_eq!(numbers, (1..=130).collect::<Vec<_>>());
}
