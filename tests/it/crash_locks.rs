//! Locks that others hold: told from ours, named, and never removed.

use std::fs;

use std::process::Command;
use std::time::{Duration, Instant};

use crate::crash::{BRANCH, JOURNAL, PROMOTE, assert_promoted, can_trace, kill};
use crate::kit::{line, run, skipped};
use crate::testkit::{environment, hook_in};

#[test]
fn a_lock_of_the_same_commit_is_no_lock_of_ours() {
    let (repo, twin) = (line(), line());
    // Equal dates make equal commits.
    assert_eq!(repo.head(), twin.head());
    assert_eq!(run(&twin, &PROMOTE).code(), 0);
    let lock = repo.root.join(".git/refs/heads/main.lock");
    let content = format!("{}\n", twin.head());
    fs::write(&lock, &content).unwrap();
    let before = repo.state();
    for _ in 0..2 {
        let text = run(&repo, &PROMOTE).env("GIT_PROMOTE_LOCK_TIMEOUT", "100").text();
        assert!(text.starts_with("exit 6") && text.contains("main.lock"), "{text}");
        assert_eq!(fs::read_to_string(&lock).unwrap(), content);
        assert_eq!(repo.state(), before);
    }
    fs::remove_file(&lock).unwrap();
    assert_eq!(run(&repo, &PROMOTE).code(), 0);
    assert_eq!(repo.head(), twin.head(), "the same commit");
}

#[test]
fn a_lock_says_who_to_wait_for_or_what_to_remove() {
    // Git closes the lock while its hook runs.
    let repo = line();
    let hook = "touch .git/begun; for i in $(seq 500); do [ -e .git/begun ] || break; sleep 0.02; done; exit 1\n";
    hook_in(&repo.root.join(".git/hooks"), "pre-commit", hook);
    let mut git = Command::new("git");
    repo.write("promote.toml", &format!("{}# more\n", repo.read("promote.toml")));
    git.args(["commit", "-q", "-m", "x", "--only", "promote.toml"]).current_dir(&repo.root);
    let mut git = git.envs(environment(repo.dir.path())).spawn().unwrap();
    let begun = repo.root.join(".git/begun");
    let until = Instant::now() + Duration::from_secs(20);
    while !begun.exists() {
        assert!(Instant::now() < until, "the hook did not run");
        std::thread::sleep(Duration::from_millis(5));
    }
    let held = || run(&repo, &PROMOTE).env("GIT_PROMOTE_LOCK_TIMEOUT", "100").text();
    if std::path::Path::new("/proc/self/cwd").exists() {
        let who = format!("process {} (git)", git.id());
        let text = held();
        assert!(text.starts_with("exit 6") && text.contains(&format!("s by {who}")), "{text}");
        assert!(text.contains(&format!("hint: wait for {who}")), "{text}");
        assert!(!text.contains("rm -i"), "{text}");
    }
    fs::remove_file(begun).unwrap();
    git.wait().unwrap();
    fs::remove_file(repo.root.join(".git/hooks/pre-commit")).unwrap();
    // Nobody is there any more.
    fs::write(repo.root.join(".git/index.lock"), "").unwrap();
    let text = held();
    assert!(text.contains("hint: once no git runs here: rm -i '[ROOT]/.git/index.lock'"), "{text}");
}

#[test]
fn a_commit_that_may_have_read_the_old_index_is_outlasted() {
    if !std::path::Path::new("/proc/self/cwd").exists() {
        skipped("the system does not tell what processes do");
        return;
    }
    let repo = line();
    // Git reads the index before it locks it. This one is slow.
    let mut git = as_git(&repo.root, "sleep 0.4; :", "commit promote.toml");
    assert_eq!(run(&repo, &PROMOTE).code(), 0);
    assert!(git.try_wait().unwrap().is_some(), "the lock was let go before git had ended");
    assert_promoted(&repo);
}

/// A process whose command line is one of git.
fn as_git(dir: &std::path::Path, does: &str, words: &str) -> std::process::Child {
    let mut git = Command::new("bash");
    git.args(["-c", &format!("exec -a git bash -c '{does}' {words}")]).current_dir(dir);
    let mut git = git.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let line = format!("/proc/{}/cmdline", git.id());
    let start = Instant::now();
    while !fs::read(&line).unwrap().starts_with(b"git\0") {
        assert!(start.elapsed() < Duration::from_secs(5), "there is no git");
        assert!(git.try_wait().unwrap().is_none(), "it ended");
    }
    git
}

/// One that is there for long has its editor open, and one in a repository
/// within has another lock.
#[test]
fn a_commit_that_does_not_come_to_the_lock_is_not_outlasted() {
    if !std::path::Path::new("/proc/self/cwd").exists() {
        skipped("the system does not tell what processes do");
        return;
    }
    // A busy machine may take a second by itself.
    assert!((0..4).any(|_| with_open_commits() < Duration::from_secs(1)), "it waited for a second");
}

/// How long a promotion takes meanwhile.
fn with_open_commits() -> Duration {
    let repo = line();
    let within = repo.root.join("within");
    fs::create_dir(&within).unwrap();
    repo.git_in(&within, ["init", "-q"]);
    fs::write(repo.root.join(".git/info/exclude"), "/within\n").unwrap();
    let open = [(&repo.root, "commit -m x"), (&within, "commit x")];
    let mut open = open.map(|(dir, words)| as_git(dir, "read; :", words));
    std::thread::sleep(Duration::from_millis(2_100));
    let start = Instant::now();
    assert_eq!(run(&repo, &PROMOTE).code(), 0);
    let took = start.elapsed();
    for git in &mut open {
        assert!(git.try_wait().unwrap().is_none(), "it is still open");
        drop(git.stdin.take());
        git.wait().unwrap();
    }
    assert_promoted(&repo);
    took
}

