//! The first-parent history: which commit changed which paths, newest first.
//!
//! Only trees that differ are read, and of these only the ones that lead to
//! the paths of interest. With a commit-graph the commits themselves are not
//! read before someone asks for author or message.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::TreeRefIter;
use gix::objs::tree::{EntryRef, name_order};

use super::{GitError, Repository, tree};
use crate::model::RepoPath;

/// The directories (or files) whose changes matter.
#[derive(Debug, Clone, Default)]
pub struct Interest {
    paths: BTreeSet<String>,
    everything: bool,
}

impl Interest {
    /// Every path of the repository.
    pub fn everything() -> Self {
        Self { paths: BTreeSet::new(), everything: true }
    }

    /// These paths and all below them.
    pub fn below(paths: impl IntoIterator<Item = RepoPath>) -> Self {
        let paths: BTreeSet<String> =
            paths.into_iter().map(|path| path.as_str().to_owned()).collect();
        let everything = paths.contains("");
        Self { paths, everything }
    }

    /// Whether `path` is one of the paths or below one.
    fn covers(&self, path: &str) -> bool {
        let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        self.everything
            || ends.any(|end| path.get(..end).is_some_and(|dir| self.paths.contains(dir)))
    }

    /// Whether one of the paths is below the directory `dir`.
    fn leads(&self, dir: &str) -> bool {
        let start = format!("{dir}/");
        self.paths.range(start.clone()..).next().is_some_and(|path| path.starts_with(&start))
    }
}

/// One commit of the first-parent history.
#[derive(Debug)]
pub struct HistoryCommit {
    /// Its id.
    pub id: ObjectId,
    /// Its first parent; `None` at a root and where a shallow clone ends.
    pub parent: Option<ObjectId>,
    /// Its tree.
    pub tree: ObjectId,
    /// Committer time, in seconds since 1970.
    pub seconds: i64,
    /// The paths of interest that differ to the first parent, sorted. At a
    /// root: all that are there. Empty where the parent is cut off.
    pub changed: Vec<RepoPath>,
    repo: gix::Repository,
    details: OnceCell<Details>,
}

/// What is read of a commit only when asked for.
#[derive(Debug, Default)]
struct Details {
    author: String,
    message: String,
    offset: i32,
}

impl HistoryCommit {
    /// The author's name.
    pub fn author(&self) -> &str {
        &self.details().author
    }

    /// The whole message; what is not UTF-8 in it is replaced.
    pub fn message(&self) -> &str {
        &self.details().message
    }

    /// The committer's offset to UTC, in seconds.
    pub fn offset(&self) -> i32 {
        self.details().offset
    }

    /// Reads the commit. It was there when the walk passed it; should it be
    /// gone by now, author and message are empty.
    fn details(&self) -> &Details {
        self.details.get_or_init(|| self.read_details().unwrap_or_default())
    }

    fn read_details(&self) -> Option<Details> {
        let commit = self.repo.find_commit(self.id).ok()?;
        let decoded = commit.decode().ok()?;
        let author = decoded.author().ok()?.name.to_str_lossy().into_owned();
        let offset = decoded.committer().ok()?.time().ok()?.offset;
        Some(Details { author, message: decoded.message.to_str_lossy().into_owned(), offset })
    }
}

/// Parent, tree and committer time of a commit.
#[derive(Debug, Clone, Copy)]
struct Step {
    id: ObjectId,
    parent: Option<ObjectId>,
    tree: ObjectId,
    seconds: i64,
}

/// The first-parent history from a commit on, newest first. Commits that touch
/// none of the paths of interest are passed over.
pub struct History {
    repo: gix::Repository,
    graph: Option<gix::commitgraph::Graph>,
    shallow: Vec<ObjectId>,
    interest: Interest,
    next: Option<Step>,
    only_changes: bool,
    ended_shallow: bool,
    kept: Kept,
}

/// The trees of the older side of the last comparison, by directory: they are
/// those of the newer side of the next one.
type Kept = HashMap<String, (ObjectId, Vec<u8>)>;

/// Walks back from `tip`, giving the commits that change a path of `interest`.
pub fn walk(repo: &Repository, tip: ObjectId, interest: Interest) -> Result<History, GitError> {
    let shallow = repo.gix.shallow_commits().map_err(|error| GitError::read("shallow", error))?;
    let shallow: Vec<ObjectId> = shallow.iter().flat_map(|ids| ids.iter().copied()).collect();
    // Git does not use the graph in a shallow clone either: its parents are
    // those from before the cut.
    let graph =
        if shallow.is_empty() { repo.gix.commit_graph_if_enabled().ok().flatten() } else { None };
    let mut history = History {
        repo: repo.gix.clone(),
        graph,
        shallow,
        interest,
        next: None,
        only_changes: true,
        ended_shallow: false,
        kept: Kept::new(),
    };
    history.next = Some(history.step(tip)?);
    Ok(history)
}

