//! `git promote`.

fn main() {}
