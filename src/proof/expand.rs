//! Every directory that an `ApplicationSet` can deploy, by its generators.
//!
//! Each variable of the path is taken for any value that any generator gives
//! it, so no way in which generators are joined is missed. Only generators of
//! clusters and lists are understood, and merges of these.

use std::collections::{BTreeMap, BTreeSet};

use crate::kustomize::render::{Pointer, PointerField};

use super::selector::Selector;

/// No more paths than these are made.
const MOST: usize = 512;

/// What an `ApplicationSet` deploys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expansion {
    /// Its directories.
    pub(super) paths: BTreeSet<Directory>,
    /// What its source and destination say apart from the directory.
    fixed: BTreeSet<(String, String)>,
    /// Which clusters each generator selects.
    selectors: BTreeMap<String, Selector>,
    /// Which of what a generator made is kept; all where there is none.
    sorted: BTreeMap<String, Selector>,
    /// What elements say of the destination.
    targets: BTreeSet<(String, String)>,
}

/// A directory that is deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Directory {
    pub(super) text: String,
    /// Whether nothing follows that only the cluster tells.
    pub(super) whole: bool,
}

impl Directory {
    /// What is known of it: what only the cluster tells may lead further below.
    pub(super) fn known(&self) -> &str {
        let end = if self.whole { self.text.len() } else { self.text.rfind('/').unwrap_or(0) };
        self.text.get(..end).unwrap_or_default()
    }
}

impl Expansion {
    /// Whether it takes the same source, whatever the directory.
    pub(super) fn is_of_same_source(&self, before: &Self) -> bool {
        self.fixed == before.fixed
    }

    /// Whether it takes the same source to no more clusters than before.
    pub(super) fn narrows(&self, before: &Self) -> bool {
        let selects = |(at, new): (&String, &Selector)| {
            before.selectors.get(at).is_some_and(|old| new.narrows(old))
        };
        let all = Selector::default();
        let sorts = |at: &String| {
            let (old, new) = (before.sorted.get(at), self.sorted.get(at));
            new.unwrap_or(&all).narrows(old.unwrap_or(&all))
        };
        self.fixed == before.fixed
            && self.selectors.iter().all(selects)
            && self.sorted.keys().chain(before.sorted.keys()).all(sorts)
            && self.targets.is_subset(&before.targets)
    }
}

/// How the templates are filled in, and which selectors count.
const WAYS: [&str; 2] = ["spec.goTemplate", "spec.applyNestedSelectors"];

/// Expands an object; `None` where something of it is not understood.
pub(super) fn expand(pointer: &Pointer) -> Option<Expansion> {
    pointer.object.starts_with("ApplicationSet/").then_some(())?;
    let mut found = Expansion::default();
    let mut given = Variables::default();
    let mut templates = Vec::new();
    for field in &pointer.fields {
        if let Some(rest) = field.path.strip_prefix("spec.generators") {
            generator(rest, field, &mut given, &mut found)?;
        } else if is_directory(&field.path) {
            templates.push(parts(&field.value)?);
        } else if field.path.starts_with("spec.template.spec.source") {
            // A variable there could be a version.
            (!field.value.contains("{{")).then_some(())?;
            found.fixed.insert((field.path.clone(), field.value.clone()));
        } else if field.path.starts_with("spec.template.spec.destination.") {
            given.aim(&field.value)?;
            found.fixed.insert((field.path.clone(), field.value.clone()));
        } else if WAYS.iter().any(|way| field.path.starts_with(way)) {
            found.fixed.insert((field.path.clone(), field.value.clone()));
        } else {
            return None;
        }
    }
    found.fixed.retain(|(path, _)| !path.ends_with("destination.namespace"));
    for template in &templates {
        given.fill(template, &mut found.paths)?;
    }
    let aimed = given.values.iter().filter(|(name, _)| given.aims.contains(*name));
    for (name, values) in aimed {
        found.targets.extend(values.iter().map(|value| (name.clone(), value.clone())));
    }
    (!found.paths.is_empty()).then_some(found)
}

fn is_directory(path: &str) -> bool {
    let below = path.strip_prefix("spec.template.spec.");
    below == Some("source.path")
        || below.is_some_and(|rest| rest.starts_with("sources[") && rest.ends_with("].path"))
}

