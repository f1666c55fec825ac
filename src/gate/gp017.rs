//! GP017: the conditions that the config sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::PolicyRule;
use crate::discover::{Cell, CellKey};
use crate::expression::{ChangeFacts, Facts, Place, PromotionFacts, RepoFacts, Time};
use crate::history::Timeline;
use crate::model::{EnvironmentName, Finding, Outcome, Pin, Promotion, Rule, by_semver, quoted};
use crate::plan::Planned;

use super::{Ask, Case, Past, RuleInfo, about, accepted, override_hint, placed, policy};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP017,
    refuses: "a promotion for which a `[[policy]]` is false, or that lacks a required trailer",
    why: "What a team agreed on is written down as conditions of the config: expressions of CEL \
          over `promotion`, `from`, `to`, `now`, `change` and `repo`, each with a name, and \
          `require-trailers` of an environment. They are read from the base. An expression is \
          typed and bounded when the config is read; where it cannot be told whether it holds, \
          it does not. A policy with `override = true` can be waived with a reason; that waives no \
          other one.",
    satisfy: "A finding names each policy that does not hold, and `git promote config show` prints \
              them. A trailer is given by\n\
              \n    git promote APP@VERSION ENVIRONMENT --trailer Ticket=OPS-42\n\
              \nor stands in the message of a commit of the change.",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let change =
        if case.config.guards.policies.is_empty() { None } else { Some(Arc::new(change(case))) };
    case.promotions.iter().flat_map(|planned| judge(case, planned, change.as_ref())).collect()
}

/// Each trailer that is missing and each policy that does not hold; one pass
/// where all is well, and nothing where nothing is asked.
fn judge(case: &Case<'_>, planned: &Planned, change: Option<&Arc<ChangeFacts>>) -> Vec<Finding> {
    let promotion = &planned.promotion;
    let to = &promotion.to;
    let policies: Vec<&PolicyRule> =
        case.config.guards.policies.iter().filter(|policy| policy.is_for(to)).collect();
    let mut refused = lacking(case, planned);
    if let Some(change) = change.filter(|_| !policies.is_empty()) {
        let facts = facts(case, planned, change);
        let asked = policies.iter().map(|policy| (*policy, policy.expression.holds(&facts)));
        let false_ones = asked.filter(|(_, holds)| *holds != Ok(true));
        refused.extend(false_ones.map(|(policy, holds)| fails(case, planned, (policy, holds))));
    }
    if !refused.is_empty() {
        return refused;
    }
    let holds = match policies.as_slice() {
        [] if case.config.guard(to).trailers.is_empty() => return Vec::new(),
        [] => "every trailer is there".to_owned(),
        some => {
            let names: Vec<String> = some.iter().map(|p| format!("`{}`", p.name)).collect();
            format!("holds: {}", names.join(", "))
        }
    };
    vec![about(Rule::GP017, promotion, Outcome::Pass, holds)]
}

/// A policy that does not hold: a reason waives it only where it says so itself.
fn fails(
    case: &Case<'_>,
    planned: &Planned,
    (policy, holds): (&PolicyRule, Result<bool, String>),
) -> Finding {
    let said = match (&policy.message, holds) {
        (_, Err(why)) => format!("cannot be told: {why}"),
        (Some(message), Ok(_)) => message.clone(),
        (None, Ok(_)) => format!("`{}` is false", policy.expression.text()),
    };
    let message = format!("policy `{}`: {said}", policy.name);
    let mut finding = about(Rule::GP017, &planned.promotion, Outcome::Fail, message);
    finding.hint = Some(if policy.overridable {
        override_hint(case, Rule::GP017, &planned.promotion)
    } else {
        "git promote config show".to_owned()
    });
    let finding = placed(finding, planned);
    if policy.overridable { policy::waived(case, finding) } else { finding }
}

/// Why no policy may be waived in an environment; `None` if one may.
pub(super) fn objection(case: &Case<'_>, to: &EnvironmentName) -> Option<String> {
    let mut policies = case.config.guards.policies.iter();
    let any = policies.any(|policy| policy.overridable && policy.is_for(to));
    (!any).then(|| format!("no policy of {to} says `override = true`"))
}

/// The trailers that the environment wants and no commit carries: nothing
/// waives these.
fn lacking(case: &Case<'_>, planned: &Planned) -> Vec<Finding> {
    let promotion = &planned.promotion;
    let to = &promotion.to;
    let lacks = |wanted: &&String| {
        let same = |(key, value): &(String, String)| {
            key.eq_ignore_ascii_case(wanted) && !value.trim().is_empty()
        };
        !case.trailers.iter().any(same)
    };
    let missing: Vec<&String> = case.config.guard(to).trailers.iter().filter(lacks).collect();
    let finding = |key: &&String| {
        let message = format!("{to} wants the trailer `{key}`, and no commit carries it");
        let mut finding = about(Rule::GP017, promotion, Outcome::Fail, message);
        finding.hint = Some(trailers_hint(case, promotion, &missing));
        placed(finding, planned)
    };
    missing.iter().map(finding).collect()
}

