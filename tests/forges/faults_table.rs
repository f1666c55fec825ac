//! The table of faults.

use serde_json::json;

use crate::faults::{Answer, Ends, Fault, Hits, Refusal, Stage, TOKEN, Verb};
use crate::server::{How, Received, Reply};

const ALWAYS: usize = usize::MAX;

/// A fault of reading: nothing can be done at all.
fn read(name: &'static str, answer: Answer, code: u8) -> Fault {
    Fault {
        name,
        verb: Verb::Ensure,
        hits: Hits::Reads,
        times: ALWAYS,
        done: false,
        answer,
        ends: Ends::With(code),
        requests: 0,
    }
}

/// A fault of the first read alone.
fn first(name: &'static str, answer: Answer) -> Fault {
    Fault { times: 1, ends: Ends::Well, requests: 1, ..read(name, answer, 0) }
}

/// A fault of opening that lasts.
fn opening(name: &'static str, answer: Answer, code: u8) -> Fault {
    Fault { hits: Hits::Opening, ..read(name, answer, code) }
}

/// A fault of the first try to open; `done` where it worked all the same.
fn once(name: &'static str, answer: Answer, done: bool) -> Fault {
    Fault { hits: Hits::Opening, done, ..first(name, answer) }
}

fn html() -> Reply {
    Reply::text(200, "text/html", "<!DOCTYPE html><title>Sign in</title>")
}

fn said(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "message": message }))
}

fn slow(status: u16, after: &str) -> Reply {
    said(status, "slow down").header("Retry-After", after)
}

fn how(how: How) -> Reply {
    Reply::json(200, &json!([])).how(how)
}

fn to(status: u16, address: &str) -> Reply {
    Reply { status, ..Reply::default() }.header("Location", address)
}

fn elsewhere(stage: &Stage<'_>, received: &Received) -> Reply {
    to(302, &format!("{}{}", stage.other, received.path))
}

/// Everything that goes wrong.
pub(crate) fn faults() -> Vec<Fault> {
    let mut faults = connection();
    faults.extend(statuses());
    faults.extend(answers());
    faults.extend(addresses());
    faults.extend(refusals());
    faults.extend(writes());
    faults
}

fn connection() -> Vec<Fault> {
    vec![
        Fault {
            hits: Hits::Connecting,
            ..read("connection refused", |_, _| Some(how(How::Whole)), 7)
        },
        read("no head", |_, _| Some(how(How::Silent)), 7),
        first("no head at first", |_, _| Some(how(How::Silent))),
        read("a slow body", |_, _| Some(how(How::Dripping)), 7),
        read("an endless body", |_, _| Some(how(How::Endless)), 7),
        read("a truncated body", |_, _| Some(how(How::Truncated)), 7),
        first("a truncated body at first", |_, _| Some(how(How::Truncated))),
        read("no answer", |_, _| Some(how(How::Closed)), 7),
        first("no answer at first", |_, _| Some(how(How::Closed))),
    ]
}

fn statuses() -> Vec<Fault> {
    vec![
        read("401", |_, _| Some(said(401, "Bad credentials")), 4),
        read("403", |_, _| Some(said(403, "Resource not accessible")), 4),
        read("403 with a long Retry-After", |_, _| Some(slow(403, "3600")), 7),
        first("403 with Retry-After", |_, _| Some(slow(403, "0"))),
        read("404", |_, _| Some(said(404, "Not Found")), 5),
        read("410", |_, _| Some(said(410, "Gone")), 5),
        read("422", |_, _| Some(said(422, "Validation Failed")), 8),
        read("429", |_, _| Some(said(429, "slow down")), 7),
        read("429 with a long Retry-After", |_, _| Some(slow(429, "3600")), 7),
        first("429 with Retry-After", |_, _| Some(slow(429, "0"))),
        read("500", |_, _| Some(said(500, "oops")), 7),
        read("502", |_, _| Some(Reply::text(502, "text/html", "<h1>Bad Gateway</h1>")), 7),
        first("503 at first", |_, _| Some(said(503, "in a minute"))),
    ]
}

