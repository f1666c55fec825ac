//! How an object of a cluster is: the rollout of a workload, the conditions of
//! Flux, sync and health of Argo CD.
//!
//! What the fields mean is told by the Kubernetes API reference and by
//! `kubectl rollout status` (workloads), by the kstatus conventions that Flux
//! follows (`Ready`, `Stalled`, `observedGeneration`), and by Argo CD's own
//! `status.sync` and `status.health`.

use serde_json::Value;

use crate::model::Health;

use super::told;

/// How an object is, and what else it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// How it is.
    pub health: Health,
    /// Why, in a few words.
    pub message: String,
    /// The images that it wants: of its containers, of the values of a release.
    pub images: Vec<String>,
    /// The images that Argo CD sees running; those of jobs that are over may be
    /// among them.
    pub running: Vec<String>,
    /// The commits that it was made from, as far as it says so: full ids. Of
    /// several sources there are several, and some may be of other repositories.
    pub revisions: Vec<String>,
    /// Versions that it names without an image: of its chart, or a lone tag among
    /// its values.
    pub versions: Vec<String>,
}

/// Says how an object is. Of a kind that is not known the condition `Ready`
/// counts.
pub fn rollout(object: &Value) -> Rollout {
    let api = text(object, "/apiVersion").split('/').next().unwrap_or_default();
    let (health, message) = match (api, text(object, "/kind")) {
        _ if object.pointer("/metadata/deletionTimestamp").is_some() => {
            (Health::Pending, "it is being deleted".to_owned())
        }
        ("apps", "Deployment") => deployment(object),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "DaemonSet") => daemon_set(object),
        ("argoproj.io", "Application") => application(object),
        _ => by_conditions(object),
    };
    let values = told::values(object);
    let mut images = told::images(object);
    images.extend(values.images);
    let (revisions, mut versions) = told::revisions(object);
    versions.extend(values.lone_tag);
    Rollout { health, message, images, running: told::running(object), revisions, versions }
}

pub(super) fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// Whether the controller has seen the newest of what is wanted.
fn is_observed(object: &Value) -> bool {
    number(object, "/status/observedGeneration") >= number(object, "/metadata/generation")
}

type Verdict = (Health, String);

fn healthy(message: impl Into<String>) -> Verdict {
    (Health::Healthy, message.into())
}

fn pending(message: impl Into<String>) -> Verdict {
    (Health::Pending, message.into())
}

fn failed(message: impl Into<String>) -> Verdict {
    (Health::Failed, message.into())
}

/// How many are wanted: one, where nothing is said.
fn wanted(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn deployment(object: &Value) -> Verdict {
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return pending("its rollout is paused");
    }
    if !is_observed(object) {
        return pending("its newest state was not seen yet");
    }
    let progress = condition(object, "Progressing");
    if progress.is_some_and(|one| text(one, "/reason") == "ProgressDeadlineExceeded") {
        return failed("its rollout did not get on in time");
    }
    let wanted = wanted(object);
    let of = |key: &str| number(object, &format!("/status/{key}"));
    if of("updatedReplicas") < wanted {
        return pending(format!("{} of {wanted} replicas are updated", of("updatedReplicas")));
    }
    if of("replicas") > of("updatedReplicas") {
        let old = of("replicas") - of("updatedReplicas");
        return pending(format!("{old} old replicas are still there"));
    }
    if of("availableReplicas") < of("updatedReplicas") || of("availableReplicas") < wanted {
        return pending(format!("{} of {wanted} replicas are available", of("availableReplicas")));
    }
    healthy(format!("{wanted} of {wanted} replicas are available"))
}

fn stateful_set(object: &Value) -> Verdict {
    if !is_observed(object) {
        return pending("its newest state was not seen yet");
    }
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return (Health::Unknown, "with OnDelete nobody rolls it out".to_owned());
    }
    let wanted = wanted(object);
    let of = |key: &str| number(object, &format!("/status/{key}"));
    if of("readyReplicas") < wanted {
        return pending(format!("{} of {wanted} replicas are ready", of("readyReplicas")));
    }
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
    if partition > 0 {
        // Those below the partition stay old on purpose.
        let new = (wanted - partition).max(0);
        if of("updatedReplicas") < new {
            return pending(format!("{} of {new} replicas are updated", of("updatedReplicas")));
        }
    } else if text(object, "/status/updateRevision") != text(object, "/status/currentRevision") {
        return pending(format!("{} of {wanted} replicas are updated", of("updatedReplicas")));
    }
    healthy(format!("{wanted} of {wanted} replicas are ready"))
}

fn daemon_set(object: &Value) -> Verdict {
    if !is_observed(object) {
        return pending("its newest state was not seen yet");
    }
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return (Health::Unknown, "with OnDelete nobody rolls it out".to_owned());
    }
    let of = |key: &str| number(object, &format!("/status/{key}"));
    let wanted = of("desiredNumberScheduled");
    if of("updatedNumberScheduled") < wanted {
        return pending(format!("{} of {wanted} pods are updated", of("updatedNumberScheduled")));
    }
    if of("numberAvailable") < wanted {
        return pending(format!("{} of {wanted} pods are available", of("numberAvailable")));
    }
    healthy(format!("{wanted} of {wanted} pods are available"))
}

