//! `git promote next`: what was merged goes on.

use crate::kit::{at, line, line_with, put, run};
use crate::push::with_remote;

#[test]
fn what_was_merged_goes_on_to_the_next_environment_alone() {
    let sandbox = line();
    let remote = with_remote(&sandbox);
    // The last commit of the line puts web v1.2.3 into dev.
    let document = run(&sandbox, &["next", "-o", "json"]).json(0);
    assert_eq!(document["rows"].as_array().unwrap().len(), 1, "{document}");
    assert_eq!(document["rows"][0]["app"], "web");
    assert_eq!(document["rows"][0]["to"], "staging");
    assert_eq!(document["rows"][0]["result"], "pushed");
    let branches = sandbox.git_in(&remote, ["branch", "--list"]);
    assert!(branches.contains("promote/env/staging/-/web"), "{branches}");
    assert!(!branches.contains("prod"), "{branches}");
    let tip = sandbox.git_in(&remote, ["rev-parse", "promote/env/staging/-/web"]);
    assert_eq!(run(&sandbox, &["next"]).code(), 0);
    assert_eq!(sandbox.git_in(&remote, ["rev-parse", "promote/env/staging/-/web"]), tip);
}

#[test]
fn what_a_rule_holds_back_is_no_failure() {
    let sandbox = line();
    put(&sandbox, "web", "staging", "v1.2.3");
    put(&sandbox, "web", "staging", "v1.2.2");
    put(&sandbox, "web", "dev", "v1.2.4");
    put(&sandbox, "web", "dev", "v1.2.3");
    with_remote(&sandbox);
    let document = run(&sandbox, &["next", "-o", "json"]).json(0);
    assert_eq!(document["rows"][0]["result"], "held", "{document}");
    assert_eq!(document["rows"][0]["rule"], "GP003");
}

#[test]
fn a_failure_is_a_failure() {
    let sandbox = line();
    let said = run(&sandbox, &["next"]).output();
    assert_eq!(said.status.code(), Some(5), "there is no remote");
    assert!(String::from_utf8_lossy(&said.stdout).contains("failed"));
    assert_eq!(run(&sandbox, &["next", "nope..HEAD"]).code(), 5);
    assert_eq!(run(&sandbox, &["next", "HEAD"]).code(), 2);
}

#[test]
fn all_that_is_due_goes_on_whatever_merge_brought_it() {
    let sandbox = line();
    put(&sandbox, "api", "dev", "v2");
    with_remote(&sandbox);
    let document = run(&sandbox, &["next", "--due", "--dry-run", "-o", "json"]).json(0);
    let rows: Vec<String> = document["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {} {}", row["app"], row["to"], row["version"], row["result"]))
        .collect();
    assert_eq!(
        rows,
        [r#""api" "staging" "v2" "planned""#, r#""web" "staging" "v1.2.3" "planned""#,]
    );
}

#[test]
fn a_change_that_moves_nothing_says_so() {
    let sandbox = line();
    with_remote(&sandbox);
    sandbox.write("README.md", "words\n");
    sandbox.git(["add", "."]);
    sandbox.git(["commit", "-q", "-m", "Words"]);
    assert_eq!(run(&sandbox, &["next"]).stdout(0), "nothing goes on\n");
}

#[test]
fn waves_and_branches_of_the_pipeline_are_followed() {
    let sandbox = line_with("\n[[environment]]\nname = \"load\"\nfrom = [\"dev\"]\n");
    crate::kit::app(&sandbox, "web", &[("load", "v1")]);
    crate::kit::save(&sandbox, "Add load", &[]);
    put(&sandbox, "web", "dev", "v1.3.0");
    with_remote(&sandbox);
    let said = run(&sandbox, &["next", "-o", "tsv", "-n"]).stdout(0);
    let to: Vec<&str> = said.lines().skip(1).filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(to, ["staging", "load"], "{said}");
    assert!(sandbox.read(&at("web", "load")).contains("v1"));
}
