//! `[[environment]]` -> [`Pipeline`], and which line is to blame where the list
//! makes none.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;

use super::error::{ConfigError, MAX_ENVIRONMENTS, Problem, Source};
use super::raw::{RawEnvironment, Text};
use super::{cluster, delivery, grammar, health, images};
use crate::model::{Environment, EnvironmentName, Pipeline, PipelineError, Sources, nearest};

/// Reads the environments in their order.
pub(super) fn pipeline(
    source: Source<'_>,
    raw: &[RawEnvironment],
) -> Result<Pipeline, ConfigError> {
    if let Some(beyond) = raw.get(MAX_ENVIRONMENTS) {
        return Err(source.at(beyond.name.span(), Problem::TooManyEnvironments(raw.len())));
    }
    let mut environments: Vec<Environment> = Vec::new();
    for one in raw {
        let before = environments.last().map(|environment| environment.name.clone());
        environments.push(environment(source, one, before)?);
    }
    Pipeline::new(environments).map_err(|error| blame(source, raw, error))
}

fn environment(
    source: Source<'_>,
    raw: &RawEnvironment,
    before: Option<EnvironmentName>,
) -> Result<Environment, ConfigError> {
    let name = raw.name.get_ref();
    grammar::environment_name(name).map_err(|problem| source.at(raw.name.span(), problem))?;
    let sources = sources(source, raw, before)?;
    Ok(Environment {
        dirs: dirs(source, raw)?,
        seen: raw.seen,
        together: raw.together,
        delivery: delivery::of_environment(source, raw)?,
        health: raw.health.as_ref().map(|raw| health::read(source, raw)).transpose()?,
        cluster: cluster::of_environment(source, raw)?,
        images: images::of_environment(source, raw)?,
        ..Environment::bare(EnvironmentName::new(name), sources)
    })
}

fn sources(
    source: Source<'_>,
    raw: &RawEnvironment,
    before: Option<EnvironmentName>,
) -> Result<Sources, ConfigError> {
    match (&raw.from, &raw.from_any) {
        (Some(_), Some(any)) => {
            Err(source.at(any.span(), Problem::BothSources(raw.name.get_ref().clone())))
        }
        (None, Some(any)) if any.get_ref().is_empty() => {
            Err(source.at(any.span(), Problem::EmptyList("from-any")))
        }
        (None, Some(any)) => names(source, "from-any", any.get_ref()).map(Sources::Any),
        (Some(all), None) if all.get_ref().is_empty() => Ok(Sources::First),
        (Some(all), None) => names(source, "from", all.get_ref()).map(Sources::All),
        (None, None) => Ok(before.map_or(Sources::First, |before| Sources::All(vec![before]))),
    }
}

/// The names of a list, each once.
pub(super) fn names(
    source: Source<'_>,
    list: &'static str,
    names: &[Text],
) -> Result<Vec<EnvironmentName>, ConfigError> {
    each_once(source, list, names)?;
    Ok(names.iter().map(|name| EnvironmentName::new(name.get_ref())).collect())
}

fn each_once(source: Source<'_>, list: &'static str, values: &[Text]) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    match values.iter().find(|value| !seen.insert(value.get_ref())) {
        Some(twice) => {
            let value = grammar::printable(twice.get_ref());
            Err(source.at(twice.span(), Problem::Twice { list, value }))
        }
        None => Ok(()),
    }
}

fn dirs(source: Source<'_>, raw: &RawEnvironment) -> Result<Vec<String>, ConfigError> {
    let Some(dirs) = &raw.dirs else { return Ok(vec![raw.name.get_ref().clone()]) };
    if dirs.get_ref().is_empty() {
        return Err(source.at(dirs.span(), Problem::EmptyList("dirs")));
    }
    each_once(source, "dirs", dirs.get_ref())?;
    for dir in dirs.get_ref() {
        grammar::directory(dir.get_ref()).map_err(|problem| source.at(dir.span(), problem))?;
    }
    Ok(dirs.get_ref().iter().map(|dir| dir.get_ref().clone()).collect())
}

/// The error at the line that brings it in.
fn blame(source: Source<'_>, raw: &[RawEnvironment], error: PipelineError) -> ConfigError {
    let span = match &error {
        PipelineError::Empty => None,
        PipelineError::Duplicate(name) => {
            raw.iter().filter(|one| is(one, name)).nth(1).map(|one| one.name.span())
        }
        PipelineError::Unknown { environment, unknown } => {
            raw.iter().find(|one| is(one, environment)).map(|one| source_span(one, unknown))
        }
        PipelineError::Cycle { path } => raw
            .iter()
            .find(|one| path.first().is_some_and(|first| is(one, first)))
            .and_then(|one| Some(source_span(one, path.get(1)?))),
        PipelineError::SharedDirectory { dir, second, .. } => {
            raw.iter().find(|one| is(one, second)).map(|one| dir_span(one, dir))
        }
    };
    let near = match &error {
        PipelineError::Unknown { unknown, .. } => {
            nearest(unknown.as_str(), raw.iter().map(|one| one.name.get_ref().as_str()))
        }
        _ => None,
    };
    let problem = Problem::Pipeline { nearest: near.map(str::to_owned), error };
    source.at(span.unwrap_or(0..0), problem)
}

fn is(raw: &RawEnvironment, name: &EnvironmentName) -> bool {
    raw.name.get_ref() == name.as_str()
}

/// Where `raw` names `from` as a source; its own name where that is implied.
fn source_span(raw: &RawEnvironment, from: &EnvironmentName) -> Range<usize> {
    let named = raw.from.as_ref().or(raw.from_any.as_ref());
    let entry =
        named.and_then(|names| names.get_ref().iter().find(|name| name.get_ref() == from.as_str()));
    entry.map_or_else(|| raw.name.span(), Spanned::span)
}

fn dir_span(raw: &RawEnvironment, dir: &str) -> Range<usize> {
    let entry =
        raw.dirs.as_ref().and_then(|dirs| dirs.get_ref().iter().find(|own| own.get_ref() == dir));
    entry.map_or_else(|| raw.name.span(), Spanned::span)
}