/// The command that gives all that is missing.
fn trailers_hint(case: &Case<'_>, promotion: &Promotion, missing: &[&String]) -> String {
    let word = promotion.app.at(&promotion.version);
    let flags = |flag: &dyn Fn(&str) -> String| {
        missing.iter().map(|key| flag(key)).collect::<Vec<_>>().join(" ")
    };
    match case.check {
        None => {
            let flags = flags(&|key| format!("--trailer {key}=TEXT"));
            format!("git promote {word} {} {flags}", promotion.to)
        }
        Some(_) => {
            let keys: Vec<&str> = missing.iter().map(|key| key.as_str()).collect();
            let subject = quoted(&format!("Name the {}", keys.join(" and the ")));
            let flags = flags(&|key| format!("--trailer '{key}: TEXT'"));
            format!("git commit --allow-empty -m {subject} {flags}")
        }
    }
}

/// What an expression sees of the change as a whole.
fn change(case: &Case<'_>) -> ChangeFacts {
    let moved = || case.promotions.iter().map(|planned| &planned.promotion);
    let apps: BTreeSet<String> = moved().map(|one| one.app.to_string()).collect();
    let environments: BTreeSet<String> = moved().map(|one| one.to.to_string()).collect();
    let files: BTreeSet<String> = match case.check {
        Some(check) => check.changed.iter().map(ToString::to_string).collect(),
        None => {
            let sites = case.promotions.iter().flat_map(|planned| &planned.sites);
            sites.map(|(path, _)| path.to_string()).collect()
        }
    };
    let mut trailers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in case.trailers {
        trailers.entry(key.clone()).or_default().push(value.clone());
    }
    ChangeFacts {
        apps: apps.into_iter().collect(),
        environments: environments.into_iter().collect(),
        files: files.into_iter().collect(),
        trailers,
    }
}

fn facts(case: &Case<'_>, planned: &Planned, change: &Arc<ChangeFacts>) -> Facts {
    let promotion = &planned.promotion;
    let pin = &promotion.version;
    let environment = case.config.environment(promotion.to.as_str());
    let sources = environment.map(|one| case.config.sources_for(one, &promotion.app));
    let sources = sources.as_ref().map_or(&[][..], |sources| sources.names());
    Facts {
        promotion: PromotionFacts {
            app: promotion.app.name.clone(),
            group: promotion.app.group.clone().unwrap_or_default(),
            image: promotion.image.clone(),
            version: pin.to_string(),
            tag: pin.tag.as_ref().map(ToString::to_string).unwrap_or_default(),
            digest: pin.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            previous: text(&promotion.previous),
            step: step(pin, &promotion.previous).to_owned(),
            rollback: case.rollback || accepted::rollback(case, planned).is_some(),
        },
        from: sources.iter().map(|source| place(case, promotion, source)).collect(),
        to: place(case, promotion, &promotion.to),
        now: Time(case.now),
        change: change.clone(),
        repo: RepoFacts { base: case.base.to_owned(), complete: case.history == Past::Whole },
    }
}

fn text(pin: &Pin) -> String {
    if pin.is_empty() { String::new() } else { pin.to_string() }
}

fn place(case: &Case<'_>, promotion: &Promotion, name: &EnvironmentName) -> Place {
    let key = CellKey::of(promotion, name);
    let pin = case.inventory.cells.get(&key).and_then(Cell::pin);
    let since = case.timelines.get(&key).and_then(Timeline::since);
    let floor = since.and_then(|since| case.dates.get(&since.commit)?.newest_before);
    let since = since.map(|since| since.seconds.max(floor.unwrap_or(i64::MIN)));
    Place {
        name: name.to_string(),
        version: pin.map(text).unwrap_or_default(),
        since: Time(since.unwrap_or(case.now)),
    }
}

/// By how much a version grows, as far as the tags tell.
fn step(new: &Pin, old: &Pin) -> &'static str {
    use std::cmp::Ordering;
    let parts = |pin: &Pin| {
        let tag = pin.tag.as_ref()?.to_string();
        let version = semver::Version::parse(tag.strip_prefix('v').unwrap_or(&tag)).ok()?;
        Some((version.major, version.minor))
    };
    match (by_semver(new, old), parts(new), parts(old)) {
        (Some(Ordering::Less), ..) => "back",
        (Some(Ordering::Equal), ..) => "none",
        (Some(Ordering::Greater), Some(new), Some(old)) if new.0 != old.0 => "major",
        (Some(Ordering::Greater), Some(new), Some(old)) if new.1 != old.1 => "minor",
        (Some(Ordering::Greater), Some(_), Some(_)) => "patch",
        _ => "unknown",
    }
}
