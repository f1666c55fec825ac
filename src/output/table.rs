//! Rows and columns: aligned, tab separated, as Markdown, or the names alone.

use unicode_width::UnicodeWidthStr;

use crate::report::{EditReport, PromotionReport};

use super::text::{clean, lines};

/// A table with a heading; the first column names the row.
#[derive(Debug, Clone, Default)]
pub struct Table {
    heading: Vec<&'static str>,
    environments: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), ..Self::default() }
    }

    /// A column more, with a foreign heading.
    pub(super) fn column(&mut self, name: &str) {
        self.environments.push(name.to_owned());
    }

    pub(super) fn push(&mut self, row: &[String]) {
        self.rows.push(row.iter().map(|cell| clean(cell)).collect());
    }

    /// Without a column, by its place, where no row has anything in it.
    pub(super) fn without_empty(mut self, column: usize) -> Self {
        let empty = |row: &Vec<String>| row.get(column).is_none_or(String::is_empty);
        if self.rows.iter().all(empty) && column < self.heading.len() {
            self.heading.remove(column);
            for row in self.rows.iter_mut().filter(|row| row.len() > column) {
                row.remove(column);
            }
        }
        self
    }

    fn heads(&self) -> Vec<String> {
        let fixed = self.heading.iter().map(|head| (*head).to_owned());
        fixed.chain(self.environments.iter().map(|name| clean(name).to_uppercase())).collect()
    }

    /// Columns padded with blanks, two between.
    pub fn aligned(&self) -> String {
        let heads = self.heads();
        let mut widths: Vec<usize> = heads.iter().map(|head| head.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let line = |row: &Vec<String>| {
            let padded: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| {
                    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
                })
                .collect();
            format!("{}\n", padded.join("  ").trim_end())
        };
        std::iter::once(&heads).chain(&self.rows).map(line).collect()
    }

    /// Columns with tabs between.
    pub fn tsv(&self) -> String {
        let heads = self.heads();
        let lower: Vec<String> = heads.iter().map(|head| head.to_lowercase()).collect();
        let lines = std::iter::once(&lower).chain(&self.rows).map(|row| row.join("\t"));
        lines.fold(String::new(), |text, line| text + &line + "\n")
    }

    /// A Markdown table.
    pub fn markdown(&self) -> String {
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let heads = self.heads();
        let rule = format!("|{}\n", " --- |".repeat(heads.len()));
        let rows: String = self.rows.iter().map(line).collect();
        format!("{}{rule}{rows}", line(&heads))
    }

    /// The first column, each name once.
    pub fn names(&self) -> String {
        let mut names: Vec<&String> = self.rows.iter().filter_map(|row| row.first()).collect();
        names.dedup();
        lines(&names)
    }
}

/// The promotions of a report.
pub fn promotion_table(report: &PromotionReport) -> Table {
    let mut table = Table::new(&["APP", "IMAGE", "TO", "PREVIOUS", "VERSION"]);
    for promotion in &report.promotions {
        table.push(&[
            promotion.app.to_string(),
            promotion.image.clone(),
            promotion.to.to_string(),
            promotion.previous.to_string(),
            promotion.version.to_string(),
        ]);
    }
    table
}

/// The edits of a file.
pub fn edit_table(report: &EditReport) -> Table {
    let mut table = Table::new(&["FILE", "LINE", "FIELD", "OLD", "NEW"]);
    for edit in &report.edits {
        table.push(&[
            report.file.clone(),
            edit.line.to_string(),
            edit.field.clone(),
            edit.old.clone().unwrap_or_else(|| "none".to_owned()),
            edit.new.clone().unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    table
}
