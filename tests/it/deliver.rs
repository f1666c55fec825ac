//! What a promotion leaves behind: commits with the user's message, trailers
//! and signature, or edited files.

use std::fs;

use insta::assert_snapshot;

use crate::kit::{at, by_git, everything, line, put, run, settled};
use crate::testkit::Sandbox;

const ARGS: [&str; 2] = ["web@v1.2.3", "staging"];

fn promote(repo: &Sandbox, args: &[&str]) -> String {
    run(repo, &[&ARGS[..], args].concat()).text()
}

fn message(repo: &Sandbox) -> String {
    settled(&repo.git(["log", "-1", "--format=%B"]))
}

#[test]
fn worktree_edits_the_files_and_commits_nothing() {
    let repo = line();
    let head = repo.head();
    assert_snapshot!(promote(&repo, &["-q", "--worktree"]), @"exit 0");
    assert_eq!(repo.head(), head);
    assert_eq!(repo.git(["status", "--porcelain"]), format!(" M {}\n", at("web", "staging")));
    assert!(repo.read(&at("web", "staging")).contains("v1.2.3"));
}

#[test]
fn stage_adds_them() {
    let repo = line();
    let document =
        run(&repo, &[&ARGS[..], &["--worktree", "--stage", "-o", "json"]].concat()).json(0);
    assert_eq!(document["result"], "edited");
    assert_eq!(document["commit"], serde_json::json!(null));
    assert_eq!(repo.git(["status", "--porcelain"]), format!("M  {}\n", at("web", "staging")));
    assert_eq!(run(&repo, &["--stage", "v1.2.3", "staging"]).code(), 2);
    assert_eq!(run(&repo, &["--worktree", "--commit", "v1.2.3", "staging"]).code(), 2);
}

