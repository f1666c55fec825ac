//! GP009: a version stays in the environment before for a while.

use crate::discover::CellKey;
use crate::history::Timeline;
use crate::model::{EnvironmentName, Finding, Outcome, Pin, Promotion, Rule, Sources, short_span};
use crate::plan::Planned;
use crate::schedule::{Span, shown};

use super::accepted::{self, Why};
use super::gp001::tag_or_digest;
use super::{Ask, Case, Past, RuleInfo, about, override_hint, placed, short_id};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP009,
    refuses: "a version that has been in the environments before for less than `soak`",
    why: "Some faults need time to show. With `soak = \"24h\"` a version enters only after it \
          has been in each `from` (or in one of `from-any`) for that long without \
          interruption: from the committer time of the commit on the first-parent line of the \
          base that brought it there. A commit that is dated before its parents counts from \
          theirs, one that is dated in the future does not count yet, and a rebase starts the \
          time anew. What was removed or replaced meanwhile starts anew as well. The time is \
          reached at that very second.",
    satisfy: "Wait: the finding says when the time is reached, and the moves whose time has \
              come are made by\n\
              \n    git promote next --due\n\
              \nIn an emergency, with the reason:\n\
              \n    git promote APP@VERSION ENVIRONMENT --override GP009 --reason TEXT",
    overridable: true,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    case.promotions.iter().filter_map(|planned| judge(case, planned)).collect()
}

/// Where the history does not tell how long the version has been there: what
/// is missing.
pub(super) fn unknown(case: &Case<'_>, planned: &Planned) -> Option<String> {
    let (soak, sources) = asked(case, &planned.promotion)?;
    match answer(case, planned, (soak, &sources)) {
        Answer::Unknown(message) => Some(message),
        Answer::Known { .. } => None,
    }
}

/// What is asked of a promotion; nothing where the config asks for no time, or
/// no environment comes before.
fn asked(case: &Case<'_>, promotion: &Promotion) -> Option<(Span, Sources)> {
    let soak = case.config.guard(&promotion.to).soak?;
    let environment = case.config.environment(promotion.to.as_str())?;
    let sources = case.config.sources_for(environment, &promotion.app);
    (sources != Sources::First).then_some((soak, sources))
}

fn judge(case: &Case<'_>, planned: &Planned) -> Option<Finding> {
    let promotion = &planned.promotion;
    let (soak, sources) = asked(case, promotion)?;
    let (outcome, message) = match answer(case, planned, (soak, &sources)) {
        Answer::Unknown(message) => (Outcome::Skip, message),
        Answer::Known { reached: true, text } => (Outcome::Pass, text),
        Answer::Known { reached: false, text } => (Outcome::Fail, text),
    };
    let mut finding = about(Rule::GP009, promotion, outcome, message);
    if outcome == Outcome::Fail {
        finding.hint = Some(override_hint(case, Rule::GP009, promotion));
        finding = placed(finding, planned);
    }
    Some(finding)
}

/// Whether the time is reached, as far as that is known.
enum Answer {
    Known { reached: bool, text: String },
    Unknown(String),
}

fn answer(case: &Case<'_>, planned: &Planned, (soak, sources): (Span, &Sources)) -> Answer {
    let promotion = &planned.promotion;
    let fresh = accepted::otherwise(case, planned).filter(|accepted| accepted.why == Why::Fresh);
    if let Some(fresh) = fresh {
        return Answer::Known { reached: true, text: fresh.text };
    }
    let stays: Vec<Stay> =
        sources.names().iter().map(|source| stay(case, promotion, source)).collect();
    let any = matches!(sources, Sources::Any(_));
    // What lets it in by what ran before lets that time count too.
    let seen = case.config.environment(promotion.to.as_str()).is_some_and(|to| to.seen);
    let last = seen || !any || !accepted::is_pinned_before(case, promotion);
    let long = |stay: &&Stay| {
        stay.seconds.is_some_and(|seconds| seconds >= soak.seconds()) && (last || stay.goes_on)
    };
    let enough = if any { stays.iter().any(|s| long(&s)) } else { stays.iter().all(|s| long(&s)) };
    if enough {
        let texts: Vec<&str> = stays.iter().filter(long).map(|stay| stay.text.as_str()).collect();
        return Answer::Known {
            reached: true,
            text: format!("{}; soak is {soak}", texts.join("; ")),
        };
    }
    if let Some(cut) = stays.iter().find(|stay| stay.cut) {
        return Answer::Unknown(cut.text.clone());
    }
    let short: Vec<&Stay> = stays.iter().filter(|stay| !long(stay)).collect();
    let texts: Vec<&str> = short.iter().map(|stay| stay.text.as_str()).collect();
    let ends = || short.iter().map(|stay| stay.reached_at(soak));
    // All of them, or the first of them.
    let at = if any { ends().flatten().min() } else { ends().max().flatten() };
    let known = any || ends().all(|end| end.is_some());
    let at = at.filter(|_| known).and_then(shown);
    let at = at.map(|at| format!(", reached at {at}")).unwrap_or_default();
    Answer::Known { reached: false, text: format!("{}; soak is {soak}{at}", texts.join("; ")) }
}

