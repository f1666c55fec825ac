//! What kustomize says of a change: which images an environment renders at the
//! head that neither it nor the environments before it render at the base.
//!
//! Nothing of this is read by the code that the gate uses.

use std::collections::{BTreeMap, BTreeSet};

use promote::discover::{self, Overlay};
use yaml_rust2::{Yaml, YamlLoader};

use crate::check_gate::{Files, config, snapshot, write};
use crate::render_compare::rendered_by_kustomize;

/// A directory as kustomize renders it.
pub(crate) type Render = Result<String, String>;

/// The text of an overlay; a directory without a kustomization runs all its
/// manifests.
pub(crate) fn render(files: &Files, overlay: &str) -> Render {
    let top = tempfile::Builder::new().prefix("promote-fuzz-").tempdir().unwrap();
    let root = top.path().canonicalize().unwrap();
    write(files, &root);
    let (dir, plain) = plain(files, overlay);
    if let Some(text) = plain {
        std::fs::write(root.join(&dir).join("kustomization.yaml"), text).unwrap();
    }
    rendered_by_kustomize(&root.join(dir))
}

/// The directory to render, and the kustomization that it lacks.
fn plain(files: &Files, overlay: &str) -> (String, Option<String>) {
    if files.contains_key(overlay) {
        let (dir, name) = overlay.rsplit_once('/').unwrap();
        return (dir.to_owned(), Some(format!("resources:\n- {name}\n")));
    }
    let prefix = format!("{overlay}/");
    let names = files.keys().filter_map(|path| path.strip_prefix(&prefix));
    let own = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
    if names.clone().any(|name| own.contains(&name)) {
        return (overlay.to_owned(), None);
    }
    let manifest = |name: &&str| [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
    let lines = names.filter(manifest).map(|name| format!("- {name}\n"));
    (overlay.to_owned(), Some(format!("resources:\n{}", lines.collect::<String>())))
}

/// Every image reference in what is rendered.
pub(crate) fn references(text: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = tokens(text);
    match YamlLoader::load_from_str(text) {
        Ok(documents) => documents.iter().for_each(|document| {
            walk(document, is_custom(document), &mut found);
        }),
        Err(_) => {
            let images = text.lines().filter_map(|line| line.split_once("image: "));
            found.extend(images.map(|(_, value)| value.trim_matches(['\'', '"']).to_owned()));
        }
    }
    found
}

/// Whether it is none of the objects of Kubernetes itself.
fn is_custom(document: &Yaml) -> bool {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    let (group, _) = version.split_once('/').unwrap_or_default();
    version.is_empty() || group.contains('.') && !group.ends_with(".k8s.io")
}

fn walk(yaml: &Yaml, custom: bool, found: &mut BTreeSet<String>) {
    match yaml {
        Yaml::Array(items) => items.iter().for_each(|item| walk(item, custom, found)),
        Yaml::Hash(map) => {
            let text = |key: &str| map.get(&Yaml::String(key.to_owned())).and_then(scalar);
            found.extend(text("image"));
            if let (Some(name), Some(tag)) = (text("repository"), text("tag")) {
                found.insert(format!("{name}:{tag}"));
            } else if custom {
                // A part of an image that stands alone.
                let part = |key: &&str| Some(format!("{key}={}", text(key)?));
                found.extend(["tag", "imageTag"].iter().filter_map(part));
            }
            for (key, value) in map {
                walk(key, custom, found);
                walk(value, custom, found);
            }
        }
        Yaml::String(text) => found.extend(tokens(text)),
        _ => {}
    }
}

fn scalar(yaml: &Yaml) -> Option<String> {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// What looks like an image with a registry and a tag, or has a digest.
fn tokens(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || "._/:@+-".contains(c);
    text.split(|c: char| !part(c))
        .map(|token| token.trim_matches(['.', ':', '/', '-', '@']))
        .filter(|token| !token.contains("://") && is_image(token))
        .map(str::to_owned)
        .collect()
}

fn is_image(token: &str) -> bool {
    if token.contains("@sha256:") {
        return true;
    }
    let Some((host, rest)) = token.split_once('/') else { return false };
    let Some((name, tag)) = rest.rsplit_once(':') else { return false };
    host.contains('.') && !name.is_empty() && !tag.is_empty() && !tag.contains('/')
}

/// The renders of the base: app, environment and overlay.
#[derive(Debug, Default)]
pub(crate) struct Base {
    pub(crate) files: Files,
    renders: BTreeMap<(String, String, String), String>,
    /// Everything that any file says, for images that are elsewhere already.
    all: String,
}

/// One overlay: app, environment and path.
fn overlays(files: &Files, base: &Files) -> Vec<(String, String, String)> {
    let found: Vec<Overlay> = discover::overlays(&snapshot(files), &config(base), None).unwrap();
    let one = |overlay: Overlay| {
        let app = overlay.app.map(|app| app.to_string()).unwrap_or_default();
        (app, overlay.environment.as_str().to_owned(), overlay.path.to_string())
    };
    found.into_iter().map(one).collect()
}

/// What a render of the head shows.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) escapes: Vec<String>,
    /// Whether kustomize renders every later overlay.
    pub(crate) renders: bool,
    /// Whether a later environment renders other bytes than at the base.
    pub(crate) differs: bool,
}

impl Base {
    pub(crate) fn new(files: Files) -> Self {
        let mut base = Self { all: all_text(&files), ..Self::default() };
        for key in overlays(&files, &files) {
            let text = render(&files, &key.2).unwrap_or_else(|said| panic!("{}: {said}", key.2));
            base.renders.insert(key, text);
        }
        base.files = files;
        base
    }

    fn runs(&self, app: &str, environment: &str) -> BTreeSet<String> {
        let of =
            |(key, _): &(&(String, String, String), &String)| key.0 == app && key.1 == environment;
        self.renders.iter().filter(of).flat_map(|(_, text)| references(text)).collect()
    }

    /// What staging and prod render at the head that is not allowed there.
    pub(crate) fn judge(&self, head: &Files) -> Answer {
        let mut answer = Answer { renders: true, ..Answer::default() };
        let at_head = overlays(head, &self.files);
        for key in &at_head {
            let (app, environment, path) = key;
            let Some(before) = before(environment) else { continue };
            match render(head, path) {
                Err(_) => answer.renders = false,
                Ok(text) => {
                    answer.differs |= self.renders.get(key) != Some(&text);
                    let allowed = self.allowed((app, environment, before), &at_head);
                    let new = references(&text);
                    let new = new.iter().filter(|image| !allowed.has(image));
                    answer.escapes.extend(new.map(|image| format!("{path} runs {image}")));
                }
            }
        }
        answer
    }

    fn allowed(&self, of: (&str, &str, &str), at_head: &[(String, String, String)]) -> Allowed<'_> {
        let (app, environment, before) = of;
        let mut own = self.runs(app, environment);
        // An app that is renamed takes along what its overlays had.
        if own.is_empty() {
            let gone = |(key, _): &(&(String, String, String), &String)| {
                key.1 == environment
                    && !at_head.iter().any(|other| (&other.0, &other.1) == (&key.0, &key.1))
            };
            let gone = self.renders.iter().filter(gone);
            own.extend(gone.flat_map(|(_, text)| references(text)));
        }
        let known = self.renders.keys().any(|key| key.0 == app);
        Allowed { own, before: self.runs(app, before), fresh: (!known).then_some(&self.all) }
    }
}

