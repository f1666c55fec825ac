//! The native engine: objects, then the ref, then files, then the index, which
//! is locked from before anything is read.

use std::path::Path;

use gix::ObjectId;
use gix::actor::Signature;
use gix::index::entry::Stat;

use super::super::child;
use super::super::index::{Change, Index, IndexLock, Rewrite};
use super::super::journal::{Journal, Kind, Turn, interrupted};
use super::super::tree::{Leaf, TreeWriter};
use super::identity::{Role, signature};
use super::reference::{self, Step};
use super::targets::{Checkout, MODE_EXECUTABLE};
use super::{
    CommitError, CommitRequest, Committed, Durability, Repository, SignChoice, Target, Unfinished,
    check_head, inspect, sync,
};
use crate::model::FileChange;
use crate::worktree::{NewFile, WorktreeError, remove_beneath, write_beneath};

/// What was found, under the lock of the index.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) lock: IndexLock,
    pub(super) index: Index,
    pub(super) targets: Vec<Target<'a>>,
    pub(super) branch: Option<String>,
}

/// Looks at HEAD, index and files, under the lock of the index.
pub(super) fn prepare<'a>(
    lock: IndexLock,
    repo: &Repository,
    request: &CommitRequest<'a>,
) -> Result<Prepared<'a>, CommitError> {
    let branch = check_head(repo, request.base)?;
    let index = read_index(repo, lock.index(), request.changes)?;
    let targets = inspect(repo, request.base, &index, request.changes)?;
    Ok(Prepared { lock, index, targets, branch })
}

/// Looks at what [`prepare`] and [`commit`] look at before they write, without
/// the lock.
pub(super) fn rehearse(repo: &Repository, request: &CommitRequest<'_>) -> Result<(), CommitError> {
    check_head(repo, request.base)?;
    let index = read_index(repo, &repo.gix.index_path(), request.changes)?;
    let targets = inspect(repo, request.base, &index, request.changes)?;
    let by_git = match super::engine::hook(repo, request.options.no_verify) {
        Some(hook) => Some(format!("hook {hook}")),
        None => index.needs_git()?,
    };
    if let Some(reason) = by_git {
        super::handoff::check_files(&targets, &reason)?;
    }
    signature(repo, Role::Author)?;
    signature(repo, Role::Committer)?;
    Ok(())
}

/// The index; without one everything counts as staged for removal.
pub(in super::super) fn read_index(
    repo: &Repository,
    path: &Path,
    changes: &[FileChange],
) -> Result<Index, CommitError> {
    let missing = || CommitError::DirtyTarget {
        path: changes.first().map(|change| change.path.clone()).unwrap_or_default(),
        difference: super::super::Difference::Staged,
    };
    Index::read(path, repo.gix.object_hash())?.ok_or_else(missing)
}

