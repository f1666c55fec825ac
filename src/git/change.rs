//! A change: the tree before it, the tree after it, and what git knows of the
//! commits between.
//!
//! Where the head descends from the base, its tree is what a merge gives.
//! Otherwise base and head are merged by whole paths. Nothing but objects is
//! read, and nothing is written outside of memory.

use std::fmt;

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::ancestry::{Ancestry, raw_parents};
use super::history::Interest;
use super::merge::Merge;
use super::{GitError, Repository, TreeSnapshot, index_tree, tree, tree_diff};
use crate::model::RepoPath;

/// Messages of more commits than this are not read.
const MOST_MESSAGES: usize = 10_000;

/// Of more conflicts than this only the first are named.
const SHOWN_CONFLICTS: usize = 10;

/// A change from one tree to another.
#[derive(Debug)]
pub struct Change {
    /// What it starts from: a commit or a tree.
    pub base: ObjectId,
    /// What it brings: a commit or a tree.
    pub head: ObjectId,
    /// The files at the base.
    pub before: TreeSnapshot,
    /// The files once the head is merged. Where the two cannot be merged:
    /// the files at the head.
    pub after: TreeSnapshot,
    /// The files that differ, sorted; changes of type and mode too.
    pub changed: Vec<RepoPath>,
    /// How many more differ whose names are no paths: not UTF-8, or what no
    /// checkout would write.
    pub odd_names: usize,
    /// The messages of the commits that only the head has, newest first.
    pub messages: Vec<String>,
    /// These commits, in the same order.
    pub commits: Vec<ObjectId>,
    /// What a person should know of how the two trees were found.
    pub notes: Vec<String>,
    /// Why it is not known what the merge will give. Then nothing is proven.
    pub divergence: Option<Divergence>,
}

/// Why base and head cannot be merged by whole paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Divergence {
    /// Both changed these paths, each to something else.
    BothChanged {
        /// The first of the paths.
        paths: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// They have more than one merge base.
    SeveralMergeBases(usize),
    /// They share no commit.
    Unrelated,
    /// The clone is too shallow to tell what they share.
    CutOff,
}

