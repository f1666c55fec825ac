//! What an environment ran, and from when to when: first-parent trees to a
//! timeline.
//!
//! The walk over commits is the shell's; here each commit is a moment, and the
//! versions before and after it are compared.

mod backwards;
mod entries;
pub mod metrics;
pub mod periods;
mod steps;
pub mod stored;

pub use entries::{Entry, Names, entries};
pub use steps::{
    Contents, FileStep, Place, Shift, Spot, Step, derived, needs_whole, shifts, spots,
};

use std::collections::BTreeMap;

use crate::discover::CellKey;
use crate::model::Pin;

/// A commit on the first-parent line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Its full id.
    pub commit: String,
    /// Committer time, seconds since the epoch.
    pub seconds: i64,
    /// The author's name.
    pub author: String,
}

/// A version and the commit that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The version.
    pub pin: Pin,
    /// The repository of the image, where the files told.
    pub repository: Option<String>,
    /// The repository that stood beside a declared tag.
    pub beside: Option<String>,
    /// The commit that brought it; `None` where the history ends before it.
    pub since: Option<Moment>,
}

/// What one environment ran of one app and image, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// The versions, each different from the one before it.
    pub held: Vec<Held>,
    /// Whether it reaches back to the first appearance. It does not in a
    /// shallow clone, or where the walk was ended early.
    pub complete: bool,
}

impl Timeline {
    /// Since when the version that is there now has been there.
    pub fn since(&self) -> Option<&Moment> {
        self.held.first()?.since.as_ref()
    }

    /// The newest stay of a version that `wanted` means.
    pub fn ran(&self, wanted: &Pin) -> Option<&Held> {
        self.held.iter().find(|held| held.pin.carries(wanted))
    }

    /// Whether the environment once ran that version, and left it.
    pub fn left(&self, wanted: &Pin) -> bool {
        self.held.iter().skip(1).any(|held| held.pin.carries(wanted))
    }

    fn wants(&self, arrival_only: bool) -> bool {
        !self.complete && (!arrival_only || self.since().is_none())
    }

    /// Adds what was there before a moment; `true` where that tells when the
    /// version arrived that is there now.
    fn goes_back(&mut self, moment: &Moment, version: Option<Version>) -> bool {
        let first = self.held.len() == 1;
        let Some(newest_unknown) = self.held.last_mut() else { return false };
        let pin = version.as_ref().map(|version| &version.pin);
        if self.complete || pin == Some(&newest_unknown.pin) {
            return false;
        }
        newest_unknown.since = Some(moment.clone());
        match version {
            Some(version) => self.held.push(version.held()),
            None => self.complete = true,
        }
        first
    }
}

/// What a cell says at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version.
    pub pin: Pin,
    /// The repository of the image, where the files tell.
    pub repository: Option<String>,
    /// The repository that stands beside a declared tag.
    pub beside: Option<String>,
}

impl Version {
    fn held(self) -> Held {
        let Self { pin, repository, beside } = self;
        Held { pin, repository, beside, since: None }
    }
}

/// Timelines while they are made, from the newest commit backwards.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    open: BTreeMap<CellKey, Timeline>,
    /// How many cells whose newest arrival is not known.
    unknown: usize,
}

impl Recorder {
    /// Starts with what is there now.
    pub fn new(now: impl IntoIterator<Item = (CellKey, Version)>) -> Self {
        let start = |(key, version): (_, Version)| {
            (key, Timeline { held: vec![version.held()], complete: false })
        };
        let open: BTreeMap<CellKey, Timeline> = now.into_iter().map(start).collect();
        Self { unknown: open.len(), open }
    }

    /// The cells that are followed.
    pub fn keys(&self) -> impl Iterator<Item = &CellKey> {
        self.open.keys()
    }

    /// Says what a cell held before `moment`: `None` where it was not there.
    pub fn before(&mut self, key: &CellKey, moment: &Moment, version: Option<Version>) {
        let Some(timeline) = self.open.get_mut(key) else { return };
        self.unknown -= usize::from(timeline.goes_back(moment, version));
    }

    /// Says that the history begins with `moment`: whatever was there then came
    /// with it.
    pub fn begins(&mut self, moment: &Moment, arrival_only: bool) {
        for timeline in self.open.values_mut().filter(|timeline| timeline.wants(arrival_only)) {
            self.unknown -= usize::from(timeline.goes_back(moment, None));
        }
    }

    /// Whether anything older can still tell something of the cell; of one
    /// whose arrival alone is asked for, only until that is known.
    pub fn wants(&self, key: &CellKey, arrival_only: bool) -> bool {
        self.open.get(key).is_some_and(|timeline| timeline.wants(arrival_only))
    }

    /// Whether every cell's newest arrival is known.
    pub fn knows_arrivals(&self) -> bool {
        self.unknown == 0
    }

    /// The timelines; `whole` where the walk reached the first commit.
    pub fn finish(mut self, whole: bool) -> BTreeMap<CellKey, Timeline> {
        for timeline in self.open.values_mut() {
            timeline.complete |= whole;
        }
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppId, EnvironmentName};

    fn moment(commit: &str) -> Moment {
        Moment { commit: commit.to_owned(), seconds: 0, author: String::new() }
    }

    fn pin(text: &str) -> Pin {
        text.parse().unwrap()
    }

    #[test]
    fn versions_follow_one_another() {
        let key = CellKey {
            environment: EnvironmentName::new("dev"),
            app: AppId::named("web"),
            image: "web".to_owned(),
        };
        let version = |text| Version { pin: pin(text), repository: None, beside: None };
        let mut recorder = Recorder::new([(key.clone(), version("v3"))]);
        recorder.before(&key, &moment("e"), Some(version("v3")));
        recorder.before(&key, &moment("d"), Some(version("v2")));
        assert!(recorder.knows_arrivals());
        recorder.before(&key, &moment("c"), Some(version("v3")));
        recorder.before(&key, &moment("b"), None);
        recorder.before(&key, &moment("a"), Some(version("v0")));
        let timeline = recorder.finish(false).remove(&key).unwrap();
        assert!(timeline.complete);
        let shown: Vec<String> = timeline
            .held
            .iter()
            .map(|held| format!("{} {}", held.pin, held.since.as_ref().unwrap().commit))
            .collect();
        assert_eq!(shown, ["v3 d", "v2 c", "v3 b"]);
        assert_eq!(timeline.since().unwrap().commit, "d");
        assert!(timeline.left(&pin("v2")) && timeline.left(&pin("v3")));
        assert!(!timeline.left(&pin("v4")));
    }
}
