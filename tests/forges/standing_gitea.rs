//! How a pull request of Gitea stands, and who is in a team: after its own
//! description of its interface, and what its releases do.

use promote::forge::{Forge, ForgeError, Standing};
use promote::model::ForgeKind;
use serde_json::{Value, json};

use crate::github_app::skipped;
use crate::github_schema::{Operation, folder};
use crate::server::{Received, Reply, Server};
use crate::standing::{Answers, answering, bad_answers_end_as_errors, first, told};
use crate::store::asked;

const API: &str = "/api/v1";

const ONE: &str = "/api/v1/repos/acme/config/pulls/1";

const REVIEWS: &str = "/api/v1/repos/acme/config/pulls/1/reviews";

const TIP: &str = "0123456789abcdef0123456789abcdef01234567";

fn review(login: &str, state: &str, changes: &Value) -> Value {
    let mut review = json!({
        "id": 9, "user": {"id": 1, "login": login}, "team": null, "state": state, "body": "",
        "commit_id": TIP, "stale": false, "official": true, "dismissed": false,
        "submitted_at": "2026-01-02T03:04:05Z", "comments_count": 0,
    });
    for (key, value) in changes.as_object().unwrap() {
        review[key] = value.clone();
    }
    review
}

fn pull(changes: &Value) -> Value {
    let mut pull = json!({
        "number": 1, "html_url": "https://gitea.test/acme/config/pulls/1", "title": "Promote web",
        "user": {"id": 2, "login": "bot"}, "state": "open", "merged": false, "draft": false,
        "mergeable": true,
        "head": {"ref": "promote/web", "sha": TIP, "repo_id": 3},
        "base": {"ref": "main", "sha": TIP, "repo_id": 3},
    });
    for (key, value) in changes.as_object().unwrap() {
        pull[key] = value.clone();
    }
    pull
}

fn answers(reviews: &[Value]) -> Answers {
    Answers::default().with(ONE, &pull(&json!({}))).with(REVIEWS, &json!(reviews))
}

fn forge(answers: Answers) -> (Server, Box<dyn Forge>) {
    answers.forge(ForgeKind::Gitea, API, "acme/config")
}

fn standing(answers: Answers) -> Result<Standing, ForgeError> {
    forge(answers).1.standing(&first())
}

/// Everything that is said of approvals.
fn reviews() -> Vec<Value> {
    vec![
        review("ada", "APPROVED", &json!({})),
        review("carol", "APPROVED", &json!({"stale": true})),
        // Before Gitea has marked it, or where the push came to the same.
        review("dan", "APPROVED", &json!({"commit_id": "aaaa"})),
        review("bot", "APPROVED", &json!({})),
        // Somebody who may not write.
        review("stranger", "APPROVED", &json!({"official": false})),
        review("stranger2", "REQUEST_CHANGES", &json!({"official": false})),
        // The last word of each counts.
        review("eve", "APPROVED", &json!({})),
        review("Eve", "REQUEST_CHANGES", &json!({})),
        review("frank", "REQUEST_CHANGES", &json!({"stale": true})),
        review("frank", "APPROVED", &json!({})),
        review("grace", "APPROVED", &json!({"dismissed": true})),
        review("heidi", "REQUEST_CHANGES", &json!({"dismissed": true})),
        // These say nothing, and take nothing back.
        review("ada", "COMMENT", &json!({})),
        review("ada", "PENDING", &json!({})),
        review("ivan", "COMMENT", &json!({})),
        review("judy", "REQUEST_REVIEW", &json!({})),
        review("", "REQUEST_REVIEW", &json!({"user": null, "team": {"id": 4, "name": "ops"}})),
        // As the first releases that had reviews.
        review("mallory", "APPROVED", &json!({"commit_id": "", "stale": null})),
    ]
}

#[test]
fn official_reviews_of_the_present_head_count() {
    let (server, forge) = forge(answers(&reviews()));
    let standing = forge.standing(&first()).unwrap();
    let wanted =
        ["+ada now", "+carol before", "+dan before", "-Eve now", "+frank now", "+mallory ?"];
    assert_eq!(told(&standing), wanted);
    assert_eq!((&*standing.author, standing.conflicts), ("bot", Some(false)));
    assert_eq!(asked(&server), [format!("GET {ONE}"), format!("GET {REVIEWS}?limit=50")]);
}

