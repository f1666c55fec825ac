//! A tree as the pieces that it shares with another one.
//!
//! A wide directory is packed as a delta: the entries of another version of
//! it, but for a few. Kept as runs of that one's entries and a few of its own,
//! it need not be put together to be searched or compared: what two versions
//! share is not looked at.
//!
//! Where an entry begins depends on all that stands before it, for a name may
//! hold what looks like the start of one. So each delta is followed from the
//! first byte to the last, and a run is only taken where an entry ended just
//! before it.

mod build;
mod delta;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ops::Range;
use std::rc::Rc;

use gix::objs::TreeRefIter;
use gix::objs::tree::{EntryRef, name_order};

use self::build::Builder;
use self::delta::{Broken, Delta, Step};

/// A tree of more pieces than this is put together.
const MOST_PIECES: usize = 1_024;

/// The bytes of a tree, and where its entries start.
#[derive(Debug)]
struct Root {
    data: Vec<u8>,
    hash: gix::hash::Kind,
    index: OnceCell<Option<Index>>,
}

#[derive(Debug)]
struct Index {
    /// Where each entry starts, and where the last one ends.
    starts: Vec<u32>,
    /// Whether each name sorts behind the one before it.
    sorted: bool,
}

impl Root {
    /// `None` where the bytes are no tree.
    fn index(&self) -> Option<&Index> {
        self.index.get_or_init(|| self.make_index()).as_ref()
    }

    fn make_index(&self) -> Option<Index> {
        let mut entries = TreeRefIter::from_bytes(&self.data, self.hash);
        let mut index = Index { starts: vec![0], sorted: true };
        let mut last: Option<EntryRef<'_>> = None;
        while let Some(entry) = entries.next() {
            let entry = entry.ok()?;
            index.starts.push(entries.offset_to_next_entry(&self.data).try_into().ok()?);
            index.sorted &= last.is_none_or(|last| order(&last, &entry).is_lt());
            last = Some(entry);
        }
        Some(index)
    }

    /// The bytes of these entries.
    fn bytes(&self, run: &Range<usize>) -> Option<&[u8]> {
        let starts = &self.index()?.starts;
        self.data.get(*starts.get(run.start)? as usize..*starts.get(run.end)? as usize)
    }

    fn entry(&self, at: usize) -> Option<EntryRef<'_>> {
        decode(self.bytes(&(at..at + 1))?, self.hash)
    }

    /// Where a file and where a directory of this name stand, if they do.
    fn places_of(&self, name: &[u8]) -> [Option<usize>; 2] {
        [false, true].map(|is_tree| {
            let entries = 0..self.index()?.starts.len() - 1;
            let before = |at: usize| {
                self.entry(at).is_some_and(|entry| {
                    name_order(entry.filename, entry.mode.is_tree(), name, is_tree).is_lt()
                })
            };
            let at = partition(entries, before);
            self.entry(at).filter(|entry| entry.filename == name).map(|_| at)
        })
    }
}

/// The first of `range` that `before` does not hold for.
fn partition(range: Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn order(left: &EntryRef<'_>, right: &EntryRef<'_>) -> Ordering {
    name_order(left.filename, left.mode.is_tree(), right.filename, right.mode.is_tree())
}

/// The entry that these bytes are, all of them.
fn decode(bytes: &[u8], hash: gix::hash::Kind) -> Option<EntryRef<'_>> {
    let mut entries = TreeRefIter::from_bytes(bytes, hash);
    let entry = entries.next()?.ok()?;
    (entries.offset_to_next_entry(bytes) == bytes.len()).then_some(entry)
}

/// Some entries, and at which byte of the tree the first of them starts.
#[derive(Debug, Clone)]
struct Piece {
    start: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// These entries of the root.
    Run(Range<usize>),
    /// One of its own.
    Own(Rc<[u8]>),
}

/// A tree.
#[derive(Debug)]
pub(super) struct Tree {
    root: Rc<Root>,
    pieces: OnceCell<Option<Vec<Piece>>>,
    whole: bool,
    length: usize,
}

impl Tree {
    /// The tree of these bytes.
    pub(super) fn whole(data: Vec<u8>, hash: gix::hash::Kind) -> Self {
        let length = data.len();
        let root = Rc::new(Root { data, hash, index: OnceCell::new() });
        Self { root, pieces: OnceCell::new(), whole: true, length }
    }

    /// The tree that a delta makes of this one; `None` where it makes none, or
    /// where putting it together is less work.
    pub(super) fn derive(&self, delta: &[u8]) -> Option<Self> {
        let delta = Delta::new(delta)?;
        if delta.base_length != self.length {
            return None;
        }
        let mut made = Builder::new(self, delta.length)?;
        for step in delta {
            match step.ok()? {
                Step::Copy(range) => made.copy(range)?,
                Step::Insert(bytes) => made.insert(bytes)?,
            }
        }
        let made = made.finish()?;
        let many = made.pieces()?.len() > MOST_PIECES;
        Some(if many { Self::whole(made.bytes().into_owned(), self.root.hash) } else { made })
    }

