//! Which directories hold environments, and how they can be told.

use std::collections::BTreeSet;

use crate::model::{Entry, EntryKind, RepoPath, Snapshot, SnapshotError};

/// Directories deeper than this are not looked at.
const MAX_DEPTH: usize = 10;
/// How far below an environment manifests are looked for.
const MANIFEST_DEPTH: usize = 4;

/// A directory whose children are environments.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) path: RepoPath,
    pub(super) children: Vec<String>,
}

/// How the containers were recognised, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Style {
    Overlays,
    Environments,
    Siblings,
}

/// What a walk over the directories found.
#[derive(Default)]
pub(super) struct Census {
    overlays: Vec<Container>,
    environments: Vec<Container>,
    siblings: Vec<Container>,
}

impl Census {
    pub(super) fn take(
        snapshot: &dyn Snapshot,
        is_environment: &dyn Fn(&str) -> bool,
    ) -> Result<Self, SnapshotError> {
        let mut census = Self::default();
        let mut queue = vec![RepoPath::root()];
        while let Some(dir) = queue.pop() {
            let entries = snapshot.list(&dir)?.unwrap_or_default();
            if dir.parts().count() < MAX_DEPTH {
                let below = entries.iter().filter(|entry| is_plain_directory(entry));
                queue.extend(below.map(|entry| dir.join(&entry.name)));
            }
            let children: Vec<String> =
                entries.into_iter().filter(may_be_environment).map(|entry| entry.name).collect();
            let known: Vec<RepoPath> = children
                .iter()
                .filter(|child| is_environment(child))
                .map(|child| dir.join(child))
                .collect();
            if known.is_empty() || !any_manifest(snapshot, &known)? {
                continue;
            }
            census.note(dir, children, known.len());
        }
        Ok(census)
    }

    fn note(&mut self, dir: RepoPath, children: Vec<String>, known: usize) {
        let name = dir.file_name().to_owned();
        let container = Container { path: dir, children };
        match name.as_str() {
            "overlays" if known > 0 => self.overlays.push(container),
            "env" | "envs" | "environments" if known > 0 => self.environments.push(container),
            _ if known > 1 => self.siblings.push(container),
            _ => {}
        }
    }

    /// The first style that has more than one environment.
    pub(super) fn best(&self) -> Option<(Style, &[Container])> {
        let styles = [
            (Style::Overlays, &self.overlays),
            (Style::Environments, &self.environments),
            (Style::Siblings, &self.siblings),
        ];
        let several = |containers: &[Container]| {
            let names: BTreeSet<&String> = containers.iter().flat_map(|c| &c.children).collect();
            names.len() > 1
        };
        styles
            .into_iter()
            .find(|(_, containers)| several(containers))
            .map(|(style, containers)| (style, containers.as_slice()))
    }
}

fn is_plain_directory(entry: &Entry) -> bool {
    entry.kind == EntryKind::Directory && !entry.name.starts_with('.')
}

/// A link or a submodule is never followed, but it is a place in the order: an
/// environment that cannot be looked into must not be passed over.
fn may_be_environment(entry: &Entry) -> bool {
    match entry.kind {
        EntryKind::Directory | EntryKind::Submodule => !entry.name.starts_with('.'),
        // With a dot in its name it is a link to a file.
        EntryKind::Symlink => !entry.name.contains('.'),
        EntryKind::File => false,
    }
}

/// Whether any of the directories holds YAML: environments of other tools
/// (Terraform, say) do not.
fn any_manifest(snapshot: &dyn Snapshot, dirs: &[RepoPath]) -> Result<bool, SnapshotError> {
    let mut open: Vec<(RepoPath, usize)> = dirs.iter().map(|dir| (dir.clone(), 0)).collect();
    while let Some((dir, depth)) = open.pop() {
        for entry in snapshot.list(&dir)?.unwrap_or_default() {
            match entry.kind {
                EntryKind::File if is_yaml(&entry.name) => return Ok(true),
                EntryKind::Directory if depth < MANIFEST_DEPTH => {
                    open.push((dir.join(&entry.name), depth + 1));
                }
                _ => {}
            }
        }
    }
    Ok(false)
}

fn is_yaml(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml")) || crate::kustomize::is_kustomization(name)
}
