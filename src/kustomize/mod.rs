//! Where Kustomize, Flux and Kubernetes keep image versions in a file, and how
//! one of them is changed.
//!
//! [`read_sites`] finds the versions of one file, [`set_pins`] changes them
//! byte-exactly: `images:` entries, `$imagepolicy` markers, images of
//! containers, patches, declared fields and coupled `?ref=`s. Facts on
//! Kustomize are those of version 5.5, on markers those of Flux's
//! image-automation controller 1.2.

mod beside;
mod change;
mod edit;
mod entry;
mod error;
mod field;
mod file;
mod images;
mod manifest;
mod marker;
mod path;
mod policy;
mod read;
mod refs;
pub mod render;
mod resources;
mod value;

pub use beside::beside;
pub use edit::{Change, set_pins};
pub use entry::{NewEntry, add_image_entry};
pub use error::EditError;
pub use file::is_kustomization;
pub use marker::hide as hide_markers;
pub use read::{FileSites, Note, read_sites};
pub use refs::{RefSite, refs};
pub use resources::{list, listed, mend, selected_pairs, unlist};
