//! The forge of a remote, as the config and the environment tell of it.

use crate::config::Config;
use crate::forge::{self, Forge, Limits, Place, Sources, Told};
use crate::git::Repository;

use super::{Failure, Workspace};

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

/// The forge of a remote of the repository, or why there is none to ask.
pub(super) fn of_remote(
    workspace: &Workspace,
    name: Option<&str>,
) -> Result<Result<Box<dyn Forge>, String>, Failure> {
    let remote = workspace.repo.remote(name)?;
    let Some(place) = place(&workspace.config, &remote.url)? else {
        return Ok(Err(format!("no forge is known for {}", remote.name)));
    };
    let forge = connect(&workspace.repo, &place)?;
    Ok(forge.ok_or_else(|| format!("there is no token for {}", place.host)))
}
