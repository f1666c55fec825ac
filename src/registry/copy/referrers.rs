//! What refers to an image: signatures, attestations, bills of materials. By
//! the interface of the distribution specification 1.1, by the tags that stand
//! for it where a registry has none, and by the tags that cosign sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::RegistryError;
use super::super::manifest::{self, Descriptor, LARGEST, Manifest, Points, digest_of};
use super::super::read::next;
use super::super::session::{Ask, Session};
use super::graph::{self, Graph};
use super::{Copier, free};
use crate::model::Digest;

/// Referrers of one image that are copied.
const MOST: usize = 256;
/// Signatures of signatures.
const DEEPEST: usize = 3;
/// Pages of a list of referrers.
const PAGES: usize = 20;
/// What cosign puts behind the digest.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];
/// Requests at a time.
const AT_A_TIME: usize = 8;

/// What is known of one digest at the source.
struct Known {
    subject: Digest,
    /// Descriptors as the source has them.
    referrers: Vec<Value>,
    /// The index that stands for them, under its tag.
    index: Option<Manifest>,
    /// The tags of cosign that are there.
    tags: Vec<(String, Manifest)>,
}

/// `sha256-1234...`, the tag that stands for what refers to a digest.
fn tag_of(digest: &Digest) -> String {
    let tag = digest.as_str().replace(':', "-");
    // No tag is longer; a sha512 is cut, by the specification.
    tag.chars().take(128).collect()
}

impl Copier {
    /// Copies all that refers to an image or to one of its platforms.
    pub(super) async fn referrers(&mut self, image: &Graph) -> Result<(), RegistryError> {
        let mut seen: BTreeSet<Digest> = image.manifests.iter().map(|m| m.digest.clone()).collect();
        let own = seen.len();
        let mut subjects: Vec<Digest> = seen.iter().cloned().collect();
        for _ in 0..=DEEPEST {
            let known = ask_all(&self.source, std::mem::take(&mut subjects)).await?;
            for known in known {
                subjects.extend(self.of(known, &mut seen).await?);
            }
            if seen.len() - own > MOST {
                return Err(self.too_much());
            }
            if subjects.is_empty() {
                return Ok(());
            }
        }
        Err(self.too_much())
    }

    /// What is not copied whole is not copied.
    fn too_much(&self) -> RegistryError {
        RegistryError::Config(format!(
            "more refers to {} than is copied (at most {MOST}, {DEEPEST} deep); without it the image \
             can be copied by --no-referrers",
            self.source.shown(self.copied.digest.as_str())
        ))
    }

    /// Copies what refers to one digest; gives what is new among it.
    async fn of(
        &mut self,
        known: Known,
        seen: &mut BTreeSet<Digest>,
    ) -> Result<Vec<Digest>, RegistryError> {
        let mut new = Vec::new();
        let mut keeps = true;
        for referrer in &known.referrers {
            let Ok(descriptor) = serde_json::from_value::<Descriptor>(referrer.clone()) else {
                return Err(self.source.strange("a referrer that is no descriptor"));
            };
            let manifest = graph::child(&self.source, &descriptor).await?;
            if manifest.subject.as_ref() != Some(&known.subject) {
                let what = self.source.shown(descriptor.digest.as_str());
                return Err(self.source.wrong(&what, "it refers to something else"));
            }
            keeps &= self.whole(manifest).await?;
            self.copied.referrers += 1;
            if seen.insert(descriptor.digest.clone()) {
                new.push(descriptor.digest);
            }
        }
        if !known.referrers.is_empty() && !keeps {
            self.index(&known).await?;
        }
        for (tag, manifest) in known.tags {
            if seen.insert(manifest.digest.clone()) {
                new.push(manifest.digest.clone());
            }
            self.cosign(&tag, manifest).await?;
        }
        Ok(new)
    }

    /// A referrer with its blobs; whether the destination keeps account of it.
    async fn whole(&mut self, manifest: Manifest) -> Result<bool, RegistryError> {
        let digest = manifest.digest.clone();
        let below = graph::below(&self.source, manifest).await?;
        self.blobs(below.blobs.values().cloned().collect()).await?;
        let mut keeps = true;
        for manifest in &below.manifests {
            let kept = self.put(manifest).await?;
            if manifest.digest == digest {
                keeps = kept;
            }
        }
        Ok(keeps)
    }

    /// The tag that stands for what refers to a digest, where the destination
    /// does not keep account itself. What it has already stays in it.
    async fn index(&mut self, known: &Known) -> Result<(), RegistryError> {
        let tag = tag_of(&known.subject);
        let there = self.target.manifest_if_there(&tag).await?;
        let mut list = there.as_ref().map(listed).unwrap_or_default();
        let before = list.len();
        for referrer in &known.referrers {
            if !list.iter().any(|one| one.get("digest") == referrer.get("digest")) {
                list.push(referrer.clone());
            }
        }
        if there.is_some() && list.len() == before {
            return Ok(());
        }
        // As the source has it, where that is all.
        let same = known.index.as_ref().filter(|index| before == 0 && listed(index) == list);
        let index = match same {
            Some(index) => index.clone(),
            None => self.made(&list)?,
        };
        self.target.put(&tag, &index).await?;
        self.copied.manifests += 1;
        Ok(())
    }

