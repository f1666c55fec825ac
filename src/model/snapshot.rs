//! The repository at one commit: paths and bytes.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{FileChange, RepoPath};

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
    /// The command that brings the object, where it is only not there: in a
    /// shallow or partial clone.
    pub fetch: Option<String>,
}

/// Paths to bytes at one commit. Never follows symbolic links.
pub trait Snapshot {
    /// The bytes of the regular file at `path`; `None` where there is none.
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError>;

    /// What the symbolic link at `path` says; `None` where there is none.
    fn target(&self, _path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(None)
    }

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

    /// Shows every regular file of a wanted name and every symbolic link, in
    /// any order and maybe by several threads. `false`, with only some of them shown, where there are
    /// more than `most` directories.
    fn scan(&self, search: &Search<'_>) -> Result<bool, SnapshotError> {
        let mut open = vec![RepoPath::root()];
        let mut seen = 0;
        while let Some(dir) = open.pop() {
            seen += 1;
            if seen + open.len() > search.most {
                return Ok(false);
            }
            for entry in self.list(&dir)?.unwrap_or_default() {
                let path = dir.join(&entry.name);
                match entry.kind {
                    EntryKind::Directory => open.push(path),
                    EntryKind::File if (search.wanted)(&entry.name) => {
                        (search.show)(&path, &self.read(&path)?.unwrap_or_default());
                    }
                    EntryKind::Symlink => {
                        (search.link)(&path, &self.target(&path)?.unwrap_or_default());
                    }
                    _ => {}
                }
            }
        }
        Ok(true)
    }
}

/// A search through all directories for files of some names.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// Whether files of this name are wanted.
    pub wanted: &'a (dyn Fn(&str) -> bool + Sync),
    /// Takes the path of a file and its bytes.
    pub show: &'a (dyn Fn(&RepoPath, &[u8]) + Sync),
    /// Takes the path of a symbolic link and what it says.
    pub link: &'a (dyn Fn(&RepoPath, &[u8]) + Sync),
    /// With more directories than this nothing is searched.
    pub most: usize,
}

/// Another snapshot with some files changed: what a plan makes of it.
pub struct Patched<'a> {
    base: &'a dyn Snapshot,
    files: BTreeMap<RepoPath, Vec<u8>>,
    gone: BTreeSet<RepoPath>,
}

impl<'a> Patched<'a> {
    /// `base` with these changes; new files and their directories are there
    /// too, and directories without files are not.
    pub fn new(base: &'a dyn Snapshot, changes: &[FileChange]) -> Self {
        let mut patched = Self { base, files: BTreeMap::new(), gone: BTreeSet::new() };
        for change in changes {
            match change.after() {
                Some(bytes) => _ = patched.files.insert(change.path.clone(), bytes.to_vec()),
                None => _ = patched.gone.insert(change.path.clone()),
            }
        }
        patched
    }

    /// Whether something is left in a directory out of which files go.
    fn holds(&self, dir: &RepoPath) -> Result<bool, SnapshotError> {
        let emptied = self.gone.iter().any(|path| path.is_within(dir));
        Ok(!emptied || self.list(dir)?.is_some_and(|entries| !entries.is_empty()))
    }
}

impl Snapshot for Patched<'_> {
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        match self.files.get(path) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None if self.gone.contains(path) => Ok(None),
            None => self.base.read(path),
        }
    }

    fn target(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        if self.files.contains_key(path) { Ok(None) } else { self.base.target(path) }
    }

    fn list(&self, dir: &RepoPath) -> Result<Option<Vec<Entry>>, SnapshotError> {
        let added = children(self.files.keys(), dir);
        let Some(mut entries) = self.base.list(dir)? else {
            return Ok((!added.is_empty()).then_some(added));
        };
        if !self.gone.is_empty() {
            let mut kept = Vec::with_capacity(entries.len());
            for entry in entries {
                let path = dir.join(&entry.name);
                let there = match entry.kind {
                    EntryKind::Directory => self.holds(&path)?,
                    _ => !self.gone.contains(&path),
                };
                kept.extend(there.then_some(entry));
            }
            entries = kept;
        }
        for entry in added {
            if entries.iter().all(|other| other.name != entry.name) {
                entries.push(entry);
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let there = dir.parent().is_none() || !entries.is_empty() || self.gone.is_empty();
        Ok(there.then_some(entries))
    }
}

/// What of `paths` lies directly in `dir`, sorted by name.
fn children<'p>(paths: impl Iterator<Item = &'p RepoPath>, dir: &RepoPath) -> Vec<Entry> {
    let depth = dir.parts().count();
    let mut found: BTreeMap<&str, EntryKind> = BTreeMap::new();
    for path in paths.filter(|path| path.is_within(dir) && *path != dir) {
        let mut rest = path.parts().skip(depth);
        let Some(name) = rest.next() else { continue };
        let kind = if rest.next().is_some() { EntryKind::Directory } else { EntryKind::File };
        found.entry(name).or_insert(kind);
    }
    found.into_iter().map(|(name, kind)| Entry { name: name.to_owned(), kind }).collect()
}

