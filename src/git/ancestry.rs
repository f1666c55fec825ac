//! What two commits have in common, and what only one of them has.
//!
//! gix 0.90 passes over commits that are not there and does not ask where a
//! shallow clone was cut, so that its merge base is a guess in one. Here the
//! walk knows whether it came to a cut, and then says nothing of merge bases.

use std::collections::{BinaryHeap, HashMap};

use gix::ObjectId;

use super::{GitError, Repository, tree};

/// Reachable from the base.
const BASE: u8 = 1;
/// Reachable from the head.
const HEAD: u8 = 2;
/// Reachable from a commit that base and head share.
const STALE: u8 = 4;
/// Found to be shared while it was not stale.
const SHARED: u8 = 8;

/// A commit as far as a walk needs it.
#[derive(Debug)]
struct Node {
    parents: Vec<ObjectId>,
    seconds: i64,
    /// Whether a shallow clone has no more behind it.
    cut: bool,
    flags: u8,
}

/// The histories of a base and a head, walked back until they meet.
pub(super) struct Ancestry<'a> {
    commits: Commits<'a>,
    nodes: HashMap<ObjectId, Node>,
    queue: BinaryHeap<(i64, ObjectId)>,
    /// Commits of the head alone, in the order of the walk.
    order: Vec<ObjectId>,
    base: ObjectId,
}

impl<'a> Ancestry<'a> {
    /// Walks back from both until what is left is known to both.
    pub(super) fn of(
        repo: &'a Repository,
        base: ObjectId,
        head: ObjectId,
    ) -> Result<Self, GitError> {
        let commits = Commits::of(repo)?;
        let (nodes, queue, order) = (HashMap::new(), BinaryHeap::new(), Vec::new());
        let mut found = Self { commits, nodes, queue, order, base };
        found.paint(base, BASE)?;
        found.paint(head, HEAD)?;
        while !found.is_settled() && found.step()? {}
        Ok(found)
    }

    /// Whether every commit that waits is known to be shared.
    fn is_settled(&self) -> bool {
        let stale = |id: &ObjectId| self.nodes.get(id).is_none_or(|node| node.flags & STALE != 0);
        self.queue.iter().all(|(_, id)| stale(id))
    }

    /// Gives a commit these flags and queues it where that is news.
    fn paint(&mut self, id: ObjectId, flags: u8) -> Result<(), GitError> {
        let node = match self.nodes.entry(id) {
            std::collections::hash_map::Entry::Occupied(node) => node.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(self.commits.read(id)?)
            }
        };
        if node.flags & flags != flags {
            node.flags |= flags;
            self.queue.push((node.seconds, id));
        }
        Ok(())
    }

    /// Takes one commit from the queue; `false` where none is left.
    fn step(&mut self) -> Result<bool, GitError> {
        let Some((_, id)) = self.queue.pop() else { return Ok(false) };
        let Some(node) = self.nodes.get_mut(&id) else { return Ok(true) };
        let mut flags = node.flags & (BASE | HEAD | STALE);
        if flags == HEAD {
            self.order.push(id);
        }
        if flags == BASE | HEAD {
            node.flags |= SHARED;
            flags |= STALE;
        }
        for parent in node.parents.clone() {
            self.paint(parent, flags)?;
        }
        Ok(true)
    }

    /// Walks on to the roots. Until then a commit with a wrong date may hide
    /// that one of the head's commits is one of the base's too.
    pub(super) fn finish(&mut self) -> Result<(), GitError> {
        while self.step()? {}
        Ok(())
    }

    fn has(&self, id: ObjectId, flags: u8) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.flags & flags == flags)
    }

    /// Whether the head descends from the base. Where it does, that is sure,
    /// in a shallow clone too.
    pub(super) fn descends(&self) -> bool {
        self.has(self.base, HEAD)
    }

    /// Whether history was cut off above what base and head share: then
    /// nothing can be said of what they share.
    pub(super) fn is_cut(&self) -> bool {
        let one_sided = |node: &Node| node.cut && node.flags & (BASE | HEAD) != BASE | HEAD;
        self.nodes.values().any(one_sided)
    }

    /// The merge bases: what both share and no other shared commit reaches.
    pub(super) fn merge_bases(&mut self) -> Result<Vec<ObjectId>, GitError> {
        let best = |node: &Node| node.flags & SHARED != 0 && node.flags & STALE == 0;
        let count = self.nodes.values().filter(|node| best(node)).count();
        if count > 1 {
            self.finish()?;
        }
        let found = self.nodes.iter().filter(|(_, node)| best(node));
        let mut ids: Vec<ObjectId> = found.map(|(id, _)| *id).collect();
        ids.sort();
        Ok(ids)
    }

    /// The commits of the head that the base does not have, as far as they
    /// are known, newest first.
    pub(super) fn only_head(&self) -> Vec<ObjectId> {
        let mut seen = std::collections::HashSet::new();
        let ours = |id: &&ObjectId| {
            self.nodes.get(*id).is_some_and(|node| node.flags & (BASE | HEAD) == HEAD)
        };
        self.order.iter().filter(ours).filter(|id| seen.insert(**id)).copied().collect()
    }
}

