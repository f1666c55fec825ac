//! The integration tests: one binary, a module per part of the product.

mod git_commit;
mod git_engines;
mod git_read;
mod testkit;
