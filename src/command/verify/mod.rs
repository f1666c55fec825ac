//! `git promote verify`: the records of the history beside what its trees say.

mod arrivals;
mod attest;
mod commit;
mod compare;
mod configs;
mod line;
mod merge;
mod several;
mod shape;

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;

use crate::gate::short_id;
use crate::git::{self, Interest, ObjectId, Repository};
use crate::output::{self, Format};
use crate::report::VerifyReport;

use super::{Answer, Context, Exit, Failure, Remark, Workspace, workspace};

use configs::Counting;
use line::Verifying;

/// Compare the records of promotions with what trees and signatures say.
///
/// Every version change of the range's first-parent commits is read from the
/// trees again and held against the record that the commit, or those that it
/// merges, carries. Commits from before the config was there are not looked at.
/// The rules are asked again about what records claim, and about what a merge
/// brings.
///
/// Exit code 1 where something is wrong.
#[derive(Debug, Clone, Default, Args)]
pub struct VerifyArgs {
    /// The commits: A..B, or all that a revision has; the default is HEAD
    #[arg(value_name = "RANGE", conflicts_with = "attest")]
    range: Option<String>,
    /// Take it for wrong too: what is only counted otherwise (versions without a
    /// record in environments that have none before them, of new apps, or that
    /// may come together; records in the text of a squash, or judged on a commit
    /// that a squash or a rebase left behind; changes of the config that let more
    /// through), and merges and squashes that the rules refuse by now
    #[arg(long)]
    strict: bool,
    /// Take it for wrong too where a record is not signed, or its signature cannot
    /// be checked here
    #[arg(long)]
    signed: bool,
    /// Print an in-toto statement of the promotion of this commit, if all is well
    /// with it
    #[arg(long, value_name = "COMMIT")]
    attest: Option<String>,
    /// Write the statement to this file
    #[arg(long = "to", value_name = "FILE", requires = "attest")]
    file: Option<PathBuf>,
}

/// `git promote verify [RANGE]`, `verify --attest COMMIT`
pub fn run(context: &Context, args: &VerifyArgs) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    if let Some(name) = &args.attest {
        return attest::run(context, &workspace, (args, name));
    }
    let range = args.range.clone().unwrap_or_else(|| "HEAD".to_owned());
    let (report, remarks) = verify(&workspace, args, &range)?;
    let exit = if report.rows.is_empty() { Exit::Done } else { Exit::Differs };
    let mut all = workspace.config_notes();
    all.extend(remarks);
    if !context.format.is_document() && !for_people(context.format) {
        // What has findings alone does not say of how much they are.
        let counts = output::verify_counts(&report);
        all.extend(counts.lines().map(|line| Remark::Note(line.to_owned())));
    }
    let newest = report.rows.first().map(|row| short_id(&row.commit).to_owned());
    all.extend(newest.map(|id| Remark::Hint(format!("git show {id}"))));
    Ok(Answer { text: render(context, &workspace, &report), remarks: all, exit })
}

fn for_people(format: Format) -> bool {
    matches!(format, Format::Table | Format::Wide)
}

fn render(context: &Context, workspace: &Workspace, report: &VerifyReport) -> String {
    let paint = workspace::paint(context, &workspace.repo);
    match context.format {
        format if for_people(format) => output::verify(report, paint, context.verbose),
        format => {
            let (value, table) = (output::verify_value(report), output::verify_table(report));
            output::machine(format, &value, "findings", &table)
        }
    }
}

