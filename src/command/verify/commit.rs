//! One commit: what its trees change, whether the rules let it, and what its
//! signature is worth.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{self, Claims, Waiver};
use crate::config::Config;
use crate::discover::{CellKey, Inventory};
use crate::gate;
use crate::git::{self, Change, ObjectId, Repository, Signature};
use crate::history::Timeline;
use crate::model::{Finding, Outcome, Promotion, Rule};
use crate::plan::{self, Planned};
use crate::proof::{self, Proof, Sides};
use crate::report::{CheckReport, Flaw, Signatures, Verdict};

use super::super::Failure;
use super::super::check::judge::{self, Options};
use super::super::evidence::{Ground, Reach, timelines};
use super::compare::{self, Comparison, Wrong};
use super::merge::Terms;

/// The rules that a promotion asks and that are asked again.
const ASKED: [Rule; 5] = [Rule::GP001, Rule::GP003, Rule::GP004, Rule::GP005, Rule::GP011];

/// Of a promotion into a first environment the record names no commit; no
/// further back is it looked for.
const FAR: usize = 1_000;

/// What moves between two commits.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// The versions that change.
    pub(super) planned: Vec<Planned>,
    /// What was there before, of the apps concerned.
    pub(super) before: Inventory,
}

/// The versions that change between two commits.
pub(super) fn moved(
    repo: &Repository,
    config: &Config,
    (parent, id): (ObjectId, ObjectId),
) -> Result<Moved, Failure> {
    let change = git::moved(repo, parent, id)?;
    let Proof { before, after, .. } = prove(config, &change)?;
    Ok(Moved { planned: plan::between(config, &before, &after), before })
}

fn prove(config: &Config, change: &Change) -> Result<Proof, Failure> {
    let sides = Sides {
        base: &change.before,
        head: &change.after,
        config,
        changed: &change.changed,
        odd_names: change.odd_names,
        search: false,
    };
    Ok(proof::prove(&sides)?)
}

/// What a signature is worth; an error where it is not what it should be.
pub(super) fn signature(
    repo: &Repository,
    id: ObjectId,
    counts: &mut Signatures,
    demanded: bool,
) -> Result<Option<Wrong>, Failure> {
    let wrong = |message: String| Some(Wrong::whole(Flaw::Signature, "", message));
    if !repo.carrier(id)?.is_signed {
        counts.none += 1;
        return Ok(wrong("the commit is not signed".to_owned()).filter(|_| demanded));
    }
    Ok(match repo.signature(id)? {
        Signature::Good(_) => {
            counts.good += 1;
            None
        }
        Signature::Unchecked(why) => {
            counts.unchecked += 1;
            wrong(format!("the signature cannot be checked: {why}")).filter(|_| demanded)
        }
        Signature::Bad(why) => {
            counts.bad += 1;
            wrong(why)
        }
    })
}

/// A commit that carries a record, and the config that counts for it.
pub(super) struct Judged<'a> {
    pub(super) config: &'a Config,
    pub(super) parent: ObjectId,
    pub(super) id: ObjectId,
    pub(super) seconds: i64,
    /// Whether its message says that it reverts something.
    pub(super) reverts: bool,
}

