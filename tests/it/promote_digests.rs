//! What vouches for a digest, what moves as a set, and that a command which is
//! proposed is one that helps.

use insta::assert_snapshot;

use crate::kit::{D1, D2, LINE, at, line, line_with, put, repo, run, save};
use crate::testkit::Sandbox;

/// The exit code and what the dry run says of one rule, then the errors and
/// hints.
fn told(repo: &Sandbox, rule: &str, args: &[&str]) -> String {
    let text = run(repo, &[&["-n"], args].concat()).text();
    let kept = |line: &&str| {
        let remark = ["error:", "hint:", "warning:"].iter().any(|label| line.starts_with(label));
        remark || line.starts_with("exit") || line.contains(rule)
    };
    let lines: Vec<&str> = text.lines().filter(kept).collect();
    lines.join("\n").replace(D1, "[D1]").replace(D2, "[D2]")
}

fn pins(images: &[(&str, &str)]) -> String {
    let entry = |(name, pin): &(&str, &str)| format!("- name: {name}\n{pin}");
    format!("resources:\n- ../../base\nimages:\n{}", images.iter().map(entry).collect::<String>())
}

fn tag(tag: &str) -> String {
    format!("  newTag: {tag}\n")
}

fn both(tag: &str, digest: &str) -> String {
    format!("  newTag: {tag}\n  digest: {digest}\n")
}

/// web alone is pinned anew in an environment.
fn pinned(repo: &Sandbox, env: &str, pin: &str) {
    let text = pins(&[("registry.example/acme/web", pin)]);
    save(repo, &format!("Pin web in {env}"), &[(&at("web", env), &text)]);
}

