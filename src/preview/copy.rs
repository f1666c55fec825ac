//! The copy of an overlay, and all that belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{self, Patches};
use super::wrap::{self, Said};
use super::{Changes, INNER, Name, OUTER, PreviewError, found, lists, place};
use crate::config::Config;
use crate::discover::Overlay;
use crate::kustomize::render::{self, Objects};
use crate::kustomize::{self, is_kustomization};
use crate::model::{AppId, EntryKind, FileChange, Pin, RepoPath, Snapshot};

/// More files than this are no overlay.
const MOST_FILES: usize = 1_000;
/// Of what is not followed only so much is named.
const SHOWN: usize = 3;

/// Fields of a kustomization that name no object: files of objects that are not
/// copied may be left out beside them.
const PLAIN: [&str; 11] = [
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "namespace",
    "images",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "buildMetadata",
    "sortOptions",
];

/// What a preview is made of.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The tree it is made in.
    pub snapshot: &'a dyn Snapshot,
    /// Its config.
    pub config: &'a Config,
    /// The overlay that is copied.
    pub overlay: &'a Overlay,
    /// The app.
    pub app: &'a AppId,
    /// The version.
    pub version: &'a Pin,
    /// The files of the overlay that change for the version.
    pub pinned: &'a [FileChange],
    /// Only objects with these labels; empty: all of them.
    pub selector: &'a [(String, String)],
    /// The kustomization to list it in, where it is named.
    pub list_in: Option<&'a RepoPath>,
}

/// Plans a preview; one of that name is renewed.
pub fn create(source: Source<'_>, name: &Name) -> Result<Changes, PreviewError> {
    let Source { snapshot, config, overlay, app, .. } = source;
    if overlay.is_file {
        return Err(uncopyable(&overlay.path, "is a file, and a preview is a copy of a directory"));
    }
    let dir = place::of(snapshot, config, (overlay, app), name)?;
    let mut copying = Copying { source, name, dir, warnings: Vec::new() };
    let files = copying.files()?;
    let mut listed_in = copying.list()?;
    let mut proven = copying.proven(&files, listed_in.as_ref());
    let own = listed_in.as_ref().is_some_and(|list| copying.is_own_kustomization(list));
    if let (Err(PreviewError::Transformed { .. }), true, None) = (&proven, own, source.list_in) {
        // The overlay does too much to what it lists: nobody is asked to.
        listed_in = None;
        proven = copying.proven(&files, None);
    }
    Ok(Changes { files: proven?, dir: copying.dir, listed_in, warnings: copying.warnings })
}

fn uncopyable(path: &RepoPath, why: &str) -> PreviewError {
    PreviewError::Uncopyable { path: path.clone(), why: why.to_owned() }
}

struct Copying<'a> {
    source: Source<'a>,
    name: &'a Name,
    dir: RepoPath,
    warnings: Vec<String>,
}

/// Files by path.
type Files = BTreeMap<RepoPath, Vec<u8>>;

