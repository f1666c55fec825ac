//! GP010: rules on history need the history.

use crate::discover::CellKey;
use crate::model::{Finding, Outcome, Rule};
use crate::plan::Planned;

use super::{Ask, Case, Past, RuleInfo, about, gp009};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP010,
    refuses: "a promotion whose history is not there, in a shallow clone",
    why: "Whether an environment already left a version, and whether going back to one is a \
          rollback, only the history tells; so it is with how long a version has been where \
          `soak` asks for it. What a shallow clone has cut off proves nothing.",
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
    let judge = |planned: &Planned| {
        if lacks(&planned) {
            return Some(finding(case, planned));
        }
        gp009::unknown(case, planned).map(|message| unverifiable(case, planned, message))
    };
    case.promotions.iter().filter_map(judge).collect()
}

fn finding(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let message = format!(
        "the history of {} in {} is cut off: whether it left {} before is not known",
        promotion.app, promotion.to, promotion.version
    );
    unverifiable(case, planned, message)
}

fn unverifiable(case: &Case<'_>, planned: &Planned, message: String) -> Finding {
    let mut finding = about(Rule::GP010, &planned.promotion, Outcome::Unverifiable, message);
    let cure = case.check.map_or("git fetch --unshallow", |check| check.cure);
    finding.hint = (case.history != Past::None).then(|| cure.to_owned());
    finding
}
