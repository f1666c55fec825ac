//! What is to become of each file of a promotion that was broken off.

use std::collections::HashMap;

use gix::ObjectId;

use super::super::commit::{
    Checkout, Entry as Indexed, MODE_EXECUTABLE, MODE_FILE, Target, entries,
};
use super::super::index::Index;
use super::super::{CommitError, Repository, TreeSnapshot};
use super::entry::{Content, Entry, Journal, Kind, id_of};
use super::recover::Left;
use crate::model::FileChange;
use crate::worktree::{WorktreeError, read_beneath};

/// What is to become of a promotion that was broken off.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Whether its commit is there.
    pub(super) committed: bool,
    pub(super) steps: Vec<Step>,
    pub(super) left: Vec<Left>,
    pub(super) note: Option<String>,
}

/// What is to become of one file.
#[derive(Debug)]
pub(super) struct Step {
    /// The path, and whether its entry goes.
    pub(super) change: FileChange,
    /// What the entry is to say.
    pub(super) id: ObjectId,
    pub(super) mode: u32,
    pub(super) offset: Option<usize>,
    /// Whether the entry is to be written.
    pub(super) index: bool,
    /// What the file is to hold; `None` where it stays as it is.
    pub(super) put: Option<Put>,
    /// The bytes that it holds then, where it is one of ours.
    pub(super) holds: Option<Vec<u8>>,
}

/// A file that is written over, if it still holds `now`.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) now: Option<Vec<u8>>,
    pub(super) then: Option<Vec<u8>>,
}

impl Step {
    /// What the index is to hold of it.
    pub(super) fn target(&self) -> Target<'_> {
        let after = self.holds.clone();
        Target {
            change: &self.change,
            id: self.id,
            mode: self.mode,
            offset: self.offset,
            file: after.map(|after| Checkout { before: None, after }),
            filtered_by_program: false,
        }
    }
}

/// A file as it is now.
struct Now<'a> {
    entry: &'a Entry,
    /// The blob in the commit that is checked out.
    head: Option<String>,
    executable: bool,
    indexed: Option<&'a Indexed>,
    /// The bytes of the file, and their id.
    bytes: Option<Vec<u8>>,
    id: Option<String>,
}

/// Where the entry of a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Old,
    New,
    /// Announced by `git add --intent-to-add`.
    Announced,
    Other,
}

/// Finds out what is to be done.
pub(super) fn verdict(
    repo: &Repository,
    journal: &Journal,
    index: &Index,
) -> Result<Verdict, CommitError> {
    let head = repo.head()?.commit;
    let snapshot = head.map(|head| repo.snapshot(head)).transpose()?;
    let indexed = entries(repo, index, journal.files.iter().map(|file| &file.path))?;
    let mut verdict = Verdict::default();
    let mut files = Vec::new();
    for entry in &journal.files {
        // What cannot be read now may be read later: the journal stays.
        match look(repo, entry, (snapshot.as_ref(), &indexed))? {
            Ok(now) => files.push(now),
            Err(error) => {
                let (path, reason) = (entry.path.clone(), error.to_string());
                verdict.left.push(Left { path, reason, differs: true });
            }
        }
    }
    verdict.committed = is_committed(repo, journal, &files)?;
    if journal.kind == Kind::Commit && !verdict.committed {
        // Nothing but objects was written, and nothing points at them.
        return Ok(Verdict { left: Vec::new(), ..verdict });
    }
    if is_done(journal.kind, &files) {
        return Ok(verdict);
    }
    let reached = repo.head()?.commit.is_some_and(|head| reaches(repo, head, journal));
    for now in &files {
        let path = now.entry.path.clone();
        match now.step(repo, (journal.kind, reached))? {
            Ok(step) => {
                let changed = now.changed();
                verdict.left.extend(changed.map(|reason| Left { path, reason, differs: true }));
                verdict.steps.push(step);
            }
            Err(reason) => verdict.left.push(Left { path, reason, differs: now.differs() }),
        }
    }
    verdict.note = elsewhere(repo, (journal, &files), &verdict)?;
    Ok(verdict)
}