impl Judged<'_> {
    /// What is wrong with a record beside what it says of the versions.
    pub(super) fn record(
        &self,
        repo: &Repository,
        record: &Claims,
        comparison: &Comparison<'_>,
    ) -> Result<Vec<Wrong>, Failure> {
        if !comparison.wrong.is_empty() {
            // The rest would be about something else than what moved.
            return self.waivers(repo);
        }
        let promotions = comparison.promotions();
        let mut wrong = self.alone(repo, record, comparison)?;
        let known = wrong.iter().any(|wrong| wrong.flaw == Flaw::Rollback);
        let report = self.judge(repo, self.config)?;
        wrong.extend(overrides(&report));
        wrong.extend(self.waived_in_text(record));
        if !known {
            let about = |finding: &&Finding| {
                let records = std::slice::from_ref(record);
                let own = |p: &&Promotion| finding.app.as_ref().is_none_or(|app| *app == p.app);
                promotions.iter().filter(own).any(|p| !waives(records, finding, p))
            };
            wrong.extend(gates(refused(&report).filter(about), record));
        }
        Ok(wrong)
    }

    /// What is wrong with a record whatever the rules say: where it comes from,
    /// its id, and whether it goes back as it says.
    pub(super) fn alone(
        &self,
        repo: &Repository,
        record: &Claims,
        comparison: &Comparison<'_>,
    ) -> Result<Vec<Wrong>, Failure> {
        let mut wrong: Vec<Wrong> = comparison.sources().into_iter().collect();
        if wrong.is_empty() && !self.is_rewritten(repo, record, comparison)? {
            wrong.extend(self.base(repo, record)?);
            if wrong.is_empty() && !comparison.has_id_on(&self.bases(repo, record)?) {
                let message = match record.id.as_str() {
                    "" => "the record has no id".to_owned(),
                    id => format!("the id {id} is not that of what moved"),
                };
                wrong.push(Wrong::whole(Flaw::Id, &record.to, message));
            }
        }
        if record.rollback {
            wrong.extend(self.no_way_back(repo, record, &comparison.promotions())?);
        }
        Ok(wrong)
    }

    /// What the rules say of several records in one commit.
    pub(super) fn together(
        &self,
        repo: &Repository,
        (records, changes): (&[Claims], &[Planned]),
        terms: Terms,
    ) -> Result<Vec<Wrong>, Failure> {
        let config = terms.on(self.config);
        let report = self.judge(repo, &config)?;
        let mut wrong = overrides(&report);
        let report = self.unwaived(repo, &config, report)?;
        wrong.extend(records.iter().flat_map(|record| self.waived_in_text(record)));
        for record in records {
            let claimed: Vec<&Promotion> = changes
                .iter()
                .map(|planned| &planned.promotion)
                .filter(|promotion| compare::is_claimed(std::slice::from_ref(record), promotion))
                .collect();
            let about = |finding: &&Finding| {
                let own = |promotion: &&&Promotion| is_about(finding, promotion);
                claimed.iter().filter(own).any(|own| !waives(records, finding, own))
            };
            wrong.extend(gates(refused(&report).filter(about), record));
        }
        Ok(wrong)
    }

    /// Where git reads no trailers the rules do not see what is waived.
    fn waived_in_text(&self, record: &Claims) -> Vec<Wrong> {
        let granted = |waiver: &Waiver| {
            self.config.overrides.iter().any(|grant| {
                let mut environments = grant.environments.iter();
                let here = grant.environments.is_empty()
                    || environments.any(|name| name.as_str() == record.to);
                let over = grant.until.as_ref().is_some_and(|until| self.seconds >= until.end);
                grant.rule == waiver.rule && here && !over
            })
        };
        let wrong = |waiver: &Waiver| {
            let rule = waiver.rule;
            let why = if waiver.reason.trim().is_empty() {
                format!("the override of {rule} has no reason")
            } else {
                format!("the config does not let {rule} be overridden in {}", record.to)
            };
            Wrong::whole(Flaw::Override, &record.to, why)
        };
        let without = |waiver: &&Waiver| waiver.reason.trim().is_empty() || !granted(waiver);
        let waivers = record.waivers.iter().filter(|_| record.in_text);
        waivers.filter(without).map(wrong).collect()
    }

    /// Rules that were waived and must not be.
    pub(super) fn waivers(&self, repo: &Repository) -> Result<Vec<Wrong>, Failure> {
        Ok(overrides(&self.judge(repo, self.config)?))
    }

    /// The rules of today, asked at the time of the commit.
    pub(super) fn judge(&self, repo: &Repository, config: &Config) -> Result<CheckReport, Failure> {
        self.judge_change(repo, &git::moved(repo, self.parent, self.id)?, config)
    }

    fn judge_change(
        &self,
        repo: &Repository,
        change: &Change,
        config: &Config,
    ) -> Result<CheckReport, Failure> {
        let options = Options { adopt: false, now: self.seconds, online: false };
        judge::judge_by(repo, change, (options, Some(config)))
    }

    /// What the rules say where no record waives anything: what one of several
    /// waives holds for what that one claims, and the rules do not tell them apart.
    pub(super) fn unwaived(
        &self,
        repo: &Repository,
        config: &Config,
        report: CheckReport,
    ) -> Result<CheckReport, Failure> {
        if report.findings.iter().all(|finding| finding.outcome != Outcome::Overridden) {
            return Ok(report);
        }
        let mut change = git::moved(repo, self.parent, self.id)?;
        for message in &mut change.messages {
            if !audit::claims(message).is_empty() {
                message.clear();
            }
        }
        self.judge_change(repo, &change, config)
    }

    /// Every record of the commit, and of those that it merges.
    pub(super) fn all_records(&self, repo: &Repository) -> Result<Vec<Claims>, Failure> {
        let change = git::moved(repo, self.parent, self.id)?;
        Ok(change.messages.iter().flat_map(|message| audit::claims(message)).collect())
    }

    /// Whether the commit that it was judged on is not in the history, and its
    /// id is that of what moved all the same: a squash or a rebase leaves that.
    /// What it was judged on is then the commit before.
    pub(super) fn is_rewritten(
        &self,
        repo: &Repository,
        record: &Claims,
        comparison: &Comparison<'_>,
    ) -> Result<bool, Failure> {
        let gone = self.base(repo, record)?.is_some();
        Ok(gone && comparison.wrong.is_empty() && comparison.has_id_on(&self.bases(repo, record)?))
    }

    /// The commit that it was judged on has to be in its history.
    fn base(&self, repo: &Repository, record: &Claims) -> Result<Option<Wrong>, Failure> {
        for (name, commit) in &record.from {
            let id = repo.full_id(commit).filter(|id| repo.has(*id));
            let known = match id {
                Some(id) => repo.is_ancestor(id, self.id)?,
                None => repo.is_shallow() && repo.full_id(commit).is_some(),
            };
            if !known {
                let message = format!(
                    "the record was judged on {name}@{commit}, which is not in \
                                       its history"
                );
                return Ok(Some(Wrong::whole(Flaw::Source, &record.to, message)));
            }
        }
        Ok(None)
    }

    /// The commits that the id may have been made with.
    fn bases(&self, repo: &Repository, record: &Claims) -> Result<Vec<String>, Failure> {
        if let Some((_, commit)) = record.from.first() {
            return Ok(vec![commit.clone()]);
        }
        let mut bases = Vec::new();
        for commit in git::line(repo, self.parent)?.take(FAR) {
            bases.push(commit?.0.to_string());
        }
        Ok(bases)
    }

    /// A rollback goes to what ran there and was not gone back from.
    fn no_way_back(
        &self,
        repo: &Repository,
        record: &Claims,
        promotions: &[Promotion],
    ) -> Result<Vec<Wrong>, Failure> {
        let waived = |waiver: &Waiver| waiver.rule == Rule::GP003;
        if record.waivers.iter().any(waived) || repo.is_shallow() {
            return Ok(Vec::new());
        }
        let timelines = self.timelines(repo, promotions)?;
        let none = promotions.iter().filter(|promotion| {
            let timeline = timelines.get(&CellKey::of(promotion, &promotion.to));
            !timeline.is_some_and(|timeline| gate::is_way_back(timeline, promotion))
        });
        let wrong = |promotion: &Promotion| {
            let (to, version) = (&promotion.to, &promotion.version);
            let message = format!(
                "the record says a rollback, and {to} did not run {version} before, or went back \
                 from it"
            );
            Wrong::of(Flaw::Rollback, promotion, message)
        };
        Ok(none.map(wrong).collect())
    }

    pub(super) fn timelines(
        &self,
        repo: &Repository,
        promotions: &[Promotion],
    ) -> Result<BTreeMap<CellKey, Timeline>, Failure> {
        let proof = prove(self.config, &git::moved(repo, self.parent, self.id)?)?;
        let keys: Vec<CellKey> = promotions.iter().map(|p| CellKey::of(p, &p.to)).collect();
        let keys: BTreeSet<&CellKey> = keys.iter().collect();
        let ground = Ground { repo, config: self.config, base: self.parent };
        timelines(ground, &proof.before, &keys, Reach::Everything)
    }
}

