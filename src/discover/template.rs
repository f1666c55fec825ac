//! Layout templates: `apps/{app}/overlays/{env}` against the paths of a snapshot.
//!
//! A template is expanded from the root down, and looks only at directories
//! that can still match: a literal part or a bound name costs one look-up, so
//! that a named app is found without listing the others.

use std::collections::BTreeMap;

use regex::Regex;

use crate::model::{Entry, EntryKind, RepoPath, Snapshot, SnapshotError};

/// Directories deeper than this are not searched for `**`.
const MAX_DEPTH: usize = 24;

/// What the names of a template may be, before any path is looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Bindings {
    values: BTreeMap<String, Vec<String>>,
}

impl Bindings {
    /// Allows only `values` for `{name}`; a value may have several parts (`prod/blue`).
    #[must_use]
    pub(super) fn with(mut self, name: &str, values: Vec<String>) -> Self {
        self.values.insert(name.to_owned(), values);
        self
    }
}

/// A path that matches, and what its names stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// The directory or file.
    pub(super) path: RepoPath,
    /// Whether it is a file.
    pub(super) is_file: bool,
    /// Each `{name}`, and under `**` what a leading or inner `**` stood for.
    pub(super) names: BTreeMap<String, String>,
    /// The byte of `path` at which `{env}` begins.
    pub(super) env_at: usize,
}

/// A parsed template.
#[derive(Debug, Clone)]
pub(super) struct Template {
    segments: Vec<Segment>,
    names_file: bool,
}

#[derive(Debug, Clone)]
enum Segment {
    AnyDepth,
    Literal(String),
    Name(String),
    Mixed(Regex),
}

impl Template {
    /// Parses a template that the config has already found well-formed. A
    /// trailing `**` is implied: what lies below an overlay belongs to it.
    pub(super) fn new(text: &str, bindings: &Bindings) -> Self {
        let names_file = [".yaml", ".yml", ".json"].iter().any(|end| text.ends_with(end));
        let mut parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        while parts.last() == Some(&"**") {
            parts.pop();
        }
        let segments = parts.into_iter().map(|part| Segment::new(part, bindings)).collect();
        Self { segments, names_file }
    }

    /// Every path of `snapshot` that matches, in the order of the tree.
    pub(super) fn expand(
        &self,
        snapshot: &dyn Snapshot,
        bindings: &Bindings,
    ) -> Result<Vec<Match>, SnapshotError> {
        let mut walk = Walk {
            snapshot,
            bindings,
            template: self,
            found: Vec::new(),
            names: BTreeMap::new(),
            env_at: 0,
        };
        walk.descend(&RepoPath::root(), 0)?;
        Ok(walk.found)
    }

    /// What `{app}` may be on the way to `path`, whatever the other names are.
    pub(super) fn apps_on(&self, path: &RepoPath) -> Vec<String> {
        let parts: Vec<&str> = path.parts().collect();
        let mut found = Vec::new();
        align(&self.segments, &parts, &mut found);
        found
    }
}

/// Lays the segments on the parts of a path, as far as `{app}`.
fn align(segments: &[Segment], parts: &[&str], found: &mut Vec<String>) {
    let (Some((segment, segments)), Some((part, rest))) =
        (segments.split_first(), parts.split_first())
    else {
        return;
    };
    match segment {
        Segment::Literal(text) if text == part => align(segments, rest, found),
        Segment::Literal(_) => {}
        Segment::Name(name) if name == "app" => found.push((*part).to_owned()),
        Segment::Name(name) if name != "env" => align(segments, rest, found),
        // The directory of an environment may have several parts, `**` any number.
        Segment::Name(_) | Segment::AnyDepth => {
            let least = usize::from(matches!(segment, Segment::Name(_)));
            for taken in least..=parts.len() {
                align(segments, parts.get(taken..).unwrap_or_default(), found);
            }
        }
        Segment::Mixed(regex) => {
            let Some(captures) = regex.captures(part) else { return };
            match captures.name(&group_of("app")) {
                Some(app) => found.push(app.as_str().to_owned()),
                None => align(segments, rest, found),
            }
        }
    }
}

