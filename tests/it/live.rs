//! `status --live`: the real kubectl asks an API server of the test, on
//! loopback.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::kit::{D1, Run, line, line_with, run, settled};
use crate::krew::skip;
use crate::testkit::Sandbox;

/// What a server answers to a path: a status and a body. 0: nothing, ever.
type Answer = fn(&str) -> (u16, Value);

/// An API server; gives its address, and the paths that it is asked for.
fn serve(answer: Answer) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let noted = noted.clone();
            std::thread::spawn(move || converse(&stream, answer, &noted));
        }
    });
    (address, asked)
}

fn converse(mut stream: &TcpStream, answer: Answer, noted: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    while let Some(first) = lines.next() {
        while lines.next().is_some_and(|line| !line.is_empty()) {}
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(first.starts_with("GET "), "nothing is changed: {first}");
        noted.lock().unwrap().push(path.clone());
        let (status, body) = answer(path.split('?').next().unwrap());
        if status == 0 {
            std::thread::sleep(Duration::from_secs(30));
            return;
        }
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// What a cluster says of its groups and kinds.
fn discovery(path: &str) -> Option<Value> {
    let kind = |name: &str, kind: &str| {
        json!({"name": name, "singularName": "", "namespaced": true, "kind": kind,
               "verbs": ["get", "list"]})
    };
    let kinds = |group: &str, kinds: Vec<Value>| {
        json!({"kind": "APIResourceList",
        "apiVersion": "v1", "groupVersion": group, "resources": kinds})
    };
    let group = |name: &str| {
        let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    };
    Some(match path {
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/api/v1" => kinds("v1", vec![]),
        "/apis" => json!({"kind": "APIGroupList", "apiVersion": "v1",
                          "groups": [group("apps"), group("batch")]}),
        "/apis/apps/v1" => kinds(
            "apps/v1",
            vec![
                kind("deployments", "Deployment"),
                kind("statefulsets", "StatefulSet"),
                kind("daemonsets", "DaemonSet"),
            ],
        ),
        "/apis/batch/v1" => kinds("batch/v1", vec![kind("cronjobs", "CronJob")]),
        _ => return None,
    })
}

fn workload(kind: &str, (namespace, name): (&str, &str), image: &str) -> Value {
    let pods = json!({"metadata": {"labels": {"app": name}},
                      "spec": {"containers": [{"name": "c", "image": image}]}});
    let (group, spec) = match kind {
        "CronJob" => ("batch/v1", json!({"jobTemplate": {"spec": {"template": pods}}})),
        _ => ("apps/v1", json!({"template": pods})),
    };
    json!({"apiVersion": group, "kind": kind, "spec": spec,
           "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}}})
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"},
           "items": items})
}

/// A cluster that runs web v1.2.2 and v1.2.9, and no api.
fn cluster(path: &str) -> (u16, Value) {
    let image = |name: &str, tag: &str| format!("registry.example/acme/{name}:{tag}");
    let there = match path.rsplit('/').next().unwrap() {
        "deployments" => vec![workload("Deployment", ("shop", "web"), &image("web", "v1.2.2"))],
        "cronjobs" => vec![workload("CronJob", ("shop", "web-tidy"), &image("web", "v1.2.9"))],
        "daemonsets" => vec![workload("DaemonSet", ("infra", "logs"), "fluent/fluentd:v1")],
        _ => vec![],
    };
    (200, discovery(path).unwrap_or_else(|| list(&there)))
}

/// A cluster that runs what dev of [`line`] says, pinned by an admission hook.
fn agreeing(path: &str) -> (u16, Value) {
    let image = |name: &str, tag: &str| format!("registry.example/acme/{name}:{tag}@{D1}");
    let there = match path.rsplit('/').next().unwrap() {
        "statefulsets" => vec![
            workload("StatefulSet", ("shop", "web"), &image("web", "v1.2.3")),
            workload("StatefulSet", ("shop", "api"), &image("api", "v1.2.2")),
        ],
        _ => vec![],
    };
    (200, discovery(path).unwrap_or_else(|| list(&there)))
}

/// A cluster that lets nobody look.
fn forbidding(path: &str) -> (u16, Value) {
    let said = "deployments.apps is forbidden: User \"ci\" cannot list resource";
    let refusal = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                         "message": said, "reason": "Forbidden", "code": 403});
    discovery(path).map_or((403, refusal), |found| (200, found))
}

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// [`line`] with a context for each environment of which an address is given;
/// the kubeconfig stands in the home directory.
fn clusters(addresses: [Option<&str>; 3]) -> Sandbox {
    let repo = line();
    let text = fs::read_to_string(repo.root.join("promote.toml")).unwrap();
    let mut kube = String::from("apiVersion: v1\nkind: Config\ncontexts:\n");
    let mut places = String::from("clusters:\n");
    let mut config = text;
    for (name, address) in ENVIRONMENTS.iter().zip(addresses) {
        let Some(address) = address else { continue };
        kube.push_str(&format!("- name: {name}-ctx\n  context: {{cluster: {name}, user: u}}\n"));
        places.push_str(&format!("- name: {name}\n  cluster: {{server: \"{address}\"}}\n"));
        let own = format!("name = \"{name}\"\n");
        config = config.replace(&own, &format!("{own}context = \"{name}-ctx\"\n"));
    }
    kube.push_str(&places);
    kube.push_str("users:\n- name: u\n  user: {token: x}\n");
    fs::write(repo.dir.path().join("kubeconfig"), kube).unwrap();
    repo.write("promote.toml", &config);
    repo.git(["commit", "-q", "-a", "-m", "Name the clusters"]);
    repo
}

