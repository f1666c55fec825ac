//! `git promote check`: what a change would let through, before it is merged.

pub mod ends;
