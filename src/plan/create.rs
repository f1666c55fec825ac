//! `--create`: the entry or the overlay that the target does not have yet.

use crate::discover::{Cell, Overlay, Unreadable};
use crate::kustomize::{self, Change};
use crate::model::{
    AppId, EntryKind, EnvironmentImages, EnvironmentName, FileChange, Pin, RepoPath, Site,
    Snapshot, SnapshotError, Target,
};

use super::edits::as_entry;
use super::select::Chosen;
use super::{Intent, PlanError, World};

/// More lines than this that name the source are counted, not listed.
const NAMED: usize = 10;
/// Files of a copied overlay: more than this is no overlay.
const MAX_FILES: usize = 1000;

/// An `images:` entry to be added.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) new_name: Option<String>,
    pub(super) pin: Pin,
}

/// What has to be made.
#[derive(Default)]
pub(super) struct Made {
    pub(super) entry: Option<(RepoPath, Entry)>,
    pub(super) copies: Vec<FileChange>,
    /// Places in the copies that say another version, or another registry.
    pub(super) changes: Vec<(RepoPath, Change)>,
    /// The repository that will be pulled from.
    pub(super) repository: Option<String>,
    pub(super) notes: Vec<String>,
}

/// The entry in an overlay that is there, or a copy of the overlay of the
/// environment before.
pub(super) fn missing(
    world: World<'_>,
    intent: &Intent,
    chosen: &Chosen,
) -> Result<Made, PlanError> {
    let target = own_overlay(world, intent, chosen);
    let source = source_overlay(world, chosen);
    let entry = source.and_then(|(_, cell)| as_entry(cell));
    let can_create = match target {
        Some(_) => entry.is_some(),
        None => source.is_some(),
    };
    if let Some(refusal) = in_the_way(world, intent, (chosen, target))? {
        return Err(refusal);
    }
    if !intent.create || !can_create {
        let what = match target {
            Some(_) => format!("entry for {}", chosen.image),
            None => "overlay".to_owned(),
        };
        let (app, environment) = (Box::new(chosen.app.clone()), intent.to.clone());
        let create = Some(chosen.version.clone()).filter(|_| can_create);
        return Err(PlanError::Missing { app, what, environment, create });
    }
    let registries = Registries::of(world, source.map(|(overlay, _)| overlay), intent);
    let from = source.and_then(|(_, cell)| cell.repository());
    let moved = from.and_then(|from| registries.moved(from));
    let repository = moved.clone().or(from.map(str::to_owned));
    match (target, entry, source) {
        (Some(overlay), Some(entry), _) => {
            let path = kustomization_of(world, overlay)?;
            let pin = chosen.version.clone();
            let new_name = moved.filter(|_| entry.new_name.is_some()).or(entry.new_name);
            let entry = Some((path, Entry { name: entry.name, pin, new_name }));
            Ok(Made { entry, repository, ..Made::default() })
        }
        (None, _, Some(source)) => {
            let made = copy_overlay(world, intent, (source, &chosen.version))?;
            Ok(Made { repository, ..made })
        }
        _ => Ok(Made::default()),
    }
}

/// Why nothing must be made here: what is there cannot be read, or the place
/// of the overlay is a symbolic link or a submodule.
fn in_the_way(
    world: World<'_>,
    intent: &Intent,
    place: (&Chosen, Option<&Overlay>),
) -> Result<Option<PlanError>, PlanError> {
    let (chosen, target) = place;
    if target.is_some() {
        return Ok(unreadable(world, &chosen.app, &intent.to));
    }
    let Some((source, _)) = source_overlay(world, chosen) else { return Ok(None) };
    let mut at = counterpart(world, intent, source);
    while let Some(path) = at {
        let kind = world.snapshot.kind(&path)?;
        if matches!(kind, Some(EntryKind::Symlink | EntryKind::Submodule)) {
            let why = "is a symbolic link or a submodule, which is never followed".to_owned();
            return Ok(Some(PlanError::Untouchable { path, why }));
        }
        at = path.parent();
    }
    Ok(None)
}

/// What of the app's overlay in an environment cannot be read.
pub(super) fn unreadable(
    world: World<'_>,
    app: &AppId,
    environment: &EnvironmentName,
) -> Option<PlanError> {
    let of_app = |unreadable: &&Unreadable| {
        let overlay = world.inventory.overlays.get(unreadable.overlay);
        overlay.is_some_and(|overlay| {
            let same = overlay.app.as_ref().is_none_or(|other| other == app);
            same && overlay.environment == *environment
        })
    };
    let found = world.inventory.unreadable.iter().find(of_app)?;
    let (path, why) = (found.path.clone(), found.message.clone());
    Some(if found.link {
        PlanError::Untouchable { path, why }
    } else {
        PlanError::Unreadable { path, why }
    })
}

