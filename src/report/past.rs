//! What `log`, `why` and `versions` found.

use crate::gate::Given;
use crate::history::{Entry, metrics::Metrics};
use crate::model::{AppId, EnvironmentName, Finding, Pin};

/// The promotions of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// The entries, newest first.
    pub entries: Vec<Entry>,
    /// The commit at which a shallow clone ends.
    pub cut: Option<String>,
    /// Now, seconds since the epoch.
    pub now: i64,
}

/// The numbers of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsReport {
    /// The numbers.
    pub metrics: Metrics,
    /// What was asked for: from when on.
    pub since: Option<i64>,
    /// The commit at which a shallow clone ends.
    pub cut: Option<String>,
    /// Now, seconds since the epoch.
    pub now: i64,
}

/// One environment on the way of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayStep {
    /// The environment.
    pub environment: EnvironmentName,
    /// The image.
    pub image: String,
    /// How the version came there; `None` where it never did.
    pub entry: Option<Entry>,
    /// How long after the environments before it.
    pub after: Option<i64>,
    /// When another version took its place there.
    pub until: Option<i64>,
    /// Whether it is there now.
    pub now: bool,
}

/// An open request that holds the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// Its number.
    pub number: u64,
    /// Where a person sees it.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Whether it is not to be merged yet.
    pub draft: bool,
    /// Whether the forge merges it by itself; `None` where it does not tell.
    pub auto_merge: Option<bool>,
    /// Each check by its name, and its state; `None` where the forge does not
    /// tell.
    pub checks: Option<Vec<(String, String)>>,
    /// How many approvals the config wants; 0: it says nothing of them.
    pub wanted: u8,
    /// Who had a say about it; `None` where the forge does not tell.
    pub given: Option<Given>,
    /// Whether it conflicts with its base; `None` where the forge does not say.
    pub conflicts: Option<bool>,
    /// Why something of this is not told.
    pub untold: Vec<String>,
}

/// How a version got to an environment, or what keeps it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyReport {
    /// The app.
    pub app: AppId,
    /// The environment.
    pub environment: EnvironmentName,
    /// The images of the app that it is about; none: all of them.
    pub images: Vec<String>,
    /// The version that is asked about.
    pub version: Pin,
    /// What the environment runs of them now.
    pub running: Vec<Pin>,
    /// Whether the version is there now.
    pub there: bool,
    /// Its way, in the order of the environments.
    pub way: Vec<WayStep>,
    /// What the rules say of a promotion that was not made; empty where it is
    /// there.
    pub findings: Vec<Finding>,
    /// Whether a rule refuses; `None` where no promotion was tried.
    pub refused: Option<bool>,
    /// Why a promotion could not even be planned.
    pub unplanned: Option<String>,
    /// The open requests that would bring it.
    pub requests: Vec<OpenRequest>,
    /// The commit at which a shallow clone ends.
    pub cut: Option<String>,
    /// Now, seconds since the epoch.
    pub now: i64,
}

/// A version of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The app.
    pub app: AppId,
    /// The image.
    pub image: String,
    /// The version.
    pub version: Pin,
    /// How it first appeared; `None` where that lies before the history.
    pub first: Option<Entry>,
    /// Where it is now.
    pub now_in: Vec<EnvironmentName>,
    /// Where it was at some time.
    pub ever_in: Vec<EnvironmentName>,
    /// When its image was made, as a registry says, in seconds since the epoch.
    pub built: Option<i64>,
    /// The repositories that have it, where registries were asked.
    pub registries: Vec<String>,
}

/// The versions of some apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionsReport {
    /// The versions, in the order that was asked for.
    pub rows: Vec<VersionRow>,
    /// The commit at which a shallow clone ends.
    pub cut: Option<String>,
    /// Now, seconds since the epoch.
    pub now: i64,
}
