//! `git promote rollback`: to the version before, or one that is named.

use insta::assert_snapshot;
use proptest::prelude::*;

use crate::kit::{at, line, put, run, save};
use crate::push::with_remote;
use crate::testkit::Sandbox;

#[test]
fn a_rollback_restores_the_bytes() {
    let sandbox = line();
    let before = sandbox.read(&at("web", "staging"));
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging"]).code(), 0);
    assert_ne!(sandbox.read(&at("web", "staging")), before);
    let said = run(&sandbox, &["rollback", "staging", "-a", "web"]).stdout(0);
    assert!(said.contains("web  staging  v1.2.3 -> v1.2.2"), "{said}");
    assert!(said.contains("a rollback: staging ran v1.2.2 before"), "{said}");
    assert_eq!(sandbox.read(&at("web", "staging")), before);
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    assert!(message.starts_with("Roll back web to v1.2.2 in staging\n"), "{message}");
    assert!(message.contains("\nPromote-Rollback: true\n"), "{message}");
    sandbox.assert_clean();
}

#[test]
fn what_was_gone_back_from_is_passed_over() {
    let sandbox = line();
    for tag in ["v2", "v3"] {
        put(&sandbox, "web", "staging", tag);
    }
    // v3 was bad: back to v2, and on to v4, which is bad as well.
    assert_eq!(run(&sandbox, &["rollback", "staging", "-a", "web"]).code(), 0);
    put(&sandbox, "web", "staging", "v4");
    let said = run(&sandbox, &["rollback", "staging", "web@v3"]).output();
    assert_eq!(said.status.code(), Some(3), "v3 was gone back from");
    let said = run(&sandbox, &["rollback", "staging", "-a", "web"]).stdout(0);
    assert!(said.contains("v4 -> v2"), "{said}");
}

#[test]
fn a_rollback_that_was_undone_is_none() {
    let sandbox = line();
    for tag in ["sha-a", "sha-b", "sha-c"] {
        put(&sandbox, "web", "staging", tag);
    }
    let said = run(&sandbox, &["rollback", "staging", "web"]).stdout(0);
    assert!(said.contains("sha-c -> sha-b"), "{said}");
    // Back to sha-b was a mistake.
    sandbox.git(["revert", "--no-edit", "HEAD"]);
    let said = run(&sandbox, &["rollback", "staging", "web", "-n"]).stdout(0);
    assert!(said.contains("sha-c -> sha-b"), "{said}");
    let said = run(&sandbox, &["rollback", "staging", "web@sha-b", "-n"]).stdout(0);
    assert!(said.contains("sha-c -> sha-b"), "{said}");
}

#[test]
fn a_version_that_never_ran_here_is_no_rollback() {
    let sandbox = line();
    let said = run(&sandbox, &["rollback", "staging", "web@v0.1"]).output();
    assert_eq!(said.status.code(), Some(3));
    // Dev runs it: a promotion, and no way back.
    let said = run(&sandbox, &["rollback", "staging", "web@v1.2.3"]).output();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(3), "{text}");
    assert!(
        text.contains("fail  GP003  no way back: staging has not run v1.2.3 since web came there"),
        "{text}"
    );
    let said = run(&sandbox, &["rollback", "prod", "-a", "web"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(5), "{error}");
    assert!(error.contains("prod has run no other version of web since it came there"), "{error}");
}

