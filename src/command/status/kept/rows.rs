//! The rows of a status as they are written down: commits and authors once.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::model::{AppId, EnvironmentName, Pin, RepoPath};
use crate::report::{Next, Standing, StatusCell, StatusRow};

use super::super::super::Context;
use super::super::matrix::command_of;
use super::Environments;

/// Commits and authors once, and rows that name them by their place.
#[derive(Serialize, Deserialize)]
pub(super) struct Rows {
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
    /// Of the cells that do not tell one version, by their place: what stands
    /// there, and in which file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    found: BTreeMap<usize, Vec<(String, String)>>,
}

const STANDINGS: [Standing; 5] =
    [Standing::Current, Standing::Behind, Standing::Ahead, Standing::Absent, Standing::Unknown];

impl Rows {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn packed<'r>(rows: impl IntoIterator<Item = &'r StatusRow>) -> Self {
        let mut moments: Vec<(String, i64, String)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut cell = |cell: &'r StatusCell| {
            let moment = cell.commit.as_ref().zip(cell.since).map(|(commit, since)| {
                *places.entry(commit).or_insert_with(|| {
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
        let row = |row: &'r StatusRow| {
            let AppId { name, group, from_marker, labels } = row.app.clone();
            let next = |next: &Next| (next.environment.to_string(), next.version.to_string());
            let unclear = row.cells.iter().enumerate().filter(|(_, cell)| !cell.found.is_empty());
            let one = |(pin, path): &(Pin, RepoPath)| (pin.to_string(), path.to_string());
            let found = unclear.map(|(at, cell)| (at, cell.found.iter().map(one).collect()));
            Row {
                found: found.collect(),
                app: (name, group, from_marker, labels),
                image: row.image.clone(),
                cells: row.cells.iter().map(&mut cell).collect(),
                next: row.next.iter().map(next).collect(),
            }
        };
        let rows = rows.into_iter().map(row).collect();
        Self { moments, rows }
    }

    /// The rows of a repository with these environments.
    pub(super) fn unpacked(
        self,
        context: &Context,
        environments: &Environments,
    ) -> Option<Vec<StatusRow>> {
        let Self { moments, rows } = self;
        let row = |row: Row| {
            let (name, group, from_marker, labels) = row.app;
            let app = AppId { name, group, from_marker, labels };
            let named = environments.iter().map(|(name, _)| name);
            let cell = |(environment, cell)| unpacked_cell(environment, cell, &moments);
            let mut cells = named.zip(row.cells).map(cell).collect::<Option<Vec<_>>>()?;
            for (at, found) in row.found {
                let one = |(pin, path): (String, String)| {
                    Some((pin.parse().ok()?, RepoPath::normalize(&path)?))
                };
                let found = found.into_iter().map(one).collect::<Option<Vec<_>>>()?;
                cells.get_mut(at)?.found = found;
            }
            let next = |(environment, version): (String, String)| {
                let (environment, version) =
                    (EnvironmentName::new(environment), version.parse().ok()?);
                let command = command_of(context, &app, (&environment, &version));
                Some(Next { environment, version, command })
            };
            let next = row.next.into_iter().map(next).collect::<Option<Vec<_>>>()?;
            Some(StatusRow { app, image: row.image, cells, next })
        };
        rows.into_iter().map(row).collect()
    }
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
        found: Vec::new(),
        standing: *STANDINGS.get(usize::from(standing))?,
        live: None,
        requests: Vec::new(),
    })
}
