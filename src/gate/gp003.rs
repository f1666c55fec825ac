//! GP003: no way back by accident.

use std::cmp::Ordering;

use crate::discover::CellKey;
use crate::history::Timeline;
use crate::model::{Finding, Outcome, Pin, Promotion, Rule, by_semver};
use crate::plan::Planned;

use super::accepted::{self, Why};
use super::{
    Ask, Case, Lineage, Past, RuleInfo, about, gp001, override_hint, placed, short_id, waiving,
};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP003,
    refuses: "going back: an older version, or one that the environment already left",
    why: "A promotion goes forward. An older version by SemVer (where tags do not tell, by the commits \
          of the app's own repository, if `git config promote.APP.source DIR` names a clone of it), or one that the environment \
          ran and left (perhaps because it was bad), is a rollback that nobody called one. One that jumps over a whole major version is \
          let through with a warning that says how many; so is one of which a clone that is \
          named does not tell.",
    satisfy: "If going back to what ran here is what you want, say so:\n\
              \n    git promote rollback ENVIRONMENT APP@VERSION\n\
              \nTo an older version that never ran here, with the reason:\n\
              \n    git promote APP@VERSION ENVIRONMENT --override GP003 --reason TEXT",
    overridable: true,
    ask: Ask::Each(judge),
};

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let timeline = case.timelines.get(&CellKey::of(promotion, &promotion.to));
    let (new, old) = (&promotion.version, &promotion.previous);
    let order = by_semver(new, old);
    if let Some(rollback) = accepted::otherwise(case, planned).filter(|a| a.why == Why::Rollback) {
        return about(Rule::GP003, promotion, Outcome::Pass, rollback.text);
    }
    if case.rollback {
        return way_back(case, planned);
    }
    let cut = timeline.is_none_or(|timeline| !timeline.complete) && case.history == Past::CutOff;
    if let Some(check) = case.check.filter(|_| cut) {
        return cut_off(promotion, check.cure);
    }
    let lineage = case.lineages.get(&CellKey::of(promotion, &promotion.to));
    if order == Some(Ordering::Less) {
        let message = format!("{new} is older than {old}{}", only_then(case, planned, timeline));
        return refuse(case, planned, message);
    }
    if lineage == Some(&Lineage::Before) {
        let message = format!("{new} is older than {old}, of which it is a part");
        return refuse(case, planned, message);
    }
    if timeline.is_some_and(|timeline| timeline.left(new)) {
        return refuse(case, planned, format!("{} already ran {new} and left it", promotion.to));
    }
    if old.is_empty() {
        let message = format!("{} had no version of its own", promotion.to);
        return about(Rule::GP003, promotion, Outcome::Pass, message);
    }
    if timeline.is_none_or(|timeline| !timeline.complete) && case.history == Past::CutOff {
        let cure = case.check.map_or("git fetch --unshallow", |check| check.cure);
        return cut_off(promotion, cure);
    }
    if case.history == Past::None {
        let message =
            format!("a tree has no history: whether {} left {new} is not asked", promotion.to);
        return about(Rule::GP003, promotion, Outcome::Skip, message);
    }
    if let Some(majors) = jumped(new, old).filter(|majors| *majors > 0) {
        let versions = if majors == 1 { "version" } else { "versions" };
        let message = format!("{new} jumps over {majors} major {versions} after {old}");
        return placed(about(Rule::GP003, promotion, Outcome::Warn, message), planned);
    }
    if lineage == Some(&Lineage::Apart) {
        let message = format!("{new} does not come from {old}, nor that from it");
        return placed(about(Rule::GP003, promotion, Outcome::Warn, message), planned);
    }
    let message = forward(promotion, lineage);
    let Some(Lineage::Unknown { why, hint }) = lineage else {
        return about(Rule::GP003, promotion, Outcome::Pass, message);
    };
    // Somebody said where to look, and it does not help.
    let message = format!("{message} (whether it is newer is not known: {why})");
    let mut finding = about(Rule::GP003, promotion, Outcome::Warn, message);
    finding.hint.clone_from(hint);
    placed(finding, planned)
}

/// What is said of a version that may come.
fn forward(promotion: &Promotion, lineage: Option<&Lineage>) -> String {
    let (new, old) = (&promotion.version, &promotion.previous);
    match by_semver(new, old) {
        Some(Ordering::Greater) => format!("{new} is newer than {old}"),
        _ if lineage == Some(&Lineage::After) => format!("{new} comes from {old}"),
        _ if new.tag.is_some() && new.tag == old.tag => {
            format!(
                "the tag stays {}",
                old.tag.as_ref().map(ToString::to_string).unwrap_or_default()
            )
        }
        _ => format!("{} did not run {new} before", promotion.to),
    }
}

/// How many major versions lie between two, as far as the tags tell.
fn jumped(new: &Pin, old: &Pin) -> Option<u64> {
    let major = |pin: &Pin| {
        let tag = pin.tag.as_ref()?.to_string();
        Some(semver::Version::parse(tag.strip_prefix('v').unwrap_or(&tag)).ok()?.major)
    };
    major(new)?.checked_sub(major(old)?)?.checked_sub(1)
}

