//! Images as bytes: blobs, manifests and indexes, and what refers to them.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// `sha256:...` of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Part {
    fn of(media_type: &'static str, value: &Value) -> Self {
        Self { media_type, bytes: value.to_string().into_bytes() }
    }

    pub(crate) fn digest(&self) -> String {
        digest(&self.bytes)
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len() })
    }
}

/// Everything that an image is made of; the top comes last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) manifests: Vec<Part>,
    /// Manifests that stand under a tag of their own.
    pub(crate) tagged: Vec<(String, Part)>,
    /// When it was made, where that matters.
    pub(crate) created: Option<&'static str>,
}

impl Image {
    /// The manifest or index at the top.
    pub(crate) fn top(&self) -> &Part {
        self.manifests.last().unwrap()
    }

    fn blob(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let descriptor =
            json!({ "mediaType": media_type, "digest": digest(&bytes), "size": bytes.len() });
        self.blobs.push(bytes);
        descriptor
    }

    /// One platform with these layers; gives its descriptor.
    fn platform(&mut self, architecture: &str, layers: Vec<Vec<u8>>) -> Value {
        let config = json!({
            "architecture": architecture, "os": "linux", "created": self.created.unwrap_or("2026-01-02T03:04:05Z"),
            "config": { "Labels": {
                "org.opencontainers.image.source": "https://git.example/acme/web",
                "org.opencontainers.image.revision": "0123456789abcdef",
                "org.opencontainers.image.version": "1.2.3",
            } },
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        let config = self.blob(CONFIG, config.to_string().into_bytes());
        let layers: Vec<Value> = layers.into_iter().map(|layer| self.blob(LAYER, layer)).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let part = Part::of(MANIFEST, &manifest);
        let mut descriptor = part.descriptor();
        descriptor["platform"] = json!({ "os": "linux", "architecture": architecture });
        self.manifests.push(part);
        descriptor
    }

    /// An index of these platforms, each with one layer of so many bytes of its
    /// own and one that all share. `seed` makes them others.
    pub(crate) fn index(platforms: &[&str], size: usize, seed: u8) -> Self {
        let mut image = Self::default();
        let shared = noise(size / 2, seed);
        let descriptors: Vec<Value> = platforms
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let own = noise(size, seed.wrapping_add(u8::try_from(at % 255).unwrap() + 1));
                image.platform(name, vec![shared.clone(), own])
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors });
        image.manifests.push(Part::of(INDEX, &index));
        image
    }

    /// An index of indexes that share a platform: two that have it, or one that
    /// has it and the platform itself.
    pub(crate) fn shared(twice: bool) -> Self {
        let mut image = Self::default();
        let platform = image.platform("amd64", vec![noise(3_000, 1)]);
        let mut index = |list: Vec<Value>, name: &str| {
            let annotations = json!({ "org.opencontainers.image.title": name });
            let index = json!({
                "schemaVersion": 2, "mediaType": INDEX, "manifests": list, "annotations": annotations,
            });
            image.manifests.push(Part::of(INDEX, &index));
            image.top().descriptor()
        };
        let one = index(vec![platform.clone()], "one");
        let other = if twice { index(vec![platform], "other") } else { platform };
        index(vec![one, other], "all");
        image
    }

    /// An index of so many platforms.
    pub(crate) fn wide(platforms: usize) -> Self {
        let names: Vec<String> = (0..platforms).map(|n| format!("a{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Self::index(&names, 10, 1)
    }

    /// Bills of materials of bills of materials, each under its tag.
    pub(crate) fn with_chain(mut self, length: usize) -> Self {
        let mut subject = self.top().clone();
        for at in 0..length {
            let config = self.blob("application/vnd.oci.empty.v1+json", b"{}".to_vec());
            let layer = self.blob("application/spdx+json", format!("{{\"n\":{at}}}").into());
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/spdx+json",
                "config": config, "layers": [layer], "subject": subject.descriptor(),
            });
            let part = Part::of(MANIFEST, &manifest);
            let list = json!({
                "schemaVersion": 2, "mediaType": INDEX, "manifests": [part.descriptor()],
            });
            let tag = subject.digest().replace(':', "-");
            self.tagged.push((tag, Part::of(INDEX, &list)));
            self.manifests.insert(0, part.clone());
            subject = part;
        }
        self
    }

    /// An image of one platform that was made then.
    pub(crate) fn dated(created: &'static str) -> Self {
        let mut image = Self { created: Some(created), ..Self::default() };
        image.platform("amd64", vec![noise(3_000, 1)]);
        image
    }

    /// An image of one platform.
    pub(crate) fn single(seed: u8) -> Self {
        let mut image = Self::default();
        image.platform("amd64", vec![noise(3_000, seed)]);
        image
    }

    /// What cosign makes of a signature: a manifest under a tag that is made of
    /// the digest.
    pub(crate) fn signed(mut self, text: &str) -> Self {
        let payload = self.blob("application/vnd.dev.cosign.simplesigning.v1+json", text.into());
        let config = self.blob(CONFIG, b"{}".to_vec());
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [payload] });
        let tag = format!("{}.sig", self.top().digest().replace(':', "-"));
        self.tagged.push((tag, Part::of(MANIFEST, &manifest)));
        self
    }

    /// A bill of materials that refers to the image, as the specification has
    /// it; under the tag that stands for it where `tag` is set.
    pub(crate) fn with_referrer(mut self, tag: bool) -> Self {
        let config = self.blob("application/vnd.oci.empty.v1+json", b"{}".to_vec());
        let layer = self.blob("application/spdx+json", b"{\"spdxVersion\":\"SPDX-2.3\"}".to_vec());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/spdx+json",
            "config": config, "layers": [layer], "subject": self.top().descriptor(),
        });
        let part = Part::of(MANIFEST, &manifest);
        let mut descriptor = part.descriptor();
        descriptor["artifactType"] = "application/spdx+json".into();
        let name = self.top().digest().replace(':', "-");
        self.manifests.insert(0, part);
        if tag {
            let index =
                json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] });
            self.tagged.push((name, Part::of(INDEX, &index)));
        }
        self
    }
}

/// Bytes that nothing compresses, always the same for a seed.
pub(crate) fn noise(size: usize, seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
