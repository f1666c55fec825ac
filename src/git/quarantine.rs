//! The objects of a push that a `pre-receive` hook has to judge.
//!
//! Git keeps them in a directory of their own until the hooks have agreed, and
//! names it and the store behind it in the environment
//! (git-receive-pack(1), "Quarantine Environment"). gix 0.90 knows nothing of
//! that. What a change needs of them is read into the memory of a repository
//! handle; nothing is written.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use gix::ObjectId;
use gix::bstr::{BStr, ByteSlice};
use gix::objs::{CommitRef, Find as _, Kind, TreeRefIter, Write as _};

use super::{GitError, Repository, tree};

/// Files longer than this are left where they are: no rule reads such a file.
const LONGEST_FILE: usize = 32 << 20;

/// More bytes than these are not held.
const MOST_BYTES: usize = 512 << 20;

/// The object directories beside the repository's own that the environment
/// names: `GIT_OBJECT_DIRECTORY`, `GIT_QUARANTINE_PATH`, and those of
/// `GIT_ALTERNATE_OBJECT_DIRECTORIES`, where one in double quotes is C-quoted
/// (git(1)).
pub fn object_directories(env: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH"]
        .into_iter()
        .filter_map(|name| env(name).filter(|path| !path.is_empty()).map(PathBuf::from))
        .collect();
    if let Some(text) = env("GIT_ALTERNATE_OBJECT_DIRECTORIES") {
        found.extend(alternates(&gix::path::os_string_into_bstring(text).unwrap_or_default()));
    }
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    found
}

/// Splits the list as git does: a quoted path may hold the separator.
fn alternates(text: &[u8]) -> Vec<PathBuf> {
    let separator = if cfg!(windows) { b';' } else { b':' };
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let quoted = rest.first().filter(|first| **first == b'"').and_then(|_| {
            let (path, length) = gix::quote::ansi_c::undo(rest.as_bstr()).ok()?;
            Some((path.into_owned(), rest.get(length..).unwrap_or_default()))
        });
        let (path, tail) = quoted.unwrap_or_else(|| {
            let end = rest.find_byte(separator).unwrap_or(rest.len());
            let (path, tail) = rest.split_at(end);
            (path.into(), tail)
        });
        if !path.is_empty() && !path.starts_with(b"#") {
            found.extend(gix::path::from_bstring(path).ok());
        }
        let end = tail.find_byte(separator).map_or(tail.len(), |at| at + 1);
        rest = tail.get(end..).unwrap_or_default();
    }
    found
}

impl Repository {
    /// This repository with what of `head` is only in these object directories
    /// held in memory: its commits, and of its tree what differs to `base`.
    pub fn with_objects_of(
        &self,
        directories: &[PathBuf],
        base: ObjectId,
        head: ObjectId,
    ) -> Result<Self, GitError> {
        let own = self.gix.objects.store_ref().path().canonicalize().ok();
        let mut repo = self.clone();
        repo.gix.objects.enable_object_memory();
        let mut stores = Vec::new();
        for path in directories {
            // One that is gone is passed over, as git does.
            if path.is_dir() && path.canonicalize().ok() != own {
                let opened = gix::odb::at(path.clone(), self.gix.object_hash());
                let what = || path.display().to_string();
                stores.push(opened.map_err(|error| GitError::read(what(), error))?);
            }
        }
        let mut import = Import { repo: &repo.gix, stores, bytes: 0 };
        if !import.stores.is_empty() {
            import.commits(head)?;
            let tree = repo.tree_of_imported(&mut import, head)?;
            import.trees(repo.tree_of(base).ok(), tree)?;
        }
        Ok(repo)
    }

    fn tree_of_imported(
        &self,
        import: &mut Import<'_>,
        head: ObjectId,
    ) -> Result<ObjectId, GitError> {
        let Some(commit) = self.commit_of(head)? else { return Ok(head) };
        let failed = |error: gix::Error| tree::unreadable(&self.gix, ("commit", commit), &error);
        let found = self.gix.find_commit(commit).map_err(failed)?;
        let tree = found.tree_id().map_err(failed)?.detach();
        import.bring(tree)?;
        Ok(tree)
    }
}

