//! What each command found or did: plain data, rendered by `output`.

mod delivered;
mod diff;
mod hold;
mod live;
mod overview;
mod past;
mod registry;
mod verify;

pub use delivered::Delivered;
pub use diff::{Arrival, Change, Changes, DiffReport, DiffRow, Distance, Found, RenderDiff};
pub use hold::{HoldAction, HoldReport};
pub use live::LiveCell;
pub use overview::Overview;
pub use past::{
    LogReport, MetricsReport, OpenRequest, VersionRow, VersionsReport, WayStep, WhyReport,
};
pub use registry::{
    CopyRow, CopyState, ImageFacts, ImageRow, RegistryCheckReport, RegistryCopyReport,
};
pub use verify::{ConfigTurn, Flaw, Signatures, VerifyReport, VerifyRow};

use std::collections::BTreeMap;

use crate::diff::Effect;
use crate::model::{
    AppId, Cause, Edit, EnvironmentName, Finding, Health, Pin, Promotion, RepoPath, Rule,
};

/// How a promotion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A dry run: nothing was written.
    Planned,
    /// A commit was made.
    Committed,
    /// A commit was made and pushed.
    Pushed,
    /// A commit was made and pushed, and a pull request holds it.
    Requested,
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

/// The pull request that holds a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// Its number.
    pub number: u64,
    /// Where a person sees it.
    pub url: String,
    /// Whether it was opened now; else it was there, and is up to date.
    pub opened: bool,
    /// Whether the forge merges it by itself.
    pub auto_merge: bool,
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
    /// What changed between the versions, where the app's own repository tells.
    pub changes: Vec<Changes>,
    /// What was copied to the registry of the environment.
    pub copies: Vec<CopyRow>,
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
    /// The remote that it was pushed to.
    pub remote: Option<String>,
    /// The pull request, if there is one.
    pub request: Option<RequestLine>,
    /// The unified diff, where it was asked for.
    pub unified: Option<String>,
}

/// Where a version stands in comparison with the environments before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The same as in the environments before (or the first).
    Current,
    /// The environments before run something else. Whether it could come, the next
    /// steps tell.
    Behind,
    /// It runs what never was in the environments before.
    Ahead,
    /// A hold keeps the app where it is.
    Held,
    /// Behind, and a freeze keeps it so.
    Frozen,
    /// The app is not in this environment.
    Absent,
    /// What it runs is not clear.
    Unknown,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Current,
        Self::Behind,
        Self::Ahead,
        Self::Held,
        Self::Frozen,
        Self::Absent,
        Self::Unknown,
    ];
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
    /// The author of that commit.
    pub author: Option<String>,
    /// The file that holds the version.
    pub path: Option<RepoPath>,
    /// What stands there, each version once a file, where that is not one
    /// version; empty where it is.
    pub found: Vec<(Pin, RepoPath)>,
    /// Where the version stands.
    pub standing: Standing,
    /// What the cluster runs; `None` where it was not asked or did not tell.
    pub live: Option<LiveCell>,
    /// The open requests that would bring another version, where the forge was
    /// asked.
    pub requests: Vec<OpenMove>,
}

/// An open request that would bring a version into a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMove {
    /// Its number on the forge.
    pub number: u64,
    /// Where a person sees it.
    pub url: String,
    /// The version.
    pub version: Pin,
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
    /// How many rows, in which nothing differs, are not among them.
    pub left_out: usize,
    /// The environments whose cluster was asked, and why one did not tell;
    /// `None` where none was to be.
    pub live: Option<Vec<(EnvironmentName, Option<String>)>>,
    /// Whether the forge was asked for open requests, and what kept it from
    /// telling.
    pub forge: Option<Result<(), Cause>>,
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

/// What became of a move to the next environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// A dry run: nothing was written.
    Planned,
    /// A pull request was opened.
    Opened,
    /// The pull request was there, and is up to date.
    UpToDate,
    /// The commit, or the branch of a request, is pushed.
    Pushed,
    /// The environment runs it already.
    Unchanged,
    /// A rule holds it back.
    Held,
    /// It did not work.
    Failed,
}

