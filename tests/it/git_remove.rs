//! Files that go with a commit: the same by both engines, by a commit aside,
//! and in the work tree alone.

use std::fs;

use promote::model::FileChange;

use crate::testkit::{Driver, Sandbox, WEB, change, content, executable, gone, promote};

const DEEP: [&str; 3] =
    ["apps/web/dev-preview-x/a.yaml", "apps/web/dev-preview-x/o/b.yaml", "apps/zz"];

/// A repository with files that are to go.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for path in DEEP {
        sandbox.write(path, "x\n");
    }
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "Add what goes"]);
    // The index has a tree cache now, as after any checkout.
    sandbox.git(["read-tree", "HEAD"]);
    sandbox.git(["update-index", "-q", "--refresh"]);
    sandbox
}

/// All of them, with an edit and a new file.
fn changes() -> Vec<FileChange> {
    let goes = DEEP.into_iter().map(|path| gone(path, "x\n"));
    let others = [promote(WEB, "v1", "v2"), change("apps/web/eu/k.yaml", None, "a\n")];
    goes.chain(others).collect()
}

/// What both engines have to agree on.
fn result(sandbox: &Sandbox) -> String {
    let mut text = sandbox.git(["rev-parse", "HEAD", "HEAD^{tree}"]);
    text.push_str(&sandbox.git(["ls-files", "-s", "-v"]));
    text.push_str(&sandbox.git(["ls-tree", "-r", "--name-only", "HEAD"]));
    text.push_str(&sandbox.git(["status", "--porcelain=v2", "-uall"]));
    text
}

/// The index is whole: what git would commit of it is what was committed.
fn assert_whole(sandbox: &Sandbox) {
    sandbox.git(["fsck", "--strict"]);
    assert_eq!(sandbox.git(["write-tree"]), sandbox.git(["rev-parse", "HEAD^{tree}"]));
    for path in DEEP {
        assert!(!sandbox.root.join(path).exists(), "{path}");
    }
    assert!(!sandbox.root.join("apps/web/dev-preview-x").exists(), "no empty directory stays");
}

#[test]
fn both_engines_remove_the_same() {
    for version in ["2", "4"] {
        let results = [false, true].map(|by_git| {
            let sandbox = sandbox();
            sandbox.git(["update-index", "--index-version", version]);
            if by_git {
                sandbox.hook("post-commit", "exit 0");
            }
            sandbox.commit(&changes()).id();
            assert_whole(&sandbox);
            sandbox.assert_clean();
            result(&sandbox)
        });
        assert_eq!(results[0], results[1], "index version {version}");
    }
}

#[test]
fn what_else_is_staged_stays_as_it_is() {
    let sandbox = sandbox();
    sandbox.write("apps/web/dev-preview-x-not/c", "staged");
    sandbox.git(["add", "-A"]);
    sandbox.write("apps/web/dev-preview-x-not/c", "later");
    sandbox.commit(&changes()).id();
    let status = sandbox.git(["status", "--porcelain"]);
    assert_eq!(status, "AM apps/web/dev-preview-x-not/c\n");
    sandbox.git(["commit", "-q", "-m", "Mine"]);
    let listed = sandbox.git(["ls-tree", "-r", "--name-only", "HEAD"]);
    assert!(DEEP.iter().all(|path| !listed.lines().any(|line| line == *path)), "{listed}");
    assert!(listed.contains("dev-preview-x-not/c"), "{listed}");
}

#[test]
fn a_commit_aside_removes_them_too() {
    let sandbox = sandbox();
    let before = sandbox.git(["status", "--porcelain=v2", "-uall"]);
    let id = Driver::new(&sandbox).run("build", &changes()).id();
    assert_eq!(sandbox.git(["status", "--porcelain=v2", "-uall"]), before);
    sandbox.commit(&changes()).id();
    let tree = sandbox.git(["rev-parse", &format!("{id}^{{tree}}")]);
    assert_eq!(tree, sandbox.git(["rev-parse", "HEAD^{tree}"]));
    sandbox.git(["fsck", "--strict"]);
}

#[test]
fn files_can_go_without_a_commit() {
    for (stage, status) in [(false, " D apps/zz\n"), (true, "D  apps/zz\n")] {
        let sandbox = sandbox();
        let driver = Driver::new(&sandbox).with("stage", stage);
        let done = driver.run("worktree", &[gone("apps/zz", "x\n")]);
        assert_eq!(done.text("error"), "");
        assert_eq!(sandbox.git(["status", "--porcelain"]), status);
        sandbox.git(["fsck", "--strict"]);
    }
}

#[test]
fn a_file_that_was_changed_does_not_go() {
    let sandbox = sandbox();
    sandbox.write("apps/zz", "mine\n");
    let refused = sandbox.commit(&changes());
    assert_eq!(refused.kind(), "DirtyTarget");
    assert_eq!(sandbox.read("apps/zz"), "mine\n");
    assert!(sandbox.root.join(DEEP[0]).exists());
    let refused = sandbox.commit(&[gone("apps/web/none", "x\n")]);
    assert_eq!(refused.kind(), "DirtyTarget");
}

#[test]
fn a_hook_that_refuses_gets_every_file_back() {
    let sandbox = sandbox();
    executable(&sandbox.root.join("apps/zz"));
    sandbox.git(["commit", "-q", "-am", "Executable"]);
    sandbox.hook("pre-commit", "test -e apps/zz && exit 0; echo gone >&2; exit 1");
    let before = sandbox.git(["ls-files", "-s"]);
    let refused = sandbox.commit(&changes());
    assert!(refused.text("error").contains("gone"), "{}", refused.text("error"));
    assert_eq!(sandbox.git(["ls-files", "-s"]), before);
    fs::remove_file(sandbox.root.join(".git/hooks/pre-commit")).unwrap();
    sandbox.assert_clean();
    assert_eq!(sandbox.read(WEB), content("v1"));
}
