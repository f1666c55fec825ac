//! `git promote VERSION ENV`: snapshot, config, inventory, plan, evidence,
//! gates, diff, approval, commit, delivery, report.

mod absent;
mod apps;
mod args;
mod aside;
mod branch;
mod confirm;
mod deliver;
mod ending;
mod images;
mod judge;
mod message;
mod misread;
mod place;
mod request;
mod rollback;
mod scope;
mod set;
mod way;
mod wording;
mod words;

pub(super) use absent::{no_match, unknown_app};
pub(super) use apps::{flagged, is_plain};
pub use args::{CommonArgs, PromoteArgs, RollbackArgs, ToArgs};
pub(super) use aside::{LostRace, follow, raced, remote_tip};
pub(super) use deliver::{DETACHED, THERE_ALREADY, done};
pub(super) use ending::{End, Outcome};
pub(super) use message::{message_text, options};
pub(super) use place::apps_at;
pub(super) use scope::overlays;
pub(super) use way::Way;
pub(super) use words::{Request, What};

use std::cell::RefCell;

use crate::diff::{self, Effect, Effects};
use crate::discover::Inventory;
use crate::gate::{self, Approved};
use crate::git::{self, Repository};
use crate::model::{Finding, Snapshot, Sources, pasted};
use crate::plan::{self, Intent, Plan, World};
use crate::report::{Ending, PromotionReport};

use super::registry::Route;
use super::{Answer, Context, Exit, Failure, Remark, Workspace, leftovers, source};

use apps::{Choosing, Chosen};
use aside::Before;
use ending::refusal;
use judge::Evidence;
use words::Known;

/// `git promote [APP@]VERSION... ENV`, `FROM ENV`, `ENV`.
pub fn run(context: &Context, args: &PromoteArgs, commands: &[String]) -> Result<Answer, Failure> {
    let resolve = |_: &Workspace, known: &Known<'_>| known.resolve(&args.words);
    let asked = Asked { context, args: &args.common, commands, resolve: &resolve };
    Ok(asked.perform()?.answer(context))
}

/// `git promote to ENV [--version V | --from ENV]`.
pub fn run_to(context: &Context, args: &ToArgs) -> Result<Answer, Failure> {
    let (version, from) = (args.version.as_deref(), args.from.as_deref());
    let resolve =
        |_: &Workspace, known: &Known<'_>| known.resolve_to(&args.environment, version, from);
    let asked = Asked { context, args: &args.common, commands: &[], resolve: &resolve };
    Ok(asked.perform()?.answer(context))
}

/// Carries out a request that another command has made.
pub(super) fn carry_out(
    context: &Context,
    args: &CommonArgs,
    request: &Request,
) -> Result<Outcome, Failure> {
    let resolve = |_: &Workspace, _: &Known<'_>| Ok(request.clone());
    Asked { context, args, commands: &[], resolve: &resolve }.perform()
}

/// `git promote rollback ENV [[APP@]VERSION|APP ...]`
pub fn run_rollback(context: &Context, args: &RollbackArgs) -> Result<Answer, Failure> {
    let common = CommonArgs { rollback: true, ..args.common.clone() };
    let notes: RefCell<Vec<String>> = RefCell::default();
    let resolve = |workspace: &Workspace, known: &Known<'_>| {
        let request = known.resolve_rollback(&args.environment, &args.words)?;
        let steps = args.steps.map(usize::from);
        let back = rollback::Back { context, workspace, args: &common, steps };
        let (request, said) = match &args.set {
            Some(id) => back.set(&request, id)?,
            None => back.completed(request)?,
        };
        notes.replace(said);
        Ok(request)
    };
    let asked = Asked { context, args: &common, commands: &[], resolve: &resolve };
    let mut outcome = asked.perform()?;
    outcome.remarks.splice(0..0, notes.take().into_iter().map(Remark::Note));
    Ok(outcome.answer(context))
}

/// `git promote` alone: the status, which never writes.
pub fn status_instead(context: &Context, args: &CommonArgs) -> Result<Answer, Failure> {
    if let Some(word) = args.images.first().or(args.apps.first()) {
        return Err(Failure::usage(format!(
            "`{word}` is to be promoted, but no environment is named"
        ))
        .hint(format!("{} VERSION ENV", context.front.name())));
    }
    super::status::run(context, &super::status::StatusArgs::default())
}

