//! What generators, transformers and validators may read besides what their
//! kustomization names: the files that their own files name, and so on.

use std::collections::BTreeSet;

use memchr::memmem;

use super::reach::words;
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

/// Fields of a kustomization whose files may name further ones.
const FIELDS: [&str; 3] = ["generators", "transformers", "validators"];
/// No more files are looked through for one kustomization.
const MOST_FILES: usize = 500;

/// The paths that the files of a kustomization name; `None` where there are
/// too many to tell.
pub(super) fn named(
    snapshot: &dyn Snapshot,
    dir: &RepoPath,
    text: &[u8],
) -> Result<Option<BTreeSet<RepoPath>>, SnapshotError> {
    let mut found = BTreeSet::new();
    if !FIELDS.iter().any(|field| memmem::find(text, field.as_bytes()).is_some()) {
        return Ok(Some(found));
    }
    let mut open = vec![(dir.clone(), text.to_vec())];
    let mut read = 0;
    while let Some((from, text)) = open.pop() {
        let Ok(text) = std::str::from_utf8(&text) else { return Ok(None) };
        let parts = |c: char| "();&`$<:".contains(c);
        let all = words(text.as_bytes()).flat_map(|word| word.split(parts));
        for word in all.filter(|word| word.contains(['.', '/'])) {
            // A script names files as seen from where it is run, too.
            for dir in BTreeSet::from([&from, dir]) {
                let Some(path) = dir.resolve(word).filter(|path| path != dir) else { continue };
                if path.as_str().is_empty() || !found.insert(path.clone()) {
                    continue;
                }
                for path in files(snapshot, path)? {
                    read += 1;
                    if read > MOST_FILES {
                        return Ok(None);
                    }
                    if let Some(bytes) = snapshot.read(&path)? {
                        open.push((path.parent().unwrap_or_default(), bytes));
                    }
                }
            }
        }
    }
    Ok(Some(found))
}

/// The file at a path, or the files that lie in it as in a directory.
fn files(snapshot: &dyn Snapshot, path: RepoPath) -> Result<Vec<RepoPath>, SnapshotError> {
    match snapshot.list(&path)? {
        None => Ok(vec![path]),
        Some(entries) => {
            let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
            Ok(files.map(|entry| path.join(&entry.name)).collect())
        }
    }
}
