//! `git promote registry`: does an image exist, which digest does it have, and
//! copies of it where it belongs.

mod check;
mod copy;
mod meant;
mod place;
mod progress;
mod stages;

pub(super) use copy::{Route, carry};
pub(super) use meant::{Entering, Held, Meant, Vouched};
pub(super) use place::Places;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::git::Repository;
use crate::registry::{Keys, Limits, Registries, RegistryError};

use super::failure::git_exit;
use super::{Answer, Context, Failure};

/// Does an image exist, which digest does it have; copy it by digest.
///
/// Registries are asked without a name first, then with what docker and podman
/// know: their files and credential helpers. See docs/registry.md.
#[derive(Debug, Clone, Args)]
pub struct RegistryArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    Check(CheckArgs),
    Copy(Box<CopyArgs>),
}

/// Whether a version is in the registry of an environment, or in that of any.
///
/// Shows its digest, what it runs on, when it was made and what it was made
/// from. Ends with 5 where it is not there.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The app and its version; or an image with its registry and tag, which
    /// needs no repository
    #[arg(value_name = "APP@VERSION|IMAGE:TAG")]
    pub version: String,
    /// The environment whose registry is meant; all of them where it is left out
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// Only this image of the app (repeatable)
    #[arg(long = "image", value_name = "NAME")]
    pub images: Vec<String>,
}

/// Copy a version by digest: from the registry of the environment before to that
/// of ENV, or between registries and stages that are named.
///
/// All platforms, signatures and bills of materials go along, and the tag is set
/// last. A tag that is there with another digest is refused. What was broken off
/// goes on with what is missing.
#[derive(Debug, Clone, Args)]
pub struct CopyArgs {
    /// The app and its version; without ENV an image and its tag below the
    /// registry and the stage
    #[arg(value_name = "APP@VERSION|IMAGE:TAG")]
    pub version: String,
    /// The environment to whose registry it is copied
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// Only this image of the app (repeatable)
    #[arg(long = "image", value_name = "NAME")]
    pub images: Vec<String>,
    /// The environment that it is taken from, where several come before
    #[arg(long, value_name = "ENV")]
    pub from: Option<String>,
    /// Leave signatures, attestations and bills of materials behind
    #[arg(long)]
    pub no_referrers: bool,
    /// Look whether it can be copied, and copy nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// The registry, with a path if there is one; or `SOURCE_REGISTRY`
    #[arg(
        long,
        value_name = "REGISTRY",
        help_heading = "Without a repository",
        conflicts_with = "environment"
    )]
    pub source_registry: Option<String>,
    /// The part of the path behind it; or `SOURCE_STAGE`
    #[arg(
        long,
        value_name = "STAGE",
        help_heading = "Without a repository",
        conflicts_with = "environment"
    )]
    pub source_stage: Option<String>,
    /// A file of credentials for the source, of docker or of Google's cloud; or
    /// `SOURCE_AUTH_OVERRIDE`
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Without a repository",
        conflicts_with = "environment"
    )]
    pub source_auth_override: Option<PathBuf>,
    /// The registry that it is copied to; or `DEST_REGISTRY`
    #[arg(
        long,
        value_name = "REGISTRY",
        help_heading = "Without a repository",
        conflicts_with = "environment"
    )]
    pub dest_registry: Option<String>,
    /// The part of the path behind it; or `DEST_STAGE`
    #[arg(
        long,
        value_name = "STAGE",
        help_heading = "Without a repository",
        conflicts_with = "environment"
    )]
    pub dest_stage: Option<String>,
    /// A file of credentials for the destination; or `DEST_AUTH_OVERRIDE`
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Without a repository",
        conflicts_with = "environment"
    )]
    pub dest_auth_override: Option<PathBuf>,
}

/// `git promote registry ...`
pub fn run(context: &Context, args: &RegistryArgs) -> Result<Answer, Failure> {
    match &args.action {
        Action::Check(args) => check::run(context, args),
        Action::Copy(args) if args.environment.is_none() => stages::run(context, args),
        Action::Copy(args) => copy::run(context, args),
    }
}

/// Registries, with the credentials of this machine.
pub(super) fn registries(repo: Option<&Repository>) -> Result<Registries, Failure> {
    with_keys(repo, Keys::of_this_machine(None)?)
}

fn with_keys(repo: Option<&Repository>, keys: Keys) -> Result<Registries, Failure> {
    let variable = std::env::var("GIT_PROMOTE_REGISTRY_REALM").ok();
    let configured = || repo?.config_string("promote.registryRealm");
    let named = variable.filter(|named| !named.is_empty()).or_else(configured);
    let realms = named.unwrap_or_default();
    let realms = realms.split([',', ' ']).filter(|realm| !realm.is_empty());
    let realms = realms.map(str::to_owned).collect();
    Ok(Registries::new(keys, realms, Limits::default())?)
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let hint = error.hint();
        Self::new(git_exit(error.exit_code()), error.to_string()).maybe_hint(hint)
    }
}
