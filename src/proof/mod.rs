//! What a change does to what environments run: from two trees, by rendering
//! the overlays that it may affect on both sides.
//!
//! Here is found what enters an environment, who vouches for it at the base,
//! and what cannot be told; `gate` makes findings of that. Evidence is read
//! from the base alone.

mod affected;
mod entries;
mod expand;
mod files;
mod followed;
mod lifecycle;
mod linked;
mod links;
mod loosened;
mod opaque;
mod outside;
mod past;
mod pins;
mod plugins;
mod pointers;
mod reach;
mod renders;
mod selector;
mod settings;
mod shared;
mod standing;
mod substituted;
mod unit;
mod versions;

pub use lifecycle::names_image;
pub use loosened::loosened;
pub use past::Ran;
pub use standing::standing;
pub use versions::Moved;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::discover::{self, Inventory, Overlay};
use crate::kustomize::render::ImageKind;
use crate::model::{AppId, Environment, EnvironmentName, RepoPath, Snapshot, SnapshotError};

use affected::affected;
use renders::Renders;
use unit::Key;

/// A change: two trees, what differs, and the config to judge by.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// The tree of the base.
    pub base: &'a dyn Snapshot,
    /// The tree of the head.
    pub head: &'a dyn Snapshot,
    /// The config of the base.
    pub config: &'a Config,
    /// Every path that differs.
    pub changed: &'a [RepoPath],
    /// How many paths differ whose names are not UTF-8.
    pub odd_names: usize,
    /// Whether other apps are searched for overlays that use what changed.
    pub search: bool,
}

impl Sides<'_> {
    fn is_first(&self, environment: &EnvironmentName) -> bool {
        let environment = self.config.environment(environment.as_str());
        environment.is_none_or(|environment| environment.sources.names().is_empty())
    }

    /// The environment that a path names: by a directory, or by a word of the
    /// file's name.
    fn environment_of(&self, path: &RepoPath) -> Option<&EnvironmentName> {
        let dirs: Vec<&str> = path.parts().collect();
        let stem = path.file_name().split('.').next().unwrap_or_default();
        let in_name = |name: &str| {
            let rest = stem.strip_prefix(name).or(stem.strip_suffix(name));
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with(['-', '_']) || rest.ends_with(['-', '_'])
            })
        };
        let is_file = path.file_name().contains('.');
        let by = |says: &dyn Fn(&str) -> bool| {
            let named = |environment: &&Environment| {
                let mut own = environment.dirs.iter().map(String::as_str);
                says(environment.name.as_str()) || own.any(says)
            };
            let found = self.config.pipeline.environments().iter().filter(named);
            // `prod-eu` also reads as `prod`: the longer name is meant.
            found.max_by_key(|environment| environment.name.as_str().len())
        };
        // The directory says more than the name of the file.
        let best =
            by(&|name| dirs.contains(&name)).or_else(|| by(&|name| is_file && in_name(name)))?;
        Some(&best.name)
    }
}

/// What a change does to what environments run.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// What is where at the base, of the apps that may be affected in all of
    /// their environments.
    pub before: Inventory,
    /// The same at the head.
    pub after: Inventory,
    /// Images that enter an environment.
    pub entering: Vec<Entering>,
    /// Versions of charts and remote resources that enter an environment.
    pub moved: Vec<Moved>,
    /// What cannot be proven.
    pub doubts: Vec<Doubt>,
    /// Overlays that go although a later environment has the app.
    pub gone: Vec<Gone>,
    /// Apps that no environment had at the base.
    pub fresh: Vec<Fresh>,
    /// What the change does to the config; `None` where it is the same.
    pub config: Option<ConfigChange>,
    /// Whether anything that an environment runs is touched.
    pub touches: bool,
    /// Whether the whole repository was searched for overlays that use what
    /// changed.
    pub searched: bool,
}

