//! The page for a browser: one file, without scripts, that loads nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::gate::short_id;
use crate::history::metrics::Row;
use crate::report::{Overview, Standing};

use super::super::text::{ago, clean, day, minute};
use super::{count, frequency, grouped, lead, matrix, numbers, tables, timeline};

/// How it looks, in both colour schemes and on paper.
const STYLE: &str = include_str!("style.css");

/// The sections of the page: their anchors and headings.
const SECTIONS: [(&str, &str); 6] = [
    ("violations", "Open violations"),
    ("versions", "Versions"),
    ("timeline", "Timeline"),
    ("frequency", "How often"),
    ("lead", "How fast"),
    ("latest", "Latest promotions"),
];

/// The page.
pub fn overview_page(report: &Overview) -> String {
    let title = clean(&report.title);
    let generator = format!("git-promote {}", env!("CARGO_PKG_VERSION"));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(generator);
                title { (title) " \u{b7} promotions" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (head(report, &title))
                main id="main" tabindex="-1" {
                    (section(0, &tables::violations(report)))
                    (section(1, &matrix::matrix(report)))
                    (section(2, &timeline::timeline(report)))
                    (section(3, &frequency::frequency(report)))
                    (section(4, &lead::lead(report)))
                    (section(5, &tables::latest(report)))
                }
                (foot(report, &generator))
            }
        }
    };
    page.into_string() + "\n"
}

/// Nothing may be loaded or run, and no style but the one above counts.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; \
         form-action 'none'"
    )
}

fn section(at: usize, content: &Markup) -> Markup {
    let (id, heading) = SECTIONS.get(at).copied().unwrap_or_default();
    let label = format!("{id}-heading");
    html! {
        section id=(id) aria-labelledby=(label) {
            h2 id=(label) { (heading) }
            (content)
        }
    }
}

fn head(report: &Overview, title: &str) -> Markup {
    html! {
        header {
            p.kicker { "Promotions" }
            h1 { (title) }
            p.about { (about(report)) }
            (figures(report))
            nav aria-label="Sections of this page" {
                ul {
                    @for (id, heading) in SECTIONS {
                        li { a href=(format!("#{id}")) { (heading) } }
                    }
                }
            }
        }
    }
}

/// Of which commit, when, and of what.
fn about(report: &Overview) -> Markup {
    html! {
        "Commit " code { (short_id(&report.commit)) }
        @if let Some(branch) = &report.branch { " on " strong { (clean(branch)) } }
        ", told "
        time datetime=(day(report.now)) { (minute(report.now)) " UTC" }
        @if let Some(since) = report.since {
            ", promotions since " time datetime=(day(since)) { (minute(since)) " UTC" }
        }
        @if !report.narrowed.is_empty() {
            ", only " (clean(&report.narrowed.join(", ")))
        }
        "."
        @if let Some(cut) = &report.cut {
            " The clone is shallow: what came before " code { (short_id(cut)) } " is not known."
        }
    }
}

/// The few numbers that are looked for first.
fn figures(report: &Overview) -> Markup {
    let last = report.metrics.environments.last();
    let behind = report.standing(Standing::Behind);
    let open = report.violations.len();
    let (open_class, open) = match (&report.unjudged, open) {
        (Some(_), _) => ("", "not judged".to_owned()),
        (None, 0) => ("good", grouped(open)),
        (None, _) => ("bad", grouped(open)),
    };
    html! {
        dl.figures {
            (figure("", "Apps", &grouped(report.apps()), &environments(report)))
            (figure(
                open_class,
                "Open violations",
                &open,
                "versions that never were in the environment before",
            ))
            (figure("", "Behind", &grouped(behind), &format!("{} with a next step", grouped(report.due()))))
            @if let Some(last) = last {
                (figure("", "Promotions", &week(last, report), &format!("a week into {}", last.environment)))
                @if let Some(spans) = last.delivery.lead {
                    (figure("", "Lead time", &ago(spans.median), &format!("median to {}", last.environment)))
                }
                (figure("", "Went back", &went_back(report), "of all promotions"))
            }
        }
    }
}

fn environments(report: &Overview) -> String {
    format!("in {}", count(report.status.environments.len(), "environment"))
}

fn week(row: &Row, report: &Overview) -> String {
    let week = super::super::metrics::per_week(&row.delivery, &numbers(report));
    week.map(|week| format!("{week:.1}")).unwrap_or_default()
}

fn went_back(report: &Overview) -> String {
    let all = report.metrics.deliveries.len();
    let back = report.metrics.deliveries.iter().filter(|one| one.rollback).count();
    format!("{} %", (back * 200 + all).checked_div(all * 2).unwrap_or_default())
}

fn figure(class: &str, name: &str, value: &str, what: &str) -> Markup {
    html! {
        div class=(class) {
            dt { (name) }
            dd.value { (value) }
            dd.what { (clean(what)) }
        }
    }
}

fn foot(report: &Overview, generator: &str) -> Markup {
    html! {
        footer {
            @if !report.unread.is_empty() {
                details {
                    summary { (count(report.unread.len(), "file")) " could not be read" }
                    ul {
                        @for file in report.unread.iter().take(50) { li { (clean(file)) } }
                    }
                }
            }
            p {
                "Made by " (generator) " from git alone: versions are those of the committed files, \
                 times are those of commits on the first-parent line. Versions that an environment \
                 had from the beginning are no promotions, and neither are previews."
            }
        }
    }
}
