//! Which app is meant where only the version is named.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::testkit::{Sandbox, environment};

const CONFIG: &str = "version = 1\n[layout]\npaths = [\"{app}/{env}\"]\n\
    [[environment]]\nname = \"dev\"\n[[environment]]\nname = \"prod\"\n";

/// Apps with the text that pins their image in dev and in prod.
fn repo(apps: &[(&str, &str, &str)]) -> Sandbox {
    let dir = TempDir::new().unwrap();
    let root = dir.path().canonicalize().unwrap().join("repo");
    fs::create_dir(&root).unwrap();
    let sandbox = Sandbox { dir, root };
    sandbox.git(["init", "-q", "-b", "main"]);
    sandbox.write("promote.toml", CONFIG);
    for (app, dev, prod) in apps {
        for (environment, pin) in [("dev", dev), ("prod", prod)] {
            let text = format!("images:\n- name: {app}\n  newTag: {pin}\n");
            sandbox.write(&format!("{app}/{environment}/kustomization.yaml"), &text);
        }
    }
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "Start"]);
    sandbox
}

/// Exit code, and all that was said.
fn promote(sandbox: &Sandbox, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_git-promote"));
    command.args(args).current_dir(&sandbox.root).envs(environment(sandbox.dir.path()));
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn the_app_that_runs_the_version_is_found_among_those_that_only_name_it() {
    let sandbox =
        repo(&[("web", "v2", "v1"), ("api", "v1 # v2 was bad", "v1"), ("job", "v1", "v1")]);
    let (code, said) = promote(&sandbox, &["v2", "prod"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("app web: the only app that this fits"), "{said}");
    assert_eq!(sandbox.read("api/prod/kustomization.yaml").matches("v1").count(), 1);
}

#[test]
fn a_version_that_no_app_runs_is_refused_after_a_look_at_all() {
    let sandbox = repo(&[("web", "v2", "v1"), ("api", "v1 # not v3", "v1")]);
    for version in ["v3", "v4", "2"] {
        let (code, said) = promote(&sandbox, &[version, "prod"]);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains(&format!("no app runs {version} in dev")), "{said}");
    }
    let (_, said) = promote(&sandbox, &["2", "prod"]);
    assert!(said.contains("did you mean v2?") && said.contains("looked at api, web"), "{said}");
}

#[test]
fn the_directory_tells_before_the_version_does() {
    let sandbox = repo(&[("web", "v2", "v1"), ("api", "v2", "v1")]);
    let (code, said) = promote(&sandbox, &["v2", "prod"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("several apps could be meant: api, web"), "{said}");
    let (code, said) = promote(&sandbox, &["-C", "api", "v2", "prod"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("app api: from the current directory"), "{said}");
}
