//! A commit on top of any commit, without index and work tree: what a push or
//! a pull request carries. No branch of this clone points at it.

use gix::ObjectId;

use super::super::child;
use super::identity::{Role, signature};
use super::native::{Made, write_commit, write_leaves};
use super::targets::check_commit;
use super::{CommitError, CommitRequest, Durability, Repository, message, sync};

/// Makes the commit. Hooks that look at an index or a work tree (`pre-commit`)
/// have nothing to look at and are not run; `commit-msg` is, unless
/// `--no-verify` says otherwise.
pub fn build(repo: &Repository, request: &CommitRequest<'_>) -> Result<ObjectId, CommitError> {
    if request.changes.is_empty() {
        return Err(CommitError::NothingToCommit);
    }
    let snapshot = repo.snapshot(request.base)?;
    for change in request.changes {
        check_commit(&snapshot, change)?;
    }
    let message = message::compose(repo, request)?;
    let message = if request.options.no_verify { message } else { by_hook(repo, &message)? };
    let Made { tree, blobs, trees } = write_leaves(repo, request)?;
    if tree == repo.tree_of(request.base)? {
        return Err(CommitError::NothingToCommit);
    }
    let committer = signature(repo, Role::Committer)?;
    let id = write_commit(repo, request, (tree, &message), &committer)?;
    if Durability::of(repo).objects {
        let ids: Vec<ObjectId> = blobs.into_iter().chain(trees).chain([id]).collect();
        sync::objects(repo, &ids).map_err(|error| CommitError::write("the objects", error))?;
    }
    Ok(id)
}

/// The message as the `commit-msg` hook leaves it.
fn by_hook(repo: &Repository, message: &str) -> Result<String, CommitError> {
    if !super::engine::has_hook(repo, "commit-msg") {
        return Ok(message.to_owned());
    }
    let failed = |error: std::io::Error| CommitError::write("the message for its hook", error);
    let mut file = tempfile::NamedTempFile::new_in(repo.git_dir()).map_err(failed)?;
    std::io::Write::write_all(&mut file, message.as_bytes()).map_err(failed)?;
    let path = file.path().display().to_string();
    let output = child::run(repo, &["hook", "run", "commit-msg", "--", path.as_str()], b"")?;
    if !output.status.success() {
        let message = child::words(&output.stderr);
        return Err(CommitError::Refused { message });
    }
    let said = std::fs::read(file.path()).map_err(failed)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}
