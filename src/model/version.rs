//! Tags, digests, and the pair of both that pins an image.
//!
//! The grammar is that of the OCI distribution specification 1.1, section
//! "Pulling manifests" (tags) and of the image specification, "Digests".

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// The longest tag that a registry accepts, in bytes.
const TAG_MAX: usize = 128;

/// Why a text is no tag, digest or version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VersionError {
    /// The text breaks the tag grammar `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
    #[error(
        "`{0}` is not a valid tag: a tag is 1 to 128 of A-Z a-z 0-9 _ . - and starts with none of . -"
    )]
    Tag(String),
    /// The text is not `sha256:` and 64, or `sha512:` and 128 lower-case hex digits.
    #[error(
        "`{0}` is not a valid digest: expected sha256: and 64 lower-case hex digits (or sha512: and 128)"
    )]
    Digest(String),
    /// Neither tag nor digest is there.
    #[error("the version is empty")]
    Empty,
}

/// A valid image tag, such as `v1.2.3`; in a [`Pin`] also the version of a
/// Helm chart, whose build metadata (`0.1.5+9730448`) no image tag may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Tag(String);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a registry accepts it; not so with build metadata.
    pub fn is_image_tag(&self) -> bool {
        !self.0.contains('+')
    }

    /// A tag, or a `SemVer` 2.0 version with build metadata.
    fn or_build(text: &str) -> Result<Self, VersionError> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let build = text.contains('+') && text.len() <= TAG_MAX;
        if build && semver::Version::parse(plain).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        text.parse()
    }
}

impl FromStr for Tag {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = text.bytes();
        let head = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let tail = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if head && tail && text.len() <= TAG_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(VersionError::Tag(text.to_owned()))
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A valid content digest, such as `sha256:` and 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Digest(String);

impl Digest {
    /// The digest as text, algorithm included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = match text.split_once(':') {
            Some(("sha256", hex)) => (hex, 64),
            Some(("sha512", hex)) => (hex, 128),
            _ => return Err(VersionError::Digest(text.to_owned())),
        };
        let (hex, wanted) = length;
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() == wanted && hex.bytes().all(lower_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VersionError::Digest(text.to_owned()))
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is pinned at a site: a tag, a digest, or both as a pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Pin {
    /// The tag, if one is given.
    pub tag: Option<Tag>,
    /// The digest, if one is given.
    pub digest: Option<Digest>,
}

impl Pin {
    /// A pin of a tag alone.
    pub fn tag(tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None }
    }

    /// Whether neither tag nor digest is there.
    pub fn is_empty(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// Whether this pin is what a user means by `wanted`: every part that
    /// `wanted` names is the same here. `v1` is carried by `v1@sha256:...`.
    pub fn carries(&self, wanted: &Self) -> bool {
        let tag = wanted.tag.is_none() || wanted.tag == self.tag;
        let digest = wanted.digest.is_none() || wanted.digest == self.digest;
        tag && digest && !wanted.is_empty()
    }
}

impl FromStr for Pin {
    type Err = VersionError;

    /// Reads `TAG`, `TAG@DIGEST`, `DIGEST` or `@DIGEST`; alone, a version with
    /// build metadata too.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        if let Some((tag, digest)) = text.split_once('@') {
            let tag = if tag.is_empty() { None } else { Some(tag.parse()?) };
            return Ok(Self { tag, digest: Some(digest.parse()?) });
        }
        if text.contains(':') {
            return Ok(Self { tag: None, digest: Some(text.parse()?) });
        }
        Ok(Self::tag(Tag::or_build(text)?))
    }
}

impl fmt::Display for Pin {
    /// `tag`, `tag@digest`, or the digest alone; `none` where nothing is pinned.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.tag, &self.digest) {
            (Some(tag), Some(digest)) => write!(f, "{tag}@{digest}"),
            (Some(tag), None) => write!(f, "{tag}"),
            (None, Some(digest)) => write!(f, "{digest}"),
            (None, None) => f.write_str("none"),
        }
    }
}

/// An image reference as manifests write it: `repository[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageRef {
    /// Registry, port and path, without tag and digest. Never empty.
    pub repository: String,
    /// Tag and digest.
    pub pin: Pin,
}

impl FromStr for ImageRef {
    type Err = VersionError;

    /// A `:` counts as the start of a tag only after the last `/`, so that a
    /// registry port (`host:5000/web`) stays part of the repository.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse()?)),
            None => (text, None),
        };
        let path_start = name.rfind('/').map_or(0, |slash| slash + 1);
        let (path, last) = name.split_at(path_start);
        let (last, tag) = match last.split_once(':') {
            Some((last, tag)) => (last, Some(tag.parse()?)),
            None => (last, None),
        };
        let repository = format!("{path}{last}");
        if repository.is_empty() {
            return Err(VersionError::Empty);
        }
        Ok(Self { repository, pin: Pin { tag, digest } })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.pin.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.pin.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    #[test]
    fn tags_follow_the_oci_grammar() {
        for good in ["v1", "_x", "0", "1.10", "a-b_c.D", &"x".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a b", "v2 #x", "a/b", "a:b", "ä", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pin_reads_tag_digest_and_both() {
        let both: Pin = format!("v1@{DIGEST}").parse().unwrap();
        assert_eq!(both.to_string(), format!("v1@{DIGEST}"));
        assert!(both.carries(&"v1".parse().unwrap()));
        assert!(both.carries(&DIGEST.parse().unwrap()));
        assert!(!both.carries(&"v2".parse().unwrap()));
        assert!(!Pin::default().carries(&Pin::default()));
        assert!("v1@sha256:12".parse::<Pin>().is_err());
    }

    #[test]
    fn build_metadata_makes_a_version_but_no_image_tag() {
        let chart: Pin = "0.1.1889+ca96506".parse().unwrap();
        assert!(!chart.tag.as_ref().unwrap().is_image_tag());
        assert_eq!(chart.to_string(), "0.1.1889+ca96506");
        for bad in ["0.1.1889+ca96506".parse::<Tag>().is_err(), "x+y".parse::<Pin>().is_err()] {
            assert!(bad);
        }
        assert!("web:1.0.0+a".parse::<ImageRef>().is_err());
    }

    #[test]
    fn a_port_is_no_tag() {
        let plain: ImageRef = "host:5000/team/web".parse().unwrap();
        assert_eq!(plain.repository, "host:5000/team/web");
        assert!(plain.pin.is_empty());
        let full: ImageRef = format!("host:5000/web:v1@{DIGEST}").parse().unwrap();
        assert_eq!(full.repository, "host:5000/web");
        assert_eq!(full.to_string(), format!("host:5000/web:v1@{DIGEST}"));
        for bad in [":v1", "a/web:v1:v2", "web::v1", "web:"] {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad}");
        }
    }
}
