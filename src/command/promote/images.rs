//! The images of a promotion: digests that are pinned, and copies to the
//! registry of the environment, before anything is committed.

use std::collections::BTreeMap;

use crate::discover::Inventory;
use crate::gate::Approved;
use crate::model::{AppId, Digest, Finding, Outcome, Pin, Rule, Sources};
use crate::plan::Plan;
use crate::report::PromotionReport;

use super::super::registry::{Places, Route, carry, registries, route};
use super::super::{Exit, Failure, Remark};
use super::Promoting;

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
        let bare: Vec<_> = moved.chain(current).filter(|(_, pin)| pin.digest.is_none()).collect();
        if bare.is_empty() {
            return Ok(digests);
        }
        let registries = registries(Some(&self.workspace.repo))?;
        let places = Places { config: &self.workspace.config, inventory };
        for ((app, image), pin) in bare {
            let name = self.vouching(places, (app, image))?;
            let Some(digest) = registries.resolve(&name, pin)? else {
                let message = format!("{name} does not have {pin}, so no digest can be pinned");
                let hint = format!("{} registry check {}", self.program(), app.at(pin));
                return Err(Failure::not_found(message).hint(hint));
            };
            digests.insert((app.clone(), image.to_owned()), digest);
        }
        Ok(digests)
    }

    /// The repository in which a tag means what was tested: that of the
    /// environment before, else that of the environment itself.
    fn vouching(
        &self,
        places: Places<'_>,
        image: (&AppId, &str),
    ) -> Result<crate::registry::RepositoryName, Failure> {
        let to = &self.request.to;
        let environment = self.workspace.config.environment(to.as_str());
        let sources = environment.map(|e| self.workspace.config.sources_for(e, image.0));
        let sources = sources.unwrap_or(Sources::First);
        for environment in sources.names().iter().chain([to]) {
            if let Some(name) = places.repository(environment, image)? {
                return Ok(name);
            }
        }
        let message = format!("nothing tells which registry {to} pulls {} from", image.0);
        Err(Failure::not_found(message).hint(format!("{} status -o wide", self.program())))
    }

    /// What has to be copied so that the environment can pull it.
    pub(super) fn routes(&self, inventory: &Inventory, plan: &Plan) -> Result<Vec<Route>, Failure> {
        let environment = self.workspace.config.environment(plan.to.as_str());
        if environment.is_none_or(|environment| environment.images.registry.is_none()) {
            return Ok(Vec::new());
        }
        let places = Places { config: &self.workspace.config, inventory };
        let mut routes = Vec::new();
        for promotion in plan.promotions.iter().map(|planned| &planned.promotion) {
            let ends = (promotion.from.as_slice(), &promotion.to);
            let image = (&promotion.app, promotion.image.as_str(), &promotion.version);
            routes.extend(route(places, ends, image)?);
        }
        Ok(routes)
    }

    /// Copies what an approved plan needs. Only then is anything written that
    /// points at it.
    pub(super) fn copy(
        &self,
        approved: &Approved,
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
            // Gone back to is what was there, in this registry.
            if self.args.rollback && registries.digest(&route.to, &route.pin)?.is_some() {
                continue;
            }
            let (row, notes) = carry(self.context, &registries, route, true)?;
            // A tag may have moved since it was judged.
            if let Some(wanted) = pinned(approved, route).filter(|wanted| *wanted != row.digest) {
                let message = format!("{} was to be {wanted} and is {}", route.to, row.digest);
                return Err(Failure::new(Exit::Conflict, message));
            }
            report.copies.push(row);
            remarks.extend(notes.into_iter().map(Remark::Note));
        }
        Ok(remarks)
    }

    fn program(&self) -> &'static str {
        self.context.front.name()
    }
}

/// The digest that the plan pins for an image.
fn pinned(approved: &Approved, route: &Route) -> Option<String> {
    let promotions = approved.plan().promotions.iter().map(|planned| &planned.promotion);
    let same = |app: &AppId, image: &str| route.app.as_ref() == Some(app) && route.image == image;
    let mut versions = promotions.filter(|p| same(&p.app, &p.image)).map(|p| &p.version);
    let Pin { digest, .. } = versions.next()?;
    digest.as_ref().map(ToString::to_string)
}
