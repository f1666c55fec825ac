//! What a status was told once is kept: who runs what, and since when, follows
//! from the id of the commit alone. From a commit that comes after one that was
//! told of, only the apps that changed since are told anew ([`super::carried`]).
//!
//! Only of many cells, since of few it is quicker told anew; and never in a
//! shallow clone, which may be cut off elsewhere the next time. A file that is
//! damaged, of another version or of another commit is as if it were not there.

mod form;
mod rows;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::config::{GITOPS_PROMOTION, PROMOTE_TOML};
use crate::git::ObjectId;
use crate::model::{EnvironmentName, RepoPath, Snapshot};
use crate::report::StatusReport;
use crate::schedule::Calendar;

use super::super::{Context, Workspace, held};

pub(super) use form::Form;

/// Of fewer cells nothing is kept.
const ENOUGH: usize = 600;

/// Every row of a status, and what is to be said beside it.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) report: StatusReport,
    /// Files that cannot be read.
    pub(super) unread: Vec<String>,
    /// What is said with `-v`.
    pub(super) notes: Vec<String>,
}

/// The environments, and where each takes its versions from.
type Environments = Vec<(EnvironmentName, Vec<EnvironmentName>)>;

/// What the rows follow from beside the overlays of their apps. Two commits
/// with the same give the same row to an app that did not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    /// The blobs of the files that may be the config.
    config: Vec<Option<String>>,
    /// Where overlays are looked for.
    layout: Vec<String>,
}

impl Rules {
    pub(super) fn of(workspace: &Workspace) -> Self {
        let id = |name: &str| {
            let found = workspace.snapshot.id(&RepoPath::root().join(name)).ok().flatten();
            found.map(|id| id.to_string())
        };
        let layout = workspace.config.layout.iter().map(|layout| layout.template.clone());
        Self { config: CONFIGS.map(id).to_vec(), layout: layout.collect() }
    }
}

/// The files that may be the config of a repository.
const CONFIGS: [&str; 2] = [PROMOTE_TOML, GITOPS_PROMOTION];

/// Of a commit one for each version of the program.
fn name(commit: ObjectId) -> String {
    let text = format!("{}\n{commit}", env!("CARGO_PKG_VERSION"));
    form::sum(text.as_bytes()).chars().take(32).collect()
}

/// Whether the same commit tells something else at another time: freezes begin
/// and end, and so do holds.
fn changes_by_itself(workspace: &Workspace) -> bool {
    let config = &workspace.config;
    let mut environments = config.pipeline.environments().iter();
    let dated = |calendar: Calendar<'_>| calendar.freezes.iter().any(|all| !all.is_empty());
    // What cannot be read is told where the status is.
    environments.any(|environment| dated(config.calendar(&environment.name)))
        || workspace.snapshot.kind(&held::file()).is_ok_and(|kind| kind.is_some())
}

/// Whether anything may be kept of it.
fn keeps(workspace: &Workspace) -> bool {
    !workspace.repo.is_shallow() && !changes_by_itself(workspace)
}

/// What was kept of this commit: every row, or only those in which something
/// differs.
pub(super) fn read(context: &Context, workspace: &Workspace, brief: bool) -> Option<Whole> {
    if !keeps(workspace) {
        return None;
    }
    let bytes = workspace.repo.kept("status").read(&name(workspace.base))?;
    taken(context, Form::of(context, &bytes, workspace.base)?, brief)
}

/// The rows of what was kept. Of few rows people see all.
pub(super) fn taken(context: &Context, form: Form<'_>, brief: bool) -> Option<Whole> {
    let brief = brief && form.len() > StatusReport::FEW;
    if brief { Some(form.brief(context)) } else { form.whole(context) }
}

/// What was kept of the last of these commits that was told of, and which one
/// that is.
pub(super) fn read_last(
    workspace: &Workspace,
    mut commits: impl Iterator<Item = ObjectId>,
) -> Option<(ObjectId, Vec<u8>)> {
    let kept = workspace.repo.kept("status");
    if !keeps(workspace) || !kept.dir().is_dir() {
        return None;
    }
    commits.find_map(|id| Some((id, kept.read(&name(id))?)))
}

/// Keeps it, where that is worth it.
pub(super) fn write(workspace: &Workspace, whole: &Whole) {
    let StatusReport { environments, rows, .. } = &whole.report;
    if rows.len() * environments.len() >= ENOUGH && keeps(workspace) {
        put(workspace, form::pack(workspace.base, Rules::of(workspace), whole));
    }
}

/// As [`write`], of what was kept of another commit.
pub(super) fn write_again(workspace: &Workspace, form: &Form<'_>) {
    if form.cells() >= ENOUGH {
        put(workspace, form.parts());
    }
}

fn put(workspace: &Workspace, parts: Option<Vec<Cow<'_, [u8]>>>) {
    if let Some(parts) = parts {
        workspace.repo.kept("status").write(&name(workspace.base), &parts);
    }
}
