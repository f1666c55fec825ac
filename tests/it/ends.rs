//! Which base and head are meant, on the command line and in CI.

use std::collections::BTreeMap;

use promote::command::check::ends::{Around, Asked, Ends, Pair, find};
use promote::command::{Exit, Failure};
use promote::git::{ObjectId, Repository};
use serde_json::json;

use crate::testkit::{Sandbox, WEB, content};

/// A fork: `main` has `base` at its tip, `side` has `source`, and `merge` is
/// the merge of `source` into `base` as a forge makes it.
pub(crate) struct Fork {
    pub(crate) sandbox: Sandbox,
    pub(crate) start: ObjectId,
    pub(crate) base: ObjectId,
    pub(crate) source: ObjectId,
    pub(crate) merge: ObjectId,
}

pub(crate) fn fork() -> Fork {
    let sandbox = Sandbox::new();
    let start = sandbox.head();
    sandbox.git(["checkout", "-qb", "side"]);
    sandbox.write(WEB, &content("v2"));
    sandbox.git(["commit", "-qam", "Side"]);
    let source = sandbox.head();
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.write("apps/api/prod/kustomization.yaml", &content("v3"));
    sandbox.git(["commit", "-qam", "Main"]);
    let base = sandbox.head();
    sandbox.git(["checkout", "-q", "--detach"]);
    sandbox.git(["merge", "-q", "--no-ff", "-m", "Merge side into main", "side"]);
    let merge = sandbox.head();
    sandbox.git(["update-ref", "refs/remotes/origin/main", &base.to_string()]);
    Fork { sandbox, start, base, source, merge }
}

type Vars = BTreeMap<&'static str, String>;

