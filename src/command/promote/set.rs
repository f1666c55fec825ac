//! `rollback --set`: all that one promotion moved goes back to what ran before
//! it.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit;
use crate::discover::{self, Cell, CellKey, Inventory, Overlay};
use crate::gate::short_id;
use crate::git::{self, HistoryCommit, Interest, ObjectId};
use crate::history::Timeline;
use crate::model::{AppId, Pin, Promotion, RepoPath};
use crate::plan;

use super::super::evidence::{Ground, Reach, timelines};
use super::super::{Failure, Workspace};
use super::rollback::Back;
use super::words::{Request, What};

/// A shorter id could mean many promotions.
const SHORTEST: usize = 7;

impl Back<'_> {
    /// What the promotion of that id, or of that commit, moved in the
    /// environment, back at what ran before; and what is to be said beside it.
    pub(super) fn set(
        self,
        request: &Request,
        id: &str,
    ) -> Result<(Request, Vec<String>), Failure> {
        let to = &request.to;
        let program = self.context.front.name();
        let overlays = discover::overlays(&self.workspace.snapshot, &self.workspace.config, None)?;
        let (commit, parent) = self.commit_of(&overlays, id)?;
        let moved = moved_by(self.workspace, parent, &commit)?;
        let here: Vec<&Promotion> = moved.iter().filter(|p| p.to == *to).collect();
        if here.is_empty() {
            let short = commit.id.to_string();
            let failure = Failure::not_found(format!(
                "the promotion {} moved nothing in {to}",
                short_id(&short)
            ));
            let other = moved.first().map(|p| format!("{program} rollback {} --set {id}", p.to));
            return Err(failure.maybe_hint(other).hint(format!("git show {}", short_id(&short))));
        }
        let all: BTreeSet<AppId> = here.iter().map(|p| p.app.clone()).collect();
        let part = self.part(&all, request)?;
        let config = &self.workspace.config;
        let meant = |overlay: &Overlay| overlay.environment == *to;
        let now = discover::read(&self.workspace.snapshot, config, overlays, &meant)?;
        let Sorted { mut apps, back, mut notes } = sorted(&here, &part, &now);
        notes.extend(self.taken_back(&now, &back)?);
        for (key, pin) in back {
            // It runs what is wanted: nothing is left to do for it.
            apps.entry(key.app).or_default().insert(key.image, pin);
        }
        if apps.is_empty() {
            let failure = Failure::not_found(format!(
                "nothing of that promotion can go back in {to}: {}",
                notes.join("; ")
            ));
            return Err(failure.hint(format!("{program} rollback {to} APP@VERSION")));
        }
        let what = What::Images(apps.into_iter().collect());
        Ok((Request { to: to.clone(), what }, notes))
    }

    /// What is said of those that are back, with the commit that took them.
    fn taken_back(
        self,
        now: &Inventory,
        back: &BTreeMap<CellKey, Pin>,
    ) -> Result<Vec<String>, Failure> {
        let keys: BTreeSet<&CellKey> = back.keys().collect();
        let timelines = timelines(Ground::of(self.workspace), now, &keys, Reach::Arrivals)?;
        let told = |(key, pin): (&CellKey, &Pin)| {
            let since = timelines.get(key).and_then(Timeline::since);
            let by = since.map(|since| format!(" ({})", short_id(&since.commit)));
            format!("{} was taken back to {pin} already{}", key.app, by.unwrap_or_default())
        };
        let mut notes: Vec<String> = back.iter().map(told).collect();
        notes.dedup();
        Ok(notes)
    }

    /// The apps of the set that are meant.
    fn part(self, all: &BTreeSet<AppId>, request: &Request) -> Result<BTreeSet<AppId>, Failure> {
        let words = match &request.what {
            What::Apps(apps) if apps.iter().all(|(_, version)| version.is_empty()) => {
                apps.as_slice()
            }
            What::RunsIn(None) => &[],
            _ => {
                return Err(Failure::usage("--set says the versions: name apps of the set alone")
                    .hint(format!(
                        "{} rollback {} --set ID APP",
                        self.context.front.name(),
                        request.to
                    )));
            }
        };
        for (name, _) in words {
            if !all.iter().any(|app| app.answers_to(name)) {
                return Err(Failure::not_found(format!("that promotion did not move {name}")));
            }
        }
        let flagged = self.flagged(all)?.unwrap_or_else(|| all.clone());
        let named = |app: &AppId| words.is_empty() || words.iter().any(|(n, _)| app.answers_to(n));
        Ok(flagged.into_iter().filter(named).collect())
    }

    /// The first-parent commit that carries the id, or is it.
    fn commit_of(
        self,
        overlays: &[Overlay],
        id: &str,
    ) -> Result<(HistoryCommit, ObjectId), Failure> {
        let repo = &self.workspace.repo;
        let named = repo.revision(id).ok().filter(|_| !id.starts_with('-'));
        if id.len() < SHORTEST && named.is_none() {
            let message = format!("`{id}` is no id of a promotion: at least {SHORTEST} digits");
            return Err(Failure::usage(message).hint("git log --grep=Promote-Id"));
        }
        let paths = overlays.iter().map(|overlay| overlay.path.clone());
        let mut history = git::walk(repo, self.workspace.base, Interest::below(paths))?;
        for commit in history.by_ref() {
            let commit = commit?;
            let Some(parent) = commit.parent else { continue };
            if named == Some(commit.id)
                || id.len() >= SHORTEST && has_id(self.workspace, parent, &commit, id)?
            {
                return Ok((commit, parent));
            }
        }
        if history.ended_shallow() {
            let message = format!("the history is cut off, and holds no promotion {id}");
            return Err(Failure::not_found(message).hint("git fetch --unshallow"));
        }
        let message = format!("no promotion has the id {id}");
        Err(Failure::not_found(message).hint("git log --grep=Promote-Id"))
    }
}

