//! `--render`: what kustomize itself makes of the overlays of two environments.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use similar::TextDiff;

use crate::discover::{Inventory, Overlay};
use crate::kustomize::render;
use crate::model::{AppId, EntryKind, EnvironmentName, RepoPath, Snapshot};
use crate::output::clean;
use crate::report::RenderDiff;

use super::super::{Exit, Failure};
use super::{Diffing, Pair};

/// The programs that can do it, the best first.
const PROGRAMS: [(&str, &[&str]); 2] = [("kustomize", &["build"]), ("kubectl", &["kustomize"])];

impl Diffing<'_> {
    /// The unified diff of what both environments render of an app; `None` where
    /// one of them does not have it as a kustomization.
    pub(super) fn rendered(
        self,
        inventory: &Inventory,
        (left, right): &Pair,
        app: &AppId,
    ) -> Result<Option<RenderDiff>, Failure> {
        let (Some(old), Some(new)) =
            (self.text(inventory, left, app)?, self.text(inventory, right, app)?)
        else {
            return Ok(None);
        };
        let header = |name: &EnvironmentName| format!("{name}/{app}");
        let unified = TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(3)
            .header(&header(left), &header(right))
            .to_string();
        let (left, right, app) = (left.clone(), right.clone(), app.clone());
        Ok(Some(RenderDiff { left, right, app, unified }))
    }

    fn text(
        self,
        inventory: &Inventory,
        environment: &EnvironmentName,
        app: &AppId,
    ) -> Result<Option<String>, Failure> {
        let cells = inventory.images(environment, app);
        let indexes: BTreeSet<usize> =
            cells.flat_map(|(_, cell)| cell.overlays.iter().copied()).collect();
        let overlays = indexes.into_iter().filter_map(|index| inventory.overlays.get(index));
        let mut text = String::new();
        let mut any = false;
        for overlay in overlays.filter(|overlay| !overlay.is_file) {
            text.push_str(&self.build(overlay)?);
            any = true;
        }
        Ok(any.then_some(text))
    }

    /// Renders what is committed, not what lies in the work tree.
    fn build(self, overlay: &Overlay) -> Result<String, Failure> {
        let snapshot = &self.workspace.snapshot;
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Unavailable, format!("cannot write a copy to render: {error}"))
                .hint("df -h /tmp")
        };
        let dir = tempfile::tempdir().map_err(failed)?;
        let files = render::render(snapshot, &overlay.path)?.files;
        let mut dirs: BTreeSet<RepoPath> = files.iter().filter_map(RepoPath::parent).collect();
        dirs.insert(overlay.path.clone());
        for below in &dirs {
            for entry in snapshot.list(below)?.unwrap_or_default() {
                let path = below.join(&entry.name);
                if entry.kind == EntryKind::File
                    && let Some(bytes) = snapshot.read(&path)?
                {
                    write(dir.path(), &path, &bytes).map_err(failed)?;
                }
            }
        }
        let place = dir.path().join(overlay.path.as_str());
        let output = run(&place).map_err(|error| {
            Failure::new(Exit::Unavailable, format!("cannot start kustomize: {error}"))
                .hint("kubectl kustomize --help")
        })?;
        let output = output.ok_or_else(|| {
            Failure::not_found("--render needs kustomize or kubectl, and neither is installed")
                .hint(format!("{} diff --config", self.context.front.name()))
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.replace(&dir.path().display().to_string(), "");
        let last =
            said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
        let message = format!("kustomize cannot render `{}`: {}", overlay.path, clean(last));
        Err(Failure::new(Exit::Invalid, message)
            .hint(format!("kubectl kustomize {}", overlay.path)))
    }
}

fn write(root: &Path, path: &RepoPath, bytes: &[u8]) -> std::io::Result<()> {
    let file = root.join(path.as_str());
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(file, bytes)
}

/// `None` where none of the programs is there.
fn run(place: &Path) -> std::io::Result<Option<Output>> {
    for (program, args) in PROGRAMS {
        match Command::new(program).args(args).arg(place).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => return other.map(Some),
        }
    }
    Ok(None)
}
