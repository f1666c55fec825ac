//! The commits of the first-parent line, one after the other, newest first: what
//! changed, which records speak of it, and what is wrong with them.

use crate::audit::{self, Claims};
use crate::config::{AppPolicy, Config};
use crate::git::{HistoryCommit, ObjectId, Repository};
use crate::model::RepoPath;
use crate::plan::Planned;
use crate::report::{ConfigTurn, Flaw, VerifyReport, VerifyRow};

use super::super::{Failure, Workspace};
use super::VerifyArgs;
use super::commit::{self, Judged};
use super::compare::{self, Comparison, Wrong};
use super::configs::{Configs, Counting, Turn};

/// What is found while the commits are looked at.
pub(super) struct Verifying<'a> {
    /// The repository of the work space.
    pub(super) repo: Repository,
    args: &'a VerifyArgs,
    pub(super) configs: Configs<'a>,
    pub(super) report: VerifyReport,
}

impl<'a> Verifying<'a> {
    pub(super) fn new(workspace: &'a Workspace, args: &'a VerifyArgs, range: &str) -> Self {
        let report = VerifyReport { range: range.to_owned(), ..VerifyReport::default() };
        let (repo, configs) = (workspace.repo.clone(), Configs::new(workspace));
        Self { repo, args, configs, report }
    }

    /// A commit of the first-parent line, and those that it merges.
    pub(super) fn first_parent(&mut self, commit: &HistoryCommit) -> Result<(), Failure> {
        let Some(parent) = commit.parent else { return Ok(()) };
        let Some(Counting { config, older }) = self.configs.at(&self.repo, parent)? else {
            self.report.before_config += 1;
            return Ok(());
        };
        self.turn(commit, parent)?;
        self.report.commits += 1;
        self.report.without_config += usize::from(older);
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

    /// What the commit does to the config.
    fn turn(&mut self, commit: &HistoryCommit, parent: ObjectId) -> Result<(), Failure> {
        let turn = self.configs.turn(&self.repo, (parent, commit.id), &commit.changed)?;
        let wrong = |message: String| Wrong::whole(Flaw::Config, "", message);
        match turn {
            None => {}
            Some(Turn::Lost(why)) => self.push((commit.id, commit.seconds), vec![wrong(why)]),
            Some(Turn::Looser(changes)) => {
                if self.args.strict {
                    let message = format!("the config changes: {}", changes.join("; "));
                    self.push((commit.id, commit.seconds), vec![wrong(message)]);
                }
                let (commit, time) = (commit.id.to_string(), commit.seconds);
                self.report.config_turns.push(ConfigTurn { commit, time, changes });
            }
        }
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
    pub(super) fn carrier<'c>(
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
        let off = |planned: &&&Planned| config.app_policy(&planned.promotion.app) == AppPolicy::Off;
        let off = passed.iter().filter(off).count();
        self.report.policy_off += off;
        self.report.unrecorded += passed.len() - off;
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

    pub(super) fn signature(
        &mut self,
        id: ObjectId,
        seconds: i64,
        recorded: bool,
    ) -> Result<(), Failure> {
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
