//! The whole past of some environments and apps: from the first-parent trees,
//! from the audit records where they hold, and from what was kept of an
//! earlier look.

mod walk;

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::discover::{self, Owners, reach};
use crate::git::{self, Interest, Kept};
use crate::history::stored::{self, Stored};
use crate::history::{Entry, Names, Place, Step, entries};
use crate::model::{EnvironmentName, RepoPath, hex};

use super::Failure;
use super::evidence::Ground;
use walk::Walk;

/// Whose past is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The environments; empty: all.
    pub(super) environments: Vec<EnvironmentName>,
    /// The names of apps, without group; empty: all. Apps that the layout does
    /// not name are read all the same.
    pub(super) apps: Vec<String>,
}

/// The past.
#[derive(Debug)]
pub(super) struct Past {
    /// Each version that entered an environment, newest first.
    pub(super) entries: Vec<Entry>,
    /// Where the history ends before its beginning: the commit at which a
    /// shallow clone is cut off.
    pub(super) cut: Option<String>,
}

/// Of fewer new commits than this what is kept is not written anew.
const FEW: usize = 64;

/// Reads the past: of at least what is in the scope.
pub(super) fn past(ground: Ground<'_>, scope: &Scope) -> Result<Past, Failure> {
    let config = ground.config;
    let unnamed = config.layout.iter().any(|layout| !layout.template.contains("{app}"));
    let vague = Owners::need_present(config);
    // What such an app is called depends on all that ever was.
    let everything = Scope::default();
    let scope = if unnamed { &everything } else { scope };
    let mut present = Vec::new();
    if unnamed || vague {
        let snapshot = ground.repo.snapshot(ground.base)?;
        present = discover::overlays(&snapshot, config, None)?;
    }
    let mut owners = Owners::new(config, present.clone());
    let mut told = told(ground, scope, &mut owners)?;
    if vague {
        told.keep();
        rename(&mut told.stored.steps, &mut owners);
    }
    let mut called = Vec::new();
    if unnamed {
        let snapshot = ground.repo.snapshot(ground.base)?;
        let inventory = discover::read(&snapshot, config, present, &|o| o.app.is_none())?;
        called = inventory.cells.into_keys().map(|key| (key.image, key.app)).collect();
    }
    let names = Names::new(called, &told.stored.steps);
    let mut entries = std::thread::scope(|threads| {
        if told.is_news && !vague {
            threads.spawn(|| told.keep());
        }
        entries(&told.stored.steps, &names)
    });
    in_order(config, &mut entries);
    let cut = told.cut.take();
    // To give a long history back piece by piece takes as long as reading a
    // tenth of it, and the program ends soon.
    std::mem::forget(told);
    Ok(Past { entries, cut })
}

