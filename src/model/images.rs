//! What an environment asks of the images that it runs.

/// What the config says of the images of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvironmentImages {
    /// The registry that they are pulled from, with a path if there is one.
    pub registry: Option<String>,
    /// Whether a tag is pinned with its digest.
    pub pin: bool,
    /// Who has to have signed them.
    pub signature: Option<Signer>,
}

impl EnvironmentImages {
    /// The registry as images are written: without a scheme.
    pub fn host_and_path(&self) -> Option<&str> {
        let registry = self.registry.as_deref()?;
        let bare = registry.split_once("://").map_or(registry, |(_, rest)| rest);
        Some(bare.trim_end_matches('/'))
    }

    /// What is left of a repository below the registry, if it is there.
    pub fn below<'r>(&self, repository: &'r str) -> Option<&'r str> {
        repository.strip_prefix(self.host_and_path()?)?.strip_prefix('/')
    }
}

/// Whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// Whoever has this key: a file of the repository, or the address of a key
    /// of a cloud.
    Key(String),
    /// Whoever an issuer says they are.
    Identity {
        /// The identity.
        identity: String,
        /// Whether it is a pattern of one.
        pattern: bool,
        /// The issuer.
        issuer: String,
    },
}