impl Copying<'_> {
    /// The files of the preview.
    fn files(&mut self) -> Result<Files, PreviewError> {
        let mut files = self.inner()?;
        let objects = self.objects(&files)?;
        if !self.source.selector.is_empty() {
            self.leave_out(&mut files, &objects)?;
        }
        let objects = self.objects(&files)?;
        let outer = self.outer(&files, &objects)?;
        files.insert(self.dir.join(OUTER), outer.into_bytes());
        Ok(files)
    }

    /// The copy of the overlay, its paths mended and its versions set.
    fn inner(&mut self) -> Result<Files, PreviewError> {
        let Source { snapshot, overlay, pinned, .. } = self.source;
        let inner = self.dir.join(INNER);
        let mut files = Files::new();
        let paths = all_files(snapshot, &overlay.path)?;
        if !paths.iter().any(|path| self.is_own_kustomization(path)) {
            let list = wrap::list(&manifests(&paths, &overlay.path));
            files.insert(inner.join(OUTER), list.into_bytes());
        }
        let mut marked = false;
        for path in paths {
            let pinned = pinned.iter().find(|file| file.path == path);
            let bytes = match pinned {
                Some(file) => file.new.clone(),
                None => snapshot.read(&path)?.unwrap_or_default(),
            };
            marked |= bytes.windows(12).any(|window| window == b"$imagepolicy");
            let to = inner.resolve(&path.seen_from(&overlay.path)).unwrap_or_default();
            let own = is_kustomization(path.file_name());
            let bytes = if own { self.mended((&path, &to), &bytes)? } else { bytes };
            files.insert(to, bytes);
        }
        if marked {
            self.warnings.push(format!(
                "the copy has the markers of image automation: leave {} out of what it updates",
                self.dir
            ));
        }
        Ok(files)
    }

    fn is_own_kustomization(&self, path: &RepoPath) -> bool {
        is_kustomization(path.file_name())
            && path.parent().as_ref() == Some(&self.source.overlay.path)
    }

    /// A kustomization as it has to be at its new place: without other previews,
    /// and with its paths leading where they led.
    fn mended(
        &self,
        (from, to): (&RepoPath, &RepoPath),
        bytes: &[u8],
    ) -> Result<Vec<u8>, PreviewError> {
        let Source { snapshot, overlay, .. } = self.source;
        let (old, new) = (from.parent().unwrap_or_default(), to.parent().unwrap_or_default());
        let mut gone = BTreeSet::new();
        for text in kustomize::listed(from, bytes)? {
            let dir = old.resolve(&text);
            if dir.is_some_and(|dir| found::at(snapshot, &dir).is_ok_and(|at| at.is_some())) {
                gone.insert(text);
            }
        }
        let bytes = kustomize::unlist(from, bytes, &|text| gone.contains(text))?.new;
        let mend = |text: &str| {
            let target = old.resolve(text).filter(|_| !text.starts_with('/'))?;
            let outside = !target.is_within(&overlay.path);
            let there = snapshot.kind(&target).is_ok_and(|kind| kind.is_some());
            (outside && there).then(|| target.seen_from(&new))
        };
        Ok(kustomize::mend(from, &bytes, &mend)?.new)
    }

    fn objects(&self, files: &Files) -> Result<Objects, PreviewError> {
        let added = added(files, "");
        let with = lists::after(self.source.snapshot, &added);
        Ok(render::objects(&with, &self.dir.join(INNER))?)
    }

    /// Leaves files out that hold nothing which is selected, where nothing
    /// else of the kustomization may name it.
    fn leave_out(&self, files: &mut Files, objects: &Objects) -> Result<(), PreviewError> {
        let Source { overlay, selector, .. } = self.source;
        let selected = objects::selected(&objects.objects, selector);
        if selected.is_empty() {
            let pairs: Vec<String> =
                selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let (path, selector) = (overlay.path.clone(), pairs.join(","));
            return Err(PreviewError::NothingSelected { path, selector });
        }
        let inner = self.dir.join(INNER);
        let own = files.keys().find(|path| {
            is_kustomization(path.file_name()) && path.parent().as_ref() == Some(&inner)
        });
        let Some(own) = own.cloned() else { return Ok(()) };
        let bytes = files.get(&own).cloned().unwrap_or_default();
        if !is_plain(&bytes) {
            return Ok(());
        }
        let needed: BTreeSet<&RepoPath> = selected.iter().map(|object| &object.origin).collect();
        let needless = |text: &str| {
            let path = inner.resolve(text);
            path.is_some_and(|path| files.contains_key(&path) && !needed.contains(&path))
        };
        let listed = kustomize::listed(&own, &bytes)?;
        let gone: Vec<&String> = listed.iter().filter(|text| needless(text)).collect();
        let kept = kustomize::unlist(&own, &bytes, &|text| gone.iter().any(|g| *g == text))?.new;
        let gone: BTreeSet<RepoPath> =
            gone.into_iter().filter_map(|text| inner.resolve(text)).collect();
        files.insert(own, kept);
        files.retain(|path, _| !gone.contains(path));
        Ok(())
    }

    fn outer(&mut self, files: &Files, seen: &Objects) -> Result<String, PreviewError> {
        let Source { app, overlay, version, selector, .. } = self.source;
        let Patches { patches, warnings } = objects::patches(&seen.objects, selector, self.name)?;
        self.warnings.extend(warnings);
        let labels = self.labels(files, seen)?;
        let places = seen.opaque.iter().take(SHOWN);
        self.warnings.extend(places.map(|opaque| {
            format!(
                "{}:{}: {} is not looked into: hosts and selectors of what it makes stay",
                opaque.path, opaque.line, opaque.what
            )
        }));
        let (app, version) = (app.to_string(), version.to_string());
        let environment = overlay.environment.as_str();
        let said = Said { name: self.name, app: &app, environment, version: &version };
        Ok(wrap::text(&said, &labels, &patches))
    }

    /// Labels that kustomizations set on pods and selectors, with other values.
    fn labels(
        &self,
        files: &Files,
        seen: &Objects,
    ) -> Result<BTreeMap<String, String>, PreviewError> {
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        for path in seen.files.iter().filter(|path| is_kustomization(path.file_name())) {
            let bytes = match files.get(path) {
                Some(bytes) => Some(bytes.clone()),
                None => self.source.snapshot.read(path)?,
            };
            let Some(bytes) = bytes else { continue };
            for (key, value) in kustomize::selected_pairs(path, &bytes)? {
                let new = self.name.behind(&value);
                match labels.insert(key.clone(), new.clone()) {
                    Some(other) if other != new => {
                        return Err(PreviewError::Label { key, one: other, other: new });
                    }
                    _ => {}
                }
            }
        }
        Ok(labels)
    }

    /// The kustomization that is to list the preview.
    fn list(&self) -> Result<Option<RepoPath>, PreviewError> {
        let Source { snapshot, config, overlay, list_in, .. } = self.source;
        match list_in {
            Some(path) => lists::named(snapshot, path).map(Some),
            None => lists::of(snapshot, config, overlay),
        }
    }

    /// The changes, once it is proven that the preview runs the version.
    fn proven(
        &mut self,
        files: &Files,
        list: Option<&RepoPath>,
    ) -> Result<Vec<FileChange>, PreviewError> {
        let Source { snapshot, overlay, version, .. } = self.source;
        let mut changes = self.changes(files)?;
        if let Some(list) = list {
            changes.extend(lists::add(snapshot, list, &self.dir)?);
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        let after = lists::after(snapshot, &changes);
        let shown = version.to_string();
        let rendered = render::render(&after, &self.dir)?;
        let digest = version.digest.as_ref().map(ToString::to_string);
        let tag = version.tag.as_ref().map(ToString::to_string);
        let runs = rendered.images.iter().any(|image| {
            tag.as_deref().is_none_or(|tag| image.tag() == tag)
                && digest.as_deref().is_none_or(|digest| image.digest() == digest)
        });
        if !runs {
            return Err(PreviewError::NotRun { path: overlay.path.clone(), version: shown });
        }
        if let Some(list) = list {
            let proven = lists::prove((snapshot, &after), (list, &self.dir), &shown)?;
            if !proven {
                self.warnings
                    .push(format!("{list} lists too much to see what it does to the copy"));
            }
        }
        Ok(changes)
    }

    /// New files, and what a preview of that name had and has no more.
    fn changes(&self, files: &Files) -> Result<Vec<FileChange>, PreviewError> {
        let Source { snapshot, app, overlay, .. } = self.source;
        let before = found::at(snapshot, &self.dir)?;
        let ours = before.is_some_and(|before| before.app == app.to_string());
        if snapshot.kind(&self.dir)?.is_some() && !ours {
            return Err(PreviewError::Exists(self.dir.clone()));
        }
        let mut changes = Vec::new();
        if ours {
            for path in all_files(snapshot, &self.dir)? {
                let old = snapshot.read(&path)?.unwrap_or_default();
                if !files.contains_key(&path) {
                    changes.push(FileChange::gone(path, old));
                }
            }
        }
        for mut file in added(files, &format!("preview of {}", overlay.path)) {
            file.old = snapshot.read(&file.path)?;
            if file.old.as_ref() == Some(&file.new) {
                continue;
            }
            let before = file.old.as_ref().map(Vec::len);
            for (edit, length) in file.edits.iter_mut().zip(before) {
                edit.old = Some(format!("{length} bytes"));
                edit.span = 0..length;
            }
            changes.push(file);
        }
        Ok(changes)
    }
}

