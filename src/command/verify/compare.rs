//! What a record claims beside what the trees say.

use std::collections::BTreeSet;

use crate::audit::{ClaimedApp, Claims, Record, written};
use crate::config::Config;
use crate::discover::{Cell, CellKey};
use crate::gate;
use crate::model::{AppId, EnvironmentName, Promotion};
use crate::plan::Planned;
use crate::report::Flaw;

use super::commit::Moved;

/// Something that is not as it should be.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    pub(super) flaw: Flaw,
    pub(super) app: Option<AppId>,
    pub(super) environment: Option<EnvironmentName>,
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn of(flaw: Flaw, promotion: &Promotion, message: String) -> Self {
        let (app, environment) = (Some(promotion.app.clone()), Some(promotion.to.clone()));
        Self { flaw, app, environment, message }
    }

    pub(super) fn whole(flaw: Flaw, environment: &str, message: String) -> Self {
        let environment = Some(environment).filter(|name| !name.is_empty());
        Self { flaw, app: None, environment: environment.map(EnvironmentName::new), message }
    }
}

pub(super) fn answers(claim: &ClaimedApp, promotion: &Promotion) -> bool {
    let app = promotion.app.to_string();
    claim.name == app || claim.name == format!("{app} {}", promotion.image)
}

fn fits(claim: &ClaimedApp, promotion: &Promotion) -> bool {
    claim.version == written(&promotion.version) && claim.previous == written(&promotion.previous)
}

