//! The cases of `fixtures/check` as commits of one repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::check_cases::{Case, Commit, Node};
use crate::testkit::environment;

/// The ids of the commits of all cases, and those of their trees.
pub(crate) struct Ids(BTreeMap<String, (String, String)>);

impl Ids {
    /// The id that the gate is given for a commit.
    pub(crate) fn of(&self, case: &Case, at: usize) -> String {
        let (commit, tree) = &self.0[&format!("{}-{at}", case.name)];
        if case.trees { tree.clone() } else { commit.clone() }
    }
}

/// A repository of all cases; it stands in `repo` of the directory.
pub(crate) fn import(cases: &[Case]) -> (TempDir, Ids) {
    let dir = tempfile::Builder::new().prefix("promote-check-").tempdir().unwrap();
    git(dir.path(), &["init", "-q", "-b", "main", "repo"], b"");
    let repo = dir.path().join("repo");
    git(&repo, &["fast-import", "--quiet"], &stream(cases));
    let listed = git(
        &repo,
        &["for-each-ref", "--format=%(refname:lstrip=2) %(objectname) %(tree)", "refs/cases"],
        b"",
    );
    let ids = listed.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[0].to_owned(), (words[1].to_owned(), words[2].to_owned()))
    });
    let ids = Ids(ids.collect());
    for case in cases {
        if let Some((old, new)) = case.replace {
            git(&repo, &["replace", &ids.of(case, old), &ids.of(case, new)], b"");
        }
    }
    (dir, ids)
}

/// The commits in the form of `git fast-import`, a ref each.
fn stream(cases: &[Case]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut mark = 0;
    for case in cases {
        let first = mark + 1;
        for (at, commit) in case.commits.iter().enumerate() {
            mark += 1;
            let text = heading(case, at, commit, first);
            stream.extend_from_slice(text.as_bytes());
            files(&mut stream, commit);
        }
    }
    stream
}

/// The commit without its files. Its message names the case, so that no two
/// cases share a commit; an hour lies between a commit and the next.
fn heading(case: &Case, at: usize, commit: &Commit, first: usize) -> String {
    let time = 1_700_000_000 + 3600 * at;
    let (subject, rest) = commit.message.split_once('\n').unwrap_or((&commit.message, ""));
    let message = format!("{subject} ({})\n{rest}", case.name);
    let mut text = format!("commit refs/cases/{}-{at}\nmark :{}\n", case.name, first + at);
    writeln!(text, "committer A U Thor <author@example.com> {time} +0000").unwrap();
    writeln!(text, "data {}\n{message}", message.len()).unwrap();
    for (place, parent) in commit.parents.iter().enumerate() {
        let word = if place == 0 { "from" } else { "merge" };
        writeln!(text, "{word} :{}", first + parent).unwrap();
    }
    text.push_str("deleteall\n");
    text
}

fn files(stream: &mut Vec<u8>, commit: &Commit) {
    let blob = |stream: &mut Vec<u8>, mode: &str, path: &str, bytes: &[u8]| {
        write!(stream, "M {mode} inline {path}\ndata {}\n", bytes.len()).unwrap();
        stream.extend_from_slice(bytes);
        stream.push(b'\n');
    };
    for (path, node) in &commit.tree {
        match node {
            Node::File(bytes) => blob(stream, "100644", path, bytes),
            Node::Link(target) => blob(stream, "120000", path, target.as_bytes()),
            Node::Submodule => {
                writeln!(stream, "M 160000 {} {path}", "1".repeat(40)).unwrap();
            }
        }
    }
}

fn git(dir: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(dir)
        .envs(environment(dir))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?} failed");
    String::from_utf8(output.stdout).unwrap()
}
