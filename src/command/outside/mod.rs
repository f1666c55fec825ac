//! What the rules need that only somebody outside of the repository knows:
//! gathered before they are asked, by the commands that may ask.

mod registry;
mod signature;

use std::collections::BTreeMap;

use crate::discover::{CellKey, Inventory};
use crate::gate::Answers;
use crate::history::Timeline;
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
    /// What moves.
    pub(super) promotions: &'a [Planned],
    /// What the environments concerned ran, and when.
    pub(super) timelines: &'a BTreeMap<CellKey, Timeline>,
    /// The remote, by its name or address, where the user named one.
    pub(super) remote: Option<&'a str>,
}

impl Questions<'_> {
    /// Asks whoever the config names, and nobody where it names nobody. Who
    /// does not answer is part of the answers.
    pub(super) fn ask(self) -> Result<Answers, Failure> {
        let _ = (self.timelines, self.remote);
        let mut answers = Answers::default();
        registry::ask(self, &mut answers)?;
        Ok(answers)
    }
}
