//! The workloads of an overlay and the images they are given, as far as its
//! own files tell.
//!
//! This shows what an edit means; it is no judge. What it does not follow
//! (remote resources, generators, plugins) makes the closure incomplete.

use std::collections::BTreeSet;

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
    let containers = walk.directory(dir, 0)?;
    Ok(Closure { containers, complete: walk.complete })
}

struct Walk<'a> {
    snapshot: &'a dyn Snapshot,
    /// The directories on the way here: a circle ends.
    open: BTreeSet<RepoPath>,
    complete: bool,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &RepoPath, depth: usize) -> Result<Vec<Container>, SnapshotError> {
        let entries = self.snapshot.list(dir)?.unwrap_or_default();
        let file = entries.iter().find(|e| is_kustomization(&e.name) && e.kind == EntryKind::File);
        let Some(file) = file.filter(|_| depth < MAX_DEPTH && self.open.insert(dir.clone())) else {
            self.complete = false;
            return Ok(Vec::new());
        };
        let bytes = self.snapshot.read(&dir.join(&file.name))?.unwrap_or_default();
        let found = match Stream::parse(&bytes) {
            Ok(stream) => self.kustomization(dir, &stream, depth)?,
            Err(_) => {
                self.complete = false;
                Vec::new()
            }
        };
        self.open.remove(dir);
        Ok(found)
    }

    fn kustomization(
        &mut self,
        dir: &RepoPath,
        stream: &Stream,
        depth: usize,
    ) -> Result<Vec<Container>, SnapshotError> {
        const BEYOND: [&str; 6] =
            ["generators", "transformers", "helmCharts", "replacements", "vars", "configurations"];
        let Some(root) = stream.documents().first().copied() else { return Ok(Vec::new()) };
        self.complete &= BEYOND.iter().all(|key| stream.get(root, key).is_none());
        let mut containers = Vec::new();
        for list in ["resources", "bases", "components"] {
            let items = stream.get(root, list).map(|id| stream.items(id)).unwrap_or_default();
            for resource in items.iter().filter_map(|id| stream.value(*id)) {
                containers.extend(self.resource(dir, resource, depth)?);
            }
        }
        rename(stream, root, &mut containers);
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
            Some(EntryKind::Directory) => self.directory(&path, depth + 1),
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

/// Applies the `newName`s of a kustomization to what comes from below it.
fn rename(stream: &Stream, root: NodeId, containers: &mut [Container]) {
    let entries = stream.get(root, "images").map(|id| stream.items(id)).unwrap_or_default();
    for entry in entries {
        let text = |key| stream.get(*entry, key).and_then(|id| stream.value(id));
        let (Some(name), Some(new_name)) = (text("name"), text("newName")) else { continue };
        for container in containers.iter_mut().filter(|c| c.repository == name) {
            new_name.clone_into(&mut container.repository);
        }
    }
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
            }]
        );
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
