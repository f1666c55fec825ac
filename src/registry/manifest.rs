//! Manifests and indexes, as far as they have to be understood: what they point
//! at. Their bytes are never written anew, so that digests stay.

use std::str::FromStr as _;

use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use crate::model::{Digest, hex};

/// The most bytes of a manifest that registries have to take.
pub(super) const LARGEST: usize = 4 << 20;

/// Manifests below one index.
pub(super) const MOST: usize = 1_000;

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// What we ask for.
pub(super) const ACCEPT: [&str; 4] = [INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

/// What points at something by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    #[serde(deserialize_with = "digest")]
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default)]
    pub(super) platform: Option<Platform>,
    #[serde(default)]
    pub(super) annotations: Option<Annotations>,
}

fn digest<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

pub(super) type Annotations = std::collections::BTreeMap<String, String>;

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

impl Platform {
    /// `linux/arm64/v8`; `None` where it is none, as of an attestation.
    pub(super) fn text(&self) -> Option<String> {
        if self.os.is_empty() || self.os == "unknown" {
            return None;
        }
        let text = format!("{}/{}", self.os, self.architecture);
        let variant = self.variant.as_ref().filter(|variant| !variant.is_empty());
        Some(variant.map_or(text.clone(), |variant| format!("{text}/{variant}")))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<Annotations>,
}

/// What a manifest points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Points {
    /// At other manifests: one a platform.
    Manifests(Vec<Descriptor>),
    /// At blobs.
    Blobs { config: Descriptor, layers: Vec<Descriptor> },
}

/// A manifest or an index, with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) points: Points,
    pub(super) subject: Option<Digest>,
    pub(super) annotations: Annotations,
}

impl Manifest {
    /// Reads one; `said` is the content type it came with. What could be read
    /// as either of the two is refused, since others may take it for the other.
    pub(super) fn read(bytes: Vec<u8>, said: &str, digest: Digest) -> Result<Self, String> {
        let raw: Raw = serde_json::from_slice(&bytes).map_err(|error| {
            format!("it is no manifest (line {}, column {})", error.line(), error.column())
        })?;
        if raw.schema_version != 2 {
            return Err(format!("its schema version is {}, not 2", raw.schema_version));
        }
        let said = said.split(';').next().unwrap_or_default().trim();
        if let Some(own) = &raw.media_type
            && !said.is_empty()
            && own != said
        {
            return Err(format!("it came as {said} and calls itself {own}"));
        }
        let media_type = raw.media_type.clone().unwrap_or_else(|| said.to_owned());
        let is_index = match media_type.as_str() {
            INDEX | DOCKER_LIST => true,
            MANIFEST | DOCKER_MANIFEST => false,
            other => return Err(format!("`{other}` is no kind of manifest that is known")),
        };
        let points = match (is_index, raw.manifests, raw.config, raw.layers) {
            (true, Some(list), None, None) if list.len() > MOST => {
                return Err(format!("it has {} manifests", list.len()));
            }
            (true, Some(list), None, None) => Points::Manifests(list),
            (false, None, Some(config), layers) => {
                Points::Blobs { config, layers: layers.unwrap_or_default() }
            }
            (true, ..) => return Err("it is an index, and holds what none does".to_owned()),
            (false, ..) => return Err("it is a manifest, and holds what none does".to_owned()),
        };
        let (subject, annotations) =
            (raw.subject.map(|subject| subject.digest), raw.annotations.unwrap_or_default());
        Ok(Self { bytes, media_type, digest, points, subject, annotations })
    }
}

/// A running digest of an algorithm.
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// One that gives digests like this.
    pub(super) fn like(digest: &Digest) -> Self {
        if digest.as_str().starts_with("sha512:") {
            Self::Sha512(Sha512::new())
        } else {
            Self::Sha256(Sha256::new())
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => format!("sha256:{}", hex(hasher.finalize().as_slice())),
            Self::Sha512(hasher) => format!("sha512:{}", hex(hasher.finalize().as_slice())),
        }
    }
}

/// The digest of some bytes, of the same algorithm as `like` (sha256 where
/// there is none).
pub(super) fn digest_of(bytes: &[u8], like: Option<&Digest>) -> Option<Digest> {
    let mut hasher = like.map_or_else(|| Hasher::Sha256(Sha256::new()), Hasher::like);
    hasher.update(bytes);
    Digest::from_str(&hasher.finish()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn read(text: &str, said: &str) -> Result<Manifest, String> {
        Manifest::read(text.as_bytes().to_vec(), said, D.parse().unwrap())
    }

    #[test]
    fn an_index_and_a_manifest_are_told_apart() {
        let one = format!(r#"{{"mediaType":"x","digest":"{D}","size":3}}"#);
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{one}]}}"#);
        let manifest = format!(r#"{{"schemaVersion":2,"config":{one},"layers":[{one}]}}"#);
        assert!(matches!(read(&index, INDEX).unwrap().points, Points::Manifests(_)));
        assert!(matches!(read(&manifest, MANIFEST).unwrap().points, Points::Blobs { .. }));
        for (text, said) in [
            (&*index, MANIFEST),
            (&*manifest, INDEX),
            (&*manifest, "text/html"),
            (&*manifest, ""),
            ("{\"schemaVersion\":1}", MANIFEST),
            ("[]", MANIFEST),
        ] {
            assert!(read(text, said).is_err(), "{text} {said}");
        }
        let both =
            format!(r#"{{"schemaVersion":2,"config":{one},"layers":[],"manifests":[{one}]}}"#);
        assert!(read(&both, MANIFEST).is_err() && read(&both, INDEX).is_err());
        let other = manifest.replace("{\"schema", &format!("{{\"mediaType\":\"{INDEX}\",\"schema"));
        assert!(read(&other, MANIFEST).is_err());
    }

    #[test]
    fn a_platform_has_a_name() {
        let read = |text: &str| serde_json::from_str::<Platform>(text).unwrap().text();
        assert_eq!(
            read(r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#).unwrap(),
            "linux/arm64/v8"
        );
        assert_eq!(read(r#"{"os":"unknown","architecture":"unknown"}"#), None);
    }
}
