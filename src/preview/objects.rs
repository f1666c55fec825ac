//! What has to be said of each object so that the copy does not meet the
//! original: hosts, selectors, and what must not be there twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Name, PreviewError};
use crate::kustomize::render::Object;

/// A part of a host name is not longer.
const LONGEST_PART: usize = 63;

/// What is done to one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Patch {
    /// These fields get other values: JSON pointer and text.
    Fields(BTreeMap<String, String>),
    /// It goes.
    Delete,
}

/// What the objects need.
#[derive(Debug, Default)]
pub(super) struct Patches<'o> {
    /// By object, in their order.
    pub(super) patches: Vec<(&'o Object, Patch)>,
    /// What could not be told apart.
    pub(super) warnings: Vec<String>,
}

/// Kinds that belong to whoever names them: those that are generated have no
/// labels to select them by.
const NAMED: [&str; 4] = ["ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim"];

/// The objects that the labels name, and what these name.
pub(super) fn selected<'o>(
    objects: &'o [Object],
    selector: &[(String, String)],
) -> Vec<&'o Object> {
    let own: Vec<&Object> = objects.iter().filter(|object| has(object, selector)).collect();
    let named = |object: &Object| {
        let kind = NAMED.contains(&object.kind.as_str());
        kind && own.iter().any(|own| names(&own.value, &object.name))
    };
    let is_own = |object: &Object| own.iter().any(|own| std::ptr::eq(*own, object));
    objects.iter().filter(|object| is_own(object) || named(object)).collect()
}

/// Whether a value below is that text.
fn names(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Array(items) => items.iter().any(|item| names(item, text)),
        Value::Object(map) => map.values().any(|value| names(value, text)),
        _ => false,
    }
}

fn has(object: &Object, selector: &[(String, String)]) -> bool {
    let labels = object.value.pointer("/metadata/labels");
    selector.iter().all(|(key, value)| {
        let own = labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        own == Some(value)
    })
}

/// The patches of all objects; those that are not selected go.
pub(super) fn patches<'o>(
    objects: &'o [Object],
    selector: &[(String, String)],
    name: &Name,
) -> Result<Patches<'o>, PreviewError> {
    let mut found = Patches::default();
    let mut kept = selected(objects, selector);
    kept.retain(|object| !is_shared(object));
    let world = World::of(&kept, name);
    for object in objects {
        if !kept.iter().any(|other| std::ptr::eq(*other, object)) {
            found.patches.push((object, Patch::Delete));
            continue;
        }
        let long =
            object.kind == "Service" && object.name.len() + name.as_str().len() >= LONGEST_PART;
        if long {
            let message = "would have a name of more than 63 characters in the preview";
            found.warnings.push(format!("Service/{} {message}", object.name));
        }
        let mut fields = world.selectors(object);
        fields.extend(world.hosts(object, &mut found.warnings)?);
        fields.extend(world.backends(object));
        if !fields.is_empty() {
            found.patches.push((object, Patch::Fields(fields)));
        }
    }
    Ok(found)
}

/// Objects that kustomize gives no suffix: the copy would be the original.
fn is_shared(object: &Object) -> bool {
    matches!(object.kind.as_str(), "Namespace" | "CustomResourceDefinition" | "APIService")
}

struct World<'n> {
    name: &'n Name,
    /// Labels of pods that something selects by.
    renamed: BTreeSet<(String, String)>,
    services: BTreeSet<String>,
}

impl<'n> World<'n> {
    fn of(objects: &[&Object], name: &'n Name) -> Self {
        let mut on_pods = BTreeSet::new();
        let mut selecting = BTreeSet::new();
        for object in objects {
            walk(&object.value, "", &mut |pointer, map| {
                let pairs = map
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
                match role(object, pointer) {
                    Some(Role::Pods) => on_pods.extend(pairs),
                    Some(Role::Selector) => selecting.extend(pairs),
                    None => {}
                }
            });
        }
        let services = objects.iter().filter(|object| object.kind == "Service");
        Self {
            name,
            renamed: on_pods.intersection(&selecting).cloned().collect(),
            services: services.map(|object| object.name.clone()).collect(),
        }
    }

