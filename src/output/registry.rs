//! What registries have, and what was copied between them, for people and
//! programs.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::model::Pin;
use crate::report::{
    CopyRow, CopyState, ImageFacts, ImageRow, RegistryCheckReport, RegistryCopyReport,
};

use super::json::{API_VERSION, word};
use super::table::Table;
use super::text::clean;

/// Whether a version is there, and what it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "RegistryCheck")]
pub(super) struct WireRegistryCheck {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `RegistryCheck`.
    kind: &'static str,
    /// One row a repository.
    rows: Vec<WireImage>,
}

/// A version in a repository.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WireImage {
    /// The app; null where an image was named by itself.
    app: Option<String>,
    /// The image.
    image: String,
    /// The environments that pull from this repository.
    environments: Vec<String>,
    /// The repository.
    repository: String,
    /// The tag that was asked for.
    tag: Option<String>,
    /// Whether it is there; null where that is not known.
    exists: Option<bool>,
    /// The digest that it has, or that was asked for.
    digest: Option<String>,
    /// What it runs on, such as `linux/amd64`.
    platforms: Vec<String>,
    /// When it was made, as it says.
    created: Option<String>,
    /// Where its source is.
    source: Option<String>,
    /// The commit it was made from.
    revision: Option<String>,
    /// The version that it calls itself.
    version: Option<String>,
    /// Why nothing is known of it.
    message: Option<String>,
}

impl From<&ImageRow> for WireImage {
    fn from(row: &ImageRow) -> Self {
        let found = row.found.as_ref();
        let asked = row.version.digest.as_ref().map(ToString::to_string);
        let of = |get: fn(&ImageFacts) -> &Option<String>| found.and_then(|f| get(f).clone());
        Self {
            app: row.app.as_ref().map(ToString::to_string),
            image: row.image.clone(),
            environments: row.environments.iter().map(ToString::to_string).collect(),
            repository: row.repository.clone(),
            tag: row.version.tag.as_ref().map(ToString::to_string),
            exists: row.unknown.is_none().then_some(found.is_some()),
            digest: found.map(|found| found.digest.clone()).or(asked),
            platforms: found.map(|found| found.platforms.clone()).unwrap_or_default(),
            created: of(|found| &found.created),
            source: of(|found| &found.source),
            revision: of(|found| &found.revision),
            version: of(|found| &found.version),
            message: row.unknown.clone(),
        }
    }
}

/// The document of a check.
pub fn registry_check_value(report: &RegistryCheckReport) -> Value {
    word(&WireRegistryCheck {
        api_version: API_VERSION,
        kind: "RegistryCheck",
        rows: report.rows.iter().map(WireImage::from).collect(),
    })
}

/// `registry.example/acme/web:v1@sha256:...`
fn named(repository: &str, pin: &Pin) -> String {
    let mut text = repository.to_owned();
    if let Some(tag) = &pin.tag {
        let _ = write!(text, ":{tag}");
    }
    if let Some(digest) = &pin.digest {
        let _ = write!(text, "@{digest}");
    }
    clean(&text)
}

fn environments(row: &ImageRow) -> String {
    let names: Vec<String> = row.environments.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// For people: a few lines a repository.
pub fn registry_check(report: &RegistryCheckReport) -> String {
    let mut text = String::new();
    for row in &report.rows {
        let mut head = named(&row.repository, &row.version);
        if !row.environments.is_empty() {
            let _ = write!(head, "  ({})", environments(row));
        }
        match (&row.found, &row.unknown) {
            (Some(found), _) => {
                let _ = writeln!(text, "{head}");
                text.push_str(&facts(found));
            }
            (None, Some(why)) => {
                let _ = writeln!(text, "{head}  is not known: {}", clean(why));
            }
            (None, None) => {
                let _ = writeln!(text, "{head}  is not there");
            }
        }
    }
    text
}

fn facts(found: &ImageFacts) -> String {
    let platforms = (!found.platforms.is_empty()).then(|| found.platforms.join(", "));
    let lines = [
        ("digest", Some(found.digest.clone())),
        ("platforms", platforms),
        ("created", found.created.clone()),
        ("source", found.source.clone()),
        ("revision", found.revision.clone()),
        ("version", found.version.clone()),
    ];
    let shown = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut text = String::new();
    for (name, value) in shown {
        let _ = writeln!(text, "  {name:<9}  {}", clean(&value));
    }
    text
}

/// The same as rows and columns.
pub fn registry_check_table(report: &RegistryCheckReport) -> Table {
    let heads = ["REPOSITORY", "VERSION", "EXISTS", "DIGEST", "PLATFORMS", "CREATED", "IN"];
    let mut table = Table::new(&heads);
    for row in &report.rows {
        let found = row.found.as_ref();
        let exists = match (found, &row.unknown) {
            (Some(_), _) => "yes",
            (None, None) => "no",
            (None, Some(_)) => "unknown",
        };
        table.push(&[
            row.repository.clone(),
            row.version.to_string(),
            exists.to_owned(),
            found.map(|found| found.digest.clone()).unwrap_or_default(),
            found.map(|found| found.platforms.join(",")).unwrap_or_default(),
            found.and_then(|found| found.created.clone()).unwrap_or_default(),
            environments(row),
        ]);
    }
    table
}

/// What was copied.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "RegistryCopy")]
pub(super) struct WireRegistryCopy {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `RegistryCopy`.
    kind: &'static str,
    /// Whether nothing was to be written.
    dry_run: bool,
    /// One row an image.
    rows: Vec<WireCopy>,
}

/// A version that is copied.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireCopy {
    /// The app; null where an image was named by itself.
    app: Option<String>,
    /// The image.
    image: String,
    /// The repository that it is taken from.
    from: String,
    /// The repository that it comes to.
    to: String,
    /// The tag.
    tag: Option<String>,
    /// The digest, the same in both.
    digest: String,
    /// One of `planned copied unchanged`.
    result: &'static str,
    /// Blobs that were sent.
    blobs_sent: usize,
    /// Blobs that the registry took from the other repository by itself.
    blobs_mounted: usize,
    /// Blobs that were there.
    blobs_present: usize,
    /// Bytes that were sent.
    bytes: u64,
    /// Manifests that were set.
    manifests: usize,
    /// Signatures and the like that are there as well.
    referrers: usize,
}

