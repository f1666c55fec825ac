//! What a status was told once is kept: who runs what, and since when, follows
//! from the id of the commit alone. From a commit that comes after one that was
//! told of, only the apps that changed since are told anew ([`super::carried`]).
//!
//! Only of many cells, since of few it is quicker told anew; and never in a
//! shallow clone, which may be cut off elsewhere the next time. A file that is
//! damaged, of another version or of another commit is as if it were not there.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::{GITOPS_PROMOTION, PROMOTE_TOML};
use crate::git::{Kept, ObjectId};
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
    rules: Rules,
    environments: Vec<(String, Vec<String>)>,
    moments: Vec<(String, i64, String)>,
    rows: Vec<Row>,
    unread: Vec<String>,
    notes: Vec<String>,
}

/// What the rows follow from beside the overlays of their apps. Two commits
/// with the same give the same row to an app that did not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    /// The blobs of the files that may be the config.
    config: Vec<Option<String>>,
    /// Where overlays are looked for.
    layout: Vec<String>,
}

impl Rules {
    pub(super) fn of(workspace: &Workspace) -> Self {
        let id = |name: &str| {
            let found = workspace.snapshot.id(&RepoPath::root().join(name)).ok().flatten();
            found.map(|id| id.to_string())
        };
        let layout = workspace.config.layout.iter().map(|layout| layout.template.clone());
        Self { config: CONFIGS.map(id).to_vec(), layout: layout.collect() }
    }
}

/// The files that may be the config of a repository.
const CONFIGS: [&str; 2] = [PROMOTE_TOML, GITOPS_PROMOTION];

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
fn name(commit: ObjectId) -> String {
    let text = format!("{}\n{commit}", env!("CARGO_PKG_VERSION"));
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

/// Whether anything may be kept of it.
fn keeps(workspace: &Workspace) -> bool {
    !workspace.repo.is_shallow() && !changes_by_itself(workspace)
}

/// What was kept of this commit.
pub(super) fn read(context: &Context, workspace: &Workspace) -> Option<Whole> {
    if !keeps(workspace) {
        return None;
    }
    unpack(context, file(&workspace.repo.kept("status"), workspace.base)?)
}

/// What was kept of the last of these commits that was told of by the same
/// rules, and which one that is.
pub(super) fn read_last(
    context: &Context,
    workspace: &Workspace,
    commits: impl Iterator<Item = ObjectId>,
) -> Option<(ObjectId, Whole)> {
    let kept = workspace.repo.kept("status");
    if !keeps(workspace) || !kept.dir().is_dir() {
        return None;
    }
    let (commit, file) = commits.into_iter().find_map(|id| Some((id, file(&kept, id)?)))?;
    if file.rules != Rules::of(workspace) {
        return None;
    }
    Some((commit, unpack(context, file)?))
}

/// The file that was kept of a commit, if it is whole.
fn file(kept: &Kept, commit: ObjectId) -> Option<File> {
    let bytes = kept.read(&name(commit))?;
    let (sum, body) = bytes.split_at_checked(SUM)?;
    if hex(Sha256::digest(body).as_slice()).as_bytes() != sum {
        return None;
    }
    let file: File = serde_json::from_slice(body).ok()?;
    (commit == *file.base).then_some(file)
}

/// Keeps it, where that is worth it.
pub(super) fn write(workspace: &Workspace, whole: &Whole) {
    let cells: usize = whole.report.rows.iter().map(|row| row.cells.len()).sum();
    if cells < ENOUGH || !keeps(workspace) {
        return;
    }
    if let Ok(body) = serde_json::to_vec(&pack(workspace, whole)) {
        let sum = hex(Sha256::digest(&body).as_slice());
        let bytes = [sum.as_bytes(), &body].concat();
        workspace.repo.kept("status").write(&name(workspace.base), &bytes);
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
        rules: Rules::of(workspace),
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
                requests: Vec::new(),
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
    let report = StatusReport { environments, rows, live: None, forge: None, now: context.now };
    Some(Whole { report, unread: file.unread, notes: file.notes })
}
