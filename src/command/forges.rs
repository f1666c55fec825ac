//! The forge of a remote, as the config and the environment tell of it.

use crate::config::Config;
use crate::forge::{self, Forge, Limits, Place, Sources, Told};
use crate::git::Repository;

use super::{Exit, Failure};

/// The repository of an address on its forge; `None` where no forge is known.
pub(super) fn place(config: &Config, url: &str) -> Result<Option<Place>, Failure> {
    let told = &config.delivery.forge;
    let (api, repository) = (told.api.as_deref(), told.repository.as_deref());
    Ok(Place::find(url, Told { kind: told.kind, api, repository })?)
}

/// The forge; `None` where there is no token for it.
pub(super) fn connect(repo: &Repository, place: &Place) -> Result<Option<Box<dyn Forge>>, Failure> {
    let token = forge::find_token(place, Sources::real(), Some(repo.place()))?;
    let connect = |token| forge::connect(place, &token, Limits::default());
    Ok(token.map(connect).transpose()?)
}

/// Why there is no forge to ask.
pub(super) enum NoForge {
    /// The host of this remote is none that is known.
    Unknown(String),
    /// There is no token for it.
    NoToken(Place),
    /// It could not be found out.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for NoForge {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl NoForge {
    /// The same where the answer was only to be a part of another one.
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Unknown(remote) => {
                Failure::new(Exit::Unavailable, format!("no forge is known for {remote}"))
            }
            Self::NoToken(place) => {
                Failure::new(Exit::Auth, format!("there is no token for {}", place.host))
            }
            Self::Failed(failure) => failure,
        }
    }
}

/// The forge of a remote of the repository.
pub(super) fn of_remote(
    (repo, config): (&Repository, &Config),
    name: Option<&str>,
) -> Result<Box<dyn Forge>, NoForge> {
    let remote = repo.remote(name)?;
    let place = place(config, &remote.url)?;
    let place = place.ok_or_else(|| NoForge::Unknown(remote.name.clone()))?;
    connect(repo, &place)?.ok_or(NoForge::NoToken(place))
}
