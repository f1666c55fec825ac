//! Where previews go in other layouts, who lists them, and what is said where
//! nobody does.

use crate::kit::{LINE, app, line, rendered, repo, run, save};
use crate::preview::{DIR, create, documents, shop};
use crate::testkit::Sandbox;

/// `LINE` with another layout.
fn laid_out(layout: &str) -> String {
    LINE.replace("apps/{app}/overlays/{env}", layout)
}

fn kustomization(tag: &str) -> String {
    format!("resources:\n- web.yaml\nimages:\n- name: acme/web\n  newTag: {tag}\n")
}

/// A repository of that layout, with web in dev at `path`.
fn one(layout: &str, path: &str) -> Sandbox {
    let staging = path.replace("dev", "staging");
    let manifest = crate::kit::deployment("web", "acme/web");
    repo(&[
        ("promote.toml", &laid_out(layout)),
        (&format!("{path}/kustomization.yaml"), &kustomization("v1")),
        (&format!("{path}/web.yaml"), &manifest),
        (&format!("{staging}/kustomization.yaml"), &kustomization("v1")),
        (&format!("{staging}/web.yaml"), &manifest),
    ])
}

fn made_in(sandbox: &Sandbox) -> String {
    let made = create(sandbox, &["-o", "json"]).json(0);
    made["previews"][0]["directory"].as_str().unwrap().to_owned()
}

#[test]
fn no_layout_reads_a_preview() {
    let cases = [
        (
            "apps/{app}/overlays/{env}",
            "apps/web/overlays/dev",
            "apps/web/overlays/dev-preview-login",
        ),
        ("envs/{env}/{app}", "envs/dev/web", "envs/dev-preview-login/web"),
        ("{group}/{env}/{app}", "shop/dev/web", "shop/dev-preview-login/web"),
        ("**/{app}/{env}", "a/b/web/dev", "a/b/web/dev-preview-login"),
        ("9c-{env}/{app}", "9c-dev/web", "9c-dev-preview-login/web"),
        // `dev-preview-login-web` is an app of dev to this one.
        ("{env}-{app}", "dev-web", "previews/dev-web-preview-login"),
        ("apps/{env}/**", "apps/dev", "apps/dev-preview-login"),
    ];
    for (layout, path, wanted) in cases {
        let sandbox = one(layout, path);
        let before = run(&sandbox, &["status", "-o", "json"]).json(0);
        assert_eq!(made_in(&sandbox), wanted, "{layout}");
        assert_eq!(run(&sandbox, &["status", "-o", "json"]).json(0), before, "{layout}");
        assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 0, "{layout}");
        let Some(text) = rendered(&sandbox, wanted) else { return };
        assert!(text.contains("image: acme/web:v2.0.0-rc1"), "{layout}\n{text}");
        assert!(text.contains("name: web-login"), "{layout}\n{text}");
    }
}

#[test]
fn a_guess_passes_previews_over() {
    for (path, _) in [("apps/web/overlays/dev", 0), ("envs/dev", 1), ("web/dev", 2)] {
        let sandbox = one("apps/{app}/overlays/{env}", path);
        sandbox.git(["rm", "-q", "promote.toml"]);
        sandbox.git(["commit", "-q", "-m", "Guess"]);
        let shown = |sandbox: &Sandbox| run(sandbox, &["config", "show"]).text();
        let (before, status) = (shown(&sandbox), run(&sandbox, &["status", "-o", "json"]).json(0));
        for name in ["login", "prod", "staging"] {
            let args = ["preview", "create", name, "web@v2"];
            assert_eq!(run(&sandbox, &args).code(), 0, "{path} {name}");
        }
        assert_eq!(shown(&sandbox), before, "{path}");
        assert_eq!(run(&sandbox, &["status", "-o", "json"]).json(0), status, "{path}");
    }
}

#[test]
fn where_nothing_lists_the_overlay_that_is_said() {
    let sandbox = line();
    let said = create(&sandbox, &[]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(0), "{error}");
    assert!(error.contains("no kustomization lists apps/web/overlays/dev"), "{error}");
    assert!(error.contains("hint: --list-in PATH"), "{error}");
    save(&sandbox, "A list", &[("previews/kustomization.yaml", "resources: [] # short-lived\n")]);
    let made = create(&sandbox, &["--list-in", "previews", "-o", "json"]).json(0);
    assert_eq!(made["listedIn"], "previews/kustomization.yaml");
    let list = sandbox.read("previews/kustomization.yaml");
    assert_eq!(list, format!("resources: [../{DIR}] # short-lived\n"));
    assert_eq!(run(&sandbox, &["preview", "delete", "login"]).code(), 0);
    assert_eq!(sandbox.read("previews/kustomization.yaml"), "resources: [] # short-lived\n");
}