fn added(files: &Files, source: &str) -> Vec<FileChange> {
    let one = |(path, bytes): (&RepoPath, &Vec<u8>)| {
        FileChange::added(path.clone(), bytes.clone(), source)
    };
    files.iter().map(one).collect()
}

/// What a directory without a kustomization consists of: its manifests, and
/// directories that have one, as seen from it.
fn manifests(paths: &[RepoPath], dir: &RepoPath) -> Vec<String> {
    let built = paths.iter().filter(|path| is_kustomization(path.file_name()));
    let built: BTreeSet<RepoPath> = built.filter_map(RepoPath::parent).collect();
    let around = |path: &RepoPath| path.ancestors().skip(1).find(|above| built.contains(above));
    let outermost = built.iter().filter(|dir| around(dir).is_none());
    let files = paths.iter().filter(|path| is_manifest(path) && around(path).is_none());
    files.chain(outermost).map(|path| path.seen_from(dir)).collect()
}

fn is_manifest(path: &RepoPath) -> bool {
    let end = path.file_name().rsplit_once('.').map(|(_, end)| end);
    matches!(end, Some("yaml" | "yml"))
}

/// Whether a kustomization has only fields that name no object.
fn is_plain(bytes: &[u8]) -> bool {
    let Ok(stream) = crate::yaml::Stream::parse(bytes) else { return false };
    let Some(root) = stream.documents().first().copied() else { return false };
    let known = |key| stream.value(key).is_some_and(|key| PLAIN.contains(&key));
    stream.pairs(root).iter().all(|pair| known(pair.key))
}

/// Every file of a directory.
pub(super) fn all_files(
    snapshot: &dyn Snapshot,
    dir: &RepoPath,
) -> Result<Vec<RepoPath>, PreviewError> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in snapshot.list(&dir)?.unwrap_or_default() {
            let path = dir.join(&entry.name);
            match entry.kind {
                EntryKind::File => files.push(path),
                EntryKind::Directory => dirs.push(path),
                EntryKind::Symlink | EntryKind::Submodule => {
                    return Err(uncopyable(&path, "is a symbolic link or a submodule"));
                }
            }
        }
        if files.len() > MOST_FILES {
            return Err(uncopyable(&dir, "has too many files for one overlay"));
        }
    }
    files.sort();
    Ok(files)
}
