//! The index file, read and patched as bytes.
//!
//! gix 0.90 writes an index anew: version 4 becomes 2, most extensions are
//! dropped, the tree cache stays as it was (and brings old content back with
//! the user's next commit), and entries that changed within the second of the
//! last write look clean for ever. So the file is copied here with only the
//! entries of the targets replaced, the tree cache corrected on their paths,
//! and racy entries smudged as git does it.
//!
//! Format: gitformat-index(5), versions 2 to 4.

mod lock;
mod racy;
mod rewrite;
mod tree_cache;

use std::path::Path;

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::index::entry::Stat;

pub(super) use lock::{Beside, IndexLock};
pub(super) use rewrite::{Change, Rewrite};

use super::GitError;

/// Offsets within an entry.
const MTIME: usize = 8;
const MODE: usize = 24;
const SIZE: usize = 36;
const ID: usize = 40;
/// Header: signature, version, number of entries.
const HEADER: usize = 12;

const ASSUME_VALID: u16 = 0x8000;
const EXTENDED: u16 = 0x4000;
const STAGE: u16 = 0x3000;
const SKIP_WORKTREE: u16 = 0x4000;
const INTENT_TO_ADD: u16 = 0x2000;

/// Mode of a submodule's entry.
pub(super) const MODE_COMMIT: u32 = 0o160_000;

/// The index file as it was read.
#[derive(Debug)]
pub(super) struct Index {
    data: Vec<u8>,
    version: u32,
    hash: gix::hash::Kind,
    /// When the file was written, in seconds since 1970.
    written: i64,
    /// Where the entries end and the extensions begin.
    entries_end: usize,
}

/// Signature and content.
type Extension<'a> = ([u8; 4], &'a [u8]);

/// One entry, as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEntry<'a> {
    bytes: &'a [u8],
    /// Where it starts in the file.
    pub(super) offset: usize,
    /// Its path.
    pub(super) path: &'a [u8],
    hash: gix::hash::Kind,
}

impl RawEntry<'_> {
    fn field(&self, at: usize) -> u32 {
        be32(self.bytes, at).unwrap_or(0)
    }

    pub(super) fn mode(&self) -> u32 {
        self.field(MODE)
    }

    pub(super) fn id(&self) -> ObjectId {
        let bytes = self.bytes.get(ID..ID + self.hash.len_in_bytes()).unwrap_or_default();
        ObjectId::try_from(bytes).unwrap_or_else(|_| self.hash.null())
    }

    fn flags(&self) -> u16 {
        be16(self.bytes, ID + self.hash.len_in_bytes()).unwrap_or(0)
    }

    fn extended_flags(&self) -> u16 {
        if self.flags() & EXTENDED == 0 {
            return 0;
        }
        be16(self.bytes, ID + self.hash.len_in_bytes() + 2).unwrap_or(0)
    }

    pub(super) fn is_unmerged(&self) -> bool {
        self.flags() & STAGE != 0
    }

    pub(super) fn is_skip_worktree(&self) -> bool {
        self.extended_flags() & SKIP_WORKTREE != 0
    }

    pub(super) fn is_intent_to_add(&self) -> bool {
        self.extended_flags() & INTENT_TO_ADD != 0
    }

    fn is_assume_valid(&self) -> bool {
        self.flags() & ASSUME_VALID != 0
    }
}

impl Index {
    /// Reads the index at `path`; `None` where there is none.
    pub(super) fn read(path: &Path, hash: gix::hash::Kind) -> Result<Option<Self>, GitError> {
        let data = match std::fs::read(path) {
            Ok(data) => data,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(GitError::read("the index", error)),
        };
        let modified = std::fs::metadata(path).and_then(|found| found.modified());
        let modified = modified.map_err(|error| GitError::read("the index", error))?;
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let written = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let version = be32(&data, 4).unwrap_or(0);
        if !data.starts_with(b"DIRC") || !(2..=4).contains(&version) {
            return Err(corrupt("bad signature or version"));
        }
        let mut index = Self { data, version, hash, written, entries_end: 0 };
        index.entries_end = index.for_each(|_| ())?;
        index.extensions()?;
        Ok(Some(index))
    }

