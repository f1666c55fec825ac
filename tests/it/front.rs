//! The two programs, their help, colours, and the ends of a pipe.

use std::io::Read as _;

use insta::assert_snapshot;

use crate::kit::{by_git, kubectl, line, put, run};

#[test]
fn the_plugin_speaks_of_itself() {
    let repo = line();
    assert_snapshot!(kubectl(&repo, &["web@v1.2.3", "prod"]).text(), @"
    exit 3
    --- stdout
    web  prod  v1.2.2 -> v1.2.3
    fail  GP001  staging runs v1.2.2, not v1.2.3 (apps/web/overlays/staging/kustomization.yaml:5)
                  at apps/web/overlays/prod/kustomization.yaml:5
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only prod changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    --- stderr
    error: refused by GP001; nothing was changed
    hint: kubectl promote web@v1.2.3 staging
    hint: kubectl promote explain GP001
    ");
    assert_snapshot!(kubectl(&repo, &["staging", "v1"]).text(), @"
    exit 2
    --- stderr
    error: `v1` is no environment; the environment comes last
    hint: kubectl promote v1 staging
    ");
    assert_snapshot!(kubectl(&repo, &["moon"]).text(), @"
    exit 2
    --- stderr
    error: `moon` is no environment and no command; environments: dev, staging, prod
    hint: kubectl promote help
    ");
    let document = kubectl(&repo, &["web@v1.2.3", "prod", "-o", "json"]).json(3);
    assert_eq!(document["findings"][0]["hint"], "kubectl promote web@v1.2.3 staging");
    let document = kubectl(&repo, &["status", "-o", "json"]).json(0);
    assert_eq!(document["rows"][1]["next"]["command"], "kubectl promote web@v1.2.3 staging");
    let text = kubectl(&repo, &["explain", "GP001"]).stdout(0);
    assert!(text.contains("kubectl promote VERSION") && !text.contains("git promote"), "{text}");
    assert!(kubectl(&repo, &["help"]).stdout(0).contains("kubectl promote FROM ENV"));
    assert_eq!(kubectl(&repo, &["version"]).stdout(0), kubectl(&repo, &["--version"]).stdout(0));
}

#[test]
fn n_is_a_namespace_under_kubectl() {
    let repo = line();
    let before = repo.state();
    assert_snapshot!(kubectl(&repo, &["-n", "v1.2.3", "staging"]).text(), @"
    exit 2
    --- stderr
    error: -n means a namespace under kubectl, and this needs none
    hint: kubectl promote --dry-run v1.2.3 staging
    ");
    let hint = |args: &[&str]| {
        let said = kubectl(&repo, args).output();
        let error = String::from_utf8_lossy(&said.stderr).into_owned();
        error.lines().last().unwrap_or_default().to_owned()
    };
    let given = "hint: kubectl promote rollback prod web --dry-run";
    assert_eq!(hint(&["rollback", "prod", "web", "-n"]), given);
    assert_eq!(hint(&["status", "-nprod"]), "hint: kubectl promote status");
    assert_eq!(kubectl(&repo, &["-nprod", "v1.2.3", "staging"]).code(), 2);
    assert_eq!(kubectl(&repo, &["status", "-n", "prod"]).code(), 2);
    assert_eq!(repo.state(), before);
    let dry = kubectl(&repo, &["--dry-run", "v1.2.3", "staging"]).stdout(0);
    assert!(dry.ends_with("dry run: nothing was written\n"), "{dry}");
    assert_eq!(repo.state(), before);
}

#[test]
fn a_command_may_stand_behind_flags() {
    let repo = line();
    assert_eq!(run(&repo, &["-o", "json", "status"]).code(), 0);
    assert_eq!(run(&repo, &["-q", "to", "staging", "-n"]).code(), 0);
    assert_eq!(run(&repo, &["-n", "to", "staging", "--version", "v1.2.3"]).code(), 0);
    assert_eq!(run(&repo, &["-V"]).stdout(0), run(&repo, &["version"]).stdout(0));
    assert_snapshot!(run(&repo, &["--force", "staging"]).text(), @"
    exit 2
    --- stderr
    error: unexpected argument '--force' found

    Usage: git promote [APP@]VERSION... ENV
           git promote FROM ENV
           git promote ENV
           git promote COMMAND
    hint: git promote help
    ");
    assert_snapshot!(run(&repo, &["help", "statsu"]).text(), @"
    exit 2
    --- stderr
    error: there is no command `statsu`
    hint: git promote help status
    ");
    assert_eq!(run(&repo, &["help", "status"]).code(), 0);
}

#[test]
fn rules_are_explained() {
    let repo = line();
    assert_snapshot!(run(&repo, &["explain"]).text(), @"
    exit 0
    --- stdout
    GP001  a version that an environment before does not run
    GP002  a version that the registry does not have
    GP003  going back: an older version, or one that the environment already left
    GP004  a digest that is not the one the environment before runs, or that would be lost
    GP005  a tag that moves: `latest`, branch and environment names, the configured list
    GP006  entering an environment outside its `windows`, or in a freeze
    GP007  a change of several environments, or of versions and something else
    GP008  leaving images of an app behind that carry the same version
    GP009  a version that has been in the environments before for less than `soak`
    GP010  a promotion whose history is not there, in a shallow clone
    GP011  a manifest or a config that cannot be read
    GP012  an override without a reason, or of a rule that must not be overridden here
    GP013  a change of the config together with anything that an environment runs
    GP014  a change after which what an environment would run cannot be proven
    GP015  a version that an environment before runs and that is not healthy there
    GP016  moving an app that is held
    GP017  a promotion for which a `[[policy]]` is false, or that lacks a required trailer
    GP019  a change that fewer people approved than the environment wants
    ");
    assert_snapshot!(run(&repo, &["explain", "gp001"]).text(), @"
    exit 0
    --- stdout
    GP001 refuses a version that an environment before does not run.

    Every environment is the test of the next one. A version that skips one
    arrives untested where it hurts most. The versions are read from the base
    commit, so that one change cannot bring its own proof along. With `seen =
    true` it is enough that the environment ran the version at some time. What
    counts is also rendered: an image that is pinned and never runs proves
    nothing. A version that runs in an environment after the same ones may follow
    it; in `check` also a rollback to what ran here, and an app that is new
    everywhere.

    Promote the version into the environment before first, and let that land:

        git promote VERSION ENVIRONMENT-BEFORE

    It cannot be overridden, unless an [[override]] of promote.toml says so.
    ");
    assert_snapshot!(run(&repo, &["explain", "GP77"]).text(), @"
    exit 2
    --- stderr
    error: `GP77` is no rule: rules are GP001 to GP019
    hint: git promote explain
    ");
    assert_snapshot!(run(&repo, &["schema", "statsu"]).text(), @"
    exit 2
    --- stderr
    error: there is no kind `statsu`: kinds are config, promotion, status, edit, check, audit, replay, next, wait, preview, hold, doctor, verify, diff, changes, log, metrics, why, versions, registrycheck, registrycopy, report
    hint: git promote schema status
    ");
}

#[test]
fn a_closed_pipe_is_silent() {
    let repo = line();
    let mut child = run(&repo, &["status"]).spawn();
    drop(child.stdout.take());
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!(error, "");
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn colours_are_asked_for_in_the_order_of_precedence() {
    let repo = line();
    let status = ["-n", "web@v1.2.3", "staging"];
    let colored = |run: crate::kit::Run<'_>| run.stdout(0).contains('\u{1b}');
    assert!(!colored(run(&repo, &status)));
    assert!(colored(run(&repo, &[&status[..], &["--color"]].concat())));
    assert!(colored(run(&repo, &[&status[..], &["--color=always"]].concat()).env("NO_COLOR", "1")));
    assert!(colored(run(&repo, &status).env("CLICOLOR_FORCE", "1")));
    assert!(!colored(run(&repo, &status).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")));
    repo.git(["config", "color.ui", "always"]);
    assert!(colored(run(&repo, &status).env("NO_COLOR", "1")));
    repo.git(["config", "color.promote", "never"]);
    assert!(!colored(run(&repo, &status)));
    assert!(colored(run(&repo, &[&status[..], &["--color=always"]].concat())));
    let args = [&["-c", "color.promote=always", "promote"][..], &status].concat();
    assert!(colored(by_git(&repo, &args)));
}

#[test]
fn yes_and_a_script_never_ask() {
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    assert_eq!(run(&repo, &["v1.2.3", "staging"]).stdin("1\n").code(), 2);
    assert_eq!(run(&repo, &["-y", "v1.2.3", "staging"]).stdin("1\n").code(), 2);
}
