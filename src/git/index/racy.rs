//! Racy entries: files changed within the second in which the index was
//! written, so that their times cannot tell whether they changed after.
//!
//! Git compares the content of such files. Once the index is written again its
//! time moves on and it would no longer do so; it therefore sets the size of
//! those that differ to zero ("smudges" them). See racy-git in git's technical
//! documentation.

use std::fs;
use std::path::Path;

use gix::bstr::ByteSlice;
use gix::index::entry::Stat;
use gix::index::entry::stat::Options;
use gix::index::fs::Metadata;

use super::{Index, MTIME, RawEntry, SIZE};
use crate::git::GitError;

const MODE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

impl Index {
    /// Where the entries start that have to be smudged before the index is
    /// written anew.
    pub(super) fn racily_clean(&self, root: &Path) -> Result<Vec<usize>, GitError> {
        let mut offsets = Vec::new();
        self.for_each(|entry| {
            if i64::from(entry.field(MTIME)) >= self.written && looks_clean_but_differs(entry, root)
            {
                offsets.push(entry.offset);
            }
        })?;
        Ok(offsets)
    }
}

/// Whether the file has the entry's times and size, and other content. Where a
/// filter makes the two differ the entry is smudged needlessly, which costs
/// git one more look and nothing else.
fn looks_clean_but_differs(entry: &RawEntry<'_>, root: &Path) -> bool {
    let kind = entry.mode() & MODE_TYPE;
    let skipped = entry.is_unmerged() || entry.is_assume_valid() || entry.is_skip_worktree();
    if skipped || !matches!(kind, REGULAR | SYMLINK) {
        return false;
    }
    let Ok(path) = entry.path.to_path() else { return true };
    let file = root.join(path);
    let Ok(found) = Metadata::from_path_no_follow(&file) else { return false };
    let Ok(stat) = Stat::from_fs(&found) else { return true };
    let options = Options { trust_ctime: false, check_stat: false, ..Options::default() };
    if !recorded(entry).matches(&stat, options) {
        return false;
    }
    let content = if kind == SYMLINK {
        fs::read_link(&file).map(|target| target.into_os_string().into_encoded_bytes())
    } else {
        fs::read(&file)
    };
    let id =
        content.map(|bytes| gix::objs::compute_hash(entry.hash, gix::objs::Kind::Blob, &bytes));
    !matches!(id, Ok(Ok(id)) if id == entry.id())
}

/// The times and size of an entry; the rest does not count here.
fn recorded(entry: &RawEntry<'_>) -> Stat {
    use gix::index::entry::stat::Time;
    Stat {
        mtime: Time { secs: entry.field(MTIME), nsecs: entry.field(MTIME + 4) },
        size: entry.field(SIZE),
        ..Stat::default()
    }
}
