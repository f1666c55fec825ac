//! What a repository holds: manifests, verified by their digest, what an image
//! says of itself, and the list of tags.

use std::sync::Arc;

use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LINK};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::manifest::{self, Annotations, Descriptor, Manifest, Platform, Points, digest_of};
use super::session::{Ask, Session};
use super::{Found, RegistryError};
use crate::model::{Digest, Pin};

/// Bytes of a config or of a page of tags.
const LARGEST: usize = 4 << 20;
/// Pages of a list of tags.
const PAGES: usize = 200;
/// Requests at a time.
const AT_A_TIME: usize = 8;

/// What a manifest is asked for by.
pub(super) fn reference(pin: &Pin) -> Result<String, RegistryError> {
    let digest = pin.digest.as_ref().map(ToString::to_string);
    let tag = pin.tag.as_ref().filter(|tag| tag.is_image_tag()).map(ToString::to_string);
    digest
        .or(tag)
        .ok_or_else(|| RegistryError::Config(format!("`{pin}` is no tag that a registry has")))
}

impl Session {
    /// A tag or digest of the repository, for people.
    pub(super) fn shown(&self, reference: &str) -> String {
        let by = if reference.contains(':') { '@' } else { ':' };
        format!("{}{by}{reference}", self.name)
    }

    fn manifest_ask(&self, method: Method, reference: &str) -> Result<Ask, RegistryError> {
        let ask = Ask::new(method, self.url(&format!("manifests/{reference}"))?);
        Ok(ask.with(ACCEPT, &manifest::ACCEPT.join(", ")))
    }

