//! `git promote config`: what holds here, and whether the file is right.

mod images;
mod odd;
mod windows;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::{self, Config, FieldSpec, Origin};
use crate::discover::{self, Overlay, Roots};
use crate::git::{Repository, TreeSnapshot};
use crate::kustomize;
use crate::model::{Environment, RepoPath, Site, SiteKind, Snapshot, listed};
use crate::output::{self, Format};
use crate::owners::{self, Owners};

use super::{Answer, Context, Exit, Failure, Remark, Workspace, held};

/// Show or validate the config
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with the config.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigAction {
    /// Show the config that holds here, and where it comes from
    Show,
    /// Check promote.toml of the work tree, or the file that is named, and warn
    /// of layout paths and fields that match nothing in the last commit
    Validate {
        /// The file
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// `git promote config show|validate`
pub fn run(context: &Context, args: &ConfigArgs) -> Result<Answer, Failure> {
    match &args.action {
        ConfigAction::Show => show(context),
        ConfigAction::Validate { file } => validate(context, file.clone()),
    }
}

fn show(context: &Context) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let text = config::to_toml(&workspace.config, &[]);
    match context.format {
        Format::Json | Format::Yaml => {
            let document = toml::from_str::<serde_json::Value>(&text).map_err(|error| {
                Failure::new(Exit::Bug, format!("the config cannot be read back: {error}"))
            })?;
            let table = output::Table::default();
            Ok(Answer::done(output::machine(context.format, &document, "environment", &table)))
        }
        _ => {
            let pending = workspace.pending();
            let origin = match &workspace.config.origin {
                Origin::PromoteToml if pending.is_some() => {
                    "# from promote.toml as it is committed, without its changes".to_owned()
                }
                Origin::PromoteToml => "# from promote.toml".to_owned(),
                Origin::GitopsPromotion => "# from gitops-promotion.yaml".to_owned(),
                Origin::Guess(guess) => {
                    let why = match pending {
                        Some(_) => "promote.toml is there but not committed",
                        None => "there is no promote.toml",
                    };
                    format!("# guessed, {why}: {}", guess.summary)
                }
            };
            Ok(Answer::done(format!("{origin}\n{text}")))
        }
    }
}

fn validate(context: &Context, file: Option<PathBuf>) -> Result<Answer, Failure> {
    let path = match &file {
        Some(file) => context.directory.join(file),
        None => root_of(context)?.join(config::PROMOTE_TOML),
    };
    let shown = file.unwrap_or_else(|| PathBuf::from(config::PROMOTE_TOML));
    let bytes = std::fs::read(&path).map_err(|error| {
        Failure::not_found(format!("cannot read '{}': {error}", shown.display()))
            .hint("git promote init")
    })?;
    let config = config::from_files(Some(&bytes), None).map_err(|error| {
        // The error knows the file by the name it has at the root.
        let mut failure = Failure::from(error);
        let shown = shown.display().to_string();
        failure.message = failure.message.replacen(config::PROMOTE_TOML, &shown, 1);
        failure
    })?;
    let Some(config) = config else {
        return Err(Failure::new(Exit::Bug, "the file was read, and no config came of it"));
    };
    let environments = config.pipeline.environments().len();
    let mut text = format!("{}: valid, {environments} environments\n", shown.display());
    let (lines, warnings) = windows::told(&config, context.now);
    text.extend(lines);
    let warnings = warnings.into_iter().chain(images::told(&config));
    let warnings = warnings.chain(odd::told(&config, context.now));
    let mut remarks: Vec<Remark> = warnings.map(Remark::Warning).collect();
    if let Some(snapshot) = last_commit(context) {
        remarks.extend(idle(&snapshot, &config)?.into_iter().map(Remark::Warning));
        remarks.extend(missing(&snapshot, &config)?.into_iter().map(Remark::Warning));
        remarks.extend(held::idle(&snapshot, &config, context.now));
        remarks.extend(held::still_hidden(&snapshot, &config, context.now)?);
        remarks.extend(ownership(context, &snapshot, &config)?);
    }
    Ok(Answer { remarks, ..Answer::done(text) })
}

/// The last commit of the repository around; a file can be validated without.
fn last_commit(context: &Context) -> Option<TreeSnapshot> {
    let repo = Repository::open(&context.directory).ok()?;
    let commit = repo.head().ok()?.commit?;
    repo.snapshot(commit).ok()
}

/// Whether those who shall look at changes of the environments are code owners of
/// their paths, and of the config: what is protected has to have owners.
fn ownership(
    context: &Context,
    snapshot: &TreeSnapshot,
    config: &Config,
) -> Result<Vec<Remark>, Failure> {
    let protected = |environment: &Environment| environment.delivery.protected;
    let any = config.pipeline.environments().iter().any(protected);
    let Some((file, owners)) = code_owners(snapshot, config)? else {
        let warning = "an environment is protected, and there is no file of code owners";
        return Ok(any.then(|| Remark::Warning(warning.to_owned())).into_iter().collect());
    };
    let mut remarks = Vec::new();
    let mut say = |protected: bool, what: &str, unowned: &[String], by: &BTreeSet<String>| {
        if unowned.is_empty() && !by.is_empty() {
            let by: Vec<&String> = by.iter().collect();
            let note = format!("{what}: owned by {} ({file})", listed(&by));
            remarks.extend(context.verbose.then_some(Remark::Note(note)));
        } else if !unowned.is_empty() && (protected || context.verbose) {
            let message = format!("{what}: {file} has no owner of {}", listed(unowned));
            remarks.push(if protected { Remark::Warning(message) } else { Remark::Note(message) });
        }
    };
    let overlays = discover::overlays(snapshot, config, None)?;
    for environment in config.pipeline.environments() {
        let (mut unowned, mut by) = (Vec::new(), BTreeSet::new());
        for overlay in overlays.iter().filter(|o| o.environment == environment.name) {
            // A file of the directory stands for all of it.
            let is_file = snapshot.read(&overlay.path).ok().flatten().is_some();
            let inside = overlay.path.join("kustomization.yaml");
            let found = owners.of(if is_file { &overlay.path } else { &inside });
            if found.is_empty() {
                unowned.push(overlay.path.to_string());
            }
            by.extend(found);
        }
        say(protected(environment), environment.name.as_str(), &unowned, &by);
    }
    for path in binding(snapshot, config)? {
        let found = owners.of(&path);
        let unowned = if found.is_empty() { vec![path.to_string()] } else { Vec::new() };
        say(any, path.as_str(), &unowned, &found.into_iter().collect());
    }
    Ok(remarks)
}

/// The files that the rules stand in: the config, what it names, and the holds
/// where there are some.
fn binding(snapshot: &TreeSnapshot, config: &Config) -> Result<Vec<RepoPath>, Failure> {
    let mut files = vec![RepoPath::root().join(config::PROMOTE_TOML)];
    files.extend(config.named_files());
    let holds = RepoPath::normalize(config::HOLDS).unwrap_or_default();
    if snapshot.read(&holds)?.is_some() {
        files.push(holds);
    }
    Ok(files)
}

/// The file of code owners that the forge reads, and where it is.
fn code_owners(
    snapshot: &TreeSnapshot,
    config: &Config,
) -> Result<Option<(&'static str, Owners)>, Failure> {
    for (path, kind) in owners::places(config.delivery.forge.kind) {
        let file = RepoPath::normalize(path).unwrap_or_default();
        if let Some(bytes) = snapshot.read(&file)? {
            let text = String::from_utf8_lossy(&bytes);
            return Ok(Some((path, Owners::read(&text, kind))));
        }
    }
    Ok(None)
}

/// Files that the config names and that are not there: what they tell is read
/// from a commit.
fn missing(snapshot: &TreeSnapshot, config: &Config) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    for file in config.named_files() {
        if snapshot.read(&file)?.is_none() {
            warnings.push(format!("the config names {file}, which is not in the last commit"));
        }
    }
    Ok(warnings)
}

