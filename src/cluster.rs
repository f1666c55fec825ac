//! What clusters run, asked by `kubectl` in a process of its own, so that its
//! contexts, credentials and plugins work as its users know them.
//!
//! Shell code: it does I/O and holds no policy. Nothing is ever changed there.

use std::collections::BTreeMap;
use std::io::{BufReader, ErrorKind, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde::Deserialize;
use thiserror::Error;

use crate::model::Cluster;

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
    let mut child = start(cluster, limit)?;
    let answer = reading(child.stdout.take(), |stdout| {
        serde_json::from_reader::<_, List>(BufReader::new(stdout))
    });
    let said = reading(child.stderr.take(), |mut stderr| {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).map(|_| text)
    });
    let end = Instant::now() + limit + GRACE;
    let late = || ClusterError::Late(limit.as_secs());
    let status = ended(&mut child, end)?.ok_or_else(late)?;
    // What it started may still hold its pipes open.
    let rest = || end.saturating_duration_since(Instant::now()).max(GRACE);
    if !status.success() {
        let said = said.recv_timeout(rest()).ok().and_then(Result::ok).unwrap_or_default();
        return Err(refused(&said, limit));
    }
    let list = answer.recv_timeout(rest()).map_err(|_| late())?;
    let list = list.map_err(|error| ClusterError::Unreadable(error.to_string()))?;
    Ok(list.items.into_iter().map(Workload::from).collect())
}

fn start(cluster: &Cluster, limit: Duration) -> Result<Child, ClusterError> {
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
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => ClusterError::Missing,
        _ => ClusterError::Broken(error.to_string()),
    })
}

/// Reads a pipe aside, so that neither of two is ever full.
fn reading<P, T>(pipe: Option<P>, read: fn(std::io::Take<P>) -> T) -> Receiver<T>
where
    P: Read + Send + 'static,
    T: Send + 'static,
{
    let (send, receive) = channel();
    if let Some(pipe) = pipe {
        // Nobody waits for it any more where it is late.
        std::thread::spawn(move || drop(send.send(read(pipe.take(LONGEST)))));
    }
    receive
}

/// How it ended; `None` where it had to be stopped.
fn ended(child: &mut Child, end: Instant) -> Result<Option<ExitStatus>, ClusterError> {
    loop {
        let status = child.try_wait().map_err(|error| ClusterError::Broken(error.to_string()))?;
        if status.is_some() {
            return Ok(status);
        }
        if Instant::now() >= end {
            // It may have ended by itself in between.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
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
