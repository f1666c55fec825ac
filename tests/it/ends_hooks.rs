//! What hooks are told, and a real push to a bare repository whose
//! `pre-receive` runs this program: the objects of the push are in quarantine.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use promote::command::check::ends::{Around, Asked, Ends, Update, find, passed_over};
use promote::git::{Repository, object_directories};
use promote::model::{RepoPath, Snapshot};
use serde_json::{Value, json};

use crate::ends::fork;
use crate::testkit::{Sandbox, WEB, content, hook_in};

fn updates(repo: &Repository, asked: &Asked, input: &str) -> Vec<Update> {
    let stdin = || Ok(input.as_bytes().to_vec());
    match find(repo, asked, &Around { env: &|_| None, stdin: &stdin }).unwrap() {
        Ends::Updates(updates) => updates,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_of_a_pre_push_hook() {
    let fork = fork();
    let repo = fork.sandbox.open();
    let (base, source, zeros) = (fork.base, fork.source, "0".repeat(40));
    let input = format!(
        "refs/heads/side {source} refs/heads/main {base}\n\
         (delete) {zeros} refs/heads/old {base}\n\
         HEAD@{{1 day ago}} {source} refs/heads/new {zeros}\n\
         refs/tags/v1 {source} refs/tags/v1 {zeros}\n"
    );
    let asked = Asked { pre_push: true, ..Asked::default() };
    let found = updates(&repo, &asked, &input);
    let Update::Judge(pair) = &found[0] else { panic!("{found:?}") };
    assert_eq!((pair.base, pair.head, pair.moves), (base, source, true));
    assert_eq!(pair.branch.as_deref(), Some("refs/heads/main"));
    assert_eq!(passed_over(&found).len(), 3);
    fork.sandbox.git(["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    let found = updates(&repo, &asked, &input);
    let Update::Judge(pair) = &found[2] else { panic!("{found:?}") };
    assert_eq!((pair.base, pair.head, pair.moves), (base, source, false));
    let bad = find(
        &repo,
        &asked,
        &Around { env: &|_| None, stdin: &|| Ok(b"refs/heads/x abc refs/heads/y 0\n".to_vec()) },
    );
    assert!(bad.unwrap_err().message.contains("is no full commit id"));
    assert!(updates(&repo, &asked, "").is_empty());
}

#[test]
fn lines_of_a_pre_receive_hook() {
    let fork = fork();
    fork.sandbox.git(["checkout", "-q", "main"]);
    let repo = fork.sandbox.open();
    let (base, source, zeros) = (fork.base, fork.source, "0".repeat(40));
    let input = format!(
        "{base} {source} refs/heads/main\n{zeros} {source} refs/heads/new\n\
         {base} {zeros} refs/heads/old\n{base} {zeros} refs/heads/main\n\
         {zeros} {source} refs/tags/v1\n{base} {source} refs/heads/side\n"
    );
    let kinds = |branches: &[&str]| {
        let branches = branches.iter().map(|name| (*name).to_owned()).collect();
        let asked = Asked { pre_receive: true, branches, ..Asked::default() };
        let kind = |update: Update| match update {
            Update::Judge(pair) => format!("{} {}", pair.moves, pair.base),
            Update::Refuse { reason, .. } => reason,
            Update::Pass { .. } => "pass".to_owned(),
        };
        updates(&repo, &asked, &input).into_iter().map(kind).collect::<Vec<_>>()
    };
    let judged = format!("true {base}");
    let cannot = "this branch cannot be deleted";
    assert_eq!(kinds(&[]), [&judged, "pass", "pass", cannot, "pass", &judged]);
    // The default branch is always judged, and a branch that is named is not
    // to be made unjudged either.
    assert_eq!(kinds(&["new"]), [&judged, &judged, "pass", cannot, "pass", "pass"]);
    assert_eq!(kinds(&["old"])[2], cannot);
}

/// A bare repository with the sandbox's `main`, whose pre-receive hook is this
/// test program.
fn server(sandbox: &Sandbox, name: &str) -> (PathBuf, PathBuf) {
    let bare = sandbox.dir.path().canonicalize().unwrap().join(name);
    sandbox.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let answer = sandbox.dir.path().join("answer");
    let program = std::env::current_exe().unwrap();
    let script = format!(
        "PROMOTE_IT_HOOK='{}' exec '{}' --exact ends_hooks::in_hook --ignored --nocapture",
        answer.display(),
        program.display()
    );
    hook_in(&bare.join("hooks"), "pre-receive", &script);
    sandbox.git(["remote", "add", "server", &format!("file://{}", bare.display())]);
    (bare, answer)
}

fn push(sandbox: &Sandbox, answer: &Path, args: &[&str]) -> (bool, Value) {
    let args = [&["push", "server"], args].concat();
    let output = sandbox.try_git_in(&sandbox.root, args);
    let text = std::fs::read(answer)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    std::fs::remove_file(answer).unwrap();
    (output.status.success(), serde_json::from_slice(&text).unwrap())
}

/// The other end of the push; does nothing when it is run as a test.
#[test]
#[ignore = "started by git in the other tests"]
fn in_hook() {
    let Some(file) = std::env::var_os("PROMOTE_IT_HOOK") else { return };
    let stdin = || {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    };
    let before = listing(Path::new("."));
    let repo = Repository::open(Path::new(".")).unwrap();
    let directories = object_directories(&|name| std::env::var_os(name));
    let asked = Asked { pre_receive: true, ..Asked::default() };
    let env = |name: &str| std::env::var(name).ok();
    let ends = find(&repo, &asked, &Around { env: &env, stdin: &stdin }).unwrap();
    let Ends::Updates(updates) = ends else { panic!() };
    let tell = |update: &Update| match update {
        Update::Judge(pair) => {
            let change = update.change(&repo, &directories).unwrap().unwrap();
            let read = |path| change.after.read(path).unwrap().map(|bytes| bytes.len());
            json!({
                "changed": change.changed.iter().map(RepoPath::as_str).collect::<Vec<_>>(),
                "lengths": change.changed.iter().map(read).collect::<Vec<_>>(),
                "messages": change.messages,
                "notes": change.notes,
                "alone": pair.change(&repo).map_err(|error| error.to_string()).err(),
                "forked": change.after.fork().snapshot().list(&RepoPath::root()).unwrap().unwrap().len(),
            })
        }
        other => json!(format!("{other:?}")),
    };
    let told: Vec<Value> = updates.iter().map(tell).collect();
    assert_eq!(listing(Path::new(".")), before, "nothing is written");
    std::fs::write(file, json!({ "directories": directories, "told": told }).to_string()).unwrap();
    assert!(!updates.iter().any(|update| matches!(update, Update::Refuse { .. })));
}

/// Every file below a directory, with its time.
fn listing(dir: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            found.push((path.clone(), path.metadata().unwrap().modified().unwrap()));
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_push_is_judged_in_its_quarantine() {
    let sandbox = Sandbox::new();
    // A colon in its path makes git quote the store behind the quarantine.
    let (bare, answer) = server(&sandbox, "se:r ver.git");
    for unpack in ["100", "1"] {
        sandbox.git_in(&bare, ["config", "receive.unpackLimit", unpack]);
        sandbox.write(WEB, &content(&format!("v{unpack}")));
        sandbox.write(&format!("deep/{unpack}/x.yaml"), "new");
        sandbox.git(["add", "-A"]);
        sandbox.git(["commit", "-qm", "Two"]);
        sandbox.git(["commit", "-q", "--allow-empty", "-m", "Three"]);
        let (pushed, told) = push(&sandbox, &answer, &["main"]);
        assert!(pushed, "{told}");
        let quarantine = told["directories"][0].as_str().unwrap();
        assert!(quarantine.contains("incoming"), "{told}");
        let one = &told["told"][0];
        assert_eq!(one["changed"], json!([WEB, format!("deep/{unpack}/x.yaml")]));
        assert_eq!(one["lengths"], json!([content(&format!("v{unpack}")).len(), 3]));
        assert_eq!(one["messages"], json!(["Three\n", "Two\n"]));
        assert_eq!((&one["notes"], &one["forked"]), (&json!([]), &json!(2)));
        let alone = one["alone"].as_str().unwrap();
        assert!(alone.contains("is not in this clone"), "gix sees the quarantine: {alone}");
    }
    // Forced to another history: judged as it is.
    sandbox.git(["checkout", "-q", "-b", "again", "HEAD~3"]);
    sandbox.write("other", "x");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-qm", "Other"]);
    let (pushed, told) = push(&sandbox, &answer, &["--force", "again:main"]);
    let one = &told["told"][0];
    assert!(pushed && one["notes"][0].as_str().unwrap().contains("does not descend"), "{told}");
    assert_eq!(one["changed"], json!([WEB, "deep/1/x.yaml", "other"]));
    let (pushed, told) = push(&sandbox, &answer, &["again:refs/heads/topic"]);
    assert!(pushed && told["told"][0].as_str().unwrap().contains("a new branch"), "{told}");
    sandbox.git_in(&bare, ["config", "receive.denyDeleteCurrent", "ignore"]);
    let (pushed, told) = push(&sandbox, &answer, &["--delete", "main"]);
    assert!(!pushed, "{told}");
    let heads = sandbox.git_in(&bare, ["for-each-ref", "--format=%(refname)", "refs/heads"]);
    assert_eq!(heads, "refs/heads/main\nrefs/heads/topic\n");
}

#[test]
fn the_first_push_has_nothing_before_it() {
    let sandbox = Sandbox::new();
    let (bare, answer) = server(&sandbox, "server.git");
    sandbox.git_in(&bare, ["update-ref", "-d", "refs/heads/main"]);
    sandbox.git_in(&bare, ["gc", "-q", "--prune=now"]);
    let (pushed, told) = push(&sandbox, &answer, &["main"]);
    let one = &told["told"][0];
    assert!(pushed && one["notes"][0].as_str().unwrap().contains("the branch is new"), "{told}");
    assert_eq!(one["changed"].as_array().unwrap().len(), 4);
}
