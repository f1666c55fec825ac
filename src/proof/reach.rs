//! Which kustomizations a change reaches, wherever they are: by the paths that
//! they name.
//!
//! Nothing is rendered for this. Every kustomization is read and each word of
//! it taken for a path; what is written in a way that hides a path (escapes,
//! tags, odd characters) counts as reached. So nothing is missed, and what is
//! found too much is found out by rendering it.

use std::collections::BTreeSet;

use crate::kustomize::is_kustomization;
use crate::model::{EntryKind, RepoPath, Snapshot, SnapshotError};

/// A kustomization and what it may name.
struct Mentions {
    dir: RepoPath,
    paths: Vec<RepoPath>,
    /// Whether it may name more than was found.
    odd: bool,
}

/// The directories whose kustomizations use one of the `changed` paths, or use
/// one that does. `None` where the snapshot has more than `most` directories.
pub(super) fn reached(
    snapshot: &dyn Snapshot,
    changed: &[RepoPath],
    most: usize,
) -> Result<Option<BTreeSet<RepoPath>>, SnapshotError> {
    let Some(all) = kustomizations(snapshot, most)? else { return Ok(None) };
    let odd_change = changed.iter().any(|path| !is_plain(path.as_str()));
    let mut touched = Touched::of(changed);
    let mut reached = BTreeSet::new();
    loop {
        let before = reached.len();
        for one in &all {
            let hit = || one.odd || odd_change || one.paths.iter().any(|path| touched.by(path));
            if !reached.contains(&one.dir) && (touched.kustomization(&one.dir) || hit()) {
                reached.insert(one.dir.clone());
                touched.directories.insert(one.dir.clone());
            }
        }
        if reached.len() == before {
            return Ok(Some(reached));
        }
    }
}

/// What is changed, or uses what is changed.
struct Touched {
    files: BTreeSet<RepoPath>,
    /// Directories above the changed files.
    above: BTreeSet<RepoPath>,
    directories: BTreeSet<RepoPath>,
}

impl Touched {
    fn of(changed: &[RepoPath]) -> Self {
        let files: BTreeSet<RepoPath> = changed.iter().cloned().collect();
        let mut above = BTreeSet::new();
        for path in &files {
            let mut at = path.parent();
            while let Some(dir) = at {
                at = if above.insert(dir.clone()) { dir.parent() } else { None };
            }
        }
        Self { files, above, directories: BTreeSet::new() }
    }

    fn by(&self, named: &RepoPath) -> bool {
        self.files.contains(named) || self.above.contains(named) || self.directories.contains(named)
    }

    /// Whether the kustomization of the directory itself changed.
    fn kustomization(&self, dir: &RepoPath) -> bool {
        let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
        names.iter().any(|name| self.files.contains(&dir.join(name)))
    }
}

fn kustomizations(
    snapshot: &dyn Snapshot,
    most: usize,
) -> Result<Option<Vec<Mentions>>, SnapshotError> {
    let mut found = Vec::new();
    let mut open = vec![RepoPath::root()];
    let mut seen = 0;
    while let Some(dir) = open.pop() {
        seen += 1;
        if seen + open.len() > most {
            return Ok(None);
        }
        for entry in snapshot.list(&dir)?.unwrap_or_default() {
            let path = dir.join(&entry.name);
            match entry.kind {
                EntryKind::Directory => open.push(path),
                EntryKind::File if is_kustomization(&entry.name) => {
                    let text = snapshot.read(&path)?.unwrap_or_default();
                    found.push(mentions(&dir, &text));
                }
                _ => {}
            }
        }
    }
    Ok(Some(found))
}

fn mentions(dir: &RepoPath, text: &[u8]) -> Mentions {
    let (text, odd) = match std::str::from_utf8(text) {
        Ok(text) => (text, !text.is_ascii() || text.contains('\\') || text.contains("!!")),
        Err(_) => ("", true),
    };
    let split = |c: char| c.is_whitespace() || "'\"[]{},=|>".contains(c);
    let words = text.split(split).filter(|word| !word.is_empty() && !word.ends_with(':'));
    let mut paths: Vec<RepoPath> = words.filter_map(|word| dir.resolve(word)).collect();
    // Every kustomization stands in its own directory.
    paths.retain(|path| path != dir);
    paths.sort();
    paths.dedup();
    Mentions { dir: dir.clone(), paths, odd }
}

/// Whether a path is always written in one way.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/+@~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemorySnapshot;

    fn path(text: &str) -> RepoPath {
        RepoPath::normalize(text).unwrap()
    }

    fn reached_by(changed: &str, most: usize) -> Option<Vec<String>> {
        let snapshot = MemorySnapshot::new(
            [
                ("a/kustomization.yaml", "resources: [../lib/x, \"../b\"]"),
                ("b/kustomization.yml", "resources:\n- ../c\n"),
                ("c/kustomization.yaml", "configMapGenerator:\n- name: x\n  files:\n  - k=f.txt\n"),
                ("d/Kustomization", "resources:\n- \"..\\/q\"\n"),
                ("e/kustomization.yaml", "resources: [../plain]"),
                ("f/kustomization.yaml", "namespace: c"),
            ]
            .map(|(at, text)| (path(at), text.as_bytes().to_vec())),
        );
        let found = reached(&snapshot, &[path(changed)], most).unwrap()?;
        Some(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_named_is_reached_through_any_number_of_steps() {
        assert_eq!(reached_by("c/f.txt", 99).unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(reached_by("lib/x/kustomization.yaml", 99).unwrap(), ["a", "d"]);
        assert_eq!(reached_by("plain/deep/x.yaml", 99).unwrap(), ["d", "e"]);
        assert_eq!(reached_by("README.md", 99).unwrap(), ["d"]);
        assert_eq!(reached_by("b/kustomization.yml", 99).unwrap(), ["a", "b", "d"]);
        assert_eq!(reached_by("odd name", 99).unwrap().len(), 6);
        assert_eq!(reached_by("c/f.txt", 3), None);
    }
}
