//! Faults: the built program is killed, or refused by the system, at every
//! system call that writes, and what it leaves is judged. A binary of its own
//! beside the other tests.
//!
//! `scene` is the repository, `trace` counts and strikes system calls, `look`
//! reads a repository, `verify` judges it, `sweep` runs many points.
//!
//! The whole sweep takes minutes:
//! `cargo test --release --test faults -- --ignored --nocapture --test-threads 1`.

#[cfg(test)]
mod fault;
#[cfg(test)]
mod handed;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod look;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod points;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod whole;
