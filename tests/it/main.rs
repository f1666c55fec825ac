//! The integration tests: one binary, a module for each part of the product.
//!
//! Each module is `cfg(test)`, so that clippy knows its helpers for test code.

#[cfg(test)]
mod config;
#[cfg(test)]
mod config_import;
#[cfg(test)]
mod config_refusals;
#[cfg(test)]
mod config_roundtrip;
#[cfg(test)]
mod edit_cases;
#[cfg(test)]
mod house;
#[cfg(test)]
mod krew;
mod kustomize_render;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod sites;
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
