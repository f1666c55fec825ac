//! What satisfies GP001 although no environment before runs the version now:
//! each is named in the output.

use crate::discover::{Cell, CellKey};
use crate::history::{Held, Moment, Timeline};
use crate::model::{EnvironmentName, Promotion};
use crate::plan::{Planned, exists_in};
use crate::proof::Entering;

use super::entering::is_about;
use super::{Case, Past, gp001, short_id};

/// Why a version may enter all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The environment ran it before, and did not go back from it.
    Rollback,
    /// An environment that follows the same ones runs it.
    Sibling,
    /// The app is new everywhere.
    Fresh,
    /// It may arrive together with the environments before.
    Together,
}

/// An acceptance and its words.
#[derive(Debug, Clone)]
pub(super) struct Acceptance {
    pub(super) why: Why,
    pub(super) text: String,
}

/// What lets a version in that the environments before do not run.
pub(super) fn otherwise(case: &Case<'_>, planned: &Planned) -> Option<Acceptance> {
    let promotion = &planned.promotion;
    // What goes back does so whoever else runs the version.
    rollback(case, planned)
        .or_else(|| sibling(case, promotion))
        .or_else(|| fresh(case, promotion))
        .or_else(|| together(case, promotion))
}

fn sibling(case: &Case<'_>, promotion: &Promotion) -> Option<Acceptance> {
    let sources = |name: &EnvironmentName| {
        let environment = case.config.environment(name.as_str())?;
        Some(case.config.sources_for(environment, &promotion.app))
    };
    let own = sources(&promotion.to)?;
    let follows = |name: &&EnvironmentName| {
        exists_in(case.config, &promotion.app, name)
            && **name != promotion.to
            && sources(name).as_ref() == Some(&own)
    };
    let environments =
        case.config.pipeline.environments().iter().map(|environment| &environment.name);
    let sibling = environments.filter(follows).find(|name| {
        let cell = case.inventory.cells.get(&CellKey::of(promotion, name));
        cell.and_then(Cell::pin) == Some(&promotion.version)
    })?;
    let text =
        format!("{sibling} runs {}, and comes after the same environments", promotion.version);
    Some(Acceptance { why: Why::Sibling, text })
}

/// Whether it goes back to what ran here, and was not itself gone back from.
pub(super) fn rollback(case: &Case<'_>, planned: &Planned) -> Option<Acceptance> {
    let promotion = &planned.promotion;
    if case.check.is_none() && !case.rollback {
        return None;
    }
    let timeline = case.timelines.get(&CellKey::of(promotion, &promotion.to))?;
    let held = ran(timeline, promotion)?;
    if timeline.went_back_from(held) {
        return None;
    }
    let known =
        case.check.is_none() || case.ran.contains_key(&CellKey::of(promotion, &promotion.to));
    if !known || never_run(case, planned).is_some() {
        return None;
    }
    let since = timeline.held.get(held).and_then(|held| held.since.as_ref());
    let since = since.map(|since| format!(" ({})", short_id(&since.commit))).unwrap_or_default();
    let text = format!("a rollback: {} ran {} before{since}", promotion.to, promotion.version);
    Some(Acceptance { why: Why::Rollback, text })
}

/// An image that the environment would run, and did not when it ran the version:
/// the same version of another image is no way back.
pub(super) fn never_run<'c>(case: &Case<'c>, planned: &Planned) -> Option<&'c Entering> {
    let promotion = &planned.promotion;
    let then = case.ran.get(&CellKey::of(promotion, &promotion.to));
    let came_then = |entering: &Entering| then.is_some_and(|ran| ran.has(entering));
    let mut entering = case.proof.entering.iter();
    entering.find(|entering| is_about(planned, entering) && !came_then(entering))
}

/// The newest stay of exactly that version of that image, before the present
/// one.
fn ran(timeline: &Timeline, promotion: &Promotion) -> Option<usize> {
    let beside = timeline.held.first().and_then(|held| held.beside.as_ref());
    let same = |held: &Held| {
        held.pin == promotion.version
            && held.repository == promotion.repository
            && held.beside.as_ref() == beside
    };
    let mut stays = timeline.held.iter().enumerate().skip(1);
    stays.find(|(_, held)| same(held)).map(|(index, _)| index)
}

