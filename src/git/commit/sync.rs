//! What has to last across a power loss.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use gix::ObjectId;

use super::Repository;
use crate::worktree::sync;

/// What is synced: all that the commit needs, unless `core.fsync` takes
/// something out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Durability {
    /// Loose objects, and with them the files of the work tree.
    pub(in super::super) objects: bool,
    /// Refs.
    pub(in super::super) refs: bool,
    /// The index.
    pub(in super::super) index: bool,
}

impl Durability {
    /// As the repository's settings say.
    pub(in super::super) fn of(repo: &Repository) -> Self {
        Self::parse(&repo.config_string("core.fsync").unwrap_or_default())
    }

    /// Components as git-config(1) lists them; `-` before one takes it out.
    fn parse(text: &str) -> Self {
        let mut all = Self { objects: true, refs: true, index: true };
        for word in text.split(',').map(str::trim) {
            let (name, on) = word.strip_prefix('-').map_or((word, true), |name| (name, false));
            match name {
                "none" => all = Self { objects: false, refs: false, index: false },
                "loose-object" | "objects" => all.objects = on,
                "reference" => all.refs = on,
                "index" => all.index = on,
                "committed" => (all.objects, all.refs) = (on, on),
                "added" | "all" => all = Self { objects: on, refs: on, index: on },
                _ => {}
            }
        }
        all
    }
}

/// Syncs loose objects and their directories. Those in packs are long on disk.
pub(in super::super) fn objects(repo: &Repository, ids: &[ObjectId]) -> io::Result<()> {
    let store = repo.common_dir().join("objects");
    let mut directories = BTreeSet::new();
    for id in ids {
        let hex = id.to_string();
        let (fan, rest) = hex.split_at(2);
        let directory = store.join(fan);
        match sync(&directory.join(rest)) {
            Ok(()) => _ = directories.insert(directory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if cfg!(unix) && !directories.is_empty() {
        directories.insert(store);
        directories.iter().try_for_each(|directory| sync(directory))?;
    }
    Ok(())
}

/// Makes the last move of HEAD's branch (HEAD itself where it is detached) last.
/// Its content was synced before it was given the name.
pub(in super::super) fn head_ref(repo: &Repository) -> io::Result<()> {
    let name = repo.gix.head_name().ok().flatten();
    let file: PathBuf = match name {
        Some(name) => repo.common_dir().join(name.as_bstr().to_string()),
        None => repo.git_dir().join("HEAD"),
    };
    if file.exists() { crate::worktree::sync_directory_of(&file) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::Durability;

    #[test]
    fn settings_take_components_out() {
        let all = Durability { objects: true, refs: true, index: true };
        assert_eq!(Durability::parse(""), all);
        assert_eq!(Durability::parse("default"), all);
        assert_eq!(
            Durability::parse("committed,-loose-object"),
            Durability { objects: false, ..all }
        );
        assert_eq!(
            Durability::parse("none,reference"),
            Durability { objects: false, refs: true, index: false }
        );
    }
}
