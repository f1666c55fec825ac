//! YAML as bytes: where every value stands, and how to change one of them
//! without touching anything else.
//!
//! [`Stream::parse`] turns a file into nodes with exact byte spans, one tree a
//! document, comments beside them. [`edit::apply`] changes values, adds and
//! removes pairs, and proves by parsing again that nothing else changed. This
//! module knows no image and no git, and never resolves an alias by copying.

mod builder;
mod cursor;
pub mod edit;
mod error;
mod lines;
mod map;
mod node;
mod plain;
mod prove;
mod shadow;
mod splice;
#[cfg(test)]
mod tests;

pub use edit::{Applied, Operation, Splice, apply};
pub use error::YamlError;
pub use lines::{Lines, Position};
pub use map::SourceMap;
pub use node::{Block, Comment, Node, NodeId, NodeKind, Pair, Scalar, Stream, Style};
pub use plain::plain_is_safe;
