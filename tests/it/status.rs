//! Who runs what, where, since when, what is next.

use insta::assert_snapshot;
use serde_json::json;

use crate::kit::{
    LINE, app, at, kubectl, line, line_with, overlay, put, repo, run, save, skipped, start,
};

#[test]
fn the_matrix_and_what_is_next() {
    let repo = line();
    assert_snapshot!(run(&repo, &["status"]).text(), @"
    exit 0
    --- stdout
    APP  DEV          STAGING        PROD
    api  v1.2.2 ([AGE])  v1.2.2 ([AGE])    v1.2.2 ([AGE])
    web  v1.2.3 ([AGE])  v1.2.2 < ([AGE])  v1.2.2 ([AGE])

    <  behind the environment before

    next:
      git promote web@v1.2.3 staging
    ");
    assert_snapshot!(run(&repo, &["status", "api"]).text(), @"
    exit 0
    --- stdout
    APP  DEV          STAGING      PROD
    api  v1.2.2 ([AGE])  v1.2.2 ([AGE])  v1.2.2 ([AGE])
    ");
    assert_snapshot!(run(&repo, &["status", "web", "staging"]).text(), @"
    exit 0
    --- stdout
    APP  STAGING
    web  v1.2.2 < ([AGE])

    <  behind the environment before

    next:
      git promote web@v1.2.3 staging
    ");
    assert_snapshot!(run(&repo, &["status", "wob"]).text(), @"
    exit 5
    --- stderr
    error: there is no app or environment `wob`
    hint: did you mean web?
    hint: git promote status
    ");
}

#[test]
fn the_next_command_works() {
    let repo = line();
    let document = run(&repo, &["status", "-o", "json"]).json(0);
    let next = &document["rows"][1]["next"];
    assert_eq!(
        *next,
        json!({"environment": "staging", "version": "v1.2.3",
               "command": "git promote web@v1.2.3 staging"})
    );
    let words: Vec<&str> = next["command"].as_str().unwrap().split(' ').skip(2).collect();
    run(&repo, &words).stdout(0);
    let document = run(&repo, &["status", "-o", "json"]).json(0);
    assert_eq!(document["rows"][1]["next"]["environment"], "prod");
    run(&repo, &["web@v1.2.3", "prod"]).stdout(0);
    let document = run(&repo, &["status", "-o", "json"]).json(0);
    assert_eq!(document["rows"][1]["next"], json!(null));
}

#[test]
fn a_cell_says_since_when_and_by_which_commit() {
    let repo = line();
    let commit = repo.git(["rev-parse", "HEAD"]);
    let document = run(&repo, &["status", "-o", "json"]).json(0);
    assert_eq!(
        document["rows"][1]["cells"][0],
        json!({"environment": "dev", "version": "v1.2.3", "digest": null,
               "since": "2023-11-14T22:13:20Z", "commit": commit.trim(), "author": "A U Thor",
               "path": "apps/web/overlays/dev/kustomization.yaml", "found": [],
               "state": "current", "live": null, "requests": null})
    );
    assert_eq!(document["environments"][1], json!({"name": "staging", "from": ["dev"]}));
}

/// The states of web from dev to prod.
fn states(repo: &crate::testkit::Sandbox) -> Vec<String> {
    let document = run(repo, &["status", "web", "-o", "json"]).json(0);
    let cells = document["rows"][0]["cells"].as_array().unwrap();
    cells.iter().map(|cell| cell["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn states_tell_ahead_from_behind() {
    let repo = line();
    assert_eq!(states(&repo), ["current", "behind", "current"]);
    put(&repo, "web", "prod", "v1.4.0");
    assert_eq!(states(&repo), ["current", "behind", "ahead"]);
    // Back in staging: dev has the newer one all along.
    put(&repo, "web", "staging", "v1.2.1");
    assert_eq!(states(&repo), ["current", "behind", "ahead"]);
    put(&repo, "web", "staging", "v1.10.0");
    assert_eq!(states(&repo), ["current", "ahead", "behind"]);
    repo.git(["rm", "-q", "-r", "apps/web/overlays/staging"]);
    save(&repo, "Drop", &[]);
    assert_eq!(states(&repo), ["current", "absent", "ahead"]);
}

#[test]
fn what_was_in_the_environment_before_is_not_ahead_however_it_is_spelled() {
    for tags in [["v1.0.1", "v1.0.2", "v1.0.3"], ["sha-aaaaaaa", "sha-bbbbbbb", "sha-ccccccc"]] {
        let repo = line();
        let [first, second, third] = tags;
        for env in ["dev", "staging", "prod"] {
            put(&repo, "web", env, first);
        }
        for tag in [second, third] {
            put(&repo, "web", "dev", tag);
            put(&repo, "web", "staging", tag);
            save_later(&repo, "web", "prod", tag);
        }
        assert_eq!(states(&repo), ["current"; 3]);
        // Gone back, and half of the way forward again.
        save_later(&repo, "web", "prod", first);
        save_later(&repo, "web", "prod", second);
        assert_eq!(states(&repo), ["current", "current", "behind"], "{tags:?}");
        save_later(&repo, "web", "prod", "other");
        assert_eq!(states(&repo), ["current", "current", "ahead"], "{tags:?}");
    }
}

/// As [`put`], later than everything else.
fn save_later(repo: &crate::testkit::Sandbox, app: &str, env: &str, tag: &str) {
    let text = overlay(&format!("registry.example/acme/{app}"), tag);
    repo.write(&at(app, env), &text);
    crate::log::git_on(repo, 900, &["commit", "-q", "-a", "-m", "Later"]);
}

#[test]
fn a_shallow_clone_says_that_it_does_not_know_since_when() {
    let repo = line();
    let shallow = repo.dir.path().join("shallow");
    let url = format!("file://{}", repo.root.display());
    repo.git(["clone", "-q", "--depth", "1", &url, shallow.to_str().unwrap()]);
    let told = |dir: &str| run(&repo, &["status", "-C", dir]).text();
    let text = told(shallow.to_str().unwrap());
    assert!(text.contains("warning: the clone is shallow: since when"), "{text}");
    assert!(!told(".").contains("shallow"));
}

#[test]
fn what_was_just_rolled_back_is_not_next() {
    let repo = line();
    for env in ["staging", "prod"] {
        run(&repo, &["web@v1.2.3", env]).stdout(0);
    }
    run(&repo, &["rollback", "prod", "web"]).stdout(0);
    let document = run(&repo, &["status", "web", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["next"], json!(null));
    assert_eq!(states(&repo)[2], "behind");
    put(&repo, "web", "staging", "v1.2.4");
    let document = run(&repo, &["status", "web", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["next"]["version"], "v1.2.4");
    // Nor is what was left long ago.
    put(&repo, "web", "prod", "v1.2.2-hotfix");
    put(&repo, "web", "prod", "v1.2.1");
    put(&repo, "web", "staging", "v1.2.3");
    let document = run(&repo, &["status", "web", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["next"], json!(null));
    assert_eq!(run(&repo, &["web@v1.2.3", "prod", "-n"]).code(), 3);
}

#[test]
fn what_is_not_clear_is_unknown() {
    let repo = line();
    let text = "images:\n- name: registry.example/acme/web\n  newTag: 1.30\n";
    save(&repo, "Float", &[(&at("web", "staging"), text)]);
    assert_eq!(states(&repo)[1], "unknown");
}

#[test]
fn an_app_that_exists_in_some_environments_is_not_due_in_the_others() {
    let repo = line_with("\n[[app]]\nname = \"web\"\nenvironments = [\"dev\", \"prod\"]\n");
    let document = run(&repo, &["status", "web", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["next"]["environment"], "prod");
}

#[test]
fn every_table_of_output() {
    let repo = line();
    let form = |format: &str| run(&repo, &["status", "api", "-o", format]).text();
    assert_snapshot!(form("wide"), @"
    exit 0
    --- stdout
    APP  ENV      VERSION  STATE    SINCE                 COMMIT   AUTHOR    IMAGE                      PATH
    api  dev      v1.2.2   current  2023-11-14T22:13:20Z  896e5fe  A U Thor  registry.example/acme/api  apps/api/overlays/dev/kustomization.yaml
    api  staging  v1.2.2   current  2023-11-14T22:13:20Z  896e5fe  A U Thor  registry.example/acme/api  apps/api/overlays/staging/kustomization.yaml
    api  prod     v1.2.2   current  2023-11-14T22:13:20Z  896e5fe  A U Thor  registry.example/acme/api  apps/api/overlays/prod/kustomization.yaml
    ");
    assert_snapshot!(form("name"), @"
    exit 0
    --- stdout
    api
    ");
    assert_snapshot!(form("tsv"), @"
    exit 0
    --- stdout
    app	image	dev	staging	prod	dev state	dev since	staging state	staging since	prod state	prod since
    api	registry.example/acme/api	v1.2.2	v1.2.2	v1.2.2	current	2023-11-14T22:13:20Z	current	2023-11-14T22:13:20Z	current	2023-11-14T22:13:20Z
    ");
    assert_snapshot!(form("markdown"), @"
    exit 0
    --- stdout
    | APP | IMAGE | DEV | STAGING | PROD | DEV STATE | DEV SINCE | STAGING STATE | STAGING SINCE | PROD STATE | PROD SINCE |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | api | registry.example/acme/api | v1.2.2 | v1.2.2 | v1.2.2 | current | 2023-11-14T22:13:20Z | current | 2023-11-14T22:13:20Z | current | 2023-11-14T22:13:20Z |
    ");
    assert_eq!(run(&repo, &["status", "-o", "xml"]).code(), 2);
}

#[test]
fn every_document_of_output() {
    let repo = line();
    let form = |format: &str| run(&repo, &["status", "api", "dev", "-o", format]).text();
    assert_snapshot!(form("yaml"), @r#"
    exit 0
    --- stdout
    apiVersion: git-promote/v1
    kind: Status
    environments:
      - name: dev
        from: []
    rows:
      - app: api
        group: ~
        image: registry.example/acme/api
        cells:
          - environment: dev
            version: v1.2.2
            digest: ~
            since: "2023-11-14T22:13:20Z"
            commit: [ID]
            author: A U Thor
            path: apps/api/overlays/dev/kustomization.yaml
            found: []
            state: current
            live: ~
            requests: ~
        next: ~
    live: ~
    "#);
    assert_snapshot!(form("ndjson"), @r#"
    exit 0
    --- stdout
    {"app":"api","group":null,"image":"registry.example/acme/api","cells":[{"environment":"dev","version":"v1.2.2","digest":null,"since":"2023-11-14T22:13:20Z","commit":"[ID]","author":"A U Thor","path":"apps/api/overlays/dev/kustomization.yaml","found":[],"state":"current","live":null,"requests":null}],"next":null}
    "#);
}

#[test]
fn of_many_rows_those_that_differ_are_shown() {
    let repo = crate::report::many(41);
    let short = run(&repo, &["status"]).stdout(0);
    assert_snapshot!(crate::kit::settled(&short), @"
    APP        DEV          STAGING        PROD
    app-00000  v1.1.0 ([AGE])  v1.0.0 < ([AGE])  v1.0.0 ([AGE])

    <  behind the environment before

    40 rows with the same version everywhere are left out: git promote status --all

    next:
      git promote app-00000@v1.1.0 staging
    ");
    let rows = |args: &[&str]| run(&repo, args).stdout(0).matches("app-").count();
    // The one that differs is named once more below `next`.
    assert_eq!(rows(&["status", "--all"]), 42);
    assert_eq!(rows(&["status", "-o", "tsv"]), 41 * 2);
    assert_eq!(rows(&["status", "-o", "wide"]), 3 * 3 + 1);
    assert_eq!(rows(&["status", "app-00007"]), 1);
    repo.git(["reset", "-q", "--hard"]);
    let same = overlay("registry.example/app-00000", "v1.0.0");
    save(&repo, "Go back", &[(&at("app-00000", "dev"), &same)]);
    assert_snapshot!(kubectl(&repo, &["status"]).text(), @"
    exit 0
    --- stdout
    all 41 rows with the same version everywhere are left out: kubectl promote status --all
    ");
}

#[test]
fn several_images_have_a_row_each() {
    let text = "images:\n- name: acme/web\n  newTag: v1\n- name: acme/job\n  newTag: v2\n";
    let repo = repo(&[("promote.toml", LINE), (&at("web", "dev"), text)]);
    assert_snapshot!(run(&repo, &["status"]).text(), @"
    exit 0
    --- stdout
    APP  IMAGE     DEV      STAGING  PROD
    web  acme/job  v2 ([AGE])  -        -
    web  acme/web  v1 ([AGE])  -        -
    ");
}

#[test]
fn the_history_of_merges_is_that_of_the_first_parent() {
    let repo = repo(&[("promote.toml", LINE)]);
    app(&repo, "web", &[("dev", "v1"), ("staging", "v1"), ("prod", "v1")]);
    save(&repo, "Add web", &[]);
    repo.git(["checkout", "-q", "-b", "topic"]);
    put(&repo, "web", "dev", "v2");
    repo.git(["checkout", "-q", "main"]);
    repo.git(["merge", "-q", "--no-ff", "-m", "Merge", "topic"]);
    let merge = repo.git(["rev-parse", "HEAD"]);
    let document = run(&repo, &["status", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["cells"][0]["commit"], merge.trim());
}

#[test]
fn several_threads_tell_what_one_does() {
    let repo = crate::report::many(400);
    repo.git(["reset", "-q", "--hard"]);
    // What cannot be read, what is said of a file, a link, and an overlay in
    // another one, here and there.
    for at in (0..400).step_by(7) {
        let dir = format!("apps/app-{at:05}/overlays/staging");
        repo.write(
            &format!("{dir}/broken.yaml"),
            "image: x # {\"$imagepolicy\": [\n  containers: [",
        );
        repo.write(&format!("{dir}/odd.yaml"), "a: b # {\"$imagepolicy\": \"apps:web:name\"}\n");
        repo.write(
            &format!("{dir}/nested/more.yaml"),
            "kind: Pod\nspec:\n  containers:\n  - image: a/b:v1\n",
        );
        let link = repo.root.join(format!("apps/app-{at:05}/overlays/prod/link.yaml"));
        std::os::unix::fs::symlink("kustomization.yaml", link).unwrap();
    }
    save(&repo, "More", &[]);
    for (app, env) in [("app-00003", "dev"), ("app-00003", "staging"), ("app-00398", "prod")] {
        put(&repo, app, env, "v3.0.0");
    }
    let program = env!("CARGO_BIN_EXE_git-promote");
    for args in [&["status", "-o", "json", "-v"][..], &["status", "--all", "-v"]] {
        let forget = || std::fs::remove_dir_all(repo.root.join(".git/promote")).unwrap_or_default();
        forget();
        let several = run(&repo, args).text();
        forget();
        let alone = [&["-c", "0", program][..], args].concat();
        if std::process::Command::new("taskset").arg("--version").output().is_err() {
            return skipped("there is no taskset to take the other processors away");
        }
        assert_eq!(several, start(&repo, "taskset", &alone).text(), "{args:?}");
        assert!(several.contains("broken.yaml") && several.contains("app-00399"), "{several}");
    }
}

#[test]
fn where_the_files_do_not_agree_it_is_told_what_stands_in_them() {
    let config = LINE.replace("apps/{app}/overlays/{env}", "apps/{app}/{env}/*");
    let repo = repo(&[("promote.toml", &config)]);
    let cluster = |env: &str, cluster: &str, tag: &str| {
        (format!("apps/web/{env}/{cluster}/kustomization.yaml"), overlay("acme/web", tag))
    };
    let files = [
        cluster("dev", "eu", "v2"),
        cluster("staging", "eu", "v1"),
        cluster("prod", "eu", "v2"),
        cluster("prod", "us", "v1"),
        cluster("prod", "za", "v2"),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    save(&repo, "Start", &files);
    let table = run(&repo, &["status"]).stdout(0);
    assert!(table.lines().any(|line| line.ends_with("  v2, v1 ?")), "{table}");
    let wide = run(&repo, &["status", "-o", "wide", "prod"]).stdout(0);
    let paths = "apps/web/prod/eu/kustomization.yaml, apps/web/prod/us/kustomization.yaml, \
                 apps/web/prod/za/kustomization.yaml";
    assert!(wide.contains("v2, v1") && wide.contains(paths), "{wide}");
    let cell = run(&repo, &["status", "prod", "-o", "json"]).json(0)["rows"][0]["cells"][0].clone();
    assert_eq!((&cell["version"], &cell["state"]), (&json!(null), &json!("unknown")));
    assert_eq!(
        cell["found"][1],
        json!({ "version": "v1", "path": "apps/web/prod/us/kustomization.yaml" })
    );
    let report =
        run(&repo, &["report"]).stdout(0) + &run(&repo, &["report", "--html", "-"]).stdout(0);
    assert!(report.contains("| `v2, v1` ? |") && report.contains(">v2, v1<"), "{report}");
}
