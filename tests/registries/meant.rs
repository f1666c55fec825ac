//! Which image a version means: that of the environment that vouches for it, as
//! it was judged.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::double::Double;
use crate::image::Image;
use crate::repo::{Repo, at};
use crate::server::Reply;

const ONE_IS_ENOUGH: &str = "from-any = [\"qa\", \"staging\"]";
const ALL: &str = "from = [\"qa\", \"staging\"]";

/// dev, then qa and staging, then prod; each with a part of one registry. dev
/// and staging run v2, qa runs v1.
fn four(prod: &str) -> (Double, Repo) {
    let registry = Double::start(|_| None);
    let host = registry.host();
    let of = |name: &str, more: &str| format!("registry = \"{host}/{name}\"\n{more}");
    let repo = Repo::new(&[
        ("dev", of("dev", "")),
        ("qa", of("qa", "from = [\"dev\"]")),
        ("staging", of("staging", "from = [\"dev\"]")),
        ("prod", of("prod", prod)),
    ]);
    for (name, pin) in [("dev", "v2"), ("qa", "v1"), ("staging", "v2"), ("prod", "v1")] {
        repo.app(name, &format!("{host}/{name}/web"), pin);
    }
    repo.commit("Start");
    registry.hold("dev/web", "v2", &Image::single(1));
    registry.hold("staging/web", "v2", &Image::single(1));
    (registry, repo)
}

#[test]
fn where_one_is_enough_the_one_that_runs_it_is_copied_from() {
    // qa has another image under the tag, which nobody tested.
    let (registry, repo) = four(ONE_IS_ENOUGH);
    registry.hold("qa/web", "v2", &Image::single(9));
    let tested = registry.tag("staging/web", "v2");
    let said = repo.says(&["registry", "copy", "web@v2", "prod", "--dry-run"], 0);
    assert!(said.contains("/staging/web"), "{said}");
    repo.says(&["web@v2", "prod"], 0);
    assert_eq!(registry.tag("prod/web", "v2"), tested);
    repo.says(&["check", "HEAD~1..HEAD", "--online"], 0);
}

#[test]
fn where_one_is_enough_the_one_that_runs_it_is_pinned() {
    let (registry, repo) = four(&format!("{ONE_IS_ENOUGH}\npin = \"digest\""));
    registry.hold("qa/web", "v2", &Image::single(9));
    let tested = registry.tag("staging/web", "v2").unwrap();
    repo.says(&["web@v2", "prod"], 0);
    assert!(repo.read(&at("prod")).contains(&tested));
    repo.says(&["check", "HEAD~1..HEAD", "--online"], 0);
}

#[test]
fn where_one_is_enough_the_others_need_not_have_it() {
    let (registry, repo) = four(ONE_IS_ENOUGH);
    repo.says(&["web@v2", "prod", "--pin"], 0);
    assert_eq!(registry.tag("prod/web", "v2"), registry.tag("staging/web", "v2"));
}

#[test]
fn environments_before_that_have_different_images_are_refused() {
    for prod in [ONE_IS_ENOUGH, ALL] {
        let (registry, repo) = four(prod);
        repo.app("qa", &format!("{}/qa/web", registry.host()), "v2");
        repo.commit("v2 in qa");
        registry.hold("qa/web", "v2", &Image::single(9));
        let said = repo.says(&["web@v2", "prod"], 3);
        assert!(said.contains("fail  GP002") && said.contains("in staging"), "{said}");
        let said = repo.says(&["registry", "copy", "web@v2", "prod"], 3);
        assert!(said.contains("in qa") && said.contains("in staging"), "{said}");
        let said = repo.says(&["web@v2", "prod", "--pin"], 3);
        assert!(said.contains("no digest can be pinned"), "{said}");
        assert_eq!(registry.tag("prod/web", "v2"), None);
        // Once they have the same, it is let through.
        registry.hold("qa/web", "v2", &Image::single(1));
        repo.says(&["web@v2", "prod"], 0);
    }
}

