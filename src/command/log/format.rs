//! `--format`: the placeholders of `git log` where they mean the same, and
//! `%(name)` for the rest, as `git for-each-ref` writes names.

use crate::gate::short_id;
use crate::history::Entry;
use crate::output::{ago, clean, day};
use crate::report::LogReport;

use super::super::Failure;

/// What can stand in `%(...)`.
const NAMES: [&str; 10] = [
    "app",
    "digest",
    "env",
    "image",
    "overrides",
    "path",
    "previous",
    "recorded",
    "rollback",
    "version",
];

/// What can stand behind `%`.
const LETTERS: [&str; 8] = ["H", "h", "an", "cI", "cr", "ct", "n", "%"];

#[derive(Debug)]
enum Part {
    Text(String),
    Letter(&'static str),
    Name(&'static str),
}

/// A text with placeholders.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// Reads it; what is no placeholder is refused rather than printed.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('%') {
            parts.push(Part::Text(before.to_owned()));
            let (part, tail) = placeholder(behind).ok_or_else(|| unknown(behind))?;
            parts.push(part);
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// One line, or what the text makes of it, an entry.
    pub(super) fn render(&self, report: &LogReport) -> String {
        // As git, which prints nothing of nothing.
        if self.0.iter().all(|part| matches!(part, Part::Text(text) if text.is_empty())) {
            return String::new();
        }
        let entry = |entry: &Entry| {
            let parts = self.0.iter().map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Letter(letter) => by_letter(letter, entry, report.now),
                Part::Name(name) => clean(&by_name(name, entry)),
            });
            parts.collect::<String>() + "\n"
        };
        report.entries.iter().map(entry).collect()
    }
}

fn placeholder(text: &str) -> Option<(Part, &str)> {
    if let Some(inner) = text.strip_prefix('(') {
        let (name, tail) = inner.split_once(')')?;
        let name = NAMES.iter().find(|known| **known == name)?;
        return Some((Part::Name(name), tail));
    }
    LETTERS.iter().find_map(|letter| Some((Part::Letter(letter), text.strip_prefix(letter)?)))
}

fn unknown(text: &str) -> Failure {
    let shown: String = text.chars().take_while(|c| !c.is_whitespace()).take(16).collect();
    let letters: Vec<String> = LETTERS.iter().map(|letter| format!("%{letter}")).collect();
    let names: Vec<String> = NAMES.iter().map(|name| format!("%({name})")).collect();
    Failure::usage(format!(
        "`%{shown}` is no placeholder; there are {} {}",
        letters.join(" "),
        names.join(" ")
    ))
    .hint("git promote log --format '%h %cI %(app) %(env) %(previous) %(version)'")
}

fn by_letter(letter: &str, entry: &Entry, now: i64) -> String {
    let moment = &entry.moment;
    match letter {
        "H" => moment.commit.clone(),
        "h" => short_id(&moment.commit).to_owned(),
        "an" => clean(&moment.author),
        "cI" => day(moment.seconds),
        "cr" => format!("{} ago", ago(now - moment.seconds)),
        "ct" => moment.seconds.to_string(),
        "n" => "\n".to_owned(),
        _ => letter.to_owned(),
    }
}

fn by_name(name: &str, entry: &Entry) -> String {
    let tag = |pin: &crate::model::Pin| match &pin.tag {
        Some(tag) => tag.to_string(),
        None => pin.to_string(),
    };
    match name {
        "app" => entry.app.to_string(),
        "digest" => entry.version.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
        "env" => entry.environment.to_string(),
        "image" => entry.image.clone(),
        "overrides" => {
            let rules: Vec<String> = entry.waivers.iter().map(|w| w.rule.to_string()).collect();
            rules.join(",")
        }
        "path" => entry.path.to_string(),
        "previous" => tag(&entry.previous),
        "recorded" => entry.recorded.to_string(),
        "rollback" => entry.rollback.to_string(),
        _ => tag(&entry.version),
    }
}
