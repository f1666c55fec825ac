//! `--config`: what two environments set differently beside their versions, and
//! since when.

use std::collections::BTreeSet;

use crate::diff::{self, Names, Setting, Settings};
use crate::discover::{Cell, CellKey, Inventory, Overlay};
use crate::git::ObjectId;
use crate::history::Moment;
use crate::model::{AppId, EnvironmentName, Pin, Snapshot};
use crate::report::{DiffRow, Distance, Found};

use super::super::evidence::{Ground, at_commit};
use super::super::{Failure, Remark};
use super::{Diffing, Ends, Pair};

/// What was found of one app in two environments.
#[derive(Default)]
pub(super) struct OfApp {
    pub(super) rows: Vec<DiffRow>,
    pub(super) remarks: Vec<Remark>,
}

/// The settings of both at one commit.
struct Both {
    left: Settings,
    right: Settings,
}

impl Diffing<'_> {
    pub(super) fn settings(
        self,
        ends: &Ends<'_>,
        pair: &Pair,
        app: &AppId,
    ) -> Result<OfApp, Failure> {
        let (left, right) = pair;
        let there = |name: &EnvironmentName| ends.inventory.images(name, app).next().is_some();
        if !there(left) || !there(right) {
            return Ok(OfApp::default());
        }
        let now = self.both(ends.inventory, (self.snapshot(), ends.inventory), (pair, app))?;
        let found = diff::compare(&now.left, &now.right);
        let mut all = OfApp::default();
        let mut unfollowed: Vec<&String> =
            now.left.unfollowed.iter().chain(&now.right.unfollowed).collect();
        unfollowed.sort();
        unfollowed.dedup();
        if let Some(first) = unfollowed.first() {
            let more = match unfollowed.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let note = format!("{app}: not followed, and not compared: {first}{more}");
            all.remarks.push(Remark::Note(note));
        }
        if found.iter().all(|setting| setting.by_design) {
            all.rows = found.iter().map(|s| row((pair, app), s, Distance::Design, None)).collect();
            return Ok(all);
        }
        let then = match ends.arrival(right, app) {
            Some(moment) => self.at(ends.inventory, moment, (pair, app))?,
            None => None,
        };
        let came = self.came(ends, (pair, app), (&found, &now))?;
        for setting in &found {
            let distance = if setting.by_design {
                Distance::Design
            } else {
                then.as_ref().map_or(Distance::Unknown, |then| distance(setting, &now, then))
            };
            let with = came.iter().find(|(key, _)| *key == setting).map(|(_, pin)| pin.clone());
            all.rows.push(row((pair, app), setting, distance, with));
        }
        all.remarks.extend(left_behind(ends, (pair, app), &all.rows));
        Ok(all)
    }

    fn snapshot(&self) -> &dyn Snapshot {
        &self.workspace.snapshot
    }

    fn both(
        self,
        known: &Inventory,
        (snapshot, then): (&dyn Snapshot, &Inventory),
        ((left, right), app): (&Pair, &AppId),
    ) -> Result<Both, Failure> {
        let of = |environment| self.of(known, (snapshot, then), (environment, app));
        Ok(Both { left: of(left)?, right: of(right)? })
    }

    fn of(
        self,
        known: &Inventory,
        (snapshot, then): (&dyn Snapshot, &Inventory),
        (environment, app): (&EnvironmentName, &AppId),
    ) -> Result<Settings, Failure> {
        let cells = known.images(environment, app);
        let indexes: BTreeSet<usize> =
            cells.flat_map(|(_, cell)| cell.overlays.iter().copied()).collect();
        let overlays: Vec<&Overlay> =
            indexes.into_iter().filter_map(|index| known.overlays.get(index)).collect();
        let dirs = self.workspace.config.environment(environment.as_str());
        let dirs = dirs.iter().flat_map(|e| e.dirs.iter().map(String::as_str));
        let pins: Vec<&Pin> =
            then.images(environment, app).flat_map(|(_, cell)| cell.pins()).collect();
        let names = Names::new(dirs.chain([environment.as_str()]), pins);
        Ok(Settings::of(snapshot, overlays, (known.roots(), names))?)
    }

    /// Both at a commit of the past.
    fn at(
        self,
        known: &Inventory,
        moment: &Moment,
        (pair, app): (&Pair, &AppId),
    ) -> Result<Option<Both>, Failure> {
        let Ok(commit) = ObjectId::from_hex(moment.commit.as_bytes()) else { return Ok(None) };
        self.at_id(known, commit, (pair, app)).map(Some)
    }

    fn at_id(
        self,
        known: &Inventory,
        commit: ObjectId,
        (pair, app): (&Pair, &AppId),
    ) -> Result<Both, Failure> {
        let here = |key: &&CellKey| {
            key.app == *app && (key.environment == pair.0 || key.environment == pair.1)
        };
        let keys: Vec<CellKey> = known.cells.keys().filter(here).cloned().collect();
        let then = at_commit(Ground::of(self.workspace), commit, (known, &keys))?;
        let snapshot = self.workspace.repo.snapshot(commit)?;
        self.both(known, (&snapshot, &then), (pair, app))
    }

    /// The settings that came to the first environment in the commit that
    /// brought its version, with that version.
    fn came<'s>(
        self,
        ends: &Ends<'_>,
        (pair, app): (&Pair, &AppId),
        (found, now): (&'s [Setting], &Both),
    ) -> Result<Vec<(&'s Setting, Pin)>, Failure> {
        let Some((moment, pin)) = ends.newest(&pair.0, app) else { return Ok(Vec::new()) };
        let Ok(commit) = ObjectId::from_hex(moment.commit.as_bytes()) else {
            return Ok(Vec::new());
        };
        let parents = self.workspace.repo.parents(commit)?;
        let Some(parent) = parents.first().filter(|id| self.workspace.repo.has(**id)) else {
            return Ok(Vec::new());
        };
        let before = self.at_id(ends.inventory, *parent, (pair, app))?;
        let after = self.at_id(ends.inventory, commit, (pair, app))?;
        let came = |setting: &&Setting| {
            let value = |both: &Both| both.left.value(setting, &now.left).map(str::to_owned);
            let is = value(&after);
            !setting.by_design && is.is_some() && is == value(now) && is != value(&before)
        };
        Ok(found.iter().filter(came).map(|setting| (setting, pin.clone())).collect())
    }
}

