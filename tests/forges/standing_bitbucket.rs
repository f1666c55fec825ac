//! How a pull request of Bitbucket stands, and who is meant by a name: after
//! its documentation of pull requests and their participants.

use promote::forge::{Forge, ForgeError, Request, Standing};
use promote::model::ForgeKind;
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::standing::{Answers, bad_answers_end_as_errors, first, told};
use crate::store::asked;

const REPOSITORY: &str = "/2.0/repositories/acme/config";

const ONE: &str = "/2.0/repositories/acme/config/pullrequests/1";

const TIP: &str = "0123456789abcdef0123456789abcdef01234567";

fn user(id: u32, nickname: &str) -> Value {
    json!({
        "type": "user", "uuid": format!("{{aa-{id}}}"), "account_id": format!("557058:{id}"),
        "nickname": nickname, "display_name": format!("{nickname} Smith"),
    })
}

fn participant(user: &Value, state: &Value) -> Value {
    json!({
        "type": "participant", "user": user, "role": "REVIEWER", "approved": state == "approved",
        "state": state, "participated_on": "2026-01-02T03:04:05.123456+00:00",
    })
}

fn answers(participants: &[Value]) -> Answers {
    let pull = json!({"id": 1, "author": user(9, "bot"), "participants": participants});
    Answers::default().with(ONE, &pull)
}

fn forge(answers: Answers) -> (Server, Box<dyn Forge>) {
    answers.forge(ForgeKind::Bitbucket, "/2.0", "acme/config")
}

fn standing(answers: Answers) -> Result<Standing, ForgeError> {
    forge(answers).1.standing(&first())
}

#[test]
fn participants_say_words_of_no_known_push() {
    let (server, forge) = forge(answers(&[
        participant(&user(1, "ada"), &json!("approved")),
        participant(&user(2, "carol"), &json!("changes_requested")),
        participant(&user(3, "dan"), &Value::Null),
        participant(&user(9, "bot"), &json!("approved")),
        // An account that is gone.
        participant(&Value::Null, &json!("approved")),
        // A workspace or an app has no nickname.
        participant(&json!({"type": "team", "uuid": "{aa-5}"}), &json!("approved")),
    ]));
    let standing = forge.standing(&first()).unwrap();
    assert_eq!(told(&standing), ["+ada ?", "-carol ?", "+{aa-5} ?"]);
    assert_eq!((&*standing.author, standing.conflicts), ("bot", None));
    assert_eq!(asked(&server), [format!("GET {ONE}")]);
}

#[test]
fn people_of_one_nickname_are_several() {
    let all = answers(&[
        participant(&user(1, "carol"), &json!("changes_requested")),
        participant(&user(2, "carol"), &json!("approved")),
        // Who calls themselves as the author is not the author.
        participant(&user(3, "bot"), &json!("changes_requested")),
    ]);
    assert_eq!(told(&standing(all).unwrap()), ["-carol ?", "+carol ?", "-bot ?"]);
}

#[test]
fn reviewers_are_meant_by_any_of_their_names() {
    let all = answers(&[participant(&user(1, "carol"), &json!("approved"))]);
    let (_server, forge) = forge(all);
    let review = forge.standing(&first()).unwrap().reviews.remove(0);
    for name in ["carol", "Carol", "557058:1", "{AA-1}", "aa-1"] {
        assert_eq!(forge.is_by(&review, name), Ok(true), "{name}");
    }
    for name in ["carol Smith", "557058:2", "{aa-2}", ""] {
        assert_eq!(forge.is_by(&review, name), Ok(false), "{name}");
    }
    // A nickname is what somebody chose: it is nobody's id.
    for id in ["557058:7", "{aa-7}", "5b10ac8d82e05b22cc7d4ef5"] {
        let own = answers(&[participant(&user(1, id), &json!("approved"))]);
        let review = standing(own).unwrap().reviews.remove(0);
        assert_eq!(forge.is_by(&review, id), Ok(false), "{id}");
    }
}

#[test]
fn what_is_not_there_or_not_allowed_is_told() {
    let gone = Reply::json(404, &json!({"type": "error", "error": {"message": "Not found"}}));
    let told = standing(Answers::default().replies(ONE, gone)).unwrap_err();
    assert_eq!(told.to_string(), "Bitbucket does not know #1: Not found");
    bad_answers_end_as_errors(&[ONE.to_owned()], |path, reply| {
        standing(answers(&[]).replies(path, reply))
    });
    for participants in [json!(null), json!([{"user": {"nickname": "a"}, "state": "approved"}])] {
        let pull = json!({"id": 1, "author": user(9, "bot"), "participants": participants});
        let ended = standing(Answers::default().with(ONE, &pull));
        assert_eq!(ended.map_err(|error| error.exit_code()), Err(7), "{participants}");
    }
}

#[test]
fn the_whole_tip_is_asked_for() {
    let request = Request { number: 1, tip: TIP[..12].to_owned(), ..Request::default() };
    let path = format!("{REPOSITORY}/commit/0123456789ab");
    let tip = |answers: Answers| forge(answers).1.whole_tip(&request);
    let all = Answers::default().with(&path, &json!({"type": "commit", "hash": TIP}));
    assert_eq!(tip(all), Ok(TIP.to_owned()));
    let other = json!({"type": "commit", "hash": "f".repeat(40)});
    let told = tip(Answers::default().with(&path, &other)).unwrap_err();
    assert_eq!(told.exit_code(), 7, "{told}");
    let told = tip(Answers::default()).unwrap_err().to_string();
    assert_eq!(told, "Bitbucket does not know the commit 0123456789ab: 404 Not Found");
}

#[test]
fn who_is_in_a_group_is_not_asked() {
    let (server, forge) = forge(Answers::default());
    let told = forge.is_member(("acme", "ops"), "carol").unwrap_err();
    assert!(matches!(told, ForgeError::Unsupported { .. }) && !told.is_passing(), "{told}");
    assert!(server.received().is_empty());
}
