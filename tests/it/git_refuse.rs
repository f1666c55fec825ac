//! Commits that are refused: nothing changes then.

use std::fs;

use crate::testkit::{Driver, Sandbox, WEB, change, content, hook_in, promote};

fn web() -> Vec<promote::model::FileChange> {
    vec![promote(WEB, "v1", "v2")]
}

#[test]
fn a_dirty_target_is_refused() {
    type Case = (&'static str, fn(&Sandbox), &'static str);
    let cases: [Case; 7] = [
        ("changed", |sandbox| sandbox.write(WEB, "x"), "changes that are not committed"),
        (
            "staged",
            |sandbox| {
                sandbox.write(WEB, "x");
                sandbox.git(["add", WEB]);
                sandbox.write(WEB, &content("v1"));
            },
            "staged changes",
        ),
        ("deleted", |sandbox| fs::remove_file(sandbox.root.join(WEB)).unwrap(), "deleted"),
        (
            "staged for removal",
            |sandbox| _ = sandbox.git(["rm", "-q", "--cached", WEB]),
            "staged changes",
        ),
        (
            "mode",
            |sandbox| crate::testkit::executable(&sandbox.root.join(WEB)),
            "changes that are not committed",
        ),
        (
            "assumed unchanged, and changed",
            |sandbox| {
                sandbox.git(["update-index", "--assume-unchanged", WEB]);
                sandbox.write(WEB, "x");
            },
            "changes that are not committed",
        ),
        (
            "no index",
            |sandbox| fs::remove_file(sandbox.root.join(".git/index")).unwrap(),
            "staged changes",
        ),
    ];
    for (name, make, words) in cases {
        let sandbox = Sandbox::new();
        make(&sandbox);
        let before = sandbox.state();
        let refused = sandbox.commit(&web());
        assert_eq!(refused.kind(), "DirtyTarget", "{name}");
        assert_eq!(refused.0["code"], 6, "{name}");
        assert!(refused.text("error").contains(words), "{name}: {}", refused.0);
        assert_eq!(sandbox.state(), before, "{name}");
        assert!(!sandbox.root.join(".git/index.lock").exists(), "{name}");
    }
}

#[test]
fn an_unmerged_target_is_refused_without_a_merge_in_progress() {
    let sandbox = Sandbox::new();
    let id = sandbox.git(["rev-parse", &format!(":{WEB}")]);
    let id = id.trim();
    let info =
        format!("0 {} 0\t{WEB}\n100644 {id} 1\t{WEB}\n100644 {id} 2\t{WEB}\n", "0".repeat(40));
    let file = sandbox.dir.path().join("info");
    fs::write(&file, info).unwrap();
    let script = format!("git update-index --index-info < '{}'", file.display());
    std::process::Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(&sandbox.root)
        .status()
        .unwrap();
    let refused = sandbox.commit(&web());
    assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("DirtyTarget", Some(6)));
    assert!(refused.text("error").contains("not merged"));
}

#[test]
fn a_head_that_moved_is_refused() {
    let sandbox = Sandbox::new();
    let base = sandbox.head().to_string();
    sandbox.git(["commit", "-q", "--allow-empty", "-m", "other"]);
    let before = sandbox.state();
    let refused = Driver::new(&sandbox).with("base", base).commit(&web());
    assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("Moved", Some(6)));
    assert_eq!(sandbox.state(), before);
}

#[test]
fn a_plan_of_other_bytes_is_refused() {
    let sandbox = Sandbox::new();
    let refused = sandbox.commit(&[promote(WEB, "v0", "v2")]);
    assert_eq!(refused.kind(), "DirtyTarget");
    let refused = sandbox.commit(&[promote(WEB, "v1", "v1")]);
    assert_eq!(refused.kind(), "Refused");
    assert_eq!(refused.text("error"), "nothing to commit");
}

