//! Waiting for a lock, and who holds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::super::CommitError;
use super::elsewhere::{left_in, run_with};
use super::entry::whole;
use super::signals::interrupted;

/// How long a lock that someone else holds is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a `git commit` may be between reading the index and locking it.
const READING: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_millis(100);

/// The commands of git that write the index or refs.
const LOCKING: [&str; 19] = [
    "add",
    "am",
    "apply",
    "branch",
    "checkout",
    "cherry-pick",
    "commit",
    "merge",
    "mv",
    "pull",
    "read-tree",
    "rebase",
    "reset",
    "restore",
    "revert",
    "rm",
    "stash",
    "switch",
    "update-index",
];

/// Tries until it succeeds, ten seconds at most; then the holder of `lock` is
/// named.
pub(in super::super) fn patiently<T>(
    lock: &Path,
    attempt: impl FnMut() -> Result<Option<T>, CommitError>,
) -> Result<T, CommitError> {
    wait(attempt)?.ok_or_else(|| CommitError::Locked {
        age: age_of(lock),
        owner: culprit(lock),
        path: whole(lock),
        left_in: left_in(lock),
    })
}

/// Tries until it succeeds, ten seconds at most.
pub(super) fn wait<T>(
    mut attempt: impl FnMut() -> Result<Option<T>, CommitError>,
) -> Result<Option<T>, CommitError> {
    let until = Instant::now() + patience();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(done) = attempt()? {
            return Ok(Some(done));
        }
        interrupted()?;
        if Instant::now() >= until {
            return Ok(None);
        }
        sleep(pause);
        pause = (pause * 2).min(LONGEST);
    }
}

/// Ten seconds, or as many milliseconds as `GIT_PROMOTE_LOCK_TIMEOUT` says.
fn patience() -> Duration {
    let given = std::env::var("GIT_PROMOTE_LOCK_TIMEOUT").ok();
    given.and_then(|text| text.parse().ok()).map_or(PATIENCE, Duration::from_millis)
}

/// How long a file has been as it is.
pub(super) fn age_of(path: &Path) -> Duration {
    let modified = fs::symlink_metadata(path).and_then(|found| found.modified());
    let since = |then| SystemTime::now().duration_since(then).ok();
    modified.ok().and_then(since).unwrap_or(Duration::ZERO)
}

/// The process that has the file open, where the system tells: its id and name.
pub(super) fn holder(file: &Path) -> Option<String> {
    let file = file.canonicalize().ok()?;
    let own = std::process::id();
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        let mut open = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        let holds = open.any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == file));
        (holds && id != own).then(|| name_of(id))
    })
}

/// Who holds a lock: the process that has it open, else a run of ours in another
/// work tree, else a git at work here. Git
/// closes the lock of the index while it runs a hook or an editor.
pub(super) fn culprit(lock: &Path) -> Option<String> {
    holder(lock).or_else(|| run_with(lock)).or_else(|| git_at_work(&work_trees(lock), locks))
}

/// The work trees that a lock below a git directory may be about.
fn work_trees(lock: &Path) -> Vec<PathBuf> {
    let lock = lock.parent().and_then(|dir| dir.canonicalize().ok());
    let mut found = Vec::new();
    for dir in lock.iter().flat_map(|dir| dir.ancestors()) {
        if dir.ends_with(".git") {
            found.extend(dir.parent().map(Path::to_owned));
        }
        // That of a linked work tree names the `.git` of its work tree.
        if let Ok(text) = fs::read_to_string(dir.join("gitdir")) {
            found.extend(Path::new(text.trim_end()).parent().map(Path::to_owned));
        }
    }
    found
}

/// Waits for every `git commit` that may have read the index before it was
/// replaced, while its lock is still held.
///
/// With paths, git reads the index before it locks it, and does not wait for
/// the lock: one that meets it fails, one that comes between would put the
/// entries from before back (`prepare_index` of git, at least since 1.7).
pub(in super::super) fn outlast_commits(lock: &Path) {
    let places = work_trees(lock);
    let until = Instant::now() + READING;
    let mut pause = Duration::from_millis(1);
    while git_at_work(&places, commits).is_some() && Instant::now() < until {
        sleep(pause);
        pause = (pause * 2).min(LONGEST);
    }
}

/// A git that stands in one of these directories, with such a command line.
fn git_at_work(places: &[PathBuf], such: fn(&[&str]) -> bool) -> Option<String> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        let stands = fs::read_link(process.path().join("cwd")).ok()?;
        let near = places.iter().any(|place| stands.starts_with(place));
        let line = near.then(|| fs::read(process.path().join("cmdline")).ok()).flatten()?;
        let line = String::from_utf8_lossy(&line);
        let (program, words) = line.split_once('\0')?;
        let is_git = program.rsplit('/').next() == Some("git");
        (is_git && such(&words.split('\0').collect::<Vec<_>>())).then(|| name_of(id))
    })
}

/// Whether a command writes the index or refs.
fn locks(words: &[&str]) -> bool {
    words.iter().any(|word| LOCKING.contains(word))
}

/// Whether a command is `commit`, behind options of git itself.
fn commits(words: &[&str]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-c" | "-C" | "--git-dir" | "--work-tree" | "--namespace" => _ = words.next(),
            option if option.starts_with('-') => {}
            command => return command == "commit",
        }
    }
    false
}

/// `process 123 (git)`.
pub(super) fn name_of(process: u32) -> String {
    match fs::read_to_string(format!("/proc/{process}/comm")) {
        Ok(name) => format!("process {process} ({})", name.trim_end()),
        Err(_) => format!("process {process}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{commits, locks};

    #[test]
    fn only_a_git_that_writes_is_blamed() {
        assert!(locks(&["-c", "a=b", "commit", "-m", "x"]));
        for line in [&["cat-file", "--batch"][..], &["promote"], &[]] {
            assert!(!locks(line), "{line:?}");
        }
    }

    #[test]
    fn a_commit_is_told_from_its_name() {
        for line in [&["commit"][..], &["-c", "a=b", "--no-pager", "-C", "log", "commit", "-m"]] {
            assert!(commits(line), "{line:?}");
        }
        for line in [&["log", "commit"][..], &["-C", "commit", "log"], &["-c", "commit"], &[]] {
            assert!(!commits(line), "{line:?}");
        }
    }
}
