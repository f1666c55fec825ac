//! `--push` and `--pr` against a bare repository: what lands there, and what
//! stays as it was here.

use std::path::{Path, PathBuf};

use crate::kit::{LINE, app, at, everything, line, put, repo, run, save};
use crate::testkit::{Sandbox, hook_in};

/// A bare repository beside the sandbox's, as its `origin`, with its history.
pub(crate) fn with_remote(sandbox: &Sandbox) -> PathBuf {
    let remote = sandbox.dir.path().join("remote.git");
    let path = remote.display().to_string();
    sandbox.git(["init", "-q", "--bare", "-b", "main", &path]);
    sandbox.git(["remote", "add", "origin", &path]);
    sandbox.git(["push", "-q", "-u", "origin", "main"]);
    remote
}

/// The text of a file at a branch of the remote.
fn there(sandbox: &Sandbox, remote: &Path, branch: &str, path: &str) -> String {
    sandbox.git_in(remote, ["show", &format!("{branch}:{path}")])
}

fn tip(sandbox: &Sandbox, dir: &Path, branch: &str) -> String {
    sandbox.git_in(dir, ["rev-parse", branch]).trim().to_owned()
}

/// Another clone of the remote, which sets a version and pushes it.
fn somebody_sets(sandbox: &Sandbox, remote: &Path, (name, env, tag): (&str, &str, &str)) {
    let other = Sandbox { dir: tempfile::tempdir().unwrap(), root: PathBuf::new() };
    let root = other.dir.path().join("repo");
    let other = Sandbox { root, ..other };
    let (from, to) = (remote.display().to_string(), other.root.display().to_string());
    sandbox.git(["clone", "-q", &from, &to]);
    put(&other, name, env, tag);
    other.git(["push", "-q", "origin", "main"]);
}

#[test]
fn a_push_lands_and_the_branch_here_follows() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    let document = run(&sandbox, &["web@v1.2.3", "staging", "--push", "-o", "json"]).json(0);
    assert_eq!(document["result"], "pushed");
    assert_eq!(document["branch"], "main");
    assert!(there(&sandbox, &remote, "main", &at("web", "staging")).contains("v1.2.3"));
    assert_eq!(document["commit"], tip(&sandbox, &remote, "main"));
    assert_eq!(tip(&sandbox, &sandbox.root, "HEAD"), tip(&sandbox, &remote, "main"));
    sandbox.assert_clean();
    let again = run(&sandbox, &["web@v1.2.3", "staging", "--push", "-o", "json"]).json(0);
    assert_eq!(again["result"], "unchanged");
}

#[test]
fn a_push_takes_nothing_along_that_was_not_pushed() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    put(&sandbox, "api", "dev", "v9");
    sandbox.write("notes.txt", "mine");
    let before = tip(&sandbox, &sandbox.root, "HEAD");
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--push"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(0), "{error}");
    assert!(error.contains("hint: git pull --rebase"), "{error}");
    assert_eq!(tip(&sandbox, &sandbox.root, "HEAD"), before);
    assert!(there(&sandbox, &remote, "main", &at("web", "staging")).contains("v1.2.3"));
    assert!(there(&sandbox, &remote, "main", &at("api", "dev")).contains("v1.2.2"));
    // What stood on the remote alone is evidence; what is here alone is none.
    assert_eq!(run(&sandbox, &["api@v9", "staging", "--push"]).code(), 3);
}

#[test]
fn a_push_sees_what_others_pushed() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    somebody_sets(&sandbox, &remote, ("api", "dev", "v5"));
    assert_eq!(run(&sandbox, &["api@v5", "staging", "--push"]).code(), 0);
    assert!(there(&sandbox, &remote, "main", &at("api", "staging")).contains("v5"));
    sandbox.assert_clean();
}

#[test]
fn changes_that_are_not_committed_stay() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    let path = at("web", "staging");
    let mine = format!("{}# mine\n", sandbox.read(&path));
    sandbox.write(&path, &mine);
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--push"]).output();
    assert_eq!(said.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&said.stderr).contains("git pull --rebase"));
    assert_eq!(sandbox.read(&path), mine);
    assert!(there(&sandbox, &remote, "main", &path).contains("v1.2.3"));
}

/// A pre-push hook that lets somebody else be quicker, once.
fn interfering(sandbox: &Sandbox, remote: &Path, set: (&str, &str, &str)) {
    let other = sandbox.dir.path().join("other");
    let (from, to) = (remote.display().to_string(), other.display().to_string());
    sandbox.git(["clone", "-q", &from, &to]);
    let (name, env, tag) = set;
    let file = other.join(at(name, env)).display().to_string();
    let mark = sandbox.dir.path().join("mark").display().to_string();
    let script = format!(
        "#!/bin/sh\n[ -e {mark} ] && exit 0\ntouch {mark}\ncat >/dev/null\n\
         sed -i 's/newTag: [^ ]*/newTag: {tag}/' {file}\n\
         unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE\ncd {to}\n\
         git -c user.name=x -c user.email=x@example.org commit -qam other\ngit push -q origin main\n"
    );
    hook_in(&sandbox.root.join(".git/hooks"), "pre-push", &script);
}

