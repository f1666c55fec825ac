//! What an environment sets for an app, beside its versions: the fields of the
//! objects that its overlays render, and those of the files that are none.
//!
//! Fields that name the environment differ by design; that is told by putting
//! `{env}` in the place of its names, and `{version}` in that of what it runs.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::discover::{Overlay, Roots, overlay_files};
use crate::kustomize::is_kustomization;
use crate::kustomize::render::{self, Opaque};
use crate::model::{ImageRef, Pin, RepoPath, Snapshot, SnapshotError};

/// Keys whose values are an environment's own.
const OWN: [&str; 5] = ["namespace", "host", "hosts", "hostname", "hostnames"];

/// What identifies an item of a list, the best first.
const IDENTITY: [&str; 6] = ["name", "mountPath", "containerPort", "port", "key", "host"];

/// Other words for environments.
const OTHER_WORDS: [(&str, &[&str]); 3] =
    [("dev", &["development"]), ("staging", &["stage", "stg"]), ("prod", &["production", "prd"])];

/// How an environment is called, and what it runs.
#[derive(Debug, Clone, Default)]
pub struct Names {
    environment: Vec<String>,
    versions: Vec<String>,
}

impl Names {
    /// The names of an environment and its directories, and the pins of an app.
    pub fn new<'a>(
        environment: impl IntoIterator<Item = &'a str>,
        pins: impl IntoIterator<Item = &'a Pin>,
    ) -> Self {
        let mut names: Vec<String> = environment.into_iter().map(str::to_ascii_lowercase).collect();
        for (word, others) in OTHER_WORDS {
            if names.iter().any(|name| name == word) {
                names.extend(others.iter().map(|other| (*other).to_owned()));
            }
        }
        let mut versions = Vec::new();
        for pin in pins {
            versions.extend(pin.tag.iter().map(ToString::to_string));
            versions.extend(pin.digest.iter().map(ToString::to_string));
        }
        // The longer name is meant where it holds the shorter one.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        versions.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { environment: names, versions }
    }

    /// The text without what is the environment's own.
    fn neutral(&self, text: &str) -> String {
        let text = replaced(text, &self.versions, "{version}");
        replaced(&text, &self.environment, "{env}")
    }
}

/// The text with `with` in the place of each of `words` that stands by itself.
fn replaced(text: &str, words: &[String], with: &str) -> String {
    let mut out = text.to_owned();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let lower = out.to_ascii_lowercase();
        let mut new = String::with_capacity(out.len());
        let mut done = 0;
        for (at, _) in lower.match_indices(&word.to_ascii_lowercase()) {
            let end = at + word.len();
            let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let before = out.get(..at).and_then(|head| head.chars().next_back());
            let after = out.get(end..).and_then(|tail| tail.chars().next());
            if at < done || joins(before) || joins(after) {
                continue;
            }
            new.push_str(out.get(done..at).unwrap_or_default());
            new.push_str(with);
            done = end;
        }
        new.push_str(out.get(done..).unwrap_or_default());
        out = new;
    }
    out
}

/// Object and field.
type Key = (String, String);

/// What an environment sets for an app.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// By object and field, in neutral words: as shown, and the value.
    fields: BTreeMap<Key, (Key, String)>,
    names: Names,
    /// What is not followed, and so not compared.
    pub unfollowed: Vec<String>,
}

/// A setting that two environments do not share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The object, such as `Deployment/web`, or the file.
    pub object: String,
    /// The field; empty where all of the object is meant.
    pub field: String,
    /// The value on the left; `None` where it is not set.
    pub left: Option<String>,
    /// The value on the right.
    pub right: Option<String>,
    /// Whether it differs by design.
    pub by_design: bool,
}

/// What stands for an object that is there as a whole.
const THERE: &str = "is there";

