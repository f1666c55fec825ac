//! Strategic merge patches as kyaml's merge2 applies them, with the lists of
//! new items in front.

use std::collections::HashSet;

use super::reference;
use super::schema::{self, Field, MergedList, Type};
use super::value::{Kind, Place, Value};

/// Why a patch is not followed, and where.
pub(super) struct Trouble {
    pub(super) at: Place,
    pub(super) what: String,
}

pub(super) type Merged<T> = Result<T, Trouble>;

fn trouble<T>(at: Place, what: &str) -> Merged<T> {
    Err(Trouble { at, what: what.to_owned() })
}

/// What is known of a mapping's type.
#[derive(Clone, Copy)]
enum Known {
    Of(Type),
    /// Nothing, so that its own `apiVersion` and `kind` count.
    Nothing,
    /// Part of a known type that holds no merged list.
    Pruned,
}

/// Merges a patch into an object; `None` where that deletes it.
pub(super) fn merge(object: Value, patch: Value) -> Merged<Option<Value>> {
    audit(&object, Known::Nothing)?;
    audit(&patch, known_at(Known::Nothing, Some(&object), Some(&patch))?)?;
    let merged = walk(Some(object), Some(patch), Known::Nothing)?;
    if let Some(left) = merged.as_ref().and_then(left_directive) {
        return trouble(left, "a `$patch` that kustomize leaves where it stands");
    }
    Ok(merged)
}

const DIRECTIVE: &str = "$patch";

fn left_directive(value: &Value) -> Option<Place> {
    let mut found = None;
    value.any(&mut |value| {
        found = value.get(DIRECTIVE).map(|directive| directive.at);
        found.is_some()
    });
    found
}

/// Whether an image could be in there.
pub(super) fn may_hold_image(value: &Value) -> bool {
    value.any(&mut |value| match &value.kind {
        Kind::Map(pairs) => {
            pairs.iter().any(|(key, _)| key == "image" || reference::is_image_like(key))
        }
        Kind::Scalar(text, _) => reference::is_image_like(text),
        Kind::List(_) => false,
    })
}

/// The type of a mapping, which its own `apiVersion` and `kind` may tell.
fn known_at(known: Known, dest: Option<&Value>, origin: Option<&Value>) -> Merged<Known> {
    if let Known::Of(_) = known {
        return Ok(known);
    }
    let both = [dest, origin];
    let found = both.iter().flatten().find_map(|value| {
        let of = schema::of_kind(value.shown_at("apiVersion"), value.shown_at("kind"))?;
        Some((value.at, of))
    });
    match (known, found) {
        (_, None) => Ok(known),
        (Known::Nothing, Some((_, of))) => Ok(Known::Of(of)),
        (_, Some((at, _))) if both.iter().flatten().any(|value| may_hold_image(value)) => {
            trouble(at, "an object inside another one")
        }
        (known, Some(_)) => Ok(known),
    }
}

fn field_of(known: Known, key: &str) -> (Known, Option<&'static MergedList>) {
    let Known::Of(of) = known else { return (known, None) };
    match schema::field(of, key) {
        Field::Mapping(next) => (Known::Of(next), None),
        Field::Merged(list) => (Known::Pruned, Some(list)),
        Field::Unknown => (Known::Pruned, None),
    }
}

fn item_of(list: &MergedList) -> Known {
    list.item.map_or(Known::Pruned, Known::Of)
}

/// Refuses lists that are merged by a key which their items lack or share,
/// where images are among them.
fn audit(value: &Value, known: Known) -> Merged<()> {
    let known = known_at(known, Some(value), None)?;
    for (key, field) in value.pairs() {
        let (next, list) = field_of(known, key);
        match list {
            None => audit(field, next)?,
            Some(list) => audit_list(field, list)?,
        }
    }
    Ok(())
}

fn audit_list(value: &Value, list: &MergedList) -> Merged<()> {
    let mut seen = HashSet::new();
    let distinct = match list.keys.as_slice() {
        [key] => value.items().iter().all(|item| {
            let own = item.shown_at(key);
            item.get(DIRECTIVE).is_some() || !own.is_empty() && seen.insert(own)
        }),
        _ => value.items().is_empty(),
    };
    if !distinct && may_hold_image(value) {
        return trouble(value.at, "items of a merged list without a name of their own");
    }
    value.items().iter().try_for_each(|item| audit(item, item_of(list)))
}