impl Divergence {
    /// The command that helps.
    pub fn hint(&self, base: ObjectId) -> String {
        match self {
            Self::BothChanged { .. } | Self::SeveralMergeBases(_) => format!("git merge {base}"),
            Self::Unrelated => format!("git rebase --onto {base} --root"),
            Self::CutOff => "git fetch --unshallow".to_owned(),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BothChanged { paths, count } => {
                write!(f, "base and head both changed `{}`", paths.join("`, `"))?;
                match count.saturating_sub(paths.len()) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::SeveralMergeBases(count) => {
                write!(f, "base and head have {count} merge bases: their merge is not known")
            }
            Self::Unrelated => f.write_str("base and head have no commit in common"),
            Self::CutOff => f.write_str(
                "the clone is shallow, and what base and head have in common is not in it",
            ),
        }
    }
}

/// What the histories of base and head say.
#[derive(Debug, Default)]
struct Relation {
    /// The tree to merge from; `None` where the head's tree is taken as it is.
    common: Option<ObjectId>,
    divergence: Option<Divergence>,
    messages: Vec<String>,
    commits: Vec<ObjectId>,
    notes: Vec<String>,
}

/// The change from `base` to `head`, each a commit or a tree (tags count as
/// what they name).
pub fn change(repo: &Repository, base: ObjectId, head: ObjectId) -> Result<Change, GitError> {
    let (before, tip) = (repo.tree_of(base)?, repo.tree_of(head)?);
    let mut relation = relate(repo, base, head)?;
    let memory = in_memory(repo);
    let mut after = tip;
    if let Some(common) = relation.common {
        let mut merge = Merge::new(&memory);
        let merged = merge.trees([Some(common), Some(before), Some(tip)], "")?;
        if merge.conflicts.is_empty() {
            after = merged.unwrap_or_else(|| ObjectId::empty_tree(memory.object_hash()));
        } else {
            relation.divergence = Some(both_changed(merge.conflicts));
        }
    }
    compare(memory, (base, before), (head, after), relation)
}

/// The change of a branch that is moved from `base` to `head`, as by a push:
/// the head's tree is what comes out, whether it descends from the base or not.
pub fn moved(repo: &Repository, base: ObjectId, head: ObjectId) -> Result<Change, GitError> {
    let (before, after) = (repo.tree_of(base)?, repo.tree_of(head)?);
    let mut relation = Relation::default();
    if !base.is_empty_tree() {
        relation = relate(repo, base, head)?;
        if relation.common.take().is_some() || relation.divergence.take().is_some() {
            relation
                .notes
                .push("the branch is moved to a commit that does not descend from it".into());
        }
    }
    compare(in_memory(repo), (base, before), (head, after), relation)
}

/// The change that the next commit would make: from HEAD (nothing, on a branch
/// without commits) to the index, which is read and never written.
pub fn staged(repo: &Repository) -> Result<Change, GitError> {
    let empty = ObjectId::empty_tree(repo.gix.object_hash());
    let base = repo.head()?.commit.unwrap_or(empty);
    let memory = in_memory(repo);
    let after = index_tree::write(&memory)?;
    compare(memory, (base, repo.tree_of(base)?), (after, after), Relation::default())
}

/// A handle that writes objects to its own memory only.
fn in_memory(repo: &Repository) -> gix::Repository {
    let mut memory = repo.gix.clone();
    memory.objects.enable_object_memory();
    memory
}

/// Puts it all together; each side is what was named and its tree.
fn compare(
    memory: gix::Repository,
    (base, before): (ObjectId, ObjectId),
    (head, after): (ObjectId, ObjectId),
    relation: Relation,
) -> Result<Change, GitError> {
    let diff = tree_diff::between(&memory, Some(before), after, &Interest::everything())?;
    Ok(Change {
        base,
        head,
        before: TreeSnapshot::of_tree(memory.clone(), before),
        after: TreeSnapshot::of_tree(memory, after),
        changed: diff.paths,
        odd_names: diff.odd_names,
        messages: relation.messages,
        commits: relation.commits,
        notes: relation.notes,
        divergence: relation.divergence,
    })
}

fn both_changed(mut paths: Vec<String>) -> Divergence {
    paths.sort();
    let count = paths.len();
    paths.truncate(SHOWN_CONFLICTS);
    Divergence::BothChanged { paths, count }
}

fn relate(repo: &Repository, base: ObjectId, head: ObjectId) -> Result<Relation, GitError> {
    let mut relation = Relation::default();
    let commits = (repo.commit_of(base)?, repo.commit_of(head)?);
    let (Some(base), Some(head)) = commits else {
        relation.notes.push("base and head are trees without history, taken as they are".into());
        return Ok(relation);
    };
    if base == head {
        return Ok(relation);
    }
    let mut ancestry = Ancestry::of(repo, base, head)?;
    if ancestry.is_cut() {
        cut_off(repo, (base, head), ancestry.descends(), &mut relation)?;
        return Ok(relation);
    }
    if !ancestry.descends() {
        match ancestry.merge_bases()?.as_slice() {
            [] => relation.divergence = Some(Divergence::Unrelated),
            [common] => relation.common = Some(repo.tree_of(*common)?),
            several => {
                relation.divergence = Some(Divergence::SeveralMergeBases(several.len()));
            }
        }
    }
    let ours = ancestry.only_head();
    relation.messages = read_messages(repo, &ours, &mut relation.notes)?;
    relation.commits = ours;
    if relation.messages.iter().any(|message| mentions_override(message)) {
        // A commit with a wrong date must not bring back the override of a
        // commit that the base has long had: only the whole walk is sure.
        ancestry.finish()?;
        let ours = ancestry.only_head();
        relation.messages = read_messages(repo, &ours, &mut Vec::new())?;
        relation.commits = ours;
    }
    Ok(relation)
}

fn mentions_override(message: &str) -> bool {
    message.to_ascii_lowercase().contains("promote-override")
}

/// A shallow clone: which commits only the head has is known of the head at
/// most, and a merge base is not.
fn cut_off(
    repo: &Repository,
    (base, head): (ObjectId, ObjectId),
    descends: bool,
    relation: &mut Relation,
) -> Result<(), GitError> {
    let parent = raw_parents(repo, head)?.contains(&base);
    if parent || descends {
        relation.messages = read_messages(repo, &[head], &mut Vec::new())?;
        relation.commits = vec![head];
        relation.notes.push(
            "the clone is shallow: of the commits of this change only the message of the last one \
             was read"
                .to_owned(),
        );
    } else {
        relation.divergence = Some(Divergence::CutOff);
    }
    Ok(())
}

fn read_messages(
    repo: &Repository,
    commits: &[ObjectId],
    notes: &mut Vec<String>,
) -> Result<Vec<String>, GitError> {
    if commits.len() > MOST_MESSAGES {
        notes.push(format!(
            "of {} commits only the messages of the newest {MOST_MESSAGES} were read",
            commits.len()
        ));
    }
    let read = |id: &ObjectId| {
        let failed = |error: gix::Error| tree::unreadable(&repo.gix, ("commit", *id), &error);
        let commit = repo.gix.find_commit(*id).map_err(failed)?;
        tree::verify((gix::objs::Kind::Commit, *id), &commit.data)?;
        let message = commit.message_raw().map_err(failed)?;
        Ok(message.to_str_lossy().into_owned())
    };
    commits.iter().take(MOST_MESSAGES).map(read).collect()
}
