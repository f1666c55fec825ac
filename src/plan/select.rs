//! Which images of an app move, and to which version.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::discover::{Cell, Overlay};
use crate::model::{AppId, EnvironmentName, Pin, Sources};

use super::create::unreadable;
use super::{Intent, Move, PlanError, Wanted, World};

/// An image that moves.
pub(super) struct Chosen {
    pub(super) app: AppId,
    pub(super) image: String,
    pub(super) version: Pin,
    /// The environments it comes from.
    pub(super) from: Vec<EnvironmentName>,
    pub(super) left_behind: Vec<String>,
}

/// What one move of an intent comes to.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) chosen: Vec<Chosen>,
    pub(super) current: Vec<(AppId, String, Pin)>,
    pub(super) notes: Vec<String>,
}

/// `None` where the app was only swept in and the target does not have it.
pub(super) fn choose(
    world: World<'_>,
    intent: &Intent,
    wanted: &Move,
) -> Result<Option<Choice>, PlanError> {
    let choosing = Choosing { world, intent, app: &wanted.app, asked: Vec::new() }.resolved();
    let Some(environment) = world.config.pipeline.get(intent.to.as_str()) else {
        return Ok(None);
    };
    if !wanted.named && choosing.images_in(&intent.to).is_empty() && !intent.create {
        return Ok(None);
    }
    if !exists_in(world.config, &wanted.app, &intent.to) {
        return if wanted.named { Err(choosing.elsewhere()) } else { Ok(None) };
    }
    let sources = world.config.sources_for(environment, &wanted.app);
    let mut candidates = match (&wanted.wanted, &sources) {
        (Wanted::WhatRunsIn(source), _) => choosing.all_of(source, wanted.named)?,
        (Wanted::Images(images), _) => choosing.there(images)?,
        (Wanted::Version(version), Sources::First) => choosing.entering(version)?,
        (Wanted::Version(version), _) => choosing.carrying(&sources, version)?,
    };
    choosing.known_images(&candidates)?;
    if intent.create {
        choosing.bring_along(&sources, &mut candidates);
    }
    choosing.pinned(&mut candidates);
    let source = match &wanted.wanted {
        Wanted::WhatRunsIn(source) => Some(source),
        Wanted::Version(_) | Wanted::Images(_) => None,
    };
    Ok(Some(choosing.settle(&sources, &candidates, source)))
}

/// Whether the app is in the environment, as far as the config tells.
pub fn exists_in(config: &Config, app: &AppId, environment: &EnvironmentName) -> bool {
    let rule = config.app_rule(app).map(|rule| rule.environments.as_slice());
    rule.is_none_or(|list| list.is_empty() || list.contains(environment))
}

struct Choosing<'a> {
    world: World<'a>,
    intent: &'a Intent,
    app: &'a AppId,
    /// The images of `--image`, by their full names; empty: all.
    asked: Vec<String>,
}

/// Image to the version it would get.
type Candidates = BTreeMap<String, Pin>;

impl<'a> Choosing<'a> {
    fn images_in(&self, environment: &EnvironmentName) -> BTreeMap<&'a str, &'a Cell> {
        self.world
            .inventory
            .cells
            .iter()
            .filter(|(key, _)| key.environment == *environment && key.app == *self.app)
            .map(|(key, cell)| (key.image.as_str(), cell))
            .collect()
    }

    /// `--image` may be the last segment of an image's name, where one image
    /// of the app has it.
    fn resolved(mut self) -> Self {
        let known = self.all_images();
        let full = |asked: &String| {
            let mut same = known.iter().filter(|image| image.rsplit('/').next() == Some(asked));
            match (known.contains(asked), same.next(), same.next()) {
                (false, Some(one), None) => one.clone(),
                _ => asked.clone(),
            }
        };
        self.asked = self.intent.images.iter().map(full).collect();
        self
    }