#[test]
fn a_new_file_in_place_of_something_is_refused() {
    let new = |path: &str| vec![change(path, None, "x")];
    let sandbox = Sandbox::new();
    sandbox.write("untracked", "mine");
    sandbox.write("intended", "mine");
    sandbox.write("staged", "mine");
    sandbox.git(["add", "-N", "intended"]);
    sandbox.git(["add", "staged"]);
    let before = sandbox.state();
    for path in ["untracked", "intended", "staged", "apps/web", "untracked/x", "staged/x", WEB] {
        let refused = sandbox.commit(&new(path));
        assert_eq!(refused.0["code"], 6, "{path}: {}", refused.0);
        assert_eq!(sandbox.state(), before, "{path}");
    }
}

#[test]
fn symbolic_links_are_refused() {
    use std::os::unix::fs::symlink;
    let sandbox = Sandbox::new();
    let outside = sandbox.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::rename(sandbox.root.join("apps/api"), outside.join("api")).unwrap();
    symlink(outside.join("api"), sandbox.root.join("apps/api")).unwrap();
    let api = "apps/api/prod/kustomization.yaml";
    let refused = sandbox.commit(&[promote(api, "v1", "v2")]);
    assert_eq!(refused.kind(), "BadTarget", "a folder that became a link");
    assert_eq!(
        fs::read_to_string(outside.join("api/prod/kustomization.yaml")).unwrap(),
        content("v1")
    );

    fs::rename(sandbox.root.join(WEB), outside.join("web")).unwrap();
    symlink(outside.join("web"), sandbox.root.join(WEB)).unwrap();
    assert_eq!(sandbox.commit(&web()).kind(), "BadTarget", "a file that became a link");

    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "links"]);
    assert_eq!(sandbox.commit(&web()).kind(), "BadTarget", "a link in the commit");
    assert_eq!(sandbox.commit(&[promote(api, "v1", "v2")]).kind(), "BadTarget");
}

#[test]
fn submodules_and_nested_repositories_are_refused() {
    let sandbox = Sandbox::new();
    let other = Sandbox::new();
    let url = other.root.display().to_string();
    sandbox.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "sub"]);
    let inside = [promote("sub/apps/web/prod/kustomization.yaml", "v1", "v2")];
    let new = [change("sub/x", None, "x")];
    assert_eq!(sandbox.commit(&new).kind(), "BadTarget", "in the index only");
    sandbox.git(["commit", "-q", "-m", "sub"]);
    assert_eq!(sandbox.commit(&inside).kind(), "BadTarget");
    assert_eq!(sandbox.commit(&new).kind(), "BadTarget");
    sandbox.git(["submodule", "--quiet", "deinit", "-f", "sub"]);
    assert_eq!(sandbox.commit(&new).kind(), "BadTarget", "not checked out");
    fs::create_dir_all(sandbox.root.join("nested/.git")).unwrap();
    assert_eq!(sandbox.commit(&[change("nested/x", None, "x")]).kind(), "BadTarget");
    assert_eq!(sandbox.commit(&[change(".git/x", None, "x")]).kind(), "BadTarget");
}

#[test]
fn an_unfinished_operation_is_refused_with_gits_words() {
    type Case = (&'static str, fn(&Sandbox), &'static str);
    let cases: [Case; 4] = [
        (
            "merge",
            |s| _ = s.try_git_in(&s.root, ["merge", "side"]),
            "cannot do a partial commit during a merge.",
        ),
        (
            "rebase",
            |s| _ = s.try_git_in(&s.root, ["rebase", "side"]),
            "cannot do a partial commit during a rebase.",
        ),
        (
            "pick",
            |s| _ = s.try_git_in(&s.root, ["cherry-pick", "side"]),
            "cannot do a partial commit during a cherry-pick.",
        ),
        (
            "revert",
            |s| _ = s.try_git_in(&s.root, ["revert", "--no-edit", "HEAD^"]),
            "cannot do a partial commit during a revert.",
        ),
    ];
    for (name, make, words) in cases {
        let sandbox = Sandbox::new();
        sandbox.write("f", "0");
        sandbox.git(["add", "-A"]);
        sandbox.git(["commit", "-q", "-m", "base"]);
        sandbox.git(["checkout", "-q", "-b", "side"]);
        sandbox.write("f", "1");
        sandbox.git(["commit", "-q", "-am", "side"]);
        sandbox.git(["checkout", "-q", "main"]);
        for text in ["2", "3"] {
            sandbox.write("f", text);
            sandbox.git(["commit", "-q", "-am", text]);
        }
        make(&sandbox);
        let before = sandbox.state();
        let refused = sandbox.commit(&web());
        assert_eq!(
            (refused.kind(), refused.0["code"].as_u64()),
            ("InProgress", Some(128)),
            "{name}"
        );
        assert_eq!(refused.text("error"), words);
        assert_eq!(sandbox.state(), before, "{name}");
    }
    let sandbox = Sandbox::new();
    sandbox.git(["bisect", "start"]);
    sandbox.commit(&web()).id();
}

