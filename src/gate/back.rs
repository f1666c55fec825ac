//! What an environment goes back to: the states of an app, image by image, as
//! its timelines tell them.

use std::collections::BTreeMap;

use crate::history::Timeline;
use crate::model::Pin;

/// The timelines of the images of one app in one environment.
pub type Images<'t> = BTreeMap<&'t str, &'t Timeline>;

/// Which state is gone back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// So many before the present one.
    Steps(usize),
    /// The newest one with an image that runs this version.
    Version(&'a Pin),
}

/// What an app ran at one time: which stay of each image's timeline. An image
/// that was not there is missing.
type State<'t> = BTreeMap<&'t str, usize>;

/// The versions to go back to, of those images alone that run another one now;
/// `None` where there is no such state.
///
/// `order` tells of each commit of the timelines how many newer ones there are.
/// States that were gone back from are passed over; of a version that is named
/// only where there is another one.
pub fn way_back(
    images: &Images<'_>,
    order: &BTreeMap<String, usize>,
    target: Target<'_>,
) -> Option<BTreeMap<String, Pin>> {
    let past = Past { images, states: states(images, order) };
    match target {
        Target::Steps(steps) => past.steps(steps),
        Target::Version(version) => past.version(version),
    }
}

/// The states of an app, newest first; the first is the present one.
fn states<'t>(images: &Images<'t>, order: &BTreeMap<String, usize>) -> Vec<State<'t>> {
    let mut changes: BTreeMap<usize, Vec<(&'t str, usize)>> = BTreeMap::new();
    for (image, timeline) in images {
        for (stay, held) in timeline.held.iter().enumerate() {
            let since = held.since.as_ref().and_then(|moment| order.get(&moment.commit));
            changes.entry(*since.unwrap_or(&usize::MAX)).or_default().push((image, stay));
        }
    }
    // Where it began is not known: nothing is known of what was before.
    changes.remove(&usize::MAX);
    let mut state: State<'t> = images.keys().map(|image| (*image, 0)).collect();
    let mut states = vec![state.clone()];
    for arrived in changes.values() {
        for (image, stay) in arrived {
            let before = images.get(image).is_some_and(|t| t.held.len() > stay + 1);
            if before {
                state.insert(image, stay + 1);
            } else {
                state.remove(image);
            }
        }
        states.push(state.clone());
    }
    states
}

struct Past<'p, 't> {
    images: &'p Images<'t>,
    states: Vec<State<'t>>,
}

impl Past<'_, '_> {
    fn steps(&self, steps: usize) -> Option<BTreeMap<String, Pin>> {
        let mut known: Vec<BTreeMap<String, Pin>> = Vec::new();
        for index in 1..self.states.len() {
            let moves = self.moves(index)?;
            let same = moves.is_empty() || known.contains(&moves);
            if same || self.is_gone_back_from(index) {
                continue;
            }
            known.push(moves);
            if known.len() == steps {
                break;
            }
        }
        known.into_iter().nth(steps.checked_sub(1)?)
    }

    fn version(&self, version: &Pin) -> Option<BTreeMap<String, Pin>> {
        let runs = |index: &usize| {
            self.moves(*index).is_some_and(|moves| moves.values().any(|pin| pin.carries(version)))
        };
        let with = || (1..self.states.len()).filter(runs);
        let good = with().find(|index| !self.is_gone_back_from(*index));
        let index = good.or_else(|| with().next())?;
        let left = self.left_together(index, version);
        let mut moves = self.moves(index)?;
        moves.retain(|image, pin| pin.carries(version) || left.contains(&image.as_str()));
        Some(moves)
    }

    /// The images that left a state together with the version.
    fn left_together(&self, index: usize, version: &Pin) -> Vec<&str> {
        let leaves = |index: usize| {
            let (Some(old), Some(new)) = (self.states.get(index), self.states.get(index - 1))
            else {
                return Vec::new();
            };
            let moved = old.iter().filter(|(image, stay)| new.get(*image) != Some(*stay));
            moved.map(|(image, _)| *image).collect()
        };
        let carries = |index: usize, image: &str| {
            self.pin(index, image).is_some_and(|pin| pin.carries(version))
        };
        let mut at = (1..=index).rev().map(|at| (at, leaves(at)));
        let with = at.find(|(at, left)| left.iter().any(|image| carries(*at, image)));
        with.map(|(_, left)| left).unwrap_or_default()
    }

    fn pin(&self, index: usize, image: &str) -> Option<&Pin> {
        let stay = self.states.get(index)?.get(image)?;
        self.images.get(image)?.held.get(*stay).map(|held| &held.pin)
    }