    /// Labels of pods, and selectors of them: a selector of the original would
    /// take the copy's pods too, whatever other labels they have.
    fn selectors(&self, object: &Object) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        walk(&object.value, "", &mut |pointer, map| {
            if role(object, pointer).is_none() {
                return;
            }
            for (key, value) in map {
                let Some(value) = value.as_str() else { continue };
                if self.renamed.contains(&(key.clone(), value.to_owned())) {
                    let at = format!("{pointer}/{}", escaped(key));
                    fields.insert(at, self.name.behind(value));
                }
            }
        });
        fields
    }

    /// Hosts of Ingresses and of the routes of the Gateway API.
    fn hosts(
        &self,
        object: &Object,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<String, String>, PreviewError> {
        let mut fields = BTreeMap::new();
        let mut open = false;
        for (pointer, host) in hosts_of(object) {
            if host.is_empty() || host.starts_with('*') {
                open = true;
                continue;
            }
            let new = format!("{}-{host}", self.name);
            if new.split('.').any(|part| part.len() > LONGEST_PART) {
                return Err(PreviewError::Host(new));
            }
            fields.insert(pointer, new);
        }
        if open || is_route(object) && fields.is_empty() {
            warnings.push(format!(
                "{}/{} takes requests for any host: the copy takes them too",
                object.kind, object.name
            ));
        }
        if object.kind == "Ingress" && is_certified(object) {
            fields.extend(
                texts(&object.value, "/spec/tls", "secretName")
                    .map(|(at, secret)| (at, self.name.behind(secret))),
            );
        }
        Ok(fields)
    }

    /// Services that a route sends requests to, which kustomize does not rename.
    fn backends(&self, object: &Object) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        if is_gateway_route(object) {
            for (at, _) in items(&object.value, "/spec/rules") {
                let names = texts(&object.value, &format!("{at}/backendRefs"), "name");
                let own = names.filter(|(_, service)| self.services.contains(*service));
                fields.extend(own.map(|(at, service)| (at, format!("{service}-{}", self.name))));
            }
        }
        fields
    }
}

/// What a mapping of an object is.
enum Role {
    /// The labels of pods.
    Pods,
    /// A selector of pods.
    Selector,
}

fn role(object: &Object, pointer: &str) -> Option<Role> {
    let plain = matches!(object.kind.as_str(), "Service" | "ReplicationController");
    if pointer.ends_with("/matchLabels") || plain && pointer == "/spec/selector" {
        return Some(Role::Selector);
    }
    let pod = object.kind == "Pod" && pointer == "/metadata/labels";
    let template = pointer.ends_with("/template/metadata/labels");
    (pod || template).then_some(Role::Pods)
}

/// Shows every mapping with its JSON pointer.
fn walk(value: &Value, at: &str, see: &mut dyn FnMut(&str, &serde_json::Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            see(at, map);
            for (key, value) in map {
                walk(value, &format!("{at}/{}", escaped(key)), see);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{index}"), see);
            }
        }
        _ => {}
    }
}

/// A key as a part of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn is_gateway_route(object: &Object) -> bool {
    let of_gateway = object.api_version.starts_with("gateway.networking.k8s.io/");
    of_gateway && object.kind.ends_with("Route")
}

fn is_route(object: &Object) -> bool {
    object.kind == "Ingress" || is_gateway_route(object) && object.kind != "TCPRoute"
}

/// Whether something makes the certificates that the Ingress names.
fn is_certified(object: &Object) -> bool {
    let annotations = object.value.pointer("/metadata/annotations").and_then(Value::as_object);
    annotations.is_some_and(|map| map.keys().any(|key| key.starts_with("cert-manager.io/")))
}

/// Every host, with where it stands.
fn hosts_of(object: &Object) -> Vec<(String, &str)> {
    let value = &object.value;
    let mut found = Vec::new();
    if object.kind == "Ingress" {
        for (at, rule) in items(value, "/spec/rules") {
            let host = rule.get("host").and_then(Value::as_str).unwrap_or_default();
            found.push((format!("{at}/host"), host));
        }
        for (at, _) in items(value, "/spec/tls") {
            found.extend(strings(value, &format!("{at}/hosts")));
        }
    } else if is_gateway_route(object) {
        found.extend(strings(value, "/spec/hostnames"));
    }
    found
}

/// The items of a list, with where each stands.
fn items<'v>(value: &'v Value, at: &str) -> impl Iterator<Item = (String, &'v Value)> + use<'v> {
    let items = value.pointer(at).and_then(Value::as_array).map(Vec::as_slice);
    let at = at.to_owned();
    let numbered = items.unwrap_or_default().iter().enumerate();
    numbered.map(move |(index, item)| (format!("{at}/{index}"), item))
}

fn strings<'v>(value: &'v Value, at: &str) -> impl Iterator<Item = (String, &'v str)> + use<'v> {
    items(value, at).filter_map(|(at, item)| Some((at, item.as_str()?)))
}

/// The texts behind `key` of the items of a list.
fn texts<'v>(
    value: &'v Value,
    at: &str,
    key: &'static str,
) -> impl Iterator<Item = (String, &'v str)> + use<'v> {
    let text = move |(at, item): (String, &'v Value)| {
        Some((format!("{at}/{key}"), item.get(key)?.as_str()?))
    };
    items(value, at).filter_map(text)
}
