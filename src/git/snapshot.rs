//! The files at one commit, read straight from tree objects.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use gix::ObjectId;
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryRef;

use super::promised::Promised;
use super::{GitError, Repository, scan, tree};
use crate::model::{Entry, EntryKind, RepoPath, Search, Snapshot, SnapshotError};

/// Paths to bytes at one commit. Reads only the trees on the way to what is
/// asked for, each of them once. Symbolic links and submodules are listed and
/// never followed.
#[derive(Debug, Clone)]
pub struct TreeSnapshot {
    repo: gix::Repository,
    tree: ObjectId,
    directories: RefCell<HashMap<RepoPath, Option<Rc<Directory>>>>,
    /// Where files come from that are not here; `None`: they are missing.
    promised: Option<Promised>,
}

/// A tree. On the way to one path it is only searched; decoding all of a wide
/// one costs more than that, and is done once it is listed or asked often.
#[derive(Debug)]
struct Directory {
    data: Vec<u8>,
    hash: gix::hash::Kind,
    asked: Cell<u32>,
    decoded: OnceCell<Decoded>,
}

/// The entries of a tree, sorted by the bytes of their names.
#[derive(Debug)]
struct Decoded {
    entries: Vec<(Box<str>, Node)>,
    unreadable: usize,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: EntryKind,
    executable: bool,
    id: ObjectId,
}

/// A directory asked more often than this is decoded.
const SEARCHES: u32 = 8;

impl TreeSnapshot {
    pub(super) fn new(repo: &Repository, commit: ObjectId) -> Result<Self, GitError> {
        let snapshot = Self::of_tree(repo.gix.clone(), repo.tree_of(commit)?);
        Ok(Self { promised: repo.promised.clone(), ..snapshot })
    }

    /// The files of a tree; what `repo` holds in memory is there too.
    pub(super) fn of_tree(repo: gix::Repository, tree: ObjectId) -> Self {
        Self { repo, tree, directories: RefCell::default(), promised: None }
    }

    /// The tree that is read.
    pub fn tree(&self) -> ObjectId {
        self.tree
    }

    /// Another reader of the same tree with an empty cache, for a thread of
    /// its own. What a remote promises it does not bring here.
    pub fn fork(&self) -> TreeReader {
        let mut repo = self.repo.clone();
        // The form that can be sent drops what is only in memory.
        let memory = repo.objects.take_object_memory();
        TreeReader { repo: repo.into_sync(), tree: self.tree, memory }
    }

    /// The id of the file or tree at `path`. The same id means the same
    /// content.
    pub fn id(&self, path: &RepoPath) -> Result<Option<ObjectId>, SnapshotError> {
        let Some(parent) = path.parent() else {
            return Ok(Some(self.tree));
        };
        let directory = self.directory(&parent)?;
        Ok(directory.and_then(|found| found.node(path.file_name()).map(|node| node.id)))
    }

    /// Whether the file at `path` is executable.
    pub fn is_executable(&self, path: &RepoPath) -> Result<bool, SnapshotError> {
        let Some(parent) = path.parent() else { return Ok(false) };
        let directory = self.directory(&parent)?;
        Ok(directory
            .is_some_and(|found| found.node(path.file_name()).is_some_and(|node| node.executable)))
    }

    /// How many entries of `dir` are not listed because their names are not
    /// UTF-8.
    pub fn unreadable_names(&self, dir: &RepoPath) -> Result<usize, SnapshotError> {
        Ok(self.directory(dir)?.map_or(0, |found| found.decoded().unreadable))
    }

    /// The decoded tree at `dir`; from the cache where it was asked for before.
    fn directory(&self, dir: &RepoPath) -> Result<Option<Rc<Directory>>, SnapshotError> {
        if let Some(known) = self.directories.borrow().get(dir) {
            return Ok(known.clone());
        }
        let id = match dir.parent() {
            None => Some(self.tree),
            Some(parent) => self.directory(&parent)?.and_then(|found| {
                let node = found.node(dir.file_name())?;
                (node.kind == EntryKind::Directory).then_some(node.id)
            }),
        };
        let found = match id {
            Some(id) => Some(Rc::new(self.load(id).map_err(|error| error.at(dir))?)),
            None => None,
        };
        self.directories.borrow_mut().insert(dir.clone(), found.clone());
        Ok(found)
    }

    /// Fetches the files of a directory that are promised and not here; `false`
    /// where that brings nothing.
    fn bring(&self, directory: &Directory) -> bool {
        let Some(promised) = &self.promised else { return false };
        promised.bring(&self.missing(directory)).is_ok()
    }

    fn missing(&self, directory: &Directory) -> BTreeSet<ObjectId> {
        let files = directory.entries().filter(|entry| kind_of(entry.mode) == EntryKind::File);
        files.map(|entry| entry.oid.to_owned()).filter(|id| !self.repo.has_object(*id)).collect()
    }

    /// Fetches every file below a directory, for a search through all of them.
    fn bring_all(&self, top: &RepoPath) -> Result<(), SnapshotError> {
        let Some(promised) = &self.promised else { return Ok(()) };
        let mut missing = BTreeSet::new();
        let mut open = vec![top.clone()];
        while let Some(dir) = open.pop() {
            let Some(directory) = self.directory(&dir)? else { continue };
            missing.extend(self.missing(&directory));
            let below = directory.decoded().entries.iter();
            let below = below.filter(|(_, node)| node.kind == EntryKind::Directory);
            open.extend(below.map(|(name, _)| dir.join(name)));
        }
        promised.bring(&missing).map_err(|error| error.at(top))
    }

