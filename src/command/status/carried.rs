//! What was told of an earlier commit, carried on to this one: an app whose
//! files are the same has the same row, and only the others are told anew.
//!
//! So it is where the config is the same and no guess, and where a path tells
//! which app it is about: the layout names the apps, and no overlay can lie in
//! another one.

use std::collections::BTreeSet;

use crate::config::{Config, Origin};
use crate::discover;
use crate::git::{self, Interest, ObjectId};
use crate::model::RepoPath;

use super::super::{Context, Failure, Workspace};
use super::kept::{self, Form, Rules, Whole};
use super::matrix::Wanted;
use super::rows_of;

/// How many commits back one is looked for that was told of.
const COMMITS: usize = 1_000;
/// With more paths than this that differ, everything is told anew.
const PATHS: usize = 20_000;

/// The status of this commit from that of an earlier one, all of it or what
/// people see first; `None` where none was kept, or it does not tell.
pub(super) fn carry_on(
    context: &Context,
    workspace: &Workspace,
    brief: bool,
) -> Result<Option<Whole>, Failure> {
    if !tells_apps(&workspace.config) {
        return Ok(None);
    }
    let line = git::line(&workspace.repo, workspace.base)?;
    let earlier = line.map_while(Result::ok).map(|(id, _)| id).skip(1).take(COMMITS);
    let Some((from, bytes)) = kept::read_last(workspace, earlier) else {
        return Ok(None);
    };
    // Whose overlay a remark is about does not stand in it.
    let same = |form: &Form<'_>| form.is_plain() && *form.rules() == Rules::of(workspace);
    let Some(mut form) = Form::of(context, &bytes, from).filter(same) else { return Ok(None) };
    let Some(changed) = changed(workspace, from)? else { return Ok(None) };
    let apps = discover::apps_on(&workspace.config, &changed);
    form.moved_to(workspace.base);
    if !apps.is_empty() {
        let told = told(context, workspace, &apps)?;
        if form.renew(context, (told, &apps)).is_none() {
            return Ok(None);
        }
    }
    kept::write_again(workspace, &form);
    Ok(kept::taken(context, form, brief))
}

/// The paths that any commit changed since that one, also those that are as
/// they were before: what came and went is a part of the past. `None` where
/// there are too many.
fn changed(workspace: &Workspace, from: ObjectId) -> Result<Option<BTreeSet<RepoPath>>, Failure> {
    let mut changed = BTreeSet::new();
    let line = git::walk(&workspace.repo, workspace.base, Interest::everything())?;
    for commit in line.with_unchanged() {
        let commit = commit?;
        if commit.id == from {
            break;
        }
        changed.extend(commit.changed);
        if changed.len() > PATHS {
            return Ok(None);
        }
    }
    Ok(Some(changed))
}

/// Whether a path tells which app it is about.
fn tells_apps(config: &Config) -> bool {
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).count();
    let templates = config.layout.iter().map(|layout| layout.template.as_str());
    let named = |template: &str| template.contains("{app}") && !template.contains("**");
    let dirs = config.pipeline.environments().iter().flat_map(|environment| &environment.dirs);
    let depths: BTreeSet<usize> = templates.clone().map(parts).collect();
    let dirs: BTreeSet<usize> = dirs.map(|dir| parts(dir)).collect();
    let flat = depths.len() <= 1 && dirs.len() <= 1;
    !matches!(config.origin, Origin::Guess(_)) && templates.clone().all(named) && flat
}

/// What this commit says of these apps.
fn told(
    context: &Context,
    workspace: &Workspace,
    apps: &BTreeSet<String>,
) -> Result<Whole, Failure> {
    let names: Vec<String> = apps.iter().cloned().collect();
    let (snapshot, config) = (&workspace.snapshot, &workspace.config);
    let overlays = discover::overlays_of(snapshot, config, Some(&names))?;
    let inventory = discover::read(snapshot, config, overlays, &|_| true)?;
    rows_of(context, (workspace, &inventory), &Wanted::default())
}
