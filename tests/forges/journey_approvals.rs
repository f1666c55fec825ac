//! The approvals that an environment wants: asked for by the request, and
//! counted by `check --online`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::journey_request::{at, overlay};
use crate::world::{Ran, World};

const CONFIG: &str = r#"version = 1

[layout]
paths = ["apps/{app}/{env}"]

[[environment]]
name = "dev"

[[environment]]
name = "prod"
PROD

[forge]
kind = "github"
api = "{api}"
repository = "acme/config"
"#;

/// `web` of which dev has v2, and a clone with the request into prod open.
fn requested(prod: &str) -> (World, PathBuf) {
    let config = CONFIG.replace("PROD", prod);
    let mut files = vec![("promote.toml".to_owned(), config)];
    files.push((at("web", "dev"), overlay("web", "v2")));
    files.push((at("web", "prod"), overlay("web", "v1")));
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = World::new(&files);
    // Nobody merges it here.
    world.hub().required = vec!["never"];
    let root = world.clone_as("repo");
    world.promote(&root, &["web@v2", "prod", "--pr"]).ends(0);
    world.git_in(&root, &["fetch", "-q", "origin"]);
    (world, root)
}

fn check(world: &World, root: &std::path::Path, more: &[&str]) -> Ran {
    let tip = world.only().tip;
    let args = ["check", "--base", "origin/main", "--head", &tip, "-v"];
    world.promote(root, &[&args[..], more].concat())
}

/// A review of what was on the branch at a commit.
fn review(person: &str, state: &str, commit: &str) -> Value {
    json!({ "user": { "login": person }, "state": state, "commit_id": commit })
}

#[test]
fn the_request_asks_for_them_and_the_gate_counts_them() {
    let (world, root) = requested("approvals = 2");
    let pull = world.only();
    assert!(
        pull.body.contains("GP019 | ok | the pull request asks for 2 approvals"),
        "{}",
        pull.body
    );
    check(&world, &root, &[]).ends(0).says("whether prod has its 2 approvals is not asked");
    check(&world, &root, &["--online"]).ends(3).says("#1 needs 2 approvals, and has none");
    world.approve(1, "ada");
    check(&world, &root, &["--online"]).ends(3).says("and has that of ada");
    // The one who opened it does not count, nor who may not write.
    world.approve(1, "bot");
    world.approve(1, "stranger");
    check(&world, &root, &["--online"]).ends(3).says("and has that of ada");
    // An approval of an older head does not count.
    world.hub().pulls[0].reviews = vec![review("grace", "APPROVED", &"0".repeat(40))];
    let said = check(&world, &root, &["--online"]).ends(3);
    said.says("and has that of ada; grace approved an older head");
    world.hub().pulls[0].reviews =
        vec![review("grace", "APPROVED", &pull.tip), review("grace", "COMMENTED", &pull.tip)];
    check(&world, &root, &["--online"]).ends(0).says("#1 is approved by ada, grace");
    // The last word of each counts.
    world.hub().pulls[0].reviews = vec![
        review("grace", "APPROVED", &pull.tip),
        review("grace", "CHANGES_REQUESTED", &pull.tip),
    ];
    check(&world, &root, &["--online"]).ends(3).says("grace asks for changes in #1");
    world.hub().pulls[0].reviews.push(review("grace", "DISMISSED", &pull.tip));
    check(&world, &root, &["--online"]).ends(3).says("and has that of ada");
    // What CI judges is often the merge of the head.
    world.approve(1, "carol");
    world.git_in(&root, &["merge", "-q", "--no-ff", "-m", "Merge", &pull.tip]);
    let merged = ["check", "--base", "origin/main", "--head", "HEAD", "--online", "-v"];
    world.promote(&root, &merged).ends(0).says("#1 is approved by ada, carol");
    // A head of which there is no request is not approved.
    world.git_in(&root, &["commit", "-q", "--allow-empty", "-m", "More"]);
    world
        .promote(&root, &merged)
        .ends(7)
        .says("has no open request of a branch of this repository");
}

#[test]
fn only_the_reviewers_count_where_they_are_named() {
    let (world, root) = requested("approvals = 1\nreviewers = [\"@ada\", \"@acme/ops\"]");
    world.approve(1, "carol");
    let said = check(&world, &root, &["--online"]).ends(3);
    said.says(
        "#1 needs 1 approval by @ada or @acme/ops, and has none; carol approved and is no reviewer",
    );
    world.hub().members = vec![("ops", "carol")];
    check(&world, &root, &["--online"]).ends(0).says("#1 is approved by carol");
    world.hub().members.clear();
    world.approve(1, "ADA");
    check(&world, &root, &["--online"]).ends(0).says("#1 is approved by ADA");
}