#[test]
fn another_environment_is_never_the_list() {
    let sandbox = line();
    let over = "resources:\n- ../dev\n";
    save(&sandbox, "Staging uses dev", &[("apps/web/overlays/staging/kustomization.yaml", over)]);
    let made = create(&sandbox, &["-o", "json"]).json(0);
    assert_eq!(made["listedIn"], serde_json::Value::Null);
    assert_eq!(sandbox.read("apps/web/overlays/staging/kustomization.yaml"), over);
}

#[test]
fn of_several_lists_one_has_to_be_named() {
    let sandbox = shop();
    let second = "resources:\n- ../../../apps/web/overlays/dev\n";
    save(&sandbox, "Two", &[("clusters/dev/eu/kustomization.yaml", second)]);
    let said = create(&sandbox, &[]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{error}");
    assert!(error.contains("hint: --list-in clusters/dev/eu/kustomization.yaml"), "{error}");
    let here = create(&sandbox, &["--list-in", ".", "-n", "-o", "json"]).dir("clusters/dev/eu");
    assert_eq!(here.json(0)["listedIn"], "clusters/dev/eu/kustomization.yaml");
    assert_eq!(create(&sandbox, &["--list-in", "clusters/dev"]).code(), 0);
}

#[test]
fn a_list_that_would_change_the_version_is_refused() {
    let sandbox = shop();
    let list = sandbox.read("clusters/dev/kustomization.yaml");
    let list = format!("{list}images:\n- name: registry.example/acme/web\n  newTag: v0\n");
    save(&sandbox, "Images above", &[("clusters/dev/kustomization.yaml", &list)]);
    let said = create(&sandbox, &[]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(8), "{error}");
    assert!(error.contains("would change what it lists"), "{error}");
    sandbox.assert_clean();
}

#[test]
fn labels_that_a_kustomization_sets_get_values_of_their_own() {
    let sandbox = line();
    let base = "commonLabels: {app: shop}\nresources:\n- deployment.yaml\n";
    save(&sandbox, "Labels", &[("apps/web/base/kustomization.yaml", base)]);
    assert_eq!(create(&sandbox, &[]).code(), 0);
    let Some(text) = rendered(&sandbox, DIR) else { return };
    assert_eq!(text.matches("app: shop-login").count(), 3, "{text}");
    assert!(!text.contains("app: web") && !text.contains("app: shop\n"), "{text}");
}

const MARKED: &str = "prflow: per-app\nenvironments:\n- {name: dev, auto: true}\n- {name: prod, auto: false}\n\
groups:\n  shop:\n    applications:\n      web:\n        featureLabelSelector: {app: web}\n      \
cart:\n        featureOverwrite: true\n";

/// One directory an environment, its apps told by markers.
fn marked() -> Sandbox {
    let manifest = |name: &str, tag: &str| {
        crate::kit::deployment(name, &format!("acme/{name}:{tag}"))
            .replace("  name: web\n", "  name: web\n  labels: {app: web}\n")
            .replacen(
                &format!(":{tag}"),
                &format!(":{tag} # {{\"$imagepolicy\": \"shop:{name}\"}}"),
                1,
            )
    };
    let list = "resources:\n- cart.yaml\n- web.yaml # the front\n";
    let mut files = vec![("gitops-promotion.yaml".to_owned(), MARKED.to_owned())];
    for env in ["dev", "prod"] {
        files.push((format!("shop/{env}/kustomization.yaml"), list.to_owned()));
        for name in ["web", "cart"] {
            files.push((format!("shop/{env}/{name}.yaml"), manifest(name, "v1")));
        }
    }
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    repo(&files)
}

#[test]
fn of_several_apps_in_a_directory_the_labels_tell_one() {
    let sandbox = marked();
    let before = run(&sandbox, &["status", "-o", "json"]).json(0);
    let was = rendered(&sandbox, "shop/dev");
    let made = create(&sandbox, &["-o", "json"]).json(0);
    assert_eq!(made["previews"][0]["directory"], "shop/dev-preview-login");
    assert_eq!(made["listedIn"], "shop/dev/kustomization.yaml");
    let dir = sandbox.root.join("shop/dev-preview-login/overlay");
    assert!(dir.join("web.yaml").exists() && !dir.join("cart.yaml").exists());
    let copy = sandbox.read("shop/dev-preview-login/overlay/web.yaml");
    assert!(copy.contains("acme/web:v2.0.0-rc1 # {\"$imagepolicy\""), "{copy}");
    assert_eq!(run(&sandbox, &["status", "-o", "json"]).json(0), before);
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 0);
    // dev lists the preview itself; even so it vouches for nothing: neither
    // for prod that lists the same preview nor for prod that takes its version.
    let listed = "resources:\n- cart.yaml\n- web.yaml # the front\n- ../dev-preview-login\n";
    save(&sandbox, "List it", &[("shop/prod/kustomization.yaml", listed)]);
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 3);
    sandbox.git(["reset", "-q", "--hard", "HEAD~1"]);
    let skipped = sandbox.read("shop/prod/web.yaml").replace(":v1", ":v2.0.0-rc1");
    save(&sandbox, "Skip", &[("shop/prod/web.yaml", &skipped)]);
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 3);
    sandbox.git(["reset", "-q", "--hard", "HEAD~1"]);
    if let (Some(was), Some(now)) = (was, rendered(&sandbox, "shop/dev")) {
        let (was, now) = (documents(&was), documents(&now));
        assert!(was.iter().all(|(title, text)| now.get(title) == Some(text)));
        assert_eq!(now.len(), was.len() + 1);
    }
    // A second one copies the directory without the first.
    assert_eq!(run(&sandbox, &["preview", "create", "second", "shop:web@v3"]).code(), 0);
    let second = sandbox.read("shop/dev-preview-second/overlay/kustomization.yaml");
    assert_eq!(second, "resources:\n- web.yaml # the front\n");
    assert_eq!(run(&sandbox, &["preview", "delete", "login"]).code(), 0);
    assert_eq!(run(&sandbox, &["preview", "delete", "second"]).code(), 0);
    let list = "resources:\n- cart.yaml\n- web.yaml # the front\n";
    assert_eq!(sandbox.read("shop/dev/kustomization.yaml"), list);
}

