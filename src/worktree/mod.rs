//! Files of the work tree: replaced atomically, only beneath the root, never
//! through a symbolic link, and only where the bytes are still the expected
//! ones.

mod error;

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::model::RepoPath;

pub use error::WorktreeError;

/// What is at a path beneath a root.
#[derive(Debug)]
pub struct Found {
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// Its metadata.
    pub metadata: Metadata,
}

/// Reads the regular file at `path` beneath `root`, through no symbolic link
/// and no nested repository; `None` where there is nothing.
pub fn read_beneath(root: &Path, path: &RepoPath) -> Result<Option<Found>, WorktreeError> {
    let file = check_way(root, path)?;
    read_file(&file, path.as_str())
}

/// Whether files can be made and replaced in the directory of `path`, which may
/// have to be made itself.
#[cfg(unix)]
pub(crate) fn check_folder(root: &Path, path: &RepoPath) -> Result<(), WorktreeError> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let file = check_way(root, path)?;
    let made = |dir: &&Path| fs::symlink_metadata(dir).is_ok();
    let dir = file.ancestors().skip(1).find(made).unwrap_or(root);
    let found = accessat(CWD, dir, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    found.map_err(|error| WorktreeError::Io { path: path.to_string(), source: error.into() })
}

#[cfg(not(unix))]
pub(crate) fn check_folder(_: &Path, _: &RepoPath) -> Result<(), WorktreeError> {
    Ok(())
}

/// Replaces the file at `path` beneath `root` by `new`, if its bytes are still
/// `expected_old`; `None` means that it must not exist. Missing directories
/// are made. Mode bits stay. Safe across a crash: the file holds the old bytes
/// or the new ones.
pub fn write_beneath(
    root: &Path,
    path: &RepoPath,
    expected_old: Option<&[u8]>,
    new: NewFile<'_>,
) -> Result<(), WorktreeError> {
    let file = check_way(root, path)?;
    let failed = |source| WorktreeError::Io { path: path.to_string(), source };
    if expected_old.is_none() {
        let made = missing_directories(root, std::iter::once(path));
        if let Some(dir) = file.parent() {
            again(|| fs::create_dir_all(dir)).map_err(failed)?;
        }
        if new.durable {
            let mut made = made.iter().map(|dir| root.join(dir.as_str()));
            made.try_for_each(|dir| sync_directory_of(&dir)).map_err(failed)?;
        }
    }
    let name = temporary_name(&file);
    let temporary = write_temporary(&file, Some(&name), new).map_err(failed)?;
    replace((&file, path.as_str()), expected_old, temporary, new.durable)
}

/// The directories that have to be made before these files can be, the deepest
/// last.
pub(crate) fn missing_directories<'p>(
    root: &Path,
    paths: impl Iterator<Item = &'p RepoPath>,
) -> Vec<RepoPath> {
    let mut missing = BTreeSet::new();
    for path in paths {
        let above = std::iter::successors(path.parent(), RepoPath::parent);
        let absent = |dir: &RepoPath| fs::symlink_metadata(root.join(dir.as_str())).is_err();
        missing.extend(above.take_while(absent));
    }
    missing.into_iter().collect()
}

/// Removes the file that a killed run wrote beside `path`, before it was given
/// the name; tells whether one was there.
pub(crate) fn remove_temporary(root: &Path, path: &RepoPath) -> Result<bool, WorktreeError> {
    let file = check_way(root, path)?;
    let dir = file.parent().unwrap_or(root);
    match again(|| fs::remove_file(dir.join(temporary_name(&file)))) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(source) => Err(WorktreeError::Io { path: path.to_string(), source }),
    }
}

/// Removes the file at `path` beneath `root`, if its bytes are `expected`, and
/// then the directories that are empty without it.
pub fn remove_beneath(
    root: &Path,
    path: &RepoPath,
    expected: &[u8],
    durable: bool,
) -> Result<(), WorktreeError> {
    let file = check_way(root, path)?;
    let found = read_file(&file, path.as_str())?;
    match found {
        None => return Err(WorktreeError::Missing { path: path.to_string() }),
        Some(found) if found.bytes != expected => {
            return Err(WorktreeError::Changed { path: path.to_string() });
        }
        Some(_) => {}
    }
    let failed = |source| WorktreeError::Io { path: path.to_string(), source };
    again(|| fs::remove_file(&file)).map_err(failed)?;
    let mut gone = file.as_path();
    for dir in file.ancestors().skip(1).take_while(|dir| *dir != root) {
        if again(|| fs::remove_dir(dir)).is_err() {
            break;
        }
        gone = dir;
    }
    if durable { sync_directory_of(gone).map_err(failed) } else { Ok(()) }
}