#[test]
fn a_push_has_none() {
    let (world, root) = requested("protected = true\nrollback = { approvals = 0 }");
    let push = world.promote(&root, &["web@v2", "prod", "--push"]).ends(3);
    push.says("fail  GP019  prod wants 1 approval, and a push has none");
    push.says("hint: git promote web@v2 prod --pr\n");
    // Pasted as it is, of all that would enter.
    world.set("api", "dev", "v5");
    world.set("api", "prod", "v4");
    world.git_in(&root, &["pull", "-q"]);
    let both = ["web@v2", "api@v5", "prod", "--push", "--base", "main"];
    let push = world.promote(&root, &both).ends(3);
    push.says("hint: git promote web@v2 api@v5 prod --pr --base main\n");
    let words = ["web@v2", "api@v5", "prod", "--pr", "--base", "main", "-n"];
    world.promote(&root, &words).ends(0);
    world.promote(&root, &["web@v2", "prod", "-n"]).ends(0).says("warn  GP019");
    let over = ["web@v2", "prod", "--push", "--override", "GP019", "--reason", "INC-42"];
    world.promote(&root, &over).ends(0);
    // Back without anybody.
    world.git_in(&root, &["pull", "-q"]);
    let back = world.promote(&root, &["rollback", "prod", "-a", "web", "--push"]).ends(0);
    assert!(!back.out.contains("GP019"), "{}", back.out);
}

#[test]
fn why_says_what_an_open_request_waits_for() {
    let (world, root) = requested("approvals = 2");
    let tip = world.only().tip;
    world.status(&tip, "gate", "pending");
    world.approve(1, "ada");
    world.hub().pulls[0].reviews = vec![
        review("grace", "APPROVED", &"0".repeat(40)),
        review("carol", "CHANGES_REQUESTED", &tip),
    ];
    world.hub().pulls[0].conflicts = true;
    let why = || world.promote(&root, &["why", "web", "prod", "v2"]).ends(0);
    let said = why();
    for line in [
        "pull request #1 is open: Promote web v2 to prod",
        "check gate is not done",
        "1 of 2 approvals (by ada)",
        "carol asks for changes",
        "grace approved an older head",
        "conflicts with its base",
        "waits for somebody to merge it",
    ] {
        said.says(line);
    }
    let document = world.promote(&root, &["why", "web", "prod", "v2", "-o", "json"]).ends(0).json();
    let request = &document["requests"][0];
    assert_eq!(request["approvalsWanted"], 2);
    assert_eq!(request["approvedBy"], json!(["ada"]));
    assert_eq!(request["changesRequestedBy"], json!(["carol"]));
    assert_eq!(request["approvalsNotCounted"], json!(["grace"]));
    assert_eq!((&request["conflicts"], &request["unknown"]), (&json!(true), &json!([])));
    // Nobody is asked where that is not wanted.
    let before = world.server.received().len();
    let offline = world.promote(&root, &["why", "web", "prod", "v2", "--offline"]).ends(0);
    assert!(!offline.out.contains("pull request #1"), "{}", offline.out);
    assert_eq!(world.server.received().len(), before);
}

#[test]
fn status_marks_what_a_request_is_open_for() {
    let (world, root) = requested("");
    let status = |args: &[&str]| world.promote(&root, &[&["status"], args].concat());
    // Nobody is asked unprompted.
    let before = world.server.received().len();
    let plain = status(&[]).ends(0);
    plain.says("git promote web@v2 prod");
    assert!(!plain.out.contains("->"), "{}", plain.out);
    assert_eq!(world.server.received().len(), before);
    let marked = status(&["--requests"]).ends(0);
    marked.says("-> a pull request is open");
    marked.says("web@v2");
    marked.says("/pull/1");
    assert!(!marked.out.contains("git promote web@v2 prod"), "{}", marked.out);
    let document = status(&["--requests", "-o", "json"]).ends(0).json();
    let cells = &document["rows"][0]["cells"];
    assert_eq!(cells[0]["requests"], json!([]));
    assert_eq!(cells[1]["requests"][0]["number"], 1);
    assert_eq!(cells[1]["requests"][0]["version"], "v2");
    assert_eq!(document["rows"][0]["next"], Value::Null);
    let document = status(&["-o", "json"]).ends(0).json();
    assert_eq!(document["rows"][0]["cells"][1]["requests"], Value::Null);
    // Without an answer the rest is told all the same.
    let args = ["status", "--requests"];
    let silent = world.promote_with(&root, &args, &[("GIT_PROMOTE_TOKEN", "")]);
    let silent = silent.ends(4);
    silent.says("which pull requests are open is not known: there is no token for");
    silent.says("git promote web@v2 prod");
    let refused = world.promote_with(&root, &args, &[("GIT_PROMOTE_TOKEN", "wr0ng-t0ken")]);
    refused.ends(4).says("which pull requests are open is not known: ");
    world.git_in(&root, &["remote", "remove", "origin"]);
    let silent = world.promote(&root, &args).ends(7);
    silent.says("is not known: the repository has no remote");
}