#[test]
fn what_the_selected_objects_name_comes_along() {
    let sandbox = marked();
    let list = "resources:\n- cart.yaml\n- web.yaml\nconfigMapGenerator:\n- name: web-settings\n  \
                literals: [a=b]\n- name: cart-settings\n  literals: [c=d]\n";
    let web = sandbox.read("shop/dev/web.yaml");
    let web = format!("{web}        envFrom:\n        - configMapRef: {{name: web-settings}}\n");
    let files = [("shop/dev/kustomization.yaml", list), ("shop/dev/web.yaml", &web)];
    save(&sandbox, "Settings", &files);
    assert_eq!(create(&sandbox, &[]).code(), 0);
    let Some(text) = rendered(&sandbox, "shop/dev-preview-login") else { return };
    assert!(text.contains("name: web-settings-login-"), "{text}");
    assert!(!text.contains("cart"), "{text}");
}

#[test]
fn a_directory_without_a_kustomization_gets_one() {
    let sandbox = one("apps/{app}/{env}", "apps/web/dev");
    sandbox.git(["rm", "-q", "apps/web/dev/kustomization.yaml"]);
    let manifest = crate::kit::deployment("web", "acme/web:v1");
    let part = "resources: [map.yaml]\n";
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n";
    let files = [
        ("apps/web/dev/web.yaml", manifest.as_str()),
        ("apps/web/dev/part/kustomization.yaml", part),
        ("apps/web/dev/part/map.yaml", map),
        ("apps/web/dev/notes.txt", "words"),
    ];
    save(&sandbox, "Plain", &files);
    assert_eq!(create(&sandbox, &[]).code(), 0);
    let list = sandbox.read("apps/web/dev-preview-login/overlay/kustomization.yaml");
    assert_eq!(list, "resources:\n- web.yaml\n- part\n");
    let Some(text) = rendered(&sandbox, "apps/web/dev-preview-login") else { return };
    assert!(text.contains("acme/web:v2.0.0-rc1") && text.contains("name: map-login"), "{text}");
}

#[test]
fn the_file_of_the_other_tool_says_what_is_set_in_place() {
    let sandbox = marked();
    let made = run(&sandbox, &["preview", "create", "x", "shop:cart@v2", "-o", "json"]).json(0);
    assert_eq!(made["kind"], "Promotion", "{made}");
    assert!(sandbox.git(["log", "-1", "--format=%B"]).contains("Promote-Preview: x\n"));
}

