//! The files that are to be written, and whether they still are what the plan
//! was made on: in the commit, in the index and in the work tree.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::super::child;
use super::super::filters::Filters;
use super::super::index::{Index, MODE_COMMIT, RawEntry};
use super::super::{Difference, TreeSnapshot};
use super::{CommitError, GitError, Repository};
use crate::model::{EntryKind, FileChange, RepoPath, Snapshot};
use crate::worktree::{check_folder, read_beneath};

pub(in super::super) const MODE_FILE: u32 = 0o100_644;
pub(in super::super) const MODE_EXECUTABLE: u32 = 0o100_755;

/// A file that is to be written.
#[derive(Debug)]
pub(in super::super) struct Target<'a> {
    /// The change, in bytes of blobs.
    pub(in super::super) change: &'a FileChange,
    /// The blob after.
    pub(in super::super) id: ObjectId,
    /// Mode in index and tree.
    pub(in super::super) mode: u32,
    /// Where the index has its entry; `None` for a new file.
    pub(in super::super) offset: Option<usize>,
    /// The file in the work tree; `None` where sparse checkout left it out.
    pub(in super::super) file: Option<Checkout>,
    /// Whether a filter program stands between blob and file.
    pub(in super::super) filtered_by_program: bool,
}

/// The bytes of a file in the work tree, which are those of its blob unless a
/// filter is between them.
#[derive(Debug)]
pub(in super::super) struct Checkout {
    /// Before; `None` where it is new.
    pub(in super::super) before: Option<Vec<u8>>,
    /// After; nothing where it is removed.
    pub(in super::super) after: Vec<u8>,
}

/// Finds every target in the commit, the index and the work tree, and refuses
/// those that differ.
pub(in super::super) fn inspect<'a>(
    repo: &Repository,
    base: ObjectId,
    index: &Index,
    changes: &'a [FileChange],
) -> Result<Vec<Target<'a>>, CommitError> {
    let root = repo.work_tree()?;
    let snapshot = repo.snapshot(base)?;
    for change in changes {
        check_commit(&snapshot, change)?;
    }
    let mut seen = scan(repo, index, changes)?;
    let from_index = changes.iter().any(|change| attributes_only_in_tree(&snapshot, root, change));
    let mut filters = Filters::new(repo, from_index)?;
    let mut targets = Vec::with_capacity(changes.len());
    for change in changes {
        let entry = seen.remove(change.path.as_str().as_bytes());
        check_entry(&snapshot, change, entry.as_ref())?;
        let skipped = entry.as_ref().is_some_and(|entry| entry.skip_worktree);
        let file = checkout(root, change, skipped, &mut filters)?;
        let new_mode = if change.executable { MODE_EXECUTABLE } else { MODE_FILE };
        let mode = entry.as_ref().map_or(new_mode, |entry| entry.mode);
        if file.is_some() && change.old.is_some() {
            check_mode(repo, root, change, mode)?;
        }
        targets.push(Target {
            change,
            id: blob_id(repo, &change.new)?,
            mode,
            offset: entry.map(|entry| entry.offset),
            file,
            filtered_by_program: filters.program(&change.path)?.is_some(),
        });
    }
    Ok(targets)
}

/// The id that a blob of these bytes has.
pub(in super::super) fn blob_id(repo: &Repository, bytes: &[u8]) -> Result<ObjectId, CommitError> {
    let id = gix::objs::compute_hash(repo.gix.object_hash(), gix::objs::Kind::Blob, bytes);
    id.map_err(|error| CommitError::write("an object", error))
}

/// The commit holds what the plan says, and neither link nor submodule is on
/// the way.
pub(super) fn check_commit(
    snapshot: &TreeSnapshot,
    change: &FileChange,
) -> Result<(), CommitError> {
    let path = &change.path;
    check_names(change)?;
    let kind = |path: &RepoPath| snapshot.kind(path).map_err(unreadable);
    let mut above = path.parent();
    while let Some(dir) = above {
        match kind(&dir)? {
            Some(EntryKind::Submodule) => return Err(bad(path, "submodule", &dir)),
            Some(EntryKind::Symlink) => return Err(bad(path, "symbolic link", &dir)),
            Some(EntryKind::File) => return Err(dirty(path, Difference::DirectoryFile)),
            Some(EntryKind::Directory) | None => above = dir.parent(),
        }
    }
    match (kind(path)?, &change.old) {
        (Some(EntryKind::Submodule), _) => Err(bad(path, "submodule", path)),
        (Some(EntryKind::Symlink), _) => Err(bad(path, "symbolic link", path)),
        (Some(EntryKind::Directory), _) => Err(dirty(path, Difference::DirectoryFile)),
        (None, None) => Ok(()),
        (Some(EntryKind::File), Some(old)) => {
            let id = snapshot.id(path).map_err(unreadable)?;
            let kind = snapshot.tree().kind();
            let own = gix::objs::compute_hash(kind, gix::objs::Kind::Blob, old).ok();
            if id == own { Ok(()) } else { Err(dirty(path, Difference::Commit)) }
        }
        (Some(EntryKind::File), None) | (None, Some(_)) => Err(dirty(path, Difference::Commit)),
    }
}

