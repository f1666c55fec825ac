//! Hooks: git's pre-receive and pre-push, and the pre-commit framework.

use std::path::PathBuf;

use super::{Around, Pair, full_id};
use crate::command::Failure;
use crate::git::{Change, GitError, ObjectId, Repository};

/// What a hook was told of one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// A change that is judged.
    Judge(Pair),
    /// What no verdict allows, and why.
    Refuse {
        /// The ref.
        name: String,
        /// Why; lower case, no full stop.
        reason: String,
    },
    /// What is let through unjudged, and why.
    Pass {
        /// The ref.
        name: String,
        /// Why; lower case, no full stop.
        reason: String,
    },
}

impl Update {
    fn pass(name: &str, reason: &str) -> Self {
        Self::Pass { name: name.to_owned(), reason: reason.to_owned() }
    }

    /// The change, with the objects of the push that are only in these
    /// directories; `None` where nothing is judged.
    pub fn change(
        &self,
        repo: &Repository,
        directories: &[PathBuf],
    ) -> Option<Result<Change, GitError>> {
        let Self::Judge(pair) = self else { return None };
        let pushed = repo.with_objects_of(directories, pair.base, pair.head);
        Some(pushed.and_then(|repo| pair.change(&repo)))
    }
}

/// The updates that are let through unjudged, as notes.
pub fn passed_over(updates: &[Update]) -> Vec<String> {
    let note = |update: &Update| match update {
        Update::Pass { name, reason } => Some(format!("{name}: {reason}")),
        _ => None,
    };
    updates.iter().filter_map(note).collect()
}

/// Whether a branch is one of those that were named; all where none was.
fn is_wanted(name: &str, branches: &[String]) -> bool {
    let short = name.strip_prefix("refs/heads/").unwrap_or(name);
    branches.is_empty() || branches.iter().any(|branch| branch == short || branch == name)
}

/// The lines of a pre-receive hook: `<old> <new> <ref>` (githooks(5)).
///
/// Each update of a branch that is there is judged; the default branch, which
/// HEAD names, and those named by `--branch` are neither to be deleted nor
/// created unjudged.
pub(super) fn pre_receive(
    repo: &Repository,
    input: &str,
    branches: &[String],
) -> Result<Vec<Update>, Failure> {
    let default = repo.head()?.branch.map(|branch| format!("refs/heads/{branch}"));
    let bound = |name: &str| {
        Some(name) == default.as_deref() || (!branches.is_empty() && is_wanted(name, branches))
    };
    let mut updates = Vec::new();
    for line in input.lines() {
        let (old, new, name) = match line.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            [old, new, name] if !name.is_empty() => (*old, *new, (*name).to_owned()),
            _ => return Err(not_understood(line, "OLD NEW REF")),
        };
        let (old, new) = (full_id(repo, "OLD", old)?, full_id(repo, "NEW", new)?);
        let update = if !name.starts_with("refs/heads/") {
            Update::pass(&name, "it is no branch and was not judged")
        } else if !is_wanted(&name, branches) && !bound(&name) {
            Update::pass(&name, "the branch was not judged")
        } else if new.is_null() && bound(&name) {
            Update::Refuse { name, reason: "this branch cannot be deleted".to_owned() }
        } else if new.is_null() {
            Update::pass(&name, "the branch is deleted")
        } else if !old.is_null() {
            Update::Judge(Pair { branch: Some(name), ..Pair::moved(old, new) })
        } else if bound(&name) {
            Update::Judge(first(repo, default.as_deref(), name, new)?)
        } else {
            Update::pass(&name, "a new branch, it was not judged")
        };
        updates.push(update);
    }
    Ok(updates)
}

/// A branch that is created and must not be unjudged: against the default
/// branch, and that one against nothing.
fn first(
    repo: &Repository,
    default: Option<&str>,
    name: String,
    new: ObjectId,
) -> Result<Pair, Failure> {
    let tip = if Some(name.as_str()) == default { None } else { repo.head()?.commit };
    let base = tip.unwrap_or_else(|| repo.empty_tree());
    let pair = Pair { branch: Some(name), ..Pair::moved(base, new) };
    Ok(match (tip, default) {
        (Some(_), Some(default)) => pair.note(format!("a new branch, judged against {default}")),
        _ => pair.note("the branch is new, and there is nothing to judge it against"),
    })
}

/// The lines of a pre-push hook: `<local ref> <local id> <remote ref> <remote
/// id>` (githooks(5)).
pub(super) fn pre_push(
    repo: &Repository,
    input: &str,
    branches: &[String],
) -> Result<Vec<Update>, Failure> {
    let mut updates = Vec::new();
    for line in input.lines() {
        // A revision such as `HEAD@{1 day ago}` stands in the first column as
        // it was given, and may hold blanks.
        let mut columns = line.rsplitn(4, ' ');
        let (Some(remote), Some(name), Some(local), Some(_)) =
            (columns.next(), columns.next(), columns.next(), columns.next())
        else {
            return Err(not_understood(line, "LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID"));
        };
        let (local, remote) =
            (full_id(repo, "LOCAL-ID", local)?, full_id(repo, "REMOTE-ID", remote)?);
        let update = if !name.starts_with("refs/heads/") || !is_wanted(name, branches) {
            Update::pass(name, "it was not judged")
        } else if local.is_null() {
            Update::pass(name, "the branch is deleted")
        } else if !remote.is_null() {
            Update::Judge(Pair { branch: Some(name.to_owned()), ..Pair::moved(remote, local) })
        } else if let Some(base) = repo.reference("refs/remotes/origin/HEAD")? {
            let pair = Pair { branch: Some(name.to_owned()), ..Pair::merged(base, local) };
            Update::Judge(pair.note("a new branch, judged against origin/HEAD"))
        } else {
            Update::pass(name, "a new branch, and nothing says what to judge it against")
        };
        updates.push(update);
    }
    Ok(updates)
}

fn not_understood(line: &str, form: &str) -> Failure {
    Failure::usage(format!("the line `{}` is not `{form}`", line.escape_debug()))
}

/// The range of the pre-commit framework: of a pre-push hook, or given as
/// `--from-ref` and `--to-ref`. Source: pre-commit.com, "pre-push":
/// `PRE_COMMIT_FROM_REF`, `PRE_COMMIT_TO_REF`, `PRE_COMMIT_REMOTE_BRANCH`.
pub(super) fn pre_commit_range(
    repo: &Repository,
    around: &Around<'_>,
) -> Result<Option<Pair>, Failure> {
    let ends = (around.get("PRE_COMMIT_FROM_REF"), around.get("PRE_COMMIT_TO_REF"));
    let (Some(from), Some(to)) = ends else { return Ok(None) };
    let base = super::explicit::revision(repo, &from)?;
    let head = super::explicit::revision(repo, &to)?;
    let branch = around.get("PRE_COMMIT_REMOTE_BRANCH");
    let pair = Pair::merged(base, head);
    Ok(Some(Pair { moves: branch.is_some(), branch, ..pair }))
}
