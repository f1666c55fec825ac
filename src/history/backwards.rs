//! What goes back: one rule for the log, for `rollback` and for the gates.

use crate::model::{Pin, by_semver};

use super::Timeline;

/// Whether a version that takes the place of `previous` goes back, as far as
/// tags and trees tell: it is older by its tag; or, where the tags do not tell,
/// it ran before, and does not only undo a step back (which was from `undone`).
pub(super) fn goes_back(
    (previous, version): (&Pin, &Pin),
    undone: Option<&Pin>,
    ran: impl FnOnce() -> bool,
) -> bool {
    match by_semver(version, previous) {
        Some(order) if order.is_ne() => order.is_lt(),
        _ => undone != Some(version) && ran(),
    }
}

impl Timeline {
    /// Whether a stay was gone back from: what came after it was an older
    /// version, or one that had run before it, and no mere return to what a
    /// step back had left. The present stay ends in nothing, and is none to go
    /// back to.
    pub fn went_back_from(&self, stay: usize) -> bool {
        let pin = |at: usize| self.held.get(at).map(|held| &held.pin);
        let Some(next) = stay.checked_sub(1) else { return true };
        // Two versions that take turns: who went back, the first turn tells.
        let mut first = next;
        while pin(first + 2).is_some() && pin(first) == pin(first + 2) {
            first += 1;
        }
        let (mut back, mut undone) = (false, None);
        for at in (next..=first).rev() {
            let (Some(version), Some(previous)) = (pin(at), pin(at + 1)) else { return true };
            let ran = || self.held.iter().skip(at + 2).any(|other| other.pin == *version);
            back = goes_back((previous, version), undone, ran);
            undone = back.then_some(previous);
        }
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Held;

    /// Which stays were gone back from; the versions newest first.
    fn gone_back_from(text: &str) -> String {
        let held = |version: &str| {
            let (pin, repository) = (version.parse().unwrap(), None);
            Held { pin, repository, beside: None, since: None }
        };
        let timeline = Timeline { held: text.split(' ').map(held).collect(), complete: true };
        let stays = 1..timeline.held.len();
        let told = stays.map(|stay| if timeline.went_back_from(stay) { 'x' } else { '-' });
        told.collect()
    }

    #[test]
    fn to_undo_a_step_back_is_none() {
        assert_eq!(gone_back_from("c b a"), "--");
        assert_eq!(gone_back_from("b c b a"), "x--");
        assert_eq!(gone_back_from("c b c b a"), "-x--", "the way back is undone");
        assert_eq!(gone_back_from("b c b c b a"), "x-x--", "and that again");
        assert_eq!(gone_back_from("a c b c b a"), "x-x--");
        assert_eq!(gone_back_from("c d b c b a"), "x-x--", "d lies between");
        assert_eq!(gone_back_from("v3 v2 v3 v2 v1"), "-x--");
    }
}
