//! Commits to steps: only the files that a commit changed are read, each blob
//! once. Where records are believed ([`believed`]), not even the trees of a
//! commit are read; that everything fits together is seen at the end ([`gap`]).

mod believed;
mod gap;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::audit::{self, Said};
use crate::discover::{Holds, Overlay, Owners, Reader, holds};
use crate::git::{BlobSides, HistoryCommit, ObjectId, TreeSnapshot};
use crate::history::{Contents, FileStep, Moment, Place, Spot, Step, needs_whole, shifts, spots};
use crate::kustomize;
use crate::model::{RepoPath, Site};

use super::super::Failure;
use super::super::evidence::Ground;
use super::Scope;
use believed::Standing;
pub(super) use believed::words;
use gap::Chain;

/// A commit on its way to a step.
struct Draft {
    moment: Arc<Moment>,
    claims: Option<Arc<Said>>,
    files: Vec<FileStep>,
}

/// Which blob a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blob {
    /// This one; `None` where it is not there.
    Is(Option<ObjectId>),
    /// Nobody looked: a record told what the file holds.
    Unseen,
}

/// What a file held at the commit that is looked at.
struct Known {
    blob: Blob,
    contents: Contents,
}

/// The files of one overlay that a commit changed.
struct Group {
    overlay: Rc<Overlay>,
    files: Vec<(RepoPath, BlobSides)>,
    whole: bool,
}

/// The trees on both sides of a commit, for whole overlays.
struct Sides {
    before: Option<TreeSnapshot>,
    after: TreeSnapshot,
}

pub(super) struct Walk<'a, 'o, 'c> {
    ground: Ground<'a>,
    scope: &'a Scope,
    owners: &'o mut Owners<'c>,
    reader: Reader<'a>,
    known: HashMap<RepoPath, Known>,
    drafts: Vec<Draft>,
    chain: Chain,
    standing: Option<Standing>,
    /// How many commits were told by their records alone.
    believed: usize,
}

/// What came of a walk.
pub(super) struct Done {
    pub(super) steps: Vec<Step>,
    /// Files that cannot be read at the newest commit that changed them.
    pub(super) unread: Vec<RepoPath>,
    /// Files that could not be read before the oldest commit that changed them.
    pub(super) open: Vec<RepoPath>,
}

impl<'a, 'o, 'c> Walk<'a, 'o, 'c> {
    pub(super) fn new(ground: Ground<'a>, scope: &'a Scope, owners: &'o mut Owners<'c>) -> Self {
        let reader = Reader::new(ground.config);
        let (known, drafts, chain) = (HashMap::new(), Vec::new(), Chain::default());
        let (standing, believed) = (None, 0);
        Self { ground, scope, owners, reader, known, drafts, chain, standing, believed }
    }

    /// Looks at the next commit back.
    pub(super) fn pass(&mut self, commit: &HistoryCommit) -> Result<(), Failure> {
        let groups = self.groups(commit);
        if groups.is_empty() {
            return Ok(());
        }
        let claims = audit::said(commit.message()).map(Arc::new);
        let mut files = Vec::new();
        let mut sides = None;
        for group in groups {
            self.see(&group)?;
            match self.by_files(&group)? {
                Some(found) => files.extend(found),
                None => {
                    for (path, _) in &group.files {
                        self.known.remove(path);
                    }
                    files.push(self.whole(commit, &group, &mut sides)?);
                }
            }
        }
        self.drafts.push(Draft { moment: moment(commit), claims, files });
        Ok(())
    }

    /// What it changed of what is wanted, by overlay.
    fn groups(&mut self, commit: &HistoryCommit) -> Vec<Group> {
        let mut groups: BTreeMap<RepoPath, Group> = BTreeMap::new();
        for (path, blobs) in commit.changed.iter().zip(&commit.blobs) {
            let Some(overlay) = self.owners.of(path).filter(|overlay| self.wants(overlay)) else {
                continue;
            };
            let how = holds(&overlay, path);
            if how == Holds::No {
                continue;
            }
            let (old, new) = *blobs;
            self.chain.goes_on(path, (old, new));
            let new = || Group { overlay: overlay.clone(), files: Vec::new(), whole: false };
            let group = groups.entry(overlay.path.clone()).or_insert_with(new);
            group.whole |= how == Holds::Unsure;
            group.files.push((path.clone(), *blobs));
        }
        groups.into_values().collect()
    }

    fn wants(&self, overlay: &Overlay) -> bool {
        let Scope { environments, apps } = self.scope;
        let environment = environments.is_empty() || environments.contains(&overlay.environment);
        let app = overlay.app.as_ref();
        environment && (apps.is_empty() || app.is_none_or(|app| apps.contains(&app.name)))
    }

    /// What the changed files tell by themselves; `None` where it takes the
    /// whole overlay.
    fn by_files(&mut self, group: &Group) -> Result<Option<Vec<FileStep>>, Failure> {
        let mut found = Vec::new();
        let mut whole = group.whole;
        for (path, (old, new)) in &group.files {
            if whole {
                break;
            }
            let after = match self.known.remove(path).filter(|known| known.blob == Blob::Is(*new)) {
                Some(known) => known.contents,
                None => self.read(&group.overlay, path, *new)?,
            };
            let before = self.read(&group.overlay, path, *old)?;
            let known = Known { blob: Blob::Is(*old), contents: before.clone() };
            self.known.insert(path.clone(), known);
            whole = before.as_deref().zip(after.as_deref()).is_some_and(|(b, a)| needs_whole(b, a));
            let (path, overlay) = (path.clone(), group.overlay.clone());
            found.push(FileStep { path, overlay, before, after });
        }
        Ok((!whole).then_some(found))
    }

