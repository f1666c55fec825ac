//! The commits of the first-parent line, one after the other, newest first: what
//! changed, which records speak of it, and what is wrong with them.

use crate::audit::{self, Claims};
use crate::config::{AppPolicy, Config};
use crate::git::{HistoryCommit, ObjectId, Repository};
use crate::model::{Promotion, RepoPath};
use crate::plan::Planned;
use crate::report::{ConfigTurn, Flaw, VerifyReport, VerifyRow};

use super::super::{Failure, Workspace};
use super::VerifyArgs;
use super::arrivals::Arrivals;
use super::commit::{self, Judged, Moved};
use super::compare::{self, Comparison, Wrong};
use super::configs::{Configs, Counting, Turn};
use super::merge::{Carried, Terms};
use super::several;

/// What is found while the commits are looked at.
pub(super) struct Verifying<'a> {
    /// The repository of the work space.
    pub(super) repo: Repository,
    args: &'a VerifyArgs,
    pub(super) configs: Configs<'a>,
    pub(super) arrivals: Arrivals,
    /// How often the rules were asked: each time with the past before it.
    pub(super) asked: usize,
    pub(super) report: VerifyReport,
}

impl<'a> Verifying<'a> {
    pub(super) fn new(workspace: &'a Workspace, args: &'a VerifyArgs, range: &str) -> Self {
        let report = VerifyReport { range: range.to_owned(), ..VerifyReport::default() };
        let (repo, configs) = (workspace.repo.clone(), Configs::new(workspace));
        Self { repo, args, configs, arrivals: Arrivals::default(), asked: 0, report }
    }

