//! JSON 6902 patches as `evanphx/json-patch` 4 applies them.

use super::merge::{Merged, Trouble, may_hold_image};
use super::unknown;
use super::value::{Kind, MAX_DEPTH, Place, Value};

/// A patched object may not grow beyond this.
const MAX_SIZE: usize = 2_000_000;

fn trouble<T>(at: Place, what: impl Into<String>) -> Merged<T> {
    Err(Trouble { at, what: what.into() })
}

/// Applies the operations in order.
pub(super) fn apply(object: &mut Value, operations: &Value) -> Merged<()> {
    let mut copied = 0;
    for operation in operations.items() {
        if operation.get("op").and_then(Value::raw) == Some("copy") {
            copied += object.size();
        }
        if copied > MAX_SIZE {
            return trouble(operation.at, "copies without end");
        }
        one(object, operation)?;
    }
    Ok(())
}

fn one(object: &mut Value, operation: &Value) -> Merged<()> {
    let text = |key: &str| operation.get(key).map(Value::shown).filter(|text| !text.is_empty());
    let Some(path) = text("path").and_then(pointer) else {
        return trouble(operation.at, "an operation whose path is not followed");
    };
    let value = || match operation.get("value") {
        Some(value) => Ok(value.clone()),
        None => trouble(operation.at, "an operation without a value"),
    };
    let from = || match text("from").and_then(pointer) {
        Some(from) => Ok(from),
        None => trouble(operation.at, "an operation whose `from` is not followed"),
    };
    let at = operation.at;
    let moves = matches!(text("op"), Some("move" | "copy"));
    if moves && is_image(&path) && !is_image(&from()?) {
        // Labels, names and counts are set at places that are not tracked.
        return trouble(at, "an operation that makes an image of something else");
    }
    let done = match text("op") {
        Some("add") => add(object, &path, value()?),
        Some("replace") => replace(object, &path, value()?),
        Some("remove") => remove(object, &path).map(|_| ()),
        Some("move") => remove(object, &from()?).and_then(|value| add(object, &path, value)),
        Some("copy") => {
            let found = lookup(object, &from()?).cloned();
            found.and_then(|value| add(object, &path, value))
        }
        Some("test") => {
            let wanted = value()?;
            lookup(object, &path).filter(|found| found.same(&wanted)).map(|_| ())
        }
        _ => None,
    };
    if done.is_none() {
        let what = format!("an operation on `/{}` that does not apply", path.join("/"));
        return trouble(at, what);
    }
    if path.len() + object.depth() > MAX_DEPTH {
        return trouble(at, "nested too deep to follow");
    }
    Ok(())
}

/// The parts of a JSON pointer below the root.
fn pointer(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix('/')?;
    Some(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
}

fn is_image(path: &[String]) -> bool {
    path.last().is_some_and(|last| last == "image")
}

fn index(part: &str, length: usize) -> Option<usize> {
    let canonical = part == "0" || !part.starts_with('0');
    let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let index: usize = part.parse().ok().filter(|_| canonical && digits)?;
    (index < length).then_some(index)
}

fn child<'v>(value: &'v mut Value, part: &str) -> Option<&'v mut Value> {
    match &mut value.kind {
        Kind::Map(pairs) => pairs.iter_mut().find(|(key, _)| key == part).map(|(_, value)| value),
        Kind::List(items) => {
            let index = index(part, items.len())?;
            items.get_mut(index)
        }
        Kind::Scalar(..) => None,
    }
}

fn lookup<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| match &value.kind {
        Kind::Map(_) => value.get(part),
        Kind::List(items) => items.get(index(part, items.len())?),
        Kind::Scalar(..) => None,
    })
}

/// The collection that holds the end of a path, and the last part.
fn holder<'v, 'p>(value: &'v mut Value, path: &'p [String]) -> Option<(&'v mut Value, &'p str)> {
    let (last, above) = path.split_last()?;
    let holder = above.iter().try_fold(value, |value, part| child(value, part))?;
    Some((holder, last))
}

fn add(object: &mut Value, path: &[String], value: Value) -> Option<()> {
    let (holder, last) = holder(object, path)?;
    match &mut holder.kind {
        Kind::Map(_) => holder.set(last, value),
        Kind::List(items) if last == "-" => items.push(value),
        Kind::List(items) => {
            let index = index(last, items.len() + 1)?;
            items.insert(index, value);
        }
        Kind::Scalar(..) => return None,
    }
    Some(())
}

/// Sets a value; in a mapping also one that was not there.
fn replace(object: &mut Value, path: &[String], value: Value) -> Option<()> {
    let (holder, last) = holder(object, path)?;
    match &mut holder.kind {
        Kind::Map(_) => holder.set(last, value),
        Kind::List(items) => {
            let index = index(last, items.len())?;
            *items.get_mut(index)? = value;
        }
        Kind::Scalar(..) => return None,
    }
    Some(())
}

fn remove(object: &mut Value, path: &[String]) -> Option<Value> {
    let (holder, last) = holder(object, path)?;
    match &mut holder.kind {
        Kind::Map(_) => holder.remove(last),
        Kind::List(items) => {
            let index = index(last, items.len())?;
            Some(items.remove(index))
        }
        Kind::Scalar(..) => None,
    }
}

/// Whether operations could decide what an object of that kind, which is not
/// known, takes from elsewhere.
pub(super) fn may_decide(operations: &Value, kind: &str) -> bool {
    operations.items().iter().any(|operation| {
        let names = pointer(operation.shown_at("path")).unwrap_or_default();
        names.iter().any(|name| unknown::key_decides(name, kind))
            || operation.get("value").is_some_and(|value| unknown::decides(value, kind))
    })
}

/// Whether operations go by places in lists. What is only put into one does
/// not.
pub(super) fn goes_by_place(operations: &Value) -> bool {
    let by_place = |path: &str| path.split('/').any(|part| part.parse::<usize>().is_ok());
    operations.items().iter().any(|operation| {
        let path = operation.shown_at("path");
        let path = match operation.shown_at("op") {
            "add" => path.rsplit_once('/').map_or("", |(above, _)| above),
            _ => path,
        };
        by_place(path) || by_place(operation.shown_at("from"))
    })
}

/// Whether operations could give an object another kind or name.
pub(super) fn renames(operations: &Value) -> bool {
    operations.items().iter().any(|operation| {
        let names = pointer(operation.shown_at("path")).unwrap_or_default();
        match names.as_slice() {
            [top] => ["", "metadata", "kind", "apiVersion"].contains(&top.as_str()),
            [top, name] => top == "metadata" && ["name", "namespace"].contains(&name.as_str()),
            _ => false,
        }
    })
}

/// Whether operations could make or move an image in an object that is not known.
pub(super) fn may_make_image(operations: &Value) -> bool {
    operations.items().iter().any(|operation| {
        let moves = matches!(operation.shown_at("op"), "move" | "copy");
        let path = operation.shown_at("path");
        moves || path.ends_with("/image") || operation.get("value").is_some_and(may_hold_image)
    })
}
