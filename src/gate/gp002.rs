//! GP002: the registry has the version.

use std::collections::BTreeMap;

use crate::discover::CellKey;
use crate::model::{Digest, Finding, Outcome, Pin, Rule, Tag};
use crate::plan::Planned;

use super::outside::{Silence, not_asked, silent};
use super::{Ask, Case, RuleInfo, about, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP002,
    refuses: "a version that the registry does not have",
    why: "A manifest that points at an image that is not there brings an environment down with \
          the next restart. It is asked where an environment has a `registry`, `pin` or \
          `verify-signature` in promote.toml, and where a digest is pinned that the environment \
          before does not have beside its tag. A promotion that copies the image from the registry \
          of the environment before needs it to be there, and the environments before must not \
          have different images under one tag.",
    satisfy: "Look where the image is, and copy or push it:\n\
              \n    git promote registry check APP@VERSION\n    \
              git promote registry copy APP@VERSION ENVIRONMENT",
    overridable: true,
    ask: Ask::Outside(judge_all),
};

/// What registries have of what enters an environment, by what is entered.
pub type Images = BTreeMap<CellKey, Result<Registered, Silence>>;

/// What registries have of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The repository that the environment pulls from.
    pub repository: String,
    /// Whether it has the version, by its digest where it is pinned to one.
    pub there: bool,
    /// The digest that the tag has there.
    pub tagged: Option<Digest>,
    /// What an environment before that vouches for it has, where it pulls from
    /// another repository.
    pub source: Option<Elsewhere>,
    /// Which environments before have different images under the tag.
    pub differ: Option<String>,
}

/// What another repository has of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The repository.
    pub repository: String,
    /// Whether it has the version, by its digest where it is pinned to one.
    pub there: bool,
    /// The digest that the tag has there.
    pub tagged: Option<Digest>,
}

impl Registered {
    /// The digest of the tag: in the registry of the environment before, which
    /// is where it was tested, else in that of the environment itself.
    pub fn digest(&self) -> Option<&Digest> {
        self.source.as_ref().map_or(self.tagged.as_ref(), |source| source.tagged.as_ref())
    }

    /// Whether the environment's registry has the tag for another image than
    /// the one that is meant, so that nothing can be copied under it.
    pub fn is_taken(&self, version: &Pin) -> bool {
        let meant = version.digest.as_ref().or(self.digest());
        let tagged = self.tagged.as_ref().filter(|_| version.tag.is_some());
        tagged.zip(meant).is_some_and(|(tagged, meant)| tagged != meant)
    }
}

/// What was heard of the version of a promotion.
pub(super) fn heard<'a>(case: &Case<'a>, planned: &Planned) -> Option<&'a Registered> {
    let key = CellKey::of(&planned.promotion, &planned.promotion.to);
    case.answers?.images.get(&key)?.as_ref().ok()
}

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    case.promotions.iter().flat_map(|planned| judge(case, planned)).collect()
}

fn judge(case: &Case<'_>, planned: &Planned) -> Vec<Finding> {
    let promotion = &planned.promotion;
    let environment = case.config.environment(promotion.to.as_str());
    let Some(answers) = case.answers else {
        let images = environment.map(|environment| &environment.images);
        let asks = images.is_some_and(|images| images.registry.is_some() || images.pin);
        let question = format!("whether the registry of {} has it", promotion.to);
        let finding = asks.then(|| not_asked(case, Rule::GP002, planned, &question));
        return finding.into_iter().collect();
    };
    match answers.images.get(&CellKey::of(promotion, &promotion.to)) {
        None => {
            let images = environment.map(|environment| &environment.images);
            let asks = images.is_some_and(|images| images.registry.is_some() || images.pin);
            asks.then(|| unnamed(planned)).into_iter().collect()
        }
        Some(Err(silence)) => vec![silent(Rule::GP002, planned, silence)],
        Some(Ok(found)) => {
            let moved = moved(planned, found);
            std::iter::once(judged(case, planned, found)).chain(moved).collect()
        }
    }
}

/// A version of which nothing tells which image it is: that of a chart, say.
fn unnamed(planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let message = format!(
        "nothing tells which image {} of {} is, so no registry is asked (a `repository` beside a \
         `tag` does)",
        promotion.image, promotion.app
    );
    placed(about(Rule::GP002, promotion, Outcome::Warn, message), planned)
}

fn judged(case: &Case<'_>, planned: &Planned, found: &Registered) -> Finding {
    let promotion = &planned.promotion;
    let (version, repository) = (&promotion.version, &found.repository);
    let pass = |message: String| about(Rule::GP002, promotion, Outcome::Pass, message);
    let word = promotion.app.at(version);
    let source = found.source.as_ref().filter(|source| source.there);
    let taken = found.is_taken(version) && (version.digest.is_none() || !found.there);
    match source {
        _ if found.differ.is_some() => {
            let message = found.differ.clone().unwrap_or_default();
            fail(planned, message, format!("git promote registry check {word}"))
        }
        // The copy would refuse it.
        Some(source) if taken => {
            let other = &source.repository;
            let message =
                format!("{repository} has another image under {version} than {other} has");
            let hint = format!("git promote registry check {word}");
            fail(planned, message, hint)
        }
        _ if found.there => pass(format!("{repository} has {version}")),
        Some(source) if case.check.is_none() => {
            pass(format!("{version} is copied from {} to {repository}", source.repository))
        }
        Some(_) => {
            let message = format!("{repository} does not have {version} yet");
            fail(planned, message, format!("git promote registry copy {word} {}", promotion.to))
        }
        None => {
            let message = format!("{repository} does not have {version}");
            fail(planned, message, format!("git promote registry check {word}"))
        }
    }
}

fn fail(planned: &Planned, message: String, hint: String) -> Finding {
    let mut finding = about(Rule::GP002, &planned.promotion, Outcome::Fail, message);
    finding.hint = Some(hint);
    placed(finding, planned)
}

/// A tag that is another image than the one that it was pinned to. What runs is
/// the digest, so this is only told.
fn moved(planned: &Planned, found: &Registered) -> Option<Finding> {
    let promotion = &planned.promotion;
    let (tag, pinned): (&Tag, &Digest) =
        (promotion.version.tag.as_ref()?, promotion.version.digest.as_ref()?);
    let now = found.tagged.as_ref().or(found.digest())?;
    if now == pinned {
        return None;
    }
    let message = format!("{tag} moved since it was pinned: the registry has it as {now}");
    Some(placed(about(Rule::GP004, promotion, Outcome::Warn, message), planned))
}
