//! What `report` shows of a repository: where everything stands, how it got
//! there, and how fast.

use crate::history::Entry;
use crate::history::metrics::Metrics;

use super::{AuditRow, Standing, StatusCell, StatusReport, StatusRow};

/// The state and the past of the apps and environments that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// What the whole is called.
    pub title: String,
    /// The full id of the commit that is told of.
    pub commit: String,
    /// Its branch, unless HEAD is detached.
    pub branch: Option<String>,
    /// What the report is narrowed to, in words; empty where it tells of all.
    pub narrowed: Vec<String>,
    /// What was asked for: from when on.
    pub since: Option<i64>,
    /// Who runs what.
    pub status: StatusReport,
    /// The versions that entered environments, newest first.
    pub entries: Vec<Entry>,
    /// How often and how fast.
    pub metrics: Metrics,
    /// The versions that are not in the environments before.
    pub violations: Vec<AuditRow>,
    /// Why they were not looked for.
    pub unjudged: Option<String>,
    /// Files that cannot be read, and so count for nothing.
    pub unread: Vec<String>,
    /// The commit at which a shallow clone ends.
    pub cut: Option<String>,
    /// The time to count from, seconds since the epoch.
    pub now: i64,
}

impl Overview {
    /// How many cells of the matrix have that standing.
    pub fn standing(&self, standing: Standing) -> usize {
        let cells = self.status.rows.iter().flat_map(|row| &row.cells);
        cells.filter(|cell| cell.standing == standing).count()
    }

    /// How many cells that are behind have a next step. The others left before
    /// what could come, or wait for an environment that has not got it yet.
    pub fn due(&self) -> usize {
        let due = |row: &StatusRow| {
            let behind = row.cells.iter().filter(|cell| cell.standing == Standing::Behind);
            let next = |cell: &&StatusCell| {
                row.next.iter().any(|next| next.environment == cell.environment)
            };
            behind.filter(next).count()
        };
        self.status.rows.iter().map(due).sum()
    }

    /// The entries that are promotions: neither first appearances nor previews.
    pub fn promotions(&self) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.iter();
        entries.filter(|entry| !entry.previous.is_empty() && entry.preview.is_none())
    }

    /// How many apps there are.
    pub fn apps(&self) -> usize {
        let mut apps: Vec<_> = self.status.rows.iter().map(|row| &row.app).collect();
        apps.dedup();
        apps.len()
    }
}

impl StatusReport {
    /// Of more rows than this, people see those in which something differs.
    pub const FEW: usize = 40;
}

impl StatusRow {
    /// Whether its environments differ in anything but where the app is absent.
    pub fn differs(&self) -> bool {
        self.cells.iter().any(|cell| !matches!(cell.standing, Standing::Current | Standing::Absent))
    }
}
