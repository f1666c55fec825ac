//! Surroundings that are broken for a while: a small disk that is full, files
//! and folders that may not be written.
//!
//! A mount needs a namespace of its own, in which the test runs once more.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::fault::Fault;
use crate::scene::{copy_into, scratch, tell};
use crate::sweep::{Outcome, Scene, Tally, Way, gather, parallel};
use crate::verify::{Stroke, Violation};

/// Set for the run within the namespace.
const INSIDE: &str = "PROMOTE_FAULTS_INSIDE";

/// Breaks something below the root of a copy; gives what makes it whole again.
type Break<'a> = Box<dyn Fn(&Path) -> Box<dyn FnOnce()> + Sync + 'a>;

/// A promotion in broken surroundings, and one more when they are whole.
fn broken(scene: &Scene, root: &Path, command: &[String], breaking: &Break<'_>) -> Vec<Violation> {
    let case = scene.case(root);
    let whole = breaking(root);
    let output = Scene::run(root, command);
    whole();
    let stroke = Stroke { point: None, fault: Fault::Error("EIO") };
    let mut found = case.struck(root, &output, stroke);
    found.extend(scene.mend(&case, root, Way::Again));
    found
}

/// Runs a program; it has to succeed.
fn must(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

/// What a small disk has too little of.
#[derive(Debug, Clone, Copy)]
enum Scarce {
    Pages,
    Files,
}

/// A disk in memory with so many pages or files left.
fn small_disk(scene: &Scene, scarce: Scarce, left: usize) -> Outcome {
    let around = scratch();
    let disk = around.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let name = disk.display().to_string();
    must("mount", &["-t", "tmpfs", "-o", "size=2m,nr_inodes=400", "none", &name]);
    let root = disk.join("repo");
    copy_into(&scene.template.root(), &root);
    let breaking: Break<'_> = Box::new(|_| {
        let filler = disk.join("filler");
        match scarce {
            Scarce::Pages => fill_pages(&filler, left),
            Scarce::Files => fill_files(&filler, left),
        }
        Box::new(move || {
            let _file = fs::remove_file(&filler);
            let _folder = fs::remove_dir_all(&filler);
        })
    });
    let found = broken(scene, &root, &scene.command, &breaking);
    must("umount", &["-l", &name]);
    (format!("{scarce:?}"), format!("{left} {scarce:?} left"), (found, true))
}

fn fill_pages(path: &Path, left: usize) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let size = file.metadata().unwrap().len() / 4096 * 4096;
    file.set_len(size.saturating_sub(4096 * u64::try_from(left).unwrap())).unwrap();
}

fn fill_files(folder: &Path, left: usize) {
    fs::create_dir(folder).unwrap();
    let mut made: Vec<PathBuf> = Vec::new();
    loop {
        let path = folder.join(made.len().to_string());
        if File::create(&path).is_err() {
            break;
        }
        made.push(path);
    }
    for path in made.iter().rev().take(left) {
        fs::remove_file(path).unwrap();
    }
}

/// A folder that is mounted read-only.
fn frozen(scene: &Scene, folder: &str) -> Outcome {
    let (copy, _) = scene.start();
    let path = copy.root().join(folder).display().to_string();
    let breaking: Break<'_> = Box::new(|_| {
        must("mount", &["--bind", &path, &path]);
        must("mount", &["-o", "remount,ro,bind", &path]);
        let path = path.clone();
        Box::new(move || must("umount", &["-l", &path]))
    });
    let found = broken(scene, &copy.root(), &scene.command, &breaking);
    ("EROFS".to_owned(), format!("read-only {folder}"), (found, true))
}

