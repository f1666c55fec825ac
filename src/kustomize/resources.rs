//! What a kustomization names: read, added to, taken from, and mended where the
//! kustomization itself moves.

use super::EditError;
use super::change::Planned;
use super::edit::carry_out;
use super::file::{File, same_key};
use crate::model::{EditKind, FileChange, RepoPath};
use crate::yaml::{NodeId, Operation};

/// Fields that are lists of paths (or of inline documents).
const LISTS: [&str; 9] = [
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "patchesStrategicMerge",
];

/// Lists of mappings, and the keys in them that hold a path or several.
const BELOW: [(&str, &[&str]); 7] = [
    ("patches", &["path"]),
    ("patchesJson6902", &["path"]),
    ("replacements", &["path"]),
    ("configMapGenerator", &["files", "envs", "env"]),
    ("secretGenerator", &["files", "envs", "env"]),
    ("helmCharts", &["valuesFile", "additionalValuesFiles"]),
    ("helmChartInflationGenerator", &["values", "chartHome"]),
];

/// Mappings, and the keys in them that hold a path.
const WITHIN: [(&str, &str); 2] = [("openapi", "path"), ("helmGlobals", "chartHome")];

impl File<'_> {
    /// The values of every field of that name.
    fn fields(&self, name: &str) -> Vec<NodeId> {
        let pairs = self.root().map(|root| self.stream.pairs(root)).unwrap_or_default();
        let own = |key| self.stream.value(key).is_some_and(|key| same_key(name, key));
        pairs.iter().filter(|pair| own(pair.key)).map(|pair| pair.value).collect()
    }

    /// A scalar, or the items of a list.
    fn scalars(&self, id: NodeId) -> Vec<NodeId> {
        if self.stream.is_sequence(id) { self.stream.items(id).to_vec() } else { vec![id] }
    }

    /// Every scalar that names a path, and whether a `key=` may stand before it.
    fn paths(&self) -> Vec<(NodeId, bool)> {
        let mut found = Vec::new();
        for list in LISTS.iter().flat_map(|name| self.fields(name)) {
            found.extend(self.stream.items(list).iter().map(|item| (*item, false)));
        }
        for (name, keys) in BELOW {
            for item in self.fields(name).into_iter().flat_map(|list| self.stream.items(list)) {
                for key in keys {
                    let named = self.stream.get(*item, key);
                    let scalars = named.into_iter().flat_map(|value| self.scalars(value));
                    found.extend(scalars.map(|scalar| (scalar, *key == "files")));
                }
            }
        }
        for (name, key) in WITHIN {
            let inside = self.fields(name).into_iter().filter_map(|at| self.stream.get(at, key));
            found.extend(inside.map(|scalar| (scalar, false)));
        }
        found
    }
}

/// What the kustomization lists as resources (`bases` too), as it is written.
pub fn listed(path: &RepoPath, bytes: &[u8]) -> Result<Vec<String>, EditError> {
    let file = File::parse(path, bytes)?;
    let lists = ["resources", "bases"].iter().flat_map(|name| file.fields(name));
    let items = lists.flat_map(|list| file.stream.items(list).iter());
    Ok(items.filter_map(|item| file.stream.value(*item)).map(str::to_owned).collect())
}

/// Adds `item` at the end of `resources:`, in the style of the list.
pub fn list(path: &RepoPath, bytes: &[u8], item: &str) -> Result<FileChange, EditError> {
    let file = File::parse(path, bytes)?;
    let lists = file.fields("resources");
    let [list] = *lists.as_slice() else {
        return Err(file.not_found("one `resources` to add to".to_owned(), Vec::new()));
    };
    if !file.stream.is_sequence(list) {
        return Err(file.refuse(list, "`resources` is no list"));
    }
    let sequence = file.stream.resolve(list);
    file.refuse_shared(sequence, None)?;
    let index = file.stream.items(list).len();
    let planned = Planned {
        operation: Operation::AppendItem { sequence, value: item.to_owned() },
        field: format!("resources[{index}]"),
        kind: EditKind::KustomizeItem,
        old: None,
        new: Some(item.to_owned()),
    };
    carry_out(&file, vec![planned])
}

/// Takes the items away that are `unwanted`, each with its whole line.
pub fn unlist(
    path: &RepoPath,
    bytes: &[u8],
    unwanted: &dyn Fn(&str) -> bool,
) -> Result<FileChange, EditError> {
    let file = File::parse(path, bytes)?;
    let mut planned = Vec::new();
    for list in ["resources", "bases"].iter().flat_map(|name| file.fields(name)) {
        let sequence = file.stream.resolve(list);
        for (index, item) in file.stream.items(list).iter().enumerate() {
            let Some(text) = file.stream.value(*item).filter(|text| unwanted(text)) else {
                continue;
            };
            file.refuse_shared(sequence, None)?;
            planned.push(Planned {
                operation: Operation::RemoveItem { sequence, index },
                field: file.field(*item),
                kind: EditKind::KustomizeItem,
                old: Some(text.to_owned()),
                new: None,
            });
        }
    }
    carry_out(&file, planned)
}

