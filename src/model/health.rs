//! What tells whether an environment is healthy, and what was seen there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SpanRelativeTo;

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
    pub timeout: Option<Patience>,
}

/// An object of a cluster: `deployment/{app}`, or with its namespace before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// How long somebody is waited for, in whole seconds, as it is written: `0s`,
/// `90s`, `10m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub Duration);

/// Nobody is waited for longer: a week.
const LONGEST: i64 = 7 * 86_400;

impl FromStr for Patience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span: jiff::Span =
            text.parse().map_err(|_| "it is no span of time such as 90s, 10m or 1h")?;
        let duration = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| "months and years have no fixed length")?;
        let seconds = duration.as_secs();
        if duration.subsec_nanos() != 0 {
            return Err("it has parts of a second");
        }
        if seconds > LONGEST {
            return Err("it is longer than a week");
        }
        let seconds = u64::try_from(seconds).map_err(|_| "it is less than nothing")?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.as_secs();
        let parts = [(all / 3_600, 'h'), (all / 60 % 60, 'm'), (all % 60, 's')];
        let some = parts.into_iter().filter(|(number, _)| *number > 0);
        let shown: Vec<String> = some.map(|(number, unit)| format!("{number}{unit}")).collect();
        if shown.is_empty() { f.write_str("0s") } else { f.write_str(&shown.join(" ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_written_as_people_say_it() {
        for (text, seconds, shown) in
            [("0s", 0, "0s"), ("90s", 90, "1m 30s"), ("10m", 600, "10m"), ("7d", 604_800, "168h")]
        {
            let patience: Patience = text.parse().unwrap();
            assert_eq!((patience.0.as_secs(), &*patience.to_string()), (seconds, shown));
            assert_eq!(shown.parse(), Ok(patience));
        }
        for bad in ["", "m", "10", "-1s", "1.5s", "ten m", "1ä", "169h", "1 month", "99999999999h"]
        {
            assert!(bad.parse::<Patience>().is_err(), "{bad}");
        }
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
