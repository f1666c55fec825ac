//! GP008: what moved together goes on together.

use crate::model::{Finding, Outcome, Rule};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP008,
    refuses: "leaving images of an app behind that carry the same version",
    why: "Images that carry one version in the environment before were tested as a set. Part \
          of the set is a combination that ran nowhere.",
    satisfy: "Promote without `--image`, so that all images of the version move.",
    overridable: true,
    ask: Ask::Each(judge),
};

fn judge(_case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    if planned.left_behind.is_empty() {
        let message = "no image of the set stays behind".to_owned();
        return about(Rule::GP008, promotion, Outcome::Pass, message);
    }
    let message = format!("left behind: {}", planned.left_behind.join(", "));
    let mut finding = about(Rule::GP008, promotion, Outcome::Warn, message);
    finding.hint =
        Some(format!("git promote {} {}", promotion.app.at(&promotion.version), promotion.to));
    placed(finding, planned)
}
