//! The first-parent history: which commit changed which paths, newest first.
//!
//! Only trees that differ are read, and of these only the ones that lead to
//! the paths of interest. With a commit-graph the commits themselves are not
//! read before someone asks for author or message.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::remembered::Remembered;
use super::tree_diff::{self, BlobSides, Changed, Kept, TreeDiff};
use super::trees::Trees;
use super::{GitError, Repository, tree};
use crate::model::RepoPath;

/// The directories (or files) whose changes matter.
#[derive(Debug, Clone, Default)]
pub struct Interest {
    paths: BTreeSet<String>,
    /// Paths of which some parts may be anything (`None`).
    patterns: Vec<Vec<Option<String>>>,
    everything: bool,
}

impl Interest {
    /// Every path of the repository.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// These paths and all below them.
    pub fn below(paths: impl IntoIterator<Item = RepoPath>) -> Self {
        let paths: BTreeSet<String> =
            paths.into_iter().map(|path| path.as_str().to_owned()).collect();
        let everything = paths.contains("");
        Self { paths, patterns: Vec::new(), everything }
    }

    /// All below paths of which some parts (`None`) may be anything.
    pub fn matching(patterns: Vec<Vec<Option<String>>>) -> Self {
        let everything = patterns.iter().any(Vec::is_empty);
        Self { paths: BTreeSet::new(), patterns, everything }
    }

    /// Whether `path` is one of the paths or below one.
    pub(super) fn covers(&self, path: &str) -> bool {
        let mut ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        self.everything
            || ends.any(|end| path.get(..end).is_some_and(|dir| self.paths.contains(dir)))
            || self.patterns.iter().any(|pattern| fits(pattern, path) == Some(0))
    }

    /// The names in the directory `dir` that lead to the paths, where they are
    /// not more than `most`; `None` also where all of it matters.
    pub(super) fn names_in(&self, dir: &str, most: usize) -> Option<BTreeSet<&str>> {
        if self.everything || !self.patterns.is_empty() || !dir.is_empty() && self.covers(dir) {
            return None;
        }
        let start = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let below = self.paths.range(start.clone()..).map(|path| path.strip_prefix(&start));
        let mut names = BTreeSet::new();
        for rest in below.map_while(|rest| rest) {
            names.insert(rest.split('/').next().unwrap_or(rest));
            if names.len() > most {
                return None;
            }
        }
        Some(names)
    }

    /// Whether one of the paths is below the directory `dir`.
    pub(super) fn leads(&self, dir: &str) -> bool {
        let start = format!("{dir}/");
        self.paths.range(start.clone()..).next().is_some_and(|path| path.starts_with(&start))
            || self.patterns.iter().any(|pattern| fits(pattern, dir).is_some_and(|left| left > 0))
    }
}

/// How many parts of a pattern are left behind a path; `None` where the path is
/// not on the way to what the pattern means, nor below it.
fn fits(pattern: &[Option<String>], path: &str) -> Option<usize> {
    let mut left = pattern.iter();
    for part in path.split('/') {
        match left.next() {
            None => return Some(0),
            Some(Some(fixed)) if fixed != part => return None,
            Some(_) => {}
        }
    }
    Some(left.len())
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
    /// root: all that are there. Empty where the parent is cut off, and before
    /// [`History::look`] where the commit was read ahead.
    pub changed: Vec<RepoPath>,
    /// What each of these holds in the first parent and here.
    pub blobs: Vec<BlobSides>,
    /// The tree of the first parent.
    before: Option<ObjectId>,
    repo: Rc<gix::Repository>,
    details: OnceCell<Details>,
}

/// What is read of a commit only when asked for.
#[derive(Debug, Default)]
pub(super) struct Details {
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

    fn details(&self) -> &Details {
        self.details.get_or_init(|| Details::of(&self.repo, self.id))
    }
}

/// The message of a commit as it is stored, which a first empty line begins;
/// what is not UTF-8 in it is replaced.
pub(super) fn message_of(commit: &[u8]) -> Cow<'_, str> {
    commit.find(b"\n\n").and_then(|at| commit.get(at + 2..)).unwrap_or_default().to_str_lossy()
}

impl Details {
    /// Reads a commit. It was there when the walk passed it; should it be gone by
    /// now, author and message are empty.
    fn of(repo: &gix::Repository, id: ObjectId) -> Self {
        repo.find_commit(id).ok().as_ref().and_then(Self::read).unwrap_or_default()
    }