/// What words mean in a repository.
type Resolve<'r> = &'r dyn Fn(&Workspace, &Known<'_>) -> Result<Request, Failure>;

/// What the user asked for, before it is known what the words mean.
#[derive(Clone, Copy)]
struct Asked<'a> {
    context: &'a Context,
    args: &'a CommonArgs,
    commands: &'a [String],
    /// What the words mean in a repository.
    resolve: Resolve<'a>,
}

impl Asked<'_> {
    fn perform(&self) -> Result<Outcome, Failure> {
        refuse_unsupported(self.args)?;
        let flagged = Way::flagged(self.args);
        if let Some(url) = self.args.remote.as_deref().filter(|remote| is_address(remote)) {
            return self.borrowed(url, flagged);
        }
        let repo = Repository::open(&self.context.directory)?;
        let remarks = leftovers::settle(&repo, self.args.dry_run)?;
        // A flag counts before it is known what the words mean here: they may
        // mean something on the remote alone.
        let mut outcome = match flagged.filter(|way| way.is_aside()) {
            Some(way) => self.aside(&repo, way),
            None => self.here(&repo),
        }?;
        outcome.remarks.splice(0..0, remarks);
        Ok(outcome)
    }

    /// In this checkout. Where somebody else commits in the meantime, all of it
    /// is planned and judged again, and nobody else commits while it is.
    fn here(&self, repo: &Repository) -> Result<Outcome, Failure> {
        let first: RefCell<Option<Before>> = RefCell::default();
        LostRace::default().until(|| {
            let again = first.borrow().is_some() && !self.args.dry_run;
            let held = RefCell::new(again.then(|| git::hold(repo)).transpose()?);
            let here = Workspace::of(self.context, repo.clone())?;
            let request = self.request(&here)?;
            match Way::of(self.args, &here.config, &request.to) {
                way @ (Way::Push | Way::Pr) => {
                    let lost = |failure| Failure { lost_race: false, ..failure };
                    self.aside(&here.repo, way).map_err(lost)
                }
                _ if self.args.remote.is_some() || self.args.base.is_some() => {
                    Err(Failure::usage("--remote and --base are for --push and --pr")
                        .hint(format!("{} ... --pr", self.context.front.name())))
                }
                Way::Commit | Way::Worktree => {
                    let carry = |promoting: &Promoting<'_>,
                                 approved: &Approved,
                                 report: &mut PromotionReport| {
                        let mut first = first.borrow_mut();
                        first
                            .get_or_insert_with(|| Before::of(&report.promotions))
                            .agree(report)?;
                        deliver::deliver(promoting, approved, report, held.take())
                    };
                    let (context, args) = (self.context, self.args);
                    Promoting { context, workspace: &here, args, request }.run(&carry)
                }
            }
        })
    }

    /// In a repository of which there is no checkout.
    fn borrowed(&self, url: &str, flagged: Option<Way>) -> Result<Outcome, Failure> {
        let mut borrowed = git::borrow(url, self.args.base.as_deref())?;
        if self.args.rollback {
            borrowed = borrowed.deepen()?;
        }
        let workspace = Workspace::at(self.context, &borrowed.repo, &borrowed.tip)?;
        let to = self.request(&workspace)?.to;
        let way = flagged.unwrap_or_else(|| Way::of(self.args, &workspace.config, &to));
        let first = workspace.config.environment(to.as_str());
        let first = first.is_some_and(|environment| environment.sources == Sources::First);
        if !first && !self.args.rollback {
            // Whether the version was left before, only the history tells.
            borrowed = borrowed.deepen()?;
        }
        if way.is_aside() {
            return self.aside(&borrowed.repo, way);
        }
        Err(Failure::usage("without a checkout a promotion is pushed, or a pull request")
            .hint(format!("{} ... --pr --remote URL", self.context.front.name())))
    }

    /// What the words mean in this repository.
    fn request(&self, workspace: &Workspace) -> Result<Request, Failure> {
        let context = self.context;
        let known = Known {
            pipeline: &workspace.config.pipeline,
            commands: self.commands,
            is_app: &|name| scope::is_app(workspace, name),
            no_app: &|name| unknown_app(context, workspace, name),
            takers: &|app, version| absent::takers(workspace, app, version),
            next: &|app| absent::next(context, workspace, app),
            of_image: &|image| absent::of_image(workspace, image),
            program: context.front.name(),
        };
        (self.resolve)(workspace, &known)
    }
}