    /// The digest of a tag as the registry tells it, without reading what it
    /// points at; `None` where there is no such tag or repository.
    pub(super) async fn tagged(&self, reference: &str) -> Result<Option<Digest>, RegistryError> {
        let response = self.send(&self.manifest_ask(Method::HEAD, reference)?).await?;
        let status = response.status();
        let told = response.headers().get("docker-content-digest");
        let told = told.and_then(|digest| digest.to_str().ok()?.parse().ok());
        match (status, told) {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, Some(digest)) if status.is_success() => Ok(Some(digest)),
            // One that does not tell, or that does not know this way of asking.
            _ => Ok(self.manifest_if_there(reference).await?.map(|manifest| manifest.digest)),
        }
    }

    /// A manifest, where it is there.
    pub(super) async fn manifest_if_there(
        &self,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError> {
        match self.manifest(reference).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A manifest, read whole and verified: by the digest that it is asked for
    /// by, or by the one that the registry tells.
    pub(super) async fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError> {
        let what = self.shown(reference);
        let ask = self.manifest_ask(Method::GET, reference)?;
        let (headers, bytes) = self.whole(&ask, &what, manifest::LARGEST).await?;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let asked: Option<Digest> = reference.parse().ok();
        let told: Option<Digest> = text("docker-content-digest").and_then(|told| told.parse().ok());
        let wanted = asked.clone().or(told);
        let digest = digest_of(&bytes, wanted.as_ref())
            .ok_or_else(|| self.strange("a digest that cannot be made"))?;
        if wanted.is_some_and(|wanted| wanted != digest) {
            return Err(self.wrong(&what, &format!("its digest is {digest}")));
        }
        let said = text(CONTENT_TYPE.as_str()).unwrap_or_default();
        Manifest::read(bytes, said, digest).map_err(|why| self.wrong(&what, &why))
    }

    /// A whole answer, tried again where it breaks off.
    pub(super) async fn whole(
        &self,
        ask: &Ask,
        what: &str,
        most: usize,
    ) -> Result<(reqwest::header::HeaderMap, Vec<u8>), RegistryError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let response = self.expect(ask, what).await?;
            let headers = response.headers().clone();
            let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
            let length = length.and_then(|length| length.parse::<usize>().ok());
            if length.is_some_and(|length| length > most) {
                return Err(self.wrong(what, &format!("it has more than {most} bytes")));
            }
            match self.body(response, most).await {
                Ok(bytes) => return Ok((headers, bytes)),
                Err(error) if error.may_pass() && tried < self.wire.limits.tries => {
                    tokio::time::sleep(self.wire.limits.pause * tried).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A small blob, verified.
    async fn small(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        let what = self.shown(descriptor.digest.as_str());
        let ask = Ask::new(Method::GET, self.url(&format!("blobs/{}", descriptor.digest))?);
        let (_, bytes) = self.whole(&ask, &what, LARGEST).await?;
        if digest_of(&bytes, Some(&descriptor.digest)).as_ref() != Some(&descriptor.digest) {
            return Err(self.wrong(&what, "its digest is another"));
        }
        Ok(bytes)
    }

    /// What an image says of itself; `None` where it is not there.
    pub(super) async fn look(&self, pin: &Pin) -> Result<Option<Found>, RegistryError> {
        let Some(top) = self.manifest_if_there(&reference(pin)?).await? else { return Ok(None) };
        let mut found = Found::of(top.digest.clone());
        let mut labels = top.annotations.clone();
        let image = match &top.points {
            Points::Blobs { .. } => Some(top),
            Points::Manifests(list) => {
                let named = |one: &Descriptor| one.platform.as_ref().and_then(Platform::text);
                found.platforms = list.iter().filter_map(named).collect();
                let first = list.iter().find(|one| named(one).is_some()).or(list.first());
                match first {
                    Some(first) => self.manifest_if_there(first.digest.as_str()).await?,
                    None => None,
                }
            }
        };
        if let Some(Manifest { points: Points::Blobs { config, .. }, annotations, .. }) = image {
            add(&mut labels, annotations);
            // What is no image has a config of its own kind, or none to speak of.
            if config.media_type.contains("image") && config.size <= LARGEST as u64 {
                let config = self.small(&config).await?;
                let config: Config = serde_json::from_slice(&config).unwrap_or_default();
                if found.platforms.is_empty() {
                    found.platforms.extend(config.platform.text());
                }
                found.created = config.created;
                add(&mut labels, config.run.and_then(|run| run.labels).unwrap_or_default());
            }
        }
        let mut take = |name: &str| labels.remove(&format!("org.opencontainers.image.{name}"));
        found.created = take("created").or(found.created);
        found.source = take("source");
        found.revision = take("revision");
        found.version = take("version");
        Ok(Some(found))
    }

    /// Every tag.
    pub(super) async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let mut url = self.url("tags/list")?;
        url.query_pairs_mut().append_pair("n", "1000");
        let mut tags = Vec::new();
        for _ in 0..PAGES {
            let ask = Ask::new(Method::GET, url.clone());
            let what = format!("the repository {}", self.name);
            let (headers, bytes) = self.whole(&ask, &what, LARGEST).await?;
            let page: Tags = serde_json::from_slice(&bytes)
                .map_err(|_| self.strange("a list of tags that is no JSON"))?;
            tags.extend(page.tags.unwrap_or_default());
            match next(&headers, &url) {
                Some(to) if to.origin() == url.origin() && to != url => url = to,
                Some(_) => return Err(self.strange("its next page is somewhere else")),
                None => return Ok(tags),
            }
        }
        Err(self.strange("a list of tags without end"))
    }

    /// What is said of several tags, in their order; `None` for one that is not
    /// there any more, or that is no image.
    pub(super) async fn look_at(
        self: &Arc<Self>,
        tags: &[Pin],
    ) -> Result<Vec<Option<Found>>, RegistryError> {
        let mut found = vec![None; tags.len()];
        let mut running = JoinSet::new();
        let mut waiting = tags.iter().cloned().enumerate();
        loop {
            while running.len() < AT_A_TIME
                && let Some((at, pin)) = waiting.next()
            {
                let session = Arc::clone(self);
                running.spawn(async move { (at, session.look(&pin).await) });
            }
            match running.join_next().await {
                None => return Ok(found),
                Some(Ok((at, Ok(one)))) => {
                    if let Some(place) = found.get_mut(at) {
                        *place = one;
                    }
                }
                Some(Ok((_, Err(RegistryError::Wrong { .. })))) => {}
                Some(Ok((_, Err(error)))) => return Err(error),
                Some(Err(_)) => return Err(self.strange("a look that did not end")),
            }
        }
    }
}

/// The next page of a list, as `Link: <...>; rel="next"` says.
pub(super) fn next(headers: &reqwest::header::HeaderMap, from: &Url) -> Option<Url> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (address, relation) = link.split_once(';')?;
    let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
    relation.contains("next").then(|| from.join(address).ok()).flatten()
}

/// What is there already stays.
fn add(labels: &mut Annotations, more: Annotations) {
    for (name, value) in more {
        labels.entry(name).or_insert(value);
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    created: Option<String>,
    #[serde(rename = "config")]
    run: Option<Inner>,
    #[serde(flatten)]
    platform: OwnPlatform,
}

#[derive(Default, Deserialize)]
struct Inner {
    #[serde(rename = "Labels")]
    labels: Option<Annotations>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OwnPlatform {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

impl OwnPlatform {
    fn text(self) -> Option<String> {
        let text = format!("{}/{}", self.os?, self.architecture?);
        let variant = self.variant.filter(|variant| !variant.is_empty());
        Some(variant.map_or(text.clone(), |variant| format!("{text}/{variant}")))
    }
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}
