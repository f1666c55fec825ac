//! `git promote preview list`, and since when a preview is as it is.

use std::collections::BTreeMap;

use crate::git::{self, Interest};
use crate::model::RepoPath;
use crate::preview::{self, Preview};
use crate::report::{Delivered, PreviewAction, PreviewReport, PreviewRow};

use super::super::{Answer, Context, Exit, Failure, Workspace};
use super::{answer, overwrite};

/// `git promote preview list`
pub(super) fn run(context: &Context) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let mut previews = rows(&workspace, &preview::all(&workspace.snapshot)?)?;
    previews.extend(overwrite::standing(&workspace)?.iter().map(overwrite::row));
    previews.sort_by(|a, b| a.name.cmp(&b.name));
    let report = PreviewReport {
        action: PreviewAction::List,
        previews,
        listed_in: None,
        change: Delivered::nothing(workspace.branch.clone()),
        now: context.now,
    };
    Ok(answer(context, &report, (workspace.config_notes(), Exit::Done)))
}

/// The previews with the commit of the first-parent line that made or renewed
/// each: the newest that touches its kustomization.
pub(super) fn rows(
    workspace: &Workspace,
    previews: &[Preview],
) -> Result<Vec<PreviewRow>, Failure> {
    let mut arrivals: BTreeMap<RepoPath, Option<(i64, String)>> = BTreeMap::new();
    for preview in previews {
        arrivals.insert(preview.dir.join("kustomization.yaml"), None);
    }
    let mut missing = arrivals.len();
    let interest = Interest::below(arrivals.keys().cloned());
    for commit in git::walk(&workspace.repo, workspace.base, interest)? {
        if missing == 0 {
            break;
        }
        let commit = commit?;
        for path in &commit.changed {
            if let Some(arrival @ None) = arrivals.get_mut(path) {
                *arrival = Some((commit.seconds, commit.id.to_string()));
                missing -= 1;
            }
        }
    }
    let row = |preview: &Preview| {
        let arrival = arrivals.get(&preview.dir.join("kustomization.yaml")).cloned().flatten();
        let (since, commit) = arrival.unzip();
        PreviewRow {
            name: preview.name.clone(),
            app: preview.app.clone(),
            environment: preview.environment.clone(),
            version: preview.version.clone(),
            dir: Some(preview.dir.clone()),
            since,
            commit,
        }
    };
    Ok(previews.iter().map(row).collect())
}
