//! Commits that are told by their records alone: neither their trees nor the
//! files are read. Whether that was right, [`super::gap`] tells.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::audit::{self, ClaimedApp, Said};
use crate::config::Config;
use crate::discover::{self, Holds, Overlay, Roots, holds};
use crate::git::{HistoryCommit, Telling, TreeSnapshot};
use crate::history::{Contents, FileStep, derived};
use crate::model::{EnvironmentName, RepoPath};

use super::super::super::Failure;
use super::{Blob, Draft, Known, Scope, Walk, moment};

/// Of so many commits that could be believed one is looked at all the same.
const SPOT_CHECK: usize = 1_024;

/// What is there now: the overlays that records speak of.
pub(super) struct Standing {
    now: Rc<TreeSnapshot>,
    roots: Roots,
    overlays: HashMap<RepoPath, Rc<Overlay>>,
    /// By environment and app, as records write them.
    named: HashMap<String, HashMap<String, Vec<Rc<Overlay>>>>,
    /// The files of an overlay, once they were asked for.
    files: HashMap<RepoPath, Rc<[RepoPath]>>,
    /// The overlay of each of them.
    owners: HashMap<RepoPath, Rc<Overlay>>,
}

impl Standing {
    /// The files as they are now.
    pub(super) fn now(&self) -> Rc<TreeSnapshot> {
        self.now.clone()
    }

    pub(super) fn overlays(&self) -> impl Iterator<Item = Rc<Overlay>> + use<'_> {
        self.overlays.values().cloned()
    }

    pub(super) fn overlay_of(&self, path: &RepoPath) -> Option<Rc<Overlay>> {
        self.owners.get(path).cloned()
    }
}

/// What a line of a record comes to.
enum Told {
    /// Nothing that is wanted.
    Elsewhere,
    /// A change of one file.
    Step(FileStep),
    /// Only a look tells.
    Unclear,
}

/// What a message alone says of its commit.
pub(in crate::command::past) enum Word {
    /// That it promotes to an environment which is not wanted.
    Elsewhere,
    /// The only record that it holds.
    Said(Said),
    /// Nothing that could be believed.
    Nothing,
}

/// Reads messages for a walk.
pub(in crate::command::past) fn words(
    config: &Config,
    scope: &Scope,
) -> impl Fn(&str) -> Telling<Word> + Clone + Send + 'static {
    let names = config.pipeline.environments().iter().map(|e| &e.name);
    let is_wanted =
        |name: &EnvironmentName| scope.environments.is_empty() || scope.environments.contains(name);
    let known: HashMap<String, bool> =
        names.map(|name| (name.to_string(), is_wanted(name))).collect();
    move |message| {
        let said = audit::said_alone(message);
        // What an environment was called that there is no more, nobody knows.
        let wanted = said.as_ref().and_then(|said| known.get(&said.to));
        match (wanted, said) {
            (Some(false), _) => (Word::Elsewhere, false),
            (Some(true), Some(said)) => (Word::Said(said), true),
            _ => (Word::Nothing, true),
        }
    }
}

