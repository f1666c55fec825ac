//! Documents as trees of values that know where they stand.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

/// Values nested deeper are not followed; so recursion over them is bounded.
pub(super) const MAX_DEPTH: usize = 200;

/// A place in one of the files read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The index of the file.
    pub(super) file: usize,
    /// The 1-based line.
    pub(super) line: u32,
}

/// What a scalar is to every reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A string.
    Text,
    /// A string to the reader of kustomizations, a time to that of resources.
    Date,
    /// Null.
    Null,
    /// A number, a boolean, or what some reader takes for one.
    Other,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(String, Form),
    Map(Vec<(String, Value)>),
    List(Vec<Value>),
}

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) at: Place,
    /// The images entry, patch or replacement that decided it.
    pub(super) set_by: Option<Place>,
    pub(super) kind: Kind,
}

impl Value {
    pub(super) fn text(at: Place, text: impl Into<String>) -> Self {
        Self { at, set_by: None, kind: Kind::Scalar(text.into(), Form::Text) }
    }

    pub(super) fn map(at: Place, pairs: Vec<(String, Value)>) -> Self {
        Self { at, set_by: None, kind: Kind::Map(pairs) }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar(_, Form::Null))
    }

    pub(super) fn pairs(&self) -> &[(String, Value)] {
        match &self.kind {
            Kind::Map(pairs) => pairs,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Value] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn pairs_mut(&mut self) -> Option<&mut Vec<(String, Value)>> {
        match &mut self.kind {
            Kind::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.pairs().iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let pairs = self.pairs_mut()?;
        pairs.iter_mut().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// The value behind that key, a mapping that is made where there is none;
    /// `None` where this is no mapping.
    pub(super) fn entry(&mut self, key: &str, at: Place) -> Option<&mut Value> {
        let missing = self.get(key).is_none_or(Value::is_null);
        if missing {
            self.set(key, Value::map(at, Vec::new()));
        }
        self.get_mut(key)
    }

    pub(super) fn set(&mut self, key: &str, value: Value) {
        let Some(pairs) = self.pairs_mut() else { return };
        match pairs.iter_mut().find(|(own, _)| own == key) {
            Some((_, old)) => *old = value,
            None => pairs.push((key.to_owned(), value)),
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        let pairs = self.pairs_mut()?;
        let index = pairs.iter().position(|(own, _)| own == key)?;
        Some(pairs.remove(index).1)
    }

    /// The characters of a scalar, whatever it is to a reader.
    pub(super) fn raw(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The characters of a scalar that is not null; empty otherwise.
    pub(super) fn shown(&self) -> &str {
        match &self.kind {
            Kind::Scalar(text, form) if *form != Form::Null => text,
            _ => "",
        }
    }

    /// The characters of the scalar behind a key.
    pub(super) fn shown_at(&self, key: &str) -> &str {
        self.get(key).map(Value::shown).unwrap_or_default()
    }

    /// Whether kustomize takes it for nothing.
    pub(super) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Scalar(_, form) => *form == Form::Null,
            Kind::Map(pairs) => pairs.is_empty(),
            Kind::List(items) => items.is_empty(),
        }
    }

    /// The same without places; every scalar but null is a text.
    pub(super) fn json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Scalar(_, Form::Null) => serde_json::Value::Null,
            Kind::Scalar(text, _) => serde_json::Value::String(text.clone()),
            Kind::Map(pairs) => {
                pairs.iter().map(|(key, value)| (key.clone(), value.json())).collect()
            }
            Kind::List(items) => items.iter().map(Self::json).collect(),
        }
    }

    /// How deep it is nested: 1 for a scalar.
    pub(super) fn depth(&self) -> usize {
        let deepest = match &self.kind {
            Kind::Scalar(..) => 0,
            Kind::Map(pairs) => pairs.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            Kind::List(items) => items.iter().map(Value::depth).max().unwrap_or(0),
        };
        deepest + 1
    }

    /// How many values it holds, itself included.
    pub(super) fn size(&self) -> usize {
        let below: usize = match &self.kind {
            Kind::Scalar(text, _) => text.len() / 64,
            Kind::Map(pairs) => pairs.iter().map(|(_, value)| value.size()).sum(),
            Kind::List(items) => items.iter().map(Value::size).sum(),
        };
        below + 1
    }

    /// Whether any value below, this one included, is `wanted`.
    pub(super) fn any(&self, wanted: &mut dyn FnMut(&Value) -> bool) -> bool {
        if wanted(self) {
            return true;
        }
        match &self.kind {
            Kind::Scalar(..) => false,
            Kind::Map(pairs) => pairs.iter().any(|(_, value)| value.any(wanted)),
            Kind::List(items) => items.iter().any(|value| value.any(wanted)),
        }
    }

    /// Whether this and `other` are one to a JSON reader; numbers by their text.
    pub(super) fn same(&self, other: &Value) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Scalar(a, fa), Kind::Scalar(b, fb)) => fa == fb && (a == b || self.is_null()),
            (Kind::List(a), Kind::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Kind::Map(a), Kind::Map(b)) => {
                let in_b =
                    |key: &String, value: &Value| other.get(key).is_some_and(|o| value.same(o));
                a.len() == b.len() && a.iter().all(|(key, value)| in_b(key, value))
            }
            _ => false,
        }
    }

    /// Feeds the content to a hash, places left out.
    pub(super) fn feed(&self, hash: &mut Sha256) {
        match &self.kind {
            Kind::Scalar(text, form) => {
                hash.update([b's', *form as u8]);
                hash.update(text.len().to_le_bytes());
                hash.update(text.as_bytes());
            }
            Kind::List(items) => {
                hash.update(b"l");
                hash.update(items.len().to_le_bytes());
                for value in items {
                    value.feed(hash);
                }
            }
            Kind::Map(pairs) => {
                hash.update(b"m");
                hash.update(pairs.len().to_le_bytes());
                for (key, value) in pairs {
                    hash.update(key.len().to_le_bytes());
                    hash.update(key.as_bytes());
                    value.feed(hash);
                }
            }
        }
    }

    /// Whether a key of a mapping is given twice.
    pub(super) fn twice(pairs: &[(String, Value)]) -> Option<&(String, Value)> {
        let mut seen = HashSet::new();
        pairs.iter().find(|(key, _)| !seen.insert(key.as_str()))
    }
}
