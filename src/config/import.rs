//! What is common to reading the config files of other tools: what could not
//! be carried over is said, not dropped.

use std::fmt;

use super::error::{ConfigError, MAX_ENVIRONMENTS, Problem, Source};
use super::yaml::Node;
use super::{Config, grammar};
use crate::model::{Environment, EnvironmentName, Pipeline, PipelineError, Sources};

/// A setting of another tool that the config does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    /// The 1-based line of the setting.
    pub line: u32,
    /// What it says and what becomes of it, in one sentence without a full stop.
    pub text: String,
}

impl fmt::Display for ImportNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// A config made from the file of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What could be carried over.
    pub config: Config,
    /// What could not, in the order of the file.
    pub notes: Vec<ImportNote>,
}

/// Collects notes while a file is read.
pub(super) struct Importer<'t> {
    /// The file.
    pub(super) source: Source<'t>,
    /// What was noted so far.
    pub(super) notes: Vec<ImportNote>,
}

impl<'t> Importer<'t> {
    /// An importer without notes.
    pub(super) fn new(source: Source<'t>) -> Self {
        Self { source, notes: Vec::new() }
    }

    /// Notes what becomes of the setting at `node`.
    pub(super) fn note(&mut self, node: &Node, text: impl Into<String>) {
        self.notes.push(ImportNote { line: node.line, text: text.into() });
    }

    /// Notes every key that is not among `known`. An unknown key is no error:
    /// the tools whose files these are ignore it too.
    pub(super) fn note_unknown(&mut self, map: &Node, known: &[&str]) {
        for (key, _) in map.map().unwrap_or_default() {
            let name = key.scalar().unwrap_or_default();
            if !known.contains(&name) {
                let name = grammar::printable(name);
                self.note(key, format!("`{name}` is not known and has no effect"));
            }
        }
    }

    /// The error of a value that has another shape than it must have.
    pub(super) fn shape(&self, node: &Node, key: &str, expected: &str) -> ConfigError {
        node.error(self.source, Problem::Syntax(format!("`{key}` must be {expected}")))
    }

    /// A bool, or the default where nothing stands.
    pub(super) fn bool(&self, node: Option<&Node>, key: &str) -> Result<bool, ConfigError> {
        let Some(node) = node else { return Ok(false) };
        node.bool().ok_or_else(|| self.shape(node, key, "true or false"))
    }

    /// Environments that come from one another in the order of the list.
    /// The environments in their order; each is a name, and whether the forge
    /// merges requests into it by itself.
    pub(super) fn pipeline(
        &self,
        list: &Node,
        stages: &[(&Node, bool)],
    ) -> Result<Pipeline, ConfigError> {
        let names: Vec<&Node> = stages.iter().map(|(name, _)| *name).collect();
        if names.len() > MAX_ENVIRONMENTS {
            return Err(list.error(self.source, Problem::TooManyEnvironments(names.len())));
        }
        let mut environments: Vec<Environment> = Vec::new();
        for (node, auto_merge) in stages {
            let name = node.scalar().unwrap_or_default();
            grammar::environment_name(name).map_err(|problem| node.error(self.source, problem))?;
            let sources = match environments.last() {
                Some(before) => Sources::All(vec![before.name.clone()]),
                None => Sources::First,
            };
            let mut environment = Environment::bare(EnvironmentName::new(name), sources);
            environment.delivery.auto_merge = *auto_merge;
            environments.push(environment);
        }
        Pipeline::new(environments).map_err(|error| self.blame(list, &names, error))
    }

    fn blame(&self, list: &Node, names: &[&Node], error: PipelineError) -> ConfigError {
        let mut at = list;
        if let PipelineError::Duplicate(name) = &error {
            let mut same = names.iter().filter(|node| node.scalar() == Some(name.as_str()));
            at = same.nth(1).copied().unwrap_or(list);
        }
        at.error(self.source, Problem::Pipeline { error, nearest: None })
    }
}
