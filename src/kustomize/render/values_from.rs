//! The values of a Helm release of Flux: its own, over those that it takes
//! from `ConfigMap`s and `Secret`s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::context::{Context, Evidence};
use super::document::{self, Source};
use super::resource::Resource;
use super::value::{Form, Kind, MAX_DEPTH, Value};

/// Where Flux looks when no key is named.
const USUAL_KEY: &str = "values.yaml";

/// Whether a release takes values from elsewhere.
pub(super) fn takes(release: &Resource) -> bool {
    release.kind() == "HelmRelease" && !sources(release).is_empty()
}

fn sources(release: &Resource) -> &[Value] {
    let spec = release.value.get("spec");
    spec.and_then(|spec| spec.get("valuesFrom")).map_or(&[], Value::items)
}

/// The values of a release as far as they are rendered with it, and whether
/// some of them come from elsewhere.
pub(super) fn values(
    ctx: &mut Context<'_>,
    release: &Resource,
    all: &[Resource],
) -> (Option<Value>, bool) {
    let mut merged = None;
    let mut further = false;
    for source in sources(release) {
        for value in taken(ctx, source, all) {
            further = true;
            merged = Some(over(merged, value, 0));
        }
    }
    let own = release.value.get("spec").and_then(|spec| spec.get("values"));
    match own {
        Some(own) => (Some(over(merged, own.clone(), 0)), further),
        None => (merged, further),
    }
}

/// What one entry of `valuesFrom` brings.
fn taken(ctx: &mut Context<'_>, source: &Value, all: &[Resource]) -> Vec<Value> {
    let (kind, name) = (source.shown_at("kind"), source.shown_at("name"));
    let named = |one: &&Resource| one.name() == name || one.original().name == name;
    // What is sealed becomes a secret of the same name.
    let fits = |one: &&Resource| one.kind() == kind || one.kind() == format!("Sealed{kind}");
    let holders: Vec<&Resource> = all.iter().filter(named).filter(fits).collect();
    let key = Some(source.shown_at("valuesKey")).filter(|key| !key.is_empty());
    let key = key.unwrap_or(USUAL_KEY);
    let target = source.shown_at("targetPath");
    let mut found = Vec::new();
    for holder in holders {
        let entry = entries(ctx, holder).into_iter().find(|entry| entry.0 == key);
        let value = match &entry {
            Some((_, Some(text))) => read(ctx, text, target),
            None if holder.kind() == kind => continue,
            Some((_, None)) | None => None,
        };
        match value {
            Some(value) => found.push(value),
            None => {
                let what = format!("values in the {} {name}, which cannot be read", holder.kind());
                let evidence = entry.and_then(|entry| entry.1);
                let evidence = evidence.map_or(Evidence::value(&holder.value), |text| {
                    Evidence::value(&text).and_bytes(target.as_bytes())
                });
                ctx.apart(|ctx| ctx.opaque(holder.value.at, what, evidence));
            }
        }
    }
    found
}

/// The entries of a `ConfigMap` or a `Secret`; without a text where it cannot
/// be read.
pub(super) fn entries(ctx: &Context<'_>, holder: &Resource) -> Vec<(String, Option<Value>)> {
    let pairs = |field: &str| holder.value.get(field).map(Value::pairs).unwrap_or_default();
    let plain = |(key, value): &(String, Value)| (key.clone(), Some(value.clone()));
    match holder.kind() {
        "ConfigMap" => {
            let encoded = pairs("binaryData").iter();
            let encoded = encoded.map(|(key, value)| (key.clone(), decoded(value)));
            encoded.chain(pairs("data").iter().map(plain)).collect()
        }
        "Secret" => {
            let name = holder.original().name;
            let made = ctx.secrets.iter().filter(|(own, _)| *own == name);
            let made = made.flat_map(|(_, data)| data.pairs()).map(plain);
            let encoded = pairs("data").iter().map(|(key, value)| (key.clone(), decoded(value)));
            // Later ones are over the earlier ones.
            let mut found: Vec<_> =
                encoded.chain(made).chain(pairs("stringData").iter().map(plain)).collect();
            found.reverse();
            found
        }
        _ => Vec::new(),
    }
}

fn decoded(value: &Value) -> Option<Value> {
    let bytes: Vec<u8> = value.shown().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let text = String::from_utf8(STANDARD.decode(bytes).ok()?).ok()?;
    Some(Value { set_by: value.set_by, ..Value::text(value.at, text) })
}

/// The values in a text; `None` where it holds something else, or holds it in
/// an odd way.
fn read(ctx: &Context<'_>, text: &Value, target: &str) -> Option<Value> {
    if !target.is_empty() {
        return at_path(target, text);
    }
    let mut apart = Context::new(ctx.snapshot);
    let shown = text.shown();
    let mut found = document::all(&mut apart, Source { text: shown, at: text.at });
    let plain = apart.opaque.is_empty() && !apart.cut && found.len() <= 1;
    match found.pop() {
        None if plain => Some(Value::map(text.at, Vec::new())),
        Some(value) if plain && matches!(value.kind, Kind::Map(_)) => Some(value),
        _ => None,
    }
}

/// A value at a path of plain keys.
fn at_path(path: &str, value: &Value) -> Option<Value> {
    let plain = |key: &str| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    let keys: Vec<&str> = path.split('.').collect();
    (keys.len() < MAX_DEPTH && keys.iter().all(|key| plain(key))).then_some(())?;
    let nested = keys
        .iter()
        .rev()
        .fold(value.clone(), |inner, key| Value::map(value.at, vec![((*key).to_owned(), inner)]));
    Some(nested)
}

/// One over the other, as Helm merges values.
fn over(below: Option<Value>, above: Value, depth: usize) -> Value {
    let Some(Value { kind: Kind::Map(mut pairs), at, set_by }) = below else { return above };
    let Kind::Map(new) = above.kind else {
        // No values at all leave what is there.
        let nothing = depth == 0 && matches!(above.kind, Kind::Scalar(_, Form::Null));
        return if nothing { Value { kind: Kind::Map(pairs), at, set_by } } else { above };
    };
    for (key, value) in new {
        match pairs.iter_mut().find(|(own, _)| *own == key) {
            Some((_, old)) => *old = over(Some(old.clone()), value, depth + 1),
            None => pairs.push((key, value)),
        }
    }
    Value { kind: Kind::Map(pairs), at, set_by }
}