#[test]
fn a_digest_that_nobody_before_runs_is_not_vouched_for() {
    let repo = line_with("\n[[override]]\nrule = \"GP001\"\n");
    pinned(&repo, "staging", &both("v1.3.0", D1));
    let unknown = format!("web@v1.9.0@{D2}");
    assert_snapshot!(told(&repo, "GP004", &[&unknown, "prod"]), @"
    exit 3
    skip  GP004  asked once the version is in the environment before
    error: refused by GP001; nothing was changed
    hint: git promote web@v1.9.0@[D2] dev
    hint: git promote explain GP001
    ");
    let waived = [&unknown, "prod", "--override", "GP001", "--reason", "x"];
    assert_snapshot!(told(&repo, "GP004", &waived), @"
    exit 3
    fail  GP004  no environment before vouches for the digest
    error: refused by GP004; nothing was changed
    hint: git promote web@v1.9.0@[D2] dev
    hint: git promote explain GP004
    ");
    assert_eq!(run(&repo, &waived).code(), 3);
    let known = format!("web@v1.3.0@{D1}");
    assert_snapshot!(told(&repo, "GP004", &[&known, "prod"]), @"
    exit 0
    ok    GP004  the digest is that of staging
    ");
}

#[test]
fn a_digest_that_ran_before_is_vouched_for_where_that_is_enough() {
    let seen = LINE.replace("name = \"staging\"", "name = \"staging\"\nseen = true");
    let repo = line();
    save(&repo, "Seen is enough", &[("promote.toml", &seen)]);
    pinned(&repo, "dev", &both("v1.3.0", D1));
    put(&repo, "web", "dev", "v1.4.0");
    let known = format!("web@v1.3.0@{D1}");
    assert_snapshot!(told(&repo, "GP004", &[&known, "staging"]), @"
    exit 0
    ok    GP004  the digest is one that dev ran before
    ");
    assert_snapshot!(told(&repo, "GP004", &[&format!("web@v1.3.0@{D2}"), "staging"]), @"
    exit 3
    fail  GP004  dev ran v1.3.0 as sha256:111111111111
    error: refused by GP004; nothing was changed
    hint: git promote web@v1.3.0@[D1] staging
    hint: git promote explain GP004
    ");
    assert_snapshot!(told(&repo, "GP004", &["web@v1.3.0", "staging"]), @"
    exit 3
    fail  GP004  dev pinned v1.3.0 to sha256:111111111111, which is not carried over
    error: refused by GP004; nothing was changed
    hint: git promote web@v1.3.0@[D1] staging
    hint: git promote explain GP004
    ");
}

#[test]
fn a_lost_digest_is_asked_for_once_the_version_is_there() {
    let repo = line();
    pinned(&repo, "prod", &both("v1.2.2", D1));
    assert_snapshot!(told(&repo, "GP004", &["web@v1.2.3", "prod"]), @"
    exit 3
    skip  GP004  asked once the version is in the environment before
    error: refused by GP001; nothing was changed
    hint: git promote web@v1.2.3 staging
    hint: git promote explain GP001
    ");
}

#[test]
fn a_tag_that_was_pushed_again_is_told() {
    let repo = line();
    pinned(&repo, "dev", &both("v1.3.0", D1));
    assert_snapshot!(told(&repo, "GP004", &[&format!("web@v1.3.0@{D2}"), "dev"]), @"
    exit 0
    warn  GP004  dev runs v1.3.0 as sha256:111111111111: the tag was pushed again
    ");
    assert_snapshot!(told(&repo, "GP003", &[&format!("web@v1.3.0@{D2}"), "dev"]), @"
    exit 0
    ok    GP003  the tag stays v1.3.0
    ");
    assert_snapshot!(told(&repo, "GP004", &[&format!("web@v1.4.0@{D2}"), "dev"]), @"
    exit 0
    ok    GP004  the digest is new with the version
    ");
    put(&repo, "web", "dev", "v1.3.0");
    assert_snapshot!(told(&repo, "GP004", &[&format!("web@v1.3.0@{D2}"), "dev"]), @"
    exit 0
    ok    GP004  the digest is added to v1.3.0
    ");
}

/// An app whose images `web` and `b` share a version in dev, `web` alone being
/// known in staging.
fn half() -> Sandbox {
    repo(&[
        ("promote.toml", LINE),
        (&at("web", "dev"), &pins(&[("acme/web", &tag("v2")), ("acme/b", &tag("v2"))])),
        (&at("web", "staging"), &pins(&[("acme/web", &tag("v1"))])),
    ])
}

#[test]
fn what_the_target_has_no_entry_for_is_left_behind_aloud() {
    let repo = half();
    assert_snapshot!(told(&repo, "GP008", &["staging"]), @"
    exit 0
    warn  GP008  left behind: acme/b
    warning: web: staging has no entry for acme/b, and v2 of it stays behind
    ");
    assert_snapshot!(told(&repo, "GP008", &["dev", "staging"]), @"
    exit 0
    warn  GP008  left behind: acme/b
    warning: web: staging has no entry for acme/b, and v2 of it stays behind
    ");
    assert_eq!(run(&repo, &["-n", "web@v2", "staging", "--create"]).code(), 0);
    assert_snapshot!(told(&repo, "GP008", &["staging", "--image", "b"]), @"
    exit 5
    error: web has no entry for acme/b in staging
    hint: git promote web@v2 staging --create
    ");
    let other = pins(&[("acme/web", &tag("v2")), ("acme/b", &tag("v7"))]);
    save(&repo, "Part", &[(&at("web", "dev"), &other)]);
    assert_snapshot!(told(&repo, "GP008", &["staging"]), @"
    exit 0
    ok    GP008  no image of the set stays behind
    warning: web: staging has no entry for acme/b, and v7 of it stays behind
    ");
}

#[test]
fn a_set_is_a_set_in_a_first_environment_too() {
    let text = pins(&[
        ("ghcr.io/acme/shop", &both("v1.1.0", D1)),
        ("ghcr.io/acme/shop-worker", &both("v1.1.0", D2)),
        ("envoy", &tag("v1.30")),
    ]);
    let repo = repo(&[("promote.toml", LINE), (&at("shop", "dev"), &text)]);
    let part = ["shop@v1.2.0", "dev", "--drop-digest", "--image", "shop"];
    assert_snapshot!(told(&repo, "GP008", &part), @"
    exit 0
    warn  GP008  left behind: ghcr.io/acme/shop-worker
    warning: apps/shop/overlays/dev/kustomization.yaml:7 still says v1.1.0
    ");
    let all = [&part[..], &["--image", "shop-worker"]].concat();
    assert_snapshot!(told(&repo, "GP008", &all), @"
    exit 0
    ok    GP008  shop: no image of the set stays behind
    ");
    assert_snapshot!(told(&repo, "GP008", &["shop@v1.2.0", "dev", "--image", "shop-wroker"]), @"
    exit 5
    error: shop has no image `shop-wroker`; it has envoy, ghcr.io/acme/shop, ghcr.io/acme/shop-worker
    hint: --image ghcr.io/acme/shop-worker
    hint: git promote status shop -o wide
    ");
    assert_snapshot!(told(&repo, "GP008", &["shop@v1.2.0", "dev", "--image", "ghcr.io/acme/*"]), @"
    exit 5
    error: shop has no image `ghcr.io/acme/*`; it has envoy, ghcr.io/acme/shop, ghcr.io/acme/shop-worker
    hint: --image ghcr.io/acme/shop
    hint: git promote status shop -o wide
    ");
}

#[test]
fn one_tag_is_one_version_whatever_the_digests() {
    let text = pins(&[
        ("ghcr.io/acme/shop", &both("v1.1.0", D1)),
        ("ghcr.io/acme/shop-worker", &both("v1.1.0", D2)),
    ]);
    let repo = repo(&[("promote.toml", LINE), (&at("shop", "dev"), &text)]);
    assert_snapshot!(told(&repo, "shop", &["shop@v1.2.0", "dev", "--drop-digest"]), @"
    exit 0
    shop  ghcr.io/acme/shop  dev  v1.1.0@sha256:111111111111 -> v1.2.0
    shop  ghcr.io/acme/shop-worker  dev  v1.1.0@sha256:222222222222 -> v1.2.0
    ok    GP003  shop: v1.2.0 is newer than v1.1.0@sha256:111111111111
    ok    GP003  shop: v1.2.0 is newer than v1.1.0@sha256:222222222222
    ok    GP004  shop: the digest that dev pins is dropped on request
    ok    GP005  shop: v1.2.0 is no moving tag
    ok    GP007  shop: only dev changes
    ok    GP008  shop: no image of the set stays behind
    ok    GP011  shop: every manifest can be read
    apps/shop/overlays/dev/kustomization.yaml:5  images[0].newTag  v1.1.0 -> v1.2.0
    apps/shop/overlays/dev/kustomization.yaml:6  images[0].digest  sha256:111111111111 -> none
    apps/shop/overlays/dev/kustomization.yaml:8  images[1].newTag  v1.1.0 -> v1.2.0
    apps/shop/overlays/dev/kustomization.yaml:9  images[1].digest  sha256:222222222222 -> none
    ");
    assert_snapshot!(told(&repo, "shop", &[&format!("shop@v1.2.0@{D1}"), "dev"]), @"
    exit 2
    error: shop has several images in dev, and v1.2.0@[D1] could be of any of them: ghcr.io/acme/shop v1.1.0@[D1], ghcr.io/acme/shop-worker v1.1.0@[D2]; name each that is meant with an --image of its own
    hint: git promote shop@v1.2.0@[D1] dev --image ghcr.io/acme/shop
    hint: git promote shop@v1.2.0@[D1] dev --image ghcr.io/acme/shop-worker
    ");
    let one = format!("shop@v1.2.0@{D1}");
    assert_eq!(run(&repo, &["-n", &one, "dev", "--image", "shop"]).code(), 0);
}

#[test]
fn a_hint_never_proposes_what_the_config_forbids() {
    let repo = line_with("\n[[override]]\nrule = \"GP006\"\n");
    put(&repo, "web", "staging", "v1.3.0");
    assert_snapshot!(told(&repo, "GP003", &["web@v1.2.3", "staging"]), @"
    exit 3
    fail  GP003  v1.2.3 is older than v1.3.0
    error: refused by GP003; nothing was changed
    hint: git promote explain GP003
    ");
    assert_snapshot!(told(&repo, "GP012", &["web@v1.2.3", "staging", "--override", "GP003"]), @"
    exit 3
    fail  GP012  GP003 is overridden without a reason
    error: refused by GP003, GP012; nothing was changed
    hint: git promote explain GP003
    ");
    put(&repo, "web", "dev", "latest");
    assert_snapshot!(told(&repo, "GP005", &["web@latest", "staging"]), @"
    exit 3
    fail  GP005  the tag latest moves: it is a name for whatever is newest
    error: refused by GP005; nothing was changed
    hint: git promote explain GP005
    ");
}

#[test]
fn a_waiver_without_a_reason_is_refused_even_if_nothing_moves() {
    let repo = line();
    let args = ["web@v1.2.3", "dev", "--override", "GP003"];
    assert_snapshot!(run(&repo, &args).text(), @"
    exit 3
    --- stdout
    web  dev  already at v1.2.3
    fail  GP012  GP003 is overridden without a reason
    --- stderr
    error: refused by GP012; nothing was changed
    hint: git promote web@v1.2.3 dev
    hint: git promote explain GP012
    ");
    assert_eq!(run(&repo, &[&args[..], &["--reason", "x"]].concat()).code(), 0);
}

#[test]
fn behind_the_upstream_pulling_comes_first() {
    let repo = line();
    repo.git(["clone", "-q", "--bare", ".", "../remote.git"]);
    repo.git(["remote", "add", "origin", "../remote.git"]);
    put(&repo, "web", "staging", "v1.2.3");
    repo.git(["push", "-q", "-u", "origin", "main"]);
    repo.git(["reset", "-q", "--hard", "HEAD^"]);
    assert_snapshot!(told(&repo, "GP001", &["web@v1.2.3", "prod"]), @"
    exit 3
    fail  GP001  staging runs v1.2.2, not v1.2.3 (apps/web/overlays/staging/kustomization.yaml:5)
    error: refused by GP001; nothing was changed
    warning: the branch is 1 commit behind origin/main
    hint: git pull
    hint: git promote web@v1.2.3 staging
    hint: git promote explain GP001
    ");
    assert_snapshot!(told(&repo, "GP001", &["v1.2.3", "prod"]), @"
    exit 3
    error: GP001: no app runs v1.2.3 in staging: looked at api, web; the branch is 1 commit behind origin/main
    hint: git pull
    hint: git promote v1.2.3 staging
    hint: git promote status
    ");
}

#[test]
fn an_image_that_is_asked_for_is_judged() {
    let text = |a: &str, b: &str| pins(&[("acme/web", &tag(a)), ("envoy", &tag(b))]);
    let repo = repo(&[
        ("promote.toml", LINE),
        (&at("web", "dev"), &text("v2", "v9")),
        (&at("web", "staging"), &text("v1", "v8")),
    ]);
    assert_snapshot!(told(&repo, "GP001", &["web@v2", "staging", "--image", "envoy"]), @"
    exit 3
    fail  GP001  dev runs v9, not v2 (apps/web/overlays/dev/kustomization.yaml:7)
    error: refused by GP001, GP003; nothing was changed
    hint: git promote web@v2 dev
    hint: git promote explain GP001
    ");
}