    /// What would move for the state.
    fn moves(&self, index: usize) -> Option<BTreeMap<String, Pin>> {
        let mut moves = BTreeMap::new();
        for image in self.states.get(index)?.keys() {
            let (then, now) = (self.pin(index, image)?, self.pin(0, image)?);
            if then != now && !then.is_empty() {
                moves.insert((*image).to_owned(), then.clone());
            }
        }
        Some(moves)
    }

    /// Whether what came after the state was a way back from it, or one of its
    /// versions was gone back from later.
    fn is_gone_back_from(&self, index: usize) -> bool {
        let (Some(old), Some(new)) = (self.states.get(index), self.states.get(index - 1)) else {
            return true;
        };
        old.iter().any(|(image, stay)| {
            let Some(timeline) = self.images.get(image) else { return false };
            let Some(held) = timeline.held.get(*stay) else { return false };
            let left = new.get(image) != Some(stay) && timeline.went_back_from(*stay);
            let newest = timeline.held.iter().skip(1).position(|other| other.pin == held.pin);
            let now = timeline.held.first().is_some_and(|now| now.pin == held.pin);
            left || !now && newest.is_some_and(|at| timeline.went_back_from(at + 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Held, Moment};

    /// A timeline of `version commit` pairs, newest first.
    fn timeline(text: &str) -> Timeline {
        let held = |stay: &str| {
            let (version, commit) = stay.split_once(' ').unwrap();
            let (commit, author) = (commit.to_owned(), String::new());
            let since = Some(Moment { commit, seconds: 0, author });
            Held { pin: version.parse().unwrap(), repository: None, beside: None, since }
        };
        Timeline { held: text.split(", ").map(held).collect(), complete: true }
    }

    fn back(images: &[(&str, &str)], target: Target<'_>) -> String {
        let timelines: Vec<(&str, Timeline)> =
            images.iter().map(|(image, text)| (*image, timeline(text))).collect();
        let images: Images<'_> = timelines.iter().map(|(image, t)| (*image, t)).collect();
        // The commits are named so that the newest is the last letter.
        let order = ('a'..='z').rev().enumerate().map(|(at, c)| (c.to_string(), at)).collect();
        let moves = way_back(&images, &order, target).unwrap_or_default();
        let moves: Vec<String> =
            moves.iter().map(|(image, pin)| format!("{image} {pin}")).collect();
        moves.join(", ")
    }

    #[test]
    fn images_that_moved_together_go_back_together() {
        let images = [("x", "v3 d, v2 c, v1 a"), ("y", "w2 d, w1 b"), ("z", "u1 a")];
        assert_eq!(back(&images, Target::Steps(1)), "x v2, y w1");
        assert_eq!(back(&images, Target::Steps(2)), "x v1, y w1");
        assert_eq!(back(&images, Target::Steps(3)), "x v1");
        assert_eq!(back(&images, Target::Steps(4)), "");
        let images = [("x", "v3 d, v2 c, v1 a"), ("y", "w2 c, w1 b")];
        assert_eq!(back(&images, Target::Steps(1)), "x v2", "y did not move with it");
    }

    #[test]
    fn what_was_gone_back_from_is_passed_over() {
        assert_eq!(back(&[("x", "v2 d, v3 c, v2 b, v1 a")], Target::Steps(1)), "x v1");
        assert_eq!(back(&[("x", "v4 e, v2 d, v3 c, v2 b, v1 a")], Target::Steps(1)), "x v2");
        assert_eq!(back(&[("x", "v4 e, v2 d, v3 c, v2 b, v1 a")], Target::Steps(2)), "x v1");
        assert_eq!(back(&[("x", "b d, a c, c b, a a")], Target::Steps(1)), "x a");
        let undone = [("x", "c e, b d, c c, b b, a a")];
        assert_eq!(back(&undone, Target::Steps(1)), "x b", "to undo a way back is none");
    }

    #[test]
    fn a_named_version_brings_what_left_with_it() {
        let v1: Pin = "v1".parse().unwrap();
        let images = [("x", "v3 e, v2 c, v1 a"), ("y", "w3 d, w2 c, w1 b"), ("z", "u2 d, u1 a")];
        assert_eq!(back(&images, Target::Version(&v1)), "x v1, y w1");
        let v9: Pin = "v9".parse().unwrap();
        assert_eq!(back(&images, Target::Version(&v9)), "");
        let v3: Pin = "v3".parse().unwrap();
        assert_eq!(back(&[("x", "v4 d, v2 c, v3 b, v2 a")], Target::Version(&v3)), "x v3");
    }
}
