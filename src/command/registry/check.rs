//! `git promote registry check APP@VERSION [ENV]`

use crate::discover::Cell;
use crate::model::{AppId, EnvironmentName, ImageRef, Pin};
use crate::output::{self, Format};
use crate::registry::{Found, Registries, RegistryError, RepositoryName};
use crate::report::{ImageFacts, ImageRow, RegistryCheckReport};

use super::super::failure::git_exit;
use super::super::moved::inventory;
use super::super::promote::unknown_app;
use super::super::{Answer, Context, Exit, Failure, Workspace};
use super::place::Places;
use super::{CheckArgs, registries};

pub(super) fn run(context: &Context, args: &CheckArgs) -> Result<Answer, Failure> {
    let word = args.version.as_str();
    // An image that is named with its registry, or a short name of Docker Hub,
    // needs no repository.
    let image = word.parse::<ImageRef>().ok();
    let image = image.filter(|image| image.repository.contains('/') || !word.contains('@'));
    match (image, &args.environment) {
        (Some(image), environment) if !is_app(context, word) => {
            if image.pin.is_empty() {
                return Err(untagged(word, image.repository.contains('/')));
            }
            let short = word.split_once(':').filter(|_| !image.repository.contains('/'));
            if let Some((name, tag)) =
                short.filter(|(name, _)| is_app(context, &format!("{name}@")))
            {
                let message = format!("`{word}` could be the app {name} or an image of Docker Hub");
                let at = environment.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
                return Err(Failure::usage(message)
                    .hint(format!("git promote registry check {name}@{tag}{at}"))
                    .hint(format!("git promote registry check docker.io/library/{word}")));
            }
            if environment.is_some() {
                let message = format!("`{word}` is an image, and only an app is in an environment");
                return Err(
                    Failure::usage(message).hint(format!("git promote registry check {word}"))
                );
            }
            if !args.images.is_empty() {
                return Err(Failure::usage("--image is for the images of an app")
                    .hint(format!("git promote registry check {word}")));
            }
            by_itself(context, &image)
        }
        _ => of_app(context, args),
    }
}

/// A word without any version.
fn untagged(word: &str, image: bool) -> Failure {
    let at = if image { ':' } else { '@' };
    Failure::usage(format!("`{word}` names no version"))
        .hint(format!("git promote registry check {word}{at}VERSION"))
}

/// Whether the word before the `@` is an app of a repository here.
fn is_app(context: &Context, word: &str) -> bool {
    let Some((name, _)) = word.split_once('@') else { return false };
    let Ok(workspace) = Workspace::open(context) else { return false };
    app(context, &workspace, name).is_ok()
}

/// The app of a name, with what is where of it.
pub(super) fn app(
    context: &Context,
    workspace: &Workspace,
    name: &str,
) -> Result<(AppId, crate::discover::Inventory), Failure> {
    let names = [super::super::chosen::bare(name).to_owned()];
    let found = inventory(&workspace.snapshot, &workspace.config, Some(&names))?;
    let app = found.apps().into_iter().find(|app| app.answers_to(name)).cloned();
    match app {
        Some(app) => Ok((app, found)),
        None => Err(unknown_app(context, workspace, name)),
    }
}

/// `APP@VERSION`; a hint shows the `command` with it.
pub(super) fn split<'w>(
    word: &'w str,
    (command, to): (&str, Option<&str>),
) -> Result<(&'w str, Pin), Failure> {
    let Some((name, version)) = word.split_once('@').filter(|(name, _)| !name.is_empty()) else {
        let (name, version) = match word.strip_prefix('@') {
            Some(version) => ("", version),
            None => word.rsplit_once(':').unwrap_or((word, "")),
        };
        let name = if name.is_empty() { "APP" } else { name };
        let version = if version.is_empty() { "VERSION" } else { version };
        let to = to.map(|to| format!(" {to}")).unwrap_or_default();
        return Err(Failure::usage(format!("`{word}` names no app with a version"))
            .hint(format!("git promote registry {command} {name}@{version}{to}")));
    };
    Ok((name, version.parse()?))
}

/// An environment by its name.
pub(super) fn environment(workspace: &Workspace, name: &str) -> Result<EnvironmentName, Failure> {
    let config = &workspace.config;
    config.environment(name).map(|environment| environment.name.clone()).ok_or_else(|| {
        let names = config.pipeline.environments().iter().map(|e| e.name.to_string());
        let names: Vec<String> = names.collect();
        let message =
            format!("there is no environment `{name}`; environments: {}", names.join(", "));
        Failure::not_found(message).hint("git promote status")
    })
}

fn by_itself(context: &Context, image: &ImageRef) -> Result<Answer, Failure> {
    let name: RepositoryName = image.repository.parse()?;
    let repo = crate::git::Repository::open(&context.directory).ok();
    let found = registries(repo.as_ref())?.look(&name, &image.pin)?;
    let row = ImageRow {
        app: None,
        image: image.repository.clone(),
        environments: Vec::new(),
        repository: name.to_string(),
        version: image.pin.clone(),
        found: found.map(facts),
        unknown: None,
    };
    let exit = if row.found.is_some() { Exit::Done } else { Exit::NotFound };
    Ok(answer(context, vec![row], exit))
}

