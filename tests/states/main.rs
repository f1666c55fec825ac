//! States that a repository can be in, and what promote, `--worktree`,
//! `--dry-run` and `status` do there. A binary of its own beside the other
//! tests.
//!
//! `place` makes a repository and runs programs in it, `matrix` carries out the
//! four commands and looks at every byte before and after. The other modules
//! are the table: a state has a name, what makes it, and what each of the four
//! commands has to do, written by hand.

#![expect(clippy::too_many_lines, reason = "a table is as long as what it lists")]
#![expect(
    clippy::unnecessary_wraps,
    reason = "a state is a place, or the reason why this machine cannot have it"
)]

#[cfg(test)]
mod content;
#[cfg(test)]
mod files;
#[cfg(test)]
mod format;
#[cfg(test)]
mod head;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod index;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod place;
#[cfg(test)]
mod repositories;
