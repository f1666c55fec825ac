//! `git promote edit`: change the image pins or markers of one file,
//! byte-exactly; no gate, no commit, no repository.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};

use crate::kustomize::{self, Change};
use crate::model::{Digest, FileChange, Pin, RepoPath, Tag, Target};
use crate::output::{self, Format, Paint};
use crate::report::EditReport;
use crate::worktree;

use super::workspace::wants_color;
use super::{Answer, Context, Exit, Failure};

/// Change image pins or markers of one file; no rules, no commit
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["image", "policy"]))]
pub struct EditArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The `name` of the images entry (or the repository of a container image)
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,
    /// The policy of the markers
    #[arg(long, value_name = "GROUP:APP", requires = "repo")]
    pub policy: Option<String>,
    /// The repository that the policy resolved to
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "image")]
    pub repo: Option<String>,
    /// The tag; without --digest the image has no digest afterwards
    #[arg(long, value_name = "TAG", required_unless_present = "digest")]
    pub tag: Option<String>,
    /// The digest; without --tag the image has no tag afterwards
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<String>,
    /// Write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// `git promote edit FILE ...`
pub fn run(context: &Context, args: &EditArgs) -> Result<Answer, Failure> {
    let path = context.directory.join(&args.file);
    let old = read(&path, &args.file)?;
    let file = planned(args, &old).map_err(|mut failure| {
        if failure.hints.is_empty() {
            failure.hints.push("git promote help edit".to_owned());
        }
        failure
    })?;
    if !args.dry_run && !file.edits.is_empty() {
        worktree::write_file(&path, Some(&old), &file.new)?;
    }
    let report = EditReport {
        file: args.file.display().to_string(),
        dry_run: args.dry_run,
        changed_bytes: file.edits.iter().map(|e| e.span.len().max(e.replacement.len())).sum(),
        edits: file.edits,
    };
    Ok(Answer::done(render(context, &report)))
}

fn read(path: &Path, shown: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Invalid,
        };
        Failure::new(exit, format!("cannot read '{}': {error}", shown.display()))
            .hint("git promote edit kustomization.yaml --image NAME --tag TAG")
    })
}

fn planned(args: &EditArgs, old: &[u8]) -> Result<FileChange, Failure> {
    let pin = Pin {
        tag: args.tag.as_deref().map(str::parse::<Tag>).transpose()?,
        digest: args.digest.as_deref().map(str::parse::<Digest>).transpose()?,
    };
    // Messages name the file as the user did.
    let path = RepoPath::normalize(&args.file.to_string_lossy())
        .unwrap_or_else(|| RepoPath::root().join(&file_name(&args.file)));
    let change = match (&args.image, &args.policy) {
        (Some(name), _) => Change { target: image_target(&path, name), pin, repository: None },
        (None, policy) => Change {
            target: Target::Policy { policy: policy.clone().unwrap_or_default() },
            pin,
            repository: args.repo.clone(),
        },
    };
    Ok(kustomize::set_pins(&path, old, &[change])?)
}

/// In a kustomization `--image` names an entry, elsewhere a container's image.
fn image_target(path: &RepoPath, name: &str) -> Target {
    if kustomize::is_kustomization(path.file_name()) {
        Target::Image { name: name.to_owned() }
    } else {
        Target::Manifest { repository: name.to_owned() }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn render(context: &Context, report: &EditReport) -> String {
    match context.format {
        Format::Table | Format::Wide if context.quiet => String::new(),
        Format::Table | Format::Wide => {
            output::edits(report, Paint { color: wants_color(context.color) })
        }
        format => {
            let document = output::edit_value(report);
            output::machine(format, &document, "edits", &output::edit_table(report))
        }
    }
}
