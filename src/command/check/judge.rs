//! A change through the rules: config of the base, proof, promotions, history,
//! gates, verdict.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::{self, Waiver};
use crate::config::{self, AllowedSigner, Config, GITOPS_PROMOTION, Hold, Holds, PROMOTE_TOML};
use crate::discover::{self, CellKey};
use crate::gate::{self, Answers, Case, Dated, Foreign, Lineage, Past, Signers};
use crate::git::{Change, Divergence, GitError, ObjectId, Repository, TreeSnapshot};
use crate::history::Timeline;
use crate::model::{EnvironmentName, Finding, Outcome, RepoPath, Rule, Snapshot, SnapshotError};
use crate::plan::{self, Planned};
use crate::proof::{self, Proof, Sides};
use crate::report::{CheckReport, Verdict};

use super::super::dates::dates;
use super::super::evidence::{Ground, Reach, cells_of, rendered_then, timelines};
use super::super::outside::{Fate, Questions};
use super::super::source::lineages;
use super::super::{Failure, held};
use super::ends::Pair;
use super::past;

/// How a change is judged.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Options {
    /// Whether the head's config counts where the base has none.
    pub(in super::super) adopt: bool,
    /// The time to judge at, seconds since the epoch.
    pub(in super::super) now: i64,
    /// Whether forges, clusters and registries are asked.
    pub(in super::super) online: bool,
}

/// Judges a change. What stands in the way of a judgement is a finding too,
/// and never a pass.
pub(super) fn judge(
    repo: &Repository,
    change: &Change,
    options: Options,
) -> Result<CheckReport, Failure> {
    judge_by(repo, change, (options, None))
}

/// The same by a config that is given, in the place of the base's.
pub(in super::super) fn judge_by(
    repo: &Repository,
    change: &Change,
    (options, config): (Options, Option<&Config>),
) -> Result<CheckReport, Failure> {
    let mut report = unjudged((change.base, change.head), change.notes.clone());
    let judging = Judging { repo, change, options, given: config };
    if let Some(divergence) = &change.divergence {
        report.config = judging.config(&mut report).ok().map(|(_, id)| id);
        let hint = divergence.hint(change.base);
        let cut = matches!(divergence, Divergence::CutOff);
        let rule = if cut { Rule::GP010 } else { Rule::GP014 };
        report.findings.push(unproven(rule, divergence.to_string(), Some(hint)));
        return Ok(report);
    }
    if let Err(stop) = judging.fill(&mut report) {
        report.findings.push(stop.finding()?);
    }
    report.verdict = verdict(&report.findings);
    report.excerpts = excerpts(&change.after, &report.findings);
    Ok(report)
}

/// What is said where base or head is not in the clone.
pub(super) fn absent(pair: &Pair, error: GitError) -> CheckReport {
    let mut report = unjudged((pair.base, pair.head), pair.notes.clone());
    let message = error.to_string();
    let hint = Failure::from(error).hints.into_iter().next();
    report.findings.push(unproven(Rule::GP010, message, hint));
    report
}

fn unjudged((base, head): (ObjectId, ObjectId), notes: Vec<String>) -> CheckReport {
    CheckReport {
        base: base.to_string(),
        head: head.to_string(),
        config: None,
        verdict: Verdict::Unverifiable,
        promotions: Vec::new(),
        moves: 0,
        findings: Vec::new(),
        excerpts: BTreeMap::new(),
        notes,
        exit_zero: false,
    }
}

fn verdict(findings: &[Finding]) -> Verdict {
    let any = |outcome| findings.iter().any(|finding| finding.outcome == outcome);
    if any(Outcome::Fail) {
        Verdict::Deny
    } else if any(Outcome::Unverifiable) {
        Verdict::Unverifiable
    } else {
        Verdict::Pass
    }
}

/// Why a judgement came to no end.
pub(super) enum Stop {
    /// What is asked for cannot be told.
    Unproven(Box<Finding>),
    /// A file or tree could not be read.
    Snapshot(SnapshotError),
    /// Git could not tell.
    Failed(Failure),
}

