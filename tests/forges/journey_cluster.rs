//! The health of the environment before as its cluster tells it: the real
//! kubectl against an API server on loopback.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::journey_request::{at, overlay};
use crate::server::{Reply, Server};
use crate::world::{Ran, World};

const CONFIG: &str = r#"version = 1

[layout]
paths = ["apps/{app}/{env}"]

[[environment]]
name = "dev"
context = "dev-cluster"
namespace = "shop"

[[environment]]
name = "staging"
health = { kubectl = KUBECTL, timeout = "0s" }
"#;

/// What the cluster has, by the path of its API.
type Objects = Arc<Mutex<Vec<(String, Value)>>>;

struct Cluster {
    server: Server,
    objects: Objects,
}

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const KUSTOMIZATION: &str =
    "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/web-dev";
const APPLICATION: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/web";

impl Cluster {
    fn new() -> Self {
        let objects = Objects::default();
        let own = Arc::clone(&objects);
        let server = Server::start(move |received| {
            if let Some(found) = discovery(&received.path) {
                return Reply::json(200, &found);
            }
            let objects = own.lock().unwrap();
            match objects.iter().find(|(path, _)| *path == received.path) {
                Some((_, object)) => Reply::json(200, object),
                None => Reply::json(
                    404,
                    &json!({
                        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                        "reason": "NotFound", "message": format!("\"{}\" not found", received.path),
                    }),
                ),
            }
        });
        Self { server, objects }
    }

    fn set(&self, path: &str, object: Value) {
        let mut objects = self.objects.lock().unwrap();
        objects.retain(|(known, _)| known != path);
        objects.push((path.to_owned(), object));
    }

    fn config(&self) -> String {
        let server = self.server.origin();
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"}}\n\
             users:\n- name: u\n  user: {{}}\ncontexts:\n- name: dev-cluster\n  context: {{cluster: c, \
             user: u}}\n"
        )
    }
}

/// What kubectl asks before it knows where a kind is.
fn discovery(path: &str) -> Option<Value> {
    let group = |name: &str, version: &str| {
        let one = json!({ "groupVersion": format!("{name}/{version}"), "version": version });
        json!({ "name": name, "versions": [one], "preferredVersion": one })
    };
    let list = |group_version: &str, name: &str, kind: &str| {
        let resource = json!({
            "name": name, "singularName": kind.to_lowercase(), "namespaced": true, "kind": kind,
            "verbs": ["get", "list"],
        });
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
            "resources": [resource],
        })
    };
    match path {
        "/api" => Some(json!({ "kind": "APIVersions", "versions": ["v1"] })),
        "/api/v1" => {
            let empty: [Value; 0] = [];
            Some(json!({ "kind": "APIResourceList", "groupVersion": "v1", "resources": empty }))
        }
        "/apis" => Some(json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": [group("apps", "v1"), group("kustomize.toolkit.fluxcd.io", "v1"),
                       group("argoproj.io", "v1alpha1"),
                       group("helm.toolkit.fluxcd.io", "v2")],
        })),
        "/apis/apps/v1" => Some(list("apps/v1", "deployments", "Deployment")),
        "/apis/kustomize.toolkit.fluxcd.io/v1" => {
            Some(list("kustomize.toolkit.fluxcd.io/v1", "kustomizations", "Kustomization"))
        }
        "/apis/helm.toolkit.fluxcd.io/v2" => {
            Some(list("helm.toolkit.fluxcd.io/v2", "helmreleases", "HelmRelease"))
        }
        "/apis/argoproj.io/v1alpha1" => {
            Some(list("argoproj.io/v1alpha1", "applications", "Application"))
        }
        _ => None,
    }
}

fn deployment(tag: &str, available: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "shop", "generation": 3 },
        "spec": { "replicas": 2, "template": { "spec": { "containers": [
            { "name": "web", "image": format!("registry.example/acme/web:{tag}") },
            { "name": "proxy", "image": "registry.example/proxy:1" },
        ] } } },
        "status": { "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2,
                    "availableReplicas": available },
    })
}

fn kustomization(revision: &str, ready: &str) -> Value {
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": "web-dev", "namespace": "flux-system", "generation": 1 },
        "spec": {},
        "status": {
            "observedGeneration": 1, "lastAppliedRevision": format!("main@sha1:{revision}"),
            "conditions": [{ "type": "Ready", "status": ready, "reason": "ReconciliationSucceeded",
                             "message": "Applied revision" }],
        },
    })
}

fn application(sync: &str, health: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": { "name": "web", "namespace": "argocd" }, "spec": {},
        "status": { "sync": { "status": sync }, "health": { "status": health } },
    })
}

