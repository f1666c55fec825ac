//! Where overlays are: templates, groups, nested apps, several directories for
//! one environment, layouts without `{app}`, markers, guesses.

use insta::assert_snapshot;

use crate::kit::{at, everything, repo, run, save};
use crate::testkit::Sandbox;

const ENVIRONMENTS: &str =
    "\n[[environment]]\nname = \"dev\"\n\n[[environment]]\nname = \"staging\"\n";

fn config(paths: &str) -> String {
    format!("version = 1\n\n[layout]\npaths = [{paths}]\n{ENVIRONMENTS}")
}

fn images(pairs: &[(&str, &str)]) -> String {
    let entry = |(name, tag): &(&str, &str)| format!("- name: {name}\n  newTag: {tag}\n");
    format!("images:\n{}", pairs.iter().map(entry).collect::<String>())
}

fn one(name: &str, tag: &str) -> String {
    images(&[(name, tag)])
}

fn moves(repo: &Sandbox, args: &[&str]) -> Vec<String> {
    let text = run(repo, &[&["-n", "-o", "tsv"], args].concat()).stdout(0);
    text.lines().skip(1).map(|line| line.replace('\t', " ")).collect()
}

/// The files that a promotion changed.
fn changed(repo: &Sandbox, args: &[&str]) -> Vec<String> {
    run(repo, args).stdout(0);
    repo.assert_clean();
    let names = repo.git(["diff", "--name-only", "HEAD^", "HEAD"]);
    names.lines().map(str::to_owned).collect()
}