/// dev and prod, each with a registry; dev pins v2 by its digest, and then the
/// tag moves.
fn moved_tag() -> (Double, Repo, String) {
    let registry = Double::start(|_| None);
    let host = registry.host();
    let repo = Repo::new(&[
        ("dev", format!("registry = \"{host}/dev\"")),
        ("prod", format!("registry = \"{host}/prod\"")),
    ]);
    registry.hold("dev/web", "v2", &Image::single(1));
    let pinned = registry.tag("dev/web", "v2").unwrap();
    repo.app("dev", &format!("{host}/dev/web"), &format!("v2@{pinned}"));
    repo.app("prod", &format!("{host}/prod/web"), "v1");
    repo.commit("Start");
    registry.hold("dev/web", "v2", &Image::single(9));
    (registry, repo, pinned)
}

#[test]
fn what_is_pinned_is_copied_though_the_tag_moved() {
    let (registry, repo, pinned) = moved_tag();
    let said = repo.says(&["web@v2", "prod", "--dry-run"], 0);
    assert!(said.contains("moved since it was pinned"), "{said}");
    repo.says(&["web@v2", "prod"], 0);
    assert_eq!(registry.tag("prod/web", "v2").as_ref(), Some(&pinned));
    assert!(repo.read(&at("prod")).contains(&pinned));
    repo.says(&["check", "HEAD~1..HEAD", "--online"], 0);
}

#[test]
fn a_copy_by_hand_takes_what_is_pinned() {
    let (registry, repo, pinned) = moved_tag();
    let document = repo.json(&["registry", "copy", "web@v2", "prod", "--dry-run"], 0);
    assert_eq!(document["rows"][0]["digest"], pinned.as_str());
    let document = repo.json(&["registry", "copy", "web@v2", "prod"], 0);
    assert_eq!(document["rows"][0]["digest"], pinned.as_str());
    assert_eq!(registry.tag("prod/web", "v2"), Some(pinned));
}

#[test]
fn what_is_there_by_its_digest_needs_no_tag() {
    let (registry, repo, pinned) = moved_tag();
    // The image is there, and the tag is another one's.
    registry.hold("prod/web", "v2", &Image::single(1));
    registry.hold("prod/web", "v2", &Image::single(5));
    let other = registry.tag("prod/web", "v2");
    let document = repo.json(&["web@v2", "prod"], 0);
    assert!(document.get("copies").is_none_or(|copies| copies.as_array().unwrap().is_empty()));
    assert_eq!(registry.tag("prod/web", "v2"), other);
    assert!(repo.read(&at("prod")).contains(&pinned));
}

#[test]
fn what_is_gone_at_the_source_is_not_copied_where_it_is_there() {
    let registry = Double::start(|_| None);
    let host = registry.host();
    let repo = Repo::new(&[
        ("dev", format!("registry = \"{host}/dev\"")),
        ("prod", format!("registry = \"{host}/prod\"")),
    ]);
    repo.app("dev", &format!("{host}/dev/web"), "v2");
    repo.app("prod", &format!("{host}/prod/web"), "v1");
    repo.commit("Start");
    registry.hold("prod/web", "v2", &Image::single(1));
    repo.says(&["web@v2", "prod"], 0);
    assert!(repo.read(&at("prod")).contains("newTag: v2\n"));
}

#[test]
fn a_tag_that_moves_after_it_was_judged_is_not_copied() {
    let marker: PathBuf = tempfile::tempdir().unwrap().keep().join("moved");
    let (own, other) = (marker.clone(), Image::single(9));
    // As soon as cosign has looked, the tag is another image.
    let registry = Double::start(move |received| {
        let part = other.top();
        let of_tag = received.path == "/v2/dev/web/manifests/v2" && own.exists();
        of_tag.then(|| {
            Reply { status: 200, body: part.bytes.clone(), ..Reply::default() }
                .header("Content-Type", part.media_type)
                .header("Docker-Content-Digest", &part.digest())
        })
    });
    let host = registry.host();
    let signed = "verify-signature = { key = \"cosign.pub\" }";
    let repo = Repo::new(&[
        ("dev", format!("registry = \"{host}/dev\"")),
        ("prod", format!("registry = \"{host}/prod\"\n{signed}")),
    ]);
    registry.hold("dev/web", "v2", &Image::single(1));
    repo.app("dev", &format!("{host}/dev/web"), "v2");
    repo.app("prod", &format!("{host}/prod/web"), "v1");
    repo.write("cosign.pub", "key\n");
    let head = repo.commit("Start");
    let dir = repo.root.join("../bin");
    std::fs::create_dir(&dir).unwrap();
    let script = format!("#!/bin/sh\ntouch '{}'\n", marker.display());
    std::fs::write(dir.join("cosign"), script).unwrap();
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.join("cosign"), permissions).unwrap();
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    let output = repo.run_with(&["web@v2", "prod"], &[("PATH", path.as_str())]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("moved from"), "{said}");
    assert_eq!(registry.tag("prod/web", "v2"), None);
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
    std::fs::remove_dir_all(marker.parent().unwrap()).unwrap();
}

