//! `git promote registry copy APP@VERSION ENV`

use std::sync::Arc;

use crate::model::{AppId, EnvironmentName, Pin};
use crate::output::{self, Format};
use crate::registry::{Copied, Copy, Meter, Registries, RepositoryName};
use crate::report::{CopyRow, CopyState, RegistryCopyReport};

use super::super::{Answer, Context, Exit, Failure, Remark, Workspace};
use super::check::{app, environment, split};
use super::place::Places;
use super::progress::Progress;
use super::{CopyArgs, registries};

/// One image on its route from one repository to another.
#[derive(Debug, Clone)]
pub(in super::super) struct Route {
    pub(in super::super) app: Option<AppId>,
    pub(in super::super) image: String,
    pub(in super::super) from: RepositoryName,
    pub(in super::super) to: RepositoryName,
    pub(in super::super) pin: Pin,
}

pub(super) fn run(context: &Context, args: &CopyArgs) -> Result<Answer, Failure> {
    let (name, version) = split(&args.version)?;
    let workspace = Workspace::open(context)?;
    let to = environment(&workspace, args.environment.as_deref().unwrap_or_default())?;
    let (app, inventory) = app(context, &workspace, name)?;
    let places = Places { config: &workspace.config, inventory: &inventory };
    let (images, _) = places.images(&app, (&version, &args.images))?;
    let sources = sources(&workspace, (&app, &to), args.from.as_deref())?;
    let mut routes = Vec::new();
    for image in &images {
        routes.extend(route(places, (&sources, &to), (&app, image, &version))?);
    }
    if routes.is_empty() {
        let message = format!("{to} pulls {app} from where the environment before does");
        let note = Remark::Note(message);
        return Ok(Answer {
            remarks: vec![note],
            ..answer(context, args.dry_run, (vec![], vec![]))
        });
    }
    let registries = registries(Some(&workspace.repo))?;
    let copied = all(context, &registries, &routes, (args.dry_run, !args.no_referrers))?;
    Ok(answer(context, args.dry_run, copied))
}

/// The environments that a version may be taken from.
fn sources(
    workspace: &Workspace,
    (app, to): (&AppId, &EnvironmentName),
    from: Option<&str>,
) -> Result<Vec<EnvironmentName>, Failure> {
    let config = &workspace.config;
    let all = config.environment(to.as_str()).map(|e| config.sources_for(e, app));
    let all = all.map(|sources| sources.names().to_vec()).unwrap_or_default();
    if let Some(from) = from {
        let from = environment(workspace, from)?;
        if !all.contains(&from) {
            let message = format!("{from} does not come before {to}");
            return Err(Failure::new(Exit::Refused, message).hint("git promote config show"));
        }
        return Ok(vec![from]);
    }
    if all.is_empty() {
        let message = format!("no environment comes before {to}, so nothing is copied there");
        return Err(Failure::usage(message)
            .hint("git promote registry copy IMAGE:TAG --source-registry R --dest-registry R"));
    }
    Ok(all)
}

/// From the first environment before that pulls from another repository; `None`
/// where none does.
pub(in super::super) fn route(
    places: Places<'_>,
    (sources, to): (&[EnvironmentName], &EnvironmentName),
    (app, image, version): (&AppId, &str, &Pin),
) -> Result<Option<Route>, Failure> {
    let Some(target) = places.repository(to, (app, image))? else {
        let message = format!("nothing tells which registry {to} pulls {app} from");
        return Err(Failure::not_found(message).hint("git promote help registry"));
    };
    for source in sources {
        match places.repository(source, (app, image))? {
            Some(from) if from != target => {
                return Ok(Some(Route {
                    app: Some(app.clone()),
                    image: image.to_owned(),
                    from,
                    to: target,
                    pin: version.clone(),
                }));
            }
            Some(_) => return Ok(None),
            None => {}
        }
    }
    Ok(None)
}

/// Copies, or looks whether it could be done; each to its end before the next.
pub(super) fn all(
    context: &Context,
    registries: &Registries,
    routes: &[Route],
    (dry_run, referrers): (bool, bool),
) -> Result<(Vec<CopyRow>, Vec<Remark>), Failure> {
    let (mut rows, mut remarks) = (Vec::new(), Vec::new());
    for route in routes {
        if dry_run {
            rows.push(state_of(registries, route)?);
            continue;
        }
        let (row, notes) = carry(context, registries, route, referrers)?;
        rows.push(row);
        remarks.extend(notes.into_iter().map(Remark::Note));
    }
    Ok((rows, remarks))
}

/// Copies one image.
pub(in super::super) fn carry(
    context: &Context,
    registries: &Registries,
    route: &Route,
    referrers: bool,
) -> Result<(CopyRow, Vec<String>), Failure> {
    let meter = Arc::new(Meter::default());
    let shown = Progress::start(&meter, &format!("{} {}", route.to, route.pin), context.quiet);
    let wanted =
        Copy { from: &route.from, to: &route.to, pin: &route.pin, referrers, meter: &meter };
    let copied = registries.copy(&wanted);
    drop(shown);
    let copied = copied?;
    let notes = copied.notes.clone();
    Ok((row(route, &copied), notes))
}

/// What a copy would find.
pub(in super::super) fn state_of(
    registries: &Registries,
    route: &Route,
) -> Result<CopyRow, Failure> {
    let found = registries.free(&route.from, &route.to, &route.pin)?;
    let state = if found.there { CopyState::Unchanged } else { CopyState::Planned };
    Ok(CopyRow {
        app: route.app.clone(),
        image: route.image.clone(),
        from: route.from.to_string(),
        to: route.to.to_string(),
        version: route.pin.clone(),
        digest: found.digest.to_string(),
        state,
        blobs: (0, 0, 0),
        bytes: 0,
        manifests: 0,
        referrers: 0,
    })
}

fn row(route: &Route, copied: &Copied) -> CopyRow {
    CopyRow {
        app: route.app.clone(),
        image: route.image.clone(),
        from: route.from.to_string(),
        to: route.to.to_string(),
        version: route.pin.clone(),
        digest: copied.digest.to_string(),
        state: if copied.unchanged { CopyState::Unchanged } else { CopyState::Copied },
        blobs: (copied.sent, copied.mounted, copied.there),
        bytes: copied.bytes,
        manifests: copied.manifests,
        referrers: copied.referrers,
    }
}

pub(super) fn answer(
    context: &Context,
    dry_run: bool,
    (rows, remarks): (Vec<CopyRow>, Vec<Remark>),
) -> Answer {
    let report = RegistryCopyReport { dry_run, rows };
    let text = match context.format {
        Format::Table | Format::Wide if context.quiet => String::new(),
        Format::Table | Format::Wide => output::registry_copy(&report),
        format => {
            let table = output::registry_copy_table(&report);
            output::machine(format, &output::registry_copy_value(&report), "rows", &table)
        }
    };
    Answer { text, remarks, exit: Exit::Done }
}