#[test]
fn the_app_has_to_be_clear() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v2");
    let said = run(&sandbox, &["rollback", "staging"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{error}");
    assert!(error.contains("hint: git promote rollback staging -a APP"), "{error}");
    assert_eq!(run(&sandbox, &["rollback", "staging", "-n"]).dir("apps/web").code(), 0);
    let said = run(&sandbox, &["rollback", "staging", "web"]).stdout(0);
    assert!(said.contains("web  staging  v2 -> v1.2.2"), "{said}");
}

#[test]
fn an_app_that_cannot_go_back_is_named() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v2");
    let before = sandbox.state();
    let came = sandbox.git(["log", "--format=%h", "--abbrev=7", "--", "apps/api/overlays/staging"]);
    let came = came.lines().last().unwrap();
    for args in [&["web", "api"][..], &["-a", "web", "-a", "api"]] {
        let said = run(&sandbox, &[&["rollback", "staging"], args].concat()).text();
        assert_eq!(
            said,
            format!(
                "exit 5\n--- stderr\n\
                 error: staging has run no other version of api since it came there ({came}) that \
                 it could go back to\n\
                 hint: git promote rollback staging web\n"
            )
        );
    }
    assert_eq!(sandbox.state(), before);
    let said = run(&sandbox, &["rollback", "staging", "-A"]).text();
    assert!(said.starts_with("exit 0\n") && said.contains("web  staging  v2 -> v1.2.2"), "{said}");
    assert!(
        said.contains("note: staging has run no other version of api since it came there"),
        "{said}"
    );
}

#[test]
fn steps_and_a_version_are_not_both_said() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v2");
    let before = sandbox.state();
    assert_snapshot!(run(&sandbox, &["rollback", "staging", "web@v1.2.2", "--steps", "2"]).text(), @"
    exit 2
    --- stderr
    error: --steps counts back from the present version: name none
    hint: git promote rollback staging web --steps 2
    hint: git promote rollback staging web@v1.2.2
    ");
    assert_eq!(run(&sandbox, &["rollback", "staging", "v1.2.2", "--steps", "1"]).code(), 2);
    assert_eq!(sandbox.state(), before);
}

#[test]
fn why_there_is_no_way_back_and_what_helps() {
    let sandbox = line();
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging"]).code(), 0);
    assert_eq!(run(&sandbox, &["rollback", "staging", "web"]).code(), 0);
    let by = sandbox.git(["rev-parse", "--short=7", "HEAD"]);
    let said = run(&sandbox, &["rollback", "staging", "--set", "HEAD"]).text();
    let told = format!("no way back: staging went back from v1.2.3 ({})", by.trim());
    assert!(said.starts_with("exit 3\n") && said.contains(&told), "{said}");
    let hint = "hint: git promote web@v1.2.3 staging --override GP003 --reason TEXT\n";
    assert!(said.contains(hint), "{said}");
    let forward = ["web@v1.2.3", "staging", "--override", "GP003", "--reason", "TEXT"];
    assert_eq!(run(&sandbox, &forward).code(), 0);
    // Where dev has moved on, no reason helps.
    assert_eq!(run(&sandbox, &["rollback", "staging", "web"]).code(), 0);
    put(&sandbox, "web", "dev", "v1.2.4");
    let said = run(&sandbox, &["rollback", "staging", "web@v1.2.3"]).text();
    assert!(said.contains("went back from v1.2.3") && !said.contains("--override"), "{said}");
    let said = run(&sandbox, &["rollback", "staging", "web@v9"]).text();
    assert!(said.contains("no way back: staging has not run v9 since web came there"), "{said}");
    let hints: Vec<&str> = said.lines().filter(|line| line.starts_with("hint: ")).collect();
    assert_eq!(hints, ["hint: git promote log web staging", "hint: git promote explain GP001"]);
    let said = run(&sandbox, &["rollback", "staging", "web@v1.2.4"]).text();
    assert!(said.contains("hint: git promote web@v1.2.4 staging\n"), "{said}");
}

#[test]
fn who_commits_on_no_branch_is_warned() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v2");
    let warned = |args: &[&str]| run(&sandbox, args).text().contains("warning: HEAD is detached");
    assert!(!warned(&["rollback", "staging", "web", "-n"]));
    sandbox.git(["checkout", "-q", "--detach"]);
    assert!(warned(&["rollback", "staging", "web", "-n"]));
    assert!(!warned(&["rollback", "staging", "web", "--worktree", "-n"]));
    assert!(warned(&["rollback", "staging", "web"]));
}