/// A rollback is asked for: only what ran here is one.
fn way_back(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    if let Some(rollback) = accepted::rollback(case, planned) {
        return about(Rule::GP003, promotion, Outcome::Pass, rollback.text);
    }
    let (to, new) = (&promotion.to, &promotion.version);
    let timeline = case.timelines.get(&CellKey::of(promotion, to));
    if timeline.is_none_or(|timeline| !timeline.complete) && case.history == Past::CutOff {
        let message = format!("the history is cut off: whether {to} ran {new} is not known");
        let mut finding = about(Rule::GP003, promotion, Outcome::Fail, message);
        finding.hint = Some("git fetch --unshallow".to_owned());
        return placed(finding, planned);
    }
    let left = timeline.and_then(|timeline| accepted::left_by(timeline, promotion));
    let message = match left {
        Some(left) => format!(
            "no way back: {to} went back from {new} ({}); forward again it is promoted",
            short_id(&left.commit)
        ),
        None => format!("no way back: {}", not_here(case, planned, timeline)),
    };
    let mut finding = refuse(case, planned, message);
    let forward = promotion.app.at(new);
    match (gp001::is_run_before(case, promotion), left) {
        // A promotion is what it is; to what was left or is older with a reason.
        (true, None) if by_semver(new, &promotion.previous) != Some(Ordering::Less) => {
            finding.hint = Some(format!("git promote {forward} {to}"));
        }
        (true, _) => {
            let command = format!("git promote {forward} {to}");
            finding.hint = Some(waiving(case, (Rule::GP003, to), &command));
        }
        // What would satisfy GP001 is said there; no reason does.
        (false, Some(_)) => finding.hint = None,
        (false, None) => finding.hint = Some(ran_here(promotion)),
    }
    finding
}

/// An image that came with no earlier stay of the version that is gone back to.
fn other_image<'c>(
    case: &Case<'c>,
    planned: &Planned,
    timeline: Option<&Timeline>,
) -> Option<&'c str> {
    let back = |timeline| accepted::is_way_back(timeline, &planned.promotion);
    let entering = accepted::never_run(case, planned).filter(|_| timeline.is_some_and(back))?;
    Some(&entering.reference)
}

/// Why a change that goes back is none of the ways back.
fn only_then(case: &Case<'_>, planned: &Planned, timeline: Option<&Timeline>) -> String {
    let image = other_image(case, planned, timeline).filter(|_| case.check.is_some());
    let to = &planned.promotion.to;
    image.map(|image| format!(", and {to} did not run {image} with it")).unwrap_or_default()
}

/// How it is that an environment did not run a version.
fn not_here(case: &Case<'_>, planned: &Planned, timeline: Option<&Timeline>) -> String {
    let promotion = &planned.promotion;
    let (to, new) = (&promotion.to, &promotion.version);
    if let Some(image) = other_image(case, planned, timeline) {
        return format!("{to} ran {new}, but not {image}");
    }
    let held = timeline.map(|timeline| timeline.held.as_slice()).unwrap_or_default();
    let same = held.iter().skip(1).find(|held| held.pin == *new);
    if let Some(image) = same.and_then(|held| held.repository.as_ref().or(held.beside.as_ref())) {
        return format!("{to} ran {new} as another image, {image}");
    }
    let first = held.last().and_then(|held| held.since.as_ref());
    match first.filter(|_| timeline.is_some_and(|timeline| timeline.complete)) {
        Some(moment) => {
            let commit = short_id(&moment.commit);
            format!("{to} has not run {new} since {} came there ({commit})", promotion.app)
        }
        None => format!("{to} did not run {new}"),
    }
}

/// The command that tells what an environment ran of an app.
pub(super) fn ran_here(promotion: &Promotion) -> String {
    format!("git promote log {} {}", promotion.app.word(), promotion.to)
}

fn refuse(case: &Case<'_>, planned: &Planned, message: String) -> Finding {
    let promotion = &planned.promotion;
    let mut finding = about(Rule::GP003, promotion, Outcome::Fail, message);
    let waived = || override_hint(case, Rule::GP003, promotion);
    finding.hint = Some(rolled_back(case, promotion).unwrap_or_else(waived));
    placed(finding, planned)
}

/// The command that goes back, where a promotion is asked for and the
/// environment ran the version.
pub(super) fn rolled_back(case: &Case<'_>, promotion: &Promotion) -> Option<String> {
    if case.check.is_some() || case.rollback {
        return None;
    }
    let timeline = case.timelines.get(&CellKey::of(promotion, &promotion.to))?;
    // A tag alone means the digest that it ran with.
    let mut stays = timeline.held.iter().enumerate().skip(1);
    let (stay, _) = stays.find(|(_, held)| held.pin.carries(&promotion.version))?;
    let word = promotion.app.at(&promotion.version);
    let back = !timeline.went_back_from(stay);
    back.then(|| format!("git promote rollback {} {word}", promotion.to))
}

/// In a shallow clone only part of the past is there.
fn cut_off(promotion: &Promotion, cure: &str) -> Finding {
    let message = format!(
        "the history is cut off: whether {} already left {} is not known",
        promotion.to, promotion.version
    );
    let mut finding = about(Rule::GP003, promotion, Outcome::Skip, message);
    finding.hint = Some(cure.to_owned());
    finding
}
