//! `git promote verify`: the records of the history beside what its trees say.

mod attest;
mod commit;
mod compare;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use clap::Args;

use crate::audit::{self, Claims};
use crate::config::{self, Config, GITOPS_PROMOTION, Origin, PROMOTE_TOML};
use crate::gate::short_id;
use crate::git::{self, HistoryCommit, Interest, ObjectId, Repository};
use crate::model::{RepoPath, Snapshot as _};
use crate::output::{self, Format};
use crate::plan::Planned;
use crate::report::{Flaw, VerifyReport, VerifyRow};

use super::{Answer, Context, Exit, Failure, Remark, Workspace, workspace};

use commit::Judged;
use compare::{Comparison, Wrong};

/// Compare the records of promotions with what trees and signatures say.
///
/// Every version change of the range's first-parent commits is read from the
/// trees again and held against the record that the commit, or those that it
/// merges, carries. Commits from before the config was there are not looked at.
///
/// Exit code 1 where something is wrong.
#[derive(Debug, Clone, Default, Args)]
pub struct VerifyArgs {
    /// The commits: A..B, or all that a revision has; the default is HEAD
    #[arg(value_name = "RANGE", conflicts_with = "attest")]
    range: Option<String>,
    /// Take it for wrong too: versions without a record in environments that have
    /// none before them, and records that stand in the text of a squash or were
    /// judged on a commit that a squash or a rebase left behind
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
    let (from, to) = match range.split_once("..") {
        Some((from, to)) => (Some(from), to.trim_start_matches('.')),
        None => (None, range),
    };
    let tip = revision(repo, if to.is_empty() { "HEAD" } else { to })?;
    let from = from.filter(|from| !from.is_empty()).map(|from| revision(repo, from)).transpose()?;
    let only: Option<HashSet<ObjectId>> =
        from.map(|from| repo.surely_only_in(from, tip)).transpose()?.map(HashSet::from_iter);
    if from != Some(tip) && only.as_ref().is_some_and(HashSet::is_empty) {
        return Err(swapped(range));
    }
    let mut verifying = Verifying::new(workspace, args, range);
    let mut history = git::walk(repo, tip, Interest::everything())?.with_unchanged();
    let mut asked = false;
    for commit in history.by_ref() {
        let commit = commit?;
        if only.as_ref().is_some_and(|only| !only.contains(&commit.id)) {
            break;
        }
        verifying.first_parent(&commit)?;
        if verifying.report.records > FEW && !std::mem::replace(&mut asked, true) {
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
    let mut report = verifying.report;
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

/// The end of the range is part of what its beginning has: somebody who asks a
/// machine would take that for a pass.
fn swapped(range: &str) -> Failure {
    let failure = Failure::not_found(format!(
        "{range} holds no commit: its end is part of the history of its beginning"
    ));
    let Some((from, to)) = range.split_once("..") else { return failure };
    let to = to.trim_start_matches('.');
    failure.hint(format!("git promote verify {}..{from}", if to.is_empty() { "HEAD" } else { to }))
}

fn revision(repo: &Repository, name: &str) -> Result<ObjectId, Failure> {
    if name.starts_with('-') {
        return Err(Failure::usage(format!("`{name}` is no revision")).hint("git log --oneline"));
    }
    Ok(repo.resolve(name)?)
}

/// Of so many records each walks the history before it by itself; of more it is
/// looked at once for all of them.
const FEW: usize = 8;

/// What is found while the commits are looked at.
struct Verifying<'a> {
    workspace: &'a Workspace,
    /// Its repository.
    repo: Repository,
    args: &'a VerifyArgs,
    /// The configs by the ids of their files.
    configs: BTreeMap<ObjectId, Option<Config>>,
    report: VerifyReport,
}

impl<'a> Verifying<'a> {
    fn new(workspace: &'a Workspace, args: &'a VerifyArgs, range: &str) -> Self {
        let report = VerifyReport { range: range.to_owned(), ..VerifyReport::default() };
        let (repo, configs) = (workspace.repo.clone(), BTreeMap::new());
        Self { workspace, repo, args, configs, report }
    }

    /// The config that counts for a change: that of the commit before it. `None`
    /// where there is none that can be read.
    fn config_at(&mut self, commit: ObjectId) -> Result<Option<Config>, Failure> {
        let snapshot = self.repo.snapshot(commit)?;
        for name in [PROMOTE_TOML, GITOPS_PROMOTION] {
            let path = RepoPath::root().join(name);
            let Some(id) = snapshot.id(&path)? else { continue };
            if let Some(known) = self.configs.get(&id) {
                return Ok(known.clone());
            }
            let bytes = snapshot.read(&path)?;
            let own = bytes.as_deref();
            let files = if name == PROMOTE_TOML { (own, None) } else { (None, own) };
            let mut config = config::from_files(files.0, files.1).ok().flatten();
            if let Some(config) = config.as_mut().filter(|config| config.layout.is_empty()) {
                config.layout = crate::discover::guess_layout(&snapshot, &config.pipeline)?;
            }
            self.configs.insert(id, config.clone());
            return Ok(config);
        }
        // Where there never was a file, the guess is all there is.
        let guess = matches!(self.workspace.config.origin, Origin::Guess(_));
        Ok(guess.then(|| self.workspace.config.clone()))
    }

    /// A commit of the first-parent line, and those that it merges.
    fn first_parent(&mut self, commit: &HistoryCommit) -> Result<(), Failure> {
        let Some(parent) = commit.parent else { return Ok(()) };
        let Some(config) = self.config_at(parent)? else {
            self.report.before_config += 1;
            return Ok(());
        };
        self.report.commits += 1;
        let own = audit::claims(commit.message());
        let changes = if commit.changed.iter().any(is_manifest) {
            commit::changes(&self.repo, &config, (parent, commit.id))?
        } else {
            Vec::new()
        };
        self.report.changes += changes.len();
        let carried = self.merged(&config, (parent, commit.id))?;
        let unexplained: Vec<&Planned> = if carried.is_empty() {
            let judged = Judged { config: &config, parent, id: commit.id, seconds: commit.seconds };
            self.carrier(&judged, (&own, &changes))?
        } else {
            let records: Vec<Claims> = carried.into_iter().chain(own.clone()).collect();
            let claimed = |planned: &&Planned| compare::is_claimed(&records, &planned.promotion);
            changes.iter().filter(|planned| !claimed(planned)).collect()
        };
        if !own.is_empty() || !changes.is_empty() {
            self.signature(commit.id, commit.seconds, !own.is_empty())?;
        }
        let fresh = |planned: &Planned| compare::is_fresh(&changes, &planned.promotion);
        let (fresh, rest): (Vec<&Planned>, Vec<&Planned>) =
            unexplained.into_iter().partition(|planned| fresh(planned) && !self.args.strict);
        self.report.unrecorded += fresh.len();
        self.unexplained(&config, commit, (&own, rest));
        Ok(())
    }

    /// The records of the commits that a merge brings, each of which is held
    /// against its own commit.
    fn merged(
        &mut self,
        config: &Config,
        (parent, id): (ObjectId, ObjectId),
    ) -> Result<Vec<Claims>, Failure> {
        let mut records = Vec::new();
        if self.repo.parents(id)?.len() < 2 {
            return Ok(records);
        }
        for merged in self.repo.only_in(parent, id)?.into_iter().filter(|other| *other != id) {
            let carrier = self.repo.carrier(merged)?;
            let claims = audit::claims(&carrier.message);
            let (false, Some(before)) = (claims.is_empty(), carrier.parent) else { continue };
            let changes = commit::changes(&self.repo, config, (before, merged))?;
            let seconds = carrier.seconds;
            let judged = Judged { config, parent: before, id: merged, seconds };
            self.carrier(&judged, (&claims, &changes))?;
            self.signature(merged, seconds, true)?;
            records.extend(claims);
        }
        Ok(records)
    }

    /// A commit that carries records; gives the changes that none speaks of.
    fn carrier<'c>(
        &mut self,
        judged: &Judged<'_>,
        (records, changes): (&[Claims], &'c [Planned]),
    ) -> Result<Vec<&'c Planned>, Failure> {
        self.report.records += records.len();
        self.report.in_text += records.iter().filter(|record| record.in_text).count();
        if let Some(record) = records.iter().find(|record| record.in_text && self.args.strict) {
            let message = "the record stands in the text, where git reads no trailers (a squash?)";
            let wrong = Wrong::whole(Flaw::Lost, &record.to, message.to_owned());
            self.push((judged.id, judged.seconds), vec![wrong]);
        }
        let [record] = records else {
            // Several, squashed into one: what comes out is what counts.
            let open = |planned: &&Planned| !compare::is_claimed(records, &planned.promotion);
            if !records.is_empty() {
                let wrong = judged.waivers(&self.repo)?;
                self.push((judged.id, judged.seconds), wrong);
            }
            return Ok(changes.iter().filter(open).collect());
        };
        let comparison = Comparison::of(record, changes);
        let mut wrong = judged.record(&self.repo, record, &comparison)?;
        if judged.is_rewritten(&self.repo, record, &comparison)? {
            self.report.rewritten += 1;
            let gone = || "the commit that it was judged on is not in its history".to_owned();
            let gone = self.args.strict.then(|| Wrong::whole(Flaw::Source, &record.to, gone()));
            wrong.extend(gone);
        }
        let all = comparison.wrong.iter().cloned().chain(wrong).collect();
        self.push((judged.id, judged.seconds), all);
        let open = changes.iter().enumerate().filter(|(index, _)| !comparison.explains(*index));
        Ok(open.map(|(_, planned)| planned).collect())
    }

    fn unexplained(
        &mut self,
        config: &Config,
        commit: &HistoryCommit,
        (own, changes): (&[Claims], Vec<&Planned>),
    ) {
        let strict = self.args.strict;
        let (open, passed): (Vec<&Planned>, Vec<&Planned>) = changes
            .into_iter()
            .partition(|planned| compare::counts(config, &planned.promotion, strict));
        self.report.unrecorded += passed.len();
        let lost = own.is_empty() && compare::says_promotion(commit.message());
        let wrong = |planned: &&Planned| {
            let promotion = &planned.promotion;
            let (old, new) = (&promotion.previous, &promotion.version);
            let moved = if old.is_empty() { format!("{new}") } else { format!("{old} -> {new}") };
            if lost {
                let message = format!(
                    "{moved}: the subject says a promotion, and its record is \
                                       gone (a squash or a rewrite?)"
                );
                Wrong::of(Flaw::Lost, promotion, message)
            } else {
                Wrong::of(Flaw::Unexplained, promotion, format!("{moved} has no record"))
            }
        };
        let wrong = open.iter().map(wrong).collect();
        self.push((commit.id, commit.seconds), wrong);
    }

    fn signature(&mut self, id: ObjectId, seconds: i64, recorded: bool) -> Result<(), Failure> {
        let demanded = self.args.signed && recorded;
        let wrong = commit::signature(&self.repo, id, &mut self.report.signatures, demanded)?;
        self.push((id, seconds), wrong.into_iter().collect());
        Ok(())
    }

    fn push(&mut self, (id, time): (ObjectId, i64), wrong: Vec<Wrong>) {
        let row = |wrong: Wrong| VerifyRow {
            commit: id.to_string(),
            time,
            flaw: wrong.flaw,
            app: wrong.app,
            environment: wrong.environment,
            message: wrong.message,
        };
        self.report.rows.extend(wrong.into_iter().map(row));
    }
}

/// A file that can hold a version.
fn is_manifest(path: &RepoPath) -> bool {
    let name = path.file_name();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json")) || name == "Kustomization"
}
