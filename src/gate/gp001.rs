//! GP001: no version enters an environment that the one before does not run.

use crate::discover::{Cell, CellKey};
use crate::history::Timeline;
use crate::model::{EnvironmentName, Finding, Outcome, Pin, Promotion, Rule, Sources, short_span};
use crate::plan::Planned;

use super::accepted::{self, Acceptance};
use super::{
    Ask, Case, RuleInfo, about, entering, goes_back, gp003, placed, policy, short_id, undo,
};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP001,
    refuses: "a version that an environment before does not run",
    why: "Every environment is the test of the next one. A version that skips one arrives \
          untested where it hurts most. The versions are read from the base commit, so that \
          one change cannot bring its own proof along. With `seen = true` it is enough that \
          the environment ran the version at some time. What counts is also rendered: an image \
          that is pinned and never runs proves nothing. A version that runs in an environment \
          after the same ones may follow it; in `check` also a rollback to what ran here, and an \
          app that is new everywhere.",
    satisfy: "Promote the version into the environment before first, and let that land:\n\
              \n    git promote VERSION ENVIRONMENT-BEFORE",
    overridable: false,
    ask: Ask::Whole(judge_all),
};

/// Does not apply to a first environment.
fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let judged: Vec<(&Planned, Finding)> = case
        .promotions
        .iter()
        .filter_map(|planned| Some((planned, judge(case, planned)?)))
        .collect();
    let rendered = entering::judge(case, &judged);
    let gone = case.proof.gone.iter().map(entering::gone);
    let moved = case.proof.moved.iter().filter(|moved| moved.vouched).map(entering::moved);
    let judged = judged.into_iter().map(|(_, finding)| finding);
    judged.chain(rendered).chain(gone).chain(moved).collect()
}

/// The way to satisfy the rule, where it does not hold; and whether it refuses,
/// after what the config and the user make of it.
pub(super) fn missing(case: &Case<'_>, planned: &Planned) -> Option<(Option<String>, bool)> {
    let finding = judge(case, planned).filter(|finding| finding.outcome == Outcome::Fail)?;
    let hint = finding.hint.clone();
    let refuses = policy::apply(case, vec![finding]).iter().any(|f| f.outcome == Outcome::Fail);
    Some((hint, refuses))
}

/// Whether the environments before run the version, or ran it where that is
/// enough.
pub(super) fn is_run_before(case: &Case<'_>, promotion: &Promotion) -> bool {
    let Some(environment) = case.config.environment(promotion.to.as_str()) else { return false };
    let sources = case.config.sources_for(environment, &promotion.app);
    let vouches =
        |source: &EnvironmentName| answer(case, promotion, (source, environment.seen)).vouches;
    match &sources {
        Sources::First => true,
        Sources::All(names) => names.iter().all(vouches),
        Sources::Any(names) => names.iter().any(vouches),
    }
}

/// One source's answer: whether it vouches for the version, and how that reads.
struct Answer {
    source: EnvironmentName,
    vouches: bool,
    /// Whether it ran the version at some time before now.
    past: bool,
    text: String,
}

fn judge(case: &Case<'_>, planned: &Planned) -> Option<Finding> {
    let promotion = &planned.promotion;
    let environment = case.config.environment(promotion.to.as_str())?;
    let sources = case.config.sources_for(environment, &promotion.app);
    let ask = |source: &EnvironmentName| answer(case, promotion, (source, environment.seen));
    let answers: Vec<Answer> = sources.names().iter().map(ask).collect();
    let (told, refuted): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.vouches);
    let passes = match sources {
        Sources::First => return None,
        Sources::All(_) => refuted.is_empty(),
        Sources::Any(_) => !told.is_empty(),
    };
    let texts = |answers: &[Answer]| {
        answers.iter().map(|answer| answer.text.as_str()).collect::<Vec<_>>().join("; ")
    };
    // One of ours goes back, whatever else runs the version.
    let back = accepted::rollback(case, planned).filter(|_| case.rollback);
    if let Some(Acceptance { text, .. }) = back {
        return Some(about(Rule::GP001, promotion, Outcome::Pass, text));
    }
    if passes {
        return Some(about(Rule::GP001, promotion, Outcome::Pass, texts(&told)));
    }
    if let Some(Acceptance { text, .. }) = accepted::otherwise(case, planned) {
        return Some(about(Rule::GP001, promotion, Outcome::Pass, text));
    }
    let mut text = texts(&refuted);
    let first = refuted.iter().find(|answer| accepted::gets(case, promotion, &answer.source));
    if let Some(answer) = first {
        text = format!(
            "{} gets {} by this same change: it has to land there first ({text})",
            answer.source,
            tag_or_digest(&promotion.version)
        );
    }
    let mut finding = about(Rule::GP001, promotion, Outcome::Fail, text);
    // The step before is a change of its own; where the source has nothing that
    // could come, there is none.
    let source = refuted.first().map(|answer| CellKey::of(promotion, &answer.source));
    let cell = source.and_then(|key| case.inventory.cells.get(&key));
    let is_undone = first.is_some() || cell.and_then(Cell::pin) == Some(&promotion.previous);
    finding.hint = refuted.first().map(|answer| hint(case, promotion, answer));
    finding = placed(finding, planned);
    if let Some(check) = case.check {
        finding.hint = match finding.path.as_ref().filter(|_| is_undone) {
            Some(path) => undo(case, path),
            None => {
                finding.hint.map(|step| format!("git switch --detach {} && {step}", check.base))
            }
        };
    }
    Some(finding)
}