#[test]
fn several_templates_in_one_repository() {
    let paths = "\"apps/{app}/{env}\", \"infra/{env}/{app}\", { path = \"argocd/{app}-{env}.yaml\", \
                 fields = [{ path = \"spec.source.targetRevision\" }] }";
    let argo = |tag: &str| format!("spec:\n  source:\n    targetRevision: {tag}\n");
    let repo = repo(&[
        ("promote.toml", &config(paths)),
        ("apps/web/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("apps/web/staging/kustomization.yaml", &one("acme/web", "v1")),
        ("infra/dev/dns/kustomization.yaml", &one("acme/dns", "v2")),
        ("infra/staging/dns/kustomization.yaml", &one("acme/dns", "v1")),
        ("argocd/shop-dev.yaml", &argo("v2")),
        ("argocd/shop-staging.yaml", &argo("v1")),
    ]);
    assert_snapshot!(run(&repo, &["status"]).text(), @"
    exit 0
    --- stdout
    APP   DEV      STAGING
    dns   v2 ([AGE])  v1 < ([AGE])
    shop  v2 ([AGE])  v1 < ([AGE])
    web   v2 ([AGE])  v1 < ([AGE])

    <  behind the environment before

    next:
      git promote dns@v2 staging
      git promote shop@v2 staging
      git promote web@v2 staging
    ");
    let files = changed(&repo, &["-A", "v2", "staging"]);
    assert_eq!(
        files,
        [
            "apps/web/staging/kustomization.yaml",
            "argocd/shop-staging.yaml",
            "infra/staging/dns/kustomization.yaml"
        ]
    );
}

#[test]
fn a_directory_that_two_templates_match_belongs_to_the_first() {
    let repo = repo(&[
        ("promote.toml", &config("\"apps/{app}/{env}\", \"{group}/{app}/{env}\"")),
        ("apps/web/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("apps/web/staging/kustomization.yaml", &one("acme/web", "v1")),
        ("team/api/dev/kustomization.yaml", &one("acme/api", "v2")),
        ("team/api/staging/kustomization.yaml", &one("acme/api", "v1")),
    ]);
    assert_eq!(
        moves(&repo, &["-A", "v2", "staging"]),
        ["team/api acme/api staging v1 v2", "web acme/web staging v1 v2"]
    );
}

#[test]
fn nested_apps_and_apps_named_like_an_environment() {
    let repo = repo(&[
        ("promote.toml", &config("\"**/{app}/{env}\"")),
        ("components/dev/dev/kustomization.yaml", &one("acme/dev", "v2")),
        ("components/dev/staging/kustomization.yaml", &one("acme/dev", "v1")),
        ("components/shop/cart/dev/kustomization.yaml", &one("acme/cart", "v2")),
        ("components/shop/cart/staging/kustomization.yaml", &one("acme/cart", "v1")),
        ("components/shop/dev/kustomization.yaml", &one("acme/shop", "v2")),
        ("components/shop/staging/kustomization.yaml", &one("acme/shop", "v1")),
    ]);
    assert_eq!(
        changed(&repo, &["shop@v2", "staging"]),
        ["components/shop/staging/kustomization.yaml"]
    );
    assert_eq!(
        changed(&repo, &["cart@v2", "staging"]),
        ["components/shop/cart/staging/kustomization.yaml"]
    );
    assert_eq!(
        changed(&repo, &["dev@v2", "staging"]),
        ["components/dev/staging/kustomization.yaml"]
    );
}

#[test]
fn apps_of_one_name_in_two_places_are_told_apart() {
    let repo = repo(&[
        ("promote.toml", &config("\"**/{app}/overlays/{env}\"")),
        ("a/web/overlays/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("a/web/overlays/staging/kustomization.yaml", &one("acme/web", "v1")),
        ("b/web/overlays/dev/kustomization.yaml", &one("acme/web", "v3")),
        ("b/web/overlays/staging/kustomization.yaml", &one("acme/web", "v1")),
    ]);
    assert_snapshot!(run(&repo, &["web@v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps are called web: a/web, b/web
    hint: git promote a/web@v2 staging
    ");
    assert_eq!(
        changed(&repo, &["a/web@v2", "staging"]),
        ["a/web/overlays/staging/kustomization.yaml"]
    );
    assert_eq!(changed(&repo, &["v3", "staging"]), ["b/web/overlays/staging/kustomization.yaml"]);
}

#[test]
fn one_environment_may_have_several_directories() {
    let config = config("\"apps/{app}/{env}\"").replace(
        "name = \"staging\"",
        "name = \"staging\"\ndirs = [\"stage/blue\", \"stage/green\"]",
    );
    let repo = repo(&[
        ("promote.toml", &config),
        ("apps/web/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("apps/web/stage/blue/kustomization.yaml", &one("acme/web", "v1")),
        ("apps/web/stage/green/kustomization.yaml", &one("acme/web", "v0")),
    ]);
    assert_snapshot!(run(&repo, &["v2", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1 -> v2
    ok    GP001  dev has run v2 for [AGE] ([ID])
    ok    GP003  v2 is newer than v1
    ok    GP004  no digest is pinned
    ok    GP005  v2 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/stage/blue/kustomization.yaml:3  images[0].newTag  v1 -> v2
    apps/web/stage/green/kustomization.yaml:3  images[0].newTag  v0 -> v2
    [main [ID]] Promote web v2 to staging
    --- stderr
    note: app web: the only app
    ");
    assert_eq!(run(&repo, &["v2", "staging", "-o", "json"]).json(0)["result"], "unchanged");
    repo.assert_clean();
}

#[test]
fn every_name_of_a_kustomization_and_files_further_down_count() {
    for name in
        ["kustomization.yml", "Kustomization", "base/kustomization.yaml", "x/y/kustomization.yml"]
    {
        let repo = repo(&[
            ("promote.toml", &config("\"apps/{app}/{env}\"")),
            ("apps/web/dev/kustomization.yaml", &one("acme/web", "v2")),
            (&format!("apps/web/staging/{name}"), &one("acme/web", "v1")),
        ]);
        assert_eq!(changed(&repo, &["v2", "staging"]), [format!("apps/web/staging/{name}")]);
    }
}

#[test]
fn other_names_of_the_layout_select() {
    let repo = repo(&[
        ("promote.toml", &config("\"apps/{app}/{cell}/{env}\"")),
        ("apps/web/main/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("apps/web/main/staging/kustomization.yaml", &one("acme/web", "v1")),
        ("apps/web/canary/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("apps/web/canary/staging/kustomization.yaml", &one("acme/web", "v1")),
    ]);
    assert_snapshot!(run(&repo, &["web@v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps are called web: web[cell=canary], web[cell=main]
    hint: git promote 'web[cell=canary]@v2' staging
    ");
    assert_snapshot!(run(&repo, &["v2", "staging", "--select", "canary"]).text(), @"
    exit 2
    --- stderr
    error: `canary` is no selector
    hint: --select NAME=VALUE, with a NAME of the layout, such as cell=canary
    ");
    assert_snapshot!(run(&repo, &["v2", "staging", "--select", "zone=a"]).text(), @"
    exit 2
    --- stderr
    error: no layout path has the name {zone}
    hint: git promote config show
    ");
    assert_snapshot!(run(&repo, &["v2", "staging", "--select", "cell=canari"]).text(), @"
    exit 5
    --- stderr
    error: no overlay has cell=canari
    hint: --select cell=canary
    hint: git promote status
    ");
    assert_eq!(
        changed(&repo, &["web@v2", "staging", "--select", "cell=canary"]),
        ["apps/web/canary/staging/kustomization.yaml"]
    );
    assert_eq!(changed(&repo, &["v2", "staging"]), ["apps/web/main/staging/kustomization.yaml"]);
}

/// One overlay an environment, two images at one version and a third.
fn nameless() -> Sandbox {
    let text = |tag: &str, other: &str| {
        images(&[("acme/web", tag), ("acme/job", tag), ("registry.example/envoy", other)])
    };
    repo(&[
        ("promote.toml", &config("\"clusters/{env}\"")),
        ("clusters/dev/kustomization.yaml", &text("v2", "x2")),
        ("clusters/staging/kustomization.yaml", &text("v1", "x1")),
    ])
}

#[test]
fn without_app_in_the_layout_the_images_of_the_version_move_together() {
    let repo = nameless();
    assert_snapshot!(run(&repo, &["-n", "v2", "staging"]).text(), @"
    exit 0
    --- stdout
    job  staging  v1 -> v2
    web  staging  v1 -> v2
    ok    GP001  job: dev has run v2 for [AGE] ([ID])
    ok    GP001  web: dev has run v2 for [AGE] ([ID])
    ok    GP003  job: v2 is newer than v1
    ok    GP003  web: v2 is newer than v1
    ok    GP004  job: no digest is pinned
    ok    GP004  web: no digest is pinned
    ok    GP005  job: v2 is no moving tag
    ok    GP005  web: v2 is no moving tag
    ok    GP007  job: only staging changes
    ok    GP007  web: only staging changes
    ok    GP008  job: no image of the set stays behind
    ok    GP008  web: no image of the set stays behind
    ok    GP011  job: every manifest can be read
    ok    GP011  web: every manifest can be read
    clusters/staging/kustomization.yaml:3  images[0].newTag  v1 -> v2
    clusters/staging/kustomization.yaml:5  images[1].newTag  v1 -> v2
    dry run: nothing was written
    --- stderr
    note: app job, web: the images of one overlay
    ");
    assert_eq!(moves(&repo, &["job@v2", "staging"]), ["job acme/job staging v1 v2"]);
    assert_eq!(
        moves(&repo, &["envoy@x2", "staging"]),
        ["envoy registry.example/envoy staging x1 x2"]
    );
    assert_eq!(moves(&repo, &["x2", "staging"]), ["envoy registry.example/envoy staging x1 x2"]);
    assert_eq!(moves(&repo, &["staging"]).len(), 3);
    assert_eq!(moves(&repo, &["-A", "v2", "staging"]).len(), 2);
}

#[test]
fn without_app_in_the_layout_several_overlays_are_told_apart() {
    let repo = repo(&[
        ("promote.toml", &config("\"{group}/{env}\"")),
        ("east/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("east/staging/kustomization.yaml", &one("acme/web", "v1")),
        ("west/dev/kustomization.yaml", &one("acme/web", "v2")),
        ("west/staging/kustomization.yaml", &one("acme/web", "v1")),
    ]);
    assert_snapshot!(run(&repo, &["v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps could be meant: east/web, west/web
    hint: git promote -a east/web v2 staging
    hint: git promote --all v2 staging
    ");
    assert_eq!(moves(&repo, &["-g", "east", "v2", "staging"]), ["east/web acme/web staging v1 v2"]);
    let text = run(&repo, &["-n", "-o", "tsv", "v2", "staging"]).dir("west/dev").stdout(0);
    assert!(text.contains("west/web") && !text.contains("east/web"), "{text}");
    assert_eq!(changed(&repo, &["west/web@v2", "staging"]), ["west/staging/kustomization.yaml"]);
}

#[test]
fn images_whose_last_part_is_the_same_keep_their_whole_name() {
    let text = |tag: &str| images(&[("one.example/web", tag), ("two.example/web", tag)]);
    let repo = repo(&[
        ("promote.toml", &config("\"clusters/{env}\"")),
        ("clusters/dev/kustomization.yaml", &text("v2")),
        ("clusters/staging/kustomization.yaml", &text("v1")),
    ]);
    assert_eq!(
        moves(&repo, &["one.example/web@v2", "staging"]),
        ["one.example/web one.example/web staging v1 v2"]
    );
    assert_eq!(run(&repo, &["web@v2", "staging"]).code(), 5);
}

/// Flux manifests with markers, for `gitops-promotion.yaml`.
fn flux() -> Sandbox {
    let text = |tag: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    \
             spec:\n      containers:\n      - name: web\n        image: acme/web:{tag} # \
             {{\"$imagepolicy\": \"shop:web\"}}\n      - name: job\n        image: acme/job:{tag} # \
             {{\"$imagepolicy\": \"shop:job\"}}\n"
        )
    };
    let environments =
        "environments:\n  - name: dev\n    auto: true\n  - name: qa\n    auto: false\n";
    repo(&[
        ("gitops-promotion.yaml", &format!("prflow: per-app\n{environments}")),
        ("shop/dev/web.yaml", &text("v2")),
        ("shop/qa/web.yaml", &text("v1")),
    ])
}

#[test]
fn markers_are_apps() {
    let repo = flux();
    assert_snapshot!(run(&repo, &["status"]).text(), @"
    exit 0
    --- stdout
    APP       DEV      QA
    shop:job  v2 ([AGE])  v1 < ([AGE])
    shop:web  v2 ([AGE])  v1 < ([AGE])

    <  behind the environment before

    next:
      git promote shop:job@v2 qa
      git promote shop:web@v2 qa
    ");
    assert_snapshot!(run(&repo, &["v2", "qa"]).text(), @"
    exit 2
    --- stderr
    error: several apps could be meant: shop:job, shop:web
    hint: git promote -a shop:job v2 qa
    hint: git promote --all v2 qa
    ");
    assert_snapshot!(run(&repo, &["shop:web@v2", "qa"]).text(), @"
    exit 0
    --- stdout
    shop:web  qa  v1 -> v2
    ok    GP001  dev has run v2 for [AGE] ([ID])
    ok    GP003  v2 is newer than v1
    ok    GP004  no digest is pinned
    ok    GP005  v2 is no moving tag
    ok    GP007  only qa changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    shop/qa/web.yaml:9  spec.template.spec.containers[0].image  acme/web:v1 -> acme/web:v2
    [main [ID]] Promote shop:web v2 to qa
    ");
    assert!(repo.read("shop/qa/web.yaml").contains("acme/job:v1"));
    assert_eq!(changed(&repo, &["job@v2", "qa"]), ["shop/qa/web.yaml"]);
}

#[test]
fn without_a_config_the_layout_is_guessed_and_that_is_said() {
    let repo = repo(&[
        (&at("web", "dev"), &one("acme/web", "v2")),
        (&at("web", "staging"), &one("acme/web", "v1")),
        (&at("web", "prod"), &one("acme/web", "v1")),
    ]);
    assert_snapshot!(run(&repo, &["v2", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1 -> v2
    ok    GP001  dev has run v2 for [AGE] ([ID])
    ok    GP003  v2 is newer than v1
    ok    GP004  no digest is pinned
    ok    GP005  v2 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:3  images[0].newTag  v1 -> v2
    [main [ID]] Promote web v2 to staging
    --- stderr
    note: no promote.toml: guessed dev -> staging -> prod in apps/{app}/overlays/{env}
    note: app web: the only app
    ");
    assert_eq!(run(&repo, &["web@v3", "prod"]).code(), 3);
}

#[test]
fn a_guess_that_cannot_order_an_environment_is_refused() {
    let repo = repo(&[
        (&at("web", "dev"), &one("acme/web", "v2")),
        (&at("web", "blue"), &one("acme/web", "v1")),
        (&at("web", "prod"), &one("acme/web", "v1")),
    ]);
    let before = everything(&repo);
    assert_snapshot!(run(&repo, &["web@v2", "blue"]).text(), @"
    exit 3
    --- stderr
    error: the names of the directories do not tell where blue stands in the order (in apps/{app}/overlays/{env}; no order for dev, prod, blue)
    hint: git promote init
    ");
    assert_eq!(everything(&repo), before);
    repo.git(["rm", "-rq", "apps"]);
    save(&repo, "Nothing", &[("README", "x\n")]);
    assert_snapshot!(run(&repo, &["web@v2", "prod"]).text(), @"
    exit 8
    --- stderr
    error: no environment found: there is no promote.toml, and no directory is named like one (dev, staging, prod)
    hint: git promote init --environments dev,staging,prod --layout 'apps/{app}/overlays/{env}'
    ");
}

#[test]
fn config_show_and_validate() {
    let repo = flux();
    assert_snapshot!(run(&repo, &["config", "show"]).text(), @r#"
    exit 0
    --- stdout
    # from gitops-promotion.yaml
    # What `git promote` knows of this repository: the environments, the order
    # between them, and where each one keeps what it runs.
    version = 1
    deliver = "commit"

    # Where overlays are; the first path that matches wins.
    [layout]
    paths = [
        "{group}/{env}/**",
    ]

    # The order of this list is the order of promotion.
    [[environment]]
    name = "dev"
    auto-merge = true

    [[environment]]
    name = "qa"

    [pull-request]
    flow = "per-app"
    merge-method = "squash"
    "#);
    save(&repo, "Config", &[("promote.toml", &config("\"apps/{app}/{env}\""))]);
    assert_snapshot!(run(&repo, &["config", "show"]).text(), @r#"
    exit 0
    --- stdout
    # from promote.toml
    # What `git promote` knows of this repository: the environments, the order
    # between them, and where each one keeps what it runs.
    version = 1
    deliver = "commit"

    # Where overlays are; the first path that matches wins.
    [layout]
    paths = [
        "apps/{app}/{env}",
    ]

    # The order of this list is the order of promotion.
    [[environment]]
    name = "dev"

    [[environment]]
    name = "staging"
    "#);
    assert_snapshot!(run(&repo, &["config", "validate"]).text(), @"
    exit 0
    --- stdout
    promote.toml: valid, 2 environments
    --- stderr
    warning: the layout path `apps/{app}/{env}` matches nothing in the last commit
    ");
    repo.write("other.toml", "version = 1\n[[environment]]\nname = \"status\"\n");
    assert_snapshot!(run(&repo, &["config", "validate", "other.toml"]).text(), @r#"
    exit 8
    --- stderr
    error: other.toml:3:8: the environment name `status` is the name of a command
    hint: choose another name, and keep the directory with `dirs = ["status"]` in promote.toml
    "#);
    assert_snapshot!(run(&repo, &["config", "validate", "gone.toml"]).text(), @"
    exit 5
    --- stderr
    error: cannot read 'gone.toml': No such file or directory (os error 2)
    hint: git promote init
    ");
}

#[test]
fn an_app_that_shares_the_end_of_its_name_is_asked_about() {
    let repo = repo(&[
        ("promote.toml", &config("\"{env}\"")),
        (
            "dev/kustomization.yaml",
            &images(&[("x.example/a/api", "v2"), ("y.example/b/api", "v1")]),
        ),
        ("staging/kustomization.yaml", &images(&[("x.example/a/api", "v1")])),
    ]);
    for args in [&["why", "api", "staging"][..], &["log", "api"], &["versions", "api"]] {
        let said = run(&repo, args).text();
        let told = "error: `api` is x.example/a/api, y.example/b/api: name one of them\n";
        assert!(said.starts_with("exit 2\n") && said.contains(told), "{said}");
    }
    assert_eq!(run(&repo, &["why", "x.example/a/api", "staging"]).code(), 0);
}
