//! Pull requests by the built program, one sentence of the documentation each.

use std::path::PathBuf;

use crate::world::World;

/// Three environments, of which the first is merged by itself.
pub(crate) const CONFIG: &str = r#"version = 1

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

pub(crate) fn world() -> (World, PathBuf) {
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
    // A clone of the app's own repository, which here is the same one.
    world.git_in(&root, &["tag", "v1"]);
    world.git_in(&root, &["commit", "-q", "--allow-empty", "-m", "Speak <b>louder</b>"]);
    world.git_in(&root, &["tag", "v3"]);
    world.git_in(&root, &["config", "promote.web.source", "."]);
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
        "### Commits of web, v1 to v3",
        "` Speak \\<b\\>louder\\</b\\> (A U Thor)",
    ] {
        assert!(body.contains(part), "{part} is not in:\n{body}");
    }
}
