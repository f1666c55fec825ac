//! The other engine: files first, then `git commit --only`, so that hooks,
//! signing, editor and cleanup are right by construction. Where git refuses,
//! the files get their bytes back.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use gix::ObjectId;

use super::super::child;
use super::super::index::Beside;
use super::super::journal::{Journal, Kind, Turn, interrupted, patiently, wait_for};
use super::native::{Prepared, bring, bring_back};
use super::{
    CommitError, CommitOptions, CommitRequest, Committed, Durability, GitError, Repository,
    SignChoice, Target, Unfinished, check_head, head_ref,
};
use crate::model::{FileChange, RepoPath, Snapshot};
use crate::worktree::{WorktreeError, again, read_beneath};

/// Commits by `git commit --only`.
pub(super) fn commit(
    turn: &Turn,
    (repo, request): (&Repository, &CommitRequest<'_>),
    prepared: Prepared<'_>,
    (message, reason): (&str, &str),
) -> Result<Committed, CommitError> {
    let Prepared { lock, targets, branch, .. } = prepared;
    check_files(&targets, reason)?;
    if targets.iter().all(|target| target.change.old.as_deref() == target.change.after()) {
        return Err(CommitError::NothingToCommit);
    }
    interrupted()?;
    Journal::new(repo, Kind::ByGit, (request.base, None), &targets)?.write(turn, repo)?;
    let mut undo = Undo { repo, written: Vec::new(), added: Vec::new() };
    let outcome = write_files(repo, &targets, &mut undo).and_then(|()| {
        // Git takes the lock itself.
        drop(lock);
        add_new(repo, &targets, &mut undo)?;
        check_head(repo, request.base)?;
        interrupted()?;
        patiently(&Beside::of(&repo.gix.index_path()).lock, || {
            match run(repo, request, &targets, message) {
                // Somebody took it in between; git does not wait.
                Err(CommitError::Refused { message }) if message.contains("index.lock'") => {
                    Ok(None)
                }
                ended => ended.map(Some),
            }
        })
    });
    let said = match outcome {
        Ok(said) => said,
        // Git moves the branch before it writes the index, and fails if it
        // cannot do the second.
        Err(error) if landed(repo, request) => {
            let mut committed = finish(repo, request, branch, "")?;
            let paths = request.changes.iter().map(|change| change.path.clone()).collect();
            committed.unfinished.push(Unfinished::Index { paths, message: error.to_string() });
            return Ok(committed);
        }
        Err(error) => {
            let Restored { whole, kept } = undo.restore();
            if whole {
                // One that stays is found to be undone.
                let _met_by_the_next_run = Journal::drop_from(repo);
            }
            let why = interrupted().and_then(|()| check_head(repo, request.base).map(drop));
            let error = why.err().unwrap_or(error);
            return Err(if kept.is_empty() { error } else { error.keeping(kept) });
        }
    };
    let mut committed = finish(repo, request, branch, &said)?;
    if Durability::of(repo).refs
        && let Err(error) = head_ref(repo)
    {
        committed.unfinished.push(Unfinished::NotDurable { message: error.to_string() });
        return Ok(committed);
    }
    // One that stays is found to be done.
    let _met_by_the_next_run = Journal::drop_from(repo);
    Ok(committed)
}

/// Every file is checked out, which git needs to commit it.
pub(super) fn check_files(targets: &[Target<'_>], reason: &str) -> Result<(), CommitError> {
    let Some(target) = targets.iter().find(|target| target.file.is_none()) else { return Ok(()) };
    let path = &target.change.path;
    let message = format!(
        "`{path}` is not checked out, and only git can commit it here, which needs that ({reason})"
    );
    Err(CommitError::Unsupported { message })
}

fn write_files<'a>(
    repo: &Repository,
    targets: &'a [Target<'a>],
    undo: &mut Undo<'a>,
) -> Result<(), CommitError> {
    let root = repo.work_tree()?;
    let durable = Durability::of(repo).objects;
    for target in targets {
        let Some(file) = &target.file else { continue };
        bring(root, target, file, durable)?;
        undo.written.push(target);
    }
    Ok(())
}