impl History {
    /// Gives every commit, also those that touch no path of interest.
    #[must_use]
    pub fn with_unchanged(mut self) -> Self {
        self.only_changes = false;
        self
    }

    /// Whether the walk came to its end because a shallow clone has no more.
    pub fn ended_shallow(&self) -> bool {
        self.ended_shallow
    }

    fn step(&self, id: ObjectId) -> Result<Step, GitError> {
        if let Some(commit) = self.graph.as_ref().and_then(|graph| graph.commit_by_id(id)) {
            let failed = |error: gix::Error| GitError::read("the commit-graph", error);
            let parent = commit.parent1().map_err(failed)?;
            let parent = parent.and_then(|at| Some(self.graph.as_ref()?.id_at(at).to_owned()));
            let seconds = i64::try_from(commit.committer_timestamp()).unwrap_or(i64::MAX);
            return Ok(Step { id, parent, tree: commit.root_tree_id().to_owned(), seconds });
        }
        let failed = |error: gix::Error| GitError::read(format!("commit {id}"), error);
        let commit = self.repo.find_commit(id).map_err(failed)?;
        let decoded = commit.decode().map_err(failed)?;
        let cut = self.shallow.contains(&id);
        Ok(Step {
            id,
            parent: if cut { None } else { decoded.parents().next() },
            tree: decoded.tree(),
            seconds: decoded.committer().map_err(failed)?.seconds(),
        })
    }

    /// The next commit back and what it changed; `None` at the end.
    fn advance(&mut self) -> Result<Option<HistoryCommit>, GitError> {
        let Some(step) = self.next.take() else { return Ok(None) };
        let cut = step.parent.is_none() && self.shallow.contains(&step.id);
        self.ended_shallow |= cut;
        let parent = step.parent.map(|parent| self.step(parent)).transpose()?;
        let before = parent.map(|parent| parent.tree);
        let changed = if cut { Vec::new() } else { self.changes(before, step.tree)? };
        self.next = parent;
        Ok(Some(HistoryCommit {
            id: step.id,
            parent: step.parent,
            tree: step.tree,
            seconds: step.seconds,
            changed,
            repo: self.repo.clone(),
            details: OnceCell::new(),
        }))
    }

    fn changes(&mut self, old: Option<ObjectId>, new: ObjectId) -> Result<Vec<RepoPath>, GitError> {
        let (repo, interest, kept) = (&self.repo, &self.interest, &mut self.kept);
        let mut diff = TreeDiff { repo, interest, changed: Vec::new(), kept };
        diff.compare(old, Some(new), "")?;
        diff.changed.sort();
        diff.changed.dedup();
        Ok(diff.changed)
    }
}

impl Iterator for History {
    type Item = Result<HistoryCommit, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Ok(Some(commit)) if self.only_changes && commit.changed.is_empty() => {}
                other => return other.transpose(),
            }
        }
    }
}

/// The files of interest that differ between two trees, sorted.
pub fn changed_paths(
    repo: &Repository,
    old: Option<ObjectId>,
    new: ObjectId,
    interest: &Interest,
) -> Result<Vec<RepoPath>, GitError> {
    let old = old.map(|id| repo.tree_of(id)).transpose()?;
    let kept = &mut Kept::new();
    let mut diff = TreeDiff { repo: &repo.gix, interest, changed: Vec::new(), kept };
    diff.compare(old, Some(repo.tree_of(new)?), "")?;
    diff.changed.sort();
    diff.changed.dedup();
    Ok(diff.changed)
}

/// Compares trees, descending where they differ and it matters.
struct TreeDiff<'a> {
    repo: &'a gix::Repository,
    interest: &'a Interest,
    changed: Vec<RepoPath>,
    kept: &'a mut Kept,
}