/// One record beside the changes of its commit.
pub(super) struct Comparison<'a> {
    claims: &'a Claims,
    changes: &'a [Planned],
    /// Which of the changes the record speaks of.
    explained: BTreeSet<usize>,
    pub(super) wrong: Vec<Wrong>,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(claims: &'a Claims, changes: &'a [Planned]) -> Self {
        let mut comparison =
            Self { claims, changes, explained: BTreeSet::new(), wrong: Vec::new() };
        if !comparison.is_elsewhere() {
            comparison.apps();
            comparison.digests();
        }
        comparison
    }

    /// Whether the change is spoken of.
    pub(super) fn explains(&self, index: usize) -> bool {
        self.explained.contains(&index)
    }

    /// What the record speaks of.
    pub(super) fn promotions(&self) -> Vec<Promotion> {
        let found = self.explained.iter().filter_map(|index| self.changes.get(*index));
        found.map(|planned| planned.promotion.clone()).collect()
    }

    fn here(&self) -> impl Iterator<Item = (usize, &'a Promotion)> {
        let to = &self.claims.to;
        let all = self.changes.iter().map(|planned| &planned.promotion).enumerate();
        all.filter(move |(_, promotion)| promotion.to.as_str() == to)
    }

    /// Whether all that is claimed happened in another environment.
    fn is_elsewhere(&mut self) -> bool {
        if self.here().next().is_some() {
            return false;
        }
        let all = || self.changes.iter().map(|planned| &planned.promotion).enumerate();
        let found: Option<Vec<(usize, &Promotion)>> = self
            .claims
            .apps
            .iter()
            .map(|claim| all().find(|(_, p)| answers(claim, p) && fits(claim, p)))
            .collect();
        let Some([(first, promotion), ..]) = found.as_deref() else { return false };
        let message = format!(
            "the record says {}, and it was {}",
            if self.claims.to.is_empty() { "no environment" } else { &self.claims.to },
            promotion.to
        );
        self.wrong.push(Wrong::of(Flaw::Environment, promotion, message));
        self.explained.insert(*first);
        self.explained.extend(found.iter().flatten().map(|(index, _)| *index));
        true
    }

    fn apps(&mut self) {
        let mut unmatched = Vec::new();
        for claim in &self.claims.apps {
            let free = |(index, p): &(usize, &Promotion)| {
                !self.explained.contains(index) && answers(claim, p)
            };
            let exact = self.here().filter(free).find(|(_, promotion)| fits(claim, promotion));
            let Some((index, promotion)) = exact.or_else(|| self.here().find(free)) else {
                unmatched.push(claim);
                continue;
            };
            self.explained.insert(index);
            self.versions(claim, promotion);
        }
        for claim in unmatched {
            self.nothing_of(claim);
        }
    }

    fn versions(&mut self, claim: &ClaimedApp, promotion: &Promotion) {
        let (old, new) = (written(&promotion.previous), written(&promotion.version));
        let told = |claimed: &str, is: &str, what: &str| {
            format!("the record says {what} {claimed}, and it is {is}")
        };
        if claim.version != new {
            let message = told(&claim.version, &new, "version");
            self.wrong.push(Wrong::of(Flaw::Version, promotion, message));
        } else if claim.previous != old {
            let message = told(&claim.previous, &old, "previous version");
            self.wrong.push(Wrong::of(Flaw::Previous, promotion, message));
        }
    }

    /// An app is named that did not move; perhaps in the place of another.
    fn nothing_of(&mut self, claim: &ClaimedApp) {
        let ClaimedApp { name, previous, version } = claim;
        let moved = |(index, p): &(usize, &Promotion)| {
            !self.explained.contains(index) && written(&p.version) == *version
        };
        let message = format!("the record says {name} {previous} -> {version}");
        let instead = self.here().find(moved);
        match instead {
            Some((index, promotion)) => {
                self.explained.insert(index);
                let message = format!("{message}, and it was {}", promotion.app);
                self.wrong.push(Wrong::of(Flaw::App, promotion, message));
            }
            None => {
                let message = format!("{message}, and nothing of it changed");
                self.wrong.push(Wrong::whole(Flaw::App, &self.claims.to, message));
            }
        }
    }

    /// Where the version is as claimed, its digest is to be too.
    fn digests(&mut self) {
        if !self.wrong.is_empty() {
            return;
        }
        let mut wrong = Vec::new();
        for (_, promotion) in self.here().filter(|(index, _)| self.explains(*index)) {
            let claimed = digest_of(self.claims, promotion);
            let is = promotion.version.digest.as_ref().map(ToString::to_string);
            if claimed != is.as_deref() {
                wrong.push(other_digest((claimed, is.as_deref()), promotion));
            }
        }
        self.wrong.extend(wrong);
    }

    /// Whether the id is that of what moved, on one of these commits.
    pub(super) fn has_id_on(&self, bases: &[String]) -> bool {
        let id = |base: &String| {
            let record = Record {
                promotions: self.promotions(),
                base: base.clone(),
                gates: Vec::new(),
                waivers: Vec::new(),
                rollback: false,
                preview: None,
            };
            record.id()
        };
        bases.iter().any(|base| id(base) == self.claims.id)
    }

    /// Whether the environments before are those that the record names.
    pub(super) fn sources(&self) -> Option<Wrong> {
        let promotions = self.promotions();
        let first = promotions.first()?;
        let claimed: Vec<&str> = self.claims.from.iter().map(|(name, _)| name.as_str()).collect();
        let is: Vec<&str> = first.from.iter().map(EnvironmentName::as_str).collect();
        let names = |names: &[&str]| match names {
            [] => "none".to_owned(),
            names => names.join(" and "),
        };
        (claimed != is).then(|| {
            let message =
                format!("the record says from {}, and it is {}", names(&claimed), names(&is));
            Wrong::of(Flaw::Source, first, message)
        })
    }
}

/// The digest that a record names for the image.
pub(super) fn digest_of<'r>(record: &'r Claims, promotion: &Promotion) -> Option<&'r str> {
    let app = promotion.app.to_string();
    let full = format!("{app} {}", promotion.image);
    let mut digests = record.digests.iter();
    let claimed = digests.find(|(name, _)| *name == app || *name == full);
    claimed.map(|(_, digest)| digest.as_str())
}

