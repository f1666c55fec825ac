//! GP016: what is held stays where it is.

use crate::config::{HOLDS, Hold};
use crate::model::{Finding, Outcome, RepoPath, Rule, quoted};
use crate::plan::Planned;
use crate::schedule::shown;

use super::{Ask, Case, RuleInfo, about, override_hint, placed};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP016,
    refuses: "moving an app that is held",
    why: "A hold says that an app has to stay where it is, and why: during an incident, or \
          while somebody looks at it. Holds stand in `.promote/holds.toml` and are read at the \
          base, so that no change can lift one and promote past it. A change of the file alone \
          passes, and what it lifts is named. A hold ends at its `until`, or when somebody \
          resumes the app; it holds a rollback too, unless the config exempts that.",
    satisfy: "Let the app go on, once that is right:\n\
              \n    git promote resume ENVIRONMENT APP\n\
              \nIn an emergency, with the reason:\n\
              \n    git promote APP@VERSION ENVIRONMENT --override GP016 --reason TEXT",
    overridable: true,
    ask: Ask::Whole(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let held = case.promotions.iter().filter_map(|planned| judge(case, planned));
    held.chain(lifted(case)).collect()
}

fn judge(case: &Case<'_>, planned: &Planned) -> Option<Finding> {
    let promotion = &planned.promotion;
    let (to, app) = (&promotion.to, &promotion.app);
    let hold = case.holds.of(to, app, case.now)?;
    if !hold.is_active(case.now) {
        let until = hold.until.and_then(shown).unwrap_or_default();
        let message = format!("the hold of {app} in {to} ended at {until}");
        return Some(about(Rule::GP016, promotion, Outcome::Pass, message));
    }
    let mut finding = about(Rule::GP016, promotion, Outcome::Fail, hold.says(app));
    finding.hint = Some(match case.check {
        Some(_) => override_hint(case, Rule::GP016, promotion),
        None => format!("git promote resume {to} {}", quoted(&hold.app)),
    });
    Some(placed(finding, planned))
}

/// What a change of the file lifts, and what it holds anew.
fn lifted(case: &Case<'_>) -> Vec<Finding> {
    let Some(check) = case.check else { return Vec::new() };
    let Some(head) = check.holds else { return Vec::new() };
    let ends = |hold: &&Hold| hold.is_active(case.now);
    let gone = case.holds.without(head).filter(ends);
    let gone = gone.map(|hold| change(hold, Outcome::Warn, "lifts the hold of"));
    let new = head.without(case.holds).map(|hold| {
        let mut finding = change(hold, Outcome::Pass, "holds");
        if check.astray.contains(hold) {
            finding.outcome = Outcome::Warn;
            finding.message =
                format!("{}; there is no such app there, so nothing is held", finding.message);
        }
        finding
    });
    gone.chain(new).collect()
}

fn change(hold: &Hold, outcome: Outcome, does: &str) -> Finding {
    let Hold { environment, app, reason, .. } = hold;
    Finding {
        rule: Rule::GP016,
        outcome,
        app: None,
        environment: Some(environment.clone()),
        message: format!("this change {does} {app} in {environment}: {reason}"),
        path: RepoPath::normalize(HOLDS),
        line: None,
        hint: None,
        silence: None,
    }
}