#[test]
fn a_rollback_needs_the_registry_of_the_environment_alone() {
    let down = Double::start(|received| {
        let to_dev = received.path.starts_with("/v2/dev/");
        to_dev.then(|| Reply { status: 403, ..Reply::default() })
    });
    let host = down.host();
    let repo = Repo::new(&[
        ("dev", format!("registry = \"{host}/dev\"")),
        ("prod", format!("registry = \"{host}/prod\"")),
    ]);
    for pin in ["v1", "v2"] {
        repo.app("dev", &format!("{host}/dev/web"), pin);
        repo.app("prod", &format!("{host}/prod/web"), pin);
        repo.commit(pin);
    }
    // Waiting does not help where nobody is let in.
    let said = repo.says(&["rollback", "prod", "web"], 4);
    assert!(said.contains("GP002") && said.contains("hint: docker login"), "{said}");
    down.hold("prod/web", "v1", &Image::single(1));
    repo.says(&["rollback", "prod", "web"], 0);
    assert!(repo.read(&at("prod")).contains("newTag: v1\n"));
}

/// dev and prod, each with a registry and a file of values that has a version in
/// this field.
fn values(field: &str, more: &str) -> (Double, Repo) {
    let registry = Double::start(|_| None);
    let host = registry.host();
    let path =
        format!("{{ path = \"{{env}}/{{app}}.yaml\", fields = [{{ path = \"{field}\" }}] }}");
    let repo = Repo::laid_out(
        &path,
        &[
            ("dev", format!("registry = \"{host}/dev\"")),
            ("prod", format!("registry = \"{host}/prod\"\n{more}")),
        ],
    );
    (registry, repo)
}

#[test]
fn the_image_of_helm_values_is_named_beside_its_tag() {
    let (registry, repo) = values("spec.values.image.tag", "pin = \"digest\"");
    let host = registry.host();
    for (name, tag) in [("dev", "v2"), ("prod", "v1")] {
        let digest =
            if name == "prod" { format!("sha256:{}", "1".repeat(64)) } else { String::new() };
        let digest = if digest.is_empty() { digest } else { format!("      digest: {digest}\n") };
        let text = format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web}}\nspec:\n  \
             chart: {{spec: {{chart: web, sourceRef: {{kind: HelmRepository, name: acme}}}}}}\n  \
             values:\n    image:\n      registry: {host}\n      repository: {name}/web\n      tag: {tag}\n{digest}"
        );
        repo.write(&format!("{name}/web.yaml"), &text);
    }
    repo.commit("Start");
    let said = repo.says(&["web@v2", "prod", "--drop-digest"], 5);
    assert!(said.contains("/dev/web does not have v2"), "{said}");
    registry.hold("dev/web", "v2", &Image::single(1));
    repo.says(&["web@v2", "prod"], 0);
    let digest = registry.tag("prod/web", "v2").unwrap();
    assert!(repo.read("prod/web.yaml").contains(&digest));
}

#[test]
fn a_version_that_names_no_image_is_told_and_let_through() {
    let (_registry, repo) = values("appVersion", "pin = \"digest\"");
    repo.write("dev/web.yaml", "appVersion: v2\n");
    repo.write("prod/web.yaml", "appVersion: v1\n");
    repo.commit("Start");
    let said = repo.says(&["web@v2", "prod"], 0);
    assert!(said.contains("warn  GP002") && said.contains("nothing tells which image"), "{said}");
    assert_eq!(repo.read("prod/web.yaml"), "appVersion: v2\n");
    let said = repo.says(&["registry", "check", "web@v2"], 5);
    assert!(said.contains("nothing tells which registry"), "{said}");
    repo.says(&["versions", "web", "--online"], 0);
    let said = repo.says(&["registry", "copy", "web@v2", "prod"], 5);
    assert!(said.contains("nothing tells which registry"), "{said}");
    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let said = repo.says(&["web@v2", "prod", "--pin"], 5);
    assert!(said.contains("nothing tells which registry"), "{said}");
}
