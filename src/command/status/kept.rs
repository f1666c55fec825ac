//! What a status was told once is kept, as long as the commit is the same: who
//! runs what, and since when, follows from its id alone.
//!
//! Only of many cells, since of few it is quicker told anew; and never in a
//! shallow clone, which may be cut off elsewhere the next time. A file that is
//! damaged, of another version or of another commit is as if it were not there.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{AppId, EnvironmentName, Pin, RepoPath, Snapshot};
use crate::report::{Next, Standing, StatusCell, StatusReport, StatusRow};
use crate::schedule::Calendar;

use super::super::{Context, Workspace, held};
use super::matrix::command_of;

/// Of fewer cells nothing is kept.
const ENOUGH: usize = 600;
/// A hash in hexadecimal digits.
const SUM: usize = 64;

/// Every row of a status, and what is to be said beside it.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) report: StatusReport,
    /// Files that cannot be read.
    pub(super) unread: Vec<String>,
    /// What is said with `-v`.
    pub(super) notes: Vec<String>,
}

/// How it is written: commits and authors once, and rows that name them by
/// their place.
#[derive(Serialize, Deserialize)]
struct File {
    base: String,
    environments: Vec<(String, Vec<String>)>,
    moments: Vec<(String, i64, String)>,
    rows: Vec<Row>,
    unread: Vec<String>,
    notes: Vec<String>,
}

/// Version, place of its moment, file, standing.
type Cell = (Option<String>, Option<usize>, Option<String>, u8);

#[derive(Serialize, Deserialize)]
struct Row {
    app: (String, Option<String>, bool, BTreeMap<String, String>),
    image: String,
    /// One an environment.
    cells: Vec<Cell>,
    next: Vec<(String, String)>,
}

const STANDINGS: [Standing; 5] =
    [Standing::Current, Standing::Behind, Standing::Ahead, Standing::Absent, Standing::Unknown];

/// Of a commit one for each version of the program.
fn name(workspace: &Workspace) -> String {
    let text = format!("{}\n{}", env!("CARGO_PKG_VERSION"), workspace.base);
    hex(Sha256::digest(text).as_slice()).chars().take(32).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether the same commit tells something else at another time: freezes begin
/// and end, and so do holds.
fn changes_by_itself(workspace: &Workspace) -> bool {
    let config = &workspace.config;
    let mut environments = config.pipeline.environments().iter();
    let dated = |calendar: Calendar<'_>| calendar.freezes.iter().any(|all| !all.is_empty());
    // What cannot be read is told where the status is.
    environments.any(|environment| dated(config.calendar(&environment.name)))
        || workspace.snapshot.kind(&held::file()).is_ok_and(|kind| kind.is_some())
}

/// What was kept of this commit.
pub(super) fn read(context: &Context, workspace: &Workspace) -> Option<Whole> {
    if workspace.repo.is_shallow() || changes_by_itself(workspace) {
        return None;
    }
    let bytes = workspace.repo.kept("status").read(&name(workspace))?;
    let (sum, body) = bytes.split_at_checked(SUM)?;
    if hex(Sha256::digest(body).as_slice()).as_bytes() != sum {
        return None;
    }
    let file: File = serde_json::from_slice(body).ok()?;
    if workspace.base != *file.base {
        return None;
    }
    unpack(context, file)
}

/// Keeps it, where that is worth it.
pub(super) fn write(workspace: &Workspace, whole: &Whole) {
    let cells: usize = whole.report.rows.iter().map(|row| row.cells.len()).sum();
    if cells < ENOUGH || workspace.repo.is_shallow() || changes_by_itself(workspace) {
        return;
    }
    if let Ok(body) = serde_json::to_vec(&pack(workspace, whole)) {
        let sum = hex(Sha256::digest(&body).as_slice());
        let bytes = [sum.as_bytes(), &body].concat();
        workspace.repo.kept("status").write(&name(workspace), &bytes);
    }
}

fn pack(workspace: &Workspace, whole: &Whole) -> File {
    let mut moments: Vec<(String, i64, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut cell = |cell: &StatusCell| {
        let moment = cell.commit.as_ref().zip(cell.since).map(|(commit, since)| {
            *places.entry(commit.clone()).or_insert_with(|| {
                moments.push((commit.clone(), since, cell.author.clone().unwrap_or_default()));
                moments.len() - 1
            })
        });
        let standing = STANDINGS.iter().position(|standing| *standing == cell.standing);
        (
            cell.pin.as_ref().map(ToString::to_string),
            moment,
            cell.path.as_ref().map(ToString::to_string),
            standing.and_then(|at| u8::try_from(at).ok()).unwrap_or_default(),
        )
    };
    let rows = whole.report.rows.iter().map(|row| {
        let AppId { name, group, from_marker, labels } = row.app.clone();
        let next = |next: &Next| (next.environment.to_string(), next.version.to_string());
        Row {
            app: (name, group, from_marker, labels),
            image: row.image.clone(),
            cells: row.cells.iter().map(&mut cell).collect(),
            next: row.next.iter().map(next).collect(),
        }
    });
    let rows = rows.collect();
    let names = |names: &[EnvironmentName]| names.iter().map(ToString::to_string).collect();
    let environments = whole.report.environments.iter();
    File {
        base: workspace.base.to_string(),
        environments: environments.map(|(name, from)| (name.to_string(), names(from))).collect(),
        moments,
        rows,
        unread: whole.unread.clone(),
        notes: whole.notes.clone(),
    }
}

fn unpack(context: &Context, file: File) -> Option<Whole> {
    let named = |names: Vec<String>| names.into_iter().map(EnvironmentName::new).collect();
    let environments: Vec<(EnvironmentName, Vec<EnvironmentName>)> = file
        .environments
        .into_iter()
        .map(|(name, from)| (EnvironmentName::new(name), named(from)))
        .collect();
    let row = |row: Row| {
        let (name, group, from_marker, labels) = row.app;
        let app = AppId { name, group, from_marker, labels };
        let cell = |((environment, _), cell): (&(EnvironmentName, Vec<EnvironmentName>), Cell)| {
            let (pin, moment, path, standing) = cell;
            let moment = match moment {
                Some(at) => Some(file.moments.get(at)?),
                None => None,
            };
            Some(StatusCell {
                environment: environment.clone(),
                pin: pin.map(|pin| pin.parse::<Pin>()).transpose().ok()?,
                since: moment.map(|(_, since, _)| *since),
                commit: moment.map(|(commit, ..)| commit.clone()),
                author: moment.map(|(.., author)| author.clone()),
                path: match path {
                    Some(path) => Some(RepoPath::normalize(&path)?),
                    None => None,
                },
                standing: *STANDINGS.get(usize::from(standing))?,
                live: None,
            })
        };
        let cells = environments.iter().zip(row.cells).map(cell).collect::<Option<Vec<_>>>()?;
        let next = |(environment, version): (String, String)| {
            let (environment, version) = (EnvironmentName::new(environment), version.parse().ok()?);
            let command = command_of(context, &app, (&environment, &version));
            Some(Next { environment, version, command })
        };
        let next = row.next.into_iter().map(next).collect::<Option<Vec<_>>>()?;
        Some(StatusRow { app, image: row.image, cells, next })
    };
    let rows = file.rows.into_iter().map(row).collect::<Option<Vec<_>>>()?;
    let report = StatusReport { environments, rows, live: None, now: context.now };
    Some(Whole { report, unread: file.unread, notes: file.notes })
}