impl Walk<'_, '_, '_> {
    /// Takes a commit for what its message says, where that is enough; else it
    /// has to be looked at.
    pub(in crate::command::past) fn believes(
        &mut self,
        commit: &HistoryCommit,
        word: Word,
    ) -> Result<bool, Failure> {
        let claims = match word {
            _ if commit.parent.is_none() => return Ok(false),
            Word::Nothing => return Ok(false),
            Word::Elsewhere => return Ok(true),
            Word::Said(said) => said,
        };
        self.believed += 1;
        if claims.moves.is_empty() || self.believed.is_multiple_of(SPOT_CHECK) {
            return Ok(false);
        }
        let mut files: Vec<FileStep> = Vec::new();
        for claim in &claims.moves {
            match self.told(&claims, claim)? {
                Told::Elsewhere => {}
                Told::Step(step) => files.push(step),
                Told::Unclear => return Ok(false),
            }
        }
        for file in &files {
            let told = Known { blob: Blob::Unseen, contents: file.before.clone() };
            let after = self.known.get_mut(&file.path).map(|known| std::mem::replace(known, told));
            self.chain.is_told(&file.path, after.map_or(Blob::Unseen, |known| known.blob));
        }
        if !files.is_empty() {
            let claims = Some(Arc::new(claims));
            self.drafts.push(Draft { moment: moment(commit), claims, files });
        }
        Ok(true)
    }

    /// The one file that can hold what a line of a record says came there.
    fn told(&mut self, claims: &Said, claim: &ClaimedApp) -> Result<Told, Failure> {
        let standing = self.standing()?;
        let found = |app: &str| standing.named.get(&claims.to)?.get(app);
        let without_image = || found(claim.name.rsplit_once(' ')?.0);
        let Some(overlays) = found(&claim.name).or_else(without_image) else {
            let apps = &self.scope.apps;
            let other = !apps.is_empty() && !apps.iter().any(|app| app == bare(&claim.name));
            return Ok(if other { Told::Elsewhere } else { Told::Unclear });
        };
        let [overlay] = overlays.as_slice() else { return Ok(Told::Unclear) };
        let overlay = &overlay.clone();
        if !self.wants(overlay) {
            return Ok(Told::Elsewhere);
        }
        let mut step = None;
        for path in self.files_of(overlay)?.iter() {
            let after = self.holds_now(overlay, path)?;
            let before = after.as_deref().and_then(|after| derived(claims, overlay, after));
            let Some(before) = before else { continue };
            let (path, overlay) = (path.clone(), overlay.clone());
            if step.replace(FileStep { path, overlay, before: Some(before), after }).is_some() {
                return Ok(Told::Unclear);
            }
        }
        Ok(step.map_or(Told::Unclear, Told::Step))
    }

    /// What a file holds at the commit that the walk is at: as newer commits
    /// left it, else as it is now.
    fn holds_now(&mut self, overlay: &Overlay, path: &RepoPath) -> Result<Contents, Failure> {
        if let Some(known) = self.known.get(path) {
            return Ok(known.contents.clone());
        }
        let blob = match self.chain.blob(path) {
            Some(Blob::Is(blob)) => blob,
            _ => self.standing()?.now.id(path)?,
        };
        let contents = self.read(overlay, path, blob)?;
        let known = Known { blob: Blob::Is(blob), contents: contents.clone() };
        self.known.insert(path.clone(), known);
        Ok(contents)
    }

    /// The files of an overlay that versions are read from, as they are now.
    pub(super) fn files_of(&mut self, overlay: &Rc<Overlay>) -> Result<Rc<[RepoPath]>, Failure> {
        self.standing()?;
        let Some(standing) = &mut self.standing else { return Ok(Rc::from([])) };
        if let Some(files) = standing.files.get(&overlay.path) {
            return Ok(files.clone());
        }
        let mut files = discover::overlay_files(&*standing.now, overlay, &standing.roots)?;
        files.retain(|path| holds(overlay, path) != Holds::No);
        standing.owners.extend(files.iter().map(|path| (path.clone(), overlay.clone())));
        let files: Rc<[RepoPath]> = Rc::from(files);
        standing.files.insert(overlay.path.clone(), files.clone());
        Ok(files)
    }

    pub(super) fn standing(&mut self) -> Result<&Standing, Failure> {
        let standing = match self.standing.take() {
            Some(standing) => standing,
            None => self.stand()?,
        };
        Ok(self.standing.insert(standing))
    }

    fn stand(&mut self) -> Result<Standing, Failure> {
        let apps = &self.scope.apps;
        let apps = (!apps.is_empty()).then_some(apps.as_slice());
        let now = Rc::new(self.ground.repo.snapshot(self.ground.base)?);
        let found = discover::overlays_of(&*now, self.ground.config, apps)?;
        let roots = Roots::of(&found);
        let mut overlays = HashMap::new();
        let mut named: HashMap<_, HashMap<_, Vec<Rc<Overlay>>>> = HashMap::new();
        for overlay in found {
            let file = if overlay.is_file { overlay.path.clone() } else { overlay.path.join("x") };
            // Called as the rest of the walk calls it.
            let owner = self.owners.of(&file).filter(|owner| owner.path == overlay.path);
            let overlay = owner.unwrap_or_else(|| Rc::new(overlay));
            overlays.insert(overlay.path.clone(), overlay.clone());
            if let Some(app) = &overlay.app {
                let there = named.entry(overlay.environment.to_string()).or_default();
                there.entry(app.to_string()).or_default().push(overlay);
            }
        }
        let (files, owners) = (HashMap::new(), HashMap::new());
        Ok(Standing { now, roots, overlays, named, files, owners })
    }
}

/// The name of an app without group, labels and image.
fn bare(claimed: &str) -> &str {
    let name = claimed.split([' ', '[']).next().unwrap_or(claimed);
    name.rsplit(['/', ':']).next().unwrap_or(name)
}
