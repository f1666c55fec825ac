//! What a registry can do wrong: each case once, with what has to come of it.
//! Whatever happens, no tag is visible at the destination before all of it is
//! there and verified, and no secret goes anywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use promote::registry::{Copied, Copy, Credential, Keys, Limits, Meter, Registries, RegistryError};

use crate::cases::{self, ALWAYS, Case, first, is, manifest, right};
use crate::double::{Double, Wrong};
use crate::image::{Image, MANIFEST};
use crate::server::{Received, Reply, Server};

pub(crate) const PASSWORD: &str = "s3cret-passw0rd";

pub(crate) fn keys() -> Keys {
    Keys::new(|_| {
        let (user, password) = ("robot".to_owned(), PASSWORD.to_owned());
        Ok(Some(Credential::Password { user, password }))
    })
}

pub(crate) fn limits() -> Limits {
    Limits {
        request: Duration::from_millis(700),
        stall: Duration::from_millis(500),
        pause: Duration::from_millis(5),
        wait: Duration::from_millis(50),
        tries: 3,
    }
}

/// Two registries and a place that belongs to neither.
struct Scene {
    source: Double,
    target: Double,
    elsewhere: Server,
    image: Image,
}

/// The image that is copied: two platforms.
pub(crate) fn image() -> Image {
    Image::index(&["amd64", "arm64"], 20_000, 7)
}

/// What both ends, and the place elsewhere, do wrong. The address of the place
/// elsewhere is known to them.
pub(crate) struct Fault {
    pub(crate) source: Wrong,
    pub(crate) target: Wrong,
}

impl Scene {
    fn start(fault: impl Fn(&str) -> Fault) -> Self {
        let elsewhere = Server::start(|received| match received.method.as_str() {
            "GET" => Reply::json(200, &serde_json::json!({ "token": "stolen" })),
            _ => Reply { status: 202, ..Reply::default() }.header("Location", "/next"),
        });
        let Fault { source, target } = fault(&elsewhere.origin());
        let (source, target) = (Double::start(source), Double::start(target));
        let image = image();
        source.hold("acme/web", "v1", &image);
        Self { source, target, elsewhere, image }
    }

    fn copy_with(&self, keys: Keys) -> Result<Copied, RegistryError> {
        let registries = Registries::new(keys, Vec::new(), limits()).unwrap();
        let from = format!("{}/acme/web", self.source.host()).parse().unwrap();
        let to = format!("{}/prod/web", self.target.host()).parse().unwrap();
        let meter = Arc::new(Meter::default());
        let pin = "v1".parse().unwrap();
        let referrers = true;
        registries.copy(&Copy {
            from: &from,
            to: &to,
            pin: &pin,
            still: true,
            referrers,
            meter: &meter,
        })
    }

    fn copy(&self) -> Result<Copied, RegistryError> {
        self.copy_with(keys())
    }

    /// Nothing secret went to the place elsewhere, or into a message.
    #[track_caller]
    fn assert_no_leak(&self, name: &str, said: &str) {
        assert!(!said.contains(PASSWORD), "{name}: {said}");
        for received in self.elsewhere.received() {
            assert_eq!(received.header("authorization"), "", "{name}: {received:?}");
        }
    }
}

fn run(cases: Vec<Case>) {
    assert!(!cases.is_empty());
    for Case { name, code, says, fault } in cases {
        let scene = Scene::start(&fault);
        let copied = scene.copy();
        let top = scene.image.top().digest();
        match &copied {
            Ok(copied) => {
                assert_eq!(code, 0, "{name}: it was copied");
                assert_eq!(copied.digest.to_string(), top, "{name}");
                assert_eq!(scene.target.tag("prod/web", "v1"), Some(top), "{name}");
            }
            Err(error) => {
                assert_eq!(error.exit_code(), code, "{name}: {error}");
                assert!(error.to_string().contains(says), "{name}: {error}");
                assert_eq!(scene.target.tags("prod/web"), [""; 0], "{name}");
                scene.assert_no_leak(name, &format!("{error} {error:?} {:?}", error.hint()));
            }
        }
        scene.assert_no_leak(name, "");
    }
}

