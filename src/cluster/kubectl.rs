//! Asking `kubectl` for objects.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::model::{Cause, Cluster, ClusterObject};
use crate::program::{self, Ran};

/// kubectl, for the cluster of one environment.
#[derive(Debug, Clone)]
pub struct Kubectl {
    cluster: Cluster,
    patience: Duration,
}

/// Why kubectl gave no object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KubectlError {
    /// It cannot be started.
    #[error("kubectl cannot be started: {0}")]
    Missing(String),
    /// It did not answer in time.
    #[error("kubectl does not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The cluster has no such object.
    #[error("{0}")]
    NotFound(String),
    /// It cannot reach the cluster, or is not let in.
    #[error("kubectl says: {0}")]
    Failed(String),
    /// What it said is no object.
    #[error("kubectl answers something else than an object")]
    Strange,
}

/// What kubectl says where the cluster does not let us in.
const CLOSED: &[&str] = &["(Forbidden)", "(Unauthorized)", "must be logged in"];

/// What it says where the question can never be answered: a context or a kind
/// that is not there.
const BROKEN: &[&str] = &["does not exist", "doesn't have a resource type"];

impl KubectlError {
    /// Whether the cluster answered, and has no such object.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    /// Whether it helps to ask again.
    pub fn cause(&self) -> Cause {
        let says = |words: &str, of: &[&str]| of.iter().any(|one| words.contains(one));
        match self {
            Self::Missing(_) => Cause::Broken,
            Self::Failed(words) if says(words, CLOSED) => Cause::Closed,
            Self::Failed(words) if says(words, BROKEN) => Cause::Broken,
            _ => Cause::Passing,
        }
    }
}

impl Kubectl {
    /// For the cluster of an environment; each question may take so long.
    pub fn new(cluster: Cluster, patience: Duration) -> Self {
        Self { cluster, patience }
    }

    /// The object, as the cluster has it now.
    pub fn get(&self, object: &ClusterObject) -> Result<Value, KubectlError> {
        let mut command = Command::new("kubectl");
        // It gives up by itself before it is stopped, and says why.
        let seconds = self.patience.as_secs().saturating_sub(1).max(1);
        command.arg(format!("--request-timeout={seconds}s"));
        if let Some(context) = &self.cluster.context {
            command.arg(format!("--context={context}"));
        }
        if let Some(namespace) = object.namespace.as_ref().or(self.cluster.namespace.as_ref()) {
            command.arg(format!("--namespace={namespace}"));
        }
        command.args(["get", "--output=json", "--", &format!("{}/{}", object.kind, object.name)]);
        let ran = program::run(command, self.patience)
            .map_err(|error| KubectlError::Missing(error.to_string()))?;
        if ran.is_well() {
            let value: Value =
                serde_json::from_slice(&ran.stdout).map_err(|_| KubectlError::Strange)?;
            return if value.is_object() { Ok(value) } else { Err(KubectlError::Strange) };
        }
        Err(self.failure(&ran))
    }

    fn failure(&self, ran: &Ran) -> KubectlError {
        if ran.late {
            return KubectlError::Late(self.patience);
        }
        let words = ran.last_words();
        if words.contains("(NotFound)") {
            return KubectlError::NotFound(words);
        }
        KubectlError::Failed(words)
    }
}
