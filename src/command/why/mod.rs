//! `git promote why`: how a version got to an environment, or what keeps it
//! out.

mod requests;
mod way;

use std::collections::BTreeSet;

use clap::Args;

use crate::discover::{Cell, Inventory};
use crate::history::Entry;
use crate::model::{AppId, EnvironmentName, Outcome as Verdict, Pin, Sources};
use crate::output::{self, Format};
use crate::report::WhyReport;

use super::chosen::{bare, environment, unknown_app};
use super::evidence::Ground;
use super::log::cut_off;
use super::moved::inventory;
use super::past::{Past, Scope, past};
use super::promote::{CommonArgs, Request, What, carry_out};
use super::{Answer, Context, Failure, Remark, Workspace};

/// How a version got to an environment, or what keeps it out.
///
/// Without VERSION: the one that runs there. For a version that is not there:
/// what the rules say of its promotion, and where a pull request is open for
/// it, what that waits for (with a token for the forge).
#[derive(Debug, Clone, Args)]
pub struct WhyArgs {
    /// The app
    #[arg(value_name = "APP")]
    pub app: String,
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The version; without it, the one that runs there
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
    /// Ask no forge for a pull request
    #[arg(long)]
    pub offline: bool,
    /// The remote whose forge is asked, by its name
    #[arg(long, value_name = "REMOTE")]
    pub remote: Option<String>,
}

/// `git promote why APP ENV [VERSION]`
pub fn run(context: &Context, args: &WhyArgs) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let to = environment(&workspace, &args.environment)?;
    let version = args.version.as_deref().map(str::parse::<Pin>).transpose()?;
    let names = [bare(&args.app).to_owned()];
    let present = inventory(&workspace.snapshot, &workspace.config, Some(&names))?;
    let scope = Scope { environments: Vec::new(), apps: names.to_vec() };
    let Past { mut entries, cut } = past(Ground::of(&workspace), &scope)?;
    entries.retain(|entry| entry.app.answers_to(&args.app));
    let app = the_app(&workspace, &args.app, (&present, &entries))?;
    entries.retain(|entry| entry.app == app);
    let asking = Asking { context, workspace: &workspace, present: &present, to, app, args };
    asking.answer(version, (&entries, cut))
}

/// The one app that is meant.
fn the_app(
    workspace: &Workspace,
    name: &str,
    (present, entries): (&Inventory, &[Entry]),
) -> Result<AppId, Failure> {
    let here = present.apps().into_iter().filter(|app| app.answers_to(name));
    let apps: BTreeSet<&AppId> = here.chain(entries.iter().map(|entry| &entry.app)).collect();
    let shown: Vec<String> = apps.iter().map(ToString::to_string).collect();
    match apps.into_iter().collect::<Vec<_>>().as_slice() {
        [app] => Ok((*app).clone()),
        [] => {
            let all = inventory(&workspace.snapshot, &workspace.config, None)?;
            Err(unknown_app(workspace, &all.apps(), name))
        }
        _ => Err(Failure::usage(format!("`{name}` is {}", crate::model::listed(&shown)))
            .maybe_hint(
                shown
                    .first()
                    .map(|app| format!("git promote why {} ENV", crate::model::quoted(app))),
            )),
    }
}

/// What is asked, of one app in one environment.
pub(super) struct Asking<'a> {
    context: &'a Context,
    workspace: &'a Workspace,
    present: &'a Inventory,
    to: EnvironmentName,
    app: AppId,
    args: &'a WhyArgs,
}

/// What a promotion that is not made would meet.
#[derive(Default)]
struct Tried {
    findings: Vec<crate::model::Finding>,
    refused: Option<bool>,
    unplanned: Option<String>,
    remarks: Vec<Remark>,
}