fn present(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null())
}

fn is_map(value: &Value) -> bool {
    matches!(value.kind, Kind::Map(_))
}

/// Merges two values of no merged list. `None`: nothing is left.
fn walk(dest: Option<Value>, origin: Option<Value>, known: Known) -> Merged<Option<Value>> {
    let first = if present(dest.as_ref()) { dest.as_ref() } else { origin.as_ref() };
    let Some(first) = first.filter(|first| !first.is_null()) else {
        // An explicit null of the object stays.
        return Ok(dest.filter(|dest| origin.is_none() && !dest.raw().unwrap_or("").is_empty()));
    };
    let fits = match (&first.kind, origin.as_ref().filter(|origin| !origin.is_null())) {
        (_, None) => true,
        (Kind::Map(_), Some(origin)) => is_map(origin),
        (Kind::List(_), Some(origin)) => matches!(origin.kind, Kind::List(_)),
        (Kind::Scalar(..), Some(origin)) => matches!(origin.kind, Kind::Scalar(..)),
    };
    if !fits {
        return trouble(first.at, "a patch of another shape than the object");
    }
    if is_map(first) {
        return walk_map(dest, origin, known);
    }
    Ok(origin.or(dest).filter(|value| !value.is_null()))
}

fn walk_map(dest: Option<Value>, mut origin: Option<Value>, known: Known) -> Merged<Option<Value>> {
    let known = known_at(known, dest.as_ref(), origin.as_ref())?;
    let directive = match origin.as_mut() {
        Some(origin) => take_directive(origin)?,
        None => Directive::Merge,
    };
    let dest = dest.filter(|dest| !dest.is_null());
    match (dest, origin, directive) {
        (None, None, _) | (_, _, Directive::Delete) => Ok(None),
        (Some(dest), None, _) => Ok(Some(dest)),
        (Some(_), Some(origin), _) if origin.is_null() => Ok(None),
        (None, Some(origin), _) | (Some(_), Some(origin), Directive::Replace) => {
            fresh(origin, known).map(Some)
        }
        (Some(dest), Some(origin), Directive::Merge) => fields(dest, origin, known).map(Some),
    }
}

/// The union of the fields.
fn fields(mut dest: Value, origin: Value, known: Known) -> Merged<Value> {
    let Kind::Map(pairs) = origin.kind else { return Ok(dest) };
    for (key, value) in pairs {
        let (next, list) = field_of(known, &key);
        let old = dest.remove(&key);
        let merged = match list {
            Some(list) => walk_list(old, value, list)?,
            None => walk(old, Some(value), next)?,
        };
        if let Some(merged) = merged {
            dest.set(&key, merged);
        }
    }
    Ok(dest)
}

/// A mapping of the patch where the object has none: nulls and directives go.
fn fresh(origin: Value, known: Known) -> Merged<Value> {
    let empty = Value { kind: Kind::Map(Vec::new()), ..origin.clone() };
    fields(empty, origin, known)
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(value: &Value) -> Merged<Directive> {
    match value.raw() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        _ => trouble(value.at, "a `$patch` that kustomize does not know"),
    }
}

fn take_directive(map: &mut Value) -> Merged<Directive> {
    map.remove(DIRECTIVE).map_or(Ok(Directive::Merge), |value| directive(&value))
}

