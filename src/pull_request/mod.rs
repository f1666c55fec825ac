//! Pull requests as values: which branch a promotion goes to, and what its
//! request remembers of itself.
//!
//! What a request says to people is in `output`; who opens it is in `command`.

mod branch;
mod memory;

pub use branch::{PREFIX, branch, is_shared};
pub use memory::{Memory, Moved, blend, read};