/// Whether a commit, or one that it merges, says that it is that promotion.
fn has_id(
    workspace: &Workspace,
    parent: ObjectId,
    commit: &HistoryCommit,
    id: &str,
) -> Result<bool, Failure> {
    let says = |message: &str| {
        let trailers = audit::trailers_of(message);
        let mut ids = trailers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("Promote-Id"));
        ids.any(|(_, value)| value.starts_with(id))
    };
    if says(commit.message()) {
        return Ok(true);
    }
    if workspace.repo.parents(commit.id)?.len() < 2 {
        return Ok(false);
    }
    let change = git::moved(&workspace.repo, parent, commit.id)?;
    Ok(change.messages.iter().any(|message| says(message)))
}

/// The versions that a commit brought to environments.
fn moved_by(
    workspace: &Workspace,
    parent: ObjectId,
    commit: &HistoryCommit,
) -> Result<Vec<Promotion>, Failure> {
    let at = |id: ObjectId| -> Result<Inventory, Failure> {
        let snapshot = workspace.repo.snapshot(id)?;
        let overlays = discover::overlays(&snapshot, &workspace.config, None)?;
        let wanted = |overlay: &Overlay| changes(&commit.changed, overlay);
        Ok(discover::read(&snapshot, &workspace.config, overlays, &wanted)?)
    };
    let planned = plan::between(&workspace.config, &at(parent)?, &at(commit.id)?);
    Ok(planned.into_iter().map(|planned| planned.promotion).collect())
}

fn changes(changed: &[RepoPath], overlay: &Overlay) -> bool {
    changed.iter().any(|path| path.is_within(&overlay.path))
}

type Apps = BTreeMap<AppId, BTreeMap<String, Pin>>;

/// What becomes of the parts of a set.
#[derive(Default)]
struct Sorted {
    /// What goes back.
    apps: Apps,
    /// What is back at what ran before.
    back: BTreeMap<CellKey, Pin>,
    /// Why the rest stays.
    notes: Vec<String>,
}

fn sorted(moved: &[&Promotion], part: &BTreeSet<AppId>, now: &Inventory) -> Sorted {
    let mut sorted = Sorted::default();
    for promotion in moved.iter().filter(|promotion| part.contains(&promotion.app)) {
        let Promotion { app, image, previous, version, to, .. } = promotion;
        let pin = now.cell(to, app, image).and_then(Cell::pin);
        let note = match pin {
            Some(pin) if pin == version && previous.is_empty() => {
                format!("{app} had no version before {version}")
            }
            Some(pin) if pin == version => {
                sorted.apps.entry(app.clone()).or_default().insert(image.clone(), previous.clone());
                continue;
            }
            Some(pin) if pin == previous => {
                sorted.back.insert(CellKey::of(promotion, to), previous.clone());
                continue;
            }
            Some(pin) => format!("{app} has moved on to {pin}, and stays"),
            None => format!("{to} does not run one version of {app} any more"),
        };
        sorted.notes.push(note);
    }
    sorted.notes.dedup();
    sorted
}
