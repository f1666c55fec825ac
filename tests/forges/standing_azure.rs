//! How a pull request of Azure DevOps stands, and who is meant by a name:
//! after its documentation of pull requests, votes and identities.

use promote::forge::{Forge, ForgeError, Review, Standing};
use promote::model::ForgeKind;
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::standing::{Answers, bad_answers_end_as_errors, first, told};
use crate::store::asked;

const ONE: &str = "/acme/the%20shop/_apis/git/repositories/config/pullrequests/1";

const IDENTITIES: &str = "/acme/_apis/identities";

fn voter(id: &str, name: &str, vote: i64) -> Value {
    json!({
        "id": id, "displayName": format!("{name} Smith"), "uniqueName": format!("{name}@acme.test"),
        "vote": vote, "isFlagged": false, "hasDeclined": false, "isRequired": true,
        "reviewerUrl": format!("https://azure.test/{id}"),
    })
}

fn pull(changes: &Value) -> Value {
    let mut pull = json!({
        "pullRequestId": 1, "status": "active", "mergeStatus": "succeeded",
        "createdBy": {"id": "b-0", "displayName": "Bot", "uniqueName": "Bot@acme.test"},
        "reviewers": [],
    });
    for (key, value) in changes.as_object().unwrap() {
        pull[key] = value.clone();
    }
    pull
}

fn answers(changes: &Value) -> Answers {
    Answers::default().with(ONE, &pull(changes))
}

fn forge(answers: Answers) -> (Server, Box<dyn Forge>) {
    answers.forge(ForgeKind::Azure, "", "acme/the%20shop/config")
}

fn standing(answers: Answers) -> Result<Standing, ForgeError> {
    forge(answers).1.standing(&first())
}

#[test]
fn votes_are_words_of_no_known_push() {
    let mut team = voter("t-1", "ops", 10);
    team["isContainer"] = json!(true);
    let mut member = voter("a-9", "heidi", 10);
    member["votedFor"] = json!([team.clone()]);
    let reviewers = json!([
        voter("a-1", "ada", 10),
        voter("a-2", "carol", 5),
        voter("a-3", "dan", 0),
        voter("a-4", "eve", -5),
        voter("a-5", "frank", -10),
        // One of itself, as a policy may allow.
        voter("B-0", "bot", 10),
        // A team has the votes of its members beside their own.
        team,
        member,
        // A service has no mail address.
        {"id": "s-1", "displayName": "Scanner", "uniqueName": "", "vote": -10},
        {"id": "s-2", "vote": 10},
    ]);
    let (server, forge) = forge(answers(&json!({ "reviewers": reviewers })));
    let standing = forge.standing(&first()).unwrap();
    let mut told = told(&standing);
    told.sort();
    let wanted = [
        "+ada@acme.test ?",
        "+carol@acme.test ?",
        "+heidi@acme.test ?",
        "+s-2 ?",
        "-Scanner ?",
        "-eve@acme.test ?",
        "-frank@acme.test ?",
    ];
    assert_eq!(told, wanted);
    assert_eq!((&*standing.author, standing.conflicts), ("Bot@acme.test", Some(false)));
    assert_eq!(asked(&server), [format!("GET {ONE}?api-version=7.1")]);
}

#[test]
fn conflicts_are_those_of_the_last_merge_that_was_tried() {
    for (status, wanted) in [
        ("succeeded", Some(false)),
        ("conflicts", Some(true)),
        ("queued", None),
        ("notSet", None),
        ("rejectedByPolicy", None),
        ("failure", None),
    ] {
        let said = standing(answers(&json!({ "mergeStatus": status }))).unwrap();
        assert_eq!(said.conflicts, wanted, "{status}");
    }
    assert_eq!(standing(answers(&json!({"mergeStatus": null}))).unwrap().conflicts, None);
}

#[test]
fn what_is_not_there_or_not_allowed_is_told() {
    let message = "TF401180: The requested pull request was not found.";
    let gone = Reply::json(404, &json!({"message": message, "typeKey": "GitPullRequestNotFound"}));
    let told = standing(Answers::default().replies(ONE, gone)).unwrap_err();
    assert_eq!(told.to_string(), format!("Azure DevOps does not know !1: {message}"));
    let sign_in = Reply::text(203, "text/html", "<title>Sign in</title>");
    let told = standing(Answers::default().replies(ONE, sign_in)).unwrap_err();
    assert!(matches!(told, ForgeError::Unauthorized { .. }), "{told}");
    bad_answers_end_as_errors(&[ONE.to_owned()], |path, reply| {
        standing(answers(&json!({})).replies(path, reply))
    });
    for changes in [
        json!({"reviewers": null}),
        json!({"reviewers": [{"vote": 10}]}),
        json!({"reviewers": [{"id": "a", "vote": "10"}]}),
        json!({"createdBy": null}),
    ] {
        let ended = standing(answers(&changes)).map_err(|error| error.exit_code());
        assert_eq!(ended, Err(7), "{changes}");
    }
}

fn identity(id: &str, name: &str) -> Value {
    let property = |value: &str| json!({"$type": "System.String", "$value": value});
    json!({
        "id": id, "providerDisplayName": format!("{name} Smith"), "isActive": true,
        "properties": {"Account": property(name), "Mail": property(&format!("{name}@mail.test"))},
    })
}

fn by_carol() -> Review {
    let ids = vec!["A-2".to_owned()];
    Review { person: "carol@acme.test".to_owned(), ids, approves: true, current: None }
}

#[test]
fn reviewers_are_meant_by_any_of_their_names() {
    let found = |list: Value| Answers::default().with(IDENTITIES, &json!({ "value": list }));
    let is_by = |answers: Answers, name: &str| {
        let (server, forge) = forge(answers);
        (forge.is_by(&by_carol(), name), server.received().len())
    };
    // The mail address that is shown needs no look.
    assert_eq!(is_by(found(json!([])), "Carol@acme.test"), (Ok(true), 0));
    let carol = || found(json!([identity("a-2", "carol"), identity("a-3", "carola")]));
    for name in ["carol", "carol Smith", "carol@mail.test"] {
        assert_eq!(is_by(carol(), name), (Ok(true), 1), "{name}");
    }
    assert_eq!(is_by(carol(), "carola"), (Ok(false), 1));
    // Several people of a name are nobody, and nobody is told.
    let both = found(json!([identity("a-2", "carol"), identity("a-4", "carol")]));
    let (told, _) = is_by(both, "carol");
    let wanted = "Azure DevOps refuses: 2 people are called carol; a mail address tells";
    assert_eq!(told.unwrap_err().to_string(), wanted);
    let (told, _) = is_by(found(json!([])), "carol");
    let wanted = "Azure DevOps does not know @carol: nobody has that name, account or mail address";
    assert_eq!(told.unwrap_err().to_string(), wanted);
    let no = Reply::json(403, &json!({"message": "TF400813: not authorized"}));
    let (told, _) = is_by(Answers::default().replies(IDENTITIES, no), "carol");
    assert_eq!(told.unwrap_err().exit_code(), 4);
}

#[test]
fn who_is_in_a_team_is_not_asked() {
    let (server, forge) = forge(Answers::default());
    let told = forge.is_member(("the shop", "ops"), "carol@acme.test").unwrap_err();
    assert_eq!(
        told.to_string(),
        "Azure DevOps cannot do this: whether carol@acme.test is in @the shop/ops is not asked there"
    );
    assert!(!told.is_passing() && server.received().is_empty());
}
