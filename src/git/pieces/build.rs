//! Putting the pieces of a tree together from what a delta copies and inserts.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use super::{MOST_PIECES, Piece, Tree, What, decode, partition};

/// So many more pieces than its base a tree has at most, as a rule.
const MORE: usize = 16;

/// Puts the pieces of a tree together from what is copied and inserted.
pub(super) struct Builder<'b> {
    base: &'b Tree,
    from: &'b [Piece],
    starts: &'b [u32],
    pieces: Vec<Piece>,
    /// How many bytes the pieces have.
    placed: usize,
    /// An entry of which not all bytes are there yet, and how many it is to
    /// have, where its name is complete.
    open: (Vec<u8>, Option<usize>),
    /// How many bytes there may yet come.
    left: usize,
}

impl<'b> Builder<'b> {
    pub(super) fn new(base: &'b Tree, left: usize) -> Option<Self> {
        let (from, starts) = (base.pieces()?, &base.root.index()?.starts);
        let pieces = Vec::with_capacity(from.len() + MORE);
        Some(Self { base, from, starts, pieces, placed: 0, open: (Vec::new(), None), left })
    }

    pub(super) fn finish(self) -> Option<Tree> {
        if self.left > 0 || !self.open.0.is_empty() {
            return None;
        }
        let root = self.base.root.clone();
        let pieces = OnceCell::from(Some(self.pieces));
        Some(Tree { root, pieces, whole: false, length: self.placed })
    }

    pub(super) fn insert(&mut self, bytes: &[u8]) -> Option<()> {
        self.left = self.left.checked_sub(bytes.len())?;
        self.take(bytes)
    }

    pub(super) fn copy(&mut self, range: Range<usize>) -> Option<()> {
        self.left = self.left.checked_sub(range.len())?;
        if range.end > self.base.length {
            return None;
        }
        let next = self.from.partition_point(|piece| piece.start <= range.start);
        let from = self.from.get(next.checked_sub(1)?..)?;
        for (at, piece) in from.iter().enumerate() {
            let end = from.get(at + 1).map_or(self.base.length, |next| next.start);
            let part = range.start.max(piece.start)..range.end.min(end);
            if piece.start >= range.end {
                break;
            }
            self.part(piece, part.start - piece.start..part.end - piece.start)?;
        }
        Some(())
    }

    /// Takes these bytes of a piece.
    fn part(&mut self, piece: &Piece, part: Range<usize>) -> Option<()> {
        match &piece.what {
            What::Own(bytes) if self.open.0.is_empty() && part == (0..bytes.len()) => {
                self.push(What::Own(bytes.clone()), bytes.len())
            }
            What::Own(bytes) => self.take(bytes.get(part)?),
            What::Run(run) => {
                let offset = *self.starts.get(run.start)? as usize;
                self.run(run, offset + part.start..offset + part.end)
            }
        }
    }

    /// Takes bytes as they are.
    fn take(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            bytes = self.feed(bytes)?;
        }
        Some(())
    }

    /// Takes these bytes of the root, which are within a run: as entries, where
    /// they are some.
    fn run(&mut self, run: &Range<usize>, mut part: Range<usize>) -> Option<()> {
        let root = &self.base.root;
        while !part.is_empty() {
            let (at, starts_there) = self.start_in(run, part.start)?;
            if self.open.0.is_empty() && starts_there {
                let end = match self.start_in(run, part.end)? {
                    (end, true) => end,
                    (end, false) => end - 1,
                };
                let stop = *self.starts.get(end)? as usize;
                if end > at {
                    self.push(What::Run(at..end), stop - part.start)?;
                }
                // What is left is the beginning of an entry.
                return self.take(root.data.get(stop..part.end)?);
            }
            let rest = self.feed(root.data.get(part.clone())?)?;
            part.start = part.end - rest.len();
        }
        Some(())
    }

    /// The first start in a run, or its end, that is not before this byte, and
    /// whether it is there.
    fn start_in(&self, run: &Range<usize>, byte: usize) -> Option<(usize, bool)> {
        let start = |at: usize| self.starts.get(at).map(|start| *start as usize);
        if start(run.start)? == byte {
            return Some((run.start, true));
        }
        if start(run.end)? == byte {
            return Some((run.end, true));
        }
        let at = partition(run.clone(), |at| start(at).is_some_and(|start| start < byte));
        Some((at, start(at)? == byte))
    }

    /// Takes bytes up to the end of an entry, and gives what is left.
    fn feed<'d>(&mut self, bytes: &'d [u8]) -> Option<&'d [u8]> {
        let hash = self.base.root.hash;
        let (open, length) = &mut self.open;
        let count = match *length {
            Some(length) => length - open.len(),
            None => match memchr::memchr(0, bytes) {
                Some(nul) => {
                    *length = Some(open.len() + nul + 1 + hash.len_in_bytes());
                    nul + 1
                }
                None => bytes.len(),
            },
        };
        let (taken, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
        open.extend_from_slice(taken);
        if Some(open.len()) == *length {
            decode(open, hash)?;
            let own: Rc<[u8]> = std::mem::take(open).into();
            *length = None;
            let length = own.len();
            self.push(What::Own(own), length)?;
        }
        Some(rest)
    }

    fn push(&mut self, what: What, length: usize) -> Option<()> {
        let start = self.placed;
        self.placed += length;
        if let (What::Run(run), Some(Piece { what: What::Run(last), .. })) =
            (&what, self.pieces.last_mut())
            && last.end == run.start
        {
            last.end = run.end;
            return Some(());
        }
        self.pieces.push(Piece { start, what });
        (self.pieces.len() <= 2 * MOST_PIECES).then_some(())
    }
}
