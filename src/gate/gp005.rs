//! GP005: no tag that moves.

use globset::Glob;

use crate::config::Config;
use crate::model::{Finding, Outcome, Rule, Tag};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about, override_hint, placed};

/// Tags that move by convention.
const MOVING: [&str; 12] = [
    "latest", "main", "master", "head", "trunk", "develop", "edge", "nightly", "canary", "stable",
    "snapshot", "rolling",
];

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP005,
    refuses: "a tag that moves: `latest`, branch and environment names, the configured list",
    why: "A tag that is pushed again is another image tomorrow: what was tested is not what \
          runs, and there is nothing to go back to.",
    satisfy: "Promote a tag that is pushed once, or pin the digest beside it:\n\
              \n    git promote APP@TAG@sha256:... ENVIRONMENT",
    overridable: true,
    ask: Ask::Each(judge),
};

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let pass = |message: String| about(Rule::GP005, promotion, Outcome::Pass, message);
    let Some(tag) = &promotion.version.tag else {
        return pass("a digest never moves".to_owned());
    };
    let Some(why) = moves(case.config, tag) else {
        return pass(format!("{tag} is no moving tag"));
    };
    if promotion.version.digest.is_some() {
        return pass(format!("{tag} moves, but its digest is pinned"));
    }
    let mut finding =
        about(Rule::GP005, promotion, Outcome::Fail, format!("the tag {tag} moves: it is {why}"));
    finding.hint = Some(override_hint(case, Rule::GP005, promotion));
    placed(finding, planned)
}

/// Whether a tag moves, by its name.
pub fn is_moving(config: &Config, tag: &Tag) -> bool {
    moves(config, tag).is_some()
}

fn moves(config: &Config, tag: &Tag) -> Option<String> {
    let lower = tag.as_str().to_ascii_lowercase();
    if MOVING.contains(&lower.as_str()) {
        return Some("a name for whatever is newest".to_owned());
    }
    let environments = config.pipeline.environments();
    let is_tag = |name: &str| name.eq_ignore_ascii_case(tag.as_str());
    let named = environments.iter().any(|e| {
        std::iter::once(e.name.as_str()).chain(e.dirs.iter().map(String::as_str)).any(is_tag)
    });
    if named {
        return Some("the name of an environment".to_owned());
    }
    let listed = config.mutable_tags.iter().find(|glob| {
        Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(tag.as_str()))
    });
    listed.map(|glob| format!("listed as `{glob}` in mutable-tags"))
}