    /// A commit of the first-parent line, and those that it merges.
    pub(super) fn first_parent(&mut self, commit: &HistoryCommit) -> Result<(), Failure> {
        let Some(parent) = commit.parent else { return Ok(()) };
        let Some(Counting { config, older }) =
            self.configs.before_commit(&self.repo, commit, parent)?
        else {
            self.report.before_config += 1;
            return Ok(());
        };
        self.turn(commit, parent)?;
        self.report.commits += 1;
        self.report.without_config.extend(older.then(|| commit.id.to_string()));
        let own = audit::claims(commit.message());
        let (id, seconds) = (commit.id, commit.seconds);
        let reverts = compare::reverts(commit.message());
        let judged = Judged { config: &config, parent, id, seconds, reverts };
        let moved = if commit.changed.iter().any(is_manifest) {
            commit::moved(&self.repo, &config, (parent, id))?
        } else {
            Moved::default()
        };
        self.report.changes += moved.planned.len();
        self.report.unrecorded -= self.arrivals.seen(&moved.before, id);
        let carried = self.merged(&config, (parent, id))?;
        let open = if carried.records.is_empty() {
            self.carrier(&judged, (&own, &moved.planned))?
        } else {
            self.merge(&judged, (&own, &carried), &moved)?
        };
        if !own.is_empty() || !moved.planned.is_empty() {
            self.signature(id, seconds, !own.is_empty())?;
        }
        let lost = own.is_empty() && compare::says_promotion(commit.message());
        self.unrecorded(&judged, &moved, (open, lost))
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
    /// against its own commit; and whether there is one alone that is the whole
    /// merge, on the same parent: what the rules say of it is told then.
    fn merged(
        &mut self,
        config: &Config,
        (parent, id): (ObjectId, ObjectId),
    ) -> Result<Carried, Failure> {
        let mut brought = Carried::default();
        if self.repo.parents(id)?.len() < 2 {
            return Ok(brought);
        }
        let (base, tree) = (parent, self.repo.tree_of(id)?);
        let mut carriers = Vec::new();
        for merged in self.repo.only_in(parent, id)?.into_iter().filter(|other| *other != id) {
            let carrier = self.repo.carrier(merged)?;
            let claims = audit::claims(&carrier.message);
            if !claims.is_empty() {
                carriers.push((carrier, claims));
            }
        }
        let alone = carriers.len() == 1;
        // What a merge among them repeats is held against where it was made.
        carriers.sort_by_key(|(carrier, _)| carrier.parents > 1);
        for (carrier, claims) in carriers {
            let claims: Vec<Claims> = if carrier.parents > 1 {
                claims.into_iter().filter(|own| !several::is_copy(own, &brought.records)).collect()
            } else {
                claims
            };
            let (false, Some(parent)) = (claims.is_empty(), carrier.parent) else { continue };
            let (id, seconds) = (carrier.id, carrier.seconds);
            let changes = commit::moved(&self.repo, config, (parent, id))?.planned;
            let reverts = compare::reverts(&carrier.message);
            let judged = Judged { config, parent, id, seconds, reverts };
            self.carrier(&judged, (&claims, &changes))?;
            self.signature(id, seconds, true)?;
            brought.told = alone && parent == base && self.repo.tree_of(id)? == tree;
            let moved = changes.into_iter().map(|planned| planned.promotion);
            let moved = moved.filter(|own| compare::is_claimed(&claims, own));
            brought.promotions.extend(moved);
            brought.records.extend(claims);
        }
        Ok(brought)
    }

    /// A merge of commits with records: what its own message adds to these is
    /// held against what it changes, and the rules are asked about what it
    /// brings to the line. Gives the changes that no record speaks of.
    fn merge<'c>(
        &mut self,
        judged: &Judged<'_>,
        (own, carried): (&[Claims], &Carried),
        moved: &'c Moved,
    ) -> Result<Vec<&'c Planned>, Failure> {
        let own: Vec<Claims> =
            own.iter().filter(|own| !several::is_copy(own, &carried.records)).cloned().collect();
        let changes = &moved.planned;
        let open = self.carrier(judged, (&own, changes))?;
        let claimed = |promotion: &Promotion| carried.claims(promotion);
        if !carried.told && changes.iter().any(|planned| claimed(&planned.promotion)) {
            self.asked += 1;
            let terms = if self.args.strict { Terms::Exact } else { Terms::Stepwise };
            let mut wrong = judged.other_images(&self.repo, carried, moved)?;
            wrong.extend(judged.brought(&self.repo, (&carried.records, changes), terms)?);
            self.push((judged.id, judged.seconds), wrong);
        }
        Ok(open.into_iter().filter(|planned| !claimed(&planned.promotion)).collect())
    }

    /// A commit that carries records; gives the changes that none speaks of.
    pub(super) fn carrier<'c>(
        &mut self,
        judged: &Judged<'_>,
        (records, changes): (&[Claims], &'c [Planned]),
    ) -> Result<Vec<&'c Planned>, Failure> {
        self.report.records += records.len();
        self.report.in_text += records.iter().filter(|record| record.in_text).count();
        self.asked += usize::from(!records.is_empty());
        if let Some(record) = records.iter().find(|record| record.in_text && self.args.strict) {
            let message = "the record stands in the text, where git reads no trailers (a squash?)";
            let wrong = Wrong::whole(Flaw::Lost, &record.to, message.to_owned());
            self.push((judged.id, judged.seconds), vec![wrong]);
        }
        let [record] = records else {
            if !records.is_empty() {
                self.several(judged, (records, changes))?;
            }
            let open = |planned: &&Planned| !compare::is_claimed(records, &planned.promotion);
            return Ok(changes.iter().filter(open).collect());
        };
        let comparison = Comparison::of(record, changes);
        let mut wrong = judged.record(&self.repo, record, &comparison)?;
        wrong.extend(self.rewritten(judged, record, &comparison)?);
        let all = comparison.wrong.iter().cloned().chain(wrong).collect();
        self.push((judged.id, judged.seconds), all);
        let open = changes.iter().enumerate().filter(|(index, _)| !comparison.explains(*index));
        Ok(open.map(|(_, planned)| planned).collect())
    }

    /// Several records, squashed into one commit: what comes out of all of them
    /// is what counts, and the rules are asked about that.
    fn several(
        &mut self,
        judged: &Judged<'_>,
        (records, changes): (&[Claims], &[Planned]),
    ) -> Result<(), Failure> {
        let strict = self.args.strict;
        let mut wrong = Vec::new();
        if strict || !judged.reverts {
            wrong.extend(several::unmatched(records, changes));
        }
        wrong.extend(several::digests(records, changes, !strict && judged.reverts));
        for record in records {
            let comparison = Comparison::of(record, changes);
            // What another record takes further has an id that only the commits
            // between could prove.
            if comparison.wrong.is_empty() {
                wrong.extend(judged.alone(&self.repo, record, &comparison)?);
                wrong.extend(self.rewritten(judged, record, &comparison)?);
            }
        }
        let terms = if strict { Terms::Exact } else { Terms::Once };
        wrong.extend(judged.together(&self.repo, (records, changes), terms)?);
        self.push((judged.id, judged.seconds), wrong);
        Ok(())
    }

    /// Counts a record whose commit a squash or a rebase left behind.
    fn rewritten(
        &mut self,
        judged: &Judged<'_>,
        record: &Claims,
        comparison: &Comparison<'_>,
    ) -> Result<Option<Wrong>, Failure> {
        if !judged.is_rewritten(&self.repo, record, comparison)? {
            return Ok(None);
        }
        self.report.rewritten += 1;
        let gone = || "the commit that it was judged on is not in its history".to_owned();
        Ok(self.args.strict.then(|| Wrong::whole(Flaw::Source, &record.to, gone())))
    }

    /// Changes that no record speaks of: what is none of its business is
    /// counted, and the rest is wrong.
    fn unrecorded(
        &mut self,
        judged: &Judged<'_>,
        moved: &Moved,
        (open, lost): (Vec<&Planned>, bool),
    ) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        let mut report = None;
        for planned in open {
            let promotion = &planned.promotion;
            if judged.config.app_policy(&promotion.app) == AppPolicy::Off {
                self.report.policy_off += 1;
            } else if self.args.strict {
                wrong.push(compare::unrecorded(promotion, lost));
            } else if promotion.from.is_empty() {
                self.report.unrecorded += 1;
            } else if compare::is_fresh(&moved.planned, promotion) {
                self.report.unrecorded += 1;
                let place = self.report.rows.len() + wrong.len();
                self.arrivals.wait(planned, (judged.id, judged.seconds), place);
            } else if compare::is_together(judged.config, moved, promotion) {
                let report = match &mut report {
                    Some(report) => report,
                    none => {
                        self.asked += 1;
                        none.insert(judged.judge(&self.repo, judged.config)?)
                    }
                };
                if commit::refuses(report, promotion) {
                    wrong.push(compare::unrecorded(promotion, lost));
                } else {
                    self.report.together += 1;
                }
            } else {
                wrong.push(compare::unrecorded(promotion, lost));
            }
        }
        self.push((judged.id, judged.seconds), wrong);
        Ok(())
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

    fn push(&mut self, of: (ObjectId, i64), wrong: Vec<Wrong>) {
        self.report.rows.extend(wrong.into_iter().map(|wrong| row(of, wrong)));
    }
}

/// A finding about a commit.
pub(super) fn row((id, time): (ObjectId, i64), wrong: Wrong) -> VerifyRow {
    VerifyRow {
        commit: id.to_string(),
        time,
        flaw: wrong.flaw,
        app: wrong.app,
        environment: wrong.environment,
        message: wrong.message,
    }
}

/// A file that can hold a version.
pub(super) fn is_manifest(path: &RepoPath) -> bool {
    let name = path.file_name();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json")) || name == "Kustomization"
}
