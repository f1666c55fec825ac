//! Who runs what: the matrix, for people and programs.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::gate::short_id;
use crate::model::{EnvironmentName, Pin};
use crate::report::{LiveCell, Standing, StatusCell, StatusReport, StatusRow};

use super::json::{API_VERSION, word};
use super::table::Table;
use super::text::{ago, clean, day, natural, short_digests};

/// More rows than this are shown only where something differs.
const ALL: usize = 40;
/// More steps than this are counted, not listed.
const NEXT: usize = 20;

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
    /// One of `current behind ahead held frozen absent unknown`.
    state: &'static str,
    /// What the cluster runs (`--live`); null where it was not asked or did
    /// not tell.
    live: Option<WireLive>,
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

impl From<&StatusRow> for WireRow {
    fn from(row: &StatusRow) -> Self {
        let cell = |cell: &StatusCell| WireCell {
            environment: cell.environment.to_string(),
            version: cell.pin.as_ref().and_then(|pin| pin.tag.as_ref()).map(ToString::to_string),
            digest: cell.pin.as_ref().and_then(|pin| pin.digest.as_ref()).map(ToString::to_string),
            since: cell.since.map(day),
            commit: cell.commit.clone(),
            author: cell.author.clone(),
            path: cell.path.as_ref().map(ToString::to_string),
            state: state(cell.standing),
            live: cell.live.as_ref().map(|live| WireLive {
                state: live.word(cell.pin.as_ref()),
                versions: live.versions.iter().map(ToString::to_string).collect(),
                workloads: live.workloads,
            }),
        };
        let next = |next: &crate::report::Next| WireNext {
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
        rows: report.rows.iter().map(WireRow::from).collect(),
        live: report.live.as_ref().map(|live| live.iter().map(cluster).collect()),
    })
}

fn cluster((environment, error): &(EnvironmentName, Option<String>)) -> WireCluster {
    WireCluster { environment: environment.to_string(), error: error.clone() }
}

/// The matrix of a status for programs: the versions alone.
pub fn plain_status_table(report: &StatusReport) -> Table {
    let mut table = Table::new(&["APP", "IMAGE"]);
    for (name, _) in &report.environments {
        table.column(name.as_str());
    }
    for row in &report.rows {
        let pin = |cell: &StatusCell| match &cell.pin {
            Some(pin) => pin.to_string(),
            None => nothing(cell).to_owned(),
        };
        let names = [row.app.to_string(), row.image.clone()].into_iter();
        table.push(&names.chain(row.cells.iter().map(pin)).collect::<Vec<_>>());
    }
    table
}

/// What stands where there is no version.
fn nothing(cell: &StatusCell) -> &'static str {
    if cell.standing == Standing::Absent { "-" } else { "?" }
}

/// What `status` says on standard output: the matrix, what its marks mean,
/// then what could move. Of many rows those that differ, unless `all` are
/// wanted.
pub fn status(report: &StatusReport, all: bool) -> String {
    let rows = chosen(report, all);
    let mut text = if rows.is_empty() { String::new() } else { matrix(report, &rows).aligned() };
    text.push_str(&legend(&rows));
    text.push_str(&left_out(report, &rows));
    text.push_str(&steps(&rows));
    text
}

/// The same with every column: a line an app, image and environment.
pub fn wide_status(report: &StatusReport, all: bool) -> String {
    let rows = chosen(report, all);
    let live = report.live.is_some();
    let mut heads = vec![
        "APP", "ENV", "VERSION", "DIGEST", "STATE", "SINCE", "COMMIT", "AUTHOR", "IMAGE", "PATH",
    ];
    heads.extend(live.then_some("LIVE"));
    let mut table = Table::new(&heads);
    for row in &rows {
        for cell in row.cells.iter().filter(|cell| cell.standing != Standing::Absent) {
            let mut columns = wide_line(row, cell);
            columns.extend(live.then(|| live_words(cell)));
            table.push(&columns);
        }
    }
    let table = table.without_empty(3);
    let table = if rows.is_empty() { String::new() } else { table.aligned() };
    table + &left_out(report, &rows) + &steps(&rows)
}

