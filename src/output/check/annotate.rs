//! Findings as the lines by which a CI service shows them beside the change.

use crate::model::{Finding, Outcome};
use crate::report::{CheckReport, Verdict};

use super::super::text::{clean, inert};
use super::{command, counted, message, problems, subject};

/// GitHub shows 10 errors and 10 warnings of a step (`docs/problem-matchers.md`
/// of actions/toolkit, "Limitations"), and Azure Pipelines keeps as many
/// (`_maxIssueCount` in `ExecutionContext.cs` of both agents).
const MOST: usize = 10;

/// A CI service with a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Azure Pipelines.
    Azure,
}

/// What `--ci` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum CiChoice {
    /// The service that the environment tells of, if any.
    #[default]
    Auto,
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Azure Pipelines.
    Azure,
    /// None.
    None,
}

impl CiChoice {
    /// The service that is meant; `variable` looks into the environment. Each
    /// service sets its variable to `true`, in one case or the other.
    pub fn service(self, variable: impl Fn(&str) -> Option<String>) -> Option<Ci> {
        let set = |name| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match self {
            Self::Github => Some(Ci::Github),
            Self::Gitlab => Some(Ci::Gitlab),
            Self::Azure => Some(Ci::Azure),
            Self::Auto if set("GITHUB_ACTIONS") => Some(Ci::Github),
            Self::Auto if set("GITLAB_CI") => Some(Ci::Gitlab),
            Self::Auto if set("TF_BUILD") => Some(Ci::Azure),
            Self::Auto | Self::None => None,
        }
    }
}

/// The lines for the output of a job, behind the text for people; empty where
/// there is nothing to show.
pub fn annotations(ci: Ci, report: &CheckReport) -> String {
    match ci {
        Ci::Github => github(report),
        Ci::Azure => azure(report),
        Ci::Gitlab => gitlab(report),
    }
}

/// How a finding is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

impl Level {
    fn of(finding: &Finding) -> Self {
        match finding.outcome {
            Outcome::Fail | Outcome::Unverifiable => Self::Error,
            _ => Self::Warning,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// The findings that are shown, and a sentence that counts the others.
fn choice(report: &CheckReport) -> (Vec<(&Finding, Level)>, Option<String>) {
    let mut shown = Vec::new();
    let mut rest = Vec::new();
    let all: Vec<_> = problems(report).into_iter().map(|f| (f, Level::of(f))).collect();
    for level in [Level::Error, Level::Warning] {
        let of_level: Vec<_> = all.iter().filter(|(_, own)| *own == level).copied().collect();
        let more = of_level.len().saturating_sub(MOST);
        if more > 0 {
            rest.push(counted(more, level.word()));
        }
        shown.extend(of_level.into_iter().take(MOST));
    }
    let rest = (!rest.is_empty()).then(|| rest.join(" and "));
    (shown, rest.map(|rest| format!("{rest} more, all in the output of git promote check")))
}

/// The rule and what it speaks of.
fn title(finding: &Finding) -> String {
    match subject(finding) {
        subject if subject.is_empty() => finding.rule.to_string(),
        subject => format!("{}: {subject}", finding.rule),
    }
}

/// The reason and the cure.
fn text(finding: &Finding) -> String {
    let hint = finding.hint.as_deref().map(|hint| format!("\nhint: {}", command(hint)));
    format!("{}{}", message(finding), hint.unwrap_or_default())
}

/// GitHub's workflow commands ("Workflow commands for GitHub Actions"),
/// escaped as `packages/core/src/command.ts` of actions/toolkit does.
fn github(report: &CheckReport) -> String {
    let (findings, rest) = choice(report);
    let line = |(finding, level): &(&Finding, Level)| {
        let place = finding.path.as_ref().map(|path| {
            let path = github_property(&clean(path.as_str()));
            format!("file={path},line={},", finding.line.unwrap_or(1))
        });
        format!(
            "::{} {}title={}::{}\n",
            level.word(),
            place.unwrap_or_default(),
            github_property(&title(finding)),
            github_data(&text(finding)),
        )
    };
    let lines: String = findings.iter().map(line).collect();
    let rest =
        rest.map(|rest| format!("::notice title=git promote check::{}\n", github_data(&rest)));
    lines + &rest.unwrap_or_default()
}

fn github_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Logging commands of Azure Pipelines, escaped as its agent reads them
/// (`Command.cs` and "Percent encoding" in its docs). The exit code fails the
/// task; what it does not tell is a task that ends well with issues.
fn azure(report: &CheckReport) -> String {
    let (findings, rest) = choice(report);
    let line = |(finding, level): &(&Finding, Level)| {
        let place = finding.path.as_ref().map(|path| {
            let path = azure_value(&clean(path.as_str()));
            format!("sourcepath={path};linenumber={};", finding.line.unwrap_or(1))
        });
        format!(
            "##vso[task.logissue type={};{}code={};]{}\n",
            level.word(),
            place.unwrap_or_default(),
            finding.rule,
            azure_value(&format!("{}: {}", title(finding), text(finding))),
        )
    };
    let mut lines: String = findings.iter().map(line).collect();
    if let Some(rest) = rest {
        lines.push_str(&inert(&format!("{rest}\n")));
    }
    if !findings.is_empty() && (report.verdict == Verdict::Pass || report.exit_zero) {
        lines.push_str("##vso[task.complete result=SucceededWithIssues;]\n");
    }
    lines
}

fn azure_value(text: &str) -> String {
    let text = text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
    text.replace(']', "%5D").replace(';', "%3B")
}

/// GitLab reads no commands from the log: it shows the reports of a job beside
/// the change, so the log says which they are.
fn gitlab(report: &CheckReport) -> String {
    if problems(report).is_empty() {
        return String::new();
    }
    "GitLab shows this beside the change from artifacts:reports:codequality and :junit, \
     written by --report codequality=FILE --report junit=FILE\n"
        .to_owned()
}
