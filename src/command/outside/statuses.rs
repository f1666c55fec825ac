//! The health of an app as the forge knows it: by commit statuses and check
//! runs.
//!
//! What deploys leaves its status at the commit that it deployed: the one that
//! brought the version, or a later one where that was passed over. So the newest
//! state of each name counts, of whatever commit since then: that a fix landed
//! lifts what failed before it.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher, escape};

use crate::config::placeholders;
use crate::forge::{Check, CheckState};
use crate::gate::{Silence, short_id};
use crate::git::{self, Interest, ObjectId};
use crate::model::{AppId, Cause, EnvironmentName, Health, Sight};

use super::super::Failure;
use super::asker::{Asker, Subject, Trouble};

/// How many commits are looked at from the newest back to the one that brought
/// the version; that one is looked at as well.
const BETWEEN: usize = 20;

/// How many commits may have come since the version did, where every failure
/// since then counts.
const SINCE: usize = 100;

impl Asker<'_> {
    /// What the statuses say whose names fit.
    pub(super) fn statuses(&self, subject: Subject<'_>, context: &str) -> Result<Sight, Trouble> {
        let glob = matcher(subject, context)?;
        let repo = self.ground.repo;
        let base = repo.commit_of(self.ground.base)?.ok_or_else(|| Silence {
            message: "a tree has no commit statuses".to_owned(),
            hint: None,
            cause: Cause::Broken,
        })?;
        let arrival = subject.since.and_then(|moment| repo.full_id(&moment.commit));
        if subject.settings.since_arrival
            && let Some(failure) = self.failure_since(base, arrival, &glob)?
        {
            return Ok(failure);
        }
        // Those between count whatever the two ends say: a later commit may have
        // broken what had come up well, and the newest may not have been told of.
        let mut commits: Vec<ObjectId> = arrival.into_iter().collect();
        let between = self.since(base, arrival, BETWEEN)?.0.into_iter().rev();
        commits.extend(between.filter(|id| Some(*id) != arrival));
        let mut known = 0;
        let newest = self.newest(&commits, &glob, &mut known)?;
        let worst = newest.into_iter().max_by_key(|(_, check)| check.state);
        Ok(worst.map_or_else(
            || nothing(&glob, (arrival, base), known),
            |(commit, check)| sight(commit, &check, None),
        ))
    }

    /// The newest check of each name that fits, on any of the commits, the
    /// oldest of them first: of two at one time that of the newer commit.
    fn newest(
        &self,
        commits: &[ObjectId],
        glob: &GlobMatcher,
        known: &mut usize,
    ) -> Result<Vec<(ObjectId, Check)>, Trouble> {
        let mut newest: BTreeMap<String, (ObjectId, Check)> = BTreeMap::new();
        for commit in commits {
            let Some(checks) = self.checks(*commit, false)? else { continue };
            *known += 1;
            for check in checks.into_iter().filter(|check| glob.is_match(&check.context)) {
                let older =
                    newest.get(&check.context).is_none_or(|(_, one)| one.updated <= check.updated);
                if older {
                    newest.insert(check.context.clone(), (*commit, check));
                }
            }
        }
        Ok(newest.into_values().collect())
    }

    /// The first failure that was told since the version came.
    fn failure_since(
        &self,
        base: ObjectId,
        arrival: Option<ObjectId>,
        glob: &GlobMatcher,
    ) -> Result<Option<Sight>, Trouble> {
        if arrival.is_none() {
            return Err(Trouble::Silence(Silence {
                message: "when the version arrived is not known: the history is cut off".to_owned(),
                hint: Some("git fetch --unshallow".to_owned()),
                cause: Cause::Broken,
            }));
        }
        let (commits, whole) = self.since(base, arrival, SINCE)?;
        if !whole {
            let message = format!(
                "more than {SINCE} commits came since the version did: whether it failed at one of \
                 them is not asked"
            );
            return Err(Trouble::Silence(Silence { message, hint: None, cause: Cause::Broken }));
        }
        for commit in commits.into_iter().rev() {
            let checks = self.checks(commit, true)?.unwrap_or_default();
            let fits = |check: &&Check| {
                check.state == CheckState::Failure && glob.is_match(&check.context)
            };
            if let Some(check) = checks.iter().filter(fits).min_by_key(|check| check.updated) {
                return Ok(Some(sight(commit, check, Some("failed since it arrived"))));
            }
        }
        Ok(None)
    }

    /// The commits from the newest back to the one that brought the version, at
    /// most so many; and whether these are all.
    fn since(
        &self,
        base: ObjectId,
        arrival: Option<ObjectId>,
        most: usize,
    ) -> Result<(Vec<ObjectId>, bool), Trouble> {
        let mut found = Vec::new();
        let walk = git::walk(self.ground.repo, base, Interest::default())?.with_unchanged();
        for commit in walk.take(most) {
            let id = commit?.id;
            found.push(id);
            if Some(id) == arrival {
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }
}

/// The glob of a subject: what its names hold has no meaning in it.
pub(super) fn matcher(subject: Subject<'_>, context: &str) -> Result<GlobMatcher, Failure> {
    let mut app: AppId = subject.app.clone();
    app.name = escape(&app.name);
    app.group = app.group.as_deref().map(escape);
    let environment = EnvironmentName::new(escape(subject.environment.name.as_str()));
    let version = escape(&subject.version.to_string());
    let text = placeholders(context, &app, &environment, &version);
    let glob = Glob::new(&text).map_err(|error| {
        Failure::usage(format!("`{text}` is no glob: {}", error.kind()))
            .hint("--context '*/{group}-{env}'")
    })?;
    Ok(glob.compile_matcher())
}

fn sight(commit: ObjectId, check: &Check, note: Option<&str>) -> Sight {
    let message = match (note, check.description.as_str()) {
        (Some(note), "") => note.to_owned(),
        (Some(note), says) => format!("{note}: {says}"),
        (None, says) => says.to_owned(),
    };
    Sight {
        health: match check.state {
            CheckState::Success => Health::Healthy,
            CheckState::Pending => Health::Pending,
            CheckState::Failure => Health::Failed,
        },
        what: Some(check.context.clone()),
        commit: Some(commit.to_string()),
        message,
        url: check.url.clone(),
    }
}

fn nothing(glob: &GlobMatcher, ends: (Option<ObjectId>, ObjectId), known: usize) -> Sight {
    let glob = glob.glob().glob();
    let (arrival, base) = ends;
    let ends = arrival.filter(|id| *id != base).into_iter().chain([base]);
    let names: Vec<String> = ends.map(|id| short_id(&id.to_string()).to_owned()).collect();
    let message = if known == 0 {
        format!("the forge does not know {}", names.join(" and "))
    } else {
        format!("no status of {} fits `{glob}`", names.join(" and "))
    };
    Sight::unknown(message)
}
