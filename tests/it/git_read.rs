//! Opening, snapshots and history.

use std::os::unix::ffi::OsStrExt;

use promote::git::history::{Interest, changed_paths, walk};
use promote::model::{EntryKind, RepoPath, Search, Snapshot};

use crate::testkit::{Driver, Sandbox, WEB, content, promote};

fn path(text: &str) -> RepoPath {
    RepoPath::normalize(text).unwrap()
}

#[test]
fn a_repository_is_found_from_wherever_one_stands() {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "promote.app", "web"]);
    let root = sandbox.root.display().to_string();
    let facts = |driver: Driver<'_>| driver.run("facts", &[]).0;
    let top = facts(Driver::new(&sandbox));
    assert_eq!((top["root"].as_str(), top["prefix"].as_str()), (Some(&*root), Some("")));
    assert_eq!((top["branch"].as_str(), top["value"].as_str()), (Some("main"), Some("web")));
    let below = facts(Driver::new(&sandbox).dir(&sandbox.root.join("apps/web")));
    assert_eq!(
        (below["root"].as_str(), below["prefix"].as_str()),
        (Some(&*root), Some("apps/web"))
    );
    let alias = facts(Driver::new(&sandbox).env("GIT_PREFIX", "apps/api/"));
    assert_eq!(alias["prefix"], "apps/api");
    let given = facts(Driver::new(&sandbox).env("GIT_CONFIG_PARAMETERS", "'promote.app'='api'"));
    assert_eq!(given["value"], "api");
    let counted = Driver::new(&sandbox).env("GIT_CONFIG_COUNT", "1");
    let counted = counted.env("GIT_CONFIG_KEY_0", "promote.app").env("GIT_CONFIG_VALUE_0", "db");
    assert_eq!(facts(counted)["value"], "db");
    // A hook runs at the top with GIT_DIR=.git; elsewhere git takes the
    // current directory for the top of the work tree.
    let hook = facts(Driver::new(&sandbox).env("GIT_DIR", ".git"));
    assert_eq!(hook["root"], *root);
    let git_dir = sandbox.root.join(".git").display().to_string();
    let apps = sandbox.root.join("apps");
    let odd = facts(Driver::new(&sandbox).dir(&apps).env("GIT_DIR", &git_dir));
    assert_eq!(odd["root"], apps.display().to_string());
    let broken = facts(Driver::new(&sandbox).env("GIT_CONFIG_PARAMETERS", "x"));
    assert!(broken["error"].as_str().unwrap().contains("GIT_CONFIG_PARAMETERS"));
}

#[test]
fn bare_shallow_and_upstream_are_told() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[promote(WEB, "v1", "v2")]).id();
    let dir = sandbox.dir.path().canonicalize().unwrap();
    let url = format!("file://{}", sandbox.root.display());
    sandbox.git(["clone", "-q", "--bare", &url, dir.join("bare.git").to_str().unwrap()]);
    sandbox.git(["clone", "-q", "--depth=1", &url, dir.join("shallow").to_str().unwrap()]);
    let facts = |name: &str| Driver::new(&sandbox).dir(&dir.join(name)).run("facts", &[]).0;
    let bare = facts("bare.git");
    assert!(bare["bare"] == true && bare["root"].is_null() && bare["prefix"].is_null());
    let shallow = facts("shallow");
    assert_eq!(shallow["upstream"], "origin/main 0 0");
    assert!(shallow["shallow"] == true && shallow["remotes"][0] == "origin");
    let clone = dir.join("shallow");
    sandbox.commit(&[promote(WEB, "v2", "v3")]).id();
    sandbox.git_in(&clone, ["fetch", "-q"]);
    sandbox.git_in(&clone, ["commit", "-q", "--allow-empty", "-m", "ours"]);
    assert_eq!(facts("shallow")["upstream"], "origin/main 1 1");
    assert!(facts("bare.git")["upstream"].is_null());
}