/// Replaces a file that belongs to no repository. Directories on the way may
/// be symbolic links, the file itself may not.
pub fn write_file(path: &Path, old: Option<&[u8]>, new: &[u8]) -> Result<(), WorktreeError> {
    let name = path.display().to_string();
    refuse_link(path, &name, &name)?;
    let new = NewFile { bytes: new, executable: false, durable: true };
    let temporary = write_temporary(path, None, new);
    let temporary = temporary.map_err(|source| WorktreeError::Io { path: name.clone(), source })?;
    replace((path, &name), old, temporary, true)
}

/// What a file is to hold.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether it is executable, where it is new; else its mode stays.
    pub executable: bool,
    /// Whether it has to last across a power loss.
    pub durable: bool,
}

/// The absolute path, after a look at every directory on the way.
fn check_way(root: &Path, path: &RepoPath) -> Result<PathBuf, WorktreeError> {
    let dot_git = |part: &str| part.eq_ignore_ascii_case(".git");
    if path.as_str().is_empty() || path.parts().any(dot_git) || path.as_str().contains('\0') {
        return Err(WorktreeError::Outside { path: path.to_string() });
    }
    let mut file = root.to_owned();
    let mut below = RepoPath::root();
    let names: Vec<&str> = path.parts().collect();
    for (at, name) in names.iter().enumerate() {
        file.push(name);
        below = below.join(name);
        refuse_link(&file, path.as_str(), below.as_str())?;
        let on_the_way = at + 1 < names.len();
        if on_the_way && fs::symlink_metadata(&file).is_ok_and(|found| !found.is_dir()) {
            return Err(WorktreeError::Exists { path: below.to_string() });
        }
        if on_the_way && fs::symlink_metadata(file.join(".git")).is_ok() {
            return Err(WorktreeError::Nested {
                path: path.to_string(),
                nested: below.to_string(),
            });
        }
    }
    Ok(file)
}

fn refuse_link(file: &Path, path: &str, shown: &str) -> Result<(), WorktreeError> {
    if fs::symlink_metadata(file).is_ok_and(|found| found.is_symlink()) {
        return Err(WorktreeError::Symlink { path: path.to_owned(), link: shown.to_owned() });
    }
    Ok(())
}

fn read_file(file: &Path, path: &str) -> Result<Option<Found>, WorktreeError> {
    let failed = |source| WorktreeError::Io { path: path.to_owned(), source };
    let metadata = match fs::symlink_metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_file() {
        return Err(WorktreeError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    File::open(file).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(failed)?;
    Ok(Some(Found { bytes, metadata }))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn replace(
    (file, path): (&Path, &str),
    expected_old: Option<&[u8]>,
    temporary: tempfile::NamedTempFile,
    durable: bool,
) -> Result<(), WorktreeError> {
    let failed = |source| WorktreeError::Io { path: path.to_owned(), source };
    // The last look is after the slow part, so that what an editor saved in
    // the meantime is seen.
    let found = read_file(file, path)?;
    let permissions = match (found, expected_old) {
        (None, None) => None,
        (None, Some(_)) => return Err(WorktreeError::Missing { path: path.to_owned() }),
        (Some(_), None) => return Err(WorktreeError::Exists { path: path.to_owned() }),
        (Some(found), Some(old)) if found.bytes != old => {
            return Err(WorktreeError::Changed { path: path.to_owned() });
        }
        (Some(found), Some(_)) => Some(found.metadata.permissions()),
    };
    if let Some(permissions) = permissions {
        again(|| fs::set_permissions(temporary.path(), permissions.clone())).map_err(failed)?;
        let mut temporary = Some(temporary);
        again(|| match temporary.take().map(|whole| whole.persist(file)) {
            Some(Err(error)) => {
                temporary = Some(error.file);
                Err(error.error)
            }
            _ => Ok(()),
        })
        .map_err(failed)?;
    } else {
        temporary.persist_noclobber(file).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => WorktreeError::Exists { path: path.to_owned() },
            _ => failed(error.error),
        })?;
    }
    if durable { sync_directory_of(file).map_err(failed) } else { Ok(()) }
}

/// The name of the file that becomes `file`: always the same, so that it is
/// known where a killed run left it. One run at a time writes in a work tree.
fn temporary_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    // FNV-1a: short whatever the name is, and the same in every version.
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!(".git-promote-{hash:016x}.tmp")
}

