//! `git promote preview`: a copy of an app in the first environment, that
//! meets the original nowhere and is never promoted.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kit::{at, everything, line, put, rendered, run, save, settled};
use crate::push::with_remote;
use crate::testkit::Sandbox;

pub(crate) const DIR: &str = "apps/web/overlays/dev-preview-login";
const LIST: &str = "clusters/dev/kustomization.yaml";
const LISTED: &str = "# what runs in dev\nresources:\n- ../../apps/web/overlays/dev # the shop\n- \
                      ../../apps/api/overlays/dev\n\nbuildMetadata: []\n";
const OBJECTS: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: shop
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations: {cert-manager.io/issuer: main}
spec:
  tls:
  - hosts: [shop.example]
    secretName: web-tls
  rules:
  - host: shop.example
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web, port: {number: 80}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: web
spec:
  hostnames: [api.shop.example]
  rules:
  - backendRefs:
    - {name: web, port: 80}
    - {name: other, port: 80}
";
const DEV: &str = "\
namespace: shop
resources:
- ../../base
- objects.yaml # all of it
patches:
- path: replicas.yaml
configMapGenerator:
- name: settings
  files: [settings.txt]
images:
- name: registry.example/acme/web
  newTag: v1.2.3 # set by us
";
const REPLICAS: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";

/// What is written around the copy of [`DEV`].
const AROUND: &str = r#"# A preview of web by git promote. It goes with: git promote preview delete login
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
metadata:
  name: login
  annotations:
    git-promote/preview: login
    git-promote/app: web
    git-promote/environment: dev
    git-promote/version: v2.0.0-rc1
resources:
- overlay
nameSuffix: "-login"
labels:
- includeSelectors: true
  pairs:
    git-promote/preview: login
patches:
- target:
    group: apps
    version: v1
    kind: Deployment
    name: web
    namespace: shop
  patch: |-
    - op: replace
      path: "/spec/selector/matchLabels/app"
      value: web-login
    - op: replace
      path: "/spec/template/metadata/labels/app"
      value: web-login
- target:
    version: v1
    kind: Namespace
    name: shop
  patch: |-
    $patch: delete
    apiVersion: v1
    kind: Namespace
    metadata:
      name: shop
- target:
    version: v1
    kind: Service
    name: web
    namespace: shop
  patch: |-
    - op: replace
      path: "/spec/selector/app"
      value: web-login
- target:
    group: networking.k8s.io
    version: v1
    kind: Ingress
    name: web
    namespace: shop
  patch: |-
    - op: replace
      path: "/spec/rules/0/host"
      value: login-shop.example
    - op: replace
      path: "/spec/tls/0/hosts/0"
      value: login-shop.example
    - op: replace
      path: "/spec/tls/0/secretName"
      value: web-tls-login
- target:
    group: gateway.networking.k8s.io
    version: v1
    kind: HTTPRoute
    name: web
    namespace: shop
  patch: |-
    - op: replace
      path: "/spec/hostnames/0"
      value: login-api.shop.example
    - op: replace
      path: "/spec/rules/0/backendRefs/0/name"
      value: web-login
"#;

/// The line, with an overlay in dev that has all there is, and a list of dev.
pub(crate) fn shop() -> Sandbox {
    let sandbox = line();
    save(
        &sandbox,
        "Add a shop",
        &[
            ("apps/web/overlays/dev/kustomization.yaml", DEV),
            ("apps/web/overlays/dev/objects.yaml", OBJECTS),
            ("apps/web/overlays/dev/replicas.yaml", REPLICAS),
            ("apps/web/overlays/dev/settings.txt", "colour=red\n"),
            (LIST, LISTED),
        ],
    );
    sandbox
}