/// Merges lists item by item.
fn walk_list(dest: Option<Value>, origin: Value, list: &MergedList) -> Merged<Option<Value>> {
    if origin.is_null() {
        return Ok(None);
    }
    let is_list = |value: &Value| matches!(value.kind, Kind::List(_));
    let dest = dest.filter(|dest| !dest.is_null());
    if !is_list(&origin) || dest.as_ref().is_some_and(|dest| !is_list(dest)) {
        return trouble(origin.at, "a patch of another shape than the object");
    }
    let at = origin.at;
    let Kind::List(mut new) = origin.kind else { return Ok(None) };
    let mut old = match dest {
        Some(Value { kind: Kind::List(items), .. }) => match list_directive(&mut new)? {
            Directive::Merge => items,
            Directive::Replace => Vec::new(),
            Directive::Delete => return Ok(None),
        },
        _ => {
            let alone = |item: &&Value| item.get(DIRECTIVE).is_some() && item.pairs().len() == 1;
            if let Some(item) = new.iter().find(alone) {
                return trouble(item.at, "a `$patch` for a list that is not there");
            }
            Vec::new()
        }
    };
    if let Some(again) = given_twice(&new, &list.keys) {
        return trouble(again.at, "a `$patch` for an item that the patch gives twice");
    }
    if let Some(item) = new.iter().find(|item| is_nameless(item, &list.keys)) {
        // kyaml then pairs items by whichever key it finds, and loses some.
        return trouble(item.at, "an item of a list without the key that tells it apart");
    }
    let mut merged = Vec::new();
    for item in new {
        merged.extend(walk_item(&mut old, item, list)?);
    }
    merged.extend(old.into_iter().filter(|item| !item.is_null() && !is_empty_map(item)));
    Ok(Some(Value { at, set_by: None, kind: Kind::List(merged) }))
}

/// An item with a directive that another item of the patch names too.
fn given_twice<'a>(items: &'a [Value], keys: &[&str]) -> Option<&'a Value> {
    let directed = items.iter().enumerate().filter(|(_, item)| item.get(DIRECTIVE).is_some());
    let twice = |index: usize, item: &Value| {
        let mut others = items.iter().enumerate().filter(|(other, _)| *other != index);
        others.any(|(_, other)| is_map(other) && same_item(other, item, keys))
    };
    directed.filter(|(index, item)| twice(*index, item)).map(|(_, item)| item).next()
}

/// Whether an item of a patch lacks what tells the items of its list apart.
fn is_nameless(item: &Value, keys: &[&str]) -> bool {
    let is_named = keys.first().is_none_or(|key| !item.shown_at(key).is_empty());
    is_map(item) && !is_named
}

fn is_empty_map(value: &Value) -> bool {
    is_map(value) && value.is_empty()
}

/// The `- $patch: ...` of a list; takes it and what else has it away.
fn list_directive(items: &mut Vec<Value>) -> Merged<Directive> {
    let Some(first) = items.iter().find(|item| item.get(DIRECTIVE).is_some()) else {
        return Ok(Directive::Merge);
    };
    let (Some(value), 1) = (first.get(DIRECTIVE).cloned(), first.pairs().len()) else {
        return Ok(Directive::Merge);
    };
    let found = directive(&value)?;
    items.retain(|item| {
        item.get(DIRECTIVE).is_none_or(|own| own.raw() != value.raw()) && !item.is_null()
    });
    Ok(found)
}

/// Merges an item of the patch with that of the object, which it takes out.
fn walk_item(old: &mut Vec<Value>, mut item: Value, list: &MergedList) -> Merged<Option<Value>> {
    let found = old.iter().position(|other| same_item(other, &item, &list.keys));
    let other = found.map(|index| old.remove(index));
    if !is_map(&item) {
        return Ok(Some(item).filter(|item| !item.is_null()));
    }
    let replaced = item.get(DIRECTIVE).is_some_and(|value| value.raw() == Some("replace"));
    if let Some(other) = other.as_ref().filter(|_| replaced) {
        // kyaml puts the object's own item back.
        return Ok(Some(other.clone()));
    }
    if other.is_none() {
        let directive = take_directive(&mut item)?;
        if matches!(directive, Directive::Delete) {
            return Ok(None);
        }
    }
    let merged = walk_map(other, Some(item), item_of(list))?;
    Ok(merged.filter(|merged| !is_empty_map(merged)))
}

fn same_item(a: &Value, b: &Value, keys: &[&str]) -> bool {
    if keys.is_empty() {
        return a.raw().is_some() && a.raw() == b.raw();
    }
    let first = keys.first().copied().unwrap_or_default();
    !b.shown_at(first).is_empty()
        && keys.iter().all(|key| {
            let (a, b) = (a.shown_at(key), b.shown_at(key));
            a == b || a.is_empty() || b.is_empty()
        })
}
