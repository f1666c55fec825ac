//! Commits: what they hold, and what they leave alone.

use std::fs;

use crate::testkit::{Driver, Sandbox, WEB, change, content, promote};

fn web() -> Vec<promote::model::FileChange> {
    vec![promote(WEB, "v1", "v2")]
}

#[test]
fn a_commit_holds_the_change_and_nothing_else() {
    let sandbox = Sandbox::new();
    let base = sandbox.head().to_string();
    let done = sandbox.commit(&web());
    assert_eq!(done.id(), sandbox.head().to_string());
    assert_eq!(done.text("branch"), "main");
    assert_eq!(sandbox.git(["rev-parse", "HEAD^"]).trim(), base);
    assert_eq!(sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]).trim(), WEB);
    assert_eq!(sandbox.read(WEB), content("v2"));
    assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v2"));
    let log = sandbox.git(["log", "-1", "--format=%an %ae %ai|%cn %ce %ci|%B"]);
    assert!(log.starts_with(
        "A U Thor author@example.com 2023-11-14 23:13:20 +0100|C O Mitter committer@example.com"
    ));
    let reflog = sandbox.git(["reflog", "show", "--format=%gs", "main"]);
    assert_eq!(reflog.lines().next(), Some("commit: Promote web v2 to prod"));
    sandbox.assert_clean();
}

#[test]
fn the_next_commit_keeps_the_promoted_value() {
    let sandbox = Sandbox::new();
    // The tree cache is filled by a commit and by read-tree.
    sandbox.git(["read-tree", "HEAD"]);
    sandbox.git(["update-index", "-q", "--refresh"]);
    sandbox.commit(&web()).id();
    sandbox.write("other", "x");
    sandbox.git(["add", "other"]);
    sandbox.git(["commit", "-q", "-m", "Other"]);
    assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v2"));
    assert_eq!(sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]).trim(), "other");
    sandbox.assert_clean();
}

#[test]
fn the_tree_cache_stays_valid_and_right() {
    let sandbox = Sandbox::new();
    sandbox.git(["read-tree", "HEAD"]);
    sandbox.git(["update-index", "-q", "--refresh"]);
    sandbox.commit(&web()).id();
    let tree = sandbox.git(["rev-parse", "HEAD^{tree}"]);
    // git write-tree trusts a valid root node without a look at the entries.
    assert_eq!(sandbox.git(["write-tree"]), tree);
    sandbox.git(["fsck", "--cache"]);
}

#[test]
fn a_tree_cache_of_staged_work_is_not_mistaken_for_the_commits() {
    let sandbox = Sandbox::new();
    sandbox.write("apps/web/dev/kustomization.yaml", "staged");
    sandbox.git(["add", "-A"]);
    sandbox.git(["write-tree"]);
    sandbox.commit(&web()).id();
    sandbox.git(["commit", "-q", "-m", "Staged"]);
    assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v2"));
    assert_eq!(sandbox.git(["show", "HEAD:apps/web/dev/kustomization.yaml"]), "staged");
    sandbox.assert_clean();
}

#[test]
fn a_change_of_the_same_second_stays_visible() {
    let sandbox = Sandbox::new();
    // The clocks of the tests' file systems do not matter for what is shown.
    sandbox.git(["config", "core.trustctime", "false"]);
    let now = std::time::SystemTime::now();
    let date = |path: &str| {
        let file = fs::File::options().write(true).open(sandbox.root.join(path)).unwrap();
        file.set_modified(now).unwrap();
    };
    sandbox.write("racy", "1a");
    date("racy");
    sandbox.git(["add", "racy"]);
    sandbox.git(["commit", "-q", "-m", "racy"]);
    date(".git/index");
    // Same length, same second as the index: only the content tells.
    sandbox.write("racy", "1b");
    date("racy");
    let status = || sandbox.git(["--no-optional-locks", "status", "--porcelain"]);
    assert_eq!(status(), " M racy\n", "git itself sees it");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    sandbox.commit(&web()).id();
    assert_eq!(status(), " M racy\n");
    sandbox.commit(&[promote(WEB, "v2", "v3"), change("new", None, "x")]).id();
    assert_eq!(status(), " M racy\n");
}

