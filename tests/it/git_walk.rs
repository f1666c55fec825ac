//! The walk through history gives what git gives, however the objects are
//! stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use promote::git::{Interest, Repository, read_ahead, walk};
use promote::model::RepoPath;

use crate::testkit::{Sandbox, hermetic};

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Directories below `apps`; some names hold the start of another entry.
fn apps() -> Vec<String> {
    let odd = ["web", "web-1", "web.x", "a40000 web", "b100644 web", "x y", "100644 web"];
    let plain = (0..240).map(|at| format!("app-{at}"));
    odd.iter().map(|name| (*name).to_owned()).chain(plain).collect()
}

pub(crate) fn file(stream: &mut String, path: &str, text: &str) {
    writeln!(stream, "M 100644 inline \"{path}\"\ndata {}\n{text}", text.len()).unwrap();
}

/// One random change, as git fast-import reads it.
fn change(stream: &mut String, dice: &mut Dice) {
    let apps = apps();
    let app = &apps[dice.roll(apps.len())];
    let near = &apps[dice.roll(7)];
    let text = format!("v{}", dice.roll(1_000));
    match dice.roll(9) {
        0 => writeln!(stream, "D \"apps/{app}\"").unwrap(),
        // A file where there may have been a directory, and back.
        1 => {
            writeln!(stream, "D \"apps/{near}\"").unwrap();
            file(stream, &format!("apps/{near}"), &text);
        }
        2 => {
            writeln!(stream, "D \"apps/{near}\"").unwrap();
            file(stream, &format!("apps/{near}/prod/k.yaml"), &text);
        }
        3 => file(stream, "README.md", &text),
        4 => file(stream, "apps/web/dev/k.yaml", &text),
        _ => file(stream, &format!("apps/{app}/prod/k.yaml"), &text),
    }
}

/// A repository with a random history, its objects in one pack or loose.
fn history(seed: u64, init: &[&str]) -> Sandbox {
    let sandbox = Sandbox::with(init);
    let dice = &mut Dice(seed);
    let mut stream = String::new();
    for at in 0..260 {
        write!(stream, "commit refs/heads/main\ncommitter A <a@example.org> ").unwrap();
        write!(stream, "{} +0000\ndata 1\nx\n", 1_700_000_000 + at).unwrap();
        if at == 0 {
            stream.push_str("from refs/heads/main^0\n");
            for app in apps().iter().filter(|_| dice.roll(5) > 0) {
                file(&mut stream, &format!("apps/{app}/prod/k.yaml"), "v0");
            }
        }
        for _ in 0..=dice.roll(3) {
            change(&mut stream, dice);
        }
    }
    import(&sandbox.root, sandbox.dir.path(), &stream);
    sandbox
}

