//! `git promote schema`: the JSON Schema of the config and of each document.

use clap::Args;

use crate::config;
use crate::model::nearest::nearest;
use crate::output;

use super::{Answer, Failure};

/// Print the JSON Schema of a kind of document
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// config, promotion, status, edit, check, audit, replay, next, wait, preview or doctor
    #[arg(value_name = "KIND")]
    pub kind: String,
}

/// `git promote schema KIND`
pub fn run(args: &SchemaArgs) -> Result<Answer, Failure> {
    let kind = args.kind.to_ascii_lowercase();
    let schema = if kind == "config" { Some(config::schema()) } else { output::schema(&kind) };
    match schema {
        Some(schema) => Ok(Answer::done(output::pretty(&schema))),
        None => {
            let kinds = || std::iter::once("config").chain(output::schema_kinds().iter().copied());
            let names: Vec<&str> = kinds().collect();
            Err(Failure::usage(format!(
                "there is no kind `{}`: kinds are {}",
                args.kind,
                names.join(", ")
            ))
            .maybe_hint(nearest(&kind, kinds()).map(|near| format!("git promote schema {near}"))))
        }
    }
}