    fn is_asked(&self, image: &str) -> bool {
        self.asked.is_empty() || self.asked.iter().any(|asked| asked == image)
    }

    /// Every image that `source` runs; those that the target does not know are
    /// passed over as long as it knows one, unless they are asked for.
    fn all_of(&self, source: &EnvironmentName, named: bool) -> Result<Candidates, PlanError> {
        let images = self.images_in(source);
        if images.is_empty() && named {
            let (app, environment) = (Box::new(self.app.clone()), source.clone());
            return Err(PlanError::NotThere { app, environment });
        }
        let target = self.images_in(&self.intent.to);
        let shared = images.keys().any(|image| target.contains_key(image));
        let mut candidates = Candidates::new();
        for (image, cell) in images {
            let asked = !self.asked.is_empty() && self.is_asked(image);
            if shared && !self.intent.create && !target.contains_key(image) && !asked {
                continue;
            }
            match cell.pin() {
                Some(pin) if pin.is_empty() => {}
                Some(pin) => {
                    candidates.insert(image.to_owned(), pin.clone());
                }
                None if self.is_asked(image) => return Err(self.unclear(source, cell)),
                None => {}
            }
        }
        Ok(candidates)
    }

    /// Those of the images that the target has a place for.
    fn there(&self, images: &Candidates) -> Result<Candidates, PlanError> {
        let target = self.images_in(&self.intent.to);
        let mut there = images.clone();
        there.retain(|image, _| target.contains_key(image.as_str()));
        if there.is_empty() { Err(self.missing()) } else { Ok(there) }
    }

    fn unclear(&self, environment: &EnvironmentName, cell: &Cell) -> PlanError {
        let told: Vec<String> = cell
            .sites
            .iter()
            .map(|site| {
                let what = site.problem.clone().unwrap_or_else(|| site.pin.to_string());
                format!("{}:{} has {what}", site.path, site.line)
            })
            .collect();
        PlanError::Unclear {
            app: Box::new(self.app.clone()),
            environment: environment.clone(),
            why: told.join(", "),
        }
    }

    /// Into a first environment: the app's image, or all that are at one version.
    fn entering(&self, version: &Pin) -> Result<Candidates, PlanError> {
        let target = self.images_in(&self.intent.to);
        let asked: Vec<(&str, &Cell)> =
            target.into_iter().filter(|(image, _)| self.is_asked(image)).collect();
        let mut sets: Vec<Vec<String>> = asked.iter().map(|(_, cell)| tags(cell)).collect();
        sets.dedup();
        // A digest is of one image.
        let unclear = sets.len() > 1 || (version.digest.is_some() && asked.len() > 1);
        if unclear && self.asked.is_empty() {
            let show = |(image, cell): &(&str, &Cell)| {
                let pins: Vec<String> = cell.pins().iter().map(ToString::to_string).collect();
                format!("{image} {}", pins.join(" and "))
            };
            return Err(PlanError::SeveralImages {
                app: Box::new(self.app.clone()),
                environment: self.intent.to.clone(),
                shown: asked.iter().map(show).collect(),
                images: asked.iter().map(|(image, _)| (*image).to_owned()).collect(),
                version: Box::new(version.clone()),
            });
        }
        if asked.is_empty() && self.asked.is_empty() {
            return Err(self.missing());
        }
        Ok(asked.into_iter().map(|(image, _)| (image.to_owned(), version.clone())).collect())
    }

    fn elsewhere(&self) -> PlanError {
        let rule = self.world.config.app_rule(self.app);
        let exists = rule.map(|rule| rule.environments.as_slice()).unwrap_or_default();
        PlanError::Elsewhere {
            app: Box::new(self.app.clone()),
            environment: self.intent.to.clone(),
            exists: exists.iter().map(ToString::to_string).collect(),
        }
    }

