//! GP008: what moved together goes on together.

use std::collections::BTreeSet;

use crate::model::{Finding, Outcome, Rule, quoted};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP008,
    refuses: "leaving images of an app behind that carry the same version",
    why: "Images that carry one version in the environment before were tested as a set. Part \
          of the set is a combination that ran nowhere. This rule only warns.",
    satisfy: "Promote without `--image`, so that all images of the version move; `--create` \
              makes the entry that the environment lacks.",
    overridable: true,
    ask: Ask::Each(judge),
};

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    if planned.left_behind.is_empty() {
        let message = "no image of the set stays behind".to_owned();
        return about(Rule::GP008, promotion, Outcome::Pass, message);
    }
    let message = format!("left behind: {}", planned.left_behind.join(", "));
    let mut finding = about(Rule::GP008, promotion, Outcome::Warn, message);
    finding.hint = Some(together(case, planned));
    placed(finding, planned)
}

/// The command that moves the whole set.
fn together(case: &Case<'_>, planned: &Planned) -> String {
    let promotion = &planned.promotion;
    let mut command =
        format!("git promote {} {}", promotion.app.at(&promotion.version), promotion.to);
    if promotion.from.is_empty() {
        // Nothing but their names tells which images are meant.
        let others = case.promotions.iter().map(|planned| &planned.promotion);
        let moving = others.filter(|other| other.app == promotion.app).map(|other| &other.image);
        let images: BTreeSet<&String> = moving.chain(&planned.left_behind).collect();
        for image in images {
            command.push_str(&format!(" --image {}", quoted(image)));
        }
    }
    let lacks =
        |image: &String| case.inventory.cell(&promotion.to, &promotion.app, image).is_none();
    if planned.left_behind.iter().any(lacks) {
        command.push_str(" --create");
    }
    command
}