fn world() -> (World, PathBuf) {
    world_asking(
        r#"["deployment/{app}", "flux-system/kustomization/{app}-{env}", "argocd/application/{app}"]"#,
    )
}

/// Dev has v2 since the last commit; staging asks for these objects.
fn world_asking(kubectl: &str) -> (World, PathBuf) {
    let mut files = vec![("promote.toml".to_owned(), CONFIG.replace("KUBECTL", kubectl))];
    for env in ["dev", "staging"] {
        files.push((at("web", env), overlay("web", "v1")));
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = World::new(&files);
    world.set("web", "dev", "v2");
    let root = world.clone_as("repo");
    (world, root)
}

fn has_kubectl() -> bool {
    let there = Command::new("kubectl").args(["version", "--client"]).output().is_ok();
    if !there {
        // Past the capture of the test harness, so that it is seen.
        let _ = writeln!(std::io::stderr(), "skipped: kubectl is not there, no cluster was asked");
    }
    there
}

#[test]
fn the_cluster_tells_whether_it_is_healthy() {
    if !has_kubectl() {
        return;
    }
    let (world, root) = world();
    let head = world.git(&["rev-parse", "main"]).trim().to_owned();
    let old = world.git(&["rev-parse", "main~1"]).trim().to_owned();
    let cluster = Cluster::new();
    let kubeconfig = world.home().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.config()).unwrap();
    let kubeconfig = kubeconfig.to_str().unwrap();
    let run =
        |args: &[&str]| -> Ran { world.promote_with(&root, args, &[("KUBECONFIG", kubeconfig)]) };
    let dry = || run(&["web@v2", "staging", "-n"]);
    let well = || {
        cluster.set(DEPLOYMENT, deployment("v2", 2));
        cluster.set(KUSTOMIZATION, kustomization(&head, "True"));
        cluster.set(APPLICATION, application("Synced", "Healthy"));
    };
    dry().ends(3).says("deployment/web in dev-cluster: the cluster does not have it");
    well();
    dry().ends(0).says("ok    GP015  dev is healthy: deployment/web in dev-cluster");
    run(&["wait", "dev"]).ends(0).says("healthy");
    cluster.set(DEPLOYMENT, deployment("v2", 1));
    dry().ends(3).says("1 of 2 replicas are available");
    run(&["wait", "dev"]).ends(7).says("pending");
    // Well, and not there yet: another version, an older commit.
    cluster.set(DEPLOYMENT, deployment("v1", 2));
    dry().ends(3).says("it still runs registry.example/acme/web:v1");
    well();
    cluster.set(KUSTOMIZATION, kustomization(&old, "True"));
    dry().ends(3).says(&format!(
        "it is at {}, and the version came with {}",
        &old[..7],
        &head[..7]
    ));
    cluster.set(KUSTOMIZATION, kustomization(&head, "False"));
    dry().ends(3).says("flux-system/kustomization/web-dev in dev-cluster");
    run(&["wait", "dev"]).ends(3).says("failed");
    well();
    cluster.set(APPLICATION, application("OutOfSync", "Healthy"));
    dry().ends(3).says("dev is not known to be healthy yet: argocd/application/web in dev-cluster");
    cluster.set(APPLICATION, application("Synced", "Degraded"));
    dry().ends(3).says("dev is not healthy: argocd/application/web in dev-cluster");
    // A cluster that does not answer.
    drop(cluster);
    let said = dry().ends(7);
    said.says("dev: kubectl says: ");
    said.says("hint: kubectl --context dev-cluster -n shop get deployment/web");
}

const RELEASE: &str = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/web";

fn release(values: &Value) -> Value {
    json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": { "name": "web", "namespace": "shop", "generation": 2 },
        "spec": { "values": values },
        "status": {
            "observedGeneration": 2, "lastAppliedRevision": "4.0.1",
            "conditions": [{ "type": "Ready", "status": "True", "reason": "UpgradeSucceeded" }],
        },
    })
}

/// The program with a cluster that has these objects, asked for those.
fn asked(kubectl: &str, objects: &[(&str, Value)], clone: impl Fn(&World) -> PathBuf) -> Ran {
    let (world, _) = world_asking(kubectl);
    let root = clone(&world);
    let cluster = Cluster::new();
    let kubeconfig = world.home().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.config()).unwrap();
    let with = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    let ids = |text: &str| {
        let id = |rev: &str| world.git(&["rev-parse", rev]).trim().to_owned();
        text.replace("NEW", &id("main")).replace("OLD", &id("main~1"))
    };
    for (path, object) in objects {
        cluster.set(path, serde_json::from_str(&ids(&object.to_string())).unwrap());
    }
    world.promote_with(&root, &["web@v2", "staging", "-n"], &with)
}

