//! Questions that take their time: each is asked once, several at a time, and
//! all of them together no longer than a bound.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::gate::Silence;
use crate::model::Cause;

/// How many are asked at a time.
const TOGETHER: usize = 4;

/// How long all of them may take; what was begun before that may end.
const WHOLE: Duration = Duration::from_secs(3_600);

/// What was heard, by what was asked; nothing where there was no time left.
pub(super) struct Heard<Q, A>(RefCell<BTreeMap<Q, Option<A>>>);

impl<Q, A> Default for Heard<Q, A> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<Q: Ord + Clone + Sync, A: Clone + Send> Heard<Q, A> {
    /// Asks all that was not asked yet.
    pub(super) fn ask(&self, questions: BTreeSet<Q>, answer: impl Fn(&Q) -> A + Sync) {
        let known = |question: &Q| self.0.borrow().contains_key(question);
        let open: Vec<Q> = questions.into_iter().filter(|question| !known(question)).collect();
        let answers = together(&open, WHOLE, answer);
        self.0.borrow_mut().extend(open.into_iter().zip(answers));
    }

    /// The answer to one question.
    pub(super) fn of(&self, question: &Q, answer: impl Fn(&Q) -> A + Sync) -> Result<A, Silence> {
        self.ask(BTreeSet::from([question.clone()]), answer);
        self.0.borrow().get(question).cloned().flatten().ok_or_else(|| Silence {
            message: "it was not asked: all that was asked before took an hour".to_owned(),
            hint: None,
            cause: Cause::Passing,
        })
    }

    /// Forgets what was heard, to ask again.
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

/// The answers in the order of the questions; none where there was no time left
/// to begin with one.
fn together<Q: Sync, A: Send>(
    questions: &[Q],
    whole: Duration,
    answer: impl Fn(&Q) -> A + Sync,
) -> Vec<Option<A>> {
    let (start, next) = (Instant::now(), AtomicUsize::new(0));
    let mut answers: Vec<Option<A>> = questions.iter().map(|_| None).collect();
    let work = || {
        let mut own = Vec::new();
        while start.elapsed() < whole {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(question) = questions.get(at) else { break };
            own.push((at, answer(question)));
        }
        own
    };
    thread::scope(|scope| {
        let threads = questions.len().min(TOGETHER);
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        // A thread that died has no answers, which is none.
        let found = others.into_iter().map(|other| other.join().unwrap_or_default());
        for (at, answer) in work().into_iter().chain(found.flatten()) {
            if let Some(place) = answers.get_mut(at) {
                *place = Some(answer);
            }
        }
    });
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_not_asked_again() {
        let (heard, asked) = (Heard::default(), AtomicUsize::new(0));
        let answer = |number: &u32| (asked.fetch_add(1, Ordering::SeqCst), *number).1;
        heard.ask(BTreeSet::from([1, 2]), answer);
        assert_eq!((heard.of(&1, answer), heard.of(&2, answer)), (Ok(1), Ok(2)));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!((heard.of(&3, answer), asked.load(Ordering::SeqCst)), (Ok(3), 3));
        heard.forget();
        assert_eq!((heard.of(&1, answer), asked.load(Ordering::SeqCst)), (Ok(1), 4));
    }

    #[test]
    fn several_are_asked_at_a_time_and_each_once() {
        let (now, most, all) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let questions: Vec<usize> = (0..12).collect();
        let answers = together(&questions, WHOLE, |number| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            all.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(30));
            now.fetch_sub(1, Ordering::SeqCst);
            number * 2
        });
        assert_eq!(answers, (0..12).map(|number| Some(number * 2)).collect::<Vec<_>>());
        assert_eq!(all.into_inner(), 12);
        let most = most.into_inner();
        assert!((2..=TOGETHER).contains(&most), "{most}");
    }

    #[test]
    fn what_there_is_no_time_for_is_not_asked() {
        let questions: Vec<usize> = (0..100).collect();
        let slow = |_: &usize| thread::sleep(Duration::from_millis(50));
        let answers = together(&questions, Duration::from_millis(120), slow);
        let asked = answers.iter().filter(|answer| answer.is_some()).count();
        assert!((TOGETHER..100).contains(&asked), "{asked}");
        assert!(answers.last().unwrap().is_none());
    }
}