/// A field of a generator: a value for a variable, or a term of a selector.
fn generator(
    path: &str,
    field: &PointerField,
    given: &mut Variables,
    found: &mut Expansion,
) -> Option<()> {
    let (mut place, mut rest) = indexed(path)?;
    let mut leads = true;
    if let Some(below) = rest.strip_prefix(".merge.generators") {
        let (_, after) = indexed(below)?;
        leads = below.starts_with("[0]");
        place = path.get(..path.len() - after.len())?;
        rest = after;
    } else if rest.starts_with(".merge.mergeKeys[") {
        return Some(());
    }
    if let Some(name) = rest.strip_prefix(".clusters.values.") {
        given.add(&format!("values.{}", key(name)), &field.value);
        given.defines(leads, place, &format!("values.{}", key(name)));
    } else if let Some(below) = rest.strip_prefix(".list.elements[") {
        let (element, name) = below.split_once(']')?;
        let name = key(name.strip_prefix('.')?);
        given.add(&name, &field.value);
        given.defines(leads, &format!("{place}{element}"), &name);
    } else if let Some(term) = rest.strip_prefix(".selector.") {
        found.sorted.entry(place.to_owned()).or_default().add(term, &field.value)?;
    } else if let Some(term) = rest.strip_prefix(".clusters.selector.") {
        given.known(leads, place);
        found.selectors.entry(place.to_owned()).or_default().add(term, &field.value)?;
    } else if rest != ".clusters" {
        return None;
    }
    if rest.starts_with(".clusters") {
        given.known(leads, place);
        found.selectors.entry(place.to_owned()).or_default();
    }
    Some(())
}

/// `[N]` in front, and what follows.
fn indexed(path: &str) -> Option<(&str, &str)> {
    let end = path.find(']').filter(|_| path.starts_with('['))? + 1;
    Some((path.get(..end)?, path.get(end..)?))
}

/// A key as it is written, without the form of a path.
fn key(step: &str) -> String {
    let quoted = step.strip_prefix("[\"").and_then(|rest| rest.strip_suffix("\"]"));
    quoted.unwrap_or(step).to_owned()
}

/// The variables that generators give.
#[derive(Debug, Default)]
struct Variables {
    values: BTreeMap<String, BTreeSet<String>>,
    /// What each generator or element gives that makes an Application of its
    /// own, rather than to change one.
    leading: BTreeMap<String, BTreeSet<String>>,
    /// Those that say where to deploy.
    aims: BTreeSet<String>,
}

impl Variables {
    fn add(&mut self, name: &str, value: &str) {
        self.values.entry(name.to_owned()).or_default().insert(value.to_owned());
    }

    fn known(&mut self, leads: bool, place: &str) {
        if leads {
            self.leading.entry(place.to_owned()).or_default();
        }
    }

    fn defines(&mut self, leads: bool, place: &str, name: &str) {
        if leads {
            self.leading.entry(place.to_owned()).or_default().insert(name.to_owned());
        }
    }

    fn aim(&mut self, text: &str) -> Option<()> {
        for part in parts(text)? {
            if let Part::Variable(name) = part {
                self.aims.insert(name);
            }
        }
        Some(())
    }

    /// The values of a variable; `None` among them is one that is not known.
    fn of(&self, name: &str) -> Vec<Option<&str>> {
        let known = self.values.get(name).into_iter().flatten();
        let mut all: Vec<Option<&str>> = known.map(|value| Some(value.as_str())).collect();
        let hidden = |value: Option<&str>| value.is_some_and(|value| value.contains("{{"));
        let certain = !self.leading.is_empty()
            && self.leading.values().all(|names| names.contains(name))
            && !all.iter().copied().any(hidden);
        all.retain(|value| !hidden(*value));
        if !certain {
            all.push(None);
        }
        all
    }

    /// Every text that a template can become.
    fn fill(&self, template: &[Part], found: &mut BTreeSet<Directory>) -> Option<()> {
        let mut all = BTreeSet::from([Directory { text: String::new(), whole: true }]);
        for part in template {
            let values = match part {
                Part::Text(text) => vec![Some(text.as_str())],
                Part::Variable(name) => {
                    let mut hidden = self.values.get(name).into_iter().flatten();
                    // What is put together there may be any text.
                    if hidden.any(|value| value.contains("{{") && !is_variable(value)) {
                        return None;
                    }
                    self.of(name)
                }
            };
            // A path that climbs may lead out of what is known of it.
            if values.iter().flatten().any(|text| text.contains("..")) {
                return None;
            }
            let (open, ended): (BTreeSet<_>, BTreeSet<_>) =
                all.into_iter().partition(|directory| directory.whole);
            all = ended;
            for (directory, value) in open.iter().flat_map(|d| values.iter().map(move |v| (d, v))) {
                let text = format!("{}{}", directory.text, value.unwrap_or_default());
                all.insert(Directory { text, whole: value.is_some() });
            }
            (all.len() <= MOST).then_some(())?;
        }
        found.extend(all);
        (found.len() <= MOST).then_some(())
    }
}

