//! The integration tests: one binary, a module for each part of the product.

mod config;
mod config_roundtrip;
mod house;
mod krew;
