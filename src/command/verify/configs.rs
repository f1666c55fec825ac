//! The configs of a history: which one counts for a commit, and what becomes of
//! it on the way.

use std::collections::BTreeMap;

use crate::config::{self, Config, GITOPS_PROMOTION, LayoutPath, Origin, PROMOTE_TOML};
use crate::discover;
use crate::git::{self, HistoryCommit, Interest, ObjectId, Repository, TreeSnapshot};
use crate::model::{Pipeline, RepoPath, Snapshot as _};
use crate::proof;

use super::super::{Failure, Workspace};
use super::shape;

/// What there is of a config at one commit.
#[derive(Debug, Clone)]
enum State {
    Found(Box<Config>),
    /// A file that cannot be read, and why.
    Broken(String),
    Absent,
}

/// What a commit does to the config that was there before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// No config can be read from here on.
    Lost(String),
    /// It lets more through, or looks elsewhere, in words.
    Looser(Vec<String>),
}

/// The config to judge a commit by.
pub(super) struct Counting {
    pub(super) config: Config,
    /// Whether it is an older one, since the commit before has none that can be
    /// read.
    pub(super) older: bool,
}

/// The configs by the ids of their files.
pub(super) struct Configs<'a> {
    workspace: &'a Workspace,
    /// As they are written: without a layout where they name none.
    known: BTreeMap<ObjectId, State>,
    /// By commit, of which there are few at a time.
    guesses: BTreeMap<ObjectId, Guess>,
    last: Last,
}

/// The layout of a config that names none, as the tree of a commit has it.
#[derive(Debug, Clone)]
struct Guess {
    /// The file of the config.
    file: ObjectId,
    layout: Vec<LayoutPath>,
}

/// The last config before commits that have none.
#[derive(Debug, Clone)]
enum Last {
    /// The commit that was looked at has one.
    Unasked,
    Never,
    Was(Box<Config>),
}

fn files() -> [RepoPath; 2] {
    [PROMOTE_TOML, GITOPS_PROMOTION].map(|name| RepoPath::root().join(name))
}

impl<'a> Configs<'a> {
    pub(super) fn new(workspace: &'a Workspace) -> Self {
        let (known, guesses) = (BTreeMap::new(), BTreeMap::new());
        Self { workspace, known, guesses, last: Last::Unasked }
    }

    /// The config that counts for a commit: see [`Self::at`].
    pub(super) fn before_commit(
        &mut self,
        repo: &Repository,
        commit: &HistoryCommit,
        parent: ObjectId,
    ) -> Result<Option<Counting>, Failure> {
        self.guesses.retain(|id, _| *id == commit.id || *id == parent);
        if let Some(guess) = self.guesses.get(&commit.id).cloned()
            && let Some(State::Found(config)) = self.known.get(&guess.file)
            && !shape::differs(repo, (parent, commit), &config.pipeline)?
        {
            self.guesses.insert(parent, guess);
        }
        self.at(repo, parent)
    }

    /// The config that counts for what comes behind a commit: its own, or the
    /// last one before it that could be read, for whoever takes a config away
    /// does not take away what it asks for. `None` where there never was one.
    pub(super) fn at(
        &mut self,
        repo: &Repository,
        commit: ObjectId,
    ) -> Result<Option<Counting>, Failure> {
        let state = self.state(repo, commit)?;
        if let State::Found(config) = state {
            self.last = Last::Unasked;
            return Ok(Some(Counting { config: *config, older: false }));
        }
        if let Some(config) = self.last(repo, commit)? {
            return Ok(Some(Counting { config: *config, older: true }));
        }
        // Where there never was a file, the guess is all there is.
        let guess = matches!(self.workspace.config.origin, Origin::Guess(_))
            && matches!(state, State::Absent);
        let config = guess.then(|| self.workspace.config.clone());
        Ok(config.map(|config| Counting { config, older: false }))
    }

    /// The same, kept while the commits that are asked for have none.
    fn last(
        &mut self,
        repo: &Repository,
        commit: ObjectId,
    ) -> Result<Option<Box<Config>>, Failure> {
        if matches!(self.last, Last::Unasked) {
            self.last = self.before(repo, commit)?.map_or(Last::Never, Last::Was);
        }
        Ok(match &self.last {
            Last::Was(config) => Some(config.clone()),
            Last::Unasked | Last::Never => None,
        })
    }

