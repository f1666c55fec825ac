//! The numbered rules: one file a rule, one registry, one evaluation.
//!
//! All rules run and all findings are shown; then one refusal. What the
//! effects accept is an [`Approved`] plan, and only [`approve`] makes one.

mod accepted;
mod back;
mod entering;
mod gp001;
mod gp002;
mod gp003;
mod gp004;
mod gp005;
mod gp006;
mod gp007;
mod gp008;
mod gp009;
mod gp010;
mod gp011;
mod gp012;
mod gp013;
mod gp014;
mod gp015;
mod gp016;
mod gp017;
mod gp019;
mod outside;
mod policy;
mod signed;

pub use crate::model::by_semver;
pub use accepted::{gone_back_to, is_way_back};
pub use back::{Images, Target, way_back};
pub use gp001::tag_or_digest;
pub use gp002::{Elsewhere, Images as RegistryImages, Registered};
pub use gp005::is_moving;
pub use gp015::runs_there;
pub use gp019::{Approval, Given};
pub use outside::{Answers, Silence, is_answered_outside, not_asked, only_silence, silent};
pub use signed::{Signatures, Signed};

use std::collections::BTreeMap;

use crate::audit::Waiver;
use crate::config::{Config, Hold, Holds};
use crate::discover::{CellKey, Inventory};
use crate::history::Timeline;
use crate::model::{
    AppId, EnvironmentName, Finding, Outcome, Pin, Promotion, RepoPath, Rule, quoted,
};
use crate::plan::{Plan, Planned};
use crate::proof::{Proof, Ran};

/// Everything the rules may look at.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The config of the base.
    pub config: &'a Config,
    /// What is where at the base.
    pub inventory: &'a Inventory,
    /// What moves.
    pub promotions: &'a [Planned],
    /// Apps and images that already run what is wanted.
    pub current: &'a [(AppId, String, Pin)],
    /// The environments that are entered.
    pub targets: &'a [EnvironmentName],
    /// What the change does to what the environments run.
    pub proof: &'a Proof,
    /// What only a change that somebody else made has; `None` where `promote`
    /// judges its own plan.
    pub check: Option<Foreign<'a>>,
    /// What the environments concerned ran, and when.
    pub timelines: &'a BTreeMap<CellKey, Timeline>,
    /// What was rendered where an environment ran the version that a promotion
    /// brings back.
    pub ran: &'a BTreeMap<CellKey, Ran>,
    /// The dates of the commits that brought versions where time counts, by
    /// their ids.
    pub dates: &'a BTreeMap<String, Dated>,
    /// How versions that enter stand to those that they take the place of, by
    /// the repositories of the apps, where tags do not tell.
    pub lineages: &'a BTreeMap<CellKey, Lineage>,
    /// The full id of the base; empty where it is a tree.
    pub base: &'a str,
    /// The trailers that the change carries, but for those of the record.
    pub trailers: &'a [(String, String)],
    /// What is held at the base.
    pub holds: &'a Holds,
    /// What there is of the history of the base.
    pub history: Past,
    /// Whether going back is what is wanted.
    pub rollback: bool,
    /// What the user waives.
    pub waivers: &'a [Waiver],
    /// What was heard from outside of the repository; `None` where nobody was
    /// asked.
    pub answers: Option<&'a Answers>,
    /// The time to judge at, seconds since the epoch.
    pub now: i64,
}

/// What there is of the history of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// All of it.
    Whole,
    /// It is cut off (a shallow clone), or objects of it are not there.
    CutOff,
    /// None: the base is a tree.
    None,
}

/// The dates of a commit, which its maker wrote, and of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// When its author made it, seconds since the epoch. Earlier than its
    /// committer time where it was rebased.
    pub authored: i64,
    /// The newest committer time of the first-parent commits before it, of
    /// those that are not in the future.
    pub newest_before: Option<i64>,
}

/// How a version stands to the one before it, in the repository of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lineage {
    /// It has the other one in its past.
    After,
    /// It is in the past of the other one.
    Before,
    /// Neither comes from the other.
    Apart,
    /// Both are one commit.
    Same,
    /// The repository does not tell.
    Unknown {
        /// Why.
        why: String,
        /// A command that may mend it.
        hint: Option<String>,
    },
}

/// A change that somebody else made.
#[derive(Clone, Copy)]
pub struct Foreign<'a> {
    /// What is where at the head.
    pub head: &'a Inventory,
    /// What is held at the head, where the change touches that.
    pub holds: Option<&'a Holds>,
    /// Those of them that are about no app.
    pub astray: &'a [Hold],
    /// Every file that changes.
    pub changed: &'a [RepoPath],
    /// The base, as a command names it.
    pub base: &'a str,
    /// The fetch that brings what the clone lacks of the past.
    pub cure: &'a str,
    /// Overlays of new apps that the history had before, or images of which
    /// it had.
    pub returned: &'a [RepoPath],
    /// Who signed the commits that waive something.
    pub signers: &'a Signers,
}