/// Brings objects into the memory of a repository handle.
struct Import<'a> {
    repo: &'a gix::Repository,
    stores: Vec<gix::odb::Handle>,
    bytes: usize,
}

impl Import<'_> {
    /// Takes over one object; `None` where none of the stores has it.
    fn bring(&mut self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, GitError> {
        let mut buffer = Vec::new();
        for store in &self.stores {
            let failed = |error: gix::Error| GitError::read(format!("object {id}"), error);
            let Some(found) = store.try_find(&id, &mut buffer).map_err(failed)? else { continue };
            let (kind, data) = (found.kind, found.data.to_vec());
            if kind == Kind::Blob && data.len() > LONGEST_FILE {
                return Ok(None);
            }
            self.bytes += data.len();
            if self.bytes > MOST_BYTES {
                let message = format!("more than {} MiB are pushed at once", MOST_BYTES >> 20);
                return Err(GitError::Unsupported { message });
            }
            let written = self.repo.objects.write_buf(kind, &data).map_err(failed)?;
            if written != id {
                return Err(GitError::read(format!("object {id}"), "its content is another"));
            }
            return Ok(Some((kind, data)));
        }
        Ok(None)
    }

    /// The commits that lead to `head`, down to those that were there before,
    /// and a tag that names it.
    fn commits(&mut self, head: ObjectId) -> Result<(), GitError> {
        let (mut open, mut seen) = (vec![head], HashSet::new());
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let Some((kind, data)) = self.bring(id)? else { continue };
            let failed = |error: gix::Error| GitError::read(format!("commit {id}"), error);
            let hash = self.repo.object_hash();
            match kind {
                Kind::Commit => {
                    open.extend(CommitRef::from_bytes(&data, hash).map_err(failed)?.parents());
                }
                Kind::Tag => {
                    let tag = gix::objs::TagRef::from_bytes(&data, hash).map_err(failed)?;
                    open.push(tag.target());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What of the tree `new` differs to `old`.
    fn trees(&mut self, old: Option<ObjectId>, new: ObjectId) -> Result<(), GitError> {
        if old == Some(new) {
            return Ok(());
        }
        self.bring(new)?;
        let hash = self.repo.object_hash();
        let before = old.map_or(Ok(Vec::new()), |id| tree::load(self.repo, id))?;
        let before: std::collections::HashMap<&BStr, _> = TreeRefIter::from_bytes(&before, hash)
            .flatten()
            .map(|entry| (entry.filename, (entry.mode.is_tree(), entry.oid)))
            .collect();
        for entry in TreeRefIter::from_bytes(&tree::load(self.repo, new)?, hash) {
            let entry = entry.map_err(|error| GitError::read(format!("tree {new}"), error))?;
            let known = before.get(entry.filename);
            if entry.mode.is_commit() || known.is_some_and(|(_, id)| *id == entry.oid) {
                continue;
            }
            if entry.mode.is_tree() {
                let old = known.filter(|(is_tree, _)| *is_tree).map(|(_, id)| (*id).to_owned());
                self.trees(old, entry.oid.to_owned())?;
            } else {
                self.bring(entry.oid.to_owned())?;
            }
        }
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn quoted_alternates_are_split_as_git_splits_them() {
        let split = |text: &str| {
            let paths = alternates(text.as_bytes()).into_iter();
            paths.map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(split("/a:/b c::/d"), ["/a", "/b c", "/d"]);
        assert_eq!(split(r#""/a:b\n\303\244":/c"#), ["/a:b\n\u{e4}", "/c"]);
        assert_eq!(split("#/a:/b"), ["/b"]);
        // What is no C string is a path that begins with a quote.
        assert_eq!(split(r#""/a:/b"#), ["\"/a", "/b"]);
    }
}
