//! What goes wrong on the way to a pull request, and who is quicker: exit code,
//! words, the way on, and one request in the end.

use std::path::Path;

use crate::journey_request::{CONFIG, STAGING, at, world, world_with};
use crate::server::{How, Reply};
use crate::world::{Pull, Ran, World};

/// What is asked again after a failure.
#[track_caller]
fn goes_on(world: &World, root: &Path, said: &Ran) {
    let hint = said.err.lines().find_map(|line| line.strip_prefix("hint: git promote "));
    let hint = hint.unwrap_or_else(|| panic!("no hint: {}", said.err)).to_owned();
    let words: Vec<&str> = hint.split(' ').collect();
    world.promote(root, &words).ends(0);
    assert_eq!(world.open().len(), 1);
}

#[test]
fn what_the_forge_refuses_is_told_in_its_words_with_the_way_on() {
    let (world, root) = world();
    world.hub().auto_merge = false;
    let said = world.promote(&root, &["web@v2", "staging", "--pr"]).ends(9);
    said.says("Auto merge is not allowed for this repository");
    assert!(!world.only().merged);
    world.hub().auto_merge = true;
    goes_on(&world, &root, &said);
    assert!(world.only().auto_merge.is_some());
}

#[test]
fn nothing_is_merged_where_nothing_is_missing() {
    let (world, root) = world();
    world.hub().required.clear();
    let said = world.promote(&root, &["web@v2", "staging", "--pr"]).ends(9);
    said.says("clean status");
    assert!(!world.only().merged);
}

#[test]
fn one_who_cannot_be_asked_is_told() {
    let (world, root) = world();
    let config = CONFIG.replace("@ada", "@nobody");
    world.somebody_saves("Nobody", &[("promote.toml", &config)]);
    let said = world.promote(&root, &["web@v2", "staging", "--pr"]).ends(9);
    said.says("is not a collaborator");
    said.says("hint: git promote web@v2 staging --pr");
    let pull = world.only();
    assert_eq!(pull.teams, ["ops"]);
    assert!(pull.auto_merge.is_some());
}

#[test]
fn a_request_that_is_not_opened_leaves_the_branch_and_the_way_on() {
    for reply in [
        Reply::json(422, &serde_json::json!({ "message": "Validation Failed: not today" })),
        Reply::json(403, &serde_json::json!({ "message": "Resource not accessible: not today" })),
    ] {
        let (world, root) = world();
        world.fails("POST", "/pulls", reply);
        let said = world.promote(&root, &["v2", "staging", "-a", "web", "--pr"]).ends(9);
        said.says("not today");
        assert!(world.hub().tip(STAGING).is_some());
        assert!(world.open().is_empty());
        said.says("hint: http://127.0.0.1");
        goes_on(&world, &root, &said);
    }
    // It did, but nobody heard of it.
    let (world, root) = world();
    world.fails("POST", "/pulls", Reply::json(502, &serde_json::json!({})).how(How::Closed));
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    world.only();
}

#[test]
fn a_bad_token_ends_it_before_anything_is_pushed() {
    let (world, root) = world();
    let bad = [("GIT_PROMOTE_TOKEN", "wr0ng-t0ken")];
    let said = world.promote_with(&root, &["web@v2", "staging", "--pr"], &bad).ends(4);
    assert!(!said.err.contains("wr0ng") && !said.out.contains("wr0ng"));
    assert!(world.hub().tip(STAGING).is_none());
    assert!(world.pulls().is_empty());
}

#[test]
fn without_a_token_the_branch_is_pushed_and_the_address_printed() {
    let (world, root) = world();
    let none = [("GIT_PROMOTE_TOKEN", "")];
    let said = world.promote_with(&root, &["web@v2", "staging", "--pr"], &none).ends(0);
    said.says("/acme/config/compare/main...promote%2Fenv%2Fstaging%2F-%2Fweb?expand=1");
    assert!(world.hub().tip(STAGING).is_some() && world.pulls().is_empty());
}

#[test]
fn two_at_once_open_one_request() {
    let (world, root) = world();
    let other = world.clone_as("other");
    let args = ["web@v2", "staging", "--pr"];
    let running: Vec<_> = [&root, &other, &root]
        .map(|root| world.command(root, &args, &[]).spawn().unwrap())
        .into_iter()
        .collect();
    for child in running {
        Ran::of(&child.wait_with_output().unwrap()).ends(0);
    }
    let pull = world.only();
    assert_eq!(world.pulls().len(), 1);
    assert_eq!(pull.auto_merge.as_deref(), Some("squash"));
    assert_eq!(world.git(&["rev-list", "--count", &format!("main..{STAGING}")]).trim(), "1");
}