/// An image reference that an environment renders at the head and not at the
/// base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entering {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app.
    pub app: AppId,
    /// The reference, as it is rendered.
    pub reference: String,
    /// Its tag; empty where there is none.
    pub tag: String,
    /// Its digest; empty where there is none.
    pub digest: String,
    /// The reference without tag and digest.
    pub repository: String,
    /// What kind of place holds it.
    pub kind: ImageKind,
    /// Which object and field render it.
    pub object: String,
    /// File and 1-based line that decide it.
    pub place: (RepoPath, u32),
    /// Whether the environment had that repository for the app before.
    pub known: bool,
    /// Whether the layout names no app, so that this one is named after the
    /// image.
    pub unnamed: bool,
    /// Environments after the same ones that render it at the base.
    pub siblings: Vec<EnvironmentName>,
    /// What each environment before has to say.
    pub from: Vec<Vouch>,
}

/// What an environment before has to say of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouch {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether it runs the image at the base.
    pub runs: bool,
    /// Whether it gets the image by the same change.
    pub gets: bool,
    /// What it renders of the same repository instead.
    pub instead: Vec<String>,
    /// Whether it has the app at all.
    pub has_app: bool,
}

/// What cannot be proven.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt {
    /// The environment, where one is meant.
    pub environment: Option<EnvironmentName>,
    /// The app, where one is meant.
    pub app: Option<AppId>,
    /// The file.
    pub path: RepoPath,
    /// The 1-based line; 0 where none is meant.
    pub line: u32,
    /// Why, in one sentence without a full stop.
    pub message: String,
}

/// An overlay that goes although a later environment has the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app; `None` where the layout names none.
    pub app: Option<AppId>,
    /// The overlay.
    pub path: RepoPath,
    /// The environments that have the app still.
    pub later: Vec<EnvironmentName>,
}

/// An app that no environment had at the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// The app.
    pub app: AppId,
    /// Its overlays.
    pub overlays: Vec<RepoPath>,
    /// Images that enter with it and that a file of the base names already.
    pub elsewhere: BTreeMap<String, RepoPath>,
}

/// What a change does to the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// The file.
    pub path: RepoPath,
    /// What is allowed that was not, in words.
    pub loosens: Vec<String>,
    /// Why the new one cannot be read.
    pub broken: Option<String>,
}

/// Finds out what a change does.
pub fn prove(sides: &Sides<'_>) -> Result<Proof, SnapshotError> {
    let affected = affected(sides)?;
    let renders = Renders::new(sides);
    let units = unit::units(&affected.base, &affected.head);
    let mut proof = Proof {
        config: loosened::config_change(sides)?,
        searched: affected.searched,
        ..Proof::default()
    };
    let holding = sides.changed.iter().chain(&affected.reached).chain(&affected.linked);
    let holding = holding.flat_map(RepoPath::ancestors).collect();
    let judging = unit::Judging {
        sides,
        renders: &renders,
        units: &units,
        holding: &holding,
        hidden: linked::is_hidden(sides, &affected)?,
    };
    let mut touched: BTreeSet<&Key> = BTreeSet::new();
    for unit in units.values() {
        if judging.is_touched(unit)? {
            touched.insert(&unit.key);
            judging.judge(unit, &mut proof)?;
        }
    }
    for unit in units.values().filter(|unit| touched.contains(&unit.key)) {
        proof.touches |= judging.is_made_of_changed(unit)?;
    }
    judging.lifecycle(&affected.outside, &mut proof)?;
    files::doubts(sides, &affected, &mut proof.doubts)?;
    proof.doubts.extend(linked::doubts(sides, &affected)?);
    let keep = |overlay: &Overlay| touched.contains(&Key::of(overlay));
    let read = |snapshot, overlays: &[Overlay]| {
        discover::read(snapshot, sides.config, overlays.to_vec(), &keep)
    };
    proof.before = read(sides.base, &affected.base)?;
    proof.after = read(sides.head, &affected.head)?;
    pins::take_out(&mut proof);
    pins::doubts(sides, &mut proof)?;
    let (pointing, moved) = pointers::doubts(&judging, &affected, &proof)?;
    proof.doubts.extend(pointing);
    proof.moved.extend(moved);
    let held = pointers::held(&proof);
    for unit in units.values().filter(|unit| touched.contains(&unit.key)) {
        proof.doubts.extend(judging.substituted(unit, &|at| held.contains(at))?);
    }
    proof.doubts.extend(shared::workloads(sides, &affected.outside)?);
    proof.doubts.extend(shared::variables(sides, &affected.outside)?);
    proof.doubts.sort();
    proof.doubts.dedup();
    Ok(proof)
}
