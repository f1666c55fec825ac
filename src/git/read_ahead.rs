//! The first-parent line, read ahead by a thread of its own: of a long history
//! most of the time goes into reading commits, and what is said of one is the
//! same whoever reads it.

use std::cell::OnceCell;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use gix::ObjectId;

use super::history::{Details, History, HistoryCommit, Passed};
use super::{GitError, Interest, Repository, walk};

/// The most commits that are handed over together.
const TOGETHER: usize = 128;
/// So many times as much is read before somebody asks for it.
const AHEAD: usize = 8;

/// A commit as it was read, without the repository.
struct Read<T> {
    passed: Passed,
    details: Details,
    told: T,
}

/// Some commits; none where the line has ended.
type Chunk<T> = Result<Vec<Read<T>>, GitError>;

/// Commits of a line, newest first, and what was made of their messages.
pub struct ReadAhead<T> {
    chunks: Receiver<Chunk<T>>,
    ready: std::vec::IntoIter<Read<T>>,
}

/// Reads the line from `tip` on, and what `tell` makes of each message.
pub fn read_ahead<T: Send + 'static>(
    repo: &Repository,
    tip: ObjectId,
    tell: fn(&str) -> T,
) -> ReadAhead<T> {
    let repo = repo.clone();
    let (send, chunks) = sync_channel(AHEAD);
    // It ends with the line, or once nobody listens any more.
    std::thread::spawn(move || {
        if let Err(error) = read(&repo, tip, tell, &send) {
            let _nobody_listens = send.send(Err(error));
        }
    });
    ReadAhead { chunks, ready: Vec::new().into_iter() }
}

fn read<T>(
    repo: &Repository,
    tip: ObjectId,
    tell: fn(&str) -> T,
    send: &SyncSender<Chunk<T>>,
) -> Result<(), GitError> {
    let mut history = walk(repo, tip, Interest::default())?;
    // Where the first few are enough, no more are waited for.
    let mut together = 1;
    loop {
        let mut chunk = Vec::with_capacity(together);
        while chunk.len() < together
            && let Some(passed) = history.pass()?
        {
            let details = Details::of(&history.repo, passed.step.id);
            let told = tell(&details.message);
            chunk.push(Read { passed, details, told });
        }
        let ended = chunk.is_empty();
        if send.send(Ok(chunk)).is_err() || ended {
            return Ok(());
        }
        together = (together * 2).min(TOGETHER);
    }
}

impl<T> ReadAhead<T> {
    /// The next commit back, without a look at what it changed; `None` at the
    /// end. `history` is one of the same line, which takes that look.
    pub fn next(&mut self, history: &mut History) -> Result<Option<(HistoryCommit, T)>, GitError> {
        if self.ready.as_slice().is_empty() {
            let lost = || GitError::read("the history", "the thread that reads it is gone");
            self.ready = self.chunks.recv().map_err(|_| lost())??.into_iter();
        }
        let Some(Read { passed, details, told }) = self.ready.next() else { return Ok(None) };
        Ok(Some((history.commit(passed, OnceCell::from(details)), told)))
    }
}