pub(crate) fn create<'a>(sandbox: &'a Sandbox, more: &[&'a str]) -> crate::kit::Run<'a> {
    let args = [&["preview", "create", "login", "web@v2.0.0-rc1"], more].concat();
    run(sandbox, &args)
}

/// The documents of a rendered text, by kind and name.
pub(crate) fn documents(text: &str) -> BTreeMap<String, String> {
    let documents = text.split("\n---\n").map(str::trim);
    let field = |document: &str, name: &str| {
        let mut lines = document.lines();
        lines.find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
    };
    let title = |text: &str| format!("{} {}", field(text, "kind: "), field(text, "  name: "));
    documents.map(|document| (title(document), document.to_owned())).collect()
}

#[test]
fn a_preview_stands_beside_the_environment_and_changes_nothing_of_it() {
    let sandbox = shop();
    let said = settled(&create(&sandbox, &[]).stdout(0));
    insta::assert_snapshot!(said, @r"
    NAME   APP  VERSION     AGE  DIRECTORY
    login  web  v2.0.0-rc1  -    apps/web/overlays/dev-preview-login
    new      apps/web/overlays/dev-preview-login/kustomization.yaml
    new      apps/web/overlays/dev-preview-login/overlay/kustomization.yaml
    new      apps/web/overlays/dev-preview-login/overlay/objects.yaml
    new      apps/web/overlays/dev-preview-login/overlay/replicas.yaml
    new      apps/web/overlays/dev-preview-login/overlay/settings.txt
    listed   clusters/dev/kustomization.yaml:4  ../../apps/web/overlays/dev-preview-login
    [main [ID]] Preview web v2.0.0-rc1 as login
    ");
    let inner = sandbox.read(&format!("{DIR}/overlay/kustomization.yaml"));
    let wanted = DEV.replace("../../base", "../../../base").replace("v1.2.3", "v2.0.0-rc1");
    assert_eq!(inner, wanted, "the copy keeps every other byte");
    let listed = LISTED.replace(
        "- ../../apps/api/overlays/dev\n",
        &format!("- ../../apps/api/overlays/dev\n- ../../{DIR}\n"),
    );
    assert_eq!(sandbox.read(LIST), listed);
    sandbox.assert_clean();
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    insta::assert_snapshot!(message, @r"
    Preview web v2.0.0-rc1 as login

    login  web v2.0.0-rc1  apps/web/overlays/dev-preview-login

    Promote-Preview: login
    Promote-Preview-App: web v2.0.0-rc1
    ");
}

#[test]
fn the_kustomization_around_the_copy_says_what_is_done_to_it() {
    let sandbox = shop();
    assert_eq!(create(&sandbox, &[]).code(), 0);
    assert_eq!(sandbox.read(&format!("{DIR}/kustomization.yaml")), AROUND);
}

#[test]
fn kustomize_renders_the_original_as_it_was_and_the_copy_beside_it() {
    let sandbox = shop();
    let before = rendered(&sandbox, "clusters/dev");
    assert_eq!(create(&sandbox, &[]).code(), 0);
    let (Some(before), Some(after)) = (before, rendered(&sandbox, "clusters/dev")) else { return };
    let (before, mut after) = (documents(&before), documents(&after));
    for (title, document) in &before {
        assert_eq!(after.remove(title).as_ref(), Some(document), "{title} is as it was");
    }
    let mut titles: Vec<&str> = after.keys().map(String::as_str).collect();
    titles.retain(|title| !title.starts_with("ConfigMap "));
    assert_eq!(
        titles,
        ["Deployment web-login", "HTTPRoute web-login", "Ingress web-login", "Service web-login"]
    );
    assert_eq!(after.len(), 5, "the generated ConfigMap comes too, the Namespace does not");
    for (title, document) in &after {
        assert!(document.contains("git-promote/preview: login"), "{title}\n{document}");
        assert!(document.contains("namespace: shop"), "{title}\n{document}");
    }
    let deployment = &after["Deployment web-login"];
    assert!(deployment.contains("image: registry.example/acme/web:v2.0.0-rc1"), "{deployment}");
    assert!(deployment.contains("replicas: 2"), "{deployment}");
    assert_eq!(deployment.matches("app: web-login").count(), 2, "{deployment}");
    assert_eq!(deployment.matches("git-promote/preview: login").count(), 3, "{deployment}");
    let service = &after["Service web-login"];
    assert!(service.ends_with("selector:\n    app: web-login\n    git-promote/preview: login"));
    let ingress = &after["Ingress web-login"];
    assert!(ingress.contains("host: login-shop.example"), "{ingress}");
    assert!(ingress.contains("- login-shop.example"), "{ingress}");
    assert!(ingress.contains("secretName: web-tls-login"), "{ingress}");
    assert!(ingress.contains("name: web-login\n            port"), "{ingress}");
    let route = &after["HTTPRoute web-login"];
    assert!(route.contains("- login-api.shop.example"), "{route}");
    assert!(route.contains("name: web-login\n      port"), "{route}");
    assert!(route.contains("name: other\n      port"), "{route}");
}

/// The status without what time does to it.
fn status(sandbox: &Sandbox) -> Value {
    run(sandbox, &["status", "-o", "json"]).json(0)
}

#[test]
fn no_environment_runs_a_preview() {
    let sandbox = shop();
    let before = status(&sandbox);
    assert_eq!(create(&sandbox, &[]).code(), 0);
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 0, "its pull request passes");
    assert_eq!(status(&sandbox), before);
    with_remote(&sandbox);
    let next = run(&sandbox, &["next", "-o", "json"]).json(0);
    assert_eq!(next["rows"], Value::Array(Vec::new()), "nothing goes on");
    let refused = run(&sandbox, &["web@v2.0.0-rc1", "staging"]).output();
    assert_eq!(refused.status.code(), Some(3), "dev does not run it");
    let by_hand = sandbox.read(&at("web", "staging")).replace("v1.2.2", "v2.0.0-rc1");
    save(&sandbox, "Skip", &[(&at("web", "staging"), &by_hand)]);
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 3, "nothing vouches for it");
    assert_eq!(run(&sandbox, &["audit"]).code(), 1);
}

#[test]
fn what_comes_goes_again_to_the_byte() {
    let sandbox = shop();
    let tree = sandbox.git(["rev-parse", "HEAD^{tree}"]);
    assert_eq!(create(&sandbox, &[]).code(), 0);
    let document = run(&sandbox, &["preview", "list", "-o", "json"]).json(0);
    let row = &document["previews"][0];
    assert_eq!((&row["name"], &row["app"]), (&"login".into(), &"web".into()));
    assert_eq!((&row["version"], &row["directory"]), (&"v2.0.0-rc1".into(), &DIR.into()));
    assert_eq!(row["commit"], sandbox.git(["rev-parse", "HEAD"]).trim());
    let document = run(&sandbox, &["preview", "delete", "login", "-o", "json"]).json(0);
    assert_eq!(document["result"], "committed");
    assert_eq!(sandbox.git(["rev-parse", "HEAD^{tree}"]), tree);
    assert!(!sandbox.root.join(DIR).exists());
    sandbox.assert_clean();
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    assert!(message.starts_with("Remove the preview login of web\n"), "{message}");
    assert!(message.contains("\nPromote-Preview-Removed: login\n"), "{message}");
    assert_eq!(run(&sandbox, &["preview", "delete", "login"]).code(), 5);
    assert_eq!(run(&sandbox, &["preview", "list"]).stdout(0), "no previews\n");
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 0);
}

