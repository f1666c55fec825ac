//! Who is asked for the health of an app in an environment, and what a subject
//! of such a question is.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::cluster::{KubectlError, Rollout};
use crate::config::placeholders;
use crate::forge::{self, Check, Forge, ForgeError};
use crate::gate::Silence;
use crate::git::{GitError, ObjectId};
use crate::history::Moment;
use crate::model::{
    AppId, Cluster, ClusterObject, Environment, HealthSettings, Pin, RepoPath, Sight,
};

use super::super::evidence::Ground;
use super::super::forges::{self, NoForge};
use super::super::{Exit, Failure};
use super::program::Call;
use super::round::Heard;

/// Why there is no answer.
pub(in super::super) enum Trouble {
    /// Somebody was asked and did not answer.
    Silence(Silence),
    /// Somebody was asked and does not let us in: asking again does not help.
    Closed(Failure),
    /// The question came to no end here.
    Failure(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Silence> for Trouble {
    fn from(silence: Silence) -> Self {
        Self::Silence(silence)
    }
}

/// Of what the health is asked.
#[derive(Clone, Copy)]
pub(in super::super) struct Subject<'s> {
    /// The environment that is looked at.
    pub(in super::super) environment: &'s Environment,
    /// How it is looked at.
    pub(in super::super) settings: &'s HealthSettings,
    /// The app.
    pub(in super::super) app: &'s AppId,
    /// What it runs there.
    pub(in super::super) version: &'s Pin,
    /// The repository of the image, where the files tell.
    pub(in super::super) repository: Option<&'s str>,
    /// When that came, where the history tells.
    pub(in super::super) since: Option<&'s Moment>,
}

impl Subject<'_> {
    /// A text of the config with the names of the subject in it.
    pub(super) fn filled(&self, text: &str) -> String {
        placeholders(text, self.app, &self.environment.name, &self.version.to_string())
    }
}

/// The forge, or why it cannot be asked.
type Connected = Result<Box<dyn Forge>, Failure>;

/// The checks of a commit; `None` where the forge does not know the commit.
type Known = Option<Vec<Check>>;

/// Asks forge, cluster and programs, the same thing only once.
pub(in super::super) struct Asker<'a> {
    pub(super) ground: Ground<'a>,
    remote: Option<&'a str>,
    forge: OnceCell<Connected>,
    checks: RefCell<BTreeMap<(ObjectId, bool), Known>>,
    pub(super) objects: Heard<(Cluster, ClusterObject), Result<Rollout, KubectlError>>,
    /// The contexts of clusters that did not answer in time.
    pub(super) silent: Mutex<BTreeSet<Option<String>>>,
    pub(super) programs: Heard<Call, Result<Sight, Silence>>,
    /// Files of the base that are started.
    pub(super) files: RefCell<BTreeMap<RepoPath, Option<Arc<[u8]>>>>,
}

impl<'a> Asker<'a> {
    /// For a repository, and a remote where the user named one.
    pub(in super::super) fn new(ground: Ground<'a>, remote: Option<&'a str>) -> Self {
        Self {
            ground,
            remote,
            forge: OnceCell::new(),
            checks: RefCell::default(),
            objects: Heard::default(),
            silent: Mutex::default(),
            programs: Heard::default(),
            files: RefCell::default(),
        }
    }

    /// Asks for all that takes its time of all that is looked at next: several
    /// at a time, and what several have in common only once.
    pub(in super::super) fn ask_ahead(&self, subjects: &[Subject<'_>]) {
        self.ask_clusters(subjects);
        self.ask_programs(subjects);
    }

    /// Everything that the settings name, looked at now.
    pub(in super::super) fn look(&self, subject: Subject<'_>) -> Result<Vec<Sight>, Trouble> {
        let settings = subject.settings;
        let mut sights = Vec::new();
        if let Some(context) = &settings.context {
            sights.push(self.statuses(subject, context)?);
        }
        // Statuses are of commits, and a program is told the version.
        let tied = settings.context.is_some() || !settings.command.is_empty();
        sights.extend(self.seen_objects(subject, tied)?);
        sights.extend(self.ended(subject)?);
        Ok(sights)
    }

    /// Forgets what was seen, to look again.
    pub(in super::super) fn forget(&self) {
        self.checks.borrow_mut().clear();
        self.objects.forget();
        self.programs.forget();
        if let Ok(mut silent) = self.silent.lock() {
            silent.clear();
        }
    }

    /// The forge of the remote.
    pub(in super::super) fn forge(&self) -> Result<&dyn Forge, Failure> {
        let connected = self.forge.get_or_init(|| self.connect());
        connected.as_ref().map(AsRef::as_ref).map_err(Clone::clone)
    }

    fn connect(&self) -> Connected {
        let ground = (self.ground.repo, self.ground.config);
        forges::of_remote(ground, self.remote).map_err(|none| match none {
            NoForge::NoToken(place) => forge::missing_token(&place).into(),
            NoForge::Unknown(_) => Failure { exit: Exit::Invalid, ..none.failure() }
                .hint("[forge] kind = \"github\" in promote.toml"),
            NoForge::Failed(failure) => failure,
        })
    }

    /// The checks of a commit: the newest of each name, or all there were.
    pub(super) fn checks(&self, commit: ObjectId, all: bool) -> Result<Known, Trouble> {
        if let Some(known) = self.checks.borrow().get(&(commit, all)) {
            return Ok(known.clone());
        }
        let (forge, id) = (self.forge().map_err(Trouble::Closed)?, commit.to_string());
        let asked = if all { forge.all_checks(&id) } else { forge.checks(&id) };
        let found = match asked {
            Ok(checks) => Some(checks),
            // One that was not pushed, or not yet.
            Err(ForgeError::NotFound { .. } | ForgeError::Refused { .. }) => None,
            Err(error) if error.is_passing() => return Err(Failure::from(error).silence().into()),
            Err(error) => return Err(Trouble::Closed(error.into())),
        };
        self.checks.borrow_mut().insert((commit, all), found.clone());
        Ok(found)
    }
}
