//! The journal: what a promotion is about to do, on disk before it does it.
//!
//! One line of JSON and its SHA-256, in the git directory of the work tree.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gix::ObjectId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::commit::{Checkout, Durability, Target};
use super::super::{CommitError, Repository};
use super::linked::remove;
use super::turn::Turn;
use super::unreadable::Unreadable;
use crate::model::{RepoPath, hex};
use crate::worktree::{again, missing_directories, sync_directory_of};

const NAME: &str = "git-promote.journal";
const VERSION: u64 = 1;

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum Kind {
    /// A commit: branch, then files, then index.
    Commit,
    /// Files, then a commit that git makes.
    ByGit,
    /// Files alone.
    Files,
    /// Files, then the index.
    Staged,
}

/// What is under way, and what it takes to bring it to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Journal {
    version: u64,
    /// The version of the program that writes it.
    #[serde(default)]
    by: String,
    pub(super) kind: Kind,
    pub(super) process: u32,
    /// The commit that it is built on.
    pub(super) base: String,
    /// The commit that is made, where it is known before.
    pub(super) commit: Option<String>,
    /// The branch that moves, in full; none where HEAD is detached.
    pub(super) branch: Option<String>,
    /// The index, from the git directory on; as far as its name is text.
    pub(super) index: String,
    pub(super) files: Vec<Entry>,
    /// Directories that were not there, the deepest last.
    pub(super) made: Vec<RepoPath>,
}

/// A file, in the commit and in the work tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) path: RepoPath,
    /// The blob before; none where it is new.
    pub(super) old: Option<String>,
    /// The blob after; none where it goes.
    pub(super) new: Option<String>,
    pub(super) executable: bool,
    /// Whether it is checked out.
    pub(super) here: bool,
    /// The file before and after.
    pub(super) before: Option<Content>,
    pub(super) after: Option<Content>,
}

/// The bytes of a file: those of its blob, unless they stand here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// The id that a blob of these bytes has.
    pub(super) id: String,
    /// The bytes, where line ends or the like make them others than the blob's.
    bytes: Option<String>,
}

impl Content {
    fn of(repo: &Repository, bytes: &[u8], blob: Option<&str>) -> Result<Self, CommitError> {
        let id = id_of(repo, bytes)?;
        let bytes = (blob != Some(id.as_str())).then(|| STANDARD.encode(bytes));
        Ok(Self { id, bytes })
    }

    /// The bytes.
    pub(super) fn read(&self, repo: &Repository) -> Result<Vec<u8>, CommitError> {
        let failed = |error: &dyn std::fmt::Display| CommitError::write("the journal", error);
        if let Some(bytes) = &self.bytes {
            return STANDARD.decode(bytes).map_err(|error| failed(&error));
        }
        let id = ObjectId::from_hex(self.id.as_bytes()).map_err(|error| failed(&error))?;
        let blob = repo.gix.find_blob(id).map_err(|error| failed(&error))?;
        Ok(blob.data.clone())
    }
}

/// The id that a blob of these bytes has.
pub(super) fn id_of(repo: &Repository, bytes: &[u8]) -> Result<String, CommitError> {
    let id = gix::objs::compute_hash(repo.gix.object_hash(), gix::objs::Kind::Blob, bytes);
    Ok(id.map_err(|error| CommitError::write("the journal", error))?.to_string())
}

impl Entry {
    fn of(repo: &Repository, target: &Target<'_>) -> Result<Self, CommitError> {
        let change = target.change;
        let old = change.old.as_deref().map(|old| id_of(repo, old)).transpose()?;
        let new = (!change.removed).then(|| target.id.to_string());
        let content =
            |bytes: &[u8], blob: &Option<String>| Content::of(repo, bytes, blob.as_deref());
        let (mut before, mut after) = (None, None);
        if let Some(Checkout { before: old_bytes, after: new_bytes }) = &target.file {
            before = old_bytes.as_deref().map(|bytes| content(bytes, &old)).transpose()?;
            after = new.is_some().then(|| content(new_bytes, &new)).transpose()?;
        }
        Ok(Self {
            path: change.path.clone(),
            old,
            new,
            executable: change.executable,
            here: target.file.is_some(),
            before,
            after,
        })
    }
}

