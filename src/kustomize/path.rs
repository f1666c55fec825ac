//! Field paths as the config writes them: `spec.images[name=web].newTag`.

use crate::yaml::{NodeId, Stream};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A key of a mapping.
    Key(String),
    /// `[N]`
    Index(usize),
    /// `[*]`: every item of a list.
    Every,
    /// `[key=value]`: the items with that value.
    Where(String, String),
}

/// Reads a path: keys with dots between; a key with dots in it as `["a.b"]`.
/// `None` where it is no path.
pub(super) fn parse(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, behind) = bracket(inside)?;
            steps.push(step);
            rest = behind;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, behind) = rest.split_at_checked(end)?;
            if key.is_empty() {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix('.') {
            if behind.is_empty() {
                return None;
            }
            rest = behind;
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// What stands between brackets, and the rest behind them.
fn bracket(inside: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let (key, behind) = quoted.split_once("\"]")?;
        return Some((Step::Key(key.to_owned()), behind));
    }
    let (text, behind) = inside.split_once(']')?;
    let step = match (text, text.split_once('=')) {
        ("" | "*", _) => Step::Every,
        (_, Some((key, value))) => Step::Where(key.to_owned(), value.to_owned()),
        _ => Step::Index(text.parse().ok()?),
    };
    Some((step, behind))
}

/// All values that a path leads to, in every document.
pub(super) fn find(stream: &Stream, steps: &[Step]) -> Vec<NodeId> {
    let mut found: Vec<NodeId> = stream.documents().to_vec();
    for step in steps {
        found = found.into_iter().flat_map(|node| follow(stream, node, step)).collect();
    }
    found
}

fn follow(stream: &Stream, node: NodeId, step: &Step) -> Vec<NodeId> {
    match step {
        Step::Key(key) => stream.get(node, key).into_iter().collect(),
        Step::Index(index) => stream.items(node).get(*index).copied().into_iter().collect(),
        Step::Every => stream.items(node).to_vec(),
        Step::Where(key, value) => {
            let mut items = stream.items(node).to_vec();
            items.retain(|item| {
                let own = stream.get(*item, key).and_then(|id| stream.value(id));
                own == Some(value.as_str())
            });
            items
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_keys_indexes_and_conditions() {
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(parse("image.tag"), Some(vec![key("image"), key("tag")]));
        assert_eq!(
            parse("spec.images[name=web].newTag"),
            Some(vec![
                key("spec"),
                key("images"),
                Step::Where("name".to_owned(), "web".to_owned()),
                key("newTag")
            ])
        );
        assert_eq!(
            parse("a[*][2][\"b.c\"]"),
            Some(vec![key("a"), Step::Every, Step::Index(2), key("b.c")])
        );
        for bad in ["", ".a", "a.", "a[", "a[x]", "a..b"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
