//! Promotions to changes of files.

use std::collections::BTreeMap;

use crate::discover::{Cell, Overlay};
use crate::kustomize::{self, Change};
use crate::model::{FileChange, Pin, Promotion, RepoPath, SiteKind, Tag, Target};

use super::create::{self, Entry};
use super::select::Chosen;
use super::{Intent, PlanError, Planned, World};

/// The changes of all promotions so far, by file: a file that several
/// promotions touch is edited once.
#[derive(Default)]
pub(super) struct Work {
    changes: BTreeMap<RepoPath, Vec<Change>>,
    entries: BTreeMap<RepoPath, Vec<Entry>>,
    copies: BTreeMap<RepoPath, FileChange>,
    notes: Vec<String>,
}

impl Work {
    /// Adds what one promotion changes.
    pub(super) fn add(
        &mut self,
        world: World<'_>,
        intent: &Intent,
        chosen: Chosen,
    ) -> Result<Planned, PlanError> {
        let cell = world.inventory.cell(&intent.to, &chosen.app, &chosen.image);
        let previous = match cell {
            Some(cell) => cell.sites.first().map(|site| site.pin.clone()).unwrap_or_default(),
            None => Pin::default(),
        };
        let repository = match cell {
            Some(cell) => {
                self.edit(world, cell, &chosen.version)?;
                cell.repository().map(str::to_owned)
            }
            None => self.create(world, intent, &chosen)?,
        };
        let had_digest =
            cell.is_some_and(|cell| cell.sites.iter().any(|site| site.pin.digest.is_some()));
        Ok(Planned {
            loses_digest: had_digest && chosen.version.digest.is_none() && !intent.drop_digest,
            left_behind: chosen.left_behind,
            sites: Vec::new(),
            promotion: Promotion {
                app: chosen.app,
                image: chosen.image,
                repository,
                from: chosen.from,
                to: intent.to.clone(),
                previous,
                version: chosen.version,
            },
        })
    }

    fn edit(&mut self, world: World<'_>, cell: &Cell, version: &Pin) -> Result<(), PlanError> {
        for site in cell.sites.iter().filter(|site| site.pin != *version || site.problem.is_some())
        {
            self.change(&site.path, site.target.clone(), version);
        }
        for index in &cell.overlays {
            let Some(overlay) = world.inventory.overlays.get(*index) else { continue };
            let couple = world.config.layout.get(overlay.layout).is_none_or(|path| path.couple);
            if couple {
                self.couple(world, overlay, (cell, version))?;
            }
        }
        Ok(())
    }

    fn change(&mut self, path: &RepoPath, target: Target, pin: &Pin) {
        self.add_change(path, Change::new(target, pin.clone()));
    }

    fn add_change(&mut self, path: &RepoPath, change: Change) {
        let changes = self.changes.entry(path.clone()).or_default();
        if !changes.contains(&change) {
            changes.push(change);
        }
    }

    /// A `?ref=` in the same overlay that equals the old version moves along.
    fn couple(
        &mut self,
        world: World<'_>,
        overlay: &Overlay,
        from_to: (&Cell, &Pin),
    ) -> Result<(), PlanError> {
        let (cell, version) = from_to;
        let old: Vec<&str> =
            cell.pins().into_iter().filter_map(|pin| pin.tag.as_ref().map(Tag::as_str)).collect();
        for path in
            crate::discover::overlay_files(world.snapshot, overlay, world.inventory.roots())?
        {
            if !kustomize::is_kustomization(path.file_name()) {
                continue;
            }
            let Some(bytes) = world.snapshot.read(&path)? else { continue };
            for found in kustomize::refs(&path, &bytes)? {
                let same = version.tag.as_ref().is_some_and(|tag| tag.as_str() == found.reference);
                if !old.contains(&found.reference.as_str()) || same {
                    continue;
                }
                if version.tag.is_none() {
                    self.notes.push(format!(
                        "{path}:{} has ?ref={} and stays: the new version has no tag",
                        found.line, found.reference
                    ));
                    continue;
                }
                self.change(&path, Target::Ref { old: found.reference }, version);
            }
        }
        Ok(())
    }

    /// Makes what is missing; gives the repository that it pulls from.
    fn create(
        &mut self,
        world: World<'_>,
        intent: &Intent,
        chosen: &Chosen,
    ) -> Result<Option<String>, PlanError> {
        let made = create::missing(world, intent, chosen)?;
        if let Some((path, entry)) = made.entry {
            self.entries.entry(path).or_default().push(entry);
        }
        for file in made.copies {
            self.copies.entry(file.path.clone()).or_insert(file);
        }
        for (path, change) in made.changes {
            self.add_change(&path, change);
        }
        for note in made.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        Ok(made.repository)
    }

    /// The files with their new bytes, by path, and notes.
    pub(super) fn finish(
        self,
        world: World<'_>,
    ) -> Result<(Vec<FileChange>, Vec<String>), PlanError> {
        let mut files = self.copies;
        for (path, changes) in &self.changes {
            if let Some(copy) = files.remove(path) {
                let new = kustomize::set_pins(path, &copy.new, changes)?.new;
                files.insert(path.clone(), create::recopied(copy, new));
                continue;
            }
            let old = read(world, path)?;
            let file = kustomize::set_pins(path, &old, changes)?;
            if !file.edits.is_empty() {
                files.insert(path.clone(), file);
            }
        }
        for (path, entries) in &self.entries {
            let old = read(world, path)?;
            let file = create::add_entries(path, &old, (files.remove(path), entries))?;
            files.insert(path.clone(), file);
        }
        Ok((files.into_values().collect(), self.notes))
    }
}

fn read(world: World<'_>, path: &RepoPath) -> Result<Vec<u8>, PlanError> {
    world.snapshot.read(path)?.ok_or_else(|| PlanError::Untouchable {
        path: path.clone(),
        why: "is no regular file".to_owned(),
    })
}

/// Where the version of a promotion is changed.
pub(super) fn sites_of(
    world: World<'_>,
    planned: &Planned,
    files: &[FileChange],
) -> Vec<(RepoPath, u32)> {
    let promotion = &planned.promotion;
    let cell = world.inventory.cell(&promotion.to, &promotion.app, &promotion.image);
    match cell {
        Some(cell) => cell.sites.iter().map(|site| (site.path.clone(), site.line)).collect(),
        None => {
            let edits = files.iter().flat_map(|file| &file.edits);
            edits.map(|edit| (edit.path.clone(), edit.line)).take(1).collect()
        }
    }
}

/// Whether a site can be copied as an `images:` entry.
pub(super) fn as_entry(cell: &Cell) -> Option<Entry> {
    let site = cell.sites.iter().find(|site| site.kind == SiteKind::Kustomize)?;
    let new_name = site.repository.clone().filter(|repository| *repository != site.image);
    Some(Entry { name: site.image.clone(), new_name, pin: site.pin.clone() })
}
