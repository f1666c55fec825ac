//! Changes to files, down to the byte.

use std::ops::Range;

use serde::Serialize;

use super::RepoPath;

/// What an edit changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditKind {
    /// `newTag` of an `images:` entry.
    KustomizeTag,
    /// `digest` of an `images:` entry.
    KustomizeDigest,
    /// A whole `images:` entry that was missing.
    KustomizeEntry,
    /// A scalar with an `$imagepolicy` marker.
    Marker,
    /// The `image:` of a container.
    ManifestImage,
    /// An image inside an inline patch.
    PatchImage,
    /// A declared field.
    Field,
    /// A coupled `?ref=`.
    Ref,
    /// A file that is copied from the environment before (`--create`).
    NewFile,
    /// A file that goes.
    RemovedFile,
    /// An item of a list of a kustomization, such as `resources`.
    KustomizeItem,
    /// A comment: an `$imagepolicy` marker that Flux is not to see for a while.
    Comment,
}

/// One value that changes. Bytes outside the spans of a file's edits stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub path: RepoPath,
    /// 1-based line of the value in the old bytes; of the place where it goes,
    /// where it is new.
    pub line: u32,
    /// 1-based column there, in characters.
    pub column: u32,
    /// The field path, such as `images[0].newTag`.
    pub field: String,
    /// What it changes.
    pub kind: EditKind,
    /// The value before, as YAML reads it; `None` where there was none.
    pub old: Option<String>,
    /// The value after; `None` where it is removed.
    pub new: Option<String>,
    /// The bytes of the old file that are replaced.
    pub span: Range<usize>,
    /// What stands there instead.
    pub replacement: Vec<u8>,
}

/// A file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: RepoPath,
    /// Its bytes before; `None` where it is new.
    pub old: Option<Vec<u8>>,
    /// Its bytes after; none where it is removed.
    pub new: Vec<u8>,
    /// Whether it goes.
    pub removed: bool,
    /// Whether a new file is to be executable.
    pub executable: bool,
    /// What changes in it, in order of the span.
    pub edits: Vec<Edit>,
}

impl FileChange {
    /// A file that comes, whole.
    pub fn added(path: RepoPath, new: Vec<u8>, source: &str) -> Self {
        let edit = Edit {
            path: path.clone(),
            line: 1,
            column: 1,
            field: source.to_owned(),
            kind: EditKind::NewFile,
            old: None,
            new: Some(format!("{} bytes", new.len())),
            span: 0..0,
            replacement: new.clone(),
        };
        Self { path, old: None, new, removed: false, executable: false, edits: vec![edit] }
    }

    /// A file that goes, whole.
    pub fn gone(path: RepoPath, old: Vec<u8>) -> Self {
        let edit = Edit {
            path: path.clone(),
            line: 1,
            column: 1,
            field: "file".to_owned(),
            kind: EditKind::RemovedFile,
            old: Some(format!("{} bytes", old.len())),
            new: None,
            span: 0..old.len(),
            replacement: Vec::new(),
        };
        let edits = vec![edit];
        Self { path, old: Some(old), new: Vec::new(), removed: true, executable: false, edits }
    }

    /// The bytes that are there after it; `None` where it is removed.
    pub fn after(&self) -> Option<&[u8]> {
        (!self.removed).then_some(self.new.as_slice())
    }
}
