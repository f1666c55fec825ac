//! `git promote hold` and `resume`: an app stays where it is, or goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use clap::Args;

use crate::config::{self, Hold, Holds};
use crate::discover::{self, Inventory, Overlay};
use crate::kustomize;
use crate::model::{AppId, Edit, EnvironmentName, FileChange, RepoPath, Snapshot, quoted};
use crate::output::{self, Format};
use crate::report::{Delivered, HoldAction, HoldReport};
use crate::schedule::{Span, moment, shown};

use super::change::{Change, Delivering, Performed};
use super::chosen::environment;
use super::held::{file, holds, still_hidden};
use super::preview::DeliveryArgs;
use super::{Answer, Context, Exit, Failure, Workspace};

/// Keep an app where it is, with a reason; without words: what is held.
///
/// No promotion moves an app that is held (rule GP016), until the time is over
/// or somebody resumes it. The hold is a commit of its own. See docs/guards.md.
#[derive(Debug, Clone, Args)]
pub struct HoldArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// The app
    #[arg(value_name = "APP", requires = "reason")]
    pub app: Option<String>,
    /// Why it is held
    #[arg(long, value_name = "TEXT", requires = "app")]
    pub reason: Option<String>,
    /// When the hold ends by itself: a time such as 2026-12-01T10:00:00Z, a day
    /// that is included (UTC), or a span from now on, such as 3d
    #[arg(long, value_name = "TIME", requires = "app")]
    pub until: Option<String>,
    /// Hide the `$imagepolicy` markers of the app from Flux too, so that its
    /// image automation does not write what is held
    #[arg(long, requires = "app")]
    pub marker: bool,
    /// Where the change goes
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Let an app that is held go on.
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The app
    #[arg(value_name = "APP")]
    pub app: String,
    /// Why it goes on
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Where the change goes
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// `git promote hold [ENV [APP --reason TEXT]]`
pub fn hold(context: &Context, args: &HoldArgs) -> Result<Answer, Failure> {
    let (Some(to), Some(app)) = (&args.environment, &args.app) else {
        return list(context, args.environment.as_deref());
    };
    let reason = args.reason.as_deref().unwrap_or_default();
    one_line(reason)?;
    let until = args.until.as_deref().map(|text| until(text, context.now)).transpose()?;
    let plan = |workspace: &Workspace| {
        let asked = Asked::of(workspace, to, app)?;
        let hold = Hold {
            environment: asked.to.clone(),
            app: asked.app.to_string(),
            reason: reason.to_owned(),
            until,
        };
        let mut files = asked.held(&hold)?;
        if args.marker {
            files.extend(asked.markers(true)?);
        }
        let mut trailers = trailers("Promote-Hold", &hold, Some(reason));
        trailers.extend(until.and_then(shown).map(|until| ("Promote-Until", until)));
        let subject = format!("Hold {} in {}", hold.app, hold.environment);
        Ok((asked.change(files, subject, trailers), hold))
    };
    perform(context, (HoldAction::Hold, &args.delivery, to), &plan)
}

/// `git promote resume ENV APP`
pub fn resume(context: &Context, args: &ResumeArgs) -> Result<Answer, Failure> {
    let reason = args.reason.as_deref();
    reason.map_or(Ok(()), one_line)?;
    let plan = |workspace: &Workspace| {
        let (mut files, hold) = lifted(workspace, args)?;
        // An app that is gone by now has no markers.
        if let Ok(asked) = Asked::of(workspace, &args.environment, &hold.app) {
            files.extend(asked.markers(false)?);
        }
        let trailers = trailers("Promote-Resume", &hold, reason);
        let subject = format!("Resume {} in {}", hold.app, hold.environment);
        Ok((change(&hold.environment, &hold.app, (files, subject, trailers)), hold))
    };
    perform(context, (HoldAction::Resume, &args.delivery, &args.environment), &plan)
}

/// The file without the hold, and which one that was.
fn lifted(workspace: &Workspace, args: &ResumeArgs) -> Result<(Vec<FileChange>, Hold), Failure> {
    let all = holds(&workspace.snapshot)?;
    let here = |hold: &&Hold| hold.environment.as_str() == args.environment;
    let found: Vec<&Hold> = all.all().iter().filter(here).filter(|h| h.app == args.app).collect();
    let meant = || all.all().iter().filter(here).filter(|hold| is_meant(hold, &args.app));
    let found: Vec<&Hold> = if found.is_empty() { meant().collect() } else { found };
    let one = match found.as_slice() {
        [one] => *one,
        [] => {
            let message = format!("{} is not held in {}", args.app, args.environment);
            return Err(Failure::not_found(message).hint("git promote hold"));
        }
        several => {
            let apps: BTreeSet<&str> = several.iter().map(|hold| hold.app.as_str()).collect();
            return Err(ambiguous(&args.app, &Vec::from_iter(apps))
                .hint(format!("git promote hold {}", quoted(&args.environment))));
        }
    };
    holds_no_other(workspace, args, one)?;
    let old = workspace.snapshot.read(&file())?.unwrap_or_default();
    let text = String::from_utf8_lossy(&old).into_owned();
    let files = match config::without_hold(&text, one)? {
        None => vec![FileChange::gone(file(), old)],
        Some(new) => vec![rewritten(Some(old), new)],
    };
    Ok((files, one.clone()))
}

