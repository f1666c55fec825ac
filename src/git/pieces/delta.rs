//! The instructions that a packed object is kept as: parts of another object
//! to copy, and bytes to insert (gitformat-pack(5), "Deltified representation").

use std::ops::Range;

/// What there is is not of this form.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::git) struct Broken;

/// One instruction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'d> {
    /// These bytes of the other object.
    Copy(Range<usize>),
    /// These bytes.
    Insert(&'d [u8]),
}

/// A delta while it is read.
#[derive(Debug)]
pub(super) struct Delta<'d> {
    /// How many bytes the other object has to have.
    pub(super) base_length: usize,
    /// How many bytes the result has to have.
    pub(super) length: usize,
    rest: &'d [u8],
}

impl<'d> Delta<'d> {
    /// `None` where it does not begin with two lengths.
    pub(super) fn new(mut rest: &'d [u8]) -> Option<Self> {
        let base_length = number(&mut rest)?;
        let length = number(&mut rest)?;
        Some(Self { base_length, length, rest })
    }

    fn single(&mut self) -> Option<Result<Step<'d>, Broken>> {
        let command = byte(&mut self.rest)?;
        let step = match command {
            0 => None,
            1..0x80 => self.insert(command.into()),
            _ => self.copy(command),
        };
        Some(step.ok_or(Broken))
    }

    fn insert(&mut self, length: usize) -> Option<Step<'d>> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Step::Insert(bytes))
    }

    /// Of offset and length only the bytes are there that are not zero.
    fn copy(&mut self, command: u8) -> Option<Step<'d>> {
        let mut field = |first: u8, count: u8| {
            (0..count).try_fold(0, |sum, at| {
                let there = command & (1 << (first + at)) != 0;
                let value = if there { usize::from(byte(&mut self.rest)?) } else { 0 };
                Some(sum | value << (8 * at))
            })
        };
        let start: usize = field(0, 4)?;
        let length = match field(4, 3)? {
            0 => 0x1_0000,
            length => length,
        };
        Some(Step::Copy(start..start.checked_add(length)?))
    }
}

impl<'d> Iterator for Delta<'d> {
    type Item = Result<Step<'d>, Broken>;

    /// The next instruction; copies that go on where the one before ended are
    /// one.
    fn next(&mut self) -> Option<Self::Item> {
        let mut step = self.single()?;
        while let Ok(Step::Copy(range)) = &mut step {
            let mut ahead = Self { rest: self.rest, ..*self };
            match ahead.single() {
                Some(Ok(Step::Copy(more))) if more.start == range.end => range.end = more.end,
                _ => break,
            }
            self.rest = ahead.rest;
        }
        Some(step)
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}

/// A length: seven bits a byte, the lowest first.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let mut value: usize = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let next = byte(rest)?;
        let part = usize::from(next & 0x7f);
        value |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Broken, Delta, Step};

    #[test]
    fn instructions_are_read() {
        let bytes = [0x90, 0x02, 5, 0x91, 7, 3, 0x91, 10, 2, 2, b'h', b'i', 0x80, 0xb0, 1, 1];
        let mut delta = Delta::new(&bytes).unwrap();
        assert_eq!((delta.base_length, delta.length), (272, 5));
        assert_eq!(delta.next(), Some(Ok(Step::Copy(7..12))));
        assert_eq!(delta.next(), Some(Ok(Step::Insert(b"hi"))));
        assert_eq!(delta.next(), Some(Ok(Step::Copy(0..0x1_0000))));
        assert_eq!(delta.next(), Some(Ok(Step::Copy(0..0x101))));
        assert_eq!(delta.next(), None);
    }

    #[test]
    fn what_is_cut_off_or_no_instruction_is_none() {
        for bytes in [&[1, 1, 0][..], &[1, 1, 5, 1], &[1, 1, 0x91], &[1, 1, 0x91, 1]] {
            assert_eq!(Delta::new(bytes).unwrap().next(), Some(Err(Broken)), "{bytes:?}");
        }
        assert!(Delta::new(&[0x81]).is_none() && Delta::new(&[0xff; 12]).is_none());
    }
}
