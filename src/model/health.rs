//! What tells whether an environment is healthy, and what was seen there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It is well.
    Healthy,
    /// It is not known yet: it is on its way.
    Pending,
    /// Nothing that counts says anything of it.
    Unknown,
    /// It is not well.
    Failed,
}

impl Health {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// One thing that was looked at, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// How it is.
    pub health: Health,
    /// What was looked at: the name of a commit status, an object of a cluster,
    /// a program; `None` where nothing was found that fits.
    pub what: Option<String>,
    /// The full id of the commit that it is about, where it is about one.
    pub commit: Option<String>,
    /// What it says, one line; may be empty.
    pub message: String,
    /// Where a person sees more; may be empty.
    pub url: String,
}

impl Sight {
    /// Nothing tells, and why.
    pub fn unknown(message: String) -> Self {
        let (what, commit, url) = (None, None, String::new());
        Self { health: Health::Unknown, what, commit, message, url }
    }

    /// The worst of several; `None` where there is none.
    pub fn worst(sights: &[Self]) -> Option<&Self> {
        // Of equally bad ones the first.
        sights.iter().rev().max_by_key(|sight| sight.health)
    }
}

/// What tells whether the environments that a version comes from are healthy.
/// All that is named has to say so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthSettings {
    /// A glob over the names of commit statuses and check runs, with `{app}`,
    /// `{group}`, `{env}` and `{version}`.
    pub context: Option<String>,
    /// Whether any failure since the version arrived counts, whatever came
    /// after it.
    pub since_arrival: bool,
    /// Objects of the cluster of the environment.
    pub kubectl: Vec<ClusterObject>,
    /// A program and its arguments; empty: none.
    pub command: Vec<String>,
    /// How long is waited.
    pub timeout: Option<Span>,
}

/// An object of a cluster: `deployment/{app}`, or with its namespace before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterObject {
    /// Its namespace, where it is not that of the environment.
    pub namespace: Option<String>,
    /// Its kind, as kubectl takes it.
    pub kind: String,
    /// Its name, which may hold placeholders.
    pub name: String,
}

impl FromStr for ClusterObject {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let plain = |part: &&str| {
            let good = |c: char| c.is_ascii_alphanumeric() || "-._{}".contains(c);
            !part.is_empty() && !part.starts_with('-') && part.chars().all(good)
        };
        if !parts.iter().all(plain) {
            return Err("a part of it is empty, or holds what no name does");
        }
        match parts.as_slice() {
            [kind, name] => Ok(Self::new(None, kind, name)),
            [namespace, kind, name] => Ok(Self::new(Some(namespace), kind, name)),
            _ => Err("it is neither KIND/NAME nor NAMESPACE/KIND/NAME"),
        }
    }
}

impl ClusterObject {
    fn new(namespace: Option<&str>, kind: &str, name: &str) -> Self {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        Self { namespace: namespace.map(str::to_owned), kind, name }
    }
}

impl fmt::Display for ClusterObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A span of time as it is written: `90s`, `10m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// No wait is longer.
const LONGEST: u64 = 7 * 86_400;

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is no time such as 90s, 10m or 1h");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
        let factor: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(bad()),
        };
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        let number: u64 = number.parse().map_err(|_| bad())?;
        let seconds = number.saturating_mul(factor);
        if seconds > LONGEST {
            return Err(format!("`{text}` is longer than 168h"));
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            s if s > 0 && s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s > 0 && s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("168h", LONGEST)] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0.as_secs(), seconds);
        }
        for good in ["90s", "10m", "2h", "0s"] {
            assert_eq!(good.parse::<Span>().unwrap().to_string(), good);
        }
        for bad in ["", "m", "10", "1d", "-1s", "+1s", "1.5h", "ten m", "1ä", "169h"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert!("99999999999999999999s".parse::<Span>().is_err());
        assert!("9999999999999999999h".parse::<Span>().is_err());
    }

    #[test]
    fn objects_have_a_kind_and_a_name() {
        let full: ClusterObject = "flux-system/kustomization/{app}-{env}".parse().unwrap();
        assert_eq!(full.namespace.as_deref(), Some("flux-system"));
        assert_eq!(full.to_string(), "flux-system/kustomization/{app}-{env}");
        assert!("deployments.apps/{app}".parse::<ClusterObject>().is_ok());
        for bad in ["", "web", "a/b/c/d", "deployment/", "/web", "-n/web", "a/--all", "a/b c"] {
            assert!(bad.parse::<ClusterObject>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_worst_is_what_failed_then_what_is_not_known() {
        let sight = |health, what: &str| Sight {
            health,
            what: Some(what.to_owned()),
            commit: None,
            message: String::new(),
            url: String::new(),
        };
        let mut sights = vec![
            sight(Health::Healthy, "a"),
            sight(Health::Pending, "b"),
            sight(Health::Pending, "c"),
        ];
        let worst = |sights: &[Sight]| Sight::worst(sights).unwrap().what.clone().unwrap();
        assert_eq!(worst(&sights), "b");
        sights.push(sight(Health::Unknown, "d"));
        assert_eq!(worst(&sights), "d");
        sights.push(sight(Health::Failed, "e"));
        assert_eq!(worst(&sights), "e");
        assert_eq!(Sight::worst(&[]), None);
    }
}
