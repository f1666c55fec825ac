//! How fast versions get from the first environment to the others: medians and
//! the time that nine tenths do not exceed, over time.

use maud::{Markup, html};

use crate::history::metrics::{Delivered, Spans};
use crate::history::periods::Period;
use crate::model::EnvironmentName;
use crate::report::Overview;

use super::super::text::{ago, clean};
use super::chart::{LANES, Window, between, ends, left_out, plot};
use super::numbers;

/// The plot within its drawing.
const LEFT: i64 = 36;
const WIDTH: i64 = 300;
const TOP: f64 = 12.0;
const HEIGHT: f64 = 134.0;

/// What the scale names, in seconds: a second to two years.
const STEPS: [(i64, &str); 11] = [
    (1, "1s"),
    (10, "10s"),
    (60, "1m"),
    (600, "10m"),
    (3_600, "1h"),
    (21_600, "6h"),
    (86_400, "1d"),
    (604_800, "7d"),
    (2_592_000, "30d"),
    (15_552_000, "180d"),
    (63_072_000, "2y"),
];

type Lane<'a> = (&'a EnvironmentName, Vec<Option<Spans>>);

/// A plot an environment, and the same as a table.
pub(super) fn lead(report: &Overview) -> Markup {
    let window = Window::of(report);
    let environments = report.status.environments.iter().take(LANES);
    let all = environments.map(|(name, _)| (name, spans(report, &window, name)));
    let plots: Vec<Lane<'_>> = all.filter(|(_, spans)| spans.iter().any(Option::is_some)).collect();
    html! {
        @if plots.is_empty() {
            p { "In this time no version went from a first environment to another." }
        } @else {
            p.lead-in {
                "From the first time that a version was in a first environment to the first time \
                 that it was here, by " (window.grain.word()) ". Dots are medians; the line goes up \
                 to what nine tenths do not exceed. The scale is logarithmic."
            }
            div.plots {
                @for (at, (name, spans)) in plots.iter().enumerate() {
                    figure {
                        (drawing(at, name, (&window, spans)))
                        figcaption { strong { (clean(name.as_str())) } " " span.soft { (whole(report, name)) } }
                    }
                }
            }
            (left_out(report))
            details {
                summary { "These times as a table" }
                (table(&window, &plots))
            }
        }
    }
}

fn spans(report: &Overview, window: &Window, name: &EnvironmentName) -> Vec<Option<Spans>> {
    let here: Vec<&Delivered> =
        report.metrics.deliveries.iter().filter(|one| one.environment == *name).collect();
    let span = |period: &Period| {
        let within = |one: &&&Delivered| (period.from..period.until).contains(&one.seconds);
        Delivered::sum(&here.iter().filter(within).copied().collect::<Vec<_>>()).2
    };
    window.periods.iter().map(span).collect()
}

/// Of all the time that is told of.
fn whole(report: &Overview, name: &EnvironmentName) -> String {
    let metrics = numbers(report).metrics;
    let row = metrics.environments.into_iter().find(|row| row.environment == *name);
    row.and_then(|row| row.delivery.lead).map(words).unwrap_or_default()
}

fn words(spans: Spans) -> String {
    format!("median {}, 90 % within {}", ago(spans.median), ago(spans.p90))
}

/// What the scale reaches from and to: the steps around all spans.
fn scale(spans: &[Option<Spans>]) -> (i64, i64) {
    let least = spans.iter().flatten().map(|spans| spans.median).min().unwrap_or_default();
    let most = spans.iter().flatten().map(|spans| spans.p90.max(spans.median)).max();
    let most = most.unwrap_or_default();
    let below = STEPS.iter().rev().map(|(step, _)| *step).find(|step| *step <= least);
    let low = below.unwrap_or(1).min(15_552_000);
    let above = STEPS.iter().map(|(step, _)| *step).find(|step| *step >= most && *step > low);
    (low, above.unwrap_or(most))
}

/// How high a span stands, by its logarithm.
fn height(seconds: i64, (low, high): (i64, i64)) -> f64 {
    let log = |seconds: i64| f64::from(i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)).ln();
    let share = (log(seconds.max(low)) - log(low)) / (log(high) - log(low)).max(0.001);
    TOP + HEIGHT * (1.0 - share.clamp(0.0, 1.0))
}

fn drawing(
    at: usize,
    name: &EnvironmentName,
    (window, all): (&Window, &[Option<Spans>]),
) -> Markup {
    let scale = scale(all);
    let count = i64::try_from(all.len()).unwrap_or(1).max(1);
    let y = |seconds: i64| format!("{:.1}", height(seconds, scale));
    let steps = STEPS.iter().filter(|(step, _)| (scale.0..=scale.1).contains(step));
    let content = html! {
        @for (step, label) in steps {
            line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(y(*step)) y2=(y(*step)) {}
            text.tick x=(LEFT - 6) y=(format!("{:.1}", height(*step, scale) + 4.0)) text-anchor="end" { (label) }
        }
        @for (at, (spans, period)) in (0_i64..).zip(all.iter().zip(&window.periods)) {
            @if let Some(spans) = spans {
                @let x = LEFT + between(at * 2 + 1, count * 2, WIDTH);
                g {
                    title { (period.label) ": " (words(*spans)) " (" (spans.count) ")" }
                    line.whisker x1=(x) x2=(x) y1=(y(spans.median)) y2=(y(spans.p90)) {}
                    circle.move cx=(x) cy=(y(spans.median)) r="4" {}
                }
            }
        }
        (ends(window))
    };
    let title = format!("Lead time to {} over time", clean(name.as_str()));
    plot(&format!("lead-{at}"), (&title, "The table below tells each."), &content)
}

fn table(window: &Window, plots: &[Lane<'_>]) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-labelledby="lead-table" {
            table {
                caption id="lead-table" { "Lead time by " (window.grain.word()) }
                thead {
                    tr {
                        th scope="col" { "From" }
                        @for (name, _) in plots { th scope="col" { (clean(name.as_str())) } }
                    }
                }
                tbody {
                    @for (at, period) in window.periods.iter().enumerate() {
                        tr {
                            th scope="row" { (period.label) }
                            @for (_, spans) in plots {
                                td { (spans.get(at).copied().flatten().map_or_else(|| "\u{2013}".to_owned(), words)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
