//! What `preview` did and found, for people and programs.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::{Edit, EditKind};
use crate::report::{PreviewAction, PreviewReport, PreviewRow};

use super::delivered::delivered;
use super::json::{API_VERSION, WireEdit, result_of, word};
use super::table::Table;
use super::text::{ago, clean, day, short_digests};

/// What was done with previews, or which there are.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Preview")]
pub(super) struct WirePreviews {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Preview`.
    kind: &'static str,
    /// One of `create list delete prune`.
    action: &'static str,
    /// Whether nothing was to be written.
    dry_run: bool,
    /// Those that were made, found or removed.
    previews: Vec<WirePreview>,
    /// The kustomization that lists the one that was made; null where nothing does.
    listed_in: Option<String>,
    /// The files and values that change.
    edits: Vec<WireEdit>,
    /// One of `planned committed edited pushed pull-request unchanged`.
    result: &'static str,
    /// The full id of the commit that was made.
    commit: Option<String>,
    /// The branch, unless HEAD is detached.
    branch: Option<String>,
    /// The address of the pull request.
    pull_request: Option<String>,
}

/// A preview.
#[derive(Serialize, JsonSchema)]
struct WirePreview {
    /// Its name.
    name: String,
    /// The app.
    app: String,
    /// The environment it stands in.
    environment: String,
    /// The version.
    version: String,
    /// Its directory; null where the version was set in place.
    directory: Option<String>,
    /// Whether the version was set in place.
    overwrite: bool,
    /// When it arrived as it is, in RFC 3339.
    since: Option<String>,
    /// The full id of the commit that brought it.
    commit: Option<String>,
}

impl From<&PreviewRow> for WirePreview {
    fn from(row: &PreviewRow) -> Self {
        Self {
            name: row.name.clone(),
            app: row.app.clone(),
            environment: row.environment.clone(),
            version: row.version.clone(),
            directory: row.dir.as_ref().map(ToString::to_string),
            overwrite: row.dir.is_none(),
            since: row.since.map(day),
            commit: row.commit.clone(),
        }
    }
}

fn action(action: PreviewAction) -> &'static str {
    match action {
        PreviewAction::Create => "create",
        PreviewAction::List => "list",
        PreviewAction::Delete => "delete",
        PreviewAction::Prune => "prune",
    }
}

/// The document.
pub fn preview_value(report: &PreviewReport) -> Value {
    let change = &report.change;
    word(&WirePreviews {
        api_version: API_VERSION,
        kind: "Preview",
        action: action(report.action),
        dry_run: change.dry_run,
        previews: report.previews.iter().map(WirePreview::from).collect(),
        listed_in: report.listed_in.as_ref().map(ToString::to_string),
        edits: change.edits.iter().map(WireEdit::from).collect(),
        result: result_of(change.ending),
        commit: change.commit.as_ref().map(|commit| commit.id.clone()),
        branch: change.branch.clone(),
        pull_request: change.request.as_ref().map(|request| request.url.clone()),
    })
}

/// The previews, what changes for them, and how it ended.
pub fn preview(report: &PreviewReport) -> String {
    let mut text = if report.previews.is_empty() {
        "no previews\n".to_owned()
    } else {
        short_digests(&preview_table(report).aligned())
    };
    let asked = report.action != PreviewAction::List;
    text.push_str(&delivered(&report.change, edit_line, asked));
    text
}

fn edit_line(edit: &Edit) -> String {
    let path = clean(edit.path.as_str());
    match (edit.kind, &edit.old, &edit.new) {
        (EditKind::NewFile, None, _) => format!("new      {path}\n"),
        (EditKind::NewFile, ..) => format!("changed  {path}\n"),
        (EditKind::RemovedFile, ..) => format!("removed  {path}\n"),
        (_, _, Some(new)) => format!("listed   {path}:{}  {}\n", edit.line, clean(new)),
        (_, _, None) => format!("unlisted {path}:{}\n", edit.line),
    }
}

/// One row a preview.
pub fn preview_table(report: &PreviewReport) -> Table {
    let mut table = Table::new(&["NAME", "APP", "VERSION", "AGE", "DIRECTORY"]);
    for row in &report.previews {
        let age = row.since.map(|since| ago(report.now - since));
        let dir = row.dir.as_ref().map(ToString::to_string);
        table.push(&[
            row.name.clone(),
            row.app.clone(),
            row.version.clone(),
            age.unwrap_or_else(|| "-".to_owned()),
            dir.unwrap_or_else(|| format!("in place of {}", row.environment)),
        ]);
    }
    table
}
