//! The timeline: a lane an environment, marks where versions entered it.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::history::Entry;
use crate::model::EnvironmentName;
use crate::report::Overview;

use super::super::text::{clean, minute, short_digests};
use super::chart::{LANES, Window, between, left_out};
use super::count;

/// Where the lanes begin, how wide they are, how high each is.
const LEFT: i64 = 128;
const WIDTH: i64 = 820;
const LANE: i64 = 46;
const TOP: i64 = 28;
/// Marks nearer to each other than this are one, so that none hides another.
const SLOT: i64 = 20;
/// How wide a label of a span is at most.
const LABEL: i64 = 74;

/// One mark: what entered an environment in a short time.
struct Mark<'a> {
    x: i64,
    entries: Vec<&'a Entry>,
}

impl Mark<'_> {
    fn back(&self) -> usize {
        self.entries.iter().filter(|entry| entry.rollback).count()
    }

    fn waived(&self) -> usize {
        self.entries.iter().filter(|entry| !entry.waivers.is_empty()).count()
    }

    /// The area grows with the number, up to what a slot holds.
    fn radius(&self) -> i64 {
        let number = i64::try_from(self.entries.len()).unwrap_or(i64::MAX);
        (3 + number.saturating_mul(4).isqrt()).clamp(5, 10)
    }

    fn words(&self) -> String {
        let names = |entry: &&Entry| entry.app.to_string();
        let text = match self.entries.as_slice() {
            [entry] => short_digests(&format!(
                "{} {} \u{2192} {}, {} UTC, by {}",
                entry.app,
                entry.previous,
                entry.version,
                minute(entry.moment.seconds),
                entry.moment.author
            )),
            entries => {
                let mut apps: Vec<String> = entries.iter().map(names).collect();
                apps.sort();
                apps.dedup();
                let more = apps.len().saturating_sub(5);
                apps.truncate(5);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let times = || entries.iter().map(|entry| entry.moment.seconds);
                format!(
                    "{}, {} to {} UTC: {}{more}",
                    count(entries.len(), "promotion"),
                    minute(times().min().unwrap_or_default()),
                    minute(times().max().unwrap_or_default()),
                    apps.join(", ")
                )
            }
        };
        clean(&(text + &self.special()))
    }

    fn special(&self) -> String {
        let one = self.entries.len() == 1;
        let part = |number: usize, word: &str| match number {
            0 => String::new(),
            _ if one => format!("; {word}"),
            number => format!("; {number} {word}"),
        };
        part(self.back(), "rolled back") + &part(self.waived(), "with a rule waived")
    }
}

/// The lanes and their marks.
pub(super) fn timeline(report: &Overview) -> Markup {
    let window = Window::of(report);
    let lanes: Vec<&EnvironmentName> =
        report.status.environments.iter().map(|(name, _)| name).take(LANES).collect();
    let marks: Vec<(&EnvironmentName, Vec<Mark<'_>>)> =
        lanes.iter().map(|name| (*name, marks(report, &window, name))).collect();
    if marks.iter().all(|(_, marks)| marks.is_empty()) {
        return html! { p { "No promotion lies in this time." } (window.not_shown()) };
    }
    html! {
        p.lead-in id="timeline-lanes" { "A lane an environment, a mark where versions entered it." }
        div.scroll role="region" tabindex="0" aria-labelledby="timeline-lanes" {
            (drawing(&window, &marks))
        }
        ul.legend aria-hidden="true" {
            li { (sample(&html! { circle.move cx="9" cy="9" r="6" {} })) " promotions, more of them the larger" }
            li { (sample(&html! { path.back d="M9 1.5 16.5 9 9 16.5 1.5 9Z" {} })) " a rollback among them" }
            li {
                (sample(&html! { circle.move cx="9" cy="9" r="4.5" {} circle.ring cx="9" cy="9" r="8" {} }))
                " a rule was waived"
            }
        }
        (window.not_shown())
        (left_out(report))
        details {
            summary { "The timeline as a table" }
            (table(&marks))
        }
    }
}

fn sample(shape: &Markup) -> Markup {
    html! { svg.sample viewBox="0 0 18 18" width="18" height="18" aria-hidden="true" { (shape) } }
}

/// What entered an environment, in slots of the width of a mark.
fn marks<'a>(report: &'a Overview, window: &Window, name: &EnvironmentName) -> Vec<Mark<'a>> {
    let mut seen = BTreeSet::new();
    let here = |entry: &&Entry| {
        let shown = window.from..=window.until;
        entry.environment == *name && shown.contains(&entry.moment.seconds)
    };
    let mut slots: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    let promotions: Vec<&Entry> = report.promotions().filter(here).collect();
    for entry in promotions.into_iter().rev() {
        // The images that move together are one promotion, as in the metrics.
        if !seen.insert((&entry.moment.commit, &entry.app)) {
            continue;
        }
        let at = between(entry.moment.seconds - window.from, window.until - window.from, WIDTH);
        slots.entry(at / SLOT).or_default().push(entry);
    }
    let mark = |(slot, entries)| Mark { x: LEFT + slot * SLOT + SLOT / 2, entries };
    slots.into_iter().map(mark).collect()
}