impl From<SnapshotError> for Stop {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

impl From<GitError> for Stop {
    fn from(error: GitError) -> Self {
        Self::Failed(error.into())
    }
}

impl Stop {
    fn finding(self) -> Result<Finding, Failure> {
        match self {
            Self::Unproven(finding) => Ok(*finding),
            Self::Snapshot(error) => {
                let rule = if error.fetch.is_some() { Rule::GP010 } else { Rule::GP011 };
                Ok(unproven(rule, error.to_string(), error.fetch))
            }
            Self::Failed(failure) => Err(failure),
        }
    }
}

/// What is not looked at where only overlays change in a large repository.
const NOT_SEARCHED: &str =
    "with so many directories, other apps were not searched for what uses the changed overlays";

fn unproven(rule: Rule, message: String, hint: Option<String>) -> Finding {
    Finding {
        rule,
        outcome: Outcome::Unverifiable,
        app: None,
        environment: None,
        message,
        path: None,
        line: None,
        hint,
        silence: None,
    }
}

struct Judging<'a> {
    repo: &'a Repository,
    change: &'a Change,
    options: Options,
    /// The config, where it is not the base's.
    given: Option<&'a Config>,
}

impl Judging<'_> {
    fn fill(&self, report: &mut CheckReport) -> Result<(), Stop> {
        let (config, id) = self.config(report)?;
        report.config = Some(id);
        let proof = self.prove(&config, report)?;
        let promotions = plan::between(&config, &proof.before, &proof.after);
        let past = self.past(&config, &proof, &promotions)?;
        let targets: BTreeSet<EnvironmentName> =
            promotions.iter().map(|planned| planned.promotion.to.clone()).collect();
        let short = self.change.base.to_string();
        let short = gate::short_id(&short).to_owned();
        let waivers = self.waivers(report);
        let signers = self.signers(&config)?;
        let answers = self.answers((&config, &proof), &promotions, &past.timelines)?;
        let ground = past::Ground { repo: self.repo, base: self.change.base, proof: &proof };
        let (holds, head_holds) = self.holds()?;
        let new: Vec<&Hold> = head_holds.iter().flat_map(|head| head.without(&holds)).collect();
        let astray = held::astray(&self.change.after, &config, &new).map_err(Stop::Failed)?;
        let case = Case {
            config: &config,
            inventory: &proof.before,
            promotions: &promotions,
            current: &[],
            targets: &targets.into_iter().collect::<Vec<_>>(),
            proof: &proof,
            check: Some(Foreign {
                head: &proof.after,
                holds: head_holds.as_ref(),
                astray: &astray,
                changed: &self.change.changed,
                base: &short,
                cure: self.cure(),
                returned: &ground.returned()?,
                signers: &signers,
            }),
            timelines: &past.timelines,
            ran: &rendered_then(
                Ground { repo: self.repo, config: &config, base: self.change.base },
                &proof,
                (&promotions, &past.timelines),
            )
            .map_err(Stop::Failed)?,
            dates: &past.dates,
            lineages: &past.lineages,
            base: &past.base,
            trailers: &self.trailers(),
            holds: &holds,
            history: past.history,
            rollback: false,
            waivers: &waivers,
            answers: answers.as_ref(),
            now: self.options.now,
        };
        report.moves = proof.entering.len().max(promotions.len()) + proof.moved.len();
        report.findings.extend(gate::evaluate(&case));
        report.promotions = promotions.into_iter().map(|planned| planned.promotion).collect();
        Ok(())
    }

    /// What the change does.
    fn prove(&self, config: &Config, report: &mut CheckReport) -> Result<Proof, Stop> {
        let sides = Sides {
            base: &self.change.before,
            head: &self.change.after,
            config,
            changed: &self.change.changed,
            odd_names: self.change.odd_names,
            search: true,
        };
        let proof = proof::prove(&sides)?;
        if !proof.searched {
            report.notes.push(NOT_SEARCHED.to_owned());
        }
        Ok(proof)
    }

    /// The fetch that brings the past, with its files.
    fn cure(&self) -> &'static str {
        match (self.repo.is_partial(), self.repo.is_shallow()) {
            (false, _) => "git fetch --unshallow",
            (true, false) => "git fetch --refetch --no-filter",
            (true, true) => "git fetch --unshallow --refetch --no-filter",
        }
    }

    /// The config to judge by, and where it stands.
    fn config(&self, report: &mut CheckReport) -> Result<(Config, String), Stop> {
        if let Some(given) = self.given {
            // What was known outside at that time nobody can tell now.
            let given = Config { require_online: false, ..given.clone() };
            return Ok((given, "HEAD".to_owned()));
        }
        let adopted = || read_config(&self.change.after);
        let found = match read_config(&self.change.before)? {
            None if self.options.adopt => {
                let note = "judged by the config that this change brings in (--adopt)";
                report.notes.push(note.to_owned());
                adopted()?
            }
            found => found,
        };
        found.ok_or_else(|| {
            let message = "the base has no promote.toml to judge by".to_owned();
            let hint = match adopted() {
                Ok(Some(_)) => "git promote check --adopt",
                _ => "git promote init",
            };
            let finding = unproven(Rule::GP011, message, Some(hint.to_owned()));
            Stop::Unproven(Box::new(finding))
        })
    }

    /// What the environments ran, as far as the history is there.
    fn past(
        &self,
        config: &Config,
        proof: &Proof,
        promotions: &[Planned],
    ) -> Result<PastVersions, Stop> {
        let mut past = PastVersions::default();
        let Some(base) = self.repo.commit_of(self.change.base)? else { return Ok(past) };
        past.base = base.to_string();
        past.history = if self.repo.is_shallow() { Past::CutOff } else { Past::Whole };
        past.lineages = lineages(self.repo, promotions);
        let keys: Vec<CellKey> = promotions.iter().flat_map(cells_of).collect();
        let keys: BTreeSet<&CellKey> = keys.iter().collect();
        let ground = Ground { repo: self.repo, config, base };
        match timelines(ground, &proof.before, &keys, Reach::Everything) {
            Ok(timelines) => {
                let by = (&timelines, self.options.now);
                past.dates = dates(ground, promotions, by).map_err(Stop::Failed)?;
                past.timelines = timelines;
            }
            // Objects of the past that are not there are like a past cut off.
            Err(_) if (self.repo.is_shallow() || self.repo.is_partial()) => {
                past.history = Past::CutOff;
            }
            Err(failure) => return Err(Stop::Failed(failure)),
        }
        Ok(past)
    }

    /// The trailers of the commits of the change.
    fn trailers(&self) -> Vec<(String, String)> {
        let messages = self.change.messages.iter();
        let all = messages.flat_map(|message| audit::trailers_of(message));
        all.filter(|(key, _)| !key.to_ascii_lowercase().starts_with("promote-")).collect()
    }

    /// What is held at the base, and at the head where that is touched.
    fn holds(&self) -> Result<(Holds, Option<Holds>), Stop> {
        let file = held::file();
        let read = |snapshot: &TreeSnapshot| {
            let bytes = snapshot.read(&file)?;
            Holds::read(bytes.as_deref()).map_err(|error| {
                let mut finding = unproven(Rule::GP011, error.to_string(), None);
                finding.path = Some(file.clone());
                Stop::Unproven(Box::new(finding))
            })
        };
        let touched =
            self.change.changed.iter().any(|path| path.is_within(&file) || file.is_within(path));
        let head = touched.then(|| read(&self.change.after)).transpose()?;
        Ok((read(&self.change.before)?, head))
    }

    /// Who signed what waives something, where the config wants to know.
    fn signers(&self, config: &Config) -> Result<Signers, Stop> {
        let mut signers = Signers::default();
        let grants = config.overrides.iter().flat_map(|grant| &grant.signers);
        let wanted: Vec<&AllowedSigner> = grants.collect();
        if wanted.is_empty() {
            return Ok(signers);
        }
        for signer in wanted {
            let AllowedSigner::File(name) = signer else { continue };
            let path = RepoPath::normalize(name).unwrap_or_default();
            let bytes = self.change.before.read(&path)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            signers.files.insert(name.clone(), audit::allowed_signers(&text, self.options.now));
        }
        for (message, id) in self.change.messages.iter().zip(&self.change.commits) {
            for waiver in audit::asked(message).waivers {
                let signed = match self.repo.signed(*id)? {
                    Some((signature, payload)) => audit::signer(&signature, &payload),
                    None => Err("its commit is not signed".to_owned()),
                };
                signers.waivers.push((waiver, signed));
            }
        }
        Ok(signers)
    }

    /// What is known outside of the repository, where it may be asked for.
    fn answers(
        &self,
        (config, proof): (&Config, &Proof),
        promotions: &[Planned],
        timelines: &BTreeMap<CellKey, Timeline>,
    ) -> Result<Option<Answers>, Stop> {
        if !self.options.online {
            return Ok(None);
        }
        let ground = Ground { repo: self.repo, config, base: self.change.base };
        let inventory = &proof.before;
        let fate = Fate::Foreign(self.change.head);
        let (after, remote, back) = (&proof.after, None, false);
        let questions =
            Questions { ground, inventory, after, promotions, timelines, remote, fate, back };
        questions.ask().map(Some).map_err(Stop::Failed)
    }

    fn waivers(&self, report: &mut CheckReport) -> Vec<Waiver> {
        let mut waivers = Vec::new();
        for message in &self.change.messages {
            let asked = audit::asked(message);
            report.notes.extend(asked.problems);
            for waiver in asked.waivers {
                if !waivers.contains(&waiver) {
                    waivers.push(waiver);
                }
            }
        }
        waivers
    }
}

