//! Previews: short-lived copies of an app in the first environment.
//!
//! A preview is a directory beside that of the environment
//! (`overlays/dev-preview-login`), so that no layout takes it for an
//! environment and no overlay transforms it a second time. It holds a copy of
//! the overlay, and a kustomization around the copy that gives the objects a
//! suffix, a label, selectors and hosts of their own. Here it is planned as
//! changes of files, and found again; nothing is read or written.

mod copy;
mod features;
mod found;
mod lists;
mod name;
mod objects;
mod place;
mod wrap;

pub use copy::{Source, create};
pub use features::{Feature, branch, feature};
pub use found::{Preview, all, holds};
pub use lists::delete;
pub use name::{Name, NameError};

use thiserror::Error;

use crate::kustomize::EditError;
use crate::model::{FileChange, RepoPath, SnapshotError};

/// What the directories of previews have in their names.
const MARK: &str = "-preview-";
/// The copy of the overlay, inside of a preview.
const INNER: &str = "overlay";
/// The kustomization around it.
const OUTER: &str = "kustomization.yaml";

/// The label and the annotation that say that something belongs to a preview.
pub const LABEL: &str = "git-promote/preview";

/// What a preview changes, and what a person should know of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The directory of the preview.
    pub dir: RepoPath,
    /// The files, by path.
    pub files: Vec<FileChange>,
    /// The kustomization that lists it; `None` where nothing does.
    pub listed_in: Option<RepoPath>,
    /// What deserves attention.
    pub warnings: Vec<String>,
}

/// Why a preview cannot be made or removed.
#[derive(Debug, Error)]
pub enum PreviewError {
    /// The overlay is nothing that can be copied.
    #[error("`{path}` {why}")]
    Uncopyable {
        /// The file or directory.
        path: RepoPath,
        /// Why.
        why: String,
    },
    /// Every place beside the overlay would be read as an environment.
    #[error("a preview at `{path}` would be taken for `{taken}` by the layout")]
    Taken {
        /// The place that was tried.
        path: RepoPath,
        /// The environment, and the app if the layout names one.
        taken: String,
    },
    /// The place is taken by something else.
    #[error("`{0}` is there already and is no preview of this app")]
    Exists(RepoPath),
    /// The selector names labels that no object has.
    #[error("no object of `{path}` has the labels {selector}")]
    NothingSelected {
        /// The overlay.
        path: RepoPath,
        /// The selector, as it was given.
        selector: String,
    },
    /// A label that selects pods has several values.
    #[error("the label `{key}` is set to `{one}` and to `{other}`, so that it cannot be renamed")]
    Label {
        /// The label.
        key: String,
        /// One value.
        one: String,
        /// Another.
        other: String,
    },
    /// A host would be too long.
    #[error("the host `{0}` would have a part of more than 63 characters")]
    Host(String),
    /// The copy does not run what it is to run.
    #[error("the copy of `{path}` would not run {version}: nothing that it renders takes it")]
    NotRun {
        /// The overlay.
        path: RepoPath,
        /// The version.
        version: String,
    },
    /// Several kustomizations list the overlay.
    #[error("`{overlay}` is listed in several places: {}", paths(.found))]
    SeveralLists {
        /// The overlay.
        overlay: RepoPath,
        /// The kustomizations.
        found: Vec<RepoPath>,
    },
    /// The kustomization that was named is not there, or is none.
    #[error("`{0}` is no kustomization")]
    NoList(RepoPath),
    /// The kustomization that lists the preview would give it another version.
    #[error("`{list}` would change what it lists: the preview would not run {version}")]
    Transformed {
        /// The kustomization.
        list: RepoPath,
        /// The version.
        version: String,
    },
    /// A kustomization cannot be edited.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

fn paths(paths: &[RepoPath]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