/// A file or folder, or all below one, without the permission to write.
fn locked(scene: &Scene, path: &str, deep: bool) -> Outcome {
    let (copy, _) = scene.start();
    let breaking: Break<'_> = Box::new(|root| {
        let mut paths = vec![root.join(path)];
        if deep {
            paths.extend(below(root).into_iter().map(|found| root.join(found)));
            paths.retain(|found| found.starts_with(root.join(path)));
        }
        paths.retain(|found| !found.is_symlink());
        let modes: Vec<(PathBuf, u32)> = paths
            .into_iter()
            .map(|path| (path.clone(), fs::metadata(&path).unwrap().permissions().mode()))
            .collect();
        for (path, mode) in &modes {
            fs::set_permissions(path, Permissions::from_mode(mode & !0o222)).unwrap();
        }
        // What is gone by then was replaced.
        Box::new(move || {
            for (path, mode) in modes {
                let _gone = fs::set_permissions(path, Permissions::from_mode(mode));
            }
        })
    });
    // Root may write everything, until it gives that up.
    let drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"].map(str::to_owned);
    let drop = if is_root() { &drop[..] } else { &[] };
    let found = broken(scene, &copy.root(), &[drop, &scene.command].concat(), &breaking);
    ("EACCES".to_owned(), format!("locked {path}, all below: {deep}"), (found, true))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0")
}

/// Files and folders of a repository, as paths from its root; not what is only
/// the user's.
fn below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        let name = dir.strip_prefix(root).unwrap().display().to_string();
        if dir.is_dir() {
            open.extend(fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()));
        }
        if !name.starts_with("notes/") {
            found.push(name);
        }
    }
    found
}

/// Everything that can be locked, one after the other.
pub(crate) fn locks(scene: &Scene, step: usize) -> Tally {
    let (copy, _) = scene.start();
    let mut paths: Vec<(String, bool)> =
        below(&copy.root()).into_iter().map(|path| (path, false)).collect();
    for deep in ["", ".git", ".git/objects", ".git/refs", ".git/logs", "apps"] {
        paths.push((deep.to_owned(), true));
    }
    paths.sort();
    let paths: Vec<_> = paths.into_iter().step_by(step).collect();
    gather(parallel(paths.len(), |at| locked(scene, &paths[at].0, paths[at].1)))
}

/// Full disks and folders that are mounted read-only.
fn mounts(scene: &Scene, most: usize) -> Tally {
    let (copy, _) = scene.start();
    let root = copy.root();
    let mut folders = below(&root);
    folders.retain(|path| root.join(path).is_dir() && !path.is_empty());
    let rooms = [Scarce::Pages, Scarce::Files];
    gather(parallel(most * 2 + folders.len(), |at| match at.checked_sub(most * 2) {
        None => small_disk(scene, rooms[at % 2], at / 2),
        Some(at) => frozen(scene, &folders[at]),
    }))
}

/// Whether mounts are possible here, which they are in the namespace; runs the
/// test there where it is not yet inside.
fn in_namespace(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut probe = Command::new("unshare");
    probe.args(["-rm", "mount", "-t", "tmpfs", "none", "/tmp"]).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        tell("SKIPPED: full disks and read-only mounts: no permission to mount");
        return false;
    }
    let mut inside = Command::new("unshare");
    inside.arg("-rm").arg(std::env::current_exe().unwrap());
    inside.args([test, "--exact", "--include-ignored", "--nocapture"]).env(INSIDE, "1");
    assert!(inside.status().unwrap().success(), "{test} failed within the namespace");
    false
}

#[test]
fn what_may_not_be_written_leaves_a_promotion_whole_or_not_there() {
    if !crate::trace::available() {
        return;
    }
    locks(&Scene::promotion(1), 4).settle("one file, locked, some");
}

#[test]
fn a_full_disk_leaves_a_promotion_whole_or_not_there() {
    if crate::trace::available()
        && in_namespace("rooms::a_full_disk_leaves_a_promotion_whole_or_not_there")
    {
        mounts(&Scene::promotion(1), 16).settle("one file, full disks and mounts");
    }
}

#[test]
#[ignore = "part of the whole sweep"]
fn all_full_disks() {
    if crate::trace::available() && in_namespace("rooms::all_full_disks") {
        mounts(&Scene::promotion(1), 40).settle("one file, all full disks and mounts");
        mounts(&Scene::promotion(5), 80).settle("five files, all full disks and mounts");
    }
}