/// The config of one side, and where it stands.
fn read_config(snapshot: &TreeSnapshot) -> Result<Option<(Config, String)>, Stop> {
    let file = |name: &str| RepoPath::root().join(name);
    let promote = snapshot.read(&file(PROMOTE_TOML))?;
    let legacy = snapshot.read(&file(GITOPS_PROMOTION))?;
    let name = if promote.is_some() { PROMOTE_TOML } else { GITOPS_PROMOTION };
    let config = config::from_files(promote.as_deref(), legacy.as_deref()).map_err(|error| {
        let mut finding = unproven(Rule::GP011, error.to_string(), None);
        finding.path = Some(file(name));
        Stop::Unproven(Box::new(finding))
    })?;
    let Some(mut config) = config else { return Ok(None) };
    if config.layout.is_empty() {
        config.layout = discover::guess_layout(snapshot, &config.pipeline)?;
    }
    let id = snapshot.id(&file(name))?.map(|id| format!("{name}@{id}"));
    Ok(Some((config, id.unwrap_or_else(|| name.to_owned()))))
}

/// What history told.
struct PastVersions {
    timelines: BTreeMap<CellKey, Timeline>,
    dates: BTreeMap<String, Dated>,
    lineages: BTreeMap<CellKey, Lineage>,
    /// The id of the base, where it is a commit.
    base: String,
    history: Past,
}

impl Default for PastVersions {
    fn default() -> Self {
        Self {
            timelines: BTreeMap::new(),
            dates: BTreeMap::new(),
            lineages: BTreeMap::new(),
            base: String::new(),
            history: Past::None,
        }
    }
}

/// The lines that findings point at, as they are at the head.
fn excerpts(head: &dyn Snapshot, findings: &[Finding]) -> BTreeMap<(RepoPath, u32), String> {
    let mut files: BTreeMap<&RepoPath, Option<String>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.outcome != Outcome::Pass) {
        let (Some(path), Some(line)) = (&finding.path, finding.line) else { continue };
        let text = files.entry(path).or_insert_with(|| {
            let bytes = head.read(path).ok().flatten()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        });
        let at = usize::try_from(line).unwrap_or_default().checked_sub(1);
        let text = text.as_deref().zip(at).and_then(|(text, at)| text.lines().nth(at));
        if let Some(text) = text {
            found.insert((path.clone(), line), text.to_owned());
        }
    }
    found
}
