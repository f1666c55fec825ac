//! A path inside the repository.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A path relative to the root of the repository: UTF-8, `/` between parts, no
/// leading or trailing `/`, no `.` or `..`. The empty path is the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct RepoPath(String);

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let outside = || serde::de::Error::custom(format!("`{text}` is outside"));
        Self::normalize(&text).ok_or_else(outside)
    }
}

impl RepoPath {
    /// The root of the repository.
    pub fn root() -> Self {
        Self::default()
    }

    /// Normalises `text`: drops empty and `.` parts and resolves `..`; `None`
    /// where it climbs above the root.
    pub fn normalize(text: &str) -> Option<Self> {
        Self::root().resolve(text)
    }

    /// `text` as seen from this directory, as Kustomize resolves a resource;
    /// `None` where it climbs above the root.
    pub fn resolve(&self, text: &str) -> Option<Self> {
        let mut parts: Vec<&str> = self.parts().collect();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(Self(parts.join("/")))
    }

    /// This path as seen from the directory `dir`: `../../base`.
    pub fn seen_from(&self, dir: &Self) -> String {
        let (own, other): (Vec<&str>, Vec<&str>) = (self.parts().collect(), dir.parts().collect());
        let common = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("..", other.len() - common);
        let steps: Vec<&str> = up.chain(own.into_iter().skip(common)).collect();
        if steps.is_empty() { ".".to_owned() } else { steps.join("/") }
    }

    /// This path and one more part below it.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}/{name}", self.0)) }
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        Some(Self(self.0.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned()))
    }

    /// This path, the directory that holds it, and so on up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// The last part, empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }

    /// The parts between the slashes; none for the root.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// Whether this path is `dir` or lies below it.
    pub fn is_within(&self, dir: &Self) -> bool {
        dir.0.is_empty()
            || self.0 == dir.0
            || self.0.strip_prefix(&dir.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_resolve_as_kustomize_does() {
        let overlay = RepoPath::normalize("apps/web/overlays/dev").unwrap();
        assert_eq!(overlay.resolve("../../base").unwrap().as_str(), "apps/web/base");
        assert_eq!(overlay.resolve("./x.yaml").unwrap().as_str(), "apps/web/overlays/dev/x.yaml");
        assert!(overlay.resolve("../../../../../etc").is_none());
        for text in ["../../base", "x/y", "..", ".", "../dev-preview-x"] {
            assert_eq!(overlay.resolve(text).unwrap().seen_from(&overlay), text);
        }
        assert_eq!(RepoPath::root().to_string(), ".");
    }

    #[test]
    fn within_compares_whole_parts() {
        let dir = RepoPath::normalize("apps/web").unwrap();
        assert!(RepoPath::normalize("apps/web/x").unwrap().is_within(&dir));
        assert!(!RepoPath::normalize("apps/web-api/x").unwrap().is_within(&dir));
        assert!(dir.is_within(&RepoPath::root()));
    }
}