#[test]
fn a_lost_race_is_planned_again() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    interfering(&sandbox, &remote, ("api", "dev", "v7"));
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--push"]).code(), 0);
    assert!(there(&sandbox, &remote, "main", &at("web", "staging")).contains("v1.2.3"));
    assert!(there(&sandbox, &remote, "main", &at("api", "dev")).contains("v7"));
}

#[test]
fn a_lost_race_is_judged_again() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    // Dev leaves the version while it is on its way.
    interfering(&sandbox, &remote, ("web", "dev", "v7"));
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--push"]).code(), 3);
    assert!(there(&sandbox, &remote, "main", &at("web", "staging")).contains("v1.2.2"));
}

#[test]
fn another_version_for_the_same_app_ends_it() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    interfering(&sandbox, &remote, ("web", "staging", "v7"));
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--push"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(6), "{error}");
    assert!(error.contains("somebody set web of staging to v7 in the meantime"), "{error}");
}

#[test]
fn what_the_remote_refuses_is_told_in_its_words() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    hook_in(&remote.join("hooks"), "pre-receive", "#!/bin/sh\necho not on fridays >&2\nexit 1\n");
    let before = everything(&sandbox);
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--push"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(128), "{error}");
    assert!(error.contains("not on fridays"), "{error}");
    let kept = |(path, _): &&(PathBuf, u64)| !path.to_string_lossy().contains(".git/objects");
    let after = everything(&sandbox);
    assert!(before.iter().filter(kept).eq(after.iter().filter(kept)));
}

#[test]
fn a_hook_of_ours_that_refuses_ends_it() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    sandbox.hook("pre-push", "#!/bin/sh\necho no pushes today >&2\nexit 1\n");
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--push"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(128), "{error}");
    assert!(error.contains("no pushes today"), "{error}");
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--push", "--no-verify"]).code(), 0);
    assert!(there(&sandbox, &remote, "main", &at("web", "staging")).contains("v1.2.3"));
}

#[test]
fn remotes_that_are_not_there_are_told_apart() {
    let sandbox = line();
    let code = |args: &[&str]| {
        let said = run(&sandbox, &[&["web@v1.2.3", "staging"], args].concat()).output();
        let error = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(error.contains("hint: "), "{error}");
        said.status.code().unwrap()
    };
    assert_eq!(code(&["--push"]), 5);
    assert_eq!(code(&["--push", "--remote", "nope"]), 5);
    assert_eq!(code(&["--push", "--remote", "/nowhere/at/all.git"]), 5);
    assert_eq!(code(&["--push", "--remote", "http://127.0.0.1:1/x.git"]), 7);
    with_remote(&sandbox);
    assert_eq!(code(&["--push", "--base", "nope"]), 5);
}

#[test]
fn a_remote_name_is_no_option_of_git() {
    let sandbox = line();
    with_remote(&sandbox);
    let said =
        run(&sandbox, &["web@v1.2.3", "staging", "--push", "--remote=--upload-pack=touch x"]);
    assert_eq!(said.code(), 5);
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--push", "--remote=ext::sh -c true"]);
    assert_ne!(said.code(), 0);
}

/// Sixteen apps in one file, all of them at v2 in dev and v1 in staging.
fn crowd() -> Sandbox {
    let config = LINE.replace("apps/{app}/overlays/{env}", "envs/{env}");
    let text = |tag: &str| {
        let entries = (0..16).map(|n| format!("- name: example/app-{n}\n  newTag: {tag}\n"));
        format!("images:\n{}", entries.collect::<String>())
    };
    let path = |env: &str| format!("envs/{env}/kustomization.yaml");
    repo(&[
        ("promote.toml", &config),
        (&path("dev"), &text("v2")),
        (&path("staging"), &text("v1")),
        (&path("prod"), &text("v1")),
    ])
}

#[test]
fn sixteen_clones_at_once_lose_nothing() {
    let sandbox = crowd();
    let remote = with_remote(&sandbox);
    let from = remote.display().to_string();
    let clones: Vec<Sandbox> = (0..16)
        .map(|_| {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().join("repo");
            sandbox.git(["clone", "-q", &from, &root.display().to_string()]);
            Sandbox { dir, root }
        })
        .collect();
    let running: Vec<_> = (0..16)
        .zip(&clones)
        .map(|(n, clone)| run(clone, &[&format!("app-{n}@v2"), "staging", "--push"]).spawn())
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = there(&sandbox, &remote, "main", "envs/staging/kustomization.yaml");
    assert_eq!(text.matches("newTag: v2").count(), 16, "{text}");
    let subjects = sandbox.git_in(&remote, ["log", "--first-parent", "--format=%s", "main"]);
    assert_eq!(subjects.lines().filter(|line| line.starts_with("Promote app-")).count(), 16);
    sandbox.git_in(&remote, ["fsck", "--strict"]);
}

