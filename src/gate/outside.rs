//! Rules that only somebody outside of the repository can answer: a forge, a
//! cluster, a registry, a program.
//!
//! The gate asks nobody. Who may ask (`promote`, `next`, `rollback`,
//! `check --online`) gathers the [`Answers`] before, and puts them into the
//! case. Where nobody was asked, such a rule is a visible `skip`, or a refusal
//! with `require-online = true`. Where somebody was asked and did not answer,
//! it is `unverifiable`, and never a pass.

use std::collections::BTreeMap;

use crate::discover::CellKey;
use crate::model::{EnvironmentName, Finding, Outcome, Rule, Sight};
use crate::plan::Planned;

use super::{Approval, Ask, Case, about, rule};

/// What was heard from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// What was seen of an app in an environment that a promotion comes from,
    /// by the environment that is entered and the cell there (GP015).
    pub health: BTreeMap<(EnvironmentName, CellKey), Result<Vec<Sight>, Silence>>,
    /// What registries have of the versions, where they were asked.
    pub images: super::RegistryImages,
    /// Who signed them, where the config asks for it.
    pub signatures: super::Signatures,
    /// Whether a registry did not let us in, which waiting does not help.
    pub denied: bool,
    /// What is known of the approvals, by the environment that is entered
    /// (GP019).
    pub approvals: BTreeMap<EnvironmentName, Approval>,
}

/// Somebody was asked and did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Whom, and why there is no answer; without a full stop.
    pub message: String,
    /// A command that helps.
    pub hint: Option<String>,
}

/// What a rule says where nobody was asked. `question` is what was not asked,
/// such as `whether staging is healthy`.
pub fn not_asked(case: &Case<'_>, rule: Rule, planned: &Planned, question: &str) -> Finding {
    let promotion = &planned.promotion;
    if !case.config.require_online {
        let message = format!("{question} is not asked without --online");
        return about(rule, promotion, Outcome::Skip, message);
    }
    let message = format!("{question} was not asked, and `require-online` wants it asked");
    let mut finding = about(rule, promotion, Outcome::Fail, message);
    finding.hint = Some("git promote check --online".to_owned());
    finding
}

/// What a rule says where somebody did not answer.
pub fn silent(rule: Rule, planned: &Planned, silence: &Silence) -> Finding {
    let message = silence.message.clone();
    let mut finding = about(rule, &planned.promotion, Outcome::Unverifiable, message);
    finding.hint.clone_from(&silence.hint);
    finding
}

/// Whether a rule is answered from outside.
pub fn is_answered_outside(number: Rule) -> bool {
    rule(number).is_some_and(|info| matches!(info.ask, Ask::Outside(_)))
}

/// Whether all that refuses is somebody who did not answer: trying again later
/// may help.
pub fn only_silence(findings: &[Finding]) -> bool {
    let refuses = |f: &&Finding| matches!(f.outcome, Outcome::Fail | Outcome::Unverifiable);
    let mut refusing = findings.iter().filter(refuses).peekable();
    let silent = |f: &Finding| f.outcome == Outcome::Unverifiable && is_answered_outside(f.rule);
    refusing.peek().is_some() && refusing.all(silent)
}
