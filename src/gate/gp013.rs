//! GP013: the rules change by themselves, never together with what they judge.

use crate::model::{Finding, Outcome, Rule};
use crate::proof::ConfigChange;

use super::{Ask, Case, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP013,
    refuses: "a change of the config together with anything that an environment runs",
    why: "A change is judged by the config of its base. One that also brings another config in \
          is judged by rules that are gone once it lands; and what the config allows is a \
          decision of its own, which code owners can be asked for. Files that it names are part of \
          it: allowed signers, keys of signatures, the program of `health`.",
    satisfy: "Change promote.toml in a change of its own, and let that land first.",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let change = case.proof.config.as_ref().filter(|_| case.check.is_some());
    change
        .filter(|change| change.broken.is_none())
        .map(|change| judge(case, change))
        .into_iter()
        .collect()
}

fn judge(case: &Case<'_>, change: &ConfigChange) -> Finding {
    let (outcome, message) = if case.proof.touches {
        let message = "the config changes together with what environments run".to_owned();
        (Outcome::Fail, message)
    } else if change.loosens.is_empty() {
        (Outcome::Pass, "the config changes alone, and allows nothing new".to_owned())
    } else {
        (Outcome::Warn, format!("the config changes alone: {}", change.loosens.join("; ")))
    };
    Finding {
        rule: Rule::GP013,
        outcome,
        app: None,
        environment: None,
        message,
        path: Some(change.path.clone()),
        line: None,
        hint: None,
        silence: None,
    }
}
