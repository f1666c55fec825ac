//! GP006: an environment is entered while it is open.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{EnvironmentName, Finding, Outcome, Rule};
use crate::plan::Planned;
use crate::schedule::{Calendar, Shut, Standing, Zone};

use super::{Ask, Case, RuleInfo, about, override_hint, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP006,
    refuses: "entering an environment outside its `windows`, or in a freeze",
    why: "What arrives when nobody is there is repaired by somebody who was asleep. An \
          environment is open in any window that allows, or always where none does; never in \
          one that denies, and never on a day of one of its `freezes` or of those at the top of \
          the file. Each window has its time zone: days and hours are what the clocks on the \
          wall there show, so an hour that is skipped in spring is not there and one that comes \
          twice in autumn is there twice; a cron pattern opens for its `duration` of real hours. \
          The first second is in a window, the last one is not; both days of a freeze are in it.",
    satisfy: "Wait: the finding says when it opens, and the moves that are allowed by then are \
              made by\n\
              \n    git promote next --due\n\
              \nIn an emergency, with the reason:\n\
              \n    git promote APP@VERSION ENVIRONMENT --override GP006 --reason TEXT",
    overridable: true,
    ask: Ask::Whole(judge_all),
};

/// What the calendar of one environment says.
type Said = Option<(Outcome, String)>;

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let mut known: BTreeMap<&EnvironmentName, Said> = BTreeMap::new();
    let mut found = Vec::new();
    for planned in case.promotions {
        let to = &planned.promotion.to;
        let said = known.entry(to).or_insert_with(|| said(case, to));
        if let Some((outcome, message)) = said {
            found.push(finding(case, planned, (*outcome, message)));
        }
    }
    found
}

fn finding(case: &Case<'_>, planned: &Planned, (outcome, message): (Outcome, &str)) -> Finding {
    let promotion = &planned.promotion;
    let mut finding = about(Rule::GP006, promotion, outcome, message.to_owned());
    if outcome == Outcome::Fail {
        finding.hint = Some(override_hint(case, Rule::GP006, promotion));
        finding = placed(finding, planned);
    }
    finding
}

fn said(case: &Case<'_>, to: &EnvironmentName) -> Said {
    let calendar = case.config.calendar(to);
    if calendar.is_empty() {
        return None;
    }
    let Ok(now) = Timestamp::from_second(case.now) else {
        return Some((Outcome::Fail, format!("no calendar has the second {}", case.now)));
    };
    Some(match calendar.at(now) {
        Standing::Open { until: None } => (Outcome::Pass, format!("{to} is open")),
        Standing::Open { until: Some(until) } => {
            (Outcome::Pass, format!("{to} is open until {}", told(&calendar, None, until)))
        }
        Standing::Shut { opens, why } => {
            let (zone, why) = reason(to, why);
            let opens = match opens {
                Some(opens) => format!("; it opens at {}", told(&calendar, zone, opens)),
                None => "; it does not open again".to_owned(),
            };
            (Outcome::Fail, format!("{why}{opens}"))
        }
    })
}

/// Why it is shut, and where that is so.
pub(super) fn reason<'c>(to: &EnvironmentName, why: Shut<'c>) -> (Option<&'c Zone>, String) {
    match why {
        Shut::Frozen(freeze) => {
            let reason = freeze.reason.as_ref().map(|reason| format!(" ({reason})"));
            let reason = reason.unwrap_or_default();
            let (from, last) = (freeze.from, freeze.to);
            (Some(&freeze.zone), format!("{to} is frozen from {from} to {last}{reason}"))
        }
        Shut::Denied(window) => {
            (Some(&window.zone), format!("{to} is shut by the window `{window}`"))
        }
        Shut::Outside => (None, format!("{to} is outside its windows")),
    }
}

fn told(calendar: &Calendar<'_>, zone: Option<&Zone>, at: Timestamp) -> String {
    zone.or(calendar.zone()).map_or_else(|| at.to_string(), |zone| zone.shown(at))
}