fn wide_line(row: &StatusRow, cell: &StatusCell) -> Vec<String> {
    let digest = cell.pin.as_ref().and_then(|pin| pin.digest.as_ref());
    let tag = cell.pin.as_ref().and_then(|pin| pin.tag.as_ref());
    let missing = if cell.pin.is_some() { "-" } else { "?" };
    vec![
        row.app.to_string(),
        cell.environment.to_string(),
        tag.map_or_else(|| missing.to_owned(), ToString::to_string),
        digest.map(|digest| short_digests(&digest.to_string())).unwrap_or_default(),
        state(cell.standing).to_owned(),
        cell.since.map(day).unwrap_or_default(),
        cell.commit.as_deref().map(short_id).unwrap_or_default().to_owned(),
        cell.author.clone().unwrap_or_default(),
        row.image.clone(),
        cell.path.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

/// The rows that are shown.
fn chosen(report: &StatusReport, all: bool) -> Vec<&StatusRow> {
    let few = all || report.rows.len() <= ALL;
    let shown = report.rows.iter().filter(|row| few || row.differs() || row.runs_otherwise());
    in_order(shown.collect())
}

/// As people count the apps.
pub(super) fn in_order(mut rows: Vec<&StatusRow>) -> Vec<&StatusRow> {
    rows.sort_by(|a, b| natural(&a.app.name, &b.app.name).then_with(|| a.app.cmp(&b.app)));
    rows
}

fn left_out(report: &StatusReport, rows: &[&StatusRow]) -> String {
    match report.rows.len() - rows.len() {
        0 => String::new(),
        same => {
            let gap = if rows.is_empty() { "" } else { "\n" };
            let more = if rows.is_empty() { "all " } else { "" };
            format!(
                "{gap}{more}{same} rows with the same version everywhere are left out: \
                 git promote status --all\n"
            )
        }
    }
}

fn matrix(report: &StatusReport, rows: &[&StatusRow]) -> Table {
    let images = rows.windows(2).any(|pair| matches!(pair, [a, b] if a.app == b.app));
    let mut table = Table::new(if images { &["APP", "IMAGE"][..] } else { &["APP"][..] });
    for (name, _) in &report.environments {
        table.column(name.as_str());
    }
    for row in rows {
        let image = images.then(|| row.image.clone());
        let cells = row.cells.iter().map(|cell| people(cell, report.now));
        let cells: Vec<String> =
            std::iter::once(row.app.to_string()).chain(image).chain(cells).collect();
        table.push(&cells);
    }
    table
}

fn people(cell: &StatusCell, now: i64) -> String {
    let live = live_words(cell);
    let live = if live.is_empty() { live } else { format!(" {live}") };
    let Some(pin) = &cell.pin else { return nothing(cell).to_owned() + &live };
    let shown = match &pin.tag {
        Some(tag) => tag.to_string(),
        None => short_digests(&pin.to_string()),
    };
    let mark = match cell.standing {
        Standing::Behind => " <",
        Standing::Ahead => " !",
        Standing::Held => " #",
        Standing::Frozen => " *",
        _ => "",
    };
    let since = cell.since.map(|since| format!(" ({})", ago(now - since))).unwrap_or_default();
    format!("{shown}{mark}{since}{live}")
}

/// What the cluster runs, beside what git says.
fn live_words(cell: &StatusCell) -> String {
    let Some(live) = &cell.live else { return String::new() };
    match live.word(cell.pin.as_ref()) {
        "same" => "=".to_owned(),
        "absent" => "live: none".to_owned(),
        _ => {
            let versions: Vec<String> = live.versions.iter().map(shown_pin).collect();
            format!("live: {}", versions.join(", "))
        }
    }
}

fn shown_pin(pin: &Pin) -> String {
    match short_digests(&pin.to_string()) {
        text if text.is_empty() => "no tag".to_owned(),
        text => text,
    }
}

/// What could move, each command once: the images of an app that move together
/// need one.
fn steps(rows: &[&StatusRow]) -> String {
    let mut next: Vec<&str> = Vec::new();
    for step in rows.iter().flat_map(|row| &row.next) {
        if !next.contains(&step.command.as_str()) {
            next.push(&step.command);
        }
    }
    let mut text = String::new();
    if !next.is_empty() {
        text.push_str("\nnext:\n");
    }
    for command in next.iter().take(NEXT) {
        let _ = writeln!(text, "  {}", clean(command));
    }
    if next.len() > NEXT {
        let _ = writeln!(text, "  and {} more", next.len() - NEXT);
    }
    text
}

/// The marks that occur, and what they mean.
fn legend(rows: &[&StatusRow]) -> String {
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let occurs = |standing: Standing| cells().any(|cell| cell.standing == standing);
    let is = |cell: &StatusCell, word: &str| {
        cell.live.as_ref().is_some_and(|live: &LiveCell| live.word(cell.pin.as_ref()) == word)
    };
    let marks = [
        (occurs(Standing::Behind), "<  behind the environment before"),
        (occurs(Standing::Ahead), "!  ahead of the environments before"),
        (occurs(Standing::Held), "#  held"),
        (occurs(Standing::Frozen), "*  behind, and frozen"),
        (occurs(Standing::Unknown), "?  cannot be told"),
        (cells().any(|cell| is(cell, "same")), "=  the cluster runs it"),
    ];
    let told: Vec<&str> =
        marks.iter().filter(|(occurs, _)| *occurs).map(|(_, text)| *text).collect();
    if told.is_empty() { String::new() } else { format!("\n{}\n", told.join("     ")) }
}
