//! The repository: open it, read snapshots and history, commit.
//!
//! Shell code: it does I/O and holds no policy. What gix does not do, or does
//! otherwise than git, is either kept away from it here or handed to `git`
//! itself; `commit` says which and why.

mod ancestry;
mod borrow;
pub mod change;
mod child;
pub mod commit;
mod config_env;
mod date;
mod error;
mod filters;
pub mod history;
mod index;
mod index_tree;
mod journal;
mod keep;
mod merge;
mod open;
mod pieces;
mod promised;
mod push;
mod quarantine;
mod read_ahead;
mod records;
mod remembered;
mod remote;
mod scan;
mod snapshot;
mod stage;
mod state;
mod tree;
mod tree_diff;
mod trees;
pub mod way_out;

pub use borrow::{Borrowed, borrow};
pub use change::{Change, Divergence, change, moved, staged};
pub use commit::{
    CommitOptions, CommitRequest, Committed, Held, SignChoice, Unfinished, build, commit, hold,
    rehearse,
};
pub use date::parse_date;
pub use error::{CloneKind, CommitError, Difference, ErrorKind, GitError};
pub use gix::ObjectId;
pub use history::{History, HistoryCommit, Interest, authored, line, walk};
pub use journal::{Finding, Left, Recovered, examine, is_anything_left, recover, settle};
pub use keep::Kept;
pub use open::Repository;
pub use push::{Expect, PushHow};
pub use quarantine::object_directories;
pub use read_ahead::{ReadAhead, Telling, read_ahead};
pub use records::{Carrier, Signature};
pub use remote::{Listing, Remote, RemoteError, Tip};
pub use snapshot::TreeSnapshot;
pub use stage::{apply_to_worktree, put, rehearse_in_worktree};
pub use state::{Head, Operation, Upstream};
pub use tree_diff::BlobSides;