    pub(super) fn read(commit: &gix::Commit<'_>) -> Option<Self> {
        let decoded = commit.decode().ok()?;
        let author = decoded.author().ok()?.name.to_str_lossy().into_owned();
        let offset = decoded.committer().ok()?.time().ok()?.offset;
        Some(Self { author, message: decoded.message.to_str_lossy().into_owned(), offset })
    }
}

/// Parent, tree and committer time of a commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) id: ObjectId,
    pub(super) parent: Option<ObjectId>,
    pub(super) tree: ObjectId,
    pub(super) seconds: i64,
}

/// A commit that the walk came by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    pub(super) step: Step,
    /// The tree of the first parent.
    before: Option<ObjectId>,
}

/// The first-parent history from a commit on, newest first. Commits that touch
/// none of the paths of interest are passed over.
pub struct History {
    pub(super) repo: Rc<gix::Repository>,
    graph: Option<gix::commitgraph::Graph>,
    shallow: Vec<ObjectId>,
    interest: Interest,
    next: Option<Step>,
    only_changes: bool,
    looks_at_first: bool,
    cut_at: Option<ObjectId>,
    kept: Kept,
    trees: Trees,
    line: Option<Arc<Remembered>>,
}

/// Walks back from `tip`, giving the commits that change a path of `interest`.
pub fn walk(repo: &Repository, tip: ObjectId, interest: Interest) -> Result<History, GitError> {
    let shallow = repo.gix.shallow_commits().map_err(|error| GitError::read("shallow", error))?;
    let shallow: Vec<ObjectId> = shallow.iter().flat_map(|ids| ids.iter().copied()).collect();
    // Git does not use the graph in a shallow clone either: its parents are
    // those from before the cut.
    let graph =
        if shallow.is_empty() { repo.gix.commit_graph_if_enabled().ok().flatten() } else { None };
    let mut own = repo.gix.clone();
    // What is needed again is kept by the walk itself.
    own.object_cache_size(None);
    let mut history = History {
        repo: Rc::new(own),
        graph,
        shallow,
        interest,
        next: None,
        only_changes: true,
        looks_at_first: true,
        cut_at: None,
        kept: Kept::new(),
        trees: Trees::default(),
        line: repo.line.clone(),
    };
    history.next = Some(history.step(tip)?);
    Ok(history)
}

/// Ids and committer times of the first-parent line from a commit on, newest
/// first. No tree is read.
pub fn line(
    repo: &Repository,
    tip: ObjectId,
) -> Result<impl Iterator<Item = Result<(ObjectId, i64), GitError>>, GitError> {
    let mut history = walk(repo, tip, Interest::default())?;
    Ok(std::iter::from_fn(move || {
        let passed = history.pass().transpose()?;
        Some(passed.map(|Passed { step, .. }| (step.id, step.seconds)))
    }))
}

/// When the author of a commit made it, seconds since the epoch.
pub fn authored(repo: &Repository, id: ObjectId) -> Result<i64, GitError> {
    let failed = |error: gix::Error| GitError::read(format!("commit {id}"), error);
    let commit = repo.gix.find_commit(id).map_err(failed)?;
    let decoded = commit.decode().map_err(failed)?;
    Ok(decoded.author().map_err(failed)?.seconds())
}

impl History {
    /// Gives every commit, also those that touch no path of interest.
    #[must_use]
    pub fn with_unchanged(mut self) -> Self {
        self.only_changes = false;
        self
    }

    /// Gives the first commit of all without a look at its files: whatever it
    /// holds came with it.
    #[must_use]
    pub fn with_first_unread(mut self) -> Self {
        self.looks_at_first = false;
        self
    }

    /// Whether a commit-graph tells the line, without a look at each commit.
    pub(super) fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// Whether the walk came to its end because a shallow clone has no more.
    pub fn ended_shallow(&self) -> bool {
        self.cut_at.is_some()
    }

    /// The commit at which it came to its end because a shallow clone has no
    /// more.
    pub fn cut_at(&self) -> Option<ObjectId> {
        self.cut_at
    }