/// One app on its way into the next environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRow {
    /// The app.
    pub app: AppId,
    /// The environment.
    pub to: EnvironmentName,
    /// The version, or several with blanks between.
    pub version: String,
    /// What became of it.
    pub step: NextStep,
    /// The rule that holds it back.
    pub rule: Option<Rule>,
    /// Why it is held back, or what failed.
    pub message: Option<String>,
    /// Where a person sees the pull request.
    pub url: Option<String>,
}

/// What `preview` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewAction {
    /// It made or renewed one.
    Create,
    /// It only looked.
    List,
    /// It removed one.
    Delete,
    /// It removed those that are old.
    Prune,
}

/// A preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRow {
    /// Its name.
    pub name: String,
    /// The app.
    pub app: String,
    /// The environment it stands in.
    pub environment: String,
    /// The version.
    pub version: String,
    /// Its directory; `None` where it was set in place of the environment's own
    /// version.
    pub dir: Option<RepoPath>,
    /// When it arrived as it is, seconds since the epoch.
    pub since: Option<i64>,
    /// The commit that brought it, by its full id.
    pub commit: Option<String>,
}

/// What `preview` did or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewReport {
    /// What was asked for.
    pub action: PreviewAction,
    /// The previews it speaks of.
    pub previews: Vec<PreviewRow>,
    /// The kustomization that lists the one that was made.
    pub listed_in: Option<RepoPath>,
    /// What changes for them.
    pub change: Delivered,
    /// Now, seconds since the epoch.
    pub now: i64,
}

/// What `next` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextReport {
    /// The commits that were looked at; `None` where all that is due was.
    pub range: Option<String>,
    /// One row an app and environment.
    pub rows: Vec<NextRow>,
}

/// One app in one environment, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitRow {
    /// The environment.
    pub environment: EnvironmentName,
    /// The app.
    pub app: AppId,
    /// What it runs there.
    pub version: Pin,
    /// How it is.
    pub state: Health,
    /// What tells: a commit status or check run, an object of a cluster, a program.
    pub context: Option<String>,
    /// The full id of the commit it belongs to.
    pub commit: Option<String>,
    /// What it says.
    pub message: Option<String>,
    /// Where a person sees more.
    pub url: Option<String>,
}

/// What `wait` saw last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitReport {
    /// One row an environment and app.
    pub rows: Vec<WaitRow>,
}

/// What `doctor` looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// A promotion is under way.
    Running,
    /// A lock that a promotion left.
    OwnLock,
    /// A lock of git or another program.
    ForeignLock,
    /// A promotion that was broken off.
    BrokenOff,
    /// A journal that cannot be read.
    DamagedJournal,
}

/// One thing that `doctor` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorRow {
    /// What it is.
    pub ailment: Ailment,
    /// The file that it is about.
    pub path: Option<String>,
    /// The process that holds it, where that is known.
    pub owner: Option<String>,
    /// For how many seconds.
    pub seconds: u64,
    /// The commit of a promotion that was broken off, where it is known.
    pub commit: Option<String>,
    /// Its files.
    pub files: Vec<String>,
    /// What is wrong with it.
    pub reason: Option<String>,
}

/// What became of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorRecovery {
    /// Whether the promotion is committed; `None` where it never began.
    pub committed: Option<bool>,
    /// Files that were brought to where they belong.
    pub mended: Vec<String>,
    /// Files that were left as they are, and why.
    pub left: Vec<(String, String)>,
    /// What could not be done.
    pub failed: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What `doctor` found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorReport {
    /// What is there (after `--recover`: what still is).
    pub rows: Vec<DoctorRow>,
    /// What `--recover` did, if there was anything to do.
    pub recovery: Option<DoctorRecovery>,
}
