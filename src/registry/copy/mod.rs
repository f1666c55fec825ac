//! A copy of a version from one repository to another, byte for byte.
//!
//! The tag is resolved once and all else goes by digest. First blobs, then
//! manifests from the bottom up, then what refers to them (signatures, bills of
//! materials), and the tag last: until then nobody sees anything of it, and a
//! copy that was broken off goes on with what is missing.

mod blob;
mod graph;
mod meter;
mod referrers;

pub use meter::Meter;

use std::sync::Arc;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::task::JoinSet;

use super::manifest::{Descriptor, Manifest};
use super::read::reference;
use super::session::{Ask, Session, Wire};
use super::{RegistryError, RepositoryName};
use crate::model::{Digest, Pin, Tag};

use blob::Went;
use graph::Graph;

/// Blobs that are on their way at a time.
const AT_A_TIME: usize = 4;

/// What is to be copied.
#[derive(Debug, Clone, Copy)]
pub struct Copy<'a> {
    /// Where it is.
    pub from: &'a RepositoryName,
    /// Where it is to be.
    pub to: &'a RepositoryName,
    /// The tag, the digest, or both.
    pub pin: &'a Pin,
    /// Whether the tag, where both are given, still has to be that digest at the
    /// source. It may have moved since it was pinned: then the digest counts.
    pub still: bool,
    /// Whether signatures and whatever else refers to it goes along.
    pub referrers: bool,
    /// What counts the bytes.
    pub meter: &'a Arc<Meter>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The digest, the same in both repositories.
    pub digest: Digest,
    /// Whether the destination had all of it.
    pub unchanged: bool,
    /// Blobs that were sent.
    pub sent: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Blobs that the registry took from the other repository by itself.
    pub mounted: usize,
    /// Blobs that were there.
    pub there: usize,
    /// Manifests that were set, the image's own ones and those that refer to it.
    pub manifests: usize,
    /// Signatures and the like that were copied, or were there.
    pub referrers: usize,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What a copy would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Free {
    /// The digest at the source.
    pub digest: Digest,
    /// Whether the destination has it.
    pub there: bool,
}

/// Whether a version could be copied: it is there, and the tag is free.
pub(super) async fn could(wire: &Arc<Wire>, wanted: &Copy<'_>) -> Result<Free, RegistryError> {
    let Copy { from, to, pin, still: held, .. } = *wanted;
    let (source, target) = (Session::reader(wire, from)?, Session::reader(wire, to)?);
    let digest = source.manifest(&reference(pin)?).await?.digest;
    if let Some(tag) = tag_of(pin).filter(|_| held) {
        still(&source, tag, &digest).await?;
    }
    let there = match tag_of(pin) {
        Some(tag) => free(&target, tag, &digest).await?,
        None => target.tagged(digest.as_str()).await?.is_some(),
    };
    Ok(Free { digest, there })
}

fn tag_of(pin: &Pin) -> Option<&str> {
    pin.tag.as_ref().filter(|tag| tag.is_image_tag()).map(Tag::as_str)
}

/// Both ends, and what was done so far.
struct Copier {
    source: Arc<Session>,
    target: Arc<Session>,
    meter: Arc<Meter>,
    copied: Copied,
}

pub(super) async fn copy(wire: &Arc<Wire>, wanted: &Copy<'_>) -> Result<Copied, RegistryError> {
    let Copy { from, to, pin, still: held, referrers, meter } = *wanted;
    // A tag alone is resolved once, and has to stay what it was.
    let held = held || pin.digest.is_none();
    if from == to {
        return Err(RegistryError::Config(format!("{from} is both source and destination")));
    }
    let source = Arc::new(Session::reader(wire, from)?);
    let target = Arc::new(Session::writer(wire, to, from)?);
    let root = source.manifest(&reference(pin)?).await?;
    let tag = tag_of(pin);
    if let (Some(tag), Some(digest)) = (tag.filter(|_| held), &pin.digest) {
        still(&source, tag, digest).await?;
    }
    let there = match tag {
        Some(tag) => free(&target, tag, &root.digest).await?,
        None => target.tagged(root.digest.as_str()).await?.is_some(),
    };
    let copied = Copied {
        digest: root.digest.clone(),
        unchanged: there,
        sent: 0,
        bytes: 0,
        mounted: 0,
        there: 0,
        manifests: 0,
        referrers: 0,
        notes: Vec::new(),
    };
    let mut work = Copier { source, target, meter: Arc::clone(meter), copied };
    let graph = graph::below(&work.source, root.clone()).await?;
    if !there {
        work.graph(&graph).await?;
    }
    if referrers {
        work.referrers(&graph).await?;
    }
    if let Some(tag) = tag.filter(|_| !there) {
        if held {
            still(&work.source, tag, &root.digest).await?;
        }
        work.tag(tag, &root).await?;
    }
    Ok(work.copied)
}