impl Ends<'_> {
    /// When the newest version of the app came to the environment.
    fn arrival(&self, environment: &EnvironmentName, app: &AppId) -> Option<&Moment> {
        self.newest(environment, app).map(|(moment, _)| moment)
    }

    fn newest(&self, environment: &EnvironmentName, app: &AppId) -> Option<(&Moment, Pin)> {
        let own = |key: &CellKey| key.environment == *environment && key.app == *app;
        let timelines = self.timelines.iter().filter(|(key, _)| own(key));
        let found = timelines.filter_map(|(_, timeline)| {
            Some((timeline.since()?, timeline.held.first()?.pin.clone()))
        });
        found.max_by_key(|(moment, _)| moment.seconds)
    }
}

fn distance(setting: &Setting, now: &Both, then: &Both) -> Distance {
    let (left, right) =
        (then.left.value(setting, &now.left), then.right.value(setting, &now.right));
    if (left, right) == (setting.left.as_deref(), setting.right.as_deref()) {
        Distance::Long
    } else {
        Distance::New
    }
}

fn row(
    ((left, right), app): (&Pair, &AppId),
    setting: &Setting,
    distance: Distance,
    came_with: Option<Pin>,
) -> DiffRow {
    DiffRow {
        left: left.clone(),
        right: right.clone(),
        app: app.clone(),
        found: Found::Setting {
            object: setting.object.clone(),
            field: setting.field.clone(),
            left: setting.left.clone(),
            right: setting.right.clone(),
            distance,
            came_with,
        },
    }
}

/// A promotion moves the version, and not the setting that came with it.
fn left_behind(
    ends: &Ends<'_>,
    ((left, right), app): (&Pair, &AppId),
    rows: &[DiffRow],
) -> Vec<Remark> {
    let runs = |version: &Pin| {
        let mut images = ends.inventory.images(right, app);
        images.any(|(_, cell)| Cell::pin(cell) == Some(version))
    };
    let warn = |row: &DiffRow| {
        let Found::Setting { object, field, came_with: Some(version), .. } = &row.found else {
            return None;
        };
        let what = format!("{object} {}", diff::of_pod(field));
        let what = what.trim_end();
        Some(if runs(version) {
            format!("{app}: {right} runs {version} without {what}, which came to {left} with it")
        } else {
            format!(
                "{app}: a promotion of {version} to {right} does not move {what}, which came to \
                 {left} with it"
            )
        })
    };
    rows.iter().filter_map(warn).map(Remark::Warning).collect()
}
