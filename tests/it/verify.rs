//! `git promote verify`: honest histories, and forgeries of every kind.

use std::fs;
use std::process::Command;

use insta::assert_snapshot;
use promote::audit::Record;
use promote::model::{AppId, EnvironmentName, Promotion};
use serde_json::Value;

use crate::kit::{D1, D2, at, line, line_with, overlay, put, run, save, skipped};
use crate::push::with_remote;
use crate::testkit::Sandbox;

const GRANT: &str = "\n[[override]]\nrule = \"GP003\"\nenvironments = [\"staging\"]\n";

#[track_caller]
pub(crate) fn does(sandbox: &Sandbox, args: &[&str]) {
    let text = run(sandbox, args).text();
    assert!(text.starts_with("exit 0"), "{args:?} {text}");
}

/// Findings as `commit finding`, with the commit counted back from HEAD.
#[track_caller]
pub(crate) fn findings(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let output = run(sandbox, &[&["verify", "-o", "json"], args].concat()).output();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let document: Value = serde_json::from_slice(&output.stdout).expect(&error);
    crate::schema::assert_valid(&document);
    let rows = document["findings"].as_array().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!rows.is_empty())), "{error}");
    let log = sandbox.git(["log", "--topo-order", "--format=%H"]);
    let log: Vec<&str> = log.lines().collect();
    let shown = |row: &Value| {
        let at = log.iter().position(|id| *id == row["commit"].as_str().unwrap()).unwrap();
        format!("{at} {}", row["finding"].as_str().unwrap())
    };
    rows.iter().map(shown).collect()
}

/// The newest commit again with another message.
pub(crate) fn reword(sandbox: &Sandbox, change: &dyn Fn(&str) -> String) {
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    let changed = change(message.trim_end());
    assert_ne!(changed, message.trim_end(), "nothing was forged");
    let file = sandbox.dir.path().join("message");
    fs::write(&file, changed).unwrap();
    sandbox.git([
        "commit",
        "-q",
        "--amend",
        "--cleanup=verbatim",
        "-F",
        &file.display().to_string(),
    ]);
}