fn live<'a>(repo: &'a Sandbox, args: &[&str]) -> Run<'a> {
    let kubeconfig = repo.dir.path().join("kubeconfig");
    run(repo, &[&["status", "--live"], args].concat())
        .env("KUBECONFIG", kubeconfig.to_str().unwrap())
}

fn has_kubectl() -> bool {
    let found = std::process::Command::new("kubectl").args(["version", "--client"]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        skip("there is no kubectl, no cluster was asked");
    }
    found
}

#[test]
fn what_clusters_run_stands_beside_what_git_says() {
    if !has_kubectl() {
        return;
    }
    let (dev, _) = serve(agreeing);
    let (prod, asked) = serve(cluster);
    let repo = clusters([Some(&dev), None, Some(&prod)]);
    assert_snapshot!(live(&repo, &[]).text(), @"
    exit 0
    --- stdout
    APP  DEV            STAGING        PROD
    api  v1.2.2 ([AGE]) =  v1.2.2 ([AGE])    v1.2.2 ([AGE]) live: none
    web  v1.2.3 ([AGE]) =  v1.2.2 < ([AGE])  v1.2.2 ([AGE]) live: v1.2.2, v1.2.9

    <  behind the environment before     =  the cluster runs it

    next:
      git promote web@v1.2.3 staging
    ");
    // All namespaces, where none is named.
    assert!(asked.lock().unwrap().iter().any(|path| path.starts_with("/apis/apps/v1/deployments")));
    let wide = settled(&live(&repo, &["-o", "wide", "web", "prod"]).stdout(0));
    assert!(wide.contains("live: v1.2.2, v1.2.9"), "{wide}");
    let document = live(&repo, &["-o", "json"]).json(0);
    assert_eq!(
        document["rows"][1]["cells"][2]["live"],
        json!({"state": "differs", "versions": ["v1.2.2", "v1.2.9"], "workloads": 2})
    );
    let states: Vec<&Value> =
        [0, 1, 2].iter().map(|at| &document["rows"][0]["cells"][*at]["live"]["state"]).collect();
    assert_eq!(states, [&json!("same"), &Value::Null, &json!("absent")]);
    assert_eq!(document["live"][1], json!({"environment": "prod", "error": null}));
    assert_eq!(run(&repo, &["status", "-o", "json"]).json(0)["live"], Value::Null);
}

#[test]
fn one_namespace_is_asked_for_where_it_is_named() {
    if !has_kubectl() {
        return;
    }
    let (dev, asked) = serve(agreeing);
    let repo = clusters([Some(&dev), None, None]);
    let text = fs::read_to_string(repo.root.join("promote.toml")).unwrap();
    repo.write("promote.toml", &text.replace("dev-ctx\"\n", "dev-ctx\"\nnamespace = \"shop\"\n"));
    repo.git(["commit", "-q", "-a", "-m", "Name the namespace"]);
    live(&repo, &[]).stdout(0);
    let asked = asked.lock().unwrap();
    let lists: Vec<&String> = asked.iter().filter(|path| path.contains("limit=")).collect();
    assert_eq!(lists.len(), 4, "{asked:?}");
    assert!(lists.iter().all(|path| path.contains("/namespaces/shop/")), "{lists:?}");
}

#[test]
fn a_cluster_that_does_not_tell_is_named_and_hides_nothing() {
    if !has_kubectl() {
        return;
    }
    let (dev, _) = serve(agreeing);
    let (staging, _) = serve(forbidding);
    let (prod, _) = serve(|_| (0, Value::Null));
    let repo = clusters([Some(&dev), Some(&staging), Some(&prod)]);
    let start = Instant::now();
    assert_snapshot!(live(&repo, &["--timeout", "1s", "web"]).text(), @r#"
    exit 7
    --- stdout
    APP  DEV            STAGING        PROD
    web  v1.2.3 ([AGE]) =  v1.2.2 < ([AGE])  v1.2.2 ([AGE])

    <  behind the environment before     =  the cluster runs it

    next:
      git promote web@v1.2.3 staging
    --- stderr
    warning: the cluster of staging does not tell: Error from server (Forbidden): deployments.apps is forbidden: User "ci" cannot list resource
    warning: the cluster of prod does not tell: it did not answer within 1 s
    "#);
    assert!(start.elapsed() < Duration::from_secs(8));
    let document = live(&repo, &["--timeout", "1s", "-o", "json"]).json(7);
    assert_eq!(document["live"][0]["error"], Value::Null);
    assert!(document["live"][1]["error"].as_str().unwrap().contains("is forbidden"));
    assert_eq!(document["live"][2]["error"], "it did not answer within 1 s");
    assert_eq!(document["rows"][0]["cells"][0]["live"]["state"], "same");
}

#[test]
fn a_context_that_is_not_there_is_said_by_kubectl() {
    if !has_kubectl() {
        return;
    }
    let repo = line();
    let text = fs::read_to_string(repo.root.join("promote.toml")).unwrap();
    let named = text.replace("\"prod\"\n", "\"prod\"\ncontext = \"nowhere\"\n");
    repo.write("promote.toml", &named);
    repo.git(["commit", "-q", "-a", "-m", "Name the cluster"]);
    let text = live(&repo, &["api"]).text();
    assert!(text.starts_with("exit 7\n--- stdout\nAPP "), "{text}");
    assert!(text.contains("warning: the cluster of prod does not tell: "), "{text}");
    assert!(text.contains("nowhere"), "{text}");
}

#[test]
fn without_kubectl_the_rest_is_told() {
    let repo = clusters([None, None, Some("http://127.0.0.1:9")]);
    let git = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|at| at.join("git"))
        .find(|at| at.exists())
        .unwrap();
    let bin = repo.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(git, bin.join("git")).unwrap();
    let text = live(&repo, &["api"]).env("PATH", bin.to_str().unwrap()).text();
    assert_snapshot!(text, @"
    exit 7
    --- stdout
    APP  DEV          STAGING      PROD
    api  v1.2.2 ([AGE])  v1.2.2 ([AGE])  v1.2.2 ([AGE])
    --- stderr
    warning: the cluster of prod does not tell: kubectl is not installed, or not on the PATH
    ");
}

#[test]
fn without_a_cluster_nobody_is_asked() {
    let repo = line_with("");
    assert_snapshot!(live(&repo, &[]).text(), @"
    exit 2
    --- stderr
    error: no cluster is known: no environment that is shown has `context` or `namespace` in promote.toml
    hint: kubectl config get-contexts
    ");
    assert_eq!(run(&repo, &["status", "--timeout", "3s"]).code(), 2);
}
