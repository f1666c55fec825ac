//! Ways around an environment that are closed: links and submodules that a
//! guess could overlook, and digests under a tag that ran before.

use std::os::unix::fs::symlink;

use crate::kit::{D1, D2, LINE, at, overlay, repo, run, save};
use crate::testkit::Sandbox;

/// Without a config: web at v2 in dev, at v1 in staging and prod.
fn guessed() -> Sandbox {
    let image = "registry.example/acme/web";
    let (new, old) = (overlay(image, "v2"), overlay(image, "v1"));
    let (dev, staging, prod) = (at("web", "dev"), at("web", "staging"), at("web", "prod"));
    repo(&[(&dev, new.as_str()), (&staging, &old), (&prod, &old)])
}

#[test]
fn a_guess_does_not_overlook_a_linked_environment() {
    let repo = guessed();
    let staging = repo.root.join("apps/web/overlays/staging");
    std::fs::remove_dir_all(&staging).unwrap();
    symlink("dev", &staging).unwrap();
    save(&repo, "Link staging to dev", &[]);
    assert_eq!(run(&repo, &["v2", "prod"]).code(), 3);
    assert_eq!(run(&repo, &["web@v2", "prod"]).code(), 3);
    let text = run(&repo, &["config", "show"]).stdout(0);
    assert!(text.contains("name = \"staging\""), "{text}");
}

#[test]
fn a_guess_does_not_overlook_an_environment_in_a_submodule() {
    let repo = guessed();
    let staging = repo.root.join("apps/web/overlays/staging");
    repo.git(["rm", "-rq", "apps/web/overlays/staging"]);
    let id = repo.head().to_string();
    let entry = format!("160000,{id},apps/web/overlays/staging");
    repo.git(["update-index", "--add", "--cacheinfo", &entry]);
    std::fs::create_dir_all(&staging).unwrap();
    repo.git(["commit", "-q", "-m", "Move staging into a submodule"]);
    assert_eq!(run(&repo, &["web@v2", "prod"]).code(), 3);
}

/// web in staging ran v1 under one digest, and left it; prod takes what was
/// seen there.
fn left_with_digest() -> Sandbox {
    let seen = LINE.replace("name = \"prod\"", "name = \"prod\"\nseen = true");
    let repo = repo(&[("promote.toml", &seen)]);
    let pin = |tag: &str, digest: &str| {
        let name = "registry.example/acme/web";
        format!("images:\n- name: {name}\n  newTag: {tag}\n  digest: {digest}\n")
    };
    for (env, tag) in [("dev", "v1"), ("staging", "v1"), ("prod", "v0")] {
        save(&repo, "Pin", &[(&at("web", env), &pin(tag, D1))]);
    }
    for env in ["dev", "staging"] {
        save(&repo, "Go on", &[(&at("web", env), &pin("v2", D2))]);
    }
    repo
}

#[test]
fn what_ran_before_is_taken_only_under_its_digest() {
    let repo = left_with_digest();
    let forged = format!("web@v1@sha256:{}", "b".repeat(64));
    let text = run(&repo, &[&forged, "prod"]).text();
    assert!(text.contains(&format!("fail  GP004  staging ran v1 as {}", &D1[..19])), "{text}");
    assert!(text.contains(&format!("hint: git promote web@v1@{D1} prod\n")), "{text}");
    let text = run(&repo, &["web@v1", "prod", "--drop-digest"]).text();
    assert!(
        text.contains(&format!("fail  GP004  staging pinned v1 to {}, which", &D1[..19])),
        "{text}"
    );
    let proven = format!("web@v1@{D1}");
    assert_eq!(run(&repo, &[&proven, "prod"]).code(), 0);
}

#[test]
fn of_several_sources_that_are_enough_one_has_to_agree_on_the_digest() {
    let config =
        LINE.replace("name = \"prod\"", "name = \"prod\"\nfrom-any = [\"dev\", \"staging\"]");
    let repo = repo(&[("promote.toml", &config)]);
    let name = "registry.example/acme/web";
    for (env, tag, digest) in [("dev", "v2", D1), ("staging", "v2", D2), ("prod", "v1", D1)] {
        let text = format!("images:\n- name: {name}\n  newTag: {tag}\n  digest: {digest}\n");
        save(&repo, "Pin", &[(&at("web", env), &text)]);
    }
    assert_eq!(run(&repo, &[&format!("web@v2@{D2}"), "prod", "-n"]).code(), 0);
    assert_eq!(run(&repo, &["web@v2", "prod", "-n"]).code(), 0);
    let other = format!("web@v2@sha256:{}", "b".repeat(64));
    assert_eq!(run(&repo, &[&other, "prod", "-n"]).code(), 3);
}

#[test]
fn one_image_is_not_given_two_versions_at_once() {
    let repo = guessed();
    let text = run(&repo, &["web@v2", "web@v1", "staging"]).text();
    assert!(text.starts_with("exit 2\n"), "{text}");
    assert!(text.contains("web is given v2 and v1 at once"), "{text}");
    assert!(text.contains("\nhint: git promote web@v2 staging\n"), "{text}");
    let shown = run(&repo, &["web@v2", "web@v2", "staging"]).stdout(0);
    assert_eq!(shown.matches("web  staging  v1 -> v2").count(), 1, "{shown}");
    let again = run(&repo, &["web@v2", "web@v2", "staging"]).stdout(0);
    assert_eq!(again.matches("already at v2").count(), 1, "{again}");
}
