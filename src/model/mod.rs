//! The words of the product as plain values: no I/O, no clock, no policy.
//!
//! Everything else in this crate is built of these types; they import nothing
//! of the crate.

pub mod app;
pub mod cluster;
pub mod delivery;
pub mod edit;
pub mod environment;
pub mod finding;
pub mod health;
pub mod hex;
pub mod images;
pub mod listed;
pub mod nearest;
pub mod ordering;
pub mod pasted;
pub mod path;
pub mod promotion;
pub mod site;
pub mod snapshot;
pub mod spans;
pub mod version;

pub use app::{AppId, quoted};
pub use cluster::Cluster;
pub use delivery::{Deliver, EnvironmentDelivery, Flow, ForgeKind, MergeMethod, Reviewer};
pub use edit::{Edit, EditKind, FileChange};
pub use environment::{Environment, EnvironmentName, Pipeline, PipelineError, Sources};
pub use finding::{Cause, Finding, Outcome, Rule};
pub use health::{ClusterObject, Health, HealthSettings, Patience, Sight};
pub use hex::hex;
pub use images::{EnvironmentImages, Signer};
pub use listed::listed;
pub use nearest::nearest;
pub use ordering::by_semver;
pub use pasted::pasted;
pub use path::RepoPath;
pub use promotion::Promotion;
pub use site::{Site, SiteKind, Target};
pub use snapshot::{Entry, EntryKind, MemorySnapshot, Patched, Search, Snapshot, SnapshotError};
pub use spans::short_span;
pub use version::{Digest, ImageRef, Pin, Tag, VersionError};
