//! `git promote config`: what holds here, and whether the file is right.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::{self, Origin};
use crate::output::{self, Format};

use super::{Answer, Context, Exit, Failure, Workspace};

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
    /// Check promote.toml of the work tree, or the file that is named
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
            let origin = match &workspace.config.origin {
                Origin::PromoteToml => "# from promote.toml".to_owned(),
                Origin::GitopsPromotion => "# from gitops-promotion.yaml".to_owned(),
                Origin::Guess(guess) => {
                    format!("# guessed, there is no promote.toml: {}", guess.summary)
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
    let environments = config.map_or(0, |config| config.pipeline.environments().len());
    Ok(Answer::done(format!("{}: valid, {environments} environments\n", shown.display())))
}

fn root_of(context: &Context) -> Result<PathBuf, Failure> {
    let repo = crate::git::Repository::open(&context.directory)?;
    Ok(repo.work_tree()?.to_path_buf())
}