#[test]
fn the_message_is_the_users_above_the_record() {
    let repo = line();
    assert_snapshot!(promote(&repo, &["-m", "Ship web", "-m", "Why: #7\n# kept"]), @"
    exit 0
    --- stdout
    web  staging  v1.2.2 -> v1.2.3
    ok    GP001  dev has run v1.2.3 for [AGE] ([ID])
    ok    GP003  v1.2.3 is newer than v1.2.2
    ok    GP004  no digest is pinned
    ok    GP005  v1.2.3 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> v1.2.3
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2 -> registry.example/acme/web:v1.2.3
    [main [ID]] Ship web
    ");
    assert_snapshot!(message(&repo), @"
    Ship web

    Why: #7
    # kept

    Promote-To: staging
    Promote-From: dev@[ID]
    Promote-App: web v1.2.2 -> v1.2.3
    Promote-Gate: GP001 pass; GP003 pass; GP004 pass; GP005 pass; GP007 pass; GP008 pass; GP011 pass
    Promote-Id: [HASH]
    ");
}

#[test]
fn the_message_may_come_from_a_file() {
    let repo = line();
    fs::write(repo.dir.path().join("text"), "From a file\n\nBody\n").unwrap();
    fs::write(repo.root.join("apps/inside"), "Inside\n").unwrap();
    run(&repo, &[&ARGS[..], &["-F", "../text"]].concat()).stdout(0);
    assert!(message(&repo).starts_with("From a file\n\nBody\n\nPromote-To: staging\n"));
    let args = ["-C", "apps", "web@v1.2.3", "prod", "-F", "inside"];
    run(&repo, &args).stdout(0);
    assert!(message(&repo).starts_with("Inside\n\nPromote-To: prod\n"));
    put(&repo, "api", "dev", "v2");
    run(&repo, &["api@v2", "staging", "-F", "-"]).stdin("From stdin\n").stdout(0);
    assert!(message(&repo).starts_with("From stdin\n\nPromote-To: staging\n"));
    assert_snapshot!(run(&repo, &["api@v2", "prod", "-F", "gone"]).text(), @"
    exit 5
    --- stderr
    error: could not read log file 'gone': No such file or directory (os error 2)
    hint: git promote -m TEXT VERSION ENV
    ");
    assert_eq!(run(&repo, &["api@v2", "prod", "-F", "-", "-m", "x"]).code(), 2);
}

#[test]
fn the_message_may_be_edited() {
    let repo = line();
    let editor = "sed -i -e '1s/.*/Edited/'";
    run(&repo, &[&ARGS[..], &["-e"]].concat()).env("GIT_EDITOR", editor).stdout(0);
    assert!(message(&repo).starts_with("Edited\n"), "{}", message(&repo));
    assert!(message(&repo).contains("\nPromote-To: staging\n"));
    repo.assert_clean();
    let head = repo.head();
    let gone = run(&repo, &["web@v1.2.3", "prod", "-e"]).env("GIT_EDITOR", "false");
    assert_eq!(gone.code(), 128);
    assert_eq!(repo.head(), head);
}

#[test]
fn a_bare_repository_has_nothing_to_commit_in() {
    let repo = line();
    let bare = repo.dir.path().join("bare.git");
    repo.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let args = ["-C", bare.to_str().unwrap(), "-q", "web@v1.2.3", "staging"];
    assert_snapshot!(run(&repo, &args).text(), @"
    exit 128
    --- stderr
    error: this operation must be run in a work tree
    hint: git promote ... --pr
    ");
    assert_eq!(run(&repo, &["-C", bare.to_str().unwrap(), "status"]).code(), 0);
}

#[test]
fn a_message_cannot_be_empty() {
    let repo = line();
    let before = everything(&repo);
    assert_snapshot!(promote(&repo, &["-m", ""]), @"
    exit 2
    --- stderr
    error: the commit message is empty
    hint: git promote VERSION ENV writes one, where -m and -F are left out
    ");
    assert_eq!(everything(&repo), before);
}

#[test]
fn signoff_and_trailers_join_the_record() {
    let repo = line();
    let args = ["-q", "-s", "--trailer", "Ticket=OPS-42", "--trailer", "Seen-by: me"];
    assert_snapshot!(promote(&repo, &args), @"exit 0");
    assert_snapshot!(settled(&repo.git(["log", "-1", "--format=%(trailers:only,unfold)"])), @"
    Promote-To: staging
    Promote-From: dev@[ID]
    Promote-App: web v1.2.2 -> v1.2.3
    Promote-Gate: GP001 pass; GP003 pass; GP004 pass; GP005 pass; GP007 pass; GP008 pass; GP011 pass
    Promote-Id: [HASH]
    Signed-off-by: C O Mitter <committer@example.com>
    Ticket: OPS-42
    Seen-by: me
    ");
}

#[test]
fn a_trailer_cannot_forge_the_record() {
    let repo = line();
    let before = everything(&repo);
    for trailer in
        ["Promote-Override=GP006", "promote-to=prod", "x", "a b=c", "A=b\nPromote-To: prod"]
    {
        let text = promote(&repo, &["--trailer", trailer]);
        assert!(text.starts_with("exit 2\n"), "{trailer}: {text}");
    }
    assert_snapshot!(promote(&repo, &["--trailer", "Promote-To=prod"]), @"
    exit 2
    --- stderr
    error: `Promote-To=prod` is no trailer
    hint: --trailer Ticket=OPS-42
    ");
    assert_eq!(everything(&repo), before);
}

#[test]
fn hooks_run_unless_told_otherwise() {
    let repo = line();
    repo.hook("pre-commit", "echo no >&2; exit 1");
    let head = repo.head();
    assert_snapshot!(promote(&repo, &["-q"]), @"
    exit 128
    --- stderr
    error: git commit refused: no
    hint: --no-verify leaves the pre-commit and commit-msg hooks out
    ");
    assert_eq!(repo.head(), head);
    assert_eq!(repo.git(["status", "--porcelain"]), "");
    run(&repo, &[&ARGS[..], &["--no-verify"]].concat()).stdout(0);
    repo.assert_clean();
}

#[test]
fn a_commit_msg_hook_may_change_the_message() {
    let repo = line();
    repo.hook("commit-msg", "echo 'Checked: yes' >> \"$1\"");
    repo.hook("post-commit", "git rev-parse HEAD > \"$(git rev-parse --git-dir)/seen\"");
    run(&repo, &ARGS).stdout(0);
    assert!(message(&repo).contains("\nPromote-Id: [HASH]\nChecked: yes\n"), "{}", message(&repo));
    assert_eq!(repo.read(".git/seen").trim(), repo.head().to_string());
    repo.assert_clean();
}

#[test]
fn a_commit_is_signed_where_that_is_asked_for() {
    let repo = line();
    let key = repo.dir.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        crate::kit::skipped("no ssh-keygen");
        return;
    }
    repo.git(["config", "gpg.format", "ssh"]);
    repo.git(["config", "user.signingKey", key.to_str().unwrap()]);
    run(&repo, &[&ARGS[..], &["-S"]].concat()).stdout(0);
    assert!(repo.git(["cat-file", "-p", "HEAD"]).contains("BEGIN SSH SIGNATURE"));
    repo.git(["config", "commit.gpgSign", "true"]);
    run(&repo, &["web@v1.2.3", "prod", "--no-gpg-sign"]).stdout(0);
    assert!(!repo.git(["cat-file", "-p", "HEAD"]).contains("SIGNATURE"));
}

#[test]
fn it_runs_from_a_subdirectory_a_linked_worktree_and_a_detached_head() {
    let repo = line();
    run(&repo, &ARGS).dir("apps/api").stdout(0);
    repo.assert_clean();
    let linked = repo.dir.path().join("linked");
    repo.git(["worktree", "add", "-q", "-b", "topic", linked.to_str().unwrap()]);
    let args = ["-C", linked.to_str().unwrap(), "promote", "web@v1.2.3", "prod"];
    let out = by_git(&repo, &args).stdout(0);
    assert!(out.contains("[topic "), "{out}");
    repo.git(["checkout", "-q", "--detach"]);
    let text = run(&repo, &["web@v1.2.3", "prod"]).stdout(0);
    assert!(text.contains("[detached HEAD "), "{text}");
    let document = run(&repo, &["web@v1.2.3", "prod", "-o", "json"]).json(0);
    assert_eq!(document["branch"], serde_json::json!(null));
}

#[test]
fn the_branch_behind_its_upstream_is_warned_of() {
    let repo = line();
    repo.git(["clone", "-q", "--bare", ".", "../remote.git"]);
    repo.git(["remote", "add", "origin", "../remote.git"]);
    repo.git(["fetch", "-q"]);
    repo.git(["branch", "-q", "-u", "origin/main"]);
    assert!(promote(&repo, &[]).ends_with("hint: git push\n"));
    repo.git(["reset", "-q", "--hard", "HEAD~2"]);
    put(&repo, "api", "dev", "v9");
    assert_snapshot!(run(&repo, &["-q", "api@v9", "staging"]).text(), @"
    exit 0
    --- stderr
    warning: origin/main does not have v9 of api in dev yet
    warning: the branch is 1 commit behind origin/main
    ");
}

#[test]
fn evidence_that_is_not_pushed_is_warned_of() {
    let repo = line();
    repo.git(["clone", "-q", "--bare", ".", "../remote.git"]);
    repo.git(["remote", "add", "origin", "../remote.git"]);
    repo.git(["fetch", "-q"]);
    repo.git(["branch", "-q", "-u", "origin/main"]);
    put(&repo, "api", "dev", "v9");
    assert_snapshot!(run(&repo, &["-q", "api@v9", "staging"]).text(), @"
    exit 0
    --- stderr
    warning: origin/main does not have v9 of api in dev yet
    ");
    assert_snapshot!(promote(&repo, &["-q"]), @"exit 0");
}

#[test]
fn a_shallow_clone_says_what_it_cannot_know() {
    let repo = line();
    put(&repo, "web", "dev", "build-2");
    let url = format!("file://{}", repo.root.display());
    let clone = repo.dir.path().join("clone");
    repo.git(["clone", "-q", "--depth", "1", &url, clone.to_str().unwrap()]);
    let args = ["-C", clone.to_str().unwrap(), "web@build-2", "staging"];
    assert_snapshot!(run(&repo, &args).text(), @"
    exit 0
    --- stdout
    web  staging  v1.2.2 -> build-2
    ok    GP001  dev runs build-2
    skip  GP003  the history is cut off: whether staging already left build-2 is not known
    ok    GP004  no digest is pinned
    ok    GP005  build-2 is no moving tag
    ok    GP007  only staging changes
    ok    GP008  no image of the set stays behind
    ok    GP011  every manifest can be read
    apps/web/overlays/staging/kustomization.yaml:5  images[0].newTag  v1.2.2 -> build-2
        Deployment/web containers[web].image  registry.example/acme/web:v1.2.2 -> registry.example/acme/web:build-2
    [main [ID]] Promote web build-2 to staging
    --- stderr
    hint: git push
    ");
}
