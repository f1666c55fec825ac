//! GP003 by the app's own repository, where tags do not tell which version is
//! newer.

use std::path::{Path, PathBuf};

use crate::kit::{line, put, run, save};
use crate::testkit::Sandbox;

/// A clone of the app: two commits on main and one beside them, whose images
/// are tagged by branch and commit.
fn app(sandbox: &Sandbox) -> (PathBuf, [String; 3]) {
    let dir = sandbox.dir.path().join("web");
    std::fs::create_dir(&dir).unwrap();
    let git = |args: &[&str]| sandbox.git_in(&dir, args);
    git(&["init", "-q", "-b", "main"]);
    let commit = |branch: &str| {
        git(&["commit", "-q", "--allow-empty", "-m", branch]);
        format!("{branch}-{}", &git(&["rev-parse", "HEAD"])[..10])
    };
    let (older, newer) = (commit("main"), commit("main"));
    git(&["checkout", "-q", "-b", "topic", "HEAD~1"]);
    (dir.clone(), [older, newer, commit("topic")])
}

/// What GP003 says of a promotion to staging, and how it ends.
fn asked(clone: Option<&Path>, versions: (&str, &str)) -> (i32, String) {
    let repo = line();
    let (code, finding) = finding(&repo, clone, versions);
    (code, format!("{}: {}", finding["result"].as_str().unwrap(), finding["message"]))
}

fn finding(
    repo: &Sandbox,
    clone: Option<&Path>,
    (from, to): (&str, &str),
) -> (i32, serde_json::Value) {
    if let Some(dir) = clone {
        configure(repo, dir);
    }
    put(repo, "web", "staging", from);
    put(repo, "web", "dev", to);
    let word = format!("web@{to}");
    let output = run(repo, &[&word, "staging", "-n", "-o", "json"]).output();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut findings = document["findings"].as_array().unwrap().iter();
    let found = findings.find(|finding| finding["rule"] == "GP003").unwrap();
    (output.status.code().unwrap(), found.clone())
}

fn configure(repo: &Sandbox, dir: &Path) {
    repo.git(["config", "promote.web.source", dir.to_str().unwrap()]);
}

#[test]
fn commits_tell_where_tags_do_not() {
    let home = line();
    let (dir, [older, newer, beside]) = app(&home);
    let (code, said) = asked(None, (&newer, &older));
    assert!(code == 0 && said.contains("did not run"), "without a clone nobody knows: {said}");
    let (code, said) = asked(Some(&dir), (&newer, &older));
    assert!(code == 3 && said.starts_with("fail") && said.contains("is older than"), "{said}");
    let (code, said) = asked(Some(&dir), (&older, &newer));
    assert!(code == 0 && said.starts_with("pass") && said.contains("comes from"), "{said}");
    let (code, said) = asked(Some(&dir), (&newer, &beside));
    assert!(code == 0 && said.starts_with("warn") && said.contains("nor that from it"), "{said}");
    let (code, said) = asked(Some(&dir), (&newer, "main-0123456789"));
    assert!(code == 0 && said.starts_with("warn"), "{said}");
    assert!(said.contains("whether it is newer is not known"), "{said}");
    assert!(said.contains("has no tag for main-0123456789"), "{said}");
    // Where tags tell, nobody is asked.
    let (code, said) = asked(Some(&dir), ("v8.0.0", "v8.1.0"));
    assert!(code == 0 && said.contains("v8.1.0 is newer than v8.0.0"), "{said}");
}

#[test]
fn a_clone_that_does_not_tell_is_told_with_a_way_out() {
    let repo = line();
    let (dir, [older, newer, _]) = app(&repo);
    let (code, told) = finding(&repo, Some(&dir), (&newer, "main-0123456789"));
    assert_eq!((code, told["result"].as_str()), (0, Some("warn")), "{told}");
    assert_eq!(told["hint"], format!("git -C {} fetch --tags", dir.display()));
    let (code, told) = finding(&line(), Some(Path::new("gone")), (&older, &newer));
    assert_eq!((code, told["result"].as_str()), (0, Some("warn")), "{told}");
    assert!(told["message"].as_str().unwrap().contains("is no clone of web"), "{told}");
    assert!(told["hint"].as_str().unwrap().starts_with("git clone"), "{told}");
    // The home of the tests is where the clone is.
    let repo = line();
    let (_, [older, newer, _]) = app(&repo);
    let (code, told) = finding(&repo, Some(Path::new("~/web")), (&older, &newer));
    assert_eq!((code, told["result"].as_str()), (0, Some("pass")), "{told}");
}

#[test]
fn check_asks_the_same_clone() {
    let repo = line();
    let (dir, [older, newer, _]) = app(&repo);
    configure(&repo, &dir);
    put(&repo, "web", "staging", &newer);
    put(&repo, "web", "dev", &older);
    put(&repo, "web", "staging", &older);
    let check = run(&repo, &["check", "HEAD~1..HEAD"]);
    let text = check.text();
    assert!(text.starts_with("exit 3") && text.contains("is older than"), "{text}");
    // Where it is cut off it tells nothing.
    let short = repo.dir.path().join("short");
    let from = format!("file://{}", dir.display());
    repo.git(["clone", "-q", "--depth=1", "--branch=main", &from, short.to_str().unwrap()]);
    configure(&repo, &short);
    save(&repo, "More", &[]);
    let text = run(&repo, &["check", "HEAD~2..HEAD~1", "-v"]).text();
    assert!(text.contains("whether it is newer is not known"), "{text}");
    assert!(text.contains("hint: git -C [HOME]/short fetch --tags"), "{text}");
}

#[test]
fn the_clone_is_meant_whatever_git_sets_for_its_own() {
    let repo = line();
    let (dir, [older, newer, _]) = app(&repo);
    configure(&repo, &dir);
    put(&repo, "web", "staging", &newer);
    put(&repo, "web", "dev", &older);
    let word = format!("web@{older}");
    let asked = |set: bool| {
        let one = run(&repo, &[&word, "staging", "-n"]);
        let git_dir = repo.root.join(".git");
        let one = if set { one.env("GIT_DIR", git_dir.to_str().unwrap()) } else { one };
        one.text()
    };
    assert!(asked(false).contains("is older than"));
    assert_eq!(asked(true), asked(false));
    // One that lies around the directory is none.
    configure(&repo, &repo.root.join("apps"));
    assert!(asked(false).contains("is no clone of web"), "{}", asked(false));
}
