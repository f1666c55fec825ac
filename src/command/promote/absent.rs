//! What is said where nothing fits: an app that does not exist, a version that
//! nobody runs. Here the whole repository may be read, since nothing else is
//! left to do.

use std::collections::BTreeSet;

use crate::discover::{self, Inventory, Unreadable};
use crate::model::nearest::nearest;
use crate::model::{AppId, EnvironmentName, Pin, Sources};
use crate::output::clean;

use super::super::{Context, Exit, Failure, Workspace};
use super::words::{Request, What};

/// The app does not exist: which name comes nearest.
pub(super) fn unknown_app(context: &Context, workspace: &Workspace, name: &str) -> Failure {
    let failure = Failure::not_found(format!("there is no app `{name}`"));
    let apps = everything(workspace).map(|inventory| all_apps(&inventory)).unwrap_or_default();
    let names: BTreeSet<String> =
        apps.iter().flat_map(|app| [app.name.clone(), app.to_string()]).collect();
    let near = nearest(name, names.iter().map(String::as_str));
    failure
        .maybe_hint(near.map(|near| format!("did you mean {near}?")))
        .hint(format!("{} status", context.front.name()))
}

/// No group has the name, or no app of the groups the glob.
pub(super) fn no_match(
    context: &Context,
    workspace: &Workspace,
    looked_for: (&str, &[String]),
) -> Failure {
    let (what, globs) = looked_for;
    let apps = everything(workspace).map(|inventory| all_apps(&inventory)).unwrap_or_default();
    let names: BTreeSet<String> = match what {
        "group" => apps.iter().filter_map(|app| app.group.clone()).collect(),
        _ => apps.iter().map(|app| app.name.clone()).collect(),
    };
    let near = globs.iter().find_map(|glob| nearest(glob, names.iter().map(String::as_str)));
    let globs: Vec<String> = globs.iter().map(|glob| format!("`{glob}`")).collect();
    Failure::not_found(format!("no {what} matches {}", globs.join(" or ")))
        .maybe_hint(near.map(|near| format!("did you mean {near}?")))
        .hint(format!("{} status", context.front.name()))
}

/// No app of those that were looked at fits the request.
pub(super) fn nobody(
    context: &Context,
    workspace: &Workspace,
    asked: (&Request, &BTreeSet<AppId>),
) -> Failure {
    let (request, apps) = asked;
    let to = &request.to;
    let program = context.front.name();
    let status = format!("{program} status");
    let What::Version(version) = &request.what else {
        return Failure::not_found(format!("no app has anything to promote into {to}"))
            .hint(status);
    };
    let environment = workspace.config.environment(to.as_str());
    let sources = environment.map(|e| e.sources.names().to_vec()).unwrap_or_default();
    if sources.is_empty() {
        return Failure::not_found(format!("no app runs anything in {to} yet")).hint(status);
    }
    let Ok(inventory) = everything(workspace) else {
        return Failure::new(Exit::Refused, told(version, &sources, apps)).hint(status);
    };
    let running = running(&inventory, &sources, apps);
    let mut message = told(version, &sources, apps);
    if let Some(blind) = unreadable(&inventory, &sources, apps) {
        message.push_str(&format!("; {}", clean(blind)));
    }
    let failure = Failure::new(Exit::Refused, message);
    let step = first_step(workspace, &inventory, (version, apps, to));
    if let Some(step) = step {
        return failure.hint(format!("{program} {version} {step}")).hint(status);
    }
    match near(version, &running) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure,
    }
    .hint(status)
}

fn told(version: &Pin, sources: &[EnvironmentName], apps: &BTreeSet<AppId>) -> String {
    let names: Vec<&str> = sources.iter().map(EnvironmentName::as_str).collect();
    let looked = match apps.len() {
        0..=5 => apps.iter().map(|app| clean(&app.to_string())).collect::<Vec<_>>().join(", "),
        many => format!("{many} apps"),
    };
    format!("GP001: no app runs {version} in {}: looked at {looked}", names.join(" or in "))
}

/// What could not be read where the version was looked for.
fn unreadable<'a>(
    inventory: &'a Inventory,
    environments: &[EnvironmentName],
    apps: &BTreeSet<AppId>,
) -> Option<&'a str> {
    let concerned = |unreadable: &&Unreadable| {
        inventory.overlays.get(unreadable.overlay).is_some_and(|overlay| {
            let app = overlay.app.as_ref().is_none_or(|app| apps.contains(app));
            app && environments.contains(&overlay.environment)
        })
    };
    inventory.unreadable.iter().find(concerned).map(|unreadable| unreadable.message.as_str())
}

fn running(
    inventory: &Inventory,
    environments: &[EnvironmentName],
    apps: &BTreeSet<AppId>,
) -> BTreeSet<String> {
    let cells = inventory
        .cells
        .iter()
        .filter(|(key, _)| environments.contains(&key.environment) && apps.contains(&key.app));
    cells
        .flat_map(|(_, cell)| cell.pins())
        .filter(|pin| !pin.is_empty())
        .map(ToString::to_string)
        .collect()
}

/// The same but for a `v` in front; else what is a slip away.
fn near<'a>(version: &Pin, running: &'a BTreeSet<String>) -> Option<&'a str> {
    let wanted = version.to_string();
    let same = |other: &&String| other.trim_start_matches('v') == wanted.trim_start_matches('v');
    let same = running.iter().find(same).map(String::as_str);
    same.or_else(|| nearest(&wanted, running.iter().map(String::as_str)))
}

/// The environment further up that could take the version now, because one
/// before it runs it.
fn first_step(
    workspace: &Workspace,
    inventory: &Inventory,
    wanted: (&Pin, &BTreeSet<AppId>, &EnvironmentName),
) -> Option<EnvironmentName> {
    let (version, apps, to) = wanted;
    let runs = |name: &EnvironmentName| {
        let mut cells = inventory.cells.iter();
        cells.any(|(key, cell)| {
            key.environment == *name
                && apps.contains(&key.app)
                && cell.pins().iter().any(|pin| pin.carries(version))
        })
    };
    let mut open = vec![to.clone()];
    while let Some(name) = open.pop() {
        let Some(environment) = workspace.config.environment(name.as_str()) else { continue };
        if let Sources::First = environment.sources {
            continue;
        }
        if environment.sources.names().iter().any(runs) {
            return Some(name);
        }
        open.extend(environment.sources.names().iter().rev().cloned());
    }
    None
}

fn everything(workspace: &Workspace) -> Result<Inventory, Failure> {
    let overlays = discover::overlays(&workspace.snapshot, &workspace.config, None)?;
    Ok(discover::read(&workspace.snapshot, &workspace.config, overlays, &|_| true)?)
}

/// Every app that has an overlay, whatever that holds.
pub(super) fn all_apps(inventory: &Inventory) -> BTreeSet<AppId> {
    let held = inventory.cells.keys().map(|key| key.app.clone());
    inventory.overlays.iter().filter_map(|overlay| overlay.app.clone()).chain(held).collect()
}