/// Writes paths anew, where `mended` says so: for a kustomization that moves.
pub fn mend(
    path: &RepoPath,
    bytes: &[u8],
    mended: &dyn Fn(&str) -> Option<String>,
) -> Result<FileChange, EditError> {
    let file = File::parse(path, bytes)?;
    let mut planned = Vec::new();
    for (node, keyed) in file.paths() {
        let Some(text) = file.stream.value(node) else { continue };
        // What has several lines is an inline document.
        if text.contains('\n') {
            continue;
        }
        let (key, name) = match text.split_once('=').filter(|_| keyed) {
            Some((key, name)) => (format!("{key}="), name),
            None => (String::new(), text),
        };
        let Some(path) = mended(name) else { continue };
        let new = format!("{key}{path}");
        file.refuse_shared(node, None)?;
        let operation = match file.stream.scalar(node) {
            Some(_) => Operation::Part { node, range: key.len()..text.len(), text: path.clone() },
            None => Operation::Set { node, value: new.clone() },
        };
        planned.push(Planned {
            operation,
            field: file.field(node),
            kind: EditKind::KustomizeItem,
            old: Some(text.to_owned()),
            new: Some(new),
        });
    }
    carry_out(&file, planned)
}

/// The labels that a kustomization sets on pods and in selectors
/// (`commonLabels`, and `labels` that include selectors or templates).
pub fn selected_pairs(path: &RepoPath, bytes: &[u8]) -> Result<Vec<(String, String)>, EditError> {
    let file = File::parse(path, bytes)?;
    let stream = &file.stream;
    let mut maps = file.fields("commonLabels");
    for label in file.fields("labels").into_iter().flat_map(|list| stream.items(list)) {
        let says = |key| stream.get(*label, key).and_then(|id| stream.value(id)) == Some("true");
        if says("includeSelectors") || says("includeTemplates") {
            maps.extend(stream.get(*label, "pairs"));
        }
    }
    let text = |id| stream.value(id).map(str::to_owned);
    let pairs = maps.into_iter().flat_map(|map| stream.pairs(map));
    Ok(pairs.filter_map(|pair| Some((text(pair.key)?, text(pair.value)?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> RepoPath {
        RepoPath::normalize("kustomization.yaml").unwrap()
    }

    fn text(change: Result<FileChange, EditError>) -> String {
        String::from_utf8(change.unwrap().new).unwrap()
    }

    #[test]
    fn an_item_comes_and_goes_and_leaves_no_trace() {
        let cases = [
            ("resources:\n- a.yaml # first\n- b\n\nnamespace: x\n", "- b\n- ../c\n"),
            ("resources:\n  -   a.yaml\n  # the end\nimages: []\n", "a.yaml\n  -   ../c\n  # the"),
            ("resources: [a, b] # all\n", "[a, b, ../c] # all"),
            ("resources: []\n", "resources: [../c]\n"),
            ("{\"resources\": [\"a\"]}\n", "[\"a\", \"../c\"]"),
            ("resources:\r\n- a\r\n", "- a\r\n- ../c\r\n"),
            ("resources:\n- a", "- a\n- ../c"),
        ];
        for (before, part) in cases {
            let after = text(list(&path(), before.as_bytes(), "../c"));
            assert!(after.contains(part), "{after}");
            let back = text(unlist(&path(), after.as_bytes(), &|item| item == "../c"));
            assert_eq!(back, before);
        }
    }

    #[test]
    fn the_only_item_leaves_a_list() {
        let before = "resources:\n- ../c # mine\nnamespace: x\n";
        let after = text(unlist(&path(), before.as_bytes(), &|_| true));
        assert_eq!(after, "resources: []\nnamespace: x\n");
        let commented = b"resources:\n# why\n- ../c\n";
        assert!(unlist(&path(), commented, &|_| true).is_err());
    }

    #[test]
    fn what_cannot_be_added_to_is_refused() {
        for bad in
            ["namespace: x\n", "resources: x\n", "resources:\n", "resources: &a [b]\nx: *a\n"]
        {
            assert!(list(&path(), bad.as_bytes(), "c").is_err(), "{bad}");
        }
    }

    #[test]
    fn every_path_is_mended_in_place() {
        let before = "resources: [../../base, x.yaml]\npatches:\n- path: ../p.yaml # why\n- patch: |\n    \
                      a: b\nconfigMapGenerator:\n- name: c\n  files:\n  - k=../f.txt\n";
        let mended = |path: &str| path.strip_prefix("../").map(|rest| format!("../x/../{rest}"));
        let after = text(mend(&path(), before.as_bytes(), &mended));
        let wanted = before
            .replace("../../base", "../x/../../base")
            .replace("../p.yaml", "../x/../p.yaml")
            .replace("k=../f.txt", "k=../x/../f.txt");
        assert_eq!(after, wanted);
    }

    #[test]
    fn labels_in_selectors_are_told_from_others() {
        let text = b"commonLabels: {a: b}\nlabels:\n- pairs: {c: d}\n- pairs: {e: f}\n  \
                     includeSelectors: true\n";
        let pairs = selected_pairs(&path(), text).unwrap();
        let pairs: Vec<String> =
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(pairs, ["a=b", "e=f"]);
    }
}
