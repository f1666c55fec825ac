//! A promotion as a pull request: one commit on a branch of its own, and one
//! request that holds it, whatever was there before.

use std::time::Duration;

use crate::forge::{self, Draft, Ensured, Forge, ForgeError, Place, PushOptions, Request};
use crate::gate::Approved;
use crate::model::{ForgeKind, RepoPath, quoted};
use crate::pull_request::{self, Memory};
use crate::report::{Ending, PromotionReport, RequestLine};

use super::super::{Exit, Failure, Remark, forges};
use super::Promoting;
use super::aside::Destination;
use super::branch::Kept;
use super::ending::End;
use super::wording::Wording;

/// The pause before a request is looked for that may have been opened.
const PAUSE: Duration = Duration::from_secs(1);

/// Pushes the branch and opens the request, or brings both up to date.
pub(super) fn deliver(
    promoting: &Promoting<'_>,
    (approved, destination): (&Approved, &Destination),
    report: &mut PromotionReport,
) -> Result<End, Failure> {
    let Promoting { workspace, request, .. } = promoting;
    let flow = workspace.config.delivery.pull_request.flow;
    let branch = pull_request::branch(flow, &request.to, &report.promotions);
    let mut step = Step { promoting, approved, destination, branch };
    report.branch = Some(step.branch.clone());
    let place = step.place()?;
    let connect = |place| forges::connect(&workspace.repo, place);
    let forge = place.as_ref().map_or(Ok(None), connect)?;
    match (place, forge) {
        (Some(place), Some(forge)) => step.requested((&place, forge.as_ref()), report),
        (place, _) => step.pushed(place.as_ref(), report),
    }
}

/// A promotion on its way to a branch of its own.
pub(super) struct Step<'a> {
    pub(super) promoting: &'a Promoting<'a>,
    pub(super) approved: &'a Approved,
    pub(super) destination: &'a Destination,
    pub(super) branch: String,
}

