//! What makes a promotion whole or not there, whenever the process ends.
//!
//! The order of writes: a lock of our own ([`Turn`]), what an earlier run left
//! is brought to its end ([`recover`]), `index.lock` is taken so that a later
//! run knows it for ours ([`LinkedLock`]), everything is read and judged,
//! objects are written, then the [`Journal`], and only then the branch moves:
//! the one point that counts. Files, index and the end of the journal follow.
//! Each step is on disk before the next one relies on it.

mod elsewhere;
mod entry;
mod halves;
mod linked;
mod look;
mod owner;
mod recover;
mod signals;
mod turn;
mod unreadable;
mod verdict;

pub use look::{Finding, examine};
pub use recover::{Left, Recovered, is_anything_left, recover, settle};

pub(super) use entry::{Journal, Kind};
pub(super) use linked::{LinkedLock, Token};
pub(super) use owner::{outlast_commits, patiently};
pub(super) use recover::recover_in;
pub(super) use signals::{interrupted, wait_for};
pub(super) use turn::Turn;
