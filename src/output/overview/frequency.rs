//! How often versions enter each environment: bars over time.

use maud::{Markup, html};

use crate::history::metrics::Delivered;
use crate::history::periods::Period;
use crate::model::EnvironmentName;
use crate::report::Overview;

use super::super::text::clean;
use super::chart::{LANES, Window, between, ends, left_out, plot};
use super::count;

/// The plot within its drawing.
const LEFT: i64 = 36;
const WIDTH: i64 = 300;
const TOP: i64 = 12;
const HEIGHT: i64 = 134;

/// What entered one environment in one span: all, and what went back of it.
#[derive(Clone, Copy)]
struct Bar {
    all: usize,
    back: usize,
}

/// A plot an environment, and the same as a table.
pub(super) fn frequency(report: &Overview) -> Markup {
    let window = Window::of(report);
    let environments = report.status.environments.iter().take(LANES);
    let plots: Vec<(&EnvironmentName, Vec<Bar>)> =
        environments.map(|(name, _)| (name, bars(report, &window, name))).collect();
    if plots.iter().all(|(_, bars)| bars.iter().all(|bar| bar.all == 0)) {
        return html! { p { "Nothing was promoted in this time." } };
    }
    html! {
        p.lead-in {
            "Promotions a " (window.grain.word())
            " by environment. The hollow part of a bar went back."
        }
        div.plots {
            @for (at, (name, bars)) in plots.iter().enumerate() {
                figure {
                    (drawing(at, name, (&window, bars)))
                    figcaption {
                        strong { (clean(name.as_str())) } " "
                        span.soft { (count(bars.iter().map(|bar| bar.all).sum(), "promotion")) }
                    }
                }
            }
        }
        (left_out(report))
        details {
            summary { "These numbers as a table" }
            (table(&window, &plots))
        }
    }
}

fn bars(report: &Overview, window: &Window, name: &EnvironmentName) -> Vec<Bar> {
    let here: Vec<&Delivered> =
        report.metrics.deliveries.iter().filter(|one| one.environment == *name).collect();
    let bar = |period: &Period| {
        let within = |one: &&&Delivered| (period.from..period.until).contains(&one.seconds);
        let those: Vec<&Delivered> = here.iter().filter(within).copied().collect();
        let (all, back, _) = Delivered::sum(&those);
        Bar { all, back }
    };
    window.periods.iter().map(bar).collect()
}

fn drawing(at: usize, name: &EnvironmentName, (window, bars): (&Window, &[Bar])) -> Markup {
    let highest = bars.iter().map(|bar| bar.all).max().unwrap_or_default().max(1);
    let whole = i64::try_from(highest).unwrap_or(1);
    let number = |number: usize| i64::try_from(number).unwrap_or_default();
    let spans = number(bars.len()).max(1);
    let wide = (WIDTH / spans - if spans > 40 { 0 } else { 2 }).clamp(1, 36);
    let back: usize = bars.iter().map(|bar| bar.back).sum();
    let text = format!(
        "At most {highest} in one {}, {back} of all went back. The table below tells each.",
        window.grain.word()
    );
    let title = format!("Promotions into {} over time", clean(name.as_str()));
    let bottom = TOP + HEIGHT;
    let content = html! {
        line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(TOP) y2=(TOP) {}
        text.tick x=(LEFT - 6) y=(TOP + 4) text-anchor="end" { (highest) }
        text.tick x=(LEFT - 6) y=(bottom + 4) text-anchor="end" { "0" }
        @for (at, (bar, period)) in (0_i64..).zip(bars.iter().zip(&window.periods)) {
            @let x = LEFT + between(at * 2 + 1, spans * 2, WIDTH) - wide / 2;
            @let all = between(number(bar.all), whole, HEIGHT);
            @let gone = between(number(bar.back), whole, HEIGHT);
            @if bar.all > 0 {
                g {
                    title { (period.label) ": " (words(*bar)) }
                    rect.move x=(x) y=(bottom - all + gone) width=(wide) height=(all - gone) rx="1.5" {}
                    @if gone > 0 {
                        rect.gone x=(x) y=(bottom - all) width=(wide) height=(gone) rx="1.5" {}
                    }
                }
            }
        }
        line.axis x1=(LEFT) x2=(LEFT + WIDTH) y1=(bottom) y2=(bottom) {}
        (ends(window))
    };
    plot(&format!("frequency-{at}"), (&title, &text), &content)
}

fn words(bar: Bar) -> String {
    match bar.back {
        0 => bar.all.to_string(),
        back => format!("{} ({back} back)", bar.all),
    }
}

fn table(window: &Window, plots: &[(&EnvironmentName, Vec<Bar>)]) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-labelledby="frequency-table" {
            table {
                caption id="frequency-table" { "Promotions a " (window.grain.word()) }
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
                            @for (_, bars) in plots {
                                td.number { (bars.get(at).copied().map(words).unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
        }
    }
}
