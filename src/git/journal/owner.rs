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
/// How long a `git commit` may be between its start and the lock of the index:
/// an older one waits for an editor or a hook.
const YOUNG: Duration = Duration::from_secs(2);
/// How long such a one is waited for.
const READING: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_millis(100);

/// Options of git itself that take the next word.
const OF_GIT: [&str; 7] =
    ["-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source"];

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
    let at_work = || git_at_work(&beside(lock).collect::<Vec<_>>(), |words, _| locks(words));
    holder(lock).or_else(|| run_with(lock)).or_else(at_work)
}

/// The directories that a lock is in, of which one or more may be a repository.
fn beside(lock: &Path) -> impl Iterator<Item = PathBuf> {
    let dir = lock.parent().and_then(|dir| dir.canonicalize().ok());
    std::iter::successors(dir, |dir| dir.parent().map(Path::to_owned))
}

/// Waits for every `git commit` that may have read the index before it was
/// replaced, while its lock is still held.
///
/// Git reads the index before it locks it there, and does not wait for the
/// lock: one that meets it fails, one that comes between would put the entries
/// from before back (`prepare_index` of git, at least since 1.7).
pub(in super::super) fn outlast_commits(lock: &Path) {
    let own: Vec<PathBuf> = beside(lock).take(1).collect();
    let until = Instant::now() + READING;
    let mut pause = Duration::from_millis(1);
    while git_at_work(&own, |words, process| commits(words) && is_young(process)).is_some()
        && Instant::now() < until
    {
        sleep(pause);
        pause = (pause * 2).min(LONGEST);
    }
}

/// A git that stands in the work tree of one of these repositories, such by its
/// words and its directory below `/proc`.
fn git_at_work(repositories: &[PathBuf], such: fn(&[&str], &Path) -> bool) -> Option<String> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let id: u32 = process.file_name().to_str()?.parse().ok()?;
        let line = fs::read(process.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line);
        if !such(&git_words(&line)?, &process.path()) {
            return None;
        }
        let stands = fs::read_link(process.path().join("cwd")).ok()?;
        repositories.contains(&repository_of(&stands)?).then(|| name_of(id))
    })
}

/// The words behind `git` in the command line of a process; of `git-commit` its
/// own is the first.
fn git_words(line: &str) -> Option<Vec<&str>> {
    let (program, words) = line.split_once('\0').unwrap_or((line, ""));
    let behind = program.rsplit('/').next()?.strip_prefix("git")?;
    let named = match behind {
        "" => None,
        behind => Some(behind.strip_prefix('-').filter(|name| LOCKING.contains(name))?),
    };
    let words = words.strip_suffix('\0').unwrap_or(words);
    let words = (!words.is_empty()).then(|| words.split('\0'));
    Some(named.into_iter().chain(words.into_iter().flatten()).collect())
}

/// The repository whose work tree a directory is in: the next `.git` above.
fn repository_of(dir: &Path) -> Option<PathBuf> {
    let dir = dir.ancestors().find(|dir| dir.join(".git").exists())?;
    let git = dir.join(".git");
    // That of a linked work tree or of a submodule is a file that names it.
    let named = fs::read_to_string(&git).ok();
    let named = named.as_deref().and_then(|text| text.strip_prefix("gitdir:"));
    named.map_or(git.clone(), |named| dir.join(named.trim())).canonicalize().ok()
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
            option if OF_GIT.contains(&option) => _ = words.next(),
            option if option.starts_with('-') => {}
            command => return command == "commit",
        }
    }
    false
}

/// Whether a process began a moment ago, or nothing tells.
fn is_young(process: &Path) -> bool {
    let began = || {
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        // Behind the name, which may hold anything, the 20th field (proc(5)).
        let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
        Some(Duration::from_millis(ticks.saturating_mul(1_000) / ticks_a_second()))
    };
    let now = || {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        Some(Duration::from_secs_f64(uptime.split(' ').next()?.parse().ok()?))
    };
    let age = began().zip(now()).map(|(began, now)| now.saturating_sub(began));
    age.is_none_or(|age| age < YOUNG)
}

#[cfg(unix)]
fn ticks_a_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(not(unix))]
fn ticks_a_second() -> u64 {
    100
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
    use super::{commits, git_words, is_young, locks};

    #[test]
    fn only_a_git_that_writes_is_blamed() {
        assert!(locks(&["-c", "a=b", "commit", "-m", "x"]));
        for line in [&["cat-file", "--batch"][..], &["promote"], &[]] {
            assert!(!locks(line), "{line:?}");
        }
    }

    #[test]
    fn a_commit_is_told_from_its_name() {
        let asked = |line: &str| commits(&line.split(' ').collect::<Vec<_>>());
        for line in ["commit", "-c a=b --no-pager -C log commit -m", "--config-env a=B commit x"] {
            assert!(asked(line), "{line}");
        }
        for line in ["log commit", "-C commit log", "-c commit", ""] {
            assert!(!asked(line), "{line}");
        }
    }

    #[test]
    fn what_nothing_is_known_of_is_young() {
        assert!(is_young(std::path::Path::new("/proc/no-such-process")));
        if cfg!(target_os = "linux") {
            assert!(!is_young(std::path::Path::new("/proc/1")));
        }
    }

    #[test]
    fn a_git_is_told_by_its_program() {
        assert_eq!(git_words("/usr/bin/git\0log\0-1\0").unwrap(), ["log", "-1"]);
        let by_name = git_words("/usr/lib/git-core/git-commit\0-m\0\0").unwrap();
        assert_eq!(by_name, ["commit", "-m", ""]);
        assert_eq!(git_words("git\0").unwrap(), [""; 0]);
        for other in [
            "gitk\0--all\0",
            "git-promote\0add\0",
            "vim\0.git/COMMIT_EDITMSG\0",
            "bash\0git\0commit\0",
            "",
        ] {
            assert!(git_words(other).is_none(), "{other:?}");
        }
    }
}
