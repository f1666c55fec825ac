//! Waiting for a lock, and who holds it.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use super::super::CommitError;
use super::signals::interrupted;

/// How long a lock that someone else holds is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_millis(100);

/// Tries until it succeeds, ten seconds at most; then the holder of `lock` is
/// named.
pub(in super::super) fn patiently<T>(
    lock: &Path,
    attempt: impl FnMut() -> Result<Option<T>, CommitError>,
) -> Result<T, CommitError> {
    wait(attempt)?.ok_or_else(|| CommitError::Locked {
        age: age_of(lock),
        owner: holder(lock),
        path: lock.to_owned(),
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

/// `process 123 (git)`.
pub(super) fn name_of(process: u32) -> String {
    match fs::read_to_string(format!("/proc/{process}/comm")) {
        Ok(name) => format!("process {process} ({})", name.trim_end()),
        Err(_) => format!("process {process}"),
    }
}
