//! The table of what a registry can do wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::double::{Wrong, error};
use crate::faults::{Fault, PASSWORD, image};
use crate::image::{INDEX, Image, MANIFEST, digest};
use crate::server::{How, Received, Reply, Server};

/// One case: what is done wrong, the exit code and a part of the message; 0 for
/// a copy that is made all the same.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) code: u8,
    pub(crate) says: &'static str,
    pub(crate) fault: Box<dyn Fn(&str) -> Fault>,
}

pub(crate) fn right() -> Wrong {
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
pub(crate) fn first(
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

pub(crate) const ALWAYS: usize = usize::MAX;

pub(crate) fn is(
    method: &'static str,
    part: &'static str,
) -> impl Fn(&Received) -> bool + Send + Sync + Clone {
    move |received| received.method == method && received.path.contains(part)
}

pub(crate) fn manifest(bytes: Vec<u8>, kind: &str) -> Reply {
    Reply { status: 200, body: bytes, ..Reply::default() }.header("Content-Type", kind)
}

fn wants_a_password() -> Reply {
    error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", "Basic realm=\"x\"")
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

pub(crate) fn of_manifests() -> Vec<Case> {
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

pub(crate) fn of_blobs() -> Vec<Case> {
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
    ]
}

pub(crate) fn of_broken_blobs() -> Vec<Case> {
    let part = |bytes: Vec<u8>| Reply { status: 200, body: bytes, ..Reply::default() };
    vec![
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

pub(crate) fn of_refusals() -> Vec<Case> {
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
    ]
}

pub(crate) fn of_uploads() -> Vec<Case> {
    vec![
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

pub(crate) fn of_realms() -> Vec<Case> {
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
    ]
}

pub(crate) fn of_redirects() -> Vec<Case> {
    vec![
        leading("blob that is on another host", (0, ""), move |_| {
            // With a password, which must not go along.
            let store = Server::start(|received| {
                assert_eq!(received.header("authorization"), "");
                Reply { status: 200, body: layer(), ..Reply::default() }
            });
            Fault {
                source: Box::new(move |received| {
                    if received.header("authorization").is_empty() {
                        return Some(wants_a_password());
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
                        return Some(wants_a_password());
                    }
                    let redirect = Reply { status: 302, ..Reply::default() };
                    is("GET", "/manifests/v1")(received).then(|| redirect.header("Location", &to))
                }),
                target: right(),
            }
        }),
    ]
}

pub(crate) fn of_upload_places() -> Vec<Case> {
    vec![
        leading("upload that goes to another host", (7, "end of an upload"), move |origin| {
            let to = format!("{origin}/upload");
            Fault {
                source: right(),
                target: Box::new(move |received| {
                    if received.header("authorization").is_empty() {
                        return Some(wants_a_password());
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
