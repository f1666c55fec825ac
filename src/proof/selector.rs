//! Label selectors: whether one selects less than another.

use std::collections::{BTreeMap, BTreeSet};

/// A label selector of Kubernetes: all of its terms have to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    labels: BTreeSet<(String, String)>,
    expressions: BTreeMap<String, Expression>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Expression {
    key: String,
    operator: String,
    values: BTreeSet<String>,
}

impl Selector {
    /// Adds the scalar at a path below the selector; `None` where that is not
    /// known.
    pub(super) fn add(&mut self, path: &str, value: &str) -> Option<()> {
        if let Some(label) = path.strip_prefix("matchLabels.") {
            self.labels.insert((label.to_owned(), value.to_owned()));
            return Some(());
        }
        let (index, field) = path.strip_prefix("matchExpressions[")?.split_once("].")?;
        let expression = self.expressions.entry(index.to_owned()).or_default();
        match field {
            "key" => value.clone_into(&mut expression.key),
            "operator" => value.clone_into(&mut expression.operator),
            _ if field.starts_with("values[") => {
                expression.values.insert(value.to_owned());
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether it selects nothing that `before` does not.
    pub(super) fn narrows(&self, before: &Self) -> bool {
        let kept = |old: &Expression| self.expressions.values().any(|new| new.implies(old));
        before.labels.is_subset(&self.labels) && before.expressions.values().all(kept)
    }
}

impl Expression {
    fn implies(&self, old: &Self) -> bool {
        let values = match old.operator.as_str() {
            "In" => self.values.is_subset(&old.values),
            "NotIn" => old.values.is_subset(&self.values),
            _ => self.values == old.values,
        };
        self.key == old.key && self.operator == old.operator && values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(operator: &str, values: &[&str]) -> Selector {
        let mut found = Selector::default();
        found.add("matchExpressions[0].key", "name").unwrap();
        found.add("matchExpressions[0].operator", operator).unwrap();
        for value in values {
            found.add("matchExpressions[0].values[0]", value).unwrap();
        }
        found
    }

    #[test]
    fn a_term_more_selects_less_and_one_less_selects_more() {
        let all = Selector::default();
        let not = |values| selector("NotIn", values);
        let within = |values| selector("In", values);
        assert!(not(&["a"]).narrows(&all) && !all.narrows(&not(&["a"])));
        assert!(not(&["a", "b"]).narrows(&not(&["a"])) && !not(&["b"]).narrows(&not(&["a"])));
        assert!(within(&["a"]).narrows(&within(&["a", "b"])));
        assert!(!within(&["a", "b"]).narrows(&within(&["a"])));
        assert!(!selector("Exists", &[]).narrows(&selector("DoesNotExist", &[])));
        assert_eq!(Selector::default().add("matchFields[0].key", "x"), None);
    }
}