/// Whether a text is one variable and nothing else.
fn is_variable(text: &str) -> bool {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "._- /".contains(c);
    inner.is_some_and(|inner| inner.chars().all(plain))
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

/// A template; `None` where more than variables are in it, or one that may
/// hold anything.
fn parts(text: &str) -> Option<Vec<Part>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}")?;
        let name = name.trim().trim_start_matches('.');
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let fine = !name.is_empty() && name.chars().all(plain) && !name.starts_with("metadata.");
        fine.then_some(())?;
        found.push(Part::Text(before.to_owned()));
        found.push(Part::Variable(name.to_owned()));
        rest = behind;
    }
    found.push(Part::Text(rest.to_owned()));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RepoPath;

    fn set(fields: &[(&str, &str)]) -> Pointer {
        let origin = (RepoPath::root(), 1);
        let field = |(path, value): &(&str, &str)| PointerField {
            path: format!("spec.{path}"),
            value: (*value).to_owned(),
            origin: origin.clone(),
        };
        let fields = fields.iter().map(field).collect();
        Pointer { object: "ApplicationSet/a".to_owned(), origin: origin.clone(), fields }
    }

    const SOURCE: (&str, &str) =
        ("template.spec.source.path", "apps/{{values.env}}/{{values.dir}}/{{name}}");
    const ENV: (&str, &str) = ("generators[0].merge.generators[0].clusters.values.env", "prod");
    const DIR: (&str, &str) = ("generators[0].merge.generators[0].clusters.values.dir", "base");
    const OTHER: (&str, &str) =
        ("generators[0].merge.generators[1].list.elements[~1].[\"values.dir\"]", "one");

    fn paths(fields: &[(&str, &str)]) -> Option<Vec<(String, bool)>> {
        let found = expand(&set(fields))?.paths;
        Some(found.into_iter().map(|directory| (directory.text, directory.whole)).collect())
    }

    #[test]
    fn a_variable_is_any_value_that_it_is_given() {
        let known = |text: &str| (text.to_owned(), false);
        let found = paths(&[SOURCE, ENV, DIR, OTHER]).unwrap();
        assert_eq!(found, [known("apps/prod/base/"), known("apps/prod/one/")]);
        // An element that only changes what another generator made gives no
        // variable to all.
        let found = paths(&[SOURCE, ENV, OTHER]).unwrap();
        assert_eq!(found, [known("apps/prod/"), known("apps/prod/one/")]);
    }

    #[test]
    fn what_is_not_understood_is_not_expanded() {
        for odd in [
            ("templatePatch", "x"),
            ("generators[0].git.directories[0].path", "apps/*"),
            ("generators[0].clusters.template.spec.source.path", "apps/dev"),
            ("generators[0].list.elementsYaml", "[]"),
            ("template.spec.source.targetRevision", "{{rev}}"),
            ("template.spec.source.path", "apps/{{ index .values \"env\" }}"),
            ("template.spec.source.path", "apps/{{metadata.annotations.env}}"),
        ] {
            assert_eq!(paths(&[SOURCE, ENV, DIR, odd]), None, "{odd:?}");
        }
    }

    #[test]
    fn more_clusters_are_no_narrowing() {
        let label = |value| ("generators[0].clusters.selector.matchLabels.tier", value);
        let of = |fields: &[(&str, &str)]| {
            let mut all = vec![SOURCE];
            all.extend(fields);
            expand(&set(&all)).unwrap()
        };
        let all = of(&[("generators[0].clusters", "{}")]);
        let some = of(&[label("a")]);
        assert!(some.narrows(&all) && some.narrows(&some));
        assert!(!all.narrows(&some) && !of(&[label("b")]).narrows(&some));
        let sorted = of(&[label("a"), ("generators[0].selector.matchLabels.x", "y")]);
        assert!(sorted.narrows(&some) && !some.narrows(&sorted));
        let second = of(&[label("a"), ("generators[1].clusters", "{}")]);
        assert!(!second.narrows(&some));
        let aimed = |server| {
            let target = ("template.spec.destination.server", "{{server}}");
            of(&[label("a"), target, ("generators[1].list.elements[~1].server", server)])
        };
        assert!(!aimed("b").narrows(&aimed("a")));
    }
}
