//! Going back: which version an environment ran before the present one.

use std::collections::BTreeSet;

use crate::discover::{CellKey, Inventory};
use crate::gate;
use crate::model::{AppId, EnvironmentName};

use super::super::evidence::{Ground, Reach, timelines};
use super::super::{Context, Failure, Workspace};
use super::apps::flagged;
use super::args::CommonArgs;
use super::place::apps_at;
use super::scope;
use super::words::{Request, What};

/// The request with the versions that it leaves open: for each app that is
/// meant, the one that ran before.
pub(super) fn completed(
    around: (&Context, &Workspace, &CommonArgs),
    request: Request,
) -> Result<Request, Failure> {
    let named = match &request.what {
        What::Apps(apps) if apps.iter().any(|(_, version)| !version.is_empty()) => {
            return Ok(request);
        }
        What::Apps(apps) => apps.iter().map(|(app, _)| app.clone()).collect(),
        _ => Vec::new(),
    };
    let (context, workspace, args) = around;
    let to = &request.to;
    let overlays = scope::overlays(workspace, args, &request)?;
    let here = |overlay: &crate::discover::Overlay| overlay.environment == *to;
    let inventory = crate::discover::read(&workspace.snapshot, &workspace.config, overlays, &here)?;
    let apps = match named.as_slice() {
        [] => meant(around, &inventory, to)?,
        named => {
            let answers = |key: &&CellKey| named.iter().any(|name| key.app.answers_to(name));
            inventory.cells.keys().filter(answers).map(|key| key.app.clone()).collect()
        }
    };
    if let What::Version(version) = &request.what {
        let words = apps.iter().map(|app| (app.to_string(), version.clone())).collect();
        return Ok(Request { to: to.clone(), what: What::Apps(words) });
    }
    let keys: BTreeSet<&CellKey> =
        inventory.cells.keys().filter(|key| apps.contains(&key.app)).collect();
    let ground = Ground::of(workspace);
    let timelines = timelines(ground, &inventory, &keys, Reach::Everything)?;
    let mut versions = Vec::new();
    for (key, timeline) in &timelines {
        if let Some(pin) = gate::before_this(timeline) {
            let word = (key.app.to_string(), pin.clone());
            if !versions.contains(&word) {
                versions.push(word);
            }
        }
    }
    if versions.is_empty() {
        let apps: Vec<String> = apps.iter().map(ToString::to_string).collect();
        if timelines.values().any(|timeline| !timeline.complete) {
            return Err(Failure::not_found(format!(
                "the history is cut off: what {to} ran of {} before is not known",
                apps.join(", ")
            ))
            .hint("git fetch --unshallow"));
        }
        return Err(Failure::not_found(format!(
            "{to} ran no version of {} before that it could go back to",
            apps.join(", ")
        ))
        .hint(format!("{} rollback {to} APP@VERSION", context.front.name())));
    }
    Ok(Request { to: to.clone(), what: What::Apps(versions) })
}

/// The apps that go back: those of the flags, of the directory, or the only
/// one.
fn meant(
    (context, workspace, args): (&Context, &Workspace, &CommonArgs),
    inventory: &Inventory,
    to: &EnvironmentName,
) -> Result<BTreeSet<AppId>, Failure> {
    let all: BTreeSet<AppId> = inventory.cells.keys().map(|key| key.app.clone()).collect();
    if let Some(flagged) = flagged(args, &all)? {
        return Ok(flagged);
    }
    let near = apps_at(&workspace.prefix(), inventory);
    let configured = workspace.repo.config_string("promote.app");
    let configured = all.iter().filter(|app| configured.iter().any(|name| app.answers_to(name)));
    let configured: BTreeSet<AppId> = configured.cloned().collect();
    for found in [near, configured, all.clone()] {
        if found.len() == 1 {
            return Ok(found);
        }
    }
    let names: Vec<String> = all.iter().take(10).map(ToString::to_string).collect();
    Err(Failure::usage(format!("which app goes back in {to}? There are {}", names.join(", ")))
        .hint(format!("{} rollback {to} -a APP", context.front.name())))
}
