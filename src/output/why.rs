//! How a version got somewhere, or what keeps it out; for people and programs.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::gate::Given;
use crate::gate::short_id;
use crate::model::{Outcome, short_span};
use crate::report::{OpenRequest, WayStep, WhyReport};

use super::json::{API_VERSION, WireFinding, word};
use super::log::{notes, version};
use super::paint::Paint;
use super::table::Table;
use super::text::{clean, day, minute, short_digests};

/// The way of a version, or what keeps it out.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Why")]
pub(super) struct WireWhy {
    /// Always `git-promote/v1`.
    api_version: &'static str,
    /// Always `Why`.
    kind: &'static str,
    /// The app.
    app: String,
    /// The environment.
    environment: String,
    /// The images that it is about, where those are not all of the app.
    images: Vec<String>,
    /// The version that is asked about: tag, or digest where there is no tag. Of
    /// several that run there the first; each row of `way` names its own.
    version: String,
    /// What the environment runs of the images now.
    running: Vec<String>,
    /// Whether the version is there now.
    there: bool,
    /// One row an environment on the way, and image.
    way: Vec<WireWay>,
    /// What the rules say of a promotion; empty where the version is there.
    findings: Vec<WireFinding>,
    /// Whether a rule refuses it; null where no promotion was tried.
    refused: Option<bool>,
    /// Why a promotion could not even be planned.
    unplanned: Option<String>,
    /// The open requests that would bring it, as far as the forge was asked.
    requests: Vec<WireRequest>,
    /// The commit at which a shallow clone ends: what came before is not known.
    ends_at: Option<String>,
}

/// One environment on the way.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WireWay {
    /// The environment.
    environment: String,
    /// The image.
    image: String,
    /// The version whose way it is.
    version: String,
    /// When the version arrived, RFC 3339; null where it never did.
    time: Option<String>,
    /// The commit that brought it.
    commit: Option<String>,
    /// Its author.
    author: Option<String>,
    /// How many seconds after the last of the environments before.
    after_seconds: Option<i64>,
    /// When another version took its place, RFC 3339.
    until: Option<String>,
    /// Whether it is there now.
    now: bool,
    /// Whether the commit carries an audit record that says the same.
    recorded: bool,
}

/// An open request.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WireRequest {
    /// Its number.
    number: u64,
    /// Where a person sees it.
    url: String,
    /// Its title.
    title: String,
    /// Whether it is not to be merged yet.
    draft: bool,
    /// Whether the forge merges it by itself; null where it does not tell.
    auto_merge: Option<bool>,
    /// The checks of its tip.
    checks: Vec<WireCheckState>,
    /// How many approvals the config wants; 0 where it says nothing of them.
    approvals_wanted: u8,
    /// Who approved what is on the branch now, and counts.
    approved_by: Vec<String>,
    /// Who asks for changes.
    changes_requested_by: Vec<String>,
    /// Who approved an older head, or is no reviewer, or where the forge does not
    /// tell which head.
    approvals_not_counted: Vec<String>,
    /// Whether it conflicts with its base; null where the forge does not tell.
    conflicts: Option<bool>,
    /// What the forge does not tell: `checks`, `approvals`, `conflicts`.
    unknown: Vec<&'static str>,
}

/// A check.
#[derive(Serialize, JsonSchema)]
struct WireCheckState {
    /// Its name.
    name: String,
    /// One of `success pending failure`.
    state: String,
}

fn way((report, step): (&WhyReport, &WayStep)) -> WireWay {
    let entry = step.entry.as_ref();
    WireWay {
        environment: step.environment.to_string(),
        image: step.image.clone(),
        version: version(&report.version).unwrap_or_default(),
        time: entry.map(|entry| day(entry.moment.seconds)),
        commit: entry.map(|entry| entry.moment.commit.clone()),
        author: entry.map(|entry| entry.moment.author.clone()),
        after_seconds: step.after,
        until: step.until.map(day),
        now: step.now,
        recorded: entry.is_some_and(|entry| entry.recorded),
    }
}

/// All steps of all ways, each with its report.
fn steps(reports: &[WhyReport]) -> impl Iterator<Item = (&WhyReport, &WayStep)> {
    reports.iter().flat_map(|report| report.way.iter().map(move |step| (report, step)))
}

/// What runs there, each version once.
fn running(reports: &[WhyReport]) -> Vec<String> {
    let mut running: Vec<String> = Vec::new();
    for version in reports.iter().flat_map(|report| &report.running).map(ToString::to_string) {
        if !running.contains(&version) {
            running.push(version);
        }
    }
    running
}

