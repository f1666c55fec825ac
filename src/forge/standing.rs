//! How a request stands: who approved what is on its branch now, who asks for
//! changes, and whether it conflicts.

use std::collections::BTreeMap;

use serde_json::Value;

/// How a request stands with people and with its base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Who opened it, as people name them.
    pub author: String,
    /// The last word of each person who has one, by name. The author is not
    /// among them.
    pub reviews: Vec<Review>,
    /// Whether it cannot be merged as it is; `None` where the forge does not
    /// say, or not yet.
    pub conflicts: Option<bool>,
}

/// The last word of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who.
    pub person: String,
    /// Whether it is an approval; else it asks for changes.
    pub approves: bool,
    /// Whether it is about what is on the branch now; `None` where the forge
    /// does not say.
    pub current: Option<bool>,
}

/// What a person said at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It is approved.
    Approved,
    /// Changes are asked for.
    Rejected,
    /// What was said before does not count any more.
    Withdrawn,
}

impl Standing {
    /// Puts together what was said, the older words first.
    pub(super) fn of(
        author: &str,
        said: impl IntoIterator<Item = (String, Word, Option<bool>)>,
        conflicts: Option<bool>,
    ) -> Self {
        let mut last: BTreeMap<String, Review> = BTreeMap::new();
        for (person, word, current) in said {
            let key = person.to_lowercase();
            if person.is_empty() || key == author.to_lowercase() {
                continue;
            }
            if word == Word::Withdrawn {
                last.remove(&key);
                continue;
            }
            last.insert(key, Review { person, approves: word == Word::Approved, current });
        }
        let reviews = last.into_values().collect();
        Self { author: author.to_owned(), reviews, conflicts }
    }
}

/// The text at a place of an answer; empty where there is none.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_each_person_counts_and_none_of_the_author() {
        let said = |person: &str, word| (person.to_owned(), word, Some(true));
        let standing = Standing::of(
            "Ada",
            vec![
                said("ada", Word::Approved),
                said("grace", Word::Rejected),
                said("Grace", Word::Approved),
                said("carol", Word::Approved),
                said("carol", Word::Withdrawn),
                said("dan", Word::Approved),
                said("dan", Word::Rejected),
                said("", Word::Approved),
            ],
            None,
        );
        let told: Vec<_> = standing.reviews.iter().map(|r| (&*r.person, r.approves)).collect();
        assert_eq!(told, [("dan", false), ("Grace", true)]);
    }
}
