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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// Who, as people name them.
    pub person: String,
    /// What else the forge knows them by. Where there is something, the first
    /// tells people of one name apart.
    pub ids: Vec<String>,
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

/// A person as a forge writes of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    /// As people name them.
    pub(super) name: String,
    /// As in [`Review::ids`].
    pub(super) ids: Vec<String>,
}

impl From<&str> for Person {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ids: Vec::new() }
    }
}

impl Person {
    /// What tells them from all others.
    fn key(&self) -> String {
        self.ids.first().unwrap_or(&self.name).to_lowercase()
    }
}

impl Standing {
    /// Puts together what was said, the older words first.
    pub(super) fn of(
        author: &Person,
        said: impl IntoIterator<Item = (Person, Word, Option<bool>)>,
        conflicts: Option<bool>,
    ) -> Self {
        let mut last: BTreeMap<String, Review> = BTreeMap::new();
        for (person, word, current) in said {
            let key = person.key();
            if key.is_empty() || key == author.key() {
                continue;
            }
            if word == Word::Withdrawn {
                last.remove(&key);
                continue;
            }
            let (Person { name, ids }, approves) = (person, word == Word::Approved);
            last.insert(key, Review { person: name, ids, approves, current });
        }
        let reviews = last.into_values().collect();
        Self { author: author.name.clone(), reviews, conflicts }
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
        let said = |person: &str, word| (Person::from(person), word, Some(true));
        let standing = Standing::of(
            &Person::from("Ada"),
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

    #[test]
    fn people_of_one_name_are_told_apart_by_their_ids() {
        let person = |id: &str| Person { name: "carol".to_owned(), ids: vec![id.to_owned()] };
        let said = [
            (person("{1}"), Word::Approved, None),
            (person("{2}"), Word::Rejected, None),
            (person("{3}"), Word::Approved, None),
        ];
        let standing = Standing::of(&person("{1}"), said, None);
        let told: Vec<_> = standing.reviews.iter().map(|r| (&*r.ids[0], r.approves)).collect();
        assert_eq!(told, [("{2}", false), ("{3}", true)]);
        assert_eq!(standing.author, "carol");
    }
}
