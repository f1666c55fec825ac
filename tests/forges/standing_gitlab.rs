//! How a merge request of GitLab stands, and who is in a group: after its
//! documentation of merge requests, their approvals, and members.

use promote::forge::{Forge, ForgeError, Standing};
use promote::model::ForgeKind;
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::standing::{Answers, answering, bad_answers_end_as_errors, first, told};
use crate::store::asked;

const ONE: &str = "/api/v4/projects/group%2Fconfig/merge_requests/1";

const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";

fn user(name: &str) -> Value {
    json!({"id": name.len(), "username": name, "name": "Somebody", "state": "active"})
}

fn version(id: u64, head: &str, time: &str) -> Value {
    json!({
        "id": id, "head_commit_sha": head, "base_commit_sha": "b", "start_commit_sha": "b",
        "created_at": time, "merge_request_id": 7001, "state": "collected", "real_size": "1",
    })
}

fn approval(name: &str, time: &Value) -> Value {
    json!({"user": user(name), "approved_at": time})
}

fn reviewer(name: &str, state: &str) -> Value {
    json!({"user": user(name), "state": state, "created_at": "2026-01-02T03:00:00.000Z"})
}

/// One that was pushed to twice: at three and at four o'clock.
fn answers() -> Answers {
    let now = json!({
        "id": 7001, "iid": 1, "author": user("bot"), "sha": HEAD, "state": "opened",
        "has_conflicts": false, "merge_status": "can_be_merged",
        "detailed_merge_status": "not_approved",
        // The state of these is that of their accounts.
        "reviewers": [user("grace"), user("dan")],
    });
    Answers::default()
        .with(ONE, &now)
        .with(&format!("{ONE}/approvals"), &approved(&[]))
        .with(&format!("{ONE}/reviewers"), &json!([]))
        .with(
            &format!("{ONE}/versions"),
            &json!([
                version(12, HEAD, "2026-01-02T04:00:00.500Z"),
                version(11, "aaaa", "2026-01-02T03:00:00.000Z"),
            ]),
        )
}

fn approved(by: &[Value]) -> Value {
    json!({
        "user_has_approved": false, "user_can_approve": true, "approved": !by.is_empty(),
        "approved_by": by,
    })
}

fn forge(answers: Answers) -> (Server, Box<dyn Forge>) {
    answers.forge(ForgeKind::GitLab, "/api/v4", "group/config")
}

fn standing(answers: Answers) -> Result<Standing, ForgeError> {
    forge(answers).1.standing(&first())
}

fn now(changes: &Value) -> Answers {
    let mut now = json!({"iid": 1, "author": user("bot"), "sha": HEAD, "has_conflicts": false});
    for (key, value) in changes.as_object().unwrap() {
        now[key] = value.clone();
    }
    answers().with(ONE, &now)
}

#[test]
fn approvals_of_the_present_head_count() {
    let by = [
        approval("ada", &json!("2026-01-02T04:00:00.501Z")),
        approval("carol", &json!("2026-01-02T04:00:00.500Z")),
        approval("dan", &json!("2026-01-02T05:00:01.000+01:00")),
        approval("eve", &json!("2026-01-02T03:30:00.000Z")),
        // The one who opened it, as a setting of the project allows.
        approval("Bot", &json!("2026-01-02T05:00:00.000Z")),
        // GitLab before 18.
        approval("frank", &Value::Null),
    ];
    let all = answers().with(&format!("{ONE}/approvals"), &approved(&by));
    let (server, forge) = forge(all);
    let standing = forge.standing(&first()).unwrap();
    let wanted = ["+ada now", "+carol before", "+dan now", "+eve before", "+frank ?"];
    assert_eq!(told(&standing), wanted);
    assert_eq!((&*standing.author, standing.conflicts), ("bot", Some(false)));
    let wanted = [
        format!("GET {ONE}"),
        format!("GET {ONE}/approvals"),
        format!("GET {ONE}/reviewers?per_page=100"),
        format!("GET {ONE}/versions?per_page=100"),
    ];
    assert_eq!(asked(&server), wanted);
}

