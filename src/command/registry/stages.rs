//! `git promote registry copy IMAGE:TAG --source-registry R --source-stage S
//! --dest-registry R --dest-stage S`: from stage to stage, outside of any
//! repository.

use std::path::PathBuf;

use crate::git::Repository;
use crate::model::ImageRef;
use crate::registry::{Keys, RepositoryName};

use super::super::{Answer, Context, Failure};
use super::copy::{Route, all, answer};
use super::{CopyArgs, with_keys};

pub(super) fn run(context: &Context, args: &CopyArgs) -> Result<Answer, Failure> {
    let image: ImageRef = args.version.parse().map_err(|_| no_image(&args.version))?;
    if image.pin.is_empty() {
        return Err(no_image(&args.version));
    }
    if let Some(flag) = [("--from", args.from.is_some()), ("--image", !args.images.is_empty())]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    {
        let message = format!("{flag} is for an app and its environment, and none is named");
        return Err(Failure::usage(message).hint("git promote registry copy APP@VERSION ENV"));
    }
    let said = |flag: &Option<String>, name: &str| flag.clone().or_else(|| variable(name));
    let source = (said(&args.source_registry, "SOURCE_REGISTRY"), "--source-registry");
    let target = (said(&args.dest_registry, "DEST_REGISTRY"), "--dest-registry");
    let stages = (said(&args.source_stage, "SOURCE_STAGE"), said(&args.dest_stage, "DEST_STAGE"));
    let from = place(source, stages.0.as_deref(), &image)?;
    let to = place(target, stages.1.as_deref(), &image)?;
    let file = |flag: &Option<PathBuf>, name: &str| {
        flag.clone().or_else(|| variable(name).map(PathBuf::from))
    };
    let keys = both(
        (from.clone(), file(&args.source_auth_override, "SOURCE_AUTH_OVERRIDE")),
        (to.clone(), file(&args.dest_auth_override, "DEST_AUTH_OVERRIDE")),
    )?;
    let repo = Repository::open(&context.directory).ok();
    let registries = with_keys(repo.as_ref(), keys)?;
    let (version, digest) = (image.pin.clone(), image.pin.digest);
    let (app, image) = (None, image.repository);
    let route = Route { app, image, from, to, version, digest, still: true };
    let copied = all(context, &registries, &[route], (args.dry_run, !args.no_referrers))?;
    Ok(answer(context, args.dry_run, copied))
}

fn no_image(word: &str) -> Failure {
    Failure::usage(format!("`{word}` is no image with a tag, and no environment is named"))
        .hint("git promote registry copy APP@VERSION ENV")
        .hint(
            "git promote registry copy IMAGE:TAG --source-registry R --source-stage S \
             --dest-registry R --dest-stage S",
        )
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `REGISTRY/STAGE/IMAGE`.
fn place(
    (registry, flag): (Option<String>, &str),
    stage: Option<&str>,
    image: &ImageRef,
) -> Result<RepositoryName, Failure> {
    let Some(registry) = registry else {
        return Err(Failure::usage(format!("{flag} is missing")).hint(format!("{flag} REGISTRY")));
    };
    let stage = stage.map(|stage| format!("/{}", stage.trim_matches('/'))).unwrap_or_default();
    let registry = registry.trim_end_matches('/');
    Ok(format!("{registry}{stage}/{}", image.repository).parse()?)
}

/// Each end with the credentials that are given for it.
fn both(
    source: (RepositoryName, Option<PathBuf>),
    target: (RepositoryName, Option<PathBuf>),
) -> Result<Keys, Failure> {
    let (from, source) = (source.0, Keys::of_this_machine(source.1)?);
    let target = Keys::of_this_machine(target.1)?;
    Ok(Keys::new(move |name| if *name == from { source.find(name) } else { target.find(name) }))
}
