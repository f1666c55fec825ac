//! Halves of objects that a killed run left.
//!
//! gix 0.90 writes an object to a temporary file beside the directories of
//! objects, and renames it. `git gc` knows such files by names that these do
//! not have, so they would stay for ever.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::super::Repository;
use super::linked::remove;
use super::owner::{age_of, holder};

/// No one writes an object for so long.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes them, as far as no one still writes them.
pub(super) fn remove_halves(repo: &Repository) -> io::Result<()> {
    for entry in fs::read_dir(repo.common_dir().join("objects"))?.flatten() {
        let path = entry.path();
        let is_half = entry.file_name().to_str().is_some_and(is_temporary);
        if is_half && is_own(&path) && (age_of(&path) > LONG || is_forsaken(&path)) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// The names that gix gives: `.tmp` and six letters or digits.
fn is_temporary(name: &str) -> bool {
    let rest = name.strip_prefix(".tmp").unwrap_or_default();
    rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether it is a file of the same user's: others are not ours to remove.
#[cfg(unix)]
fn is_own(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.uid() == own)
}

#[cfg(not(unix))]
fn is_own(_: &Path) -> bool {
    true
}

/// Whether no process has it open: whoever writes one has it open until it has
/// its name.
#[cfg(target_os = "linux")]
fn is_forsaken(path: &Path) -> bool {
    Path::new("/proc/self/fd").is_dir() && holder(path).is_none()
}

/// Elsewhere the system does not tell.
#[cfg(not(target_os = "linux"))]
fn is_forsaken(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::is_temporary;

    #[test]
    fn only_temporary_objects_count() {
        assert!(is_temporary(".tmpa1B2c3"));
        for name in ["", ".tmp", ".tmpa1B2c", ".tmp/../..", "tmp_obj_a1B2c3", "info", "ab"] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
