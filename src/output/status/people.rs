//! Who runs what, for people: the matrix, what its marks mean, then what could
//! move.

use std::fmt::Write as _;

use crate::gate::short_id;
use crate::model::Pin;
use crate::report::{LiveCell, Standing, StatusCell, StatusReport, StatusRow};

use super::super::table::Table;
use super::super::text::{ago, clean, day, natural, short_digests};
use super::{disagreeing, mark, nothing, short, state};

/// More steps than this are counted, not listed.
const NEXT: usize = 20;

/// What `status` says on standard output: the matrix, what its marks mean,
/// then what could move. Of many rows those that differ, unless `all` are
/// wanted.
pub fn status(report: &StatusReport, all: bool) -> String {
    let rows = chosen(report, all);
    let mut text = if rows.is_empty() { String::new() } else { matrix(report, &rows).aligned() };
    text.push_str(&legend(&rows));
    text.push_str(&left_out(report, &rows));
    text.push_str(&open(&rows));
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
    table + &left_out(report, &rows) + &open(&rows) + &steps(&rows)
}

fn wide_line(row: &StatusRow, cell: &StatusCell) -> Vec<String> {
    let digest = cell.pin.as_ref().and_then(|pin| pin.digest.as_ref());
    let tag = cell.pin.as_ref().and_then(|pin| pin.tag.as_ref());
    let missing = match disagreeing(cell) {
        _ if cell.pin.is_some() => "-".to_owned(),
        versions if versions.is_empty() => "?".to_owned(),
        versions => versions,
    };
    vec![
        row.app.to_string(),
        cell.environment.to_string(),
        tag.map_or(missing, ToString::to_string),
        digest.map(|digest| short_digests(&digest.to_string())).unwrap_or_default(),
        state(cell.standing).to_owned(),
        cell.since.map(day).unwrap_or_default(),
        cell.commit.as_deref().map(short_id).unwrap_or_default().to_owned(),
        cell.author.clone().unwrap_or_default(),
        row.image.clone(),
        files(cell),
    ]
}

/// The files that hold the version, each once.
fn files(cell: &StatusCell) -> String {
    let mut files: Vec<&str> = Vec::new();
    for path in cell.path.iter().chain(cell.found.iter().map(|(_, path)| path)) {
        if !files.contains(&path.as_str()) {
            files.push(path.as_str());
        }
    }
    files.join(", ")
}

/// The rows that are shown.
fn chosen(report: &StatusReport, all: bool) -> Vec<&StatusRow> {
    let few = all || report.rows.len() + report.left_out <= StatusReport::FEW;
    let shown = report.rows.iter().filter(|row| few || row.differs() || row.runs_otherwise());
    in_order(shown.collect())
}

/// As people count the apps.
pub(in super::super) fn in_order(mut rows: Vec<&StatusRow>) -> Vec<&StatusRow> {
    rows.sort_by(|a, b| natural(&a.app.name, &b.app.name).then_with(|| a.app.cmp(&b.app)));
    rows
}

fn left_out(report: &StatusReport, rows: &[&StatusRow]) -> String {
    match report.rows.len() + report.left_out - rows.len() {
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
    let Some(pin) = &cell.pin else {
        return format!("{} {}{live}", disagreeing(cell), nothing(cell)).trim_start().to_owned();
    };
    let shown = short(pin);
    let mark = match cell.standing {
        Standing::Unknown | Standing::Absent | Standing::Current => String::new(),
        standing => format!(" {}", mark(standing)),
    };
    let since = cell.since.map(|since| format!(" ({})", ago(now - since))).unwrap_or_default();
    let open = cell.requests.iter().map(|open| format!(" -> {}", short(&open.version)));
    format!("{shown}{mark}{since}{live}{}", open.collect::<String>())
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

/// The requests that are open, each app once.
fn open(rows: &[&StatusRow]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for (row, cell) in rows.iter().flat_map(|row| row.cells.iter().map(move |cell| (row, cell))) {
        for open in &cell.requests {
            let version = row.app.at(&short(&open.version));
            let line = vec![version, cell.environment.to_string(), open.url.clone()];
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["OPEN", "TO", "REQUEST"]);
    for line in &lines {
        table.push(line);
    }
    format!("\n{}", table.aligned())
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
        (cells().any(|cell| !cell.requests.is_empty()), "-> a pull request is open"),
    ];
    let told: Vec<&str> =
        marks.iter().filter(|(occurs, _)| *occurs).map(|(_, text)| *text).collect();
    if told.is_empty() { String::new() } else { format!("\n{}\n", told.join("     ")) }
}
