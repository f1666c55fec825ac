//! The log of real repositories, held against what diffs alone tell.
//!
//! `PROMOTE_LOG_REPO=<clone> cargo test -- --ignored the_log_agrees` compares
//! every record of `git promote log` with `tests/history/derive.py`; the clone
//! has the promote.toml of `docs/gate.md` committed on top. The figures are in
//! `docs/history.md`. `the_metrics_agree` does the same with the numbers of
//! `log --metrics` and `tests/history/metrics.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::krew::skip;

fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

/// Standard output of a program; `None` where it cannot be started.
fn output(program: &str, args: &[&str], dir: &str) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(dir).output().ok()?;
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Commit, environment, app, image, version; and what was before.
type Records = BTreeMap<[String; 5], Option<String>>;

fn records(lines: &str) -> Records {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    // Tag and digest, as one.
    let pin = |version: &Value, digest: &Value| match (text(version), text(digest)) {
        (Some(version), Some(digest)) if version != digest => Some(format!("{version}@{digest}")),
        (version, _) => version,
    };
    lines
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| text(&record[name]).unwrap();
            let version = pin(&record["version"], &record["digest"]).unwrap();
            let key = ["commit", "environment", "app", "image"].map(field);
            let [commit, environment, app, image] = key;
            let previous = pin(&record["previous"], &record["previousDigest"]);
            ([commit, environment, app, image, version], previous)
        })
        .collect()
}

#[test]
#[ignore = "needs a clone in PROMOTE_LOG_REPO"]
fn the_log_agrees_with_the_diffs() {
    let Ok(repo) = std::env::var("PROMOTE_LOG_REPO") else {
        return skip("PROMOTE_LOG_REPO is not set");
    };
    let program = env!("CARGO_BIN_EXE_git-promote");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history/derive.py");
    let Some(derived) = output("python3", &[script.to_str().unwrap(), "."], &repo) else {
        return skip("there is no python3");
    };
    let derived = records(&derived);
    let ours = records(&output(program, &["log", "-o", "ndjson"], &repo).unwrap());
    say(&format!("{} records in the log, {} in the diffs", ours.len(), derived.len()));
    let differing: Vec<_> = ours
        .keys()
        .chain(derived.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|key| ours.get(*key) != derived.get(*key))
        .collect();
    assert!(ours.len() >= 200, "too few to tell anything");
    assert!(
        differing.is_empty(),
        "{} differ: {:#?}",
        differing.len(),
        differing.iter().take(9).collect::<Vec<_>>()
    );
    ways(program, &repo, &derived);
}

/// By environment, app and month.
type Counts = BTreeMap<[Option<String>; 3], Value>;

fn counts<'v>(rows: impl Iterator<Item = &'v Value>) -> Counts {
    let key = |row: &Value| {
        ["environment", "app", "month"].map(|name| row[name].as_str().map(str::to_owned))
    };
    let spans = |spans: &Value| match spans {
        Value::Object(spans) => Value::Array(spans.values().cloned().collect()),
        other => other.clone(),
    };
    let numbers = |row: &Value| {
        json!([
            row["deployments"],
            row["perWeek"],
            row["rollbacks"],
            spans(&row["leadTime"]),
            spans(&row["timeToRestore"])
        ])
    };
    rows.map(|row| (key(row), numbers(row))).collect()
}

#[test]
#[ignore = "needs a clone in PROMOTE_LOG_REPO"]
fn the_metrics_agree_with_the_diffs() {
    let Ok(repo) = std::env::var("PROMOTE_LOG_REPO") else {
        return skip("PROMOTE_LOG_REPO is not set");
    };
    let program = env!("CARGO_BIN_EXE_git-promote");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/history/metrics.py");
    let text = output(program, &["log", "--metrics", "-o", "json"], &repo).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let until = document["until"].as_str().unwrap();
    let Some(lines) = output("python3", &[script.to_str().unwrap(), ".", until], &repo) else {
        return skip("there is no python3");
    };
    let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let counted = counts(lines.iter());
    let lists = ["environments", "months", "apps", "rows"];
    let ours = counts(lists.iter().flat_map(|list| document[*list].as_array().unwrap()));
    say(&format!("{} rows of metrics, {} counted from diffs", ours.len(), counted.len()));
    assert!(ours.len() >= 200, "too few to tell anything");
    let keys: BTreeSet<_> = ours.keys().chain(counted.keys()).collect();
    let differing: Vec<_> = keys
        .into_iter()
        .filter(|key| ours.get(*key) != counted.get(*key))
        .map(|key| (key, ours.get(key), counted.get(key)))
        .collect();
    let shown: Vec<_> = differing.iter().take(9).collect();
    assert!(differing.is_empty(), "{} differ: {shown:#?}", differing.len());
}

/// The ways of versions that reached the last environment, 200 of them: each
/// commit of `why` is one that the diffs name.
fn ways(program: &str, repo: &str, derived: &Records) {
    let last: Vec<&[String; 5]> =
        derived.keys().filter(|[_, environment, ..]| environment == "production").collect();
    let step = (last.len() / 200).max(1);
    let mut compared = 0;
    for [_, environment, app, image, version] in last.into_iter().step_by(step) {
        let text =
            output(program, &["why", app, environment, version, "--offline", "-o", "json"], repo);
        let document: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let way = document["way"].as_array().unwrap();
        let of_image: Vec<_> = way.iter().filter(|step| step["image"] == image.as_str()).collect();
        assert!(!of_image.is_empty(), "{app} {version}");
        for step in of_image {
            let environment = step["environment"].as_str().unwrap();
            let known = derived.keys().any(|[commit, e, a, i, v]| {
                (e.as_str(), a, i, v) == (environment, app, image, version)
                    && step["commit"] == commit.as_str()
            });
            assert_eq!(known, !step["commit"].is_null(), "{app} {version} in {environment}");
            compared += 1;
        }
    }
    say(&format!("{compared} steps of ways agree"));
}
