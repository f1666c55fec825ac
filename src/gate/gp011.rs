//! GP011: what cannot be read proves nothing.

use crate::discover::{Inventory, Unreadable};
use crate::kustomize::is_kustomization;
use crate::model::{Finding, Outcome, Promotion, Rule};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP011,
    refuses: "a manifest or a config that cannot be read",
    why: "A kustomization that is no YAML, or a link to somewhere else, may make an \
          environment run anything; nothing can be proven about it.",
    satisfy: "Mend the file that is named. `kubectl kustomize DIR` shows what Kubernetes tools \
              make of it.",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let promotions = case.promotions.iter().map(|planned| judge(case, planned));
    promotions.chain(config(case)).chain(at_head(case)).collect()
}

/// A config that the change brings in and that cannot be read.
fn config(case: &Case<'_>) -> Option<Finding> {
    let change = case.proof.config.as_ref()?;
    let message = change.broken.clone()?;
    Some(Finding {
        rule: Rule::GP011,
        outcome: Outcome::Fail,
        app: None,
        environment: None,
        message,
        path: Some(change.path.clone()),
        line: None,
        hint: Some("git promote config validate".to_owned()),
        silence: None,
    })
}

/// What could be read before the change and cannot be read after it.
fn at_head(case: &Case<'_>) -> Vec<Finding> {
    let Some(check) = case.check else { return Vec::new() };
    let known = |unreadable: &&Unreadable| {
        let same = |other: &Unreadable| {
            (&other.path, &other.message) == (&unreadable.path, &unreadable.message)
        };
        !case.inventory.unreadable.iter().any(same)
    };
    let finding = |unreadable: &Unreadable| {
        let overlay = check.head.overlays.get(unreadable.overlay);
        let grave = is_kustomization(unreadable.path.file_name());
        Finding {
            rule: Rule::GP011,
            outcome: if grave { Outcome::Fail } else { Outcome::Warn },
            app: overlay.and_then(|overlay| overlay.app.clone()),
            environment: overlay.map(|overlay| overlay.environment.clone()),
            message: unreadable.message.clone(),
            path: Some(unreadable.path.clone()),
            line: None,
            hint: None,
            silence: None,
        }
    };
    check.head.unreadable.iter().filter(known).map(finding).collect()
}

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let concerned = |unreadable: &&Unreadable| concerns(case.inventory, unreadable, promotion);
    let found: Vec<&Unreadable> = case.inventory.unreadable.iter().filter(concerned).collect();
    // What kustomize itself must read refuses; any other file may be a template.
    let grave = found.iter().find(|unreadable| is_kustomization(unreadable.path.file_name()));
    let (outcome, unreadable) = match (grave, found.first()) {
        (Some(grave), _) => (Outcome::Fail, *grave),
        (None, Some(first)) => (Outcome::Warn, *first),
        (None, None) => {
            let message = "every manifest can be read".to_owned();
            return about(Rule::GP011, promotion, Outcome::Pass, message);
        }
    };
    let mut finding = about(Rule::GP011, promotion, outcome, unreadable.message.clone());
    finding.path = Some(unreadable.path.clone());
    finding
}

/// Whether the file lies in the app's overlay of the target or of a source.
fn concerns(inventory: &Inventory, unreadable: &Unreadable, promotion: &Promotion) -> bool {
    inventory.overlays.get(unreadable.overlay).is_some_and(|overlay| {
        let app = overlay.app.as_ref().is_none_or(|app| *app == promotion.app);
        let here =
            overlay.environment == promotion.to || promotion.from.contains(&overlay.environment);
        app && here
    })
}
