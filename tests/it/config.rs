//! What the config files may say, and what is said of those that may not.

use promote::config::{
    AppPolicy, Config, ConfigError, Origin, from_files, from_gitops_promotion, from_toml,
};
use promote::model::{EnvironmentName, Rule, Sources};

/// The sample of `docs/config.md`.
const SAMPLE: &str = include_str!("../../fixtures/config/promote.toml");

pub(crate) fn names(list: &[EnvironmentName]) -> Vec<&str> {
    list.iter().map(EnvironmentName::as_str).collect()
}

pub(crate) fn error<T>(result: Result<T, ConfigError>) -> String {
    let error = result.err().expect("the text should be refused");
    format!("{error}\n  hint: {}\n", error.hint())
}

fn minimal(body: &str) -> Config {
    from_toml(&format!("version = 1\n{body}")).unwrap()
}

#[test]
fn the_documented_sample_is_read() {
    let config = from_toml(SAMPLE).unwrap();
    assert_eq!(config.origin, Origin::PromoteToml);
    let order: Vec<_> =
        config.pipeline.environments().iter().map(|one| one.name.as_str()).collect();
    assert_eq!(order, ["dev", "staging", "prod-eu", "prod-us", "prod"]);
    let staging = config.environment("staging").unwrap();
    assert_eq!(staging.sources, Sources::All(vec![EnvironmentName::new("dev")]));
    assert!(staging.seen);
    assert_eq!(config.environment("prod-eu").unwrap().dirs, ["prod/blue", "prod/green"]);
    let last = config.environment("prod").unwrap();
    assert!(matches!(&last.sources, Sources::Any(any) if names(any) == ["prod-eu", "prod-us"]));
    assert_eq!(config.layout[0].template, "apps/{app}/overlays/{env}");
    assert_eq!(config.layout[1].fields[0].path, "spec.source.kustomize.images[*]");
    assert!(config.layout[1].fields[0].image);
    assert!(config.layout[0].couple, "by default");
    assert!(!config.layout[2].couple);
    assert_eq!(config.overrides[0].rule, Rule::GP003);
    assert_eq!(names(&config.overrides[0].environments), ["staging"]);
    assert_eq!(config.apps[0].policy, AppPolicy::Off);
    assert_eq!(config.mutable_tags, ["edge", "nightly-*"]);
}

#[test]
fn sources_follow_the_list_unless_said() {
    let config = minimal(
        "[[environment]]\nname = 'dev'\n[[environment]]\nname = 'qa'\n[[environment]]\nname = 'side'\nfrom = []\n",
    );
    let sources: Vec<_> = config.pipeline.environments().iter().map(|one| &one.sources).collect();
    assert_eq!(*sources[0], Sources::First);
    assert_eq!(*sources[1], Sources::All(vec![EnvironmentName::new("dev")]));
    assert_eq!(*sources[2], Sources::First);
    assert_eq!(config.layout, []);
    assert_eq!(config.environment("qa").unwrap().dirs, ["qa"]);
}

#[test]
fn a_byte_order_mark_and_crlf_do_no_harm() {
    let config = from_toml("\u{feff}version = 1\r\n[[environment]]\r\nname = \"dev\"\r\n");
    assert!(config.is_ok(), "{config:?}");
    let bad = "\u{feff}version = 1\r\nsorce = 1\r\n";
    assert!(error(from_toml(bad)).starts_with("promote.toml:2:1: "));
    assert!(error(from_toml("\u{feff}version = 2")).starts_with("promote.toml:1:11: "));
    let wide = "version = 1\nmutable-tags = ['öö', '{']\n[[environment]]\nname = 'dev'";
    assert!(error(from_toml(wide)).starts_with("promote.toml:2:23: "));
}

#[test]
fn the_version_is_the_first_thing_asked() {
    let texts = ["", "[[environment]]\nname = 'dev'", "version = 2\nnew-key = 1", "version = '1'"];
    insta::assert_snapshot!(texts.iter().map(|text| error(from_toml(text))).collect::<String>(), @"
    promote.toml:1:1: the key `version` is missing
      hint: write `version = 1` as the first line
    promote.toml:1:1: the key `version` is missing
      hint: write `version = 1` as the first line
    promote.toml:1:11: `version = 2` is not known, this program reads version 1
      hint: write `version = 1`, or use a newer git-promote
    promote.toml:1:11: `version = '1'` is not known, this program reads version 1
      hint: write `version = 1`, or use a newer git-promote
    ");
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let long = "#".repeat(2_000_000);
    assert!(error(from_toml(&long)).contains("more than the 1048576"));
    let deep = format!("version = 1\nmutable-tags = {}", "[".repeat(100_000));
    assert!(from_toml(&deep).is_err());
    let flow = format!("environments: {}", "[".repeat(100_000));
    assert!(from_gitops_promotion(&flow).is_err());
    let nested = format!("environments: {}{}", "[".repeat(40), "]".repeat(40));
    assert!(error(from_gitops_promotion(&nested)).contains("values nested this deep"));
    let many: Vec<String> =
        (0..1001).map(|n| format!("[[environment]]\nname = 'e{n}'\n")).collect();
    assert!(
        error(from_toml(&format!("version = 1\n{}", many.concat()))).contains("1001 environments")
    );
}

#[test]
fn the_file_that_is_there_decides() {
    let toml = b"version = 1\n[[environment]]\nname = 'dev'\n".as_slice();
    let yaml = b"environments: [{name: qa}]\n".as_slice();
    let origin = |result: Result<Option<Config>, ConfigError>| result.unwrap().map(|c| c.origin);
    assert_eq!(origin(from_files(Some(toml), Some(yaml))), Some(Origin::PromoteToml));
    assert_eq!(origin(from_files(None, Some(yaml))), Some(Origin::GitopsPromotion));
    assert_eq!(origin(from_files(None, None)), None);
    insta::assert_snapshot!(error(from_files(Some(b"version = 1\n# \xff"), None)), @"
    promote.toml:2:3: the file is not valid UTF-8
      hint: `git promote init --print` shows a config as it should be
    ");
}
