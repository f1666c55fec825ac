//! The resolver beside kustomize: both render the same directory, and the
//! images in what kustomize wrote are found by the resolver's own collector.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use promote::kustomize::render::{ImageKind, Rendered, RenderedImage, render, render_plain};
use promote::model::{Entry, EntryKind, MemorySnapshot, RepoPath, Snapshot, SnapshotError};

use crate::oracle;

/// A directory of this machine as a snapshot.
pub(crate) struct Disk(pub(crate) PathBuf);

impl Disk {
    fn path(&self, path: &RepoPath) -> PathBuf {
        self.0.join(path.as_str())
    }

    /// Whether a symbolic link stands on the way.
    fn linked(&self, path: &RepoPath) -> bool {
        let mut at = self.0.clone();
        path.parts().any(|part| {
            at.push(part);
            at.symlink_metadata().is_ok_and(|data| data.is_symlink())
        })
    }
}

impl Snapshot for Disk {
    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, SnapshotError> {
        let regular = !self.linked(path) && self.path(path).is_file();
        Ok(regular.then(|| fs::read(self.path(path)).unwrap()))
    }

    fn list(&self, dir: &RepoPath) -> Result<Option<Vec<Entry>>, SnapshotError> {
        let path = self.path(dir);
        if self.linked(dir) || !path.is_dir() {
            return Ok(None);
        }
        let mut entries: Vec<Entry> = fs::read_dir(path)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                let kind = match (kind.is_dir(), kind.is_symlink()) {
                    (_, true) => EntryKind::Symlink,
                    (true, _) => EntryKind::Directory,
                    _ => EntryKind::File,
                };
                Entry { name: entry.file_name().to_string_lossy().into_owned(), kind }
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(entries))
    }
}

/// The program that renders here: `kustomize` 5.5, which starts faster, or
/// `kubectl` with the same inside.
pub(crate) fn kustomize() -> Option<&'static [&'static str]> {
    static FOUND: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let version = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok()?;
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let own = version("kustomize", &["version"])
            .is_some_and(|text| text.contains("v5.5.") || text.contains("(devel)"));
        if own {
            return Some(["kustomize", "build"].as_slice());
        }
        let kubectl = version("kubectl", &["version", "--client"]);
        let fits = kubectl.is_some_and(|text| text.contains("Kustomize Version: v5.5."));
        fits.then_some(["kubectl", "kustomize"].as_slice())
    })
}

/// What kustomize writes for a directory; `Err` with what it says where it refuses.
pub(crate) fn rendered_by_kustomize(dir: &Path) -> Result<String, String> {
    oracle::render(dir).unwrap_or_else(|| rendered_by_program(dir))
}

/// The same by a process of its own.
pub(crate) fn rendered_by_program(dir: &Path) -> Result<String, String> {
    let (program, arguments) = kustomize().unwrap().split_first().unwrap();
    let output = Command::new("timeout")
        .args(["20", program])
        .args(arguments)
        .arg(dir)
        // A remote resource is refused at once, not fetched.
        .env("PATH", restricted_path())
        .env("https_proxy", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A path on which there is no git.
pub(crate) fn restricted_path() -> &'static Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for name in ["kustomize", "kubectl", "timeout"] {
            let found = std::env::split_paths(&path).map(|p| p.join(name)).find(|p| p.is_file());
            if let Some(found) = found {
                std::os::unix::fs::symlink(found, dir.path().join(name)).unwrap();
            }
        }
        dir
    });
    dir.path()
}

/// The images as lines that can be compared. Generated objects have a hash
/// in their name that the resolver does not know, and what a Secret holds is
/// encoded: a key `image` of it is none.
pub(crate) fn lines(images: &[RenderedImage]) -> Vec<String> {
    let mut lines: Vec<String> = images
        .iter()
        .filter(|image| !matches!(image.kind, ImageKind::Entry | ImageKind::Setting))
        .filter(|image| !(image.object.starts_with("Secret/") && image.field.starts_with("data.")))
        .map(|image| {
            let generated =
                ["ConfigMap/", "Secret/"].iter().find(|k| image.object.starts_with(**k));
            let object = generated.map_or(image.object.as_str(), |kind| kind);
            format!("{:?} {object} {} {}", image.kind, image.field, image.reference)
        })
        .collect();
    lines.sort();
    lines
}

/// The images in what kustomize wrote.
pub(crate) fn images_of(yaml: &str) -> Vec<String> {
    let path = RepoPath::normalize("out.yaml").unwrap();
    let snapshot = MemorySnapshot::new([(path, yaml.as_bytes().to_vec())]);
    lines(&render_plain(&snapshot, &RepoPath::root()).unwrap().images)
}

/// How the two compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The same images.
    Agree,
    /// The resolver says that it does not follow all of it.
    Opaque,
    /// Kustomize refuses it, and the resolver does not say so.
    Refused(String),
    /// Different images: a bug.
    Disagree(String),
}

/// Renders a directory with both.
pub(crate) fn compare(root: &Path, dir: &str) -> (Rendered, Outcome) {
    let path = RepoPath::normalize(dir).unwrap();
    let ours = render(&Disk(root.to_path_buf()), &path).unwrap();
    if !ours.opaque.is_empty() {
        return (ours, Outcome::Opaque);
    }
    let outcome = match rendered_by_kustomize(&root.join(dir)) {
        Err(said) => Outcome::Refused(said),
        Ok(yaml) => difference(&lines(&ours.images), &images_of(&yaml)),
    };
    (ours, outcome)
}

fn difference(ours: &[String], theirs: &[String]) -> Outcome {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for line in ours {
        *counts.entry(line).or_default() += 1;
    }
    for line in theirs {
        *counts.entry(line).or_default() -= 1;
    }
    let said: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count != 0)
        .map(|(line, count)| format!("{} {line}\n", if *count > 0 { "ours  " } else { "theirs" }))
        .collect();
    if said.is_empty() { Outcome::Agree } else { Outcome::Disagree(said.concat()) }
}
