//! The versions of apps, for people and programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::gate::short_id;
use crate::model::EnvironmentName;
use crate::report::{VersionRow, VersionsReport};

use super::json::{API_VERSION, word};
use super::log::version;
use super::table::Table;
use super::text::{ago, day, minute, short_digests};

/// Which versions there were, and where they run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Versions")]
pub(super) struct WireVersions {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Versions`.
    kind: &'static str,
    /// One row a version of an image of an app.
    rows: Vec<WireVersion>,
    /// The commit at which a shallow clone ends: what came before is not known.
    ends_at: Option<String>,
}

/// A version.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WireVersion {
    /// The app.
    app: String,
    /// The image.
    image: String,
    /// The tag, or the digest where there is no tag.
    version: String,
    /// The digest.
    digest: Option<String>,
    /// When it was first seen, RFC 3339; null where that lies before the
    /// history.
    first_seen: Option<String>,
    /// Where that was.
    first_environment: Option<String>,
    /// The commit that brought it.
    first_commit: Option<String>,
    /// The environments that run it now.
    now_in: Vec<String>,
    /// The environments that ran it at some time.
    ever_in: Vec<String>,
    /// When its image was made, RFC 3339; null where no registry was asked or
    /// none says it.
    built: Option<String>,
    /// The repositories that have it; none where no registry was asked.
    registries: Vec<String>,
}

fn names(environments: &[EnvironmentName]) -> Vec<String> {
    environments.iter().map(ToString::to_string).collect()
}

/// The document.
pub fn versions_value(report: &VersionsReport) -> Value {
    let row = |row: &VersionRow| WireVersion {
        app: row.app.to_string(),
        image: row.image.clone(),
        version: version(&row.version).unwrap_or_default(),
        digest: row.version.digest.as_ref().map(ToString::to_string),
        first_seen: row.first.as_ref().map(|entry| day(entry.moment.seconds)),
        first_environment: row.first.as_ref().map(|entry| entry.environment.to_string()),
        first_commit: row.first.as_ref().map(|entry| entry.moment.commit.clone()),
        now_in: names(&row.now_in),
        ever_in: names(&row.ever_in),
        built: row.built.map(day),
        registries: row.registries.clone(),
    };
    word(&WireVersions {
        api_version: API_VERSION,
        kind: "Versions",
        rows: report.rows.iter().map(row).collect(),
        ends_at: report.cut.clone(),
    })
}

/// The same as rows and columns.
pub fn versions_table(report: &VersionsReport) -> Table {
    let heads =
        ["VERSION", "APP", "IMAGE", "FIRST_SEEN", "FIRST_COMMIT", "NOW_IN", "EVER_IN", "BUILT"];
    let mut table = Table::new(&heads);
    for row in &report.rows {
        let first = row.first.as_ref();
        table.push(&[
            row.version.to_string(),
            row.app.to_string(),
            row.image.clone(),
            first.map(|entry| day(entry.moment.seconds)).unwrap_or_default(),
            first.map(|entry| entry.moment.commit.clone()).unwrap_or_default(),
            names(&row.now_in).join(","),
            names(&row.ever_in).join(","),
            row.built.map(day).unwrap_or_default(),
        ]);
    }
    table
}

/// What stands in place of a time.
fn unseen(row: &VersionRow) -> &'static str {
    if row.ever_in.is_empty() { "never" } else { "before the history" }
}

/// For people: one line a version. `wide` adds the image, the commit and where
/// it ever was.
pub fn versions(report: &VersionsReport, wide: bool) -> String {
    if report.rows.is_empty() {
        return String::new();
    }
    let heads = [
        "APP",
        "IMAGE",
        "VERSION",
        "FIRST SEEN",
        "AGE",
        "IN",
        "NOW IN",
        "COMMIT",
        "EVER IN",
        "BUILT",
    ];
    let mut table = Table::new(&heads);
    let several = report
        .rows
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.app == b.app && a.image != b.image));
    for row in &report.rows {
        let first = row.first.as_ref();
        let seconds = first.map(|entry| entry.moment.seconds);
        let time = if wide { day } else { minute };
        let version = row.version.to_string();
        let or_nothing = |text: Option<String>| text.unwrap_or_default();
        table.push(&[
            row.app.to_string(),
            if wide || several { row.image.clone() } else { String::new() },
            if wide { version } else { short_digests(&version) },
            seconds.map_or_else(|| unseen(row).to_owned(), time),
            or_nothing(seconds.map(|seconds| ago(report.now - seconds))),
            or_nothing(first.map(|entry| entry.environment.to_string())),
            if row.now_in.is_empty() { "-".to_owned() } else { names(&row.now_in).join(", ") },
            or_nothing(first.filter(|_| wide).map(|e| short_id(&e.moment.commit).to_owned())),
            if wide { names(&row.ever_in).join(", ") } else { String::new() },
            or_nothing(row.built.map(time)),
        ]);
    }
    table.without_empty(9).without_empty(8).without_empty(7).without_empty(1).aligned()
}
