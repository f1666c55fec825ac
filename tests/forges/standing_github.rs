//! How a pull request of GitHub stands, and who is in a team. The journeys show
//! what counts; here are answers that do not tell.

use promote::forge::{Forge, ForgeError, Standing};
use promote::model::ForgeKind;
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::standing::{Answers, bad_answers_end_as_errors, first, told};
use crate::store::asked;

const ONE: &str = "/api/v3/repos/acme/config/pulls/1";

const REVIEWS: &str = "/api/v3/repos/acme/config/pulls/1/reviews";

fn permission(name: &str) -> String {
    format!("/api/v3/repos/acme/config/collaborators/{name}/permission")
}

fn answers() -> Answers {
    let user = |name: &str| json!({"id": 1, "login": name});
    let review = |user: Value, state: &str, commit: Value| json!({"id": 9, "user": user, "state": state, "commit_id": commit});
    let pull = json!({"head": {"sha": "abc"}, "user": user("bot"), "mergeable": null});
    let reviews = json!([
        review(user("ada"), "APPROVED", json!("abc")),
        review(user("carol"), "APPROVED", json!(null)),
        // An account that is gone, and a review that is not sent off.
        review(json!(null), "APPROVED", json!("abc")),
        review(user("dan"), "PENDING", json!("abc")),
    ]);
    Answers::default()
        .with(ONE, &pull)
        .with(REVIEWS, &reviews)
        .with(&permission("ada"), &json!({"permission": "write"}))
        .with(&permission("carol"), &json!({"permission": "admin"}))
}

fn forge(answers: Answers) -> (Server, Box<dyn Forge>) {
    answers.forge(ForgeKind::GitHub, "/api/v3", "acme/config")
}

fn standing(answers: Answers) -> Result<Standing, ForgeError> {
    forge(answers).1.standing(&first())
}

#[test]
fn what_is_not_told_does_not_count() {
    let all = standing(answers()).unwrap();
    assert_eq!(told(&all), ["+ada now", "+carol before"]);
    assert_eq!((&*all.author, all.conflicts), ("bot", None));
    // Somebody who is no collaborator, or of whom that is not told.
    let none = standing(answers().without(&permission("ada"))).unwrap();
    assert_eq!(told(&none), ["+carol before"]);
    let none = standing(answers().with(&permission("ada"), &json!({"role_name": "x"}))).unwrap();
    assert_eq!(told(&none), ["+carol before"]);
}

#[test]
fn what_is_not_there_or_not_allowed_is_told() {
    let gone = standing(answers().without(REVIEWS)).unwrap_err();
    assert_eq!(gone.to_string(), "GitHub does not know #1: 404 Not Found");
    bad_answers_end_as_errors(&[ONE.to_owned(), REVIEWS.to_owned()], |path, reply| {
        standing(answers().replies(path, reply))
    });
}

#[test]
fn a_team_that_is_not_visible_has_no_members_that_are_known() {
    const TEAM: &str = "/api/v3/orgs/acme/teams/ops";
    let of = |name: &str| format!("{TEAM}/memberships/{name}");
    let all = || {
        Answers::default()
            .with(TEAM, &json!({"slug": "ops"}))
            .with(&of("carol"), &json!({"state": "active", "role": "member"}))
            .with(&of("dan"), &json!({"state": "pending", "role": "member"}))
    };
    let (server, forge_of_all) = forge(all());
    for (person, wanted) in [("carol", true), ("dan", false), ("eve", false)] {
        assert_eq!(forge_of_all.is_member(("acme", "ops"), person), Ok(wanted), "{person}");
    }
    let paths = [of("carol"), of("dan"), of("eve"), TEAM.to_owned()];
    assert_eq!(asked(&server), paths.map(|path| format!("GET {path}")));
    let told = forge(all().without(TEAM)).1.is_member(("acme", "ops"), "eve").unwrap_err();
    let wanted = "GitHub does not know the team @acme/ops: 404 Not Found";
    assert_eq!(told.to_string(), wanted);
    let no = Reply::json(403, &json!({"message": "Must have admin rights to Repository."}));
    let told = forge(all().replies(&of("carol"), no)).1.is_member(("acme", "ops"), "carol");
    assert_eq!(told.map_err(|error| error.exit_code()), Err(4));
}