/// How long one environment has had a version, or had it last.
struct Stay {
    /// In seconds; `None` where it did not have it, or that is not known.
    seconds: Option<i64>,
    /// Since when, where it still has it.
    since: Option<i64>,
    /// Whether it still has it.
    goes_on: bool,
    /// Whether only the rest of the history would tell.
    cut: bool,
    text: String,
}

impl Stay {
    fn without(text: String) -> Self {
        Self { seconds: None, since: None, goes_on: false, cut: false, text }
    }

    fn reached_at(&self, soak: Span) -> Option<i64> {
        self.since?.checked_add(soak.seconds())
    }
}

fn stay(case: &Case<'_>, promotion: &Promotion, source: &EnvironmentName) -> Stay {
    let wanted = tag_or_digest(&promotion.version);
    let timeline = case.timelines.get(&CellKey::of(promotion, source));
    let at = timeline.and_then(|timeline| {
        let mut held = timeline.held.iter();
        held.position(|held| held.pin.carries(&wanted))
    });
    let (Some(timeline), Some(at)) = (timeline, at) else {
        let complete = timeline.is_some_and(|timeline| timeline.complete);
        let text = format!("{source} does not run {wanted}");
        // A version that is not there now may have been, where that counts.
        let cut = timeline.is_some() && !complete && case.history != Past::Whole;
        return Stay { cut, ..Stay::without(text) };
    };
    match since(case, timeline, at) {
        Some(since) if at == 0 => now(case, (source, &wanted), &since),
        Some(since) => past(case, (source, &wanted), (timeline, at, since)),
        None => {
            let text = match case.history {
                Past::None => format!("a tree has no history: how long {source} has run {wanted}"),
                _ => format!("the history is cut off: how long {source} has run {wanted}"),
            };
            Stay { cut: true, ..Stay::without(format!("{text} is not known")) }
        }
    }
}

/// When a version arrived: a commit cannot be older than what it was made on.
struct Arrival<'t> {
    seconds: i64,
    commit: &'t str,
    remark: String,
}

fn since<'t>(case: &Case<'_>, timeline: &'t Timeline, at: usize) -> Option<Arrival<'t>> {
    let moment = timeline.held.get(at)?.since.as_ref()?;
    let dated = case.dates.get(&moment.commit);
    let floor = dated.and_then(|dated| dated.newest_before).unwrap_or(i64::MIN);
    let own = moment.seconds;
    let remark = if own > case.now {
        "dated in the future: a clock is wrong".to_owned()
    } else if floor > own {
        format!("dated {} before a commit that came before it", short_span(floor - own))
    } else {
        // Somebody who rebased would look for the older date.
        match dated.map_or(0, |dated| own - dated.authored) {
            rebased @ 3_600.. => {
                format!("written {} before it was committed, which counts", short_span(rebased))
            }
            _ => String::new(),
        }
    };
    Some(Arrival { seconds: own.max(floor), commit: &moment.commit, remark })
}

/// A stay that goes on.
fn now(case: &Case<'_>, (source, wanted): (&EnvironmentName, &Pin), since: &Arrival<'_>) -> Stay {
    let seconds = case.now.saturating_sub(since.seconds);
    let remark = match since.remark.as_str() {
        "" => short_id(since.commit).to_owned(),
        remark => format!("{}, {remark}", short_id(since.commit)),
    };
    let text = format!("{source} has run {wanted} for {} ({remark})", short_span(seconds));
    Stay { seconds: Some(seconds), since: Some(since.seconds), goes_on: true, cut: false, text }
}

/// A stay that is over, where that is enough.
fn past(
    case: &Case<'_>,
    (source, wanted): (&EnvironmentName, &Pin),
    (timeline, at, since): (&Timeline, usize, Arrival<'_>),
) -> Stay {
    let left = at.checked_sub(1).and_then(|next| self::since(case, timeline, next));
    let left = left.map_or(case.now, |left| left.seconds.min(case.now));
    let seconds = left.saturating_sub(since.seconds);
    let text = format!(
        "{source} ran {wanted} for {} ({}) and no longer does",
        short_span(seconds),
        short_id(since.commit)
    );
    Stay { seconds: Some(seconds), since: None, goes_on: false, cut: false, text }
}
