//! Everything one command would do: which image of which app moves from what
//! to what, and the bytes that change for it.
//!
//! A plan is made of an inventory and an intent, decides nothing about whether
//! it is allowed (that is `gate`), and writes nothing.

mod between;
mod create;
mod edits;
mod leftovers;
mod select;

pub use between::between;
pub use select::exists_in;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::config::Config;
use crate::discover::Inventory;
use crate::kustomize::EditError;
use crate::model::{
    AppId, Digest, EnvironmentName, FileChange, Pin, Promotion, RepoPath, Snapshot, SnapshotError,
    listed,
};

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The environment that versions enter.
    pub to: EnvironmentName,
    /// Which apps, and what each is to run.
    pub moves: Vec<Move>,
    /// Only these images; empty: those that the version tells.
    pub images: Vec<String>,
    /// Whether a missing entry or overlay is made.
    pub create: bool,
    /// Images of which the history says that no environment before ever ran
    /// the version; with `seen = true` they do not count among those meant.
    pub never: Vec<(AppId, String)>,
    /// Whether a digest in the target may go when the source has only a tag.
    pub drop_digest: bool,
    /// The digests of tags that are to be pinned, by app and image.
    pub digests: BTreeMap<(AppId, String), Digest>,
}

/// One app and what it is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The app.
    pub app: AppId,
    /// The version.
    pub wanted: Wanted,
    /// Whether the user named this app. One that was merely swept in (`--all`)
    /// is passed over where the target does not have it.
    pub named: bool,
}

/// What an app is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This version.
    Version(Pin),
    /// Whatever that environment runs.
    WhatRunsIn(EnvironmentName),
    /// These images, each at its version.
    Images(BTreeMap<String, Pin>),
}

/// A promotion and what the gates want to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The promotion.
    pub promotion: Promotion,
    /// Whether the target has a digest that the new version has not, and
    /// nobody said that it may go.
    pub loses_digest: bool,
    /// Images of the app that have the same version in the environment before
    /// and are not moved along.
    pub left_behind: Vec<String>,
    /// Where the version is changed, as `path:line`.
    pub sites: Vec<(RepoPath, u32)>,
}

/// Everything one command would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The environment that versions enter.
    pub to: EnvironmentName,
    /// What moves, in the order of apps and images.
    pub promotions: Vec<Planned>,
    /// Apps and images that already run what is wanted.
    pub current: Vec<(AppId, String, Pin)>,
    /// The files that change, by path.
    pub files: Vec<FileChange>,
    /// What a person should know beside it.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether the image gets that version already; an error if it gets another.
    fn has(&self, image: (&AppId, &str), version: &Pin) -> Result<bool, PlanError> {
        let moved = self.promotions.iter().map(|planned| &planned.promotion);
        let moved = moved.map(|p| ((&p.app, p.image.as_str()), &p.version));
        let current = self.current.iter().map(|(app, name, pin)| ((app, name.as_str()), pin));
        match moved.chain(current).find(|(other, _)| *other == image) {
            None => Ok(false),
            Some((_, before)) if before == version => Ok(true),
            Some((_, before)) => Err(PlanError::TwoVersions {
                app: Box::new(image.0.clone()),
                environment: self.to.clone(),
                versions: Box::new((before.clone(), version.clone())),
            }),
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The app has no overlay, or no place for this image, in the environment.
    #[error("{app} has no {what} in {environment}")]
    Missing {
        /// The app.
        app: Box<AppId>,
        /// What is missing: `overlay`, or `entry for IMAGE`.
        what: String,
        /// The environment.
        environment: EnvironmentName,
        /// The version that `--create` can make it with.
        create: Option<Pin>,
    },
    /// The config says that the app is not in that environment.
    #[error("{app} does not exist in {environment}: its environments are {}", listed(exists))]
    Elsewhere {
        /// The app.
        app: Box<AppId>,
        /// The environment.
        environment: EnvironmentName,
        /// Where it exists.
        exists: Vec<String>,
    },
    /// The environment that was to be copied does not have the app.
    #[error("{environment} does not run {app}")]
    NotThere {
        /// The app.
        app: Box<AppId>,
        /// The environment.
        environment: EnvironmentName,
    },
    /// `--image` names none of the app's images.
    #[error("{app} has no image `{image}`; it has {}", listed(known))]
    UnknownImage {
        /// The app.
        app: Box<AppId>,
        /// What was asked for.
        image: String,
        /// The images there are.
        known: Vec<String>,
    },
    /// A first environment has several images, and the version could be of
    /// any of them.
    #[error(
        "{app} has several images in {environment}, and {version} could be of any of them: {}; name \
         each that is meant with an --image of its own",
        listed(shown)
    )]
    SeveralImages {
        /// The app.
        app: Box<AppId>,
        /// The environment.
        environment: EnvironmentName,
        /// Each image and its version.
        shown: Vec<String>,
        /// The images alone.
        images: Vec<String>,
        /// The version.
        version: Box<Pin>,
    },
    /// One image is given two versions at once.
    #[error("{app} is given {} and {} at once", versions.0, versions.1)]
    TwoVersions {
        /// The app.
        app: Box<AppId>,
        /// The environment.
        environment: EnvironmentName,
        /// The versions.
        versions: Box<(Pin, Pin)>,
    },
    /// The sites of the source disagree, or cannot be read.
    #[error("what {environment} runs of {app} is not clear: {why}")]
    Unclear {
        /// The app.
        app: Box<AppId>,
        /// The environment.
        environment: EnvironmentName,
        /// What stands where.
        why: String,
    },
    /// A file of the target has to be left as it is.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A file of the target is no YAML that can be read.
    #[error("{why}")]
    Unreadable {
        /// The file.
        path: RepoPath,
        /// What is wrong, with the place.
        why: String,
    },
    /// A file that the plan needs is not to be edited or copied.
    #[error("`{path}` {why}")]
    Untouchable {
        /// The file.
        path: RepoPath,
        /// Why not.
        why: String,
    },
    /// The snapshot could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The tree of the base commit.
    pub snapshot: &'a dyn Snapshot,
    /// The config.
    pub config: &'a Config,
    /// What is where, for at least the apps of the intent in the target and
    /// all its sources.
    pub inventory: &'a Inventory,
}

/// Plans a promotion.
pub fn promote(world: World<'_>, intent: &Intent) -> Result<Plan, PlanError> {
    let mut plan = Plan {
        to: intent.to.clone(),
        promotions: Vec::new(),
        current: Vec::new(),
        files: Vec::new(),
        notes: Vec::new(),
    };
    let mut work = edits::Work::default();
    for wanted in &intent.moves {
        let Some(choice) = select::choose(world, intent, wanted)? else { continue };
        plan.notes.extend(choice.notes);
        for current in choice.current {
            if !plan.has((&current.0, &current.1), &current.2)? {
                plan.current.push(current);
            }
        }
        for chosen in choice.chosen {
            if !plan.has((&chosen.app, &chosen.image), &chosen.version)? {
                plan.promotions.push(work.add(world, intent, chosen)?);
            }
        }
    }
    let (files, notes) = work.finish(world)?;
    plan.notes.extend(notes);
    for planned in &mut plan.promotions {
        planned.sites = edits::sites_of(world, planned, &files);
    }
    plan.notes.extend(leftovers::report(world, &plan.promotions, &files)?);
    plan.files = files;
    Ok(plan)
}
