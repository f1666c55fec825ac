//! The workloads of an overlay and the images they are given, as far as its
//! own files tell.
//!
//! This shows what an edit means; it is no judge. What it does not follow
//! (remote resources, generators, plugins) makes the closure incomplete.

use std::collections::BTreeSet;

use regex::Regex;

use crate::model::{EntryKind, ImageRef, RepoPath, Snapshot, SnapshotError};
use crate::yaml::{NodeId, Stream};

use super::is_kustomization;

/// Kustomizations nested deeper than this are not followed.
const MAX_DEPTH: usize = 32;

/// A container and the image it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Kind and name of the workload: `Deployment/web`.
    pub workload: String,
    /// The field: `containers[web].image`.
    pub field: String,
    /// The image's name as the `images:` of the next kustomization up match it.
    pub repository: String,
    /// The entry of `images:` that has the last word on its version: the
    /// kustomization and the index in its list.
    pub pinned_by: Option<(RepoPath, usize)>,
}

/// The containers of an overlay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// In the order of the resources.
    pub containers: Vec<Container>,
    /// Whether every resource was followed.
    pub complete: bool,
}

/// Follows the resources, bases and components of the kustomization in `dir`.
pub fn closure(snapshot: &dyn Snapshot, dir: &RepoPath) -> Result<Closure, SnapshotError> {
    let mut walk = Walk { snapshot, open: BTreeSet::new(), complete: true };
    let containers = walk.directory(dir, 0, Vec::new())?;
    Ok(Closure { containers, complete: walk.complete })
}

struct Walk<'a> {
    snapshot: &'a dyn Snapshot,
    /// The directories on the way here: a circle ends.
    open: BTreeSet<RepoPath>,
    complete: bool,
}

impl Walk<'_> {
    /// `below`: what a component is laid over; nothing for a base.
    fn directory(
        &mut self,
        dir: &RepoPath,
        depth: usize,
        below: Vec<Container>,
    ) -> Result<Vec<Container>, SnapshotError> {
        let entries = self.snapshot.list(dir)?.unwrap_or_default();
        let file = entries.iter().find(|e| is_kustomization(&e.name) && e.kind == EntryKind::File);
        let Some(file) = file.filter(|_| depth < MAX_DEPTH && self.open.insert(dir.clone())) else {
            self.complete = false;
            return Ok(below);
        };
        let path = dir.join(&file.name);
        let bytes = self.snapshot.read(&path)?.unwrap_or_default();
        let found = match Stream::parse(&bytes) {
            Ok(stream) => self.kustomization(&path, &stream, (depth, below))?,
            Err(_) => {
                self.complete = false;
                below
            }
        };
        self.open.remove(dir);
        Ok(found)
    }

    fn kustomization(
        &mut self,
        path: &RepoPath,
        stream: &Stream,
        (depth, below): (usize, Vec<Container>),
    ) -> Result<Vec<Container>, SnapshotError> {
        const BEYOND: [&str; 9] = [
            "generators",
            "transformers",
            "helmCharts",
            "replacements",
            "vars",
            "configurations",
            "patches",
            "patchesStrategicMerge",
            "patchesJson6902",
        ];
        let dir = path.parent().unwrap_or_default();
        let Some(root) = stream.documents().first().copied() else { return Ok(below) };
        self.complete &= BEYOND.iter().all(|key| stream.get(root, key).is_none());
        let listed = |key: &str| {
            let items = stream.get(root, key).map(|id| stream.items(id)).unwrap_or_default();
            items.iter().filter_map(|id| stream.value(*id)).collect::<Vec<&str>>()
        };
        let mut containers = below;
        for resource in ["resources", "bases"].into_iter().flat_map(listed) {
            containers.extend(self.resource(&dir, resource, depth)?);
        }
        for component in listed("components") {
            let local = dir.resolve(component).filter(|_| !component.contains("://"));
            let Some(component) = local else {
                self.complete = false;
                continue;
            };
            containers = self.directory(&component, depth + 1, containers)?;
        }
        pin(path, (stream, root), &mut containers);
        Ok(containers)
    }

    fn resource(
        &mut self,
        dir: &RepoPath,
        resource: &str,
        depth: usize,
    ) -> Result<Vec<Container>, SnapshotError> {
        let Some(path) = dir.resolve(resource).filter(|_| !resource.contains("://")) else {
            self.complete = false;
            return Ok(Vec::new());
        };
        match self.snapshot.kind(&path)? {
            Some(EntryKind::Directory) => self.directory(&path, depth + 1, Vec::new()),
            Some(EntryKind::File) => {
                let bytes = self.snapshot.read(&path)?.unwrap_or_default();
                let manifests = Stream::parse(&bytes);
                self.complete &= manifests.is_ok();
                Ok(manifests.map(|stream| containers(&stream)).unwrap_or_default())
            }
            _ => {
                self.complete = false;
                Ok(Vec::new())
            }
        }
    }
}