pub(crate) fn import(root: &Path, home: &Path, stream: &str) {
    let mut command = Command::new("git");
    command.current_dir(root).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    hermetic(&mut command, home);
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

type Changes = Vec<(String, BTreeSet<String>)>;

/// Which commit changes which of the paths, as git says.
fn by_git(sandbox: &Sandbox, paths: &[&str]) -> Changes {
    let fixed = ["-c", "core.quotePath=false", "log", "--first-parent", "--root", "--no-renames"];
    let form = ["--diff-merges=first-parent", "--name-only", "--format=%x01%H", "main", "--"];
    let log = sandbox.git(fixed.iter().chain(&form).chain(paths));
    let commits = log.split('\u{1}').filter(|part| !part.trim().is_empty());
    let changes = commits.map(|part| {
        let mut lines = part.lines().filter(|line| !line.is_empty());
        (lines.next().unwrap().to_owned(), lines.map(ToOwned::to_owned).collect())
    });
    changes.filter(|(_, paths): &(_, BTreeSet<_>)| !paths.is_empty()).collect()
}

/// The same by the walk.
fn by_walk(root: &Path, paths: &[&str]) -> Result<Changes, String> {
    of(&Repository::open(root).map_err(|error| error.to_string())?, paths)
}

fn of(repo: &Repository, paths: &[&str]) -> Result<Changes, String> {
    let tip = repo.resolve("main").map_err(|error| error.to_string())?;
    let interest = match paths {
        [] => Interest::everything(),
        paths => Interest::below(paths.iter().filter_map(|path| RepoPath::normalize(path))),
    };
    let commits = walk(repo, tip, interest).map_err(|error| error.to_string())?;
    commits
        .map(|commit| {
            let commit = commit.map_err(|error| error.to_string())?;
            let changed = commit.changed.iter().map(|path| path.as_str().to_owned()).collect();
            Ok((commit.id.to_string(), changed))
        })
        .collect()
}

const ASKED: [&[&str]; 4] = [
    &[],
    &["apps/web/prod", "apps/web/dev"],
    &["apps/a40000 web", "apps/web", "apps/web.x", "apps/web-1"],
    &["apps/app-1", "apps/app-2", "apps/app-3/prod", "apps/app-4", "apps/app-5", "README.md"],
];

#[track_caller]
fn assert_as_git(sandbox: &Sandbox, stored: &str) {
    let repo = Repository::open(&sandbox.root).unwrap();
    let remembering = repo.remembering(repo.resolve("main").unwrap()).unwrap();
    for paths in ASKED {
        let (git, walk) = (by_git(sandbox, paths), by_walk(&sandbox.root, paths).unwrap());
        assert_eq!(walk.len(), git.len(), "{stored}: {paths:?}");
        for (walk, git) in walk.iter().zip(&git) {
            assert_eq!(walk, git, "{stored}: {paths:?}");
        }
        assert_eq!(of(&remembering, paths).unwrap(), walk, "{stored}: {paths:?}, remembered");
    }
    let line = sandbox.git(["log", "--first-parent", "--format=%H %T %ct %s"]);
    assert_eq!(ahead(&repo), line);
    // With a graph several threads read.
    sandbox.git(["commit-graph", "write", "--reachable"]);
    let repo = Repository::open(&sandbox.root).unwrap();
    assert_eq!(ahead(&repo), line, "{stored}: with a graph");
    fs::remove_dir_all(sandbox.root.join(".git/objects/info")).unwrap();
}

/// The line as it is read ahead, as the format above shows it.
fn ahead(repo: &Repository) -> String {
    let tip = repo.resolve("main").unwrap();
    let subject = |message: &str| {
        let subject = message.lines().next().unwrap_or_default().to_owned();
        // What is not handed over is read again.
        let again = subject.len().is_multiple_of(2);
        (subject, again)
    };
    let mut history = walk(repo, tip, Interest::everything()).unwrap();
    let mut line = read_ahead(repo, tip, subject).unwrap();
    let mut text = String::new();
    while let Some((commit, subject)) = line.next(&mut history).unwrap() {
        assert_eq!(commit.message().lines().next().unwrap_or_default(), subject);
        writeln!(text, "{} {} {} {subject}", commit.id, commit.tree, commit.seconds).unwrap();
    }
    text
}

/// Whether wide trees are kept as deltas.
fn deltas(sandbox: &Sandbox) -> usize {
    let objects = sandbox.git([
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objecttype) %(objectsize) %(deltabase)",
    ]);
    let wide = objects.lines().filter_map(|line| {
        let mut parts = line.split(' ');
        let wide = parts.next()? == "tree" && parts.next()?.parse::<usize>().ok()? > 4_096;
        wide.then_some(parts.next()?)
    });
    wide.filter(|base| base.bytes().any(|byte| byte != b'0')).count()
}

#[test]
fn packed_histories_are_read_as_git_reads_them() {
    for (seed, window, depth) in [(1, 10, 50), (2, 250, 4_095), (3, 2, 1), (4, 10, 3)] {
        let sandbox = history(seed, &[]);
        let (window, depth) = (format!("--window={window}"), format!("--depth={depth}"));
        sandbox.git(["repack", "-adfq", &window, &depth]);
        assert!(deltas(&sandbox) > 20, "{window} {depth}");
        assert_as_git(&sandbox, &format!("{window} {depth}"));
    }
}

