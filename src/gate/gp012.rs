//! GP012: a waiver says why, and only waives what may be waived.

use crate::audit::Waiver;
use crate::model::{EnvironmentName, Finding, Outcome, Rule};

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
    let each = |waiver| case.targets.iter().map(move |to| judge(case, waiver, to));
    case.waivers.iter().flat_map(each).collect()
}

fn with_reason(case: &Case<'_>, rule: Rule, to: &EnvironmentName) -> String {
    match (case.promotions.first(), case.current.first()) {
        (Some(planned), _) => override_hint(case, rule, &planned.promotion),
        // Where nothing moves there is nothing to waive.
        (None, Some((app, _, pin))) => format!("git promote {} {to}", app.at(pin)),
        (None, None) => format!("git promote explain {rule}"),
    }
}

fn judge(case: &Case<'_>, waiver: &Waiver, to: &EnvironmentName) -> Finding {
    let rule = waiver.rule;
    let refusal = if waiver.reason.trim().is_empty() {
        Some((format!("{rule} is overridden without a reason"), with_reason(case, rule, to)))
    } else {
        let objection = policy::objection(case, rule, to);
        let objection = objection.or_else(|| policy::unsigned(case, waiver, to));
        objection.map(|why| (why, format!("git promote explain {rule}")))
    };
    let (outcome, message, hint) = match refusal {
        Some((message, hint)) => (Outcome::Fail, message, Some(hint)),
        // A policy says for itself whether it may be waived.
        None if case.check.is_none() && case.config.overrides.is_empty() && rule != Rule::GP017 => {
            let message = format!(
                "{rule} may be overridden, but check and verify refuse it as long as no \
                 [[override]] of the config grants it"
            );
            (Outcome::Warn, message, None)
        }
        None if case.check.is_none() && policy::wants_signature(case, rule, to) => {
            let message = format!(
                "{rule} may be overridden here by a commit that an allowed signer signs with ssh \
                 (-S, gpg.format = ssh)"
            );
            (Outcome::Warn, message, None)
        }
        None => (Outcome::Pass, format!("{rule} may be overridden here"), None),
    };
    Finding {
        rule: Rule::GP012,
        outcome,
        app: None,
        environment: Some(to.clone()),
        message,
        path: None,
        line: None,
        hint,
        silence: None,
    }
}