#[test]
fn without_labels_a_directory_of_several_apps_is_not_copied() {
    let sandbox = marked();
    let config = MARKED.replace("featureLabelSelector: {app: web}", "featureOverwrite: false");
    save(&sandbox, "No labels", &[("gitops-promotion.yaml", &config)]);
    let said = create(&sandbox, &[]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{error}");
    assert!(error.contains("hint: --selector app=web"), "{error}");
    assert_eq!(create(&sandbox, &["--selector", "app=web"]).code(), 0);
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let sandbox = line();
    app(&sandbox, "api", &[("dev", "v1")]);
    std::os::unix::fs::symlink("kustomization.yaml", sandbox.root.join("apps/web/overlays/dev/x"))
        .unwrap();
    save(&sandbox, "A link", &[]);
    let said = create(&sandbox, &[]).output();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(8), "{error}");
    assert!(error.contains("is a symbolic link or a submodule"), "{error}");
    save(&sandbox, "Taken", &[("apps/api/overlays/dev-preview-login/mine.txt", "x")]);
    assert_eq!(run(&sandbox, &["preview", "create", "login", "api@v2"]).code(), 6);
}

/// What selects pods and names other objects in more ways than one.
const HARD: &str = "\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {role: db}}
  template:
    metadata: {labels: {role: db, tier: x}}
    spec:
      serviceAccountName: runner
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {role: db}}}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: host, labelSelector: {matchLabels: {role: db}}}
      containers: [{name: c, image: acme/web, envFrom: [{configMapRef: {name: conf}}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {role: api}}
  template:
    metadata: {labels: {role: api}}
    spec: {containers: [{name: c, image: acme/web}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {selector: {role: db}, ports: [{port: 1}]}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {role: api}, ports: [{port: 1}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: runner}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}, maxReplicas: 3}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: api}
spec: {selector: {matchLabels: {role: api}}, minAvailable: 1}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec:
  podSelector: {matchLabels: {role: db}}
  ingress: [{from: [{podSelector: {matchLabels: {role: api}}}]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: runner}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: runner, namespace: shop}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: clean}
spec:
  schedule: \"0 0 * * *\"
  jobTemplate: {spec: {template: {metadata: {labels: {role: clean}}, spec: {restartPolicy: Never, containers: [{name: c, image: acme/web}]}}}}
";

#[test]
fn every_selector_and_name_of_a_hard_overlay_is_the_copys_own() {
    let sandbox = line();
    let base = "resources: [all.yaml]\nlabels:\n- pairs: {team: a}\n  includeSelectors: true\n";
    let dev = "namespace: shop\nnamePrefix: dev-\nnameSuffix: -x\nresources:\n- ../../base\n\
               components:\n- ../../comp\nconfigMapGenerator:\n- name: conf\n  envs: [vars.env]\n\
               images:\n- name: acme/web\n  newTag: v1\nreplicas:\n- name: api\n  count: 2\n";
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- target: \
                     {kind: Deployment}\n  patch: |-\n    - op: add\n      path: /metadata/annotations\n      \
                     value: {from: comp}\n";
    let files = [
        ("apps/web/base/all.yaml", HARD),
        ("apps/web/base/kustomization.yaml", base),
        ("apps/web/comp/kustomization.yaml", component),
        ("apps/web/overlays/dev/kustomization.yaml", dev),
        ("apps/web/overlays/dev/vars.env", "A=b\n"),
        ("clusters/dev/kustomization.yaml", "resources:\n- ../../apps/web/overlays/dev\n"),
    ];
    save(&sandbox, "Hard", &files);
    let before = rendered(&sandbox, "clusters/dev");
    assert_eq!(create(&sandbox, &[]).code(), 0);
    assert_eq!(run(&sandbox, &["check", "HEAD~1..HEAD"]).code(), 0);
    let (Some(before), Some(after)) = (before, rendered(&sandbox, "clusters/dev")) else { return };
    let (before, after) = (documents(&before), documents(&after));
    assert!(before.iter().all(|(title, text)| after.get(title) == Some(text)));
    assert_eq!(after.len(), 2 * before.len());
    for (title, text) in after.iter().filter(|(title, _)| !before.contains_key(*title)) {
        assert!(title.contains("-x-login"), "{title}");
        for label in ["role: db\n", "role: api\n", "team: a\n"] {
            assert!(!text.contains(label), "{title} has {label}{text}");
        }
        for name in ["db", "api", "runner", "conf"] {
            let own = format!("dev-{name}-x");
            let all = text.matches(&own).count();
            assert_eq!(all, text.matches(&format!("{own}-login")).count(), "{title}\n{text}");
        }
    }
}