impl Settings {
    /// What the overlays of one app in one environment set.
    pub fn of<'a>(
        snapshot: &dyn Snapshot,
        overlays: impl IntoIterator<Item = &'a Overlay>,
        (roots, names): (&Roots, Names),
    ) -> Result<Self, SnapshotError> {
        let mut settings = Self { names, ..Self::default() };
        for overlay in overlays {
            let entries = if overlay.is_file { None } else { snapshot.list(&overlay.path)? };
            let entries = entries.unwrap_or_default();
            match entries.iter().find(|entry| is_kustomization(&entry.name)) {
                Some(entry) => {
                    settings.rendered(snapshot, overlay, &overlay.path.join(&entry.name))?;
                }
                None => settings.files(snapshot, overlay, roots)?,
            }
        }
        Ok(settings)
    }

    fn rendered(
        &mut self,
        snapshot: &dyn Snapshot,
        overlay: &Overlay,
        file: &RepoPath,
    ) -> Result<(), SnapshotError> {
        let made = render::objects(snapshot, &overlay.path)?;
        let counts = replicas(&render::documents(snapshot, file)?);
        for object in &made.objects {
            let title = format!("{}/{}", object.kind, object.name);
            let mut value = object.value.clone();
            if let Some(count) = counts.get(&object.name)
                && let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut)
            {
                spec.insert("replicas".to_owned(), Value::String(count.clone()));
            }
            self.add(&title, &value);
        }
        let shown = |opaque: &Opaque| format!("{}:{}: {}", opaque.path, opaque.line, opaque.what);
        self.unfollowed.extend(made.opaque.iter().map(shown));
        Ok(())
    }

    /// The documents of an overlay that is no kustomization.
    fn files(
        &mut self,
        snapshot: &dyn Snapshot,
        overlay: &Overlay,
        roots: &Roots,
    ) -> Result<(), SnapshotError> {
        for path in overlay_files(snapshot, overlay, roots)? {
            for value in render::documents(snapshot, &path)? {
                let text = |key: &str| value.get(key).and_then(Value::as_str);
                let meta = |key: &str| value.get("metadata")?.get(key)?.as_str();
                let title = match (text("kind"), meta("name")) {
                    (Some(kind), Some(name)) => format!("{kind}/{name}"),
                    _ => path.file_name().to_owned(),
                };
                self.add(&title, &value);
            }
        }
        Ok(())
    }

    fn add(&mut self, title: &str, value: &Value) {
        self.put(title, String::new(), THERE.to_owned());
        self.walk(title, "", value);
    }

    fn put(&mut self, title: &str, field: String, value: String) {
        let secret =
            title.starts_with("Secret/") && (field.contains("ata.") || field.contains("ata["));
        let value = if secret { hidden(&value) } else { value };
        let neutral = (self.names.neutral(title), self.names.neutral(&field));
        self.fields.insert(neutral, ((title.to_owned(), field), value));
    }

    fn walk(&mut self, title: &str, field: &str, value: &Value) {
        match value {
            Value::Object(pairs) => {
                for (key, value) in pairs {
                    let path =
                        if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
                    let identity = ["kind", "apiVersion", "metadata.name"].contains(&path.as_str());
                    match value.as_str().filter(|_| key == "image") {
                        // The version is compared by itself.
                        Some(image) => self.put(title, path, repository(image)),
                        None if identity => {}
                        None => self.walk(title, &path, value),
                    }
                }
            }
            Value::Array(items) => self.items(title, field, items),
            Value::Null => self.put(title, field.to_owned(), "null".to_owned()),
            Value::String(text) => self.put(title, field.to_owned(), text.clone()),
            other => self.put(title, field.to_owned(), other.to_string()),
        }
    }

    fn items(&mut self, title: &str, field: &str, items: &[Value]) {
        let key = IDENTITY.into_iter().find(|key| {
            let names: Option<Vec<&str>> =
                items.iter().map(|item| item.get(key).and_then(Value::as_str)).collect();
            names.is_some_and(|mut names| {
                let all = names.len();
                names.sort_unstable();
                names.dedup();
                names.len() == all
            })
        });
        for (index, item) in items.iter().enumerate() {
            let named = key.and_then(|key| item.get(key)).and_then(Value::as_str);
            let path = match named {
                Some(name) => format!("{field}[{name}]"),
                None => format!("{field}[{index}]"),
            };
            match item.as_object() {
                // `{name: X, value: v}` is one setting.
                Some(pairs) if pairs.len() == 2 && pairs.contains_key("value") => {
                    let value = pairs.get("value").and_then(Value::as_str).unwrap_or_default();
                    self.put(title, path, value.to_owned());
                }
                Some(pairs) => {
                    let mut rest = pairs.clone();
                    if let Some(key) = key {
                        rest.remove(key);
                    }
                    if rest.is_empty() {
                        self.put(title, path, THERE.to_owned());
                    } else {
                        self.walk(title, &path, &Value::Object(rest));
                    }
                }
                None => self.walk(title, &path, item),
            }
        }
    }

    /// The value of a setting, as another one shows it.
    pub fn value(&self, setting: &Setting, of: &Self) -> Option<&str> {
        let key = (of.names.neutral(&setting.object), of.names.neutral(&setting.field));
        self.fields.get(&key).map(|(_, value)| value.as_str())
    }
}

