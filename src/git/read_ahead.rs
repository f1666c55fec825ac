//! The first-parent line, read ahead by threads of their own: of a long history
//! most of the time goes into reading commits, and what is said of one is the
//! same whoever reads it.

use std::cell::OnceCell;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use gix::ObjectId;

use super::history::{Details, History, HistoryCommit, Passed, message_of};
use super::{GitError, Interest, Repository, walk};

/// The most commits that are handed over together.
const TOGETHER: usize = 128;
/// So many times as much is read before somebody asks for it: whoever asks has
/// overlays to find and files to read in the meantime.
const AHEAD: usize = 128;

/// The most threads that read.
const READERS: usize = 2;

/// A commit as it was read, without the repository.
struct Read<T> {
    passed: Passed,
    /// Nothing where they are hardly asked for again: what one thread made and
    /// the other throws away costs both.
    details: OnceCell<Details>,
    told: T,
}

/// What is made of a message, and whether it may be asked for again.
pub type Telling<T> = (T, bool);

/// Some commits; none where the line has ended.
type Chunk<T> = Result<Vec<Read<T>>, GitError>;

/// Commits of a line, newest first, and what was made of their messages.
pub struct ReadAhead<T> {
    /// The readers: the chunks come from each in turn.
    readers: Vec<Receiver<Chunk<T>>>,
    turn: usize,
    ready: std::vec::IntoIter<Read<T>>,
}

/// Reads the line from `tip` on, and what `tell` makes of each message.
pub fn read_ahead<T: Send + 'static>(
    repo: &Repository,
    tip: ObjectId,
    tell: impl Fn(&str) -> Telling<T> + Clone + Send + 'static,
) -> Result<ReadAhead<T>, GitError> {
    // Each reader goes along the whole line: with a commit-graph that is a
    // small part of what it does.
    let alone = !walk(repo, tip, Interest::default())?.has_graph();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let count = if alone { 1 } else { cores.min(READERS) };
    let reader = |turn| {
        let (repo, tell) = (repo.clone(), tell.clone());
        let (send, chunks) = sync_channel(AHEAD);
        // It ends with the line, or once nobody listens any more.
        std::thread::spawn(move || {
            if let Err(error) = read(&repo, tip, &tell, &Turns { count, turn, send: &send }) {
                let _nobody_listens = send.send(Err(error));
            }
        });
        chunks
    };
    let readers = (0..count).map(reader).collect();
    Ok(ReadAhead { readers, turn: 0, ready: Vec::new().into_iter() })
}

/// Which chunks a reader reads: of every `count` that of its `turn`.
struct Turns<'a, T> {
    count: usize,
    turn: usize,
    send: &'a SyncSender<Chunk<T>>,
}

fn read<T>(
    repo: &Repository,
    tip: ObjectId,
    tell: &impl Fn(&str) -> Telling<T>,
    turns: &Turns<'_, T>,
) -> Result<(), GitError> {
    let mut history = walk(repo, tip, Interest::default())?;
    // Where the first few are enough, no more are waited for.
    let mut together = 1;
    for turn in (0..turns.count).cycle() {
        let mut chunk = Vec::with_capacity(together);
        let mut passed = 0;
        while passed < together
            && let Some(commit) = history.pass()?
        {
            passed += 1;
            if turn == turns.turn {
                chunk.push(said(&history.repo, commit, tell));
            }
        }
        let is_heard = turn != turns.turn || turns.send.send(Ok(chunk)).is_ok();
        if passed == 0 && turn == turns.turn || !is_heard {
            return Ok(());
        }
        together = (together * 2).min(TOGETHER);
    }
    Ok(())
}

/// What a commit says. One that cannot be read says nothing.
fn said<T>(repo: &gix::Repository, passed: Passed, tell: &impl Fn(&str) -> Telling<T>) -> Read<T> {
    let commit = repo.find_commit(passed.step.id).ok();
    let message = commit.as_ref().map(|commit| message_of(&commit.data)).unwrap_or_default();
    let (told, again) = tell(&message);
    let details = commit.as_ref().filter(|_| again).and_then(Details::read);
    Read { passed, details: details.map(OnceCell::from).unwrap_or_default(), told }
}

impl<T> ReadAhead<T> {
    /// The next commit back, without a look at what it changed; `None` at the
    /// end. `history` is one of the same line, which takes that look.
    pub fn next(&mut self, history: &mut History) -> Result<Option<(HistoryCommit, T)>, GitError> {
        if self.ready.as_slice().is_empty() {
            let lost = || GitError::read("the history", "the thread that reads it is gone");
            let reader = self.readers.get(self.turn).ok_or_else(lost)?;
            self.ready = reader.recv().map_err(|_| lost())??.into_iter();
            self.turn = (self.turn + 1) % self.readers.len();
        }
        let Some(Read { passed, details, told }) = self.ready.next() else { return Ok(None) };
        Ok(Some((history.commit(passed, details), told)))
    }
}
