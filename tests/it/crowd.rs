//! Many at once: every promotion that says it is done is there at the end.

use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::kit::{LINE, app, at, overlay, repo, run, save, start};
use crate::testkit::Sandbox;

const MANY: usize = 16;

fn name(number: usize) -> String {
    format!("app{number:02}")
}

/// Many apps, each a version ahead in dev.
fn many() -> Sandbox {
    let sandbox = repo(&[("promote.toml", LINE), ("mine", "0\n"), ("theirs", "0\n")]);
    for number in 0..MANY {
        let versions = [("dev", "v2.0.0"), ("staging", "v1.0.0"), ("prod", "v1.0.0")];
        app(&sandbox, &name(number), &versions);
    }
    save(&sandbox, "Add apps", &[]);
    sandbox
}

/// The numbers of those that succeeded; the others say that somebody else was
/// at it.
fn done(outputs: Vec<(usize, Output)>) -> Vec<usize> {
    let mut done = Vec::new();
    for (number, output) in outputs {
        match output.status.code() {
            Some(0) => done.push(number),
            Some(6) => {}
            code => panic!("{code:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
    done
}

/// What succeeded is in the commit, once.
fn assert_there(sandbox: &Sandbox, done: &[usize]) {
    for number in 0..MANY {
        let app = name(number);
        let tag = if done.contains(&number) { "v2.0.0" } else { "v1.0.0" };
        let text = overlay(&format!("registry.example/acme/{app}"), tag);
        assert_eq!(sandbox.git(["show", &format!("HEAD:{}", at(&app, "staging"))]), text);
        let grep = format!("--grep=^Promote {app} ");
        let count = sandbox.git(["log", "--oneline", &grep]).lines().count();
        assert_eq!(count, usize::from(done.contains(&number)), "{app}");
    }
}

#[test]
fn a_crowd_in_one_work_tree_loses_nothing() {
    let sandbox = many();
    let running = AtomicBool::new(true);
    let (outputs, commits) = std::thread::scope(|scope| {
        let started: Vec<_> = (0..MANY)
            .map(|number| {
                let sandbox = &sandbox;
                scope.spawn(move || {
                    let word = format!("{}@v2.0.0", name(number));
                    let one = run(sandbox, &[&word, "staging"]);
                    // A busy machine is no reason to give up.
                    (number, one.env("GIT_PROMOTE_LOCK_TIMEOUT", "60000").output())
                })
            })
            .collect();
        let adding = scope.spawn(|| {
            for count in 0.. {
                if !running.load(Ordering::SeqCst) {
                    break;
                }
                sandbox.write("mine", &format!("{count}\n"));
                start(&sandbox, "git", &["add", "mine"]).output();
            }
        });
        let committing = scope.spawn(|| {
            let mut commits = 0;
            for count in 0.. {
                if !running.load(Ordering::SeqCst) {
                    break;
                }
                sandbox.write("theirs", &format!("{count}\n"));
                let args = ["commit", "-q", "-m", "Theirs", "--", "theirs"];
                commits += usize::from(start(&sandbox, "git", &args).code() == 0);
            }
            commits
        });
        let outputs: Vec<_> = started.into_iter().map(|one| one.join().unwrap()).collect();
        running.store(false, Ordering::SeqCst);
        adding.join().unwrap();
        (outputs, committing.join().unwrap())
    });
    let done = done(outputs);
    assert!(done.len() > MANY / 2, "only {done:?} came through");
    assert_there(&sandbox, &done);
    assert_eq!(sandbox.git(["log", "--oneline", "--grep=^Theirs"]).lines().count(), commits);
    sandbox.git(["commit", "-q", "--allow-empty", "-m", "Mine", "--", "mine", "theirs"]);
    assert_there(&sandbox, &done);
    sandbox.assert_clean();
}

#[test]
fn work_trees_on_one_branch_lose_nothing() {
    let sandbox = many();
    let second = sandbox.dir.path().join("second");
    sandbox.git(["worktree", "add", "-q", "-f", second.to_str().unwrap(), "main"]);
    let outputs = std::thread::scope(|scope| {
        let started: Vec<_> = (0..MANY)
            .map(|number| {
                let (sandbox, second) = (&sandbox, &second);
                scope.spawn(move || {
                    let word = format!("{}@v2.0.0", name(number));
                    let one = run(sandbox, &[&word, "staging"]);
                    let one = if number % 2 == 0 { one } else { one.dir(second.to_str().unwrap()) };
                    (number, one.output())
                })
            })
            .collect();
        started.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let done = done(outputs);
    assert!(done.len() > MANY / 2, "only {done:?} came through");
    assert_there(&sandbox, &done);
    for (at_root, parity) in [(&sandbox.root, 0), (&second, 1)] {
        for number in done.iter().filter(|number| *number % 2 == parity) {
            let file = at(&name(*number), "staging");
            let text = std::fs::read_to_string(at_root.join(&file)).unwrap();
            assert!(text.contains("v2.0.0"), "{file}");
            let diff = sandbox.git_in(at_root, ["diff", "HEAD", "--name-only", "--", &file]);
            assert_eq!(diff, "");
        }
    }
    sandbox.git(["fsck", "--strict", "--no-dangling"]);
}
