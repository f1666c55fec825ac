//! `git promote report`: one page about everything, to show around.

use std::path::Path;

use clap::Args;

use crate::discover::Inventory;
use crate::history::Entry;
use crate::history::metrics::metrics;
use crate::model::EnvironmentName;
use crate::output::{self, Format, clean};
use crate::report::Overview;
use crate::worktree::write_file;

use super::chosen::Chosen;
use super::evidence::Ground;
use super::inventory::inventory;
use super::log::{askew, cut_off, read_date};
use super::past::{Past, past};
use super::status::{self, Wanted};
use super::{Answer, Context, Exit, Failure, Remark, Workspace, audit};

/// Where everything stands and how it got there, as one page.
///
/// Markdown for a wiki or a pull request, or with --html a page for a browser
/// that needs no network and no script. With `SOURCE_DATE_EPOCH` set, ages
/// count from that time, and the same commit gives the same page to the byte.
#[derive(Debug, Clone, Default, Args)]
pub struct ReportArgs {
    /// Only these apps and environments
    #[arg(value_name = "APP|ENV")]
    pub names: Vec<String>,
    /// Only apps that match this glob (repeatable)
    #[arg(short = 'a', long = "app", value_name = "GLOB")]
    pub apps: Vec<String>,
    /// Only this environment (repeatable)
    #[arg(short = 'e', long = "env", value_name = "ENV")]
    pub environments: Vec<String>,
    /// Only promotions that came after: 2026-03-14, "2 weeks ago", 3d
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Write a page for a browser to this file; `-` prints it
    #[arg(long, value_name = "FILE")]
    pub html: Option<String>,
    /// What the page is called; else the name of the repository
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
}

/// Where a page can be written.
const ELSEWHERE: &str = "git promote report --html report.html";

/// `git promote report [--html FILE]`
pub fn run(context: &Context, args: &ReportArgs) -> Result<Answer, Failure> {
    let context = &Context { now: clock(context)?, ..context.clone() };
    let workspace = Workspace::open(context)?;
    let (overview, mut remarks) = gather(context, &workspace, args)?;
    let mut text = String::new();
    match args.html.as_deref() {
        Some("-") => text = output::overview_page(&overview),
        Some(file) => {
            remarks.push(Remark::Note(write(context, file, &output::overview_page(&overview))?));
            // A form that was asked for is printed beside the page.
            if context.format != Format::Table {
                text = output::overview(context.format, &overview);
            }
        }
        None => text = output::overview(context.format, &overview),
    }
    Ok(Answer { remarks, ..Answer::done(text) })
}

/// Now, or what `SOURCE_DATE_EPOCH` says it is
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
fn clock(context: &Context) -> Result<i64, Failure> {
    let Some(set) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(context.now) };
    let seconds = set.to_str().and_then(|text| text.parse().ok());
    seconds.ok_or_else(|| {
        Failure::usage("SOURCE_DATE_EPOCH is no number of seconds since 1970")
            .hint("SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) git promote report")
    })
}

