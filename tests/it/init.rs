//! `git promote init`: what it writes, what it asks for, what it refuses.

use std::fs;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::testkit::{Sandbox, environment};

/// A repository of one app with these environments, and more files.
fn repo(environments: &[&str], files: &[(&str, &str)]) -> Sandbox {
    let dir = TempDir::new().unwrap();
    let root = dir.path().canonicalize().unwrap().join("repo");
    fs::create_dir(&root).unwrap();
    let sandbox = Sandbox { dir, root };
    sandbox.git(["init", "-q", "-b", "main"]);
    for environment in environments {
        let path = format!("apps/web/overlays/{environment}/kustomization.yaml");
        sandbox.write(&path, "images:\n- name: web\n  newTag: v1\n");
    }
    for (path, text) in files {
        sandbox.write(path, text);
    }
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "--allow-empty", "-m", "Start"]);
    sandbox
}

fn promote(sandbox: &Sandbox, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_git-promote"));
    command.args(args).current_dir(&sandbox.root).stdin(Stdio::null());
    command.envs(environment(sandbox.dir.path())).output().unwrap()
}

/// Exit code, standard output and standard error.
fn said(sandbox: &Sandbox, args: &[&str]) -> (i32, String, String) {
    let output = promote(sandbox, args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn names_that_tell_the_order_are_not_asked_for() {
    let sandbox = repo(&["dev", "staging", "prod"], &[]);
    let (code, out, err) = said(&sandbox, &["init"]);
    assert_eq!(code, 0, "{err}");
    insta::assert_snapshot!(out, @r"
    wrote promote.toml
      dev      first
      staging  from dev
      prod     from staging
      in apps/{app}/overlays/{env}
    ");
    insta::assert_snapshot!(err, @r"
    note: guessed by the names of directories, to be checked: the order and the paths
    hint: git add promote.toml && git commit -m 'Add promote.toml'
    hint: git promote status
    ");
    let written = sandbox.read("promote.toml");
    assert!(promote::config::from_toml(&written).is_ok());
    let (_, out, _) = said(&sandbox, &["init", "--print"]);
    assert_eq!(out, written, "what is printed is what would be written");
}

#[test]
fn a_config_that_is_there_stays() {
    let sandbox = repo(&["dev", "prod"], &[]);
    sandbox.write("promote.toml", "mine\n");
    let (code, _, err) = said(&sandbox, &["init", "--environments", "dev,prod"]);
    assert_eq!(code, 6);
    assert!(err.contains("promote.toml is there already") && err.contains("hint: "), "{err}");
    assert_eq!(sandbox.read("promote.toml"), "mine\n");
}

#[test]
fn a_file_that_is_not_committed_does_not_count_and_is_noted() {
    let sandbox = repo(&["dev", "prod"], &[]);
    let note = |args: &[&str]| said(&sandbox, args).2;
    assert!(note(&["status"]).starts_with("note: no promote.toml: guessed dev -> prod"));
    assert_eq!(promote(&sandbox, &["init"]).status.code(), Some(0));
    assert!(note(&["status"]).starts_with("note: promote.toml counts once it is committed"));
    sandbox.git(["add", "promote.toml"]);
    sandbox.git(["commit", "-q", "-m", "Add promote.toml"]);
    assert_eq!(note(&["status"]), "");
    let text = sandbox.read("promote.toml");
    sandbox.write("promote.toml", &text.replace('\n', "\r\n"));
    assert_eq!(note(&["status"]), "", "line ends are no change");
    sandbox.write("promote.toml", &format!("{text}# more\n"));
    assert!(note(&["status"]).starts_with("note: the changes of promote.toml count once"));
}

#[test]
fn what_names_do_not_tell_has_to_be_given() {
    let sandbox = repo(&["dev", "staging", "prod-eu", "prod-us"], &[]);
    let (code, out, err) = said(&sandbox, &["init"]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r"
    error: the names do not tell the order of prod-eu, prod-us, give all in the order of promotion; nothing was written
    hint: git promote init --environments dev,staging,prod-eu,prod-us
    ");
    assert!(!sandbox.root.join("promote.toml").exists());

    let (code, out, _) = said(&sandbox, &["init", "--print"]);
    assert_eq!(code, 9);
    let known = promote::config::from_toml(&out).unwrap();
    assert_eq!(known.pipeline.environments().len(), 2);
    let (head, comment) = out.split_once("# UNDECIDED").unwrap();
    let edited: Vec<&str> =
        comment.lines().skip(2).map(|line| line.trim_start_matches(['#', ' '])).collect();
    let edited = promote::config::from_toml(&format!("{head}\n{}", edited.join("\n"))).unwrap();
    assert_eq!(edited.pipeline.environments().len(), 4);

    let given = ["init", "--environments", "dev,staging,prod-eu/prod-us"];
    let (code, out, err) = said(&sandbox, &given);
    assert_eq!(code, 0, "{err}");
    insta::assert_snapshot!(out, @r"
    wrote promote.toml
      dev      first
      staging  from dev
      prod-eu  from staging
      prod-us  from staging
      in apps/{app}/overlays/{env}
    ");
}

#[test]
fn flags_describe_a_repository_that_names_nothing() {
    let sandbox = repo(&[], &[("clusters/ring-a/web/kustomization.yaml", "images: []\n")]);
    let (code, _, err) = said(&sandbox, &["init"]);
    assert_eq!(code, 8);
    assert!(err.contains("hint: git promote init --environments"), "{err}");
    let layout = ["init", "--layout", "clusters/{env}/{app}/", "--environments"];
    let (code, out, err) = said(&sandbox, &[&layout[..], &["ring-a,ring-b"]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("  ring-a  first\n  ring-b  from ring-a\n  in clusters/{env}/{app}\n"));
    assert!(err.contains("no overlay found in the last commit for ring-b"), "{err}");
}

#[test]
fn flags_that_make_no_config_write_nothing() {
    let sandbox = repo(&["dev", "prod"], &[]);
    for (flag, value, words) in [
        ("--environments", "dev,dev", "given twice"),
        ("--environments", "dev,check", "name of a command"),
        ("--environments", "dev,,prod", "a name is missing"),
        ("--layout", "apps/{app}", "{env}"),
        ("--layout", "../{env}", ".."),
    ] {
        let (code, _, err) = said(&sandbox, &["init", flag, value]);
        assert_eq!(code, 2, "{value}: {err}");
        assert!(err.contains(words) && err.contains("hint: "), "{value}: {err}");
    }
    sandbox.assert_clean();
}

#[test]
fn files_of_other_tools_are_imported_with_notes() {
    let gitops = "prflow: per-app\nenvironments:\n- name: one\n  auto: true\n- name: two\n";
    let sandbox = repo(&["dev"], &[("gitops-promotion.yaml", gitops)]);
    let (code, out, err) = said(&sandbox, &["init", "--print"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("# Not carried over:\n#   line 1: "), "{out}");
    assert!(out.contains("\"{group}/{env}/**\"") && out.contains("name = \"two\""), "{out}");
    assert!(err.starts_with("note: imported gitops-promotion.yaml\n"), "{err}");

    let approvals = "environments:\n- name: staging\n- name: prod\n  approval: {required: true}\n";
    let sandbox = repo(&["staging", "prod"], &[("environments.yaml", approvals)]);
    let (code, out, err) = said(&sandbox, &["init", "--print"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("apps/{app}/overlays/{env}") && out.contains("1 approval(s)"), "{out}");

    let sandbox = repo(&["dev", "prod"], &[("environments.yaml", "- [1]\n")]);
    let (code, out, err) = said(&sandbox, &["init", "--print"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.starts_with("note: not imported: environments.yaml:1:"), "{err}");
    assert!(out.contains("name = \"dev\""), "{out}");
}

#[test]
fn an_order_can_be_given_before_the_first_commit() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("repo");
    let sandbox = Sandbox { dir, root: root.clone() };
    fs::create_dir(&root).unwrap();
    sandbox.git(["init", "-q"]);
    let (code, _, err) = said(&sandbox, &["init", "--environments", "dev,prod"]);
    assert_eq!(code, 0, "{err}");
    assert!(promote::config::from_toml(&sandbox.read("promote.toml")).is_ok());
}
