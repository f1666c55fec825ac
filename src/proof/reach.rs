//! Which kustomizations a change reaches, wherever they are: by the paths that
//! they name.
//!
//! Nothing is rendered for this. Every kustomization is read and each word of
//! it taken for a path; what is written in a way that hides a path (escapes,
//! tags, odd characters) counts as reached. So nothing is missed, and what is
//! found too much is found out by rendering it.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use super::links::{self, Links};
use super::plugins;
use crate::kustomize::is_kustomization;
use crate::model::{EntryKind, RepoPath, Search, Snapshot, SnapshotError};

/// A kustomization: where it stands, and its text.
struct Kustomization {
    dir: RepoPath,
    text: Vec<u8>,
    /// Whether it may name more than its words tell.
    odd: bool,
    /// What the files of its plugins name.
    further: BTreeSet<RepoPath>,
}

impl Kustomization {
    fn new(dir: &RepoPath, text: &[u8]) -> Self {
        let hides = text.contains(&b'\\') || text.windows(2).any(|pair| pair == b"!!");
        Self {
            dir: dir.clone(),
            text: text.to_vec(),
            odd: !text.is_ascii() || hides,
            further: BTreeSet::new(),
        }
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        words(&self.text)
    }
}

/// The words of a text that may be paths.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let words = text.split(|c: char| u8::try_from(c).is_ok_and(separates));
    words.filter(|word| !word.is_empty() && !word.ends_with(':'))
}

fn separates(byte: u8) -> bool {
    matches!(
        byte,
        b'\t'..=b'\r' | b' ' | b'\'' | b'"' | b'[' | b']' | b'{' | b'}' | b',' | b'=' | b'|' | b'>'
    )
}

/// What a change reaches.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// The directories whose kustomizations, on one side or the other, use one
    /// of the changed paths, or use one that does.
    pub(super) dirs: BTreeSet<RepoPath>,
    /// Symbolic links that lead to such.
    pub(super) linked: BTreeSet<RepoPath>,
    /// All symbolic links of the base.
    pub(super) links: Links,
}

/// What the `changed` paths reach. `None` where the base has more than `most`
/// directories.
pub(super) fn reached(
    (base, head): (&dyn Snapshot, &dyn Snapshot),
    changed: &[RepoPath],
    most: usize,
) -> Result<Option<Reached>, SnapshotError> {
    let Some((mut open, links)) = kustomizations(base, most)? else { return Ok(None) };
    // What did not change is the same at the head.
    for path in changed.iter().filter(|path| is_kustomization(path.file_name())) {
        if head.kind(path)? == Some(EntryKind::File) {
            let text = head.read(path)?.unwrap_or_default();
            open.push(Kustomization::new(&path.parent().unwrap_or_default(), &text));
        }
    }
    let odd_change = changed.iter().any(|path| !is_plain(path.as_str()));
    let mut touched = Touched::of(changed);
    let mut reached = Reached::default();
    let mut ways: Vec<(&RepoPath, Vec<RepoPath>)> =
        links.paths().map(|link| (link, links.way(link))).collect();
    while !touched.is_empty() {
        touched.follow(&mut ways);
        reached.linked.extend(touched.linked.iter().cloned());
        let mut directories = BTreeSet::new();
        open.retain(|one| {
            let hit = odd_change || one.odd || touched.uses(one);
            if hit && reached.dirs.insert(one.dir.clone()) {
                directories.insert(one.dir.clone());
            }
            !hit
        });
        // The next round asks who uses these.
        touched = Touched::new(BTreeSet::new(), directories);
    }
    drop(ways);
    Ok(Some(Reached { links, ..reached }))
}

/// What is changed, or uses what is changed.
struct Touched {
    files: BTreeSet<RepoPath>,
    directories: BTreeSet<RepoPath>,
    /// Links that lead to these: whatever lies behind them counts.
    linked: BTreeSet<RepoPath>,
    /// The last parts of all these paths.
    names: HashSet<String>,
}

impl Touched {
    /// The changed files, and the directories above them.
    fn of(changed: &[RepoPath]) -> Self {
        Self::new(changed.iter().cloned().collect(), above(changed))
    }

    fn new(files: BTreeSet<RepoPath>, directories: BTreeSet<RepoPath>) -> Self {
        let mut touched =
            Self { files, directories, linked: BTreeSet::new(), names: HashSet::new() };
        touched.name_all();
        touched
    }

    fn name_all(&mut self) {
        let paths = self.files.iter().chain(&self.directories);
        self.names = paths.map(|path| path.file_name().to_owned()).collect();
    }