/// Makes new paths known to the index, so that git takes them as pathspecs.
fn add_new<'a>(
    repo: &Repository,
    targets: &'a [Target<'a>],
    undo: &mut Undo<'a>,
) -> Result<(), CommitError> {
    for target in targets.iter().filter(|target| target.offset.is_none()) {
        let path = pathspec(&target.change.path);
        let args = ["add", "--force", "--intent-to-add", "--", &path];
        undo.added.push(&target.change.path);
        child::answer(repo, &args, b"")?;
    }
    Ok(())
}

fn pathspec(path: &RepoPath) -> String {
    format!(":(top,literal){path}")
}

/// Runs `git commit`; gives what it and the hooks said.
fn run(
    repo: &Repository,
    request: &CommitRequest<'_>,
    targets: &[Target<'_>],
    message: &str,
) -> Result<String, CommitError> {
    let options = request.options;
    let [message_path, paths_path] = papers(repo);
    let message = Paper::write(&message_path, message.as_bytes())?;
    let mut paths = Vec::new();
    for target in targets {
        paths.extend_from_slice(pathspec(&target.change.path).as_bytes());
        paths.push(0);
    }
    let paths = Paper::write(&paths_path, &paths)?;
    let mut command = child::git(repo);
    if repo.config_string("core.fsync").is_none() {
        // Git leaves objects and index to the system otherwise.
        command.args(["-c", "core.fsync=loose-object,reference,index"]);
    }
    command.args(["commit", "--quiet", "--only", "--pathspec-file-nul"]);
    command.arg("--file").arg(&message.0);
    command.arg(format!("--pathspec-from-file={}", paths.0.display()));
    match &options.sign {
        SignChoice::Config => {}
        SignChoice::Off => _ = command.arg("--no-gpg-sign"),
        SignChoice::On(None) => _ = command.arg("--gpg-sign"),
        SignChoice::On(Some(key)) => _ = command.arg(format!("--gpg-sign={key}")),
    }
    if options.no_verify {
        command.arg("--no-verify");
    }
    if options.edit {
        command.arg("--edit");
    }
    let (status, said) = listen(command, options.edit).map_err(|error| GitError::Child {
        command: "commit".to_owned(),
        message: error.to_string(),
    })?;
    if status.success() { Ok(said) } else { Err(refused(repo, options, said)) }
}

/// Runs git to its end; gives what was said, unless it goes to the terminal.
/// It is said into a file: at the end of a pipe we would wait for every process
/// that a hook has left behind.
fn listen(mut command: Command, aloud: bool) -> std::io::Result<(ExitStatus, String)> {
    if aloud {
        return Ok((wait_for(command.spawn()?)?, String::new()));
    }
    let mut heard = tempfile::tempfile()?;
    command.stdout(Stdio::null()).stderr(heard.try_clone()?);
    let status = wait_for(command.spawn()?)?;
    let mut said = Vec::new();
    heard.rewind()?;
    heard.read_to_end(&mut said)?;
    Ok((status, child::words(&said)))
}

/// The files that git reads the message and the paths from. Always the same, so
/// that it is known where a killed run left them.
pub(in super::super) fn papers(repo: &Repository) -> [PathBuf; 2] {
    ["git-promote.message", "git-promote.paths"].map(|name| repo.git_dir().join(name))
}

/// A file for git to read, gone afterwards.
struct Paper(PathBuf);

impl Paper {
    fn write(path: &Path, bytes: &[u8]) -> Result<Self, CommitError> {
        let failed = |error| CommitError::write("a temporary file", error);
        let paper = Self(std::path::absolute(path).map_err(failed)?);
        std::fs::write(&paper.0, bytes).map_err(failed)?;
        Ok(paper)
    }
}

impl Drop for Paper {
    fn drop(&mut self) {
        let _met_by_the_next_run = again(|| std::fs::remove_file(&self.0));
    }
}

/// What kept git from committing, told by its words.
fn refused(repo: &Repository, options: &CommitOptions, said: String) -> CommitError {
    let has = |text: &str| said.contains(text);
    let signs = match options.sign {
        SignChoice::Config => repo.config_bool("commit.gpgSign") == Some(true),
        SignChoice::Off => false,
        SignChoice::On(_) => true,
    };
    if signs && has("failed to write commit object") {
        return CommitError::Signing { message: said };
    }
    if has("Please tell me who you are") || has("empty ident name") {
        return CommitError::NoIdentity { message: said };
    }
    match (said.is_empty(), options.edit) {
        (false, _) => CommitError::Refused { message: said },
        (true, true) => CommitError::NotCommitted,
        (true, false) => {
            CommitError::Refused { message: "a hook refused the commit without a word".to_owned() }
        }
    }
}

/// Whether HEAD is the planned commit: on its base, with its files.
fn landed(repo: &Repository, request: &CommitRequest<'_>) -> bool {
    let Ok(Some(id)) = repo.head().map(|head| head.commit) else { return false };
    parent_of(repo, id) == Some(request.base)
        && repo.snapshot(id).is_ok_and(|now| {
            let planned = |change: &FileChange| {
                now.read(&change.path).is_ok_and(|bytes| bytes.as_deref() == change.after())
            };
            request.changes.iter().all(planned)
        })
}

fn parent_of(repo: &Repository, id: ObjectId) -> Option<ObjectId> {
    let commit = repo.gix.find_commit(id).ok()?;
    commit.parent_ids().next().map(gix::Id::detach)
}

/// Reads back what was committed: hooks may have changed it, and another
/// commit may have come between.
fn finish(
    repo: &Repository,
    request: &CommitRequest<'_>,
    branch: Option<String>,
    said: &str,
) -> Result<Committed, CommitError> {
    let id = repo.head()?.commit.ok_or(CommitError::NothingToCommit)?;
    let mut committed = Committed { id, branch, notes: Vec::new(), unfinished: Vec::new() };
    committed.notes.extend((!said.is_empty()).then(|| said.to_owned()));
    if parent_of(repo, id) != Some(request.base) {
        committed.notes.push(format!("the commit is not directly on {}", request.base));
    }
    let snapshot = repo.snapshot(id)?;
    for change in request.changes {
        if snapshot.read(&change.path).ok().flatten().as_deref() != change.after() {
            committed.notes.push(format!("`{}` was committed otherwise than planned", change.path));
            // A hook added it to the index of the commit alone: in the other
            // one it would be taken back by the user's next commit.
            let _best_effort = child::run(repo, &["reset", "-q", "--", change.path.as_str()], b"");
        }
    }
    Ok(committed)
}

/// What has to be taken back if git does not commit.
struct Undo<'a> {
    repo: &'a Repository,
    written: Vec<&'a Target<'a>>,
    added: Vec<&'a RepoPath>,
}

