//! What each command found or did: plain data, rendered by `output`.

use std::collections::BTreeMap;

use crate::diff::Effect;
use crate::model::{AppId, Edit, EnvironmentName, Finding, Pin, Promotion, RepoPath, Rule};

/// How a promotion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A dry run: nothing was written.
    Planned,
    /// A commit was made.
    Committed,
    /// Files of the work tree were edited, and nothing was committed.
    Edited,
    /// There was nothing to do.
    Unchanged,
    /// A rule refused; nothing was written.
    Refused,
}

/// The commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLine {
    /// Its full id.
    pub id: String,
    /// Its subject.
    pub subject: String,
}

/// What `promote` did or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionReport {
    /// The environment.
    pub to: EnvironmentName,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// What moves.
    pub promotions: Vec<Promotion>,
    /// Apps and images that already run what was asked for.
    pub current: Vec<(AppId, String, Pin)>,
    /// The values that change.
    pub edits: Vec<Edit>,
    /// What the edits mean for workloads.
    pub effects: Vec<Effect>,
    /// The answers of the rules.
    pub findings: Vec<Finding>,
    /// How it ended.
    pub ending: Ending,
    /// The commit, if one was made.
    pub commit: Option<CommitLine>,
    /// The branch, unless HEAD is detached.
    pub branch: Option<String>,
    /// The unified diff, where it was asked for.
    pub unified: Option<String>,
}

/// Where a version stands in comparison with the environments before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The same as in the environments before (or the first).
    Current,
    /// The environments before run something else that could come.
    Behind,
    /// It runs what no environment before runs now.
    Ahead,
    /// The app is not in this environment.
    Absent,
    /// What it runs is not clear.
    Unknown,
}

/// One app and image in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCell {
    /// The environment.
    pub environment: EnvironmentName,
    /// The version; `None` where absent or unclear.
    pub pin: Option<Pin>,
    /// When it arrived, seconds since the epoch.
    pub since: Option<i64>,
    /// The commit that brought it.
    pub commit: Option<String>,
    /// Where the version stands.
    pub standing: Standing,
}

/// The next promotion that could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The environment it would enter.
    pub environment: EnvironmentName,
    /// The version.
    pub version: Pin,
    /// The command that does it.
    pub command: String,
}

/// One app and image across the environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    /// The app.
    pub app: AppId,
    /// The image.
    pub image: String,
    /// One cell an environment, in the order of the pipeline.
    pub cells: Vec<StatusCell>,
    /// What could move next, in the order of the pipeline.
    pub next: Vec<Next>,
}

/// The matrix of apps by environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// The environments and where each takes its versions from.
    pub environments: Vec<(EnvironmentName, Vec<EnvironmentName>)>,
    /// One row an app and image.
    pub rows: Vec<StatusRow>,
    /// The time to count from, seconds since the epoch.
    pub now: i64,
}

/// What `edit` did to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditReport {
    /// The file, as it was named.
    pub file: String,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// The values that change.
    pub edits: Vec<Edit>,
    /// The bytes that change.
    pub changed_bytes: usize,
}

/// What `check` says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No environment is skipped, and that is proven.
    Pass,
    /// A rule refuses.
    Deny,
    /// No rule refuses, but it cannot be proven that none would have to.
    Unverifiable,
}

impl Verdict {
    /// The word for it in every form of output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Deny => "deny",
            Self::Unverifiable => "unverifiable",
        }
    }
}

/// What `check` found in a change from `base` to `head`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The full id of the base: a commit or a tree.
    pub base: String,
    /// The full id of the head: a commit or a tree.
    pub head: String,
    /// The config that was judged by: its file and, behind an `@`, the id of
    /// its blob; `None` where there is none.
    pub config: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// The versions that enter environments.
    pub promotions: Vec<Promotion>,
    /// How many versions of any kind enter environments after the first:
    /// images, charts and remote resources, whether they are pinned or not.
    pub moves: usize,
    /// The answers of the rules.
    pub findings: Vec<Finding>,
    /// The text of the head's lines that findings point at.
    pub excerpts: BTreeMap<(RepoPath, u32), String>,
    /// What a person should know beside it.
    pub notes: Vec<String>,
    /// Whether `--exit-zero` was given: the exit code then says nothing.
    pub exit_zero: bool,
}

/// A version in an environment that is not in those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The app.
    pub app: AppId,
    /// The image.
    pub image: String,
    /// The environment that runs the version.
    pub environment: EnvironmentName,
    /// The version.
    pub version: Pin,
    /// The environments before that do not run it. Never empty.
    pub missing_in: Vec<EnvironmentName>,
    /// When it arrived, seconds since the epoch.
    pub since: Option<i64>,
    /// The commit that brought it.
    pub commit: Option<String>,
    /// Whether every environment of `missing_in` ran it at some time; `None`
    /// where the history was not asked, or is cut off.
    pub ever_in: Option<bool>,
    /// The file that pins it.
    pub path: Option<RepoPath>,
    /// The 1-based line there.
    pub line: Option<u32>,
}

/// What `audit` found in the standing state of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// The full id of the commit.
    pub base: String,
    /// One row an app, image and environment; empty where all is well.
    pub rows: Vec<AuditRow>,
}

/// One commit of the past, judged by the rules of today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRow {
    /// Its full id.
    pub commit: String,
    /// Its time, seconds since the epoch.
    pub time: i64,
    /// Its subject.
    pub subject: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The rules that refuse it, each once, by number.
    pub rules: Vec<Rule>,
    /// How many versions enter environments with it, as pins of images.
    pub promotions: usize,
    /// How many versions enter environments after the first, of images, charts
    /// and remote resources.
    pub moves: usize,
}

/// What `check --replay` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayReport {
    /// The range as it was asked for.
    pub range: String,
    /// One row a commit that was judged, newest first.
    pub rows: Vec<ReplayRow>,
}

impl ReplayReport {
    /// How many commits have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    /// Of the commits that move no version: how many there are, and how many
    /// of them are refused.
    pub fn unmoved(&self) -> (usize, usize) {
        let unmoved = || self.rows.iter().filter(|row| row.promotions == 0 && row.moves == 0);
        (unmoved().count(), unmoved().filter(|row| row.verdict != Verdict::Pass).count())
    }

    /// How many commits each rule refuses, by number of the rule.
    pub fn by_rule(&self) -> BTreeMap<Rule, usize> {
        let mut counts = BTreeMap::new();
        for rule in self.rows.iter().flat_map(|row| &row.rules) {
            *counts.entry(*rule).or_insert(0) += 1;
        }
        counts
    }
}
