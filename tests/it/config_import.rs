//! The config files of other tools: what is carried over, and what is said of
//! the rest.

use promote::config::{
    Origin, from_gitops_promotion, import_environments_yaml, import_gitops_promotion,
};
use promote::model::{Flow, Sources};

use crate::config::{error, names};

/// The sample of gitops-promotion's own README.
const GITOPS: &str = "\
prflow: per-app
environments:
  - name: dev
    auto: true
  - name: qa
    auto: true
  - name: prod
    auto: false
groups:
  apps:
    applications:
      podinfo:
        featureOverwrite: false
        featureLabelSelector:
          app: podinfo
";

#[test]
fn gitops_promotion_is_read_as_it_is() {
    let imported = import_gitops_promotion(GITOPS).unwrap();
    let config = imported.config;
    assert_eq!(config.origin, Origin::GitopsPromotion);
    assert_eq!(config.layout[0].template, "{group}/{env}/**");
    let prod = config.environment("prod").unwrap();
    assert_eq!(names(prod.sources.names()), ["qa"]);
    assert_eq!(config.environment("dev").unwrap().sources, Sources::First);
    let merges = |name: &str| config.environment(name).unwrap().delivery.auto_merge;
    assert_eq!((merges("dev"), merges("qa"), merges("prod")), (true, true, false));
    assert_eq!(config.delivery.pull_request.flow, Flow::PerApp);
    let notes: Vec<_> = imported.notes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(notes.join("\n"), @"
    line 12: feature deployments of `podinfo` are made by `git promote preview`
    ");
}

#[test]
fn gitops_promotion_that_cannot_be_read_has_a_place() {
    let texts = [
        "",
        "- a",
        "enviroments:\n- name: dev",
        "environments: []",
        "environments: {dev: true}",
        "environments:\n  - name: dev\n  - auto: true",
        "environments:\n  - name: dev\n  - name: qa\n  - name: dev",
        "environments:\n  - name: dev\n    auto: maybe",
        "environments:\n  - name: to",
        "environments: [{name: dev}]\nprflow: per-moon",
        "environments: [&a {name: dev}, *a]",
        "environments: [{name: !!str dev}]",
        "environments: [{name: dev, name: qa}]",
        "environments: [{name: dev}]\n---\nx: 1",
        "environments:\n  - <<: {name: dev}",
        "environments: [\nname: dev",
    ];
    let said: String = texts.iter().map(|text| error(from_gitops_promotion(text))).collect();
    insta::assert_snapshot!(said, @r#"
    gitops-promotion.yaml:1:1: the key `environments` is missing
      hint: add `environments`
    gitops-promotion.yaml:1:1: `gitops-promotion.yaml` must be a mapping
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:1:1: unknown key `enviroments`, did you mean `environments`?
      hint: write `environments`
    gitops-promotion.yaml:1:15: no environment is configured
      hint: list them in the order of promotion, the first one first
    gitops-promotion.yaml:1:15: `environments` must be a list
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:3:9: the key `name` is missing
      hint: add `name`
    gitops-promotion.yaml:4:11: the environment `dev` is given twice
      hint: rename or remove the second `dev`
    gitops-promotion.yaml:3:11: `auto` must be true or false
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:2:11: the environment name `to` is the name of a command
      hint: choose another name, and keep the directory with `dirs = ["to"]` in promote.toml
    gitops-promotion.yaml:2:9: `per-moon` is not a value of `prflow`
      hint: write one of: per-app, per-env
    gitops-promotion.yaml:1:32: aliases are not allowed in a config file
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:1:29: tags are not allowed in a config file
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:1:28: the key `name` is given twice
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:2:1: several documents are not allowed in a config file
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:2:5: merge keys are not allowed in a config file
      hint: `git promote init --print` shows a config as it should be
    gitops-promotion.yaml:2:1: invalid indentation
      hint: `git promote init --print` shows a config as it should be
    "#);
}

#[test]
fn environments_yaml_is_imported_in_both_shapes() {
    let list = "\
environments:
  - name: dev
    approval: {required: false, auto_merge: true}
  - name: prod
    approval:
      required: true
      approvers: [\"@team-leads\", \"@security\"]
      count: 2
    cluster: eu
";
    let map = "\
dev:
  approval: {required: false, auto_merge: yes}
prod:
  approval: {required: true}
";
    let mut said = String::new();
    for text in [list, map] {
        let imported = import_environments_yaml(text).unwrap();
        let prod = imported.config.environment("prod").unwrap();
        assert_eq!(names(prod.sources.names()), ["dev"]);
        said.extend(imported.notes.iter().map(|note| format!("{note}\n")));
    }
    insta::assert_snapshot!(said, @"
    line 6: `prod` asks for 2 approval(s) of @team-leads, @security: go on asking where changes are merged, this version does not
    line 9: `cluster` is not known and has no effect
    line 4: `prod` asks for 1 approval(s): go on asking where changes are merged, this version does not
    ");
    let bad = ["[]", "x", "- approval: {}", "dev: {approval: 1}", "dev: {approval: {count: many}}"];
    let said: String = bad.iter().map(|text| error(import_environments_yaml(text))).collect();
    insta::assert_snapshot!(said, @"
    environments.yaml:1:1: no environment is configured
      hint: list them in the order of promotion, the first one first
    environments.yaml:1:1: `environments` must be a list or a mapping
      hint: `git promote init --print` shows a config as it should be
    environments.yaml:1:11: the key `name` is missing
      hint: add `name`
    environments.yaml:1:17: `approval` must be a mapping
      hint: `git promote init --print` shows a config as it should be
    environments.yaml:1:25: `count` must be a number
      hint: `git promote init --print` shows a config as it should be
    ");
}
