//! The configs of a history: which one counts for a commit, and what becomes of
//! it on the way.

use std::collections::BTreeMap;

use crate::config::{self, Config, GITOPS_PROMOTION, Origin, PROMOTE_TOML};
use crate::discover;
use crate::git::{self, Interest, ObjectId, Repository};
use crate::model::{RepoPath, Snapshot as _};
use crate::proof;

use super::super::{Failure, Workspace};

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
    known: BTreeMap<ObjectId, State>,
    last: Last,
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
        Self { workspace, known: BTreeMap::new(), last: Last::Unasked }
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
        if matches!(self.last, Last::Unasked) {
            self.last = self.before(repo, commit)?.map_or(Last::Never, Last::Was);
        }
        if let Last::Was(config) = &self.last {
            return Ok(Some(Counting { config: Config::clone(config), older: true }));
        }
        // Where there never was a file, the guess is all there is.
        let guess = matches!(self.workspace.config.origin, Origin::Guess(_))
            && matches!(state, State::Absent);
        let config = guess.then(|| self.workspace.config.clone());
        Ok(config.map(|config| Counting { config, older: false }))
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
    /// only asks for more.
    pub(super) fn turn(
        &mut self,
        repo: &Repository,
        (parent, id): (ObjectId, ObjectId),
        changed: &[RepoPath],
    ) -> Result<Option<Turn>, Failure> {
        if !files().iter().any(|file| changed.contains(file)) {
            return Ok(None);
        }
        let State::Found(before) = self.state(repo, parent)? else { return Ok(None) };
        Ok(match self.state(repo, id)? {
            State::Absent => {
                Some(Turn::Lost("the config is gone: nothing says what is judged".to_owned()))
            }
            State::Broken(why) => Some(Turn::Lost(format!("the config cannot be read: {why}"))),
            State::Found(after) => {
                let looser = proof::loosened(&before, &after);
                Some(looser).filter(|looser| !looser.is_empty()).map(Turn::Looser)
            }
        })
    }

    fn state(&mut self, repo: &Repository, commit: ObjectId) -> Result<State, Failure> {
        let snapshot = repo.snapshot(commit)?;
        for (name, path) in [PROMOTE_TOML, GITOPS_PROMOTION].into_iter().zip(files()) {
            let Some(id) = snapshot.id(&path)? else { continue };
            if let Some(known) = self.known.get(&id) {
                return Ok(known.clone());
            }
            let bytes = snapshot.read(&path)?;
            let own = bytes.as_deref();
            let files = if name == PROMOTE_TOML { (own, None) } else { (None, own) };
            let state = match config::from_files(files.0, files.1) {
                Ok(Some(mut config)) => {
                    if config.layout.is_empty() {
                        config.layout = discover::guess_layout(&snapshot, &config.pipeline)?;
                    }
                    State::Found(Box::new(config))
                }
                Ok(None) => State::Absent,
                Err(error) => State::Broken(error.to_string()),
            };
            self.known.insert(id, state.clone());
            return Ok(state);
        }
        Ok(State::Absent)
    }
}
