//! The documents of `-o`, as the contract has them.

use insta::assert_snapshot;
use serde_json::json;

use crate::kit::{at, line, run};

#[test]
fn the_document_of_a_promotion() {
    let repo = line();
    let document = run(&repo, &["web@v1.2.3", "staging", "-o", "json"]).json(0);
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "apiVersion",
            "kind",
            "to",
            "dryRun",
            "promotions",
            "changes",
            "copies",
            "edits",
            "findings",
            "result",
            "commit",
            "branch",
            "pullRequest"
        ]
    );
    assert_eq!(
        document["promotions"],
        json!([{"app": "web", "image": "registry.example/acme/web", "from": "dev", "to": "staging",
                "previous": "v1.2.2", "version": "v1.2.3", "previousDigest": null, "digest": null}])
    );
    assert_eq!(
        document["edits"],
        json!([{"path": at("web", "staging"), "line": 5, "column": 11, "field": "images[0].newTag",
                "kind": "kustomize-tag", "old": "v1.2.2", "new": "v1.2.3"}])
    );
    let finding = document["findings"][1].clone();
    assert_eq!(
        finding,
        json!({"rule": "GP003", "result": "pass", "app": "web", "environment": "staging",
               "message": "v1.2.3 is newer than v1.2.2", "path": null, "line": null, "hint": null})
    );
    assert_eq!(document["result"], "committed");
    assert_eq!(document["commit"], repo.head().to_string());
    assert_eq!(document["branch"], "main");
    assert_eq!(document["pullRequest"], json!(null));
}

#[test]
fn a_refusal_and_a_plan_are_documents_too() {
    let repo = line();
    let document = run(&repo, &["web@v1.2.3", "prod", "-o", "json"]).json(3);
    assert_eq!(document["result"], "refused");
    assert_eq!(document["commit"], json!(null));
    let finding = &document["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["result"], &finding["path"], &finding["line"]),
        (&json!("GP001"), &json!("fail"), &json!(at("web", "prod")), &json!(5))
    );
    let document = run(&repo, &["-n", "web@v1.2.3", "staging", "-o", "json"]).json(0);
    assert_eq!((&document["result"], &document["dryRun"]), (&json!("planned"), &json!(true)));
}

#[test]
fn a_version_that_nobody_runs_is_a_document_too() {
    let repo = line();
    let document = run(&repo, &["v9.9.9", "prod", "-o", "json"]).json(3);
    assert_eq!((&document["result"], &document["to"]), (&json!("refused"), &json!("prod")));
    let finding = &document["findings"][0];
    assert_eq!((&finding["rule"], &finding["app"]), (&json!("GP001"), &json!(null)));
    let message = finding["message"].as_str().unwrap();
    assert!(message.starts_with("no app runs v9.9.9 in staging"), "{message}");
}

#[test]
fn the_document_as_yaml() {
    let repo = line();
    let form = |format: &str| run(&repo, &["-n", "web@v1.2.3", "staging", "-o", format]).text();
    let yaml = form("yaml");
    assert!(yaml.starts_with("exit 0\n--- stdout\napiVersion: git-promote/v1\nkind: Promotion\n"));
    let (_, tail) = yaml.split_once("  - rule: GP011").unwrap();
    assert_snapshot!(tail, @"
        result: pass
        app: web
        environment: staging
        message: every manifest can be read
        path: ~
        line: ~
        hint: ~
    result: planned
    commit: ~
    branch: main
    pullRequest: ~
    ");
}

#[test]
fn every_short_form_of_a_promotion() {
    let repo = line();
    let form = |format: &str| run(&repo, &["-n", "web@v1.2.3", "staging", "-o", format]).text();
    assert_snapshot!(form("ndjson"), @r#"
    exit 0
    --- stdout
    {"app":"web","image":"registry.example/acme/web","from":"dev","to":"staging","previous":"v1.2.2","version":"v1.2.3","previousDigest":null,"digest":null}
    "#);
    assert_snapshot!(form("name"), @"
    exit 0
    --- stdout
    web
    ");
    assert_snapshot!(form("tsv"), @"
    exit 0
    --- stdout
    app	image	to	previous	version
    web	registry.example/acme/web	staging	v1.2.2	v1.2.3
    ");
    assert_snapshot!(form("markdown"), @"
    exit 0
    --- stdout
    | APP | IMAGE | TO | PREVIOUS | VERSION |
    | --- | --- | --- | --- | --- |
    | web | registry.example/acme/web | staging | v1.2.2 | v1.2.3 |
    ");
    assert_eq!(form("wide"), form("table"));
}

#[test]
fn exit_codes_do_not_depend_on_the_form() {
    let repo = line();
    for format in ["table", "json", "yaml", "ndjson", "name", "tsv", "markdown"] {
        let code = |args: &[&str]| run(&repo, &[args, &["-o", format]].concat()).code();
        assert_eq!(code(&["web@v1.2.3", "prod"]), 3);
        assert_eq!(code(&["-n", "--exit-code", "web@v1.2.3", "staging"]), 1);
        assert_eq!(code(&["web@v1.2.2", "staging"]), 0);
        assert_eq!(code(&["nope@v1", "staging"]), 5);
        assert_eq!(code(&["v1"]), 2);
        assert_eq!(code(&["v 1", "staging"]), 8);
    }
}