#[test]
fn a_rollback_can_be_pushed() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--push"]).code(), 0);
    assert_eq!(run(&sandbox, &["rollback", "staging", "-a", "web", "--push"]).code(), 0);
    let text = sandbox.git_in(&remote, ["show", &format!("main:{}", at("web", "staging"))]);
    assert!(text.contains("v1.2.2"), "{text}");
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 0);
}

#[test]
fn what_a_shallow_clone_does_not_know_is_said() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--push"]).code(), 0);
    let url = format!("file://{}", remote.display());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("repo");
    sandbox.git(["clone", "-q", "--depth=1", &url, &root.display().to_string()]);
    let shallow = Sandbox { dir, root };
    for args in [&["rollback", "staging", "web"][..], &["rollback", "staging", "web@v1.2.2"]] {
        let said = run(&shallow, args).output();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        );
        assert!(matches!(said.status.code(), Some(3 | 5)), "{text}");
        assert!(text.contains("the history is cut off"), "{text}");
        assert!(text.contains("git fetch --unshallow"), "{text}");
    }
    // Without a checkout the history is fetched for it.
    sandbox.git_in(&remote, ["config", "uploadpack.allowFilter", "true"]);
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().display().to_string();
    let args = ["-C", &elsewhere, "rollback", "staging", "web", "--push", "--remote", &url];
    assert_eq!(run(&sandbox, &args).code(), 0);
    let text = sandbox.git_in(&remote, ["show", &format!("main:{}", at("web", "staging"))]);
    assert!(text.contains("v1.2.2"), "{text}");
}

/// An overlay with two images in one commit.
fn pair(sandbox: &Sandbox, env: &str, (x, y): (&str, &str)) {
    let text = format!(
        "resources:\n- ../../base\nimages:\n- name: acme/x\n  newTag: {x}\n- name: acme/y\n  newTag: {y} # y\n"
    );
    save(sandbox, &format!("pair {x} {y}"), &[(&at("pair", env), &text)]);
}

