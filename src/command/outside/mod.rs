//! What the rules need that only somebody outside of the repository knows:
//! gathered before they are asked, by the commands that may ask.

mod approvals;
mod asker;
mod live;
mod program;
mod registry;
mod signature;
mod statuses;

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
            let Some(settings) = to.and_then(|to| to.health.as_ref()) else { continue };
            for from in &planned.promotion.from {
                self.health(&asker, (planned, from, settings), &mut answers)?;
            }
        }
        registry::ask(self, &mut answers)?;
        Ok(answers)
    }

    /// Asks registries alone, and who signed what they have.
    pub(super) fn images(self) -> Result<Answers, Failure> {
        let mut answers = Answers::default();
        registry::ask(self, &mut answers)?;
        Ok(answers)
    }

    /// How an app is in an environment that its version comes from.
    fn health(
        &self,
        asker: &Asker<'_>,
        (planned, from, settings): (&Planned, &EnvironmentName, &HealthSettings),
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        let promotion = &planned.promotion;
        let key = CellKey::of(promotion, from);
        let cell = gate::runs_there(self.inventory, promotion, from);
        let Some((cell, version)) = cell.and_then(|cell| Some((cell, cell.pin()?))) else {
            return Ok(());
        };
        let Some(environment) = self.ground.config.environment(from.as_str()) else {
            return Ok(());
        };
        let subject = Subject {
            environment,
            settings,
            app: &promotion.app,
            version,
            repository: cell.repository().or(Some(&promotion.image)),
            since: self.timelines.get(&key).and_then(Timeline::since),
        };
        let seen = match asker.look(subject) {
            Ok(sights) => Ok(sights),
            Err(Trouble::Silence(silence)) => Err(silence),
            Err(Trouble::Closed(failure)) => Err(asker::silence(failure)),
            Err(Trouble::Failure(failure)) => return Err(failure),
        };
        answers.health.insert((promotion.to.clone(), key), seen);
        Ok(())
    }
}
