//! `--live`: what the clusters run beside what git says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::cluster::{ClusterError, Workload, workloads};
use crate::discover::{CellKey, Inventory};
use crate::model::{AppId, Environment, EnvironmentName, ImageRef, Pin};
use crate::report::{LiveCell, StatusReport};

use super::super::{Failure, Remark, Workspace};

/// Labels that name the app of a workload.
const LABELS: [&str; 4] =
    ["app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/part-of"];

/// Asks the cluster of each environment that is shown; gives what to say of
/// those that did not tell.
pub(super) fn look(
    (workspace, inventory): (&Workspace, &Inventory),
    report: &mut StatusReport,
    limit: Duration,
) -> Result<Vec<Remark>, Failure> {
    let shown: Vec<&Environment> = report
        .environments
        .iter()
        .filter_map(|(name, _)| workspace.config.environment(name.as_str()))
        .filter(|environment| environment.cluster.is_configured())
        .collect();
    if shown.is_empty() {
        let message = "no cluster is known: no environment that is shown has `context` or \
                       `namespace` in promote.toml";
        return Err(Failure::usage(message).hint("kubectl config get-contexts"));
    }
    let answers = ask(&shown, limit);
    let mut remarks = Vec::new();
    let mut live = Vec::new();
    for (environment, answer) in shown.iter().zip(answers) {
        let name = &environment.name;
        let error = answer.as_ref().err().map(ToString::to_string);
        if let Some(error) = &error {
            remarks.push(Remark::Warning(format!("the cluster of {name} does not tell: {error}")));
        }
        if let Ok(workloads) = answer {
            fill(report, name, &Sharing::new(inventory, name, &workloads));
        }
        live.push((name.clone(), error));
    }
    report.live = Some(live);
    Ok(remarks)
}

/// All of them at once: each waits for another machine.
fn ask(environments: &[&Environment], limit: Duration) -> Vec<Result<Vec<Workload>, ClusterError>> {
    std::thread::scope(|scope| {
        let ask = |environment: &&Environment| {
            let cluster = environment.cluster.clone();
            scope.spawn(move || workloads(&cluster, limit))
        };
        let asked: Vec<_> = environments.iter().map(ask).collect();
        let lost = |_| Err(ClusterError::Broken("its thread ended".to_owned()));
        asked.into_iter().map(|asked| asked.join().unwrap_or_else(lost)).collect()
    })
}

fn fill(report: &mut StatusReport, name: &EnvironmentName, sharing: &Sharing<'_>) {
    for row in &mut report.rows {
        let key =
            CellKey { environment: name.clone(), app: row.app.clone(), image: row.image.clone() };
        let cell = row.cells.iter_mut().find(|cell| cell.environment == *name);
        if let Some(cell) = cell {
            cell.live = sharing.of(&key);
        }
    }
}

/// Which apps have an image in common, and which workloads run it.
struct Sharing<'a> {
    repositories: BTreeMap<&'a CellKey, String>,
    apps: BTreeMap<String, BTreeSet<&'a AppId>>,
    running: BTreeMap<String, Vec<(&'a Workload, Pin)>>,
}

impl<'a> Sharing<'a> {
    fn new(
        inventory: &'a Inventory,
        environment: &EnvironmentName,
        workloads: &'a [Workload],
    ) -> Self {
        let cells = inventory.cells.iter().filter(|(key, _)| key.environment == *environment);
        let repository = |(key, cell): (&'a CellKey, &crate::discover::Cell)| {
            (key, canonical(cell.repository().unwrap_or(&key.image)))
        };
        let repositories: BTreeMap<&CellKey, String> = cells.map(repository).collect();
        let mut apps: BTreeMap<String, BTreeSet<&AppId>> = BTreeMap::new();
        for (key, repository) in &repositories {
            apps.entry(repository.clone()).or_default().insert(&key.app);
        }
        let mut running: BTreeMap<String, Vec<(&Workload, Pin)>> = BTreeMap::new();
        for workload in workloads {
            for image in &workload.images {
                let Ok(image) = image.parse::<ImageRef>() else { continue };
                let there = running.entry(canonical(&image.repository)).or_default();
                there.push((workload, image.pin));
            }
        }
        Self { repositories, apps, running }
    }

    /// What runs of a cell. Where several apps have the image, a workload that
    /// names one of them is of that one alone.
    fn of(&self, key: &CellKey) -> Option<LiveCell> {
        let repository = self.repositories.get(key)?;
        let apps = self.apps.get(repository)?;
        let is_own = |workload: &Workload| {
            let named = apps.iter().any(|app| names(workload, app));
            !named || names(workload, &key.app)
        };
        let running = self.running.get(repository).map(Vec::as_slice).unwrap_or_default();
        let own: Vec<_> = running.iter().filter(|(workload, _)| is_own(workload)).collect();
        let mut versions: Vec<Pin> = Vec::new();
        for (_, pin) in &own {
            if !versions.contains(pin) {
                versions.push(pin.clone());
            }
        }
        versions.sort_by_key(ToString::to_string);
        let workloads: BTreeSet<(&str, &str)> =
            own.iter().map(|(one, _)| (one.namespace.as_str(), one.name.as_str())).collect();
        Some(LiveCell { versions, workloads: workloads.len() })
    }
}

fn names(workload: &Workload, app: &AppId) -> bool {
    let label = |label: &&str| workload.labels.get(*label).is_some_and(|value| *value == app.name);
    workload.name == app.name || workload.namespace == app.name || LABELS.iter().any(label)
}

/// The name that container runtimes give an image which is written short
/// (`nginx`, `acme/web`).
fn canonical(repository: &str) -> String {
    let repository = repository.strip_prefix("index.docker.io/").unwrap_or(repository);
    match repository.split_once('/') {
        None => format!("docker.io/library/{repository}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => {
            repository.to_owned()
        }
        Some(_) => format!("docker.io/{repository}"),
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn short_names_are_those_of_docker_hub() {
        assert_eq!(canonical("nginx"), "docker.io/library/nginx");
        assert_eq!(canonical("acme/web"), "docker.io/acme/web");
        for whole in ["docker.io/acme/web", "localhost/web", "host:5000/web", "ghcr.io/acme/web"] {
            assert_eq!(canonical(whole), whole);
        }
    }
}
