//! What the rules need that only somebody outside of the repository knows:
//! gathered before they are asked, by the commands that may ask.

mod approvals;
mod asker;
mod live;
mod program;
mod registry;
mod round;
mod signature;
mod statuses;
mod tie;

pub(super) use approvals::{Fate, sorted};
pub(super) use asker::{Asker, Subject, Trouble};
pub(super) use program::PATIENCE;

use std::collections::BTreeMap;

use crate::discover::{CellKey, Inventory};
use crate::gate::{self, Answers};
use crate::history::Timeline;
use crate::model::{EnvironmentName, HealthSettings};
use crate::plan::Planned;

use super::Failure;
use super::evidence::Ground;

/// What is to be judged, and where.
#[derive(Clone, Copy)]
pub(super) struct Questions<'a> {
    /// Repository, config and base.
    pub(super) ground: Ground<'a>,
    /// What is where at the base.
    pub(super) inventory: &'a Inventory,
    /// What would be where after it, at least where something moves.
    pub(super) after: &'a Inventory,
    /// What moves.
    pub(super) promotions: &'a [Planned],
    /// What the environments concerned ran, and when.
    pub(super) timelines: &'a BTreeMap<CellKey, Timeline>,
    /// The remote, by its name or address, where the user named one.
    pub(super) remote: Option<&'a str>,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// Whether it goes back to what ran before.
    pub(super) back: bool,
}

impl Questions<'_> {
    /// Asks whoever the config names, and nobody where it names nobody. Who
    /// does not answer is part of the answers.
    pub(super) fn ask(self) -> Result<Answers, Failure> {
        let mut answers = Answers::default();
        let asker = Asker::new(self.ground, self.remote);
        for planned in self.promotions {
            let to = self.ground.config.environment(planned.promotion.to.as_str());
            if let Some(to) =
                to.filter(|to| to.delivery.needs(false).max(to.delivery.needs(true)) > 0)
                && !answers.approvals.contains_key(&to.name)
            {
                let approval = asker.approval(self.fate, &to.delivery.reviewers)?;
                answers.approvals.insert(to.name.clone(), approval);
            }
        }
        self.health(&asker, &mut answers)?;
        registry::ask(self, &mut answers)?;
        Ok(answers)
    }

    /// Asks registries alone, and who signed what they have.
    pub(super) fn images(self) -> Result<Answers, Failure> {
        let mut answers = Answers::default();
        registry::ask(self, &mut answers)?;
        Ok(answers)
    }

    /// How the apps are in the environments that their versions come from.
    fn health(&self, asker: &Asker<'_>, answers: &mut Answers) -> Result<(), Failure> {
        let subjects = self.subjects();
        asker.ask_ahead(&subjects.iter().map(|(_, subject)| *subject).collect::<Vec<_>>());
        for (place, subject) in subjects {
            let seen = match asker.look(subject) {
                Ok(sights) => Ok(sights),
                Err(Trouble::Silence(silence)) => Err(silence),
                Err(Trouble::Closed(failure)) => Err(failure.silence()),
                Err(Trouble::Failure(failure)) => return Err(failure),
            };
            answers.health.insert(place, seen);
        }
        Ok(())
    }

    /// What is looked at, by the environment that is entered and the cell.
    fn subjects(&self) -> Vec<((EnvironmentName, CellKey), Subject<'_>)> {
        let mut subjects = Vec::new();
        for planned in self.promotions {
            let to = self.ground.config.environment(planned.promotion.to.as_str());
            let Some(settings) = to.and_then(|to| to.health.as_ref()) else { continue };
            let from = planned.promotion.from.iter();
            subjects.extend(from.filter_map(|from| self.subject((planned, from, settings))));
        }
        subjects
    }

    fn subject<'s>(
        &'s self,
        (planned, from, settings): (&'s Planned, &EnvironmentName, &'s HealthSettings),
    ) -> Option<((EnvironmentName, CellKey), Subject<'s>)> {
        let promotion = &planned.promotion;
        let key = CellKey::of(promotion, from);
        let cell = gate::runs_there(self.inventory, promotion, from)?;
        let subject = Subject {
            environment: self.ground.config.environment(from.as_str())?,
            settings,
            app: &promotion.app,
            version: cell.pin()?,
            repository: cell.repository().or(Some(&promotion.image)),
            since: self.timelines.get(&key).and_then(Timeline::since),
        };
        Some(((promotion.to.clone(), key), subject))
    }
}
