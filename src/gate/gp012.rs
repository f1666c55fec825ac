//! GP012: a waiver says why, and only waives what may be waived.

use crate::audit::Waiver;
use crate::model::{Finding, Outcome, Rule};

use super::{Ask, Case, RuleInfo, override_hint, policy};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP012,
    refuses: "an override without a reason, or of a rule that must not be overridden here",
    why: "An override is for emergencies, and on record. Without a reason nobody can judge it \
          afterwards; and the rules that make a skip impossible have no emergency.",
    satisfy: "Give the reason, and let the config say what may be waived:\n\
              \n    git promote APP@VERSION ENVIRONMENT --override RULE --reason TEXT\n\
              \n    [[override]]\n    rule = \"GP003\"\n    environments = [\"prod\"]",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    case.waivers.iter().map(|waiver| judge(case, waiver)).collect()
}

fn with_reason(case: &Case<'_>, rule: Rule) -> String {
    match (case.plan.promotions.first(), case.plan.current.first()) {
        (Some(planned), _) => override_hint(case, rule, &planned.promotion),
        // Where nothing moves there is nothing to waive.
        (None, Some((app, _, pin))) => format!("git promote {} {}", app.at(pin), case.plan.to),
        (None, None) => format!("git promote explain {rule}"),
    }
}

fn judge(case: &Case<'_>, waiver: &Waiver) -> Finding {
    let rule = waiver.rule;
    let refusal = if waiver.reason.trim().is_empty() {
        Some((format!("{rule} is overridden without a reason"), with_reason(case, rule)))
    } else {
        policy::objection(case, rule).map(|why| (why, format!("git promote explain {rule}")))
    };
    let (outcome, message, hint) = match refusal {
        Some((message, hint)) => (Outcome::Fail, message, Some(hint)),
        None => (Outcome::Pass, format!("{rule} may be overridden here"), None),
    };
    Finding {
        rule: Rule::GP012,
        outcome,
        app: None,
        environment: Some(case.plan.to.clone()),
        message,
        path: None,
        line: None,
        hint,
    }
}