    /// An overlay that is copied brings all its images, and each of them is a
    /// promotion to be judged.
    fn bring_along(&self, sources: &Sources, candidates: &mut Candidates) {
        let app = Some(self.app);
        let mut overlays = self.world.inventory.overlays.iter();
        let has = |overlay: &Overlay| {
            overlay.environment == self.intent.to && overlay.app.as_ref() == app
        };
        if overlays.any(has) || !self.images_in(&self.intent.to).is_empty() {
            return;
        }
        let carries = |source: &&EnvironmentName| {
            let images = self.images_in(source);
            candidates.iter().any(|(image, version)| {
                images.get(image.as_str()).and_then(|cell| cell.pin()) == Some(version)
            })
        };
        let source = sources.names().iter().find(carries).or(sources.names().first());
        for (image, cell) in source.map(|source| self.images_in(source)).unwrap_or_default() {
            if let Some(pin) = cell.pin().filter(|pin| !pin.is_empty()) {
                candidates.entry(image.to_owned()).or_insert_with(|| pin.clone());
            }
        }
    }

    /// Gives a tag the digest that it is to be pinned with.
    fn pinned(&self, candidates: &mut Candidates) {
        for (image, pin) in candidates {
            let digest = self.intent.digests.get(&(self.app.clone(), image.clone()));
            if let (None, Some(_), Some(digest)) = (&pin.digest, &pin.tag, digest) {
                pin.digest = Some(digest.clone());
            }
        }
    }

    fn missing(&self) -> PlanError {
        if let Some(unreadable) = unreadable(self.world, self.app, &self.intent.to) {
            return unreadable;
        }
        let (app, environment) = (Box::new(self.app.clone()), self.intent.to.clone());
        let what = "overlay with an image".to_owned();
        PlanError::Missing { app, what, environment, create: None }
    }

    /// The images that carry the version in a source. Where none does, the
    /// images that the version could be meant for, so that the gates can say
    /// what is missing where.
    fn carrying(&self, sources: &Sources, version: &Pin) -> Result<Candidates, PlanError> {
        let mut candidates = Candidates::new();
        for source in sources.names() {
            for (image, cell) in self.images_in(source) {
                if let Some(pin) = cell.pin().filter(|pin| pin.carries(version)) {
                    candidates.entry(image.to_owned()).or_insert_with(|| pin.clone());
                }
            }
        }
        if !candidates.is_empty() {
            // An image that is asked for is judged, whatever the others carry.
            let known = self.all_images();
            for image in self.asked.iter().filter(|image| known.contains(image)) {
                candidates.entry(image.clone()).or_insert_with(|| version.clone());
            }
            return Ok(candidates);
        }
        let target = self.images_in(&self.intent.to);
        let known =
            |image: &&str| sources.names().iter().any(|s| self.images_in(s).contains_key(*image));
        let shared: Vec<&str> = target.keys().copied().filter(known).collect();
        let mut images = if shared.is_empty() { target.keys().copied().collect() } else { shared };
        images = self.but_for_never(images);
        if images.is_empty() {
            let there = sources.names().iter().flat_map(|source| self.images_in(source));
            images = there.map(|(image, _)| image).collect();
        }
        if images.is_empty() {
            return Err(self.missing());
        }
        Ok(images.into_iter().map(|image| (image.to_owned(), version.clone())).collect())
    }