fn before(environment: &str) -> Option<&'static str> {
    match environment {
        "prod" => Some("staging"),
        "staging" => Some("dev"),
        _ => None,
    }
}

fn all_text(files: &Files) -> String {
    let texts = files.values().map(|bytes| String::from_utf8_lossy(bytes));
    texts.collect::<Vec<_>>().join("\n")
}

struct Allowed<'a> {
    own: BTreeSet<String>,
    before: BTreeSet<String>,
    /// For an app that is new everywhere: all files of the base.
    fresh: Option<&'a String>,
}

impl Allowed<'_> {
    fn has(&self, image: &str) -> bool {
        if self.own.contains(image) || self.before.contains(image) {
            return true;
        }
        let (name, version) = split(image);
        if self.fresh.is_some_and(|all| !all.contains(name)) {
            return true;
        }
        // The version that the environment before has of the same image, in
        // the repository that this one has for it.
        let short = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        let own = self.own.iter().any(|other| split(other).0 == name);
        own && self.before.iter().any(|other| {
            split(other).1 == version && !version.is_empty() && short(split(other).0) == short(name)
        })
    }
}

/// Repository, and tag with digest.
fn split(image: &str) -> (&str, &str) {
    let slash = image.find('/').unwrap_or(0);
    let end = image[slash..].find([':', '@']).map_or(image.len(), |at| slash + at);
    (&image[..end], &image[end..])
}

#[test]
fn every_reference_is_found() {
    let text = "a:\n- image: x\n  b: {c: 'say registry.example/y:v1 to z@sha256:00'}\n---\n\
                image: {repository: r/s, tag: 1}\nt: https://a.b/c:d\nu: |\n  p.q/r:2\n";
    let found: Vec<String> = references(text).into_iter().collect();
    assert_eq!(found, ["p.q/r:2", "r/s:1", "registry.example/y:v1", "x", "z@sha256:00"]);
    assert_eq!(split("a:1/b/c:v1@sha256:0"), ("a:1/b/c", ":v1@sha256:0"));
}