#[test]
fn a_preview_is_renewed_under_its_name() {
    let sandbox = shop();
    assert_eq!(create(&sandbox, &[]).code(), 0);
    let again = create(&sandbox, &["-o", "json"]).json(0);
    assert_eq!(again["result"], "unchanged");
    sandbox.git(["rm", "-q", "apps/web/overlays/dev/replicas.yaml"]);
    let dev = DEV.replace("patches:\n- path: replicas.yaml\n", "");
    save(&sandbox, "Fewer", &[(&at("web", "dev"), &dev)]);
    let args = ["preview", "create", "login", "web@v2.0.0-rc2", "-o", "json"];
    let renewed = run(&sandbox, &args).json(0);
    let paths: Vec<&str> = renewed["edits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edit| edit["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        ["kustomization.yaml", "overlay/kustomization.yaml", "overlay/replicas.yaml"]
            .map(|path| format!("{DIR}/{path}"))
    );
    let listed = run(&sandbox, &["preview", "list", "-o", "tsv"]).stdout(0);
    assert!(listed.contains("login\tweb\tv2.0.0-rc2\t"), "{listed}");
    let text = rendered(&sandbox, "clusters/dev").unwrap_or_else(|| "acme/web:v2.0.0-rc2".into());
    assert!(text.contains("acme/web:v2.0.0-rc2") && !text.contains("rc1"), "{text}");
}