/// Applies the `images:` of a kustomization, entry by entry, to what comes from
/// below it.
fn pin(path: &RepoPath, (stream, root): (&Stream, NodeId), containers: &mut [Container]) {
    let entries = stream.get(root, "images").map(|id| stream.items(id)).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        let text = |key| stream.get(*entry, key).and_then(|id| stream.value(id));
        let filled = |key| text(key).filter(|text| !text.is_empty());
        let Some(name) = text("name") else { continue };
        let pins = filled("newTag").or(filled("digest")).is_some();
        for container in containers.iter_mut().filter(|c| matches(name, &c.repository)) {
            if let Some(new_name) = filled("newName") {
                new_name.clone_into(&mut container.repository);
            }
            if pins {
                container.pinned_by = Some((path.clone(), index));
            }
        }
    }
}

/// Kustomize takes the `name` of an entry for a regular expression (5.5.0).
fn matches(name: &str, repository: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b':');
    name == repository
        || (!name.bytes().all(plain)
            && Regex::new(&format!("^{name}(:.*)?(@.*)?$"))
                .is_ok_and(|pattern| pattern.is_match(repository)))
}

/// The containers of every document.
fn containers(stream: &Stream) -> Vec<Container> {
    stream.documents().iter().flat_map(|root| in_document(stream, *root)).collect()
}

fn in_document(stream: &Stream, root: NodeId) -> Vec<Container> {
    let text = |id: NodeId, key: &str| stream.get(id, key).and_then(|id| stream.value(id));
    let kind = text(root, "kind").unwrap_or("object");
    let name = stream.get(root, "metadata").and_then(|id| text(id, "name")).unwrap_or("?");
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        for pair in stream.pairs_of(id) {
            let key = stream.value(pair.key).unwrap_or_default();
            if matches!(key, "containers" | "initContainers") {
                for item in stream.items(pair.value) {
                    let image =
                        text(*item, "image").and_then(|image| image.parse::<ImageRef>().ok());
                    let container = text(*item, "name").unwrap_or("?");
                    found.extend(image.map(|image| Container {
                        workload: format!("{kind}/{name}"),
                        field: format!("{key}[{container}].image"),
                        repository: image.repository,
                        pinned_by: None,
                    }));
                }
            }
            open.push(pair.value);
        }
        // Aliases are not followed further: they could name themselves over and over.
        if stream.resolve(id) == id {
            open.extend(stream.items(id));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MemorySnapshot;

    fn snapshot(files: &[(&str, &str)]) -> MemorySnapshot {
        MemorySnapshot::new(
            files
                .iter()
                .map(|(path, text)| (RepoPath::normalize(path).unwrap(), text.as_bytes().to_vec())),
        )
    }

    const DEPLOYMENT: &str = "kind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    \
                              spec:\n      containers:\n      - {name: main, image: 'web:v0'}\n";

    #[test]
    fn containers_come_through_bases_under_their_new_name() {
        let snapshot = snapshot(&[
            (
                "base/kustomization.yaml",
                "resources: [web.yaml]\nimages:\n- name: web\n  newName: acme/web\n",
            ),
            ("base/web.yaml", DEPLOYMENT),
            ("dev/kustomization.yaml", "resources: [../base]\n"),
        ]);
        let found = closure(&snapshot, &RepoPath::normalize("dev").unwrap()).unwrap();
        assert!(found.complete);
        assert_eq!(
            found.containers,
            [Container {
                workload: "Deployment/web".to_owned(),
                field: "containers[main].image".to_owned(),
                repository: "acme/web".to_owned(),
                pinned_by: None,
            }]
        );
    }

    #[test]
    fn the_last_entry_that_matches_has_the_last_word() {
        let own = "resources: [../base]\ncomponents: [../c]\nimages:\n";
        let pinned_by = |images: &str| {
            let snapshot = snapshot(&[
                ("base/kustomization.yaml", "resources: [web.yaml]\n"),
                ("base/web.yaml", DEPLOYMENT),
                ("c/kustomization.yaml", "images:\n- {name: web, newTag: v9}\n"),
                ("dev/kustomization.yaml", &format!("{own}{images}")),
            ]);
            let found = closure(&snapshot, &RepoPath::normalize("dev").unwrap()).unwrap();
            let (path, index) = found.containers.first().unwrap().pinned_by.clone().unwrap();
            format!("{path} {index}")
        };
        assert_eq!(pinned_by("- {name: other, newTag: v1}\n"), "c/kustomization.yaml 0");
        assert_eq!(pinned_by("- {name: web, newTag: ''}\n"), "c/kustomization.yaml 0");
        let first = "- {name: web, newTag: v1}\n";
        assert_eq!(pinned_by(first), "dev/kustomization.yaml 0");
        let second = format!("{first}- {{name: 'w.*', newTag: v2}}\n");
        assert_eq!(pinned_by(&second), "dev/kustomization.yaml 1");
    }

    #[test]
    fn what_is_not_followed_is_not_complete() {
        let snapshot = snapshot(&[
            ("a/kustomization.yaml", "resources: ['https://example.org/x?ref=v1']\n"),
            ("b/kustomization.yaml", "resources: [../b]\n"),
        ]);
        for dir in ["a", "b", "c"] {
            let found = closure(&snapshot, &RepoPath::normalize(dir).unwrap()).unwrap();
            assert!(!found.complete, "{dir}");
        }
    }
}
