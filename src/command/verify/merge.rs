//! What a merge brings to the line, and how strictly the rules are asked of what
//! others judged before.

use crate::audit::{Claims, written};
use crate::config::Config;
use crate::discover::CellKey;
use crate::gate;
use crate::git::Repository;
use crate::model::{Environment, Finding, Pipeline, Promotion, Rule};
use crate::plan::Planned;
use crate::report::{CheckReport, Flaw};

use super::super::Failure;
use super::commit::{self, Judged, Moved, is_about, refused, waives, waives_rule};
use super::compare::{self, Wrong};
use super::several;

/// How strictly the rules are asked of what others judged before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// As the config says.
    Exact,
    /// It is enough that the environments before ran a version at some time:
    /// the record was judged earlier, and they may have moved on since.
    Once,
    /// That, or that they get it by the same merge, whose commits took the steps
    /// one after the other.
    Stepwise,
}

impl Terms {
    /// The config with what the terms let through.
    pub(super) fn on(self, config: &Config) -> Config {
        let mut config = config.clone();
        if self == Self::Exact {
            return config;
        }
        let environments = config.pipeline.environments().iter().map(|environment| Environment {
            seen: true,
            together: environment.together || self == Self::Stepwise,
            ..environment.clone()
        });
        // They make a pipeline as they did before.
        if let Ok(pipeline) = Pipeline::new(environments.collect()) {
            config.pipeline = pipeline;
        }
        config
    }
}

/// What the commits that a merge brings say, each held against itself.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) records: Vec<Claims>,
    /// What moves in the commits that say it.
    pub(super) promotions: Vec<Promotion>,
    /// Whether one alone is the whole merge, on the same parent.
    pub(super) told: bool,
}

impl Carried {
    /// What one of them claims, and moves there itself.
    pub(super) fn claims(&self, promotion: &Promotion) -> bool {
        compare::is_claimed(&self.records, promotion) && self.same(promotion).next().is_some()
    }

    fn same<'c>(&'c self, promotion: &'c Promotion) -> impl Iterator<Item = &'c Promotion> {
        let version = written(&promotion.version);
        self.promotions.iter().filter(move |own| {
            (&own.app, &own.image, &own.to) == (&promotion.app, &promotion.image, &promotion.to)
                && written(&own.version) == version
        })
    }

    /// Whether it is the version that one of them brings, its digest too.
    fn has_version(&self, promotion: &Promotion) -> bool {
        self.same(promotion).any(|own| own.version == promotion.version)
    }

    fn has_repository(&self, promotion: &Promotion) -> bool {
        let mut same = self.same(promotion);
        same.any(|own| own.repository == promotion.repository)
    }
}