/// A new file has a name that git checks out everywhere: nothing that some
/// file system takes for `.git`.
fn check_names(change: &FileChange) -> Result<(), CommitError> {
    let options = gix::validate::path::component::Options {
        protect_windows: cfg!(windows),
        ..Default::default()
    };
    let valid = |part: &str| gix::validate::path::component(part.into(), None, options).is_ok();
    if change.old.is_some() || change.path.parts().all(valid) {
        return Ok(());
    }
    let reason = "git takes no such path".to_owned();
    Err(CommitError::BadTarget { path: change.path.clone(), reason })
}

/// What the index has at a target's path.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Entry {
    /// Where the entry starts in the file; 0 where git listed it.
    pub(in super::super) offset: usize,
    pub(in super::super) id: ObjectId,
    pub(in super::super) mode: u32,
    pub(in super::super) unmerged: bool,
    pub(in super::super) intent_to_add: bool,
    skip_worktree: bool,
}

impl Entry {
    fn new(entry: &RawEntry<'_>) -> Self {
        Self {
            offset: entry.offset,
            id: entry.id(),
            mode: entry.mode(),
            unmerged: entry.is_unmerged(),
            intent_to_add: entry.is_intent_to_add(),
            skip_worktree: entry.is_skip_worktree(),
        }
    }

    /// `TAG SP MODE SP ID SP STAGE TAB PATH`, as `git ls-files -s -v` writes
    /// it. What is only intended to be added has the id of the empty blob
    /// there, which no plan is made on.
    fn parse(line: &[u8]) -> Option<(&[u8], Self)> {
        let (head, path) = line.split_once_str(b"\t")?;
        let mut words = std::str::from_utf8(head).ok()?.split(' ');
        let tag = words.next()?;
        let seen = Self {
            offset: 0,
            mode: u32::from_str_radix(words.next()?, 8).ok()?,
            id: ObjectId::from_hex(words.next()?.as_bytes()).ok()?,
            unmerged: words.next()? != "0",
            intent_to_add: false,
            skip_worktree: tag.eq_ignore_ascii_case("s"),
        };
        Some((path, seen))
    }
}

/// The entries of these paths, however they are.
pub(in super::super) fn entries<'a>(
    repo: &Repository,
    index: &Index,
    paths: impl Iterator<Item = &'a RepoPath>,
) -> Result<HashMap<&'a [u8], Entry>, CommitError> {
    let wanted = paths.map(|path| path.as_str().as_bytes()).collect();
    let mut scan = Scan { wanted, added: Vec::new(), found: HashMap::new(), conflict: None };
    scan.all(repo, index)?;
    Ok(scan.found)
}

/// The entries of the targets. New files also need that no entry is above or
/// below them.
fn scan<'a>(
    repo: &Repository,
    index: &Index,
    changes: &'a [FileChange],
) -> Result<HashMap<&'a [u8], Entry>, CommitError> {
    let mut scan = Scan {
        wanted: changes.iter().map(|change| change.path.as_str().as_bytes()).collect(),
        added: changes.iter().filter(|change| change.old.is_none()).collect(),
        found: HashMap::new(),
        conflict: None,
    };
    scan.all(repo, index)?;
    scan.conflict.map_or(Ok(scan.found), Err)
}

struct Scan<'a> {
    wanted: HashSet<&'a [u8]>,
    added: Vec<&'a FileChange>,
    found: HashMap<&'a [u8], Entry>,
    conflict: Option<CommitError>,
}

impl Scan<'_> {
    fn all(&mut self, repo: &Repository, index: &Index) -> Result<(), CommitError> {
        if index.needs_git()?.is_none() {
            index.for_each(|entry| self.see(entry.path, entry.mode(), || Entry::new(entry)))?;
            return Ok(());
        }
        // Entries may be in another file, or be whole directories.
        let listed = child::answer(repo, &["ls-files", "-s", "-v", "-z"], b"")?;
        for line in listed.split(|byte| *byte == 0) {
            if let Some((path, seen)) = Entry::parse(line) {
                self.see(path, seen.mode, || seen);
            }
        }
        Ok(())
    }

    fn see(&mut self, path: &[u8], mode: u32, entry: impl FnOnce() -> Entry) {
        if let Some(path) = self.wanted.get(path) {
            // Of an unmerged path the first stage is enough to refuse it.
            self.found.entry(*path).or_insert_with(entry);
        }
        if self.conflict.is_none() {
            self.conflict = self.added.iter().find_map(|change| conflict_with(path, mode, change));
        }
    }
}

