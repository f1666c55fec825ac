//! `git promote registry copy APP@VERSION ENV`

use std::sync::Arc;

use crate::discover::Cell;
use crate::model::{AppId, Digest, EnvironmentName, Pin};
use crate::output::{self, Format};
use crate::registry::{Copied, Copy, Meter, Registries, RepositoryName};
use crate::report::{CopyRow, CopyState, RegistryCopyReport};

use super::super::{Answer, Context, Exit, Failure, Remark, Workspace};
use super::check::{app, environment, split};
use super::meant::{Entering, Meant};
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
    /// The version as it was asked for.
    pub(in super::super) version: Pin,
    /// The digest that is meant, where that is known.
    pub(in super::super) digest: Option<Digest>,
    /// Whether the tag still has to be that digest at the source.
    pub(in super::super) still: bool,
}

impl Route {
    fn pin(&self) -> Pin {
        let digest = self.digest.clone().or(self.version.digest.clone());
        Pin { tag: self.version.tag.clone(), digest }
    }
}

pub(super) fn run(context: &Context, args: &CopyArgs) -> Result<Answer, Failure> {
    let (name, version) = split(&args.version, ("copy", args.environment.as_deref()))?;
    let workspace = Workspace::open(context)?;
    let to = environment(&workspace, args.environment.as_deref().unwrap_or_default())?;
    let (app, inventory) = app(context, &workspace, name)?;
    let places = Places { config: &workspace.config, inventory: &inventory };
    let (images, _) = places.images(&app, (&version, &args.images))?;
    let sources = sources(&workspace, (&app, &to), args.from.as_deref())?;
    let registries = registries(Some(&workspace.repo))?;
    let mut routes = Vec::new();
    for image in &images {
        let pinned = pinned(places, (&to, &sources), (&app, image, &version))?;
        let from = match &args.from {
            Some(_) => sources.clone(),
            None => places.vouching(&to, (&app, image, &pinned), &|_| false),
        };
        let entering = Entering {
            before: places,
            after: places,
            image: (&app, image),
            version: &pinned,
            to: &to,
            from: &from,
            back: false,
        };
        routes.extend(route(entering, &registries)?);
    }
    if routes.is_empty() {
        let message = format!("{to} pulls {app} from where the environment before does");
        let note = Remark::Note(message);
        return Ok(Answer {
            remarks: vec![note],
            ..answer(context, args.dry_run, (vec![], vec![]))
        });
    }
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

/// A version with the digest that the environments before have beside its tag.
fn pinned(
    places: Places<'_>,
    (to, sources): (&EnvironmentName, &[EnvironmentName]),
    (app, image, version): (&AppId, &str, &Pin),
) -> Result<Pin, Failure> {
    let mut meant: Option<(&EnvironmentName, &Digest)> = None;
    for source in sources.iter().filter(|_| version.digest.is_none()) {
        let pin = places.inventory.cell(source, app, image).and_then(Cell::pin);
        let pin = pin.filter(|pin| pin.carries(version));
        let Some(digest) = pin.and_then(|pin| pin.digest.as_ref()) else { continue };
        if let Some((other, before)) = meant.filter(|(_, before)| *before != digest) {
            let message = format!(
                "{other} pins {version} to {before} and {source} to {digest}: say which one enters {to}"
            );
            let command = format!("git promote registry copy {} {to}", app.at(version));
            return Err(Failure::new(Exit::Refused, message)
                .hint(format!("{command} --from {source}"))
                .hint(format!("{command} --from {other}")));
        }
        meant = Some((source, digest));
    }
    let digest = meant.map(|(_, digest)| digest.clone()).or(version.digest.clone());
    Ok(Pin { tag: version.tag.clone(), digest })
}

/// From an environment before that pulls from another repository; `None` where
/// none does.
fn route(entering: Entering<'_>, registries: &Registries) -> Result<Option<Route>, Failure> {
    let Meant { own, source, differ } = entering.hear(registries)?;
    if let Some(differ) = differ {
        let (app, _) = entering.image;
        let hint = format!("git promote registry check {}", app.at(entering.version));
        return Err(Failure::new(Exit::Refused, differ).hint(hint));
    }
    Ok(source.map(|source| entering.route((source.name, own.name), source.tagged)))
}

impl Entering<'_> {
    /// From one repository to another; by the digest that the tag has, where
    /// none is pinned.
    pub(in super::super) fn route(
        self,
        (from, to): (RepositoryName, RepositoryName),
        tagged: Option<Digest>,
    ) -> Route {
        let (app, image) = self.image;
        let pinned = self.version.digest.clone();
        Route {
            app: Some(app.clone()),
            image: image.to_owned(),
            from,
            to,
            version: self.version.clone(),
            still: pinned.is_none(),
            digest: pinned.or(tagged),
        }
    }
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
    let shown = Progress::start(&meter, &format!("{} {}", route.to, route.version), context.quiet);
    let (from, to, pin, still) = (&route.from, &route.to, &route.pin(), route.still);
    let copied = registries.copy(&Copy { from, to, pin, still, referrers, meter: &meter });
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
    let (from, to, pin, still) = (&route.from, &route.to, &route.pin(), route.still);
    let meter = Arc::new(Meter::default());
    let found = registries.free(&Copy { from, to, pin, still, referrers: false, meter: &meter })?;
    let state = if found.there { CopyState::Unchanged } else { CopyState::Planned };
    Ok(CopyRow {
        app: route.app.clone(),
        image: route.image.clone(),
        from: route.from.to_string(),
        to: route.to.to_string(),
        version: route.version.clone(),
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
        version: route.version.clone(),
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