fn vars<const N: usize>(pairs: [(&'static str, &str); N]) -> Vars {
    pairs.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

fn ask(repo: &Repository, asked: &Asked, env: &Vars) -> Result<Ends, Failure> {
    let env = |name: &str| env.get(name).cloned();
    let stdin = || -> std::io::Result<Vec<u8>> { panic!("standard input is not read") };
    find(repo, asked, &Around { env: &env, stdin: &stdin })
}

/// What the environment alone means.
#[track_caller]
fn pair(repo: &Repository, env: &Vars) -> Pair {
    match ask(repo, &Asked::default(), env).unwrap() {
        Ends::Pair(pair) => pair,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(repo: &Repository, env: &Vars) -> Failure {
    ask(repo, &Asked::default(), env).unwrap_err()
}

#[track_caller]
fn assert_ends(pair: &Pair, base: ObjectId, head: ObjectId) {
    assert_eq!((pair.base, pair.head), (base, head), "{pair:?}");
}

fn event(fork: &Fork, name: &str, payload: &serde_json::Value, sha: ObjectId) -> Vars {
    let path = fork.sandbox.dir.path().join("event.json");
    std::fs::write(&path, payload.to_string()).unwrap();
    let mut env =
        vars([("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", name)].map(|(k, v)| (k, v)));
    env.insert("GITHUB_EVENT_PATH", path.display().to_string());
    env.insert("GITHUB_SHA", sha.to_string());
    env
}

#[test]
fn github_pull_requests() {
    let fork = fork();
    let repo = fork.sandbox.open();
    let request = |base: ObjectId| {
        json!({ "pull_request": { "base": { "sha": base.to_string() },
                                  "head": { "sha": fork.source.to_string() } } })
    };
    // What is checked out is the merge, and its first parent is the base.
    let found = pair(&repo, &event(&fork, "pull_request", &request(fork.base), fork.merge));
    assert_ends(&found, fork.base, fork.merge);
    assert!(found.notes.is_empty() && !found.moves);
    let stale = pair(&repo, &event(&fork, "pull_request", &request(fork.start), fork.merge));
    assert_ends(&stale, fork.base, fork.merge);
    assert!(stale.notes[0].contains("may be stale"), "{stale:?}");
    // Of the base branch: there is no merge, so it is made here.
    let target = event(&fork, "pull_request_target", &request(fork.base), fork.base);
    assert_ends(&pair(&repo, &target), fork.base, fork.source);
    // What the author checked in on top of the head is no merge of GitHub's,
    // even where it is checked out.
    fork.sandbox.git(["checkout", "-q", "--orphan", "evil"]);
    fork.sandbox.git(["commit", "-qm", "evil"]);
    fork.sandbox.git([
        "merge",
        "-q",
        "-s",
        "ours",
        "--allow-unrelated-histories",
        "-m",
        "x",
        "side",
    ]);
    assert_ends(&pair(&repo, &target), fork.base, fork.source);
    let bad = json!({ "pull_request": { "base": { "sha": "--output=x" } } });
    let failure = refused(&repo, &event(&fork, "pull_request", &bad, fork.merge));
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.message.contains("pull_request.base.sha"), "{}", failure.message);
    let failure = refused(&repo, &event(&fork, "schedule", &json!({}), fork.merge));
    assert!(failure.message.contains("`schedule` names no base"));
    let mut gone = event(&fork, "pull_request", &bad, fork.merge);
    gone.insert("GITHUB_EVENT_PATH", "/nowhere".to_owned());
    assert_eq!(refused(&repo, &gone).exit, Exit::Invalid);
}

#[test]
fn github_merge_groups_and_pushes() {
    let fork = fork();
    let repo = fork.sandbox.open();
    let text = |id: ObjectId| id.to_string();
    let group =
        json!({ "merge_group": { "base_sha": text(fork.base), "head_sha": text(fork.merge) } });
    assert_ends(
        &pair(&repo, &event(&fork, "merge_group", &group, fork.merge)),
        fork.base,
        fork.merge,
    );
    let push = |before: String| {
        json!({ "before": before, "after": text(fork.merge), "ref": "refs/heads/main",
                "repository": { "default_branch": "main" } })
    };
    let found = pair(&repo, &event(&fork, "push", &push(text(fork.base)), fork.merge));
    assert_ends(&found, fork.base, fork.merge);
    assert!(found.moves);
    let first = pair(&repo, &event(&fork, "push", &push("0".repeat(40)), fork.merge));
    assert!(first.base.is_empty_tree() && first.moves);
    let mut new = push("0".repeat(40));
    new["ref"] = "refs/heads/side".into();
    let found = pair(&repo, &event(&fork, "push", &new, fork.merge));
    assert_ends(&found, fork.base, fork.merge);
    assert!(!found.moves && found.notes[0].contains("new branch"));
    // A branch that was forced back is judged as it is now, not as a merge.
    let back = json!({ "before": text(fork.merge), "after": text(fork.start) });
    let found = pair(&repo, &event(&fork, "push", &back, fork.start));
    assert_eq!(found.change(&repo).unwrap().changed.len(), 2);
}

#[test]
fn gitlab_merge_requests() {
    let fork = fork();
    let repo = fork.sandbox.open();
    let (base, merge, source) =
        (fork.base.to_string(), fork.merge.to_string(), fork.source.to_string());
    let zeros = "0".repeat(40);
    let mut env = vars([
        ("GITLAB_CI", "true"),
        ("CI_COMMIT_SHA", &merge),
        ("CI_COMMIT_BEFORE_SHA", &zeros),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", &base),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", &source),
    ]);
    let merged = pair(&repo, &env);
    assert_ends(&merged, fork.base, fork.merge);
    assert!(merged.notes.is_empty());
    env.insert("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", fork.start.to_string());
    assert!(pair(&repo, &env).notes[0].contains("may be stale"));
    // Without merged results both are empty, and the branch's tip is the base.
    env.insert("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", String::new());
    env.insert("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", String::new());
    env.insert("CI_COMMIT_SHA", source);
    env.insert("CI_MERGE_REQUEST_DIFF_BASE_SHA", fork.start.to_string());
    assert_ends(&pair(&repo, &env), fork.base, fork.source);
    fork.sandbox.git(["update-ref", "-d", "refs/remotes/origin/main"]);
    let older = pair(&repo, &env);
    assert_ends(&older, fork.start, fork.source);
    assert!(older.notes[0].contains("`main` is not in this clone"), "{older:?}");
    env.remove("CI_MERGE_REQUEST_DIFF_BASE_SHA");
    let failure = refused(&repo, &env);
    assert_eq!(failure.exit, Exit::NotFound);
    assert_eq!(
        failure.hints,
        ["git fetch --depth=1 origin +refs/heads/main:refs/remotes/origin/main"]
    );
    env.insert("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "x;rm -rf".to_owned());
    assert!(refused(&repo, &env).hints.is_empty());
    let branch =
        vars([("GITLAB_CI", "true"), ("CI_COMMIT_SHA", &merge), ("CI_COMMIT_BEFORE_SHA", &base)]);
    let found = pair(&repo, &branch);
    assert_ends(&found, fork.base, fork.merge);
    assert!(found.moves);
}

#[test]
fn azure_bitbucket_and_jenkins() {
    let fork = fork();
    let repo = fork.sandbox.open();
    let (base, merge, source) =
        (fork.base.to_string(), fork.merge.to_string(), fork.source.to_string());
    for target in ["refs/heads/main", "main"] {
        let azure = vars([
            ("TF_BUILD", "True"),
            ("SYSTEM_PULLREQUEST_TARGETBRANCH", target),
            ("SYSTEM_PULLREQUEST_SOURCECOMMITID", &source),
            ("BUILD_SOURCEVERSION", &merge),
        ]);
        assert_ends(&pair(&repo, &azure), fork.base, fork.merge);
        let unmerged: Vars =
            azure.into_iter().chain([("BUILD_SOURCEVERSION", source.clone())]).collect();
        assert_ends(&pair(&repo, &unmerged), fork.base, fork.source);
    }
    let bitbucket = |commit: &str| {
        vars([
            ("BITBUCKET_COMMIT", source.as_str()),
            ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
            ("BITBUCKET_PR_DESTINATION_COMMIT", commit),
        ])
    };
    for commit in [base.as_str(), &base[..12], ""] {
        let found = pair(&repo, &bitbucket(commit));
        assert_ends(&found, fork.base, fork.merge);
        assert_eq!(found.change(&repo).unwrap().changed.len(), 1);
    }
    let jenkins =
        vars([("JENKINS_URL", "http://x"), ("CHANGE_ID", "1"), ("CHANGE_TARGET", "main")]);
    assert_ends(&pair(&repo, &jenkins), fork.base, fork.merge);
    let other = vars([("CHANGE_TARGET", "none")]);
    assert_eq!(refused(&repo, &other).exit, Exit::NotFound);
}

#[test]
fn what_the_command_line_names() {
    let fork = fork();
    let repo = fork.sandbox.open();
    let none = Vars::new();
    let range = |text: &str| Asked { range: Some(text.to_owned()), ..Asked::default() };
    let named = |asked: &Asked| match ask(&repo, asked, &none) {
        Ok(Ends::Pair(pair)) => Ok((pair.base, pair.head)),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure.message),
    };
    for text in ["main..side", "main...side", "origin/main..side", &format!("{}..side", fork.base)]
    {
        assert_eq!(named(&range(text)), Ok((fork.base, fork.source)), "{text}");
    }
    assert_eq!(named(&range("main..")), Ok((fork.base, fork.merge)));
    let unknown = "1".repeat(40);
    let (base, _) = named(&range(&format!("{unknown}..side"))).unwrap();
    assert_eq!(base.to_string(), unknown, "an id that is not there is for the reader to miss");
    let hostile = ["--output=x..side", "main..-x", "main..+side:x", "main..:/Side", "main..a b"];
    for text in hostile.iter().chain(&["main..side..x", "main..^side", "main", "main..si*de"]) {
        let message = named(&range(text)).unwrap_err();
        assert!(message.contains("is no r"), "{text}: {message}");
    }
    assert!(named(&range("main..nope")).unwrap_err().contains("unknown revision 'nope'"));
    let tree = named(&range("main^{tree}..side^{tree}")).unwrap();
    assert_ne!(tree.0, fork.base);
    let side = |base: Option<&str>, head: Option<&str>| Asked {
        base: base.map(ToOwned::to_owned),
        head: head.map(ToOwned::to_owned),
        ..Asked::default()
    };
    assert_eq!(named(&side(Some("main"), None)), Ok((fork.base, fork.merge)));
    assert_eq!(named(&side(None, Some("side"))), Ok((fork.base, fork.source)));
    let ci = vars([("CHANGE_TARGET", "main")]);
    let Ok(Ends::Pair(found)) = ask(&repo, &side(None, Some("side")), &ci) else { panic!() };
    assert_ends(&found, fork.base, fork.source);
    let both = Asked { staged: true, ..range("main..side") };
    assert!(named(&both).unwrap_err().contains("only one of"));
}

#[test]
fn the_current_branch_against_its_upstream() {
    let fork = fork();
    let sandbox = &fork.sandbox;
    let repo = sandbox.open();
    let none = Vars::new();
    assert!(pair(&repo, &none).notes[0].contains("origin/main"));
    sandbox.git(["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    let found = pair(&repo, &none);
    assert_ends(&found, fork.base, fork.merge);
    assert!(found.notes[0].contains("origin/HEAD"));
    sandbox.git(["checkout", "-q", "side"]);
    sandbox.git(["config", "remote.origin.url", "x"]);
    sandbox.git(["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"]);
    sandbox.git(["update-ref", "refs/remotes/origin/next", &fork.start.to_string()]);
    sandbox.git(["branch", "-q", "--set-upstream-to=origin/next"]);
    let found = pair(&sandbox.open(), &none);
    assert_ends(&found, fork.start, fork.source);
    assert!(found.notes[0].contains("origin/next"));
    // The pre-commit framework: the index, or a range.
    let staged = ask(&repo, &Asked::default(), &vars([("PRE_COMMIT", "1")])).unwrap();
    assert_eq!(staged, Ends::Staged);
    let (from, to) = (fork.base.to_string(), fork.source.to_string());
    let mut range =
        vars([("PRE_COMMIT", "1"), ("PRE_COMMIT_FROM_REF", &from), ("PRE_COMMIT_TO_REF", &to)]);
    assert_ends(&pair(&repo, &range), fork.base, fork.source);
    assert!(!pair(&repo, &range).moves);
    range.insert("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/main".to_owned());
    assert!(pair(&repo, &range).moves);
    range.insert("PRE_COMMIT_TO_REF", "--exec=x".to_owned());
    assert_eq!(refused(&repo, &range).exit, Exit::Usage);
    // In CI the framework runs on the commit, not on what is staged.
    let ci = vars([("PRE_COMMIT", "1"), ("CHANGE_TARGET", "main")]);
    assert_ends(&pair(&repo, &ci), fork.base, fork.source);
}
