//! What can go wrong between the product and a registry.

use std::time::Duration;

use thiserror::Error;

use super::name::{HUB, is_loopback};

/// Why a registry did not do what it was asked for.
///
/// No message holds a secret: what a registry answers is cut to one line, and
/// addresses are shown by their host alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistryError {
    /// A name, address or file that cannot be used.
    #[error("{0}")]
    Config(String),
    /// There are no credentials, or the registry does not take them.
    #[error("{registry} does not let us in: {message}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// What it said, or what is missing.
        message: String,
    },
    /// The credentials may not do this.
    #[error("{registry} does not allow it: {message}")]
    Forbidden {
        /// The registry.
        registry: String,
        /// What it said.
        message: String,
    },
    /// Credentials were asked for by somebody who must not get them.
    #[error("{registry} sends us to {realm} for a token: {why}")]
    Realm {
        /// The registry.
        registry: String,
        /// The host that was named.
        realm: String,
        /// Why that is refused.
        why: &'static str,
        /// Whether the user can say that it may be asked.
        can_be_named: bool,
    },
    /// The registry has no such repository, tag or digest.
    #[error("{what} is not there{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    NotFound {
        /// What was asked for.
        what: String,
        /// What the registry said.
        message: String,
    },
    /// The destination has the tag, and it is another image.
    #[error("{what} is there already with another digest, {there}; it was to be {wanted}")]
    Exists {
        /// The tag with its repository.
        what: String,
        /// The digest that is there.
        there: String,
        /// The digest that was to be there.
        wanted: String,
    },
    /// A tag is not what it was a moment ago.
    #[error("{what} moved from {before} to {after} in the meantime; no tag was set")]
    Moved {
        /// The tag with its repository.
        what: String,
        /// The digest before.
        before: String,
        /// The digest after.
        after: String,
    },
    /// What came is not what was asked for.
    #[error("{what} is not what {registry} says it is: {why}")]
    Wrong {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// What differs.
        why: String,
    },
    /// Too many requests.
    #[error("{registry} asks to wait{}", after.map_or_else(String::new, |after| format!(" {} s", after.as_secs())))]
    RateLimited {
        /// The registry.
        registry: String,
        /// For how long, where it said so.
        after: Option<Duration>,
    },
    /// No answer, or an error of the registry itself.
    #[error("{registry} does not answer: {message}")]
    Unavailable {
        /// The registry.
        registry: String,
        /// What happened.
        message: String,
    },
    /// Nobody whom this machine trusts says that it is the registry.
    #[error("the certificate of {registry} is not trusted here: {message}")]
    Untrusted {
        /// The registry.
        registry: String,
        /// What is wrong with it.
        message: String,
    },
    /// An answer that is not of the registry interface.
    #[error("{registry} answers something else than a registry does: {message}")]
    Strange {
        /// The registry.
        registry: String,
        /// What it is.
        message: String,
    },
    /// The registry understood and refuses.
    #[error("{registry} refuses: {message}")]
    Refused {
        /// The registry.
        registry: String,
        /// What it said.
        message: String,
    },
}

/// Whether it names a tag or a digest of a repository, and nothing more.
fn is_image(what: &str) -> bool {
    let rest = what.split_once('/').map_or("", |(_, rest)| rest);
    rest.contains([':', '@']) && !what.contains(char::is_whitespace)
}

impl RegistryError {
    /// The documented exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exists { .. } => 3,
            Self::Unauthorized { .. } | Self::Forbidden { .. } | Self::Realm { .. } => 4,
            Self::NotFound { .. } => 5,
            Self::Moved { .. } => 6,
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Untrusted { .. }
            | Self::Strange { .. } => 7,
            Self::Wrong { .. } | Self::Refused { .. } | Self::Config(_) => 8,
        }
    }

    /// A command that helps.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unauthorized { registry, .. } | Self::Forbidden { registry, .. } => {
                Some(format!("docker login {registry}"))
            }
            Self::Realm { realm, can_be_named: true, .. } => {
                Some(format!("export GIT_PROMOTE_REGISTRY_REALM={realm}"))
            }
            Self::Untrusted { .. } => Some("export SSL_CERT_FILE=FILE-OF-ITS-AUTHORITY".to_owned()),
            Self::NotFound { what, .. }
            | Self::Exists { what, .. }
            | Self::Moved { what, .. }
            | Self::Wrong { what, .. }
                if is_image(what) =>
            {
                Some(format!("git promote registry check {what}"))
            }
            Self::Unavailable { registry, .. }
            | Self::RateLimited { registry, .. }
            | Self::Strange { registry, .. }
            | Self::Refused { registry, .. } => {
                let scheme = if is_loopback(registry) { "http" } else { "https" };
                let host = if registry == "docker.io" { HUB } else { registry };
                Some(format!("curl -sSi {scheme}://{host}/v2/"))
            }
            _ => Some("git promote help registry".to_owned()),
        }
    }

    /// Whether the same may work in a moment.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    /// Whether the thing is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
