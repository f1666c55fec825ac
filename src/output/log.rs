//! The log, for people and programs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::gate::short_id;
use crate::history::Entry;
use crate::model::{AppId, Pin};
use crate::report::LogReport;

use super::json::{API_VERSION, word};
use super::paint::Paint;
use super::table::Table;
use super::text::{ago, day, minute, short_digests};

/// Each version that entered an environment, newest first.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Log")]
pub(super) struct WireLog {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Log`.
    kind: &'static str,
    /// One a commit, environment, app and image.
    records: Vec<WireRecord>,
    /// The commit at which a shallow clone ends: what came before is not known.
    ends_at: Option<String>,
}

/// A version that entered an environment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireRecord {
    /// The full id of the commit, on the first-parent line.
    commit: String,
    /// Its committer time, RFC 3339.
    time: String,
    /// Its author.
    author: String,
    /// The environment.
    environment: String,
    /// The app.
    app: String,
    /// The image.
    image: String,
    /// The tag before, or the digest where there was no tag; null at the first
    /// appearance.
    previous: Option<String>,
    /// The tag, or the digest where there is no tag.
    version: String,
    /// The digest before.
    previous_digest: Option<String>,
    /// The digest.
    digest: Option<String>,
    /// Whether it goes back.
    rollback: bool,
    /// What was waived.
    overrides: Vec<WireOverride>,
    /// The preview that it is.
    preview: Option<String>,
    /// Whether the commit carries an audit record that says the same.
    recorded: bool,
}

/// A waived rule.
#[derive(Serialize, JsonSchema)]
struct WireOverride {
    /// The rule.
    rule: String,
    /// Why.
    reason: String,
}

/// The tag, or the digest where there is no tag.
pub(super) fn version(pin: &Pin) -> Option<String> {
    let tag = pin.tag.as_ref().map(ToString::to_string);
    tag.or_else(|| pin.digest.as_ref().map(ToString::to_string))
}

pub(super) fn record(entry: &Entry) -> WireRecord {
    let digest = |pin: &Pin| pin.digest.as_ref().map(ToString::to_string);
    let waiver = |waiver: &crate::audit::Waiver| WireOverride {
        rule: waiver.rule.to_string(),
        reason: waiver.reason.clone(),
    };
    WireRecord {
        commit: entry.moment.commit.clone(),
        time: day(entry.moment.seconds),
        author: entry.moment.author.clone(),
        environment: entry.environment.to_string(),
        app: entry.app.to_string(),
        image: entry.image.clone(),
        previous: version(&entry.previous),
        version: version(&entry.version).unwrap_or_default(),
        previous_digest: digest(&entry.previous),
        digest: digest(&entry.version),
        rollback: entry.rollback,
        overrides: entry.waivers.iter().map(waiver).collect(),
        preview: entry.preview.clone(),
        recorded: entry.recorded,
    }
}

/// The document.
pub fn log_value(report: &LogReport) -> Value {
    word(&WireLog {
        api_version: API_VERSION,
        kind: "Log",
        records: report.entries.iter().map(record).collect(),
        ends_at: report.cut.clone(),
    })
}

/// The same as rows and columns.
pub fn log_table(report: &LogReport) -> Table {
    let heads = [
        "COMMIT",
        "TIME",
        "ENVIRONMENT",
        "APP",
        "IMAGE",
        "PREVIOUS",
        "VERSION",
        "AUTHOR",
        "NOTES",
        "RECORDED",
    ];
    let mut table = Table::new(&heads);
    for entry in &report.entries {
        table.push(&[
            entry.moment.commit.clone(),
            day(entry.moment.seconds),
            entry.environment.to_string(),
            entry.app.to_string(),
            entry.image.clone(),
            entry.previous.to_string(),
            entry.version.to_string(),
            entry.moment.author.clone(),
            notes(entry),
            entry.recorded.to_string(),
        ]);
    }
    table
}

/// What is special about it.
pub(super) fn notes(entry: &Entry) -> String {
    let rollback = entry.rollback.then(|| "rollback".to_owned());
    let preview = entry.preview.as_ref().map(|name| format!("preview {name}"));
    let waived = entry.waivers.iter().map(|w| format!("{} waived: {}", w.rule, w.reason));
    rollback.into_iter().chain(preview).chain(waived).collect::<Vec<_>>().join("; ")
}

/// One line a version that entered an environment. `wide` adds the image, the
/// whole time, and whether there is a record.
pub fn log(report: &LogReport, paint: Paint, wide: bool) -> String {
    if report.entries.is_empty() {
        return String::new();
    }
    let heads =
        ["COMMIT", "DATE (UTC)", "AGE", "ENV", "APP", "IMAGE", "VERSION", "AUTHOR", "NOTES"];
    let several = several_images(report);
    let mut table = Table::new(&heads);
    for entry in &report.entries {
        let many = wide || several.get(&entry.app).is_some_and(|images| *images > 1);
        let seconds = entry.moment.seconds;
        let mut notes = notes(entry);
        if wide && entry.recorded {
            notes = if notes.is_empty() { "recorded".to_owned() } else { notes + "; recorded" };
        }
        let moved = format!("{} -> {}", entry.previous, entry.version);
        table.push(&[
            short_id(&entry.moment.commit).to_owned(),
            if wide { day(seconds) } else { minute(seconds) },
            ago(report.now - seconds),
            entry.environment.to_string(),
            entry.app.to_string(),
            if many { entry.image.clone() } else { String::new() },
            if wide { moved } else { short_digests(&moved) },
            entry.moment.author.clone(),
            notes,
        ]);
    }
    let text = table.without_empty(8).without_empty(5).aligned();
    // The heading is no entry, and should not look like one.
    match text.split_once('\n') {
        Some((head, rest)) => format!("{}\n{rest}", paint.dim(head)),
        None => text,
    }
}

/// How many images each app has.
fn several_images(report: &LogReport) -> BTreeMap<&AppId, usize> {
    let mut images: BTreeMap<&AppId, std::collections::BTreeSet<&str>> = BTreeMap::new();
    for entry in &report.entries {
        images.entry(&entry.app).or_default().insert(&entry.image);
    }
    images.into_iter().map(|(app, images)| (app, images.len())).collect()
}