/// Whether a promotion goes to what ran before the present version, and was not
/// itself gone back from.
pub fn is_way_back(timeline: &Timeline, promotion: &Promotion) -> bool {
    ran(timeline, promotion).is_some_and(|held| !timeline.went_back_from(held))
}

/// The commit that brought the version which a promotion goes back to, where
/// the environment ran it before.
pub fn gone_back_to<'t>(timeline: &'t Timeline, promotion: &Promotion) -> Option<&'t Moment> {
    timeline.held.get(ran(timeline, promotion)?)?.since.as_ref()
}

/// The commit that went back from the version, where the environment ran it.
pub(super) fn left_by<'t>(timeline: &'t Timeline, promotion: &Promotion) -> Option<&'t Moment> {
    let stay = ran(timeline, promotion).filter(|stay| timeline.went_back_from(*stay))?;
    timeline.held.get(stay.checked_sub(1)?)?.since.as_ref()
}

fn fresh(case: &Case<'_>, promotion: &Promotion) -> Option<Acceptance> {
    // It arrives everywhere; or nothing is rendered that was not there under
    // another name.
    let everywhere = promotion.from.iter().all(|source| gets(case, promotion, source));
    let enters =
        |entering: &Entering| entering.environment == promotion.to && entering.app == promotion.app;
    let renamed = promotion.repository.is_some() && !case.proof.entering.iter().any(enters);
    if !everywhere && !renamed {
        return None;
    }
    let repository = promotion.repository.as_deref().unwrap_or(&promotion.image);
    is_fresh(case, &promotion.app, repository).then(|| Acceptance {
        why: Why::Fresh,
        text: format!("{} is new in every environment", promotion.app),
    })
}

/// Whether the app is new everywhere, and nothing else has the image.
pub(super) fn is_fresh(case: &Case<'_>, app: &crate::model::AppId, repository: &str) -> bool {
    // Whether it was there before, only the whole history tells.
    let Some(check) = case.check.filter(|_| case.history == Past::Whole) else { return false };
    let mut fresh = case.proof.fresh.iter().filter(|fresh| fresh.app == *app);
    fresh.any(|fresh| {
        !fresh.elsewhere.contains_key(repository)
            && !fresh.overlays.iter().any(|path| check.returned.contains(path))
    })
}

fn together(case: &Case<'_>, promotion: &Promotion) -> Option<Acceptance> {
    let environment = case.config.environment(promotion.to.as_str())?;
    let here =
        |source: &EnvironmentName| gets(case, promotion, source) || runs(case, promotion, source);
    let all = promotion.from.iter().all(here);
    (environment.together && all).then(|| Acceptance {
        why: Why::Together,
        text: format!("it may enter {} together with {}", promotion.to, listed(&promotion.from)),
    })
}

fn listed(names: &[EnvironmentName]) -> String {
    names.iter().map(EnvironmentName::as_str).collect::<Vec<_>>().join(" and ")
}

/// Whether an environment before pins the version now.
pub(super) fn is_pinned_before(case: &Case<'_>, promotion: &Promotion) -> bool {
    promotion.from.iter().any(|source| runs(case, promotion, source))
}

fn runs(case: &Case<'_>, promotion: &Promotion, source: &EnvironmentName) -> bool {
    let cell = case.inventory.cells.get(&CellKey::of(promotion, source));
    carries(cell, promotion)
}

fn carries(cell: Option<&Cell>, promotion: &Promotion) -> bool {
    let wanted = gp001::tag_or_digest(&promotion.version);
    cell.and_then(Cell::pin).is_some_and(|pin| pin.carries(&wanted))
}

/// Whether a source gets the version by the very change that is judged.
pub(super) fn gets(case: &Case<'_>, promotion: &Promotion, source: &EnvironmentName) -> bool {
    let Some(check) = case.check else { return false };
    carries(check.head.cells.get(&CellKey::of(promotion, source)), promotion)
}