    /// Without those that are known never to have run the version, unless that
    /// leaves none.
    fn but_for_never<'i>(&self, images: Vec<&'i str>) -> Vec<&'i str> {
        let never = |image: &&str| {
            self.intent.never.iter().any(|(app, other)| app == self.app && other == image)
        };
        let rest: Vec<&str> = images.iter().copied().filter(|image| !never(image)).collect();
        if rest.is_empty() { images } else { rest }
    }

    fn known_images(&self, candidates: &Candidates) -> Result<(), PlanError> {
        let unknown = self.asked.iter().find(|image| !candidates.contains_key(*image));
        match unknown {
            None => Ok(()),
            Some(image) => Err(PlanError::UnknownImage {
                app: Box::new(self.app.clone()),
                image: image.clone(),
                known: self.all_images(),
            }),
        }
    }

    /// The images of the app, wherever it was looked for.
    fn all_images(&self) -> Vec<String> {
        let cells = self.world.inventory.cells.keys().filter(|key| key.app == *self.app);
        let images: BTreeSet<String> = cells.map(|key| key.image.clone()).collect();
        images.into_iter().collect()
    }

    fn settle(
        &self,
        sources: &Sources,
        candidates: &Candidates,
        source: Option<&EnvironmentName>,
    ) -> Choice {
        let mut choice = Choice::default();
        let target = self.images_in(&self.intent.to);
        let mut set = candidates.clone();
        for (image, pin) in
            source.map(|source| self.lacking(source, candidates)).unwrap_or_default()
        {
            if self.is_asked(image) {
                let (app, to) = (self.app, &self.intent.to);
                choice.notes.push(format!(
                    "{app}: {to} has no entry for {image}, and {pin} of it stays behind"
                ));
            }
            set.insert(image.to_owned(), pin.clone());
        }
        for (image, version) in candidates {
            if !self.is_asked(image) {
                continue;
            }
            if target.get(image.as_str()).and_then(|cell| cell.pin()) == Some(version) {
                choice.current.push((self.app.clone(), image.clone(), version.clone()));
                continue;
            }
            choice.chosen.push(Chosen {
                app: self.app.clone(),
                image: image.clone(),
                version: version.clone(),
                from: sources.names().to_vec(),
                left_behind: match sources {
                    Sources::First => self.parted(&target, image),
                    _ => self.left_behind((candidates, &set), &target, version),
                },
            });
        }
        choice
    }

    /// The images that `source` runs at a version and that do not move because
    /// the target has no place for them.
    fn lacking(
        &self,
        source: &EnvironmentName,
        candidates: &Candidates,
    ) -> Vec<(&'a str, &'a Pin)> {
        let images = self.images_in(source).into_iter();
        let rest = images.filter(|(image, _)| !candidates.contains_key(*image));
        let pinned = rest.filter_map(|(image, cell)| Some((image, cell.pin()?)));
        pinned.filter(|(_, pin)| !pin.is_empty()).collect()
    }

    /// Into a first environment: the images that `--image` leaves out and that
    /// run what this one runs until now.
    fn parted(&self, target: &BTreeMap<&str, &Cell>, image: &str) -> Vec<String> {
        let now = |image: &str| target.get(image).and_then(|cell| cell.pin()?.tag.as_ref());
        let Some(tag) = now(image) else { return Vec::new() };
        let stay = target.keys().filter(|other| !self.is_asked(other) && now(other) == Some(tag));
        stay.map(|image| (*image).to_owned()).collect()
    }

    /// Images of the set with the same version that do not move and that the
    /// target does not have at it yet.
    fn left_behind(
        &self,
        (candidates, set): (&Candidates, &Candidates),
        target: &BTreeMap<&str, &Cell>,
        version: &Pin,
    ) -> Vec<String> {
        let same = |pin: &Pin| pin.tag.is_some() && pin.tag == version.tag;
        let stays = |image: &&String| {
            let there = target.get(image.as_str()).and_then(|cell| cell.pin());
            let moves = self.is_asked(image) && candidates.contains_key(*image);
            !moves && !there.is_some_and(same)
        };
        let left = set.iter().filter(|(_, pin)| same(pin)).map(|(image, _)| image);
        left.filter(stays).cloned().collect()
    }
}

/// What tells whether images are at one version: their tags, where they have
/// any.
fn tags(cell: &Cell) -> Vec<String> {
    let tag = |pin: &&Pin| pin.tag.as_ref().map_or_else(|| pin.to_string(), ToString::to_string);
    let mut tags: Vec<String> = cell.pins().iter().map(tag).collect();
    tags.dedup();
    tags
}
