//! The places in a file that hold a version.

use serde::Serialize;

use super::{EditKind, Pin, RepoPath};

/// What sort of place a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SiteKind {
    /// An entry of a kustomization's top-level `images:`.
    Kustomize,
    /// A scalar with an `$imagepolicy` marker.
    Marker,
    /// The `image:` of a container in a manifest or patch of the overlay.
    Manifest,
    /// An inline patch of a kustomization that sets an image.
    Patch,
    /// A field that the config declares.
    Field,
    /// The `?ref=` of a remote resource, which follows the version it is coupled to.
    Ref,
}

/// What an editor looks for in a file to change a version there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// All entries of `images:` with exactly this `name`.
    Image {
        /// The `name` of the entries.
        name: String,
    },
    /// All markers of this policy.
    Policy {
        /// The policy, `group:app`.
        policy: String,
    },
    /// All container images of this repository in a manifest or patch file,
    /// or in inline patches (strategic merge or JSON 6902).
    Manifest {
        /// The repository, without tag and digest.
        repository: String,
    },
    /// A field that the config declares.
    Field {
        /// The field path, such as `spec.source.kustomize.images[*]`.
        path: String,
        /// Whether the value is a whole image reference (`kind = "image"`)
        /// rather than a version.
        image: bool,
        /// Which repository is meant, where the path matches several images.
        repository: Option<String>,
    },
    /// Every `?ref=` in the resources of a kustomization that equals this.
    Ref {
        /// The ref as it stands.
        old: String,
    },
}

/// One place in a file that holds a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The file.
    pub path: RepoPath,
    /// 1-based line of the value (of the entry, where the value is missing).
    pub line: u32,
    /// 1-based column of the value, in characters.
    pub column: u32,
    /// The field path, such as `images[0].newTag`.
    pub field: String,
    /// What sort of place it is.
    pub kind: SiteKind,
    /// How an edit finds it again.
    pub target: Target,
    /// The image's identity across environments: the `name` of an entry, the
    /// policy of a marker, the repository of a container image, the path of a field.
    pub image: String,
    /// The repository that would be pulled, where the site tells.
    pub repository: Option<String>,
    /// The repository that stands beside a declared `tag`: where registries are
    /// asked for it. It proves nothing of what is rendered.
    pub beside: Option<String>,
    /// The marker's policy (`group:app`) that binds to this site, if any.
    pub policy: Option<String>,
    /// The version found here; empty where none is pinned.
    pub pin: Pin,
    /// Why what stands here is no readable version, if so (a bad tag, a number).
    pub problem: Option<String>,
}

impl SiteKind {
    /// The kind of edit that changes such a site's tag or whole value.
    pub fn edit_kind(self) -> EditKind {
        match self {
            Self::Kustomize => EditKind::KustomizeTag,
            Self::Marker => EditKind::Marker,
            Self::Manifest => EditKind::ManifestImage,
            Self::Patch => EditKind::PatchImage,
            Self::Field => EditKind::Field,
            Self::Ref => EditKind::Ref,
        }
    }
}
