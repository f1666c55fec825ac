//! What was once worked out and can be again: files below the git directory
//! that all work trees share. Each is written whole or not at all, and nothing
//! depends on one being there.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Repository;

/// No larger file is written, and none read.
const MOST_BYTES: u64 = 64 << 20;

/// With more files than this the oldest go.
const MOST_FILES: usize = 32;

/// The kept files of one sort.
#[derive(Debug, Clone)]
pub struct Kept {
    dir: PathBuf,
}

impl Repository {
    /// The kept files of a sort, such as `history`.
    pub fn kept(&self, sort: &str) -> Kept {
        Kept { dir: self.common_dir().join("promote").join(sort) }
    }
}

impl Kept {
    /// The file of that name, where there is one that can be read. What is in
    /// it may be anything.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = fs::File::open(self.dir.join(name)).ok()?;
        let known = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let length = usize::try_from(known.len()).ok().filter(|_| known.len() <= MOST_BYTES)?;
        let mut bytes = Vec::with_capacity(length);
        file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Puts a file of these parts in the place of one of that name. Where that cannot be done
    /// (a repository that may only be read) there is none, and nobody minds.
    pub fn write(&self, name: &str, parts: &[impl AsRef<[u8]>]) {
        let length: usize = parts.iter().map(|part| part.as_ref().len()).sum();
        if u64::try_from(length).is_ok_and(|length| length <= MOST_BYTES) {
            let _ = self.try_write(name, parts);
        }
    }

    fn try_write(&self, name: &str, parts: &[impl AsRef<[u8]>]) -> std::io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.dir)?;
        for part in parts {
            file.write_all(part.as_ref())?;
        }
        file.persist(self.dir.join(name)).map_err(|error| error.error)?;
        self.prune()
    }

    /// Removes the oldest files beyond the number that is kept, and what a
    /// killed process left.
    fn prune(&self) -> std::io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort();
        for (_, path) in files.iter().rev().skip(MOST_FILES) {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    /// Where the files are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
