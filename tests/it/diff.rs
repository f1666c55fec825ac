//! `git promote diff`: two environments, their settings, and two versions.

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::kit::{LINE, at, line, line_with, overlay, put, repo, run, save, skipped};
use crate::push::with_remote;
use crate::testkit::Sandbox;

/// An overlay with a patch that sets variables and more.
fn patched(env: &str, tag: &str, vars: &[(&str, &str)], more: &str) -> String {
    let image = overlay("registry.example/acme/web", tag);
    let line = |(name, value): &(&str, &str)| {
        format!("            - {{name: {name}, value: '{value}'}}\n")
    };
    let vars: Vec<String> = vars.iter().map(line).collect();
    format!(
        "namespace: {env}\n{image}{more}patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    \
         metadata: {{name: web}}\n    spec:\n      template:\n        spec:\n          containers:\n          - name: web\n            \
         env:\n{}",
        vars.concat()
    )
}

fn set(sandbox: &Sandbox, env: &str, tag: &str, vars: &[(&str, &str)]) {
    let host = format!("web.{env}.example");
    let all = [&[("HOST", host.as_str())], vars].concat();
    let more = if env == "prod" { "replicas: [{name: web, count: 3}]\n" } else { "" };
    save(
        sandbox,
        &format!("web {tag} in {env}"),
        &[(&at("web", env), &patched(env, tag, &all, more))],
    );
}

/// Each environment with its own host, prod with its own size, and a setting
/// that came to dev with v1.3.0.
fn configured() -> Sandbox {
    let sandbox = line();
    for env in ["dev", "staging", "prod"] {
        let size: &[(&str, &str)] = if env == "dev" { &[("SIZE", "1")] } else { &[("SIZE", "5")] };
        set(&sandbox, env, "v1.2.3", size);
    }
    set(&sandbox, "staging", "v1.2.4", &[("SIZE", "5")]);
    set(&sandbox, "dev", "v1.2.4", &[("SIZE", "1")]);
    set(&sandbox, "dev", "v1.2.4", &[("SIZE", "1"), ("TRACE", "on")]);
    set(&sandbox, "dev", "v1.3.0", &[("SIZE", "1"), ("TRACE", "on"), ("FEATURE", "x")]);
    sandbox
}

