//! A registry in memory, by the distribution specification 1.1, which does
//! wrong what a test tells it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::image::{Image, digest};
use crate::server::{Received, Reply, Server};

/// What is kept of one repository.
#[derive(Debug, Default, Clone)]
pub(crate) struct Kept {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    /// By tag and by digest, with the media type.
    pub(crate) manifests: BTreeMap<String, (String, Vec<u8>)>,
    uploads: BTreeMap<String, Vec<u8>>,
    begun: usize,
}

type Repositories = Arc<Mutex<BTreeMap<String, Kept>>>;

/// What is done in place of what is right; `None` for what is right.
pub(crate) type Wrong = Box<dyn Fn(&Received) -> Option<Reply> + Send + Sync>;

pub(crate) struct Double {
    pub(crate) server: Server,
    kept: Repositories,
}

impl Double {
    pub(crate) fn start(
        wrong: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let kept = Repositories::default();
        let own = Arc::clone(&kept);
        let server = Server::start(move |received| {
            wrong(received).unwrap_or_else(|| answer(&mut own.lock().unwrap(), received))
        });
        Self { server, kept }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.server.origin().trim_start_matches("http://").to_owned()
    }

    /// Puts an image into a repository, under a tag.
    pub(crate) fn hold(&self, repository: &str, tag: &str, image: &Image) {
        let mut all = self.kept.lock().unwrap();
        let kept = all.entry(repository.to_owned()).or_default();
        for blob in &image.blobs {
            kept.blobs.insert(digest(blob), blob.clone());
        }
        let part = |part: &crate::image::Part| (part.media_type.to_owned(), part.bytes.clone());
        for manifest in &image.manifests {
            kept.manifests.insert(manifest.digest(), part(manifest));
        }
        for (name, manifest) in &image.tagged {
            kept.manifests.insert(manifest.digest(), part(manifest));
            kept.manifests.insert(name.clone(), part(manifest));
        }
        kept.manifests.insert(tag.to_owned(), part(image.top()));
    }

    pub(crate) fn kept(&self, repository: &str) -> Kept {
        self.kept.lock().unwrap().get(repository).cloned().unwrap_or_default()
    }

    /// The digest under a tag.
    pub(crate) fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.kept(repository).manifests.get(tag).map(|(_, bytes)| digest(bytes))
    }

    /// Tags, without what stands under a digest.
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let kept = self.kept(repository);
        kept.manifests.into_keys().filter(|name| !name.contains(':')).collect()
    }
}

/// An error as registries say it.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "errors": [{ "code": code, "message": message }] }))
}

fn answer(all: &mut BTreeMap<String, Kept>, received: &Received) -> Reply {
    let Some(path) = received.path.strip_prefix("/v2/") else {
        return error(404, "UNKNOWN", "no such page");
    };
    if path.is_empty() {
        return Reply::json(200, &json!({}));
    }
    for verb in ["/manifests/", "/blobs/uploads/", "/blobs/", "/tags/list", "/referrers/"] {
        if let Some((name, rest)) = path.split_once(verb) {
            return match verb {
                "/manifests/" => manifest(all.entry(name.to_owned()).or_default(), received, rest),
                "/blobs/uploads/" => upload(all, received, name, rest),
                "/blobs/" => blob(all.entry(name.to_owned()).or_default(), rest),
                "/tags/list" => tags(all.get(name), name),
                // As Debian's registry, which has no such thing.
                _ => error(404, "UNKNOWN", "no such page"),
            };
        }
    }
    error(404, "UNKNOWN", "no such page")
}

fn tags(kept: Option<&Kept>, name: &str) -> Reply {
    let Some(kept) = kept else { return error(404, "NAME_UNKNOWN", "no such repository") };
    let tags: Vec<&String> = kept.manifests.keys().filter(|name| !name.contains(':')).collect();
    Reply::json(200, &json!({ "name": name, "tags": tags }))
}

fn manifest(kept: &mut Kept, received: &Received, reference: &str) -> Reply {
    if received.method == "PUT" {
        let own = digest(&received.body);
        if reference.contains(':') && reference != own {
            return error(400, "DIGEST_INVALID", "the digest is another");
        }
        let value = (received.header("content-type").to_owned(), received.body.clone());
        kept.manifests.insert(own.clone(), value.clone());
        kept.manifests.insert(reference.to_owned(), value);
        return Reply { status: 201, ..Reply::default() }.header("Docker-Content-Digest", &own);
    }
    match kept.manifests.get(reference) {
        None => error(404, "MANIFEST_UNKNOWN", "no such manifest"),
        Some((media_type, bytes)) => Reply { status: 200, body: bytes.clone(), ..Reply::default() }
            .header("Content-Type", media_type)
            .header("Docker-Content-Digest", &digest(bytes)),
    }
}

fn blob(kept: &Kept, name: &str) -> Reply {
    match kept.blobs.get(name) {
        None => error(404, "BLOB_UNKNOWN", "no such blob"),
        Some(bytes) => Reply { status: 200, body: bytes.clone(), ..Reply::default() },
    }
}

fn upload(all: &mut BTreeMap<String, Kept>, received: &Received, name: &str, id: &str) -> Reply {
    let from = all.get(received.query("from")).cloned();
    let kept = all.entry(name.to_owned()).or_default();
    let accepted = |id: &str| {
        Reply { status: 202, ..Reply::default() }
            .header("Location", &format!("/v2/{name}/blobs/uploads/{id}?_state=a%2Fb"))
    };
    match received.method.as_str() {
        "POST" => {
            let wanted = received.query("mount");
            if let Some(bytes) = from.and_then(|from| from.blobs.get(wanted).cloned()) {
                kept.blobs.insert(wanted.to_owned(), bytes);
                return Reply { status: 201, ..Reply::default() };
            }
            kept.begun += 1;
            let id = format!("u{}", kept.begun);
            kept.uploads.insert(id.clone(), Vec::new());
            accepted(&id)
        }
        "PATCH" => {
            kept.uploads.entry(id.to_owned()).or_default().extend_from_slice(&received.body);
            accepted(id)
        }
        _ => {
            let bytes = kept.uploads.remove(id).unwrap_or_default();
            let wanted = received.query("digest");
            if digest(&bytes) != wanted {
                return error(400, "DIGEST_INVALID", "the digest is another");
            }
            kept.blobs.insert(wanted.to_owned(), bytes);
            Reply { status: 201, ..Reply::default() }.header("Docker-Content-Digest", wanted)
        }
    }
}