/// `replicas: [{name, count}]` of a kustomization.
fn replicas(documents: &[Value]) -> BTreeMap<String, String> {
    let list = documents.iter().filter_map(|document| document.get("replicas")?.as_array());
    let text = |item: &Value, key: &str| Some(item.get(key)?.as_str()?.to_owned());
    let counts =
        list.flatten().filter_map(|item| Some((text(item, "name")?, text(item, "count")?)));
    counts.collect()
}

/// What tells secret values apart and does not show them.
fn hidden(value: &str) -> String {
    let hash = Sha256::digest(value.as_bytes());
    let start: [u8; 4] = std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default());
    format!("(hidden, {:08x})", u32::from_be_bytes(start))
}

fn repository(image: &str) -> String {
    image.parse::<ImageRef>().map_or_else(|_| image.to_owned(), |image| image.repository)
}

/// The settings that differ. Of an object that is on one side only, nothing but
/// that is told.
pub fn compare(left: &Settings, right: &Settings) -> Vec<Setting> {
    let mut found = Vec::new();
    let keys: std::collections::BTreeSet<&Key> =
        left.fields.keys().chain(right.fields.keys()).collect();
    let alone = |object: &str| {
        let whole = (object.to_owned(), String::new());
        left.fields.contains_key(&whole) != right.fields.contains_key(&whole)
    };
    for key in keys {
        let (of_left, of_right) = (left.fields.get(key), right.fields.get(key));
        let Some(((object, field), _)) = of_left.or(of_right) else { continue };
        if !field.is_empty() && alone(&key.0) {
            continue;
        }
        let (a, b) = (of_left.map(|(_, value)| value), of_right.map(|(_, value)| value));
        if a == b {
            continue;
        }
        let same = match (a, b) {
            (Some(a), Some(b)) => left.names.neutral(a) == right.names.neutral(b),
            _ => false,
        };
        let last = field.rsplit('.').next().unwrap_or(field);
        let own = OWN.contains(&last.split('[').next().unwrap_or(last));
        found.push(Setting {
            object: object.clone(),
            field: field.clone(),
            left: a.cloned(),
            right: b.cloned(),
            by_design: same || own,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::of_pod;
    use crate::model::{EnvironmentName, MemorySnapshot};

    fn settings(environment: &str, version: &str, files: &[(&str, &str)]) -> Settings {
        let dir = format!("apps/web/{environment}");
        let file = |(name, text): &(&str, &str)| {
            let path = RepoPath::normalize(&format!("{dir}/{name}")).unwrap();
            (path, text.as_bytes().to_vec())
        };
        let snapshot = MemorySnapshot::new(files.iter().map(file));
        let overlay = Overlay {
            environment: EnvironmentName::new(environment),
            app: None,
            group: None,
            path: RepoPath::normalize(&dir).unwrap(),
            is_file: false,
            layout: 0,
            dir: environment.to_owned(),
            dir_at: 9,
        };
        let pin: Pin = version.parse().unwrap();
        let names = Names::new([environment], [&pin]);
        Settings::of(&snapshot, [&overlay], (&Roots::of([&overlay]), names)).unwrap()
    }

    fn shown(left: &Settings, right: &Settings) -> Vec<String> {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let line = |s: &Setting| {
            let design = if s.by_design { " by design" } else { "" };
            format!(
                "{} {} {} | {}{design}",
                s.object,
                of_pod(&s.field),
                word(&s.left),
                word(&s.right)
            )
        };
        compare(left, right).iter().map(line).collect()
    }

    fn deployment(name: &str, image: &str, more: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    \
             spec:\n      containers:\n      - name: web\n        image: {image}\n        env:\n{more}"
        )
    }

    #[test]
    fn names_of_the_environment_differ_by_design() {
        let make = |environment: &str, version: &str, more: &str| {
            let host = format!("web.{environment}.example");
            let env = format!(
                "        - {{name: HOST, value: {host}}}\n        - {{name: V, value: {version}}}\n{more}"
            );
            let image = format!("acme/web:{version}");
            let deployment = deployment(&format!("{environment}-web"), &image, &env);
            let list = format!("namespace: {environment}\nresources: [d.yaml]\n");
            settings(
                environment,
                version,
                &[("kustomization.yaml", &list), ("d.yaml", &deployment)],
            )
        };
        let left = make("dev", "v2", "        - {name: NEW, value: 'on'}\n");
        let right = make("prod", "v1", "        - {name: SIZE, value: '3'}\n");
        assert_eq!(
            shown(&left, &right),
            [
                "Deployment/dev-web metadata.namespace dev | prod by design",
                "Deployment/dev-web containers[web].env[HOST] web.dev.example | web.prod.example by design",
                "Deployment/dev-web containers[web].env[NEW] on | none",
                "Deployment/prod-web containers[web].env[SIZE] none | 3",
                "Deployment/dev-web containers[web].env[V] v2 | v1 by design",
            ]
        );
    }

    #[test]
    fn replicas_resources_and_other_files_are_compared() {
        let d = deployment("web", "acme/web:v1", "        - {name: A, value: b}\n");
        let base = "resources: [d.yaml]\n";
        let left = settings("dev", "v1", &[("kustomization.yaml", base), ("d.yaml", &d)]);
        let list = "resources: [d.yaml, s.yaml]\nreplicas: [{name: web, count: 3}]\n";
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: x}\n";
        let files = [("kustomization.yaml", list), ("d.yaml", d.as_str()), ("s.yaml", service)];
        let right = settings("prod", "v1", &files);
        assert_eq!(
            shown(&left, &right),
            ["Deployment/web spec.replicas none | 3", "Service/web  none | is there"]
        );
        let left = settings("dev", "v1", &[("values.yaml", "a: {b: 1}\nimage: {tag: v1}\n")]);
        let right = settings("prod", "v2", &[("values.yaml", "a: {b: 2}\nimage: {tag: v2}\n")]);
        assert_eq!(
            shown(&left, &right),
            ["values.yaml a.b 1 | 2", "values.yaml image.tag v1 | v2 by design"]
        );
    }

    #[test]
    fn a_name_is_replaced_where_it_stands_by_itself() {
        let words = ["prod-eu".to_owned(), "prod".to_owned()];
        assert_eq!(replaced("a.prod-eu.b prod Prod product", &words, "{}"), "a.{}.b {} {} product");
        assert_eq!(replaced("", &words, "{}"), "");
    }
}