/// Who signed the commits that waive something, and who may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signers {
    /// Each waiver with the key that its commit is signed by, or why it proves
    /// nothing.
    pub waivers: Vec<(Waiver, Result<String, String>)>,
    /// The keys that each file of allowed signers of the base lets sign; a file
    /// that is not there lets nobody.
    pub files: BTreeMap<String, Vec<String>>,
}

/// A rule: what it refuses, why, and how to satisfy it.
pub struct RuleInfo {
    /// Its number.
    pub rule: Rule,
    /// What it refuses, in a few words.
    pub refuses: &'static str,
    /// Why that is refused.
    pub why: &'static str,
    /// How to satisfy it, with commands.
    pub satisfy: &'static str,
    /// Whether a reason can waive it.
    pub overridable: bool,
    ask: Ask,
}

/// Whom a rule is asked about.
enum Ask {
    /// Each promotion by itself.
    Each(fn(&Case<'_>, &Planned) -> Finding),
    /// The change as a whole.
    Whole(fn(&Case<'_>) -> Vec<Finding>),
    /// The change as a whole, by what was heard from outside ([`Case::answers`]).
    Outside(fn(&Case<'_>) -> Vec<Finding>),
}

/// Every rule of this version, by number.
pub const RULES: &[&RuleInfo] = &[
    &gp001::RULE,
    &gp002::RULE,
    &gp003::RULE,
    &gp004::RULE,
    &gp005::RULE,
    &gp006::RULE,
    &gp007::RULE,
    &gp008::RULE,
    &gp009::RULE,
    &gp010::RULE,
    &gp011::RULE,
    &gp012::RULE,
    &gp013::RULE,
    &gp014::RULE,
    &gp015::RULE,
    &gp016::RULE,
    &gp017::RULE,
    &gp019::RULE,
];

/// The rule of that number.
pub fn rule(rule: Rule) -> Option<&'static RuleInfo> {
    RULES.iter().copied().find(|info| info.rule == rule)
}

/// A plan that every rule lets through. The effects take nothing else.
#[derive(Debug, Clone)]
pub struct Approved {
    plan: Plan,
}

impl Approved {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Asks every rule about every promotion, and applies what is waived.
pub fn evaluate(case: &Case<'_>) -> Vec<Finding> {
    let ask = |info: &&RuleInfo| match info.ask {
        Ask::Each(judge) => {
            let promotions = case.promotions.iter();
            promotions.map(|planned| judge(case, planned)).collect()
        }
        Ask::Whole(judge) | Ask::Outside(judge) => judge(case),
    };
    policy::apply(case, RULES.iter().flat_map(ask).collect())
}

/// Lets a plan through if no finding refuses it; else gives it back.
pub fn approve(plan: Plan, findings: &[Finding]) -> Result<Approved, Plan> {
    if refused(findings) { Err(plan) } else { Ok(Approved { plan }) }
}

/// Whether any finding refuses.
pub fn refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| matches!(finding.outcome, Outcome::Fail | Outcome::Unverifiable))
}

/// Whether going from `old` to `new` is going back, as far as the tags tell.
pub fn goes_back(new: &Pin, old: &Pin) -> bool {
    by_semver(new, old) == Some(std::cmp::Ordering::Less)
}

/// A finding about one promotion, without place and hint.
fn about(rule: Rule, promotion: &Promotion, outcome: Outcome, message: String) -> Finding {
    Finding {
        rule,
        outcome,
        app: Some(promotion.app.clone()),
        environment: Some(promotion.to.clone()),
        message,
        path: None,
        line: None,
        hint: None,
        silence: None,
    }
}

/// Puts the first site of a promotion on its finding.
fn placed(mut finding: Finding, planned: &Planned) -> Finding {
    if let Some((path, line)) = planned.sites.first() {
        finding.path = Some(path.clone());
        finding.line = Some(*line);
    }
    finding
}

/// The command that waives a rule, as a hint; the explanation where the rule
/// must not be waived here.
fn override_hint(case: &Case<'_>, rule: Rule, promotion: &Promotion) -> String {
    let (word, to) = (promotion.app.at(&promotion.version), &promotion.to);
    let command = if case.rollback {
        format!("git promote rollback {to} {word}")
    } else {
        format!("git promote {word} {to}")
    };
    waiving(case, (rule, to), &command)
}

/// A command with what waives a rule.
fn waiving(case: &Case<'_>, (rule, to): (Rule, &EnvironmentName), command: &str) -> String {
    match policy::objection(case, rule, to) {
        // The change is made: its record gets the reason.
        None if case.check.is_some() => format!(
            "git commit --allow-empty -m 'Override {rule}' --trailer 'Promote-Override: {rule}' \
             --trailer 'Promote-Reason: TEXT'"
        ),
        None => format!("{command} --override {rule} --reason TEXT"),
        Some(_) => format!("git promote explain {rule}"),
    }
}

/// The command that takes a file back to what it was at the base.
fn undo(case: &Case<'_>, path: &RepoPath) -> Option<String> {
    let base = case.check?.base;
    Some(format!("git restore --source={base} --staged --worktree -- {}", quoted(path.as_str())))
}

/// The first seven digits of a commit id, as git shows it.
pub fn short_id(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}