fn answers() -> Vec<Fault> {
    vec![
        read("an empty body", |_, _| Some(Reply::text(200, "application/json", "")), 7),
        read("HTML with 200", |_, _| Some(html()), 7),
        read("HTML with 203", |_, _| Some(Reply { status: 203, ..html() }), 4),
        read("no JSON", |_, _| Some(Reply::text(200, "application/json", "[{\"a\":")), 7),
        read("other JSON", |_, _| Some(Reply::json(200, &json!("a text"))), 7),
        read("the token in other JSON", |_, _| Some(Reply::json(200, &json!(TOKEN))), 7),
        read("a large body", |_, _| Some(Reply::json(200, &json!([" ".repeat(1 << 17)]))), 7),
        read("marks for a terminal", |_, _| Some(said(400, "a\0b\u{1b}[31mc\u{202e}d\u{9b}")), 8),
        read("the token in the text", |_, _| Some(said(400, &format!("`{TOKEN}` is bad"))), 8),
        read("the token in a field", |_, _| Some(Reply::json(400, &json!({ TOKEN: ["bad"] }))), 8),
    ]
}

fn addresses() -> Vec<Fault> {
    let page_elsewhere: Answer = |stage, received| {
        let reply = stage.double.page(received, &format!("{}/next?page=2", stage.other));
        reply.filter(|_| stage.double.follows())
    };
    let pages: Answer = |stage, received| stage.double.page(received, &received.path);
    let list = |name, answer| Fault { verb: Verb::List, ..read(name, answer, 7) };
    vec![
        read("a redirect to another host", |stage, received| Some(elsewhere(stage, received)), 7),
        read("a redirect in a circle", |_, received| Some(to(302, &received.path)), 7),
        read("a redirect to nowhere", |_, _| Some(Reply { status: 302, ..Reply::default() }), 7),
        first("a redirect on the same host", |_, received| Some(to(307, &again(received)))),
        opening("a redirect of a change", |_, received| Some(to(307, &received.path)), 7),
        opening(
            "a change sent to another host",
            |stage, received| Some(elsewhere(stage, received)),
            7,
        ),
        list("a next page on another host", page_elsewhere),
        list("pages without an end", pages),
    ]
}

/// The address of a request, to be asked once more.
fn again(received: &Received) -> String {
    let hex = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>();
    let pairs = received.query.iter().map(|(key, value)| format!("{key}={}", hex(value).concat()));
    format!("{}?{}", received.path, pairs.collect::<Vec<_>>().join("&"))
}

fn refusals() -> Vec<Fault> {
    let problem = Fault {
        hits: Hits::Reviewers,
        ends: Ends::Beside(8),
        requests: 1,
        ..read("reviewers that cannot", |stage, _| stage.double.refusal(Refusal::Reviewers), 0)
    };
    let merging = Fault {
        hits: Hits::Merging,
        verb: Verb::AutoMerge,
        requests: 1,
        ..read("a refusal within", |stage, _| stage.double.refusal(Refusal::Within), 8)
    };
    vec![
        once("somebody was quicker", |stage, _| stage.double.refusal(Refusal::Exists), true),
        opening("one that cannot be found", |stage, _| stage.double.refusal(Refusal::Exists), 6),
        opening("no commits between", |stage, _| stage.double.refusal(Refusal::NoCommits), 8),
        opening("no such base", |stage, _| stage.double.refusal(Refusal::Base), 8),
        problem,
        merging,
    ]
}

fn writes() -> Vec<Fault> {
    vec![
        opening("401 to a change", |_, _| Some(said(401, "Bad credentials")), 4),
        opening("403 to a change", |_, _| Some(said(403, "Must have admin rights")), 4),
        opening("404 to a change", |_, _| Some(said(404, "Not Found")), 5),
        opening("409 to a change", |_, _| Some(said(409, "Conflict")), 6),
        opening("500 to a change", |_, _| Some(said(500, "oops")), 7),
        once("429 to a change", |_, _| Some(slow(429, "0")), false),
        once("500 that worked", |_, _| Some(said(500, "oops")), true),
        once("502 at first", |_, _| Some(Reply::text(502, "text/html", "<h1>no</h1>")), false),
        once("503 that worked", |_, _| Some(said(503, "in a minute")), true),
        once("no answer in time that worked", |_, _| Some(how(How::Silent)), true),
        once("no answer in time", |_, _| Some(how(How::Silent)), false),
        once("no answer that worked", |_, _| Some(how(How::Closed)), true),
        once("a truncated answer that worked", |_, _| Some(how(How::Truncated)), true),
        once("an endless answer that worked", |_, _| Some(how(How::Endless)), true),
        once("HTML that worked", |_, _| Some(html()), true),
        once("no JSON that worked", |_, _| Some(Reply::text(201, "application/json", "{")), true),
        once("other JSON that worked", |_, _| Some(Reply::json(201, &json!([]))), true),
    ]
}

#[test]
fn the_table_holds_each_fault_once() {
    let faults = faults();
    let names: std::collections::BTreeSet<&str> = faults.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), faults.len());
    assert!(faults.len() >= 28);
}