fn overrides(report: &CheckReport) -> Vec<Wrong> {
    let refused = report
        .findings
        .iter()
        .filter(|finding| finding.rule == Rule::GP012 && finding.outcome == Outcome::Fail);
    let wrong = |finding: &Finding| Wrong {
        flaw: Flaw::Override,
        app: None,
        environment: finding.environment.clone(),
        message: finding.message.clone(),
    };
    refused.map(wrong).collect()
}

/// What refuses, of the rules that are asked again.
pub(super) fn refused(report: &CheckReport) -> impl Iterator<Item = &Finding> {
    let sure = report.verdict != Verdict::Unverifiable;
    report.findings.iter().filter(move |finding| {
        sure && finding.outcome == Outcome::Fail && ASKED.contains(&finding.rule)
    })
}

/// Whether a rule refuses the promotion.
pub(super) fn refuses(report: &CheckReport, promotion: &Promotion) -> bool {
    refused(report).any(|finding| is_about(finding, promotion))
}

pub(super) fn is_about(finding: &Finding, promotion: &Promotion) -> bool {
    let app = finding.app.as_ref();
    let environment = finding.environment.as_ref();
    (app.is_some() || environment.is_some())
        && app.is_none_or(|app| *app == promotion.app)
        && environment.is_none_or(|name| *name == promotion.to)
}

/// Whether a record of the promotion waives what the rule refuses; one of
/// another app or environment waives nothing here.
pub(super) fn waives(records: &[Claims], finding: &Finding, promotion: &Promotion) -> bool {
    let here = finding.environment.as_ref().is_none_or(|name| *name == promotion.to);
    here && waives_rule(records, finding.rule, promotion)
}

/// Whether a record of the promotion waives the rule.
pub(super) fn waives_rule(records: &[Claims], rule: Rule, promotion: &Promotion) -> bool {
    let own = |record: &&Claims| compare::is_told(record, promotion);
    let mut waivers = records.iter().filter(own).flat_map(|record| &record.waivers);
    waivers.any(|waiver| waiver.rule == rule)
}

/// Rules that the record says have passed, or nothing of, and that refuse.
fn gates<'f>(
    refused: impl Iterator<Item = &'f Finding>,
    record: &'f Claims,
) -> impl Iterator<Item = Wrong> {
    let mut told = BTreeSet::new();
    let wrong = |finding: &Finding| {
        let rule = finding.rule.to_string();
        let claimed = record.gates.iter().find(|(name, _)| *name == rule);
        let says = match claimed {
            Some((_, answer)) => format!("says {rule} {answer}"),
            None => format!("says nothing of {rule}"),
        };
        Wrong {
            flaw: Flaw::Gate,
            app: finding.app.clone(),
            environment: finding.environment.clone(),
            message: format!("the record {says}, and it refuses: {}", finding.message),
        }
    };
    let fresh = move |finding: &&Finding| told.insert((finding.rule, finding.app.clone()));
    refused.filter(fresh).map(wrong)
}