impl TreeDiff<'_> {
    fn compare(
        &mut self,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        dir: &str,
    ) -> Result<(), GitError> {
        if old == new {
            return Ok(());
        }
        let older = old.map_or(Ok(Vec::new()), |id| tree::load(self.repo, id))?;
        let newer = match (self.kept.remove(dir), new) {
            (Some((id, data)), Some(new)) if id == new => data,
            (_, new) => new.map_or(Ok(Vec::new()), |id| tree::load(self.repo, id))?,
        };
        self.walk((&older, &newer), dir)?;
        if let Some(id) = old {
            self.kept.insert(dir.to_owned(), (id, older));
        }
        Ok(())
    }

    /// Goes through the entries of two trees side by side.
    fn walk(&mut self, trees: (&[u8], &[u8]), dir: &str) -> Result<(), GitError> {
        let hash = self.repo.object_hash();
        let bad = |error: gix::Error| GitError::read(format!("tree `{dir}`"), error);
        let (mut old, mut new) = trees;
        loop {
            let same = common_start(old, new, hash);
            (old, new) = (after(old, same), after(new, same));
            let left = first_entry(old, hash).map_err(bad)?;
            let right = first_entry(new, hash).map_err(bad)?;
            if left.is_none() && right.is_none() {
                return Ok(());
            }
            let order = order_of(left.map(|(entry, _)| entry), right.map(|(entry, _)| entry));
            let left = left.filter(|_| order.is_le());
            let right = right.filter(|_| order.is_ge());
            self.entry(left.map(|(entry, _)| entry), right.map(|(entry, _)| entry), dir)?;
            old = after(old, left.map_or(0, |(_, length)| length));
            new = after(new, right.map_or(0, |(_, length)| length));
        }
    }

    /// One name, on one side or both.
    fn entry(
        &mut self,
        old: Option<EntryRef<'_>>,
        new: Option<EntryRef<'_>>,
        dir: &str,
    ) -> Result<(), GitError> {
        if let (Some(old), Some(new)) = (&old, &new)
            && (old.oid, old.mode) == (new.oid, new.mode)
        {
            return Ok(());
        }
        let Some(Ok(name)) = new.or(old).map(|entry| std::str::from_utf8(entry.filename)) else {
            return Ok(());
        };
        let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
        let covered = self.interest.covers(&path);
        let subtree = |side: Option<EntryRef<'_>>| {
            side.and_then(|entry| entry.mode.is_tree().then(|| entry.oid.to_owned()))
        };
        let is_file = |side: Option<EntryRef<'_>>| side.is_some_and(|entry| !entry.mode.is_tree());
        if covered && (is_file(old) || is_file(new)) {
            self.changed.extend(RepoPath::normalize(&path));
        }
        if covered || self.interest.leads(&path) {
            self.compare(subtree(old), subtree(new), &path)?;
        }
        Ok(())
    }
}

/// Where the first entry starts that is not the same on both sides. Wide
/// directories differ in one entry mostly, and comparing bytes is cheaper than
/// decoding entries.
fn common_start(old: &[u8], new: &[u8], hash: gix::hash::Kind) -> usize {
    if old == new {
        return old.len();
    }
    let chunks = old.chunks(256).zip(new.chunks(256));
    let whole = chunks.take_while(|(a, b)| a == b).count() * 256;
    let tails = old.iter().skip(whole).zip(new.iter().skip(whole));
    let same = whole + tails.take_while(|(a, b)| a == b).count();
    let mut start = 0;
    while let Some(nul) = old.get(start..).and_then(|rest| rest.find_byte(0)) {
        let end = start + nul + 1 + hash.len_in_bytes();
        if end > same {
            break;
        }
        start = end;
    }
    start
}

fn after(data: &[u8], length: usize) -> &[u8] {
    data.get(length..).unwrap_or_default()
}

/// The entry that a tree begins with, and its length.
fn first_entry(
    data: &[u8],
    hash: gix::hash::Kind,
) -> Result<Option<(EntryRef<'_>, usize)>, gix::Error> {
    let mut entries = TreeRefIter::from_bytes(data, hash);
    let entry = entries.next().transpose()?;
    Ok(entry.map(|entry| (entry, entries.offset_to_next_entry(data))))
}

fn order_of(left: Option<EntryRef<'_>>, right: Option<EntryRef<'_>>) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    match (left, right) {
        (Some(a), Some(b)) => {
            name_order(a.filename, a.mode.is_tree(), b.filename, b.mode.is_tree())
        }
        (Some(_), None) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::Interest;
    use crate::model::RepoPath;

    #[test]
    fn interest_compares_whole_parts() {
        let interest = Interest::below(RepoPath::normalize("apps/web/prod"));
        assert!(interest.leads("apps") && interest.leads("apps/web"));
        assert!(!interest.leads("apps/we") && !interest.leads("apps/web/prod"));
        assert!(interest.covers("apps/web/prod") && interest.covers("apps/web/prod/x/y"));
        assert!(!interest.covers("apps/web/prod-eu") && !interest.covers("apps"));
        assert!(Interest::everything().covers("x"));
    }
}
