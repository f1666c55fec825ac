//! What the config and the user make of the findings: apps that are only
//! warned, apps that are not judged, and rules that are waived.

use crate::audit::Waiver;
use crate::config::{AllowedSigner, AppPolicy, FIXED, OverrideGrant};
use crate::model::{EnvironmentName, Finding, Outcome, Rule};
use crate::plan::Planned;

use super::{Case, accepted, gp017, outside, rule};

/// Applies the app's policy, then the waivers.
pub(super) fn apply(case: &Case<'_>, findings: Vec<Finding>) -> Vec<Finding> {
    findings
        .into_iter()
        .filter_map(|finding| by_app(case, finding))
        .map(|finding| exempted(case, finding))
        // Each policy says for itself whether it may be waived.
        .map(|finding| if finding.rule == Rule::GP017 { finding } else { waived(case, finding) })
        .collect()
}

fn by_app(case: &Case<'_>, mut finding: Finding) -> Option<Finding> {
    let policy = finding.app.as_ref().map(|app| case.config.app_policy(app));
    match (policy, finding.rule) {
        // A file that cannot be read has no policy, and a hold is about this app.
        (_, Rule::GP011 | Rule::GP016) | (None | Some(AppPolicy::Strict), _) => Some(finding),
        (Some(AppPolicy::Off), _) => None,
        (Some(AppPolicy::Warn), _) => {
            if finding.outcome == Outcome::Fail {
                finding.outcome = Outcome::Warn;
            }
            Some(finding)
        }
    }
}

/// What the config lets a rollback through without.
fn exempted(case: &Case<'_>, mut finding: Finding) -> Finding {
    let refuses = matches!(finding.outcome, Outcome::Fail | Outcome::Warn | Outcome::Unverifiable);
    let (Some(app), Some(to), true) = (&finding.app, &finding.environment, refuses) else {
        return finding;
    };
    if !case.config.guard(to).exempts(finding.rule) {
        return finding;
    }
    let own = |planned: &&Planned| planned.promotion.app == *app && planned.promotion.to == *to;
    let mut concerned = case.promotions.iter().filter(own).peekable();
    let some = concerned.peek().is_some();
    if some && concerned.all(|planned| accepted::rollback(case, planned).is_some()) {
        finding.outcome = Outcome::Skip;
        finding.message = format!("{}; a rollback is exempt", finding.message);
        finding.hint = None;
    }
    finding
}

/// A finding, waived where the user and the config waive it.
pub(super) fn waived(case: &Case<'_>, mut finding: Finding) -> Finding {
    let waiver = case.waivers.iter().find(|waiver| waiver.rule == finding.rule);
    let Some(waiver) = waiver.filter(|waiver| !waiver.reason.trim().is_empty()) else {
        return finding;
    };
    // Who does not answer must not stand in the way of an emergency.
    let silent =
        finding.outcome == Outcome::Unverifiable && outside::is_answered_outside(finding.rule);
    let refuses = silent || matches!(finding.outcome, Outcome::Fail | Outcome::Warn);
    let environment = finding.environment.as_ref();
    let may = |to: &EnvironmentName| {
        objection(case, finding.rule, to).is_none() && unsigned(case, waiver, to).is_none()
    };
    if refuses && environment.is_some_and(may) {
        finding.outcome = Outcome::Overridden;
        finding.message = format!("{} (overridden: {})", finding.message, waiver.reason);
        finding.hint = None;
    }
    finding
}

/// Why a rule must not be waived in an environment; `None` if it may.
///
/// What the config grants counts for every rule but those that it cannot grant.
/// Without any grant `promote` lets the rules marked so be waived, and `check`
/// none.
pub(super) fn objection(case: &Case<'_>, waived: Rule, to: &EnvironmentName) -> Option<String> {
    let Some(info) = rule(waived) else {
        return Some(format!("{waived} is not judged by this version"));
    };
    if FIXED.contains(&waived) {
        return Some(format!("{waived} can never be overridden"));
    }
    // Each policy says for itself whether it may be.
    if waived == Rule::GP017 {
        return gp017::objection(case, to);
    }
    let grants = &case.config.overrides;
    let here = || of(case, waived, to);
    let granted = here().any(|grant| !is_over(case, grant));
    let free = grants.is_empty() && case.check.is_none();
    if granted || (free && info.overridable) {
        return None;
    }
    let over = here().filter_map(|grant| grant.until.as_ref()).max_by_key(|until| until.end);
    if let Some(until) = over {
        return Some(format!("{waived} could be overridden in {to} until {}", until.text));
    }
    Some(if info.overridable {
        format!("the config does not let {waived} be overridden in {to} ([[override]])")
    } else {
        format!("{waived} cannot be overridden unless the config says so")
    })
}

/// What the config grants for a rule in an environment.
fn of<'a>(
    case: &Case<'a>,
    waived: Rule,
    to: &EnvironmentName,
) -> impl Iterator<Item = &'a OverrideGrant> {
    case.config.overrides.iter().filter(move |grant| {
        let here = grant.environments.is_empty() || grant.environments.contains(to);
        grant.rule == waived && here
    })
}

fn is_over(case: &Case<'_>, grant: &OverrideGrant) -> bool {
    grant.until.as_ref().is_some_and(|until| case.now >= until.end)
}

/// Why the signature of a waiver is not the one that the config wants; `None`
/// where it is, or where it wants none. A promotion is signed once it is
/// committed: until then nothing is to be said.
pub(super) fn unsigned(case: &Case<'_>, waiver: &Waiver, to: &EnvironmentName) -> Option<String> {
    let signers = case.check?.signers;
    let grants: Vec<&OverrideGrant> =
        of(case, waiver.rule, to).filter(|grant| !is_over(case, grant)).collect();
    if grants.is_empty() || grants.iter().any(|grant| grant.signers.is_empty()) {
        return None;
    }
    let is_allowed = |key: &String| {
        grants.iter().flat_map(|grant| &grant.signers).any(|signer| match signer {
            AllowedSigner::Key(own) => own == key,
            AllowedSigner::File(file) => {
                signers.files.get(file).is_some_and(|keys| keys.contains(key))
            }
        })
    };
    let mut why = "its commit is not known".to_owned();
    for (_, signed) in signers.waivers.iter().filter(|(other, _)| other == waiver) {
        match signed {
            Ok(key) if is_allowed(key) => return None,
            Ok(_) => "the key of its commit is no allowed signer".clone_into(&mut why),
            Err(reason) => why.clone_from(reason),
        }
    }
    Some(format!("the override of {} needs the signature of an allowed signer: {why}", waiver.rule))
}

/// Whether the commit of a waiver has to be signed.
pub(super) fn wants_signature(case: &Case<'_>, waived: Rule, to: &EnvironmentName) -> bool {
    let mut grants = of(case, waived, to).filter(|grant| !is_over(case, grant)).peekable();
    grants.peek().is_some() && grants.all(|grant| !grant.signers.is_empty())
}
