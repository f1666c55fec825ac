//! Which image a version means that enters an environment: what the
//! environments before have that vouch for it, and what registries have of it.

use crate::discover::Cell;
use crate::gate::tag_or_digest;
use crate::model::{AppId, Digest, EnvironmentName, Pin, Sources};
use crate::registry::{Registries, RepositoryName};

use super::super::Failure;
use super::place::Places;

/// A version on its way into an environment.
#[derive(Clone, Copy)]
pub(in super::super) struct Entering<'a> {
    /// Where the environments before pull from.
    pub(in super::super) before: Places<'a>,
    /// Where the environment will pull from.
    pub(in super::super) after: Places<'a>,
    /// The app and its image.
    pub(in super::super) image: (&'a AppId, &'a str),
    pub(in super::super) version: &'a Pin,
    pub(in super::super) to: &'a EnvironmentName,
    /// The environments before that vouch for it.
    pub(in super::super) from: &'a [EnvironmentName],
    /// Whether it is enough that the environment itself has it: it goes back.
    pub(in super::super) back: bool,
}

/// What a repository has of the version.
#[derive(Debug, Clone)]
pub(in super::super) struct Held {
    pub(in super::super) name: RepositoryName,
    /// The digest of the tag, made from its manifest; where only a digest is
    /// pinned, that one, if it is there.
    pub(in super::super) tagged: Option<Digest>,
    /// Whether it has the version, by its digest where it is pinned to one.
    pub(in super::super) there: bool,
}

/// What registries have of the version.
#[derive(Debug, Clone)]
pub(in super::super) struct Meant {
    /// Where the environment pulls from.
    pub(in super::super) own: Held,
    /// Where an environment before pulls from, if that is elsewhere.
    pub(in super::super) source: Option<Held>,
    /// Which environments before have different images under the tag.
    pub(in super::super) differ: Option<String>,
}

/// What the environments before have.
pub(in super::super) struct Vouched {
    pub(in super::super) held: Vec<Held>,
    pub(in super::super) differ: Option<String>,
}

impl Places<'_> {
    /// The environments before whose image is meant: all of them, or, where one
    /// is enough, those that run the version, else those that `ran` it.
    pub(in super::super) fn vouching(
        self,
        to: &EnvironmentName,
        (app, image, version): (&AppId, &str, &Pin),
        ran: &dyn Fn(&EnvironmentName) -> bool,
    ) -> Vec<EnvironmentName> {
        let environment = self.config.environment(to.as_str());
        let sources = environment.map(|environment| self.config.sources_for(environment, app));
        let names = match sources {
            Some(Sources::Any(names)) => names,
            sources => return sources.map(|s| s.names().to_vec()).unwrap_or_default(),
        };
        let tag = tag_or_digest(version);
        let runs = |name: &EnvironmentName, wanted: &Pin| {
            let cell = self.inventory.cell(name, app, image);
            cell.and_then(Cell::pin).is_some_and(|pin| pin.carries(wanted))
        };
        let ways: [&dyn Fn(&EnvironmentName) -> bool; 3] =
            [&|name| runs(name, version), &|name| runs(name, &tag), ran];
        for is_meant in ways {
            if names.iter().any(is_meant) {
                return names.iter().filter(|name| is_meant(name)).cloned().collect();
            }
        }
        names
    }
}

impl Entering<'_> {
    /// The repository that the environment will pull from.
    pub(in super::super) fn target(self) -> Result<RepositoryName, Failure> {
        let (app, image) = self.image;
        let known = self.after.inventory.cell(self.to, app, image).is_some();
        let places = if known { self.after } else { self.before };
        places.repository(self.to, self.image)?.ok_or_else(|| {
            let message = format!("nothing tells which registry {} pulls {app} from", self.to);
            Failure::not_found(message).hint("git promote help registry")
        })
    }

    /// The repositories that the environments before pull from.
    pub(in super::super) fn sources(self) -> Result<Vec<RepositoryName>, Failure> {
        let mut names = Vec::new();
        for environment in self.from {
            names.extend(self.before.repository(environment, self.image)?);
        }
        Ok(names)
    }

    /// Asks the registries.
    pub(in super::super) fn hear(self, registries: &Registries) -> Result<Meant, Failure> {
        let own = self.held(registries, self.target()?)?;
        if self.back && own.there {
            return Ok(Meant { own, source: None, differ: None });
        }
        let Vouched { held, differ } = self.vouched(registries, Some(&own))?;
        let shared = own.there && held.iter().any(|source| source.name == own.name);
        let others = || held.iter().filter(|source| source.name != own.name && !shared);
        let source = others().find(|source| source.there).or_else(|| others().next()).cloned();
        Ok(Meant { own, source, differ })
    }

    /// Asks the registries of the environments before, each repository once;
    /// one of them may be `known` already.
    pub(in super::super) fn vouched(
        self,
        registries: &Registries,
        known: Option<&Held>,
    ) -> Result<Vouched, Failure> {
        let mut vouched = Vouched { held: Vec::new(), differ: None };
        let mut first: Option<(&EnvironmentName, Held)> = None;
        for environment in self.from {
            let Some(name) = self.before.repository(environment, self.image)? else { continue };
            let asked = vouched.held.iter().find(|held| held.name == name);
            let held = match asked.or(known.filter(|known| known.name == name)) {
                Some(held) => held.clone(),
                None => self.held(registries, name)?,
            };
            if asked.is_none() {
                vouched.held.push(held.clone());
            }
            // What is pinned there is compared with what is pinned.
            if self.pins(environment) || held.tagged.is_none() {
                continue;
            }
            match &first {
                Some((other, before)) if before.tagged != held.tagged => {
                    let tag = tag_or_digest(self.version);
                    let there = |held: &Held| held.tagged.as_ref().map(ToString::to_string);
                    vouched.differ = Some(format!(
                        "{tag} is {} in {other} ({}) and {} in {environment} ({})",
                        there(before).unwrap_or_default(),
                        before.name,
                        there(&held).unwrap_or_default(),
                        held.name
                    ));
                }
                Some(_) => {}
                None => first = Some((environment, held)),
            }
        }
        Ok(vouched)
    }

    /// Whether an environment has a digest beside this tag.
    fn pins(self, environment: &EnvironmentName) -> bool {
        let (app, image) = self.image;
        let pin = self.before.inventory.cell(environment, app, image).and_then(Cell::pin);
        pin.is_some_and(|pin| pin.digest.is_some() && pin.tag == self.version.tag)
    }

    fn held(self, registries: &Registries, name: RepositoryName) -> Result<Held, Failure> {
        let version = self.version;
        let tagged = registries.resolve(&name, &tag_or_digest(version))?;
        let there = match &version.digest {
            Some(digest) if tagged.as_ref() != Some(digest) => {
                let pin = Pin { tag: None, digest: Some(digest.clone()) };
                registries.digest(&name, &pin)?.is_some()
            }
            _ => tagged.is_some(),
        };
        Ok(Held { name, tagged, there })
    }
}