#[test]
fn without_a_time_one_is_of_the_only_push() {
    let by = approved(&[json!({"user": user("ada")})]);
    let single = json!([version(11, HEAD, "2026-01-02T03:00:00.000Z")]);
    let all = answers().with(&format!("{ONE}/approvals"), &by);
    let one = all.clone().with(&format!("{ONE}/versions"), &single);
    assert_eq!(told(&standing(one).unwrap()), ["+ada now"]);
    assert_eq!(told(&standing(all).unwrap()), ["+ada ?"]);
}

#[test]
fn a_push_that_is_not_taken_up_yet_is_after_all_approvals() {
    let late = approved(&[approval("ada", &json!("2026-01-02T09:00:00.000Z"))]);
    let undated = approved(&[json!({"user": user("ada")})]);
    let elsewhere = json!([version(11, "aaaa", "2026-01-02T03:00:00.000Z")]);
    for by in [&late, &undated] {
        let all = answers()
            .with(&format!("{ONE}/approvals"), by)
            .with(&format!("{ONE}/versions"), &elsewhere);
        assert_eq!(told(&standing(all).unwrap()), ["+ada before"]);
    }
    // Nothing is known of any push, or not when it was.
    let odd = json!([version(12, HEAD, "yesterday")]);
    for versions in [json!([]), odd] {
        let all = answers()
            .with(&format!("{ONE}/approvals"), &late)
            .with(&format!("{ONE}/versions"), &versions);
        assert_eq!(told(&standing(all).unwrap()), ["+ada ?"]);
    }
    let odd = approved(&[approval("ada", &json!("today"))]);
    let all = answers().with(&format!("{ONE}/approvals"), &odd);
    assert_eq!(told(&standing(all).unwrap()), ["+ada ?"]);
}

#[test]
fn who_asks_for_changes_is_told() {
    let by = [approval("grace", &json!("2026-01-02T05:00:00.000Z"))];
    let reviewers = json!([
        reviewer("grace", "requested_changes"),
        reviewer("dan", "requested_changes"),
        reviewer("ada", "approved"),
        reviewer("carol", "unreviewed"),
        reviewer("eve", "reviewed"),
        reviewer("frank", "review_started"),
        reviewer("heidi", "unapproved"),
        reviewer("bot", "requested_changes"),
    ]);
    let all = answers()
        .with(&format!("{ONE}/approvals"), &approved(&by))
        .with(&format!("{ONE}/reviewers"), &reviewers);
    assert_eq!(told(&standing(all).unwrap()), ["-dan now", "-grace now"]);
    // GitLab before 15.3 has no such list, and nobody could ask for changes.
    let all = answers()
        .with(&format!("{ONE}/approvals"), &approved(&by))
        .without(&format!("{ONE}/reviewers"));
    assert_eq!(told(&standing(all).unwrap()), ["+grace now"]);
}

#[test]
fn conflicts_are_told_once_gitlab_has_looked() {
    for (status, conflicts, wanted) in [
        ("can_be_merged", false, Some(false)),
        ("cannot_be_merged", true, Some(true)),
        // For another reason.
        ("cannot_be_merged", false, None),
        ("unchecked", false, None),
        ("checking", false, None),
        ("cannot_be_merged_recheck", false, None),
    ] {
        let all = now(&json!({"merge_status": status, "has_conflicts": conflicts}));
        assert_eq!(standing(all).unwrap().conflicts, wanted, "{status}");
    }
    assert_eq!(standing(now(&json!({"merge_status": null}))).unwrap().conflicts, None);
}

#[test]
fn lists_are_read_to_their_end() {
    // The newest push and the one who asks for changes are on the second pages.
    let (server, forge) = answering(ForgeKind::GitLab, "/api/v4", "group/config", |received| {
        let more = received.query("page") == "2";
        let origin = format!("http://{}", received.header("host"));
        let next = format!("<{origin}{}?per_page=100&page=2>; rel=\"next\"", received.path);
        let page = |value: Value| {
            let reply = Reply::json(200, &value);
            if more { reply } else { reply.header("Link", &next) }
        };
        match received.path.strip_prefix(ONE).unwrap() {
            "" => Reply::json(200, &json!({"author": user("bot"), "sha": HEAD})),
            "/approvals" => {
                let by = [approval("ada", &json!("2026-01-02T03:30:00.000Z"))];
                Reply::json(200, &approved(&by))
            }
            "/reviewers" if more => page(json!([reviewer("dan", "requested_changes")])),
            "/reviewers" => page(json!([reviewer("carol", "unreviewed")])),
            "/versions" if more => page(json!([version(12, HEAD, "2026-01-02T04:00:00Z")])),
            _ => page(json!([version(11, "aaaa", "2026-01-02T03:00:00Z")])),
        }
    });
    let standing = forge.standing(&first()).unwrap();
    assert_eq!(told(&standing), ["+ada before", "-dan now"]);
    assert_eq!(server.received().len(), 6);
}

