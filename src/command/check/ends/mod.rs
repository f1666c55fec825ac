//! Which base and which head are judged.
//!
//! In this order: what the command line names, what a hook reads from its
//! standard input, what the pre-commit framework or the CI system says in the
//! environment, and else the current branch against its upstream. Names from
//! the environment are somebody else's input: they are looked up as full refs
//! or ids and never parsed as revisions.
//!
//! What names an object that is not in this clone is no error here: the id is
//! passed on, and reading the change says which fetch brings it.

mod ci;
mod explicit;
mod github;
mod hook;

pub use hook::{Update, passed_over};

use crate::command::{Exit, Failure};
use crate::git::{Change, GitError, ObjectId, Repository, change, moved, staged};

/// What the command line asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `BASE..HEAD` or `BASE...HEAD`, which mean the same here.
    pub range: Option<String>,
    /// `--base`
    pub base: Option<String>,
    /// `--head`
    pub head: Option<String>,
    /// `--staged`: the index is the head.
    pub staged: bool,
    /// `--pre-push`: standard input has the lines of git's hook.
    pub pre_push: bool,
    /// `--pre-receive`: standard input has the lines of git's hook.
    pub pre_receive: bool,
    /// `--branch`: the branches that a hook judges; all where none is named.
    pub branches: Vec<String>,
}

/// The environment and the standard input, passed in.
pub struct Around<'a> {
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads standard input to its end; called for the hooks that have one.
    pub stdin: &'a dyn Fn() -> std::io::Result<Vec<u8>>,
}

impl Around<'_> {
    /// The value of a variable that is set and not empty.
    fn get(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }
}

/// A base and a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The commit or tree to start from.
    pub base: ObjectId,
    /// The commit or tree that is to come.
    pub head: ObjectId,
    /// Whether the branch is moved to the head as it is, as by a push; else
    /// the head is to be merged into the base.
    pub moves: bool,
    /// The branch of it, where a hook judges several: `refs/heads/main`.
    pub branch: Option<String>,
    /// What a person should know of the choice.
    pub notes: Vec<String>,
}

impl Pair {
    /// A head to be merged into a base.
    fn merged(base: ObjectId, head: ObjectId) -> Self {
        Self { base, head, moves: false, branch: None, notes: Vec::new() }
    }

    /// A branch that is moved.
    fn moved(base: ObjectId, head: ObjectId) -> Self {
        Self { moves: true, ..Self::merged(base, head) }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The change from base to head, with the notes of this choice first.
    pub fn change(&self, repo: &Repository) -> Result<Change, GitError> {
        let find = if self.moves { moved } else { change };
        let mut found = find(repo, self.base, self.head)?;
        found.notes.splice(0..0, self.notes.iter().cloned());
        Ok(found)
    }
}

/// What is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    /// One change.
    Pair(Pair),
    /// The index against HEAD; see [`staged`].
    Staged,
    /// What a hook was told of; it may be nothing.
    Updates(Vec<Update>),
}

impl Ends {
    /// The changes of one pair or of the index.
    pub fn change(&self, repo: &Repository) -> Option<Result<Change, GitError>> {
        match self {
            Self::Pair(pair) => Some(pair.change(repo)),
            Self::Staged => Some(staged(repo)),
            Self::Updates(_) => None,
        }
    }
}

/// Finds out what is judged.
pub fn find(repo: &Repository, asked: &Asked, around: &Around<'_>) -> Result<Ends, Failure> {
    refuse_contradictions(asked)?;
    if asked.staged {
        return Ok(Ends::Staged);
    }
    if asked.pre_receive || asked.pre_push {
        let input = (around.stdin)().map_err(|error| {
            Failure::new(Exit::Invalid, format!("cannot read standard input: {error}"))
        })?;
        let input = String::from_utf8_lossy(&input);
        let updates = if asked.pre_receive { hook::pre_receive } else { hook::pre_push };
        return updates(repo, &input, &asked.branches).map(Ends::Updates);
    }
    if let Some(pair) = explicit::named(repo, asked, around)? {
        return Ok(Ends::Pair(pair));
    }
    surrounding(repo, around)
}

/// What the environment means, else the current branch and its upstream.
fn surrounding(repo: &Repository, around: &Around<'_>) -> Result<Ends, Failure> {
    if let Some(pair) = hook::pre_commit_range(repo, around)? {
        return Ok(Ends::Pair(pair));
    }
    if let Some(pair) = github::find(repo, around)? {
        return Ok(Ends::Pair(pair));
    }
    if let Some(pair) = ci::find(repo, around)? {
        return Ok(Ends::Pair(pair));
    }
    if around.get("PRE_COMMIT").is_some() {
        return Ok(Ends::Staged);
    }
    upstream(repo).map(Ends::Pair)
}