/// Where the overlay would be in the target.
fn counterpart(world: World<'_>, intent: &Intent, source: &Overlay) -> Option<RepoPath> {
    let environment = world.config.pipeline.get(intent.to.as_str())?;
    source.path_in(environment.dirs.first()?)
}

/// The overlay of the app in the target: by the layout's name, else the one
/// overlay that stands for the source's.
fn own_overlay<'a>(world: World<'a>, intent: &Intent, chosen: &Chosen) -> Option<&'a Overlay> {
    let mut overlays =
        world.inventory.overlays.iter().filter(|overlay| overlay.environment == intent.to);
    overlays.find(|overlay| match &overlay.app {
        Some(app) => *app == chosen.app,
        None => stands_for_source(world, overlay, chosen),
    })
}

fn stands_for_source(world: World<'_>, overlay: &Overlay, chosen: &Chosen) -> bool {
    source_overlay(world, chosen)
        .and_then(|(source, _)| source.path_in(&overlay.dir))
        .is_some_and(|path| path == overlay.path)
}

fn source_overlay<'a>(world: World<'a>, chosen: &Chosen) -> Option<(&'a Overlay, &'a Cell)> {
    let cell = |source: &EnvironmentName| world.inventory.cell(source, &chosen.app, &chosen.image);
    // The one that runs the version, where only one of several has to.
    let runs = |source: &&EnvironmentName| {
        cell(source).and_then(|cell| cell.pin()).is_some_and(|pin| *pin == chosen.version)
    };
    let source = chosen.from.iter().find(runs).or(chosen.from.first())?;
    let cell = cell(source)?;
    let index = cell.overlays.iter().next()?;
    Some((world.inventory.overlays.get(*index)?, cell))
}

fn kustomization_of(world: World<'_>, overlay: &Overlay) -> Result<RepoPath, PlanError> {
    let entries = world.snapshot.list(&overlay.path)?.unwrap_or_default();
    let found = entries
        .iter()
        .find(|entry| kustomize::is_kustomization(&entry.name) && entry.kind == EntryKind::File);
    match found {
        Some(entry) => Ok(overlay.path.join(&entry.name)),
        None => Err(PlanError::Untouchable {
            path: overlay.path.clone(),
            why: "has no kustomization to add an entry to".to_owned(),
        }),
    }
}

/// Every file of the overlay, under the target's directory name, with the
/// version that is promoted.
fn copy_overlay(
    world: World<'_>,
    intent: &Intent,
    copied_from: ((&Overlay, &Cell), &Pin),
) -> Result<Made, PlanError> {
    let ((source, cell), version) = copied_from;
    let target = counterpart(world, intent, source).ok_or_else(|| PlanError::Untouchable {
        path: source.path.clone(),
        why: format!("has no counterpart in {}", intent.to),
    })?;
    let mut made = Made::default();
    let mut named = Vec::new();
    let registries = Registries::of(world, Some(source), intent);
    for path in all_files(world.snapshot, source)? {
        let Some(bytes) = world.snapshot.read(&path)? else { continue };
        let rest = path.as_str().strip_prefix(source.path.as_str()).unwrap_or_default();
        let rest = rest.trim_start_matches('/');
        let new_path = target.resolve(rest).unwrap_or_else(|| target.clone());
        // The source may run another version, where a rule was waived.
        let other = cell.sites.iter().filter(|site| site.path == path && site.pin != *version);
        let changes = other.map(|site| Change::new(site.target.clone(), version.clone()));
        let moved = registries.changes(world, (source, &path));
        made.changes.extend(moved.chain(changes).map(|change| (new_path.clone(), change)));
        named.extend(lines_naming(&new_path, &bytes, source));
        made.copies.push(copied(&path, new_path, bytes));
    }
    made.notes.push(format!(
        "{target} is a copy of {}: look for what is meant for {} only",
        source.path, source.environment
    ));
    let more = named.len().saturating_sub(NAMED);
    made.notes.extend(named.into_iter().take(NAMED));
    made.notes.extend((more > 0).then(|| format!("{more} more lines name {}", source.environment)));
    Ok(made)
}

/// What the config says of the images of the copied environment, and of those of
/// the target.
struct Registries<'a>(Option<(&'a EnvironmentImages, &'a EnvironmentImages)>);