fn of_app(context: &Context, args: &CheckArgs) -> Result<Answer, Failure> {
    let (name, version) = split(&args.version, ("check", args.environment.as_deref()))?;
    let workspace = Workspace::open(context)?;
    let wanted =
        args.environment.as_deref().map(|name| environment(&workspace, name)).transpose()?;
    let (app, inventory) = app(context, &workspace, name)?;
    let places = Places { config: &workspace.config, inventory: &inventory };
    let (images, known) = places.images(&app, (&version, &args.images))?;
    let environments: Vec<EnvironmentName> = match wanted {
        Some(wanted) => vec![wanted],
        None => workspace.config.pipeline.environments().iter().map(|e| e.name.clone()).collect(),
    };
    let asking = Asking { registries: registries(Some(&workspace.repo))?, places, app: &app };
    let mut rows = Vec::new();
    let mut heard = Heard::default();
    for image in &images {
        let new = asking.rows(image, (&version, &environments), &mut heard)?;
        heard.images += usize::from(new.iter().any(|row| row.found.is_some()));
        rows.extend(new);
    }
    if rows.is_empty() {
        let message = format!("nothing tells which registry {app} is in");
        return Err(Failure::not_found(message).hint(format!("git promote status {}", app.word())));
    }
    let enough = if known { heard.images == images.len() } else { heard.images > 0 };
    let exit = match heard.error {
        _ if enough => Exit::Done,
        Some(exit) => exit,
        None => Exit::NotFound,
    };
    Ok(answer(context, rows, exit))
}

/// How many images were found, and the exit code of the first that could not be
/// asked for.
#[derive(Default)]
struct Heard {
    images: usize,
    error: Option<Exit>,
}

struct Asking<'a> {
    registries: Registries,
    places: Places<'a>,
    app: &'a AppId,
}

impl Asking<'_> {
    /// One row a repository of an image.
    fn rows(
        &self,
        image: &str,
        (version, environments): (&Pin, &[EnvironmentName]),
        heard: &mut Heard,
    ) -> Result<Vec<ImageRow>, Failure> {
        let mut grouped: Vec<(RepositoryName, Vec<EnvironmentName>)> = Vec::new();
        let mut rows = Vec::new();
        for environment in environments {
            let name = match self.places.repository(environment, (self.app, image)) {
                Ok(Some(name)) => name,
                Ok(None) => continue,
                // One environment does not silence the others.
                Err(failure) if environments.len() > 1 => {
                    heard.error.get_or_insert(failure.exit);
                    rows.push(self.unknown(environment, (image, version), &failure));
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            match grouped.iter_mut().find(|(other, _)| *other == name) {
                Some((_, names)) => names.push(environment.clone()),
                None => grouped.push((name, vec![environment.clone()])),
            }
        }
        let row = |(name, environments): (RepositoryName, Vec<EnvironmentName>)| {
            let answer = self.registries.look(&name, version);
            let (found, unknown) = match answer {
                Ok(found) => (found.map(facts), None),
                Err(error) => {
                    heard.error.get_or_insert(git_exit(error.exit_code()));
                    (None, Some(told(&error)))
                }
            };
            ImageRow {
                app: Some(self.app.clone()),
                image: image.to_owned(),
                environments,
                repository: name.to_string(),
                version: version.clone(),
                found,
                unknown,
            }
        };
        rows.splice(0..0, grouped.into_iter().map(row));
        Ok(rows)
    }

    /// The row of an environment of which it cannot be told where it pulls from.
    fn unknown(
        &self,
        environment: &EnvironmentName,
        (image, version): (&str, &Pin),
        why: &Failure,
    ) -> ImageRow {
        let cell = self.places.inventory.cell(environment, self.app, image);
        ImageRow {
            app: Some(self.app.clone()),
            image: image.to_owned(),
            environments: vec![environment.clone()],
            repository: cell.and_then(Cell::pulled).unwrap_or(image).to_owned(),
            version: version.clone(),
            found: None,
            unknown: Some(with_hint(&why.message, why.hints.first())),
        }
    }
}

/// What went wrong, with what helps.
fn told(error: &RegistryError) -> String {
    with_hint(&error.to_string(), error.hint().as_ref())
}

fn with_hint(message: &str, hint: Option<&String>) -> String {
    let hint = hint.map(|hint| format!(" ({hint})"));
    format!("{message}{}", hint.unwrap_or_default())
}

fn facts(found: Found) -> ImageFacts {
    ImageFacts {
        digest: found.digest.to_string(),
        platforms: found.platforms,
        created: found.created,
        source: found.source,
        revision: found.revision,
        version: found.version,
    }
}

fn answer(context: &Context, rows: Vec<ImageRow>, exit: Exit) -> Answer {
    let report = RegistryCheckReport { rows };
    let text = match context.format {
        Format::Table | Format::Wide => output::registry_check(&report),
        format => {
            let table = output::registry_check_table(&report);
            output::machine(format, &output::registry_check_value(&report), "rows", &table)
        }
    };
    Answer { text, remarks: Vec::new(), exit }
}