#[test]
fn images_that_moved_together_go_back_together() {
    let sandbox = line();
    for (x, y) in [("v1", "w1"), ("v2", "w1"), ("v3", "w3")] {
        pair(&sandbox, "staging", (x, y));
    }
    assert_snapshot!(run(&sandbox, &["rollback", "staging", "pair", "-n"]).text(), @"
    exit 0
    --- stdout
    pair  acme/x  staging  v3 -> v2
    pair  acme/y  staging  w3 -> w1
    ok    GP001  pair: a rollback: staging ran v2 before (5ab5217)
    ok    GP001  pair: a rollback: staging ran w1 before (854cc28)
    ok    GP003  pair: a rollback: staging ran v2 before (5ab5217)
    ok    GP003  pair: a rollback: staging ran w1 before (854cc28)
    ok    GP004  pair: a rollback: staging ran v2 before (5ab5217)
    ok    GP004  pair: a rollback: staging ran w1 before (854cc28)
    ok    GP005  pair: v2 is no moving tag
    ok    GP005  pair: w1 is no moving tag
    ok    GP007  pair: only staging changes
    ok    GP008  pair: no image of the set stays behind
    ok    GP011  pair: every manifest can be read
    apps/pair/overlays/staging/kustomization.yaml:5  images[0].newTag  v3 -> v2
    apps/pair/overlays/staging/kustomization.yaml:7  images[1].newTag  w3 -> w1
    dry run: nothing was written
    ");
    let said = run(&sandbox, &["rollback", "staging", "pair", "--steps", "2", "-n"]).stdout(0);
    assert!(said.contains("acme/x  staging  v3 -> v1"), "{said}");
    let said = run(&sandbox, &["rollback", "staging", "pair@v1", "-n"]).stdout(0);
    assert!(said.contains("v3 -> v1") && !said.contains("w3 -> w1"), "{said}");
    assert_snapshot!(run(&sandbox, &["rollback", "staging", "pair", "--steps", "9"]).text(), @"
    exit 5
    --- stderr
    error: staging did not run 9 versions of pair before that it could go back to
    hint: git promote rollback staging APP@VERSION
    ");
    assert_eq!(run(&sandbox, &["rollback", "staging", "pair", "--steps", "0"]).code(), 2);
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let sandbox = line();
    for (x, y) in [("v1", "w1"), ("v2", "w1")] {
        pair(&sandbox, "staging", (x, y));
    }
    assert_snapshot!(run(&sandbox, &["rollback", "staging", "pear"]).text(), @"
    exit 5
    --- stderr
    error: there is no app `pear`
    hint: did you mean pair?
    hint: git promote status
    ");
    assert_snapshot!(run(&sandbox, &["rollback", "staging", "-a", "pear"]).text(), @"
    exit 5
    --- stderr
    error: there is no app `pear`
    hint: did you mean pair?
    hint: git promote status
    ");
    assert_snapshot!(run(&sandbox, &["rollback", "stagin", "pair"]).text(), @"
    exit 5
    --- stderr
    error: `stagin` is no environment; environments: dev, staging, prod
    hint: did you mean staging?
    ");
    assert_snapshot!(run(&sandbox, &["rollback", "staging"]).text(), @"
    exit 2
    --- stderr
    error: which app goes back in staging? There are api, pair, web; pair moved last
    hint: git promote rollback staging pair
    hint: git promote rollback staging -a APP
    ");
}

/// The trailer of the newest commit.
fn id(sandbox: &Sandbox) -> String {
    let id = sandbox.git(["log", "-1", "--format=%(trailers:key=Promote-Id,valueonly)"]);
    id.trim().to_owned()
}

#[test]
fn a_whole_set_goes_back_or_a_part_of_it() {
    let sandbox = line();
    put(&sandbox, "api", "dev", "v1.2.4");
    let before = (sandbox.read(&at("web", "staging")), sandbox.read(&at("api", "staging")));
    assert_eq!(run(&sandbox, &["dev", "staging", "--all"]).code(), 0);
    let set = id(&sandbox);
    let part = run(&sandbox, &["rollback", "staging", "--set", &set, "-a", "api", "-n"]).stdout(0);
    assert!(part.contains("api  staging  v1.2.4 -> v1.2.2") && !part.contains("web  s"), "{part}");
    let part = run(&sandbox, &["rollback", "staging", "web", "--set", &set, "-n"]).stdout(0);
    assert!(!part.contains("api  s") && part.contains("web  staging"), "{part}");
    let said = run(&sandbox, &["rollback", "prod", "--set", &set]).text();
    assert!(said.starts_with("exit 5") && said.contains(" moved nothing in prod\n"), "{said}");
    assert!(said.contains(&format!("hint: git promote rollback staging --set {set}\n")), "{said}");
    assert_eq!(run(&sandbox, &["rollback", "staging", "nope", "--set", &set]).code(), 2);
    assert_eq!(run(&sandbox, &["rollback", "staging", "web@v1", "--set", &set]).code(), 2);
    assert_eq!(run(&sandbox, &["rollback", "staging", "--set", "abc"]).code(), 2);
    assert_eq!(run(&sandbox, &["rollback", "staging", "--set", "HEAD", "-n"]).code(), 0);
    assert_eq!(run(&sandbox, &["rollback", "staging", "--set", "abcdef0123"]).code(), 5);
    let said = run(&sandbox, &["rollback", "staging", "--set", &set[..10]]).stdout(0);
    assert!(said.contains("Roll back 2 apps in staging"), "{said}");
    assert_eq!((sandbox.read(&at("web", "staging")), sandbox.read(&at("api", "staging"))), before);
    assert!(sandbox.git(["log", "-1", "--format=%B"]).contains("Promote-Rollback: true\n"));
    // Once more changes nothing, and says who did it.
    let by = sandbox.git(["rev-parse", "--short=7", "HEAD"]);
    let again = run(&sandbox, &["rollback", "staging", "--set", &set]).text();
    assert!(again.starts_with("exit 0\n"), "{again}");
    let told = format!("note: web was taken back to v1.2.2 already ({})\n", by.trim());
    assert!(again.contains(&told) && again.contains("note: api was taken back"), "{again}");
    assert_eq!(sandbox.git(["rev-parse", "--short=7", "HEAD"]), by);
    put(&sandbox, "web", "staging", "v7");
    let again = run(&sandbox, &["rollback", "staging", "--set", &set]).text();
    assert!(again.contains("web has moved on to v7, and stays"), "{again}");
}

#[test]
fn a_set_that_came_by_a_merge_is_found() {
    let sandbox = line();
    sandbox.git(["switch", "-q", "-c", "request"]);
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging"]).code(), 0);
    let set = id(&sandbox);
    sandbox.git(["switch", "-q", "main"]);
    sandbox.git(["merge", "-q", "--no-ff", "-m", "Merge", "request"]);
    let said = run(&sandbox, &["rollback", "staging", "--set", &set]).stdout(0);
    assert!(said.contains("web  staging  v1.2.3 -> v1.2.2"), "{said}");
    let commit = sandbox.git(["rev-parse", "HEAD~1"]);
    // It is back already.
    assert_eq!(run(&sandbox, &["rollback", "staging", "--set", commit.trim()]).code(), 0);
}

/// What one promotion of a random sequence does.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A new version of an image of an app in the first environment.
    New(usize, usize, bool),
    /// An app into the next environment.
    On(usize, usize),
    /// Back in an environment.
    Back(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..2_usize, 0..2_usize, any::<bool>())
            .prop_map(|(app, image, pin)| Step::New(app, image, pin)),
        (0..2_usize, 1..3_usize).prop_map(|(app, env)| Step::On(app, env)),
        (0..2_usize, 0..3_usize).prop_map(|(app, env)| Step::Back(app, env)),
    ];
    prop::collection::vec(step, 3..9)
}

const APPS: [&str; 2] = ["web", "pair"];
const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

fn files(sandbox: &Sandbox) -> Vec<String> {
    let paths = APPS.iter().flat_map(|app| ENVIRONMENTS.map(|env| at(app, env)));
    paths.map(|path| sandbox.read(&path)).collect()
}

fn commit_count(sandbox: &Sandbox) -> usize {
    sandbox.git(["rev-list", "--count", "HEAD"]).trim().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_rollback_after_any_promotion_restores_identical_bytes(steps in steps()) {
        let sandbox = line();
        for env in ENVIRONMENTS {
            pair(&sandbox, env, ("v1.0.0", "v1.0.0"));
        }
        for (number, step) in (1..).zip(&steps) {
            let (before, count) = (files(&sandbox), commit_count(&sandbox));
            let digest = format!("@sha256:{}", format!("{number:x}").repeat(64));
            let (app, env) = match *step {
                Step::New(app, image, pin) => {
                    let word = format!("{}@v9.{number}.0{}", APPS[app], if pin { &digest } else { "" });
                    let image = [["acme/web", "acme/web"], ["acme/x", "acme/y"]][app][image];
                    let image = if app == 0 { "registry.example/acme/web" } else { image };
                    let args = ["dev", "--image", image, "--drop-digest"];
                    run(&sandbox, &[&[word.as_str()], &args[..]].concat()).output();
                    (app, 0)
                }
                Step::On(app, env) => {
                    run(&sandbox, &[ENVIRONMENTS[env], "-a", APPS[app], "--drop-digest"]).output();
                    (app, env)
                }
                Step::Back(app, env) => {
                    run(&sandbox, &["rollback", ENVIRONMENTS[env], APPS[app]]).output();
                    continue;
                }
            };
            if commit_count(&sandbox) == count {
                continue;
            }
            let said = run(&sandbox, &["rollback", ENVIRONMENTS[env], APPS[app]]).text();
            prop_assert!(said.starts_with("exit 0"), "{steps:?}\n{said}");
            prop_assert_eq!(files(&sandbox), before, "{:?}\n{}", steps, said);
            let forth = sandbox.git(["rev-parse", "HEAD~1"]);
            sandbox.git(["reset", "-q", "--hard", forth.trim()]);
        }
    }
}