#[test]
fn empty_directories_where_branches_were_make_room() {
    let repo = line();
    repo.git(["pack-refs", "--all"]);
    for dir in ["refs/heads/main/a/b", "refs/heads/main/c", "logs/refs/heads/side/d"] {
        fs::create_dir_all(repo.root.join(".git").join(dir)).unwrap();
    }
    assert_eq!(run(&repo, &PROMOTE).code(), 0);
    assert_promoted(&repo);
    repo.git(["checkout", "-q", "--no-track", "-b", "old", "HEAD~1"]);
    fs::remove_file(repo.root.join(".git/logs/refs/heads/old")).unwrap();
    fs::create_dir_all(repo.root.join(".git/logs/refs/heads/old/x")).unwrap();
    assert_eq!(run(&repo, &PROMOTE).code(), 0);
    assert_promoted(&repo);
    assert!(repo.root.join(".git/logs/refs/heads/old").is_file());
}

#[test]
fn a_lock_of_another_work_tree_names_it() {
    if !can_trace() {
        return;
    }
    let repo = line();
    repo.git(["worktree", "add", "-q", "-f", "../twin", "main"]);
    kill(&repo, BRANCH, &PROMOTE);
    let there =
        || run(&repo, &PROMOTE).dir("../twin").env("GIT_PROMOTE_LOCK_TIMEOUT", "100").text();
    let text = there();
    assert!(text.starts_with("exit 6"), "{text}");
    assert!(text.contains("hint: git -C '[ROOT]' promote doctor --recover"), "{text}");
    let doctor = run(&repo, &["doctor"]).dir("../twin").text();
    assert!(doctor.contains("left by a run in [ROOT]"), "{doctor}");
    assert!(doctor.contains("hint: git -C '[ROOT]' promote doctor --recover"), "{doctor}");
    // One that is still at it is waited for.
    let turn = repo.root.join(".git/git-promote.lock");
    fs::write(&turn, std::process::id().to_string()).unwrap();
    let file = fs::File::open(&turn).unwrap();
    fs4::FileExt::lock(&file).unwrap();
    let text = there();
    let who = format!("hint: wait for process {}", std::process::id());
    assert!(text.starts_with("exit 6") && text.contains(&who), "{text}");
    drop(file);
    assert_eq!(run(&repo, &["doctor", "--recover"]).code(), 0);
    assert!(there().starts_with("exit 0"));
}

#[test]
fn the_index_of_a_run_in_another_work_tree_stays_locked() {
    if !can_trace() {
        return;
    }
    let repo = line();
    repo.git(["worktree", "add", "-q", "-b", "side", "../twin"]);
    kill(&repo, JOURNAL, &PROMOTE);
    let lock = repo.root.join(".git/index.lock");
    // As if it were still at it.
    let file = fs::File::open(repo.root.join(".git/git-promote.lock")).unwrap();
    fs4::FileExt::lock(&file).unwrap();
    let index = repo.root.join(".git/index").display().to_string();
    let run = run(&repo, &PROMOTE).dir("../twin").env("GIT_INDEX_FILE", &index);
    let text = run.env("GIT_PROMOTE_LOCK_TIMEOUT", "100").text();
    assert!(text.starts_with("exit 6") && lock.exists(), "{text}");
}

/// A run as root that was killed leaves a lock that others may only read.
#[test]
fn a_lock_of_another_user_is_replaced() {
    let repo = line();
    let program = env!("CARGO_BIN_EXE_git-promote");
    let as_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let root = rustix::process::geteuid().is_root();
    let mut command = if root {
        let can = Command::new("setpriv").args(as_nobody).args([program, "--version"]).output();
        if !can.is_ok_and(|output| output.status.success()) {
            return skipped("the program cannot be run as another user");
        }
        let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(repo.dir.path()).status();
        assert!(owned.unwrap().success());
        let mut command = Command::new("setpriv");
        command.args(as_nobody).arg(program);
        command
    } else {
        Command::new(program)
    };
    let lock = repo.root.join(".git/git-promote.lock");
    fs::write(&lock, "1").unwrap();
    let mut mode = fs::metadata(&lock).unwrap().permissions();
    mode.set_readonly(true);
    fs::set_permissions(&lock, mode).unwrap();
    command.args(PROMOTE).current_dir(&repo.root).envs(environment(repo.dir.path()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!lock.exists());
}

#[test]
fn who_has_the_turn_is_named() {
    let repo = line();
    let path = repo.root.join(".git/git-promote.lock");
    fs::write(&path, std::process::id().to_string()).unwrap();
    let file = fs::File::open(&path).unwrap();
    fs4::FileExt::lock(&file).unwrap();
    let text = run(&repo, &PROMOTE).env("GIT_PROMOTE_LOCK_TIMEOUT", "100").text();
    let process = format!("process {}", std::process::id());
    assert!(text.starts_with("exit 6") && text.contains(&process), "{text}");
    assert!(
        run(&repo, &["doctor", "-o", "json"]).json(0)["findings"][0]["owner"]
            .as_str()
            .unwrap()
            .starts_with(&process)
    );
    drop(file);
    assert_eq!(run(&repo, &PROMOTE).code(), 0);
    assert_promoted(&repo);
}
