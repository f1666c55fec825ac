//! `kubectl promote`.

fn main() {}