fn answer(case: &Case<'_>, promotion: &Promotion, from: (&EnvironmentName, bool)) -> Answer {
    let (source, seen) = from;
    let key = CellKey::of(promotion, source);
    let cell = case.inventory.cells.get(&key);
    let timeline = case.timelines.get(&key);
    let wanted = tag_or_digest(&promotion.version);
    let now = cell.and_then(Cell::pin).is_some_and(|pin| pin.carries(&wanted));
    let once = seen && timeline.is_some_and(|timeline| timeline.ran(&wanted).is_some());
    let past = timeline.is_some_and(|timeline| timeline.left(&wanted));
    let text = match cell {
        _ if now => runs_now(case, source, (&wanted, timeline)),
        _ if once => format!("{source} has run {wanted} before"),
        Some(cell) if past => {
            let now = does_not_run(source, cell, &wanted);
            format!("{now}; it ran that before, which is enough with `seen = true`")
        }
        Some(cell) => does_not_run(source, cell, &wanted),
        None => format!("{source} does not have {} of {}", promotion.image, promotion.app),
    };
    let cut_off = seen && !once && timeline.is_some_and(|timeline| !timeline.complete);
    let text = if cut_off && !now {
        format!("{text}, and the clone is too shallow to tell whether it ever did")
    } else {
        text
    };
    Answer { source: source.clone(), vouches: now || once, past, text }
}

/// GP001 compares tags; whether the digest is the same is GP004's question.
pub fn tag_or_digest(version: &Pin) -> Pin {
    match &version.tag {
        Some(tag) => Pin::tag(tag.clone()),
        None => version.clone(),
    }
}

fn runs_now(
    case: &Case<'_>,
    source: &EnvironmentName,
    version: (&Pin, Option<&Timeline>),
) -> String {
    let (wanted, timeline) = version;
    match timeline.and_then(Timeline::since) {
        Some(since) => format!(
            "{source} has run {wanted} for {} ({})",
            short_span(case.now - since.seconds),
            short_id(&since.commit)
        ),
        None => format!("{source} runs {wanted}"),
    }
}

fn does_not_run(source: &EnvironmentName, cell: &Cell, wanted: &Pin) -> String {
    let place = cell.sites.first().map(|site| format!(" ({}:{})", site.path, site.line));
    let place = place.unwrap_or_default();
    if let Some(problem) = cell.sites.iter().find_map(|site| site.problem.as_ref()) {
        return format!("what {source} runs cannot be read: {problem}{place}");
    }
    let runs: Vec<String> = cell.pins().iter().map(ToString::to_string).collect();
    format!("{source} runs {}, not {wanted}{place}", runs.join(" and "))
}

/// The nearest version that would be let through, or the step that is missing.
fn hint(case: &Case<'_>, promotion: &Promotion, answer: &Answer) -> String {
    if let Some(back) = gp003::rolled_back(case, promotion) {
        return back;
    }
    let (app, source) = (&promotion.app, &answer.source);
    let cell = case.inventory.cells.get(&CellKey::of(promotion, source));
    let runs = cell.and_then(Cell::pin).filter(|pin| !pin.is_empty());
    let looks_alike = |pin: &&Pin| {
        let (a, b) = (pin.to_string(), promotion.version.to_string());
        a != b && a.trim_start_matches('v') == b.trim_start_matches('v')
    };
    let newer = |pin: &&Pin| case.check.is_some() && goes_back(&promotion.version, pin);
    if runs.is_some_and(|pin| newer(&pin)) {
        return format!("git promote {source} {} -a {}", promotion.to, app.word());
    }
    match runs.filter(looks_alike) {
        Some(pin) => format!("git promote {} {}", app.at(pin), promotion.to),
        None if answer.past && runs == Some(&promotion.previous) => gp003::ran_here(promotion),
        // What it runs now can go on; or the config lets in what ran before.
        None if answer.past => {
            format!("git promote {source} {} -a {}", promotion.to, app.word())
        }
        // A version that nobody runs is mistyped, where one goes back.
        None if case.rollback && !is_anywhere(case, promotion) => gp003::ran_here(promotion),
        None => {
            let step = first_step(case, promotion, source);
            format!("git promote {} {step}", app.at(&promotion.version))
        }
    }
}

/// Whether any environment runs the version, or the target once did.
fn is_anywhere(case: &Case<'_>, promotion: &Promotion) -> bool {
    let wanted = tag_or_digest(&promotion.version);
    let ran = case.timelines.get(&CellKey::of(promotion, &promotion.to));
    let mut environments = case.config.pipeline.environments().iter();
    ran.is_some_and(|timeline| timeline.ran(&wanted).is_some())
        || environments.any(|environment| {
            let cell = case.inventory.cells.get(&CellKey::of(promotion, &environment.name));
            cell.and_then(Cell::pin).is_some_and(|pin| pin.carries(&wanted))
        })
}

/// The environment that can take the version now: `source`, or one before it
/// where those before do not run it either.
fn first_step(case: &Case<'_>, promotion: &Promotion, source: &EnvironmentName) -> EnvironmentName {
    let wanted = tag_or_digest(&promotion.version);
    let runs = |name: &EnvironmentName| {
        let cell = case.inventory.cells.get(&CellKey::of(promotion, name));
        cell.and_then(Cell::pin).is_some_and(|pin| pin.carries(&wanted))
    };
    let mut step = source.clone();
    // The pipeline has no cycle, so this ends.
    while let Some(environment) = case.config.environment(step.as_str()) {
        let sources = case.config.sources_for(environment, &promotion.app);
        let enough = match &sources {
            Sources::First => true,
            Sources::All(names) => names.iter().all(runs),
            Sources::Any(names) => names.iter().any(runs),
        };
        let missing = sources.names().iter().find(|name| !runs(name)).cloned();
        match missing {
            Some(missing) if !enough => step = missing,
            _ => break,
        }
    }
    step
}