/// Writes the bytes beside `file`, with the mode that the umask gives a new
/// file; under this name, whoever left it there, or under one of its own.
fn write_temporary(
    file: &Path,
    name: Option<&str>,
    new: NewFile<'_>,
) -> io::Result<tempfile::NamedTempFile> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let builder = match name {
        Some(name) => match again(|| fs::remove_file(dir.join(name))) {
            Err(error) if !is_missing(&error) => return Err(error),
            _ => builder.prefix(name).rand_bytes(0),
        },
        None => builder.prefix(".git-promote-").suffix(".tmp"),
    };
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(Permissions::from_mode(if new.executable { 0o777 } else { 0o666 }))
    };
    let mut temporary = builder.tempfile_in(dir)?;
    temporary.write_all(new.bytes)?;
    if new.durable {
        temporary.as_file().sync_all()?;
    }
    Ok(temporary)
}

/// Repeats what a signal broke off.
pub(crate) fn again<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..100 {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            ended => return ended,
        }
    }
    attempt()
}

/// Makes a rename in the directory of `file` last across a power loss.
pub(crate) fn sync_directory_of(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(dir) if cfg!(unix) && !dir.as_os_str().is_empty() => sync(dir),
        _ => Ok(()),
    }
}

/// Makes what is in a file or directory last across a power loss.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::normalize(text).unwrap()
    }

    fn new(bytes: &[u8]) -> NewFile<'_> {
        NewFile { bytes, executable: false, durable: true }
    }

    #[test]
    fn a_file_is_replaced_only_where_it_is_as_expected() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write_beneath(root, &path("a/b"), None, new(b"1")).unwrap();
        assert!(matches!(
            write_beneath(root, &path("a/b"), None, new(b"2")),
            Err(WorktreeError::Exists { .. })
        ));
        assert!(matches!(
            write_beneath(root, &path("a/b"), Some(b"0"), new(b"2")),
            Err(WorktreeError::Changed { .. })
        ));
        assert!(matches!(
            write_beneath(root, &path("a/c"), Some(b"0"), new(b"2")),
            Err(WorktreeError::Missing { .. })
        ));
        write_beneath(root, &path("a/b"), Some(b"1"), new(b"2")).unwrap();
        assert_eq!(fs::read(root.join("a/b")).unwrap(), b"2");
        assert_eq!(fs::read_dir(root.join("a")).unwrap().count(), 1, "no temporary file stays");
        remove_beneath(root, &path("a/b"), b"2", true).unwrap();
        assert!(!root.join("a").exists());
    }

    #[cfg(unix)]
    #[test]
    fn mode_bits_stay() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, "1").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o751)).unwrap();
        write_file(&file, Some(b"1"), b"2").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o751);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_links_or_outside() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
        fs::write(outside.path().join("f"), "1").unwrap();
        for way in ["link/f", "link"] {
            let refused = write_beneath(dir.path(), &path(way), Some(b"1"), new(b"2"));
            assert!(matches!(refused, Err(WorktreeError::Symlink { .. })), "{refused:?}");
        }
        let refused = write_file(&dir.path().join("link"), Some(b"1"), b"2");
        assert!(matches!(refused, Err(WorktreeError::Symlink { .. })));
        for way in [".git/config", "a/.GIT/x", ""] {
            let refused = write_beneath(dir.path(), &path(way), None, new(b"2"));
            assert!(matches!(refused, Err(WorktreeError::Outside { .. })), "{way}");
        }
        fs::create_dir_all(dir.path().join("sub/.git")).unwrap();
        let refused = write_beneath(dir.path(), &path("sub/x"), None, new(b"2"));
        assert!(matches!(refused, Err(WorktreeError::Nested { .. })));
        assert_eq!(fs::read(outside.path().join("f")).unwrap(), b"1");
    }
}