pub(crate) fn without_record(message: &str) -> String {
    let lines = message.lines().filter(|line| !line.starts_with("Promote-"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A history with everything that is allowed.
fn honest() -> Sandbox {
    let sandbox = line_with(GRANT);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    does(&sandbox, &["web@v1.2.3", "prod"]);
    does(&sandbox, &["rollback", "prod", "web"]);
    does(&sandbox, &["api@v1.3.0", "dev"]);
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    // A pull request that is merged while the branch goes on.
    does(&sandbox, &["web@v1.2.4", "dev"]);
    does(&sandbox, &["web@v1.2.4", "staging"]);
    sandbox.git(["switch", "-q", "-c", "request"]);
    does(&sandbox, &["api@v1.3.0", "staging"]);
    does(&sandbox, &["web@v1.2.4", "prod"]);
    sandbox.git(["switch", "-q", "main"]);
    save(&sandbox, "Say more", &[("README.md", "hello again\n")]);
    sandbox.git(["merge", "-q", "--no-ff", "-m", "Merge request", "request"]);
    // A bot moves dev without a record.
    put(&sandbox, "api", "dev", "v1.2.9");
    does(&sandbox, &["api@v1.2.9", "staging", "--override", "GP003", "--reason", "INC-1"]);
    pin(&sandbox, "dev", &format!("v1.2.5\n  digest: {D1}"));
    does(&sandbox, &["-a", "web", "staging"]);
    does(&sandbox, &["dev", "staging", "--all", "-n"]);
    // A squash that keeps the record in its text, not as trailers.
    does(&sandbox, &["staging", "prod", "-a", "web"]);
    reword(&sandbox, &|message| {
        format!("Squashed (#7)\n\n* {message}\n\nCo-authored by many words\n")
    });
    sandbox
}

/// `web` in an environment with more than a tag.
pub(crate) fn pin(sandbox: &Sandbox, env: &str, tag: &str) {
    let text = overlay("registry.example/acme/web", tag);
    save(sandbox, &format!("web in {env}"), &[(&at("web", env), &text)]);
}

#[test]
fn an_honest_history_is_in_order() {
    let sandbox = honest();
    assert_eq!(findings(&sandbox, &[]), [""; 0]);
    assert_snapshot!(run(&sandbox, &["verify"]).text(), @"
    exit 0
    --- stdout
    HEAD: 16 commits, 20 version changes, 11 records: nothing is wrong
    9 versions: no record, of new apps or into environments that have none before them (--strict)
    1 record: in the text of a squash, where git reads no trailers (--strict)
    ");
    let strict = findings(&sandbox, &["--strict"]);
    assert!(strict.contains(&"0 lost".to_owned()), "{strict:?}");
    assert!(strict.iter().all(|f| f.ends_with("lost") || f.ends_with("unexplained")), "{strict:?}");
    let signed = findings(&sandbox, &["--signed", "HEAD~1..HEAD"]);
    assert_eq!(signed, ["0 signature"]);
}

#[test]
fn a_squash_of_several_promotions_is_in_order() {
    let sandbox = line_with("");
    does(&sandbox, &["api@v1.3.0", "dev"]);
    sandbox.git(["switch", "-q", "-c", "request"]);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    does(&sandbox, &["api@v1.3.0", "staging"]);
    let messages = sandbox.git(["log", "--reverse", "--format=* %B", "main..request"]);
    sandbox.git(["switch", "-q", "main"]);
    sandbox.git(["merge", "-q", "--squash", "request"]);
    sandbox.git(["commit", "-q", "-m", &format!("Ship (#5)\n\n{messages}")]);
    assert_eq!(findings(&sandbox, &[]), [""; 0]);
    let told = run(&sandbox, &["verify", "-o", "json"]).json(0);
    assert_eq!((&told["records"], &told["inText"]), (&Value::from(3), &Value::from(1)));
    // One of them alone, judged on a commit that the squash left behind.
    sandbox.git(["reset", "-q", "--hard", "HEAD~1"]);
    sandbox.git(["switch", "-q", "request"]);
    sandbox.git(["reset", "-q", "--hard", "main"]);
    save(&sandbox, "Say something", &[("README.md", "hello\n")]);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    let message = sandbox.git(["log", "-1", "--format=%B"]);
    sandbox.git(["switch", "-q", "main"]);
    sandbox.git(["merge", "-q", "--squash", "request"]);
    sandbox.git(["commit", "-q", "-m", &message]);
    sandbox.git(["branch", "-q", "-D", "request"]);
    assert_eq!(findings(&sandbox, &[]), [""; 0]);
    assert_eq!(run(&sandbox, &["verify", "-o", "json"]).json(0)["rewritten"], 1);
    let strict = findings(&sandbox, &["--strict", "HEAD~1..HEAD"]);
    assert_eq!(strict, ["0 source"]);
    reword(&sandbox, &|m| m.split("Promote-Id").next().unwrap().trim_end().to_owned());
    assert_eq!(findings(&sandbox, &[]), ["0 source"]);
}

#[test]
fn a_record_without_an_id_is_said_to_have_none() {
    let sandbox = line();
    does(&sandbox, &["web@v1.2.3", "staging"]);
    reword(&sandbox, &|m| m.split("Promote-Id").next().unwrap().trim_end().to_owned());
    let text = run(&sandbox, &["verify"]).stdout(1);
    assert!(text.contains("the record has no id"), "{text}");
}

/// A forgery and what it is found as.
type Forgery = (&'static str, fn(&Sandbox), &'static [&'static str]);

/// Each starts behind an honest promotion of web to staging, with its digest.
const FORGERIES: [Forgery; 16] = [
    ("a version by hand", |s| put(s, "web", "staging", "v9.0.0"), &["0 unexplained"]),
    (
        "another version in the record",
        |s| reword(s, &|m| m.replace("web v1.2.2 -> v1.2.3\nP", "web v1.2.2 -> v1.2.4\nP")),
        &["0 version"],
    ),
    (
        "another version in the tree",
        |s| {
            s.write(&at("web", "staging"), &overlay("registry.example/acme/web", "v9.0.0"));
            s.git(["commit", "-q", "-a", "--amend", "--no-edit"]);
        },
        &["0 version"],
    ),
    (
        "another previous version",
        |s| reword(s, &|m| m.replace("App: web v1.2.2", "App: web v1.2.1")),
        &["0 previous"],
    ),
    ("another app", |s| reword(s, &|m| m.replace("App: web", "App: api")), &["0 app"]),
    (
        "an app more than moved",
        |s| reword(s, &|m| m.replace("Promote-Gate", "Promote-App: api v1 -> v2\nPromote-Gate")),
        &["0 app"],
    ),
    (
        "another environment",
        |s| reword(s, &|m| m.replace("Promote-To: staging", "Promote-To: prod")),
        &["0 environment"],
    ),
    (
        "another digest",
        |s| reword(s, &|m| m.replace(&format!("Digest: web {D1}"), &format!("Digest: web {D2}"))),
        &["0 digest"],
    ),
    (
        "no digest",
        |s| reword(s, &|m| m.replace(&format!("Promote-Digest: web {D1}\n"), "")),
        &["0 digest"],
    ),
    (
        "another id",
        |s| {
            reword(s, &|m| {
                format!(
                    "{}{}",
                    m.split("Promote-Id: ").next().unwrap(),
                    "Promote-Id: 0123456789abcdef0123456789abcdef"
                )
            });
        },
        &["0 id"],
    ),
    (
        "a base that is not there",
        |s| {
            reword(s, &|m| {
                let (head, tail) = m.split_once("dev@").unwrap();
                format!("{head}dev@{}{}", "1".repeat(40), &tail[40..])
            });
        },
        &["0 source"],
    ),
    ("a squash without the record", |s| reword(s, &without_record), &["0 lost"]),
    (
        "an override without right",
        |s| {
            put(s, "api", "dev", "v1.2.0");
            does(s, &["api@v1.2.0", "staging", "--override", "GP003", "--reason", "INC-1"]);
        },
        &["0 override"],
    ),
    (
        "a rollback that is none",
        |s| reword(s, &|m| m.replace("Promote-Id", "Promote-Rollback: true\nPromote-Id")),
        &["0 rollback"],
    ),
    ("a gate that did not pass", skip_an_environment, &["0 gate"]),
    (
        "a change beside the record",
        |s| {
            s.write(&at("api", "prod"), &overlay("registry.example/acme/api", "v9.0.0"));
            s.git(["commit", "-q", "-a", "--amend", "--no-edit"]);
        },
        &["0 unexplained"],
    ),
];

/// Prod gets what staging never had, with a perfect record.
fn skip_an_environment(sandbox: &Sandbox) {
    put(sandbox, "api", "dev", "v1.4.0");
    let promotion = Promotion {
        app: AppId::named("api"),
        image: "registry.example/acme/api".to_owned(),
        repository: None,
        from: vec![EnvironmentName::new("staging")],
        to: EnvironmentName::new("prod"),
        previous: "v1.2.2".parse().unwrap(),
        version: "v1.4.0".parse().unwrap(),
    };
    let record = Record {
        promotions: vec![promotion],
        base: sandbox.head().to_string(),
        gates: vec!["GP001 pass".to_owned(), "GP003 pass".to_owned()],
        waivers: vec![],
        rollback: false,
        preview: None,
    };
    let text = overlay("registry.example/acme/api", "v1.4.0");
    save(sandbox, &record.message(None), &[(&at("api", "prod"), &text)]);
}

#[test]
fn every_forgery_is_found_and_nothing_else() {
    for (name, forge, found) in FORGERIES {
        let sandbox = line();
        pin(&sandbox, "dev", &format!("v1.2.3\n  digest: {D1}"));
        does(&sandbox, &["dev", "staging", "-a", "web"]);
        assert_eq!(findings(&sandbox, &[]), [""; 0], "before {name}");
        forge(&sandbox);
        assert_eq!(findings(&sandbox, &[]), found, "{name}");
        // What comes behind does not hide it.
        save(&sandbox, "Say something", &[("README.md", "hello\n")]);
        assert_eq!(findings(&sandbox, &[]).len(), found.len(), "{name}");
        assert_eq!(findings(&sandbox, &["HEAD~1..HEAD"]), [""; 0], "{name}");
    }
}

#[test]
fn a_forgery_in_a_merged_branch_is_found() {
    let sandbox = line();
    sandbox.git(["switch", "-q", "-c", "request"]);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    reword(&sandbox, &|m| m.replace("App: web v1.2.2", "App: web v1.2.1"));
    sandbox.git(["switch", "-q", "main"]);
    sandbox.git(["merge", "-q", "--no-ff", "-m", "Merge request", "request"]);
    assert_eq!(findings(&sandbox, &[]), ["1 previous"]);
    sandbox.write(&at("api", "prod"), &overlay("registry.example/acme/api", "v9.0.0"));
    sandbox.git(["commit", "-q", "-a", "--amend", "--no-edit"]);
    assert_eq!(findings(&sandbox, &[]), ["1 previous", "0 unexplained"]);
}

#[test]
fn what_is_found_is_shown() {
    let sandbox = line();
    does(&sandbox, &["web@v1.2.3", "staging"]);
    reword(&sandbox, &|m| m.replace("web v1.2.2 -> v1.2.3\nP", "web v1.2.2 -> v1.2.4\nP"));
    put(&sandbox, "web", "prod", "v9.0.0");
    let shown = run(&sandbox, &["verify"]).stdout(1);
    let shown: Vec<&str> =
        shown.lines().map(|line| line.split_once(":13  ").map_or(line, |l| l.1)).collect();
    assert_snapshot!(shown.join("\n"), @"
    unexplained  web  prod  v1.2.2 -> v9.0.0 has no record
    version  web  staging  the record says version v1.2.4, and it is v1.2.3
    HEAD: 4 commits, 9 version changes, 1 record: 2 things wrong
    7 versions: no record, of new apps or into environments that have none before them (--strict)
    ");
    let tsv = run(&sandbox, &["verify", "-o", "tsv"]).stdout(1);
    assert!(tsv.starts_with("commit\ttime\tfinding\tapp\tenvironment\tmessage\n"), "{tsv}");
    assert!(tsv.contains(&format!("\n{}\t2023-11-14T22:13:20Z\t", sandbox.head())), "{tsv}");
    assert_eq!(run(&sandbox, &["verify", "-o", "ndjson"]).stdout(1).lines().count(), 2);
}

#[test]
fn what_has_findings_alone_says_the_counts_beside_them() {
    let sandbox = line();
    for format in ["tsv", "markdown", "ndjson", "name"] {
        let output = run(&sandbox, &["verify", "-o", format]).output();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("HEAD: 2 commits, 7 version changes, 0 records"), "{format} {told}");
        assert!(told.contains("7 versions: no record"), "{format} {told}");
    }
    let output = run(&sandbox, &["verify", "-o", "json"]).output();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "the document has them");
}

#[test]
fn a_range_without_a_commit_is_no_pass() {
    let sandbox = line();
    let text = run(&sandbox, &["verify", "HEAD..HEAD~2"]).text();
    assert_snapshot!(text, @"
    exit 5
    --- stderr
    error: HEAD..HEAD~2 holds no commit: its end is part of the history of its beginning
    hint: git promote verify HEAD~2..HEAD
    ");
    let text = run(&sandbox, &["verify", "main..main"]).text();
    assert_snapshot!(text, @"
    exit 0
    --- stdout
    main..main: 0 commits, 0 version changes, 0 records: nothing is wrong
    --- stderr
    warning: main..main holds no commit: nothing was verified
    ");
    let text = run(&sandbox, &["verify", "HEAD~2"]).text();
    assert!(text.starts_with("exit 0") && text.contains("holds no commit"), "{text}");
    assert_eq!(run(&sandbox, &["verify", "HEAD~1.."]).code(), 0);
}

#[test]
fn what_is_no_range_is_refused() {
    let sandbox = line();
    let sets = ["HEAD^!", "HEAD^@", "HEAD^-", "HEAD^-1", "^HEAD", "HEAD~1...HEAD", "..", "A..B..C"];
    for range in sets.into_iter().chain(["HEAD~1..HEAD^!"]) {
        let text = run(&sandbox, &["verify", range]).text();
        assert!(text.starts_with("exit 2"), "{range} {text}");
        assert!(text.contains("hint: git promote verify HEAD~1..HEAD"), "{range} {text}");
    }
    for range in ["HEAD", "HEAD^", "HEAD^1", "HEAD~1..", "..HEAD", "HEAD^{/Start}", "main@{0}"] {
        assert_eq!(run(&sandbox, &["verify", range]).code(), 0, "{range}");
    }
}

#[test]
fn signatures_of_ssh_keys_are_held_against_the_allowed_signers() {
    let sandbox = line();
    let key = |name: &str| sandbox.dir.path().join(name);
    let made = ["key", "stranger"].map(|name| {
        let file = key(name).display().to_string();
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", "a@b.c", "-f", &file];
        Command::new("ssh-keygen").args(args).status().is_ok_and(|status| status.success())
    });
    if made.contains(&false) {
        skipped("there is no ssh-keygen");
        return;
    }
    sandbox.git(["config", "gpg.format", "ssh"]);
    sandbox.git(["config", "user.signingKey", &key("key.pub").display().to_string()]);
    does(&sandbox, &["web@v1.2.3", "staging", "-S"]);
    assert_eq!(findings(&sandbox, &[]), [""; 0], "it cannot be checked, and is not bad");
    assert_eq!(findings(&sandbox, &["--signed"]), ["0 signature"]);
    let public = fs::read_to_string(key("key.pub")).unwrap();
    let allowed = key("allowed");
    fs::write(&allowed, format!("a@b.c {public}")).unwrap();
    sandbox.git(["config", "gpg.ssh.allowedSignersFile", &allowed.display().to_string()]);
    assert_eq!(findings(&sandbox, &["--signed"]), [""; 0]);
    let text = run(&sandbox, &["verify"]).stdout(0);
    assert!(text.contains("signatures: 1 good"), "{text}");
    // Somebody else's key.
    sandbox.git(["config", "user.signingKey", &key("stranger.pub").display().to_string()]);
    does(&sandbox, &["web@v1.2.3", "prod", "-S"]);
    assert_eq!(findings(&sandbox, &[]), ["0 signature"]);
    // The right signature below other words.
    sandbox.git(["config", "user.signingKey", &key("key.pub").display().to_string()]);
    sandbox.git(["commit", "-q", "--amend", "--no-edit", "-S"]);
    assert_eq!(findings(&sandbox, &[]), [""; 0]);
    let commit = sandbox.git(["cat-file", "commit", "HEAD"]);
    let file = key("commit");
    fs::write(&file, commit.replace("Promote web", "Promote the web")).unwrap();
    let forged = sandbox.git(["hash-object", "-t", "commit", "-w", &file.display().to_string()]);
    sandbox.git(["reset", "-q", "--hard", forged.trim()]);
    assert_eq!(findings(&sandbox, &[]), ["0 signature"]);
}

#[test]
fn a_promotion_is_attested() {
    let sandbox = line();
    pin(&sandbox, "dev", &format!("v1.2.3\n  digest: {D1}"));
    does(&sandbox, &["dev", "staging", "-a", "web"]);
    let text = run(&sandbox, &["verify", "--attest", "HEAD"]).stdout(0);
    let statement: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    let head = sandbox.head().to_string();
    assert_eq!(statement["subject"][0]["digest"]["gitCommit"], head.as_str());
    assert_eq!(statement["subject"][1]["digest"]["sha256"], D1.trim_start_matches("sha256:"));
    let predicate = &statement["predicate"];
    assert_eq!(predicate["promotions"][0]["previous"], "v1.2.2");
    assert_eq!(predicate["promotions"][0]["version"], "v1.2.3");
    assert_eq!(predicate["gates"][0], serde_json::json!({"rule": "GP001", "result": "pass"}));
    assert_eq!(predicate["from"][0]["environment"], "dev");
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify.md")).unwrap();
    assert!(page.contains(statement["predicateType"].as_str().unwrap()));
    for field in predicate.as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{field}`")), "docs/verify.md does not tell of {field}");
    }
    does(&sandbox, &["verify", "--attest", "HEAD", "--to", "statement.json"]);
    assert_eq!(sandbox.read("statement.json"), text);
    assert_eq!(run(&sandbox, &["verify", "--attest", "HEAD~1"]).code(), 5);
    assert_eq!(run(&sandbox, &["verify", "--to", "x"]).code(), 2);
    assert_eq!(run(&sandbox, &["verify", "--attest", "HEAD", "--to", "no/such/dir"]).code(), 8);
    reword(&sandbox, &|m| m.replace("App: web v1.2.2", "App: web v1.2.1"));
    let refused = run(&sandbox, &["verify", "--attest", "HEAD"]).text();
    assert!(refused.starts_with("exit 1\n--- stderr\n"), "{refused}");
    assert!(refused.contains("is not attested: previous: the record says"), "{refused}");
}

#[test]
fn odd_places_are_told() {
    let sandbox = line();
    assert_eq!(run(&sandbox, &["verify", "nope"]).code(), 5);
    assert_eq!(run(&sandbox, &["verify", "HEAD..nope"]).code(), 5);
    assert_eq!(run(&sandbox, &["verify", "--", "-x"]).code(), 2);
    does(&sandbox, &["web@v1.2.3", "staging"]);
    let remote = with_remote(&sandbox);
    let url = format!("file://{}", remote.display());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("repo");
    sandbox.git(["clone", "-q", "--depth=2", &url, &root.display().to_string()]);
    let shallow = Sandbox { dir, root };
    let text = run(&shallow, &["verify"]).text();
    assert!(text.starts_with("exit 0") && text.contains("the history is cut off"), "{text}");
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("repo");
    sandbox.git(["init", "-q", &root.display().to_string()]);
    let unborn = Sandbox { dir, root };
    assert_eq!(run(&unborn, &["verify"]).code(), 128);
    let mut child = run(&sandbox, &["verify"]).spawn();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn many_records_ask_for_nothing_outside_of_the_range() {
    let repo = line();
    save(&repo, "Say more", &[("docs/a.md", "One\n")]);
    let tree = repo.git(["rev-parse", "HEAD:docs"]);
    save(&repo, "Say it better", &[("docs/a.md", "Two\n")]);
    for number in 4..16 {
        put(&repo, "web", "dev", &format!("v1.2.{number}"));
        does(&repo, &[&format!("web@v1.2.{number}"), "staging"]);
    }
    // A forgery after all of these, so that the past is known to be asked.
    put(&repo, "web", "dev", "v1.2.4");
    save(
        &repo,
        "Back",
        &[(&at("web", "staging"), &overlay("registry.example/acme/web", "v1.2.4"))],
    );
    reword(&repo, &|message| {
        format!("{message}\n\nPromote-To: staging\nPromote-App: web v1.2.15 -> v1.2.4\n")
    });
    let whole = findings(&repo, &["HEAD~24..HEAD"]);
    assert!(whole.iter().any(|row| row.starts_with("0 ")), "{whole:?}");
    let (dir, file) = tree.trim().split_at(2);
    fs::remove_file(repo.root.join(format!(".git/objects/{dir}/{file}"))).unwrap();
    assert_eq!(findings(&repo, &["HEAD~24..HEAD"]), whole);
}