impl Repository {
    /// Whether `head` holds `commit`, as far as the repository knows.
    pub fn is_ancestor(&self, commit: ObjectId, head: ObjectId) -> Result<bool, GitError> {
        Ok(Ancestry::of(self, commit, head)?.descends())
    }
}

/// Reads commits, from the commit-graph where there is one.
struct Commits<'a> {
    repo: &'a gix::Repository,
    graph: Option<gix::commitgraph::Graph>,
    shallow: Vec<ObjectId>,
}

impl<'a> Commits<'a> {
    fn of(repo: &'a Repository) -> Result<Self, GitError> {
        let repo = &repo.gix;
        let shallow = repo.shallow_commits().map_err(|error| GitError::read("shallow", error))?;
        let mut shallow: Vec<ObjectId> =
            shallow.iter().flat_map(|ids| ids.iter().copied()).collect();
        shallow.sort();
        // Its parents are those from before the cut; git does not use it then.
        let whole = shallow.is_empty();
        let graph = if whole { repo.commit_graph_if_enabled().ok().flatten() } else { None };
        Ok(Self { repo, graph, shallow })
    }

    fn read(&self, id: ObjectId) -> Result<Node, GitError> {
        if let Some(node) = self.in_graph(id)? {
            return Ok(node);
        }
        let failed = |error: gix::Error| tree::unreadable(self.repo, ("commit", id), &error);
        let commit = self.repo.find_commit(id).map_err(failed)?;
        tree::verify((gix::objs::Kind::Commit, id), &commit.data)?;
        let decoded = commit.decode().map_err(failed)?;
        let cut = self.shallow.binary_search(&id).is_ok();
        let parents = if cut { Vec::new() } else { decoded.parents().collect() };
        let seconds = decoded.committer().map_err(failed)?.seconds();
        Ok(Node { parents, seconds, cut, flags: 0 })
    }

    fn in_graph(&self, id: ObjectId) -> Result<Option<Node>, GitError> {
        let Some(graph) = &self.graph else { return Ok(None) };
        let Some(commit) = graph.commit_by_id(id) else { return Ok(None) };
        let failed = |error: gix::Error| GitError::read("the commit-graph", error);
        let mut parents = Vec::new();
        for at in commit.iter_parents() {
            parents.push(graph.id_at(at.map_err(failed)?).to_owned());
        }
        let seconds = i64::try_from(commit.committer_timestamp()).unwrap_or(i64::MAX);
        Ok(Some(Node { parents, seconds, cut: false, flags: 0 }))
    }
}

/// The parents that a commit names, also where a shallow clone does not have
/// them; none where `id` is no commit.
pub(super) fn raw_parents(repo: &Repository, id: ObjectId) -> Result<Vec<ObjectId>, GitError> {
    let failed = |error: gix::Error| tree::unreadable(&repo.gix, ("commit", id), &error);
    let object = repo.gix.find_object(id).map_err(failed)?;
    let Ok(commit) = object.try_into_commit() else { return Ok(Vec::new()) };
    Ok(commit.decode().map_err(failed)?.parents().collect())
}