#[test]
fn the_users_work_is_neither_lost_nor_swept_in() {
    let sandbox = Sandbox::new();
    sandbox.write("modified", "1");
    sandbox.write("staged", "1");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "more"]);
    sandbox.write("modified", "2");
    sandbox.write("staged", "2");
    sandbox.write("added", "1");
    sandbox.git(["add", "staged", "added"]);
    sandbox.git(["rm", "-q", "--cached", "apps/api/dev/kustomization.yaml"]);
    sandbox.write("staged", "3");
    sandbox.write("untracked", "1");
    sandbox.write("intended", "1");
    sandbox.git(["add", "-N", "intended"]);
    sandbox.git(["update-index", "--assume-unchanged", "modified"]);
    let others = |sandbox: &Sandbox| {
        let all = sandbox.git(["ls-files", "-s", "-v", "--debug"]);
        let status = sandbox.git(["status", "--porcelain=v2", "-uall"]);
        let at = all.find(WEB).unwrap();
        let next = all[at..].find("\n100644 ").map_or(all.len(), |end| at + end);
        let line = all[..at].rfind('\n').unwrap();
        format!("{}{}{status}", &all[..line], &all[next..])
    };
    let before = others(&sandbox);
    sandbox.commit(&web()).id();
    assert_eq!(others(&sandbox), before);
    assert_eq!(sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]).trim(), WEB);
    assert_eq!((sandbox.read("staged"), sandbox.read("untracked")), ("3".into(), "1".into()));
}

#[test]
fn new_files_are_added_with_their_folders() {
    let sandbox = Sandbox::new();
    let mut script = change("apps/web/eu/run.sh", None, "#!/bin/sh\n");
    script.executable = true;
    let new = [change("apps/web/eu/kustomization.yaml", None, "x\n"), script, web().remove(0)];
    sandbox.commit(&new).id();
    let entries = sandbox.git(["ls-tree", "-r", "HEAD", "apps/web/eu"]);
    assert!(entries.contains("100755 blob") && entries.contains("100644 blob"), "{entries}");
    sandbox.assert_clean();
    sandbox.git(["commit", "-q", "--allow-empty", "-m", "next"]);
    assert_eq!(sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]), "");
}

#[test]
fn new_files_find_their_place_in_tree_and_index() {
    // `a-b` sorts before `a/` and `a.b`, and `zz` comes last.
    for path in ["apps/web.yaml", "apps/web-x/k.yaml", "0", "zz/z", "apps/web/prod/a", "apps/w"] {
        let sandbox = Sandbox::new();
        sandbox.commit(&[change(path, None, "x\n")]).id();
        assert_eq!(sandbox.git(["show", &format!("HEAD:{path}")]), "x\n");
        sandbox.assert_clean();
    }
}

#[cfg(unix)]
#[test]
fn a_submodule_can_be_promoted_in_by_itself() {
    let sandbox = Sandbox::new();
    let other = Sandbox::new();
    let url = other.root.display().to_string();
    sandbox.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "sub"]);
    let sub = sandbox.root.join("sub");
    Driver::new(&sandbox).dir(&sub).commit(&web()).id();
    assert_eq!(sandbox.git_in(&sub, ["status", "--porcelain"]), "");
}