/// Refuses to lift a hold without a group for one app of the name, where it
/// holds others too.
fn holds_no_other(workspace: &Workspace, args: &ResumeArgs, hold: &Hold) -> Result<(), Failure> {
    // Where the environment is gone nothing is held.
    let Ok(to) = environment(workspace, &args.environment) else { return Ok(()) };
    let (_, apps) = named(workspace, &to, &hold.app)?;
    let others = apps.iter().filter(|app| !app.answers_to(&args.app));
    let others: Vec<String> = others.map(ToString::to_string).collect();
    if others.is_empty() {
        return Ok(());
    }
    let others = crate::model::listed(&others);
    let message = format!("the hold of `{}` in {to} holds {others} too", hold.app);
    let all = format!("git promote resume {} {}", quoted(to.as_str()), quoted(&hold.app));
    Err(Failure::usage(message).hint(all))
}

fn ambiguous(name: &str, apps: &[impl Display]) -> Failure {
    Failure::usage(format!("`{name}` is {}", crate::model::listed(apps)))
}

/// Whether a hold is about what a user names: either may leave out the group.
fn is_meant(hold: &Hold, name: &str) -> bool {
    let split = |text: &str| match text.split_once(['/', ':']) {
        Some((group, name)) => (Some(group.to_owned()), name.to_owned()),
        None => (None, text.to_owned()),
    };
    let (own, meant) = (split(&hold.app), split(name));
    own.1 == meant.1 && (own.0 == meant.0 || own.0.is_none() || meant.0.is_none())
}

/// The apps of an environment that a name stands for.
fn named(
    workspace: &Workspace,
    to: &EnvironmentName,
    name: &str,
) -> Result<(Inventory, Vec<AppId>), Failure> {
    let Workspace { snapshot, config, .. } = workspace;
    let names: Vec<String> = std::iter::once(name)
        .chain(name.split_once(['/', ':']).map(|(_, name)| name))
        .map(str::to_owned)
        .collect();
    let overlays = discover::overlays_of(snapshot, config, Some(&names))?;
    let wanted = |overlay: &Overlay| overlay.environment == *to;
    let inventory = discover::read(snapshot, config, overlays, &wanted)?;
    let here = inventory.cells.keys().filter(|key| key.environment == *to);
    let apps: BTreeSet<&AppId> =
        here.map(|key| &key.app).filter(|app| app.answers_to(name)).collect();
    let apps = apps.into_iter().cloned().collect();
    Ok((inventory, apps))
}

/// The app in the environment.
struct Asked<'a> {
    workspace: &'a Workspace,
    to: EnvironmentName,
    app: AppId,
    inventory: Inventory,
}

impl<'a> Asked<'a> {
    fn of(workspace: &'a Workspace, to: &str, name: &str) -> Result<Self, Failure> {
        let to = environment(workspace, to)?;
        let (inventory, apps) = named(workspace, &to, name)?;
        match apps.as_slice() {
            [app] => Ok(Self { workspace, to, app: app.clone(), inventory }),
            [] => Err(Failure::not_found(format!("{to} has no app `{name}`"))
                .hint(format!("git promote status {to}"))),
            several => {
                let shown: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(ambiguous(name, &shown).hint("git promote status"))
            }
        }
    }

    /// The file with the hold in it; none where it says so already.
    fn held(&self, hold: &Hold) -> Result<Vec<FileChange>, Failure> {
        let old = self.workspace.snapshot.read(&file())?;
        let holds = Holds::read(old.as_deref())?;
        if holds.find(&hold.environment, &hold.app) == Some(hold) {
            return Ok(Vec::new());
        }
        let text = old.as_deref().map(String::from_utf8_lossy);
        let new = config::with_hold(text.as_deref(), hold)?;
        Ok(vec![rewritten(old, new)])
    }

    /// The files whose markers are hidden from Flux, or shown again.
    fn markers(&self, hidden: bool) -> Result<Vec<FileChange>, Failure> {
        let mut policies: BTreeMap<RepoPath, BTreeSet<String>> = BTreeMap::new();
        for (_, cell) in self.inventory.images(&self.to, &self.app) {
            for site in &cell.sites {
                if let Some(policy) = &site.policy {
                    policies.entry(site.path.clone()).or_default().insert(policy.clone());
                }
            }
        }
        if hidden && policies.is_empty() {
            let message = format!("{} has no `$imagepolicy` marker in {}", self.app, self.to);
            return Err(Failure::not_found(message).hint("git promote hold ENV APP --reason TEXT"));
        }
        let mut files = Vec::new();
        for (path, policies) in policies {
            let Some(old) = self.workspace.snapshot.read(&path)? else { continue };
            let edits = kustomize::hide_markers(&path, &old, (&policies, hidden))?;
            if !edits.is_empty() {
                files.push(edited(path, old.clone(), edits));
            }
        }
        Ok(files)
    }

