//! Which app is meant, and which of its images.

use insta::assert_snapshot;

use crate::kit::{LINE, app, at, by_git, line, overlay, put, repo, run, save};
use crate::testkit::Sandbox;

fn tsv(run: crate::kit::Run<'_>) -> Vec<String> {
    let text = run.stdout(0);
    text.lines().skip(1).map(|line| line.replace('\t', " ")).collect()
}

fn moves(repo: &Sandbox, args: &[&str]) -> Vec<String> {
    tsv(run(repo, &[&["-n", "-o", "tsv"], args].concat()))
}

/// Three apps at v2 in dev, of which two are in a group of their own.
fn grouped() -> Sandbox {
    let config = LINE.replace("apps/{app}/overlays", "{group}/{app}");
    let repo = repo(&[("promote.toml", &config)]);
    for (group, app) in [("shop", "web"), ("shop", "cart"), ("ops", "web")] {
        for (env, tag) in [("dev", "v2"), ("staging", "v1"), ("prod", "v1")] {
            let text = format!("images:\n- name: acme/{app}\n  newTag: {tag}\n");
            repo.write(&format!("{group}/{app}/{env}/kustomization.yaml"), &text);
        }
    }
    save(&repo, "Add apps", &[]);
    repo
}

#[test]
fn one_candidate_is_taken_and_said() {
    let repo = line();
    assert_snapshot!(run(&repo, &["-n", "staging"]).text(), @"
    exit 0
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2 -> registry.example/acme/web:v1.2.3
    dry run: nothing was written
    --- stderr
    note: app web: the only app that this fits
    ");
}

#[test]
fn several_candidates_without_a_terminal_are_listed() {
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    assert_snapshot!(run(&repo, &["v1.2.3", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps could be meant: api, web
    hint: git promote -a api v1.2.3 staging
    hint: git promote --all v1.2.3 staging
    ");
    assert_snapshot!(run(&repo, &["staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps could be meant: api, web
    hint: git promote -a api staging
    hint: git promote --all staging
    ");
    assert_eq!(moves(&repo, &["-A", "v1.2.3", "staging"]).len(), 2);
}

#[test]
fn an_app_that_is_there_already_is_no_candidate() {
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    put(&repo, "api", "staging", "v1.2.3");
    assert_eq!(
        moves(&repo, &["v1.2.3", "staging"]),
        ["web registry.example/acme/web staging v1.2.2 v1.2.3"]
    );
}

#[test]
fn the_directory_tells_the_app() {
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    for dir in ["apps/api", "apps/api/overlays", "apps/api/overlays/prod", "apps/api/base"] {
        let text = tsv(run(&repo, &["-n", "-o", "tsv", "v1.2.3", "staging"]).dir(dir));
        assert_eq!(text, ["api registry.example/acme/api staging v1.2.2 v1.2.3"], "{dir}");
    }
    let text = tsv(run(&repo, &["-C", "apps/web", "-n", "-o", "tsv", "v1.2.3", "staging"]));
    assert_eq!(text, ["web registry.example/acme/web staging v1.2.2 v1.2.3"]);
    assert_snapshot!(run(&repo, &["-n", "staging"]).dir("apps/web").text(), @"
    exit 0
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2 -> registry.example/acme/web:v1.2.3
    dry run: nothing was written
    --- stderr
    note: app web: from the current directory
    ");
    assert_eq!(run(&repo, &["v1.2.3", "staging"]).dir("apps").code(), 2);
}

#[test]
fn an_alias_keeps_the_directory() {
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    repo.git(["config", "alias.pro", "promote -n -o tsv"]);
    repo.git(["config", "alias.shown", "!git promote -n -o tsv"]);
    for args in [&["pro", "staging"][..], &["shown", "staging"]] {
        let text = tsv(by_git(&repo, args).dir("apps/api"));
        assert_eq!(text, ["api registry.example/acme/api staging v1.2.2 v1.2.3"], "{args:?}");
    }
    let text = tsv(by_git(&repo, &["-C", "apps/web", "promote", "-n", "-o", "tsv", "staging"]));
    assert_eq!(text, ["web registry.example/acme/web staging v1.2.2 v1.2.3"]);
}

#[test]
fn the_configured_app_comes_after_the_directory() {
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    repo.git(["config", "promote.app", "api"]);
    assert_snapshot!(run(&repo, &["-n", "staging"]).text(), @"
    exit 0
    --- stdout
    api  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/api/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
        Deployment/api containers[api].image  registry.example/acme/api:v1.2.2 -> registry.example/acme/api:v1.2.3
    dry run: nothing was written
    --- stderr
    note: app api: from git config promote.app
    ");
    let text = tsv(run(&repo, &["-n", "-o", "tsv", "staging"]).dir("apps/web"));
    assert_eq!(text, ["web registry.example/acme/web staging v1.2.2 v1.2.3"]);
    let args = ["-c", "promote.app=web", "promote", "-n", "-o", "tsv", "staging"];
    let text = tsv(by_git(&repo, &args));
    assert_eq!(text, ["web registry.example/acme/web staging v1.2.2 v1.2.3"]);
    repo.git(["config", "promote.app", "gone"]);
    assert_snapshot!(run(&repo, &["-n", "staging"]).text(), @"
    exit 5
    --- stderr
    error: there is no app `gone`
    hint: git promote status
    ");
}

#[test]
fn the_only_app_needs_no_name() {
    let repo = repo(&[("promote.toml", LINE)]);
    app(&repo, "web", &[("dev", "v1"), ("staging", "v1"), ("prod", "v1")]);
    save(&repo, "Add web", &[]);
    assert_snapshot!(run(&repo, &["-n", "v2", "dev"]).text(), @"
    exit 0
    --- stdout
    web  dev  v1 -> v2
    ok    GP003  v2 is newer than v1
    ok    GP004  no digest is pinned
    ok    GP005  v2 is no moving tag
    ok    GP007  only dev changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/dev/kustomization.yaml:5  images[0].newTag  v1 -> v2
        Deployment/web containers[web].image  registry.example/acme/web:v1 -> registry.example/acme/web:v2
    dry run: nothing was written
    --- stderr
    note: app web: the only app
    ");
}

#[test]
fn globs_and_groups_narrow() {
    let repo = grouped();
    assert_eq!(
        moves(&repo, &["-g", "shop", "staging"]),
        ["shop/cart acme/cart staging v1 v2", "shop/web acme/web staging v1 v2"]
    );
    let web = ["shop/web acme/web staging v1 v2"];
    assert_eq!(moves(&repo, &["-g", "shop", "-a", "web", "staging"]), web);
    assert_eq!(moves(&repo, &["-g", "shop", "-a", "w*", "v2", "staging"]), web);
    assert_eq!(moves(&repo, &["-a", "shop/web", "v2", "staging"]), web);
    assert_eq!(moves(&repo, &["shop/web@v2", "staging"]), web);
    assert_eq!(moves(&repo, &["-a", "*", "v2", "staging"]).len(), 3);
    assert_eq!(moves(&repo, &["-a", "ops/*", "-a", "cart", "v2", "staging"]).len(), 2);
    assert_snapshot!(run(&repo, &["web@v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps are called web: ops/web, shop/web
    hint: git promote ops/web@v2 staging
    ");
    assert_snapshot!(run(&repo, &["-a", "web", "v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps are called web: ops/web, shop/web
    hint: git promote -a ops/web v2 staging
    ");
}

#[test]
fn globs_and_groups_that_find_nothing_say_so() {
    let repo = grouped();
    assert_snapshot!(run(&repo, &["-a", "wab*", "v2", "staging"]).text(), @"
    exit 5
    --- stderr
    error: no app matches `wab*`
    hint: did you mean web?
    hint: git promote status
    ");
    assert_snapshot!(run(&repo, &["-a", "web*", "v3", "staging"]).text(), @"
    exit 3
    --- stderr
    error: GP001: no app runs v3 in dev: looked at ops/web, shop/web
    hint: did you mean v2?
    hint: git promote status
    ");
    assert_snapshot!(run(&repo, &["-g", "shoop", "v2", "staging"]).text(), @"
    exit 5
    --- stderr
    error: no group matches `shoop`
    hint: did you mean shop?
    hint: git promote status
    ");
    assert_snapshot!(run(&repo, &["-g", "ops", "-a", "cart", "v2", "staging"]).text(), @"
    exit 5
    --- stderr
    error: there is no app `cart`
    hint: did you mean cart?
    hint: git promote status
    ");
    assert_snapshot!(run(&repo, &["-a", "[", "v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: `[` is no glob: unclosed character class; missing ']'
    hint: * stands for any text, ? for one character, {a,b} for a or b
    ");
    assert_snapshot!(run(&repo, &["-a", "crat", "v2", "staging"]).text(), @"
    exit 5
    --- stderr
    error: there is no app `crat`
    hint: did you mean cart?
    hint: git promote status
    ");
}

/// An app of two images at one version and a third at another.
fn images() -> Sandbox {
    let repo = repo(&[("promote.toml", LINE)]);
    let text = |web: &str, job: &str, proxy: &str| {
        format!(
            "images:\n- name: acme/web\n  newTag: {web}\n- name: acme/job\n  newTag: {job}\n\
             - name: envoy\n  newTag: \"{proxy}\"\n"
        )
    };
    save(
        &repo,
        "Add web",
        &[
            (&at("web", "dev"), &text("v2", "v2", "1.30")),
            (&at("web", "staging"), &text("v1", "v1", "1.29")),
            (&at("web", "prod"), &text("v1", "v1", "1.29")),
        ],
    );
    repo
}

#[test]
fn the_images_that_carry_the_version_move() {
    let repo = images();
    assert_snapshot!(run(&repo, &["-n", "v2", "staging"]).text(), @"
    exit 0
    --- stdout
    web  acme/job  staging  v1 -> v2
    web  acme/web  staging  v1 -> v2
    ok    GP001  web: dev has run v2 for [AGE] ([ID])
    ok    GP003  web: v2 is newer than v1
    ok    GP004  web: no digest is pinned
    ok    GP005  web: v2 is no moving tag
    ok    GP007  web: only staging changes
    ok    GP008  web: no image of the set stays behind
    ok    GP011  web: every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:3  images[0].newTag  v1 -> v2
    apps/web/overlays/staging/kustomization.yaml:5  images[1].newTag  v1 -> v2
    dry run: nothing was written
    --- stderr
    note: app web: the only app
    ");
    assert_eq!(moves(&repo, &["1.30", "staging"]), ["web envoy staging 1.29 1.30"]);
    assert_eq!(moves(&repo, &["staging"]).len(), 3);
    assert_eq!(
        moves(&repo, &["v2", "staging", "--image", "acme/web"]),
        ["web acme/web staging v1 v2"]
    );
    assert_snapshot!(run(&repo, &["v2", "staging", "--image", "acme/wob"]).text(), @"
    exit 5
    --- stderr
    error: web has no image `acme/wob`; it has acme/job, acme/web, envoy
    hint: --image acme/job
    hint: git promote status web -o wide
    ");
    assert_snapshot!(run(&repo, &["v2", "staging", "--image", "envoy"]).text(), @"
    exit 3
    --- stdout
    web  staging  1.29 -> v2
    fail  GP001  dev runs 1.30, not v2 (apps/web/overlays/dev/kustomization.yaml:7)
                  at apps/web/overlays/staging/kustomization.yaml:7
    ok    GP003  staging did not run v2 before
    ok    GP004  no digest is pinned
    ok    GP005  v2 is no moving tag
    ok    GP007  only staging changes
    warn  GP008  left behind: acme/job, acme/web
                  at apps/web/overlays/staging/kustomization.yaml:7
    ok    GP011  every manifest can be read
    --- stderr
    note: app web: the only app
    error: refused by GP001; nothing was changed
    hint: git promote web@v2 dev
    hint: git promote explain GP001
    ");
}

#[test]
fn into_a_first_environment_the_image_must_be_clear() {
    let repo = images();
    assert_snapshot!(run(&repo, &["v3", "dev"]).text(), @"
    exit 2
    --- stderr
    error: web has several images in dev, and v3 could be of any of them: acme/job v2, acme/web v2, envoy 1.30; name each that is meant with an --image of its own
    hint: git promote web@v3 dev --image acme/job
    hint: git promote web@v3 dev --image acme/web
    hint: git promote web@v3 dev --image envoy
    ");
    assert_eq!(
        moves(&repo, &["v3", "dev", "--image", "acme/web", "--image", "acme/job"]),
        ["web acme/job dev v2 v3", "web acme/web dev v2 v3"]
    );
    assert_snapshot!(run(&repo, &["v3", "dev", "--image", "nope"]).text(), @"
    exit 5
    --- stderr
    error: web has no image `nope`; it has acme/job, acme/web, envoy
    hint: --image acme/job
    hint: git promote status web -o wide
    ");
}

#[test]
fn the_whole_name_of_an_app_with_a_label_is_no_glob() {
    let config = LINE.replace("apps/{app}/overlays/{env}", "clusters/{env}/{cell}/{app}");
    let repo = repo(&[("promote.toml", &config)]);
    for (env, tag) in [("dev", "v2"), ("staging", "v1"), ("prod", "v1")] {
        for cell in ["one", "two"] {
            let path = format!("clusters/{env}/{cell}/web/kustomization.yaml");
            save(&repo, "Add", &[(&path, &overlay("acme/web", tag))]);
        }
    }
    assert_snapshot!(run(&repo, &["v2", "staging"]).text(), @"
    exit 2
    --- stderr
    error: several apps could be meant: web[cell=one], web[cell=two]
    hint: git promote -a 'web[cell=one]' v2 staging
    hint: git promote --all v2 staging
    ");
    assert_eq!(moves(&repo, &["-a", "web[cell=one]", "v2", "staging"]).len(), 1);
}
