//! Where a pull request is open for a version, and what it waits for.

use crate::forge::{Check, CheckState, Forge, ForgeError, Request};
use crate::model::Pin;
use crate::pull_request::{self, Memory};
use crate::report::OpenRequest;

use super::super::forges::{self, NoForge};
use super::super::{Failure, Remark, outside};
use super::Asking;

/// What the forge does not tell of a request that it tells of.
#[derive(Default)]
struct Untold(Vec<String>);

impl Untold {
    /// What is told, or the reason why it is not. Where it may be told a while
    /// later it is an error.
    fn take<T>(
        &mut self,
        what: &str,
        told: Result<T, ForgeError>,
    ) -> Result<Option<T>, ForgeError> {
        match told {
            Ok(told) => Ok(Some(told)),
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                self.0.push(format!("{what} is not told: {error}"));
                Ok(None)
            }
        }
    }
}

impl Asking<'_> {
    /// The open requests that would bring the version, and what is not known of
    /// them. That nobody can be asked is no failure: the rules have answered.
    pub(super) fn requests(&self, version: &Pin) -> (Vec<OpenRequest>, Vec<Remark>) {
        if self.args.offline {
            return (Vec::new(), Vec::new());
        }
        if self.args.remote.is_none() && self.workspace.repo.remote_names().is_empty() {
            return (Vec::new(), Vec::new());
        }
        let unknown =
            |why: &str| Remark::Note(format!("whether a pull request is open is not known: {why}"));
        let ground = (&self.workspace.repo, &self.workspace.config);
        let forge = forges::of_remote(ground, self.args.remote.as_deref());
        let open = forge.map_err(NoForge::failure);
        match open.and_then(|forge| self.open(forge.as_ref(), version)) {
            Ok(requests) => (requests, Vec::new()),
            Err(failure) => (Vec::new(), vec![unknown(&failure.message)]),
        }
    }

    fn open(&self, forge: &dyn Forge, version: &Pin) -> Result<Vec<OpenRequest>, Failure> {
        let mut found = Vec::new();
        for request in forge.open_requests()? {
            let memory = pull_request::read(&request.body);
            if !memory.is_some_and(|memory| self.brings(&memory, version)) {
                continue;
            }
            found.push(self.stands(forge, request)?);
        }
        Ok(found)
    }

    /// A request as the forge has it, and what it waits for.
    fn stands(&self, forge: &dyn Forge, request: Request) -> Result<OpenRequest, ForgeError> {
        let to = self.workspace.config.environment(self.to.as_str());
        let reviewers = to.map(|to| to.delivery.reviewers.as_slice()).unwrap_or_default();
        let mut untold = Untold::default();
        let checks = match request.tip.as_str() {
            "" => Some(Vec::new()),
            tip => untold.take("the state of its checks", forge.checks(tip))?,
        };
        let people = forge.standing(&request).and_then(|standing| {
            let given = outside::sorted(forge, (&request, &standing), reviewers)?;
            Ok((given, standing.conflicts))
        });
        let people = untold.take("who approved it", people)?;
        let conflicts = people.as_ref().and_then(|(_, conflicts)| *conflicts);
        let back = request.body.contains("Promote-Rollback: true");
        let checks = checks.map(|checks| {
            let mut checks: Vec<_> = checks.into_iter().map(named).collect();
            checks.sort();
            checks
        });
        Ok(OpenRequest {
            number: request.number,
            url: request.url,
            title: request.title,
            draft: request.draft,
            auto_merge: forge.tells_auto_merge().then_some(request.auto_merge),
            checks,
            wanted: to.map_or(0, |to| to.delivery.needs(back)),
            given: people.map(|(given, _)| given),
            conflicts,
            untold: untold.0,
        })
    }

    /// Whether a request moves the app to that version in this environment.
    fn brings(&self, memory: &Memory, version: &Pin) -> bool {
        let app = self.app.to_string();
        let same = |moved: &pull_request::Moved| {
            let pin = moved.version.parse::<Pin>();
            moved.app == app && pin.is_ok_and(|pin| pin.carries(version))
        };
        memory.environment == self.to.as_str() && memory.moves.iter().any(same)
    }
}

/// A check by its name, and its state.
fn named(check: Check) -> (String, String) {
    let state = match check.state {
        CheckState::Success => "success",
        CheckState::Pending => "pending",
        CheckState::Failure => "failure",
    };
    (check.context, state.to_owned())
}