#[test]
fn a_snapshot_reads_what_git_shows() {
    let sandbox = Sandbox::new();
    sandbox.write("bin/run", "#!/bin/sh\n");
    crate::testkit::executable(&sandbox.root.join("bin/run"));
    std::os::unix::fs::symlink("apps", sandbox.root.join("link")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"apps/\xff");
    std::fs::write(sandbox.root.join(odd), "x").unwrap();
    sandbox.write("apps.yaml", "x");
    sandbox.git(["add", "-A"]);
    sandbox.git([
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{},sub", sandbox.head()),
    ]);
    sandbox.git(["commit", "-q", "-m", "more"]);
    sandbox.write(WEB, "not committed");
    let repo = sandbox.open();
    let snapshot = repo.snapshot(repo.resolve("main").unwrap()).unwrap();
    assert_eq!(snapshot.read(&path(WEB)).unwrap().unwrap(), content("v1").as_bytes());
    let names: Vec<String> =
        snapshot.list(&RepoPath::root()).unwrap().unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["apps", "apps.yaml", "bin", "link", "sub"]);
    let kinds = ["apps", "apps.yaml", "link", "sub", "none", "link/web", "sub/x", WEB]
        .map(|name| snapshot.kind(&path(name)).unwrap());
    let file = Some(EntryKind::File);
    assert_eq!(
        kinds,
        [
            Some(EntryKind::Directory),
            file,
            Some(EntryKind::Symlink),
            Some(EntryKind::Submodule),
            None,
            None,
            None,
            file
        ]
    );
    for nothing in ["link", "link/web/prod/kustomization.yaml", "sub", "apps", "", "none/x"] {
        assert_eq!(snapshot.read(&path(nothing)).unwrap(), None, "{nothing}");
    }
    assert_eq!(snapshot.list(&path("apps.yaml")).unwrap(), None);
    assert_eq!(snapshot.list(&path("apps")).unwrap().unwrap().len(), 2);
    assert_eq!(snapshot.unreadable_names(&path("apps")).unwrap(), 1);
    assert!(snapshot.is_executable(&path("bin/run")).unwrap());
    let reader = snapshot.fork();
    let read = std::thread::spawn(move || reader.snapshot().read(&path(WEB)).unwrap());
    assert!(read.join().unwrap().is_some());
    assert!(repo.resolve("no-such").is_err() && repo.resolve("-x").is_err());
}

/// A history with a merge, and what git says of it.
fn history_of(sandbox: &Sandbox, interest: &[&str]) -> Vec<String> {
    let mut args = vec![
        "log",
        "--first-parent",
        "--no-renames",
        "-m",
        "--format=%x00%H %ct %an %s",
        "--name-only",
        "--",
    ];
    args.extend(interest);
    sandbox
        .git(args)
        .replace("\n\n", "\n")
        .split('\0')
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

fn history_by_us(sandbox: &Sandbox, interest: &[&str]) -> Vec<String> {
    let repo = sandbox.open();
    let interest = if interest.is_empty() {
        Interest::everything()
    } else {
        Interest::below(interest.iter().map(|text| path(text)))
    };
    let history = walk(&repo, repo.head().unwrap().commit.unwrap(), interest).unwrap();
    history
        .map(|commit| {
            let commit = commit.unwrap();
            let subject = commit.message().lines().next().unwrap();
            let paths: Vec<&str> = commit.changed.iter().map(RepoPath::as_str).collect();
            format!(
                "{} {} {} {subject}\n{}",
                commit.id,
                commit.seconds,
                commit.author(),
                paths.join("\n")
            )
        })
        .collect()
}

#[test]
fn history_is_that_of_git_log() {
    let sandbox = Sandbox::new();
    sandbox.commit(&[promote(WEB, "v1", "v2")]).id();
    sandbox.git(["checkout", "-q", "-b", "side"]);
    sandbox.write("apps/api/dev/kustomization.yaml", "side");
    sandbox.git(["commit", "-q", "-am", "side"]);
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.git(["mv", "apps/api/prod", "apps/api/prod-eu"]);
    sandbox.write("apps.yaml", "x");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-am", "moved"]);
    sandbox.git(["merge", "-q", "--no-ff", "-m", "merged", "side"]);
    sandbox.git(["rm", "-q", "-r", "apps/api"]);
    sandbox.write("apps/api", "now a file");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "file for folder"]);
    let check = || {
        for interest in [&[][..], &["apps/web/prod"], &["apps/api", "apps.yaml"], &["none"], &[WEB]]
        {
            assert_eq!(
                history_by_us(&sandbox, interest),
                history_of(&sandbox, interest),
                "{interest:?}"
            );
        }
    };
    check();
    sandbox.git(["commit-graph", "write", "--reachable"]);
    sandbox.git(["gc", "-q"]);
    check();
    let repo = sandbox.open();
    let (old, new) = (repo.resolve("HEAD~2").unwrap(), repo.resolve("HEAD").unwrap());
    let changed = changed_paths(&repo, Some(old), new, &Interest::everything()).unwrap();
    let changed: Vec<&str> = changed.iter().map(RepoPath::as_str).collect();
    let git = sandbox.git(["diff", "--no-renames", "--name-only", "HEAD~2", "HEAD"]);
    assert_eq!(changed, git.lines().collect::<Vec<_>>());
    let first = walk(&repo, new, Interest::everything()).unwrap().next().unwrap().unwrap();
    assert_eq!(first.offset(), 3600);
}