/// Argo CD: what is in the cluster is what git says, and it is well.
fn application(object: &Value) -> Verdict {
    let (sync, health) =
        (text(object, "/status/sync/status"), text(object, "/status/health/status"));
    let phase = text(object, "/status/operationState/phase");
    let says = |key: &str| {
        let message = one_line(text(object, key));
        if message.is_empty() { String::new() } else { format!(": {message}") }
    };
    match (sync, health) {
        (_, "Degraded" | "Missing") => {
            failed(format!("health is {health}{}", says("/status/health/message")))
        }
        (_, _) if matches!(phase, "Failed" | "Error") => failed(
            format!("the sync {phase}{}", says("/status/operationState/message")).to_lowercase(),
        ),
        ("Synced", "Healthy") => healthy("Synced, Healthy"),
        ("", _) | (_, "") => (Health::Unknown, "it has no sync or health status".to_owned()),
        (sync, health) => pending(format!("{sync}, {health}")),
    }
}

/// Flux, and everything else that follows the same conventions.
fn by_conditions(object: &Value) -> Verdict {
    if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) {
        return failed("it is suspended: what git says does not get there");
    }
    let Some(ready) = condition(object, "Ready") else {
        return (Health::Unknown, "it has no condition Ready".to_owned());
    };
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if observed.is_some_and(|seen| seen < number(object, "/metadata/generation")) {
        return pending("its newest state was not seen yet");
    }
    let told = |one: &Value| {
        let (reason, message) = (text(one, "/reason"), one_line(text(one, "/message")));
        match (reason, message.as_str()) {
            ("", message) => message.to_owned(),
            (reason, "") => reason.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        }
    };
    let is_true = |name: &str| condition(object, name).filter(|one| text(one, "/status") == "True");
    if let Some(stalled) = is_true("Stalled") {
        return failed(told(stalled));
    }
    // It works on the next state: what is ready is the one before.
    if let Some(reconciling) = is_true("Reconciling") {
        return pending(told(reconciling));
    }
    match text(ready, "/status") {
        "True" => healthy(told(ready)),
        // Another one is not ready yet: no failure of its own.
        "False" if matches!(text(ready, "/reason"), "DependencyNotReady" | "Progressing") => {
            pending(told(ready))
        }
        "False" => failed(told(ready)),
        _ => pending(told(ready)),
    }
}

fn condition<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|one| text(one, "/type") == name)
}