/// HEAD, to be merged into its upstream, else into the default branch. The
/// remote's copy of the branch itself is no base: it is what is to be merged.
fn upstream(repo: &Repository) -> Result<Pair, Failure> {
    let head = current(repo)?;
    let branch = repo.head()?.branch.unwrap_or_default();
    let own = |name: &str| name.split_once('/').is_some_and(|(_, rest)| rest == branch);
    let upstream = repo.upstream_tip()?.filter(|(name, _)| !own(name) || is_default(&branch));
    if let Some((name, base)) = upstream {
        return Ok(Pair::merged(base, head).note(format!("HEAD is judged against {name}")));
    }
    let remote = ["origin/HEAD", "origin/main", "origin/master"];
    let remote = remote.into_iter().map(|name| (name, format!("refs/remotes/{name}")));
    let local = DEFAULTS.into_iter().filter(|name| *name != branch);
    let local = local.map(|name| (name, format!("refs/heads/{name}")));
    for (name, full) in remote.chain(local) {
        if let Some(base) = repo.reference(&full)? {
            return Ok(Pair::merged(base, head).note(format!("HEAD is judged against {name}")));
        }
    }
    Err(Failure::usage("nothing says which base the change is judged against")
        .hint("git promote check HEAD~1..HEAD"))
}

/// Names of branches that others are merged into.
const DEFAULTS: [&str; 2] = ["main", "master"];

fn is_default(branch: &str) -> bool {
    DEFAULTS.contains(&branch)
}

/// The commit of HEAD.
fn current(repo: &Repository) -> Result<ObjectId, Failure> {
    let head = repo.head()?;
    let branch = head.branch.unwrap_or_default();
    Ok(head.commit.ok_or(GitError::Unborn { branch })?)
}

fn refuse_contradictions(asked: &Asked) -> Result<(), Failure> {
    let named = asked.range.is_some() || asked.base.is_some() || asked.head.is_some();
    let others = [asked.staged, asked.pre_push, asked.pre_receive];
    let count = usize::from(named) + others.into_iter().filter(|set| *set).count();
    if count > 1 {
        return Err(Failure::usage(
            "only one of BASE..HEAD (or --base, --head), --staged, --pre-push and --pre-receive \
             can be given",
        ));
    }
    if asked.range.is_some() && (asked.base.is_some() || asked.head.is_some()) {
        return Err(Failure::usage("BASE..HEAD cannot be given beside --base or --head"));
    }
    Ok(())
}

/// The id that a variable has to hold in full.
fn full_id(repo: &Repository, name: &str, text: &str) -> Result<ObjectId, Failure> {
    repo.full_id(text).ok_or_else(|| {
        let message = format!("{name} is no full commit id: `{}`", text.escape_debug());
        Failure::usage(message).hint("git promote check BASE..HEAD")
    })
}

/// The tip of a branch of the remote, as it was fetched; `name` may be a full
/// ref (`refs/heads/main`).
fn remote_branch(repo: &Repository, name: &str) -> Result<ObjectId, Failure> {
    let short = name.strip_prefix("refs/heads/").unwrap_or(name);
    if let Some(id) = repo.reference(&format!("refs/remotes/origin/{short}"))? {
        return Ok(id);
    }
    let message = format!("the branch `{}` is not in this clone", short.escape_debug());
    let failure = Failure::not_found(message);
    // The hint is to be pasted into a shell.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    if short.starts_with('-') || !short.chars().all(plain) {
        return Err(failure);
    }
    Err(failure.hint(format!(
        "git fetch --depth=1 origin +refs/heads/{short}:refs/remotes/origin/{short}"
    )))
}

/// The head as a CI system has merged it: where `merge` is a merge of `source`
/// into something, that is the base. `None` where it is no such merge.
fn merge_result(
    repo: &Repository,
    merge: ObjectId,
    source: ObjectId,
) -> Result<Option<Pair>, Failure> {
    if !repo.has(merge) {
        return Ok(None);
    }
    match repo.parents(merge)?.as_slice() {
        [base, second] if *second == source => Ok(Some(Pair::merged(*base, merge))),
        _ => Ok(None),
    }
}

/// The same, with a note where the system names another base than the merge
/// was made with.
fn merge_onto(pair: Pair, named: Option<ObjectId>) -> Pair {
    match named {
        Some(named) if named != pair.base => {
            let base = pair.base;
            pair.note(format!(
                "judged is the merge that is checked out, made on {base}; the base is named as \
                 {named}, so the merge may be stale"
            ))
        }
        _ => pair,
    }
}
