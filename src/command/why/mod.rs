//! `git promote why`: how a version got to an environment, or what keeps it
//! out.

mod requests;
mod way;

use std::collections::BTreeSet;

use clap::Args;

use crate::discover::Inventory;
use crate::history::Entry;
use crate::model::{AppId, EnvironmentName, Outcome as Verdict, Pin, Rule, Sources, quoted};
use crate::output::{self, Format};
use crate::report::WhyReport;

use super::chosen::{bare, environment, unknown_app};
use super::evidence::Ground;
use super::held::holds;
use super::log::cut_off;
use super::moved::inventory;
use super::past::{Past, Scope, past};
use super::promote::{CommonArgs, DETACHED, Outcome, Request, What, carry_out};
use super::{Answer, Context, Failure, Remark, Workspace};

/// How a version got to an environment, or what keeps it out.
///
/// Without VERSION: the one that runs there; of an app with several images each
/// that runs there. With one: of those images that ever were at it. For a version
/// that is not there: what the rules say of its promotion, and where a pull
/// request is open for it, what that waits for (with a token for the forge).
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
    /// Only this image of the app, by its name or the last segment of that
    /// (repeatable)
    #[arg(long = "image", value_name = "NAME")]
    pub images: Vec<String>,
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
    refuse_environment_first(context, &workspace, args)?;
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

/// `why prod web`
fn refuse_environment_first(
    context: &Context,
    workspace: &Workspace,
    args: &WhyArgs,
) -> Result<(), Failure> {
    let known = |name: &str| workspace.config.environment(name).is_some();
    if known(&args.environment) || !known(&args.app) {
        return Ok(());
    }
    let version = args.version.iter().map(|version| format!(" {}", quoted(version)));
    let version: String = version.collect();
    let (app, to) = (quoted(&args.environment), &args.app);
    Err(Failure::usage(format!("`{to}` is an environment; the app comes first here"))
        .hint(format!("{} why {app} {to}{version}", context.front.name())))
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
            .maybe_hint(shown.first().map(|app| format!("git promote why {} ENV", quoted(app))))),
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

/// A hint without the way that is rehearsed, which the user did not choose, and
/// with the images that it is about.
fn of_images(hint: &str, program: &str, images: &[String]) -> String {
    let mut hint = hint.replace(" --commit", "");
    let words = hint.strip_prefix(program).map(str::trim_start).unwrap_or_default();
    let promotes = words.split(' ').next().is_some_and(|verb| verb.contains('@'));
    if promotes && !hint.contains(" --image") {
        hint.extend(images.iter().map(|image| format!(" --image {}", quoted(image))));
    }
    hint
}

/// What there is to read of the past.
type Known<'e> = (&'e [Entry], Option<String>);

