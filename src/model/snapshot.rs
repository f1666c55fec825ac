//! The repository at one commit: paths and bytes.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::RepoPath;

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A commit of another repository (mode 160000).
    Submodule,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; entries whose name is not UTF-8 are never listed.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// Why a snapshot cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot read `{path}`: {message}")]
pub struct SnapshotError {
    /// What was asked for.
    pub path: RepoPath,
    /// What stood in the way.
    pub message: String,
}

/// Paths to bytes at one commit. Never follows symbolic links.
pub trait Snapshot {
    /// The bytes of the regular file at `path`; `None` where there is none.
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError>;

    /// The entries of the directory `dir`, sorted by name; `None` where `dir`
    /// is no directory.
    fn list(&self, dir: &RepoPath) -> Result<Option<Vec<Entry>>, SnapshotError>;

    /// What is at `path`; `None` where there is nothing.
    fn kind(&self, path: &RepoPath) -> Result<Option<EntryKind>, SnapshotError> {
        let Some(parent) = path.parent() else {
            return Ok(Some(EntryKind::Directory));
        };
        let entries = self.list(&parent)?.unwrap_or_default();
        Ok(entries.iter().find(|entry| entry.name == path.file_name()).map(|entry| entry.kind))
    }
}

/// A snapshot held in memory: for tests, and for what a plan makes of another
/// snapshot.
#[derive(Debug, Clone, Default)]
pub struct MemorySnapshot {
    files: BTreeMap<RepoPath, Vec<u8>>,
}

impl MemorySnapshot {
    /// A snapshot of these files.
    pub fn new(files: impl IntoIterator<Item = (RepoPath, Vec<u8>)>) -> Self {
        Self { files: files.into_iter().collect() }
    }
}

impl Snapshot for MemorySnapshot {
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.files.get(path).cloned())
    }

    fn list(&self, dir: &RepoPath) -> Result<Option<Vec<Entry>>, SnapshotError> {
        let depth = dir.parts().count();
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        for path in self.files.keys().filter(|path| path.is_within(dir) && *path != dir) {
            let mut rest = path.parts().skip(depth);
            let Some(name) = rest.next() else { continue };
            if seen.insert(name) {
                let kind =
                    if rest.next().is_some() { EntryKind::Directory } else { EntryKind::File };
                entries.push(Entry { name: name.to_owned(), kind });
            }
        }
        let exists = !entries.is_empty() || dir.parts().next().is_none();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(exists.then_some(entries))
    }
}
