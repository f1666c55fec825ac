//! What runs pods in a cluster.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::model::Cluster;
use crate::program;

/// What is asked for: the kinds that hold the pods of apps.
const KINDS: &str = "deployments.apps,statefulsets.apps,daemonsets.apps,cronjobs.batch";
/// What an answer may have, in bytes.
const LONGEST: u64 = 512 << 20;
/// So much longer than kubectl waits itself it is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// Why a cluster did not tell what it runs.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ClusterError {
    /// There is no program to ask it by.
    #[error("kubectl is not installed, or not on the PATH")]
    Missing,
    /// The program cannot be run.
    #[error("kubectl cannot be run: {0}")]
    Broken(String),
    /// No answer came in time.
    #[error("it did not answer within {0} s")]
    Late(u64),
    /// An error, in the words of kubectl.
    #[error("{0}")]
    Refused(String),
    /// An answer that is none.
    #[error("the answer of kubectl cannot be read: {0}")]
    Unreadable(String),
}

/// What runs pods: a `Deployment`, `StatefulSet`, `DaemonSet` or `CronJob`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The images of its containers, as they stand in its pod template.
    pub images: Vec<String>,
}

/// Everything that runs pods there.
pub fn workloads(cluster: &Cluster, limit: Duration) -> Result<Vec<Workload>, ClusterError> {
    let mut command = Command::new("kubectl");
    command.args(["get", KINDS, "--output=json"]);
    command.arg(format!("--request-timeout={}s", limit.as_secs()));
    if let Some(context) = &cluster.context {
        command.arg(format!("--context={context}"));
    }
    match &cluster.namespace {
        Some(namespace) => command.arg(format!("--namespace={namespace}")),
        None => command.arg("--all-namespaces"),
    };
    let ran = program::run_up_to(command, limit + GRACE, LONGEST);
    let ran = ran.map_err(|error| match error.kind() {
        ErrorKind::NotFound => ClusterError::Missing,
        _ => ClusterError::Broken(error.to_string()),
    })?;
    if ran.late {
        return Err(ClusterError::Late(limit.as_secs()));
    }
    if !ran.is_well() {
        return Err(refused(&ran.stderr, limit));
    }
    let list: List = serde_json::from_slice(&ran.stdout)
        .map_err(|error| ClusterError::Unreadable(error.to_string()))?;
    Ok(list.items.into_iter().map(Workload::from).collect())
}

/// What kubectl says last, which is why it gave up.
fn refused(said: &[u8], limit: Duration) -> ClusterError {
    let said = String::from_utf8_lossy(said);
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines().any(|line| line.contains("Client.Timeout") || line.contains("deadline exceeded")) {
        return ClusterError::Late(limit.as_secs());
    }
    let told =
        lines().find(|line| line.starts_with("Error from server")).or_else(|| lines().next_back());
    ClusterError::Refused(told.unwrap_or("kubectl failed and did not say why").to_owned())
}

/// As much of the answer as is needed.
#[derive(Deserialize)]
struct List {
    items: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Of a `CronJob` the template of its jobs, of everything else that of its pods.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    job_template: Option<Box<Template>>,
    template: Option<Box<Template>>,
}

#[derive(Deserialize)]
struct Template {
    spec: Inner,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    template: Option<Box<Template>>,
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default)]
    init_containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    image: String,
}

impl From<Object> for Workload {
    fn from(object: Object) -> Self {
        let Object { metadata, spec } = object;
        let mut images = Vec::new();
        let mut at = spec.job_template.or(spec.template);
        while let Some(template) = at {
            let inner = template.spec;
            images.extend(inner.init_containers.into_iter().chain(inner.containers));
            at = inner.template;
        }
        Self {
            namespace: metadata.namespace,
            name: metadata.name,
            labels: metadata.labels,
            images: images.into_iter().map(|container| container.image).collect(),
        }
    }
}
