//! Symbolic links that were there before: what they lead to, and which of
//! them lead to what a change touches.
//!
//! No link is followed to render anything. It is only told that what lies
//! behind one is no longer the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::{RepoPath, Snapshot, SnapshotError};

/// More links on the way to one place are not followed, as in most systems.
const MOST_STEPS: usize = 40;
/// No more of what lies behind one link is looked at.
const MOST_BEHIND: usize = 5_000;

/// The symbolic links of a tree, by what they say.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    said: BTreeMap<RepoPath, String>,
}

impl Links {
    pub(super) fn new(said: impl IntoIterator<Item = (RepoPath, String)>) -> Self {
        Self { said: said.into_iter().collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// A link and what it says.
    pub(super) fn said(&self, path: &RepoPath) -> Option<(RepoPath, String)> {
        self.said.get(path).map(|said| (path.clone(), said.clone()))
    }

    /// The links themselves.
    pub(super) fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.said.keys()
    }

    /// Every path that is passed on the way to what `path` leads to, and that
    /// place last. Where a link leaves the repository and may come back, each
    /// place that it may come back to.
    pub(super) fn way(&self, path: &RepoPath) -> Vec<RepoPath> {
        let mut passed = Vec::new();
        let parts = path.parts().map(str::to_owned).collect();
        let mut open = vec![(Vec::new(), parts, 0)];
        let mut steps = 0;
        while let Some((at, rest, outside)) = open.pop() {
            steps += 1;
            if steps > MOST_STEPS {
                break;
            }
            self.walk((at, rest, outside), &mut open, &mut passed);
        }
        passed
    }

    /// Goes on to the next link, or to the end.
    fn walk(&self, from: Walk, open: &mut Vec<Walk>, passed: &mut Vec<RepoPath>) {
        let (mut at, mut rest, mut outside) = from;
        while let Some(part) = rest.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." if at.pop().is_none() => outside += 1,
                ".." => {}
                // What lies beside the repository may be its own directory.
                _ if outside > 0 => outside -= 1,
                _ => at.push(part),
            }
            let path = joined(&at);
            let Some(said) = self.said.get(&path) else { continue };
            passed.push(path);
            let parts: Vec<&str> = said.split('/').collect();
            let behind = |parts: &[&str]| {
                let own = parts.iter().map(|part| (*part).to_owned());
                own.chain(rest.iter().cloned()).collect::<VecDeque<_>>()
            };
            if said.starts_with('/') {
                // The repository may lie anywhere.
                let ends = (1..parts.len()).filter_map(|start| parts.get(start..));
                open.extend(ends.map(|end| (Vec::new(), behind(end), 0)));
            } else {
                at.pop();
                open.push((at, behind(&parts), outside));
            }
            return;
        }
        passed.push(joined(&at));
    }

    /// Everything behind the link at `path`, as it is named through it.
    pub(super) fn behind(
        &self,
        snapshot: &dyn Snapshot,
        path: &RepoPath,
    ) -> Result<Vec<RepoPath>, SnapshotError> {
        let mut found = Vec::new();
        let mut open = vec![path.clone()];
        let mut seen = 0;
        while let Some(named) = open.pop() {
            seen += 1;
            if seen > MOST_BEHIND {
                break;
            }
            let real = self.way(&named).pop().unwrap_or_default();
            match snapshot.list(&real)? {
                Some(entries) => open.extend(entries.iter().map(|entry| named.join(&entry.name))),
                None => found.push(named),
            }
        }
        Ok(found)
    }
}

/// Where a walk is, the parts that are left, and by how much it has left the
/// repository.
type Walk = (Vec<String>, VecDeque<String>, usize);

fn joined(parts: &[String]) -> RepoPath {
    RepoPath::normalize(&parts.join("/")).unwrap_or_default()
}

/// Whether something of `touched` lies at or below one of the places.
pub(super) fn holds(way: &[RepoPath], touched: &BTreeSet<RepoPath>) -> bool {
    way.iter().any(|place| {
        let mut near = touched.range(place.clone()..).take_while(|path| starts(path, place));
        near.any(|path| path.is_within(place))
    })
}

/// Whether one of the places is, or lies below, something of `files`.
pub(super) fn is_below(way: &[RepoPath], files: &BTreeSet<RepoPath>) -> bool {
    way.iter().any(|place| place.ancestors().any(|above| files.contains(&above)))
}

/// Whether the text of a path starts with that of another, so that the range
/// may go on.
fn starts(path: &RepoPath, place: &RepoPath) -> bool {
    path.as_str().starts_with(place.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::normalize(text).unwrap()
    }

    fn way(of: &str) -> Vec<String> {
        let links = [
            ("a/base", "../shared/base"),
            ("shared/base", "v1"),
            ("out", "../repo/shared/x"),
            ("far", "/srv/repo/shared"),
            ("loop", "loop/x"),
        ];
        let links = Links::new(links.map(|(at, said)| (path(at), said.to_owned())));
        links.way(&path(of)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_lead_on_to_other_links() {
        assert_eq!(way("a/base/x.yaml"), ["a/base", "shared/base", "shared/v1/x.yaml"]);
        assert_eq!(way("a/other"), ["a/other"]);
        assert_eq!(way("out/y"), ["out", "shared/x/y"]);
        assert!(way("far/y").contains(&"shared/y".to_owned()));
        assert!(way("loop").len() <= MOST_STEPS);
    }

    #[test]
    fn what_lies_behind_is_met() {
        let touched = BTreeSet::from([path("shared/v1/x.yaml"), path("z")]);
        assert!(holds(&[path("shared/v1")], &touched));
        assert!(is_below(&[path("z/deep")], &touched));
        assert!(!holds(&[path("shared/v")], &touched));
        assert!(!is_below(&[path("shared/v1")], &touched));
    }
}
