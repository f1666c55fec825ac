//! GP001 for what is rendered: an image that an environment would run has to
//! run in the environments before, whatever their files say of versions.

use crate::model::{Finding, Outcome, Rule, Sources};
use crate::plan::Planned;
use crate::proof::{Entering, Gone, Vouch};

use super::{Case, accepted};

/// Findings about images that no environment before runs, where no promotion
/// tells of them already.
pub(super) fn judge(case: &Case<'_>, judged: &[(&Planned, Finding)]) -> Vec<Finding> {
    case.proof.entering.iter().filter_map(|entering| one(case, judged, entering)).collect()
}

/// An environment that is taken out of the line: nothing new could reach the
/// later ones through it.
pub(super) fn gone(gone: &Gone) -> Finding {
    let later: Vec<&str> = gone.later.iter().map(AsRef::as_ref).collect();
    let what = gone.app.as_ref().map_or_else(|| gone.path.to_string(), ToString::to_string);
    let message = format!(
        "{what} goes from {} while {} still run it: the later environments go first",
        gone.environment,
        later.join(" and ")
    );
    Finding {
        rule: Rule::GP001,
        outcome: Outcome::Fail,
        app: gone.app.clone(),
        environment: Some(gone.environment.clone()),
        message,
        path: Some(gone.path.clone()),
        line: None,
        hint: None,
    }
}

fn one(case: &Case<'_>, judged: &[(&Planned, Finding)], entering: &Entering) -> Option<Finding> {
    if is_vouched(case, entering) || accepted::is_fresh(case, &entering.app, &entering.repository) {
        return None;
    }
    let told = judged.iter().find(|(planned, _)| is_about(planned, entering));
    if let Some((planned, finding)) = told {
        let accepted = finding.outcome == Outcome::Pass
            && entering.known
            && accepted::otherwise(case, planned).is_some();
        // With `seen = true` an environment before ran it at some time.
        let seen = case.config.environment(entering.environment.as_str()).is_some_and(|e| e.seen)
            && entering.known;
        if finding.outcome != Outcome::Pass || accepted || seen {
            return None;
        }
    }
    Some(refusal(entering))
}

fn is_vouched(case: &Case<'_>, entering: &Entering) -> bool {
    let Some(environment) = case.config.environment(entering.environment.as_str()) else {
        return false;
    };
    let vouches = |vouch: &Vouch| vouch.runs || environment.together && vouch.gets;
    match case.config.sources_for(environment, &entering.app) {
        Sources::First => true,
        Sources::All(_) => entering.from.iter().all(vouches),
        Sources::Any(_) => entering.from.iter().any(vouches),
    }
}

/// Whether a promotion speaks of the same version in the same environment.
fn is_about(planned: &Planned, entering: &Entering) -> bool {
    let promotion = &planned.promotion;
    let tag = promotion.version.tag.as_ref().map(ToString::to_string).unwrap_or_default();
    let digest = promotion.version.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    let named = promotion.repository.as_ref().is_none_or(|repository| {
        *repository == entering.repository || promotion.image == entering.repository
    });
    promotion.to == entering.environment
        && (tag == entering.tag && digest == entering.digest)
        && named
}

fn refusal(entering: &Entering) -> Finding {
    let Entering { environment, reference, object, .. } = entering;
    let refuted = entering.from.iter().find(|vouch| !vouch.runs);
    let why = refuted.map(|vouch| answer(entering, vouch)).unwrap_or_default();
    let (path, line) = entering.place.clone();
    let step = refuted.map(|vouch| &vouch.environment);
    Finding {
        rule: Rule::GP001,
        outcome: Outcome::Fail,
        app: Some(entering.app.clone()),
        environment: Some(environment.clone()),
        message: format!("{environment} would run {reference} ({object}), {why}"),
        path: Some(path),
        line: Some(line),
        hint: step.map(|step| command(entering, step)),
    }
}

fn answer(entering: &Entering, vouch: &Vouch) -> String {
    let source = &vouch.environment;
    match vouch.instead.as_slice() {
        _ if !vouch.has_app => format!("and {source} does not have {}", entering.app),
        _ if vouch.gets => {
            format!("which {source} gets by this same change: it has to land there first")
        }
        [] => format!("which {source} does not run"),
        instead => format!("and {source} runs {}", instead.join(" and ")),
    }
}

fn command(entering: &Entering, step: &crate::model::EnvironmentName) -> String {
    match entering.tag.as_str() {
        "" => format!("git promote status {} -o wide", entering.app.word()),
        tag => format!("git promote {} {step}", entering.app.at(&tag)),
    }
}
