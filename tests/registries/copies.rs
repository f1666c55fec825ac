//! Copies against Debian's registry: every digest stays, the tag comes last,
//! and a copy that was killed goes on.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use promote::registry::{
    Copied, Copy, Keys, Limits, Meter, Registries, RegistryError, RepositoryName,
};
use serde_json::Value;

use crate::double::Double;
use crate::faults::limits;
use crate::image::Image;
use crate::real::{Registry, promote, skopeo};
use crate::server::{Received, Reply};

fn name(host: &str, path: &str) -> RepositoryName {
    format!("{host}/{path}").parse().unwrap()
}

fn copied(from: &RepositoryName, to: &RepositoryName, pin: &str) -> Copied {
    try_copy(from, to, pin).unwrap()
}

fn try_copy(
    from: &RepositoryName,
    to: &RepositoryName,
    pin: &str,
) -> Result<Copied, RegistryError> {
    let registries =
        Registries::new(Keys::new(|_| Ok(None)), Vec::new(), Limits::default()).unwrap();
    let (meter, pin) = (Arc::new(Meter::default()), pin.parse().unwrap());
    let copy = Copy { from, to, pin: &pin, still: true, referrers: true, meter: &meter };
    let copied = registries.copy(&copy)?;
    let (done, total) = meter.read();
    assert_eq!(done, total, "the meter ends where it should");
    Ok(copied)
}

/// Three platforms, a signature, and a bill of materials.
fn whole() -> Image {
    Image::index(&["amd64", "arm64", "s390x"], 300_000, 1).with_referrer(true).signed("{\"v\":1}")
}

/// Whether both have the same of an image, as skopeo finds it.
fn assert_same(from: &str, to: &str, image: &Image) {
    for tag in image.tagged.iter().map(|(tag, _)| tag.as_str()).chain(["v1"]) {
        let (Some(there), Some(here)) =
            (skopeo(&format!("{from}:{tag}")), skopeo(&format!("{to}:{tag}")))
        else {
            return;
        };
        assert_eq!(there, here, "{tag}");
    }
    for part in &image.manifests {
        let Some((digest, bytes)) = skopeo(&format!("{to}@{}", part.digest())) else { return };
        assert_eq!((digest, bytes), (part.digest(), part.bytes.clone()));
    }
}

#[test]
fn between_two_repositories_everything_is_mounted() {
    let Some(registry) = Registry::start() else { return };
    let (host, image) = (registry.host(), whole());
    registry.push("acme/fast-feedback/web", "v1", &image);
    let from = name(&host, "acme/fast-feedback/web");
    let to = name(&host, "acme/extended-test/web");
    let first = copied(&from, &to, "v1");
    assert_eq!((first.sent, first.bytes, first.unchanged), (0, 0, false), "{first:?}");
    assert_eq!(first.referrers, 2, "{first:?}");
    assert_eq!(first.digest.to_string(), image.top().digest());
    assert_same(&from.to_string(), &to.to_string(), &image);
    let again = copied(&from, &to, "v1");
    assert!(again.unchanged && again.manifests == 1, "{again:?}");
}

#[test]
fn between_two_registries_every_digest_stays() {
    let (Some(here), Some(there)) = (Registry::start(), Registry::start()) else { return };
    let image = whole();
    here.push("acme/web", "v1", &image);
    let (from, to) = (name(&here.host(), "acme/web"), name(&there.host(), "prod/team/web"));
    let first = copied(&from, &to, "v1");
    assert_eq!(first.mounted, 0, "{first:?}");
    assert!(first.sent >= 7 && first.bytes > 1_000_000, "{first:?}");
    assert_same(&from.to_string(), &to.to_string(), &image);
    // By digest there is no tag to set.
    let by_digest = name(&there.host(), "by/digest");
    copied(&from, &by_digest, &image.top().digest());
    assert!(!there.tags("by/digest").iter().any(|tag| tag == "v1"));
    // A tag that is somebody else's.
    here.push("acme/web", "v2", &Image::single(5));
    there.push("prod/team/web", "v2", &Image::single(6));
    let run = promote(
        Path::new("/"),
        &[
            "registry",
            "copy",
            "web:v2",
            "--source-registry",
            &here.host(),
            "--source-stage",
            "acme",
            "--dest-registry",
            &there.host(),
            "--dest-stage",
            "prod/team",
        ],
    );
    let output = { run }.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("is there already with another digest"), "{said}");
}

