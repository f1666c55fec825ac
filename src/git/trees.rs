//! Trees for a walk through history: those in packs are read as what they
//! differ by from another one, all others as they are.
//!
//! gix 0.90 only hands out whole objects, so the packs are opened here once
//! more. What is not in them as expected (loose, in a pack that came later, a
//! delta on something else, broken) is left to gix.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use gix::ObjectId;
use gix::odb::pack::data::entry::Header;
use gix::odb::pack::{data, index};
use gix::zlib::Inflate;

use super::pieces::Tree;
use super::{GitError, tree};

/// A tree of more bytes, or deltas of more bytes on the way to one, are left
/// to gix.
const MOST_BYTES: usize = 64 << 20;

/// So many deltas are followed: more than git makes (git-pack-objects(1)).
const MOST_DELTAS: usize = 4_096;

/// Reads trees, and keeps the last ones.
#[derive(Default)]
pub(super) struct Trees {
    packs: Option<Vec<Pack>>,
    known: Known,
    inflate: Inflate,
}

/// A pack and an offset in it.
type Place = (usize, u64);

impl Trees {
    /// The content that is found for the tree `id`, as `tree::load_as_found`
    /// gives it.
    pub(super) fn get(
        &mut self,
        repo: &gix::Repository,
        id: ObjectId,
    ) -> Result<Rc<Tree>, GitError> {
        if !id.is_empty_tree()
            && let Some(place) = self.find(repo, id)
        {
            if let Some(tree) = self.packed(place, id.kind()) {
                return Ok(tree);
            }
            let tree = Rc::new(Tree::whole(tree::load_as_found(repo, id)?, id.kind()));
            self.known.keep(place, &tree);
            return Ok(tree);
        }
        Ok(Rc::new(Tree::whole(tree::load_as_found(repo, id)?, id.kind())))
    }

    /// The first pack that has the object.
    fn find(&mut self, repo: &gix::Repository, id: ObjectId) -> Option<Place> {
        let packs = self.packs.get_or_insert_with(|| Pack::all_of(repo));
        packs.iter().enumerate().find_map(|(at, pack)| Some((at, pack.offset_of(id)?)))
    }

    /// The tree at a place; `None` where it is left to gix.
    fn packed(&mut self, place: Place, hash: gix::hash::Kind) -> Option<Rc<Tree>> {
        let (pack, mut offset) = place;
        let mut deltas: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut bytes = 0;
        let mut tree = loop {
            if let Some(tree) = self.known.get((pack, offset)) {
                break tree;
            }
            let file = self.packs.as_ref()?.get(pack)?;
            let entry = file.data(hash)?.entry(offset).ok()?;
            bytes += usize::try_from(entry.decompressed_size).ok()?;
            if bytes > MOST_BYTES || deltas.len() >= MOST_DELTAS {
                return None;
            }
            let base = match entry.header {
                Header::Tree => None,
                Header::OfsDelta { base_distance } => {
                    Some(entry.checked_base_pack_offset(base_distance)?)
                }
                Header::RefDelta { base_id } => Some(file.offset_of(base_id)?),
                _ => return None,
            };
            let mut content = vec![0; usize::try_from(entry.decompressed_size).ok()?];
            file.data(hash)?.decompress_entry(&entry, &mut self.inflate, &mut content).ok()?;
            let Some(base) = base else {
                let tree = Rc::new(Tree::whole(content, hash));
                self.known.keep((pack, offset), &tree);
                break tree;
            };
            deltas.push((offset, content));
            offset = base;
        };
        for (offset, delta) in deltas.iter().rev() {
            tree = Rc::new(tree.derive(delta)?);
            self.known.keep((pack, *offset), &tree);
        }
        Some(tree)
    }
}

/// A pack and its index.
struct Pack {
    index: index::File,
    path: PathBuf,
    /// Opened when something of it is read; `None` within where it cannot be.
    data: OnceCell<Option<data::File>>,
}

impl Pack {
    /// The packs of a repository and of those that it borrows objects from.
    fn all_of(repo: &gix::Repository) -> Vec<Self> {
        let store = repo.objects.store_ref();
        let mut stores = vec![store.path().to_owned()];
        stores.extend(store.alternate_db_paths().unwrap_or_default());
        let listed = stores.iter().filter_map(|store| store.join("pack").read_dir().ok());
        let paths = listed.flatten().flatten().map(|file| file.path());
        let indexes = paths.filter(|path| path.extension().is_some_and(|end| end == "idx"));
        let opened = indexes.filter_map(|path| {
            let index = index::File::at(&path, repo.object_hash()).ok()?;
            Some(Self { index, path: path.with_extension("pack"), data: OnceCell::new() })
        });
        opened.collect()
    }

    fn offset_of(&self, id: ObjectId) -> Option<u64> {
        self.index.lookup(id).map(|at| self.index.pack_offset_at_index(at))
    }

    fn data(&self, hash: gix::hash::Kind) -> Option<&data::File> {
        let open = || data::File::at(&self.path, hash).ok();
        self.data.get_or_init(open).as_ref()
    }
}

/// The trees that were read last.
struct Known {
    whole: Halves,
    derived: Halves,
}

/// So many bytes of whole trees are in one half.
const MOST_WHOLE: usize = 8 << 20;

/// So many bytes of derived ones. Deltas are made on what is near, and memory
/// that was used before is had faster than more of it.
const MOST_DERIVED: usize = 2 << 20;

impl Default for Known {
    fn default() -> Self {
        Self { whole: Halves::of(MOST_WHOLE), derived: Halves::of(MOST_DERIVED) }
    }
}

impl Known {
    fn get(&mut self, place: Place) -> Option<Rc<Tree>> {
        self.derived.get(place).or_else(|| self.whole.get(place))
    }

    fn keep(&mut self, place: Place, tree: &Rc<Tree>) {
        let halves = if tree.is_whole() { &mut self.whole } else { &mut self.derived };
        halves.keep(place, tree);
    }
}

/// Two halves: when the newer one is full it becomes the older one, and what
/// was not asked for until then goes.
struct Halves {
    newer: HashMap<Place, Rc<Tree>>,
    older: HashMap<Place, Rc<Tree>>,
    weight: usize,
    most: usize,
}

impl Halves {
    fn of(most: usize) -> Self {
        Self { newer: HashMap::new(), older: HashMap::new(), weight: 0, most }
    }

    fn get(&mut self, place: Place) -> Option<Rc<Tree>> {
        if let Some(tree) = self.newer.get(&place) {
            return Some(tree.clone());
        }
        let tree = self.older.remove(&place)?;
        self.keep(place, &tree);
        Some(tree)
    }

    fn keep(&mut self, place: Place, tree: &Rc<Tree>) {
        self.weight += tree.weight();
        if self.weight > self.most {
            self.older = std::mem::take(&mut self.newer);
            self.weight = tree.weight();
        }
        self.newer.insert(place, tree.clone());
    }
}