#[test]
fn a_shallow_history_says_where_it_ends() {
    let sandbox = Sandbox::new();
    for tag in 1..5 {
        sandbox.commit(&[promote(WEB, &format!("v{tag}"), &format!("v{}", tag + 1))]).id();
    }
    let dir = sandbox.dir.path().join("shallow");
    let url = format!("file://{}", sandbox.root.display());
    sandbox.git(["clone", "-q", "--depth=2", &url, dir.to_str().unwrap()]);
    let repo = promote::git::Repository::open(&dir).unwrap();
    let tip = repo.resolve("HEAD").unwrap();
    let mut history = walk(&repo, tip, Interest::everything()).unwrap().with_unchanged();
    let commits: Vec<_> = history.by_ref().map(Result::unwrap).collect();
    assert_eq!(commits.iter().map(|commit| commit.changed.len()).collect::<Vec<_>>(), [1, 0]);
    assert!(history.ended_shallow());
    let repo = sandbox.open();
    let tip = repo.resolve("HEAD").unwrap();
    let mut whole = walk(&repo, tip, Interest::everything()).unwrap();
    assert_eq!(whole.by_ref().count(), 5);
    assert!(!whole.ended_shallow());
}

#[test]
fn a_search_of_many_directories_shows_every_file_once() {
    let sandbox = Sandbox::new();
    for number in 0..450 {
        sandbox.write(&format!("many/{number}/below/x.yaml"), &format!("{number}"));
        sandbox.write(&format!("many/{number}/y.yaml"), "");
    }
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "Many"]);
    sandbox.git(["repack", "-adq"]);
    let snapshot = sandbox.open().snapshot(sandbox.head()).unwrap();
    let shown = std::sync::Mutex::new(Vec::new());
    let show = |path: &RepoPath, bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        shown.lock().unwrap().push((path.to_string(), text));
    };
    let wanted = |name: &str| name == "x.yaml";
    let search = |most| Search { wanted: &wanted, show: &show, link: &|_, _| {}, most };
    assert!(snapshot.scan(&search(909)).unwrap());
    let mut found = std::mem::take(&mut *shown.lock().unwrap());
    found.sort();
    let mut all: Vec<(String, String)> = (0..450)
        .map(|number| (format!("many/{number}/below/x.yaml"), number.to_string()))
        .collect();
    all.sort();
    assert_eq!(found, all);
    assert!(!snapshot.scan(&search(908)).unwrap());
}