#[test]
fn old_previews_are_pruned_and_young_ones_stay() {
    let sandbox = shop();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let days_ago = |days: u64| format!("{} +0000", now.as_secs() - days * 86_400);
    for (name, days) in [("old", 9), ("older", 30), ("young", 2)] {
        let args = ["preview", "create", name, "web@v2.0.0-rc1"];
        assert_eq!(run(&sandbox, &args).env("GIT_COMMITTER_DATE", &days_ago(days)).code(), 0);
    }
    let prune = |age: &'static str, more: &[&str]| {
        let args = [&["preview", "prune", "--max-age", age, "-o", "json"], more].concat();
        run(&sandbox, &args).json(0)
    };
    let names = |document: &Value| -> Vec<String> {
        let rows = document["previews"].as_array().unwrap();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&prune("5w", &[])), [""; 0]);
    let planned = prune("1w", &["--dry-run"]);
    assert_eq!(
        (names(&planned), &planned["result"]),
        (vec!["old".into(), "older".into()], &"planned".into())
    );
    assert_eq!(names(&prune("1w", &[])), ["old", "older"]);
    let left = run(&sandbox, &["preview", "list", "-o", "name"]).stdout(0);
    assert_eq!(left, "young\n");
    assert!(!sandbox.read(LIST).contains("-preview-old"), "{}", sandbox.read(LIST));
    let subject = sandbox.git(["log", "-1", "--format=%s"]);
    assert_eq!(subject, "Remove 2 previews\n");
    assert_eq!(names(&prune("1w", &[])), [""; 0]);
}

#[test]
fn it_goes_every_way_a_promotion_goes() {
    let sandbox = shop();
    let remote = with_remote(&sandbox);
    let before = everything(&sandbox);
    assert_eq!(create(&sandbox, &["--dry-run"]).code(), 0);
    assert_eq!(create(&sandbox, &["--dry-run", "--exit-code"]).code(), 1);
    assert!(everything(&sandbox) == before, "a dry run writes nothing");
    let pushed = create(&sandbox, &["--pr", "-o", "json"]).json(0);
    assert_eq!(pushed["branch"], "promote/preview/login");
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
    let branch = || sandbox.git_in(&remote, ["rev-parse", "promote/preview/login"]);
    let tip = branch();
    assert_eq!(pushed["commit"], tip.trim());
    assert_eq!(create(&sandbox, &["--pr"]).code(), 0);
    assert_eq!(branch(), tip, "the same is not pushed twice");
    let merge = format!("origin/main..{}", tip.trim());
    assert_eq!(run(&sandbox, &["check", &merge]).code(), 0);

    assert_eq!(create(&sandbox, &["--push", "-o", "json"]).json(0)["result"], "pushed");
    assert_eq!(sandbox.git_in(&remote, ["rev-parse", "main"]), sandbox.git(["rev-parse", "HEAD"]));
    sandbox.assert_clean();
    let gone = run(&sandbox, &["preview", "delete", "login", "--push", "-o", "json"]).json(0);
    assert_eq!(gone["result"], "pushed");
    assert!(!sandbox.root.join(DIR).exists(), "the branch here follows");
    sandbox.assert_clean();

    assert_eq!(create(&sandbox, &["--worktree", "-o", "json"]).json(0)["result"], "edited");
    assert!(sandbox.git(["status", "--porcelain"]).contains(&format!("?? {DIR}/")));
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "By hand"]);
    let args = ["preview", "delete", "login", "--worktree", "--stage"];
    assert_eq!(run(&sandbox, &args).code(), 0);
    let status = sandbox.git(["status", "--porcelain"]);
    assert!(
        status.lines().all(|line| line.starts_with("D  ") || line.starts_with("M  ")),
        "{status}"
    );
}