impl Segment {
    fn new(part: &str, bindings: &Bindings) -> Self {
        if part == "**" {
            return Self::AnyDepth;
        }
        if !part.contains(['{', '*']) {
            return Self::Literal(part.to_owned());
        }
        let inner = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = inner.filter(|name| !name.contains(['{', '}', '*'])) {
            return Self::Name(name.to_owned());
        }
        // The pattern is made of escaped text and fixed pieces; should it
        // still be too large to compile, nothing matches.
        Regex::new(&pattern(part, bindings)).map_or(Self::Literal(part.to_owned()), Self::Mixed)
    }
}

/// A regular expression for one path part that mixes text, names and `*`.
fn pattern(part: &str, bindings: &Bindings) -> String {
    let mut pattern = String::from("^");
    let mut rest = part;
    while let Some(at) = rest.find(['{', '*']) {
        let (text, tail) = rest.split_at(at);
        pattern.push_str(&regex::escape(text));
        if let Some(tail) = tail.strip_prefix('*') {
            pattern.push_str("[^/]*");
            rest = tail;
            continue;
        }
        let (name, tail) = tail.trim_start_matches('{').split_once('}').unwrap_or((tail, ""));
        let values = bindings.values.get(name).map(|values| alternatives(values));
        let values = values.unwrap_or_else(|| "[^/]+?".to_owned());
        // A name may hold characters that a capture group's may not.
        let group = group_of(name);
        pattern.push_str(&format!("(?P<{group}>{values})"));
        rest = tail;
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    pattern
}

/// Longest first, so that `prod-eu` is not read as `prod`.
fn alternatives(values: &[String]) -> String {
    let mut values: Vec<&String> = values.iter().filter(|value| !value.contains('/')).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.iter().map(|value| regex::escape(value)).collect::<Vec<_>>().join("|")
}

fn group_of(name: &str) -> String {
    name.bytes().fold(String::new(), |mut group, byte| {
        group.push_str(&format!("n{byte:02x}"));
        group
    })
}

fn group_name(group: &str) -> String {
    let bytes: Vec<u8> =
        group.split('n').filter_map(|hex| u8::from_str_radix(hex, 16).ok()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Walk<'a> {
    snapshot: &'a dyn Snapshot,
    bindings: &'a Bindings,
    template: &'a Template,
    found: Vec<Match>,
    names: BTreeMap<String, String>,
    env_at: usize,
}

impl Walk<'_> {
    /// Recursion is bounded by the parts of the template and [`MAX_DEPTH`].
    fn descend(&mut self, at: &RepoPath, index: usize) -> Result<(), SnapshotError> {
        let template = self.template;
        let Some(segment) = template.segments.get(index) else {
            return self.accept(at);
        };
        match segment {
            Segment::Literal(text) => self.step(at, text, index),
            Segment::AnyDepth => self.any_depth(at, index),
            Segment::Name(name) => self.named(at, name, index),
            Segment::Mixed(regex) => self.mixed(at, regex, index),
        }
    }

    /// Takes the path if it is what the template names: a directory, or a file.
    fn accept(&mut self, at: &RepoPath) -> Result<(), SnapshotError> {
        let wanted = if self.template.names_file { EntryKind::File } else { EntryKind::Directory };
        if self.snapshot.kind(at)? == Some(wanted) {
            let is_file = self.template.names_file;
            let (names, env_at) = (self.names.clone(), self.env_at);
            self.found.push(Match { path: at.clone(), is_file, names, env_at });
        }
        Ok(())
    }

    /// Goes on below `at/text` where that exists; `text` may have several parts.
    fn step(&mut self, at: &RepoPath, text: &str, index: usize) -> Result<(), SnapshotError> {
        let Some(next) = at.resolve(text) else { return Ok(()) };
        if self.snapshot.kind(&next)?.is_some() { self.descend(&next, index + 1) } else { Ok(()) }
    }

    fn named(&mut self, at: &RepoPath, name: &str, index: usize) -> Result<(), SnapshotError> {
        self.note_env(name, at, 0);
        let bindings = self.bindings;
        if let Some(values) = bindings.values.get(name) {
            for value in values {
                self.bind(name, value, |walk| walk.step(at, value, index))?;
            }
            return Ok(());
        }
        for entry in self.entries(at)? {
            let next = at.join(&entry.name);
            self.bind(name, &entry.name, |walk| walk.descend(&next, index + 1))?;
        }
        Ok(())
    }

    fn mixed(&mut self, at: &RepoPath, regex: &Regex, index: usize) -> Result<(), SnapshotError> {
        for entry in self.entries(at)? {
            let Some(captures) = regex.captures(&entry.name) else { continue };
            let before = self.names.clone();
            for group in regex.capture_names().flatten() {
                if let Some(value) = captures.name(group) {
                    let name = group_name(group);
                    self.note_env(&name, at, value.start());
                    self.names.insert(name, value.as_str().to_owned());
                }
            }
            self.descend(&at.join(&entry.name), index + 1)?;
            self.names = before;
        }
        Ok(())
    }

    /// Remembers where the environment begins: `offset` bytes into the part
    /// that follows `at`. A name stands once in a template, so nothing is undone.
    fn note_env(&mut self, name: &str, at: &RepoPath, offset: usize) {
        if name == "env" {
            let before = at.as_str().len();
            self.env_at = before + usize::from(before > 0) + offset;
        }
    }

    /// `**` is here, or any directory further down.
    fn any_depth(&mut self, at: &RepoPath, index: usize) -> Result<(), SnapshotError> {
        self.bind("**", at.as_str(), |walk| walk.descend(at, index + 1))?;
        if at.parts().count() >= MAX_DEPTH {
            return Ok(());
        }
        for entry in self.entries(at)? {
            if entry.kind == EntryKind::Directory && !entry.name.starts_with('.') {
                self.any_depth(&at.join(&entry.name), index)?;
            }
        }
        Ok(())
    }

    fn bind(
        &mut self,
        name: &str,
        value: &str,
        go: impl FnOnce(&mut Self) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let before = self.names.insert(name.to_owned(), value.to_owned());
        let result = go(self);
        match before {
            Some(before) => self.names.insert(name.to_owned(), before),
            None => self.names.remove(name),
        };
        result
    }

    fn entries(&self, at: &RepoPath) -> Result<Vec<Entry>, SnapshotError> {
        Ok(self.snapshot.list(at)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemorySnapshot;

    fn expand(template: &str, bindings: &Bindings, paths: &[&str]) -> Vec<String> {
        let files = paths.iter().map(|path| (RepoPath::normalize(path).unwrap(), Vec::new()));
        let snapshot = MemorySnapshot::new(files);
        let found = Template::new(template, bindings).expand(&snapshot, bindings).unwrap();
        let show = |found: &Match| format!("{} {:?}", found.path, found.names);
        found.iter().map(show).collect()
    }

    fn envs(names: &[&str]) -> Bindings {
        Bindings::default().with("env", names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn names_bind_one_part_each() {
        let found = expand(
            "components/{app}/{env}",
            &envs(&["integration", "staging"]),
            &["components/integration/staging/a.yaml", "components/web/staging/b.yaml", "x/y/z"],
        );
        assert_eq!(
            found,
            [
                r#"components/integration/staging {"app": "integration", "env": "staging"}"#,
                r#"components/web/staging {"app": "web", "env": "staging"}"#,
            ]
        );
    }

    #[test]
    fn a_name_may_mean_several_parts() {
        let found = expand("{app}/{env}", &envs(&["prod/blue"]), &["web/prod/blue/k.yaml"]);
        assert_eq!(found, [r#"web/prod/blue {"app": "web", "env": "prod/blue"}"#]);
    }

    #[test]
    fn files_and_mixed_parts_match() {
        let found = expand(
            "argocd/{app}-{env}.yaml",
            &envs(&["prod", "prod-eu"]),
            &["argocd/web-prod-eu.yaml", "argocd/web-prod.yaml", "argocd/web-dev.yaml"],
        );
        assert_eq!(
            found,
            [
                r#"argocd/web-prod-eu.yaml {"app": "web", "env": "prod-eu"}"#,
                r#"argocd/web-prod.yaml {"app": "web", "env": "prod"}"#,
            ]
        );
    }

    #[test]
    fn any_depth_is_none_or_many() {
        let found = expand(
            "**/overlays/{env}",
            &envs(&["dev"]),
            &["overlays/dev/k.yaml", "a/b/overlays/dev/k.yaml", ".git/overlays/dev/k.yaml"],
        );
        assert_eq!(
            found,
            [
                r#"overlays/dev {"**": "", "env": "dev"}"#,
                r#"a/b/overlays/dev {"**": "a/b", "env": "dev"}"#,
            ]
        );
    }
}