#[test]
fn a_linked_worktree_and_a_detached_head_work() {
    let sandbox = Sandbox::new();
    let linked = sandbox.dir.path().canonicalize().unwrap().join("linked");
    sandbox.git(["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    let done = Driver::new(&sandbox).dir(&linked).commit(&web());
    assert_eq!(done.text("branch"), "side");
    assert_eq!(sandbox.git(["rev-parse", "side"]).trim(), done.id());
    assert_eq!(sandbox.git_in(&linked, ["status", "--porcelain"]), "");
    sandbox.assert_clean();

    sandbox.git(["checkout", "-q", "--detach"]);
    let done = sandbox.commit(&web());
    assert!(done.0["branch"].is_null());
    assert_eq!(sandbox.head().to_string(), done.id());
    assert_ne!(sandbox.git(["rev-parse", "main"]).trim(), done.id());
    assert_eq!(
        sandbox.git(["reflog", "show", "--format=%gs", "-1", "HEAD"]).trim(),
        "commit: Promote web v2 to prod"
    );
}

#[test]
fn a_packed_branch_and_a_nested_name_work() {
    let sandbox = Sandbox::new();
    sandbox.git(["checkout", "-q", "-b", "team/a/b"]);
    sandbox.git(["pack-refs", "--all"]);
    sandbox.git(["gc", "-q"]);
    let done = sandbox.commit(&web());
    assert_eq!(sandbox.git(["rev-parse", "team/a/b"]).trim(), done.id());
    sandbox.assert_clean();
}

#[test]
fn line_ends_are_those_of_the_checkout() {
    type Case = (&'static str, &'static [&'static str], &'static str);
    let cases: [Case; 3] = [
        ("autocrlf", &["config", "core.autocrlf", "true"], ""),
        ("eol attribute", &["config", "x.y", "z"], "* text eol=crlf\n"),
        ("text=auto and core.eol", &["config", "core.eol", "crlf"], "* text=auto\n"),
    ];
    for (name, setting, attributes) in cases {
        let sandbox = Sandbox::new();
        sandbox.git(setting);
        if !attributes.is_empty() {
            sandbox.write(".gitattributes", attributes);
            sandbox.git(["add", "-A"]);
            sandbox.git(["commit", "-q", "-m", "attributes"]);
        }
        sandbox.git(["rm", "-q", "-r", "--cached", "apps"]);
        sandbox.git(["reset", "-q", "--hard"]);
        assert!(sandbox.read(WEB).contains("\r\n"), "{name}");
        let new = change("apps/web/eu/k.yaml", None, "a\nb\n");
        sandbox.commit(&[web().remove(0), new]).id();
        assert_eq!(sandbox.read(WEB), content("v2").replace('\n', "\r\n"), "{name}");
        assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v2"), "{name}");
        assert_eq!(sandbox.read("apps/web/eu/k.yaml"), "a\r\nb\r\n", "{name}");
        sandbox.assert_clean();
        sandbox.write(WEB, &content("v2"));
        sandbox.commit(&[promote(WEB, "v2", "v3")]).id();
        assert_eq!(sandbox.read(WEB), content("v3"), "{name}: the file had bare line feeds");
    }
}

#[test]
fn a_filter_program_is_run_by_git() {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "filter.up.smudge", "sed s/newTag/NEWTAG/"]);
    sandbox.git(["config", "filter.up.clean", "sed s/NEWTAG/newTag/"]);
    sandbox.write(".gitattributes", "apps/web/prod/* filter=up\n");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "attributes"]);
    fs::remove_file(sandbox.root.join(WEB)).unwrap();
    sandbox.git(["checkout", "-q", WEB]);
    assert_eq!(sandbox.read(WEB), content("v1").replace("newTag", "NEWTAG"));
    sandbox.commit(&web()).id();
    assert_eq!(sandbox.read(WEB), content("v2").replace("newTag", "NEWTAG"));
    assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v2"));
    sandbox.assert_clean();
}

#[test]
fn formats_of_index_and_objects() {
    for (name, init, settings) in [
        ("index version 4", &[][..], &[&["update-index", "--index-version", "4"][..]][..]),
        (
            "index version 3",
            &[],
            &[&["update-index", "--skip-worktree", "apps/api/dev/kustomization.yaml"]],
        ),
        ("sha256", &["--object-format=sha256"], &[]),
        (
            "sha256 and version 4",
            &["--object-format=sha256"],
            &[&["update-index", "--index-version", "4"]],
        ),
        ("split index", &[], &[&["update-index", "--split-index"]]),
        ("untracked cache", &[], &[&["update-index", "--force-untracked-cache"], &["status"]]),
        ("index without checksum", &[], &[&["config", "index.skipHash", "true"]]),
        (
            "many threads",
            &[],
            &[&["config", "index.threads", "2"], &["config", "feature.manyFiles", "true"]],
        ),
    ] {
        let sandbox = Sandbox::with(init);
        for setting in settings {
            sandbox.git(*setting);
        }
        sandbox.write("staged", "1");
        sandbox.git(["add", "staged"]);
        let version = || fs::read(sandbox.root.join(".git/index")).unwrap()[..8].to_vec();
        let before = version();
        sandbox.commit(&web()).id();
        assert_eq!(version(), before, "{name}");
        let new = [promote(WEB, "v2", "v3"), change("apps/web/eu/k.yaml", None, "a\n")];
        sandbox.commit(&new).id();
        assert_eq!(sandbox.git(["status", "--porcelain"]), "A  staged\n", "{name}");
        assert_eq!(version(), before, "{name}");
        sandbox.git(["fsck", "--strict", "--no-dangling"]);
        sandbox.git(["commit", "-q", "-m", "next"]);
        assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v3"), "{name}");
        assert_eq!(sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]), "staged\n", "{name}");
    }
}