/// Looks at every first-parent commit of the range.
fn verify(
    workspace: &Workspace,
    args: &VerifyArgs,
    range: &str,
) -> Result<(VerifyReport, Vec<Remark>), Failure> {
    let repo = &workspace.repo;
    let (from, to) = ends(range)?;
    let tip = revision(repo, to)?;
    let from = from.map(|from| revision(repo, from)).transpose()?;
    let only: Option<HashSet<ObjectId>> =
        from.map(|from| repo.surely_only_in(from, tip)).transpose()?.map(HashSet::from_iter);
    if from != Some(tip) && only.as_ref().is_some_and(HashSet::is_empty) {
        return Err(swapped(range));
    }
    let mut verifying = Verifying::new(workspace, args, range);
    let mut history = git::walk(repo, tip, Interest::everything())?.with_unchanged();
    let (mut asked, mut end) = (false, None);
    for commit in history.by_ref() {
        let commit = commit?;
        if only.as_ref().is_some_and(|only| !only.contains(&commit.id)) {
            break;
        }
        verifying.first_parent(&commit)?;
        end = commit.parent;
        if verifying.asked > FEW && !std::mem::replace(&mut asked, true) {
            // What cannot be looked at is met again where it counts.
            verifying.repo = repo.remembering(tip).unwrap_or(verifying.repo);
        }
    }
    let mut remarks = Vec::new();
    if history.ended_shallow() {
        let shallow = "the history is cut off: what is before is not verified \
                       (git fetch --unshallow)";
        remarks.push(Remark::Warning(shallow.to_owned()));
    }
    if let Some(end) = end {
        settle(&mut verifying, end)?;
    }
    let Verifying { mut report, arrivals, .. } = verifying;
    arrivals.put_into(&mut report.rows);
    if report.commits + report.before_config == 0 {
        let message = format!("{range} holds no commit: nothing was verified");
        remarks.push(Remark::Warning(message));
    }
    if report.commits == 0 && report.before_config > 0 {
        let message = "the config is in none of the commits before these: there is nothing to \
                       verify by";
        remarks.push(Remark::Note(message.to_owned()));
    }
    let mut seen = HashSet::new();
    report.rows.retain(|row| seen.insert(format!("{row:?}")));
    Ok((report, remarks))
}

/// Whether apps that seem to be new were there before the range.
fn settle(verifying: &mut Verifying<'_>, end: ObjectId) -> Result<(), Failure> {
    if verifying.arrivals.is_settled() {
        return Ok(());
    }
    let repo = verifying.repo.clone();
    for commit in git::walk(&repo, end, Interest::below(verifying.arrivals.dirs()))? {
        let commit = commit?;
        let Some(parent) = commit.parent else { continue };
        let Some(Counting { config, .. }) = verifying.configs.at(&repo, parent)? else {
            continue;
        };
        let before = commit::moved(&repo, &config, (parent, commit.id))?.before;
        verifying.report.unrecorded -= verifying.arrivals.seen(&before, commit.id);
        if verifying.arrivals.is_settled() {
            break;
        }
    }
    Ok(())
}

/// The end of the range is part of what its beginning has: somebody who asks a
/// machine would take that for a pass.
fn swapped(range: &str) -> Failure {
    let failure = Failure::not_found(format!(
        "{range} holds no commit: its end is part of the history of its beginning"
    ));
    let Some((from, to)) = range.split_once("..") else { return failure };
    failure.hint(format!("git promote verify {}..{from}", if to.is_empty() { "HEAD" } else { to }))
}

/// The two ends of `A..B`, `A..`, `..B` or `A`. What git reads as other sets of
/// commits would be taken for all of the history, or for a part of it.
fn ends(range: &str) -> Result<(Option<&str>, &str), Failure> {
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (Some(from), to),
        None => (None, range),
    };
    let is_other = from == Some("") && to.is_empty()
        || to.starts_with('.')
        || to.contains("..")
        || [from.unwrap_or_default(), to].into_iter().any(is_set);
    if is_other {
        let message = format!("`{range}` is no range that is verified: A..B, A.., ..B or A");
        return Err(Failure::usage(message).hint("git promote verify HEAD~1..HEAD"));
    }
    let from = from.filter(|from| !from.is_empty());
    Ok((from, if to.is_empty() { "HEAD" } else { to }))
}

/// `^A`, `A^@`, `A^!` and `A^-1`, which are several commits.
fn is_set(name: &str) -> bool {
    let parents = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
    name.starts_with('^')
        || [name, parents].iter().any(|name| name.ends_with("^-"))
        || name.ends_with("^@")
        || name.ends_with("^!")
}

fn revision(repo: &Repository, name: &str) -> Result<ObjectId, Failure> {
    if name.starts_with('-') {
        return Err(Failure::usage(format!("`{name}` is no revision")).hint("git log --oneline"));
    }
    Ok(repo.resolve(name)?)
}

/// So often each asks for the history before it by itself; for more it is
/// looked at once.
const FEW: usize = 8;
