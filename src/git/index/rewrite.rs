//! The new content of the index.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use gix::ObjectId;
use gix::index::entry::Stat;

use super::tree_cache::{self, Rewritten};
use super::{HEADER, ID, Index, SIZE, be32, put_varint, stat_bytes};
use crate::git::GitError;

const TREE: [u8; 4] = *b"TREE";
/// Where the entries end, and a table of offsets into them: written again by
/// git where it wants them, and wrong as soon as anything moves.
const OFFSETS: [[u8; 4]; 2] = [*b"EOIE", *b"IEOT"];
/// Untracked cache and file system monitor, which count entries: wrong once a
/// path is added. Git asks the file system again without them.
const COUNTED: [[u8; 4]; 2] = [*b"UNTR", *b"FSMN"];

/// What one path is to hold.
#[derive(Debug)]
pub(in super::super) struct Change {
    /// The path.
    pub(in super::super) path: Vec<u8>,
    /// Where its entry starts; `None` for a new path.
    pub(in super::super) offset: Option<usize>,
    /// The blob.
    pub(in super::super) id: ObjectId,
    /// The mode.
    pub(in super::super) mode: u32,
    /// What the file's metadata say; zeros where it is not checked out.
    pub(in super::super) stat: Stat,
}

/// All that is to change.
#[derive(Debug, Default)]
pub(in super::super) struct Rewrite {
    /// The entries.
    pub(in super::super) changes: Vec<Change>,
    /// Entries that go: where each starts, and its path.
    pub(in super::super) removed: BTreeMap<usize, Vec<u8>>,
    /// The directories of these, for the tree cache.
    pub(in super::super) directories: Vec<Rewritten>,
}

impl Rewrite {
    /// Notes what became of a directory.
    pub(in super::super) fn directory(
        &mut self,
        dir: String,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
    ) {
        self.directories.push(Rewritten { dir, old, new });
    }
}

impl Index {
    /// The index with the changes made: everything else stays as it was, byte
    /// for byte, but for racy entries.
    pub(in super::super) fn rewritten(
        mut self,
        mut rewrite: Rewrite,
        root: &Path,
    ) -> Result<Vec<u8>, GitError> {
        for offset in self.racily_clean(root)? {
            overwrite(&mut self.data, offset + SIZE, &[0; 4]);
        }
        for change in rewrite.changes.iter().filter(|change| change.offset.is_some()) {
            let Some(offset) = change.offset else { continue };
            overwrite(&mut self.data, offset, &stat_bytes(&change.stat, change.mode));
            overwrite(&mut self.data, offset + ID, change.id.as_slice());
        }
        let mut added: Vec<Change> =
            rewrite.changes.into_iter().filter(|change| change.offset.is_none()).collect();
        added.sort_by(|a, b| a.path.cmp(&b.path));
        for change in &added {
            invalidate_parents(&change.path, &mut rewrite.directories);
        }
        for path in rewrite.removed.values() {
            invalidate_above(path, &mut rewrite.directories);
        }
        let moved = !added.is_empty() || !rewrite.removed.is_empty();
        let entries = if moved { Some(self.with_entries(&added, &rewrite.removed)?) } else { None };
        let entries_end = entries.as_ref().map_or(self.entries_end, Vec::len);
        let extensions = self.new_extensions(&rewrite.directories, (entries_end, moved))?;
        let checksum = self.data.split_off(self.trailer());
        // The file is large: where no path is added its bytes are not copied.
        self.data.truncate(self.entries_end);
        let mut data = entries.unwrap_or(self.data);
        data.extend_from_slice(&extensions);
        append_checksum(&mut data, &checksum, self.hash)?;
        Ok(data)
    }

    /// Header and entries, those in `added` (sorted) put in their place, and
    /// those in `removed` left out.
    fn with_entries(
        &self,
        added: &[Change],
        removed: &BTreeMap<usize, Vec<u8>>,
    ) -> Result<Vec<u8>, GitError> {
        let mut out = Vec::with_capacity(self.entries_end + 256 * added.len());
        out.extend_from_slice(self.data.get(..HEADER).unwrap_or_default());
        let count = be32(&self.data, 8).unwrap_or(0) as usize + added.len();
        let count = count.saturating_sub(removed.len());
        let count = u32::try_from(count).map_err(|error| GitError::read("the index", error))?;
        overwrite(&mut out, 8, &count.to_be_bytes());
        let mut added = added.iter().peekable();
        let mut previous: Vec<u8> = Vec::new();
        // Version 4 writes a path by the one before it.
        let mut inserted = false;
        self.for_each(|entry| {
            while let Some(change) = added.next_if(|change| change.path.as_slice() < entry.path) {
                self.append_entry(change, &previous, &mut out);
                previous.clone_from(&change.path);
                inserted = true;
            }
            if removed.contains_key(&entry.offset) {
                inserted = true;
                return;
            }
            if std::mem::take(&mut inserted) && self.version == 4 {
                let start = self.path_offset(entry.bytes).unwrap_or(0);
                out.extend_from_slice(entry.bytes.get(..start).unwrap_or_default());
                append_compressed(entry.path, &previous, &mut out);
            } else {
                out.extend_from_slice(entry.bytes);
            }
            previous.clear();
            previous.extend_from_slice(entry.path);
        })?;
        for change in added {
            self.append_entry(change, &previous, &mut out);
            previous.clone_from(&change.path);
        }
        Ok(out)
    }

