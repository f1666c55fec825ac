//! What survives a power loss: one trace of a promotion, in which everything is
//! on disk before the next step relies on it, and nothing is synced twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::crash::can_trace;
use crate::kit::{at, line, put};
use crate::testkit::{Sandbox, environment};

/// One call of the trace, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    /// A file or directory is synced.
    Sync(String),
    /// A file gets a name.
    Name(String),
    /// A name goes.
    Unlink(String),
}

/// The calls of a promotion; paths are those below the root of the repository.
fn trace(sandbox: &Sandbox, args: &[&str]) -> Vec<Call> {
    let log = sandbox.dir.path().join("trace");
    let mut command = Command::new("strace");
    let calls = "trace=fsync,fdatasync,sync_file_range,syncfs,sync,rename,renameat,renameat2,\
                 link,linkat,unlink,unlinkat";
    command.args(["-f", "-y", "-qq", "-s", "4096", "-e", calls, "-o"]).arg(&log);
    command.arg(env!("CARGO_BIN_EXE_git-promote")).args(args).current_dir(&sandbox.root);
    command.envs(environment(sandbox.dir.path()));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parse(&fs::read_to_string(log).unwrap(), &sandbox.root)
}

fn parse(text: &str, root: &Path) -> Vec<Call> {
    let line = Regex::new(r"^\d+ +(\w+)\((.*)$").unwrap();
    let open = Regex::new(r"^\d+<([^>]*)>").unwrap();
    let quoted = Regex::new(r#""([^"]*)""#).unwrap();
    let below = |path: &str| {
        let path = Path::new(path);
        path.strip_prefix(root).unwrap_or(path).to_str().unwrap().to_owned()
    };
    let mut calls = Vec::new();
    for text in text.lines().filter(|line| !line.contains("= -1 ")) {
        let Some(found) = line.captures(text) else { continue };
        let rest = &found[2];
        let last = || below(&quoted.captures_iter(rest).last().unwrap()[1]);
        match &found[1] {
            "fsync" | "fdatasync" => {
                calls.push(Call::Sync(below(&open.captures(rest).unwrap()[1])));
            }
            "unlink" | "unlinkat" => calls.push(Call::Unlink(last())),
            name if name.starts_with("rename") || name.starts_with("link") => {
                calls.push(Call::Name(last()));
            }
            other => panic!("{other} syncs what is not asked for: {text}"),
        }
    }
    calls
}

/// Where in the trace a call is, behind `from`.
#[track_caller]
fn behind(calls: &[Call], from: usize, call: &Call) -> usize {
    let found = calls[from..].iter().position(|it| it == call);
    from + found.unwrap_or_else(|| panic!("{call:?} is not behind call {from} of {calls:#?}"))
}

fn sync(path: &str) -> Call {
    Call::Sync(path.to_owned())
}

fn name(path: &str) -> Call {
    Call::Name(path.to_owned())
}

fn parent(path: &str) -> String {
    Path::new(path).parent().unwrap().to_str().unwrap().to_owned()
}

/// The loose objects that got their names.
fn objects(calls: &[Call]) -> BTreeSet<String> {
    let named = calls.iter().filter_map(|call| match call {
        Call::Name(path) if path.starts_with(".git/objects/") => Some(path.clone()),
        _ => None,
    });
    named.collect()
}

fn syncs(calls: &[Call]) -> usize {
    calls.iter().filter(|call| matches!(call, Call::Sync(_))).count()
}

#[test]
fn every_step_is_on_disk_before_the_next_one() {
    if !can_trace() {
        return;
    }
    let repo = line();
    put(&repo, "api", "dev", "v1.2.3");
    let calls = trace(&repo, &["web@v1.2.3", "api@v1.2.3", "staging"]);
    let journal = behind(&calls, 0, &name(".git/git-promote.journal"));
    let objects = objects(&calls);
    assert!(objects.len() >= 7, "{objects:?}");
    for object in &objects {
        let named = behind(&calls, 0, &name(object));
        let synced = behind(&calls, named, &sync(object));
        assert!(behind(&calls, synced, &sync(&parent(object))) < journal, "{object}");
        assert!(behind(&calls, named, &sync(".git/objects")) < journal, "{object}");
    }
    assert!(behind(&calls, 0, &sync(".git/git-promote.journal.new")) < journal);
    let journal = behind(&calls, journal, &sync(".git"));
    let branch = behind(&calls, journal, &name(".git/refs/heads/main"));
    let lock = behind(&calls, journal, &name(".git/refs/heads/main.lock"));
    assert!(behind(&calls, journal, &sync(".git/git-promote.ref")) < lock && lock < branch);
    let mut step = behind(&calls, branch, &sync(".git/refs/heads"));
    for file in [at("api", "staging"), at("web", "staging")] {
        let named = behind(&calls, step, &name(&file));
        let written = calls[step..named].iter().any(|call| match call {
            Call::Sync(path) => path.contains("/.git-promote-"),
            _ => false,
        });
        assert!(written, "{file} was given its name before it was on disk");
        step = behind(&calls, named, &sync(&parent(&file)));
    }
    let new = behind(&calls, step, &sync(".git/index.git-promote.new"));
    let index = behind(&calls, new, &name(".git/index"));
    let index = behind(&calls, index, &sync(".git"));
    behind(&calls, index, &Call::Unlink(".git/git-promote.journal".to_owned()));
    // Nothing twice but the git directory, for the journal and for the index.
    let mut once: Vec<&Call> = calls.iter().filter(|call| matches!(call, Call::Sync(_))).collect();
    let of_git = sync(".git");
    assert_eq!(once.iter().filter(|call| ***call == of_git).count(), 2, "{once:#?}");
    once.retain(|call| {
        **call != of_git && !matches!(call, Call::Sync(path) if path.contains(".tmp"))
    });
    let distinct: BTreeSet<String> = once.iter().map(|call| format!("{call:?}")).collect();
    assert_eq!(once.len(), distinct.len(), "{once:#?}");
    // Beside the objects: journal, branch with its directory, index, two files
    // with their directories.
    let others = once
        .iter()
        .filter(|call| !matches!(call, Call::Sync(path) if path.starts_with(".git/objects")));
    assert_eq!(others.count(), 1 + 2 + 1 + 2, "{once:#?}");
}

#[test]
fn a_new_branch_of_packed_refs_gets_its_directories_synced() {
    if !can_trace() {
        return;
    }
    let repo = line();
    repo.git(["checkout", "-q", "-b", "a/b"]);
    repo.git(["pack-refs", "--all"]);
    let _gone = fs::remove_dir_all(repo.root.join(".git/refs/heads"));
    fs::create_dir_all(repo.root.join(".git/refs/heads")).unwrap();
    let calls = trace(&repo, &["web@v1.2.3", "staging"]);
    let branch = behind(&calls, 0, &name(".git/refs/heads/a/b"));
    assert!(behind(&calls, 0, &sync(".git/refs/heads")) < branch);
    behind(&calls, branch, &sync(".git/refs/heads/a"));
    repo.assert_clean();
}

#[test]
fn files_alone_are_synced_too() {
    if !can_trace() {
        return;
    }
    let repo = line();
    let calls = trace(&repo, &["--worktree", "web@v1.2.3", "staging"]);
    let journal = behind(&calls, 0, &name(".git/git-promote.journal"));
    let journal = behind(&calls, journal, &sync(".git"));
    let file = at("web", "staging");
    let named = behind(&calls, journal, &name(&file));
    let last = behind(&calls, named, &sync(&parent(&file)));
    behind(&calls, last, &Call::Unlink(".git/git-promote.journal".to_owned()));
    assert_eq!(syncs(&calls), 4, "{calls:#?}");
}

#[test]
fn the_setting_of_git_takes_syncs_out() {
    if !can_trace() {
        return;
    }
    for (value, most) in [("none", 0), ("none,reference", 4), ("committed,-loose-object", 4)] {
        let repo = line();
        repo.git(["config", "core.fsync", value]);
        let calls = trace(&repo, &["web@v1.2.3", "staging"]);
        let expected = if value.starts_with("committed") { most + 2 } else { most };
        assert_eq!(syncs(&calls), expected, "{value}: {calls:#?}");
        repo.assert_clean();
    }
}
