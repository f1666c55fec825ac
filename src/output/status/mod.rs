//! Who runs what: the matrix, for programs, and for people.

mod people;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::{EnvironmentName, Pin, RepoPath};
use crate::report::{Next, OpenMove, Standing, StatusCell, StatusReport, StatusRow};

use super::json::{API_VERSION, word};
use super::table::Table;
use super::text::{day, short_digests};
pub(super) use people::in_order;
pub use people::{status, wide_status};

/// Who runs what.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Status")]
pub(super) struct WireStatus {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Status`.
    kind: &'static str,
    /// The environments in their order.
    environments: Vec<WireEnvironment>,
    /// One row an app and image.
    rows: Vec<WireRow>,
    /// The clusters that were asked (`--live`); null where none was to be.
    live: Option<Vec<WireCluster>>,
}

/// The cluster of an environment.
#[derive(Serialize, JsonSchema)]
struct WireCluster {
    /// The environment.
    environment: String,
    /// Why it did not tell; null where it did.
    error: Option<String>,
}

/// What the cluster of an environment runs.
#[derive(Serialize, JsonSchema)]
struct WireLive {
    /// One of `same differs absent`: whether all of it is what git says.
    state: &'static str,
    /// The tags and digests of the image in its workloads, each once.
    versions: Vec<String>,
    /// How many workloads run the image.
    workloads: usize,
}

/// An environment.
#[derive(Serialize, JsonSchema)]
pub(super) struct WireEnvironment {
    /// Its name.
    name: String,
    /// Where its versions come from.
    from: Vec<String>,
}

/// One app and image across the environments.
#[derive(Serialize, JsonSchema)]
pub(super) struct WireRow {
    /// The app.
    app: String,
    /// Its group.
    group: Option<String>,
    /// The image.
    image: String,
    /// One cell an environment.
    cells: Vec<WireCell>,
    /// What could move next.
    next: Option<WireNext>,
}

/// One app and image in one environment.
#[derive(Serialize, JsonSchema)]
struct WireCell {
    /// The environment.
    environment: String,
    /// The tag.
    version: Option<String>,
    /// The digest.
    digest: Option<String>,
    /// When it arrived, RFC 3339.
    since: Option<String>,
    /// The commit that brought it.
    commit: Option<String>,
    /// The author of that commit.
    author: Option<String>,
    /// The file that holds the version.
    path: Option<String>,
    /// What stands there, where the files do not tell one version (`unknown`).
    found: Vec<WireFound>,
    /// One of `current behind ahead held frozen absent unknown`.
    state: &'static str,
    /// What the cluster runs (`--live`); null where it was not asked or did
    /// not tell.
    live: Option<WireLive>,
    /// The open pull requests that would bring another version (`--requests`);
    /// null where the forge was not asked or did not tell.
    requests: Option<Vec<WireOpenMove>>,
}

/// One of the versions that stand in a cell which does not tell one.
#[derive(Serialize, JsonSchema)]
struct WireFound {
    /// The version, with its digest where it has one; null where none is
    /// written there that can be read.
    version: Option<String>,
    /// The file.
    path: String,
}

/// An open pull request that would bring a version.
#[derive(Serialize, JsonSchema)]
struct WireOpenMove {
    /// Its number on the forge.
    number: u64,
    /// Where a person sees it.
    url: String,
    /// The version, with its digest where it has one.
    version: String,
}

/// The next promotion.
#[derive(Serialize, JsonSchema)]
struct WireNext {
    /// The environment that is entered.
    environment: String,
    /// The tag, or the digest where there is no tag.
    version: String,
    /// The command that does it.
    command: String,
}

impl WireRow {
    /// A row; `asked` where the forge told which requests are open.
    pub(super) fn of(row: &StatusRow, asked: bool) -> Self {
        let open = |open: &OpenMove| WireOpenMove {
            number: open.number,
            url: open.url.clone(),
            version: open.version.to_string(),
        };
        let cell = |cell: &StatusCell| WireCell {
            environment: cell.environment.to_string(),
            version: cell.pin.as_ref().and_then(|pin| pin.tag.as_ref()).map(ToString::to_string),
            digest: cell.pin.as_ref().and_then(|pin| pin.digest.as_ref()).map(ToString::to_string),
            since: cell.since.map(day),
            commit: cell.commit.clone(),
            author: cell.author.clone(),
            path: cell.path.as_ref().map(ToString::to_string),
            found: cell.found.iter().map(found).collect(),
            state: state(cell.standing),
            live: cell.live.as_ref().map(|live| WireLive {
                state: live.word(cell.pin.as_ref()),
                versions: live.versions.iter().map(ToString::to_string).collect(),
                workloads: live.workloads,
            }),
            requests: asked.then(|| cell.requests.iter().map(open).collect()),
        };
        let next = |next: &Next| WireNext {
            environment: next.environment.to_string(),
            version: next.version.to_string(),
            command: next.command.clone(),
        };
        Self {
            app: row.app.to_string(),
            group: row.app.group.clone(),
            image: row.image.clone(),
            cells: row.cells.iter().map(cell).collect(),
            next: row.next.first().map(next),
        }
    }
}

fn found((pin, path): &(Pin, RepoPath)) -> WireFound {
    let version = Some(pin.to_string()).filter(|_| !pin.is_empty());
    WireFound { version, path: path.to_string() }
}

pub(super) fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Current => "current",
        Standing::Behind => "behind",
        Standing::Ahead => "ahead",
        Standing::Held => "held",
        Standing::Frozen => "frozen",
        Standing::Absent => "absent",
        Standing::Unknown => "unknown",
    }
}

/// The mark of a standing in a table.
fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Current => "",
        Standing::Behind => "<",
        Standing::Ahead => "!",
        Standing::Held => "#",
        Standing::Frozen => "*",
        Standing::Absent => "-",
        Standing::Unknown => "?",
    }
}

/// The columns of a status.
pub(super) fn environments(report: &StatusReport) -> Vec<WireEnvironment> {
    let environment = |(name, from): &(EnvironmentName, Vec<EnvironmentName>)| WireEnvironment {
        name: name.to_string(),
        from: from.iter().map(ToString::to_string).collect(),
    };
    report.environments.iter().map(environment).collect()
}

/// The document of a status.
pub fn status_value(report: &StatusReport) -> Value {
    word(&WireStatus {
        api_version: API_VERSION,
        kind: "Status",
        environments: environments(report),
        rows: report.rows.iter().map(|row| WireRow::of(row, told(report))).collect(),
        live: report.live.as_ref().map(|live| live.iter().map(cluster).collect()),
    })
}

/// Whether the forge told which requests are open.
fn told(report: &StatusReport) -> bool {
    matches!(report.forge, Some(Ok(())))
}

fn cluster((environment, error): &(EnvironmentName, Option<String>)) -> WireCluster {
    WireCluster { environment: environment.to_string(), error: error.clone() }
}

/// The matrix of a status for programs: the versions, and behind all of them
/// state and time of each.
pub fn plain_status_table(report: &StatusReport) -> Table {
    let mut table = Table::new(&["APP", "IMAGE"]);
    for (name, _) in &report.environments {
        table.column(name.as_str());
    }
    for (name, _) in &report.environments {
        table.column(&format!("{name} state"));
        table.column(&format!("{name} since"));
    }
    for row in &report.rows {
        let pin = |cell: &StatusCell| match &cell.pin {
            Some(pin) => pin.to_string(),
            None => nothing(cell).to_owned(),
        };
        let names = [row.app.to_string(), row.image.clone()].into_iter();
        let more = |cell: &StatusCell| {
            [state(cell.standing).to_owned(), cell.since.map(day).unwrap_or_default()]
        };
        let more = row.cells.iter().flat_map(more);
        table.push(&names.chain(row.cells.iter().map(pin)).chain(more).collect::<Vec<_>>());
    }
    table
}

/// The versions that stand in a cell which does not tell one, each once.
pub(super) fn disagreeing(cell: &StatusCell) -> String {
    let mut versions: Vec<String> = Vec::new();
    for (pin, _) in cell.found.iter().filter(|(pin, _)| !pin.is_empty()) {
        let shown = short(pin);
        if !versions.contains(&shown) {
            versions.push(shown);
        }
    }
    versions.join(", ")
}

/// The tag, or the digest where there is none.
fn short(pin: &Pin) -> String {
    match &pin.tag {
        Some(tag) => tag.to_string(),
        None => short_digests(&pin.to_string()),
    }
}

/// What stands where there is no version.
fn nothing(cell: &StatusCell) -> &'static str {
    if cell.standing == Standing::Absent { "-" } else { "?" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn page(name: &str) -> String {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
    }

    #[test]
    fn the_pages_tell_every_mark_and_state() {
        let of = |standing| (mark(standing).to_owned(), state(standing).to_owned());
        let all: BTreeSet<(String, String)> = Standing::ALL.map(of).into();
        let page_text = page("docs/status.md");
        let (_, table) = page_text.split_once("| mark | means |").unwrap();
        let row = |line: &str| {
            let cells: Vec<&str> =
                line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            (cells[1].to_owned(), cells[3].to_owned())
        };
        let told = table.lines().skip(2).take_while(|line| !line.is_empty()).map(row);
        assert_eq!(told.collect::<BTreeSet<_>>(), all);
        let readme = page("README.md");
        let line = readme.lines().find(|line| line.starts_with("Who runs what")).unwrap();
        let told: BTreeSet<&str> = line.split('`').skip(1).step_by(2).collect();
        let marks: BTreeSet<&str> = Standing::ALL.map(mark).into();
        assert_eq!(told, marks.into_iter().filter(|mark| !mark.is_empty()).collect());
    }
}
