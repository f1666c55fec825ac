//! The way of a version through the environments.

use std::collections::BTreeSet;

use crate::discover::Cell;
use crate::history::Entry;
use crate::model::{EnvironmentName, Pin, listed, nearest, quoted};
use crate::report::WayStep;

use super::super::Failure;
use super::Asking;

impl Asking<'_> {
    /// The way of the version, image by image: through all environments that
    /// come before the one that is asked for, and into that.
    pub(super) fn way(
        &self,
        entries: &[Entry],
        version: &Pin,
        images: &BTreeSet<String>,
    ) -> Vec<WayStep> {
        let carrying = self.carrying(entries, version);
        let images = images.iter().filter(|image| carrying.contains(*image));
        images.flat_map(|image| self.of_image(entries, version, image)).collect()
    }

    /// The images that ever were at the version in one of the environments.
    pub(super) fn carrying(&self, entries: &[Entry], version: &Pin) -> BTreeSet<String> {
        let carries = |entry: &&Entry| entry.version.carries(version);
        let mut images: BTreeSet<String> =
            entries.iter().filter(carries).map(|entry| entry.image.clone()).collect();
        for environment in &self.upstream() {
            let here = self.present.images(environment, &self.app);
            let here = here.filter(|(_, cell)| cell.pins().iter().any(|pin| pin.carries(version)));
            images.extend(here.map(|(image, _)| image.to_owned()));
        }
        images
    }

    /// The images that the app has or had.
    pub(super) fn known(&self, entries: &[Entry]) -> BTreeSet<String> {
        let cells = self.present.cells.keys().filter(|key| key.app == self.app);
        let now = cells.map(|key| key.image.clone());
        now.chain(entries.iter().map(|entry| entry.image.clone())).collect()
    }

    /// Those of the images that `--image` names, by their names or by the last
    /// segments of those; without it, all.
    pub(super) fn asked(&self, known: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
        if self.args.images.is_empty() {
            return Ok(known.clone());
        }
        let last = |image: &str| image.rsplit('/').next().unwrap_or(image).to_owned();
        let mut found = BTreeSet::new();
        for name in &self.args.images {
            let mut meant = known.iter().filter(|image| *image == name || last(image) == *name);
            let Some(first) = meant.next() else {
                let ends: Vec<String> = known.iter().map(|image| last(image)).collect();
                let near = nearest(&last(name), ends.iter().map(String::as_str));
                let near = near.map(|near| format!("did you mean --image {}?", quoted(near)));
                let all: Vec<&String> = known.iter().collect();
                let message =
                    format!("{} has no image {name}; there are {}", self.app, listed(&all));
                return Err(Failure::not_found(message).maybe_hint(near).hint(format!(
                    "{} status {} -o wide",
                    self.context.front.name(),
                    self.app.word()
                )));
            };
            found.extend([first].into_iter().chain(meant).cloned());
        }
        Ok(found)
    }

    /// The environments on the way, in the order of the pipeline.
    fn upstream(&self) -> Vec<EnvironmentName> {
        let mut found = BTreeSet::from([self.to.clone()]);
        let mut open = vec![self.to.clone()];
        while let Some(environment) = open.pop() {
            for source in self.sources(&environment) {
                if found.insert(source.clone()) {
                    open.push(source);
                }
            }
        }
        let all = self.workspace.config.pipeline.environments().iter().map(|e| &e.name);
        all.filter(|name| found.contains(*name)).cloned().collect()
    }

    fn of_image(&self, entries: &[Entry], version: &Pin, image: &str) -> Vec<WayStep> {
        let of = |environment: &EnvironmentName| {
            let of_it = entries.iter().enumerate();
            let of_it = of_it.filter(|(_, e)| e.environment == *environment && e.image == image);
            of_it.collect::<Vec<_>>()
        };
        let arrived = |(_, entry): &&(usize, &Entry)| entry.version.carries(version);
        // Entries are newest first: what has a higher place came earlier.
        let target = of(&self.to).iter().find(arrived).map(|(at, _)| *at);
        let mut way: Vec<WayStep> = Vec::new();
        for environment in self.upstream() {
            let here = of(&environment);
            let in_time = here.iter().position(|(at, entry)| {
                entry.version.carries(version) && target.is_none_or(|target| *at >= target)
            });
            let place = in_time.or_else(|| here.iter().position(|one| arrived(&one)));
            let entry = place.and_then(|place| here.get(place)).map(|(_, entry)| (*entry).clone());
            let newer = place.and_then(|place| place.checked_sub(1)).and_then(|at| here.get(at));
            let after = entry.as_ref().and_then(|entry| self.after(entry, &way));
            let cell = self.present.cell(&environment, &self.app, image);
            let pins = cell.map(Cell::pins).unwrap_or_default();
            let now = pins.iter().any(|pin| pin.carries(version));
            // What came to one of several files is there beside the version.
            let beside = now && pins.len() > 1;
            way.push(WayStep {
                image: image.to_owned(),
                after,
                until: newer.filter(|_| !beside).map(|(_, newer)| newer.moment.seconds),
                now,
                environment,
                entry,
            });
        }
        way
    }

    /// How long after the last of the environments before it.
    fn after(&self, entry: &Entry, way: &[WayStep]) -> Option<i64> {
        let sources = self.sources(&entry.environment);
        let before = way.iter().filter(|step| sources.contains(&step.environment));
        let times = before.filter_map(|step| step.entry.as_ref()).map(|e| e.moment.seconds);
        times.max().map(|before| entry.moment.seconds - before)
    }
}
