//! Variables that Flux takes from a `ConfigMap` or a `Secret` of an overlay
//! and puts into what it applies.

use std::collections::BTreeSet;
use std::rc::Rc;

use memchr::memmem;

use crate::kustomize::render::{Datum, Rendered};
use crate::model::{RepoPath, SnapshotError, Sources};

use super::Doubt;
use super::followed::named;
use super::renders::Side;
use super::shared::{Variable, users};
use super::unit::{Judging, Unit, doubt};

impl Judging<'_> {
    /// Variables of a unit that change and may be part of an image somewhere.
    pub(super) fn substituted(
        &self,
        unit: &Unit<'_>,
        judged: &dyn Fn(&(RepoPath, u32)) -> bool,
    ) -> Result<Vec<Doubt>, SnapshotError> {
        if self.sources(unit) == Sources::First {
            return Ok(Vec::new());
        }
        let (base, head) = (self.rendered(unit, Side::Base)?, self.rendered(unit, Side::Head)?);
        let (old, new) = (said(&base), said(&head));
        // One that goes lets through what stands there for want of it.
        let differ = new.difference(&old).chain(old.difference(&new));
        let mut changed: Vec<&Said<'_>> = differ.filter(|said| is_name(said.1)).collect();
        changed.retain(|said| !origins(&head, said).any(judged));
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Variable> =
            changed.iter().map(|(_, key, value)| ((*key).to_owned(), !is_plain(value))).collect();
        let names: BTreeSet<&str> = changed.iter().map(|said| named(said.0).1).collect();
        let told = users(self.sides, &keys, &|text| may_name(text, &names))?
            .into_iter()
            .filter_map(|(index, user)| {
                let said = changed.get(index)?;
                let at = origins(&head, said).chain(origins(&base, said)).next()?.clone();
                let message = format!("Flux may put `{}` into an image: {user} uses it", said.1);
                Some(doubt(unit, at, message))
            });
        Ok(told.collect())
    }
}

/// Object, key and value.
type Said<'r> = (&'r str, &'r str, &'r str);

fn said(rendered: &[Rc<Rendered>]) -> BTreeSet<Said<'_>> {
    let all = rendered.iter().flat_map(|rendered| &rendered.data);
    all.map(|Datum { object, key, value, .. }| (object.as_str(), key.as_str(), value.as_str()))
        .collect()
}

fn origins<'r>(
    rendered: &'r [Rc<Rendered>],
    said: &'r Said<'_>,
) -> impl Iterator<Item = &'r (RepoPath, u32)> {
    let all = rendered.iter().flat_map(|rendered| &rendered.data);
    all.filter(|datum| (datum.object.as_str(), datum.key.as_str()) == (said.0, said.1))
        .map(|datum| &datum.origin)
}

/// Whether a text may name one of these, if only in a way that hides it.
fn may_name(text: &[u8], names: &BTreeSet<&str>) -> bool {
    let hides = ["\\", "!!", "fieldPaths"];
    let mut all = names.iter().chain(&hides);
    all.any(|name| memmem::find(text, name.as_bytes()).is_some())
}

/// Whether it may be the name of a variable.
fn is_name(key: &str) -> bool {
    let first = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether it is the value of a field and nothing else.
fn is_plain(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
}