impl Scope {
    /// The scopes whose kept past holds this one too, the narrowest first.
    fn wider(&self) -> Vec<Self> {
        let all_apps = Self { apps: Vec::new(), ..self.clone() };
        let mut scopes = vec![self.clone()];
        for scope in [all_apps, Self::default()] {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// The name of its kept past: another for any other layout of the
    /// repository, version of the program or sort of ids.
    fn name(&self, ground: Ground<'_>) -> String {
        let Config { layout, pipeline, .. } = ground.config;
        let environments = pipeline.environments().iter();
        let environments: Vec<_> = environments.map(|e| (&e.name, &e.dirs)).collect();
        let version = env!("CARGO_PKG_VERSION");
        let hash = ground.base.kind();
        let text = format!("{version}\n{hash}\n{layout:?}\n{environments:?}\n{self:?}");
        hex(&Sha256::digest(text)).chars().take(32).collect()
    }
}

/// A past as it is kept, and where it is cut off.
struct Told {
    stored: Stored,
    cut: Option<String>,
    /// Where it is kept, and as what.
    kept: Option<(Kept, String)>,
    /// Whether there is more of it than what was kept.
    is_news: bool,
}

impl Told {
    fn keep(&self) {
        if let Some((kept, name)) = self.kept.as_ref().filter(|_| self.is_news) {
            kept.write(name, &[stored::encode(&self.stored)]);
        }
    }
}

/// What was kept: its steps from any commit of the line on.
struct Known {
    stored: Stored,
    /// Where each commit stands in the steps; made when it is first asked for.
    places: HashMap<String, usize>,
}

impl Known {
    fn new(stored: Stored) -> Self {
        let place = |(at, step): (usize, &Step)| (step.moment.commit.clone(), at);
        let places = stored.steps.iter().enumerate().map(place).collect();
        Self { stored, places }
    }

    /// At which of its steps the history of a commit begins.
    fn place(&self, commit: &str) -> Option<usize> {
        if commit == self.stored.tip { Some(0) } else { self.places.get(commit).copied() }
    }
}

fn told(ground: Ground<'_>, scope: &Scope, owners: &mut Owners<'_>) -> Result<Told, Failure> {
    // Where a clone is cut off may be elsewhere the next time.
    let shallow = ground.repo.is_shallow();
    let kept = (!shallow).then(|| ground.repo.kept("history"));
    let wider = scope.wider();
    let found = wider.iter().find_map(|scope| {
        let bytes = kept.as_ref()?.read(&scope.name(ground))?;
        stored::decode(&bytes)
    });
    let kept = kept.map(|kept| (kept, scope.name(ground)));
    let base = ground.base.to_string();
    let found = match found {
        Some(stored) if stored.tip == base => {
            return Ok(Told { stored, cut: None, kept, is_news: false });
        }
        found => found.map(Known::new),
    };
    // What records say is not looked at, unless it does not fit together then.
    let mut walked = walked(ground, (scope, owners), (found.as_ref(), !shallow))?;
    if walked.gap {
        walked = self::walked(ground, (scope, owners), (found.as_ref(), false))?;
    }
    if walked.rest.is_some() && walked.is_unsure(found.as_ref()) {
        walked = self::walked(ground, (scope, owners), (None, false))?;
    }
    let is_news = walked.commits >= FEW || found.is_none();
    let Walked { rest, unread, cut, mut steps, .. } = walked;
    if let (Some(at), Some(known)) = (rest, found) {
        steps.extend(known.stored.steps.into_iter().skip(at));
    }
    Ok(Told { stored: Stored { tip: base, unread, steps }, cut, kept, is_news })
}

/// What a walk gave.
struct Walked {
    steps: Vec<Step>,
    commits: usize,
    /// At which kept step it ended; `None` where it went to the end.
    rest: Option<usize>,
    cut: Option<String>,
    unread: Vec<RepoPath>,
    /// Files of which it is not known what they held last.
    open: Vec<RepoPath>,
    /// Whether a commit that was passed over changed what is wanted.
    gap: bool,
}

impl Walked {
    /// Whether the kept steps do not tell what a file held before it could not
    /// be read.
    fn is_unsure(&self, known: Option<&Known>) -> bool {
        let unread = known.map(|known| known.stored.unread.as_slice()).unwrap_or_default();
        !self.open.is_empty() || !unread.is_empty()
    }
}

fn walked(
    ground: Ground<'_>,
    (scope, owners): (&Scope, &mut Owners<'_>),
    (known, trusting): (Option<&Known>, bool),
) -> Result<Walked, Failure> {
    let patterns = reach(ground.config, &scope.environments, &scope.apps);
    let mut history = git::walk(ground.repo, ground.base, Interest::matching(patterns))?;
    let mut walk = Walk::new(ground, scope, owners);
    let (mut commits, mut rest, mut oldest) = (0, None, None);
    let mut line = git::read_ahead(ground.repo, ground.base, walk::words(ground.config, scope))?;
    while let Some((mut commit, word)) = line.next(&mut history)? {
        rest = known.and_then(|known| known.place(&commit.id.to_string()));
        if rest.is_some() {
            oldest = Some(commit.id);
            break;
        }
        commits += 1;
        if !(trusting && walk.believes(&commit, word)?) {
            history.look(&mut commit)?;
            walk.pass(&commit)?;
        }
    }
    let cut = history.cut_at().map(|id| id.to_string());
    let gap = trusting && walk.has_gap(oldest)?;
    let done = walk.finish();
    let (steps, unread, open) = (done.steps, done.unread, done.open);
    Ok(Walked { steps, commits, rest, cut, unread, open, gap })
}

/// Of one commit, what comes first in the pipeline came first: the newest first
/// is the last of it.
fn in_order(config: &Config, entries: &mut [Entry]) {
    let environments = config.pipeline.environments();
    let rank = |entry: &Entry| environments.iter().position(|e| e.name == entry.environment);
    let one_commit = |a: &Entry, b: &Entry| a.moment.commit == b.moment.commit;
    for together in entries.chunk_by_mut(one_commit) {
        together.sort_by_key(|entry| std::cmp::Reverse(rank(entry)));
    }
}

/// Names the apps of kept steps as the overlays that are there now tell.
fn rename(steps: &mut [Step], owners: &mut Owners<'_>) {
    let mut known: HashMap<RepoPath, Arc<Place>> = HashMap::new();
    for shift in steps.iter_mut().flat_map(|step| &mut step.shifts) {
        let path = &shift.place.path;
        if !known.contains_key(path) {
            let owner = owners.of(path).or_else(|| owners.of(&path.join("kustomization.yaml")));
            let place = owner.map_or_else(|| shift.place.clone(), |o| Arc::new(Place::of(&o)));
            known.insert(path.clone(), place);
        }
        if let Some(place) = known.get(path) {
            shift.place = place.clone();
        }
    }
}