#[test]
fn a_draft_does_not_conflict_because_it_cannot_be_merged() {
    for (changes, wanted) in [
        (json!({"mergeable": true}), Some(false)),
        (json!({"mergeable": false}), Some(true)),
        (json!({"mergeable": false, "draft": true}), None),
        (json!({"mergeable": false, "draft": null, "title": "WIP: Promote web"}), None),
        (json!({"mergeable": null}), None),
    ] {
        let all = answers(&[]).with(ONE, &pull(&changes));
        assert_eq!(standing(all).unwrap().conflicts, wanted, "{changes}");
    }
    // While it is looked for conflicts none are known.
    let count = std::sync::atomic::AtomicUsize::new(0);
    let (_server, forge) = answering(ForgeKind::Gitea, API, "acme/config", move |received| {
        if received.path == REVIEWS {
            return Reply::json(200, &json!([]));
        }
        let looked = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
        Reply::json(200, &pull(&json!({"mergeable": looked})))
    });
    assert_eq!(forge.standing(&first()).unwrap().conflicts, Some(false));
}

/// A page of a list of which Gitea says how long it is, and not where the next
/// page is. `size` is how many it gives at most.
fn page(received: &Received, list: &[Value], size: usize) -> Reply {
    let number = received.query("page").parse::<usize>().unwrap_or(1);
    let asked = received.query("limit").parse::<usize>().unwrap_or(30).min(size);
    let page: Vec<Value> = list.iter().skip((number - 1) * asked).take(asked).cloned().collect();
    // What it counts it does not always show: reviews that are not sent off.
    let shown: Vec<&Value> = page.iter().filter(|value| value["state"] != "PENDING").collect();
    Reply::json(200, &json!(shown)).header("X-Total-Count", &list.len().to_string())
}

#[test]
fn reviews_are_read_to_their_end() {
    let mut all: Vec<Value> = (0..119)
        .map(|at| match at {
            0..10 => review(&format!("p{at:03}"), "PENDING", &json!({})),
            _ => review("ivan", "COMMENT", &json!({})),
        })
        .collect();
    all[3] = review("ada", "APPROVED", &json!({}));
    all.push(review("ada", "REQUEST_CHANGES", &json!({})));
    for size in [50, 20] {
        let all = all.clone();
        let (server, forge) = answering(ForgeKind::Gitea, API, "acme/config", move |received| {
            match &*received.path {
                REVIEWS => page(received, &all, size),
                _ => Reply::json(200, &pull(&json!({}))),
            }
        });
        assert_eq!(told(&forge.standing(&first()).unwrap()), ["-ada now"], "{size}");
        let last = asked(&server).pop().unwrap();
        // One more, because some are not shown.
        let pages = if size == 50 { 4 } else { 7 };
        assert!(last.ends_with(&format!("?limit=50&page={pages}")), "{last}");
    }
    // Neither a length nor the next page: until a page is not full.
    let all: Vec<Value> = (0..50).map(|_| review("ivan", "COMMENT", &json!({}))).collect();
    let (server, forge) = answering(ForgeKind::Gitea, API, "acme/config", move |received| {
        match (&*received.path, received.query("page")) {
            (REVIEWS, "") => Reply::json(200, &json!(all)),
            (REVIEWS, _) => Reply::json(200, &json!([review("ada", "APPROVED", &json!({}))])),
            _ => Reply::json(200, &pull(&json!({}))),
        }
    });
    assert_eq!(told(&forge.standing(&first()).unwrap()), ["+ada now"]);
    assert_eq!(server.received().len(), 3);
    // A list that never ends is no answer.
    let (_server, forge) =
        answering(ForgeKind::Gitea, API, "acme/config", |received| match &*received.path {
            REVIEWS => Reply::json(200, &json!([review("ivan", "COMMENT", &json!({}))]))
                .header("X-Total-Count", "999999"),
            _ => Reply::json(200, &pull(&json!({}))),
        });
    assert_eq!(forge.standing(&first()).unwrap_err().exit_code(), 7);
}

#[test]
fn what_is_not_there_or_not_allowed_is_told() {
    let gone = standing(answers(&[]).without(REVIEWS)).unwrap_err();
    assert_eq!(gone.to_string(), "Gitea does not know #1: 404 Not Found");
    bad_answers_end_as_errors(&answers(&[]).paths(), |path, reply| {
        standing(answers(&[]).replies(path, reply))
    });
}

const TEAMS: &str = "/api/v1/orgs/acme/teams";

fn team(id: u64, name: &str) -> Value {
    json!({"id": id, "name": name, "permission": "write", "units": [], "organization": null})
}

