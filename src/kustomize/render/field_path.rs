//! The field paths of replacements.

use regex::Regex;

use super::pattern;
use super::value::{Form, Kind, Place, Value};

/// One step of a path.
enum Step {
    Name(String),
    Index(usize),
    /// `[name=web]`
    Match(String, String),
    /// `*`
    Every,
}

/// A path such as `spec.template.spec.containers.[name=web].image`.
pub(super) struct FieldPath {
    steps: Vec<Step>,
    /// Whether what it leads to may have been set by something that is not
    /// tracked: labels below `metadata` of others, counts, namespaces.
    pub(super) uncertain: bool,
    pub(super) names_image: bool,
}

impl FieldPath {
    /// Reads a path as kyaml's `SmarterPathSplitter` does; `None` where it is
    /// not followed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = split(text)?;
        let own = matches!(parts.first().map(String::as_str), Some("metadata" | "data"))
            && parts.len() <= 3;
        let uncertain = !own
            && parts.iter().any(|part| {
                let part = part.to_ascii_lowercase();
                ["label", "selector", "annotation", "replicas", "namespace"]
                    .iter()
                    .any(|word| part.contains(word))
            });
        let names_image =
            parts.iter().any(|part| part == "image" || part == "*" || part.ends_with("ontainers"));
        let steps: Option<Vec<Step>> = parts.into_iter().map(step).collect();
        Some(Self { steps: steps?, uncertain, names_image })
    }

    /// The value it leads to, as `Lookup` finds it.
    pub(super) fn lookup<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Index(index) => value.items().get(*index),
            Step::Match(key, wanted) => {
                value.items().iter().find(|item| item.get(key).and_then(Value::raw) == Some(wanted))
            }
            Step::Every => None,
        })
    }

    /// Calls `set` with every value it leads to and counts them; `None` where
    /// kustomize fails or it is not followed.
    pub(super) fn each(
        &self,
        value: &mut Value,
        create: Option<Place>,
        set: &mut dyn FnMut(&mut Value) -> Option<()>,
    ) -> Option<usize> {
        each(&self.steps, value, create, set)
    }
}

fn each(
    steps: &[Step],
    value: &mut Value,
    create: Option<Place>,
    set: &mut dyn FnMut(&mut Value) -> Option<()>,
) -> Option<usize> {
    let Some((first, rest)) = steps.split_first() else {
        set(value)?;
        return Some(1);
    };
    if value.is_null() {
        return create.is_none().then_some(0);
    }
    match (first, &mut value.kind) {
        (Step::Name(name), Kind::Map(_)) => {
            if value.get(name).is_none() {
                let Some(at) = create else { return Some(0) };
                value.set(name, made(rest, at)?);
            }
            each(rest, value.get_mut(name)?, create, set)
        }
        (Step::Index(index), Kind::List(items)) => each(rest, items.get_mut(*index)?, create, set),
        (Step::Match(key, wanted), Kind::List(items)) => {
            let regex = pattern::compile("", wanted, "")?;
            let mut count = 0;
            for item in items {
                if matches_item(item, key, &regex)? {
                    count += each(rest, item, create, set)?;
                }
            }
            (count > 0 || create.is_none()).then_some(count)
        }
        (Step::Every, Kind::List(items)) => {
            items.iter_mut().map(|item| each(rest, item, create, set)).sum()
        }
        _ => None,
    }
}

/// A new value on the way.
fn made(rest: &[Step], at: Place) -> Option<Value> {
    match rest.first() {
        None => Some(Value { at, set_by: None, kind: Kind::Scalar(String::new(), Form::Other) }),
        Some(Step::Name(_)) => Some(Value::map(at, Vec::new())),
        Some(_) => None,
    }
}

/// Whether an item fits; kyaml searches, and looks at how the value is written.
fn matches_item(item: &Value, key: &str, regex: &Regex) -> Option<bool> {
    let Some(value) = item.get(key) else { return Some(false) };
    let text = value.raw()?;
    let simple = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    simple.then(|| regex.is_match(text))
}

fn split(text: &str) -> Option<Vec<String>> {
    let mut parts: Vec<String> = Vec::new();
    for part in text.split('.') {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push('.');
                last.push_str(part);
            }
            Some(last) if last.starts_with('[') && !last.ends_with(']') => {
                last.push('.');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    let odd = |part: &String| part.trim() != part || part.is_empty() || part.contains('\\');
    (!parts.iter().any(odd)).then_some(parts)
}

fn step(part: String) -> Option<Step> {
    if part == "*" {
        return Some(Step::Every);
    }
    if part.bytes().all(|byte| byte.is_ascii_digit()) {
        return part.parse().ok().map(Step::Index);
    }
    let Some(inner) = part.strip_prefix('[') else {
        let plain = part != "-" && !part.contains(['[', ']']) && !part.starts_with('+');
        return plain.then_some(Step::Name(part));
    };
    let inner = inner.strip_suffix(']')?;
    if inner.contains(['[', ']']) {
        return None;
    }
    match inner.split_once('=') {
        // With brackets only where a dot is inside; else kyaml fails.
        None => inner.contains('.').then(|| Step::Name(inner.to_owned())),
        Some((key, wanted)) => {
            let simple = wanted.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            (!key.is_empty() && !wanted.is_empty() && simple)
                .then(|| Step::Match(key.to_owned(), wanted.to_owned()))
        }
    }
}