#[test]
fn manifests_that_are_wrong() {
    run(cases::of_manifests());
}

#[test]
fn blobs_that_are_wrong() {
    run(cases::of_blobs());
    run(cases::of_broken_blobs());
}

#[test]
fn refusals_and_what_passes() {
    run(cases::of_refusals());
    run(cases::of_uploads());
}

#[test]
fn other_places_get_no_secret() {
    run(cases::of_realms());
    run(cases::of_redirects());
    run(cases::of_upload_places());
}

#[test]
fn there_are_at_least_34_cases() {
    let wrong = [cases::of_manifests(), cases::of_blobs(), cases::of_broken_blobs()];
    let refused = [cases::of_refusals(), cases::of_uploads()];
    let elsewhere = [cases::of_realms(), cases::of_redirects(), cases::of_upload_places()];
    let all = wrong.iter().chain(&refused).chain(&elsewhere);
    assert!(all.map(Vec::len).sum::<usize>() >= 34);
}

#[test]
fn a_tag_that_is_another_image_is_refused() {
    let scene = Scene::start(|_| Fault { source: right(), target: right() });
    scene.target.hold("prod/web", "v1", &Image::single(3));
    let error = scene.copy().unwrap_err();
    assert!(matches!(&error, RegistryError::Exists { .. }), "{error}");
    assert_eq!(error.exit_code(), 3);
    // Nothing was sent before that was known.
    assert!(scene.target.server.received().iter().all(|r| r.method == "HEAD"));
    assert_eq!(scene.target.tag("prod/web", "v1"), Some(Image::single(3).top().digest()));
}

#[test]
fn a_tag_that_moves_in_the_meantime_is_not_set() {
    // The first look sees the image, every later one another.
    let other = Image::single(3).top().digest();
    let moves = move |received: &Received| {
        let moved = Reply { status: 200, ..Reply::default() };
        is("HEAD", "/manifests/v1")(received).then(|| moved.header("Docker-Content-Digest", &other))
    };
    let scene = Scene::start(move |_| Fault { source: Box::new(moves.clone()), target: right() });
    let error = scene.copy().unwrap_err();
    assert!(matches!(&error, RegistryError::Moved { .. }), "{error}");
    assert_eq!((error.exit_code(), scene.target.tags("prod/web")), (6, vec![]));
}

#[test]
fn a_tag_that_somebody_else_sets_in_the_meantime_stays() {
    let seen = Arc::new(AtomicUsize::new(0));
    let other = Image::single(3).top().digest();
    let taken = move |received: &Received| {
        let is_tag = is("HEAD", "/manifests/v1")(received);
        let late = is_tag && seen.fetch_add(1, Ordering::SeqCst) > 0;
        let there = Reply { status: 200, ..Reply::default() };
        late.then(|| there.header("Docker-Content-Digest", &other))
    };
    let scene = Scene::start(move |_| Fault { source: right(), target: Box::new(taken.clone()) });
    let error = scene.copy().unwrap_err();
    assert!(matches!(&error, RegistryError::Exists { .. }), "{error}");
    assert!(
        !scene.target.server.received().iter().any(|r| r.is("PUT", "/v2/prod/web/manifests/v1"))
    );
}

#[test]
fn a_tag_that_reads_back_as_another_is_told() {
    let other = || {
        let part = Image::single(3).top().clone();
        manifest(part.bytes, MANIFEST)
    };
    let wrong = first(ALWAYS, is("GET", "/manifests/v1"), move |_| other());
    let scene = Scene::start(move |_| Fault { source: right(), target: Box::new(wrong.clone()) });
    let error = scene.copy().unwrap_err();
    assert!(error.to_string().contains("reads back as"), "{error}");
    assert_eq!(error.exit_code(), 8);
}
