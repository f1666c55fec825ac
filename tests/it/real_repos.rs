//! Past promotions of public repositories, made again and compared.
//!
//! `tests/real/promotions.txt` lists them. The repositories are no part of
//! this one: `PROMOTE_REAL_REPOS` names a folder with clones of them, bare or
//! not, as `OWNER/NAME`, `OWNER/NAME.git` or `OWNER+NAME/repo`.
//! `docs/real-repos.md` tells what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use promote::yaml::Stream;

const FOLDER: &str = "PROMOTE_REAL_REPOS";

/// One line of the list.
struct Case<'a> {
    repository: &'a str,
    commit: &'a str,
    config: &'a str,
    outcome: &'a str,
    arguments: Vec<&'a str>,
}

impl<'a> Case<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [repository, commit, config, outcome, arguments] = parts[..] else { return None };
        let arguments = arguments.split_whitespace().collect();
        Some(Self { repository, commit, config, outcome, arguments })
    }

    /// Makes the promotion in a clone, and says how it compares.
    fn play(&self, mirror: &Path) -> String {
        let clone = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| run(clone.path(), "git", args);
        git(&["clone", "-q", "-n", "--shared", mirror.to_str().unwrap(), "."]);
        git(&["checkout", "-q", "-B", "main", &format!("{}^", self.commit)]);
        if self.config != "-" {
            let config = root().join(format!("tests/real/{}.toml", self.config));
            fs::copy(config, clone.path().join("promote.toml")).unwrap();
            git(&["add", "promote.toml"]);
            git(&["commit", "-q", "-m", "Add promote.toml"]);
        }
        let before = text(&git(&["rev-parse", "HEAD"]));
        let made = run(clone.path(), env!("CARGO_BIN_EXE_git-promote"), &self.arguments);
        if verbose() {
            say(&format!("{}{}", text(&made), String::from_utf8_lossy(&made.stderr)));
        }
        match made.status.code() {
            Some(0) => self.compare(clone.path(), &before),
            Some(3) => format!("refused: {}", refusing(&made)),
            code => {
                say(&String::from_utf8_lossy(&made.stderr));
                format!("exit {}", code.unwrap_or(-1))
            }
        }
    }

    fn compare(&self, clone: &Path, before: &str) -> String {
        let git = |args: &[&str]| text(&run(clone, "git", args));
        let names = |from: &str, to: &str| -> BTreeSet<String> {
            let listed = git(&["diff", "--name-only", "--no-renames", from, to]);
            listed.lines().map(str::to_owned).collect()
        };
        assert_eq!(git(&["status", "--porcelain"]), "", "{}: left-overs", self.commit);
        let ours = names(before, "HEAD");
        let theirs = names(&format!("{}^", self.commit), self.commit);
        let blob = |commit: &str, path: &str| git(&["rev-parse", &format!("{commit}:{path}")]);
        let differing: Vec<&str> = ours
            .iter()
            .filter(|path| blob("HEAD", path) != blob(self.commit, path))
            .map(String::as_str)
            .collect();
        if !differing.is_empty() || ours.is_empty() {
            return format!("differs: {}", differing.join(" "));
        }
        match theirs.difference(&ours).count() {
            0 => "same".to_owned(),
            more => format!("same, {more} more"),
        }
    }
}

/// The rules that a refusal names.
fn refusing(made: &Output) -> String {
    let error = String::from_utf8_lossy(&made.stderr).into_owned();
    let line = error.lines().find_map(|line| line.strip_prefix("error: refused by "));
    line.and_then(|line| line.split(';').next()).unwrap_or_default().replace(',', "")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program that knows no settings of the user.
fn run(directory: &Path, program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.current_dir(directory).args(args);
    for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
        command.env(name, "Replay");
    }
    for name in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
        command.env(name, "replay@example.com");
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Where the clone of a repository lies below the folder.
fn mirror(folder: &Path, repository: &str) -> Option<PathBuf> {
    let (owner, name) = repository.split_once('/').unwrap();
    let places = [
        folder.join(owner).join(name),
        folder.join(owner).join(format!("{name}.git")),
        folder.join(format!("{owner}+{name}")).join("repo"),
    ];
    places.into_iter().find(|place| place.exists())
}

/// What a reader is to see at once, captured or not.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

fn verbose() -> bool {
    std::env::var_os("VERBOSE").is_some()
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    if folder.is_none() {
        say(&format!("skipped: {FOLDER} names no folder with clones"));
    }
    folder
}

fn list() -> String {
    fs::read_to_string(root().join("tests/real/promotions.txt")).unwrap()
}

fn cases(list: &str) -> Vec<Case<'_>> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| Case::read(line).unwrap_or_else(|| panic!("no case: {line}"))).collect()
}

#[test]
fn each_case_has_a_config() {
    for case in cases(&list()) {
        let config = root().join(format!("tests/real/{}.toml", case.config));
        assert!(case.config == "-" || config.exists(), "{}", case.config);
        assert!(!case.outcome.is_empty() && !case.arguments.is_empty());
    }
}

#[test]
#[ignore = "needs clones of public repositories"]
fn past_promotions_come_out_as_listed() {
    let Some(folder) = folder() else { return };
    let mut unexpected = Vec::new();
    for case in cases(&list()) {
        let Some(mirror) = mirror(&folder, case.repository) else {
            say(&format!("skipped: {} is not in the folder", case.repository));
            continue;
        };
        let outcome = case.play(&mirror);
        say(&format!("{} {}: {outcome}", case.repository, case.commit));
        if outcome != case.outcome {
            unexpected.push(format!(
                "{} {}: {outcome}, not {}",
                case.repository, case.commit, case.outcome
            ));
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}

/// Which share of the YAML files at HEAD can be read, and why the others cannot.
#[test]
#[ignore = "needs clones of public repositories"]
fn nearly_every_yaml_file_parses() {
    let Some(folder) = folder() else { return };
    let list = list();
    let repositories: BTreeSet<&str> = cases(&list).iter().map(|case| case.repository).collect();
    for repository in repositories {
        let Some(mirror) = mirror(&folder, repository) else { continue };
        let listed = text(&run(&mirror, "git", &["ls-tree", "-r", "HEAD"]));
        let mut reasons: BTreeMap<String, String> = BTreeMap::new();
        let mut files = 0;
        for line in listed.lines().filter(|line| line.starts_with("100")) {
            let (head, path) = line.split_once('\t').unwrap();
            let yaml = [".yaml", ".yml"].iter().any(|end| path.ends_with(end));
            if !yaml {
                continue;
            }
            files += 1;
            let object = head.rsplit(' ').next().unwrap();
            let bytes = run(&mirror, "git", &["cat-file", "blob", object]).stdout;
            if let Err(error) = Stream::parse(&bytes) {
                reasons.insert(path.to_owned(), error.to_string());
            }
        }
        say(&format!("{repository}: {} of {files} YAML files parse", files - reasons.len()));
        for (path, reason) in reasons.iter().filter(|_| verbose()) {
            say(&format!("    {path}: {reason}"));
        }
        assert!(reasons.len() * 10 <= files, "{repository}: more than a tenth does not parse");
    }
}
