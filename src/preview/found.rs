//! The previews that a repository holds.

use std::sync::{Mutex, PoisonError};

use super::{LABEL, MARK, OUTER};
use crate::model::{RepoPath, Search, Snapshot, SnapshotError};
use crate::yaml::{NodeId, Stream};

/// A preview, as its kustomization tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Preview {
    /// Its name.
    pub name: String,
    /// The app it is a copy of, as it is shown.
    pub app: String,
    /// The environment it stands in.
    pub environment: String,
    /// The version it was made for.
    pub version: String,
    /// Its directory.
    pub dir: RepoPath,
}

impl Preview {
    /// The preview that a kustomization is around; `None` where it is another.
    fn read(path: &RepoPath, bytes: &[u8]) -> Option<Self> {
        let stated = bytes.windows(LABEL.len()).any(|window| window == LABEL.as_bytes());
        if !stated || path.file_name() != OUTER {
            return None;
        }
        let stream = Stream::parse(bytes).ok()?;
        let root = *stream.documents().first()?;
        let get = |from: NodeId, key: &str| stream.get(from, key);
        let said = get(get(root, "metadata")?, "annotations")?;
        let text = |key: &str| get(said, key).and_then(|id| stream.value(id)).map(str::to_owned);
        let (name, dir) = (text(LABEL)?, path.parent()?);
        // What is removed with a preview must be a preview's alone.
        let end = format!("{MARK}{name}");
        if !dir.parts().any(|part| part.ends_with(&end)) {
            return None;
        }
        Some(Self {
            name,
            app: text("git-promote/app")?,
            environment: text("git-promote/environment")?,
            version: text("git-promote/version")?,
            dir,
        })
    }
}

/// Every preview, sorted by name.
pub fn all(snapshot: &dyn Snapshot) -> Result<Vec<Preview>, SnapshotError> {
    let found = Mutex::new(Vec::new());
    let show = |path: &RepoPath, bytes: &[u8]| {
        let preview = Preview::read(path, bytes);
        found.lock().unwrap_or_else(PoisonError::into_inner).extend(preview);
    };
    let wanted = |name: &str| name == OUTER;
    let link = |_: &RepoPath, _: &[u8]| {};
    snapshot.scan(&Search { wanted: &wanted, show: &show, link: &link, most: usize::MAX })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort();
    Ok(found)
}

/// Whether a file belongs to a preview.
pub fn holds(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<bool, SnapshotError> {
    for dir in path.ancestors().filter(|dir| dir.as_str().contains(MARK)) {
        if at(snapshot, &dir)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The preview of a directory.
pub(super) fn at(
    snapshot: &dyn Snapshot,
    dir: &RepoPath,
) -> Result<Option<Preview>, SnapshotError> {
    let path = dir.join(OUTER);
    Ok(snapshot.read(&path)?.and_then(|bytes| Preview::read(&path, &bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_of_its_own_is_a_preview() {
        let text = "metadata:\n  annotations:\n    git-promote/preview: x\n    git-promote/app: web\n    \
                    git-promote/environment: dev\n    git-promote/version: v1\n";
        let read = |path: &str| {
            Preview::read(&RepoPath::normalize(path).unwrap(), text.as_bytes())
                .map(|found| found.name)
        };
        assert_eq!(read("a/dev-preview-x/kustomization.yaml").as_deref(), Some("x"));
        assert_eq!(read("dev-preview-x/web/kustomization.yaml").as_deref(), Some("x"));
        for other in
            ["kustomization.yaml", "apps/kustomization.yaml", "a/dev-preview-y/kustomization.yaml"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