/// Whether the destination may get the tag: `false` where it has to, `true`
/// where it has it already.
async fn free(target: &Session, tag: &str, wanted: &Digest) -> Result<bool, RegistryError> {
    match target.tagged(tag).await? {
        None => Ok(false),
        Some(there) if there == *wanted => Ok(true),
        Some(there) => {
            let (what, there) = (target.shown(tag), there.to_string());
            Err(RegistryError::Exists { what, there, wanted: wanted.to_string() })
        }
    }
}

/// Refuses a tag that is not, or not any more, what it was taken for.
async fn still(source: &Session, tag: &str, digest: &Digest) -> Result<(), RegistryError> {
    let what = source.shown(tag);
    match source.tagged(tag).await? {
        Some(now) if now == *digest => Ok(()),
        Some(now) => {
            let (before, after) = (digest.to_string(), now.to_string());
            Err(RegistryError::Moved { what, before, after })
        }
        None => Err(RegistryError::NotFound { what, message: "it is gone".to_owned() }),
    }
}

impl Copier {
    /// Blobs and manifests of an image, none of them under a tag.
    async fn graph(&mut self, graph: &Graph) -> Result<(), RegistryError> {
        self.copied.notes.extend(graph.notes.iter().cloned());
        self.blobs(graph.blobs.values().cloned().collect()).await?;
        for manifest in &graph.manifests {
            self.put(manifest).await?;
        }
        Ok(())
    }

    /// The largest first, several at a time.
    async fn blobs(&mut self, mut blobs: Vec<Descriptor>) -> Result<(), RegistryError> {
        blobs.sort_by_key(|blob| blob.size);
        self.meter.expect(blobs.iter().map(|blob| blob.size).sum());
        let mut running = JoinSet::new();
        loop {
            while running.len() < AT_A_TIME
                && let Some(blob) = blobs.pop()
            {
                let ends = (Arc::clone(&self.source), Arc::clone(&self.target));
                running.spawn(blob::copy(ends, blob, Arc::clone(&self.meter)));
            }
            match running.join_next().await {
                None => return Ok(()),
                Some(Ok(Ok(Went::There))) => self.copied.there += 1,
                Some(Ok(Ok(Went::Mounted))) => self.copied.mounted += 1,
                Some(Ok(Ok(Went::Sent(bytes)))) => {
                    self.copied.sent += 1;
                    self.copied.bytes += bytes;
                }
                // What still runs ends with the set.
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(_)) => return Err(self.source.strange("a blob that did not end")),
            }
        }
    }

    /// Sets a manifest by its digest, where it is not there, and has it
    /// confirmed. Gives whether the registry keeps account of what it refers to.
    async fn put(&mut self, manifest: &Manifest) -> Result<bool, RegistryError> {
        let digest = manifest.digest.as_str();
        if manifest.subject.is_none() && self.target.tagged(digest).await?.is_some() {
            return Ok(false);
        }
        let keeps = self.target.put(digest, manifest).await?;
        if self.target.tagged(digest).await?.as_ref() != Some(&manifest.digest) {
            let what = self.target.shown(digest);
            return Err(self.target.wrong(&what, "it was set and is not there"));
        }
        self.copied.manifests += 1;
        Ok(keeps)
    }

    /// Sets the tag, if it is still free at the destination, and reads it back.
    async fn tag(&mut self, tag: &str, root: &Manifest) -> Result<(), RegistryError> {
        if free(&self.target, tag, &root.digest).await? {
            return Ok(());
        }
        self.target.put(tag, root).await?;
        let back = self.target.manifest(tag).await?;
        if back.digest != root.digest {
            let why = format!("it was set to {} and reads back as {}", root.digest, back.digest);
            return Err(self.target.wrong(&self.target.shown(tag), &why));
        }
        Ok(())
    }
}

impl Session {
    /// Sets a manifest under a tag or its digest.
    async fn put(&self, reference: &str, manifest: &Manifest) -> Result<bool, RegistryError> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let ask = Ask { body: manifest.bytes.clone(), ..Ask::new(Method::PUT, url) };
        let ask = ask.with(CONTENT_TYPE, &manifest.media_type);
        let what = self.shown(reference);
        let response = self.expect(&ask, &what).await?;
        let told = response.headers().get("docker-content-digest");
        let told: Option<Digest> = told.and_then(|told| told.to_str().ok()?.parse().ok());
        if told.is_some_and(|told| told != manifest.digest) {
            return Err(self.wrong(&what, "the registry says that it got another digest"));
        }
        Ok(response.headers().contains_key("oci-subject"))
    }
}