/// What became of files that were to get their bytes back.
struct Restored {
    /// Whether nothing is left to be done.
    whole: bool,
    /// Files that somebody changed in the meantime: they stay.
    kept: Vec<RepoPath>,
}

impl Undo<'_> {
    /// Gives the files their bytes back, as far as they still hold what was
    /// written: what an editor or a hook saved meanwhile is not ours to lose.
    fn restore(&self) -> Restored {
        let mut done = Restored { whole: true, kept: Vec::new() };
        let Some(root) = self.repo.root() else { return Restored { whole: false, ..done } };
        for target in &self.written {
            let Some(file) = &target.file else { continue };
            let left = (!target.change.removed).then_some(file.after.as_slice());
            match bring_back(root, target, file, left) {
                Ok(()) => {}
                Err(WorktreeError::Io { .. }) => done.whole = false,
                Err(_) => {
                    let now = read_beneath(root, &target.change.path).ok().flatten();
                    let back = now.map(|now| now.bytes) == file.before;
                    done.kept.extend((!back).then(|| target.change.path.clone()));
                }
            }
        }
        for path in &self.added {
            let args = ["update-index", "--force-remove", "--", path.as_str()];
            done.whole &= child::answer(self.repo, &args, b"").is_ok();
        }
        done
    }
}
