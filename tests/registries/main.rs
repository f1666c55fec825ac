//! The client of registries, and the commands that use it. A binary of its own
//! beside the other tests.
//!
//! `double` is a registry in memory that does wrong what a test tells it to;
//! `real` starts Debian's `docker-registry` on loopback, and says aloud where
//! there is none.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod double;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod image;
#[cfg(test)]
mod letting_in;
#[cfg(test)]
mod meant;
#[cfg(test)]
mod places;
#[cfg(test)]
mod real;
#[cfg(test)]
mod repo;
#[cfg(test)]
#[path = "../forges/server.rs"]
mod server;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tutorial;
