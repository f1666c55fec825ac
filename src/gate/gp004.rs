//! GP004: the same tag is the same image.

use crate::discover::{Cell, CellKey};
use crate::model::{Digest, EnvironmentName, Finding, Outcome, Pin, Promotion, Rule, Sources, Tag};
use crate::plan::Planned;

use super::accepted::{self, Why};
use super::{Ask, Case, RuleInfo, about, gp001, gp002, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP004,
    refuses: "a digest that is not the one the environment before runs, or that would be lost",
    why: "A tag can be moved; the digest is the image. If an environment before pins another \
          digest under the tag, or none, or does not run the version at all, then what was \
          tested there is not proven to be what arrives. And a digest that the target has is never dropped in silence.",
    satisfy: "Promote without a digest of your own, so that the pin is carried over as the \
              environment before has it. Where that has only a tag and the target a digest, say \
              that the digest may go:\n\
              \n    git promote APP@VERSION ENVIRONMENT --drop-digest",
    overridable: false,
    ask: Ask::Each(judge),
};

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    // A tag that was pushed again is one of two images; a way back is to the one
    // that ran here.
    let accepted = accepted::otherwise(case, planned)
        .filter(|accepted| accepted.why == Why::Rollback || !gp001::is_run_before(case, promotion));
    if let Some(accepted) = accepted.filter(|accepted| accepted.why != Why::Together) {
        return about(Rule::GP004, promotion, Outcome::Pass, accepted.text);
    }
    let environment = case.config.environment(promotion.to.as_str());
    let any = environment
        .map(|environment| case.config.sources_for(environment, &promotion.app))
        .is_some_and(|sources| matches!(sources, Sources::Any(_)));
    let seen = environment.is_some_and(|environment| environment.seen);
    let ask = |source: &EnvironmentName| answer(case, promotion, (source, seen));
    let answers: Vec<Answer> = promotion.from.iter().map(ask).collect();
    let agrees = answers.iter().find_map(Answer::agrees);
    let by_registry = registered(case, planned);
    let agrees = agrees.or(by_registry.as_deref());
    let refuted = answers.iter().find_map(Answer::contradicts).filter(|_| by_registry.is_none());
    if let Some((message, hint)) = refuted.filter(|_| !any || agrees.is_none()) {
        return fail(planned, message.to_owned(), Some(hint.to_owned()));
    }
    if planned.loses_digest {
        return lost(case, planned);
    }
    match &promotion.version.digest {
        None if case.check.is_some() && promotion.previous.digest.is_some() => {
            let message =
                format!("{} pinned a digest, and {} has none", promotion.to, promotion.version);
            about(Rule::GP004, promotion, Outcome::Warn, message)
        }
        None if case.check.is_some() && environment.is_some_and(|to| to.images.pin) => {
            let (to, version) = (&promotion.to, &promotion.version);
            let message = format!("{to} has `pin = \"digest\"`, and {version} has none");
            let mut finding = about(Rule::GP004, promotion, Outcome::Warn, message);
            finding.hint = Some(format!("git promote {} {to}", promotion.app.at(version)));
            placed(finding, planned)
        }
        None => about(Rule::GP004, promotion, Outcome::Pass, without(promotion)),
        Some(digest) if promotion.from.is_empty() => entering(promotion, digest),
        Some(_) => vouched(case, planned, agrees),
    }
}

fn fail(planned: &Planned, message: String, hint: Option<String>) -> Finding {
    let mut finding = about(Rule::GP004, &planned.promotion, Outcome::Fail, message);
    finding.hint = hint;
    placed(finding, planned)
}

/// A digest is to go, and nobody said that it may.
fn lost(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let (to, version) = (&promotion.to, &promotion.version);
    let message = format!("{to} pins a digest and {version} has none to replace it");
    match gp001::missing(case, planned) {
        Some((_, true)) => not_yet(promotion),
        Some((hint, false)) => fail(planned, message, hint),
        None => {
            let word = promotion.app.at(version);
            fail(planned, message, Some(format!("git promote {word} {to} --drop-digest")))
        }
    }
}

/// GP001 refuses already: what an environment does not run has no digest there.
fn not_yet(promotion: &Promotion) -> Finding {
    let message = "asked once the version is in the environment before".to_owned();
    about(Rule::GP004, promotion, Outcome::Skip, message)
}

fn without(promotion: &Promotion) -> String {
    match promotion.previous.digest {
        Some(_) => format!("the digest that {} pins is dropped on request", promotion.to),
        None => "no digest is pinned".to_owned(),
    }
}

/// Into a first environment any digest goes; but a tag has one.
fn entering(promotion: &Promotion, digest: &Digest) -> Finding {
    let (old, new) = (&promotion.previous, &promotion.version);
    match (&new.tag, &old.digest) {
        (Some(tag), Some(before)) if old.tag == new.tag && before != digest => {
            let message =
                format!("{} runs {tag} as {before}: the tag was pushed again", promotion.to);
            about(Rule::GP004, promotion, Outcome::Warn, message)
        }
        (Some(tag), None) if old.tag == new.tag => {
            let message = format!("the digest is added to {tag}");
            about(Rule::GP004, promotion, Outcome::Pass, message)
        }
        _ => {
            let message = "the digest is new with the version".to_owned();
            about(Rule::GP004, promotion, Outcome::Pass, message)
        }
    }
}

