//! A promotion that is killed: what its journal says is brought to its end,
//! and whatever somebody did in the meantime stays.
//!
//! The process is killed by strace, at the call that would have given a file
//! its name.

use std::fs;
use std::process::Command;

use insta::assert_snapshot;

use crate::kit::{at, line, overlay, put, run, skipped};
use crate::testkit::{Sandbox, environment, hook_in};

const RENAMES: &str = "rename,renameat,renameat2";
/// What is renamed to become journal, branch and index: strace 6.1 knows the call
/// `rename` by its first path.
pub(crate) const JOURNAL: &str = ".git/git-promote.journal.new";
pub(crate) const BRANCH: &str = ".git/refs/heads/main.lock";
pub(crate) const INDEX: &str = ".git/index.git-promote.new";
pub(crate) const PROMOTE: [&str; 2] = ["web@v1.2.3", "staging"];

/// Whether a process can be traced here; says so where it cannot.
pub(crate) fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    let can = traced.is_ok_and(|output| output.status.success());
    if !can {
        skipped("no process can be traced: strace is missing, or not allowed");
    }
    can
}

/// Runs `git-promote`, and sends it `signal` at the first of `calls` on `path`.
/// Gives its exit code; `None` where it was killed.
fn signalled_at(
    sandbox: &Sandbox,
    calls: &str,
    (signal, path): (&str, &str),
    args: &[&str],
) -> Option<i32> {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:signal={signal}:when=1+")]);
    // Counted are all calls, filtered by path or not: so each one that is met.
    command.arg("-P").arg(sandbox.root.join(path));
    command.arg(env!("CARGO_BIN_EXE_git-promote")).args(args).current_dir(&sandbox.root);
    command.envs(environment(sandbox.dir.path()));
    let output = command.output().unwrap();
    output.status.code().filter(|_| signal != "SIGKILL" || output.status.success())
}

/// The same, at the call that gives a file its name.
pub(crate) fn signalled(sandbox: &Sandbox, strike: (&str, &str), args: &[&str]) -> Option<i32> {
    signalled_at(sandbox, RENAMES, strike, args)
}

#[track_caller]
pub(crate) fn kill(sandbox: &Sandbox, path: &str, args: &[&str]) {
    assert_eq!(signalled(sandbox, ("SIGKILL", path), args), None, "it was not killed at {path}");
}

/// Kills it where it removes a file.
#[track_caller]
pub(crate) fn kill_at_removal(sandbox: &Sandbox, path: &str, args: &[&str]) {
    let code = signalled_at(sandbox, "unlink,unlinkat", ("SIGKILL", path), args);
    assert_eq!(code, None, "it was not killed at {path}");
}

pub(crate) fn staging() -> String {
    at("web", "staging")
}

pub(crate) fn new() -> String {
    overlay("registry.example/acme/web", "v1.2.3")
}

pub(crate) fn old() -> String {
    overlay("registry.example/acme/web", "v1.2.2")
}

/// Nothing of ours is in the git directory.
#[track_caller]
pub(crate) fn assert_nothing_left(sandbox: &Sandbox) {
    let names = sandbox.git(["ls-files", "-o", "--", ":(glob)**/.git-promote-*"]);
    assert_eq!(names, "", "temporary files");
    let mut open = vec![sandbox.root.join(".git")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let end = path.extension().is_some_and(|end| end == "lock");
            let ours = name.contains("git-promote") || name.starts_with("promote-");
            assert!(!ours && !end, "{}", path.display());
            open.extend(path.is_dir().then_some(path));
        }
    }
}

#[track_caller]
pub(crate) fn assert_promoted(sandbox: &Sandbox) {
    assert_eq!(sandbox.read(&staging()), new());
    assert_nothing_left(sandbox);
    sandbox.assert_clean();
}

#[test]
fn a_commit_without_its_files_goes_forward() {
    if !can_trace() {
        return;
    }
    for path in [staging(), INDEX.to_owned()] {
        let repo = line();
        let base = repo.head();
        kill(&repo, &path, &PROMOTE);
        assert_ne!(repo.head(), base, "{path}");
        assert_eq!(run(&repo, &["doctor"]).code(), 1);
        for args in [&["status"][..], &["audit"]] {
            let text = run(&repo, args).text();
            assert!(text.contains("warning: an earlier promotion was broken off"), "{text}");
        }
        let before = repo.state();
        let dry = run(&repo, &["-n", "web@v1.2.3", "staging"]).text();
        assert!(dry.contains("warning: an earlier promotion was broken off"), "{dry}");
        assert_eq!(repo.state(), before);
        let again = run(&repo, &PROMOTE).text();
        assert!(again.contains("note: an earlier promotion was broken off; it is committed"));
        assert_eq!(repo.git(["rev-list", "--count", &format!("{base}..")]).trim(), "1");
        assert_promoted(&repo);
    }
}