fn teams() -> Answers {
    let user = |login: &str| json!({"id": 1, "login": login});
    Answers::default()
        .with(TEAMS, &json!([team(1, "Owners"), team(7, "Ops")]))
        .with("/api/v1/teams/7/members", &json!([user("carol")]))
        .with("/api/v1/teams/7/members/Carol", &user("carol"))
        .with("/api/v1/teams/7/members/old-name", &user("carol"))
}

#[test]
fn members_are_asked_for_one_by_one() {
    let (server, forge) = forge(teams());
    assert_eq!(forge.is_member(("acme", "ops"), "Carol"), Ok(true));
    assert_eq!(forge.is_member(("acme", "ops"), "dan"), Ok(false));
    // Somebody who was called so.
    assert_eq!(forge.is_member(("acme", "ops"), "old-name"), Ok(false));
    let list = format!("GET {TEAMS}?limit=50");
    let wanted = [
        list.clone(),
        "GET /api/v1/teams/7/members/Carol".to_owned(),
        list.clone(),
        "GET /api/v1/teams/7/members/dan".to_owned(),
        "GET /api/v1/teams/7/members?limit=1".to_owned(),
        list,
        "GET /api/v1/teams/7/members/old-name".to_owned(),
    ];
    assert_eq!(asked(&server), wanted);
}

#[test]
fn a_team_may_be_on_the_second_page() {
    let list: Vec<Value> = (1..=70).map(|id| team(id, &format!("team-{id}"))).collect();
    let (_server, forge) =
        answering(ForgeKind::Gitea, API, "acme/config", move |received| match &*received.path {
            TEAMS => page(received, &list, 50),
            "/api/v1/teams/70/members/carol" => Reply::json(200, &json!({"login": "carol"})),
            _ => Reply::json(404, &json!({"message": "not found"})),
        });
    assert_eq!(forge.is_member(("acme", "team-70"), "carol"), Ok(true));
}

#[test]
fn a_team_that_is_not_visible_has_no_members_that_are_known() {
    let is = |answers: Answers, team: &str| forge(answers).1.is_member(("acme", team), "carol");
    let said = |error: ForgeError| error.to_string();
    let none = is(teams(), "other").map_err(said);
    let wanted =
        "Gitea does not know the team @acme/other: no team of the organization has that name";
    assert_eq!(none, Err(wanted.to_owned()));
    let gone = is(teams().without(TEAMS), "ops").map_err(said);
    let wanted = "Gitea does not know the team @acme/ops: 404 Not Found";
    assert_eq!(gone, Err(wanted.to_owned()));
    // Its name is told, and who is in it only to those who are.
    let closed = teams().without("/api/v1/teams/7/members");
    assert_eq!(is(closed, "ops").map_err(said), Err(wanted.to_owned()));
    let no = Reply::json(403, &json!({"message": "Must be a team member"}));
    let closed = teams().replies("/api/v1/teams/7/members/carol", no);
    let wanted = "Gitea does not allow it: Must be a team member";
    assert_eq!(is(closed, "ops").map_err(said), Err(wanted.to_owned()));
    for value in [json!({}), json!([{"name": "ops"}]), json!("ops")] {
        let ended = is(teams().with(TEAMS, &value), "ops");
        assert_eq!(ended.map_err(|error| error.exit_code()), Err(7), "{value}");
    }
}

#[test]
fn what_is_asked_and_answered_is_what_gitea_describes() {
    let Ok(text) = std::fs::read(folder().join("gitea.json")) else {
        skipped("Gitea's description is not there, its reviews were not held against it");
        return;
    };
    let description: Value = serde_json::from_slice(&text).unwrap();
    let (server, forge) = forge(answers(&reviews()));
    forge.standing(&first()).unwrap();
    let (other, forge) = self::forge(teams());
    forge.is_member(("acme", "ops"), "dan").unwrap();
    let requests = [server.received(), other.received()].concat();
    assert_eq!(requests.len(), 5);
    for received in &requests {
        let operation = Operation::find_below(API, &description, received).unwrap();
        assert_eq!(operation.problems(received), [""; 0], "{}", received.path);
    }
    let schemas = &description["components"]["schemas"];
    for (name, value) in [
        ("PullReview", review("ada", "APPROVED", &json!({}))),
        ("PullRequest", pull(&json!({}))),
        ("Team", team(1, "ops")),
    ] {
        let known = schemas[name]["properties"].as_object().unwrap();
        for key in value.as_object().unwrap().keys() {
            assert!(known.contains_key(key), "{name} has no {key}");
        }
    }
    let states = &schemas["ReviewStateType"]["enum"];
    for state in reviews().iter().map(|review| &review["state"]) {
        assert!(states.as_array().unwrap().contains(state), "{state}");
    }
}
