//! The integration tests: one binary, a module per part of the product.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and says on stderr what it skipped"
)]

mod git_commit;
mod git_engines;
mod git_read;
mod git_refuse;
mod testkit;
