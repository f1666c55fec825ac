//! What `diff` found, for people and programs.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::diff::of_pod;
use crate::gate::short_id;
use crate::model::Pin;
use crate::report::{Arrival, Change, Changes, DiffReport, DiffRow, Distance, Found, RenderDiff};

use super::json::{API_VERSION, word};
use super::paint::Paint;
use super::table::Table;
use super::text::{clean, day, inert, minute, short_digests};

/// What differs between environments.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Diff")]
pub(super) struct WireDiff {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Diff`.
    kind: &'static str,
    /// The pairs of environments that were compared.
    pairs: Vec<WirePair>,
    /// Whether settings were compared too.
    config: bool,
    /// Whether anything differs that is not so by design.
    differs: bool,
    /// What differs.
    rows: Vec<WireRow>,
    /// With `--render`: one entry a pair and app.
    renders: Vec<WireRender>,
}

/// Two environments.
#[derive(Serialize, JsonSchema)]
struct WirePair {
    /// The first.
    left: String,
    /// The second.
    right: String,
}

/// One difference.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WireRow {
    /// The first environment.
    left: String,
    /// The second environment.
    right: String,
    /// The app.
    app: String,
    /// One of `version setting`.
    what: &'static str,
    /// The image, of a version.
    image: Option<String>,
    /// The object, of a setting.
    object: Option<String>,
    /// The field, of a setting; empty where all of the object is meant.
    field: Option<String>,
    /// The value in the first environment; null where it is not there.
    left_value: Option<String>,
    /// The value in the second environment.
    right_value: Option<String>,
    /// Of a setting, how long it has differed: one of `new long unknown design`.
    distance: Option<&'static str>,
    /// Of a setting, the version of the first environment that it came with.
    came_with: Option<String>,
}

/// What is rendered differently.
#[derive(Serialize, JsonSchema)]
struct WireRender {
    /// The first environment.
    left: String,
    /// The second environment.
    right: String,
    /// The app.
    app: String,
    /// The unified diff; empty where it is the same.
    unified: String,
}

/// What lies between two versions of an app.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Changes")]
pub(super) struct WireChanges {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Changes`.
    kind: &'static str,
    /// The app.
    app: String,
    /// The first version.
    from: String,
    /// The second version.
    to: String,
    /// Where a person sees the changes.
    compare: Option<String>,
    /// The clone of the app's repository that was read.
    source: Option<String>,
    /// The commits between, newest first; null where there is no clone.
    commits: Option<Vec<WireChange>>,
    /// Whether the commits lead from the second version to the first.
    backwards: bool,
    /// How the versions, and those between them, came to the environments.
    arrivals: Vec<WireArrival>,
}

/// What changed between the versions of an app that moves.
#[derive(Serialize, JsonSchema)]
pub(super) struct WireVersionChanges {
    /// The app.
    app: String,
    /// The version before.
    from: String,
    /// The version after.
    to: String,
    /// Where a person sees the changes.
    compare: Option<String>,
    /// The commits between, newest first; null where there is no clone.
    commits: Option<Vec<WireChange>>,
    /// Whether the commits lead from the second version to the first.
    backwards: bool,
}

impl From<&Changes> for WireVersionChanges {
    fn from(told: &Changes) -> Self {
        let commits = told.commits.as_ref();
        Self {
            app: told.app.to_string(),
            from: told.from.to_string(),
            to: told.to.to_string(),
            compare: told.compare.clone(),
            commits: commits.map(|commits| commits.iter().map(WireChange::from).collect()),
            backwards: told.backwards,
        }
    }
}

impl From<&Change> for WireChange {
    fn from(change: &Change) -> Self {
        Self {
            commit: change.commit.clone(),
            time: day(change.time),
            author: change.author.clone(),
            subject: change.subject.clone(),
        }
    }
}

/// A commit of the app's repository.
#[derive(Serialize, JsonSchema)]
struct WireChange {
    /// Its full id.
    commit: String,
    /// Its time, RFC 3339.
    time: String,
    /// The author's name.
    author: String,
    /// Its subject.
    subject: String,
}

