//! What has to be well for all to be well: each of the environments before, or
//! one of them where `from-any` says that one is enough.

use std::collections::BTreeSet;

use crate::model::{EnvironmentName, Health};
use crate::report::WaitRow;

use super::{Moves, Row, Subjects};

/// What enters an environment from any of several.
pub(super) struct Choice {
    pub(super) to: EnvironmentName,
    pub(super) rows: BTreeSet<Row>,
}

/// Rows that have to be well: all of them, or any.
pub(super) struct Need {
    rows: BTreeSet<Row>,
    any: bool,
}

impl Need {
    /// The state of all its rows together.
    pub(super) fn state(&self, rows: &[WaitRow]) -> Health {
        let own = rows.iter().filter(|row| self.rows.contains(&key(row)));
        let own: Vec<Health> = own.map(|row| row.state).collect();
        let all = |state: Health| own.iter().all(|one| *one == state);
        let any = |state: Health| own.contains(&state);
        let (well, ill) = if self.any {
            (any(Health::Healthy), all(Health::Failed))
        } else {
            (all(Health::Healthy), any(Health::Failed))
        };
        match (well, ill) {
            (true, _) => Health::Healthy,
            (false, true) => Health::Failed,
            (false, false) => Health::Pending,
        }
    }
}

fn key(row: &WaitRow) -> Row {
    let (environment, app) = (row.environment.clone(), row.app.clone());
    Row { environment, app, version: row.version.clone() }
}

/// What is needed of what was found; `asks` tells whether an environment that
/// is entered wants anything to be well.
pub(super) fn needs(
    found: &Subjects,
    moves: &Moves,
    choices: &[Choice],
    asks: &dyn Fn(&EnvironmentName) -> bool,
) -> Vec<Need> {
    let is_found = |row: &&Row| found.contains_key(*row);
    let mut needs = Vec::new();
    for ((row, _), entered) in moves.iter().filter(|((row, _), _)| is_found(&row)) {
        let chosen = |to: &EnvironmentName| {
            choices.iter().any(|choice| choice.to == *to && choice.rows.contains(row))
        };
        // Where nobody asks, the environment itself is looked at.
        let mut asking = entered.iter().filter(|to| asks(to)).peekable();
        if asking.peek().is_none() || asking.any(|to| !chosen(to)) {
            needs.push(Need { rows: BTreeSet::from([row.clone()]), any: false });
        }
    }
    for choice in choices.iter().filter(|choice| asks(&choice.to)) {
        let rows: BTreeSet<Row> = choice.rows.iter().filter(is_found).cloned().collect();
        if !rows.is_empty() {
            needs.push(Need { rows, any: true });
        }
    }
    needs
}
