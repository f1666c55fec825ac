//! Pull requests by the built program, one sentence of the documentation each.

use std::path::PathBuf;

use crate::server::{How, Reply};
use crate::world::{Pull, Ran, World};

/// Three environments, of which the first is merged by itself.
const CONFIG: &str = r#"version = 1

[layout]
paths = ["apps/{app}/{env}"]

[[environment]]
name = "dev"
auto-merge = true

[[environment]]
name = "staging"
auto-merge = true
reviewers = ["@ada", "@acme/ops"]

[[environment]]
name = "prod"

[forge]
kind = "github"
api = "{api}"
repository = "acme/config"

[pull-request]
labels = ["promotion", "env:{env}"]
"#;

pub(crate) const STAGING: &str = "promote/env/staging/-/web";

pub(crate) fn at(app: &str, env: &str) -> String {
    format!("apps/{app}/{env}/kustomization.yaml")
}

pub(crate) fn overlay(app: &str, tag: &str) -> String {
    format!("images:\n- name: registry.example/acme/{app}\n  newTag: {tag}\n")
}

/// `web` and `api`: dev has v2, the others v1. A check is required of every
/// request.
pub(crate) fn world_with(more: &str) -> (World, PathBuf) {
    let config = format!("{CONFIG}{more}");
    let mut files = vec![("promote.toml".to_owned(), config)];
    for app in ["web", "api"] {
        for (env, tag) in [("dev", "v2"), ("staging", "v1"), ("prod", "v1")] {
            files.push((at(app, env), overlay(app, tag)));
        }
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = World::new(&files);
    world.hub().required = vec!["gate"];
    let root = world.clone_as("repo");
    (world, root)
}

fn world() -> (World, PathBuf) {
    world_with("")
}

impl World {
    /// Somebody sets a version of an app.
    pub(crate) fn set(&self, app: &str, env: &str, tag: &str) {
        let message = format!("{app} {tag} in {env}");
        self.somebody_saves(&message, &[(&at(app, env), &overlay(app, tag))]);
    }

    /// The required check of a request is there.
    pub(crate) fn passes(&self, number: usize) {
        let tip = self.pull(number).tip;
        self.status(&tip, "gate", "success");
    }
}

#[test]
fn a_request_is_opened_and_stays_as_it_is_when_it_is_asked_for_again() {
    let (world, root) = world();
    let state = world.git_in(&root, &["status", "--porcelain=v2", "--branch"]);
    let said = world.promote(&root, &["web@v2", "staging", "--pr", "-o", "json"]).ends(0).json();
    assert_eq!(said["result"], "pull-request");
    assert_eq!(said["branch"], STAGING);
    assert!(said["pullRequest"].as_str().unwrap().ends_with("/pull/1"), "{said}");
    assert_eq!(world.git_in(&root, &["status", "--porcelain=v2", "--branch"]), state);
    let pull = world.only();
    assert_eq!((pull.head.as_str(), pull.base.as_str()), (STAGING, "main"));
    assert_eq!(pull.title, "Promote web v2 to staging");
    assert_eq!(pull.labels.iter().collect::<Vec<_>>(), ["env:staging", "promotion"]);
    assert_eq!((&pull.asked[..], &pull.teams[..]), (&["ada".into()][..], &["ops".into()][..]));
    assert_eq!(pull.auto_merge.as_deref(), Some("squash"));
    assert_eq!(pull.tip, said["commit"]);
    world.approve(1, "ada");
    // The base moves on with something else.
    world.set("api", "dev", "v3");
    let again = world.promote(&root, &["web@v2", "staging", "--pr", "-o", "json"]).ends(0).json();
    assert_eq!(again["commit"], said["commit"]);
    let now = world.only();
    assert_eq!(now.tip, pull.tip);
    assert!(now.approvals.contains("ada") && now.asked.len() == 1 && now.comments.is_empty());
    let ids = |body: &str| {
        let lines = body.lines().filter(|line| line.contains("Promote-Id: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ids(&now.body), ids(&pull.body));
    let message = world.git(&["log", "-1", "--format=%B", STAGING]);
    assert_eq!(ids(&message)[0].trim(), ids(&now.body)[0].trim());
}

#[test]
fn another_version_renews_the_request_and_what_was_approved_is_gone() {
    let (world, root) = world();
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    world.approve(1, "ada");
    world.set("web", "dev", "v3");
    let said = world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    said.says("/pull/1");
    let pull = world.only();
    assert_eq!((pull.number, pull.title.as_str()), (1, "Promote web v3 to staging"));
    assert!(pull.approvals.is_empty());
    assert!(!pull.body.contains("`v2`") && pull.body.contains("v3"), "{}", pull.body);
    let text = world.git(&["show", &format!("{STAGING}:{}", at("web", "staging"))]);
    assert!(text.contains("v3"));
}

#[test]
fn a_request_that_was_merged_is_no_part_of_the_next_one() {
    for method in ["squash", "merge", "rebase"] {
        let (world, root) = world_with(&format!("merge-method = \"{method}\"\n"));
        world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
        world.passes(1);
        assert!(world.pull(1).merged && world.there(&at("web", "staging")).contains("v2"));
        // The branch is still there. It is gone back from, and promoted again.
        world.set("web", "staging", "v1");
        let again = ["web@v2", "staging", "--pr", "--override", "GP003", "--reason", "mended"];
        world.promote(&root, &again).ends(0);
        world.passes(2);
        assert!(world.pull(2).merged, "{method}");
        assert!(world.there(&at("web", "staging")).contains("v2"), "{method}");
    }
}

#[test]
fn each_version_has_a_request_and_the_older_one_is_superseded() {
    let (world, root) = world_with("flow = \"per-version\"\n");
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    world.promote(&root, &["api@v2", "staging", "--pr"]).ends(0);
    world.set("web", "dev", "v3");
    world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    let open: Vec<String> = world.open().into_iter().map(|pull| pull.head).collect();
    let expected = ["api/v2", "web/v3"].map(|end| format!("promote/version/staging/-/{end}"));
    assert_eq!(open, expected);
    assert_eq!(world.pull(1).comments, ["Superseded by #3."]);
    assert!(world.pull(2).comments.is_empty());
}

#[test]
fn an_app_that_moves_on_has_its_request_closed_and_opened_anew() {
    let (world, root) = world_with("flow = \"per-app\"\n");
    world.set("web", "staging", "v2");
    world.set("web", "dev", "v3");
    world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    let first = world.only();
    assert_eq!(first.head, "promote/app/-/web");
    assert!(first.auto_merge.is_some());
    world.approve(1, "ada");
    world.promote(&root, &["web@v2", "prod", "--pr"]).ends(0);
    let second = world.only();
    assert_eq!((second.number, second.head.as_str()), (2, "promote/app/-/web"));
    assert!(second.approvals.is_empty() && second.auto_merge.is_none());
    let old = world.pull(1);
    assert!(old.closed && !old.merged && old.comments.len() == 1, "{old:?}");
    assert!(old.comments[0].contains("goes to `prod`"), "{:?}", old.comments);
    // Nothing of what was approved before merged it.
    assert!(world.there(&at("web", "prod")).contains("v1"));
}

#[test]
fn a_stricter_environment_takes_auto_merge_away_before_it_pushes() {
    let (world, root) = world();
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    assert!(world.only().auto_merge.is_some());
    let config = CONFIG.replacen("name = \"staging\"\nauto-merge = true", "name = \"staging\"", 1);
    world.set("web", "dev", "v3");
    world.somebody_saves("Stricter", &[("promote.toml", &config)]);
    // The new commit passes at once: were it pushed first, it would be merged.
    world.hub().required.clear();
    world.hub().approvals = vec![("env:staging", 1)];
    let before = world.server.received().len();
    world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    let pull = world.only();
    assert!(pull.auto_merge.is_none() && pull.title.contains("v3"));
    let asked = world.server.received();
    let off = |at: &usize| String::from_utf8_lossy(&asked[*at].body).contains("disablePull");
    let patch = |at: &usize| asked[*at].method == "PATCH";
    let first = |is: &dyn Fn(&usize) -> bool| (before..asked.len()).find(|at| is(at)).unwrap();
    assert!(first(&off) < first(&patch));
}

#[test]
fn several_apps_share_one_request() {
    let (world, root) = world();
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    world.promote(&root, &["web@v2", "api@v2", "staging", "--pr"]).ends(0);
    world.promote(&root, &["api@v2", "web@v2", "staging", "--pr"]).ends(0);
    let pull = world.only();
    assert!(pull.head.starts_with("promote/set/staging/"), "{}", pull.head);
    assert_eq!(pull.title, "Promote 2 apps to staging");
    assert_eq!(world.pull(1).comments, ["Superseded by #2."]);
    world.passes(2);
    for app in ["web", "api"] {
        assert!(world.there(&at(app, "staging")).contains("v2"));
    }
}

const MORE: &str = r#"title = "{app} {version} > {env}"
draft = true
milestone = "Spring"
merge-method = "rebase"
links = { Board = "https://board.example/{group}{app}/{env}" }
"#;

#[test]
fn the_config_says_what_a_request_looks_like() {
    let (world, root) = world_with(MORE);
    world.hub().milestones = vec!["Winter".to_owned(), "Spring".to_owned()];
    let template = "## Checklist\n\n- [ ] told the others\n";
    world.somebody_saves("Template", &[(".github/pull_request_template.md", template)]);
    world.promote(&root, &["web@v2", "staging", "--pr"]).ends(0);
    let pull = world.only();
    assert_eq!(pull.title, "web v2 > staging");
    assert!(pull.draft);
    assert_eq!(pull.milestone, Some(2));
    assert_eq!(pull.auto_merge.as_deref(), Some("rebase"));
    assert!(pull.body.contains("[Board](https://board.example/web/staging)"), "{}", pull.body);
    assert!(pull.body.starts_with("## Checklist\n\n- [ ] told the others\n"), "{}", pull.body);
    // What people write around it stays.
    world.edit(1, |body| format!("{}\n\nLooks good to me.", body.replace("[ ]", "[x]")));
    world.set("web", "dev", "v3");
    world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    let body = world.only().body;
    assert!(body.starts_with("## Checklist\n\n- [x] told the others\n"), "{body}");
    assert!(body.ends_with("\n\nLooks good to me.") && body.contains("v3"), "{body}");
    assert_eq!(body.matches("git-promote:begin").count(), 1);
    // Even where somebody took our part out.
    world.edit(1, |_| "Mine alone.".to_owned());
    world.promote(&root, &["web@v3", "staging", "--pr"]).ends(0);
    let body = world.only().body;
    assert!(body.starts_with("Mine alone.\n\n<!-- git-promote:begin "), "{body}");
}

#[test]
fn the_text_tells_a_reader_what_he_needs() {
    let source = "\n[[app]]\nname = \"web\"\nsource = \"https://github.com/acme/web\"\n";
    let (world, root) = world_with(source);
    let digest = format!("sha256:{}", "1".repeat(64));
    let text =
        format!("images:\n- name: registry.example/acme/web\n  newTag: v3\n  digest: {digest}\n");
    world.somebody_saves("web v3 in dev", &[(&at("web", "dev"), &text)]);
    world.promote(&root, &["web", "staging", "--pr"]);
    let args = ["dev", "staging", "-a", "web", "--pr"];
    world.promote(&root, &args).ends(0);
    let body = world.only().body;
    for part in [
        "registry.example/acme/web",
        &digest,
        "[changes of web, v1 to v3](https://github.com/acme/web/compare/v1...v3)",
        "| `v1` | `v3@sha256:111111111111` | dev has run v3 for ",
        "apps/web/staging/kustomization.yaml",
        "GP001",
        "dev has run v3",
        "git promote rollback staging web@v1 --pr",
        "Promote-To: staging",
        "Promote-Digest: web sha256:",
    ] {
        assert!(body.contains(part), "{part} is not in:\n{body}");
    }
    if let Some(file) = std::env::var_os("GIT_PROMOTE_SHOW_BODY") {
        std::fs::write(file, body).unwrap();
    }
}

/// What is asked again after a failure.
#[track_caller]
fn goes_on(world: &World, root: &PathBuf, said: &Ran) {
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
    for args in [
        &["web@v2", "staging", "--pr", "-v"][..],
        &["web@v2", "staging", "--pr", "-v", "-o", "json"],
        &["next", "-v"],
        &["wait", "dev", "--context", "*", "--timeout", "0s", "-v"],
        &["web@v9", "staging", "--pr", "-v"],
        &["web@v2", "staging", "--pr", "--base", "nope"],
        &["web@v2", "staging", "--pr", "--remote", &missing],
        &["web@v2", "staging", "--pr", "--remote", &wrong],
        &["web@v2", "staging", "--push", "--remote", &url, "-n"],
    ] {
        // Each is looked through as it ends.
        world.promote_with(&root, args, &tell);
    }
    world.only();
    let all = world.git_in(&root, &["log", "--all", "--format=%B"]);
    assert!(!all.contains(crate::faults::TOKEN));
}
