//! GP004: the same tag is the same image.

use crate::discover::{Cell, CellKey};
use crate::model::{EnvironmentName, Finding, Outcome, Pin, Promotion, Rule, Sources, Tag};
use crate::plan::Planned;

use super::{Ask, Case, RuleInfo, about, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP004,
    refuses: "a digest that is not the one the environment before runs, or that would be lost",
    why: "A tag can be moved; the digest is the image. If an environment before pins another \
          digest under the tag, or none, then what was tested there is not proven to be what \
          arrives. And a digest that the target has is never dropped in silence.",
    satisfy: "Promote without a digest of your own, so that the pin is carried over as the \
              environment before has it. Where that has only a tag and the target a digest, say \
              that the digest may go:\n\
              \n    git promote APP@VERSION ENVIRONMENT --drop-digest",
    overridable: false,
    ask: Ask::Each(judge),
};

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    if planned.loses_digest {
        let message = format!(
            "{} pins a digest and {} has none to replace it",
            promotion.to, promotion.version
        );
        let mut finding = about(Rule::GP004, promotion, Outcome::Fail, message);
        finding.hint = Some(format!(
            "git promote {} {} --drop-digest",
            promotion.app.at(&promotion.version),
            promotion.to
        ));
        return placed(finding, planned);
    }
    let environment = case.config.environment(promotion.to.as_str());
    let any = environment
        .map(|environment| case.config.sources_for(environment, &promotion.app))
        .is_some_and(|sources| matches!(sources, Sources::Any(_)));
    let seen = environment.is_some_and(|environment| environment.seen);
    let ask = |source: &EnvironmentName| answer(case, promotion, (source, seen));
    let answers: Vec<Answer> = promotion.from.iter().map(ask).collect();
    let agrees = answers.iter().find_map(Answer::agrees);
    let refuted = answers.iter().find_map(Answer::contradicts);
    match refuted.filter(|_| !any || agrees.is_none()) {
        Some((message, hint)) => {
            let mut finding = about(Rule::GP004, promotion, Outcome::Fail, message.to_owned());
            finding.hint = Some(hint.to_owned());
            placed(finding, planned)
        }
        None => about(Rule::GP004, promotion, Outcome::Pass, agreement(promotion, agrees)),
    }
}

fn agreement(promotion: &Promotion, source: Option<&EnvironmentName>) -> String {
    match (&promotion.version.digest, source) {
        (None, _) => "no digest is pinned".to_owned(),
        (Some(_), Some(source)) => format!("the digest is that of {source}"),
        (Some(_), None) if promotion.from.is_empty() => {
            "the digest is new with the version".to_owned()
        }
        (Some(_), None) => "no environment before says another digest".to_owned(),
    }
}

/// What a source says of the digest.
enum Answer {
    Agrees(EnvironmentName),
    /// Why not, and the command that promotes what the source has.
    Contradicts(String, String),
    /// It does not run the version at all, which is GP001's to say.
    Silent,
}

impl Answer {
    fn agrees(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Agrees(source) => Some(source),
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
    let key = CellKey::of(promotion, source);
    let now = case.inventory.cells.get(&key).and_then(Cell::pin);
    let now = now.filter(|pin| pin.tag == version.tag);
    let held = case.timelines.get(&key).map(|timeline| timeline.held.as_slice());
    let past = held.unwrap_or_default().iter().map(|held| &held.pin);
    let past = past.filter(|pin| seen && now.is_none() && pin.tag == version.tag);
    let pins: Vec<&Pin> = now.into_iter().chain(past).collect();
    match (pins.first(), &version.tag) {
        (Some(_), _) if pins.iter().any(|pin| pin.digest == version.digest) => {
            Answer::Agrees(source.clone())
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