impl Asking<'_> {
    fn answer(&self, version: Option<Pin>, (entries, cut): Known<'_>) -> Result<Answer, Failure> {
        let known = self.known(entries);
        let asked = self.asked(&known)?;
        let mut remarks = self.workspace.config_notes();
        remarks.extend(cut.as_deref().map(cut_off));
        let mut reports = Vec::new();
        let told = |images: &BTreeSet<String>| -> Vec<String> {
            images.iter().filter(|_| images.len() < known.len()).cloned().collect()
        };
        for (version, images) in self.questions(version, &asked, entries)? {
            let running = self.running(&self.to, &images);
            let there = running.iter().any(|pin| pin.carries(&version));
            let way = self.way(entries, &version, &images);
            let images = told(&images);
            let tried = if there { Tried::default() } else { self.try_it(&version, &images) };
            let (requests, unknown) =
                if there { (Vec::new(), Vec::new()) } else { self.requests(&version) };
            remarks.extend(tried.remarks);
            remarks.extend(unknown);
            let (app, environment) = (self.app.clone(), self.to.clone());
            reports.push(WhyReport {
                app,
                environment,
                images,
                version,
                running,
                there,
                way,
                findings: tried.findings,
                refused: tried.refused,
                unplanned: tried.unplanned,
                requests,
                cut: cut.clone(),
                now: self.context.now,
            });
        }
        if reports.iter().all(|report| report.there) {
            remarks.extend(self.held()?);
        }
        remarks.extend(self.next(&reports, &asked).map(Remark::Hint));
        Ok(Answer { remarks, ..Answer::done(self.render(&reports)) })
    }

    /// That the app is held where it is; of a version that is not there, the rules
    /// say so.
    fn held(&self) -> Result<Vec<Remark>, Failure> {
        let holds = holds(&self.workspace.snapshot)?;
        let Some(hold) = holds.active(&self.to, &self.app, self.context.now) else {
            return Ok(Vec::new());
        };
        let program = self.context.front.name();
        let resume = format!("{program} resume {} {}", self.to, quoted(&hold.app));
        Ok(vec![Remark::Note(hold.says(&self.app)), Remark::Hint(resume)])
    }

    /// The versions that are asked about, each with the images that it is a
    /// version of: one that is named, or those that run there.
    fn questions(
        &self,
        version: Option<Pin>,
        asked: &BTreeSet<String>,
        entries: &[Entry],
    ) -> Result<Vec<(Pin, BTreeSet<String>)>, Failure> {
        if let Some(version) = version {
            let carrying = self.carrying(entries, &version);
            let images: BTreeSet<String> = asked.intersection(&carrying).cloned().collect();
            let images = if images.is_empty() { asked.clone() } else { images };
            return Ok(vec![(version, images)]);
        }
        let mut running: Vec<(Pin, BTreeSet<String>)> = Vec::new();
        for image in asked {
            for pin in self.running(&self.to, &BTreeSet::from([image.clone()])) {
                match running.iter_mut().find(|(other, _)| *other == pin) {
                    Some((_, images)) => _ = images.insert(image.clone()),
                    None => running.push((pin, BTreeSet::from([image.clone()]))),
                }
            }
        }
        if running.is_empty() { Err(self.nothing_there(asked)) } else { Ok(running) }
    }

    /// What an environment runs of these images now.
    fn running(&self, environment: &EnvironmentName, images: &BTreeSet<String>) -> Vec<Pin> {
        let mut running = Vec::new();
        let here = self.present.images(environment, &self.app);
        for (_, cell) in here.filter(|(image, _)| images.contains(*image)) {
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
    fn nothing_there(&self, asked: &BTreeSet<String>) -> Failure {
        let (app, to) = (&self.app, &self.to);
        let sources = self.sources(to);
        let before = sources.iter().find_map(|source| self.running(source, asked).first().cloned());
        let program = self.context.front.name();
        Failure::not_found(format!("{to} runs no version of {app}"))
            .maybe_hint(before.map(|pin| format!("{program} why {} {to} {pin}", app.word())))
            .hint(format!("{program} status {}", app.word()))
    }

    /// Rehearses the promotion: the very plan and rules of `promote`.
    fn try_it(&self, version: &Pin, images: &[String]) -> Tried {
        let args = CommonArgs {
            dry_run: true,
            commit: true,
            offline: self.args.offline,
            apps: vec![globset::escape(&self.app.to_string())],
            images: images.to_vec(),
            ..CommonArgs::default()
        };
        let what = What::Version(version.clone());
        let request = Request { to: self.to.clone(), what };
        match carry_out(self.context, &args, &request) {
            Ok(outcome) => self.told(outcome, images),
            Err(failure) => Tried {
                unplanned: Some(failure.message),
                remarks: failure.hints.into_iter().map(Remark::Hint).collect(),
                ..Tried::default()
            },
        }
    }

    /// What of the rehearsal's outcome is told.
    fn told(&self, outcome: Outcome, images: &[String]) -> Tried {
        let says_no =
            |f: &crate::model::Finding| matches!(f.outcome, Verdict::Fail | Verdict::Unverifiable);
        let mut findings = outcome.report.findings;
        let refused = Some(findings.iter().any(says_no));
        // That rule hints at the images beside these.
        let beside: Vec<String> = findings
            .iter()
            .filter(|finding| finding.rule == Rule::GP008)
            .filter_map(|finding| finding.hint.clone())
            .collect();
        let program = self.context.front.name();
        let hinted = |hint: &String| {
            let images = if beside.contains(hint) { &[][..] } else { images };
            of_images(hint, program, images)
        };
        for hint in findings.iter_mut().filter_map(|finding| finding.hint.as_mut()) {
            *hint = hinted(hint);
        }
        let told = |remark: Remark| match remark {
            Remark::Hint(hint) => Some(Remark::Hint(hinted(&hint))),
            // Nothing is to be committed.
            Remark::Warning(text) if text == DETACHED => None,
            Remark::Warning(text) => Some(Remark::Warning(text)),
            Remark::Note(_) | Remark::Error(_) => None,
        };
        let remarks = outcome.remarks.into_iter().filter_map(told).collect();
        Tried { findings, refused, unplanned: None, remarks }
    }

    /// What can be done next.
    fn next(&self, reports: &[WhyReport], asked: &BTreeSet<String>) -> Option<String> {
        let program = self.context.front.name();
        let open =
            |report: &&WhyReport| report.refused == Some(false) && report.requests.is_empty();
        if let Some(report) = reports.iter().find(open) {
            let image = match (report.images.as_slice(), self.args.images.is_empty()) {
                ([image], false) => format!(" --image {}", quoted(image)),
                _ => String::new(),
            };
            return Some(format!("{program} {} {}{image}", self.app.at(&report.version), self.to));
        }
        if !reports.iter().all(|report| report.there) {
            return None;
        }
        let newer = self.sources(&self.to).into_iter().find_map(|source| {
            let cells = self.present.images(&source, &self.app);
            let mut cells = cells.filter(|(image, _)| asked.contains(*image));
            cells.find_map(|(image, cell)| {
                let here = self.running(&self.to, &BTreeSet::from([image.to_owned()]));
                cell.pin().filter(|pin| !pin.is_empty() && !here.contains(pin)).cloned()
            })
        });
        newer.map(|pin| format!("{program} why {} {} {pin}", self.app.word(), self.to))
    }

    fn render(&self, reports: &[WhyReport]) -> String {
        let paint = self.workspace.paint;
        match self.context.format {
            Format::Table => output::why(reports, paint, self.context.verbose),
            Format::Wide => output::why(reports, paint, true),
            format => {
                let table = output::why_table(reports);
                output::machine(format, &output::why_value(reports), "way", &table)
            }
        }
    }
}