/// A record names another digest than there is.
pub(super) fn other_digest(
    (claimed, is): (Option<&str>, Option<&str>),
    promotion: &Promotion,
) -> Wrong {
    let (claimed, is) = (claimed.unwrap_or("none"), is.unwrap_or("none"));
    let message = format!("the record says digest {claimed}, and it is {is}");
    Wrong::of(Flaw::Digest, promotion, message)
}

/// What is said of a change without a record; `lost` where the subject is that
/// of a promotion.
pub(super) fn unrecorded(promotion: &Promotion, lost: bool) -> Wrong {
    let (old, new) = (&promotion.previous, &promotion.version);
    let moved = if old.is_empty() { format!("{new}") } else { format!("{old} -> {new}") };
    if !lost {
        return Wrong::of(Flaw::Unexplained, promotion, format!("{moved} has no record"));
    }
    let message = format!(
        "{moved}: the subject says a promotion, and its record is gone (a squash or a rewrite?)"
    );
    Wrong::of(Flaw::Lost, promotion, message)
}

/// Whether an environment gets the same version of the same image too.
pub(super) fn gets<'p>(
    promotions: impl IntoIterator<Item = &'p Promotion>,
    promotion: &Promotion,
    name: &EnvironmentName,
) -> bool {
    promotions.into_iter().any(|other| other.to == *name && is_same(other, promotion))
}

fn is_same(one: &Promotion, other: &Promotion) -> bool {
    (&one.app, &one.image, &one.version) == (&other.app, &other.image, &other.version)
}

/// Whether the app is new, and arrives in the environments before with the same
/// change: there was nothing to promote.
pub(super) fn is_fresh(changes: &[Planned], promotion: &Promotion) -> bool {
    let arrives = |name: &EnvironmentName| {
        let mut others = changes.iter().map(|planned| &planned.promotion);
        let found = others.find(|other| other.to == *name && is_same(other, promotion));
        found.is_some_and(|other| is_fresh(changes, other))
    };
    promotion.previous.is_empty() && promotion.from.iter().all(arrives)
}

/// Whether the config lets the version come together with the environments
/// before, and it does: no command makes such a change, so none has a record.
pub(super) fn is_together(config: &Config, moved: &Moved, promotion: &Promotion) -> bool {
    let wanted = gate::tag_or_digest(&promotion.version);
    let all = || moved.planned.iter().map(|planned| &planned.promotion);
    let gets = |name: &EnvironmentName| gets(all(), promotion, name);
    let runs = |name: &EnvironmentName| {
        let cell = moved.before.cells.get(&CellKey::of(promotion, name));
        cell.and_then(Cell::pin).is_some_and(|pin| pin.carries(&wanted))
    };
    let together = config.environment(promotion.to.as_str()).is_some_and(|to| to.together);
    together
        && promotion.from.iter().any(gets)
        && promotion.from.iter().all(|name| gets(name) || runs(name))
}

/// Whether a commit of it was reverted, as git writes that.
pub(super) fn reverts(message: &str) -> bool {
    message.contains("This reverts commit ")
}

/// Whether the subject is that of a promotion.
pub(super) fn says_promotion(message: &str) -> bool {
    let subject = message.lines().next().unwrap_or_default();
    let promotes = subject.starts_with("Promote ") && subject.contains(" to ");
    promotes || (subject.starts_with("Roll back ") && subject.contains(" in "))
}

/// Whether the record tells of the app and image in that environment.
pub(super) fn is_told(record: &Claims, promotion: &Promotion) -> bool {
    record.to == promotion.to.as_str() && record.apps.iter().any(|claim| answers(claim, promotion))
}

/// Whether one of the records claims that version there, whatever else.
pub(super) fn is_claimed(records: &[Claims], promotion: &Promotion) -> bool {
    records.iter().any(|record| {
        record.to == promotion.to.as_str()
            && record.apps.iter().any(|claim| {
                answers(claim, promotion) && claim.version == written(&promotion.version)
            })
    })
}