    fn pieces(&self) -> Option<&[Piece]> {
        let run = || {
            let all = 0..self.root.index()?.starts.len() - 1;
            Some(vec![Piece { start: 0, what: What::Run(all) }])
        };
        self.pieces.get_or_init(run).as_deref()
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        if self.whole {
            return Cow::Borrowed(&self.root.data);
        }
        let mut bytes = Vec::with_capacity(self.length);
        for piece in self.pieces().unwrap_or_default() {
            bytes.extend_from_slice(piece.bytes(&self.root).unwrap_or_default());
        }
        Cow::Owned(bytes)
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Whether it shares nothing.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// About how many bytes of memory it takes, without a root that it shares.
    pub(super) fn weight(&self) -> usize {
        let own = if self.whole { 2 * self.length } else { 0 };
        let pieces = self.pieces.get().and_then(Option::as_ref).map_or(0, Vec::len);
        size_of::<Self>() + own + pieces * size_of::<Piece>()
    }

    /// The first entry of this name.
    pub(super) fn find(&self, name: &str) -> Result<Option<EntryRef<'_>>, Broken> {
        let name = name.as_bytes();
        let sorted = self.root.index().ok_or(Broken)?.sorted;
        let places = if sorted { self.root.places_of(name) } else { [None, None] };
        let found = self.pieces().ok_or(Broken)?.iter().find_map(|piece| match &piece.what {
            What::Own(bytes) => {
                decode(bytes, self.root.hash).filter(|entry| entry.filename == name)
            }
            What::Run(run) if sorted => {
                let here = places.iter().flatten().filter(|at| run.contains(at)).min();
                here.and_then(|at| self.root.entry(*at))
            }
            What::Run(run) => {
                let mut entries = run.clone().filter_map(|at| self.root.entry(at));
                entries.find(|entry| entry.filename == name)
            }
        });
        Ok(found)
    }

    /// The entries that stand in one of two trees and not in the other, name by
    /// name; `None` where the two have nothing to share, or are no trees.
    pub(super) fn differences<'t>(&'t self, new: &'t Self) -> Option<Vec<Sides<'t>>> {
        if !Rc::ptr_eq(&self.root, &new.root) {
            return None;
        }
        let (mut old, mut new) = (Cursor::new(self)?, Cursor::new(new)?);
        let mut found = Vec::new();
        loop {
            if old.skip_shared(&mut new) {
                continue;
            }
            let (left, right) = (old.entry(), new.entry());
            let order = match (&left, &right) {
                (None, None) => return Some(found),
                (Some(left), Some(right)) => order(left, right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            old.advance(usize::from(order.is_le()));
            new.advance(usize::from(order.is_ge()));
            found.push((left.filter(|_| order.is_le()), right.filter(|_| order.is_ge())));
        }
    }
}

/// What stands under a name in an older and in a newer tree.
pub(super) type Sides<'t> = (Option<EntryRef<'t>>, Option<EntryRef<'t>>);

impl What {
    /// How many entries it is.
    fn len(&self) -> usize {
        match self {
            Self::Run(run) => run.len(),
            Self::Own(_) => 1,
        }
    }
}

impl Piece {
    fn bytes<'t>(&'t self, root: &'t Root) -> Option<&'t [u8]> {
        match &self.what {
            What::Run(run) => root.bytes(run),
            What::Own(bytes) => Some(bytes),
        }
    }
}

/// A place between the entries of a tree.
struct Cursor<'t> {
    root: &'t Root,
    rest: &'t [Piece],
    /// How many entries of the first piece are passed.
    passed: usize,
}

impl<'t> Cursor<'t> {
    fn new(tree: &'t Tree) -> Option<Self> {
        Some(Self { root: &tree.root, rest: tree.pieces()?, passed: 0 })
    }

    /// What is left of the first piece.
    fn run(&self) -> Option<Range<usize>> {
        match &self.rest.first()?.what {
            What::Run(run) => Some(run.start + self.passed..run.end),
            What::Own(_) => None,
        }
    }

    fn own(&self) -> Option<&'t Rc<[u8]>> {
        match &self.rest.first()?.what {
            What::Run(_) => None,
            What::Own(bytes) => Some(bytes),
        }
    }

    /// Goes past what both have next; `false` where that is nothing.
    fn skip_shared(&mut self, other: &mut Self) -> bool {
        let count = match (self.run(), other.run()) {
            (Some(run), Some(others)) if run.start == others.start => run.len().min(others.len()),
            (None, None) => match (self.own(), other.own()) {
                (Some(own), Some(others)) => usize::from(Rc::ptr_eq(own, others) || own == others),
                _ => 0,
            },
            _ => 0,
        };
        self.advance(count);
        other.advance(count);
        count > 0
    }

    /// The next entry; `None` at the end.
    fn entry(&self) -> Option<EntryRef<'t>> {
        match self.own() {
            Some(bytes) => decode(bytes, self.root.hash),
            None => self.root.entry(self.run()?.start),
        }
    }

    /// Goes past so many entries of the first piece.
    fn advance(&mut self, count: usize) {
        let Some(piece) = self.rest.first() else { return };
        self.passed += count;
        if self.passed >= piece.what.len() {
            self.rest = self.rest.get(1..).unwrap_or_default();
            self.passed = 0;
        }
    }
}
