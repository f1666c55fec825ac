//! Registries of images: whether a version is there, what it says of itself,
//! and copies from one repository to another.
//!
//! Shell code: it does I/O and holds no policy. One client of our own over
//! HTTP, since all that matters here is what a registry must not be able to do:
//! get credentials that are not its own, send us to another place with them,
//! give other bytes than those that were asked for, or fill our memory. Async
//! stays inside.

mod challenge;
mod copy;
mod enter;
mod error;
mod keys;
mod manifest;
mod name;
mod read;
mod session;

pub use copy::{Copied, Copy, Free, Meter};
pub use error::RegistryError;
pub use keys::{Credential, Keys};
pub use name::RepositoryName;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::model::{Digest, Pin};
use crate::net::{self, Secrets};

use session::{Session, Wire};

/// How long and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the head of an answer, and for each piece of it.
    pub request: Duration,
    /// For a blob that is sent, without any byte of it moving.
    pub stall: Duration,
    /// The pause before something is tried again; longer each time.
    pub pause: Duration,
    /// The longest wait that a registry may ask for (`Retry-After`).
    pub wait: Duration,
    /// How often something is tried.
    pub tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            pause: Duration::from_millis(500),
            wait: Duration::from_secs(60),
            tries: 3,
        }
    }
}

/// What a registry says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The digest of the manifest or index, verified.
    pub digest: Digest,
    /// What it runs on: `linux/amd64`.
    pub platforms: Vec<String>,
    /// When it was made, as it says.
    pub created: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// The commit it was made from.
    pub revision: Option<String>,
    /// The version that it calls itself.
    pub version: Option<String>,
}

impl Found {
    fn of(digest: Digest) -> Self {
        let (platforms, created, source) = (Vec::new(), None, None);
        Self { digest, platforms, created, source, revision: None, version: None }
    }
}

/// Registries, spoken to with the credentials of this machine.
pub struct Registries {
    wire: Arc<Wire>,
    runtime: Runtime,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registries")
    }
}

impl Registries {
    /// Connects to nothing yet. `realms` are hosts, with their port, to which
    /// credentials of another host may go for a token.
    pub fn new(keys: Keys, realms: Vec<String>, limits: Limits) -> Result<Self, RegistryError> {
        let connect = limits.request.min(Duration::from_secs(10));
        let client = net::client(|builder| builder.connect_timeout(connect))
            .map_err(RegistryError::Config)?;
        let direct = net::client(|builder| builder.connect_timeout(connect).no_proxy())
            .map_err(RegistryError::Config)?;
        let secrets = Mutex::new(Secrets::default());
        let wire = Arc::new(Wire { client, direct, keys, realms, limits, secrets });
        Ok(Self { wire, runtime: net::runtime().map_err(RegistryError::Config)? })
    }

    /// Whether a version is there, and its digest as the registry tells it.
    pub fn digest(
        &self,
        name: &RepositoryName,
        pin: &Pin,
    ) -> Result<Option<Digest>, RegistryError> {
        let session = Session::reader(&self.wire, name)?;
        self.runtime.block_on(async { session.tagged(&read::reference(pin)?).await })
    }

    /// The digest of a version, made from its manifest.
    pub fn resolve(
        &self,
        name: &RepositoryName,
        pin: &Pin,
    ) -> Result<Option<Digest>, RegistryError> {
        let session = Session::reader(&self.wire, name)?;
        self.runtime.block_on(async {
            let manifest = session.manifest_if_there(&read::reference(pin)?).await?;
            Ok(manifest.map(|manifest| manifest.digest))
        })
    }

    /// What a version says of itself.
    pub fn look(&self, name: &RepositoryName, pin: &Pin) -> Result<Option<Found>, RegistryError> {
        let session = Session::reader(&self.wire, name)?;
        self.runtime.block_on(session.look(pin))
    }

    /// The tags of a repository; none where it is not there.
    pub fn tags(&self, name: &RepositoryName) -> Result<Vec<String>, RegistryError> {
        let session = Session::reader(&self.wire, name)?;
        match self.runtime.block_on(session.tags()) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            tags => tags,
        }
    }

    /// What several versions of a repository say of themselves, in their order.
    pub fn look_at(
        &self,
        name: &RepositoryName,
        pins: &[Pin],
    ) -> Result<Vec<Option<Found>>, RegistryError> {
        let session = Arc::new(Session::reader(&self.wire, name)?);
        self.runtime.block_on(session.look_at(pins))
    }

    /// Whether a version could be copied from one repository to another.
    pub fn free(&self, wanted: &Copy<'_>) -> Result<Free, RegistryError> {
        self.runtime.block_on(copy::could(&self.wire, wanted))
    }

    /// Copies a version from one repository to another.
    pub fn copy(&self, wanted: &Copy<'_>) -> Result<Copied, RegistryError> {
        self.runtime.block_on(copy::copy(&self.wire, wanted))
    }
}
