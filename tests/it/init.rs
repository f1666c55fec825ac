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
    let shown = || said(&sandbox, &["config", "show"]);
    assert!(
        shown().1.starts_with("# guessed, promote.toml is there but not committed: dev -> prod")
    );
    sandbox.git(["add", "promote.toml"]);
    sandbox.git(["commit", "-q", "-m", "Add promote.toml"]);
    assert_eq!(note(&["status"]), "");
    let text = sandbox.read("promote.toml");
    sandbox.write("promote.toml", &text.replace('\n', "\r\n"));
    assert_eq!(note(&["status"]), "", "line ends are no change");
    sandbox.write("promote.toml", &format!("{text}# more\n"));
    assert!(note(&["status"]).starts_with("note: the changes of promote.toml count once"));
    assert!(shown().1.starts_with("# from promote.toml as it is committed, without its changes\n"));
}

#[test]
fn what_names_do_not_tell_has_to_be_given() {
    let sandbox = repo(&["dev", "staging", "prod-eu", "prod-us"], &[]);
    let (code, out, err) = said(&sandbox, &["init"]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @r"
    error: the names do not tell the order of prod-eu, prod-us: give all in the order of promotion, with `,` between those after one another and `/` between those side by side; nothing was written
    hint: git promote init --environments dev,staging,prod-eu/prod-us
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
    let sandbox = repo(
        &[],
        &[("clusters/ring-a/web/kustomization.yaml", "images: []\n"), ("clusters/ring-b/x", "")],
    );
    let layout = ["init", "--layout", "clusters/{env}/{app}/", "--environments"];
    let (code, out, err) = said(&sandbox, &[&layout[..], &["ring-a,ring-b"]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(out.ends_with("  ring-a  first\n  ring-b  from ring-a\n  in clusters/{env}/{app}\n"));
    assert!(err.contains("no overlay found in the last commit for ring-b"), "{err}");
    let written = promote::config::from_toml(&sandbox.read("promote.toml")).unwrap();
    assert!(written.layout[0].couple, "a `?ref=` is coupled by default");
}

#[test]
fn a_name_that_no_directory_has_is_refused_with_the_nearest() {
    let sandbox = repo(&["dev", "staging", "prod"], &[]);
    for (names, near) in [
        ("dev,stagin,prod", "hint: did you mean staging?"),
        ("dve,prdo", "hint: did you mean dev?"),
        ("dev,stag", "hint: did you mean staging?"),
        ("dev,staging,moon", "hint: leave it out"),
    ] {
        let (code, _, err) = said(&sandbox, &["init", "--environments", names]);
        assert_eq!(code, 5, "{names}: {err}");
        assert!(err.starts_with("error: there is no directory `") && err.contains(near), "{err}");
    }
    sandbox.assert_clean();
}

#[test]
fn versions_that_nothing_reads_are_pointed_out() {
    let values = "kind: HelmRelease\nspec:\n  values:\n    image:\n      tag: v1\n";
    let sandbox = repo(
        &["dev", "prod"],
        &[("clusters/dev/web.yaml", values), ("clusters/prod/web.yaml", values)],
    );
    let (code, _, err) = said(&sandbox, &["init", "--print"]);
    assert_eq!(code, 0, "{err}");
    insta::assert_snapshot!(err, @r#"
    note: guessed by the names of directories, to be checked: the order and the paths
    note: clusters/dev/web.yaml:5 holds a version that is not read; under [layout] paths this declares it: { path = "clusters/{env}/{app}.yaml", fields = [{ path = "spec.values.image.tag" }] }
    "#);
}

#[test]
fn an_empty_repository_is_told_a_command_that_works() {
    let sandbox = repo(&[], &[]);
    let hint =
        "git promote init --environments dev,staging,prod --layout 'apps/{app}/overlays/{env}'";
    for args in [&["status"][..], &["init"], &["init", "--print"]] {
        let (code, _, err) = said(&sandbox, args);
        assert_eq!(code, 8, "{err}");
        assert!(err.ends_with(&format!("\nhint: {hint}\n")), "{args:?}: {err}");
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", &hint.replace("git promote", env!("CARGO_BIN_EXE_git-promote"))]);
    shell.current_dir(&sandbox.root).envs(environment(sandbox.dir.path()));
    assert_eq!(shell.output().unwrap().status.code(), Some(0));
    let (code, _, err) = said(&sandbox, &["status"]);
    assert_eq!(code, 8, "{err}");
    assert!(err.contains("\nhint: git add promote.toml && git commit"), "{err}");
    sandbox.git(["add", "promote.toml"]);
    sandbox.git(["commit", "-q", "-m", "Add promote.toml"]);
    assert_eq!(said(&sandbox, &["status"]).0, 0);
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
    let gitops = "prflow: per-app\nenvironments:\n- name: one\n  auto: true\n- name: two\n\
                  status_timeout_minutes: 5\n";
    let sandbox = repo(&["dev"], &[("gitops-promotion.yaml", gitops)]);
    let (code, out, err) = said(&sandbox, &["init", "--print"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("# Not carried over:\n#   line 6: "), "{out}");
    assert!(out.contains("auto-merge = true") && out.contains("flow = \"per-app\""), "{out}");
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

#[test]
fn validate_warns_of_files_that_are_named_and_not_there() {
    let sandbox = repo(&["dev", "prod"], &[("ci/there.sh", "#!/bin/sh\n")]);
    let config = "version = 1\n[layout]\npaths = ['apps/{app}/overlays/{env}']\n\
                  [[environment]]\nname = 'dev'\n[[environment]]\nname = 'prod'\n\
                  verify-signature = { key = 'cosign.pub' }\npin = 'digest'\n\
                  health = { command = ['./ok.sh', '{version}', '{nope}'] }\n\
                  [[override]]\nrule = 'GP006'\nallowed-signers = ['.promote/signers']\n";
    sandbox.write("promote.toml", config);
    let (code, _, err) = said(&sandbox, &["config", "validate"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(err, @"
    warning: prod: {nope} in the `command` of `health` stands for nothing: it is none of {app}, {group}, {env}, {version}
    warning: the config names .promote/signers, which is not in the last commit
    warning: the config names cosign.pub, which is not in the last commit
    warning: the config names ok.sh, which is not in the last commit
    ");
    sandbox.write("promote.toml", &config.replace("./ok.sh", "ci/there.sh"));
    let (_, _, err) = said(&sandbox, &["config", "validate"]);
    assert!(!err.contains("there.sh"), "{err}");
}

#[test]
fn validate_warns_of_what_matches_nothing() {
    let sandbox = repo(&["dev", "prod"], &[("cd/dev/web.yaml", "spec:\n  tag: v1\n")]);
    let config = |paths: &str| {
        let environments = "[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"prod\"\n";
        sandbox.write(
            "promote.toml",
            &format!("version = 1\n[layout]\npaths = [\n{paths}\n]\n{environments}"),
        );
        said(&sandbox, &["config", "validate"])
    };
    let overlays =
        "{ path = 'apps/{app}/overlays/{env}', fields = [{ path = 'images[*].newTag' }] }";
    let fine = format!(
        "{overlays},\n{{ path = 'cd/{{env}}/{{app}}.yaml', fields = [{{ path = 'spec.tag' }}] }}"
    );
    let valid = "promote.toml: valid, 2 environments\n".to_owned();
    assert_eq!(config(&fine), (0, valid.clone(), String::new()));
    let idle = format!(
        "{overlays},\n'app/{{app}}/{{env}}',\n'apps/*/overlays/{{env}}',\n\
         {{ path = 'cd/{{env}}/{{app}}.yaml', fields = [{{ path = 'spec.tga' }}, {{ path = 'spec.tag' }}] }}"
    );
    let (code, out, err) = config(&idle);
    assert_eq!((code, out), (0, valid));
    insta::assert_snapshot!(err, @r"
    warning: the layout path `app/{app}/{env}` matches nothing in the last commit
    warning: the layout path `apps/*/overlays/{env}` is never used: the paths before it match all that it does
    warning: the field `spec.tga` of the layout path `cd/{env}/{app}.yaml` matches nothing in the last commit
    ");
    let elsewhere = sandbox.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let mut alone = Command::new(env!("CARGO_BIN_EXE_git-promote"));
    alone.args(["config", "validate"]).arg(sandbox.root.join("promote.toml"));
    alone.current_dir(&elsewhere).envs(environment(sandbox.dir.path()));
    let output = alone.output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "there is nothing to compare with"
    );
}