fn result(state: CopyState) -> &'static str {
    match state {
        CopyState::Planned => "planned",
        CopyState::Copied => "copied",
        CopyState::Unchanged => "unchanged",
    }
}

impl From<&CopyRow> for WireCopy {
    fn from(row: &CopyRow) -> Self {
        let (sent, mounted, present) = row.blobs;
        Self {
            app: row.app.as_ref().map(ToString::to_string),
            image: row.image.clone(),
            from: row.from.clone(),
            to: row.to.clone(),
            tag: row.version.tag.as_ref().map(ToString::to_string),
            digest: row.digest.clone(),
            result: result(row.state),
            blobs_sent: sent,
            blobs_mounted: mounted,
            blobs_present: present,
            bytes: row.bytes,
            manifests: row.manifests,
            referrers: row.referrers,
        }
    }
}

/// The document of a copy.
pub fn registry_copy_value(report: &RegistryCopyReport) -> Value {
    word(&WireRegistryCopy {
        api_version: API_VERSION,
        kind: "RegistryCopy",
        dry_run: report.dry_run,
        rows: report.rows.iter().map(WireCopy::from).collect(),
    })
}

/// For people: one line an image, as a promotion says it.
pub(super) fn copied(row: &CopyRow) -> String {
    let pin = Pin { tag: row.version.tag.clone(), digest: None };
    format!("{} {}  {}\n", result(row.state), named(&row.to, &pin), done(row))
}

/// For people: two lines an image.
pub fn registry_copy(report: &RegistryCopyReport) -> String {
    let mut text = String::new();
    for row in &report.rows {
        let pin = Pin { tag: row.version.tag.clone(), digest: None };
        let (from, to) = (named(&row.from, &pin), named(&row.to, &pin));
        let _ = writeln!(text, "{from} -> {to}");
        let _ = writeln!(text, "  {:<9}  {}", "digest", clean(&row.digest));
        let _ = writeln!(text, "  {:<9}  {}", result(row.state), done(row));
    }
    if report.dry_run {
        text.push_str("dry run: nothing was written\n");
    }
    text
}

fn done(row: &CopyRow) -> String {
    let (sent, mounted, present) = row.blobs;
    let referrers = match row.referrers {
        0 => String::new(),
        1 => ", 1 signature or other referrer".to_owned(),
        more => format!(", {more} signatures and other referrers"),
    };
    match row.state {
        CopyState::Planned => "it is there, and the destination is free".to_owned(),
        CopyState::Unchanged => format!("the destination has it{referrers}"),
        CopyState::Copied => format!(
            "{} in {sent} blobs sent, {mounted} mounted, {present} there already{referrers}",
            size(row.bytes)
        ),
    }
}

/// Bytes as people say them: `512 B`, `3.4 MB`.
pub fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit / (unit / 10));
    match bytes {
        0..=999 => format!("{bytes} B"),
        1_000..=999_999 => format!("{} kB", tenths(1_000)),
        1_000_000..=999_999_999 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// The same as rows and columns.
pub fn registry_copy_table(report: &RegistryCopyReport) -> Table {
    let mut table = Table::new(&["TO", "FROM", "VERSION", "DIGEST", "RESULT", "BYTES"]);
    for row in &report.rows {
        table.push(&[
            row.to.clone(),
            row.from.clone(),
            row.version.to_string(),
            row.digest.clone(),
            result(row.state).to_owned(),
            row.bytes.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn bytes_are_said_as_people_do() {
        let said: Vec<String> =
            [0, 999, 1_000, 1_234_567, 209_715_200, 5_000_000_000].map(size).into();
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "1.2 MB", "209.7 MB", "5.0 GB"]);
    }
}