    fn step(&self, id: ObjectId) -> Result<Step, GitError> {
        if let Some(step) = self.line.as_ref().and_then(|line| line.step(id)) {
            return Ok(step);
        }
        if let Some(commit) = self.graph.as_ref().and_then(|graph| graph.commit_by_id(id)) {
            let failed = |error: gix::Error| GitError::read("the commit-graph", error);
            let parent = commit.parent1().map_err(failed)?;
            let parent = parent.and_then(|at| Some(self.graph.as_ref()?.id_at(at).to_owned()));
            let seconds = i64::try_from(commit.committer_timestamp()).unwrap_or(i64::MAX);
            return Ok(Step { id, parent, tree: commit.root_tree_id().to_owned(), seconds });
        }
        let failed = |error: gix::Error| GitError::read(format!("commit {id}"), error);
        let commit = self.repo.find_commit(id).map_err(failed)?;
        tree::verify((gix::objs::Kind::Commit, id), &commit.data)?;
        let decoded = commit.decode().map_err(failed)?;
        let cut = self.shallow.contains(&id);
        Ok(Step {
            id,
            parent: if cut { None } else { decoded.parents().next() },
            tree: decoded.tree(),
            seconds: decoded.committer().map_err(failed)?.seconds(),
        })
    }

    /// The next commit back, without a look at what it changed; `None` at the
    /// end.
    pub(super) fn pass(&mut self) -> Result<Option<Passed>, GitError> {
        let Some(step) = self.next.take() else { return Ok(None) };
        self.next = step.parent.map(|parent| self.step(parent)).transpose()?;
        Ok(Some(Passed { step, before: self.next.map(|next| next.tree) }))
    }

    /// A commit that was passed, on this line: the last one may be where a
    /// shallow clone is cut off.
    pub(super) fn commit(
        &mut self,
        Passed { step, before }: Passed,
        details: OnceCell<Details>,
    ) -> HistoryCommit {
        let cut = step.parent.is_none() && self.shallow.contains(&step.id);
        self.cut_at = self.cut_at.or(cut.then_some(step.id));
        HistoryCommit {
            id: step.id,
            parent: step.parent,
            tree: step.tree,
            seconds: step.seconds,
            changed: Vec::new(),
            blobs: Vec::new(),
            before,
            repo: self.repo.clone(),
            details,
        }
    }

    /// Looks at what a commit changed.
    pub fn look(&mut self, commit: &mut HistoryCommit) -> Result<(), GitError> {
        let known = self.line.as_ref().and_then(|line| line.recall(commit.id, &self.interest));
        if let Some((changed, blobs)) = known {
            (commit.changed, commit.blobs) = (changed, blobs);
            return Ok(());
        }
        if commit.before.is_none() && self.shallow.contains(&commit.id) {
            return Ok(());
        }
        let changed = self.changes(commit.before, commit.tree)?;
        (commit.changed, commit.blobs) = (changed.paths, changed.blobs);
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<HistoryCommit>, GitError> {
        let Some(passed) = self.pass()? else { return Ok(None) };
        let mut commit = self.commit(passed, OnceCell::new());
        if self.looks_at_first || !self.is_first(&commit) {
            self.look(&mut commit)?;
        }
        Ok(Some(commit))
    }

    /// Whether the history begins with it, and is not cut off there.
    fn is_first(&self, commit: &HistoryCommit) -> bool {
        commit.parent.is_none() && self.cut_at.is_none()
    }

    fn changes(&mut self, old: Option<ObjectId>, new: ObjectId) -> Result<Changed, GitError> {
        let mut diff = TreeDiff::new(&self.repo, &self.interest, (&mut self.kept, &mut self.trees));
        diff.compare(old, Some(new), "")?;
        Ok(diff.finish())
    }
}

impl Iterator for History {
    type Item = Result<HistoryCommit, GitError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Ok(Some(commit))
                    if self.only_changes
                        && commit.changed.is_empty()
                        && (self.looks_at_first || !self.is_first(&commit)) => {}
                other => return other.transpose(),
            }
        }
    }
}

/// The files of interest that differ between two trees, sorted. Names that are
/// not UTF-8 are passed over; `super::change` counts them.
pub fn changed_paths(
    repo: &Repository,
    old: Option<ObjectId>,
    new: ObjectId,
    interest: &Interest,
) -> Result<Vec<RepoPath>, GitError> {
    let old = old.map(|id| repo.tree_of(id)).transpose()?;
    Ok(tree_diff::between(&repo.gix, old, repo.tree_of(new)?, interest)?.paths)
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
        let some = |part: &str| Some(part.to_owned());
        let interest = Interest::matching(vec![vec![some("apps"), None, some("prod")]]);
        assert!(
            interest.leads("apps") && interest.leads("apps/x") && !interest.leads("apps/x/prod")
        );
        assert!(interest.covers("apps/x/prod") && interest.covers("apps/x/prod/a/b"));
        assert!(!interest.covers("apps/x/dev/a") && !interest.leads("apps/x/dev"));
    }
}