#[test]
fn histories_are_read_the_same_however_they_are_stored() {
    let sandbox = history(5, &[]);
    assert_as_git(&sandbox, "as imported");
    sandbox.git(["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"]);
    assert!(deltas(&sandbox) > 20);
    assert_as_git(&sandbox, "deltas on ids");
    sandbox.git(["repack", "-adfq"]);
    sandbox.git(["commit-graph", "write", "--reachable"]);
    assert_as_git(&sandbox, "with a commit-graph");
    // More on top: loose, then in a pack of its own, then under one index.
    sandbox.git(["reset", "-q", "--hard"]);
    for at in 0..6 {
        sandbox.write("apps/web/prod/k.yaml", &format!("more {at}"));
        sandbox.git(["add", "-A"]);
        sandbox.git(["commit", "-q", "-m", "More"]);
    }
    assert_as_git(&sandbox, "packed and loose");
    sandbox.git(["repack", "-dq"]);
    assert_as_git(&sandbox, "two packs");
    sandbox.git(["multi-pack-index", "write"]);
    assert_as_git(&sandbox, "two packs and an index of both");
    // In a repository that borrows all objects.
    let borrower = sandbox.dir.path().join("borrower");
    let from = sandbox.root.display().to_string();
    sandbox.git(["clone", "-q", "--bare", "--shared", &from, borrower.to_str().unwrap()]);
    assert_eq!(by_walk(&borrower, ASKED[1]).unwrap(), by_git(&sandbox, ASKED[1]));
}

#[test]
fn a_loose_history_is_read_as_git_reads_it() {
    let sandbox = history(6, &[]);
    let packs = sandbox.root.join(".git/objects/pack");
    let aside = sandbox.dir.path().join("pack");
    fs::rename(&packs, &aside).unwrap();
    fs::create_dir(&packs).unwrap();
    for file in fs::read_dir(&aside).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "pack") {
            let unpack = "git unpack-objects -q <\"$0\"";
            let mut command = Command::new("sh");
            command.current_dir(&sandbox.root).args(["-c", unpack]).arg(&path);
            hermetic(&mut command, sandbox.dir.path());
            assert!(command.status().unwrap().success());
        }
    }
    assert_as_git(&sandbox, "loose");
}

#[test]
fn a_history_of_sha256_is_read_as_git_reads_it() {
    let sandbox = history(7, &["--object-format=sha256"]);
    sandbox.git(["repack", "-adfq"]);
    assert!(deltas(&sandbox) > 20);
    assert_as_git(&sandbox, "sha256");
}

/// A replacement is not looked at, and one object in two packs is one object.
#[test]
fn replacements_are_passed_over() {
    let sandbox = history(8, &[]);
    sandbox.git(["repack", "-adfq"]);
    let before = by_walk(&sandbox.root, ASKED[2]).unwrap();
    sandbox.git(["replace", "main~3^{tree}", "main~40^{tree}"]);
    assert_eq!(by_walk(&sandbox.root, ASKED[2]).unwrap(), before);
}

/// The pack of a repository that has one.
fn pack_of(root: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(root.join(".git/objects/pack")).unwrap();
    let mut packs = files.map(|file| file.unwrap().path());
    packs.find(|path| path.extension().is_some_and(|end| end == "pack")).unwrap()
}

#[test]
fn a_broken_pack_is_an_error_and_never_another_answer() {
    let sandbox = history(9, &[]);
    sandbox.git(["repack", "-adfq"]);
    let truth = by_walk(&sandbox.root, ASKED[1]).unwrap();
    let path = pack_of(&sandbox.root);
    let sound = fs::read(&path).unwrap();
    let dice = &mut Dice(10);
    let mut outcomes: BTreeMap<bool, usize> = BTreeMap::new();
    for _ in 0..250 {
        let mut broken = sound.clone();
        let at = 12 + dice.roll(broken.len() - 12);
        broken[at] ^= 1 << dice.roll(8);
        fs::remove_file(&path).unwrap();
        fs::write(&path, &broken).unwrap();
        let walked = by_walk(&sandbox.root, ASKED[1]);
        *outcomes.entry(walked.is_ok()).or_default() += 1;
        if let Ok(walked) = walked {
            assert_eq!(walked, truth);
        }
    }
    assert!(outcomes.values().all(|count| *count > 5) && outcomes.len() == 2, "{outcomes:?}");
}