fn gather(
    context: &Context,
    workspace: &Workspace,
    args: &ReportArgs,
) -> Result<(Overview, Vec<Remark>), Failure> {
    let since = args.since.as_deref().map(|text| read_date(context, text)).transpose()?;
    let chosen = Chosen::new(workspace, &args.names, (&args.apps, &args.environments))?;
    // Whether a version is quick is told by all the environments it was in.
    let Past { entries, cut } = past(Ground::of(workspace), &chosen.scope(true))?;
    chosen.check_apps(workspace, &entries)?;
    let inventory = inventory(workspace)?;
    let wanted = Wanted {
        apps: inventory
            .apps()
            .into_iter()
            .filter(|app| chosen.has_app_or_all(app))
            .cloned()
            .collect(),
        environments: chosen.environments().to_vec(),
        waiting: false,
    };
    let mut status = status::matrix(context, (workspace, &inventory), &wanted)?;
    status.rows.retain(|row| chosen.has_app_or_all(&row.app));
    let counted = |entry: &Entry| {
        chosen.has(entry) && since.is_none_or(|since| entry.moment.seconds >= since)
    };
    let metrics = metrics(&workspace.config, &entries, &counted);
    let unjudged = audit::undecided(&workspace.config);
    let mut violations = match unjudged {
        Some(_) => Vec::new(),
        None => audit::violations(workspace, &inventory, true)?,
    };
    violations.retain(|row| {
        chosen.has_app_or_all(&row.app) && is_in(&row.environment, chosen.environments())
    });
    let mut remarks = workspace.config_notes();
    remarks.extend(cut.as_deref().map(cut_off));
    remarks.extend(askew(&metrics));
    let unread = unread(&inventory);
    remarks.extend(unread.iter().cloned().map(Remark::Warning));
    let overview = Overview {
        title: args.title.clone().unwrap_or_else(|| name(workspace)),
        commit: workspace.base.to_string(),
        branch: workspace.branch.clone(),
        narrowed: [&args.names[..], &args.apps, &args.environments].concat(),
        since,
        status,
        entries: entries.into_iter().filter(counted).collect(),
        metrics,
        violations,
        unjudged,
        unread,
        cut,
        now: context.now,
    };
    Ok((overview, remarks))
}

fn is_in(name: &EnvironmentName, wanted: &[EnvironmentName]) -> bool {
    wanted.is_empty() || wanted.contains(name)
}

fn unread(inventory: &Inventory) -> Vec<String> {
    let files = inventory.unreadable.iter().filter(|unreadable| !unreadable.link);
    files.map(|file| file.message.clone()).collect()
}

/// What the repository is called where it came from, else its directory.
fn name(workspace: &Workspace) -> String {
    let repo = &workspace.repo;
    let remote = repo.config_string("remote.origin.url");
    let place = || repo.root().unwrap_or_else(|| repo.place()).display().to_string();
    let named = remote.map(|url| last_name(&url)).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| last_name(&place()))
}

/// The last part of an address or a path that is a name.
fn last_name(whole: &str) -> String {
    let mut parts = whole.rsplit(['/', ':', '\\']).map(|part| part.trim_end_matches(".git"));
    parts.find(|part| !["", ".", ".."].contains(part)).unwrap_or_default().to_owned()
}

/// Writes the page, and says so. What is no page is left alone.
fn write(context: &Context, file: &str, page: &str) -> Result<String, Failure> {
    let path = context.directory.join(file);
    let old = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(unwritable(file, &error)),
    };
    let is_page = |bytes: &Vec<u8>| bytes.is_empty() || bytes.starts_with(b"<!DOCTYPE html>");
    if old.as_ref().is_some_and(|old| !is_page(old)) {
        let message = format!("{file} is there and is no HTML page; it was left as it is");
        return Err(Failure::usage(message).hint("git promote report --html report.html"));
    }
    if path.parent().is_some_and(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) {
        return Err(unwritable(file, &"there is no such directory"));
    }
    write_file(&path, old.as_deref(), page.as_bytes())
        .map_err(|error| Failure::new(Exit::Invalid, error.to_string()).hint(ELSEWHERE))?;
    let size = page.len().div_ceil(1_024);
    Ok(format!("wrote {} ({size} KiB)", clean(&shown(&path, file))))
}

fn shown(path: &Path, file: &str) -> String {
    if Path::new(file).is_absolute() { path.display().to_string() } else { file.to_owned() }
}

fn unwritable(file: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Invalid, format!("cannot write {file}: {error}")).hint(ELSEWHERE)
}

#[cfg(test)]
mod tests {
    use super::last_name;

    #[test]
    fn a_repository_is_called_as_the_last_name_of_its_address() {
        for address in [
            "https://git.example/acme/shop.git",
            "git@git.example:acme/shop",
            "/srv/shop/.",
            "/a/shop/.git/",
        ] {
            assert_eq!(last_name(address), "shop", "{address}");
        }
        assert_eq!(last_name("."), "");
    }
}