#[test]
fn a_copy_that_is_killed_shows_no_tag_and_goes_on() {
    let (Some(here), Some(there)) = (Registry::start(), Registry::start()) else { return };
    let image = Image::index(&["amd64", "arm64", "s390x"], 12_000_000, 3).signed("{}");
    here.push("acme/web", "v1", &image);
    let (source, target) = (here.host(), there.host());
    let args = [
        "registry",
        "copy",
        "acme/web:v1",
        "--source-registry",
        &source,
        "--dest-registry",
        &target,
        "-o",
        "json",
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut killed = 0;
    for wait in [15, 30, 45, 60, 90, 120, 150] {
        let mut command = promote(dir.path(), &args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if ended {
            break;
        }
        killed += 1;
        let tags = there.tags("acme/web");
        assert!(!tags.contains(&"v1".to_owned()), "after {wait} ms: {tags:?}");
    }
    assert!(killed > 0);
    let output = promote(dir.path(), &args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["rows"][0]["digest"], image.top().digest());
    assert_same(&format!("{source}/acme/web"), &format!("{target}/acme/web"), &image);
}

#[test]
fn what_was_sent_before_is_not_sent_again() {
    let (source, target) = (Double::start(|_| None), Double::start(|_| None));
    let image = Image::index(&["amd64", "arm64"], 20_000, 7);
    source.hold("acme/web", "v1", &image);
    // All but the last blob are there.
    let mut part = Image { blobs: image.blobs.clone(), ..Image::default() };
    part.blobs.pop();
    part.manifests.push(image.manifests[0].clone());
    target.hold("prod/web", "other", &part);
    let from = name(&source.host(), "acme/web");
    let done = copied(&from, &name(&target.host(), "prod/web"), "v1");
    assert_eq!((done.sent, done.bytes), (1, 20_000), "{done:?}");
}

/// The most memory that a process ever had, in kB.
fn most_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or_default()
}

#[test]
fn memory_is_bounded_however_large_an_image_is() {
    let (Some(here), Some(there)) = (Registry::start(), Registry::start()) else { return };
    let image = Image::index(&["amd64", "arm64", "s390x"], 57_000_000, 3);
    here.push("acme/web", "v1", &image);
    let (source, target) = (here.host(), there.host());
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "registry",
        "copy",
        "acme/web:v1",
        "--source-registry",
        &source,
        "--dest-registry",
        &target,
    ];
    let mut child = promote(dir.path(), &args).stdout(Stdio::null()).spawn().unwrap();
    let (start, mut most) = (Instant::now(), 0);
    while child.try_wait().unwrap().is_none() {
        most = most.max(most_memory(child.id()));
        std::thread::sleep(Duration::from_millis(3));
        assert!(start.elapsed() < Duration::from_secs(120));
    }
    assert!(child.wait().unwrap().success());
    assert!(there.tags("acme/web").contains(&"v1".to_owned()));
    assert!(most > 1_000 && most < 64_000, "{most} kB");
    let _ = here.data();
}

#[test]
fn signatures_are_added_and_never_taken_away() {
    let (source, target) = (Double::start(|_| None), Double::start(|_| None));
    let image = Image::index(&["amd64"], 2_000, 7).signed("one");
    source.hold("acme/web", "v1", &image);
    // The destination has a signature of its own.
    target.hold("prod/web", "v1", &Image::index(&["amd64"], 2_000, 7).signed("other"));
    let (from, to) = (name(&source.host(), "acme/web"), name(&target.host(), "prod/web"));
    let done = copied(&from, &to, "v1");
    assert!(done.notes.iter().any(|note| note.contains("other signatures")), "{done:?}");
    let tag = &image.tagged[0].0;
    assert_ne!(target.tag("prod/web", tag), source.tag("acme/web", tag));
    // Without it, that of the source comes.
    let empty = name(&target.host(), "fresh/web");
    copied(&from, &empty, "v1");
    assert_eq!(target.tag("fresh/web", tag), source.tag("acme/web", tag));
}

#[test]
fn a_registry_that_keeps_account_of_referrers_needs_no_tag_for_them() {
    let image = Image::index(&["amd64"], 2_000, 7).with_referrer(false);
    let referrer = image.manifests[0].clone();
    let mut descriptor = referrer.descriptor();
    descriptor["artifactType"] = "application/spdx+json".into();
    let top = image.top().digest();
    let source = Double::start(move |received: &Received| {
        let list = serde_json::json!({ "schemaVersion": 2, "manifests": [descriptor] });
        let none = serde_json::json!({ "schemaVersion": 2, "manifests": [] });
        let subject = received.path.split_once("/referrers/")?.1;
        Some(Reply::json(200, if subject == top { &list } else { &none }))
    });
    let subject = image.top().digest();
    let own = referrer.digest();
    let target = Double::start(|_| None);
    source.hold("acme/web", "v1", &image);
    let (from, to) = (name(&source.host(), "acme/web"), name(&target.host(), "prod/web"));
    let done = copied(&from, &to, "v1");
    assert_eq!(done.referrers, 1, "{done:?}");
    // This destination does not, so the tag stands for them.
    let kept = target.kept("prod/web");
    let index = &kept.manifests[&subject.replace(':', "-")].1;
    assert!(String::from_utf8_lossy(index).contains(&own));
    assert!(kept.manifests.contains_key(&own));
    let _ = limits();
}

#[test]
fn what_several_indexes_share_is_set_before_all_of_them() {
    let Some(registry) = Registry::start() else { return };
    let host = registry.host();
    for (path, image) in [("twice", Image::shared(true)), ("once", Image::shared(false))] {
        registry.push(&format!("acme/{path}"), "v1", &image);
        let from = name(&host, &format!("acme/{path}"));
        let done = copied(&from, &name(&host, &format!("prod/{path}")), "v1");
        assert_eq!(done.digest.to_string(), image.top().digest());
        assert_eq!(done.manifests, image.manifests.len());
    }
}

#[test]
fn an_image_may_have_many_platforms() {
    let (source, target) = (Double::start(|_| None), Double::start(|_| None));
    let image = Image::wide(300);
    source.hold("acme/web", "v1", &image);
    let (from, to) = (name(&source.host(), "acme/web"), name(&target.host(), "prod/web"));
    assert_eq!(copied(&from, &to, "v1").digest.to_string(), image.top().digest());
}

#[test]
fn what_refers_to_an_image_is_copied_whole_or_not_at_all() {
    let (source, target) = (Double::start(|_| None), Double::start(|_| None));
    let (from, to) = (name(&source.host(), "acme/web"), name(&target.host(), "prod/web"));
    source.hold("acme/web", "v1", &Image::single(1).with_chain(3));
    assert_eq!(copied(&from, &to, "v1").referrers, 3);
    source.hold("acme/web", "v2", &Image::single(2).with_chain(4));
    let error = try_copy(&from, &to, "v2").unwrap_err();
    assert!(error.to_string().contains("--no-referrers"), "{error}");
    assert_eq!(target.tag("prod/web", "v2"), None);
}