/// A snapshot held in memory: for tests, and for what a plan makes of another
/// snapshot.
#[derive(Debug, Clone, Default)]
pub struct MemorySnapshot {
    files: BTreeMap<RepoPath, Vec<u8>>,
    links: BTreeMap<RepoPath, String>,
}

impl MemorySnapshot {
    /// A snapshot of these files.
    pub fn new(files: impl IntoIterator<Item = (RepoPath, Vec<u8>)>) -> Self {
        Self { files: files.into_iter().collect(), links: BTreeMap::new() }
    }

    /// The same with symbolic links, by what they say.
    #[must_use]
    pub fn with_links(mut self, links: impl IntoIterator<Item = (RepoPath, String)>) -> Self {
        self.links.extend(links);
        self
    }
}

impl Snapshot for MemorySnapshot {
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.files.get(path).cloned())
    }

    fn target(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.links.get(path).map(|target| target.clone().into_bytes()))
    }

    fn list(&self, dir: &RepoPath) -> Result<Option<Vec<Entry>>, SnapshotError> {
        let mut entries = children(self.files.keys().chain(self.links.keys()), dir);
        for entry in &mut entries {
            if self.links.contains_key(&dir.join(&entry.name)) {
                entry.kind = EntryKind::Symlink;
            }
        }
        let exists = !entries.is_empty() || dir.parts().next().is_none();
        Ok(exists.then_some(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::normalize(text).unwrap()
    }

    #[test]
    fn a_patched_snapshot_shows_old_and_new_files() {
        let base =
            MemorySnapshot::new([(path("a/x"), b"1".to_vec()), (path("a/y"), b"2".to_vec())]);
        let change = |at: &str, new: &str| FileChange {
            path: path(at),
            old: None,
            new: new.as_bytes().to_vec(),
            removed: false,
            executable: false,
            edits: Vec::new(),
        };
        let patched = Patched::new(&base, &[change("a/y", "3"), change("b/c/z", "4")]);
        assert_eq!(patched.read(&path("a/x")).unwrap().unwrap(), b"1");
        assert_eq!(patched.read(&path("a/y")).unwrap().unwrap(), b"3");
        let names = |dir: &str| -> Option<Vec<String>> {
            let entries = patched.list(&path(dir)).unwrap()?;
            Some(entries.into_iter().map(|entry| entry.name).collect())
        };
        assert_eq!(names("").unwrap(), ["a", "b"]);
        assert_eq!(names("b").unwrap(), ["c"]);
        assert_eq!(names("b/c").unwrap(), ["z"]);
        assert_eq!(names("q"), None);
        assert_eq!(patched.kind(&path("b")).unwrap(), Some(EntryKind::Directory));
        let gone = FileChange::gone(path("a/x"), b"1".to_vec());
        let patched = Patched::new(&base, std::slice::from_ref(&gone));
        assert_eq!(patched.read(&path("a/x")).unwrap(), None);
        assert_eq!(patched.list(&path("a")).unwrap().unwrap().len(), 1);
        let both = [gone, FileChange::gone(path("a/y"), b"2".to_vec())];
        let patched = Patched::new(&base, &both);
        assert_eq!(patched.kind(&path("a")).unwrap(), None, "no directory without files");
        assert_eq!(patched.list(&path("a")).unwrap(), None);
    }
}