/// One line of at most so many characters.
fn one_line(text: &str) -> String {
    const MOST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(object: &Value) -> (Health, String) {
        let found = rollout(object);
        (found.health, found.message)
    }

    /// An object with some of its fields changed.
    fn with(mut object: Value, changes: &[(&str, Value)]) -> Value {
        for (pointer, value) in changes {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap()[key] = value.clone();
        }
        object
    }

    fn workload(kind: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": { "generation": 2 },
            "spec": { "replicas": 2, "updateStrategy": {} },
            "status": {
                "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2,
                "availableReplicas": 2, "readyReplicas": 2, "updateRevision": "b",
                "currentRevision": "b", "desiredNumberScheduled": 3,
                "updatedNumberScheduled": 3, "numberAvailable": 3,
            },
        })
    }

    fn healths(object: &Value, cases: &[(&str, Value, Health)]) {
        assert_eq!(rollout(object).health, Health::Healthy, "{object}");
        for (pointer, value, health) in cases {
            let other = with(object.clone(), &[(pointer, value.clone())]);
            assert_eq!(rollout(&other).health, *health, "{pointer} {value}");
        }
    }

    #[test]
    fn a_deployment_is_well_once_its_rollout_is_done() {
        let late = json!([{ "type": "Progressing", "reason": "ProgressDeadlineExceeded" }]);
        healths(
            &workload("Deployment"),
            &[
                ("/status/observedGeneration", json!(1), Health::Pending),
                ("/status/updatedReplicas", json!(1), Health::Pending),
                ("/status/replicas", json!(3), Health::Pending),
                ("/status/availableReplicas", json!(1), Health::Pending),
                ("/status/availableReplicas", json!(null), Health::Pending),
                ("/spec/paused", json!(true), Health::Pending),
                ("/spec/replicas", json!(0), Health::Healthy),
                ("/spec/replicas", json!(3), Health::Pending),
                ("/status/conditions", late, Health::Failed),
                ("/status", json!({}), Health::Pending),
                ("/metadata/deletionTimestamp", json!("2030-01-01T00:00:00Z"), Health::Pending),
            ],
        );
        // Nothing is said of how many: one.
        let alone = with(
            workload("Deployment"),
            &[
                ("/spec", json!({})),
                ("/status/replicas", json!(1)),
                ("/status/updatedReplicas", json!(1)),
                ("/status/availableReplicas", json!(1)),
            ],
        );
        assert_eq!(of(&alone), (Health::Healthy, "1 of 1 replicas are available".to_owned()));
    }

    #[test]
    fn sets_are_well_once_all_of_them_are_new() {
        healths(
            &workload("StatefulSet"),
            &[
                ("/status/readyReplicas", json!(1), Health::Pending),
                ("/status/updateRevision", json!("c"), Health::Pending),
                ("/status/observedGeneration", json!(1), Health::Pending),
                ("/spec/updateStrategy", json!({ "type": "OnDelete" }), Health::Unknown),
            ],
        );
        let parted = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } });
        let parted = with(
            workload("StatefulSet"),
            &[
                ("/spec/updateStrategy", parted),
                ("/status/updateRevision", json!("c")),
                ("/status/updatedReplicas", json!(1)),
            ],
        );
        assert_eq!(rollout(&parted).health, Health::Healthy);
        let less = with(parted, &[("/status/updatedReplicas", json!(0))]);
        assert_eq!(rollout(&less).health, Health::Pending);
        healths(
            &workload("DaemonSet"),
            &[
                ("/status/updatedNumberScheduled", json!(2), Health::Pending),
                ("/status/numberAvailable", json!(2), Health::Pending),
                ("/status/observedGeneration", json!(1), Health::Pending),
                ("/spec/updateStrategy", json!({ "type": "OnDelete" }), Health::Unknown),
            ],
        );
    }

    fn flux(kind: &str, conditions: &Value) -> Value {
        json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": kind,
            "metadata": { "generation": 2 }, "spec": {},
            "status": { "observedGeneration": 2, "conditions": conditions },
        })
    }

    #[test]
    fn flux_is_well_by_its_conditions() {
        let condition = |name: &str, status: &str, reason: &str| json!({ "type": name, "status": status, "reason": reason, "message": "so\n  it is" });
        let ready = json!([condition("Ready", "True", "ReconciliationSucceeded")]);
        let object = flux("Kustomization", &ready);
        assert_eq!(of(&object), (Health::Healthy, "ReconciliationSucceeded: so it is".to_owned()));
        healths(
            &object,
            &[
                ("/status/observedGeneration", json!(1), Health::Pending),
                ("/spec/suspend", json!(true), Health::Failed),
                ("/status/conditions", json!([]), Health::Unknown),
                ("/status", json!({}), Health::Unknown),
            ],
        );
        let cases = [
            (vec![condition("Ready", "False", "HealthCheckFailed")], Health::Failed),
            (vec![condition("Ready", "False", "UpgradeFailed")], Health::Failed),
            (vec![condition("Ready", "False", "DependencyNotReady")], Health::Pending),
            (vec![condition("Ready", "Unknown", "Progressing")], Health::Pending),
            (
                vec![condition("Ready", "True", "x"), condition("Reconciling", "True", "y")],
                Health::Pending,
            ),
            (
                vec![condition("Ready", "Unknown", "x"), condition("Stalled", "True", "y")],
                Health::Failed,
            ),
            (
                vec![condition("Ready", "True", "x"), condition("Stalled", "False", "y")],
                Health::Healthy,
            ),
        ];
        for (conditions, health) in cases {
            let object = flux("HelmRelease", &json!(conditions));
            assert_eq!(rollout(&object).health, health, "{object}");
        }
    }

    #[test]
    fn argo_cd_is_well_where_it_is_synced_and_healthy() {
        let application = |sync: &str, health: &str, phase: &str| {
            json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                "status": { "sync": { "status": sync }, "health": { "status": health },
                            "operationState": { "phase": phase } },
            })
        };
        for (sync, health, phase, expected) in [
            ("Synced", "Healthy", "Succeeded", Health::Healthy),
            ("Synced", "Healthy", "", Health::Healthy),
            ("OutOfSync", "Healthy", "", Health::Pending),
            ("Synced", "Progressing", "Running", Health::Pending),
            ("Synced", "Suspended", "", Health::Pending),
            ("Unknown", "Unknown", "", Health::Pending),
            ("Synced", "Degraded", "", Health::Failed),
            ("OutOfSync", "Missing", "", Health::Failed),
            ("OutOfSync", "Healthy", "Failed", Health::Failed),
            ("OutOfSync", "Healthy", "Error", Health::Failed),
            ("", "", "", Health::Unknown),
        ] {
            let object = application(sync, health, phase);
            assert_eq!(rollout(&object).health, expected, "{object}");
        }
    }

    #[test]
    fn anything_at_all_is_read_without_a_panic() {
        for odd in [json!(null), json!([]), json!({ "status": [] }), json!({ "kind": 1 })] {
            assert_eq!(rollout(&odd).health, Health::Unknown);
        }
    }
}
