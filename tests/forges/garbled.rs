//! Answers that are nearly right: a client reads or refuses them, and neither
//! panics nor shows its token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use promote::forge::{Limits, ensure};
use promote::model::MergeMethod;

use crate::faults::{Double, TOKEN, draft, limits};
use crate::server::{Reply, Server};

/// Numbers of a seed, one after another.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }
}

/// What is put in the place of something.
const ODD: [&str; 12] = [
    "null",
    "[]",
    "{}",
    "-1",
    "1e999",
    "18446744073709551616",
    "true",
    "\"\"",
    "\"\\u0000\\u202e\"",
    "\"\\ud800\"",
    "[[[[[[[[",
    "\u{feff}",
];

/// A body with one thing wrong.
fn garbled(body: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (from, to) = (dice.roll(body.len()), dice.roll(body.len()));
    let (from, to) = (from.min(to), from.max(to));
    let (head, rest) = body.split_at(from);
    let odd = ODD[dice.roll(ODD.len())].as_bytes();
    match dice.roll(5) {
        // Cut off.
        0 => head.to_vec(),
        // Something in the middle is gone, or there twice.
        1 => [head, &body[to..]].concat(),
        2 => [&body[..to], rest].concat(),
        // One byte is another.
        3 => {
            let mut other = body.to_vec();
            if let Some(byte) = other.get_mut(from) {
                *byte = u8::try_from(dice.roll(256)).unwrap();
            }
            other
        }
        // A value is another.
        _ => {
            let text = String::from_utf8_lossy(body);
            let values: Vec<_> = text.match_indices(':').map(|(at, _)| at + 1).collect();
            let Some(start) = values.get(dice.roll(values.len())) else { return odd.to_vec() };
            let end = text[*start..].find([',', '}', ']']).map_or(text.len(), |at| start + at);
            [&text.as_bytes()[..*start], odd, &text.as_bytes()[end..]].concat()
        }
    }
}

/// Asks everything of a stand-in of which now and then an answer is garbled.
pub(crate) fn play(new: fn() -> Arc<dyn Double>, seeds: u64) {
    for seed in 1..=seeds {
        let (double, count) = (new(), AtomicU64::new(0));
        let own = Arc::clone(&double);
        let server = Server::start(move |received| {
            let reply = own.answer(received);
            let at = count.fetch_add(1, Ordering::SeqCst);
            let mut dice = Dice((seed << 20) + at + 1);
            for _ in 0..8 {
                dice.roll(2);
            }
            if dice.roll(4) > 0 {
                return reply;
            }
            Reply { body: garbled(&reply.body, &mut dice), ..reply }
        });
        let limits = Limits { pause: Duration::from_millis(1), ..limits() };
        let Ok(forge) = double.connect(&server.origin(), limits) else { continue };
        let mut said = String::new();
        let ensured = ensure(&*forge, &draft(), Duration::ZERO);
        said.push_str(&format!("{:?}", ensured.as_ref().err()));
        if let Ok(ensured) = ensured {
            let request = &ensured.request;
            let merge = forge.set_auto_merge(request, Some(MergeMethod::Squash));
            said.push_str(&format!("{merge:?} {:?}", forge.update(request, &draft()).err()));
            said.push_str(&format!("{:?}", forge.comment(request, "a")));
        }
        let listed = forge.open_requests().err();
        said.push_str(&format!("{listed:?} {:?}", forge.checks("0123456789").err()));
        assert!(!said.contains(TOKEN), "{seed}: {said}");
        assert!(double.requests() <= 1, "{seed}: {said}");
    }
}