#[test]
fn unborn_and_bare_are_refused_with_gits_words() {
    let sandbox = Sandbox::new();
    let empty = sandbox.dir.path().join("empty");
    sandbox.git(["init", "-q", "-b", "trunk", empty.to_str().unwrap()]);
    let refused = Driver::new(&sandbox).dir(&empty).commit(&web());
    assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("Unborn", Some(128)));
    assert_eq!(refused.text("error"), "your current branch 'trunk' does not have any commits yet");
    let bare = sandbox.dir.path().join("bare.git");
    sandbox.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let refused = Driver::new(&sandbox).dir(&bare).commit(&web());
    assert_eq!(refused.kind(), "Bare");
    assert_eq!(refused.text("error"), "this operation must be run in a work tree");
    let outside = Driver::new(&sandbox).dir(sandbox.dir.path()).commit(&web());
    assert_eq!(outside.kind(), "NotARepository");
    assert!(outside.text("error").starts_with("not a git repository"));
}

#[test]
fn a_held_lock_is_waited_for_and_then_named() {
    let sandbox = Sandbox::new();
    let lock = sandbox.root.join(".git/index.lock");
    fs::write(&lock, "").unwrap();
    let before = sandbox.state();
    let refused = Driver::new(&sandbox).env("GIT_PROMOTE_LOCK_TIMEOUT", "300").commit(&web());
    assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("Locked", Some(6)));
    assert!(refused.text("error").contains("index.lock") && refused.text("error").contains(" s"));
    assert_eq!(sandbox.state(), before);
    assert!(lock.exists(), "another's lock stays");
    let waiter = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(400));
        fs::remove_file(lock).unwrap();
    });
    sandbox.commit(&web()).id();
    waiter.join().unwrap();
}

#[test]
fn a_held_branch_lock_changes_nothing() {
    let sandbox = Sandbox::new();
    let before = sandbox.state();
    fs::write(sandbox.root.join(".git/refs/heads/main.lock"), "").unwrap();
    let refused = Driver::new(&sandbox).env("GIT_PROMOTE_LOCK_TIMEOUT", "300").commit(&web());
    assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("Locked", Some(6)));
    fs::remove_file(sandbox.root.join(".git/refs/heads/main.lock")).unwrap();
    assert_eq!(sandbox.state(), before);
    sandbox.commit(&web()).id();
}

#[test]
fn a_full_disk_leaves_nothing_half_done() {
    let sandbox = Sandbox::new();
    let big = "x".repeat(3 << 20);
    sandbox.write("big", &big);
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "big"]);
    let before = sandbox.state();
    // Incompressible, so that the object is too large as well.
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from(seed >> 59).unwrap() % 26)
    };
    let new: String = (0..3 << 20).map(|_| noise()).collect();
    // A signal would end the process: ignored, the write fails with EFBIG.
    let refused = Driver::new(&sandbox)
        .with("limits", "trap '' XFSZ; ulimit -f 512")
        .commit(&[change("big", Some(&big), &new), web().remove(0)]);
    assert_eq!(refused.kind(), "Io", "{:#}", refused.0);
    assert_eq!(sandbox.state(), before);
    assert!(!sandbox.root.join(".git/index.lock").exists());
    sandbox.commit(&web()).id();
}

/// A repository that signs with a program of ours: while it runs everything is
/// checked, and nothing is written.
fn interrupted(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let dir = sandbox.dir.path();
    let script = format!(
        "cat > /dev/null\n{script}\necho '[GNUPG:] SIG_CREATED ' >&2\nprintf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'"
    );
    hook_in(dir, "sign", &script);
    sandbox.git(["config", "gpg.program", dir.join("sign").to_str().unwrap()]);
    sandbox.git(["config", "user.signingKey", "x"]);
    sandbox.git(["config", "commit.gpgSign", "true"]);
    sandbox
}

