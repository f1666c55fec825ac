//! Which lists of built-in types are merged, and by which keys; which kinds
//! have no namespace. Taken from the schema inside kyaml 0.18.1.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

const TEXT: &str = include_str!("schema.txt");

/// A type, as the table names it.
pub(super) type Type = &'static str;

/// A list that is merged.
#[derive(Debug, Clone)]
pub(super) struct MergedList {
    /// The type of its items, where more is known of them.
    pub(super) item: Option<Type>,
    /// The keys items are told apart by; none: by their value.
    pub(super) keys: Vec<&'static str>,
}

/// What is known of a field.
pub(super) enum Field<'t> {
    /// A mapping of that type.
    Mapping(Type),
    /// A list that is merged.
    Merged(&'t MergedList),
    /// Nothing.
    Unknown,
}

#[derive(Default)]
struct Table {
    /// By `apiVersion`, then kind.
    kinds: HashMap<&'static str, HashMap<&'static str, Type>>,
    /// By type, then field.
    fields: HashMap<Type, HashMap<&'static str, Type>>,
    lists: HashMap<Type, HashMap<&'static str, MergedList>>,
    /// By `apiVersion`.
    cluster: HashMap<&'static str, HashSet<&'static str>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::default();
    for line in TEXT.lines() {
        let words: Vec<&'static str> = line.split(' ').collect();
        match *words.as_slice() {
            ["kind", api, kind, of] => {
                table.kinds.entry(api).or_default().insert(kind, of);
            }
            ["field", of, field, to] => {
                table.fields.entry(of).or_default().insert(field, to);
            }
            ["list", of, field, item, keys] => {
                let keys = keys.split(',').filter(|key| *key != "-").collect();
                let item = (item != "-").then_some(item);
                let list = MergedList { item, keys };
                table.lists.entry(of).or_default().insert(field, list);
            }
            ["cluster", api, kind] => {
                table.cluster.entry(api).or_default().insert(kind);
            }
            _ => {}
        }
    }
    table
});

/// The type of objects of that kind.
pub(super) fn of_kind(api_version: &str, kind: &str) -> Option<Type> {
    TABLE.kinds.get(api_version)?.get(kind).copied()
}

/// What a field of a type is.
pub(super) fn field(of: Type, name: &str) -> Field<'static> {
    if let Some(list) = TABLE.lists.get(of).and_then(|lists| lists.get(name)) {
        return Field::Merged(list);
    }
    let next = TABLE.fields.get(of).and_then(|fields| fields.get(name));
    next.map_or(Field::Unknown, |to| Field::Mapping(to))
}

/// Whether kustomize knows that objects of that kind have no namespace.
pub(super) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    TABLE.cluster.get(api_version).is_some_and(|kinds| kinds.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_of_a_deployment_are_merged_by_name() {
        let mut at = of_kind("apps/v1", "Deployment").unwrap();
        for name in ["spec", "template", "spec"] {
            let Field::Mapping(next) = field(at, name) else { panic!("{name}") };
            at = next;
        }
        let Field::Merged(list) = field(at, "containers") else { panic!("containers") };
        assert_eq!(list.keys, ["name"]);
        assert!(list.item.is_some());
        assert!(is_cluster_scoped("v1", "Namespace"));
        assert!(!is_cluster_scoped("apps/v1", "Deployment"));
        assert!(of_kind("example.org/v1", "Rollout").is_none());
    }
}
