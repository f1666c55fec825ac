//! GP010: rules on history need the history.

use crate::discover::CellKey;
use crate::model::{Finding, Outcome, Rule};
use crate::plan::Planned;

use super::{Ask, Case, Past, RuleInfo, about};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP010,
    refuses: "a promotion whose history is not there, in a shallow clone",
    why: "Whether an environment already left a version, and whether going back to one is a \
          rollback, only the history tells. What a shallow clone has cut off proves nothing.",
    satisfy: "Fetch the history, in a partial clone with the files of the past:\n\
              \n    git fetch --unshallow\
              \n    git fetch --refetch --no-filter",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let cut_off = case.check.is_some() && case.history == Past::CutOff;
    let lacks = |planned: &&Planned| {
        let promotion = &planned.promotion;
        let timeline = case.timelines.get(&CellKey::of(promotion, &promotion.to));
        cut_off && !promotion.from.is_empty() && timeline.is_none_or(|timeline| !timeline.complete)
    };
    case.promotions.iter().filter(lacks).map(|planned| finding(case, planned)).collect()
}

fn finding(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let message = format!(
        "the history of {} in {} is cut off: whether it left {} before is not known",
        promotion.app, promotion.to, promotion.version
    );
    let mut finding = about(Rule::GP010, promotion, Outcome::Unverifiable, message);
    finding.hint = case.check.map(|check| check.cure.to_owned());
    finding
}
