//! An object on its way through kustomize, and the names it has had.

use std::collections::HashSet;

use super::context::{Context, Evidence};
use super::schema;
use super::value::{Kind, Value};

/// What kustomize tells objects apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    /// The effective one: `default` where none is given.
    pub(super) namespace: String,
}

/// A kind, name and effective namespace that an object had before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Earlier {
    kind: String,
    name: String,
    namespace: String,
}

/// What a generator does with an object of its name that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    Create,
    Replace,
    Merge,
}

/// An object.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) value: Value,
    /// Whether a hash of its content is a part of its name.
    pub(super) hashed: bool,
    earlier: Vec<Earlier>,
}

impl Resource {
    pub(super) fn new(value: Value) -> Self {
        Self { value, hashed: false, earlier: Vec::new() }
    }

    pub(super) fn kind(&self) -> &str {
        self.value.shown_at("kind")
    }

    pub(super) fn api_version(&self) -> &str {
        self.value.shown_at("apiVersion")
    }

    fn meta(&self, key: &str) -> &str {
        self.value.get("metadata").map(|meta| meta.shown_at(key)).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.meta("name")
    }

    pub(super) fn namespace(&self) -> &str {
        self.meta("namespace")
    }

    pub(super) fn is_cluster_scoped(&self) -> bool {
        schema::is_cluster_scoped(self.api_version(), self.kind())
    }

    /// The id it has now.
    pub(super) fn id(&self) -> Id {
        let namespace = match self.namespace() {
            _ if self.is_cluster_scoped() => "_non_namespaceable_",
            "" => "default",
            given => given,
        };
        self.id_of(self.kind(), self.name(), namespace)
    }

    fn id_of(&self, kind: &str, name: &str, namespace: &str) -> Id {
        Id {
            api_version: self.api_version().to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    /// The id it was read with.
    pub(super) fn original(&self) -> Id {
        match self.earlier.first() {
            Some(first) => self.id_of(&first.kind, &first.name, &first.namespace),
            None => self.id(),
        }
    }

    /// All ids it has had, and the one it has.
    pub(super) fn ids(&self) -> Vec<Id> {
        let earlier = self.earlier.iter().map(|e| self.id_of(&e.kind, &e.name, &e.namespace));
        earlier.chain([self.id()]).collect()
    }

    /// Remembers the id it has now.
    pub(super) fn remember(&mut self) {
        let Id { kind, name, namespace, .. } = self.id();
        // Kept by kustomize too, but said only once it makes no difference.
        let earlier = Earlier { kind, name, namespace };
        if !self.earlier.contains(&earlier) {
            self.earlier.push(earlier);
        }
    }

    /// The object for those who do more with it than look for images.
    pub(super) fn object(&self, ctx: &Context<'_>) -> super::Object {
        super::Object {
            api_version: self.api_version().to_owned(),
            kind: self.kind().to_owned(),
            name: self.name().to_owned(),
            namespace: self.namespace().to_owned(),
            origin: ctx.place(self.value.at).0,
            value: self.value.json(),
        }
    }

    /// `Kind/name`, the namespace between them where one is given.
    pub(super) fn title(&self) -> String {
        match (self.kind(), self.namespace(), self.name()) {
            (kind, "", name) => format!("{kind}/{name}"),
            (kind, namespace, name) => format!("{kind}/{namespace}/{name}"),
        }
    }
}

/// The objects of documents, lists taken apart; what is no object is told.
pub(super) fn objects(ctx: &mut Context<'_>, documents: Vec<Value>) -> Vec<Resource> {
    let mut found = Vec::new();
    let mut open: std::collections::VecDeque<Value> = documents.into();
    while let Some(document) = open.pop_front() {
        if document.is_empty() {
            continue;
        }
        let kind = document.shown_at("kind").to_owned();
        if !is_object(&document, &kind) {
            let evidence = Evidence::value(&document);
            ctx.opaque(document.at, "no object: kind or metadata.name is missing", evidence);
            continue;
        }
        if let Some(items) = document.get("items").filter(|_| kind.ends_with("List")) {
            match &items.kind {
                Kind::List(items) => open.extend(items.iter().cloned()),
                _ if items.is_null() => {}
                _ => ctx.opaque(items.at, "`items` that are no list", Evidence::value(items)),
            }
            continue;
        }
        internal_annotations(ctx, &document);
        found.push(Resource::new(document));
    }
    found
}

fn is_object(document: &Value, kind: &str) -> bool {
    let meta = document.get("metadata");
    let named = meta.is_some_and(|meta| !meta.shown_at("name").is_empty());
    let fits = meta.is_none_or(|meta| meta.is_null() || matches!(meta.kind, Kind::Map(_)));
    matches!(document.kind, Kind::Map(_))
        && !kind.is_empty()
        && fits
        && (named || kind.ends_with("List"))
}

/// Annotations by which kustomize keeps its own books.
fn internal_annotations(ctx: &mut Context<'_>, document: &Value) {
    const OWN: [&str; 4] = [
        "internal.config.kubernetes.io/",
        "config.kubernetes.io/",
        "config.k8s.io/",
        "alpha.config.kubernetes.io/",
    ];
    const HARMLESS: [&str; 2] = [LOCAL_CONFIG, "config.kubernetes.io/depends-on"];
    let annotations = document.get("metadata").and_then(|meta| meta.get("annotations"));
    for (key, value) in annotations.map(Value::pairs).unwrap_or_default() {
        if OWN.iter().any(|own| key.starts_with(own)) && !HARMLESS.contains(&key.as_str()) {
            let what = format!("the annotation `{key}`, which kustomize keeps for itself");
            ctx.opaque(value.at, what, Evidence::value(document));
        }
    }
}

const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Whether kustomize leaves it out of what it renders.
pub(super) fn is_local(value: &Value) -> bool {
    let annotations = value.get("metadata").and_then(|meta| meta.get("annotations"));
    annotations.and_then(|all| all.get(LOCAL_CONFIG)).is_some_and(|own| own.shown() != "false")
}

/// Tells of objects that cannot stand beside each other.
pub(super) fn collisions(ctx: &mut Context<'_>, resources: &[Resource]) {
    let mut seen = HashSet::new();
    for resource in resources {
        let id = resource.id();
        if !seen.insert(id) {
            let what = format!("`{}` is there twice", resource.title());
            ctx.opaque(resource.value.at, what, Evidence::value(&resource.value));
        }
    }
}

/// The content of all of them.
pub(super) fn evidence(resources: &[Resource]) -> Evidence {
    resources.iter().fold(Evidence::default(), |evidence, one| evidence.and(&one.value))
}
