//! The rules, asked about a plan with the evidence of history.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::Waiver;
use crate::config::Holds;
use crate::discover::{Cell, CellKey, Inventory};
use crate::gate::{self, Answers, Case, Dated, Lineage, Past};
use crate::history::Timeline;
use crate::model::{AppId, Finding, Patched, RepoPath, Snapshot};
use crate::plan::{Plan, Planned};
use crate::proof::{self, Proof, Ran, Sides};

use super::super::Failure;
use super::super::dates::dates;
use super::super::evidence::{Ground, Reach, cells_of, rendered_then, timelines};
use super::super::held::holds;
use super::super::outside::{Fate, Questions};
use super::super::source::lineages;
use super::{Promoting, Way};

/// What is known beside the plan itself.
pub(super) struct Evidence {
    timelines: BTreeMap<CellKey, Timeline>,
    ran: BTreeMap<CellKey, Ran>,
    dates: BTreeMap<String, Dated>,
    lineages: BTreeMap<CellKey, Lineage>,
    holds: Holds,
    pub(super) proof: Proof,
    pub(super) answers: Option<Answers>,
}

impl Promoting<'_> {
    /// History, proof, and what somebody outside knows.
    pub(super) fn evidence(&self, inventory: &Inventory, plan: &Plan) -> Result<Evidence, Failure> {
        let timelines = self.history(inventory, plan)?;
        let ground = Ground::of(self.workspace);
        let proof = self.proof(plan)?;
        let questions = Questions {
            ground,
            inventory,
            after: &proof.after,
            promotions: &plan.promotions,
            timelines: &timelines,
            back: self.args.rollback,
            remote: self.args.remote.as_deref(),
            fate: match Way::of(self.args, &self.workspace.config, &plan.to) {
                Way::Pr => Fate::Request,
                Way::Push => Fate::Push,
                Way::Commit | Way::Worktree => Fate::Local,
            },
        };
        let answers = if self.args.offline { None } else { Some(questions.ask()?) };
        let dates = dates(ground, &plan.promotions, (&timelines, self.context.now))?;
        let holds = holds(&self.workspace.snapshot)?;
        let lineages = lineages(&self.workspace.repo, &plan.promotions);
        let ran = rendered_then(ground, &proof, (&plan.promotions, &timelines))?;
        Ok(Evidence { timelines, ran, dates, lineages, holds, proof, answers })
    }

    /// Where `seen = true` lets in what ran before, and nothing runs it now:
    /// the images that never ran it.
    pub(super) fn never_seen(
        &self,
        inventory: &Inventory,
        plan: &Plan,
    ) -> Result<Vec<(AppId, String)>, Failure> {
        let to = self.workspace.config.environment(plan.to.as_str());
        let runs = |planned: &Planned| {
            let pins = cells_of(planned).into_iter().skip(1).map(|key| inventory.cells.get(&key));
            let version = &planned.promotion.version;
            pins.flatten().filter_map(Cell::pin).any(|pin| pin.carries(version))
        };
        let several = plan.promotions.len() > 1;
        let seen = to.is_some_and(|environment| environment.seen);
        if !several || !seen || plan.promotions.iter().all(runs) {
            return Ok(Vec::new());
        }
        let timelines = self.history(inventory, plan)?;
        let ran = |planned: &Planned| {
            cells_of(planned).into_iter().skip(1).any(|key| {
                let timeline = timelines.get(&key);
                timeline.is_some_and(|t| t.ran(&planned.promotion.version).is_some())
            })
        };
        let never = plan.promotions.iter().filter(|planned| !ran(planned));
        Ok(never.map(|p| (p.promotion.app.clone(), p.promotion.image.clone())).collect())
    }

    /// What the environments of the promotions ran, and when.
    fn history(
        &self,
        inventory: &Inventory,
        plan: &Plan,
    ) -> Result<BTreeMap<CellKey, Timeline>, Failure> {
        let keys: Vec<CellKey> = plan.promotions.iter().flat_map(cells_of).collect();
        let keys: BTreeSet<&CellKey> = keys.iter().collect();
        timelines(Ground::of(self.workspace), inventory, &keys, Reach::Everything)
    }

    /// What the plan does to what environments run: judged as if somebody else
    /// had made the change.
    fn proof(&self, plan: &Plan) -> Result<Proof, Failure> {
        let base: &dyn Snapshot = &self.workspace.snapshot;
        let head = Patched::new(base, &plan.files);
        let changed: Vec<RepoPath> = plan.files.iter().map(|file| file.path.clone()).collect();
        let config = &self.workspace.config;
        let sides =
            Sides { base, head: &head, config, changed: &changed, odd_names: 0, search: false };
        Ok(proof::prove(&sides)?)
    }

    pub(super) fn judge(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        evidence: &Evidence,
    ) -> Vec<Finding> {
        let Evidence { timelines, ran, dates, lineages, holds, proof, answers } = evidence;
        let reason = self.args.reason.clone().unwrap_or_default();
        let waivers: Vec<Waiver> = self
            .args
            .overrides
            .iter()
            .map(|rule| Waiver { rule: *rule, reason: reason.clone() })
            .collect();
        let case = Case {
            config: &self.workspace.config,
            inventory,
            promotions: &plan.promotions,
            current: &plan.current,
            targets: std::slice::from_ref(&plan.to),
            proof,
            check: None,
            timelines,
            ran,
            dates,
            lineages,
            base: &self.workspace.base.to_string(),
            trailers: &given(&self.args.trailers),
            holds,
            history: if self.workspace.repo.is_shallow() { Past::CutOff } else { Past::Whole },
            rollback: self.args.rollback,
            waivers: &waivers,
            answers: answers.as_ref(),
            now: self.context.now,
        };
        gate::evaluate(&case)
    }
}

/// The trailers of flags; what is no trailer is refused where the commit is made.
fn given(trailers: &[String]) -> Vec<(String, String)> {
    let pair = |text: &String| {
        let (key, value) = text.split_once(['=', ':'])?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    trailers.iter().filter_map(pair).collect()
}