impl Judged<'_> {
    /// What comes out of a merge has to be the image that a commit with its record
    /// had: the record alone names no more than a tag. The repository may be that
    /// of the line, or of one of the branches, as well.
    pub(super) fn other_images(
        &self,
        repo: &Repository,
        carried: &Carried,
        moved: &Moved,
    ) -> Result<Vec<Wrong>, Failure> {
        let mut wrong = Vec::new();
        let all = moved.planned.iter().map(|planned| &planned.promotion);
        for promotion in all.filter(|promotion| carried.claims(promotion)) {
            let version = &promotion.version;
            if !carried.has_version(promotion) {
                let message = format!(
                    "the merge brings {version}, and the commit that claims it has another digest"
                );
                wrong.push(Wrong::of(Flaw::Digest, promotion, message));
            } else if !carried.has_repository(promotion) && !self.had(repo, moved, promotion)? {
                let repository = promotion.repository.as_deref().unwrap_or("no repository");
                let message = format!(
                    "the merge brings {version} of {repository}, which the commit that claims it \
                     has not"
                );
                wrong.push(Wrong::of(Flaw::Version, promotion, message));
            }
        }
        Ok(wrong)
    }

    /// Whether the line, or a branch that is merged, has the repository there.
    fn had(
        &self,
        repo: &Repository,
        moved: &Moved,
        promotion: &Promotion,
    ) -> Result<bool, Failure> {
        let key = CellKey::of(promotion, &promotion.to);
        let line = moved.before.cells.get(&key);
        if line.is_some_and(|cell| cell.repository() == promotion.repository.as_deref()) {
            return Ok(true);
        }
        for head in repo.parents(self.id)?.into_iter().skip(1) {
            let branch = commit::moved(repo, self.config, (self.parent, head))?;
            let mut all = branch.planned.iter().map(|planned| &planned.promotion);
            let here = |own: &Promotion| CellKey::of(own, &own.to) == key;
            if all.any(|own| here(own) && own.repository == promotion.repository) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the rules say of versions that a merge brings to the line: what ran
    /// on the branch alone proves nothing there, and an old branch must not take
    /// back what the line has by now.
    pub(super) fn brought(
        &self,
        repo: &Repository,
        (records, changes): (&[Claims], &[Planned]),
        terms: Terms,
    ) -> Result<Vec<Wrong>, Failure> {
        let config = terms.on(self.config);
        let report = self.judge(repo, &config)?;
        let report = self.unwaived(repo, &config, report)?;
        let told = self.all_records(repo)?;
        let mut wrong = refusals(&report, (records, &told), (changes, terms));
        let all = changes.iter().map(|planned| &planned.promotion);
        let brought = all.filter(|promotion| compare::is_claimed(records, promotion));
        let unled = brought.filter(|promotion| {
            let rollback = records.iter().any(|record| {
                record.rollback && compare::is_claimed(std::slice::from_ref(record), promotion)
            });
            let waived = waives_rule(&told, Rule::GP003, promotion);
            !rollback && !waived && !several::leads(records, promotion)
        });
        let unled: Vec<Promotion> = unled.cloned().collect();
        if unled.is_empty() {
            return Ok(wrong);
        }
        let stale = |promotion: &Promotion| {
            let (to, old, new) = (&promotion.to, &promotion.previous, &promotion.version);
            let message = format!(
                "no record leads from {old}, which {to} had before the merge, to {new}, and that \
                 goes back"
            );
            Wrong::of(Flaw::Previous, promotion, message)
        };
        let timelines = self.timelines(repo, &unled)?;
        let goes_back = |promotion: &&Promotion| {
            let timeline = timelines.get(&CellKey::of(promotion, &promotion.to));
            let left = timeline.is_some_and(|timeline| timeline.left(&promotion.version));
            gate::goes_back(&promotion.version, &promotion.previous) || left
        };
        wrong.extend(unled.iter().filter(goes_back).map(stale));
        Ok(wrong)
    }
}

/// What refuses one of the versions that a merge brings and `records` claim;
/// `told` may waive it.
fn refusals(
    report: &CheckReport,
    (records, told): (&[Claims], &[Claims]),
    (changes, terms): (&[Planned], Terms),
) -> Vec<Wrong> {
    let all = || changes.iter().map(|planned| &planned.promotion);
    // Whoever takes two steps at once is vouched for by the step before.
    let steps = |finding: &Finding, promotion: &Promotion| {
        terms == Terms::Stepwise
            && finding.rule == Rule::GP004
            && promotion.from.iter().any(|name| compare::gets(all(), promotion, name))
    };
    let about = |finding: &&Finding| {
        let brought = |p: &&Promotion| compare::is_claimed(records, p);
        let refused =
            |p: &Promotion| is_about(finding, p) && !steps(finding, p) && !waives(told, finding, p);
        all().filter(brought).any(refused)
    };
    let wrong = |finding: &Finding| Wrong {
        flaw: Flaw::Gate,
        app: finding.app.clone(),
        environment: finding.environment.clone(),
        message: format!(
            "the merge brings what {} refuses here: {}",
            finding.rule, finding.message
        ),
    };
    refused(report).filter(about).map(wrong).collect()
}
