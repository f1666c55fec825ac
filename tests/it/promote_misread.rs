//! Words in the wrong place, and what is proposed instead.

use insta::assert_snapshot;

use crate::kit::{LINE, app, everything, line, put, repo, run, save};
use crate::testkit::Sandbox;

/// Runs, and holds that nothing at all was written.
fn told(repo: &Sandbox, args: &[&str]) -> String {
    let before = everything(repo);
    let text = run(repo, args).text();
    assert_eq!(everything(repo), before);
    text
}

/// Two environments after staging.
fn forked() -> Sandbox {
    let fork = "name = \"prod-eu\"\n\n[[environment]]\nname = \"prod-us\"\nfrom = [\"staging\"]\n";
    let repo = repo(&[("promote.toml", &LINE.replace("name = \"prod\"\n", fork))]);
    let old = [("dev", "v1"), ("staging", "v1"), ("prod-eu", "v1"), ("prod-us", "v1")];
    app(&repo, "web", &old);
    save(&repo, "Add web", &[]);
    put(&repo, "web", "staging", "v2");
    repo
}

#[test]
fn one_environment_is_named_at_a_time() {
    let repo = forked();
    assert_snapshot!(told(&repo, &["web@v2", "prod-eu", "prod-us"]), @"
    exit 2
    --- stderr
    error: one environment is named at a time: prod-eu, prod-us
    hint: git promote web@v2 prod-eu
    ");
    assert_snapshot!(told(&repo, &["staging", "prod-eu", "prod-us"]), @"
    exit 2
    --- stderr
    error: one environment is named at a time: staging, prod-eu, prod-us
    hint: git promote staging prod-eu
    ");
    assert_snapshot!(told(&repo, &["v1.1.0", "dev", "staging"]), @"
    exit 2
    --- stderr
    error: one environment is named at a time: dev, staging
    hint: git promote v1.1.0 dev
    ");
    assert_eq!(run(&repo, &["-n", "web@v2", "prod-eu"]).code(), 0);
}

#[test]
fn part_of_the_name_of_an_environment_names_them() {
    assert_snapshot!(told(&forked(), &["v2", "prod"]), @"
    exit 5
    --- stderr
    error: `prod` is no environment; environments: dev, staging, prod-eu, prod-us
    hint: did you mean prod-eu?
    hint: did you mean prod-us?
    ");
}

#[test]
fn a_forgotten_environment_is_asked_for() {
    let repo = line();
    assert_snapshot!(told(&repo, &["web@v1.2.3"]), @"
    exit 2
    --- stderr
    error: into which environment? the last word is to be one of dev, staging, prod
    hint: git promote web@v1.2.3 staging
    ");
    assert_snapshot!(told(&repo, &["v1.2.3"]), @"
    exit 2
    --- stderr
    error: into which environment? the last word is to be one of dev, staging, prod
    hint: git promote v1.2.3 staging
    ");
    assert_snapshot!(told(&repo, &["web@v9"]), @"
    exit 2
    --- stderr
    error: into which environment? the last word is to be one of dev, staging, prod
    hint: git promote web@v9 dev
    hint: git promote web@v9 staging
    hint: git promote web@v9 prod
    ");
    assert_snapshot!(told(&repo, &["web@v1.2.3", "api@v1.2.2"]), @"
    exit 2
    --- stderr
    error: into which environment? the last word is to be one of dev, staging, prod
    hint: git promote web@v1.2.3 api@v1.2.2 dev
    hint: git promote web@v1.2.3 api@v1.2.2 staging
    hint: git promote web@v1.2.3 api@v1.2.2 prod
    ");
}

#[test]
fn an_app_in_the_place_of_something_else_is_recognised() {
    let repo = line();
    assert_snapshot!(told(&repo, &["web"]), @"
    exit 2
    --- stderr
    error: `web` is an app and no environment
    hint: git promote status web
    hint: git promote web@v1.2.3 staging
    ");
    assert_snapshot!(told(&repo, &["web", "prod"]), @"
    exit 2
    --- stderr
    error: `web` is an app and no version
    hint: git promote prod -a web
    ");
    assert_snapshot!(told(&repo, &["web", "dev"]), @"
    exit 2
    --- stderr
    error: `web` is an app and no version
    hint: git promote web@VERSION dev
    ");
    assert_snapshot!(told(&repo, &["web", "v1.2.3", "staging"]), @"
    exit 2
    --- stderr
    error: `web` is an app and no version
    hint: git promote web@v1.2.3 staging
    ");
    app(&repo, "web2", &[("dev", "v1"), ("staging", "v1")]);
    save(&repo, "Add web2", &[]);
    assert_snapshot!(told(&repo, &["web2", "staging"]), @"
    exit 2
    --- stderr
    error: `web2` is an app and no version
    hint: git promote staging -a web2
    ");
}

#[test]
fn other_ways_to_write_an_image_are_translated() {
    let repo = line();
    assert_snapshot!(told(&repo, &["web:1.11", "dev"]), @"
    exit 2
    --- stderr
    error: `web:1.11` is no version: it is APP@VERSION here
    hint: git promote web@1.11 dev
    ");
    for word in ["registry.example/acme/web:1.11", "web=1.11", "web=acme/web:1.11"] {
        let text = told(&repo, &[word, "dev"]);
        assert!(text.contains("hint: git promote web@1.11 dev"), "{word}: {text}");
    }
    assert_snapshot!(told(&repo, &["wbe:1.11", "dev"]), @"
    exit 5
    --- stderr
    error: there is no app `wbe`
    hint: did you mean web?
    hint: git promote status
    ");
    assert_snapshot!(told(&repo, &["@v1", "dev"]), @"
    exit 2
    --- stderr
    error: `@v1` names no app before the @
    hint: git promote v1 dev
    ");
    let text = "images:\n- name: nginx\n  newTag: \"1.29\"\n- name: acme/x\n  newTag: v1\n";
    save(&repo, "Add x", &[("apps/x/overlays/dev/kustomization.yaml", text)]);
    assert_snapshot!(told(&repo, &["nginx=1.30", "dev"]), @"
    exit 2
    --- stderr
    error: `nginx=1.30` is no version: it is APP@VERSION here
    hint: git promote x@1.30 dev --image nginx
    ");
    assert_eq!(run(&repo, &["-n", "x@1.30", "dev", "--image", "nginx"]).code(), 0);
}

#[test]
fn a_command_of_a_later_version_is_no_version_of_an_app() {
    let repo = line();
    assert_snapshot!(told(&repo, &["completion", "dev"]), @"
    exit 2
    --- stderr
    error: `completion` is not in this version
    hint: git promote help
    ");
    for word in ["setup", "man"] {
        let text = told(&repo, &[word]);
        assert!(text.contains(&format!("error: `{word}` is not in this version\n")), "{text}");
    }
}

#[test]
fn an_app_is_named_once() {
    let repo = line();
    assert_snapshot!(told(&repo, &["api@v1.9.0", "api@v1.3.0", "staging"]), @"
    exit 2
    --- stderr
    error: api is given v1.9.0 and v1.3.0 at once
    hint: git promote api@v1.9.0 staging
    ");
    assert_eq!(
        run(&repo, &["-n", "-a", "web", "-a", "web", "staging"]).stdout(0).lines().next(),
        Some("web  staging  v1.2.2 -> v1.2.3")
    );
}

#[test]
fn a_long_list_is_cut() {
    let repo = line();
    for number in 1..=12 {
        app(&repo, &format!("app{number:02}"), &[("dev", "v2"), ("staging", "v1")]);
    }
    save(&repo, "Add apps", &[]);
    assert_snapshot!(told(&repo, &["v2", "staging"]), @"
    exit 2
    --- stderr
    error: several apps could be meant: app01, app02, app03, app04, app05, app06, app07, app08, app09, app10 and 2 more
    hint: git promote -a app01 v2 staging
    hint: git promote --all v2 staging
    ");
}

/// The dry run refuses as the run itself does.
#[test]
fn a_dry_run_checks_what_the_run_checks() {
    let same = |repo: &Sandbox, args: &[&str], code: i32| {
        let before = everything(repo);
        let dry = run(repo, &[&["-n", "-q", "web@v1.2.3", "staging"], args].concat()).text();
        assert_eq!(everything(repo), before);
        let real = run(repo, &[&["-q", "web@v1.2.3", "staging"], args].concat()).text();
        assert_eq!(dry, real, "{args:?}");
        assert!(dry.starts_with(&format!("exit {code}\n")), "{dry}");
    };
    let repo = line();
    same(&repo, &["-m", " "], 2);
    same(&repo, &["-F", "gone"], 5);
    same(&repo, &["--trailer", "Promote-To=x"], 2);
    repo.write("apps/web/overlays/staging/kustomization.yaml", "# mine\n");
    same(&repo, &[], 6);
    same(&repo, &["--worktree"], 6);
    repo.git(["checkout", "-q", "."]);
    repo.git(["checkout", "-q", "-b", "topic", "HEAD^"]);
    put(&repo, "web", "dev", "v5");
    repo.git(["checkout", "-q", "main"]);
    assert!(!repo.try_git_in(&repo.root, ["merge", "topic"]).status.success());
    same(&repo, &[], 128);
}

#[test]
fn a_dry_run_needs_to_know_who_would_commit() {
    let repo = line();
    repo.git(["config", "user.useConfigOnly", "true"]);
    let start = |args: &[&str]| {
        let args = [&["-q", "web@v1.2.3", "staging"], args].concat();
        ["AUTHOR", "COMMITTER"].iter().fold(run(&repo, &args), |run, role| {
            run.env(&format!("GIT_{role}_NAME"), "").env(&format!("GIT_{role}_EMAIL"), "")
        })
    };
    let (dry, real) = (start(&["-n"]).text(), start(&[]).text());
    assert_eq!(dry, real);
    assert!(dry.starts_with("exit 128\n"), "{dry}");
    assert_eq!(start(&["-n", "--worktree"]).code(), 0);
}
