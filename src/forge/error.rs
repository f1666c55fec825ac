//! What can go wrong between the product and a forge.

use std::time::Duration;

use thiserror::Error;

/// Why a forge did not do what it was asked for.
///
/// No message holds a token: what a forge answers is cut to one line and the
/// address is shown without its query.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ForgeError {
    /// There is no token.
    #[error("there is no token for {host}: set {names}")]
    NoToken {
        /// The host that would get it.
        host: String,
        /// The variables that may hold it.
        names: String,
    },
    /// The forge does not take the token.
    #[error("{forge} refuses the token: {message}")]
    Unauthorized {
        /// The forge.
        forge: String,
        /// What it said.
        message: String,
    },
    /// The token may not do this.
    #[error("{forge} does not allow it: {message}")]
    Forbidden {
        /// The forge.
        forge: String,
        /// What it said.
        message: String,
    },
    /// The repository, request or user is not there, or not to be seen.
    #[error("{forge} does not know {what}: {message}")]
    NotFound {
        /// The forge.
        forge: String,
        /// What was asked for.
        what: String,
        /// What it said.
        message: String,
    },
    /// Something else is in the way: another request for the branch, a conflict.
    #[error("{forge} is in another state: {message}")]
    Conflict {
        /// The forge.
        forge: String,
        /// What it said.
        message: String,
    },
    /// The forge understood and refuses.
    #[error("{forge} refuses: {message}")]
    Refused {
        /// The forge.
        forge: String,
        /// What it said.
        message: String,
    },
    /// Too many requests.
    #[error("{forge} asks to wait{}", after.map_or_else(String::new, |after| format!(" {} s", after.as_secs())))]
    RateLimited {
        /// The forge.
        forge: String,
        /// For how long, where it said so.
        after: Option<Duration>,
    },
    /// No answer, or none that says whether it was done.
    #[error("{forge} does not answer: {message}")]
    Unavailable {
        /// The forge.
        forge: String,
        /// What happened.
        message: String,
        /// Whether it may have been done all the same.
        ambiguous: bool,
    },
    /// An answer that is not of the forge's API.
    #[error("{forge} answers something else than its API does: {message}")]
    Strange {
        /// The forge.
        forge: String,
        /// What it is.
        message: String,
    },
    /// The forge has no such thing.
    #[error("{forge} cannot do this: {message}")]
    Unsupported {
        /// The forge.
        forge: String,
        /// What it has not.
        message: String,
    },
    /// An address or setting that cannot be used.
    #[error("{0}")]
    Config(String),
}

impl ForgeError {
    /// The documented exit code where nothing was done before.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoToken { .. } | Self::Unauthorized { .. } | Self::Forbidden { .. } => 4,
            Self::NotFound { .. } => 5,
            Self::Conflict { .. } => 6,
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Strange { .. } => 7,
            Self::Refused { .. } | Self::Unsupported { .. } | Self::Config(_) => 8,
        }
    }

    /// The same, where it says of what a forge knows nothing.
    pub(super) fn about(self, what: &str) -> Self {
        match self {
            Self::NotFound { forge, message, .. } => {
                Self::NotFound { forge, what: what.to_owned(), message }
            }
            other => other,
        }
    }

    /// Whether the same may be answered a while later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Strange { .. })
    }

    /// Whether what was asked for may have been done all the same.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unavailable { ambiguous: true, .. })
    }
}
