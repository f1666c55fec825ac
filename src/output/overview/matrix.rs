//! The matrix of versions: a row an app and image, a column an environment.

use maud::{Markup, html};

use crate::gate::short_id;
use crate::report::{Overview, Standing, StatusCell, StatusRow};

use super::super::status::disagreeing;
use super::super::text::{ago, clean, day, short_digests};
use super::{choose, count, left_out_count, them};

/// Up to so many rows are shown as they are.
const ALL: usize = 40;
/// Of more, so many that differ and so many that do not.
const MOST: (usize, usize) = (300, 200);

/// The table, or two of them where there are many rows.
pub(super) fn matrix(report: &Overview) -> Markup {
    let shown = choose(&report.status.rows, ALL, MOST);
    let few = report.status.rows.len() <= ALL;
    let what = if few { "Which version runs where" } else { "Where the environments differ" };
    html! {
        @if report.status.rows.is_empty() {
            p { "No version was found." }
        } @else {
            (legend(report))
            @if shown.first.is_empty() {
                p.calm { "Nothing differs: every environment runs what the one before it runs." }
            } @else {
                (table(report, &shown.first, what))
            }
            @if shown.more_differ > 0 {
                p.left-out {
                    (left_out_count(shown.more_differ, "more row")) " of those that differ: "
                    code { "git promote status" } " shows " (them(shown.more_differ)) ", " code { "--app" } " narrows this page."
                }
            }
            @if !shown.same.is_empty() {
                details {
                    summary {
                        (count(shown.same.len() + shown.more_same, "row"))
                        " with the same version everywhere"
                    }
                    (table(report, &shown.same, "Rows with the same version everywhere"))
                    @if shown.more_same > 0 {
                        p.left-out {
                            (left_out_count(shown.more_same, "more row")) ": "
                            code { "git promote status --all" } " shows " (them(shown.more_same)) "."
                        }
                    }
                }
            }
        }
    }
}

/// The marks that occur, in words.
fn legend(report: &Overview) -> Markup {
    let all =
        [Standing::Behind, Standing::Ahead, Standing::Held, Standing::Frozen, Standing::Unknown];
    let told: Vec<Standing> =
        all.into_iter().filter(|standing| report.standing(*standing) > 0).collect();
    html! {
        @if !told.is_empty() {
            ul.legend {
                @for standing in told {
                    li { (mark(standing)) " " (meaning(standing)) }
                }
            }
        }
    }
}

fn mark(standing: Standing) -> Markup {
    let (class, word) = match standing {
        Standing::Behind => ("behind", "behind"),
        Standing::Ahead => ("ahead", "ahead"),
        Standing::Held => ("unknown", "held"),
        Standing::Frozen => ("behind", "frozen"),
        Standing::Unknown => ("unknown", "unclear"),
        Standing::Current | Standing::Absent => return html! {},
    };
    html! { span class=(format!("mark {class}")) { (word) } }
}

fn meaning(standing: Standing) -> &'static str {
    match standing {
        Standing::Behind => "the environment before runs something else",
        Standing::Ahead => "this never was in an environment before",
        Standing::Held => "somebody keeps it where it is",
        Standing::Frozen => "behind, and a freeze keeps it so",
        _ => "the files do not tell one version",
    }
}

fn table(report: &Overview, rows: &[&StatusRow], caption: &str) -> Markup {
    let rows_all = &report.status.rows;
    let several = rows_all.windows(2).any(|pair| matches!(pair, [a, b] if a.app == b.app));
    let id = if caption.starts_with("Rows") { "matrix-same" } else { "matrix" };
    html! {
        div.scroll role="region" tabindex="0" aria-labelledby=(id) {
            table.matrix {
                caption id=(id) { (caption) }
                thead {
                    tr {
                        th scope="col" { "App" }
                        @if several { th scope="col" { "Image" } }
                        @for (environment, _) in &report.status.environments {
                            th scope="col" { (clean(environment.as_str())) }
                        }
                        th scope="col" { "Next step" }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (clean(&row.app.to_string())) }
                            @if several { td.image { (clean(&row.image)) } }
                            @for one in &row.cells { (cell(one, report.now)) }
                            (next(row))
                        }
                    }
                }
            }
        }
    }
}

fn cell(cell: &StatusCell, now: i64) -> Markup {
    let Some(pin) = &cell.pin else {
        return match cell.standing {
            Standing::Absent => {
                html! { td.absent { span aria-label="not there" role="img" { "\u{2013}" } } }
            }
            _ => html! {
                td { span.version { (clean(&disagreeing(cell))) } (mark(Standing::Unknown)) }
            },
        };
    };
    let whole = pin.to_string();
    let shown = pin.tag.as_ref().map_or_else(|| short_digests(&whole), ToString::to_string);
    let by = cell.commit.as_deref().map(|commit| format!(" by {}", short_id(commit)));
    html! {
        td {
            span.version title=(clean(&whole)) { (clean(&shown)) }
            (mark(cell.standing))
            @if let Some(since) = cell.since {
                time.age datetime=(day(since)) title=(format!("{}{}", day(since), by.unwrap_or_default())) {
                    (ago(now - since)) @if since < now + 600 { " ago" }
                }
            }
        }
    }
}

fn next(row: &StatusRow) -> Markup {
    html! {
        td.next { @for next in &row.next { code { (clean(&next.command)) } } }
    }
}
