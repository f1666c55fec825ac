//! Where an environment runs.

/// The cluster of an environment, as kubectl finds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cluster {
    /// A context of the kubeconfig; `None`: the current one.
    pub context: Option<String>,
    /// The one namespace to look in; `None`: all of them.
    pub namespace: Option<String>,
}

impl Cluster {
    /// Whether the config says anything of it.
    pub fn is_configured(&self) -> bool {
        self.context.is_some() || self.namespace.is_some()
    }
}
