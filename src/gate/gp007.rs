//! GP007: one change, one environment.

use std::collections::BTreeSet;

use crate::model::{EnvironmentName, Finding, Outcome, RepoPath, Rule};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP007,
    refuses: "a change of several environments, or of versions and something else",
    why: "A change of two environments can be judged, reverted and read only as a whole: it \
          puts a version into the second before the first has proven it. This rule only warns.",
    satisfy: "Give each environment a file of its own, or promote them one after the other.",
    overridable: true,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    match case.check {
        Some(check) => mixed(case, check.changed).into_iter().collect(),
        None => case.promotions.iter().map(|planned| judge(case, planned)).collect(),
    }
}

/// A change that somebody made as a whole: several environments in one, or
/// promotions and something else.
fn mixed(case: &Case<'_>, changed: &[RepoPath]) -> Option<Finding> {
    let first = case.promotions.first()?;
    let environments: BTreeSet<&EnvironmentName> =
        case.promotions.iter().map(|planned| &planned.promotion.to).collect();
    let holds = |path: &RepoPath| {
        let sites = case.promotions.iter().flat_map(|planned| &planned.sites);
        sites.into_iter().any(|(site, _)| site == path)
    };
    let other = changed.iter().find(|path| !holds(path));
    let names: Vec<&str> = environments.iter().map(|name| name.as_str()).collect();
    let (outcome, message) = match (names.as_slice(), other) {
        ([name], None) => (Outcome::Pass, format!("only versions of {name} change")),
        ([name], Some(other)) => {
            (Outcome::Warn, format!("versions of {name} change together with {other}"))
        }
        _ => (Outcome::Warn, format!("versions of {} change at once", names.join(", "))),
    };
    let environment = (names.len() == 1).then(|| first.promotion.to.clone());
    Some(Finding {
        rule: Rule::GP007,
        outcome,
        app: None,
        environment,
        message,
        path: other.filter(|_| names.len() == 1).cloned(),
        line: None,
        hint: None,
        silence: None,
    })
}

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
