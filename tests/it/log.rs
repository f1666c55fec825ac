//! `git promote log`: what entered which environment, from trees and records.

use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};

use crate::kit::{LINE, at, kubectl, line, overlay, put, repo, run, save};
use crate::testkit::{Sandbox, hermetic};

/// What `log` prints of each entry, without what changes from run to run.
const SHORT: &str = "%(env) %(app) %(previous) -> %(version) rollback=%(rollback) \
                     recorded=%(recorded)%n";

pub(crate) fn lines(repo: &Sandbox, args: &[&str]) -> Vec<String> {
    let text = run(repo, &[&["log", "--format", SHORT.trim_end_matches("%n")], args].concat());
    text.stdout(0).lines().map(str::to_owned).collect()
}

/// Git with the clock at that day.
pub(crate) fn git_on(repo: &Sandbox, day: i64, args: &[&str]) {
    let date = format!("{} +0000", 1_700_000_000 + day * 86_400);
    let mut command = std::process::Command::new("git");
    command.current_dir(&repo.root).args(args);
    hermetic(&mut command, repo.dir.path());
    command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A commit of that day that sets a version.
pub(crate) fn put_on(repo: &Sandbox, day: i64, (app, env, tag): (&str, &str, &str)) {
    repo.write(&at(app, env), &overlay(&format!("registry.example/acme/{app}"), tag));
    git_on(repo, day, &["add", "-A"]);
    git_on(repo, day, &["commit", "-q", "-m", &format!("{app} {tag} in {env}")]);
}

/// The program with the clock at that day.
pub(crate) fn promote_on(repo: &Sandbox, day: i64, args: &[&str]) {
    let date = format!("{} +0000", 1_700_000_000 + day * 86_400);
    let run = run(repo, args);
    run.env("GIT_COMMITTER_DATE", &date).env("GIT_AUTHOR_DATE", &date).stdout(0);
}

/// One app, everything at v1.0.0; v1.1.0 goes all the way, and back in prod.
pub(crate) fn story() -> Sandbox {
    let repo = repo(&[("promote.toml", LINE)]);
    for env in ["dev", "staging", "prod"] {
        repo.write(&at("web", env), &overlay("registry.example/acme/web", "v1.0.0"));
    }
    git_on(&repo, 0, &["add", "-A"]);
    git_on(&repo, 0, &["commit", "-q", "-m", "Add web"]);
    put_on(&repo, 1, ("web", "dev", "v1.1.0"));
    promote_on(&repo, 3, &["web@v1.1.0", "staging"]);
    promote_on(&repo, 6, &["web@v1.1.0", "prod"]);
    promote_on(&repo, 7, &["rollback", "prod"]);
    repo
}

fn shown(text: &str) -> String {
    Regex::new(r"\b\d+[smhdy] *\b").unwrap().replace_all(text, "AGE  ").into_owned()
}

#[test]
fn the_log_for_people() {
    let repo = story();
    assert_snapshot!(shown(&run(&repo, &["log"]).stdout(0)), @"
    COMMIT   DATE (UTC)        AGE  ENV      APP  VERSION           AUTHOR    NOTES
    82b4387  2023-11-21 22:13  AGE  prod     web  v1.1.0 -> v1.0.0  A U Thor  rollback
    1be7f49  2023-11-20 22:13  AGE  prod     web  v1.0.0 -> v1.1.0  A U Thor
    9c0f975  2023-11-17 22:13  AGE  staging  web  v1.0.0 -> v1.1.0  A U Thor
    31f6eeb  2023-11-15 22:13  AGE  dev      web  v1.0.0 -> v1.1.0  A U Thor
    ae590d4  2023-11-14 22:13  AGE  prod     web  none -> v1.0.0    A U Thor
    ae590d4  2023-11-14 22:13  AGE  staging  web  none -> v1.0.0    A U Thor
    ae590d4  2023-11-14 22:13  AGE  dev      web  none -> v1.0.0    A U Thor
    ");
    assert_eq!(run(&repo, &["log", "-2"]).stdout(0).lines().count(), 3);
    assert_eq!(lines(&repo, &["-1", "prod"]).len(), 1);
    assert_eq!(lines(&repo, &["web", "staging"]).len(), 2);
    assert_eq!(lines(&repo, &["--env", "dev", "--app", "w*"]).len(), 2);
    assert_eq!(lines(&repo, &["--app", "x*"]).len(), 0);
    assert_eq!(lines(&repo, &["--since", "2023-11-20"]).len(), 2);
    assert_eq!(lines(&repo, &["--max-count=0"]).len(), 0);
    assert_eq!(lines(&repo, &["--overrides"]).len(), 0);
}

#[test]
fn the_log_for_programs() {
    let repo = story();
    let document = run(&repo, &["log", "-o", "json"]).json(0);
    let first = &document["records"][0];
    assert_eq!(first["commit"].as_str().unwrap(), repo.git(["rev-parse", "HEAD"]).trim());
    assert_eq!(
        json!([first["previous"], first["version"], first["rollback"], first["recorded"]]),
        json!(["v1.1.0", "v1.0.0", true, true])
    );
    assert_eq!(document["records"].as_array().unwrap().len(), 7);
    assert_eq!(document["records"][6]["previous"], Value::Null);
    assert_eq!(document["records"][6]["environment"], "dev");
    assert_eq!(document["endsAt"], Value::Null);
    for (format, start) in [
        ("ndjson", "{\"commit\":"),
        ("yaml", "apiVersion: git-promote/v1"),
        ("tsv", "commit\ttime\tenvironment"),
        ("markdown", "| COMMIT | TIME |"),
        ("wide", "COMMIT"),
    ] {
        let text = run(&repo, &["log", "-o", format]).stdout(0);
        assert!(text.starts_with(start), "{format}: {text}");
    }
    // A commit that brought three versions is one name.
    assert_eq!(run(&repo, &["log", "-o", "name"]).stdout(0).lines().count(), 5);
}

#[test]
fn merges_squashes_and_reverts_count_where_they_land() {
    let repo = story();
    git_on(&repo, 8, &["switch", "-q", "-c", "side"]);
    put_on(&repo, 8, ("web", "dev", "v1.2.0-rc.1"));
    put_on(&repo, 9, ("web", "dev", "v1.2.0"));
    git_on(&repo, 10, &["switch", "-q", "main"]);
    git_on(&repo, 10, &["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    assert_eq!(lines(&repo, &["-1"]), ["dev web v1.1.0 -> v1.2.0 rollback=false recorded=false"]);
    git_on(&repo, 11, &["revert", "--no-edit", "-m", "1", "HEAD"]);
    assert_eq!(lines(&repo, &["-1"]), ["dev web v1.2.0 -> v1.1.0 rollback=true recorded=false"]);
    git_on(&repo, 12, &["revert", "--no-edit", "HEAD"]);
    assert_eq!(lines(&repo, &["-1"]), ["dev web v1.1.0 -> v1.2.0 rollback=false recorded=false"]);
    // A squash that lost the trailers is told from its trees all the same.
    git_on(&repo, 13, &["switch", "-q", "-c", "pr"]);
    promote_on(&repo, 13, &["web@v1.2.0", "staging"]);
    git_on(&repo, 14, &["switch", "-q", "main"]);
    git_on(&repo, 14, &["merge", "-q", "--squash", "pr"]);
    git_on(&repo, 14, &["commit", "-q", "-m", "Squashed"]);
    assert_eq!(
        lines(&repo, &["-1"]),
        ["staging web v1.1.0 -> v1.2.0 rollback=false recorded=false"]
    );
}

#[test]
fn what_moves_or_goes_is_no_entry_and_what_comes_again_is() {
    let repo = story();
    let before = lines(&repo, &[]);
    // Another text, the same version.
    let text = overlay("registry.example/acme/web", "v1.1.0") + "namePrefix: x-\n";
    save(&repo, "Prefix", &[(&at("web", "staging"), &text)]);
    repo.git(["rm", "-q", "-r", "apps/web/overlays/staging"]);
    repo.git(["commit", "-q", "-m", "Remove"]);
    assert_eq!(lines(&repo, &[]), before);
    put(&repo, "web", "staging", "v1.1.0");
    assert_eq!(lines(&repo, &["-1"]), ["staging web none -> v1.1.0 rollback=false recorded=false"]);
    // An app that is gone stays in the log.
    repo.git(["rm", "-q", "-r", "apps/web"]);
    repo.git(["commit", "-q", "-m", "Remove all"]);
    assert_eq!(lines(&repo, &["web"]).len(), before.len() + 1);
}

/// A commit of these files with this message.
fn message(repo: &Sandbox, text: &str, files: &[(&str, &str)]) {
    save(repo, text, files);
}

#[test]
fn records_are_believed_where_the_trees_agree() {
    let repo = line();
    let image = "registry.example/acme/web";
    let claim = |to: &str, old: &str, new: &str| {
        format!("Promote\n\nPromote-To: {to}\nPromote-App: web {old} -> {new}\nPromote-Id: 1\n")
    };
    // Of the version before, the record lies; so does the next one of its own.
    message(
        &repo,
        &claim("staging", "v0.0.1", "v1.2.3"),
        &[(&at("web", "staging"), &overlay(image, "v1.2.3"))],
    );
    message(
        &repo,
        &claim("staging", "v1.2.3", "v6.6.6"),
        &[(&at("web", "staging"), &overlay(image, "v1.2.4"))],
    );
    // One that speaks of staging changes prod behind it.
    message(
        &repo,
        &claim("staging", "v1.2.4", "v1.2.5"),
        &[
            (&at("web", "staging"), &overlay(image, "v1.2.5")),
            (&at("web", "prod"), &overlay(image, "v9.9.9")),
        ],
    );
    assert_snapshot!(lines(&repo, &["-4", "web"]).join("\n"), @"
    prod web v1.2.2 -> v9.9.9 rollback=false recorded=false
    staging web v1.2.4 -> v1.2.5 rollback=false recorded=true
    staging web v1.2.3 -> v1.2.4 rollback=false recorded=false
    staging web v1.2.2 -> v1.2.3 rollback=false recorded=true
    ");
    // Looked at alone, no environment hides what happened in it.
    let all = lines(&repo, &[]);
    for env in ["dev", "staging", "prod"] {
        std::fs::remove_dir_all(repo.root.join(".git/promote")).unwrap();
        let alone = lines(&repo, &[env]);
        let of_it = all.iter().filter(|line| line.starts_with(env));
        assert_eq!(alone, of_it.cloned().collect::<Vec<_>>());
    }
    // Trailers in the middle of a message are none.
    let text = claim("prod", "v9.9.9", "v9.9.8") + "\nAnd more text.\n";
    message(&repo, &text, &[(&at("web", "prod"), &overlay(image, "v9.9.8"))]);
    assert_eq!(lines(&repo, &["-1"]), ["prod web v9.9.9 -> v9.9.8 rollback=false recorded=false"]);
}

#[test]
fn what_a_record_hides_in_another_environment_is_found() {
    let claim = "Promote\n\nPromote-To: dev\nPromote-App: web v1 -> v2\nPromote-Id: 1\n";
    let hidden = |files: &[(&str, &str)], gone: Option<&str>| {
        let repo = line();
        if let Some(gone) = gone {
            repo.git(["rm", "-q", "-r", gone]);
        }
        message(&repo, claim, files);
        repo
    };
    let prod = |app: &str, tag: &str| (at(app, "prod"), overlay("registry.example/acme/web", tag));
    // A change at the end, one with another on top, a new file, one that goes.
    let (path, text) = prod("web", "v7");
    let repo = hidden(&[(&path, &text)], None);
    let told = "prod web v1.2.2 -> v7 rollback=false recorded=false";
    assert_eq!(lines(&repo, &["-1", "prod"]), [told]);
    put(&repo, "web", "prod", "v8");
    std::fs::remove_dir_all(repo.root.join(".git/promote")).unwrap();
    assert_eq!(lines(&repo, &["-2", "prod"])[1], told);
    let (path, text) = prod("new", "v1");
    let repo = hidden(&[(&path, &text)], None);
    let told = "prod new none -> v1 rollback=false recorded=false";
    assert_eq!(lines(&repo, &["-1", "prod"]), [told]);
    let repo = hidden(&[], Some("apps/web/overlays/prod"));
    put(&repo, "web", "prod", "v1.2.2");
    let told = "prod web none -> v1.2.2 rollback=false recorded=false";
    assert_eq!(lines(&repo, &["-1", "prod"]), [told]);
}

#[test]
fn overrides_and_their_reasons_are_shown() {
    let repo = line();
    put(&repo, "web", "dev", "latest");
    let args = ["web@latest", "staging", "--override", "GP005", "--reason", "INC-42: now"];
    run(&repo, &args).stdout(0);
    let document = run(&repo, &["log", "--overrides", "-o", "json"]).json(0);
    assert_eq!(document["records"].as_array().unwrap().len(), 1);
    assert_eq!(
        document["records"][0]["overrides"],
        json!([{"rule": "GP005", "reason": "INC-42: now"}])
    );
    let text = run(&repo, &["log", "-1"]).stdout(0);
    assert!(text.contains("GP005 waived: INC-42: now"), "{text}");
}

#[test]
fn what_an_entry_rewrites_is_no_version() {
    let repo = line();
    let file = "apps/web/overlays/dev/deployment.yaml";
    let manifest = |tag: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    \
             spec:\n      containers:\n      - name: web\n        image: registry.example/acme/web:{tag}\n      \
             - name: side\n        image: registry.example/acme/side:{tag}\n"
        )
    };
    save(&repo, "Add", &[(file, &manifest("v1"))]);
    assert_eq!(lines(&repo, &["-1"]), ["dev web none -> v1 rollback=false recorded=false"]);
    save(&repo, "Change", &[(file, &manifest("v2"))]);
    let found = run(&repo, &["log", "-1", "--format", "%(image) %(previous) %(version)"]);
    assert_eq!(found.stdout(0), "registry.example/acme/side v1 v2\n");
    assert_eq!(lines(&repo, &["--since", "2000-01-01"]).len(), lines(&repo, &[]).len());
}

#[test]
fn a_file_that_cannot_be_read_counts_for_what_it_was() {
    let repo = line();
    let path = at("web", "dev");
    save(&repo, "Break", &[(&path, "images: [\n")]);
    let broken = lines(&repo, &["-1"]);
    save(&repo, "Break more", &[(&path, "images: {\n")]);
    assert_eq!(lines(&repo, &["-1"]), broken);
    put(&repo, "web", "dev", "v1.2.4");
    let mended = ["dev web v1.2.3 -> v1.2.4 rollback=false recorded=false"];
    assert_eq!(lines(&repo, &["-1"]), mended);
    std::fs::remove_dir_all(repo.root.join(".git/promote")).unwrap();
    assert_eq!(lines(&repo, &["-1"]), mended);
}

#[test]
fn apps_that_the_layout_does_not_name_are_called_as_status_calls_them() {
    let config = LINE.replace("apps/{app}/overlays/{env}", "clusters/{env}");
    let entry = |web: &str, api: &str| {
        format!("images:\n- name: acme/web\n  newTag: {web}\n- name: acme/api\n  newTag: {api}\n")
    };
    let path = "clusters/dev/kustomization.yaml";
    let repo = repo(&[("promote.toml", &config), (path, &entry("v1", "v1"))]);
    save(&repo, "web", &[(path, &entry("v2", "v1"))]);
    assert_eq!(lines(&repo, &["-1"]), ["dev web v1 -> v2 rollback=false recorded=false"]);
    assert_eq!(lines(&repo, &["api"]).len(), 1);
}

#[test]
fn bad_input_is_said() {
    let repo = line();
    assert_snapshot!(run(&repo, &["log", "wob"]).text(), @"
    exit 5
    --- stderr
    error: there is no app or environment `wob`, and there never was
    hint: did you mean web?
    hint: git promote status
    ");
    assert_eq!(run(&repo, &["log", "--app", "wob"]).code(), 5);
    assert_eq!(run(&repo, &["log", "--app", "wob*"]).code(), 0);
    assert_snapshot!(run(&repo, &["log", "--env", "prdo"]).text(), @"
    exit 5
    --- stderr
    error: there is no environment `prdo`; there are dev, staging, prod
    hint: did you mean prod?
    hint: git promote status
    ");
    assert_snapshot!(run(&repo, &["log", "--since", "soon"]).text(), @r#"
    exit 2
    --- stderr
    error: `soon` is no date such as 2026-03-14, "2 weeks ago" or 3d
    hint: git promote log --since '2 weeks ago'
    "#);
    assert_snapshot!(run(&repo, &["log", "--format", "%h %x"]).text(), @"
    exit 2
    --- stderr
    error: `%x` is no placeholder; there are %H %h %an %cI %cr %ct %n %% %(app) %(digest) %(env) %(image) %(overrides) %(path) %(previous) %(recorded) %(rollback) %(version)
    hint: git promote log --format '%h %cI %(app) %(env) %(previous) %(version)'
    ");
    assert_eq!(run(&repo, &["log", "--app", "[a"]).code(), 2);
    assert_eq!(run(&repo, &["log", "--max-count", "x"]).code(), 2);
    assert_eq!(run(&repo, &["log", "--metrics", "--format", "%h"]).code(), 2);
    assert_eq!(kubectl(&repo, &["log", "-1", "web"]).code(), 0);
}

#[test]
fn nothing_to_tell_is_said() {
    let empty = repo(&[("promote.toml", LINE)]);
    assert_snapshot!(run(&empty, &["log"]).text(), @"
    exit 0
    --- stderr
    note: no promotion was found
    ");
    let document = run(&empty, &["log", "-o", "json"]).json(0);
    assert_eq!(document["records"], json!([]));
    run(&empty, &["log", "--metrics", "-o", "json"]).json(0);
    let unborn = repo(&[]);
    unborn.git(["switch", "-q", "--orphan", "empty"]);
    for command in [&["log"][..], &["why", "web", "dev"], &["versions"]] {
        let text = run(&unborn, command).text();
        assert!(text.starts_with("exit 128\n"), "{text}");
        assert!(text.contains("branch 'empty' does not have any commits yet"), "{text}");
    }
}

#[test]
fn a_shallow_clone_says_where_it_ends() {
    let repo = story();
    let clone = repo.dir.path().join("clone");
    let url = format!("file://{}", repo.root.display());
    repo.git(["clone", "-q", "--depth", "3", &url, clone.to_str().unwrap()]);
    let shallow = |args: &[&str]| run(&repo, args).dir("../clone");
    assert_snapshot!(shallow(&["log", "--format", "%(env) %(previous) %(version)"]).text(), @"
    exit 0
    --- stdout
    prod v1.1.0 v1.0.0
    prod v1.0.0 v1.1.0
    --- stderr
    warning: the clone is shallow: the history ends at 9c0f975, what came before is not known (git fetch --unshallow)
    ");
    let document = shallow(&["log", "-o", "json"]).json(0);
    assert_eq!(document["endsAt"].as_str().unwrap(), repo.git(["rev-parse", "HEAD~2"]).trim());
    let versions = shallow(&["versions"]).stdout(0);
    assert!(versions.contains("before the history"), "{versions}");
    let why = shallow(&["why", "web", "dev"]).stdout(0);
    assert!(why.contains("since before the history"), "{why}");
    // With all of it there is nothing to be said.
    repo.git_in(&clone, ["fetch", "-q", "--unshallow"]);
    assert_eq!(shallow(&["log", "-o", "json"]).json(0)["endsAt"], Value::Null);
}

#[test]
fn a_closed_pipe_is_silent() {
    let repo = story();
    let mut child = run(&repo, &["log"]).spawn();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_number_is_given_as_to_git() {
    let repo = story();
    let two = run(&repo, &["log", "-2"]).stdout(0);
    assert_eq!(two.lines().count(), 3, "{two}");
    assert_eq!(run(&repo, &["log", "-n", "2"]).stdout(0), two);
    assert_eq!(run(&repo, &["log", "-n2"]).stdout(0), two);
    assert_eq!(run(&repo, &["log", "--format", ""]).stdout(0), "");
    let said = kubectl(&repo, &["log", "-n", "2"]).text();
    assert!(said.contains("hint: kubectl promote log --max-count 2\n"), "{said}");
}

#[test]
fn what_ends_before_it_begins_has_no_lead_time() {
    let repo = story();
    put_on(&repo, 20, ("web", "dev", "v1.2.0"));
    promote_on(&repo, 12, &["web@v1.2.0", "staging"]);
    let said = run(&repo, &["log", "--metrics"]).text();
    let note = "note: 1 deployment has no lead time or time to restore: by the times of its \
                commits it ends before it begins\n";
    assert!(said.contains(note), "{said}");
    // That of v1.1.0: two days.
    let document = run(&repo, &["log", "--metrics", "staging", "-o", "json"]).json(0);
    let row = &document["rows"][0];
    assert_eq!(row["leadTime"]["count"], 1, "{row}");
    assert!(!run(&story(), &["log", "--metrics"]).text().contains("note: "));
}

#[test]
fn metrics_count_what_the_log_shows() {
    let repo = story();
    let document = run(&repo, &["log", "--metrics", "-o", "json"]).json(0);
    let prod = &document["environments"][2];
    assert_eq!(
        json!([prod["environment"], prod["deployments"], prod["rollbacks"], prod["rollbackShare"]]),
        json!(["prod", 2, 1, 0.5])
    );
    let days = 86_400;
    assert_eq!(
        prod["leadTime"],
        json!({"count": 1, "medianSeconds": 5 * days, "p90Seconds": 5 * days})
    );
    assert_eq!(prod["timeToRestore"]["medianSeconds"], days);
    assert_eq!(document["rows"][0]["month"], "2023-11");
    // Only prod is counted; dev tells when the version began all the same.
    let only = run(&repo, &["log", "prod", "--metrics", "-o", "json"]).json(0);
    assert_eq!(only["environments"], json!([prod]));
    let text = run(&repo, &["log", "--metrics"]).stdout(0);
    assert!(text.starts_with("since 2023-11-15\n"), "{text}");
    assert!(text.contains("1 (50%)"), "{text}");
}

#[test]
fn versions_of_one_second_are_in_the_order_of_the_history() {
    let repo = line();
    for tag in ["alpha", "beta", "acorn"] {
        put(&repo, "web", "dev", tag);
    }
    let document = run(&repo, &["versions", "web", "-o", "json"]).json(0);
    let rows = document["rows"].as_array().unwrap();
    let shown: Vec<&str> = rows.iter().map(|row| row["version"].as_str().unwrap()).collect();
    assert_eq!(shown, ["acorn", "beta", "alpha", "v1.2.3", "v1.2.2"]);
}