fn refuse_unsupported(args: &CommonArgs) -> Result<(), Failure> {
    if args.reason.as_ref().is_some_and(|reason| reason.chars().any(char::is_control)) {
        // It becomes a trailer: another line could forge the next one.
        return Err(Failure::usage("--reason is one line without control characters")
            .hint("--reason 'INC-42: what happened'"));
    }
    Ok(())
}

/// Whether a remote is named by its address: it has a scheme, a host or a path.
fn is_address(remote: &str) -> bool {
    remote.contains([':', '/'])
}

struct Promoting<'a> {
    context: &'a Context,
    workspace: &'a Workspace,
    args: &'a CommonArgs,
    request: Request,
}

/// What carries an approved plan out.
type Carry<'c> =
    &'c dyn Fn(&Promoting<'_>, &Approved, &mut PromotionReport) -> Result<End, Failure>;

impl Promoting<'_> {
    /// The straight line; `carry` is its end, where there is something to do.
    fn run(&self, carry: Carry<'_>) -> Result<Outcome, Failure> {
        self.refuse_undecided()?;
        self.refuse_first_without_version()?;
        let inventory = self.inventory(false)?;
        let Chosen { moves, inferred } = match self.choose(&inventory) {
            Err(failure) if failure.exit == Exit::Refused && self.context.format.is_document() => {
                return Ok(self.refused_outright(failure));
            }
            chosen => chosen?,
        };
        let snapshot: &dyn Snapshot = &self.workspace.snapshot;
        let world = World { snapshot, config: &self.workspace.config, inventory: &inventory };
        let plan = self.plan(world, moves)?;
        let evidence = self.evidence(&inventory, &plan)?;
        let findings = self.findings(&inventory, &plan, &evidence)?;
        let mut remarks = self.remarks(&plan, inferred);
        remarks.extend(
            inventory.notes.iter().filter(|_| self.context.verbose).cloned().map(Remark::Note),
        );
        let Effects { effects, dead } = diff::effects(world, &plan)?;
        remarks.extend(dead.into_iter().map(Remark::Warning));
        let mut report = self.report(effects, &plan, findings);
        let (changes, untold) = source::changes(self.context, self.workspace, &report.promotions);
        report.changes = changes;
        remarks.extend(untold.into_iter().filter(|_| self.context.verbose).map(Remark::Note));
        let routes = self.routes(&inventory, &plan, &evidence)?;
        let mut end = self.end(plan, &mut report, (carry, &routes))?;
        let denied = evidence.answers.as_ref().is_some_and(|answers| answers.denied);
        if end.exit == Exit::Unavailable && denied {
            end.exit = Exit::Auth;
        }
        if matches!(report.ending, Ending::Planned | Ending::Committed) {
            remarks.extend(self.detached().map(|text| Remark::Warning(text.to_owned())));
        }
        if report.ending == Ending::Committed {
            remarks.extend(deliver::unpushed_evidence(self.workspace, &inventory, &report));
        }
        remarks.extend(end.remarks);
        Ok(Outcome { report, remarks, exit: end.exit, paint: self.workspace.paint })
    }

    /// The plan; where `seen = true` lets in what ran before, without the
    /// images that never ran it.
    fn plan(&self, world: World<'_>, moves: Vec<plan::Move>) -> Result<Plan, Failure> {
        let intent = Intent {
            to: self.request.to.clone(),
            moves,
            images: self.args.images.clone(),
            create: self.args.create,
            never: Vec::new(),
            // What ran here before ran without it.
            drop_digest: self.args.drop_digest || matches!(self.request.what, What::Images(_)),
            digests: std::collections::BTreeMap::new(),
        };
        let mut plan = plan::promote(world, &intent)?;
        let never = self.never_seen(world.inventory, &plan)?;
        let intent = Intent { never, ..intent };
        if !intent.never.is_empty() {
            plan = plan::promote(world, &intent)?;
        }
        let digests = self.digests(world.inventory, &plan)?;
        if digests.is_empty() {
            return Ok(plan);
        }
        Ok(plan::promote(world, &Intent { digests, ..intent })?)
    }

    /// What the rules say of it.
    fn findings(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        evidence: &Evidence,
    ) -> Result<Vec<Finding>, Failure> {
        let findings = self.judge(inventory, plan, evidence);
        if !gate::refused(&findings) {
            return Ok(findings);
        }
        // The way out may begin further up than a promotion has to look.
        Ok(self.judge(&self.inventory(true)?, plan, evidence))
    }

    fn choose(&self, inventory: &Inventory) -> Result<Chosen, Failure> {
        Choosing {
            context: self.context,
            workspace: self.workspace,
            inventory,
            args: self.args,
            request: &self.request,
        }
        .choose()
    }

    /// A guess never moves anything into an environment it cannot place.
    fn refuse_undecided(&self) -> Result<(), Failure> {
        let crate::config::Origin::Guess(guess) = &self.workspace.config.origin else {
            return Ok(());
        };
        if !guess.undecided.contains(&self.request.to) {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Refused,
            format!(
                "the names of the directories do not tell where {} stands in the order ({})",
                self.request.to, guess.summary
            ),
        )
        .hint(format!("{} init", self.context.front.name())))
    }

    fn refuse_first_without_version(&self) -> Result<(), Failure> {
        let to = &self.request.to;
        let environment = self.workspace.config.environment(to.as_str());
        let first = environment.is_some_and(|e| e.sources.names().is_empty());
        if first && self.request.what == What::RunsIn(None) {
            return Err(Failure::usage(format!(
                "no environment comes before {to}: name the version"
            ))
            .hint(format!("{} VERSION {to}", self.context.front.name())));
        }
        Ok(())
    }

    fn remarks(&self, plan: &Plan, inferred: Option<String>) -> Vec<Remark> {
        let config = self.workspace.config_notes().into_iter();
        let notes = config.chain(inferred.map(Remark::Note));
        notes.chain(plan.notes.iter().cloned().map(Remark::Warning)).collect()
    }

    fn report(&self, effects: Vec<Effect>, plan: &Plan, findings: Vec<Finding>) -> PromotionReport {
        PromotionReport {
            to: plan.to.clone(),
            dry_run: self.args.dry_run,
            promotions: plan.promotions.iter().map(|p| p.promotion.clone()).collect(),
            current: plan.current.clone(),
            changes: Vec::new(),
            copies: Vec::new(),
            edits: plan.files.iter().flat_map(|file| file.edits.clone()).collect(),
            effects,
            findings: findings.into_iter().map(|finding| self.hinted(finding)).collect(),
            ending: Ending::Unchanged,
            commit: None,
            branch: self.workspace.branch.clone(),
            remote: None,
            request: None,
            unified: self.args.diff.then(|| diff::unified(&plan.files)),
        }
    }

    /// A finding whose hint names the program as it was started, and the way
    /// that the promotion goes.
    fn hinted(&self, finding: Finding) -> Finding {
        let front = self.context.front;
        let hint = finding
            .hint
            .map(|hint| way::the_same_way(self.args, front.name(), front.commands(&hint)))
            .map(|hint| pasted(&hint));
        Finding { hint, ..finding }
    }

    /// The one refusal, the dry run, or the effects.
    fn end(
        &self,
        plan: Plan,
        report: &mut PromotionReport,
        (carry, routes): (Carry<'_>, &[Route]),
    ) -> Result<End, Failure> {
        let nothing = plan.promotions.is_empty();
        let Ok(approved) = gate::approve(plan, &report.findings) else {
            report.ending = Ending::Refused;
            return Ok(refusal(self.workspace, &report.findings));
        };
        if nothing {
            return Ok(End::quiet(Exit::Done));
        }
        if self.args.dry_run {
            deliver::rehearse(self, &approved, report)?;
            report.ending = Ending::Planned;
            let exit = if self.args.exit_code { Exit::Differs } else { Exit::Done };
            return Ok(End::quiet(exit));
        }
        if self.args.rollback && self.context.interactive {
            confirm::on_terminal(report, self.detached())?;
        }
        if !routes.is_empty() {
            // What would be refused here is not copied there first.
            deliver::rehearse(self, &approved, report)?;
        }
        let carried = self.carried(&approved, report, (carry, routes));
        carried.map_err(|failure| images::with_copies(failure, &report.copies))
    }

    /// First the copies, then what points at them.
    fn carried(
        &self,
        approved: &Approved,
        report: &mut PromotionReport,
        (carry, routes): (Carry<'_>, &[Route]),
    ) -> Result<End, Failure> {
        let mut remarks = self.copy(routes, report)?;
        let end = carry(self, approved, report)?;
        remarks.extend(end.remarks);
        Ok(End { remarks, ..end })
    }
}
