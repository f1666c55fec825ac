//! Moving the branch, in one step that a killed run leaves done or not done.
//!
//! gix 0.90 takes the locks of refs so that a later run cannot tell them from
//! those of git. Here they are linked ([`LinkedLock`]); the rest is as git does
//! it: HEAD and the branch are locked, the reflogs written, and the lock of the
//! branch, which holds the new id, becomes the branch.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::actor::Signature;
use gix::refs::store::WriteReflog;

use super::super::journal::{LinkedLock, Token, Turn, interrupted};
use super::{CommitError, Repository, check_head};

/// The step of a branch from one commit to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) from: ObjectId,
    pub(super) to: ObjectId,
    /// The message of the commit.
    pub(super) message: &'a str,
    pub(super) committer: &'a Signature,
    /// Whether the new id has to be on disk.
    pub(super) durable: bool,
}

/// Where the files of HEAD and its branch are.
pub(in super::super) struct Files {
    /// `HEAD.lock` and its record.
    pub(in super::super) head: (PathBuf, PathBuf),
    /// The lock of a branch and its record.
    pub(in super::super) branch: Option<(PathBuf, PathBuf)>,
    /// The file that holds the id.
    target: PathBuf,
    logs: Vec<PathBuf>,
}

impl Files {
    /// The records of these locks. None of them is there once they are let go.
    pub(in super::super) fn records(repo: &Repository) -> [PathBuf; 2] {
        ["git-promote.head", "git-promote.ref"].map(|name| repo.git_dir().join(name))
    }

    /// Those of a branch, in full; of HEAD alone where it is detached.
    pub(in super::super) fn of(repo: &Repository, branch: Option<&str>) -> Self {
        let (own, common) = (repo.git_dir(), repo.common_dir());
        let lock = |name: &str| common.join(format!("{name}.lock"));
        let logs = branch.map(|name| common.join("logs").join(name));
        Self {
            head: (own.join("HEAD.lock"), own.join("git-promote.head")),
            branch: branch.map(|name| (lock(name), own.join("git-promote.ref"))),
            target: branch.map_or_else(|| own.join("HEAD"), |name| common.join(name)),
            logs: logs.into_iter().chain([own.join("logs/HEAD")]).collect(),
        }
    }
}

/// The full name of HEAD's branch.
pub(super) fn branch_of(repo: &Repository) -> Option<String> {
    Some(repo.gix.head_name().ok().flatten()?.as_bstr().to_string())
}

/// Whether HEAD or its branch is something that only git can move: a symbolic
/// link, or a branch that is another name for one.
pub(super) fn is_symbolic(repo: &Repository) -> bool {
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let Some(name) = branch_of(repo) else { return is_link(&repo.git_dir().join("HEAD")) };
    let file = repo.common_dir().join(&name);
    let symbolic = fs::read(&file).is_ok_and(|content| content.starts_with(b"ref:"));
    symbolic
        || is_link(&file)
        || is_link(&repo.git_dir().join("HEAD"))
        || !name.starts_with("refs/heads/")
}

/// Moves HEAD's branch (HEAD itself where it is detached), unless it is
/// elsewhere by now. An error means that it was not moved.
pub(super) fn advance(turn: &Turn, repo: &Repository, step: Step<'_>) -> Result<(), CommitError> {
    let branch = branch_of(repo);
    let files = Files::of(repo, branch.as_deref());
    let id = Token::content(format!("{}\n", step.to));
    let (head, branch_lock) = match files.branch {
        Some(lock) => {
            let head = LinkedLock::take(turn, files.head, &Token::process(), false)?;
            (Some(head), LinkedLock::take(turn, lock, &id, step.durable)?)
        }
        None => (None, LinkedLock::take(turn, files.head, &id, step.durable)?),
    };
    check_head(repo, step.from)?;
    if branch_of(repo) != branch {
        let now = branch_of(repo).unwrap_or_else(|| "a detached HEAD".to_owned());
        return Err(CommitError::Moved { base: step.from, now });
    }
    let mut logs = Logs::default();
    let line = log_line(step);
    for file in &files.logs {
        logs.append(repo, file, &line).map_err(|error| {
            logs.take_back();
            CommitError::write(format!("`{}`", file.display()), error)
        })?;
    }
    let moved = interrupted().and_then(|()| {
        make_room(&files.target);
        branch_lock.commit(&files.target).map_err(|error| CommitError::write("HEAD", error))
    });
    drop(head);
    match moved {
        // What is reported as failed may have happened all the same.
        Err(error) if repo.head().ok().and_then(|head| head.commit) != Some(step.to) => {
            logs.take_back();
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Git leaves empty directories where branches were, and directories of them.
/// One that holds a file stays.
fn make_room(target: &Path) {
    if !fs::symlink_metadata(target).is_ok_and(|found| found.is_dir()) {
        return;
    }
    for entry in fs::read_dir(target).into_iter().flatten().flatten() {
        make_room(&entry.path());
    }
    let _in_the_way = fs::remove_dir(target);
}

/// The lines that were added to reflogs.
#[derive(Default)]
struct Logs(Vec<(PathBuf, u64, u64)>);

impl Logs {
    fn append(&mut self, repo: &Repository, file: &Path, line: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true);
        if !matches!(repo.gix.refs.write_reflog, WriteReflog::Disable) {
            fs::create_dir_all(file.parent().unwrap_or(file))?;
            make_room(file);
            options.create(true);
        }
        let mut log = match options.open(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let before = log.seek(SeekFrom::End(0))?;
        self.0.push((file.to_owned(), before, before + line.len() as u64));
        log.write_all(line)
    }

    /// Cuts the lines off again, where nothing came behind them.
    fn take_back(&mut self) {
        for (file, before, after) in self.0.drain(..) {
            let Ok(log) = OpenOptions::new().write(true).open(file) else { continue };
            if log.metadata().is_ok_and(|found| found.len() <= after) {
                let _stays = log.set_len(before);
            }
        }
    }
}

/// `OLD NEW NAME <MAIL> TIME ZONE TAB MESSAGE`.
fn log_line(step: Step<'_>) -> Vec<u8> {
    let action = std::env::var("GIT_REFLOG_ACTION").unwrap_or_else(|_| "commit".to_owned());
    let mut line = format!("{} {} ", step.from, step.to).into_bytes();
    let mut time = gix::date::parse::TimeBuf::default();
    // Into memory: it cannot fail.
    let _written = step.committer.to_ref(&mut time).write_to(&mut line);
    let _written = writeln!(line, "\t{}", reflog_line(&action, step.message));
    line
}

/// The action and the first line of the message, blanks as git folds them.
fn reflog_line(action: &str, message: &str) -> String {
    let line = format!("{action}: {}", message.lines().next().unwrap_or_default());
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