    /// The versions in a blob.
    fn read(
        &self,
        overlay: &Overlay,
        path: &RepoPath,
        blob: Option<ObjectId>,
    ) -> Result<Contents, Failure> {
        let Some(blob) = blob else { return Ok(Some(Rc::from(Vec::<Spot>::new()))) };
        let bytes = self.ground.repo.blob(blob)?;
        let layout = self.ground.config.layout.get(overlay.layout);
        let fields = layout.map(|layout| layout.fields.as_slice()).unwrap_or_default();
        let sites = kustomize::read_sites(path, &bytes, fields).ok();
        Ok(sites.map(|found| spots(found.sites)))
    }

    /// What the changed files hold before and after, as the whole overlay
    /// tells. What is new in them is compared with what the others held.
    fn whole(
        &mut self,
        commit: &HistoryCommit,
        group: &Group,
        sides: &mut Option<Sides>,
    ) -> Result<FileStep, Failure> {
        if sides.is_none() {
            let repo = self.ground.repo;
            let before = commit.parent.map(|parent| repo.snapshot(parent)).transpose()?;
            *sides = Some(Sides { before, after: repo.snapshot(commit.id)? });
        }
        let (mut old, mut new) = (Vec::new(), Vec::new());
        if let Some(sides) = sides {
            if let Some(before) = &sides.before {
                old = self.overlay_at(before, &group.overlay)?;
            }
            new = self.overlay_at(&sides.after, &group.overlay)?;
        }
        let changed = |site: &Site| group.files.iter().any(|(path, _)| *path == site.path);
        new.retain(changed);
        let known: BTreeSet<String> =
            old.iter().filter(|site| changed(site)).map(|site| site.image.clone()).collect();
        old.retain(|site| changed(site) || !known.contains(&site.image));
        // What stays in files that did not change did not go.
        let moved: BTreeSet<&String> = new.iter().map(|site| &site.image).collect();
        old.retain(|site| changed(site) || moved.contains(&site.image));
        let (path, overlay) = (group.overlay.path.clone(), group.overlay.clone());
        let (before, after) = (Some(spots(old)), Some(spots(new)));
        Ok(FileStep { path, overlay, before, after })
    }

    /// What an overlay holds at a commit.
    fn overlay_at(
        &mut self,
        snapshot: &TreeSnapshot,
        overlay: &Rc<Overlay>,
    ) -> Result<Vec<Site>, Failure> {
        let inventory = self.reader.read(snapshot, vec![(**overlay).clone()], &|_| true)?;
        // What lies in an overlay that is nested in this one is that one's.
        let owners = &mut *self.owners;
        let mut own = |path: &RepoPath| owners.of(path).is_some_and(|o| o.path == overlay.path);
        let sites = inventory.cells.into_values().flat_map(|cell| cell.sites);
        Ok(sites.filter(|site| own(&site.path)).collect())
    }

    /// The steps.
    pub(super) fn finish(self) -> Done {
        let mut drafts = self.drafts;
        let (unread, open) = bridge(&mut drafts);
        let mut places: HashMap<RepoPath, Arc<Place>> = HashMap::new();
        let mut shifts_of = |file: &FileStep| {
            let Overlay { path, .. } = &*file.overlay;
            if !places.contains_key(path) {
                places.insert(path.clone(), Arc::new(Place::of(&file.overlay)));
            }
            places.get(path).map(|place| shifts(file, place)).unwrap_or_default()
        };
        let step = |draft: Draft| Step {
            moment: draft.moment,
            claims: draft.claims,
            shifts: draft.files.iter().flat_map(&mut shifts_of).collect(),
        };
        let mut steps: Vec<Step> = drafts.into_iter().map(step).collect();
        steps.retain(|step| !step.shifts.is_empty());
        Done { steps, unread, open }
    }
}

fn moment(commit: &HistoryCommit) -> Arc<Moment> {
    let (id, author) = (commit.id.to_string(), commit.author().to_owned());
    Arc::new(Moment { commit: id, seconds: commit.seconds, author })
}

/// A file that cannot be read at a commit is taken to hold what it held before:
/// what comes after is compared with that. Gives the files that cannot be read
/// in the end, and those that could not in the beginning.
fn bridge(drafts: &mut [Draft]) -> (Vec<RepoPath>, Vec<RepoPath>) {
    let is_read = |file: &FileStep| file.before.is_some() && file.after.is_some();
    if drafts.iter().flat_map(|draft| &draft.files).all(is_read) {
        return (Vec::new(), Vec::new());
    }
    let mut last: HashMap<RepoPath, (Contents, bool)> = HashMap::new();
    let mut open = Vec::new();
    for step in drafts.iter_mut().rev().flat_map(|draft| &mut draft.files) {
        let known = last.get(&step.path);
        if step.before.is_none() {
            if known.is_none() {
                open.push(step.path.clone());
            }
            step.before = known.and_then(|(held, _)| held.clone());
        }
        let broken = step.after.is_none();
        let held = step.after.clone().or_else(|| step.before.clone());
        last.insert(step.path.clone(), (held, broken));
    }
    let unread = last.into_iter().filter(|(_, (_, broken))| *broken).map(|(path, _)| path);
    (unread.collect(), open)
}