#[test]
fn a_lost_race_is_noticed_when_the_branch_is_moved() {
    for by_git in [false, true] {
        let sandbox = interrupted(
            "git update-ref refs/heads/main \
             $(git commit-tree --no-gpg-sign -m other -p HEAD 'HEAD^{tree}')",
        );
        if by_git {
            sandbox.hook("post-commit", "exit 0");
        }
        let files = (sandbox.git(["ls-files", "-s"]), sandbox.read(WEB));
        let refused = sandbox.commit(&web());
        assert_eq!(refused.kind(), "Moved", "{:#}", refused.0);
        assert_eq!((sandbox.git(["ls-files", "-s"]), sandbox.read(WEB)), files);
        assert_eq!(sandbox.git(["log", "-1", "--format=%s"]).trim(), "other");
        sandbox.assert_clean();
    }
}

#[test]
fn the_index_is_locked_from_before_it_is_read() {
    let sandbox = interrupted("echo x > other; git add other 2> \"$HOME/said\"; rm other");
    sandbox.commit(&web()).id();
    let said = fs::read_to_string(sandbox.dir.path().join("said")).unwrap();
    assert!(said.contains("index.lock': File exists"), "{said}");
    sandbox.assert_clean();
}

#[test]
fn a_file_saved_in_the_meantime_is_the_users() {
    let sandbox = interrupted(&format!("echo mine > {WEB}"));
    let done = sandbox.commit(&web());
    let left = done.0["unfinished"].to_string();
    assert!(left.contains("changed: true"), "{left}");
    assert_eq!(sandbox.read(WEB), "mine\n");
    assert_eq!(sandbox.git(["show", &format!("HEAD:{WEB}")]), content("v2"));
    assert_eq!(sandbox.git(["status", "--porcelain"]), format!(" M {WEB}\n"));
}

#[test]
fn odd_names_for_new_files_are_refused() {
    let sandbox = Sandbox::new();
    for path in [".GIT/config", "a/git~1/x", "a/.git\u{200c}/x", ".git"] {
        assert_eq!(sandbox.commit(&[change(path, None, "x")]).kind(), "BadTarget", "{path}");
    }
    sandbox.assert_clean();
}

#[test]
fn a_foreign_repository_is_refused_unless_it_is_named_safe() {
    let sandbox = Sandbox::new();
    let chown = |owner: &str| {
        let mut command = std::process::Command::new("chown");
        command.args(["-R", owner]).arg(&sandbox.root).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !chown("12345") {
        crate::krew::skip("only root can give a repository away");
        return;
    }
    let refused = sandbox.commit(&web());
    assert_eq!((refused.kind(), refused.0["code"].as_u64()), ("NotARepository", Some(128)));
    assert!(refused.text("error").contains("dubious ownership"), "{}", refused.0);
    assert!(refused.text("hint").contains("safe.directory"));
    let settings = sandbox.dir.path().join("settings");
    fs::write(&settings, format!("[safe]\n\tdirectory = {}\n", sandbox.root.display())).unwrap();
    let settings = settings.display().to_string();
    Driver::new(&sandbox).env("GIT_CONFIG_GLOBAL", &settings).commit(&web()).id();
}

#[test]
fn formats_that_are_not_known_are_refused() {
    let sandbox = Sandbox::new();
    let before = sandbox.state();
    sandbox.git(["config", "core.repositoryFormatVersion", "1"]);
    sandbox.git(["config", "extensions.refStorage", "reftable"]);
    let refused = sandbox.commit(&web());
    assert_eq!(
        (refused.kind(), refused.0["code"].as_u64()),
        ("Unsupported", Some(128)),
        "{}",
        refused.0
    );
    let config = sandbox.root.join(".git/config");
    let text = fs::read_to_string(&config).unwrap().replace("refStorage = reftable", "");
    fs::write(&config, text).unwrap();
    assert_eq!(sandbox.state(), before);
}