/// Layout paths and declared fields that find nothing.
fn idle(snapshot: &dyn Snapshot, config: &Config) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    let found = discover::overlays(snapshot, config, None)?;
    for (index, layout) in config.layout.iter().enumerate() {
        let path = &layout.template;
        if found.iter().all(|overlay| overlay.layout != index) {
            let alone = Config { layout: vec![layout.clone()], ..config.clone() };
            let why = if discover::overlays(snapshot, &alone, None)?.is_empty() {
                "matches nothing in the last commit"
            } else {
                "is never used: the paths before it match all that it does"
            };
            warnings.push(format!("the layout path `{path}` {why}"));
            continue;
        }
        let own: Vec<&Overlay> = found.iter().filter(|overlay| overlay.layout == index).collect();
        let roots = Roots::of(&found);
        for field in &layout.fields {
            if !is_found(snapshot, (&own, &roots), field)? {
                warnings.push(format!(
                    "the field `{}` of the layout path `{path}` matches nothing in the last commit",
                    field.path
                ));
            }
        }
    }
    Ok(warnings)
}

/// Whether any file of the overlays has the field.
fn is_found(
    snapshot: &dyn Snapshot,
    overlays: (&[&Overlay], &Roots),
    field: &FieldSpec,
) -> Result<bool, Failure> {
    let (overlays, roots) = overlays;
    for overlay in overlays {
        for path in discover::overlay_files(snapshot, overlay, roots)? {
            let Some(bytes) = snapshot.read(&path)? else { continue };
            let fields = std::slice::from_ref(field);
            let Ok(read) = kustomize::read_sites(&path, &bytes, fields) else { continue };
            if read.sites.iter().any(|site| is_of(site, field)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether the declaration found the site, or would have if it were not found
/// without it, as an entry of `images:` is.
fn is_of(site: &Site, field: &FieldSpec) -> bool {
    site.kind == SiteKind::Field || shape(&site.field) == shape(&field.path)
}

/// The keys of a field path, without what is said of its lists.
fn shape(path: &str) -> Vec<&str> {
    let keys = path.split('[').enumerate().map(|(n, part)| match n {
        0 => part,
        _ => part.split_once(']').map_or("", |(_, rest)| rest.trim_start_matches('.')),
    });
    keys.filter(|key| !key.is_empty()).collect()
}

fn root_of(context: &Context) -> Result<PathBuf, Failure> {
    let repo = Repository::open(&context.directory)?;
    Ok(repo.work_tree()?.to_path_buf())
}
