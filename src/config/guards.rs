//! What holds an environment shut for a while: read and written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar::printable;
use super::raw::{RawConfig, RawEnvironment, RawRollback, Text};
use super::read::FIXED;
use super::write::{string, strings};
use super::{Config, PolicyRule, looser, policies, times};
use crate::model::{EnvironmentName, Rule};
use crate::schedule::{Calendar, Freeze, Span, Window};

/// What a rollback need not satisfy where the config does not say: the
/// environments before have moved on, so that neither can hold.
const EXEMPT: [Rule; 2] = [Rule::GP009, Rule::GP015];

/// What holds environments shut for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guards {
    /// By environment; one that says nothing is not in it.
    environments: BTreeMap<EnvironmentName, Guard>,
    /// Freezes of all environments.
    freezes: Vec<Freeze>,
    /// Conditions that a promotion has to satisfy.
    pub policies: Vec<PolicyRule>,
}

/// What holds one environment shut for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guard {
    /// How long a version has to be in the environments before.
    pub soak: Option<Span>,
    /// The rules that a rollback is exempt from; `None`: the default.
    exempt: Option<Vec<Rule>>,
    /// When it may be entered.
    windows: Vec<Window>,
    /// On which days not.
    freezes: Vec<Freeze>,
    /// The trailers that a change has to carry.
    pub trailers: Vec<String>,
}

static NO_GUARD: Guard = Guard {
    soak: None,
    exempt: None,
    windows: Vec::new(),
    freezes: Vec::new(),
    trailers: Vec::new(),
};

impl Guard {
    /// Whether a rollback need not satisfy the rule.
    pub fn exempts(&self, rule: Rule) -> bool {
        self.exempt.as_deref().unwrap_or(&EXEMPT).contains(&rule)
    }

    /// What another guard lets through that this one does not, in words; it has
    /// the freezes of all environments beside its own.
    fn loosened(&self, other: &Self, freezes: &[Freeze]) -> Vec<String> {
        let mut found = Vec::new();
        match (self.soak, other.soak) {
            (Some(old), None) => found.push(format!("no version has to stay for {old} before")),
            (Some(old), Some(new)) if new < old => {
                found.push(format!("a version has to stay for {new}, not {old}, before"));
            }
            _ => {}
        }
        let exempts = other.exempt.as_deref().unwrap_or(&EXEMPT);
        let more = exempts.iter().filter(|rule| !self.exempts(**rule));
        found.extend(more.map(|rule| format!("a rollback is exempt from {rule}")));
        found.extend(looser::windows(&self.windows, &other.windows));
        found.extend(looser::freezes(&self.freezes, &[&other.freezes, freezes].concat()));
        let gone = self.trailers.iter().filter(|key| !other.trailers.contains(key));
        found.extend(gone.map(|key| format!("the trailer {key} is no longer wanted")));
        found
    }
}

impl Guards {
    /// What others let through everywhere that these do not, in words.
    pub fn loosened(&self, other: &Self) -> Vec<String> {
        let mut found = looser::freezes(&self.freezes, &other.freezes);
        found.extend(looser::policies(&self.policies, &other.policies));
        found
    }
}

impl Config {
    /// What holds the environment shut for a while.
    pub fn guard(&self, environment: &EnvironmentName) -> &Guard {
        self.guards.environments.get(environment).unwrap_or(&NO_GUARD)
    }

    /// What another config lets into the environment that this one does not, in
    /// words.
    pub fn loosened_in(&self, environment: &EnvironmentName, other: &Self) -> Vec<String> {
        self.guard(environment).loosened(other.guard(environment), &other.guards.freezes)
    }

    /// When the environment may be entered.
    pub fn calendar(&self, environment: &EnvironmentName) -> Calendar<'_> {
        let guard = self.guard(environment);
        Calendar { windows: &guard.windows, freezes: [&guard.freezes, &self.guards.freezes] }
    }
}

/// Reads what the file says.
pub(super) fn read(source: Source<'_>, raw: &RawConfig) -> Result<Guards, ConfigError> {
    let mut environments = BTreeMap::new();
    for one in &raw.environment {
        let guard = guard(source, one)?;
        if guard != NO_GUARD {
            environments.insert(EnvironmentName::new(one.name.get_ref()), guard);
        }
    }
    let freezes = times::freezes(source, &raw.freezes)?;
    Ok(Guards { environments, freezes, policies: Vec::new() })
}

fn guard(source: Source<'_>, raw: &RawEnvironment) -> Result<Guard, ConfigError> {
    let soak = raw.soak.as_ref().map(|text| span(source, text)).transpose()?;
    let exempt = raw.rollback.as_ref().map(|raw| exempt(source, raw)).transpose()?;
    let windows = times::windows(source, raw)?;
    let freezes = times::freezes(source, &raw.freezes)?;
    let trailers = policies::trailers(source, &raw.require_trailers)?;
    Ok(Guard { soak, exempt: exempt.flatten(), windows, freezes, trailers })
}

pub(super) fn span(source: Source<'_>, text: &Text) -> Result<Span, ConfigError> {
    text.get_ref().parse().map_err(|reason| bad(source, (text, Kind::Span), reason))
}

/// The error of a value that breaks the grammar of its kind.
pub(super) fn bad(
    source: Source<'_>,
    (text, kind): (&Text, Kind),
    reason: impl Into<String>,
) -> ConfigError {
    let value = printable(text.get_ref());
    source.at(text.span(), Problem::BadValue { kind, value, reason: reason.into() })
}

fn exempt(source: Source<'_>, raw: &RawRollback) -> Result<Option<Vec<Rule>>, ConfigError> {
    let Some(names) = &raw.exempt else { return Ok(None) };
    let mut rules = BTreeSet::new();
    for name in names {
        let shown = || printable(name.get_ref());
        let fail = |problem| Err(source.at(name.span(), problem));
        let Ok(rule) = name.get_ref().parse::<Rule>() else {
            return fail(Problem::UnknownRule(shown()));
        };
        if FIXED.contains(&rule) || matches!(rule, Rule::GP001 | Rule::GP017) {
            return fail(Problem::NotExempt(rule.to_string()));
        }
        if !rules.insert(rule) {
            return fail(Problem::Twice { list: "exempt", value: shown() });
        }
    }
    Ok(Some(rules.into_iter().collect()))
}

/// Writes what an environment says.
pub(super) fn write_environment(
    text: &mut String,
    guard: &Guard,
    approvals: Option<u8>,
) -> fmt::Result {
    if let Some(soak) = guard.soak {
        writeln!(text, "soak = {}", string(&soak.to_string()))?;
    }
    let exempt = guard
        .exempt
        .as_ref()
        .map(|exempt| format!("exempt = {}", strings(exempt.iter().map(ToString::to_string))));
    let approvals = approvals.map(|number| format!("approvals = {number}"));
    let rollback: Vec<String> = exempt.into_iter().chain(approvals).collect();
    if !rollback.is_empty() {
        writeln!(text, "rollback = {{ {} }}", rollback.join(", "))?;
    }
    times::write_windows(text, &guard.windows)?;
    times::write_freezes(text, &guard.freezes)?;
    if !guard.trailers.is_empty() {
        writeln!(text, "require-trailers = {}", strings(guard.trailers.iter()))?;
    }
    Ok(())
}

/// Writes what the top of the file says.
pub(super) fn write_top(text: &mut String, guards: &Guards) -> fmt::Result {
    times::write_freezes(text, &guards.freezes)
}
