//! The holds of a snapshot.

use crate::config::{HOLDS, Holds};
use crate::model::{RepoPath, Snapshot};

use super::Failure;

/// Where they stand.
pub(super) fn file() -> RepoPath {
    RepoPath::normalize(HOLDS).unwrap_or_default()
}

/// What is held in a snapshot.
pub(super) fn holds(snapshot: &dyn Snapshot) -> Result<Holds, Failure> {
    let bytes = snapshot.read(&file())?;
    Ok(Holds::read(bytes.as_deref())?)
}