    /// Shows every entry in the order of the file; gives where they end.
    pub(super) fn for_each(&self, mut see: impl FnMut(&RawEntry<'_>)) -> Result<usize, GitError> {
        let mut offset = HEADER;
        let mut path: Vec<u8> = Vec::new();
        for _ in 0..be32(&self.data, 8).unwrap_or(0) {
            let bytes = self.data.get(offset..self.trailer()).unwrap_or_default();
            let length = self.entry_length(bytes, &mut path).ok_or_else(|| corrupt("cut off"))?;
            let bytes = bytes.get(..length).ok_or_else(|| corrupt("cut off"))?;
            see(&RawEntry { bytes, offset, path: &path, hash: self.hash });
            offset += length;
        }
        Ok(offset)
    }

    /// The length of the entry that `bytes` begin with. `path` is that of the
    /// entry before and becomes that of this one.
    fn entry_length(&self, bytes: &[u8], path: &mut Vec<u8>) -> Option<usize> {
        let start = self.path_offset(bytes)?;
        let rest = bytes.get(start..)?;
        if self.version < 4 {
            let length = rest.find_byte(0)?;
            path.clear();
            path.extend_from_slice(rest.get(..length)?);
            return Some((start + length + 8) & !7);
        }
        let (strip, used) = varint(rest)?;
        path.truncate(path.len().checked_sub(strip)?);
        let suffix = rest.get(used..)?;
        let length = suffix.find_byte(0)?;
        path.extend_from_slice(suffix.get(..length)?);
        Some(start + used + length + 1)
    }

    /// Where in an entry its path begins.
    fn path_offset(&self, entry: &[u8]) -> Option<usize> {
        let flags = ID + self.hash.len_in_bytes();
        let extended = be16(entry, flags)? & EXTENDED != 0;
        Some(flags + if extended { 4 } else { 2 })
    }

    /// Where the checksum at the end begins.
    fn trailer(&self) -> usize {
        self.data.len().saturating_sub(self.hash.len_in_bytes())
    }

    /// Signatures and contents of the extensions, in the order of the file.
    fn extensions(&self) -> Result<Vec<Extension<'_>>, GitError> {
        let mut found = Vec::new();
        let mut rest = self.data.get(self.entries_end..self.trailer()).unwrap_or_default();
        while let Some((signature, tail)) = rest.split_first_chunk::<4>() {
            let size = be32(tail, 0).ok_or_else(|| corrupt("bad extension"))? as usize;
            let content = tail.get(4..4 + size).ok_or_else(|| corrupt("bad extension"))?;
            found.push((*signature, content));
            rest = tail.get(4 + size..).unwrap_or_default();
        }
        Ok(found)
    }

    /// Why only git can write this index, if so: a split or a sparse index, or
    /// an extension that is not known and must be understood.
    pub(super) fn needs_git(&self) -> Result<Option<String>, GitError> {
        for (signature, _) in self.extensions()? {
            // The case of the first letter tells what may be ignored.
            if !signature.first().is_some_and(u8::is_ascii_uppercase) {
                return Ok(Some(match &signature {
                    b"sdir" => "the index is sparse".to_owned(),
                    b"link" => "the index is split".to_owned(),
                    _ => format!("index extension {}", signature.as_bstr()),
                }));
            }
        }
        Ok(None)
    }
}

fn corrupt(what: &str) -> GitError {
    GitError::read("the index", format!("it is corrupt: {what}"))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
}

/// Git's offset encoding: the number and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut used = 1;
    let mut byte = *bytes.first()?;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = *bytes.get(used)?;
        used += 1;
        value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
    }
    Some((value, used))
}

fn put_varint(mut value: usize, out: &mut Vec<u8>) {
    let low = |value: usize| u8::try_from(value & 0x7f).unwrap_or(0);
    let mut bytes = vec![low(value)];
    while value >= 128 {
        value = (value >> 7) - 1;
        bytes.push(0x80 | low(value));
    }
    out.extend(bytes.iter().rev());
}

/// The ten fields that an entry begins with.
fn stat_bytes(stat: &Stat, mode: u32) -> [u8; ID] {
    let fields = [
        stat.ctime.secs,
        stat.ctime.nsecs,
        stat.mtime.secs,
        stat.mtime.nsecs,
        stat.dev,
        stat.ino,
        mode,
        stat.uid,
        stat.gid,
        stat.size,
    ];
    let mut bytes = [0; ID];
    for (chunk, field) in bytes.chunks_exact_mut(4).zip(fields) {
        chunk.copy_from_slice(&field.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{put_varint, varint};

    #[test]
    fn varints_come_back() {
        for value in [0, 1, 127, 128, 129, 16_511, 16_512, 70_000, 5_000_000] {
            let mut bytes = Vec::new();
            put_varint(value, &mut bytes);
            assert_eq!(varint(&bytes), Some((value, bytes.len())));
        }
        assert_eq!(varint(&[0x80]), None);
    }
}