    fn made(&self, list: &[Value]) -> Result<Manifest, RegistryError> {
        let media_type = manifest::INDEX;
        let text =
            json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": list }).to_string();
        let bytes = text.into_bytes();
        let digest = digest_of(&bytes, None).ok_or_else(|| self.target.strange("no digest"))?;
        Manifest::read(bytes, media_type, digest).map_err(|why| self.target.strange(&why))
    }

    /// What cosign keeps under a tag. Signatures are added to it, so one that is
    /// there is replaced only by one that has all of it.
    async fn cosign(&mut self, tag: &str, manifest: Manifest) -> Result<(), RegistryError> {
        self.copied.referrers += 1;
        let below = graph::below(&self.source, manifest.clone()).await?;
        match free(&self.target, tag, &manifest.digest).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(RegistryError::Exists { .. }) => {
                let there = self.target.manifest(tag).await?;
                if !has_all_of(&manifest, &there) {
                    let shown = self.target.shown(tag);
                    self.copied.notes.push(format!("{shown} has other signatures, and stays"));
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
        self.blobs(below.blobs.values().cloned().collect()).await?;
        for manifest in &below.manifests {
            self.put(manifest).await?;
        }
        self.target.put(tag, &manifest).await?;
        if self.target.tagged(tag).await?.as_ref() != Some(&manifest.digest) {
            return Err(self.target.wrong(&self.target.shown(tag), "it was set and is not there"));
        }
        Ok(())
    }
}

/// Whether a manifest has every layer of another.
fn has_all_of(manifest: &Manifest, other: &Manifest) -> bool {
    match (&manifest.points, &other.points) {
        (Points::Blobs { layers, .. }, Points::Blobs { layers: others, .. }) => {
            others.iter().all(|other| layers.iter().any(|layer| layer.digest == other.digest))
        }
        _ => false,
    }
}

/// The descriptors of an index as they are written.
fn listed(index: &Manifest) -> Vec<Value> {
    let value: Value = serde_json::from_slice(&index.bytes).unwrap_or_default();
    value.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// What is known of several digests, several at a time.
async fn ask_all(
    source: &Arc<Session>,
    subjects: Vec<Digest>,
) -> Result<Vec<Known>, RegistryError> {
    let mut waiting = subjects.into_iter();
    let mut running = JoinSet::new();
    let mut all = Vec::new();
    loop {
        while running.len() < AT_A_TIME
            && let Some(subject) = waiting.next()
        {
            let source = Arc::clone(source);
            running.spawn(async move { ask(&source, subject).await });
        }
        match running.join_next().await {
            None => break,
            Some(Ok(Ok(known))) => all.push(known),
            Some(Ok(Err(error))) => return Err(error),
            Some(Err(_)) => return Err(source.strange("a look that did not end")),
        }
    }
    // As they were asked for, whoever answered first.
    all.sort_by(|a, b| a.subject.cmp(&b.subject));
    Ok(all)
}

async fn ask(source: &Session, subject: Digest) -> Result<Known, RegistryError> {
    let tag = tag_of(&subject);
    let (referrers, index) = match listed_by_interface(source, &subject).await? {
        Some(list) => (list, None),
        None => match source.manifest_if_there(&tag).await? {
            Some(index) if matches!(index.points, Points::Manifests(_)) => {
                (listed(&index), Some(index))
            }
            _ => (Vec::new(), None),
        },
    };
    let mut tags = Vec::new();
    for end in COSIGN {
        let tag = format!("{tag}.{end}");
        if source.tagged(&tag).await?.is_some() {
            let manifest = source.manifest(&tag).await?;
            tags.push((tag, manifest));
        }
    }
    Ok(Known { subject, referrers, index, tags })
}

/// What refers to a digest, as the registry keeps account of it; `None` where it
/// does not.
async fn listed_by_interface(
    source: &Session,
    subject: &Digest,
) -> Result<Option<Vec<Value>>, RegistryError> {
    let mut url = source.url(&format!("referrers/{subject}"))?;
    let mut list = Vec::new();
    for _ in 0..PAGES {
        let ask = Ask::new(Method::GET, url.clone()).with(ACCEPT, manifest::INDEX);
        let response = source.send(&ask).await?;
        let absent = matches!(
            response.status(),
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED
        );
        if absent && list.is_empty() {
            return Ok(None);
        }
        let response = source.verdict(response, "the list of referrers").await?;
        let headers = response.headers().clone();
        let page: Value = serde_json::from_slice(&source.body(response, LARGEST).await?)
            .map_err(|_| source.strange("a list of referrers that is no JSON"))?;
        list.extend(page.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default());
        match next(&headers, &url) {
            Some(to) if to.origin() == url.origin() && list.len() <= MOST => url = to,
            Some(_) => return Err(source.strange("its next page is somewhere else")),
            None => return Ok(Some(list)),
        }
    }
    Err(source.strange("a list of referrers without end"))
}