/// The document.
pub fn why_value(reports: &[WhyReport]) -> Value {
    let Some(first) = reports.first() else { return Value::Null };
    let request = |request: &OpenRequest| WireRequest {
        number: request.number,
        url: request.url.clone(),
        title: request.title.clone(),
        draft: request.draft,
        auto_merge: request.auto_merge,
        checks: request
            .checks
            .iter()
            .flatten()
            .map(|(name, state)| WireCheckState { name: name.clone(), state: state.clone() })
            .collect(),
        approvals_wanted: request.wanted,
        approved_by: request.given.iter().flat_map(|given| given.good.clone()).collect(),
        changes_requested_by: request
            .given
            .iter()
            .flat_map(|given| given.against.clone())
            .collect(),
        approvals_not_counted: request
            .given
            .iter()
            .flat_map(uncounted)
            .map(|(who, _)| who.clone())
            .collect(),
        conflicts: request.conflicts,
        unknown: [
            request.checks.is_none().then_some("checks"),
            request.given.is_none().then_some("approvals"),
            request.conflicts.is_none().then_some("conflicts"),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    let several = reports.len() > 1;
    let images = first.images.iter().filter(|_| !several).cloned();
    word(&WireWhy {
        api_version: API_VERSION,
        kind: "Why",
        app: first.app.to_string(),
        environment: first.environment.to_string(),
        images: images.collect(),
        version: version(&first.version).unwrap_or_default(),
        running: running(reports),
        there: first.there,
        way: steps(reports).map(way).collect(),
        findings: first.findings.iter().map(WireFinding::from).collect(),
        refused: first.refused,
        unplanned: first.unplanned.clone(),
        requests: first.requests.iter().map(request).collect(),
        ends_at: first.cut.clone(),
    })
}

/// The way as rows and columns.
pub fn why_table(reports: &[WhyReport]) -> Table {
    let heads =
        ["ENVIRONMENT", "IMAGE", "TIME", "COMMIT", "AUTHOR", "AFTER_S", "UNTIL", "NOW", "VERSION"];
    let mut table = Table::new(&heads);
    for row in steps(reports).map(way) {
        table.push(&[
            row.environment,
            row.image,
            row.time.unwrap_or_default(),
            row.commit.unwrap_or_default(),
            row.author.unwrap_or_default(),
            row.after_seconds.map(|after| after.to_string()).unwrap_or_default(),
            row.until.unwrap_or_default(),
            row.now.to_string(),
            row.version,
        ]);
    }
    table
}

/// For people: where each version is, its way, and what keeps it out.
pub fn why(reports: &[WhyReport], paint: Paint, verbose: bool) -> String {
    let texts: Vec<String> = reports.iter().map(|report| one(report, paint, verbose)).collect();
    texts.join("\n")
}

fn one(report: &WhyReport, paint: Paint, verbose: bool) -> String {
    let mut text = head(report, paint);
    text.push_str(&way_table(report));
    if report.there {
        return short_digests(&text);
    }
    text.push('\n');
    if let Some(why) = &report.unplanned {
        let _ = writeln!(text, "cannot be promoted now: {}", clean(why));
    }
    if report.refused == Some(false) {
        let _ = writeln!(text, "no rule keeps it out: nobody has promoted it");
    }
    for finding in &report.findings {
        let passes = matches!(finding.outcome, Outcome::Pass);
        if verbose || !passes {
            let mark = paint.outcome(finding.outcome);
            let _ = writeln!(text, "{mark}  {}  {}", finding.rule, clean(&finding.message));
        }
    }
    text.extend(report.requests.iter().map(request_lines));
    short_digests(&text)
}

fn head(report: &WhyReport, paint: Paint) -> String {
    let (app, environment) = (clean(&report.app.to_string()), &report.environment);
    let image = match report.images.as_slice() {
        [image] => format!(" {}", clean(image)),
        _ => String::new(),
    };
    let subject = paint.bold(&format!("{app}{image} {}", report.version));
    let last = |step: &&WayStep| step.environment == *environment && step.entry.is_some();
    let step = report
        .way
        .iter()
        .filter(last)
        .max_by_key(|step| step.entry.as_ref().map(|entry| entry.moment.seconds));
    let since = step.and_then(|step| step.entry.as_ref()).map(|entry| entry.moment.seconds);
    let running: Vec<String> = report.running.iter().map(ToString::to_string).collect();
    let running = running.join(", ");
    match (report.there, since) {
        (true, Some(since)) => {
            let span = short_span(report.now - since);
            format!("{subject} is in {environment} since {} ({span})\n", minute(since))
        }
        (true, None) => format!("{subject} is in {environment}, since before the history\n"),
        (false, Some(_)) if report.running.is_empty() => {
            format!("{subject} was in {environment}, which runs no version of {app} now\n")
        }
        (false, Some(_)) => {
            format!("{subject} was in {environment}, which runs {running} now\n")
        }
        (false, None) if report.running.is_empty() => {
            format!("{subject} was never in {environment}, which runs no version of {app}\n")
        }
        (false, None) => format!("{subject} was never in {environment}, which runs {running}\n"),
    }
}

fn way_table(report: &WhyReport) -> String {
    let heads = ["ENV", "IMAGE", "ARRIVED (UTC)", "AFTER", "STAYED", "COMMIT", "AUTHOR", "NOTES"];
    let mut table = Table::new(&heads);
    let several = report.way.windows(2).any(|w| matches!(w, [a, b] if a.image != b.image));
    for step in &report.way {
        let entry = step.entry.as_ref();
        let arrived = match entry {
            Some(entry) => minute(entry.moment.seconds),
            None if step.now => "before the history".to_owned(),
            None => "never".to_owned(),
        };
        let after = |after: i64| match after {
            after if after < 0 => format!("{} before", short_span(-after)),
            after => short_span(after),
        };
        let stayed = match (entry, step.until) {
            (Some(entry), Some(until)) => short_span(until - entry.moment.seconds),
            _ if step.now => "until now".to_owned(),
            _ => String::new(),
        };
        table.push(&[
            step.environment.to_string(),
            if several { step.image.clone() } else { String::new() },
            arrived,
            step.after.map(after).unwrap_or_default(),
            stayed,
            entry.map(|e| short_id(&e.moment.commit).to_owned()).unwrap_or_default(),
            entry.map(|entry| entry.moment.author.clone()).unwrap_or_default(),
            entry.map(notes).unwrap_or_default(),
        ]);
    }
    if report.way.is_empty() {
        return "no environment on the way there ever ran it\n".to_owned();
    }
    table.without_empty(7).without_empty(1).aligned()
}

/// Who approved and does not count, and why.
fn uncounted(given: &Given) -> impl Iterator<Item = (&String, &'static str)> {
    let all = [
        (&given.stale, "approved an older head"),
        (&given.others, "approved and is no reviewer"),
        (&given.undated, "approved; the forge does not tell which head"),
    ];
    all.into_iter().flat_map(|(people, why)| people.iter().map(move |who| (who, why)))
}

/// The approvals of a request: those it has, and those it wants.
fn approvals(request: &OpenRequest) -> String {
    let Some(given) = &request.given else { return String::new() };
    let good: Vec<String> = given.good.iter().map(|who| clean(who)).collect();
    let by = if good.is_empty() { String::new() } else { format!(" (by {})", good.join(", ")) };
    let mut text = match request.wanted {
        0 => format!("  {} approvals{by}\n", good.len()),
        wanted => format!("  {} of {wanted} approvals{by}\n", good.len()),
    };
    for who in &given.against {
        let _ = writeln!(text, "  {} asks for changes", clean(who));
    }
    for (who, why) in uncounted(given) {
        let _ = writeln!(text, "  {} {why}", clean(who));
    }
    for untold in &given.untold {
        let _ = writeln!(text, "  {}", clean(untold));
    }
    text
}

/// A request and what it waits for.
fn request_lines(request: &OpenRequest) -> String {
    let mut text = format!(
        "pull request #{} is open: {}\n  {}\n",
        request.number,
        clean(&request.title),
        clean(&request.url)
    );
    if request.draft {
        text.push_str("  is a draft\n");
    }
    for (name, state) in request.checks.iter().flatten() {
        let says = match state.as_str() {
            "success" => "passed",
            "pending" => "is not done",
            _ => "failed",
        };
        let _ = writeln!(text, "  check {} {says}", clean(name));
    }
    if request.checks.as_ref().is_some_and(Vec::is_empty) {
        text.push_str("  no check has reported\n");
    }
    let merges = match request.auto_merge {
        Some(true) => "merges by itself once it may",
        Some(false) => "waits for somebody to merge it",
        None => "whether it merges by itself, the forge does not tell",
    };
    text.push_str(&approvals(request));
    match request.conflicts {
        Some(true) => text.push_str("  conflicts with its base: --pr once more renews it\n"),
        Some(false) => {}
        None => text.push_str("  whether it conflicts, the forge does not tell\n"),
    }
    for untold in &request.untold {
        let _ = writeln!(text, "  {}", clean(untold));
    }
    let _ = writeln!(text, "  {merges}");
    text
}
