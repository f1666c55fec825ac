//! What is said where nothing fits: an app that does not exist, a version that
//! nobody runs. Here the whole repository may be read, since nothing else is
//! left to do.

use std::collections::BTreeSet;

use crate::discover::{self, Cell, Inventory, Unreadable};
use crate::model::nearest::nearest;
use crate::model::{AppId, Environment, EnvironmentName, Pin, Sources, quoted};
use crate::output::clean;

use super::super::{Context, Exit, Failure, Remark, Workspace};
use super::deliver;
use super::words::{Owner, Request, What};

/// The app does not exist: which name comes nearest.
pub(in super::super) fn unknown_app(
    context: &Context,
    workspace: &Workspace,
    name: &str,
) -> Failure {
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
pub(in super::super) fn no_match(
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
    let word = version.to_string();
    if all_apps(&inventory).iter().any(|app| app.answers_to(&word)) {
        return Failure::usage(format!("`{word}` is an app and no version"))
            .hint(format!("{program} {to} -a {}", quoted(&word)));
    }
    let running = running(&inventory, &sources, apps);
    let mut message = told(version, &sources, apps);
    if let Some(blind) = unreadable(&inventory, &sources, apps) {
        message.push_str(&format!("; {}", clean(blind)));
    }
    let failure = behind(workspace, Failure::new(Exit::Refused, message));
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

/// Where the branch is behind its upstream, the version may be there already.
fn behind(workspace: &Workspace, mut failure: Failure) -> Failure {
    for remark in deliver::behind(workspace) {
        match remark {
            Remark::Warning(text) => failure.message.push_str(&format!("; {text}")),
            Remark::Hint(hint) => failure.hints.push(hint),
            Remark::Note(_) | Remark::Error(_) => {}
        }
    }
    failure
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

/// The environments that do not run the version while one before them does;
/// where there is none, all.
pub(super) fn takers(
    workspace: &Workspace,
    app: Option<&str>,
    version: &Pin,
) -> Vec<EnvironmentName> {
    let all = || workspace.config.pipeline.environments().iter().map(|e| e.name.clone()).collect();
    let Ok(inventory) = everything(workspace) else { return all() };
    let apps = all_apps(&inventory);
    let named: Vec<&AppId> =
        apps.iter().filter(|id| app.is_none_or(|name| id.answers_to(name))).collect();
    let runs = |environment: &EnvironmentName, app: &AppId| {
        let mut images = inventory.images(environment, app);
        images.any(|(_, cell)| cell.pins().iter().any(|pin| pin.carries(version)))
    };
    let takes = |environment: &&Environment| {
        named.iter().any(|app| {
            let sources = workspace.config.sources_for(environment, app);
            sources.names().iter().any(|name| runs(name, app)) && !runs(&environment.name, app)
        })
    };
    let environments = workspace.config.pipeline.environments().iter();
    let found: Vec<EnvironmentName> = environments.filter(takes).map(|e| e.name.clone()).collect();
    if found.is_empty() { all() } else { found }
}

/// The command that moves the app on: into the first environment that runs
/// another version than the one before it.
pub(super) fn next(context: &Context, workspace: &Workspace, name: &str) -> Option<String> {
    let inventory = everything(workspace).ok()?;
    let app = all_apps(&inventory).into_iter().find(|app| app.answers_to(name))?;
    let due = |to: &Environment| {
        let source = workspace.config.sources_for(to, &app).names().first()?.clone();
        let mut images = inventory.images(&source, &app);
        let pin = images.find_map(|(image, cell)| {
            let pin = cell.pin().filter(|pin| !pin.is_empty())?;
            let there = inventory.cell(&to.name, &app, image)?;
            (there.pin() != Some(pin)).then(|| pin.clone())
        })?;
        Some(format!("{} {} {}", context.front.name(), app.at(&pin), to.name))
    };
    workspace.config.pipeline.environments().iter().find_map(due)
}

/// The app of an image by its name or its repository, and the image's name
/// where the app has others.
pub(super) fn of_image(workspace: &Workspace, name: &str) -> Option<Owner> {
    let inventory = everything(workspace).ok()?;
    let last = |image: &str| image.rsplit('/').next().map(str::to_owned);
    let whole = |image: &str, cell: &Cell| image == name || cell.repository() == Some(name);
    let mut cells = inventory.cells.iter();
    let found = cells.find(|(key, cell)| whole(&key.image, cell));
    let by_end = || inventory.cells.iter().find(|(key, _)| last(&key.image) == last(name));
    let (key, _) = found.or_else(by_end)?;
    let mut others = inventory.images(&key.environment, &key.app);
    let alone = others.all(|(image, _)| image == key.image);
    Some((key.app.to_string(), (!alone).then(|| key.image.clone())))
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
