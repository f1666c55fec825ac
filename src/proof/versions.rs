//! Versions of what is not followed: of charts, and of remote resources.
//!
//! Another `version` of a chart or another `?ref=` brings other content into
//! an environment. It is a version like that of an image: whoever has it
//! before vouches for it.

use std::rc::Rc;

use crate::kustomize::render::{Opaque, Rendered, Source};
use crate::model::{AppId, EnvironmentName, RepoPath, SnapshotError, Sources};

use super::renders::Side;
use super::unit::{Judging, Unit};

/// A version of a chart or of a remote resource that enters an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app, where the layout names it.
    pub app: Option<AppId>,
    /// File and 1-based line.
    pub place: (RepoPath, u32),
    /// What it is, and the version at the head.
    pub source: Source,
    /// What each environment before has of it at the base.
    pub from: Vec<(EnvironmentName, Vec<Source>)>,
    /// Whether the environments before vouch for it.
    pub vouched: bool,
}

impl Moved {
    /// What is refused, in one sentence.
    pub fn refusal(&self) -> String {
        let Source { name, version, .. } = &self.source;
        let would = format!("{} would take {name} {version}", self.environment);
        if self.source.local {
            return format!("{would}, and what such a chart makes is not known");
        }
        let has = |has: &[Source]| has.iter().any(|source| source.is(&self.source));
        let lacking = self.from.iter().find(|(_, found)| !has(found));
        match lacking {
            Some((before, has)) if has.is_empty() => {
                format!("{would}, which {before} does not have")
            }
            Some((before, has)) => {
                let has: Vec<&str> = has.iter().map(|source| source.version.as_str()).collect();
                format!("{would}, and {before} has {}", has.join(" and "))
            }
            None => would,
        }
    }
}

impl Judging<'_> {
    /// Tells of another version of what the same file of the base names.
    pub(super) fn version_moved(
        &self,
        unit: &Unit<'_>,
        opaque: &Opaque,
        base: &[Rc<Rendered>],
    ) -> Result<Option<Moved>, SnapshotError> {
        let Some(source) = &opaque.source else { return Ok(None) };
        let was = |old: &&Opaque| {
            old.path == opaque.path
                && old.source.as_ref().is_some_and(|old| old.name == source.name)
        };
        let mut old = base.iter().flat_map(|rendered| &rendered.opaque).filter(was);
        let Some(first) = old.next() else { return Ok(None) };
        let mut own = first.source.clone();
        let same = |old: &Opaque| old.source.as_ref().is_some_and(|old| old.is(source));
        if same(first) || old.any(same) {
            return Ok(None);
        }
        let sources = self.sources(unit);
        let mut from = Vec::new();
        for before in sources.names() {
            from.push((before.clone(), self.has(unit, before, &source.name)?));
        }
        // Other ways to inflate it are no part of the version: they stay, or are
        // those of the environment before.
        own.take_if(|own| own.rest != source.rest);
        let alike =
            |other: &Source| other.is(source) && (own.is_some() || other.rest == source.rest);
        let has = |(_, has): &(_, Vec<Source>)| has.iter().any(alike);
        let vouched = match sources {
            Sources::First => true,
            Sources::All(_) => from.iter().all(has),
            Sources::Any(_) => from.iter().any(has),
        };
        let known = from.iter().any(|(_, has)| has.iter().any(|other| other.is(source)));
        if !vouched && known && own.is_none() {
            // The version is not what is refused.
            return Ok(None);
        }
        Ok(Some(Moved {
            environment: unit.environment.clone(),
            app: unit.key.app().cloned(),
            place: (opaque.path.clone(), opaque.line),
            source: source.clone(),
            from,
            // What lies in the repository is known by its content alone.
            vouched: vouched && opaque.complete && !source.local,
        }))
    }

    /// What an environment has of that name at the base.
    fn has(
        &self,
        unit: &Unit<'_>,
        environment: &EnvironmentName,
        name: &str,
    ) -> Result<Vec<Source>, SnapshotError> {
        let Some(before) = self.unit(&unit.key, environment) else { return Ok(Vec::new()) };
        let rendered = self.rendered(before, Side::Base)?;
        let complete = rendered.iter().flat_map(|r| &r.opaque).filter(|opaque| opaque.complete);
        let mut found: Vec<Source> = complete
            .filter_map(|opaque| opaque.source.clone())
            .filter(|source| source.name == name)
            .collect();
        found.sort();
        found.dedup();
        Ok(found)
    }
}
