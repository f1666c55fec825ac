//! Which two trees a change compares: merges, trailers, the index, and objects
//! that are not there; compared with git.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use promote::audit;
use promote::git::{Change, Divergence, ErrorKind, GitError, Repository, change, staged};
use promote::model::{RepoPath, Rule, Snapshot};

use crate::testkit::{DATE, Sandbox, WEB, content, environment};

fn path(text: &str) -> RepoPath {
    RepoPath::normalize(text).unwrap()
}

/// Runs git with `input`; gives what it printed.
fn feed(sandbox: &Sandbox, args: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("git");
    command.current_dir(&sandbox.root).args(args).envs(environment(sandbox.dir.path()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn between(repo: &Repository, base: &str, head: &str) -> Change {
    try_between(repo, base, head).unwrap()
}

fn try_between(repo: &Repository, base: &str, head: &str) -> Result<Change, GitError> {
    change(repo, repo.resolve(base).unwrap(), repo.resolve(head).unwrap())
}

fn names(paths: &[RepoPath]) -> Vec<&str> {
    paths.iter().map(RepoPath::as_str).collect()
}

#[test]
fn a_descendant_is_taken_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write(WEB, &content("v2"));
    sandbox.git(["commit", "-qam", "One\n\nPromote-Override: GP006\nPromote-Reason: INC-1"]);
    std::fs::remove_file(sandbox.root.join("apps/api/dev/kustomization.yaml")).unwrap();
    std::os::unix::fs::symlink("x", sandbox.root.join("apps/api/dev/kustomization.yaml")).unwrap();
    sandbox.git(["commit", "-qam", "Two"]);
    let repo = sandbox.open();
    let found = between(&repo, "HEAD~2", "HEAD");
    assert_eq!(names(&found.changed), ["apps/api/dev/kustomization.yaml", WEB]);
    assert_eq!(found.after.tree().to_string(), sandbox.git(["rev-parse", "HEAD^{tree}"]).trim());
    assert_eq!(found.before.read(&path(WEB)).unwrap().unwrap(), content("v1").as_bytes());
    let subjects: Vec<_> = found.messages.iter().map(|text| text.lines().next().unwrap()).collect();
    assert_eq!(subjects, ["Two", "One"]);
    assert_eq!((found.notes.len(), found.divergence), (0, None));
    let same = between(&repo, "HEAD", "HEAD");
    assert!(same.changed.is_empty() && same.messages.is_empty() && same.divergence.is_none());
    // The head is part of the base already: its merge changes nothing.
    let behind = between(&repo, "HEAD", "HEAD~1");
    assert!(behind.changed.is_empty() && behind.messages.is_empty(), "{behind:?}");
    let trees = ["HEAD~2^{tree}", "HEAD^{tree}"].map(|name| {
        promote::git::ObjectId::from_hex(sandbox.git(["rev-parse", name]).trim().as_bytes())
            .unwrap()
    });
    let bare = change(&repo, trees[0], trees[1]).unwrap();
    assert_eq!(bare.changed, found.changed);
    assert!(bare.notes[0].contains("without history"), "{:?}", bare.notes);
}

#[test]
fn merges_are_by_whole_paths() {
    let sandbox = Sandbox::new();
    sandbox.write("gone/x", "1");
    sandbox.write("dir/a", "1");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-qm", "Fork"]);
    sandbox.git(["checkout", "-qb", "side"]);
    sandbox.write(WEB, &content("v2"));
    sandbox.git(["rm", "-qr", "gone", "dir"]);
    sandbox.write("dir", "now a file");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-qm", "Side"]);
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.write("apps/api/prod/kustomization.yaml", &content("v3"));
    sandbox.git(["commit", "-qam", "Main"]);
    let repo = sandbox.open();
    let before = object_files(&sandbox);
    let found = between(&repo, "main", "side");
    assert_eq!(found.divergence, None);
    assert_eq!(names(&found.changed), [WEB, "dir", "dir/a", "gone/x"]);
    let merged = found.after.tree().to_string();
    assert!(
        sandbox.try_git_in(&sandbox.root, ["cat-file", "-e", &merged]).status.code() != Some(0)
    );
    assert_eq!(object_files(&sandbox), before, "nothing is written");
    let tree = sandbox.git(["merge-tree", "--write-tree", "main", "side"]);
    assert_eq!(merged, tree.trim());
    assert_eq!(found.after.read(&path("dir")).unwrap().unwrap(), b"now a file");
    let other = found.after.fork();
    std::thread::spawn(move || assert!(other.snapshot().read(&path(WEB)).unwrap().is_some()))
        .join()
        .unwrap();
    sandbox.write(WEB, &content("v9"));
    sandbox.write("dir/b", "new");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-qm", "Main again"]);
    let found = between(&repo, "main", "side");
    let both = Divergence::BothChanged { paths: vec![WEB.into(), "dir".into()], count: 2 };
    assert_eq!(found.divergence, Some(both));
    assert_eq!(
        found.divergence.unwrap().to_string(),
        format!("base and head both changed `{WEB}`, `dir`")
    );
}

/// The names of all files in the object store.
fn object_files(sandbox: &Sandbox) -> usize {
    let mut open = vec![sandbox.root.join(".git")];
    let mut count = 0;
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            count += 1;
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    count
}

/// A small generator of numbers: the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const PATHS: [&str; 9] =
    ["a", "a/x", "a/y", "a.yaml", "b/c/d", "b/c", "b/e", "top.yaml", "b/c/f/g"];

type Files = BTreeMap<&'static str, String>;

/// Changes some files; what would be a file and a directory at once is left out.
fn mutate(dice: &mut Dice, files: &Files) -> Files {
    let mut files = files.clone();
    for _ in 0..=dice.roll(3) {
        let at = PATHS[usize::try_from(dice.roll(9)).unwrap()];
        let inside = |outer: &str, inner: &str| inner.starts_with(&format!("{outer}/"));
        if dice.roll(3) == 0 {
            files.remove(at);
            continue;
        }
        files.retain(|other, _| !inside(other, at) && !inside(at, other));
        let mode = ["100644", "100644", "100644", "100755", "120000"];
        let mode = mode[usize::try_from(dice.roll(5)).unwrap()];
        files.insert(at, format!("{mode} {}", dice.roll(4)));
    }
    files
}

/// A commit for `git fast-import`.
fn import(stream: &mut String, name: &str, parents: &[&str], files: &Files) {
    write!(stream, "commit refs/heads/{name}\ncommitter A <a@b> {DATE}\ndata 1\nx\n").unwrap();
    for (at, parent) in parents.iter().enumerate() {
        let word = if at == 0 { "from" } else { "merge" };
        writeln!(stream, "{word} refs/heads/{parent}").unwrap();
    }
    stream.push_str("deleteall\n");
    for (path, file) in files {
        let (mode, text) = file.split_once(' ').unwrap();
        write!(stream, "M {mode} inline {path}\ndata {}\n{text}\n", text.len()).unwrap();
    }
}

#[test]
fn random_merges_are_those_of_git() {
    let sandbox = Sandbox::new();
    let mut dice = Dice(7);
    let mut stream = String::new();
    let cases = 250;
    for case in 0..cases {
        let mut fork = Files::new();
        for _ in 0..3 {
            fork = mutate(&mut dice, &fork);
        }
        let (base, head) = (mutate(&mut dice, &fork), mutate(&mut dice, &fork));
        import(&mut stream, &format!("fork{case}"), &[], &fork);
        import(&mut stream, &format!("base{case}"), &[&format!("fork{case}")], &base);
        import(&mut stream, &format!("head{case}"), &[&format!("fork{case}")], &head);
    }
    feed(&sandbox, &["fast-import", "--quiet"], stream.as_bytes());
    let repo = sandbox.open();
    let (mut clean, mut diverged) = (0, 0);
    for case in 0..cases {
        let (base, head) = (format!("base{case}"), format!("head{case}"));
        let ours = between(&repo, &base, &head);
        let git = ["merge-tree", "--write-tree", "--no-messages", &base, &head];
        let git = sandbox.try_git_in(&sandbox.root, git);
        let tree = String::from_utf8(git.stdout).unwrap();
        if ours.divergence.is_some() {
            diverged += 1;
            assert!(both_changed(&sandbox, case), "case {case}: {ours:?}");
        } else if git.status.success() {
            clean += 1;
            assert_eq!(ours.after.tree().to_string(), tree.trim(), "case {case}");
            let diff = ["diff", "--no-renames", "--name-only", "-z", &base, tree.trim()];
            let diff = sandbox.git(diff);
            let diff: Vec<_> = diff.split_terminator('\0').collect();
            assert_eq!(names(&ours.changed), diff, "case {case}");
        } else {
            // Only where git takes a file for a renamed one.
            let git = sandbox.try_git_in(&sandbox.root, ["merge-tree", &base, &head]);
            let said = String::from_utf8(git.stdout).unwrap();
            let mut conflicts = said.lines().filter(|line| line.starts_with("CONFLICT"));
            assert!(conflicts.any(|line| line.contains("rename")), "case {case}: {said}");
        }
    }
    assert!(clean > cases / 4 && diverged > cases / 10, "{clean} clean, {diverged} diverged");
}

/// Whether both sides changed one path, or one a file and the other below it.
fn both_changed(sandbox: &Sandbox, case: u64) -> bool {
    let side = |side: &str| {
        let (fork, side) = (format!("fork{case}"), format!("{side}{case}"));
        let names = sandbox.git(["diff", "--no-renames", "--name-only", &fork, &side]);
        names.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let (base, head) = (side("base"), side("head"));
    let clash = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}/"));
    base.iter().any(|a| head.iter().any(|b| clash(a, b) || clash(b, a)))
}

#[test]
fn histories_that_cannot_be_merged_say_why() {
    let sandbox = Sandbox::new();
    let one = |text: &str| Files::from([("a", format!("100644 {text}"))]);
    let mut stream = String::new();
    import(&mut stream, "root", &[], &one("0"));
    import(&mut stream, "left", &["root"], &one("1"));
    import(&mut stream, "right", &["root"], &one("2"));
    import(&mut stream, "cross1", &["left", "right"], &one("3"));
    import(&mut stream, "cross2", &["right", "left"], &one("4"));
    import(&mut stream, "alone", &[], &one("9"));
    feed(&sandbox, &["fast-import", "--quiet"], stream.as_bytes());
    let repo = sandbox.open();
    let crossed = between(&repo, "cross1", "cross2").divergence.unwrap();
    assert_eq!(crossed, Divergence::SeveralMergeBases(2));
    let base = repo.resolve("root").unwrap();
    assert_eq!(crossed.hint(base), format!("git merge {base}"));
    let alone = between(&repo, "root", "alone").divergence.unwrap();
    assert_eq!(alone, Divergence::Unrelated);
    assert!(between(&repo, "left", "cross1").divergence.is_none());
    // Also where the head has merged the base at another time than last.
    assert_eq!(names(&between(&repo, "root", "cross2").changed), ["a"]);
}

#[test]
fn a_wrong_date_brings_no_old_override_back() {
    let sandbox = Sandbox::new();
    // old carries an override and is in the base only behind `skewed`, whose
    // date is long before it; `shared` ends the quick walk before that is seen.
    let mut stream = String::new();
    let mut commit = |name: &str, date: u64, message: &str, parents: &[&str]| {
        let length = message.len();
        write!(stream, "commit refs/heads/{name}\ncommitter A <a@b> {date} +0000\n").unwrap();
        write!(stream, "data {length}\n{message}\n").unwrap();
        for (at, parent) in parents.iter().enumerate() {
            let word = if at == 0 { "from" } else { "merge" };
            writeln!(stream, "{word} refs/heads/{parent}").unwrap();
        }
        stream.push('\n');
    };
    let override_text = "Old\n\nPromote-Override: GP001\nPromote-Reason: long ago\n";
    commit("old", 5000, override_text, &[]);
    commit("mid", 5001, "Mid", &["old"]);
    commit("skewed", 10, "Skewed", &["mid"]);
    commit("shared", 6000, "Shared", &["skewed"]);
    commit("base", 7000, "Base", &["shared"]);
    commit("head", 7001, "Head", &["shared", "mid"]);
    feed(&sandbox, &["fast-import", "--quiet"], stream.as_bytes());
    let repo = sandbox.open();
    let found = between(&repo, "base", "head");
    let subjects: Vec<_> = found.messages.iter().map(|text| text.trim()).collect();
    assert_eq!(subjects, ["Head"]);
}

#[test]
fn what_a_shallow_clone_knows() {
    let sandbox = Sandbox::new();
    sandbox.git(["checkout", "-qb", "side"]);
    sandbox.write(WEB, &content("v2"));
    sandbox.git(["commit", "-qam", "Side"]);
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.write("apps/api/prod/kustomization.yaml", &content("v3"));
    sandbox.git(["commit", "-qam", "Main"]);
    sandbox.git(["merge", "-q", "--no-ff", "-m", "Merged", "side"]);
    let url = format!("file://{}", sandbox.root.display());
    let dir = sandbox.dir.path().join("clone");
    sandbox.git(["clone", "-q", "--depth=1", &url, dir.to_str().unwrap()]);
    let base = sandbox.git(["rev-parse", "HEAD^1"]);
    let side = sandbox.git(["rev-parse", "side"]);
    let id = |hex: &str| promote::git::ObjectId::from_hex(hex.trim().as_bytes()).unwrap();
    let repo = Repository::open(&dir).unwrap();
    let head = repo.resolve("HEAD").unwrap();
    let missing = change(&repo, id(&base), head).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let hint = missing.hint().unwrap();
    assert_eq!(hint, format!("git fetch --depth=1 origin {}", base.trim()));
    sandbox.git_in(&dir, hint.split(' ').skip(1));
    let repo = Repository::open(&dir).unwrap();
    let found = change(&repo, id(&base), head).unwrap();
    assert_eq!(names(&found.changed), [WEB]);
    assert_eq!(found.messages, ["Merged\n"]);
    assert!(found.notes[0].contains("shallow"));
    sandbox.git_in(&dir, ["fetch", "-q", "--depth=1", "origin", side.trim()]);
    let repo = Repository::open(&dir).unwrap();
    let found = change(&repo, id(&base), id(&side)).unwrap();
    assert!(matches!(found.divergence, Some(Divergence::CutOff)));
    // Deep enough to see where they meet: merged as in a whole clone.
    let deep = sandbox.dir.path().join("deep");
    sandbox.write("x", "x");
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-qm", "More"]);
    sandbox.git(["clone", "-q", "--depth=4", "--no-single-branch", &url, deep.to_str().unwrap()]);
    let repo = Repository::open(&deep).unwrap();
    let found = change(&repo, id(&base), id(&side)).unwrap();
    assert_eq!((names(&found.changed), found.notes.len()), (vec![WEB], 0));
    assert_eq!(found.messages, ["Side\n"]);
}

#[test]
fn what_is_not_there_and_what_is_broken() {
    let sandbox = Sandbox::new();
    sandbox.git(["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", sandbox.root.display());
    let dir = sandbox.dir.path().join("partial");
    sandbox.git(["clone", "-q", "--bare", "--filter=blob:none", &url, dir.to_str().unwrap()]);
    let repo = Repository::open(&dir).unwrap();
    let found = between(&repo, "main", "main");
    let error = found.after.read(&path(WEB)).unwrap_err();
    let fetch = error.fetch.unwrap();
    // One that brings all files: the next one is asked for as well.
    assert_eq!(fetch, "git fetch --refetch --no-filter origin");
    assert!(error.message.contains("is not in this clone"), "{}", error.message);
    sandbox.git_in(&dir, fetch.split(' ').skip(1));
    assert!(Repository::open(&dir).unwrap().resolve("main").is_ok());
    let found = between(&Repository::open(&dir).unwrap(), "main", "main");
    assert!(found.after.read(&path(WEB)).unwrap().is_some());
    // Broken is another thing: no fetch helps.
    let blob = sandbox.git(["rev-parse", &format!("HEAD:{WEB}")]);
    let file = sandbox.root.join(".git/objects").join(&blob[..2]).join(blob[2..].trim());
    break_file(&file);
    let found = between(&sandbox.open(), "main", "main");
    let error = found.after.read(&path(WEB)).unwrap_err();
    assert_eq!(error.fetch, None, "{error:?}");
    let tree = sandbox.git(["rev-parse", "HEAD^{tree}"]);
    let file = sandbox.root.join(".git/objects").join(&tree[..2]).join(tree[2..].trim());
    std::fs::remove_file(&file).unwrap();
    let gone = try_between(&sandbox.open(), "main", "main").unwrap_err();
    assert_eq!(gone.hint().unwrap(), format!("git fetch origin {}", tree.trim()));
    std::fs::write(&file, "nonsense").unwrap();
    let broken = try_between(&sandbox.open(), "main", "main").unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Io, "{broken}");
}

fn break_file(file: &Path) {
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, "nonsense").unwrap();
}

#[test]
fn hostile_trees_are_seen() {
    let sandbox = Sandbox::new();
    let blob = feed(&sandbox, &["hash-object", "-w", "--stdin"], b"x");
    let blob = promote::git::ObjectId::from_hex(blob.trim().as_bytes()).unwrap();
    let entry =
        |mode: &str, name: &[u8]| [mode.as_bytes(), b" ", name, b"\0", blob.as_slice()].concat();
    let write = |data: Vec<u8>| {
        let args = ["hash-object", "-w", "--stdin", "--literally", "-t", "tree"];
        let id = feed(&sandbox, &args, &data);
        promote::git::ObjectId::from_hex(id.trim().as_bytes()).unwrap()
    };
    let repo = sandbox.open();
    let empty = promote::git::ObjectId::empty_tree(gix::hash::Kind::Sha1);
    let odd =
        write([entry("100644", b".."), entry("100644", b"a/b"), entry("100644", b"\xff")].concat());
    let found = change(&repo, empty, odd).unwrap();
    assert_eq!((found.changed.len(), found.odd_names), (0, 3));
    assert!(found.after.list(&RepoPath::root()).unwrap().unwrap().is_empty());
    for twice in [
        [entry("100644", b"a"), entry("100755", b"a")].concat(),
        [entry("100644", b"b"), entry("100644", b"a")].concat(),
        [entry("100644", b"a"), entry("100644", b"a-b"), entry("40000", b"a")].concat(),
    ] {
        let found = change(&repo, empty, write(twice));
        let read = found.map(|found| found.after.list(&RepoPath::root()));
        assert!(read.is_err() || read.unwrap().is_err());
    }
    let fine = [entry("100644", b"a"), entry("100644", b"a-b"), entry("100644", b"ab")].concat();
    assert_eq!(change(&repo, empty, write(fine)).unwrap().changed.len(), 3);
}

#[test]
fn the_index_is_what_git_would_commit() {
    let sandbox = Sandbox::new();
    let tree = |sandbox: &Sandbox| staged(&sandbox.open()).unwrap().after.tree().to_string();
    sandbox.write(WEB, &content("v2"));
    sandbox.write("new/x.yaml", "x");
    sandbox.write("apps.yaml", "x");
    sandbox.git(["rm", "-q", "-r", "apps/api/dev"]);
    std::os::unix::fs::symlink("apps", sandbox.root.join("link")).unwrap();
    sandbox.git(["add", "-A"]);
    sandbox.write("later", "not staged");
    sandbox.write(WEB, "not staged");
    let id = sandbox.head().to_string();
    sandbox.git(["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
    let expected = sandbox.git(["write-tree"]);
    sandbox.git(["add", "-N", "later"]);
    let index = || std::fs::read(sandbox.root.join(".git/index")).unwrap();
    let (before, objects) = (index(), object_files(&sandbox));
    let found = staged(&sandbox.open()).unwrap();
    assert_eq!(found.after.tree().to_string(), expected.trim());
    assert_eq!(
        names(&found.changed),
        ["apps.yaml", "apps/api/dev/kustomization.yaml", WEB, "link", "new/x.yaml", "sub"]
    );
    assert_eq!(found.base, sandbox.head());
    assert_eq!(found.after.read(&path(WEB)).unwrap().unwrap(), content("v2").as_bytes());
    assert_eq!((index(), object_files(&sandbox)), (before, objects));
    sandbox.git(["rm", "-q", "--cached", "later"]);
    for version in ["2", "4"] {
        sandbox.git(["update-index", "--index-version", version]);
        assert_eq!(tree(&sandbox), expected.trim());
    }
    sandbox.git(["update-index", "--split-index"]);
    sandbox.git(["update-index", "--add", "--cacheinfo", &format!("100644,{},y", &blob(&sandbox))]);
    assert_eq!(tree(&sandbox), sandbox.git(["write-tree"]).trim());
}

fn blob(sandbox: &Sandbox) -> String {
    feed(sandbox, &["hash-object", "-w", "--stdin"], b"y").trim().to_owned()
}

#[test]
fn odd_indexes_are_read_or_refused() {
    let sandbox = Sandbox::new();
    // Without commits everything is new.
    let young = sandbox.dir.path().join("young");
    sandbox.git(["init", "-q", "-b", "main", young.to_str().unwrap()]);
    let found = staged(&Repository::open(&young).unwrap()).unwrap();
    assert!(found.changed.is_empty() && found.base.is_empty_tree());
    std::fs::write(young.join("x"), "x").unwrap();
    sandbox.git_in(&young, ["add", "x"]);
    assert_eq!(names(&staged(&Repository::open(&young).unwrap()).unwrap().changed), ["x"]);
    // A sparse index holds directories.
    sandbox.git(["sparse-checkout", "set", "--cone", "--sparse-index", "apps/web"]);
    assert!(sandbox.git(["ls-files", "--sparse"]).contains("apps/api/\n"));
    assert!(staged(&sandbox.open()).unwrap().changed.is_empty());
    sandbox.git(["sparse-checkout", "disable"]);
    // A conflict has no tree.
    sandbox.git(["checkout", "-qb", "side"]);
    sandbox.write(WEB, "side");
    sandbox.git(["commit", "-qam", "side"]);
    sandbox.git(["checkout", "-q", "main"]);
    sandbox.write(WEB, "main");
    sandbox.git(["commit", "-qam", "main"]);
    assert!(!sandbox.try_git_in(&sandbox.root, ["merge", "side"]).status.success());
    let error = staged(&sandbox.open()).unwrap_err();
    assert!(matches!(&error, GitError::Unmerged { path } if path == WEB), "{error}");
}

const MESSAGES: [&str; 16] = [
    "Subject\n\nPromote-Override: GP006\nPromote-Reason: INC-1\n",
    "Promote-Override: GP006\nPromote-Reason: only a subject\n",
    "Subject\n\nBody\n\nPromote-Override: GP006\n\nPromote-Reason: another paragraph\n",
    "Subject\n\nPromote-Override: GP006\nThis is text\nand more text\nand more\n",
    "Subject\n\nPromote-Override: GP006\nThis is text\nSigned-off-by: A <a@b>\n",
    "Subject\n\nPromote-Override: GP001\nPromote-Reason: folded\n  over lines\n\n\n",
    "Subject\n\nPromote-Override: GP001\n# a comment\nPromote-Reason: x\n",
    "Subject\n\nPromote-Override: GP001\n\n# Please enter\n# the message\n",
    "Subject\n\nPromote-Override : GP001\nPromote-Reason:no blank\n",
    "Subject\n\nPromote Override: GP001\n",
    "Subject\n\npromote-override: GP099\nPromote-Override: gp001\n",
    "Subject\n\n Promote-Override: GP001\n",
    "Subject\n\nText before\nPromote-Override: GP001\n",
    "Subject\r\n\r\nPromote-Override: GP001\r\nPromote-Reason: crlf\r\n",
    "Subject\n\n---\nPromote-Override: GP001\n",
    "Subject\n\nPromote-Override: GP001\n(cherry picked from commit 12)\nPromote-Reason: r\n",
];

#[test]
fn trailers_are_read_as_git_reads_them() {
    let sandbox = Sandbox::new();
    for message in MESSAGES {
        let args = ["interpret-trailers", "--parse", "--no-divider"];
        let git = feed(&sandbox, &args, message.as_bytes());
        let mut ours = String::new();
        for (key, value) in audit::trailers_of(message) {
            writeln!(ours, "{key}: {value}").unwrap();
        }
        assert_eq!(ours, git, "{message:?}");
    }
    let asked = audit::asked(MESSAGES[0]);
    assert_eq!((asked.waivers[0].rule, asked.waivers[0].reason.as_str()), (Rule::GP006, "INC-1"));
    let asked = audit::asked(MESSAGES[10]);
    assert!(asked.problems[0].contains("`GP099` is no rule"), "{asked:?}");
    assert_eq!((asked.waivers.len(), asked.waivers[0].reason.as_str()), (1, ""));
    let two = "S\n\nPromote-Override: GP001\nPromote-Override: GP2\nPromote-Reason: of GP2\n";
    assert_eq!(audit::asked(two).waivers[0].reason, "");
}
