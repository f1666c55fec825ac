//! Previews that stand in place of the environment's own version: found by the
//! trailers of the commits that set them.

use std::collections::BTreeSet;

use crate::audit;
use crate::discover::{self, Overlay};
use crate::git::{self, Interest, ObjectId};
use crate::model::Pin;
use crate::report::PreviewRow;

use super::super::{Failure, Workspace};

/// Commits further back are not asked: a preview is short-lived.
const MOST_COMMITS: usize = 5_000;

/// A version that was set as a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Overwrite {
    /// The name of the preview.
    pub(in super::super) name: String,
    /// The app, as it is shown.
    pub(in super::super) app: String,
    /// The version, as the record writes it.
    pub(in super::super) version: String,
    /// The environment.
    pub(in super::super) environment: String,
    /// When, seconds since the epoch.
    pub(in super::super) since: i64,
    /// The commit.
    pub(in super::super) commit: String,
}

impl Overwrite {
    /// Whether it set this version: the record has the tag, or the digest where
    /// there is no tag.
    pub(in super::super) fn is_version(&self, pin: &Pin) -> bool {
        match (&pin.tag, &pin.digest) {
            (Some(tag), _) => tag.as_str() == self.version,
            (None, Some(digest)) => digest.to_string() == self.version,
            (None, None) => false,
        }
    }
}

/// As a row of a report.
pub(super) fn row(overwrite: &Overwrite) -> PreviewRow {
    PreviewRow {
        name: overwrite.name.clone(),
        app: overwrite.app.clone(),
        environment: overwrite.environment.clone(),
        version: overwrite.version.clone(),
        dir: None,
        since: Some(overwrite.since),
        commit: Some(overwrite.commit.clone()),
    }
}

/// Those whose version still runs.
pub(in super::super) fn standing(workspace: &Workspace) -> Result<Vec<Overwrite>, Failure> {
    let found = recorded(workspace)?;
    if found.is_empty() {
        return Ok(found);
    }
    let Workspace { snapshot, config, .. } = workspace;
    let bare = |one: &Overwrite| {
        let app = one.app.split('[').next().unwrap_or_default();
        app.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
    };
    let apps: BTreeSet<String> = found.iter().map(bare).collect();
    let apps: Vec<String> = apps.into_iter().collect();
    let overlays = discover::overlays_of(snapshot, config, Some(&apps))?;
    let wanted =
        |overlay: &Overlay| found.iter().any(|one| one.environment == overlay.environment.as_str());
    let inventory = discover::read(snapshot, config, overlays, &wanted)?;
    let runs = |one: &Overwrite| {
        inventory.cells.iter().any(|(key, cell)| {
            key.environment.as_str() == one.environment
                && key.app.to_string() == one.app
                && cell.pin().is_some_and(|pin| one.is_version(pin))
        })
    };
    let mut kept = found;
    kept.retain(runs);
    Ok(kept)
}

/// What the commits of the first-parent line say, and those that they merged;
/// of each app the newest word.
fn recorded(workspace: &Workspace) -> Result<Vec<Overwrite>, Failure> {
    let repo = &workspace.repo;
    let none = || Interest::below(std::iter::empty());
    let mut found: Vec<Overwrite> = Vec::new();
    let mut spoken: BTreeSet<(String, String)> = BTreeSet::new();
    for commit in git::walk(repo, workspace.base, none())?.with_unchanged().take(MOST_COMMITS) {
        let commit = commit?;
        let (since, id) = (commit.seconds, commit.id);
        let mut messages = vec![commit.message().to_owned()];
        for merged in merged(workspace, id)? {
            let tip = git::walk(repo, merged, none())?.with_unchanged().next().transpose()?;
            messages.extend(tip.map(|tip| tip.message().to_owned()));
        }
        for message in messages.iter().filter(|message| message.contains("Promote-App:")) {
            for one in read(message, (since, &id.to_string())) {
                let first = spoken.insert((one.environment.clone(), one.app.clone()));
                found.extend((first && !one.name.is_empty()).then_some(one));
            }
        }
    }
    Ok(found)
}

/// What a merge brings: the tips of its other parents.
fn merged(workspace: &Workspace, commit: ObjectId) -> Result<Vec<ObjectId>, Failure> {
    let parents = workspace.repo.parents(commit)?;
    Ok(parents.into_iter().skip(1).filter(|parent| workspace.repo.has(*parent)).collect())
}

/// The promotions that a message records; those that are no preview without a
/// name.
fn read(message: &str, (since, commit): (i64, &str)) -> Vec<Overwrite> {
    let trailers = audit::trailers_of(message);
    let all = |wanted: &str| {
        let own = trailers.iter().filter(|(key, _)| key == wanted);
        own.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let name = all("Promote-Preview").into_iter().next().unwrap_or_default();
    let environment = all("Promote-To").into_iter().next().unwrap_or_default();
    let app = |text: String| {
        let (before, version) = text.rsplit_once(" -> ")?;
        Some(Overwrite {
            name: name.clone(),
            app: before.split(' ').next()?.to_owned(),
            version: version.to_owned(),
            environment: environment.clone(),
            since,
            commit: commit.to_owned(),
        })
    };
    all("Promote-App").into_iter().filter_map(app).collect()
}
