//! One image of one app on its way into an environment.

use super::{AppId, EnvironmentName, Pin};

/// One app and image that moves into an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The app.
    pub app: AppId,
    /// The image's identity across environments (see [`super::Site::image`]).
    pub image: String,
    /// The repository, where a site tells.
    pub repository: Option<String>,
    /// The environments the version comes from; none into a first environment.
    pub from: Vec<EnvironmentName>,
    /// The environment it enters.
    pub to: EnvironmentName,
    /// What the target held before; empty where nothing was pinned.
    pub previous: Pin,
    /// What it holds afterwards.
    pub version: Pin,
}
