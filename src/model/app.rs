//! What is promoted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// The identity of an app in the repository.
///
/// Shown as `web`, as `group/web` where the layout names a group, as
/// `group:web` where a marker gave the name, and with any further layout names
/// behind it: `web[cell=canary]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId {
    /// The name: `{app}` of the layout, the app of a marker's policy, or the
    /// last segment of the image's name.
    pub name: String,
    /// `{group}` of the layout, or the group of a marker's policy.
    pub group: Option<String>,
    /// Whether group and name come from a marker (`group:app`).
    pub from_marker: bool,
    /// Every other name of the layout path, such as `cell`.
    pub labels: BTreeMap<String, String>,
}

impl AppId {
    /// An app of that name without group and labels.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), group: None, from_marker: false, labels: BTreeMap::new() }
    }

    /// The word `app@version` for a command line, quoted where a shell would
    /// read it otherwise.
    pub fn at(&self, version: &impl fmt::Display) -> String {
        quoted(&format!("{self}@{version}"))
    }

    /// The app as a word for a command line, quoted where that is needed.
    pub fn word(&self) -> String {
        quoted(&self.to_string())
    }

    /// What follows this app, as it is shown, at the start of `text`.
    pub fn leads<'t>(&self, text: &'t str) -> Option<&'t str> {
        if self.group.is_none() && self.labels.is_empty() {
            return text.strip_prefix(&*self.name);
        }
        text.strip_prefix(&*self.to_string())
    }

    /// Whether `text`, as a user types it, names this app: its name, or group
    /// and name with `/` or `:` between them, or all of it as shown.
    pub fn answers_to(&self, text: &str) -> bool {
        if text == self.name || text == self.to_string() {
            return true;
        }
        let split = text.split_once(['/', ':']);
        split.is_some_and(|(group, name)| self.group.as_deref() == Some(group) && self.name == name)
    }
}

/// A word for a command line, quoted where a shell would read it otherwise, or
/// where it looks like a flag ([`pasted`](super::pasted) takes it for none then).
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_".contains(c);
    if word.chars().all(plain) && !word.starts_with('-') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = &self.group {
            write!(f, "{group}{}", if self.from_marker { ':' } else { '/' })?;
        }
        f.write_str(&self.name)?;
        if self.labels.is_empty() {
            return Ok(());
        }
        let labels: Vec<String> =
            self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        write!(f, "[{}]", labels.join(","))
    }
}

impl Serialize for AppId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