    fn append_entry(&self, change: &Change, previous: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&stat_bytes(&change.stat, change.mode));
        out.extend_from_slice(change.id.as_slice());
        // The length of the path, as far as twelve bits can say it.
        let flags = u16::try_from(change.path.len()).unwrap_or(u16::MAX).min(0x0fff);
        out.extend_from_slice(&flags.to_be_bytes());
        if self.version == 4 {
            append_compressed(&change.path, previous, out);
            return;
        }
        out.extend_from_slice(&change.path);
        let length = (out.len() - start + 8) & !7;
        out.resize(start + length, 0);
    }

    /// The extensions, for entries that now end at `entries_end`.
    fn new_extensions(
        &self,
        directories: &[Rewritten],
        (entries_end, added): (usize, bool),
    ) -> Result<Vec<u8>, GitError> {
        let added = added || entries_end != self.entries_end;
        let mut extensions = Vec::new();
        for (signature, content) in self.extensions()? {
            if signature == TREE {
                let hash_len = self.hash.len_in_bytes();
                let content = tree_cache::rewrite(content, directories, hash_len);
                extensions.extend(content.map(|content| (signature, Cow::Owned(content))));
            } else if !(added && COUNTED.contains(&signature)) {
                extensions.push((signature, Cow::Borrowed(content)));
            }
        }
        let old = self.trailer() - self.entries_end;
        let new: usize = extensions.iter().map(|(_, content)| content.len() + 8).sum();
        let moved = added || old != new;
        let mut out = Vec::with_capacity(new);
        for (signature, content) in extensions {
            if moved && OFFSETS.contains(&signature) {
                continue;
            }
            let size = u32::try_from(content.len());
            let size = size.map_err(|error| GitError::read("the index", error))?;
            out.extend_from_slice(&signature);
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&content);
        }
        Ok(out)
    }
}

/// Appends the checksum; zeros where the index had none (`index.skipHash`).
fn append_checksum(data: &mut Vec<u8>, old: &[u8], hash: gix::hash::Kind) -> Result<(), GitError> {
    if old.iter().all(|byte| *byte == 0) {
        data.extend_from_slice(old);
        return Ok(());
    }
    let mut hasher = gix::hash::hasher(hash);
    hasher.update(data);
    let sum = hasher.try_finalize().map_err(|error| GitError::read("the index", error))?;
    data.extend_from_slice(sum.as_slice());
    Ok(())
}

/// A path as version 4 writes it: how much of the one before goes, and what
/// comes instead.
fn append_compressed(path: &[u8], previous: &[u8], out: &mut Vec<u8>) {
    let common = path.iter().zip(previous).take_while(|(a, b)| a == b).count();
    put_varint(previous.len() - common, out);
    out.extend_from_slice(path.get(common..).unwrap_or_default());
    out.push(0);
}

/// A new path changes how many entries every directory above it has.
fn invalidate_parents(path: &[u8], directories: &mut [Rewritten]) {
    for directory in directories {
        let dir = directory.dir.as_bytes();
        let above = dir.is_empty()
            || path.strip_prefix(dir).is_some_and(|rest| rest.first() == Some(&b'/'));
        if above {
            directory.new = None;
        }
    }
}

/// A path that goes may take directories with it: all above it are looked at
/// anew.
fn invalidate_above(path: &[u8], directories: &mut Vec<Rewritten>) {
    let path = String::from_utf8_lossy(path);
    let mut above = path.as_ref();
    while let Some((dir, _)) = above.rsplit_once('/') {
        directories.push(Rewritten { dir: dir.to_owned(), old: None, new: None });
        above = dir;
    }
    directories.push(Rewritten { dir: String::new(), old: None, new: None });
}

fn overwrite(data: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = data.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
