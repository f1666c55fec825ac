//! Hostile files: each is refused with its place or edited right, in bounded
//! time and memory, and never panics. A binary of its own beside the other
//! tests.
//!
//! `families` makes the inputs, `forms` reads and edits them as the files that
//! the product reads, `bounds` runs the built program on the large ones under
//! limits, `independent` has another parser look at what was edited, `mutate`
//! runs the properties of the fuzz targets on mutants of their corpora.

#![expect(clippy::too_many_lines, reason = "a table is as long as what it lists")]

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod families;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod independent;
#[cfg(test)]
mod mutate;
#[cfg(test)]
#[path = "../../fuzz/properties.rs"]
mod properties;
