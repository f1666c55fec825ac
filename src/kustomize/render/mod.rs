//! What an overlay runs: the images that kustomize 5.5 would render, read
//! from a snapshot without running it.
//!
//! [`render`] follows resources, bases, components, generators, patches and
//! image entries in kustomize's own order. Whatever it does not follow and
//! that could make or change an image is [`Opaque`]; where there is none, the
//! images are those of `kubectl kustomize`. Work is bounded: beyond a bound
//! the rest is opaque.

mod accumulate;
mod action;
mod charts;
mod collect;
mod configuration;
mod context;
mod data_chart;
mod document;
mod field_path;
mod generate;
mod images;
mod json_patch;
mod load;
mod mention;
mod merge;
mod metadata;
mod parts;
mod patches;
mod pattern;
mod plain;
mod pointer;
mod reference;
mod replacements;
mod resource;
mod scalar;
mod schema;
mod select;
mod spec;
mod unfollowed;
mod unknown;
mod value;
mod values_from;
mod variables;

pub use pointer::{Pointer, PointerField};

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{RepoPath, Snapshot, SnapshotError};

/// What kind of place holds an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageKind {
    /// `image` of a container, at any depth of any kind.
    Container,
    /// `image` elsewhere.
    Field,
    /// A scalar, or a part of one, that looks like an image: with a registry
    /// and a tag, or with `@sha256:`.
    Scalar,
    /// An entry of `images:` that may apply to objects which are not known,
    /// because a resource is opaque. Only then; never rendered itself.
    Entry,
    /// A setting of a Helm chart or of a custom resource that names an image
    /// or a version; the reference is `path=value`, with what it belongs to.
    Setting,
}

/// An image that the overlay renders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RenderedImage {
    /// What holds it.
    pub kind: ImageKind,
    /// `Deployment/web`, or `Deployment/shop/web` where a namespace is given.
    /// A generated object is named without the hash of its content.
    pub object: String,
    /// The field: `spec.template.spec.containers[web].image`.
    pub field: String,
    /// The reference as kustomize renders it.
    pub reference: String,
    /// File and 1-based line where the scalar stands.
    pub origin: (RepoPath, u32),
    /// File and line of the images entry or patch that decided it.
    pub set_by: Option<(RepoPath, u32)>,
}

impl RenderedImage {
    /// The reference without tag and digest.
    pub fn repository(&self) -> &str {
        reference::split(&self.reference).name
    }

    /// The tag; empty where there is none.
    pub fn tag(&self) -> &str {
        reference::split(&self.reference).tag
    }

    /// The digest; empty where there is none.
    pub fn digest(&self) -> &str {
        reference::split(&self.reference).digest
    }
}

/// What says which version of something else is taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// What it is, without the version.
    pub name: String,
    /// The version.
    pub version: String,
    /// Whether its content lies in the repository, whatever the version.
    pub local: bool,
    /// A hash of all that is said of it beside name, version and settings.
    pub rest: [u8; 32],
}

impl Source {
    /// Whether it is the same version of the same thing.
    pub fn is(&self, other: &Self) -> bool {
        (&self.name, &self.version, self.local) == (&other.name, &other.version, other.local)
    }
}

/// A construct that is not followed and could make or change an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opaque {
    /// The file.
    pub path: RepoPath,
    /// The 1-based line.
    pub line: u32,
    /// What it is.
    pub what: String,
    /// The SHA-256 of everything it depends on, as far as that is known.
    pub content: [u8; 32],
    /// Whether `content` covers all of it: not where a symbolic link, a
    /// submodule or a bound hides some. Then the same content is no proof that
    /// nothing changed.
    pub complete: bool,
    /// Whether it may change what others make, such as a transformer or a
    /// patch; `false` where all it does is to add objects, or where it is a
    /// value that is odd by itself.
    pub changes: bool,
    /// The chart or remote resource that it is, where one is named by version.
    pub source: Option<Source>,
}

/// What an overlay runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Every image, in the order of the objects.
    pub images: Vec<RenderedImage>,
    /// The names of those entries in the order in which they apply, by the
    /// outermost kustomization.
    pub entries: BTreeMap<RepoPath, Vec<String>>,
    /// What is not followed. Where it is empty, the images are exactly those
    /// that kustomize renders, or kustomize refuses the overlay.
    pub opaque: Vec<Opaque>,
    /// Objects that say what else is deployed.
    pub pointers: Vec<Pointer>,
    /// Every object and every chart, as `RenderedImage::object` names it.
    pub objects: BTreeSet<String>,
    /// Those of them whose fields mean what only a controller knows.
    pub custom: BTreeSet<String>,
    /// What `ConfigMap`s and `Secret`s say under names that others can know.
    pub data: Vec<Datum>,
    /// Whether a bound ended the work before everything was followed.
    pub cut: bool,
    /// Every file that was read or looked for.
    pub files: BTreeSet<RepoPath>,
}

/// An entry of a `ConfigMap` or a `Secret`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datum {
    /// The object that holds it.
    pub object: String,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// File and 1-based line where the value stands.
    pub origin: (RepoPath, u32),
}

/// An object of a kustomization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`; of a generated object without the hash of its content.
    pub name: String,
    /// `metadata.namespace`; empty where none is given.
    pub namespace: String,
    /// The file it stands in.
    pub origin: RepoPath,
    /// All of it; every scalar but null is a text.
    pub value: serde_json::Value,
}

/// What a kustomization makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// The objects, in kustomize's order.
    pub objects: Vec<Object>,
    /// What is not followed, so that there may be more.
    pub opaque: Vec<Opaque>,
    /// Every file that was read or looked for.
    pub files: BTreeSet<RepoPath>,
}

/// Renders the kustomization in `dir`.
pub fn render(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Rendered, SnapshotError> {
    accumulate::render(snapshot, dir)
}

/// The objects of the kustomization in `dir`, and what was not followed.
///
/// Labels that a kustomization sets stand in the metadata of an object only,
/// not in the selectors and templates in which kustomize sets them too.
pub fn objects(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Objects, SnapshotError> {
    accumulate::objects(snapshot, dir)
}

/// The documents of one file as they stand; what cannot be read is left out.
pub fn documents(
    snapshot: &dyn Snapshot,
    path: &RepoPath,
) -> Result<Vec<serde_json::Value>, SnapshotError> {
    plain::documents(snapshot, path)
}

/// Renders a directory without a kustomization: all its manifests, at any
/// depth; a directory below it that has a kustomization is rendered by it.
pub fn render_plain(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Rendered, SnapshotError> {
    plain::render(snapshot, dir)
}

/// Renders one file of manifests, as it is applied by itself.
pub fn render_file(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<Rendered, SnapshotError> {
    plain::render_file(snapshot, path)
}