/// Reads a file where it is: in the commit, in the index, in the work tree.
fn look<'a>(
    repo: &Repository,
    entry: &'a Entry,
    (snapshot, indexed): (Option<&TreeSnapshot>, &'a HashMap<&[u8], Indexed>),
) -> Result<Result<Now<'a>, WorktreeError>, CommitError> {
    let unreadable = |error: crate::model::SnapshotError| CommitError::write("the commit", error);
    let head = snapshot.map(|snapshot| snapshot.id(&entry.path)).transpose().map_err(unreadable)?;
    let executable = snapshot.map(|snapshot| snapshot.is_executable(&entry.path)).transpose();
    let bytes = match read_beneath(repo.work_tree()?, &entry.path) {
        Ok(found) => found.map(|found| found.bytes),
        Err(error @ WorktreeError::Io { .. }) => return Err(error.into()),
        Err(in_the_way) => return Ok(Err(in_the_way)),
    };
    Ok(Ok(Now {
        entry,
        head: head.flatten().map(|id| id.to_string()),
        executable: executable.map_err(unreadable)?.unwrap_or(entry.executable),
        indexed: indexed.get(entry.path.as_str().as_bytes()),
        id: bytes.as_deref().map(|bytes| id_of(repo, bytes)).transpose()?,
        bytes,
    }))
}