fn conflict_with(entry: &[u8], mode: u32, change: &FileChange) -> Option<CommitError> {
    let path = change.path.as_str().as_bytes();
    let below =
        |a: &[u8], b: &[u8]| a.strip_prefix(b).is_some_and(|rest| rest.first() == Some(&b'/'));
    if below(path, entry) && mode == MODE_COMMIT {
        return Some(CommitError::BadTarget {
            path: change.path.clone(),
            reason: "it is in a submodule".to_owned(),
        });
    }
    let conflicts = below(path, entry) || below(entry, path);
    conflicts.then(|| dirty(&change.path, Difference::DirectoryFile))
}

/// The index holds what the commit holds.
fn check_entry(
    snapshot: &TreeSnapshot,
    change: &FileChange,
    entry: Option<&Entry>,
) -> Result<(), CommitError> {
    let path = &change.path;
    let Some(entry) = entry else {
        let staged_away = change.old.is_some();
        return if staged_away { Err(dirty(path, Difference::Staged)) } else { Ok(()) };
    };
    if change.old.is_none() {
        return Err(dirty(path, Difference::Indexed));
    }
    if entry.intent_to_add {
        return Err(dirty(path, Difference::Staged));
    }
    if entry.unmerged {
        return Err(dirty(path, Difference::Unmerged));
    }
    let id = snapshot.id(path).map_err(unreadable)?;
    let executable = snapshot.is_executable(path).map_err(unreadable)?;
    let mode = if executable { MODE_EXECUTABLE } else { MODE_FILE };
    if id == Some(entry.id) && entry.mode == mode {
        Ok(())
    } else {
        Err(dirty(path, Difference::Staged))
    }
}

/// The file of the work tree, before and after.
fn checkout(
    root: &Path,
    change: &FileChange,
    skipped: bool,
    filters: &mut Filters<'_>,
) -> Result<Option<Checkout>, CommitError> {
    let path = &change.path;
    let found = read_beneath(root, path)?;
    match (found, &change.old) {
        (None, Some(_)) if skipped => Ok(None),
        (None, Some(_)) => Err(dirty(path, Difference::Deleted)),
        (Some(_), None) => Err(dirty(path, Difference::Untracked)),
        (None, None) => {
            check_folder(root, path)?;
            let after = filters.smudged(path, &change.new)?;
            Ok(Some(Checkout { before: None, after }))
        }
        (Some(found), Some(old)) if change.removed => {
            check_folder(root, path)?;
            let clean = filters.updated(path, &found.bytes, (old, old))?;
            clean.ok_or_else(|| dirty(path, Difference::WorkTree))?;
            Ok(Some(Checkout { before: Some(found.bytes), after: Vec::new() }))
        }
        (Some(found), Some(old)) => {
            check_folder(root, path)?;
            let after = filters.updated(path, &found.bytes, (old, &change.new))?;
            let after = after.ok_or_else(|| dirty(path, Difference::WorkTree))?;
            Ok(Some(Checkout { before: Some(found.bytes), after }))
        }
    }
}

/// The file is executable as the index says, where the file system can tell.
#[cfg(unix)]
fn check_mode(
    repo: &Repository,
    root: &Path,
    change: &FileChange,
    mode: u32,
) -> Result<(), CommitError> {
    use std::os::unix::fs::PermissionsExt;
    if repo.config_bool("core.fileMode") == Some(false) {
        return Ok(());
    }
    let found = std::fs::symlink_metadata(root.join(change.path.as_str()));
    let found = found.map_err(|error| CommitError::write(format!("`{}`", change.path), error))?;
    let executable = found.permissions().mode() & 0o100 != 0;
    if executable == (mode == MODE_EXECUTABLE) {
        Ok(())
    } else {
        Err(dirty(&change.path, Difference::WorkTree))
    }
}

#[cfg(not(unix))]
fn check_mode(_: &Repository, _: &Path, _: &FileChange, _: u32) -> Result<(), CommitError> {
    Ok(())
}

/// Whether attributes that count for the file are in the commit and not in the
/// work tree (sparse checkout), so that the index has to be asked.
fn attributes_only_in_tree(snapshot: &TreeSnapshot, root: &Path, change: &FileChange) -> bool {
    let mut above = change.path.parent();
    while let Some(dir) = above {
        let file = dir.join(".gitattributes");
        let in_tree = matches!(snapshot.kind(&file), Ok(Some(EntryKind::File)));
        if in_tree && !root.join(file.as_str()).exists() {
            return true;
        }
        above = dir.parent();
    }
    false
}

fn dirty(path: &RepoPath, difference: Difference) -> CommitError {
    CommitError::DirtyTarget { path: path.clone(), difference }
}

fn bad(path: &RepoPath, what: &str, at: &RepoPath) -> CommitError {
    let reason = if path == at { format!("it is a {what}") } else { format!("`{at}` is a {what}") };
    CommitError::BadTarget { path: path.clone(), reason }
}

fn unreadable(error: crate::model::SnapshotError) -> CommitError {
    GitError::read(format!("`{}`", error.path), error.message).into()
}
