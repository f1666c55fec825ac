//! GP017: the conditions that the config sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::PolicyRule;
use crate::discover::{Cell, CellKey};
use crate::expression::{ChangeFacts, Facts, Place, PromotionFacts, RepoFacts, Time};
use crate::history::Timeline;
use crate::model::{EnvironmentName, Finding, Outcome, Pin, Promotion, Rule, by_semver, quoted};
use crate::plan::Planned;

use super::{Ask, Case, Past, RuleInfo, about, accepted, override_hint, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP017,
    refuses: "a promotion for which a `[[policy]]` is false, or that lacks a required trailer",
    why: "What a team agreed on is written down as conditions of the config: expressions of CEL \
          over `promotion`, `from`, `to`, `now`, `change` and `repo`, each with a name, and \
          `require-trailers` of an environment. They are read from the base. An expression is \
          typed and bounded when the config is read; where it cannot be told whether it holds, \
          it does not. A policy with `override = true` can be waived with a reason.",
    satisfy: "The finding says which policy it is, and `git promote config show` prints it. A \
              trailer is given by\n\
              \n    git promote APP@VERSION ENVIRONMENT --trailer Ticket=OPS-42\n\
              \nor stands in the message of a commit of the change.",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let change =
        if case.config.guards.policies.is_empty() { None } else { Some(Arc::new(change(case))) };
    case.promotions.iter().filter_map(|planned| judge(case, planned, change.as_ref())).collect()
}

/// The first that does not hold; nothing where nothing is asked.
fn judge(case: &Case<'_>, planned: &Planned, change: Option<&Arc<ChangeFacts>>) -> Option<Finding> {
    let promotion = &planned.promotion;
    let to = &promotion.to;
    let missing = missing_trailer(case, to);
    if let Some(key) = missing {
        let message = format!("{to} wants the trailer `{key}`, and no commit carries it");
        let mut finding = about(Rule::GP017, promotion, Outcome::Fail, message);
        finding.hint = Some(trailer_hint(case, promotion, key));
        return Some(placed(finding, planned));
    }
    let policies: Vec<&PolicyRule> =
        case.config.guards.policies.iter().filter(|policy| policy.is_for(to)).collect();
    let asked = !policies.is_empty() || !case.config.guard(to).trailers.is_empty();
    let facts =
        change.filter(|_| !policies.is_empty()).map(|change| facts(case, promotion, change));
    let fails = |policy: &&&PolicyRule| {
        let known = facts.as_ref().map_or(Ok(true), |facts| policy.expression.holds(facts));
        known != Ok(true)
    };
    let Some(policy) = policies.iter().find(fails) else {
        let names: Vec<String> = policies.iter().map(|p| format!("`{}`", p.name)).collect();
        let holds = if names.is_empty() {
            "every trailer is there".to_owned()
        } else {
            format!("holds: {}", names.join(", "))
        };
        return asked.then(|| about(Rule::GP017, promotion, Outcome::Pass, holds));
    };
    let why = facts.as_ref().and_then(|facts| policy.expression.holds(facts).err());
    Some(refused(case, planned, (policy, why)))
}

fn refused(
    case: &Case<'_>,
    planned: &Planned,
    (policy, why): (&PolicyRule, Option<String>),
) -> Finding {
    let said = match (&policy.message, why) {
        (_, Some(why)) => format!("cannot be told: {why}"),
        (Some(message), None) => message.clone(),
        (None, None) => format!("`{}` is false", policy.expression.text()),
    };
    let message = format!("{}{said}", start(policy));
    let mut finding = about(Rule::GP017, &planned.promotion, Outcome::Fail, message);
    finding.hint = Some(if policy.overridable {
        override_hint(case, Rule::GP017, &planned.promotion)
    } else {
        "git promote config show".to_owned()
    });
    placed(finding, planned)
}

/// How a finding about a policy begins.
fn start(policy: &PolicyRule) -> String {
    format!("policy `{}`: ", policy.name)
}

/// Whether a reason waives what a finding says.
pub(super) fn may_be_waived(case: &Case<'_>, finding: &Finding) -> bool {
    let policies = case.config.guards.policies.iter();
    policies.filter(|policy| policy.overridable).any(|p| finding.message.starts_with(&start(p)))
}

/// Why no policy may be waived in an environment; `None` if one may.
pub(super) fn objection(case: &Case<'_>, to: &EnvironmentName) -> Option<String> {
    let mut policies = case.config.guards.policies.iter();
    let any = policies.any(|policy| policy.overridable && policy.is_for(to));
    (!any).then(|| format!("no policy of {to} says `override = true`"))
}

fn missing_trailer<'c>(case: &Case<'c>, to: &EnvironmentName) -> Option<&'c String> {
    let has = |wanted: &&String| {
        let same = |(key, value): &(String, String)| {
            key.eq_ignore_ascii_case(wanted) && !value.trim().is_empty()
        };
        !case.trailers.iter().any(same)
    };
    case.config.guard(to).trailers.iter().find(has)
}

fn trailer_hint(case: &Case<'_>, promotion: &Promotion, key: &str) -> String {
    let word = promotion.app.at(&promotion.version);
    match case.check {
        None => format!("git promote {word} {} --trailer {key}=TEXT", promotion.to),
        Some(_) => {
            let subject = quoted(&format!("Name the {key}"));
            format!("git commit --allow-empty -m {subject} --trailer '{key}: TEXT'")
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

fn facts(case: &Case<'_>, promotion: &Promotion, change: &Arc<ChangeFacts>) -> Facts {
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
            rollback: case.rollback || accepted::rollback(case, promotion).is_some(),
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
