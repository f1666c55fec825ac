//! `git promote VERSION ENV`: snapshot, config, inventory, plan, evidence,
//! gates, diff, approval, commit, report.

mod absent;
mod apps;
mod args;
mod deliver;
mod ending;
mod judge;
mod misread;
mod place;
mod scope;
mod words;

pub use args::{CommonArgs, PromoteArgs, ToArgs};

use std::collections::BTreeSet;

use crate::diff::{self, Effect, Effects};
use crate::discover::{self, Inventory, Overlay};
use crate::gate;
use crate::model::{AppId, EnvironmentName, Finding, Pin, RepoPath, Snapshot};
use crate::output;
use crate::plan::{self, Intent, Plan, World};
use crate::report::{Ending, PromotionReport};

use super::{Answer, Context, Exit, Failure, Remark, Workspace};

use apps::{Choosing, Chosen};
use ending::{End, refusal};
use words::{Known, Request, What};

/// `git promote [APP@]VERSION... ENV`, `FROM ENV`, `ENV`.
pub fn run(context: &Context, args: &PromoteArgs, commands: &[String]) -> Result<Answer, Failure> {
    with_request(context, &args.common, commands, |known| known.resolve(&args.words))
}

/// `git promote to ENV [--version V | --from ENV]`.
pub fn run_to(context: &Context, args: &ToArgs) -> Result<Answer, Failure> {
    let (version, from) = (args.version.as_deref(), args.from.as_deref());
    with_request(context, &args.common, &[], |known| {
        known.resolve_to(&args.environment, version, from)
    })
}

