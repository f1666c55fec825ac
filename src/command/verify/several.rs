//! Several records of one commit, as a squash leaves them: whether they lead
//! from what was there to what came out.

use crate::audit::{ClaimedApp, Claims, written};
use crate::model::Promotion;
use crate::plan::Planned;
use crate::report::Flaw;

use super::compare::{self, Wrong, answers};

/// Whether the record repeats one of others, as the text of a merge does.
pub(super) fn is_copy(record: &Claims, others: &[Claims]) -> bool {
    let same = |other: &Claims| {
        record.to == other.to && record.apps == other.apps && record.waivers == other.waivers
    };
    let named = |other: &Claims| record.apps.is_empty() && record.id == other.id;
    others.iter().any(|other| same(other) || named(other))
}

/// One line of a record, and the environment that it is about.
type Claim<'a> = (&'a str, &'a ClaimedApp);

fn all<'a>(records: impl IntoIterator<Item = &'a Claims>) -> impl Iterator<Item = Claim<'a>> {
    records.into_iter().flat_map(|record| record.apps.iter().map(|app| (record.to.as_str(), app)))
}

/// The claims that are no step of a way from what was there to what came out.
pub(super) fn unmatched(records: &[Claims], changes: &[Planned]) -> Vec<Wrong> {
    all(records).filter_map(|claim| stray(claim, records, changes)).collect()
}

/// Digests that are not those of the versions that came out. A step to another
/// digest of the same version may have been another one, if a record goes on
/// from it; so may what a revert took back.
pub(super) fn digests(records: &[Claims], changes: &[Planned], reverts: bool) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for promotion in changes.iter().map(|planned| &planned.promotion) {
        let is = promotion.version.digest.as_ref().map(ToString::to_string);
        let claims =
            |record: &&Claims| compare::is_claimed(std::slice::from_ref(record), promotion);
        let (right, other): (Vec<&Claims>, Vec<&Claims>) = records
            .iter()
            .filter(claims)
            .partition(|record| compare::digest_of(record, promotion) == is.as_deref());
        let may_differ = |record: &&Claims| {
            let version = written(&promotion.version);
            let goes_on = all(records.iter().filter(|other| !std::ptr::eq(*other, *record))).any(
                |(to, step)| {
                    promotion.to.as_str() == to
                        && answers(step, promotion)
                        && step.previous == version
                },
            );
            !right.is_empty() && (reverts || goes_on)
        };
        let other = other.into_iter().filter(|record| !may_differ(record));
        wrong.extend(other.map(|record| {
            compare::other_digest((compare::digest_of(record, promotion), is.as_deref()), promotion)
        }));
    }
    wrong
}

fn stray((to, app): Claim<'_>, records: &[Claims], changes: &[Planned]) -> Option<Wrong> {
    let others = || {
        let own = |(env, other): &Claim<'_>| *env == to && is_same(&other.name, &app.name);
        all(records).filter(own).filter(|(_, other)| !std::ptr::eq(*other, app))
    };
    let goes_on = others().any(|(_, other)| other.previous == app.version);
    let comes_from = others().any(|(_, other)| other.version == app.previous);
    let net: Vec<&Promotion> = changes
        .iter()
        .map(|planned| &planned.promotion)
        .filter(|promotion| promotion.to.as_str() == to && answers(app, promotion))
        .collect();
    let ends = goes_on || net.iter().any(|promotion| written(&promotion.version) == app.version);
    let begins =
        comes_from || net.iter().any(|promotion| written(&promotion.previous) == app.previous);
    let ClaimedApp { name, previous, version } = app;
    match net.first() {
        _ if ends && begins => None,
        None => {
            let message = format!(
                "the record says {name} {previous} -> {version}, and nothing of it changed"
            );
            Some(Wrong::whole(Flaw::App, to, message))
        }
        Some(promotion) if ends => {
            let is = written(&promotion.previous);
            let message = format!("the record says previous version {previous}, and it is {is}");
            Some(Wrong::of(Flaw::Previous, promotion, message))
        }
        Some(promotion) => {
            let is = written(&promotion.version);
            let message = format!("the record says version {version}, and it is {is}");
            Some(Wrong::of(Flaw::Version, promotion, message))
        }
    }
}

/// Whether two names may mean the same image: one of them may leave it out.
fn is_same(one: &str, other: &str) -> bool {
    let leads = |name: &str, longer: &str| {
        longer.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    leads(one, other) || leads(other, one)
}

/// Whether the records lead from the version before to the one that came, step
/// by step.
pub(super) fn leads(records: &[Claims], promotion: &Promotion) -> bool {
    let steps: Vec<&ClaimedApp> = all(records)
        .filter(|(to, app)| promotion.to.as_str() == *to && answers(app, promotion))
        .map(|(_, app)| app)
        .collect();
    let mut reached = vec![written(&promotion.previous)];
    let mut at = 0;
    while let Some(version) = reached.get(at).cloned() {
        let next = steps.iter().filter(|step| step.previous == version).map(|step| &step.version);
        let new: Vec<String> = next.filter(|next| !reached.contains(next)).cloned().collect();
        reached.extend(new);
        at += 1;
    }
    let wanted = written(&promotion.version);
    reached.contains(&wanted)
}