impl Asking<'_> {
    fn answer(
        &self,
        version: Option<Pin>,
        (entries, cut): (&[Entry], Option<String>),
    ) -> Result<Answer, Failure> {
        let running = self.running(&self.to);
        let Some(version) = version.or_else(|| running.first().cloned()) else {
            return Err(self.nothing_there());
        };
        let there = running.iter().any(|pin| pin.carries(&version));
        let way = self.way(entries, &version);
        let mut remarks = self.workspace.config_notes();
        remarks.extend(cut.as_deref().map(cut_off));
        let tried = if there { Tried::default() } else { self.try_it(&version) };
        let (requests, asked) =
            if there { (Vec::new(), Vec::new()) } else { self.requests(&version) };
        remarks.extend(tried.remarks);
        remarks.extend(asked);
        let report = WhyReport {
            app: self.app.clone(),
            environment: self.to.clone(),
            version,
            running,
            there,
            way,
            findings: tried.findings,
            refused: tried.refused,
            unplanned: tried.unplanned,
            requests,
            cut,
            now: self.context.now,
        };
        remarks.extend(self.next(&report).map(Remark::Hint));
        Ok(Answer { remarks, ..Answer::done(self.render(&report)) })
    }

    /// What an environment runs of the app now.
    fn running(&self, environment: &EnvironmentName) -> Vec<Pin> {
        let mut running = Vec::new();
        for (_, cell) in self.present.images(environment, &self.app) {
            let pins = cell.pins().into_iter().filter(|pin| !pin.is_empty());
            let new: Vec<Pin> = pins.filter(|pin| !running.contains(*pin)).cloned().collect();
            running.extend(new);
        }
        running
    }

    fn sources(&self, environment: &EnvironmentName) -> Vec<EnvironmentName> {
        let config = &self.workspace.config;
        let found = config.environment(environment.as_str());
        let sources = found.map_or(Sources::First, |e| config.sources_for(e, &self.app));
        sources.names().to_vec()
    }

    /// The app has no version there, and none was named.
    fn nothing_there(&self) -> Failure {
        let (app, to) = (&self.app, &self.to);
        let sources = self.sources(to);
        let before = sources.iter().find_map(|source| self.running(source).first().cloned());
        let program = self.context.front.name();
        Failure::not_found(format!("{to} runs no version of {app}"))
            .maybe_hint(before.map(|pin| format!("{program} why {} {to} {pin}", app.word())))
            .hint(format!("{program} status {}", app.word()))
    }

    /// Rehearses the promotion: the very plan and rules of `promote`.
    fn try_it(&self, version: &Pin) -> Tried {
        let args = CommonArgs {
            dry_run: true,
            commit: true,
            offline: self.args.offline,
            apps: vec![globset::escape(&self.app.to_string())],
            ..CommonArgs::default()
        };
        let what = What::Version(version.clone());
        let request = Request { to: self.to.clone(), what };
        match carry_out(self.context, &args, &request) {
            Ok(outcome) => {
                let says_no = |f: &crate::model::Finding| {
                    matches!(f.outcome, Verdict::Fail | Verdict::Unverifiable)
                };
                let findings = outcome.report.findings;
                let refused = Some(findings.iter().any(says_no));
                let told = |remark: &Remark| matches!(remark, Remark::Hint(_) | Remark::Warning(_));
                let remarks = outcome.remarks.into_iter().filter(told).collect();
                Tried { findings, refused, unplanned: None, remarks }
            }
            Err(failure) => Tried {
                unplanned: Some(failure.message),
                remarks: failure.hints.into_iter().map(Remark::Hint).collect(),
                ..Tried::default()
            },
        }
    }

    /// What can be done next.
    fn next(&self, report: &WhyReport) -> Option<String> {
        let program = self.context.front.name();
        if report.refused == Some(false) && report.requests.is_empty() {
            return Some(format!("{program} {} {}", self.app.at(&report.version), self.to));
        }
        if !report.there {
            return None;
        }
        let newer = self.sources(&self.to).into_iter().find_map(|source| {
            let cells = self.present.images(&source, &self.app);
            let pins = cells.filter_map(|(_, cell): (_, &Cell)| cell.pin());
            pins.into_iter().find(|pin| !report.running.contains(pin) && !pin.is_empty()).cloned()
        });
        newer.map(|pin| format!("{program} why {} {} {pin}", self.app.word(), self.to))
    }

    fn render(&self, report: &WhyReport) -> String {
        let paint = self.workspace.paint;
        match self.context.format {
            Format::Table => output::why(report, paint, self.context.verbose),
            Format::Wide => output::why(report, paint, true),
            format => {
                let table = output::why_table(report);
                output::machine(format, &output::why_value(report), "way", &table)
            }
        }
    }
}
