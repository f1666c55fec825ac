//! Which kustomizations a change reaches, wherever they are: by the paths that
//! they name.
//!
//! Nothing is rendered for this. Every kustomization is read and each word of
//! it taken for a path; what is written in a way that hides a path (escapes,
//! tags, odd characters) counts as reached. So nothing is missed, and what is
//! found too much is found out by rendering it.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::kustomize::is_kustomization;
use crate::model::{EntryKind, RepoPath, Search, Snapshot, SnapshotError};

/// A kustomization: where it stands, and its text.
struct Kustomization {
    dir: RepoPath,
    text: Vec<u8>,
    /// Whether it may name more than its words tell.
    odd: bool,
}

impl Kustomization {
    fn new(dir: &RepoPath, text: &[u8]) -> Self {
        let hides = text.contains(&b'\\') || text.windows(2).any(|pair| pair == b"!!");
        Self { dir: dir.clone(), text: text.to_vec(), odd: !text.is_ascii() || hides }
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        let words = text.split(|c: char| u8::try_from(c).is_ok_and(separates));
        words.filter(|word| !word.is_empty() && !word.ends_with(':'))
    }
}

fn separates(byte: u8) -> bool {
    matches!(
        byte,
        b'\t'..=b'\r' | b' ' | b'\'' | b'"' | b'[' | b']' | b'{' | b'}' | b',' | b'=' | b'|' | b'>'
    )
}

/// The directories whose kustomizations, on one side or the other, use one of
/// the `changed` paths, or use one that does. `None` where the base has more
/// than `most` directories.
pub(super) fn reached(
    (base, head): (&dyn Snapshot, &dyn Snapshot),
    changed: &[RepoPath],
    most: usize,
) -> Result<Option<BTreeSet<RepoPath>>, SnapshotError> {
    let Some(mut open) = kustomizations(base, most)? else { return Ok(None) };
    // What did not change is the same at the head.
    for path in changed.iter().filter(|path| is_kustomization(path.file_name())) {
        if head.kind(path)? == Some(EntryKind::File) {
            let text = head.read(path)?.unwrap_or_default();
            open.push(Kustomization::new(&path.parent().unwrap_or_default(), &text));
        }
    }
    let odd_change = changed.iter().any(|path| !is_plain(path.as_str()));
    let mut touched = Touched::of(changed);
    let mut reached = BTreeSet::new();
    while !touched.is_empty() {
        let mut directories = BTreeSet::new();
        open.retain(|one| {
            let hit = odd_change || one.odd || touched.uses(one);
            if hit && reached.insert(one.dir.clone()) {
                directories.insert(one.dir.clone());
            }
            !hit
        });
        // The next round asks who uses these.
        touched = Touched::new(BTreeSet::new(), directories);
    }
    Ok(Some(reached))
}

/// What is changed, or uses what is changed.
struct Touched {
    files: BTreeSet<RepoPath>,
    directories: BTreeSet<RepoPath>,
    /// The last parts of all these paths.
    names: HashSet<String>,
}

impl Touched {
    /// The changed files, and the directories above them.
    fn of(changed: &[RepoPath]) -> Self {
        let mut above = BTreeSet::new();
        for path in changed {
            let mut at = path.parent();
            while let Some(dir) = at {
                at = if above.insert(dir.clone()) { dir.parent() } else { None };
            }
        }
        Self::new(changed.iter().cloned().collect(), above)
    }

    fn new(files: BTreeSet<RepoPath>, directories: BTreeSet<RepoPath>) -> Self {
        let names = files.iter().chain(&directories).map(|path| path.file_name().to_owned());
        let names = names.collect();
        Self { files, directories, names }
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }

    fn uses(&self, one: &Kustomization) -> bool {
        self.changes(&one.dir) || one.words().any(|word| self.named(&one.dir, word))
    }

    /// Whether a word of a kustomization in `dir` names what is touched.
    fn named(&self, dir: &RepoPath, word: &str) -> bool {
        // Most words are told by their last part, before a path is made of them.
        let last = word.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if !matches!(last, "" | "." | "..") && !self.names.contains(last) {
            return false;
        }
        // Every kustomization stands in its own directory.
        let path = dir.resolve(word).filter(|path| path != dir);
        path.is_some_and(|path| self.files.contains(&path) || self.directories.contains(&path))
    }

    /// Whether the kustomization of the directory itself changed.
    fn changes(&self, dir: &RepoPath) -> bool {
        let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
        names.iter().any(|name| self.names.contains(*name) && self.files.contains(&dir.join(name)))
    }
}

fn kustomizations(
    snapshot: &dyn Snapshot,
    most: usize,
) -> Result<Option<Vec<Kustomization>>, SnapshotError> {
    let found = Mutex::new(Vec::new());
    let show = |path: &RepoPath, text: &[u8]| {
        let one = Kustomization::new(&path.parent().unwrap_or_default(), text);
        found.lock().unwrap_or_else(PoisonError::into_inner).push(one);
    };
    let all = snapshot.scan(&Search { wanted: &is_kustomization, show: &show, most })?;
    Ok(all.then(|| found.into_inner().unwrap_or_else(PoisonError::into_inner)))
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
        let found = reached((&snapshot, &snapshot), &[path(changed)], most).unwrap()?;
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