    /// The bytes of the entry at `path`, where it is of that kind.
    fn blob(&self, path: &RepoPath, kind: EntryKind) -> Result<Option<Vec<u8>>, SnapshotError> {
        let Some(parent) = path.parent() else { return Ok(None) };
        let Some(directory) = self.directory(&parent)? else { return Ok(None) };
        let node = directory.node(path.file_name()).filter(|node| node.kind == kind);
        let Some(node) = node else { return Ok(None) };
        let object = self.repo.find_object(node.id).or_else(|error| {
            if !error.is_not_found() || !self.bring(&directory) {
                return Err(error);
            }
            self.repo.find_object(node.id)
        });
        let object = object
            .map_err(|error| tree::unreadable(&self.repo, ("blob", node.id), &error).at(path))?;
        let blob = object.try_into_blob();
        let mut blob =
            blob.map_err(|error| GitError::read(format!("blob {}", node.id), error).at(path))?;
        let verified = tree::verify((gix::objs::Kind::Blob, node.id), &blob.data);
        verified.map_err(|error| error.at(path))?;
        Ok(Some(std::mem::take(&mut blob.data)))
    }

    /// Reads a tree, whole and well-formed.
    fn load(&self, id: ObjectId) -> Result<Directory, GitError> {
        let data = tree::load(&self.repo, id)?;
        let hash = self.repo.object_hash();
        tree::check(&data, hash).map_err(|error| GitError::read(format!("tree {id}"), error))?;
        Ok(Directory { data, hash, asked: Cell::new(0), decoded: OnceCell::new() })
    }
}

impl Directory {
    fn entries(&self) -> impl Iterator<Item = EntryRef<'_>> {
        // That all of them can be read was seen when the tree was loaded.
        TreeRefIter::from_bytes(&self.data, self.hash).filter_map(Result::ok)
    }

    fn node(&self, name: &str) -> Option<Node> {
        self.asked.set(self.asked.get().saturating_add(1));
        if self.asked.get() <= SEARCHES && self.decoded.get().is_none() {
            return self.entries().find(|entry| entry.filename == name).map(Node::of);
        }
        let entries = &self.decoded().entries;
        let at = entries.binary_search_by(|(other, _)| other.as_ref().cmp(name)).ok()?;
        entries.get(at).map(|(_, node)| *node)
    }

    fn decoded(&self) -> &Decoded {
        self.decoded.get_or_init(|| {
            let mut entries = Vec::new();
            let mut unreadable = 0;
            for entry in self.entries() {
                match tree::plain_name(entry.filename) {
                    Some(name) => entries.push((name.into(), Node::of(entry))),
                    None => unreadable += 1,
                }
            }
            entries.sort_unstable_by(|(a, _): &(Box<str>, Node), (b, _)| a.cmp(b));
            Decoded { entries, unreadable }
        })
    }
}

impl Node {
    fn of(entry: EntryRef<'_>) -> Self {
        Self {
            kind: kind_of(entry.mode),
            executable: entry.mode.is_executable(),
            id: entry.oid.to_owned(),
        }
    }
}

impl Snapshot for TreeSnapshot {
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.blob(path, EntryKind::File)
    }

    fn target(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        self.blob(path, EntryKind::Symlink)
    }

    fn list(&self, dir: &RepoPath) -> Result<Option<Vec<Entry>>, SnapshotError> {
        let Some(directory) = self.directory(dir)? else { return Ok(None) };
        let entry =
            |(name, node): &(Box<str>, Node)| Entry { name: name.to_string(), kind: node.kind };
        Ok(Some(directory.decoded().entries.iter().map(entry).collect()))
    }

    fn kind(&self, path: &RepoPath) -> Result<Option<EntryKind>, SnapshotError> {
        let Some(parent) = path.parent() else {
            return Ok(Some(EntryKind::Directory));
        };
        let directory = self.directory(&parent)?;
        Ok(directory.and_then(|found| found.node(path.file_name()).map(|node| node.kind)))
    }

    fn scan(&self, search: &Search<'_>) -> Result<bool, SnapshotError> {
        self.bring_all(&RepoPath::root())?;
        scan::scan(&self.fork(), self.tree, search)
    }
}

/// What a thread needs to read the same tree; see [`TreeSnapshot::fork`].
#[derive(Debug, Clone)]
pub struct TreeReader {
    repo: gix::ThreadSafeRepository,
    tree: ObjectId,
    memory: Option<gix::odb::memory::Storage>,
}

impl TreeReader {
    /// The snapshot, with a cache of its own.
    pub fn snapshot(&self) -> TreeSnapshot {
        TreeSnapshot::of_tree(self.repository(), self.tree)
    }

    /// The repository of the tree, with what is only in memory.
    pub(super) fn repository(&self) -> gix::Repository {
        let mut repo = self.repo.to_thread_local();
        if let Some(memory) = &self.memory {
            repo.objects.set_object_memory(memory.clone());
        }
        repo
    }
}

fn kind_of(mode: gix::objs::tree::EntryMode) -> EntryKind {
    use gix::objs::tree::EntryKind as Git;
    match mode.kind() {
        Git::Tree => EntryKind::Directory,
        Git::Blob | Git::BlobExecutable => EntryKind::File,
        Git::Link => EntryKind::Symlink,
        Git::Commit => EntryKind::Submodule,
    }
}