impl Step<'_> {
    /// The repository on its forge.
    fn place(&self) -> Result<Option<Place>, Failure> {
        let config = &self.promoting.workspace.config;
        let remote = &self.destination.remote;
        let place = forges::place(config, &remote.url)?;
        let push = forges::place(config, &remote.push_url)?;
        let fork = |place: &Place, push: &Place| place.repository != push.repository;
        if let (Some(place), Some(push)) = (&place, &push)
            && fork(place, push)
        {
            let message = format!(
                "pull requests from a fork are not opened: {} is pushed to, {} is the base",
                push.repository, place.repository
            );
            let name = &remote.name;
            return Err(Failure::usage(message)
                .hint(format!("git -c remote.pushDefault={name} promote ... --pr")));
        }
        Ok(place)
    }

    /// Without a forge or a token: the branch is pushed, and a person opens the
    /// request.
    fn pushed(
        &mut self,
        place: Option<&Place>,
        report: &mut PromotionReport,
    ) -> Result<End, Failure> {
        let PushOptions { options, left_out } = match place {
            Some(place) if place.kind == ForgeKind::GitLab => self.push_options(report)?,
            _ => PushOptions::default(),
        };
        // Nobody can say whether a request is open.
        let branch = self.there(true)?;
        self.push(report, &branch, &options)?;
        report.ending = Ending::Pushed;
        let mut remarks = Vec::new();
        if let Some(place) = place {
            let why = format!("no pull request was opened: there is no token for {}", place.host);
            // GitLab opens one by the push.
            let told = if options.is_empty() { Remark::Warning } else { Remark::Note };
            remarks.push(told(why));
            let without = |what: &String| Remark::Note(format!("left out without one: {what}"));
            remarks.extend(left_out.iter().map(without));
            let (base, branch) = (&self.destination.base.branch, &self.branch);
            remarks.push(Remark::Hint(place.compare_url(base, branch)));
        } else {
            let name = &self.destination.remote.name;
            let why = format!("no pull request was opened: no forge is known for {name}");
            remarks.push(Remark::Warning(why));
            remarks.push(Remark::Hint("git promote config show".to_owned()));
        }
        Ok(End { remarks, exit: Exit::Done })
    }

    /// What GitLab is told with the push: it opens the request by itself.
    fn push_options(&self, report: &PromotionReport) -> Result<PushOptions, Failure> {
        let draft = self.draft((report, None), "")?;
        let method = self.promoting.workspace.config.delivery.pull_request.merge_method;
        Ok(forge::push_options(&draft, self.auto_merge().then_some(method)))
    }

    /// With a forge: the request is there in the end, and it is the only one.
    fn requested(
        &mut self,
        (place, forge): (&Place, &dyn Forge),
        report: &mut PromotionReport,
    ) -> Result<End, Failure> {
        let open = forge.open_requests()?;
        let of_branch = open.iter().filter(|request| request.head == self.branch);
        let (foreign, own): (Vec<&Request>, Vec<&Request>) =
            of_branch.partition(|request| self.is_of_another_environment(request));
        let body = match own.first() {
            Some(request) => request.body.clone(),
            None => self.template()?,
        };
        let branch = self.there(!own.is_empty())?;
        let draft = self.draft((report, branch.kept.as_ref()), &body)?;
        for request in foreign {
            self.retire(forge, request)?;
        }
        // Before the push: what is pushed must not be merged by what was asked
        // for something else.
        let merges = |request: &&&Request| request.auto_merge || !forge.tells_auto_merge();
        for request in own.iter().filter(|_| !self.auto_merge()).filter(merges) {
            forge.set_auto_merge(request, None)?;
        }
        self.push(report, &branch, &[])?;
        // From here on the branch is there: what fails is told with the way on.
        report.ending = Ending::Pushed;
        match forge::ensure(forge, &draft, PAUSE) {
            Ok(ensured) => {
                self.is_still_ours(report)?;
                Ok(self.ended((forge, &open), ensured, report))
            }
            Err(error) => Ok(self.unfinished(place, &error, report)),
        }
    }

    /// What is left to do once the request is there.
    fn ended(
        &self,
        (forge, open): (&dyn Forge, &[Request]),
        ensured: Ensured,
        report: &mut PromotionReport,
    ) -> End {
        let Ensured { request, created, mut problems } = ensured;
        let auto_merge = self.auto_merge();
        let mut merges = request.auto_merge;
        if auto_merge != merges {
            let method = self.promoting.workspace.config.delivery.pull_request.merge_method;
            match forge.set_auto_merge(&request, auto_merge.then_some(method)) {
                Ok(()) => merges = auto_merge,
                Err(error) => problems.push(error),
            }
        }
        let memory = Memory::of(&report.promotions);
        problems.extend(memory.and_then(|own| supersede(forge, (open, &own), &request).err()));
        report.ending = Ending::Requested;
        report.request = Some(RequestLine {
            number: request.number,
            url: request.url,
            opened: created,
            auto_merge: merges,
        });
        let exit = if problems.is_empty() { Exit::Done } else { Exit::Partly };
        let told =
            |error: &ForgeError| Remark::Warning(format!("the request is open, but {error}"));
        let mut remarks: Vec<Remark> = problems.iter().map(told).collect();
        if !problems.is_empty() {
            remarks.push(Remark::Hint(self.again(report)));
        }
        End { remarks, exit }
    }

    /// The branch is pushed, and the forge did not open the request.
    fn unfinished(&self, place: &Place, error: &ForgeError, report: &PromotionReport) -> End {
        let remarks = vec![
            Remark::Error(format!("the branch is pushed, but there is no request: {error}")),
            Remark::Hint(self.again(report)),
            Remark::Hint(place.compare_url(&self.destination.base.branch, &self.branch)),
        ];
        End { remarks, exit: Exit::Partly }
    }

    /// The command that goes on: it says in full what this one may have been
    /// told by where it was started.
    fn again(&self, report: &PromotionReport) -> String {
        let Promoting { context, args, request, .. } = self.promoting;
        let mut words: Vec<String> = Vec::new();
        for promotion in &report.promotions {
            let word = promotion.app.at(&promotion.version);
            if !words.contains(&word) {
                words.push(word);
            }
        }
        let to = quoted(request.to.as_str());
        if args.rollback {
            words.splice(0..0, ["rollback".to_owned(), to]);
        } else {
            words.push(to);
        }
        words.push("--pr".to_owned());
        let named =
            [("--remote", &args.remote), ("--base", &args.base), ("--reason", &args.reason)];
        let named = named.into_iter().filter_map(|(flag, value)| Some((flag, value.clone()?)));
        let waived = args.overrides.iter().map(|rule| ("--override", rule.to_string()));
        let images = args.images.iter().map(|image| ("--image", image.clone()));
        for (flag, value) in waived.chain(named).chain(images) {
            words.extend([flag.to_owned(), quoted(&value)]);
        }
        format!("{} {}", context.front.name(), words.join(" "))
    }

    fn auto_merge(&self) -> bool {
        let Promoting { workspace, request, .. } = self.promoting;
        let environment = workspace.config.environment(request.to.as_str());
        environment.is_some_and(|environment| environment.delivery.auto_merge)
    }

    /// Whether an open request of the branch moves into another environment:
    /// what was approved for that one does not count for this one. Where the
    /// branch is that of the environment, nothing else has to tell.
    fn is_of_another_environment(&self, request: &Request) -> bool {
        let to = self.promoting.request.to.as_str();
        let memory = pull_request::read(&request.body);
        let shared = pull_request::is_shared(&self.branch);
        memory.map_or(shared, |memory| memory.environment != to)
            || request.base != self.destination.base.branch
    }

    fn retire(&self, forge: &dyn Forge, request: &Request) -> Result<(), ForgeError> {
        let to = &self.promoting.request.to;
        let base = &self.destination.base.branch;
        let text = format!(
            "Closed: this branch goes to `{to}` on `{base}` now, by a request of its own, so that \
             what was approved here does not count there."
        );
        forge.comment(request, &text)?;
        forge.close(request)
    }

    /// The text that the repository wants above that of a request.
    fn template(&self) -> Result<String, Failure> {
        const USUAL: [&str; 6] = [
            ".github/pull_request_template.md",
            ".github/PULL_REQUEST_TEMPLATE.md",
            "pull_request_template.md",
            ".gitlab/merge_request_templates/Default.md",
            ".gitea/pull_request_template.md",
            ".azuredevops/pull_request_template.md",
        ];
        let workspace = self.promoting.workspace;
        let read = |path: &str| {
            let path = RepoPath::normalize(path).unwrap_or_default();
            workspace
                .repo
                .snapshot(workspace.base)
                .map_err(Failure::from)
                .and_then(|snapshot| Ok(crate::model::Snapshot::read(&snapshot, &path)?))
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if let Some(path) = &workspace.config.delivery.pull_request.template {
            let missing = || {
                Failure::not_found(format!("the template `{path}` is not in the repository"))
                    .hint("git promote config show")
            };
            return Ok(text(read(path)?.ok_or_else(missing)?));
        }
        for path in USUAL {
            if let Some(bytes) = read(path)? {
                return Ok(text(bytes));
            }
        }
        Ok(String::new())
    }

    /// The request as it shall be; `body` is what it says already.
    fn draft(
        &self,
        (report, kept): (&PromotionReport, Option<&Kept>),
        body: &str,
    ) -> Result<Draft, Failure> {
        let mut record = self.promoting.letter(report)?.record;
        if let Some(kept) = kept {
            // As the commit says it, which stays on the base that it has.
            record.base = kept.base.to_string();
        }
        let workspace = self.promoting.workspace;
        let wording = Wording { workspace, report, record: &record };
        let memory = Memory::of(&report.promotions);
        let own = memory.map(|memory| memory.wrap(&wording.body())).unwrap_or_default();
        let settings = &workspace.config.delivery.pull_request;
        let environment = workspace.config.environment(self.promoting.request.to.as_str());
        Ok(Draft {
            head: self.branch.clone(),
            base: self.destination.base.branch.clone(),
            title: wording.title(),
            body: pull_request::blend(body, &own),
            draft: settings.draft,
            labels: wording.labels(),
            reviewers: environment.map(|e| e.delivery.reviewers.clone()).unwrap_or_default(),
            milestone: settings.milestone.clone(),
        })
    }
}

/// Closes the requests that this one makes needless.
fn supersede(
    forge: &dyn Forge,
    (open, memory): (&[Request], &Memory),
    own: &Request,
) -> Result<(), ForgeError> {
    for other in open {
        let ours = other.head.starts_with(pull_request::PREFIX) && other.head != own.head;
        let older = pull_request::read(&other.body).filter(|_| ours && other.base == own.base);
        if older.is_some_and(|older| memory.supersedes(&older)) {
            forge.comment(other, &format!("Superseded by #{}.", own.number))?;
            forge.close(other)?;
        }
    }
    Ok(())
}