/// Commits, and brings files and index along.
pub(super) fn commit(
    turn: &Turn,
    (repo, request): (&Repository, &CommitRequest<'_>),
    prepared: Prepared<'_>,
    message: &str,
) -> Result<Committed, CommitError> {
    let durability = Durability::of(repo);
    // Who commits has to be known before anything is written.
    signature(repo, Role::Author)?;
    let committer = signature(repo, Role::Committer)?;
    let mut rewrite = Rewrite::default();
    let changes = prepared.targets.iter().map(|target| target.change);
    let (tree, blobs) = write_trees(repo, request.base, changes, &mut rewrite)?;
    if tree == repo.tree_of(request.base)? {
        return Err(CommitError::NothingToCommit);
    }
    let id = write_commit(repo, request, (tree, message), &committer)?;
    if durability.objects {
        let trees = rewrite.directories.iter().filter_map(|directory| directory.new);
        let ids: Vec<ObjectId> = trees.chain(blobs).chain([id]).collect();
        sync::objects(repo, &ids).map_err(|error| CommitError::write("the objects", error))?;
    }
    interrupted()?;
    let commits = (request.base, Some(id));
    Journal::new(repo, Kind::Commit, commits, &prepared.targets)?.write(turn, repo)?;
    let (from, durable) = (request.base, durability.refs);
    let step = Step { from, to: id, message, committer: &committer, durable };
    if let Err(error) = reference::advance(turn, repo, step) {
        // One that stays says that nothing was done.
        let _met_by_the_next_run = Journal::drop_from(repo);
        return Err(error);
    }
    // From here on the commit is there: what fails is reported, not failed.
    Ok(follow((repo, request), (id, durability), prepared, rewrite))
}

/// Brings files and index along, and drops the journal once all is done.
fn follow(
    (repo, request): (&Repository, &CommitRequest<'_>),
    (id, durability): (ObjectId, Durability),
    prepared: Prepared<'_>,
    rewrite: Rewrite,
) -> Committed {
    let mut unfinished = Vec::new();
    if durability.refs
        && let Err(error) = sync::head_ref(repo)
    {
        unfinished.push(Unfinished::NotDurable { message: error.to_string() });
    }
    let Prepared { lock, index, targets, branch } = prepared;
    write_files(repo, &targets, durability, &mut unfinished);
    if let Err(error) = write_index(repo, (lock, index), &targets, rewrite) {
        let paths = request.changes.iter().map(|change| change.path.clone()).collect();
        unfinished.push(Unfinished::Index { paths, message: error.to_string() });
    }
    if reference::Files::records(repo).iter().any(|record| record.exists()) {
        unfinished.push(Unfinished::Locked);
    }
    if unfinished.is_empty() {
        // One that stays is found to be done.
        let _met_by_the_next_run = Journal::drop_from(repo);
    }
    Committed { id, branch, notes: Vec::new(), unfinished }
}

/// Blobs and trees of a commit that is to be made.
pub(super) struct Made {
    /// The root.
    pub(super) tree: ObjectId,
    pub(super) blobs: Vec<ObjectId>,
    pub(super) trees: Vec<ObjectId>,
}

/// Writes the blobs and trees of a request.
pub(super) fn write_leaves(
    repo: &Repository,
    request: &CommitRequest<'_>,
) -> Result<Made, CommitError> {
    let mut rewrite = Rewrite::default();
    let (tree, blobs) = write_trees(repo, request.base, request.changes.iter(), &mut rewrite)?;
    let trees = rewrite.directories.iter().filter_map(|directory| directory.new).collect();
    Ok(Made { tree, blobs, trees })
}

/// Writes blobs and trees; gives the tree of the commit, and the blobs.
fn write_trees<'c>(
    repo: &Repository,
    base: ObjectId,
    changes: impl Iterator<Item = &'c FileChange>,
    rewrite: &mut Rewrite,
) -> Result<(ObjectId, Vec<ObjectId>), CommitError> {
    let mut leaves = Vec::new();
    for change in changes {
        let write = |bytes| repo.gix.write_blob(bytes).map(gix::Id::detach);
        let id = change.after().map(write).transpose();
        let id = id.map_err(|error| CommitError::write("an object", error))?;
        let parts = change.path.parts().map(ToOwned::to_owned).collect();
        leaves.push(Leaf { parts, id, executable: change.executable });
    }
    let blobs = leaves.iter().filter_map(|leaf| leaf.id).collect();
    leaves.sort_by(|a, b| a.parts.cmp(&b.parts));
    let mut writer = TreeWriter::new(&repo.gix);
    let tree = writer.write(Some(repo.tree_of(base)?), "", &leaves)?;
    for (dir, old, new) in writer.rewritten {
        rewrite.directory(dir, old, Some(new));
    }
    Ok((tree, blobs))
}

/// Writes the commit object, signed if that is asked for.
pub(super) fn write_commit(
    repo: &Repository,
    request: &CommitRequest<'_>,
    (tree, message): (ObjectId, &str),
    committer: &Signature,
) -> Result<ObjectId, CommitError> {
    let mut commit = gix::objs::Commit {
        tree,
        parents: [request.base].into_iter().collect(),
        author: signature(repo, Role::Author)?,
        committer: committer.clone(),
        encoding: None,
        message: message.into(),
        extra_headers: Vec::new(),
    };
    let signing = |error: gix::Error| CommitError::Signing { message: chain(&error) };
    let key = match &request.options.sign {
        SignChoice::Off => None,
        SignChoice::Config => repo.gix.commit_signing_options_if_enabled().map_err(signing)?,
        SignChoice::On(None) => Some(repo.gix.commit_signing_options().map_err(signing)?),
        SignChoice::On(Some(key)) => {
            let config = with_signing_key(repo, key).map_err(signing)?;
            Some(config.commit_signing_options().map_err(signing)?)
        }
    };
    if let Some(key) = key {
        commit = commit.sign(key).map_err(signing)?;
    }
    let written = repo.gix.write_object(&commit);
    Ok(written.map_err(|error| CommitError::write("the commit", error))?.detach())
}

/// The repository with `key` for `user.signingKey`.
fn with_signing_key(repo: &Repository, key: &str) -> Result<gix::Repository, gix::Error> {
    let mut copy = repo.gix.clone();
    let mut config = copy.config_snapshot_mut();
    config.set_raw_value("user.signingKey", key)?;
    config.commit()?;
    Ok(copy)
}

/// What the program wrote that gix ran; else everything that gix says.
fn chain(error: &gix::Error) -> String {
    use gix::error::MetadataValue;
    // What the program said is in its own words what the errors quote.
    match error.metadata_merged().get("stderr") {
        Some(MetadataValue::Bytes(said)) => return child::words(said),
        Some(MetadataValue::String(said)) => return child::words(said.as_bytes()),
        _ => {}
    }
    let mut text: Vec<String> = error.iter_errors().map(ToString::to_string).collect();
    text.dedup();
    text.join(": ")
}

fn write_files(
    repo: &Repository,
    targets: &[Target<'_>],
    durability: Durability,
    unfinished: &mut Vec<Unfinished>,
) {
    let Some(root) = repo.root() else { return };
    for target in targets {
        let Some(file) = &target.file else { continue };
        if let Err(error) = bring(root, target, file, durability.objects) {
            let path = target.change.path.clone();
            let changed = !matches!(error, WorktreeError::Io { .. });
            unfinished.push(Unfinished::File { path, changed, message: error.reason() });
        }
    }
}

/// Writes the file of a target, or removes it.
pub(in super::super) fn bring(
    root: &Path,
    target: &Target<'_>,
    file: &Checkout,
    durable: bool,
) -> Result<(), WorktreeError> {
    let (path, before) = (&target.change.path, file.before.as_deref());
    if target.change.removed {
        return remove_beneath(root, path, before.unwrap_or_default(), durable);
    }
    let new = NewFile { bytes: &file.after, executable: target.change.executable, durable };
    write_beneath(root, path, before, new)
}

/// Gives a file of a target the bytes back that it had, if it still holds what
/// [`bring`] left there (`now`).
pub(in super::super) fn bring_back(
    root: &Path,
    target: &Target<'_>,
    file: &Checkout,
    now: Option<&[u8]>,
) -> Result<(), WorktreeError> {
    let path = &target.change.path;
    match (file.before.as_deref(), now) {
        (Some(before), now) => {
            let executable = target.mode == MODE_EXECUTABLE;
            write_beneath(root, path, now, NewFile { bytes: before, executable, durable: true })
        }
        (None, Some(now)) => remove_beneath(root, path, now, true),
        (None, None) => Ok(()),
    }
}

/// Writes the index: every target's entry, and the tree cache on its path.
pub(in super::super) fn write_index(
    repo: &Repository,
    (lock, index): (IndexLock, Index),
    targets: &[Target<'_>],
    mut rewrite: Rewrite,
) -> Result<(), CommitError> {
    let root = repo.work_tree()?;
    for target in targets {
        if target.change.removed {
            let path = target.change.path.as_str().as_bytes().to_vec();
            rewrite.removed.extend(target.offset.map(|offset| (offset, path)));
            continue;
        }
        rewrite.changes.push(Change {
            path: target.change.path.as_str().as_bytes().to_vec(),
            offset: target.offset,
            id: target.id,
            mode: target.mode,
            stat: stat_of(root, target),
        });
    }
    let data = index.rewritten(rewrite, root)?;
    let durable = Durability::of(repo).index;
    lock.write(&data, durable)
}

/// The metadata of the file, if it holds what was to be written; else zeros,
/// so that git looks at it again.
fn stat_of(root: &Path, target: &Target<'_>) -> Stat {
    let Some(file) = &target.file else { return Stat::default() };
    let found = crate::worktree::read_beneath(root, &target.change.path);
    match found {
        Ok(Some(found)) if found.bytes == file.after => {
            let path = root.join(target.change.path.as_str());
            let metadata = gix::index::fs::Metadata::from_path_no_follow(&path);
            metadata.ok().and_then(|found| Stat::from_fs(&found).ok()).unwrap_or_default()
        }
        _ => Stat::default(),
    }
}
