//! The name of a preview: a part of host names and of the names of objects.

use std::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::model::hex;

/// The longest name: hosts and objects get it beside a name of their own.
const LONGEST: usize = 30;
/// How many characters of a hash stand for what is cut off.
const HASH: usize = 6;

/// A lower-case DNS label of at most 30 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// A text that no name can be made of.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` has no letter or digit to make a name of")]
pub struct NameError(String);

impl Name {
    /// The name that `text` is, or that is made of it: a branch such as
    /// `feature/ABC-12` becomes `feature-abc-12`. What is too long is cut, and
    /// a hash of all of it stands for the rest.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let mut name = String::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                name.push(c.to_ascii_lowercase());
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
        }
        let name = name.trim_end_matches('-');
        if name.is_empty() {
            return Err(NameError(text.to_owned()));
        }
        if name.len() <= LONGEST {
            return Ok(Self(name.to_owned()));
        }
        let hash: String = hex(&Sha256::digest(text.as_bytes())).chars().take(HASH).collect();
        let kept: String = name.chars().take(LONGEST - HASH - 1).collect();
        Ok(Self(format!("{}-{hash}", kept.trim_end_matches('-'))))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `text-NAME`, cut in front so that it is a label of at most 63 characters.
    pub(super) fn behind(&self, text: &str) -> String {
        let room = 63 - self.0.len() - 1;
        let text: String = text.chars().take(room).collect();
        match text.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()) {
            "" => self.0.clone(),
            text => format!("{text}-{self}"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> String {
        Name::new(text).unwrap().to_string()
    }

    #[test]
    fn branches_become_names() {
        assert_eq!(name("login"), "login");
        assert_eq!(name("feature/ABC-12"), "feature-abc-12");
        assert_eq!(name("--Ünder_score.x--"), "nder-score-x");
        assert!(Name::new("///").is_err() && Name::new("").is_err());
        let long = "feature/a-very-long-name-of-a-branch";
        let (one, other) = (name(long), name(&format!("{long}-2")));
        assert!(one.starts_with("feature-a-very-long-nam"), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn a_suffix_always_fits_into_a_label() {
        let name = Name::new("login").unwrap();
        assert_eq!(name.behind("web"), "web-login");
        assert_eq!(name.behind(""), "login");
        assert_eq!(name.behind(&"a".repeat(63)).len(), 63);
    }

    proptest! {
        #[test]
        fn every_name_is_a_label_and_stays_what_it_is(text in ".{0,80}") {
            let Ok(name) = Name::new(&text) else { return Ok(()) };
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            let text = name.as_str();
            prop_assert!(text.len() <= LONGEST && text.chars().all(|c| plain(c) || c == '-'));
            prop_assert!(text.starts_with(plain) && text.ends_with(plain));
            prop_assert_eq!(&Name::new(text).unwrap(), &name);
        }
    }
}