/// A version that came to an environment.
#[derive(Serialize, JsonSchema)]
struct WireArrival {
    /// The environment.
    environment: String,
    /// The image.
    image: String,
    /// The version.
    version: String,
    /// When, RFC 3339; null where the history is cut off.
    time: Option<String>,
    /// The commit that brought it.
    commit: Option<String>,
}

impl From<&DiffRow> for WireRow {
    fn from(row: &DiffRow) -> Self {
        let pin = |pin: &Option<Pin>| pin.as_ref().map(ToString::to_string);
        let mut wire = Self {
            left: row.left.to_string(),
            right: row.right.to_string(),
            app: row.app.to_string(),
            what: "version",
            image: None,
            object: None,
            field: None,
            left_value: None,
            right_value: None,
            distance: None,
            came_with: None,
        };
        match &row.found {
            Found::Version { image, left, right } => {
                wire.image = Some(image.clone());
                (wire.left_value, wire.right_value) = (versions_of(left), versions_of(right));
            }
            Found::Setting { object, field, left, right, distance, came_with } => {
                wire.what = "setting";
                (wire.object, wire.field) = (Some(object.clone()), Some(field.clone()));
                (wire.left_value, wire.right_value) = (left.clone(), right.clone());
                wire.distance = Some(distance.word());
                wire.came_with = pin(came_with);
            }
        }
        wire
    }
}

/// The document of a diff of environments.
pub fn diff_value(report: &DiffReport) -> Value {
    let render = |render: &RenderDiff| WireRender {
        left: render.left.to_string(),
        right: render.right.to_string(),
        app: render.app.to_string(),
        unified: render.unified.clone(),
    };
    let pairs = report.pairs.iter();
    word(&WireDiff {
        api_version: API_VERSION,
        kind: "Diff",
        pairs: pairs
            .map(|(left, right)| WirePair { left: left.to_string(), right: right.to_string() })
            .collect(),
        config: report.config,
        differs: report.differs(),
        rows: report.rows.iter().map(WireRow::from).collect(),
        renders: report.renders.iter().map(render).collect(),
    })
}

/// The document of a diff of versions.
pub fn changes_value(report: &Changes) -> Value {
    let arrival = |arrival: &Arrival| WireArrival {
        environment: arrival.environment.to_string(),
        image: arrival.image.clone(),
        version: arrival.version.to_string(),
        time: arrival.time.map(day),
        commit: arrival.commit.clone(),
    };
    word(&WireChanges {
        api_version: API_VERSION,
        kind: "Changes",
        app: report.app.to_string(),
        from: report.from.to_string(),
        to: report.to.to_string(),
        compare: report.compare.clone(),
        source: report.source.clone(),
        commits: report
            .commits
            .as_ref()
            .map(|commits| commits.iter().map(WireChange::from).collect()),
        backwards: report.backwards,
        arrivals: report.arrivals.iter().map(arrival).collect(),
    })
}

/// A value in a line, in its place where there is none.
fn shown(value: Option<&str>) -> String {
    /// A longer one is cut.
    const MOST: usize = 60;
    let Some(value) = value else { return "-".to_owned() };
    let value = clean(&short_digests(value));
    match value.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", value.get(..at).unwrap_or_default()),
        None if value.is_empty() => "\"\"".to_owned(),
        None => value,
    }
}