#[test]
fn what_is_promoted_is_compared() {
    let sandbox = line();
    assert_snapshot!(run(&sandbox, &["diff"]).text(), @"
    exit 1
    --- stdout
    dev | staging
      web  v1.2.3 | v1.2.2
    staging and prod run the same
    --- stderr
    hint: git promote dev staging -a web --dry-run
    ");
    assert_snapshot!(run(&sandbox, &["diff", "prod"]).text(), @"
    exit 0
    --- stdout
    staging and prod run the same
    ");
    let two = run(&sandbox, &["diff", "dev", "prod", "-o", "tsv"]).stdout(1);
    assert_eq!(
        two,
        "app\tleft\tright\twhat\tfield\tleft value\tright value\tdistance\n\
         web\tdev\tprod\tregistry.example/acme/web\t-\tv1.2.3\tv1.2.2\t-\n"
    );
    let document = run(&sandbox, &["diff", "dev", "staging", "-o", "json"]).json(1);
    assert_eq!(document["rows"][0]["leftValue"], "v1.2.3");
    assert_eq!(document["differs"], true);
    let document = run(&sandbox, &["diff", "-a", "api", "-o", "json"]).json(0);
    assert_eq!(document["rows"], serde_json::json!([]));
    let here = run(&sandbox, &["diff"]).dir("apps/api").text();
    assert!(here.contains("note: app api: from the current directory"), "{here}");
    assert_eq!(run(&sandbox, &["diff", "-A"]).dir("apps/api").code(), 1);
    assert_eq!(run(&sandbox, &["diff", "-o", "name"]).stdout(1), "web\n");
}

#[test]
fn settings_are_told_apart_by_when_they_came() {
    let sandbox = configured();
    assert_snapshot!(run(&sandbox, &["diff", "dev", "staging", "--config"]).text(), @"
    exit 1
    --- stdout
    dev | staging
      web  v1.3.0 | v1.2.4
      web: new since the last promotion
        Deployment/web containers[web].env[FEATURE]  x | -  came with v1.3.0
        Deployment/web containers[web].env[TRACE]  on | -
      web: different since before the last promotion
        Deployment/web containers[web].env[SIZE]  1 | 5
      web: 2 settings by design (-v)
    --- stderr
    warning: web: a promotion of v1.3.0 to staging does not move Deployment/web containers[web].env[FEATURE], which came to dev with it
    hint: git promote dev staging -a web --dry-run
    ");
    assert_snapshot!(run(&sandbox, &["diff", "prod", "--config", "-v"]).text(), @"
    exit 1
    --- stdout
    staging | prod
      web  v1.2.4 | v1.2.3
      web: different since before the last promotion
        Deployment/web spec.replicas  - | 3
      web: different by design
        Deployment/web metadata.namespace  staging | prod
        Deployment/web containers[web].env[HOST]  web.staging.example | web.prod.example
    --- stderr
    hint: git promote staging prod -a web --dry-run
    ");
    let document = run(&sandbox, &["diff", "staging", "--config", "-o", "json"]).json(1);
    let rows = document["rows"].as_array().unwrap();
    let feature =
        rows.iter().find(|row| row["field"].as_str().is_some_and(|f| f.contains("FEATURE")));
    let feature = feature.unwrap();
    assert_eq!(
        (feature["distance"].as_str(), feature["cameWith"].as_str()),
        (Some("new"), Some("v1.3.0"))
    );
    // The promotion moved the version alone.
    set(&sandbox, "staging", "v1.3.0", &[("SIZE", "5")]);
    let said = run(&sandbox, &["diff", "staging", "--config"]).text();
    assert!(
        said.contains(
            "warning: web: staging runs v1.3.0 without Deployment/web containers[web].env[FEATURE]"
        ),
        "{said}"
    );
    // What differs by design is no difference.
    let vars = [("SIZE", "5"), ("TRACE", "on"), ("FEATURE", "x")];
    set(&sandbox, "staging", "v1.3.0", &vars);
    set(&sandbox, "dev", "v1.3.0", &vars);
    assert_snapshot!(run(&sandbox, &["diff", "staging", "--config"]).text(), @"
    exit 0
    --- stdout
    dev and staging run and set the same
      web: 2 settings by design (-v)
    ");
}

#[test]
fn secrets_are_not_shown() {
    let sandbox = line();
    for (env, value) in [("dev", "hunter2"), ("staging", "swordfish")] {
        let text = overlay("registry.example/acme/web", "v1");
        let text = text.replace("- ../../base\n", "- ../../base\n- secret.yaml\n");
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{password: {value}}}\n"
        );
        let path = at("web", env).replace("kustomization", "secret");
        save(&sandbox, "secret", &[(&at("web", env), &text), (&path, &secret)]);
    }
    let said = run(&sandbox, &["diff", "staging", "--config"]).stdout(1);
    assert!(said.contains("Secret/s stringData.password  (hidden, "), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("swordfish"), "{said}");
}

#[test]
fn what_kustomize_renders_is_compared() {
    let sandbox = configured();
    let nothing = tempfile::tempdir().unwrap();
    let none = run(&sandbox, &["diff", "staging", "--render"])
        .env("PATH", &nothing.path().display().to_string());
    assert_snapshot!(none.text(), @"
    exit 5
    --- stderr
    error: --render needs kustomize or kubectl, and neither is installed
    hint: git promote diff --config
    ");
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        skipped("there is no kubectl");
        return;
    }
    let said = run(&sandbox, &["diff", "staging", "--render", "-a", "web"]).stdout(1);
    assert!(said.contains("--- dev/web\n+++ staging/web\n"), "{said}");
    assert!(said.contains("-        image: registry.example/acme/web:v1.3.0\n"), "{said}");
    assert!(said.contains("+        image: registry.example/acme/web:v1.2.4\n"), "{said}");
    // Not what lies in the work tree.
    sandbox.write(&at("web", "staging"), "resources: [nowhere.yaml]\n");
    assert_eq!(run(&sandbox, &["diff", "staging", "--render", "-a", "web"]).stdout(1), said);
    sandbox.git(["commit", "-q", "-a", "-m", "Break"]);
    let text = run(&sandbox, &["diff", "prod", "--render", "-a", "web"]).text();
    assert!(text.starts_with("exit 8") || text.starts_with("exit 1"), "{text}");
}

/// A repository of an app with tags.
fn clone(dir: &Path, sandbox: &Sandbox) {
    let git = |args: &[&str]| sandbox.git_in(dir, args);
    std::fs::create_dir(dir).unwrap();
    git(&["init", "-q", "-b", "main"]);
    for (number, tag) in ["1.2.2", "1.2.3", "1.3.0"].iter().enumerate() {
        git(&["commit", "-q", "--allow-empty", "-m", &format!("Change {number}\n\nwhy")]);
        git(&["commit", "-q", "--allow-empty", "-m", &format!("Release {tag}")]);
        git(&["tag", tag]);
    }
}

#[test]
fn two_versions_lie_apart_by_commits_or_by_arrivals() {
    let source = "\n[[app]]\nname = \"web\"\nsource = \"https://github.com/acme/web\"\n";
    let sandbox = line_with(source);
    put(&sandbox, "web", "staging", "v1.2.3");
    put(&sandbox, "web", "dev", "v1.3.0");
    let settled = |run: crate::kit::Run<'_>| {
        let text = run.text();
        regex::Regex::new(r"\b[0-9a-f]{7}\b").unwrap().replace_all(&text, "[ID]").into_owned()
    };
    assert_snapshot!(settled(run(&sandbox, &["diff", "web@v1.2.2", "web@v1.3.0"])), @"
    exit 1
    --- stdout
    web v1.2.2 .. v1.3.0
    https://github.com/acme/web/compare/v1.2.2...v1.3.0
    ENVIRONMENT  VERSION  SINCE             COMMIT
    dev          v1.3.0   2023-11-14 22:13  [ID]
    dev          v1.2.3   2023-11-14 22:13  [ID]
    dev          v1.2.2   2023-11-14 22:13  [ID]
    staging      v1.2.3   2023-11-14 22:13  [ID]
    staging      v1.2.2   2023-11-14 22:13  [ID]
    prod         v1.2.2   2023-11-14 22:13  [ID]
    ");
    let dir = sandbox.dir.path().join("web");
    clone(&dir, &sandbox);
    let of = dir.display().to_string();
    let args = ["diff", "web@v1.2.2", "v1.3.0", "--source", &of];
    assert_snapshot!(settled(run(&sandbox, &args)), @"
    exit 1
    --- stdout
    web v1.2.2 .. v1.3.0
    https://github.com/acme/web/compare/v1.2.2...v1.3.0
    4 commits from v1.2.2 to v1.3.0
      [ID]  2023-11-14 22:13  Release 1.3.0  (A U Thor)
      [ID]  2023-11-14 22:13  Change 2  (A U Thor)
      [ID]  2023-11-14 22:13  Release 1.2.3  (A U Thor)
      [ID]  2023-11-14 22:13  Change 1  (A U Thor)
    ENVIRONMENT  VERSION  SINCE             COMMIT
    dev          v1.3.0   2023-11-14 22:13  [ID]
    dev          v1.2.3   2023-11-14 22:13  [ID]
    dev          v1.2.2   2023-11-14 22:13  [ID]
    staging      v1.2.3   2023-11-14 22:13  [ID]
    staging      v1.2.2   2023-11-14 22:13  [ID]
    prod         v1.2.2   2023-11-14 22:13  [ID]
    ");
    let document = run(&sandbox, &[&args[..], &["-o", "json"]].concat()).json(1);
    assert_eq!(document["commits"].as_array().unwrap().len(), 4);
    assert_eq!(document["commits"][0]["subject"], "Release 1.3.0");
    assert_eq!(run(&sandbox, &["diff", "web@v1.3.0", "v1.3.0"]).code(), 0);
}

#[test]
fn a_clone_tells_the_commits_of_two_versions() {
    let sandbox = line();
    put(&sandbox, "web", "dev", "v1.3.0");
    let dir = sandbox.dir.path().join("web");
    clone(&dir, &sandbox);
    let of = dir.display().to_string();
    let back = ["diff", "web@v1.3.0", "v1.2.3", "--source", &of, "-o", "json"];
    assert_eq!(run(&sandbox, &back).json(1)["backwards"], true);
    let no_tag = run(&sandbox, &["diff", "web@v1.3.0", "v7", "--source", &of]).text();
    assert!(no_tag.contains("has no tag for v7") && no_tag.starts_with("exit 5"), "{no_tag}");
    let args = ["diff", "web@v1.3.0", "v1.2.3", "--source", "nowhere"];
    assert_eq!(run(&sandbox, &args).code(), 5);
    // A clone that git's config names is read by itself.
    sandbox.git(["config", "promote.web.source", "../web"]);
    let said = run(&sandbox, &["diff", "web@v1.2.3", "web@v1.3.0"]).stdout(1);
    assert!(said.contains("2 commits from v1.2.3 to v1.3.0\n"), "{said}");
    put(&sandbox, "api", "dev", "v1.2.3");
    let said = run(&sandbox, &["diff", "api@v1.2.2", "v1.2.3"]).text();
    assert!(said.contains("note: `source` of an [[app]] in promote.toml"), "{said}");
    assert_snapshot!(run(&sandbox, &["diff", "api@v8", "v9"]).text(), @"
    exit 5
    --- stderr
    error: no environment ever ran v8 or v9 of api
    hint: git promote status
    ");
}

#[test]
fn a_promotion_tells_what_changed_between_the_versions() {
    let sandbox = line();
    put(&sandbox, "web", "dev", "v1.3.0");
    clone(&sandbox.dir.path().join("web"), &sandbox);
    let args = ["web@v1.3.0", "staging", "--dry-run"];
    let told = |more: &[&str]| run(&sandbox, &[&args[..], more].concat());
    assert!(!told(&["-v"]).text().contains("Release 1.3.0"));
    sandbox.git(["config", "promote.web.source", "../web"]);
    let said = told(&["-v"]).stdout(0);
    assert!(said.contains("4 commits from v1.2.2 to v1.3.0\n"), "{said}");
    assert!(said.contains("Release 1.3.0  (A U Thor)"), "{said}");
    assert!(!told(&[]).stdout(0).contains("Release 1.3.0"));
    let document = told(&["-o", "json"]).json(0);
    assert_eq!(document["changes"][0]["commits"].as_array().unwrap().len(), 4);
    // A clone that does not know a version stands in nobody's way.
    sandbox.git(["config", "promote.web.source", "../nowhere"]);
    let said = told(&["-v"]).text();
    assert!(said.starts_with("exit 0") && said.contains("is no clone of web"), "{said}");
}

#[test]
fn odd_words_and_places_are_told() {
    let sandbox = line();
    for (args, code, hint) in [
        (&["diff", "stagin"][..], 5, "did you mean staging?"),
        (&["diff", "dev", "stagin"], 5, "did you mean staging?"),
        (&["diff", "web"], 2, "git promote diff -a web"),
        (&["diff", "dev"], 2, "git promote diff ENV ENV"),
        (&["diff", "dev", "dev"], 2, "git promote diff dev"),
        (&["diff", "web@v1"], 2, "git promote diff web@v1 VERSION"),
        (&["diff", "web@v1", "api@v2"], 2, "git promote diff web@v1 web@v2"),
        (&["diff", "wbe@v1", "v2"], 5, "did you mean web?"),
        (&["diff", "web@v1", "a b"], 8, "git promote"),
        (&["diff", "a", "b", "c"], 2, "git promote help diff"),
        (&["diff", "-a", "wbe"], 5, "did you mean web?"),
        (&["diff", "-g", "team"], 5, "git promote status"),
        (&["diff", "--select", "cell=x"], 2, "git promote config show"),
    ] {
        let text = run(&sandbox, args).text();
        assert!(
            text.starts_with(&format!("exit {code}\n")) && text.contains(hint),
            "{args:?} {text}"
        );
    }
    let remote = with_remote(&sandbox);
    let url = format!("file://{}", remote.display());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("repo");
    sandbox.git(["clone", "-q", "--depth=1", &url, &root.display().to_string()]);
    let shallow = Sandbox { dir, root };
    assert_eq!(run(&shallow, &["diff", "--config"]).code(), 1);
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("repo");
    sandbox.git(["init", "-q", &root.display().to_string()]);
    let unborn = Sandbox { dir, root };
    assert_eq!(run(&unborn, &["diff"]).code(), 128);
    let mut child = run(&sandbox, &["diff"]).spawn();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn versions_that_never_were_or_whose_app_is_not_named_are_told() {
    let sandbox = line();
    assert_snapshot!(run(&sandbox, &["diff", "web@v9", "v1.2.3"]).text(), @"
    exit 5
    --- stderr
    error: no environment ever ran v9 of web
    hint: git promote status
    ");
    assert_snapshot!(run(&sandbox, &["diff", "v1.2.2", "v1.2.3"]).text(), @"
    exit 2
    --- stderr
    error: these are versions, and no app is named
    hint: git promote diff APP@v1.2.2 v1.2.3
    ");
}

#[test]
fn where_no_version_is_that_is_said() {
    let sandbox = repo(&[("promote.toml", LINE)]);
    assert_snapshot!(run(&sandbox, &["diff", "dev", "staging"]).text(), @"
    exit 0
    --- stdout
    no version was found in dev and staging
    ");
    assert_snapshot!(run(&sandbox, &["rollback", "prod"]).text(), @"
    exit 5
    --- stderr
    error: no version was found in prod
    hint: git promote status
    ");
    for form in ["table", "wide"] {
        let text = run(&sandbox, &["status", "-o", form]).text();
        assert!(text.starts_with("exit 0\n--- stderr\nnote: no version was found in"), "{text}");
    }
}