    /// Takes the links that lead to what is touched, and those that lead to
    /// these.
    fn follow(&mut self, ways: &mut Vec<(&RepoPath, Vec<RepoPath>)>) {
        loop {
            let mut new = Vec::new();
            ways.retain(|(link, way)| {
                let rest = way.get(usize::from(way.first() == Some(*link))..).unwrap_or_default();
                let hit = links::holds(rest, &self.files)
                    || links::holds(rest, &self.directories)
                    || links::is_below(rest, &self.files);
                if hit {
                    new.push((*link).clone());
                }
                !hit
            });
            if new.is_empty() {
                break;
            }
            self.directories.extend(above(&new));
            self.files.extend(new.iter().cloned());
            self.linked.extend(new);
        }
        if !self.linked.is_empty() {
            self.name_all();
        }
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }

    fn uses(&self, one: &Kustomization) -> bool {
        self.changes(&one.dir)
            || one.words().any(|word| self.named(&one.dir, word))
            || one.further.iter().any(|path| self.has(path))
    }

    /// Whether a word of a kustomization in `dir` names what is touched.
    fn named(&self, dir: &RepoPath, word: &str) -> bool {
        // Most words are told by their last part, before a path is made of them.
        let last = word.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let known = matches!(last, "" | "." | "..") || self.names.contains(last);
        if !known && self.linked.is_empty() {
            return false;
        }
        // Every kustomization stands in its own directory.
        dir.resolve(word).filter(|path| path != dir).is_some_and(|path| self.has(&path))
    }

    fn has(&self, path: &RepoPath) -> bool {
        self.files.contains(path)
            || self.directories.contains(path)
            || self.linked.iter().any(|link| path.is_within(link))
    }

    /// Whether the kustomization of the directory itself changed.
    fn changes(&self, dir: &RepoPath) -> bool {
        let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
        names.iter().any(|name| self.names.contains(*name) && self.files.contains(&dir.join(name)))
    }
}

/// The directories above some paths.
fn above(paths: &[RepoPath]) -> BTreeSet<RepoPath> {
    let mut above = BTreeSet::new();
    for path in paths {
        let mut at = path.parent();
        while let Some(dir) = at {
            at = if above.insert(dir.clone()) { dir.parent() } else { None };
        }
    }
    above
}

/// The kustomizations and the symbolic links of a tree.
fn kustomizations(
    snapshot: &dyn Snapshot,
    most: usize,
) -> Result<Option<(Vec<Kustomization>, Links)>, SnapshotError> {
    let found = Mutex::new(Vec::new());
    let show = |path: &RepoPath, text: &[u8]| {
        let one = Kustomization::new(&path.parent().unwrap_or_default(), text);
        found.lock().unwrap_or_else(PoisonError::into_inner).push(one);
    };
    let said = Mutex::new(Vec::new());
    let link = |path: &RepoPath, text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        said.lock().unwrap_or_else(PoisonError::into_inner).push((path.clone(), text));
    };
    let wanted = |name: &str| is_kustomization(name);
    let search = Search { wanted: &wanted, show: &show, link: &link, most };
    if !snapshot.scan(&search)? {
        return Ok(None);
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let links = Links::new(said.into_inner().unwrap_or_else(PoisonError::into_inner));
    // A kustomization that is a link has the text of what it leads to.
    for path in links.paths().filter(|path| is_kustomization(path.file_name())) {
        if let Some(real) = links.way(path).pop()
            && let Some(text) = snapshot.read(&real)?
        {
            found.push(Kustomization::new(&path.parent().unwrap_or_default(), &text));
        }
    }
    for one in &mut found {
        match plugins::named(snapshot, &one.dir, &one.text)? {
            Some(further) => one.further = further,
            None => one.odd = true,
        }
    }
    Ok(Some((found, links)))
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
                ("g/kustomization.yaml", "resources: [link/x.yaml]"),
                ("far/behind/x.yaml", "kind: x"),
            ]
            .map(|(at, text)| (path(at), text.as_bytes().to_vec())),
        )
        .with_links([
            (path("g/link"), "../via".to_owned()),
            (path("via"), "far/behind".to_owned()),
        ]);
        let found = reached((&snapshot, &snapshot), &[path(changed)], most).unwrap()?.dirs;
        Some(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_named_is_reached_through_any_number_of_steps() {
        assert_eq!(reached_by("c/f.txt", 99).unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(reached_by("lib/x/kustomization.yaml", 99).unwrap(), ["a", "d"]);
        assert_eq!(reached_by("plain/deep/x.yaml", 99).unwrap(), ["d", "e"]);
        assert_eq!(reached_by("README.md", 99).unwrap(), ["d"]);
        assert_eq!(reached_by("b/kustomization.yml", 99).unwrap(), ["a", "b", "d"]);
        assert_eq!(reached_by("far/behind/x.yaml", 99).unwrap(), ["d", "g"]);
        assert_eq!(reached_by("via", 99).unwrap(), ["d", "g"]);
        assert_eq!(reached_by("odd name", 99).unwrap().len(), 7);
        assert_eq!(reached_by("c/f.txt", 3), None);
    }
}