#[test]
fn what_is_not_there_or_not_allowed_is_told() {
    let gone = |path: &str| standing(answers().without(path)).unwrap_err().to_string();
    assert_eq!(gone(ONE), "GitLab does not know !1: 404 Not Found");
    let wanted = "GitLab does not know the approvals of !1: 404 Not Found";
    assert_eq!(gone(&format!("{ONE}/approvals")), wanted);
    let wanted = "GitLab does not know the versions of !1: 404 Not Found";
    assert_eq!(gone(&format!("{ONE}/versions")), wanted);
    bad_answers_end_as_errors(&answers().paths(), |path, reply| {
        standing(answers().replies(path, reply))
    });
}

const MEMBERS: &str = "/api/v4/groups/acme%2Fops/members/all";

fn member(name: &str, state: &str) -> Value {
    json!({"id": 1, "username": name, "state": state, "access_level": 30, "expires_at": null})
}

fn is_member(answers: Answers, person: &str) -> Result<bool, ForgeError> {
    forge(answers).1.is_member(("acme", "ops"), person)
}

#[test]
fn members_are_those_of_the_group_and_above_it() {
    let mut waiting = member("eve", "active");
    waiting["membership_state"] = json!("awaiting");
    let mut active = member("frank", "active");
    active["membership_state"] = json!("active");
    let list = json!([
        // What is asked for is a part of a name or mail address.
        member("carolina", "active"),
        member("Carol", "active"),
        member("dan", "blocked"),
        waiting,
        active,
    ]);
    let all = Answers::default().with(MEMBERS, &list);
    for (person, wanted) in [
        ("carol", true),
        ("carolina", true),
        ("caro", false),
        ("dan", false),
        ("eve", false),
        ("frank", true),
    ] {
        assert_eq!(is_member(all.clone(), person), Ok(wanted), "{person}");
    }
    let (server, forge) = forge(all);
    forge.is_member(("acme/platform", "ops"), "a&b").unwrap_err();
    forge.is_member(("acme", "ops"), "a&b").unwrap();
    let wanted = [
        "GET /api/v4/groups/acme%2Fplatform%2Fops/members/all?query=a&b&per_page=100".to_owned(),
        format!("GET {MEMBERS}?query=a&b&per_page=100"),
    ];
    assert_eq!(asked(&server), wanted);
    assert_eq!(server.received()[1].query("query"), "a&b");
}

#[test]
fn a_member_may_be_on_the_second_page() {
    let (_server, forge) = answering(ForgeKind::GitLab, "/api/v4", "group/config", |received| {
        if received.query("page") == "2" {
            return Reply::json(200, &json!([member("carol", "active")]));
        }
        let next = format!("http://{}{MEMBERS}?page=2", received.header("host"));
        let link = format!("<{next}>; rel=\"next\"");
        Reply::json(200, &json!([member("carol1", "active")])).header("Link", &link)
    });
    assert_eq!(forge.is_member(("acme", "ops"), "carol"), Ok(true));
}

#[test]
fn a_group_that_is_not_visible_has_no_members_that_are_known() {
    let gone = Reply::json(404, &json!({"message": "404 Group Not Found"}));
    let told = is_member(Answers::default().replies(MEMBERS, gone), "carol").unwrap_err();
    let wanted = "GitLab does not know the group acme/ops: 404 Group Not Found";
    assert_eq!(told.to_string(), wanted);
    assert!(!told.is_passing());
    for (reply, code) in [
        (Reply::json(403, &json!({"message": "403 Forbidden"})), 4),
        (Reply::json(200, &json!({"username": "carol", "state": "active"})), 7),
        (Reply::json(200, &json!([{"username": "carol"}])), 7),
    ] {
        let ended = is_member(Answers::default().replies(MEMBERS, reply), "carol");
        assert_eq!(ended.map_err(|error| error.exit_code()), Err(code));
    }
}
