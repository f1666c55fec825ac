//! GP001 for what is rendered: an image that an environment would run has to
//! run in the environments before, whatever their files say of versions.

use crate::config::AppPolicy;
use crate::discover::CellKey;
use crate::model::{EnvironmentName, Finding, Outcome, Promotion, Rule, Sources};
use crate::plan::Planned;
use crate::proof::{Entering, Gone, Moved, Vouch};

use super::accepted::{self, Why};
use super::{Case, gp002, gp004, undo};

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
        silence: None,
    }
}

/// A version of a chart or of a remote resource that every environment before
/// has.
pub(super) fn moved(moved: &Moved) -> Finding {
    let names: Vec<&str> = moved.from.iter().map(|(name, _)| name.as_str()).collect();
    let crate::kustomize::render::Source { name, version, .. } = &moved.source;
    Finding {
        rule: Rule::GP001,
        outcome: Outcome::Pass,
        app: moved.app.clone(),
        environment: Some(moved.environment.clone()),
        message: format!("{} has {name} {version}", names.join(" and ")),
        path: Some(moved.place.0.clone()),
        line: Some(moved.place.1),
        hint: None,
        silence: None,
    }
}

fn one(case: &Case<'_>, judged: &[(&Planned, Finding)], entering: &Entering) -> Option<Finding> {
    if is_vouched(case, entering) || arrives_everywhere(case, entering) {
        return None;
    }
    if judged.iter().any(|judged| is_pinned_anew(case, judged, entering)) {
        return None;
    }
    let mut told = judged.iter().filter(|(planned, _)| is_about(planned, entering));
    if told.any(|(planned, finding)| tells(case, (planned, finding), entering)) {
        return None;
    }
    Some(refusal(case, entering))
}

/// Whether the environments before run the tag without a digest, and the
/// registry says that this is the digest they run it by.
fn is_pinned_anew(
    case: &Case<'_>,
    (planned, finding): &(&Planned, Finding),
    entering: &Entering,
) -> bool {
    let tag = format!(":{}", entering.tag);
    let runs_tag =
        |vouch: &Vouch| vouch.runs || vouch.instead.iter().any(|image| image.ends_with(&tag));
    let environment = case.config.environment(entering.environment.as_str());
    let sources = environment.map(|to| case.config.sources_for(to, &entering.app));
    let runs = match sources {
        Some(Sources::Any(_)) => entering.from.iter().any(runs_tag),
        _ => entering.from.iter().all(runs_tag),
    };
    finding.outcome == Outcome::Pass
        && entering.known
        && (names(&planned.promotion, entering) || is_asked_for(case, planned, entering))
        && runs
        && gp004::registered(case, planned).is_some()
}

/// Whether the registry was asked for this image: a declared field says in the
/// values beside it which one it is.
fn is_asked_for(case: &Case<'_>, planned: &Planned, entering: &Entering) -> bool {
    let asked = gp002::heard(case, planned);
    let named = |repository: &str| {
        let repository = Some(repository.to_owned());
        names(&Promotion { repository, ..planned.promotion.clone() }, entering)
    };
    asked.is_some_and(|asked| named(&asked.repository))
}

/// Whether the app is new, and every environment before gets the image too.
fn arrives_everywhere(case: &Case<'_>, entering: &Entering) -> bool {
    let everywhere = entering.from.iter().all(|vouch| vouch.gets);
    everywhere && accepted::is_fresh(case, &entering.app, &entering.repository)
}

/// Whether the finding on a promotion says enough of what is rendered: it
/// refuses already, or what it accepts is more than that a file names it.
fn tells(case: &Case<'_>, judged: (&Planned, &Finding), entering: &Entering) -> bool {
    let (planned, finding) = judged;
    if finding.outcome != Outcome::Pass {
        // One of another app may be let off for that app alone.
        let app = &planned.promotion.app;
        return *app == entering.app || case.config.app_policy(app) == AppPolicy::Strict;
    }
    if !entering.known {
        return false;
    }
    // Where a field alone says so, another image may stand beside it elsewhere.
    let named = names(&planned.promotion, entering);
    if let Some(accepted) = accepted::otherwise(case, planned) {
        return match accepted.why {
            Why::Rollback => true,
            Why::Sibling => named && !entering.siblings.is_empty(),
            Why::Fresh | Why::Together => named,
        };
    }
    // With `seen = true` an environment before ran it at some time; one that
    // only pins it now does not.
    let environment = case.config.environment(entering.environment.as_str());
    environment.is_some_and(|environment| environment.seen)
        && !accepted::is_pinned_before(case, &planned.promotion)
        && (named || ran_before(case, planned, entering))
}

/// Whether the environments before rendered the image when they ran the version.
fn ran_before(case: &Case<'_>, planned: &Planned, entering: &Entering) -> bool {
    let promotion = &planned.promotion;
    let ran = |source: &EnvironmentName| {
        let then = case.ran.get(&CellKey::of(promotion, source));
        then.is_some_and(|ran| ran.has(entering))
    };
    let environment = case.config.environment(promotion.to.as_str());
    match environment.map(|to| case.config.sources_for(to, &promotion.app)) {
        Some(Sources::All(names)) => names.iter().all(ran),
        Some(Sources::Any(names)) => names.iter().any(ran),
        Some(Sources::First) | None => false,
    }
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

/// Whether a promotion speaks of the same version in the same environment: it
/// names the image, or it changes what decides which version is rendered.
pub(super) fn is_about(planned: &Planned, entering: &Entering) -> bool {
    names(&planned.promotion, entering)
        || (planned.sites.contains(&entering.place) && is_version(&planned.promotion, entering))
}

/// Whether a promotion names the version and the image.
fn names(promotion: &Promotion, entering: &Entering) -> bool {
    let repository = promotion.repository.as_deref().unwrap_or(&promotion.image);
    is_version(promotion, entering)
        && repository == entering.repository
        && (entering.unnamed || promotion.app == entering.app)
}

fn is_version(promotion: &Promotion, entering: &Entering) -> bool {
    let tag = promotion.version.tag.as_ref().map(ToString::to_string).unwrap_or_default();
    let digest = promotion.version.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    promotion.to == entering.environment && tag == entering.tag && digest == entering.digest
}

fn refusal(case: &Case<'_>, entering: &Entering) -> Finding {
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
        hint: undo(case, &entering.place.0).or(step.map(|step| command(entering, step))),
        silence: None,
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

fn command(entering: &Entering, step: &EnvironmentName) -> String {
    match entering.tag.as_str() {
        "" => format!("git promote status {} -o wide", entering.app.word()),
        tag => format!("git promote {} {step}", entering.app.at(&tag)),
    }
}
