//! Reports for others: files, and what CI systems show.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use crate::output::{self, Ci, ReportKind};
use crate::report::CheckReport;

use super::super::{Exit, Failure};
use super::CheckArgs;

/// Writes the report files and the step summary; what is to stand behind the
/// text, where that is for people, is given back.
pub(super) fn publish(
    args: &CheckArgs,
    report: &CheckReport,
    people: bool,
) -> Result<String, Failure> {
    for (kind, path) in &args.reports {
        let text = output::render(*kind, report);
        std::fs::write(path, text).map_err(|error| unwritten(path, &error))?;
    }
    let env = |name: &str| std::env::var(name).ok();
    let Some(ci) = args.ci.service(env) else { return Ok(String::new()) };
    let summary = env("GITHUB_STEP_SUMMARY").filter(|path| ci == Ci::Github && !path.is_empty());
    if let Some(path) = summary {
        append(Path::new(&path), &output::render(ReportKind::Markdown, report))?;
    }
    Ok(if people { output::annotations(ci, report) } else { String::new() })
}

fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Invalid, format!("cannot write `{}`: {error}", path.display()))
}
