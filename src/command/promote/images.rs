//! The images of a promotion: digests that are pinned, and copies to the
//! registry of the environment, before anything is committed.

use std::collections::BTreeMap;

use crate::discover::{CellKey, Inventory};
use crate::model::{AppId, Digest, Finding, Outcome, Rule};
use crate::plan::Plan;
use crate::report::{CopyRow, CopyState, PromotionReport};

use super::super::registry::{Entering, Places, Route, Vouched, carry, registries};
use super::super::{Exit, Failure, Remark};
use super::Promoting;
use super::judge::Evidence;

impl Promoting<'_> {
    /// The digests of the tags that are to be pinned; none where that is not
    /// asked for. What ran before goes back as it was.
    pub(super) fn digests(
        &self,
        inventory: &Inventory,
        plan: &Plan,
    ) -> Result<BTreeMap<(AppId, String), Digest>, Failure> {
        let environment = self.workspace.config.environment(plan.to.as_str());
        let pins = environment.is_some_and(|environment| environment.images.pin);
        let mut digests = BTreeMap::new();
        if self.args.rollback || !(self.args.pin || pins) {
            return Ok(digests);
        }
        let moved = plan.promotions.iter().map(|planned| &planned.promotion);
        let moved = moved.map(|p| ((&p.app, p.image.as_str()), &p.version));
        let current = plan.current.iter().map(|(app, image, pin)| ((app, image.as_str()), pin));
        let places = Places { config: &self.workspace.config, inventory };
        // A version that names no image has no digest; whoever asks for one is told.
        let named =
            |(app, image): (&AppId, &str)| self.args.pin || places.names_an_image(app, image);
        let bare = moved.chain(current).filter(|(_, pin)| pin.digest.is_none());
        let bare: Vec<_> = bare.filter(|(image, _)| named(*image)).collect();
        if bare.is_empty() {
            return Ok(digests);
        }
        let registries = registries(Some(&self.workspace.repo))?;
        for ((app, image), pin) in bare {
            let from = places.vouching(&plan.to, (app, image, pin), &|_| false);
            let entering = Entering {
                before: places,
                after: places,
                image: (app, image),
                version: pin,
                to: &plan.to,
                from: &from,
                back: false,
            };
            let hint = || format!("{} registry check {}", self.program(), app.at(pin));
            let Vouched { held, differ } = entering.vouched(&registries, None)?;
            if let Some(differ) = differ {
                let message = format!("{differ}, so no digest can be pinned");
                return Err(Failure::new(Exit::Refused, message).hint(hint()));
            }
            let found = held.iter().find(|held| held.there).or(held.first());
            let (name, digest) = match found {
                Some(held) => (held.name.clone(), held.tagged.clone()),
                // None before it tells: that of the environment itself.
                None => {
                    let name = entering.target()?;
                    (name.clone(), registries.resolve(&name, pin)?)
                }
            };
            let Some(digest) = digest else {
                let message = format!("{name} does not have {pin}, so no digest can be pinned");
                return Err(Failure::not_found(message).hint(hint()));
            };
            digests.insert((app.clone(), image.to_owned()), digest);
        }
        Ok(digests)
    }

    /// What has to be copied so that the environment can pull it: the images
    /// that were judged.
    pub(super) fn routes(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        evidence: &Evidence,
    ) -> Result<Vec<Route>, Failure> {
        let config = &self.workspace.config;
        let environment = config.environment(plan.to.as_str());
        let copies = environment.is_some_and(|environment| environment.images.registry.is_some());
        let Some(answers) = evidence.answers.as_ref().filter(|_| copies) else {
            return Ok(Vec::new());
        };
        let mut routes = Vec::new();
        let before = Places { config, inventory };
        let promotions = plan.promotions.iter().map(|planned| &planned.promotion);
        for promotion in promotions.filter(|p| before.names_an_image(&p.app, &p.image)) {
            let entering = Entering {
                before,
                after: Places { config, inventory: &evidence.proof.after },
                image: (&promotion.app, promotion.image.as_str()),
                version: &promotion.version,
                to: &promotion.to,
                from: &promotion.from,
                back: self.args.rollback,
            };
            let to = entering.target()?;
            let sources = entering.sources()?;
            let key = CellKey::of(promotion, &promotion.to);
            let Some(Ok(found)) = answers.images.get(&key) else {
                // Who lets that pass copies what is there by then.
                let from = sources.into_iter().find(|name| *name != to);
                routes.extend(from.map(|from| entering.route((from, to), None)));
                continue;
            };
            let Some(source) = &found.source else { continue };
            // What it pulls by its digest needs no tag that is taken already, and
            // what is gone at the source cannot be copied.
            if found.there && (found.is_taken(&promotion.version) || !source.there) {
                continue;
            }
            let from = sources.into_iter().find(|name| name.to_string() == source.repository);
            routes.extend(from.map(|from| entering.route((from, to), source.tagged.clone())));
        }
        Ok(routes)
    }

    /// Copies what an approved plan needs. Only then is anything written that
    /// points at it.
    pub(super) fn copy(
        &self,
        routes: &[Route],
        report: &mut PromotionReport,
    ) -> Result<Vec<Remark>, Failure> {
        let mut remarks = Vec::new();
        if routes.is_empty() {
            return Ok(remarks);
        }
        let waived = |finding: &Finding| {
            finding.rule == Rule::GP002 && finding.outcome == Outcome::Overridden
        };
        if report.findings.iter().any(waived) {
            // Whoever waives it has a reason not to wait for the registry.
            let message = "GP002 is overridden: nothing was copied".to_owned();
            return Ok(vec![Remark::Warning(message)]);
        }
        let registries = registries(Some(&self.workspace.repo))?;
        for route in routes {
            let (row, notes) = carry(self.context, &registries, route, true)?;
            report.copies.push(row);
            remarks.extend(notes.into_iter().map(Remark::Note));
        }
        Ok(remarks)
    }

    fn program(&self) -> &'static str {
        self.context.front.name()
    }
}

/// A failure that tells what was copied before it.
pub(super) fn with_copies(failure: Failure, copies: &[CopyRow]) -> Failure {
    let made = copies.iter().filter(|copy| copy.state == CopyState::Copied);
    let made: Vec<String> = made.map(|copy| format!("{}:{}", copy.to, copy.version)).collect();
    if made.is_empty() {
        return failure;
    }
    let message = format!("{} (copied before, and there: {})", failure.message, made.join(", "));
    Failure { message, ..failure }
}