    /// The last config before a commit, which has none.
    fn before(
        &mut self,
        repo: &Repository,
        commit: ObjectId,
    ) -> Result<Option<Box<Config>>, Failure> {
        for commit in git::walk(repo, commit, Interest::below(files()))? {
            let Some(parent) = commit?.parent else { continue };
            if let State::Found(config) = self.state(repo, parent)? {
                return Ok(Some(config));
            }
        }
        Ok(None)
    }

    /// What a commit does to the config; `None` where that stays what it is, or
    /// only asks for more. What comes back is held against the last one that
    /// could be read. Its parent was asked for before.
    pub(super) fn turn(
        &mut self,
        repo: &Repository,
        (parent, id): (ObjectId, ObjectId),
        changed: &[RepoPath],
    ) -> Result<Option<Turn>, Failure> {
        if !files().iter().any(|file| changed.contains(file)) {
            return self.guessed_anew(repo, (parent, id));
        }
        let before = match self.state(repo, parent)? {
            State::Found(before) => Ok(before),
            State::Broken(_) | State::Absent => Err(self.last(repo, parent)?),
        };
        Ok(match (self.state(repo, id)?, before) {
            (State::Absent, Ok(_)) => {
                Some(Turn::Lost("the config is gone: nothing says what is judged".to_owned()))
            }
            (State::Broken(why), Ok(_)) => {
                Some(Turn::Lost(format!("the config cannot be read: {why}")))
            }
            (State::Found(after), Ok(before) | Err(Some(before))) => {
                let looser = proof::loosened(&before, &after);
                Some(looser).filter(|looser| !looser.is_empty()).map(Turn::Looser)
            }
            (_, Err(_)) => None,
        })
    }

    /// A layout that is guessed is another one where directories move: places
    /// that were looked at are not any more.
    fn guessed_anew(
        &mut self,
        repo: &Repository,
        (parent, id): (ObjectId, ObjectId),
    ) -> Result<Option<Turn>, Failure> {
        if !self.guesses.contains_key(&parent) {
            return Ok(None);
        }
        let (State::Found(before), State::Found(after)) =
            (self.state(repo, parent)?, self.state(repo, id)?)
        else {
            return Ok(None);
        };
        let gone = before.layout.iter().any(|path| !after.layout.contains(path));
        Ok(gone.then(|| Turn::Looser(proof::loosened(&before, &after))))
    }

    fn state(&mut self, repo: &Repository, commit: ObjectId) -> Result<State, Failure> {
        let snapshot = repo.snapshot(commit)?;
        for (name, path) in [PROMOTE_TOML, GITOPS_PROMOTION].into_iter().zip(files()) {
            let Some(id) = snapshot.id(&path)? else { continue };
            let state = match self.known.get(&id) {
                Some(known) => known.clone(),
                None => {
                    let read = parse(name, snapshot.read(&path)?.as_deref());
                    self.known.entry(id).or_insert(read).clone()
                }
            };
            let State::Found(mut config) = state else { return Ok(state) };
            if config.layout.is_empty() {
                config.layout = self.guess((&snapshot, commit), id, &config.pipeline)?;
            }
            return Ok(State::Found(config));
        }
        Ok(State::Absent)
    }

    fn guess(
        &mut self,
        (snapshot, commit): (&TreeSnapshot, ObjectId),
        file: ObjectId,
        pipeline: &Pipeline,
    ) -> Result<Vec<LayoutPath>, Failure> {
        let known = self.guesses.get(&commit).filter(|guess| guess.file == file);
        if let Some(known) = known {
            return Ok(known.layout.clone());
        }
        let layout = discover::guess_layout(snapshot, pipeline)?;
        self.guesses.insert(commit, Guess { file, layout: layout.clone() });
        Ok(layout)
    }
}

fn parse(name: &str, bytes: Option<&[u8]>) -> State {
    let files = if name == PROMOTE_TOML { (bytes, None) } else { (None, bytes) };
    match config::from_files(files.0, files.1) {
        Ok(Some(config)) => State::Found(Box::new(config)),
        Ok(None) => State::Absent,
        Err(error) => State::Broken(error.to_string()),
    }
}
