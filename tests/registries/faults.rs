//! What a registry can do wrong: each case once, with what has to come of it.
//! Whatever happens, no tag is visible at the destination before all of it is
//! there and verified, and no secret goes anywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use promote::registry::{Copied, Copy, Credential, Keys, Limits, Meter, Registries, RegistryError};

use crate::double::{Double, Wrong, error};
use crate::image::{INDEX, Image, MANIFEST, digest};
use crate::server::{How, Received, Reply, Server};

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
fn image() -> Image {
    Image::index(&["amd64", "arm64"], 20_000, 7)
}

/// What both ends, and the place elsewhere, do wrong. The address of the place
/// elsewhere is known to them.
struct Fault {
    source: Wrong,
    target: Wrong,
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
        registries.copy(&Copy { from: &from, to: &to, pin: &pin, referrers, meter: &meter })
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

/// One case: what is done wrong, the exit code and a part of the message; 0 for
/// a copy that is made all the same.
struct Case {
    name: &'static str,
    code: u8,
    says: &'static str,
    fault: Box<dyn Fn(&str) -> Fault>,
}

fn right() -> Wrong {
    Box::new(|_| None)
}

fn at_source(
    name: &'static str,
    (code, says): (u8, &'static str),
    wrong: impl Fn(&Received) -> Option<Reply> + Send + Sync + Clone + 'static,
) -> Case {
    let fault = move |_: &str| Fault { source: Box::new(wrong.clone()), target: right() };
    Case { name, code, says, fault: Box::new(fault) }
}

fn at_target(
    name: &'static str,
    (code, says): (u8, &'static str),
    wrong: impl Fn(&Received) -> Option<Reply> + Send + Sync + Clone + 'static,
) -> Case {
    let fault = move |_: &str| Fault { source: right(), target: Box::new(wrong.clone()) };
    Case { name, code, says, fault: Box::new(fault) }
}

/// The first `times` requests that are meant get this answer.
fn first(
    times: usize,
    meant: impl Fn(&Received) -> bool + Send + Sync + Clone + 'static,
    reply: impl Fn(&Received) -> Reply + Send + Sync + Clone + 'static,
) -> impl Fn(&Received) -> Option<Reply> + Send + Sync + Clone + 'static {
    let count = Arc::new(AtomicUsize::new(0));
    move |received| {
        let is_meant = meant(received) && count.fetch_add(1, Ordering::SeqCst) < times;
        is_meant.then(|| reply(received))
    }
}

const ALWAYS: usize = usize::MAX;

fn is(
    method: &'static str,
    part: &'static str,
) -> impl Fn(&Received) -> bool + Send + Sync + Clone {
    move |received| received.method == method && received.path.contains(part)
}

fn manifest(bytes: Vec<u8>, kind: &str) -> Reply {
    Reply { status: 200, body: bytes, ..Reply::default() }.header("Content-Type", kind)
}

fn bearer(realm: &str) -> Reply {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"x\"");
    error(401, "UNAUTHORIZED", "who are you").header("WWW-Authenticate", &challenge)
}

/// The largest blob of the image, which is a layer.
fn layer() -> Vec<u8> {
    image().blobs.into_iter().max_by_key(Vec::len).unwrap()
}

fn is_layer(method: &'static str) -> impl Fn(&Received) -> bool + Send + Sync + Clone {
    let name = digest(&layer());
    move |received| received.method == method && received.path.ends_with(&name)
}

fn of_manifests() -> Vec<Case> {
    let top = || image().top().clone();
    let v1 = is("GET", "/manifests/v1");
    vec![
        at_source("manifest with another digest than it says", (8, "its digest is"), {
            first(ALWAYS, v1.clone(), move |_| {
                manifest(top().bytes, INDEX).header("Docker-Content-Digest", &digest(b"x"))
            })
        }),
        at_source("manifest that is another than was asked for", (8, "its digest is"), {
            first(ALWAYS, is("GET", "/manifests/sha256:"), |_| {
                manifest(Image::single(9).top().bytes.clone(), MANIFEST)
            })
        }),
        at_source("index that is called a manifest", (8, "holds what none does"), {
            first(ALWAYS, v1.clone(), |_| {
                manifest(b"{\"schemaVersion\":2,\"manifests\":[]}".to_vec(), MANIFEST)
            })
        }),
        at_source("content type and media type differ", (8, "calls itself"), {
            first(ALWAYS, v1.clone(), move |_| manifest(top().bytes, MANIFEST))
        }),
        at_source("a manifest and an index in one", (8, "holds what none does"), {
            first(ALWAYS, v1.clone(), |_| {
                let both = format!(
                    "{{\"schemaVersion\":2,\"manifests\":[],\"layers\":[],\"config\":{{\"digest\":\"{}\",\"size\":1}}}}",
                    digest(b"x")
                );
                manifest(both.into_bytes(), INDEX)
            })
        }),
        at_source("manifest of more than 4 MiB", (8, "more than"), {
            first(ALWAYS, v1.clone(), |_| manifest(vec![b' '; (4 << 20) + 1], INDEX))
        }),
        at_source("manifest without end", (7, "more than"), {
            first(ALWAYS, v1.clone(), |_| manifest(Vec::new(), INDEX).how(How::Endless))
        }),
        at_source("manifest that is a page for people", (8, "no manifest"), {
            first(ALWAYS, v1.clone(), |_| manifest(b"<html>sign in</html>".to_vec(), "text/html"))
        }),
        at_source("manifest of the first schema", (8, "schema version"), {
            first(ALWAYS, v1.clone(), |_| manifest(b"{\"schemaVersion\":1}".to_vec(), MANIFEST))
        }),
        at_source("manifest that breaks off twice", (0, ""), {
            first(2, v1.clone(), |_| manifest(b"{".to_vec(), INDEX).how(How::Truncated))
        }),
        at_source("no such tag", (5, "is not there"), {
            first(ALWAYS, v1.clone(), |_| error(404, "MANIFEST_UNKNOWN", "manifest unknown"))
        }),
        at_source("no such repository", (5, "NAME_UNKNOWN"), {
            first(ALWAYS, v1.clone(), |_| error(404, "NAME_UNKNOWN", "no such repository"))
        }),
        at_source("silence", (7, "nothing came"), {
            first(ALWAYS, v1, |_| Reply { status: 200, ..Reply::default() }.how(How::Silent))
        }),
    ]
}

fn of_blobs() -> Vec<Case> {
    let part = |bytes: Vec<u8>| Reply { status: 200, body: bytes, ..Reply::default() };
    vec![
        at_source("blob that is cut off each time", (7, "broke off"), {
            first(ALWAYS, is_layer("GET"), move |_| {
                part(layer()[..9_000].into()).how(How::Truncated)
            })
        }),
        at_source("blob that ends early", (8, "shorter"), {
            first(ALWAYS, is_layer("GET"), move |_| part(layer()[..9_000].into()))
        }),
        at_source("blob that is longer", (8, "longer"), {
            first(ALWAYS, is_layer("GET"), move |_| part([layer(), vec![1]].concat()))
        }),
        at_source("blob with other bytes", (8, "its digest is"), {
            first(ALWAYS, is_layer("GET"), move |_| part(vec![0; layer().len()]))
        }),
        at_source("blob that breaks off once", (0, ""), {
            first(1, is_layer("GET"), move |_| part(layer()[..9_000].into()).how(How::Truncated))
        }),
        at_source("blob that goes on where it broke off", (0, ""), {
            let broken = first(1, is_layer("GET"), move |_| {
                part(layer()[..9_000].into()).how(How::Truncated)
            });
            move |received: &Received| {
                let range = received.header("range").strip_prefix("bytes=")?.strip_suffix('-');
                let from = range.and_then(|range| range.parse::<usize>().ok());
                match from.filter(|_| is_layer("GET")(received)) {
                    Some(from) => {
                        let range = format!("bytes {from}-{}/{}", layer().len() - 1, layer().len());
                        let rest =
                            Reply { status: 206, body: layer()[from..].into(), ..Reply::default() };
                        Some(rest.header("Content-Range", &range))
                    }
                    None => broken(received),
                }
            }
        }),
        at_source("another part of a blob than was asked for", (7, "another part"), {
            move |received: &Received| {
                if !is_layer("GET")(received) {
                    return None;
                }
                if received.header("range").is_empty() {
                    return Some(part(layer()[..9_000].into()).how(How::Truncated));
                }
                let rest = Reply { status: 206, body: layer(), ..Reply::default() };
                Some(rest.header("Content-Range", "bytes 0-1/2"))
            }
        }),
        at_source("500 in the middle of the blobs, once", (0, ""), {
            first(1, is_layer("GET"), |_| error(500, "UNKNOWN", "oh"))
        }),
        at_source("503 for a blob, always", (7, "does not answer"), {
            first(ALWAYS, is_layer("GET"), |_| error(503, "UNAVAILABLE", "later"))
        }),
        at_source("blob that is gone", (5, "is not there"), {
            first(ALWAYS, is_layer("GET"), |_| error(404, "BLOB_UNKNOWN", "gone"))
        }),
        at_target("blob that is there with another size", (8, "is there with"), {
            first(ALWAYS, is_layer("HEAD"), |_| Reply {
                status: 200,
                body: vec![1],
                ..Reply::default()
            })
        }),
    ]
}

fn of_refusals() -> Vec<Case> {
    vec![
        at_source("401 without a word how to ask", (4, "does not let us in"), {
            first(ALWAYS, is("GET", "/v2/"), |_| error(401, "UNAUTHORIZED", "who are you"))
        }),
        at_source("401 whatever the password", (4, "does not let us in"), {
            first(ALWAYS, is("GET", "/v2/"), |_| {
                error(401, "UNAUTHORIZED", "no").header("WWW-Authenticate", "Basic realm=\"x\"")
            })
        }),
        at_source("403", (4, "DENIED"), {
            first(ALWAYS, is("GET", "/v2/"), |_| error(403, "DENIED", "not for you"))
        }),
        at_source("429 for too long", (7, "asks to wait 3600 s"), {
            first(ALWAYS, is("GET", "/manifests/"), |_| {
                error(429, "TOOMANYREQUESTS", "slow").header("Retry-After", "3600")
            })
        }),
        at_source("429 for a moment", (0, ""), {
            first(1, is("GET", "/manifests/"), |_| {
                error(429, "TOOMANYREQUESTS", "slow").header("Retry-After", "0")
            })
        }),
        at_source("502 twice", (0, ""), {
            first(2, is("GET", "/manifests/"), |_| Reply::text(502, "text/html", "<html>"))
        }),
        at_source("an error that says the password", (4, "***"), {
            first(ALWAYS, is("GET", "/v2/"), |received| {
                let asked = received.header("authorization").to_owned();
                let kind = if asked.is_empty() { 401 } else { 403 };
                error(kind, "DENIED", &format!("{asked} {PASSWORD} \u{1b}[31m"))
                    .header("WWW-Authenticate", "Basic realm=\"x\"")
            })
        }),
        at_target("403 to write", (4, "DENIED"), {
            first(ALWAYS, is("POST", "/uploads/"), |_| error(403, "DENIED", "read only"))
        }),
        at_target("the registry does not take the manifest", (8, "MANIFEST_INVALID"), {
            first(ALWAYS, is("PUT", "/manifests/"), |_| error(400, "MANIFEST_INVALID", "no"))
        }),
        at_target("a tag that must not change", (8, "TAG_IMMUTABLE"), {
            first(ALWAYS, is("PUT", "/manifests/v1"), |_| error(409, "TAG_IMMUTABLE", "no"))
        }),
        at_target("upload that breaks off once", (0, ""), {
            first(1, is("PATCH", "/uploads/"), |_| Reply::default().how(How::Closed))
        }),
        at_target("500 to an upload, once", (0, ""), {
            first(1, is("PATCH", "/uploads/"), |_| error(500, "UNKNOWN", "oh"))
        }),
        at_target("500 to the end of an upload, always", (7, "does not answer"), {
            first(ALWAYS, is("PUT", "/uploads/"), |_| error(500, "UNKNOWN", "oh"))
        }),
        at_target("upload without an address", (7, "no address"), {
            first(ALWAYS, is("POST", "/uploads/"), |_| Reply { status: 202, ..Reply::default() })
        }),
        at_target("upload that is answered by another digest", (8, "another digest"), {
            first(ALWAYS, is("PUT", "/uploads/"), |_| {
                Reply { status: 201, ..Reply::default() }
                    .header("Docker-Content-Digest", &digest(b"x"))
            })
        }),
        at_target("upload that nobody takes", (7, "nothing came"), {
            first(ALWAYS, is("PATCH", "/uploads/"), |_| Reply::default().how(How::Silent))
        }),
        at_target("manifest that is set and is not there", (8, "is not there"), {
            first(ALWAYS, is("PUT", "/manifests/sha256:"), |_| Reply {
                status: 201,
                ..Reply::default()
            })
        }),
    ]
}

/// A fault that leads to the place elsewhere.
fn leading(
    name: &'static str,
    (code, says): (u8, &'static str),
    fault: impl Fn(&str) -> Fault + 'static,
) -> Case {
    Case { name, code, says, fault: Box::new(fault) }
}

fn of_other_places() -> Vec<Case> {
    let basic =
        || error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", "Basic realm=\"x\"");
    vec![
        leading("realm on another host", (4, "only where it is named"), |origin| {
            let realm = format!("{origin}/token");
            Fault { source: Box::new(move |_| Some(bearer(&realm))), target: right() }
        }),
        leading("realm without encryption on another host", (4, "not encrypted"), |_| Fault {
            source: Box::new(|_| Some(bearer("http://auth.example/token"))),
            target: right(),
        }),
        leading("realm that is no address", (4, "no address of the web"), |_| Fault {
            source: Box::new(|_| Some(bearer("file:///etc/passwd"))),
            target: right(),
        }),
        leading(
            "realm of the destination on another host",
            (4, "only where it is named"),
            |origin| {
                let realm = format!("{origin}/token");
                Fault { source: right(), target: Box::new(move |_| Some(bearer(&realm))) }
            },
        ),
        leading("blob that is on another host", (0, ""), move |_| {
            // With a password, which must not go along.
            let store = Server::start(|received| {
                assert_eq!(received.header("authorization"), "");
                Reply { status: 200, body: layer(), ..Reply::default() }
            });
            Fault {
                source: Box::new(move |received| {
                    if received.header("authorization").is_empty() {
                        return Some(basic());
                    }
                    let to = format!("{}/layer", store.origin());
                    let redirect = Reply { status: 307, ..Reply::default() };
                    is_layer("GET")(received).then(|| redirect.header("Location", &to))
                }),
                target: right(),
            }
        }),
        leading("redirect without encryption to another host", (7, "not encrypted"), |_| Fault {
            source: Box::new(|received| {
                let redirect = Reply { status: 302, ..Reply::default() };
                is_layer("GET")(received)
                    .then(|| redirect.header("Location", "http://cdn.example/x"))
            }),
            target: right(),
        }),
        leading("redirect without end", (7, "without end"), |_| Fault {
            source: Box::new(|received| {
                let redirect = Reply { status: 302, ..Reply::default() };
                is_layer("GET")(received).then(|| redirect.header("Location", &received.path))
            }),
            target: right(),
        }),
        leading("redirect of a manifest to another host", (8, "no manifest"), move |origin| {
            let to = format!("{origin}/manifest");
            Fault {
                source: Box::new(move |received| {
                    if received.header("authorization").is_empty() {
                        return Some(basic());
                    }
                    let redirect = Reply { status: 302, ..Reply::default() };
                    is("GET", "/manifests/v1")(received).then(|| redirect.header("Location", &to))
                }),
                target: right(),
            }
        }),
        leading("upload that goes to another host", (5, "the upload"), move |origin| {
            let to = format!("{origin}/upload");
            Fault {
                source: right(),
                target: Box::new(move |received| {
                    if received.header("authorization").is_empty() {
                        return Some(basic());
                    }
                    let accepted = Reply { status: 202, ..Reply::default() };
                    is("POST", "/uploads/")(received).then(|| accepted.header("Location", &to))
                }),
            }
        }),
        leading("upload that goes to an address without encryption", (7, "not encrypted"), |_| {
            Fault {
                source: right(),
                target: Box::new(|received| {
                    let accepted = Reply { status: 202, ..Reply::default() };
                    is("POST", "/uploads/")(received)
                        .then(|| accepted.header("Location", "http://cdn.example/upload"))
                }),
            }
        }),
    ]
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
    run(of_manifests());
}

#[test]
fn blobs_that_are_wrong() {
    run(of_blobs());
}

#[test]
fn refusals_and_what_passes() {
    run(of_refusals());
}

#[test]
fn other_places_get_no_secret() {
    run(of_other_places());
}

#[test]
fn there_are_at_least_34_cases() {
    let all = [of_manifests(), of_blobs(), of_refusals(), of_other_places()];
    assert!(all.iter().map(Vec::len).sum::<usize>() >= 34);
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
