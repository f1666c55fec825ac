//! Running `git`, where it does what gix does not.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{GitError, Repository};

/// Variables that would change what a pathspec or an answer means: a trace of
/// what was sent stands among the words that tell why something failed.
pub(super) const UNSET: [&str; 12] = [
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_TRACE",
    "GIT_TRACE_SETUP",
    "GIT_TRACE_CURL",
    "GIT_TRACE_PACKET",
    "GIT_CURL_VERBOSE",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_TRACE2_PERF",
];

/// A `git` at the top of the work tree (in the git directory of a bare
/// repository) that never asks anything on a terminal.
pub(super) fn git(repo: &Repository) -> Command {
    let mut command = Command::new("git");
    command.current_dir(repo.place());
    command.env("GIT_TERMINAL_PROMPT", "0");
    for name in UNSET {
        command.env_remove(name);
    }
    // They may be relative to the directory that the user stands in.
    for (name, path) in [
        ("GIT_DIR", repo.git_dir()),
        ("GIT_COMMON_DIR", repo.common_dir()),
        ("GIT_INDEX_FILE", repo.gix.index_path().as_path()),
    ] {
        if std::env::var_os(name).is_some() {
            command.env(name, absolute(path));
        }
    }
    if let (Some(root), Some(_)) = (repo.root(), std::env::var_os("GIT_WORK_TREE")) {
        command.env("GIT_WORK_TREE", root);
    }
    command
}

fn absolute(path: &Path) -> std::path::PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Runs a git command with `input`; gives everything it said.
pub(super) fn run(
    repo: &Repository,
    args: &[impl AsRef<OsStr>],
    input: &[u8],
) -> Result<Output, GitError> {
    run_as(git(repo), args, input)
}

/// Runs a git command whose objects are written to the directory `objects`.
pub(super) fn answer_aside(
    repo: &Repository,
    objects: &Path,
    args: &[&str],
    input: &[u8],
) -> Result<Vec<u8>, GitError> {
    let mut command = git(repo);
    let own = std::env::var_os("GIT_OBJECT_DIRECTORY").map(std::path::PathBuf::from);
    let own = own.unwrap_or_else(|| repo.common_dir().join("objects"));
    let more = std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default();
    let all = std::iter::once(absolute(&own)).chain(std::env::split_paths(&more));
    if let Ok(all) = std::env::join_paths(all) {
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", all);
    }
    command.env("GIT_OBJECT_DIRECTORY", objects);
    succeeded(run_as(command, args, input)?, args)
}

fn run_as(
    mut command: Command,
    args: &[impl AsRef<OsStr>],
    input: &[u8],
) -> Result<Output, GitError> {
    let name = args.first().map(|arg| arg.as_ref().to_string_lossy().into_owned());
    let failed = |error: std::io::Error| GitError::Child {
        command: name.clone().unwrap_or_default(),
        message: error.to_string(),
    };
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        // A child that does not read its input says so by its exit code.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output().map_err(failed)
    })
}

/// Runs a git command that has to succeed; gives its standard output.
pub(super) fn answer(
    repo: &Repository,
    args: &[impl AsRef<OsStr>],
    input: &[u8],
) -> Result<Vec<u8>, GitError> {
    succeeded(run(repo, args, input)?, args)
}

fn succeeded(output: Output, args: &[impl AsRef<OsStr>]) -> Result<Vec<u8>, GitError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let command =
        args.first().map_or_else(String::new, |arg| arg.as_ref().to_string_lossy().into());
    Err(GitError::Child { command, message: words(&output.stderr) })
}

/// What git said, without its `fatal: ` and `error: `.
pub(super) fn words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = |line: &str| {
        let rest = ["fatal: ", "error: "].iter().find_map(|prefix| line.strip_prefix(prefix));
        rest.unwrap_or(line).to_owned()
    };
    text.trim().lines().map(line).collect::<Vec<_>>().join("\n")
}
