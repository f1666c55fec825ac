//! GP019: an environment that wants approvals gets none that nobody gave.

use crate::config::AppPolicy;
use crate::model::{EnvironmentName, Finding, Outcome, Promotion, Rule, listed};
use crate::plan::Planned;

use super::accepted::{self, Why};
use super::{Ask, Case, RuleInfo, Silence, about, not_asked, placed, silent};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP019,
    refuses: "a change that fewer people approved than the environment wants",
    why: "`approvals` of an environment says how many people look at a change before it goes in. \
          A pull request asks for them; `check --online` counts them. What counts is the last \
          word of each person about what is on the branch now: no approval of an older head, \
          none of the author, and where `reviewers` names somebody, none of others. A push to \
          the base branch has none.",
    satisfy: "Open a pull request, and let it be approved:\n\
              \n    git promote APP@VERSION ENVIRONMENT --pr",
    overridable: true,
    ask: Ask::Outside(judge_all),
};

/// What is known of the approvals of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// A request is opened, which asks for them.
    Requested,
    /// It goes to the base branch without one.
    Pushed,
    /// It stays here for now.
    Local,
    /// What the forge says of the open request.
    Given(Box<Given>),
    /// Nobody answers, or there is no such request.
    Silent(Silence),
}

/// Who had a say about an open request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given {
    /// The request, as people name it.
    pub request: String,
    /// The forge, for people.
    pub forge: String,
    /// Whose approval counts.
    pub good: Vec<String>,
    /// Who approved an older head.
    pub stale: Vec<String>,
    /// Who approved, and the forge does not say which head.
    pub undated: Vec<String>,
    /// Who approved and is none of the reviewers.
    pub others: Vec<String>,
    /// Who asks for changes.
    pub against: Vec<String>,
    /// What could not be told, such as who is in a team.
    pub untold: Vec<String>,
}

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    // It is about the change: said once for an environment.
    let mut entered: Vec<&EnvironmentName> = Vec::new();
    for planned in case.promotions {
        if !entered.contains(&&planned.promotion.to) {
            entered.push(&planned.promotion.to);
        }
    }
    let judge = |to: &&EnvironmentName| {
        let needed = needed(case, to);
        strictest(case, to).filter(|_| needed > 0).map(|planned| judge(case, planned, needed))
    };
    entered.iter().filter_map(judge).collect()
}

/// The promotion that speaks for all into an environment: the first of those
/// that are held most strictly, so that none that is let off speaks for others.
fn strictest<'c>(case: &Case<'c>, to: &EnvironmentName) -> Option<&'c Planned> {
    let into = case.promotions.iter().filter(|planned| planned.promotion.to == *to);
    into.min_by_key(|planned| {
        let policy = match case.config.app_policy(&planned.promotion.app) {
            AppPolicy::Strict => 0,
            AppPolicy::Warn => 1,
            AppPolicy::Off => 2,
        };
        (policy, goes_back(case, planned))
    })
}

fn goes_back(case: &Case<'_>, planned: &Planned) -> bool {
    accepted::otherwise(case, planned).is_some_and(|accepted| accepted.why == Why::Rollback)
}

/// How many an environment wants: where all that enters it is a rollback, as
/// many as that needs.
fn needed(case: &Case<'_>, to: &EnvironmentName) -> u8 {
    let mut into = case.promotions.iter().filter(|planned| planned.promotion.to == *to);
    let back = into.all(|planned| goes_back(case, planned));
    let environment = case.config.environment(to.as_str());
    environment.map_or(0, |environment| environment.delivery.needs(back))
}

fn judge(case: &Case<'_>, planned: &Planned, needed: u8) -> Finding {
    let promotion = &planned.promotion;
    let to = &promotion.to;
    let wants = wants(case, promotion, needed);
    let approval = case.answers.map(|answers| answers.approvals.get(to));
    let finding = |outcome, message: String| about(Rule::GP019, promotion, outcome, message);
    match approval {
        None => not_asked(case, Rule::GP019, planned, &format!("whether {to} has its {wants}")),
        Some(None) => {
            let message = format!("{to} wants {wants}, and nobody was asked");
            placed(finding(Outcome::Fail, message), planned)
        }
        Some(Some(Approval::Requested)) => {
            finding(Outcome::Pass, format!("the pull request asks for {wants}"))
        }
        Some(Some(Approval::Local)) => {
            let message = format!("{to} wants {wants}, which a pull request asks for");
            hinted(case, finding(Outcome::Warn, message), to)
        }
        Some(Some(Approval::Pushed)) => {
            let message = format!("{to} wants {wants}, and a push has none");
            hinted(case, finding(Outcome::Fail, message), to)
        }
        Some(Some(Approval::Silent(silence))) => {
            placed(silent(Rule::GP019, planned, silence), planned)
        }
        Some(Some(Approval::Given(given))) => {
            let (outcome, message) = counted(given, needed, &wants);
            let strict = case.config.require_online && outcome == Outcome::Skip;
            let outcome = if strict { Outcome::Fail } else { outcome };
            placed(finding(outcome, message), planned)
        }
    }
}

/// With the command that opens a request for all that enters the environment.
fn hinted(case: &Case<'_>, mut finding: Finding, to: &EnvironmentName) -> Finding {
    let into = case.promotions.iter().map(|planned| &planned.promotion);
    let mut words: Vec<String> = Vec::new();
    for promotion in into.filter(|promotion| promotion.to == *to) {
        let word = promotion.app.at(&promotion.version);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    finding.hint = Some(format!("git promote {} {to} --pr", words.join(" ")));
    finding
}

/// `2 approvals by @ada or @acme/ops`
fn wants(case: &Case<'_>, promotion: &Promotion, needed: u8) -> String {
    let plural = if needed == 1 { "" } else { "s" };
    let environment = case.config.environment(promotion.to.as_str());
    let names = environment.map(|environment| &environment.delivery.reviewers);
    let names: Vec<String> = names.into_iter().flatten().map(ToString::to_string).collect();
    let of = if names.is_empty() { String::new() } else { format!(" by {}", names.join(" or ")) };
    format!("{needed} approval{plural}{of}")
}

fn counted(given: &Given, needed: u8, wants: &str) -> (Outcome, String) {
    let Given { request, forge, good, .. } = given;
    if !given.against.is_empty() {
        let who = listed(&given.against);
        return (Outcome::Fail, format!("{who} asks for changes in {request}"));
    }
    let enough = |number: usize| number >= usize::from(needed);
    if enough(good.len()) {
        return (Outcome::Pass, format!("{request} is approved by {}", listed(good)));
    }
    if enough(good.len() + given.undated.len()) {
        let message = format!(
            "{forge} does not tell whether the approvals of {request} by {} are of what is on the \
             branch now",
            listed(&given.undated)
        );
        return (Outcome::Skip, message);
    }
    let so_far = match good.as_slice() {
        [] => "none".to_owned(),
        some => format!("that of {}", listed(some)),
    };
    let mut message = format!("{request} needs {wants}, and has {so_far}");
    for (people, why) in [
        (&given.stale, "approved an older head"),
        (&given.others, "approved and is no reviewer"),
        (&given.undated, "approved some head"),
    ] {
        if !people.is_empty() {
            message.push_str(&format!("; {} {why}", listed(people)));
        }
    }
    for untold in &given.untold {
        message.push_str(&format!("; {untold}"));
    }
    (Outcome::Fail, message)
}