const BRANCH: &str = "promote/env/staging/-/web";

#[test]
fn a_branch_for_a_request_touches_nothing_here() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    sandbox.write(&at("web", "staging"), "not: yaml: at: all\n");
    sandbox.write("new.txt", "mine");
    sandbox.git(["add", "new.txt"]);
    let state = sandbox.state();
    let document = run(&sandbox, &["web@v1.2.3", "staging", "--pr", "-o", "json"]).json(0);
    assert_eq!(document["result"], "pushed");
    assert_eq!(document["branch"], BRANCH);
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--pr", "-q"]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(error.contains("no pull request was opened: no forge is known for origin"), "{error}");
    assert_eq!(sandbox.state(), state);
    assert!(there(&sandbox, &remote, BRANCH, &at("web", "staging")).contains("v1.2.3"));
    assert!(there(&sandbox, &remote, "main", &at("web", "staging")).contains("v1.2.2"));
    // The same again leaves the commit, and with it what was approved.
    let first = tip(&sandbox, &remote, BRANCH);
    put_elsewhere(&sandbox, &remote);
    assert_eq!(run(&sandbox, &["web@v1.2.3", "staging", "--pr"]).code(), 0);
    assert_eq!(tip(&sandbox, &remote, BRANCH), first);
    // Another version renews it, on top of what is there by then.
    somebody_sets(&sandbox, &remote, ("web", "dev", "v1.2.4"));
    assert_eq!(run(&sandbox, &["web@v1.2.4", "staging", "--pr"]).code(), 0);
    assert!(there(&sandbox, &remote, BRANCH, &at("web", "staging")).contains("v1.2.4"));
    assert_eq!(tip(&sandbox, &remote, &format!("{BRANCH}~1")), tip(&sandbox, &remote, "main"));
}

fn put_elsewhere(sandbox: &Sandbox, remote: &Path) {
    somebody_sets(sandbox, remote, ("api", "dev", "v3"));
}

#[test]
fn the_config_says_how_an_environment_is_delivered() {
    let config = LINE.replace("name = \"staging\"", "name = \"staging\"\ndeliver = \"push\"");
    let sandbox = repo(&[("promote.toml", &config)]);
    app(&sandbox, "web", &[("dev", "v2"), ("staging", "v1"), ("prod", "v1")]);
    save(&sandbox, "Add web", &[]);
    let remote = with_remote(&sandbox);
    assert_eq!(run(&sandbox, &["web@v2", "staging"]).code(), 0);
    assert!(there(&sandbox, &remote, "main", &at("web", "staging")).contains("v2"));
    assert_eq!(run(&sandbox, &["web@v2", "prod"]).code(), 0);
    assert!(there(&sandbox, &remote, "main", &at("web", "prod")).contains("v1"));
    assert!(sandbox.read(&at("web", "prod")).contains("v2"));
}

#[test]
fn a_dry_run_writes_nothing_anywhere() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    let before = (tip(&sandbox, &remote, "main"), sandbox.state());
    let said = run(&sandbox, &["web@v1.2.3", "staging", "--pr", "--dry-run"]).stdout(0);
    assert!(said.contains("dry run: nothing was written"), "{said}");
    assert_eq!((tip(&sandbox, &remote, "main"), sandbox.state()), before);
    let branches = sandbox.git_in(&remote, ["branch", "--list"]);
    assert_eq!(branches.lines().count(), 1, "{branches}");
}

#[test]
fn no_checkout_is_needed() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    sandbox.git_in(&remote, ["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", remote.display());
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().display().to_string();
    let args = ["-C", &elsewhere, "web@v1.2.3", "staging", "--pr", "--remote", &url];
    let document = run(&sandbox, &[&args[..], &["-o", "json"]].concat()).json(0);
    assert_eq!(document["result"], "pushed");
    assert!(there(&sandbox, &remote, BRANCH, &at("web", "staging")).contains("v1.2.3"));
    let args = ["-C", &elsewhere, "web@v1.9.9", "dev", "--push", "--remote", &url];
    assert_eq!(run(&sandbox, &args).code(), 0);
    assert!(there(&sandbox, &remote, "main", &at("web", "dev")).contains("v1.9.9"));
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(run(&sandbox, &["-C", &elsewhere, "web@v2", "dev", "--remote", &url]).code(), 2);
}