/// What `diff` says of environments: each pair with its versions, then the
/// settings by app.
pub fn diff(report: &DiffReport, paint: Paint, verbose: bool) -> String {
    let mut text = String::new();
    for pair in &report.pairs {
        let rows: Vec<&DiffRow> = report
            .rows
            .iter()
            .filter(|row| (&row.left, &row.right) == (&pair.0, &pair.1))
            .collect();
        let (left, right) = (clean(pair.0.as_str()), clean(pair.1.as_str()));
        let same = !rows.iter().any(|row| row.counts());
        let what = if report.config { "run and set" } else { "run" };
        let own = |render: &&RenderDiff| (&render.left, &render.right) == (&pair.0, &pair.1);
        let renders = || report.renders.iter().filter(own);
        if report.apps == 0 {
            let _ = writeln!(text, "no version was found in {left} and {right}");
        } else if same && renders().any(|render| !render.unified.is_empty()) {
            let _ = writeln!(text, "{left} and {right} {what} the same, and render this:");
        } else if same {
            let _ = writeln!(text, "{left} and {right} {what} the same");
        } else {
            let _ = writeln!(text, "{}", paint.bold(&format!("{left} | {right}")));
        }
        versions(&mut text, &rows, paint);
        settings(&mut text, &rows, (paint, verbose));
        for render in renders() {
            text.push_str(&unified(&render.unified, paint));
        }
    }
    inert(&text)
}

/// The versions of one side; `None` where it has none.
fn versions_of(pins: &[Pin]) -> Option<String> {
    let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
    (!pins.is_empty()).then(|| pins.join(", "))
}

fn versions(text: &mut String, rows: &[&DiffRow], paint: Paint) {
    let mut lines: Vec<[String; 3]> = Vec::new();
    for row in rows {
        let Found::Version { image, left, right } = &row.found else { continue };
        let several = rows
            .iter()
            .filter(|other| other.app == row.app && matches!(other.found, Found::Version { .. }));
        let app = clean(&row.app.to_string());
        let name = if several.count() > 1 { format!("{app} {}", clean(image)) } else { app };
        let told = |pins: &[Pin]| shown(versions_of(pins).as_deref());
        lines.push([name, told(left), told(right)]);
    }
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    for [name, left, right] in &lines {
        let fill =
            |cell: &str, width: usize| " ".repeat(width.saturating_sub(cell.chars().count()));
        let _ = writeln!(
            text,
            "  {name}{}  {}{} | {}",
            fill(name, first),
            paint.fresh(left),
            fill(left, second),
            paint.old(right),
        );
    }
}

/// The settings by app and by how long they have differed.
fn settings(text: &mut String, rows: &[&DiffRow], (paint, verbose): (Paint, bool)) {
    let mut apps: Vec<&crate::model::AppId> = Vec::new();
    for row in rows.iter().filter(|row| matches!(row.found, Found::Setting { .. })) {
        if !apps.contains(&&row.app) {
            apps.push(&row.app);
        }
    }
    for app in apps {
        for (distance, heading) in [
            (Distance::New, "new since the last promotion"),
            (Distance::Long, "different since before the last promotion"),
            (Distance::Unknown, "different, since when is not known"),
            (Distance::Design, "different by design"),
        ] {
            let own: Vec<&DiffRow> =
                rows.iter().copied().filter(|row| row.app == *app && is(row, distance)).collect();
            if own.is_empty() {
                continue;
            }
            let name = clean(&app.to_string());
            if distance == Distance::Design && !verbose {
                let count = own.len();
                let noun = if count == 1 { "setting" } else { "settings" };
                let line = format!("  {name}: {count} {noun} by design (-v)");
                let _ = writeln!(text, "{}", paint.dim(&line));
                continue;
            }
            let _ = writeln!(text, "  {name}: {heading}");
            for row in own {
                setting(text, row, paint);
            }
        }
    }
}

fn is(row: &DiffRow, wanted: Distance) -> bool {
    matches!(&row.found, Found::Setting { distance, .. } if *distance == wanted)
}

fn setting(text: &mut String, row: &DiffRow, paint: Paint) {
    let Found::Setting { object, field, left, right, came_with, .. } = &row.found else { return };
    let place = format!("{} {}", clean(object), clean(of_pod(field)));
    let with =
        came_with.as_ref().map(|pin| format!("  came with {}", shown(Some(&pin.to_string()))));
    let _ = writeln!(
        text,
        "    {}  {} | {}{}",
        place.trim_end(),
        paint.fresh(&shown(left.as_deref())),
        paint.old(&shown(right.as_deref())),
        with.unwrap_or_default(),
    );
}

