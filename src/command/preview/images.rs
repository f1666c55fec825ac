//! The image of a preview: it has to be there, and signed where that is asked
//! for, as if the version entered the environment itself.

use std::collections::BTreeMap;

use crate::config::Holds;
use crate::discover::Inventory;
use crate::gate::{self, Case, Past};
use crate::model::{Finding, Outcome, Rule};
use crate::plan::Plan;
use crate::proof::Proof;

use super::super::evidence::Ground;
use super::super::outside::{Fate, Questions};
use super::super::{Context, Exit, Failure, Workspace};

/// Refuses a version that the registry does not have, or that is not signed by
/// whom it should be.
pub(super) fn ask(
    context: &Context,
    workspace: &Workspace,
    (inventory, plan): (&Inventory, &Plan),
) -> Result<(), Failure> {
    let timelines = BTreeMap::new();
    let questions = Questions {
        ground: Ground::of(workspace),
        inventory,
        after: inventory,
        promotions: &plan.promotions,
        timelines: &timelines,
        remote: None,
        fate: Fate::Local,
        back: false,
    };
    let case = Case {
        config: &workspace.config,
        inventory,
        promotions: &plan.promotions,
        current: &plan.current,
        targets: std::slice::from_ref(&plan.to),
        proof: &Proof::default(),
        check: None,
        timelines: &timelines,
        ran: &BTreeMap::new(),
        dates: &BTreeMap::new(),
        lineages: &BTreeMap::new(),
        base: &workspace.base.to_string(),
        trailers: &[],
        holds: &Holds::default(),
        history: Past::None,
        rollback: false,
        waivers: &[],
        answers: Some(&questions.images()?),
        now: context.now,
    };
    let of_image = |finding: &Finding| matches!(finding.rule, Rule::GP002 | Rule::GP014);
    let findings: Vec<Finding> = gate::evaluate(&case).into_iter().filter(of_image).collect();
    let refuses = |f: &&Finding| matches!(f.outcome, Outcome::Fail | Outcome::Unverifiable);
    let Some(finding) = findings.iter().find(refuses) else { return Ok(()) };
    let exit = gate::only_silence(&findings).map_or(Exit::Refused, Exit::of_silence);
    Err(Failure::new(exit, format!("{}: {}", finding.rule, finding.message))
        .maybe_hint(finding.hint.clone()))
}