fn drawing(window: &Window, lanes: &[(&EnvironmentName, Vec<Mark<'_>>)]) -> Markup {
    let count = i64::try_from(lanes.len()).unwrap_or_default();
    let bottom = TOP + count * LANE;
    let size = format!("0 0 {} {}", LEFT + WIDTH + 12, bottom + 6);
    html! {
        svg.timeline viewBox=(size) role="img" aria-labelledby="timeline-title timeline-text" {
            title id="timeline-title" { "Versions that entered each environment over time" }
            desc id="timeline-text" { (described(lanes)) }
            @for (_, period) in window.labelled(9) {
                @let x = LEFT + between((period.from - window.from).max(0), window.until - window.from, WIDTH);
                line.grid x1=(x) x2=(x) y1=(TOP - 6) y2=(bottom) {}
                @if x + LABEL < LEFT + WIDTH + 12 { text.tick x=(x + 4) y="14" { (period.label) } }
            }
            @for (at, (name, marks)) in (0_i64..).zip(lanes) {
                @let y = TOP + at * LANE + LANE / 2;
                line.lane x1=(LEFT) x2=(LEFT + WIDTH + 8) y1=(y) y2=(y) {}
                text.lane-name x=(LEFT - 12) y=(y + 4) text-anchor="end" { (short(name)) }
                @for mark in marks { (drawn(mark, y)) }
            }
        }
    }
}

fn described(lanes: &[(&EnvironmentName, Vec<Mark<'_>>)]) -> String {
    let lane = |(name, marks): &(&EnvironmentName, Vec<Mark<'_>>)| {
        let all: usize = marks.iter().map(|mark| mark.entries.len()).sum();
        let back: usize = marks.iter().map(Mark::back).sum();
        format!(
            "{}: {}, {back} of them rolled back.",
            clean(name.as_str()),
            count(all, "promotion")
        )
    };
    let lanes: Vec<String> = lanes.iter().map(lane).collect();
    lanes.join(" ") + " The table below tells the same."
}

/// A name that fits before its lane.
fn short(name: &EnvironmentName) -> String {
    const FITS: usize = 15;
    let shown = clean(name.as_str());
    if shown.chars().count() <= FITS {
        return shown;
    }
    shown.chars().take(FITS - 1).chain(['\u{2026}']).collect()
}

fn drawn(mark: &Mark<'_>, y: i64) -> Markup {
    let (x, r) = (mark.x, mark.radius());
    let reach = r + 2;
    let diamond =
        format!("M{x} {}L{} {y} {x} {} {} {y}Z", y - reach, x + reach, y + reach, x - reach);
    html! {
        g {
            title { (mark.words()) }
            @if mark.back() > 0 {
                path.back d=(diamond) {}
            } @else {
                circle.move cx=(x) cy=(y) r=(r) {}
            }
            @if mark.waived() > 0 { circle.ring cx=(x) cy=(y) r=(r + 4) {} }
        }
    }
}

fn table(lanes: &[(&EnvironmentName, Vec<Mark<'_>>)]) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-labelledby="timeline-table" {
            table {
                caption id="timeline-table" { "What the marks of the timeline mean" }
                thead {
                    tr {
                        th scope="col" { "Environment" }
                        th scope="col" { "What" }
                    }
                }
                tbody {
                    @for (name, marks) in lanes {
                        @for mark in marks {
                            tr {
                                th scope="row" { (clean(name.as_str())) }
                                td.wrap { (mark.words()) }
                            }
                        }
                    }
                }
            }
        }
    }
}