/// Whether the commit is there: in the branch that it was made on or in what is
/// checked out, by whatever name; or whether what is checked out has the files
/// as it has them, as after an amend, or where git made it.
fn is_committed(
    repo: &Repository,
    journal: &Journal,
    files: &[Now<'_>],
) -> Result<bool, CommitError> {
    let there = is_there(files);
    Ok(match journal.kind {
        Kind::Files | Kind::Staged => false,
        Kind::ByGit => there,
        Kind::Commit => {
            let branch = journal.branch.as_deref().unwrap_or("HEAD");
            let tips = [repo.reference(branch)?, repo.head()?.commit];
            there || tips.into_iter().flatten().any(|tip| reaches(repo, tip, journal))
        }
    })
}

/// Whether what is checked out has every file as it was to become.
fn is_there(files: &[Now<'_>]) -> bool {
    !files.is_empty() && files.iter().all(|now| now.head == now.entry.new)
}

/// Whether the commit of the journal is `tip` or before it.
fn reaches(repo: &Repository, tip: ObjectId, journal: &Journal) -> bool {
    let id = journal.commit.as_deref().and_then(|id| repo.full_id(id));
    id.is_some_and(|id| tip == id || repo.is_ancestor(id, tip).unwrap_or(false))
}

/// Whether nothing was left to do.
fn is_done(kind: Kind, files: &[Now<'_>]) -> bool {
    match kind {
        Kind::Files => files.iter().all(|now| now.holds(now.entry.after.as_ref())),
        Kind::Staged => files.iter().all(|now| now.stage() == Stage::New),
        Kind::Commit | Kind::ByGit => false,
    }
}

/// A commit that is not in what is checked out is named.
fn elsewhere(
    repo: &Repository,
    (journal, files): (&Journal, &[Now<'_>]),
    verdict: &Verdict,
) -> Result<Option<String>, CommitError> {
    let Some(id) = journal.commit.as_deref().filter(|_| verdict.committed) else {
        return Ok(None);
    };
    let reached = repo.head()?.commit.is_some_and(|head| reaches(repo, head, journal));
    let branch = journal.branch.as_deref().unwrap_or("a detached HEAD");
    let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
    let apart = !reached && !is_there(files);
    Ok(apart.then(|| format!("its commit {id} is on {branch}, which is not checked out")))
}

impl Now<'_> {
    fn stage(&self) -> Stage {
        let Entry { old, new, .. } = self.entry;
        match self.indexed {
            None if new.is_none() => Stage::New,
            None if old.is_none() => Stage::Old,
            None => Stage::Other,
            Some(entry) if entry.unmerged => Stage::Other,
            Some(entry) => {
                let id = entry.id.to_string();
                let announced = entry.intent_to_add || entry.id.is_empty_blob();
                match () {
                    () if old.is_none() && announced => Stage::Announced,
                    () if Some(&id) == new.as_ref() => Stage::New,
                    () if Some(&id) == old.as_ref() => Stage::Old,
                    () => Stage::Other,
                }
            }
        }
    }

    fn holds(&self, content: Option<&Content>) -> bool {
        self.id.as_deref() == content.map(|content| content.id.as_str())
    }

    /// Whether file or entry are not as HEAD has them: before or after.
    fn differs(&self) -> bool {
        let Entry { old, new, here, before, after, .. } = self.entry;
        let (stage, content) = match &self.head {
            head if head == old => (Stage::Old, before),
            head if head == new => (Stage::New, after),
            _ => return true,
        };
        self.stage() != stage || (*here && !self.holds(content.as_ref()))
    }

    /// Why the file stays as it is although its entry is brought along.
    fn changed(&self) -> Option<String> {
        let Entry { here, before, after, .. } = self.entry;
        let known = self.holds(before.as_ref()) || self.holds(after.as_ref());
        (*here && !known).then(|| "it was changed since".to_owned())
    }

    /// What is to be done with the file; else why it stays as it is.
    fn step(
        &self,
        repo: &Repository,
        (kind, reached): (Kind, bool),
    ) -> Result<Result<Step, String>, CommitError> {
        let (old, new) = (self.head == self.entry.old, self.head == self.entry.new);
        match kind {
            Kind::Commit | Kind::ByGit if new => self.forward(repo),
            Kind::ByGit | Kind::Files | Kind::Staged if old => self.back(repo),
            Kind::Commit if old && reached => Ok(Err("a later commit took it back".to_owned())),
            Kind::Commit if old => Ok(Err("what is checked out has the version before".to_owned())),
            _ => Ok(Err("what is checked out has another content of it".to_owned())),
        }
    }

    /// The file and its entry become what was committed.
    fn forward(&self, repo: &Repository) -> Result<Result<Step, String>, CommitError> {
        let stage = self.stage();
        if stage == Stage::Other {
            return Ok(Err("something else is staged".to_owned()));
        }
        let Entry { here, before, after, new, .. } = self.entry;
        let mut step = self.still(repo, new.as_deref());
        step.index = stage != Stage::New;
        if *here && self.holds(before.as_ref()) && !self.holds(after.as_ref()) {
            let then = after.as_ref().map(|after| after.read(repo)).transpose()?;
            step.holds.clone_from(&then);
            step.put = Some(Put { now: self.bytes.clone(), then });
        }
        Ok(Ok(step))
    }

    /// The file becomes what it was; an entry that was announced goes.
    fn back(&self, repo: &Repository) -> Result<Result<Step, String>, CommitError> {
        let stage = self.stage();
        if !matches!(stage, Stage::Old | Stage::Announced) {
            return Ok(Err("it is staged".to_owned()));
        }
        let Entry { here, before, after, old, .. } = self.entry;
        let mut step = self.still(repo, old.as_deref());
        step.index = stage == Stage::Announced;
        if *here && self.holds(after.as_ref()) && !self.holds(before.as_ref()) {
            let then = before.as_ref().map(|before| before.read(repo)).transpose()?;
            step.holds.clone_from(&then);
            step.put = Some(Put { now: self.bytes.clone(), then });
        }
        Ok(Ok(step))
    }

    /// Nothing to do yet; the entry is to hold the blob `to`, or to go.
    fn still(&self, repo: &Repository, to: Option<&str>) -> Step {
        let new_mode = if self.executable { MODE_EXECUTABLE } else { MODE_FILE };
        let change = FileChange {
            path: self.entry.path.clone(),
            old: None,
            new: Vec::new(),
            removed: to.is_none(),
            executable: self.executable,
            edits: Vec::new(),
        };
        Step {
            change,
            id: to.and_then(|id| repo.full_id(id)).unwrap_or_else(|| repo.gix.object_hash().null()),
            mode: self.indexed.map_or(new_mode, |entry| entry.mode),
            offset: self.indexed.map(|entry| entry.offset),
            index: false,
            put: None,
            holds: self.bytes.clone(),
        }
    }
}
