//! Where the images of an environment are: by what its overlay pulls, and by
//! the registry that the config gives it.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::discover::{Cell, Inventory};
use crate::model::{AppId, EnvironmentName, Pin, SiteKind, quoted};
use crate::registry::RepositoryName;

use super::super::{Exit, Failure};

/// Where images are looked for.
#[derive(Clone, Copy)]
pub(in super::super) struct Places<'a> {
    pub(in super::super) config: &'a Config,
    pub(in super::super) inventory: &'a Inventory,
}

impl Places<'_> {
    /// The repository that an environment pulls an image from; `None` where
    /// nothing tells.
    pub(in super::super) fn repository(
        self,
        environment: &EnvironmentName,
        (app, image): (&AppId, &str),
    ) -> Result<Option<RepositoryName>, Failure> {
        let cell = self.inventory.cell(environment, app, image);
        let pulled = cell.and_then(Cell::pulled).map(str::parse::<RepositoryName>).transpose()?;
        let Some(registry) = self.registry(environment)? else { return Ok(pulled) };
        match pulled {
            // What is spoken to without encryption is said in the config.
            Some(pulled) if pulled.within(&registry).is_some() => {
                Ok(Some(RepositoryName { plain: registry.plain, ..pulled }))
            }
            Some(pulled) => Err(elsewhere(environment, &registry, (&pulled, cell))),
            None if !self.names_an_image(app, image) => Ok(None),
            None => Ok(Some(registry.below(last(image))?)),
        }
    }

    /// Whether it is an image that is known by its name, and not a field that
    /// holds a version of whatever.
    pub(in super::super) fn names_an_image(self, app: &AppId, image: &str) -> bool {
        let cells = self.inventory.cells.iter();
        let cells = cells.filter(|(key, _)| key.app == *app && key.image == image);
        let mut cells = cells.map(|(_, cell)| cell);
        let mut sites = cells.clone().flat_map(|cell| &cell.sites).peekable();
        sites.peek().is_none()
            || cells.any(|cell| cell.pulled().is_some())
            || sites.any(|site| site.kind != SiteKind::Field)
    }

    /// The registry that the config gives an environment.
    pub(in super::super) fn registry(
        self,
        environment: &EnvironmentName,
    ) -> Result<Option<RepositoryName>, Failure> {
        let environment = self.config.environment(environment.as_str());
        let registry = environment.and_then(|environment| environment.images.registry.as_deref());
        Ok(registry.map(RepositoryName::registry).transpose()?)
    }

    /// The images of an app, wherever they are: those that run the version
    /// somewhere, else all; and whether they do.
    pub(super) fn images(
        self,
        app: &AppId,
        (version, only): (&Pin, &[String]),
    ) -> Result<(BTreeSet<String>, bool), Failure> {
        let cells = self.inventory.cells.iter().filter(|(key, _)| key.app == *app);
        let all: BTreeSet<String> = cells.clone().map(|(key, _)| key.image.clone()).collect();
        if !only.is_empty() {
            let unknown = only.iter().find(|image| !all.contains(*image));
            if let Some(image) = unknown {
                let known: Vec<String> = all.into_iter().collect();
                let message = format!("{app} has no image `{image}`; it has {}", known.join(", "));
                return Err(Failure::not_found(message));
            }
            return Ok((only.iter().cloned().collect(), true));
        }
        let runs = |cell: &Cell| cell.pins().iter().any(|pin| pin.carries(version));
        let carriers: BTreeSet<String> =
            cells.filter(|(_, cell)| runs(cell)).map(|(key, _)| key.image.clone()).collect();
        let known = !carriers.is_empty();
        Ok((if known { carriers } else { all }, known))
    }
}

/// An overlay that pulls from another registry than its environment has.
fn elsewhere(
    environment: &EnvironmentName,
    registry: &RepositoryName,
    (pulled, cell): (&RepositoryName, Option<&Cell>),
) -> Failure {
    let site = cell.and_then(|cell| {
        cell.sites.iter().find(|site| site.repository.is_some() || site.beside.is_some())
    });
    let place = site.map(|site| format!(" ({}:{})", site.path, site.line)).unwrap_or_default();
    let message = format!(
        "{environment} pulls {pulled}{place}, and its `registry` in promote.toml is {registry}"
    );
    let file = site.map(|site| format!(" {}", quoted(site.path.as_str()))).unwrap_or_default();
    Failure::new(Exit::Invalid, message)
        .hint(format!("git grep -n -e newName -e registry -- promote.toml{file}"))
}

/// The last part of an image's name.
fn last(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}