#[test]
fn words_that_name_nothing_are_refused() {
    let sandbox = shop();
    let code = |args: &[&str]| run(&sandbox, &[&["preview"], args].concat()).code();
    assert_eq!(code(&["create", "x", "web"]), 2);
    assert_eq!(code(&["create", "x", "@v1"]), 2);
    assert_eq!(code(&["create", "///", "web@v1"]), 2);
    assert_eq!(code(&["create", "x", "nope@v1"]), 5);
    assert_eq!(code(&["create", "x", "web@v1", "--image", "nope"]), 5);
    assert_eq!(code(&["create", "x", "web@v1", "--selector", "app"]), 2);
    assert_eq!(code(&["create", "x", "web@v1", "--selector", "app=nope"]), 5);
    assert_eq!(code(&["create", "x", "web@v1", "--list-in", "apps"]), 5);
    assert_eq!(code(&["create", "x", "web@v1", "--remote", "origin"]), 2);
    assert_eq!(code(&["prune", "--max-age", "7"]), 2);
    assert_eq!(code(&["prune"]), 2);
    assert_eq!(code(&["delete", "x"]), 5);
    sandbox.assert_clean();
}

#[test]
fn a_branch_names_a_preview() {
    let sandbox = shop();
    let args = ["preview", "create", "feature/ABC-12", "web@v2.0.0-rc1", "-o", "json"];
    let made = run(&sandbox, &args).json(0);
    assert_eq!(made["previews"][0]["name"], "feature-abc-12");
    assert_eq!(run(&sandbox, &["preview", "delete", "feature/ABC-12"]).code(), 0);
}

#[test]
fn a_version_in_place_is_a_promotion_that_goes_no_further() {
    let sandbox = shop();
    with_remote(&sandbox);
    let made = create(&sandbox, &["--overwrite", "-o", "json"]).json(0);
    assert_eq!((&made["kind"], &made["to"]), (&"Promotion".into(), &"dev".into()));
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    assert!(message.contains("\nPromote-Preview: login\n"), "{message}");
    assert!(sandbox.read(&at("web", "dev")).contains("newTag: v2.0.0-rc1 # set by us"));
    let listed = run(&sandbox, &["preview", "list", "-o", "json"]).json(0);
    assert_eq!(listed["previews"][0]["overwrite"], true, "{listed}");
    assert_eq!(listed["previews"][0]["name"], "login");
    for args in [["next"].as_slice(), &["next", "--due", "-n"]] {
        let output = run(&sandbox, args).output();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "nothing goes on\n", "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("web v2.0.0-rc1 in dev is the preview login"), "{said}");
    }
    let said = run(&sandbox, &["preview", "delete", "login"]).output();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("hint: git promote rollback dev -a web"), "{said}");
    assert_eq!(run(&sandbox, &["rollback", "dev", "-a", "web"]).code(), 0);
    assert_eq!(run(&sandbox, &["preview", "list"]).stdout(0), "no previews\n");
    // What is promoted in earnest goes on, even where it is the same version.
    put(&sandbox, "web", "dev", "v3");
    assert_eq!(run(&sandbox, &["next", "-o", "json"]).json(0)["rows"].as_array().unwrap().len(), 1);
}