    fn change(&self, files: Vec<FileChange>, subject: String, trailers: Trailers) -> Change {
        change(&self.to, &self.app.to_string(), (files, subject, trailers))
    }
}

type Trailers = Vec<(&'static str, String)>;

fn trailers(key: &'static str, hold: &Hold, reason: Option<&str>) -> Trailers {
    let named = (key, format!("{} {}", hold.environment, hold.app));
    let reason = reason.map(|reason| ("Promote-Reason", reason.to_owned()));
    std::iter::once(named).chain(reason).collect()
}

fn change(
    to: &EnvironmentName,
    app: &str,
    (files, subject, trailers): (Vec<FileChange>, String, Trailers),
) -> Change {
    let reason = trailers.iter().find(|(key, _)| *key == "Promote-Reason");
    let lines = reason.map(|(_, reason)| reason.clone()).into_iter().collect();
    let branch = format!("promote/hold/{to}/{}", app.replace('/', "-"));
    Change { files, remarks: Vec::new(), subject, lines, trailers, branch }
}

/// The file of the holds, new or with other lines.
fn rewritten(old: Option<Vec<u8>>, new: String) -> FileChange {
    let added = FileChange::added(file(), new.into_bytes(), "holds");
    let Some(old) = old else { return added };
    let edits = added.edits.into_iter().map(|edit| Edit {
        old: Some(format!("{} bytes", old.len())),
        span: 0..old.len(),
        ..edit
    });
    FileChange {
        edits: edits.collect(),
        old: Some(old),
        ..FileChange::added(file(), added.new, "")
    }
}

/// A file with edits, which are in the order of the file.
fn edited(path: RepoPath, old: Vec<u8>, edits: Vec<Edit>) -> FileChange {
    let mut new = old.clone();
    for edit in edits.iter().rev() {
        new.splice(edit.span.clone(), edit.replacement.iter().copied());
    }
    FileChange { path, old: Some(old), new, removed: false, executable: false, edits }
}

/// It becomes a trailer: another line could forge the next one.
fn one_line(reason: &str) -> Result<(), Failure> {
    if reason.trim().is_empty() || reason.chars().any(char::is_control) {
        return Err(Failure::usage("--reason is one line that says something")
            .hint("--reason 'INC-42: what happened'"));
    }
    Ok(())
}

/// A time, the end of a day, or a span from now on.
fn until(text: &str, now: i64) -> Result<i64, Failure> {
    let span = text.parse::<Span>().map(|span| now.saturating_add(span.seconds()));
    let Some(until) = moment(text).map(|(_, end)| end).or(span.ok()) else {
        return Err(Failure::usage(format!("`{text}` is neither a time, a day nor a span"))
            .hint("--until 2026-12-01T10:00:00Z, --until 2026-12-01, or --until 3d"));
    };
    if until <= now {
        return Err(Failure::usage(format!("`{text}` is over")).hint("--until 3d"));
    }
    Ok(until)
}

fn perform(
    context: &Context,
    (action, delivery, to): (HoldAction, &DeliveryArgs, &str),
    plan: super::change::Plan<'_, Hold>,
) -> Result<Answer, Failure> {
    let args = delivery.common();
    let to = |_: &Workspace| Some(EnvironmentName::new(to));
    let Performed { about, delivered, remarks, exit } =
        Delivering { context, args: &args, to: &to }.perform(plan)?;
    let report = HoldReport { action, holds: vec![about], change: delivered, now: context.now };
    Ok(Answer { text: render(context, &report), remarks, exit })
}

/// What is held, in one environment or in all.
fn list(context: &Context, to: Option<&str>) -> Result<Answer, Failure> {
    let workspace = Workspace::open(context)?;
    let to = to.map(|name| environment(&workspace, name)).transpose()?;
    let held = holds(&workspace.snapshot)?;
    let here = |hold: &&Hold| to.as_ref().is_none_or(|to| hold.environment == *to);
    let report = HoldReport {
        action: HoldAction::List,
        holds: held.all().iter().filter(here).cloned().collect(),
        change: Delivered::nothing(workspace.branch.clone()),
        now: context.now,
    };
    let mut remarks = workspace.config_notes();
    remarks.extend(still_hidden(&workspace.snapshot, &workspace.config, context.now)?);
    Ok(Answer { text: render(context, &report), remarks, exit: Exit::Done })
}

fn render(context: &Context, report: &HoldReport) -> String {
    match context.format {
        Format::Table | Format::Wide if context.quiet => String::new(),
        Format::Table | Format::Wide => output::hold(report),
        format => {
            let table = output::hold_table(report);
            output::machine(format, &output::hold_value(report), "holds", &table)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::until;

    #[test]
    fn a_hold_ends_at_a_time_or_after_a_span() {
        assert_eq!(until("3d", 100).unwrap(), 100 + 3 * 86_400);
        assert_eq!(until("1970-01-01T00:01:41Z", 100).unwrap(), 101);
        assert!(until("1970-01-01T00:01:40Z", 100).is_err(), "it is over");
        assert_eq!(until("1970-01-01", 100).unwrap(), 86_400, "the day is included");
        assert!(until("soon", 100).is_err() && until("-1h", 100).is_err());
    }
}
