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