fn with_request(
    context: &Context,
    args: &CommonArgs,
    commands: &[String],
    resolve: impl FnOnce(&Known<'_>) -> Result<Request, Failure>,
) -> Result<Answer, Failure> {
    refuse_unsupported(context, args)?;
    let workspace = Workspace::open(context)?;
    let is_app = |name: &str| scope::is_app(&workspace, name);
    let known = Known {
        pipeline: &workspace.config.pipeline,
        commands,
        is_app: &is_app,
        no_app: &|name| absent::unknown_app(context, &workspace, name),
        takers: &|app, version| absent::takers(&workspace, app, version),
        next: &|app| absent::next(context, &workspace, app),
        of_image: &|image| absent::of_image(&workspace, image),
        program: context.front.name(),
    };
    let request = resolve(&known)?;
    Promoting { context, workspace: &workspace, args, request }.run()
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

fn refuse_unsupported(context: &Context, args: &CommonArgs) -> Result<(), Failure> {
    if args.reason.as_ref().is_some_and(|reason| reason.chars().any(char::is_control)) {
        // It becomes a trailer: another line could forge the next one.
        return Err(Failure::usage("--reason is one line without control characters")
            .hint("--reason 'INC-42: what happened'"));
    }
    if args.pin {
        return Err(Failure::usage("--pin: no registry is asked yet for the digest of a tag")
            .hint(format!("{} VERSION@sha256:... ENV names the digest", context.front.name())));
    }
    Ok(())
}

struct Promoting<'a> {
    context: &'a Context,
    workspace: &'a Workspace,
    args: &'a CommonArgs,
    request: Request,
}

impl Promoting<'_> {
    fn run(&self) -> Result<Answer, Failure> {
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
        let intent = Intent {
            to: self.request.to.clone(),
            moves,
            images: self.args.images.clone(),
            create: self.args.create,
            never: Vec::new(),
            drop_digest: self.args.drop_digest,
        };
        let plan = plan::promote(world, &intent)?;
        let never = self.never_seen(&inventory, &plan)?;
        let plan = if never.is_empty() {
            plan
        } else {
            plan::promote(world, &Intent { never, ..intent })?
        };
        let timelines = self.history(&inventory, &plan)?;
        let proof = self.proof(&plan)?;
        let mut findings = self.judge(&inventory, &plan, (&timelines, &proof));
        if gate::refused(&findings) {
            // The way out may begin further up than a promotion has to look.
            findings = self.judge(&self.inventory(true)?, &plan, (&timelines, &proof));
        }
        let mut remarks = self.remarks(&plan, inferred);
        remarks.extend(
            inventory.notes.iter().filter(|_| self.context.verbose).cloned().map(Remark::Note),
        );
        let Effects { effects, dead } = diff::effects(world, &plan)?;
        remarks.extend(dead.into_iter().map(Remark::Warning));
        let mut report = self.report(effects, &plan, findings);
        let end = self.end(plan, &mut report)?;
        if report.ending == Ending::Committed {
            remarks.extend(deliver::unpushed_evidence(self.workspace, &inventory, &report));
        }
        remarks.extend(end.remarks);
        Ok(Answer { text: self.render(&report), remarks, exit: end.exit })
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

    /// What is where, in the environment and those before it; of the apps that
    /// are named, if they are. `far`: in all that come before.
    fn inventory(&self, far: bool) -> Result<Inventory, Failure> {
        let overlays = scope::overlays(self.workspace, self.args, &self.request)?;
        let concerned = self.concerned(far);
        let apps: Option<BTreeSet<AppId>> = match self.searched() {
            Some(search) => scope::apps_with(self.workspace, &overlays, search)?
                .filter(|apps| !apps.is_empty())
                .map(|apps| apps.into_iter().cloned().collect()),
            None => None,
        };
        let wanted = |overlay: &Overlay| {
            let app = overlay.app.as_ref();
            let meant = |apps: &BTreeSet<AppId>| app.is_some_and(|app| apps.contains(app));
            concerned.contains(&overlay.environment) && apps.as_ref().is_none_or(meant)
        };
        let config = &self.workspace.config;
        Ok(discover::read(&self.workspace.snapshot, config, overlays, &wanted)?)
    }

    /// The version that tells the app, and where it has to run for that; `None`
    /// where something else may tell.
    fn searched(&self) -> Option<(&[EnvironmentName], &Pin)> {
        let What::Version(version) = &self.request.what else { return None };
        let config = &self.workspace.config;
        let sources = config.environment(self.request.to.as_str())?.sources.names();
        let by_flag = self.args.all || !self.args.apps.is_empty() || !self.args.groups.is_empty();
        let by_place = self.workspace.prefix() != RepoPath::root()
            || self.workspace.repo.config_string("promote.app").is_some();
        // Where apps differ in their environments, so do their sources.
        let plain = !sources.is_empty() && config.apps.is_empty();
        (plain && !by_flag && !by_place).then_some((sources, version))
    }

    /// The environment, those that may come before it for some app, and the
    /// one that was named.
    fn concerned(&self, far: bool) -> BTreeSet<EnvironmentName> {
        let mut concerned = BTreeSet::new();
        let mut open = vec![self.request.to.clone()];
        if let What::RunsIn(Some(source)) = &self.request.what {
            concerned.insert(source.clone());
        }
        while let Some(name) = open.pop() {
            let sources = self.workspace.config.environment(name.as_str()).map(|e| &e.sources);
            let further = far || !self.workspace.config.apps.is_empty() || name == self.request.to;
            if let Some(sources) = sources.filter(|_| further) {
                open.extend(sources.names().iter().filter(|n| !concerned.contains(n)).cloned());
            }
            concerned.insert(name);
        }
        concerned
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
            edits: plan.files.iter().flat_map(|file| file.edits.clone()).collect(),
            effects,
            findings: findings.into_iter().map(|finding| self.hinted(finding)).collect(),
            ending: Ending::Unchanged,
            commit: None,
            branch: self.workspace.branch.clone(),
            unified: self.args.diff.then(|| diff::unified(&plan.files)),
        }
    }

    /// A finding whose hint names the program as it was started.
    fn hinted(&self, finding: Finding) -> Finding {
        let hint = finding.hint.map(|hint| self.context.front.commands(&hint));
        Finding { hint, ..finding }
    }

    /// The one refusal, the dry run, or the effects.
    fn end(&self, plan: Plan, report: &mut PromotionReport) -> Result<End, Failure> {
        let nothing = plan.promotions.is_empty();
        let Ok(approved) = gate::approve(plan, &report.findings) else {
            report.ending = Ending::Refused;
            return Ok(refusal(self.workspace, &report.findings));
        };
        if nothing {
            return Ok(End::quiet(Exit::Done));
        }
        if self.args.dry_run {
            deliver::rehearse(self.context, self.workspace, (self.args, &approved), report)?;
            report.ending = Ending::Planned;
            let exit = if self.args.exit_code { Exit::Differs } else { Exit::Done };
            return Ok(End::quiet(exit));
        }
        deliver::deliver(self.context, self.workspace, (self.args, &approved), report)
    }

    fn render(&self, report: &PromotionReport) -> String {
        match self.context.format {
            output::Format::Table | output::Format::Wide
                if self.context.quiet && report.ending != Ending::Refused =>
            {
                String::new()
            }
            output::Format::Table | output::Format::Wide => {
                output::promotion(report, self.workspace.paint, self.context.verbose)
            }
            format => {
                let table = output::promotion_table(report);
                output::machine(format, &output::promotion_value(report), "promotions", &table)
            }
        }
    }
}