#[test]
fn sparse_checkouts_work_inside_and_outside() {
    let api = "apps/api/prod/kustomization.yaml";
    for sparse_index in ["--no-sparse-index", "--sparse-index"] {
        let sandbox = Sandbox::new();
        sandbox.git(["sparse-checkout", "init", "--cone", sparse_index]);
        sandbox.git(["sparse-checkout", "set", "apps/web"]);
        sandbox.commit(&web()).id();
        sandbox.assert_clean();
        let outside = sandbox.commit(&[promote(api, "v1", "v2")]);
        if sparse_index == "--sparse-index" {
            assert!(outside.0["error"].is_string(), "{:#}", outside.0);
        } else {
            outside.id();
            assert!(!sandbox.root.join(api).exists());
            assert_eq!(sandbox.git(["show", &format!("HEAD:{api}")]), content("v2"));
        }
        sandbox.assert_clean();
        assert_eq!(sandbox.git(["ls-files", "-t", "apps/web/prod"]).split(' ').next(), Some("H"));
    }
}

#[test]
fn what_fails_after_the_commit_is_told_as_unfinished() {
    let sandbox = Sandbox::new();
    // Compresses well: the object fits where the file does not.
    let (old, new) = ("x".repeat(3 << 20), "y".repeat(3 << 20));
    sandbox.write("big", &old);
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "big"]);
    let done = Driver::new(&sandbox)
        .with("limits", "trap '' XFSZ; ulimit -f 512")
        .commit(&[change("big", Some(&old), &new), web().remove(0)]);
    assert_eq!(sandbox.head().to_string(), done.text("id"));
    assert!(done.0["unfinished"].to_string().contains("File"), "{:#}", done.0);
    assert_eq!(sandbox.read("big"), old, "the file is whole");
    assert_eq!(sandbox.git(["status", "--porcelain"]), " M big\n");
    sandbox.git(["restore", "--", "big"]);
    sandbox.assert_clean();
    assert_eq!(sandbox.read("big"), new);
}

#[test]
fn worktree_delivery_edits_and_stages() {
    let sandbox = Sandbox::new();
    let new = change("apps/web/eu/k.yaml", None, "a\n");
    Driver::new(&sandbox).run("worktree", &[web().remove(0), new.clone()]);
    assert_eq!(sandbox.git(["status", "--porcelain"]), format!(" M {WEB}\n?? apps/web/eu/\n"));
    sandbox.git(["stash", "-q", "-u"]);
    let head = sandbox.head();
    Driver::new(&sandbox).with("stage", true).run("worktree", &[web().remove(0), new]);
    assert_eq!(
        sandbox.git(["status", "--porcelain"]),
        format!("A  apps/web/eu/k.yaml\nM  {WEB}\n")
    );
    assert_eq!(sandbox.head(), head);
    sandbox.git(["commit", "-q", "-m", "staged"]);
    assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v2"));
    sandbox.assert_clean();
    let dirty = Driver::new(&sandbox).run("worktree", &[promote(WEB, "v1", "v3")]);
    assert_eq!(dirty.kind(), "DirtyTarget");
}

#[test]
fn an_index_without_checksum_stays_so() {
    let sandbox = Sandbox::new();
    let index = sandbox.root.join(".git/index");
    let mut bytes = fs::read(&index).unwrap();
    let end = bytes.len() - 20;
    bytes[end..].fill(0);
    fs::write(&index, &bytes).unwrap();
    sandbox.commit(&web()).id();
    let bytes = fs::read(&index).unwrap();
    assert!(bytes[bytes.len() - 20..].iter().all(|byte| *byte == 0));
    assert_eq!(sandbox.git(["status", "--porcelain"]), "");
}

#[test]
fn many_files_are_one_commit() {
    let sandbox = Sandbox::new();
    for at in 0..300 {
        sandbox.write(&format!("many/{}/{at}/k.yaml", at % 7), &content("v1"));
    }
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "many"]);
    let path = |at: usize| format!("many/{}/{at}/k.yaml", at % 7);
    let mut changes: Vec<_> = (0..300).map(|at| promote(&path(at), "v1", "v2")).collect();
    changes.extend((0..50).map(|at| change(&format!("many/{at}/new.yaml"), None, "x\n")));
    sandbox.commit(&changes).id();
    assert_eq!(sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]).lines().count(), 350);
    sandbox.assert_clean();
    sandbox.git(["commit", "-q", "--allow-empty", "-m", "next"]);
    assert_eq!(sandbox.git(["diff", "--name-only", "HEAD^", "HEAD"]), "");
}
