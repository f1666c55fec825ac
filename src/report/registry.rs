//! What `registry` found and did.

use crate::model::{AppId, EnvironmentName, Pin};

/// A version in a repository of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRow {
    /// The app; `None` where an image was named by itself.
    pub app: Option<AppId>,
    /// The image's identity across environments.
    pub image: String,
    /// The environments that pull from this repository, in their order.
    pub environments: Vec<EnvironmentName>,
    /// The repository.
    pub repository: String,
    /// The version.
    pub version: Pin,
    /// What is there; `None` where nothing is, or where it is not known.
    pub found: Option<ImageFacts>,
    /// Why it is not known.
    pub unknown: Option<String>,
}

/// What a registry says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// The digest.
    pub digest: String,
    /// What it runs on.
    pub platforms: Vec<String>,
    /// When it was made, as it says.
    pub created: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// The commit it was made from.
    pub revision: Option<String>,
    /// The version that it calls itself.
    pub version: Option<String>,
}

/// What `registry check` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryCheckReport {
    /// One row a repository.
    pub rows: Vec<ImageRow>,
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    /// A dry run: it would be copied.
    Planned,
    /// It is copied.
    Copied,
    /// The destination had it.
    Unchanged,
}

/// A version that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRow {
    /// The app; `None` where an image was named by itself.
    pub app: Option<AppId>,
    /// The image's identity across environments.
    pub image: String,
    /// The repository that it is taken from.
    pub from: String,
    /// The repository that it comes to.
    pub to: String,
    /// The version.
    pub version: Pin,
    /// The digest.
    pub digest: String,
    /// What became of it.
    pub state: CopyState,
    /// Blobs that were sent, that the registry took from the other repository,
    /// and that were there.
    pub blobs: (usize, usize, usize),
    /// Bytes that were sent.
    pub bytes: u64,
    /// Manifests that were set.
    pub manifests: usize,
    /// Signatures and the like that are there as well.
    pub referrers: usize,
}

/// What `registry copy` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryCopyReport {
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// One row an image.
    pub rows: Vec<CopyRow>,
}
