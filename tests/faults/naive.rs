//! The harness held against programs that are wrong: the order that everyone
//! would write down first, and damage of every kind.

use std::fs;
use std::path::Path;

use crate::fault::{ALL, Fault};
use crate::scene::{APPS, git, overlay, target};
use crate::sweep::{Scene, sweep};
use crate::trace;
use crate::verify::Stroke;

/// File, index, ref.
fn naive() -> Scene {
    let file = target("web");
    let script = format!(
        "sed -i s/v1/v2/ {file} && git add {file} && \
         {{ git diff --quiet HEAD -- {file} || git commit -q -m 'Promote web' -- {file}; }}"
    );
    let command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    Scene::new(&APPS[..1], command, Vec::new())
}

#[test]
fn the_naive_order_is_caught() {
    if !trace::available() {
        return;
    }
    let scene = naive();
    for fault in [Fault::Kill, Fault::Error("ENOSPC")] {
        let tally = sweep(&scene.jobs(&[fault]));
        let broken: Vec<&str> = tally.violations.iter().map(|(_, one)| one.class).collect();
        assert!(broken.contains(&"retry"), "{fault}: {broken:?}");
        assert!(fault.is_error() || tally.total() > 100, "{}", tally.total());
    }
}

/// Damage that a wrong program does, and the word the verifier has for it.
type Damage = (&'static str, &'static str, fn(&Path));

fn add(root: &Path, args: &[&str]) {
    let output = git(root, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Done after a right promotion that said so.
const DAMAGE: [Damage; 14] = [
    ("a file of the user's is lost", "work", |root| {
        fs::remove_file(root.join("notes/untracked")).unwrap();
    }),
    ("a file of the user's is overwritten", "work", |root| {
        fs::write(root.join("notes/unstaged"), "1\n").unwrap();
    }),
    ("what was not staged is", "work", |root| add(root, &["add", "notes/unstaged"])),
    ("what was staged is not", "work", |root| add(root, &["reset", "-q", "notes/staged"])),
    ("an intent to add is dropped", "work", |root| add(root, &["reset", "-q", "notes/intended"])),
    ("a hidden file shows", "work", |root| {
        add(root, &["update-index", "--no-skip-worktree", "notes/skipped"]);
    }),
    ("an unchanged file changes", "work", |root| {
        add(root, &["update-index", "--no-assume-unchanged", "notes/assumed"]);
    }),
    ("a link is replaced by what it leads to", "work", |root| {
        fs::remove_file(root.join("notes/link")).unwrap();
        fs::write(root.join("notes/link"), "1\n").unwrap();
    }),
    ("there are two commits", "tip", |root| {
        add(root, &["commit", "-q", "--allow-empty", "-m", "Again", "--only"]);
    }),
    ("the target is half", "target", |root| {
        fs::write(root.join(target("web")), &overlay("web", "v2")[..20]).unwrap();
    }),
    ("the target is old", "exit", |root| {
        fs::write(root.join(target("web")), overlay("web", "v1")).unwrap();
    }),
    ("the index is old", "exit", |root| add(root, &["reset", "-q", "HEAD^", "--", &target("web")])),
    ("a lock is left", "exit", |root| fs::write(root.join(".git/index.lock"), "").unwrap()),
    ("an object is lost", "fsck", |root| {
        let id = git(root, &["rev-parse", &format!("HEAD:{}", target("web"))]).stdout;
        let id = String::from_utf8(id).unwrap();
        fs::remove_file(root.join(".git/objects").join(&id[..2]).join(id[2..].trim())).unwrap();
    }),
];

#[test]
fn the_verifier_sees_damage_of_every_kind() {
    if !trace::available() {
        return;
    }
    let scene = naive();
    let stroke = Stroke { point: None, fault: Fault::Error("EIO") };
    for (name, class, damage) in [("nothing", "", (|_| {}) as fn(&Path))].iter().chain(&DAMAGE) {
        let (copy, case) = scene.start();
        let root = copy.root();
        let output = Scene::run(&root, &scene.command);
        damage(&root);
        let found = case.struck(&root, &output, stroke);
        let seen = found.iter().any(|one| one.class == *class);
        assert_eq!(seen, !class.is_empty(), "{name}: {found:?}");
        assert!(seen || found.is_empty(), "{name}: {found:?}");
    }
}

#[test]
fn the_verifier_sees_a_commit_that_brings_the_old_value_back() {
    if !trace::available() {
        return;
    }
    let scene = naive();
    let (copy, case) = scene.start();
    let root = copy.root();
    let output = Scene::run(&root, &scene.command);
    assert!(case.retried(&root, &output).is_empty());
    add(&root, &["reset", "-q", "HEAD^", "--", &target("web")]);
    assert_eq!(case.next(&root)[0].class, "next");
    // And a program that says it failed though it did not.
    let failed = Scene::run(&root, &["false".to_owned()]);
    let (copy, case) = scene.start();
    let root = copy.root();
    Scene::run(&root, &scene.command);
    let stroke = Stroke { point: None, fault: ALL[3] };
    assert_eq!(case.struck(&root, &failed, stroke)[0].class, "exit");
}
