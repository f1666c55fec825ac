//! GP004: the same tag is the same image.

use crate::discover::{Cell, CellKey};
use crate::history::Timeline;
use crate::model::{Digest, EnvironmentName, Finding, Outcome, Pin, Promotion, Rule, Tag};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about, gp001, placed};

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
    let mut sources = promotion.from.iter();
    if let Some((message, way)) = sources.find_map(|s| contradiction(case, promotion, s)) {
        let hint = format!("git promote {} {}", promotion.app.at(&way), promotion.to);
        return fail(planned, message, Some(hint));
    }
    if planned.loses_digest {
        return lost(case, planned);
    }
    match &promotion.version.digest {
        None => about(Rule::GP004, promotion, Outcome::Pass, without(promotion)),
        Some(digest) if promotion.from.is_empty() => entering(promotion, digest),
        Some(_) => vouched(case, planned),
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
fn vouched(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let pass = |message: String| about(Rule::GP004, promotion, Outcome::Pass, message);
    if let Some(source) = promotion.from.iter().find(|source| runs(case, promotion, source)) {
        return pass(format!("the digest is that of {source}"));
    }
    if let Some(source) = promotion.from.iter().find(|source| once(case, promotion, source)) {
        return pass(format!("the digest is one that {source} ran before"));
    }
    match gp001::missing(case, planned) {
        Some((_, true)) => not_yet(promotion),
        missing => {
            let message = "no environment before vouches for the digest".to_owned();
            fail(planned, message, missing.and_then(|(hint, _)| hint))
        }
    }
}

fn pin_in<'a>(
    case: &'a Case<'_>,
    promotion: &Promotion,
    source: &EnvironmentName,
) -> Option<&'a Pin> {
    case.inventory.cells.get(&CellKey::of(promotion, source)).and_then(Cell::pin)
}

fn runs(case: &Case<'_>, promotion: &Promotion, source: &EnvironmentName) -> bool {
    pin_in(case, promotion, source).is_some_and(|pin| pin.carries(&promotion.version))
}

fn seen<'a>(
    case: &'a Case<'_>,
    promotion: &Promotion,
    source: &EnvironmentName,
) -> Option<&'a Timeline> {
    let seen = case.config.environment(promotion.to.as_str()).is_some_and(|to| to.seen);
    case.timelines.get(&CellKey::of(promotion, source)).filter(|_| seen)
}

fn once(case: &Case<'_>, promotion: &Promotion, source: &EnvironmentName) -> bool {
    seen(case, promotion, source).is_some_and(|past| past.ran(&promotion.version).is_some())
}

/// What a source says against the digest, and the version to name instead;
/// nothing where it does not run the tag at all.
fn contradiction(
    case: &Case<'_>,
    promotion: &Promotion,
    source: &EnvironmentName,
) -> Option<(String, Pin)> {
    let tag = promotion.version.tag.as_ref()?;
    let now = pin_in(case, promotion, source).filter(|pin| pin.tag.as_ref() == Some(tag));
    if let Some(pin) = now {
        let why = against(promotion, pin)?;
        // Without a digest of its own the pin is taken over as it is.
        let way = match why {
            Against::NotCarried(_) => pin.clone(),
            _ => Pin::tag(tag.clone()),
        };
        return Some((told((source, "runs", tag), &why), way));
    }
    let past = seen(case, promotion, source)?;
    if once(case, promotion, source) {
        return None;
    }
    let ran = past.ran(&Pin::tag(tag.clone()))?;
    let why = against(promotion, &ran.pin)?;
    Some((told((source, "ran", tag), &why), ran.pin.clone()))
}

/// What another pin of the same tag says against the digest.
enum Against<'a> {
    Another(&'a Digest),
    NotCarried(&'a Digest),
    Unproven,
}

fn against<'a>(promotion: &Promotion, pin: &'a Pin) -> Option<Against<'a>> {
    match (&pin.digest, &promotion.version.digest) {
        (Some(there), Some(here)) if there != here => Some(Against::Another(there)),
        (Some(there), None) => Some(Against::NotCarried(there)),
        (None, Some(_)) => Some(Against::Unproven),
        _ => None,
    }
}

fn told(who: (&EnvironmentName, &str, &Tag), why: &Against<'_>) -> String {
    let (source, runs, tag) = who;
    match why {
        Against::Another(there) => format!("{source} {runs} {tag} as {there}"),
        Against::NotCarried(there) => {
            format!("{source} {runs} {tag} as {there}, which is not carried over")
        }
        Against::Unproven => format!("{source} {runs} {tag} without a digest: it proves none"),
    }
}