fn unified(diff: &str, paint: Paint) -> String {
    let line = |line: &str| {
        let line = clean(line);
        match line.chars().next() {
            Some('+') => paint.fresh(&line) + "\n",
            Some('-') => paint.old(&line) + "\n",
            _ => line + "\n",
        }
    };
    diff.lines().map(line).collect()
}

/// The differences as rows and columns.
pub fn diff_table(report: &DiffReport) -> Table {
    let heading =
        ["APP", "LEFT", "RIGHT", "WHAT", "FIELD", "LEFT VALUE", "RIGHT VALUE", "DISTANCE"];
    let mut table = Table::new(&heading);
    let dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for row in &report.rows {
        let wire = WireRow::from(row);
        let what = wire.image.or(wire.object);
        table.push(&[
            wire.app,
            wire.left,
            wire.right,
            dash(what),
            dash(wire.field.filter(|field| !field.is_empty())),
            dash(wire.left_value),
            dash(wire.right_value),
            dash(wire.distance.map(str::to_owned)),
        ]);
    }
    table
}

/// What `diff` says of two versions.
pub fn changes(report: &Changes, paint: Paint, verbose: bool) -> String {
    /// More commits than this are counted, not shown.
    const MOST: usize = 100;
    let mut text = String::new();
    let (from, to) = (shown(Some(&report.from.to_string())), shown(Some(&report.to.to_string())));
    let title = format!("{} {from} .. {to}", clean(&report.app.to_string()));
    let _ = writeln!(text, "{}", paint.bold(&title));
    if let Some(compare) = &report.compare {
        let _ = writeln!(text, "{}", clean(compare));
    }
    if let Some(commits) = &report.commits {
        let noun = if commits.len() == 1 { "commit" } else { "commits" };
        let (a, b) = if report.backwards { (&to, &from) } else { (&from, &to) };
        let _ = writeln!(text, "{} {noun} from {a} to {b}", commits.len());
        let most = if verbose { usize::MAX } else { MOST };
        for commit in commits.iter().take(most) {
            let (subject, author) = (clean(&commit.subject), clean(&commit.author));
            let _ = writeln!(
                text,
                "  {}  {}  {subject}  ({author})",
                short_id(&commit.commit),
                minute(commit.time)
            );
        }
        if commits.len() > most {
            let _ = writeln!(text, "  and {} more (-v)", commits.len() - most);
        }
    }
    if !report.arrivals.is_empty() {
        text.push_str(&arrivals_table(report, minute).aligned());
    }
    inert(&text)
}

fn arrivals_table(report: &Changes, time: fn(i64) -> String) -> Table {
    let images: std::collections::BTreeSet<&String> =
        report.arrivals.iter().map(|arrival| &arrival.image).collect();
    let several = images.len() > 1;
    let mut heading = vec!["ENVIRONMENT", "VERSION", "SINCE", "COMMIT"];
    if several {
        heading.push("IMAGE");
    }
    let mut table = Table::new(&heading);
    for arrival in &report.arrivals {
        let dash = || "-".to_owned();
        let mut row = vec![
            arrival.environment.to_string(),
            short_digests(&arrival.version.to_string()),
            arrival.time.map_or_else(dash, time),
            arrival.commit.as_deref().map_or_else(dash, |id| short_id(id).to_owned()),
        ];
        if several {
            row.push(arrival.image.clone());
        }
        table.push(&row);
    }
    table
}

/// The commits as rows and columns, or the arrivals where there is no clone.
pub fn changes_table(report: &Changes) -> Table {
    let Some(commits) = &report.commits else { return arrivals_table(report, day) };
    let mut table = Table::new(&["COMMIT", "TIME", "AUTHOR", "SUBJECT"]);
    for change in commits {
        table.push(&[
            change.commit.clone(),
            day(change.time),
            change.author.clone(),
            change.subject.clone(),
        ]);
    }
    table
}