impl<'a> Registries<'a> {
    fn of(world: World<'a>, source: Option<&Overlay>, intent: &Intent) -> Self {
        let images =
            |name: &EnvironmentName| Some(&world.config.environment(name.as_str())?.images);
        let from = source.and_then(|source| images(&source.environment));
        Self(from.zip(images(&intent.to)))
    }

    /// The same repository in the registry of the target.
    fn moved(&self, repository: &str) -> Option<String> {
        let (from, to) = self.0?;
        let (rest, registry) = (from.below(repository)?, to.host_and_path()?);
        Some(format!("{registry}/{rest}"))
    }

    /// What a copied file has to say of registries in another way.
    fn changes(
        &'a self,
        world: World<'a>,
        (source, path): (&'a Overlay, &'a RepoPath),
    ) -> impl Iterator<Item = Change> {
        let cells = world.inventory.cells.iter();
        let cells = cells.filter(|(key, _)| key.environment == source.environment);
        let sites = cells.flat_map(|(_, cell)| &cell.sites).filter(move |site| site.path == *path);
        let is_written = |site: &&Site| {
            let known = matches!(site.target, Target::Image { .. } | Target::Policy { .. });
            known && !site.pin.is_empty() && site.problem.is_none()
        };
        sites.filter(is_written).filter_map(|site| {
            let repository = Some(self.moved(site.repository.as_deref()?)?);
            Some(Change { repository, ..Change::new(site.target.clone(), site.pin.clone()) })
        })
    }
}

/// The lines of a copy that name the environment it was copied from, such as
/// its namespace.
fn lines_naming(path: &RepoPath, bytes: &[u8], source: &Overlay) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let name = source.environment.as_str();
    let lines = (1..).zip(text.lines());
    let lines = lines.filter(|(_, line)| is_word(line, name) || is_word(line, &source.dir));
    lines.map(|(number, line)| format!("{path}:{number} names {name}: {}", line.trim())).collect()
}

/// Whether `word` stands in the line with no letter or digit beside it.
fn is_word(line: &str, word: &str) -> bool {
    let free = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        free(before.chars().next_back()) && free(rest.chars().nth(word.chars().count()))
    })
}

/// The same copy with other bytes.
pub(super) fn recopied(mut copy: FileChange, new: Vec<u8>) -> FileChange {
    for edit in &mut copy.edits {
        edit.new = Some(format!("{} bytes", new.len()));
        edit.replacement.clone_from(&new);
    }
    FileChange { new, ..copy }
}

fn copied(from: &RepoPath, path: RepoPath, bytes: Vec<u8>) -> FileChange {
    FileChange::added(path, bytes, &format!("copy of {from}"))
}

fn all_files(snapshot: &dyn Snapshot, overlay: &Overlay) -> Result<Vec<RepoPath>, PlanError> {
    if overlay.is_file {
        return Ok(vec![overlay.path.clone()]);
    }
    let mut files = Vec::new();
    let mut dirs = vec![overlay.path.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in snapshot.list(&dir).map_err(PlanError::Snapshot)?.unwrap_or_default() {
            let path = dir.join(&entry.name);
            match entry.kind {
                EntryKind::File => files.push(path),
                EntryKind::Directory => dirs.push(path),
                EntryKind::Symlink | EntryKind::Submodule => {
                    let why = "is a symbolic link or a submodule and is not copied".to_owned();
                    return Err(PlanError::Untouchable { path, why });
                }
            }
        }
        if files.len() > MAX_FILES {
            let message = format!("more than {MAX_FILES} files in one overlay");
            return Err(SnapshotError { path: overlay.path.clone(), message, fetch: None }.into());
        }
    }
    files.sort();
    Ok(files)
}

/// Adds entries to a kustomization, on top of the edits it may already have.
pub(super) fn add_entries(
    path: &RepoPath,
    old: &[u8],
    work: (Option<FileChange>, &[Entry]),
) -> Result<FileChange, PlanError> {
    let (before, entries) = work;
    let mut file = before.unwrap_or_else(|| FileChange {
        path: path.clone(),
        old: Some(old.to_vec()),
        new: old.to_vec(),
        removed: false,
        executable: false,
        edits: Vec::new(),
    });
    for entry in entries {
        let entry = kustomize::NewEntry {
            name: &entry.name,
            new_name: entry.new_name.as_deref(),
            pin: &entry.pin,
        };
        let added = kustomize::add_image_entry(path, &file.new, &entry)?;
        file.new = added.new;
        file.edits.extend(added.edits);
    }
    Ok(file)
}
