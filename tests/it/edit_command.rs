//! `git promote edit`: one file, no repository.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use crate::kit::{D1, repo, run};

const FILE: &str =
    "images:\n- name: acme/web\n  newTag: v1 # ours\n- name: acme/job\n  newTag: v1\n";
const MARKED: &str = "image: acme/web:v1 # {\"$imagepolicy\": \"shop:web\"}\n";

/// A directory that is no repository.
fn files() -> crate::testkit::Sandbox {
    let repo = repo(&[("kustomization.yaml", FILE), ("flux.yaml", MARKED)]);
    fs::remove_dir_all(repo.root.join(".git")).unwrap();
    repo
}

#[test]
fn it_changes_one_image_and_says_what() {
    let dir = files();
    let args = ["edit", "kustomization.yaml", "--image", "acme/web", "--tag", "v2"];
    assert_snapshot!(run(&dir, &args).text(), @"
    exit 0
    --- stdout
    kustomization.yaml:3  images[0].newTag  v1 -> v2
    1 value, 2 bytes changed
    ");
    assert_eq!(dir.read("kustomization.yaml"), FILE.replacen("v1", "v2", 1));
    assert_snapshot!(run(&dir, &args).text(), @"
    exit 0
    --- stdout
    kustomization.yaml: nothing to change
    ");
}

#[test]
fn a_tag_alone_means_no_digest() {
    let dir = files();
    let edit = |args: &[&str]| {
        run(&dir, &[&["edit", "kustomization.yaml", "--image", "acme/job"], args].concat()).code()
    };
    assert_eq!(edit(&["--tag", "v2", "--digest", D1]), 0);
    assert!(dir.read("kustomization.yaml").contains(D1));
    assert_eq!(edit(&["--tag", "v3"]), 0);
    assert_eq!(dir.read("kustomization.yaml"), FILE.replace("newTag: v1\n", "newTag: v3\n"));
}

#[test]
fn it_changes_markers() {
    let dir = files();
    let args = ["edit", "flux.yaml", "--policy", "shop:web", "--repo", "acme/web", "--tag", "v2"];
    assert_snapshot!(run(&dir, &args).text(), @"
    exit 0
    --- stdout
    flux.yaml:1  image  acme/web:v1 -> acme/web:v2
    1 value, 11 bytes changed
    ");
    assert_eq!(dir.read("flux.yaml"), MARKED.replace("v1", "v2"));
}

#[test]
fn a_dry_run_writes_nothing_and_json_lists_the_edits() {
    let dir = files();
    let args =
        ["edit", "kustomization.yaml", "--image", "acme/web", "--tag", "v2", "-n", "-o", "json"];
    let document = run(&dir, &args).json(0);
    assert_eq!(
        document,
        json!({"apiVersion": "git-promote/v1", "kind": "Edit", "file": "kustomization.yaml",
               "dryRun": true,
               "edits": [{"path": "kustomization.yaml", "line": 3, "column": 11,
                          "field": "images[0].newTag", "kind": "kustomize-tag",
                          "old": "v1", "new": "v2"}]})
    );
    assert_eq!(dir.read("kustomization.yaml"), FILE);
}

#[test]
fn what_is_wrong_is_said_and_nothing_written() {
    let dir = files();
    dir.write("bad.yaml", "a: [\n");
    let cases: [(&[&str], i32); 7] = [
        (&["edit", "kustomization.yaml", "--image", "acme/wob", "--tag", "v2"], 5),
        (&["edit", "flux.yaml", "--policy", "shop:api", "--repo", "acme/api", "--tag", "v2"], 5),
        (&["edit", "gone.yaml", "--image", "acme/web", "--tag", "v2"], 5),
        (&["edit", "kustomization.yaml", "--image", "acme/web", "--tag", "v 2"], 8),
        (&["edit", "bad.yaml", "--image", "acme/web", "--tag", "v2"], 8),
        (&["edit", "kustomization.yaml", "--image", "acme/web"], 2),
        (&["edit", "kustomization.yaml", "--tag", "v2"], 2),
    ];
    for (args, code) in cases {
        let output = run(&dir, args).output();
        assert_eq!(output.status.code(), Some(code), "{args:?} {output:?}");
        assert!(!output.stderr.is_empty());
    }
    assert_eq!(dir.read("kustomization.yaml"), FILE);
    assert_eq!(dir.read("flux.yaml"), MARKED);
    assert_snapshot!(run(&dir, cases[0].0).text(), @"
    exit 5
    --- stderr
    error: kustomization.yaml: no image `acme/wob` in `images`; there is `acme/web`, `acme/job`
    hint: git promote help edit
    ");
    assert_snapshot!(run(&dir, cases[1].0).text(), @"
    exit 5
    --- stderr
    error: flux.yaml: no marker for the policy `shop:api`; there is `shop:web`
    hint: git promote help edit
    ");
    assert_snapshot!(run(&dir, cases[2].0).text(), @"
    exit 5
    --- stderr
    error: cannot read 'gone.yaml': No such file or directory (os error 2)
    hint: git promote edit kustomization.yaml --image NAME --tag TAG
    ");
    assert_snapshot!(run(&dir, cases[4].0).text(), @"
    exit 8
    --- stderr
    error: bad.yaml:2:1: not valid YAML: while parsing a node, did not find expected node content
    hint: git promote help edit
    ");
}

#[test]
fn quiet_and_tables() {
    let dir = files();
    let args = ["edit", "kustomization.yaml", "--image", "acme/web", "--tag", "v2", "-n"];
    assert_eq!(run(&dir, &[&args[..], &["-q"]].concat()).stdout(0), "");
    assert_snapshot!(run(&dir, &[&args[..], &["-o", "tsv"]].concat()).text(), @"
    exit 0
    --- stdout
    file	line	field	old	new
    kustomization.yaml	3	images[0].newTag	v1	v2
    ");
    assert_snapshot!(run(&dir, &[&args[..], &["-o", "name"]].concat()).text(), @"
    exit 0
    --- stdout
    kustomization.yaml
    ");
    assert_snapshot!(run(&dir, &[&args[..], &["-o", "ndjson"]].concat()).text(), @r#"
    exit 0
    --- stdout
    {"path":"kustomization.yaml","line":3,"column":11,"field":"images[0].newTag","kind":"kustomize-tag","old":"v1","new":"v2"}
    "#);
}
