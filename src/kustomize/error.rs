//! Why a file is not edited.

use thiserror::Error;

use crate::model::RepoPath;
use crate::yaml::{Position, YamlError};

/// Why a file cannot be read, or is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The file is no YAML, or the edited one would not read as intended.
    #[error("{path}:{}:{}: {source}", source.position().line, source.position().column)]
    Yaml {
        /// The file.
        path: RepoPath,
        /// What is wrong with it.
        source: YamlError,
    },
    /// The file holds nothing of what was asked for.
    #[error("{path}: no {searched}{}", list(existing))]
    NotFound {
        /// The file.
        path: RepoPath,
        /// What was searched: "image `web`", "marker `prod:web`".
        searched: String,
        /// What there is of that kind.
        existing: Vec<String>,
    },
    /// The value must not or cannot be changed.
    #[error("{path}:{}:{}: {message}", at.line, at.column)]
    Refused {
        /// The file.
        path: RepoPath,
        /// Where.
        at: Position,
        /// Why.
        message: String,
        /// What to do instead.
        hint: Option<String>,
    },
}

fn list(existing: &[String]) -> String {
    const SHOWN: usize = 8;
    if existing.is_empty() {
        return String::new();
    }
    let mut names: Vec<String> = existing.iter().take(SHOWN).map(|n| format!("`{n}`")).collect();
    if existing.len() > SHOWN {
        names.push(format!("{} more", existing.len() - SHOWN));
    }
    format!("; there is {}", names.join(", "))
}

impl EditError {
    /// Whether what was asked for is not there (exit code 5), rather than
    /// refused (exit code 8).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// The file.
    pub fn path(&self) -> &RepoPath {
        match self {
            Self::Yaml { path, .. } | Self::NotFound { path, .. } | Self::Refused { path, .. } => {
                path
            }
        }
    }

    /// Where in the file, if one place is at fault.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Yaml { source, .. } => Some(source.position()),
            Self::Refused { at, .. } => Some(*at),
            Self::NotFound { .. } => None,
        }
    }

    /// What to do instead, where there is something.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused { hint, .. } => hint.as_deref(),
            Self::Yaml { .. } | Self::NotFound { .. } => None,
        }
    }
}