#[test]
fn what_the_text_says_is_what_the_branch_holds() {
    let (world, root) = world();
    world.hub().interferes = true;
    let said = world.promote(&root, &["web@v2", "staging", "--pr", "-o", "json"]).ends(0).json();
    assert!(!world.hub().interferes);
    let pull = world.only();
    assert_eq!(pull.tip, said["commit"]);
    let text = world.git(&["show", &format!("{STAGING}:{}", at("web", "staging"))]);
    assert!(text.contains("v2") && pull.title.contains("v2"), "{text}");
}

#[test]
fn a_forge_that_does_not_tell_is_told_that_nothing_merges() {
    let (world, root) = world();
    let gitea = CONFIG.replace("github", "gitea").replace("{api}", "{origin}/api/v1");
    world.somebody_saves("Gitea", &[("promote.toml", &gitea)]);
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    let all = world.gitea.store.all();
    assert!(all.len() == 1 && all[0].auto_merge && all[0].head == STAGING, "{all:?}");
    let stricter = gitea.replacen("name = \"staging\"\nauto-merge = true", "name = \"staging\"", 1);
    world.somebody_saves("Stricter", &[("promote.toml", &stricter)]);
    world.set("web", "dev", "v3");
    world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    let all = world.gitea.store.all();
    assert!(all.len() == 1 && !all[0].auto_merge && all[0].title.contains("v3"), "{all:?}");
}

#[test]
fn a_rollback_goes_on_as_one() {
    let (world, root) = world();
    world.set("web", "staging", "v2");
    world.hub().auto_merge = false;
    let said = world.promote(&root, &["rollback", "staging", "-a", "web", "--pr"]).ends(9);
    said.says("hint: git promote rollback staging web@v1 --pr");
    world.hub().auto_merge = true;
    goes_on(&world, &root, &said);
    assert_eq!(world.only().title, "Roll back web to v1 in staging");
}

#[test]
fn what_cannot_be_written_closes_nothing() {
    let (world, root) = world_with("flow = \"per-app\"\ntemplate = \"gone.md\"\n");
    world.somebody_saves("Template", &[("gone.md", "Hello\n")]);
    world.set("web", "staging", "v2");
    world.set("web", "dev", "v3");
    world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    let before = world.only();
    assert!(before.body.starts_with("Hello\n"));
    let config = world.there("promote.toml").replace("gone.md", "no-such.md");
    world.somebody_saves("No template", &[("promote.toml", &config)]);
    world.promote(&root, &["web@v2", "prod", "--pr"]).ends(5).says("no-such.md");
    assert_eq!((world.only().number, world.only().tip), (1, before.tip));
}

#[test]
fn no_checkout_is_needed_for_a_request() {
    let (world, _) = world();
    let url = format!("{}/acme/config.git", world.server.origin());
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().to_path_buf();
    let args = ["web@v3", "dev", "--pr", "--remote", &url];
    world.promote(&root, &args).ends(0);
    let pull: Pull = world.only();
    assert_eq!(pull.head, "promote/env/dev/-/web");
    assert!(pull.auto_merge.is_some());
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
}

#[test]
fn no_token_is_in_any_output() {
    let (world, root) = world();
    // Over HTTP, so that git has a conversation to tell of, and with the token
    // where it should not be.
    let address = world.server.origin().replace("http://", "");
    let url = format!("http://robot:{}@{address}/acme/config.git", crate::faults::TOKEN);
    world.hub().closed_git = true;
    world.git_in(&root, &["remote", "set-url", "origin", &url]);
    let missing = url.replace("config.git", "missing.git");
    let wrong = url.replace("robot", "nobody");
    let tell = [
        ("GIT_TRACE", "1"),
        ("GIT_TRACE_CURL", "1"),
        ("GIT_CURL_VERBOSE", "1"),
        ("GIT_TRACE_PACKET", "1"),
        ("RUST_LOG", "trace"),
    ];
    let runs: [(i32, &[&str]); 9] = [
        (0, &["web@v2", "staging", "--pr", "-v"]),
        (0, &["web@v2", "staging", "--pr", "-v", "-o", "json"]),
        (0, &["next", "--due", "-v"]),
        (7, &["wait", "dev", "--context", "*", "--timeout", "0s", "-v"]),
        (3, &["web@v9", "staging", "--pr", "-v"]),
        (5, &["web@v2", "staging", "--pr", "--base", "nope"]),
        (5, &["web@v2", "staging", "--pr", "--remote", &missing]),
        (4, &["web@v2", "staging", "--pr", "--remote", &wrong]),
        (0, &["web@v2", "staging", "--push", "--remote", &url, "-n"]),
    ];
    for (code, args) in runs {
        // Each is looked through as it ends.
        world.promote_with(&root, args, &tell).ends(code);
        // The same with nothing told.
        world.promote(&root, args).ends(code);
    }
    assert_eq!(world.open().len(), 2);
    let all = world.git_in(&root, &["log", "--all", "--format=%B"]);
    assert!(!all.contains(crate::faults::TOKEN));
}
