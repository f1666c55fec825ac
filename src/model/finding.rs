//! What a rule says of a plan.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{AppId, EnvironmentName, RepoPath};

/// The numbered rules. What each one refuses is in `gate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule(u8);

#[expect(missing_docs, reason = "the gate module documents each rule")]
impl Rule {
    pub const GP001: Self = Self(1);
    pub const GP002: Self = Self(2);
    pub const GP003: Self = Self(3);
    pub const GP004: Self = Self(4);
    pub const GP005: Self = Self(5);
    pub const GP006: Self = Self(6);
    pub const GP007: Self = Self(7);
    pub const GP008: Self = Self(8);
    pub const GP009: Self = Self(9);
    pub const GP010: Self = Self(10);
    pub const GP011: Self = Self(11);
    pub const GP012: Self = Self(12);
    pub const GP013: Self = Self(13);
    pub const GP014: Self = Self(14);
    pub const GP015: Self = Self(15);
    pub const GP016: Self = Self(16);
    pub const GP017: Self = Self(17);
    pub const GP019: Self = Self(19);
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GP{:03}", self.0)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text
            .strip_prefix("GP")
            .or_else(|| text.strip_prefix("gp"))
            .filter(|digits| digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok());
        match number {
            Some(number @ 1..=19) => Ok(Self(number)),
            _ => Err(format!("`{text}` is no rule: rules are GP001 to GP019")),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How a rule answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold, and that is only said.
    Warn,
    /// It does not hold, and refuses.
    Fail,
    /// It could not be asked here.
    Skip,
    /// It does not hold, and was waived with a reason.
    Overridden,
    /// It cannot be proven to hold.
    Unverifiable,
}

/// One rule's answer for one promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Its answer.
    pub outcome: Outcome,
    /// The app it speaks of; `None` where it is about the whole plan.
    pub app: Option<AppId>,
    /// The environment that the promotion enters.
    pub environment: Option<EnvironmentName>,
    /// What it found, in one sentence without a full stop.
    pub message: String,
    /// The file it speaks of.
    pub path: Option<RepoPath>,
    /// The 1-based line in that file.
    pub line: Option<u32>,
    /// A command that would satisfy it.
    pub hint: Option<String>,
    /// Why there is no answer, where somebody outside was asked and gave none.
    pub silence: Option<Cause>,
}

/// Why somebody outside who was asked did not answer; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// There may be an answer a while later.
    Passing,
    /// We are not let in.
    Closed,
    /// As it stands here it can never be asked: a program or a setting.
    Broken,
}