/// Whether an environment before runs the digest (or ran it, where that is
/// enough). Nobody else can vouch for it.
fn vouched(case: &Case<'_>, planned: &Planned, agrees: Option<&str>) -> Finding {
    if let Some(message) = agrees {
        return about(Rule::GP004, &planned.promotion, Outcome::Pass, message.to_owned());
    }
    match gp001::missing(case, planned) {
        Some((_, true)) => not_yet(&planned.promotion),
        missing => {
            let message = "no environment before vouches for the digest".to_owned();
            fail(planned, message, missing.and_then(|(hint, _)| hint))
        }
    }
}

/// The sources run the tag without a digest, and the registry says which one
/// that is: it is pinned as what they run.
pub(super) fn registered(case: &Case<'_>, planned: &Planned) -> Option<String> {
    let promotion = &planned.promotion;
    let (tag, digest) = (promotion.version.tag.as_ref()?, promotion.version.digest.as_ref()?);
    let has_tag_alone = |source: &EnvironmentName| {
        let cell = case.inventory.cells.get(&CellKey::of(promotion, source));
        let pin = cell.and_then(Cell::pin);
        pin.is_some_and(|pin| pin.digest.is_none() && pin.tag.as_ref() == Some(tag))
    };
    let pinned = gp002::heard(case, planned)?.digest()? == digest;
    let environment = case.config.environment(promotion.to.as_str())?;
    let sources = case.config.sources_for(environment, &promotion.app);
    // Where one is enough, one that runs something else does not count.
    let runs = |source: &&EnvironmentName| {
        let cell = case.inventory.cells.get(&CellKey::of(promotion, source));
        cell.and_then(Cell::pin).is_some_and(|pin| pin.tag.as_ref() == Some(tag))
    };
    let any = matches!(sources, Sources::Any(_));
    let mut counted = promotion.from.iter().filter(|source| !any || runs(source)).peekable();
    let alone = counted.peek().is_some() && counted.all(has_tag_alone);
    (pinned && alone).then(|| format!("the registry has {tag} as this digest"))
}

/// What a source says of the digest.
enum Answer {
    /// In which words it does.
    Agrees(String),
    /// Why not, and the command that promotes what the source has.
    Contradicts(String, String),
    /// It does not run the version at all, which is GP001's to say.
    Silent,
}

impl Answer {
    fn agrees(&self) -> Option<&str> {
        match self {
            Self::Agrees(message) => Some(message),
            _ => None,
        }
    }

    fn contradicts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Contradicts(message, hint) => Some((message, hint)),
            _ => None,
        }
    }
}

/// What the source runs, else, with `seen = true`, what it ran under that tag.
fn answer(case: &Case<'_>, promotion: &Promotion, from: (&EnvironmentName, bool)) -> Answer {
    let (source, seen) = from;
    let version = &promotion.version;
    let same = |pin: &Pin| match &version.tag {
        Some(_) => pin.tag == version.tag,
        None => pin.digest == version.digest,
    };
    let key = CellKey::of(promotion, source);
    let now = case.inventory.cells.get(&key).and_then(Cell::pin).filter(|pin| same(pin));
    let held = case.timelines.get(&key).map(|timeline| timeline.held.as_slice());
    let past = held.unwrap_or_default().iter().map(|held| &held.pin);
    let past = past.filter(|pin| seen && now.is_none() && same(pin));
    let pins: Vec<&Pin> = now.into_iter().chain(past).collect();
    match (pins.first(), &version.tag) {
        (Some(_), _) if pins.iter().any(|pin| pin.digest == version.digest) => {
            Answer::Agrees(match now {
                Some(_) => format!("the digest is that of {source}"),
                None => format!("the digest is one that {source} ran before"),
            })
        }
        (Some(pin), Some(tag)) => contradiction(promotion, (source, now.is_some()), (pin, tag)),
        _ => Answer::Silent,
    }
}

fn contradiction(
    promotion: &Promotion,
    from: (&EnvironmentName, bool),
    there: (&Pin, &Tag),
) -> Answer {
    let ((source, now), (pin, tag)) = (from, there);
    let (runs, pins) = if now { ("runs", "pins") } else { ("ran", "pinned") };
    let message = match (&pin.digest, &promotion.version.digest) {
        (Some(there), Some(_)) => format!("{source} {runs} {tag} as {there}"),
        (Some(there), None) => {
            format!("{source} {pins} {tag} to {there}, which is not carried over")
        }
        (None, _) => format!("{source} {runs} {tag} without a digest: it proves none"),
    };
    // What a source runs now is taken over with its digest.
    let take = if now { promotion.app.at(tag) } else { promotion.app.at(pin) };
    Answer::Contradicts(message, format!("git promote {take} {}", promotion.to))
}
