//! Commits to steps: only the files that a commit changed are read, each blob
//! once, and none where the audit record tells what was before and the trees do
//! not say otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::audit::{self, Said};
use crate::discover::{self, Holds, Overlay, Owners, Reader, Roots, holds};
use crate::git::{BlobSides, HistoryCommit, ObjectId, TreeSnapshot};
use crate::history::{Contents, FileStep, Moment, Spot, Step, derived, needs_whole, shifts, spots};
use crate::kustomize;
use crate::model::{RepoPath, Site};

use super::super::Failure;
use super::super::evidence::Ground;
use super::Scope;

/// A commit on its way to a step.
struct Draft {
    moment: Moment,
    claims: Option<Rc<Said>>,
    files: Vec<FileStep>,
}

/// What a file held at the commit that is looked at.
struct Known {
    blob: Option<ObjectId>,
    contents: Contents,
    /// Where it is only what a record says: the draft and the file whose
    /// `before` it is.
    said: Option<(usize, usize)>,
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
}

/// Which blob each file has at the commit that is looked at, as the newer
/// commits that were looked at leave it.
#[derive(Default)]
struct Chain {
    blobs: HashMap<RepoPath, Option<ObjectId>>,
    /// Which blob each of them has in the end.
    newest: HashMap<RepoPath, Option<ObjectId>>,
    /// Whether somewhere two changes of a file do not go on from one another.
    broken: bool,
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
        Self { ground, scope, owners, reader, known, drafts, chain }
    }

    /// Looks at the next commit back.
    pub(super) fn pass(&mut self, commit: &HistoryCommit) -> Result<(), Failure> {
        let groups = self.groups(commit);
        if groups.is_empty() {
            return Ok(());
        }
        let claims = audit::said(commit.message()).map(Rc::new);
        let mut files = Vec::new();
        let mut sides = None;
        for group in groups {
            match self.by_files(&group, claims.as_deref(), files.len())? {
                Some(found) => files.extend(found),
                None => files.push(self.whole(commit, &group, &mut sides)?),
            }
        }
        let moment = Moment {
            commit: commit.id.to_string(),
            seconds: commit.seconds,
            author: commit.author().to_owned(),
        };
        self.drafts.push(Draft { moment, claims, files });
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
            let before = self.chain.blobs.insert(path.clone(), old);
            self.chain.newest.entry(path.clone()).or_insert(new);
            self.chain.broken |= before.is_some_and(|known| known != new);
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
    /// whole overlay. `first` is the place of the first of them in the draft.
    fn by_files(
        &mut self,
        group: &Group,
        claims: Option<&Said>,
        first: usize,
    ) -> Result<Option<Vec<FileStep>>, Failure> {
        let mut found = Vec::new();
        if group.whole {
            self.forget(group)?;
            return Ok(None);
        }
        // A record speaks of an app; which of several files it means is not said.
        let claims = claims.filter(|_| group.files.len() == 1);
        for (path, (old, new)) in &group.files {
            let place = (self.drafts.len(), first + found.len());
            let (before, after) = self.file(&group.overlay, (path, *old, *new), (claims, place))?;
            if let (Some(before), Some(after)) = (&before, &after)
                && needs_whole(before, after)
            {
                self.forget(group)?;
                return Ok(None);
            }
            let (path, overlay) = (path.clone(), group.overlay.clone());
            found.push(FileStep { path, overlay, before, after });
        }
        Ok(Some(found))
    }

    /// One file before and after.
    fn file(
        &mut self,
        overlay: &Overlay,
        (path, old, new): (&RepoPath, Option<ObjectId>, Option<ObjectId>),
        (claims, place): (Option<&Said>, (usize, usize)),
    ) -> Result<(Contents, Contents), Failure> {
        let known = self.known.remove(path).filter(|known| known.blob == new);
        let said = |after: &Contents| {
            let claims = claims.filter(|_| old.is_some())?;
            derived(claims, overlay, after.as_deref()?)
        };
        let mut after = known.as_ref().map(|known| known.contents.clone());
        let mut before = after.as_ref().and_then(said);
        if before.is_none() || after.is_none() {
            // What a record said of it does not go on here, or nothing did.
            let read = match known {
                Some(Known { contents, said: None, .. }) => contents,
                known => {
                    let read = self.read(overlay, path, new)?;
                    self.correct(known.and_then(|known| known.said), &read);
                    read
                }
            };
            before = said(&read);
            after = Some(read);
        }
        let after = after.unwrap_or_default();
        let (contents, said) = match before {
            Some(before) => (Some(before), Some(place)),
            None => (self.read(overlay, path, old)?, None),
        };
        self.known.insert(path.clone(), Known { blob: old, contents: contents.clone(), said });
        Ok((contents, after))
    }

    /// Puts right what a record said wrongly.
    fn correct(&mut self, said: Option<(usize, usize)>, read: &Contents) {
        let Some((draft, file)) = said else { return };
        let step = self.drafts.get_mut(draft).and_then(|draft| draft.files.get_mut(file));
        if let Some(step) = step {
            step.before.clone_from(read);
        }
    }

    /// Before an overlay is compared as a whole: what records said of its files
    /// is read.
    fn forget(&mut self, group: &Group) -> Result<(), Failure> {
        for (path, _) in &group.files {
            if let Some(known) = self.known.remove(path) {
                self.settle(path, &group.overlay, &known)?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, path: &RepoPath, overlay: &Overlay, known: &Known) -> Result<(), Failure> {
        // A place in the draft that is being made is not there yet, and will
        // not be: the overlay is compared as a whole instead.
        if let Some((draft, _)) = known.said.filter(|(draft, _)| *draft < self.drafts.len()) {
            let read = self.read(overlay, path, known.blob)?;
            self.correct(known.said.filter(|said| said.0 == draft), &read);
        }
        Ok(())
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

    /// Whether a commit that was passed over changed a file that is wanted: the
    /// changes that were seen do not go on from one another, do not lead to
    /// what is there now, or do not begin where the file did. `oldest` is the
    /// commit at which the walk ended early.
    pub(super) fn has_gap(&mut self, oldest: Option<ObjectId>) -> Result<bool, Failure> {
        if self.chain.broken {
            return Ok(true);
        }
        let now = self.ground.repo.snapshot(self.ground.base)?;
        for (path, blob) in &self.chain.newest {
            if now.id(path)? != *blob {
                return Ok(true);
            }
        }
        let start = oldest.map(|oldest| self.ground.repo.snapshot(oldest)).transpose()?;
        for (path, blob) in &self.chain.blobs {
            let first = start.as_ref().map(|start| start.id(path)).transpose()?.flatten();
            if first != *blob {
                return Ok(true);
            }
        }
        self.has_unseen(&now, start.as_ref())
    }

    /// Whether a file is there now that no commit was seen to bring.
    fn has_unseen(
        &mut self,
        now: &TreeSnapshot,
        start: Option<&TreeSnapshot>,
    ) -> Result<bool, Failure> {
        let overlays = discover::overlays(now, self.ground.config, None)?;
        let roots = Roots::of(&overlays);
        for overlay in overlays.iter().filter(|overlay| self.wants(overlay)) {
            for path in discover::overlay_files(now, overlay, &roots)? {
                let seen = self.chain.newest.contains_key(&path);
                let old = || start.map(|start| start.id(&path)).transpose().map(Option::flatten);
                if !seen && old()? != now.id(&path)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The steps, once every record was seen to go on from what the trees say.
    pub(super) fn finish(mut self) -> Result<Done, Failure> {
        let known = std::mem::take(&mut self.known);
        for (path, known) in &known {
            let Some((draft, file)) = known.said else { continue };
            let step = self.drafts.get(draft).and_then(|draft| draft.files.get(file));
            let Some(overlay) = step.map(|step| step.overlay.clone()) else { continue };
            self.settle(path, &overlay, known)?;
        }
        let mut drafts = self.drafts;
        let (unread, open) = bridge(&mut drafts);
        let step = |draft: Draft| Step {
            moment: draft.moment,
            claims: draft.claims,
            shifts: draft.files.iter().flat_map(shifts).collect(),
        };
        let mut steps: Vec<Step> = drafts.into_iter().map(step).collect();
        steps.retain(|step| !step.shifts.is_empty());
        Ok(Done { steps, unread, open })
    }
}

/// A file that cannot be read at a commit is taken to hold what it held before:
/// what comes after is compared with that. Gives the files that cannot be read
/// in the end, and those that could not in the beginning.
fn bridge(drafts: &mut [Draft]) -> (Vec<RepoPath>, Vec<RepoPath>) {
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
