//! GP007: one change, one environment.

use std::collections::BTreeSet;

use crate::model::{EnvironmentName, Finding, Outcome, Rule};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP007,
    refuses: "a change that touches more than one environment",
    why: "A change of two environments can be judged, reverted and read only as a whole: it \
          puts a version into the second before the first has proven it. This rule only warns.",
    satisfy: "Give each environment a file of its own, or promote them one after the other.",
    overridable: true,
    ask: Ask::Each(judge),
};

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let mut others: BTreeSet<&EnvironmentName> = BTreeSet::new();
    let mut path = None;
    for (file, _) in &planned.sites {
        let owner = case
            .inventory
            .overlays
            .iter()
            .filter(|overlay| file.is_within(&overlay.path))
            .max_by_key(|overlay| overlay.path.as_str().len());
        if let Some(owner) = owner.filter(|owner| owner.environment != promotion.to) {
            others.insert(&owner.environment);
            path = Some(file.clone());
        }
    }
    if others.is_empty() {
        let message = format!("only {} changes", promotion.to);
        return about(Rule::GP007, promotion, Outcome::Pass, message);
    }
    let names: Vec<&str> = others.into_iter().map(EnvironmentName::as_str).collect();
    let message = format!("the same change also touches {}", names.join(", "));
    let mut finding = about(Rule::GP007, promotion, Outcome::Warn, message);
    finding.path = path;
    finding
}
