//! `git promote log`: every version that entered an environment.

mod format;

use clap::Args;

use crate::git;
use crate::history::Entry;
use crate::history::metrics::{Metrics, metrics};
use crate::output::{self, Format};
use crate::report::{LogReport, MetricsReport};

use super::chosen::Chosen;
use super::evidence::Ground;
use super::past::{Past, past};
use super::{Answer, Context, Failure, Remark, Workspace};

use format::Template;

/// Every version that entered an environment, newest first.
///
/// Told from the trees of the first-parent history, also for the years before
/// this tool was used; what the audit records add is added. -5 shows the newest
/// five.
#[derive(Debug, Clone, Default, Args)]
pub struct LogArgs {
    /// Only these apps and environments
    #[arg(value_name = "APP|ENV")]
    pub names: Vec<String>,
    /// Only apps that match this glob (repeatable)
    #[arg(short = 'a', long = "app", value_name = "GLOB")]
    pub apps: Vec<String>,
    /// Only this environment (repeatable)
    #[arg(short = 'e', long = "env", value_name = "ENV")]
    pub environments: Vec<String>,
    /// Only what came after: 2026-03-14, "2 weeks ago", 3d
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// At most so many; -5 means the same
    #[arg(short = 'n', long, value_name = "NUMBER", overrides_with = "max_count")]
    pub max_count: Option<usize>,
    /// Only promotions for which a rule was waived
    #[arg(long)]
    pub overrides: bool,
    /// How each is shown: text with %h %H %cI %ct %cr %an %n, %(app) %(env)
    /// %(image) %(previous) %(version) %(rollback) %(overrides) %(recorded)
    #[arg(long = "format", value_name = "TEXT", conflicts_with = "metrics")]
    pub template: Option<String>,
    /// Count instead: how often, how fast, how often back, how fast that
    #[arg(long)]
    pub metrics: bool,
}

/// `git promote log [APP] [ENV]`
pub fn run(context: &Context, args: &LogArgs) -> Result<Answer, Failure> {
    let template = args.template.as_deref().map(Template::parse).transpose()?;
    let since = args.since.as_deref().map(|text| read_date(context, text)).transpose()?;
    let workspace = Workspace::open(context)?;
    let chosen = Chosen::new(&workspace, &args.names, (&args.apps, &args.environments))?;
    // Whether a version is quick is told by all the environments it was in.
    let scope = chosen.scope(args.metrics);
    let Past { entries, cut } = past(Ground::of(&workspace), &scope)?;
    chosen.check_apps(&workspace, &entries)?;
    let wanted = |entry: &Entry| {
        chosen.has(entry)
            && since.is_none_or(|since| entry.moment.seconds >= since)
            && (!args.overrides || !entry.waivers.is_empty())
    };
    let mut remarks = workspace.config_notes();
    remarks.extend(cut.as_deref().map(cut_off));
    if args.metrics {
        let metrics = metrics(&workspace.config, &entries, &wanted);
        remarks.extend(askew(&metrics));
        let report = MetricsReport { metrics, since, cut, now: context.now };
        return Ok(Answer { remarks, ..Answer::done(render_metrics(context, &report)) });
    }
    let found = entries.into_iter().filter(wanted);
    let entries: Vec<Entry> = found.take(args.max_count.unwrap_or(usize::MAX)).collect();
    if entries.is_empty() && args.max_count != Some(0) {
        remarks.push(Remark::Note("no promotion was found".to_owned()));
    }
    let report = LogReport { entries, cut, now: context.now };
    let text = match template {
        Some(template) => template.render(&report),
        None => render(context, &workspace, &report),
    };
    Ok(Answer { remarks, ..Answer::done(text) })
}

pub(super) fn read_date(context: &Context, text: &str) -> Result<i64, Failure> {
    git::parse_date(text, context.now).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no date such as 2026-03-14, \"2 weeks ago\" or 3d"))
            .hint("git promote log --since '2 weeks ago'")
    })
}

/// That spans of time are left out, because clocks disagree.
pub(super) fn askew(metrics: &Metrics) -> Option<Remark> {
    let those = match metrics.askew {
        0 => return None,
        1 => "1 deployment has".to_owned(),
        count => format!("{count} deployments have"),
    };
    let text = "no lead time or time to restore: by the times of its commits it ends before it \
                begins";
    Some(Remark::Note(format!("{those} {text}")))
}

/// Where a shallow clone has no more.
pub(super) fn cut_off(commit: &str) -> Remark {
    let commit = crate::gate::short_id(commit);
    Remark::Warning(format!(
        "the clone is shallow: the history ends at {commit}, what came before is not known (git \
         fetch --unshallow)"
    ))
}

fn render(context: &Context, workspace: &Workspace, report: &LogReport) -> String {
    match context.format {
        Format::Table => output::log(report, workspace.paint, false),
        Format::Wide => output::log(report, workspace.paint, true),
        format => {
            let table = output::log_table(report);
            output::machine(format, &output::log_value(report), "records", &table)
        }
    }
}

fn render_metrics(context: &Context, report: &MetricsReport) -> String {
    match context.format {
        Format::Table => output::metrics(report, false),
        Format::Wide => output::metrics(report, true),
        format => {
            let table = output::metrics_table(report);
            output::machine(format, &output::metrics_value(report), "rows", &table)
        }
    }
}
