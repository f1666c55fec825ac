//! GP014: what cannot be proven does not pass.

use crate::model::{Finding, Outcome, Rule};
use crate::proof::Doubt;

use super::{Ask, Case, RuleInfo, signed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP014,
    refuses: "a change after which what an environment would run cannot be proven",
    why: "A change is judged by two trees alone. What kustomize would fetch, execute or read in \
          another way than the judge can hide a version; so can a file that changes what others \
          mean. What is not followed alike before and after the change never counts. With \
          `verify-signature` of an environment the image has to be signed as well: `cosign verify` \
          is asked about its digest, and an image that it does not pass, or that it cannot be \
          asked about, is not proven either.",
    satisfy: "Make the change without the construct that is named, or by itself: what is left of \
              it then can be judged. `kubectl kustomize DIR` shows what it renders. An image is \
              signed by its digest where it was tested; the hint shows what was asked:\n\
              \n    cosign sign IMAGE@DIGEST\n    \
              git promote registry check APP@VERSION",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    case.proof.doubts.iter().map(finding).chain(signed::judge_all(case)).collect()
}

fn finding(doubt: &Doubt) -> Finding {
    Finding {
        rule: Rule::GP014,
        outcome: Outcome::Unverifiable,
        app: doubt.app.clone(),
        environment: doubt.environment.clone(),
        message: doubt.message.clone(),
        path: Some(doubt.path.clone()),
        line: (doubt.line > 0).then_some(doubt.line),
        hint: None,
        silence: None,
    }
}