#[test]
fn the_doctor_tells_what_it_finds() {
    if !can_trace() {
        return;
    }
    let repo = line();
    kill(&repo, &staging(), &PROMOTE);
    assert_snapshot!(run(&repo, &["doctor", "--recover"]).text(), @"
    exit 0
    --- stdout
    nothing is left
    --- stderr
    note: an earlier promotion was broken off; it is committed; 1 file was brought along
    ");
    assert_promoted(&repo);
    assert_snapshot!(run(&repo, &["doctor"]).text(), @"
    exit 0
    --- stdout
    no lock is held, and no promotion was broken off
    ");
    fs::write(repo.root.join(".git/index.lock"), "").unwrap();
    let document = run(&repo, &["doctor", "-o", "json"]).json(1);
    assert_eq!(document["findings"][0]["finding"], "foreign-lock");
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 1);
    assert!(repo.root.join(".git/index.lock").exists(), "another's lock stays");
}

#[test]
fn before_the_branch_moves_nothing_was_done() {
    if !can_trace() {
        return;
    }
    for path in [JOURNAL, BRANCH] {
        let repo = line();
        let (base, before) = (repo.head(), repo.state());
        kill(&repo, path, &PROMOTE);
        assert_eq!(repo.head(), base, "{path}");
        assert!(repo.root.join(".git/index.lock").exists(), "{path}");
        let document = run(&repo, &["doctor", "-o", "json"]).json(1);
        assert!(
            document["findings"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| { row["finding"] == "own-lock" || row["finding"] == "broken-off" })
        );
        let document = run(&repo, &["doctor", "--recover", "-o", "json"]).json(0);
        assert_ne!(document["recovery"]["committed"], true);
        assert_nothing_left(&repo);
        // The reflog of HEAD is written before the branch moves, as git does it.
        assert_eq!(repo.git(["status", "--porcelain"]), "");
        if path == JOURNAL {
            assert_eq!(repo.state(), before);
        }
        assert_eq!(run(&repo, &PROMOTE).code(), 0);
        assert_promoted(&repo);
    }
}

#[test]
fn a_recovery_that_is_killed_is_taken_up_again() {
    if !can_trace() {
        return;
    }
    for path in [staging(), INDEX.to_owned()] {
        let repo = line();
        kill(&repo, &staging(), &PROMOTE);
        kill(&repo, &path, &["doctor", "--recover"]);
        assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
        assert_promoted(&repo);
    }
}

/// A promotion that was killed between branch and files, and then `act`, once
/// the lock was removed as git tells people to.
pub(crate) fn then(act: impl Fn(&Sandbox)) -> Sandbox {
    let repo = line();
    kill(&repo, &staging(), &PROMOTE);
    fs::remove_file(repo.root.join(".git/index.lock")).unwrap();
    act(&repo);
    repo
}

#[test]
fn what_was_done_since_stays() {
    if !can_trace() {
        return;
    }
    // Another commit on top.
    let repo = then(|repo| {
        repo.write("other", "x");
        repo.git(["add", "other"]);
        repo.git(["commit", "-q", "-m", "Other", "--", "other"]);
    });
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
    assert_promoted(&repo);
    // A commit of the old index, which takes the promotion back.
    let repo = then(|repo| drop(repo.git(["commit", "-q", "-m", "All"])));
    let text = run(&repo, &["doctor", "--recover"]).text();
    assert!(text.contains("was left: a later commit took it back"), "{text}");
    assert!(!text.contains("hint:"), "{text}");
    assert_eq!(repo.read(&staging()), old());
    assert_nothing_left(&repo);
    repo.assert_clean();
    // Back to where it was.
    let repo = then(|repo| drop(repo.git(["reset", "-q", "--hard", "HEAD~1"])));
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
    assert_eq!(repo.read(&staging()), old());
    assert_nothing_left(&repo);
    repo.assert_clean();
    // Another branch.
    let repo = then(|repo| drop(repo.git(["checkout", "-q", "-f", "-b", "side", "HEAD~1"])));
    let text = run(&repo, &["doctor", "--recover"]).text();
    assert!(text.contains("is on main, which is not checked out"), "{text}");
    assert_eq!(repo.read(&staging()), old());
    assert_nothing_left(&repo);
    repo.assert_clean();
}

#[test]
fn what_somebody_wrote_since_stays() {
    if !can_trace() {
        return;
    }
    let repo = then(|repo| repo.write(&staging(), "mine\n"));
    let text = run(&repo, &["doctor", "--recover"]).text();
    assert!(text.starts_with("exit 0"), "{text}");
    assert!(text.contains("was left: it was changed since"), "{text}");
    assert_eq!(repo.read(&staging()), "mine\n");
    assert_nothing_left(&repo);
    assert_eq!(repo.git(["diff", "--cached", "--name-only"]), "");
    // Staged as well.
    let repo = then(|repo| {
        repo.write(&staging(), "mine\n");
        repo.git(["add", "-A"]);
    });
    let text = run(&repo, &["doctor", "--recover"]).text();
    assert!(text.contains("was left: something else is staged"), "{text}");
    assert_eq!(repo.git(["show", &format!(":{}", staging())]), "mine\n");
    assert_nothing_left(&repo);
}

/// A promotion of two apps.
pub(crate) fn two() -> Sandbox {
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    repo
}

#[test]
fn files_alone_are_all_there_or_none() {
    if !can_trace() {
        return;
    }
    for stage in [&["--worktree"][..], &["--worktree", "--stage"]] {
        let args = [&["web@v1.2.3", "api@v1.2.3", "staging"][..], stage].concat();
        for path in [at("web", "staging"), at("api", "staging"), INDEX.to_owned()] {
            if path == INDEX && stage.len() == 1 {
                continue;
            }
            let repo = two();
            let before = repo.state();
            kill(&repo, &path, &args);
            assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
            assert_eq!(repo.state(), before, "{path} {stage:?}");
            assert_nothing_left(&repo);
            assert_eq!(run(&repo, &args).code(), 0);
            assert_eq!(repo.git(["diff", "HEAD", "--name-only"]).lines().count(), 2);
        }
    }
}

#[test]
fn a_hook_that_outlives_the_promotion_decides() {
    // The hook kills the promotion; git, on its own now, commits or does not.
    for (refuses, count) in [(false, "1"), (true, "0")] {
        let repo = line();
        let base = repo.head();
        let kill = "kill -9 $(ps -o ppid= -p $PPID)\nsleep 0.3\n";
        let end = if refuses { "exit 1" } else { "exit 0" };
        hook_in(&repo.root.join(".git/hooks"), "pre-commit", &format!("{kill}{end}\n"));
        run(&repo, &PROMOTE).output();
        // It waits for git, which holds the index.
        assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
        fs::remove_file(repo.root.join(".git/hooks/pre-commit")).unwrap();
        assert_eq!(repo.git(["rev-list", "--count", &format!("{base}..")]).trim(), count);
        assert_eq!(repo.read(&staging()), if refuses { old() } else { new() });
        assert_nothing_left(&repo);
        repo.assert_clean();
    }
}

#[test]
fn a_lock_that_git_left_is_named_and_stays() {
    let repo = line();
    let kill = "git_=$PPID\nkill -9 $(ps -o ppid= -p $git_) $git_\n";
    hook_in(&repo.root.join(".git/hooks"), "pre-commit", kill);
    run(&repo, &PROMOTE).output();
    fs::remove_file(repo.root.join(".git/hooks/pre-commit")).unwrap();
    let held = run(&repo, &["doctor", "--recover"]).env("GIT_PROMOTE_LOCK_TIMEOUT", "200").text();
    assert!(held.starts_with("exit 6") && held.contains("index.lock"), "{held}");
    fs::remove_file(repo.root.join(".git/index.lock")).unwrap();
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
    assert_eq!(repo.read(&staging()), old());
    assert_eq!(repo.git(["status", "--porcelain"]), "");
}

#[test]
fn a_signal_before_the_branch_moves_leaves_nothing() {
    let repo = line();
    let before = repo.state();
    let lock = repo.root.join(".git/index.lock");
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        fs::write(&lock, "").unwrap();
        let child = run(&repo, &PROMOTE).spawn();
        let own = repo.root.join(".git/git-promote.lock");
        while !own.exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("error: broken off by a signal; nothing was changed"), "{said}");
        fs::remove_file(&lock).unwrap();
        assert_eq!(repo.state(), before);
        assert_nothing_left(&repo);
    }
}

#[test]
fn a_signal_at_any_name_leaves_nothing_or_all() {
    if !can_trace() {
        return;
    }
    let paths = [JOURNAL, BRANCH, &staging(), INDEX];
    for (at, path) in paths.iter().enumerate() {
        let repo = line();
        let base = repo.head();
        let code = signalled(&repo, ("SIGINT", path), &PROMOTE);
        if at == 0 {
            assert_eq!((code, repo.head()), (Some(130), base), "{path}");
            assert_eq!(repo.read(&staging()), old());
            assert_nothing_left(&repo);
            repo.assert_clean();
        } else {
            assert_eq!(code, Some(0), "{path}");
            assert_promoted(&repo);
        }
    }
}
