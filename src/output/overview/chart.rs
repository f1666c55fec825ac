//! What the plots have in common: which time they show, and their axes.

use maud::{Markup, html};

use crate::history::periods::{Grain, Period, periods};
use crate::report::Overview;

use super::super::text::day;
use super::{left_out_count, them};

const DAY: i64 = 86_400;
/// The most that is looked back where nothing else is said.
const LOOK_BACK: i64 = 730 * DAY;
/// So much is shown before the newest promotion at least.
const AT_LEAST: i64 = 180 * DAY;
/// More environments than this are left out of plots.
pub(super) const LANES: usize = 24;

/// The time that plots show.
pub(super) struct Window {
    /// From when on.
    pub(super) from: i64,
    /// Until when.
    pub(super) until: i64,
    /// How long a span is.
    pub(super) grain: Grain,
    /// The spans of the calendar, the oldest first.
    pub(super) periods: Vec<Period>,
    /// How many promotions lie before it.
    older: usize,
    /// When the oldest promotion was.
    oldest: i64,
    /// How many promotions are dated later than now.
    future: usize,
}

impl Window {
    pub(super) fn of(report: &Overview) -> Self {
        let all = || report.metrics.deliveries.iter().map(|one| one.seconds);
        // A clock that was wrong once must not squeeze everything else.
        let until = report.now;
        let seconds = || all().filter(|seconds| *seconds <= until);
        let newest = seconds().max().unwrap_or(until);
        let first = seconds().min().unwrap_or(until);
        let shown = (until - LOOK_BACK).min(newest - AT_LEAST);
        let from = report.since.unwrap_or_else(|| first.max(shown)).min(until - DAY);
        let (grain, periods) = periods(from, until);
        let from = periods.first().map_or(from, |period| period.from);
        let older = seconds().filter(|seconds| *seconds < from).count();
        let future = all().count() - seconds().count();
        Self { from, until, grain, periods, older, oldest: first, future }
    }

    /// What is not shown, in words.
    pub(super) fn not_shown(&self) -> Markup {
        // The day before: a date alone means a time of it.
        let since = day(self.oldest - DAY);
        let since = since.split('T').next().unwrap_or_default();
        html! {
            @if self.older > 0 {
                p.left-out {
                    (left_out_count(self.older, "older promotion")) ": "
                    code { "git promote report --since " (since) } " shows " (them(self.older)) "."
                }
            }
            @if self.future > 0 {
                p.left-out {
                    (left_out_count(self.future, "promotion")) ": dated later than now."
                }
            }
        }
    }

    /// At most so many spans that carry a label, evenly chosen.
    pub(super) fn labelled(&self, most: usize) -> Vec<(usize, &Period)> {
        let step = self.periods.len().div_ceil(most.max(1)).max(1);
        self.periods.iter().enumerate().step_by(step).collect()
    }
}

/// What is said where environments are left out of plots.
pub(super) fn left_out(report: &Overview) -> Markup {
    let environments = report.status.environments.len();
    html! {
        @if environments > LANES {
            p.left-out {
                (left_out_count(environments - LANES, "more environment"))
                ": " code { "--env" } " chooses others."
            }
        }
    }
}

/// A place between two others, in proportion.
pub(super) fn between(part: i64, whole: i64, length: i64) -> i64 {
    (part * length).checked_div(whole).unwrap_or_default()
}

/// A small plot: its text for those who do not see it, and its content.
pub(super) fn plot(id: &str, (title, text): (&str, &str), content: &Markup) -> Markup {
    let (name, description) = (format!("{id}-title"), format!("{id}-text"));
    html! {
        svg.plot viewBox="0 0 340 170" role="img" aria-labelledby=(format!("{name} {description}")) {
            title id=(name) { (title) }
            desc id=(description) { (text) }
            (content)
        }
    }
}

/// The labels below a small plot: of its first and its last span, or of each
/// where there are few.
pub(super) fn ends(window: &Window) -> Markup {
    let spans = i64::try_from(window.periods.len()).unwrap_or(i64::MAX);
    if spans <= 3 {
        return html! {
            @for (at, period) in (0_i64..).zip(&window.periods) {
                text.tick x=(36 + between(at * 2 + 1, spans * 2, 300)) y="164" text-anchor="middle" {
                    (period.label)
                }
            }
        };
    }
    let first = window.periods.first().map(|period| period.label.as_str());
    let last = window.periods.last().map(|period| period.label.as_str());
    html! {
        text.tick x="38" y="164" { (first.unwrap_or_default()) }
        text.tick x="338" y="164" text-anchor="end" { (last.unwrap_or_default()) }
    }
}
