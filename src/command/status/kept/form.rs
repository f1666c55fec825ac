//! How a status is written down: those of its rows that people see first, and
//! then the others, each part with a checksum of its own.

use std::collections::{BTreeMap, HashMap};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::git::ObjectId;
use crate::model::{AppId, EnvironmentName, Pin, RepoPath, hex};
use crate::report::{Next, Standing, StatusCell, StatusReport, StatusRow};

use super::super::super::Context;
use super::super::matrix::command_of;
use super::{Rules, Whole};

/// What people see first, and what all rows have in common.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    base: String,
    pub(super) rules: Rules,
    environments: Vec<(String, Vec<String>)>,
    unread: Vec<String>,
    notes: Vec<String>,
    /// The rows in which something differs.
    rows: Rows,
    /// How many others there are.
    others: usize,
}

/// Commits and authors once, and rows that name them by their place.
#[derive(Serialize, Deserialize)]
struct Rows {
    moments: Vec<(String, i64, String)>,
    rows: Vec<Row>,
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

/// The parts of a file, not looked at yet.
pub(super) struct Parts<'a> {
    head: &'a [u8],
    others: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let (head, others) = rest.split_at_checked(length)?;
        Some(Self { head, others })
    }

    /// The first of them, if it is whole and of this commit.
    pub(super) fn head(&self, commit: ObjectId) -> Option<Head> {
        let head: Head = open(self.head)?;
        (commit == *head.base).then_some(head)
    }

    /// The rows that people see first.
    pub(super) fn brief(context: &Context, head: Head) -> Option<Whole> {
        let left_out = head.others;
        let mut whole = unpack(context, head, None)?;
        whole.report.left_out = left_out;
        Some(whole)
    }

    /// Every row.
    pub(super) fn whole(&self, context: &Context, head: Head) -> Option<Whole> {
        unpack(context, head, Some(open(self.others)?))
    }
}

/// A part with its checksum before it.
fn closed(part: &impl Serialize) -> Option<Vec<u8>> {
    let body = serde_json::to_vec(part).ok()?;
    Some([sum(&body).as_bytes(), &body].concat())
}

fn open<T: DeserializeOwned>(part: &[u8]) -> Option<T> {
    let (told, body) = part.split_at_checked(sum(b"").len())?;
    if sum(body).as_bytes() != told {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// SHA-256 in hexadecimal digits.
pub(super) fn sum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The file of a status.
pub(super) fn pack(base: ObjectId, rules: Rules, whole: &Whole) -> Option<Vec<u8>> {
    let (differing, others): (Vec<_>, Vec<_>) =
        whole.report.rows.iter().partition(|row| row.differs());
    let names = |names: &[EnvironmentName]| names.iter().map(ToString::to_string).collect();
    let environments = whole.report.environments.iter();
    let head = closed(&Head {
        base: base.to_string(),
        rules,
        environments: environments.map(|(name, from)| (name.to_string(), names(from))).collect(),
        unread: whole.unread.clone(),
        notes: whole.notes.clone(),
        rows: packed(&differing),
        others: others.len(),
    })?;
    let length = u64::try_from(head.len()).ok()?.to_be_bytes();
    Some([&length[..], &head, &closed(&packed(&others))?].concat())
}

fn packed(rows: &[&StatusRow]) -> Rows {
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
    let row = |row: &&StatusRow| {
        let AppId { name, group, from_marker, labels } = row.app.clone();
        let next = |next: &Next| (next.environment.to_string(), next.version.to_string());
        Row {
            app: (name, group, from_marker, labels),
            image: row.image.clone(),
            cells: row.cells.iter().map(&mut cell).collect(),
            next: row.next.iter().map(next).collect(),
        }
    };
    let rows = rows.iter().map(row).collect();
    Rows { moments, rows }
}

type Environments = Vec<(EnvironmentName, Vec<EnvironmentName>)>;

/// The rows of the head, and the others where they are wanted, in their order.
fn unpack(context: &Context, head: Head, others: Option<Rows>) -> Option<Whole> {
    let named = |names: Vec<String>| names.into_iter().map(EnvironmentName::new).collect();
    let environment = |(name, from): (String, _)| (EnvironmentName::new(name), named(from));
    let environments: Environments = head.environments.into_iter().map(environment).collect();
    let mut rows = unpacked(context, &environments, head.rows)?;
    if let Some(others) = others {
        rows.extend(unpacked(context, &environments, others)?);
        rows.sort_by(|a, b| (&a.app, &a.image).cmp(&(&b.app, &b.image)));
    }
    let (live, forge, now) = (None, None, context.now);
    let report = StatusReport { environments, rows, left_out: 0, live, forge, now };
    Some(Whole { report, unread: head.unread, notes: head.notes })
}

fn unpacked(
    context: &Context,
    environments: &Environments,
    Rows { moments, rows }: Rows,
) -> Option<Vec<StatusRow>> {
    let row = |row: Row| {
        let (name, group, from_marker, labels) = row.app;
        let app = AppId { name, group, from_marker, labels };
        let named = environments.iter().map(|(name, _)| name);
        let cell = |(environment, cell)| unpacked_cell(environment, cell, &moments);
        let cells = named.zip(row.cells).map(cell).collect::<Option<Vec<_>>>()?;
        let next = |(environment, version): (String, String)| {
            let (environment, version) = (EnvironmentName::new(environment), version.parse().ok()?);
            let command = command_of(context, &app, (&environment, &version));
            Some(Next { environment, version, command })
        };
        let next = row.next.into_iter().map(next).collect::<Option<Vec<_>>>()?;
        Some(StatusRow { app, image: row.image, cells, next })
    };
    rows.into_iter().map(row).collect()
}

fn unpacked_cell(
    environment: &EnvironmentName,
    (pin, moment, path, standing): Cell,
    moments: &[(String, i64, String)],
) -> Option<StatusCell> {
    let moment = match moment {
        Some(at) => Some(moments.get(at)?),
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
}