#[test]
fn what_is_well_with_another_version_is_no_pass() {
    if !has_kubectl() {
        return;
    }
    let whole = |world: &World| world.clone_as("other");
    let one = |name: &str, path: &str, object: Value| {
        asked(&format!("[\"{name}\"]"), &[(path, object)], whole)
    };
    // A release says nothing of a tag that comes from elsewhere.
    let web =
        |tag: &str| json!({ "image": { "repository": "registry.example/acme/web", "tag": tag } });
    let said = one("helmrelease/{app}", RELEASE, release(&json!({}))).ends(3);
    said.says(
        "dev is not known to be healthy yet: helmrelease/web in dev-cluster: it is well, but",
    );
    one("helmrelease/{app}", RELEASE, release(&web("v2"))).ends(0);
    one("helmrelease/{app}", RELEASE, release(&web("v1"))).ends(3).says("it still runs");
    one("helmrelease/{app}", RELEASE, release(&json!({ "tag": "v2" }))).ends(0);
    // What applied it says enough.
    let both = [(RELEASE, release(&json!({}))), (KUSTOMIZATION, kustomization("NEW", "True"))];
    let names = r#"["helmrelease/{app}", "flux-system/kustomization/{app}-{env}"]"#;
    asked(names, &both, whole).ends(0);
    // Several sources of Argo CD, and the images that it sees.
    let argo = |more: Value| {
        let mut object = application("Synced", "Healthy");
        object["status"]["summary"] = json!({ "images": more["images"] });
        object["status"]["sync"]["revisions"] = more["revisions"].clone();
        one("argocd/application/{app}", APPLICATION, object)
    };
    argo(json!({ "revisions": ["1.2.3", "OLD"] })).ends(3).says("and the version came with");
    argo(json!({ "revisions": ["1.2.3", "NEW"] })).ends(0);
    argo(json!({ "revisions": ["1.2.3"] })).ends(3).says("nothing in it says");
    argo(json!({ "images": ["registry.example/acme/web:v1"] })).ends(3).says("it still runs");
    argo(json!({ "images": ["registry.example/acme/web:v2"] })).ends(0);
    // A mirror, and a container of another name.
    let mut mirrored = deployment("v1", 2);
    let image = "/spec/template/spec/containers/0/image";
    *mirrored.pointer_mut(image).unwrap() = json!("mirror.example/web:v1");
    let said = one("deployment/{app}", DEPLOYMENT, mirrored.clone()).ends(3);
    said.says("it still runs mirror.example/web:v1");
    *mirrored.pointer_mut(image).unwrap() = json!("mirror.example/other:v2");
    let said = one("deployment/{app}", DEPLOYMENT, mirrored).ends(3);
    said.says("it runs mirror.example/other:v2, and nothing of registry.example/acme/web");
}

#[test]
fn a_clone_that_is_cut_off_is_told_to_fetch() {
    if !has_kubectl() {
        return;
    }
    let cut = |world: &World| {
        let (root, cut) = (world.home().join("repo"), world.home().join("cut"));
        let bare = world.git_in(&root, &["remote", "get-url", "origin"]);
        let address = format!("file://{}", bare.trim());
        let clone = ["clone", "-q", "--depth=1", &address, cut.to_str().unwrap()];
        world.git_in(&root, &clone);
        cut
    };
    let names = r#"["flux-system/kustomization/{app}-{env}"]"#;
    let said = asked(names, &[(KUSTOMIZATION, kustomization("OLD", "True"))], cut).ends(8);
    said.says("the history is cut off");
    said.says("hint: git fetch --unshallow");
    asked(names, &[(KUSTOMIZATION, kustomization("NEW", "True"))], cut).ends(0);
}

#[test]
fn without_kubectl_it_is_no_pass() {
    let (world, root) = world();
    let git = Command::new("sh").args(["-c", "command -v git"]).output().unwrap().stdout;
    let git = String::from_utf8(git).unwrap();
    let bin = world.home().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(git.trim(), bin.join("git")).unwrap();
    let path = [("PATH", bin.to_str().unwrap())];
    let said = world.promote_with(&root, &["web@v2", "staging", "-n"], &path);
    let said = said.ends(8);
    said.says("dev: kubectl cannot be started");
    said.says("hint: kubectl --context dev-cluster -n shop get deployment/web");
}
