//! What `diff` found: between two environments, or between two versions.

use crate::model::{AppId, EnvironmentName, Pin};

/// How long two environments have differed in a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// Since the last promotion.
    New,
    /// Since before that.
    Long,
    /// It is not known: the history is cut off, or there was no promotion.
    Unknown,
    /// By design: it names the environment.
    Design,
}

impl Distance {
    /// The word for it in every form of output.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Long => "long",
            Self::Unknown => "unknown",
            Self::Design => "design",
        }
    }
}

/// One difference between two environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// What is promoted.
    Version {
        /// The image.
        image: String,
        /// What the first runs; several where its files do not agree.
        left: Vec<Pin>,
        /// What the second runs.
        right: Vec<Pin>,
    },
    /// What is not.
    Setting {
        /// The object, such as `Deployment/web`, or the file.
        object: String,
        /// The field; empty where all of the object is meant.
        field: String,
        /// The value in the first; `None` where it is not set.
        left: Option<String>,
        /// The value in the second.
        right: Option<String>,
        /// How long it has differed.
        distance: Distance,
        /// The version of the first that it came with.
        came_with: Option<Pin>,
    },
}

/// A difference and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRow {
    /// The first environment.
    pub left: EnvironmentName,
    /// The second environment.
    pub right: EnvironmentName,
    /// The app.
    pub app: AppId,
    /// What differs.
    pub found: Found,
}

impl DiffRow {
    /// Whether it is more than what is so by design.
    pub fn counts(&self) -> bool {
        !matches!(self.found, Found::Setting { distance: Distance::Design, .. })
    }
}

/// What a program renders of an app in two environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderDiff {
    /// The first environment.
    pub left: EnvironmentName,
    /// The second environment.
    pub right: EnvironmentName,
    /// The app.
    pub app: AppId,
    /// The unified diff; empty where it is the same.
    pub unified: String,
}

/// What `diff` found between environments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiffReport {
    /// The pairs that were compared.
    pub pairs: Vec<(EnvironmentName, EnvironmentName)>,
    /// How many apps were compared.
    pub apps: usize,
    /// Whether settings were compared too.
    pub config: bool,
    /// The differences, by pair and app.
    pub rows: Vec<DiffRow>,
    /// With `--render`: what differs of what is rendered.
    pub renders: Vec<RenderDiff>,
}

impl DiffReport {
    /// Whether anything differs that is not so by design.
    pub fn differs(&self) -> bool {
        self.rows.iter().any(DiffRow::counts)
            || self.renders.iter().any(|render| !render.unified.is_empty())
    }
}

/// A commit of the app's own repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its full id.
    pub commit: String,
    /// Its time, seconds since the epoch.
    pub time: i64,
    /// The author's name.
    pub author: String,
    /// Its subject.
    pub subject: String,
}

/// A version that came to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The environment.
    pub environment: EnvironmentName,
    /// The image.
    pub image: String,
    /// The version.
    pub version: Pin,
    /// When, seconds since the epoch; `None` where the history is cut off.
    pub time: Option<i64>,
    /// The commit that brought it.
    pub commit: Option<String>,
}

/// What lies between two versions of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The app.
    pub app: AppId,
    /// The older version.
    pub from: Pin,
    /// The newer version.
    pub to: Pin,
    /// Where a person sees them.
    pub compare: Option<String>,
    /// The clone that was read.
    pub source: Option<String>,
    /// The commits between, newest first; `None` where there is no clone.
    pub commits: Option<Vec<Change>>,
    /// Whether the clone goes from the second version to the first.
    pub backwards: bool,
    /// The versions and those between them as they came to environments, newest
    /// first.
    pub arrivals: Vec<Arrival>,
}