impl Journal {
    /// What is to be done with these targets.
    pub(in super::super) fn new(
        repo: &Repository,
        kind: Kind,
        (base, commit): (ObjectId, Option<ObjectId>),
        targets: &[Target<'_>],
    ) -> Result<Self, CommitError> {
        let branch = repo.gix.head_name().ok().flatten().map(|name| name.as_bstr().to_string());
        let root = repo.work_tree()?;
        let new = targets.iter().filter(|target| target.change.old.is_none());
        let made = missing_directories(root, new.map(|target| &target.change.path));
        Ok(Self {
            version: VERSION,
            by: env!("CARGO_PKG_VERSION").to_owned(),
            kind,
            process: std::process::id(),
            base: base.to_string(),
            commit: commit.map(|id| id.to_string()),
            branch,
            index: index_of(repo),
            files: targets
                .iter()
                .map(|target| Entry::of(repo, target))
                .collect::<Result<_, _>>()?,
            made,
        })
    }

    /// Writes it, whole or not at all; with durability it is on disk then, and
    /// with it every lock in the same directory. Only who has the turn writes.
    pub(in super::super) fn write(&self, _: &Turn, repo: &Repository) -> Result<(), CommitError> {
        let durability = Durability::of(repo);
        let durable = durability.objects || durability.refs || durability.index;
        let saved = self.save((&path(repo), &new_path(repo)), durable);
        saved.map_err(|error| {
            // One that stays says that nothing was done.
            let _met_by_the_next_run = Self::drop_from(repo);
            CommitError::write("the journal", error)
        })
    }

    fn save(&self, (path, new): (&Path, &Path), durable: bool) -> io::Result<()> {
        let mut text = serde_json::to_string(self)?;
        let sum = checksum(&text);
        text.push('\n');
        text.push_str(&sum);
        text.push('\n');
        let written = File::create(new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            if durable { file.sync_all() } else { Ok(()) }
        });
        let written = written.and_then(|()| again(|| fs::rename(new, path)));
        if let Err(error) = written {
            let _gone = remove(new);
            return Err(error);
        }
        if durable { sync_directory_of(path) } else { Ok(()) }
    }

    /// The journal that is there; `None` where there is none, and why it is of
    /// no use where that is so.
    pub(super) fn read(repo: &Repository) -> io::Result<Result<Option<Self>, Unreadable>> {
        match fs::read(path(repo)) {
            Ok(bytes) => Ok(Self::parse(&String::from_utf8_lossy(&bytes)).map(Some)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ok(None)),
            // Perhaps it can be read later.
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Result<Self, Unreadable> {
        let mut lines = text.lines();
        let (line, sum) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if checksum(line) != sum {
            return Err(Unreadable::damaged(text, "it is cut off or damaged"));
        }
        let damaged = |error: serde_json::Error| Unreadable::damaged(text, error.to_string());
        let value: Value = serde_json::from_str(line).map_err(damaged)?;
        if value.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(Unreadable::other(&value));
        }
        serde_json::from_value(value).map_err(damaged)
    }

    /// Whether the index of the journal is the one in force.
    pub(super) fn is_of_this_index(&self, repo: &Repository) -> bool {
        let there = whole(&repo.git_dir().join(&self.index));
        self.index == index_of(repo) || there == whole(&repo.gix.index_path())
    }

    /// Drops the journal: what it says is done, or undone.
    pub(in super::super) fn drop_from(repo: &Repository) -> io::Result<()> {
        remove(&path(repo)).map(drop)
    }
}

/// The index in force: from the git directory on, which may be moved, or whole
/// where it is not in it.
pub(super) fn index_of(repo: &Repository) -> String {
    let index = whole(&repo.gix.index_path());
    let within = index.strip_prefix(whole(repo.git_dir()));
    within.unwrap_or(&index).display().to_string()
}

/// The path without links, also where the file itself is not there.
pub(super) fn whole(path: &Path) -> PathBuf {
    let by_parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(by_parent).unwrap_or_else(|| path.to_owned())
}

/// Where the journal is.
pub(super) fn path(repo: &Repository) -> PathBuf {
    repo.git_dir().join(NAME)
}

/// What becomes the journal.
pub(super) fn new_path(repo: &Repository) -> PathBuf {
    repo.git_dir().join("git-promote.journal.new")
}

fn checksum(line: &str) -> String {
    hex(&Sha256::digest(line))
}
