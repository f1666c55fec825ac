//! GP015: what is broken is not passed on.

use crate::discover::{Cell, CellKey, Inventory};
use crate::model::{
    Cause, EnvironmentName, Finding, Health, Outcome, Promotion, Rule, Sight, Sources,
};
use crate::plan::Planned;

use super::{
    Answers, Ask, Case, RuleInfo, Silence, about, gp001, not_asked, override_hint, placed,
    short_id, silent,
};

pub(super) const RULE: RuleInfo = RuleInfo {
    rule: Rule::GP015,
    refuses: "a version that an environment before runs and that is not healthy there",
    why: "That a version was merged into an environment does not say that it works there. What \
          tells is a commit status that the deployment leaves, the cluster itself, or a program: \
          `health` of the environment that is entered names it. Only what is known to be well \
          goes on; what is still on its way is waited for.",
    satisfy: "Wait until it is well, or mend it there; the newest state counts:\n\
              \n    git promote wait ENVIRONMENT-BEFORE\n\
              \nIn an emergency, with the reason:\n\
              \n    git promote APP@VERSION ENVIRONMENT --override GP015 --reason TEXT",
    overridable: true,
    ask: Ask::Outside(judge_all),
};

fn judge_all(case: &Case<'_>) -> Vec<Finding> {
    let asks = |planned: &&Planned| {
        let environment = case.config.environment(planned.promotion.to.as_str());
        let asks = environment.is_some_and(|environment| environment.health.is_some());
        asks && !planned.promotion.from.is_empty()
    };
    case.promotions.iter().filter(asks).map(|planned| judge(case, planned)).collect()
}

/// What is said of one environment before.
enum Said<'a> {
    /// It does not run the version, so its state says nothing of it.
    Elsewhere(String),
    /// It is well there.
    Well(String),
    /// It is not well, or not known to be.
    Ill(String),
    /// Nobody answers.
    Silent(&'a Silence),
}

fn judge(case: &Case<'_>, planned: &Planned) -> Finding {
    let promotion = &planned.promotion;
    let Some(answers) = case.answers else {
        let names: Vec<&str> = promotion.from.iter().map(AsRef::as_ref).collect();
        let verb = if names.len() > 1 { "are" } else { "is" };
        let question = format!("whether {} {verb} healthy", names.join(" and "));
        return not_asked(case, Rule::GP015, planned, &question);
    };
    let said: Vec<(&EnvironmentName, Said<'_>)> =
        promotion.from.iter().map(|from| (from, ask(case, (planned, from), answers))).collect();
    let well: Vec<String> = said.iter().filter_map(|(_, said)| said.passes()).collect();
    if is_enough(case, promotion, &said) {
        return about(Rule::GP015, promotion, Outcome::Pass, well.join("; "));
    }
    let ill = said.iter().find_map(|(from, said)| match said {
        Said::Ill(message) => Some((*from, message)),
        _ => None,
    });
    if let Some((from, message)) = ill {
        return refuse(planned, (from, message));
    }
    let silence = said.iter().find_map(|(from, said)| match said {
        Said::Silent(silence) => Some((*from, *silence)),
        _ => None,
    });
    match silence {
        Some((from, silence)) => {
            let mut finding = silent(Rule::GP015, planned, silence);
            finding.hint.get_or_insert_with(|| match silence.cause {
                Cause::Passing => format!("git promote wait {from}"),
                Cause::Closed | Cause::Broken => override_hint(case, Rule::GP015, promotion),
            });
            placed(finding, planned)
        }
        None => about(Rule::GP015, promotion, Outcome::Pass, well.join("; ")),
    }
}

/// Where one environment before is enough, one that is well is, too.
fn is_enough(
    case: &Case<'_>,
    promotion: &Promotion,
    said: &[(&EnvironmentName, Said<'_>)],
) -> bool {
    let environment = case.config.environment(promotion.to.as_str());
    let any = environment
        .map(|environment| case.config.sources_for(environment, &promotion.app))
        .is_some_and(|sources| matches!(sources, Sources::Any(_)));
    any && said.iter().any(|(_, said)| matches!(said, Said::Well(_)))
}

impl Said<'_> {
    fn passes(&self) -> Option<String> {
        match self {
            Self::Elsewhere(message) | Self::Well(message) => Some(message.clone()),
            Self::Ill(_) | Self::Silent(_) => None,
        }
    }
}

/// The cell of an environment before, where it runs the version. Where it does
/// not (a rollback; `seen = true`), its state says nothing of the version.
pub fn runs_there<'i>(
    inventory: &'i Inventory,
    promotion: &Promotion,
    from: &EnvironmentName,
) -> Option<&'i Cell> {
    let cell = inventory.cells.get(&CellKey::of(promotion, from))?;
    let wanted = gp001::tag_or_digest(&promotion.version);
    cell.pin()?.carries(&wanted).then_some(cell)
}

fn ask<'a>(
    case: &Case<'_>,
    (planned, from): (&Planned, &EnvironmentName),
    answers: &'a Answers,
) -> Said<'a> {
    let promotion = &planned.promotion;
    let key = (promotion.to.clone(), CellKey::of(promotion, from));
    if runs_there(case.inventory, promotion, from).is_none() {
        let message = format!("{from} does not run {}: its state says nothing", promotion.version);
        return Said::Elsewhere(message);
    }
    match answers.health.get(&key) {
        None => Said::Ill(format!("{from} was not asked")),
        Some(Err(silence)) => Said::Silent(silence),
        Some(Ok(sights)) => match Sight::worst(sights) {
            None => Said::Ill(format!("nothing tells whether {from} is healthy")),
            Some(worst) if worst.health == Health::Healthy => Said::Well(describe(from, worst)),
            Some(worst) => Said::Ill(describe(from, worst)),
        },
    }
}

/// `staging is failed: kustomization/web (d4e5f6a) says ...`
fn describe(from: &EnvironmentName, sight: &Sight) -> String {
    let commit = sight.commit.as_deref().map(short_id);
    let commit = commit.map(|id| format!(" ({id})")).unwrap_or_default();
    let says = match sight.message.as_str() {
        "" => String::new(),
        message => format!(": {message}"),
    };
    match (&sight.what, sight.health) {
        (None, _) => format!("{from} is not known to be healthy{says}"),
        (Some(what), Health::Healthy) => format!("{from} is healthy: {what}{commit}{says}"),
        (Some(what), Health::Failed) => format!("{from} is not healthy: {what}{commit}{says}"),
        (Some(what), _) => {
            format!("{from} is not known to be healthy yet: {what}{commit}{says}")
        }
    }
}

fn refuse(planned: &Planned, (from, message): (&EnvironmentName, &str)) -> Finding {
    let mut finding = about(Rule::GP015, &planned.promotion, Outcome::Fail, message.to_owned());
    finding.hint = Some(format!("git promote wait {from}"));
    placed(finding, planned)
}
