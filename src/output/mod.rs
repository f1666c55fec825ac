//! Reports to text. Decides nothing: every renderer takes a report as it is.

mod check;
mod delivered;
mod diff;
mod doctor;
mod hold;
mod human;
mod json;
mod log;
mod markdown;
mod metrics;
mod next;
mod overview;
mod paint;
mod preview;
mod pull_request;
mod registry;
mod status;
mod table;
mod text;
mod verify;
mod versions;
mod wait;
mod why;

pub use check::annotate::{Ci, CiChoice, annotations};
pub use check::human::check;
pub use check::past::{audit, audit_table, replay, replay_table};
pub use check::wire::{audit_value, check_value, replay_value};
pub use check::{ReportKind, check_table, render};
pub use diff::{changes, changes_table, changes_value, diff, diff_table, diff_value};
pub use doctor::{doctor, doctor_table, doctor_value};
pub use hold::{hold, hold_table, hold_value};
pub use human::{edits, promotion};
pub use json::{edit_value, pretty, promotion_value, schema, schema_kinds};
pub use log::{log, log_table, log_value};
pub use metrics::{metrics, metrics_table, metrics_value};
pub use next::{next, next_table, next_value};
pub use overview::{overview, overview_page, overview_value};
pub use paint::Paint;
pub use preview::{preview, preview_table, preview_value};
pub use pull_request::{RequestText, pull_request};
pub use registry::{
    registry_check, registry_check_table, registry_check_value, registry_copy, registry_copy_table,
    registry_copy_value, size,
};
pub use status::{plain_status_table, status, status_value, wide_status};
pub use table::{Table, edit_table, promotion_table};
pub use text::{ago, clean, day, inert, wrap};
pub use verify::{verify, verify_counts, verify_table, verify_value};
pub use versions::{versions, versions_table, versions_value};
pub use wait::{wait_table, wait_value, waited};
pub use why::{why, why_table, why_value};

use serde_json::Value;

/// The forms that `-o` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people, with every column.
    Wide,
    /// One JSON document (`apiVersion: git-promote/v1`).
    Json,
    /// The same document as YAML.
    Yaml,
    /// The rows of the document, one JSON object a line.
    Ndjson,
    /// The names alone, one a line.
    Name,
    /// Columns with tabs between, with a heading.
    Tsv,
    /// A Markdown table.
    Markdown,
}

impl Format {
    /// Whether it is the document, for programs, rather than rows.
    pub fn is_document(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

/// Renders a report in a form that is not for people: from its document, or
/// from its table. `rows` names the list that NDJSON takes apart.
pub fn machine(format: Format, document: &Value, rows: &str, table: &Table) -> String {
    match format {
        Format::Json => pretty(document),
        Format::Yaml => json::yaml(document),
        Format::Ndjson => json::lines(document, rows),
        Format::Name => table.names(),
        Format::Tsv => table.tsv(),
        Format::Markdown => table.markdown(),
        Format::Table | Format::Wide => table.aligned(),
    }
}
