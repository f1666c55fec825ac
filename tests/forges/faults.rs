//! What can go wrong between a client and its forge, once for every client: a
//! stand-in for the forge works as it should but for one fault.
//!
//! After each fault it is asked: does it end in time and with the right exit
//! code, is there one request where one shall be, and is the token nowhere but
//! in the headers of requests to the forge.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use promote::forge::{Draft, Forge, ForgeError, Limits, ensure};
use promote::model::{MergeMethod, Reviewer};

use crate::faults_table::faults;
use crate::server::{Received, Reply, Server};

/// The token of every test.
pub(crate) const TOKEN: &str = "s3cr3t-t0ken-0123456789";

/// Why a forge that works refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The branch has a request already.
    Exists,
    /// There is nothing between the branches.
    NoCommits,
    /// There is no such base.
    Base,
    /// Somebody who is asked to look at it cannot.
    Reviewers,
    /// An answer with a status of success that says that it was not done.
    Within,
}

/// A stand-in for a forge, which keeps requests as the forge does.
pub(crate) trait Double: Send + Sync {
    /// The client of the forge, with [`TOKEN`], for a server at this origin.
    fn connect(&self, origin: &str, limits: Limits) -> Result<Box<dyn Forge>, ForgeError>;

    /// What the forge answers where all is well.
    fn answer(&self, received: &Received) -> Reply;

    /// How many requests were opened and are still open.
    fn requests(&self) -> usize;

    /// Whether a request opens a pull request.
    fn opens(&self, received: &Received) -> bool;

    /// Whether a request asks somebody to look.
    fn asks_reviewers(&self, _received: &Received) -> bool {
        false
    }

    /// Whether a request is of `set_auto_merge` and changes something.
    fn merges(&self, _received: &Received) -> bool {
        false
    }

    /// How the forge refuses; `None` where it never does.
    fn refusal(&self, refusal: Refusal) -> Option<Reply>;

    /// A page of a list after which another comes; `next` is its address where
    /// the forge gives addresses.
    fn page(&self, received: &Received, next: &str) -> Option<Reply>;

    /// Whether the client goes to an address that a page names.
    fn follows(&self) -> bool {
        true
    }

    /// What is asked for: only what the forge has.
    fn draft(&self) -> Draft {
        draft()
    }

    /// Further texts that must not be seen, such as an encoded token.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Which requests a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hits {
    /// Everything that is read.
    Reads,
    /// What opens a pull request.
    Opening,
    /// What asks people to look.
    Reviewers,
    /// What turns auto-merge on.
    Merging,
    /// Nobody is there at all.
    Connecting,
}

/// How it has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// As if nothing had been.
    Well,
    /// Done, with a problem of this exit code beside it.
    Beside(u8),
    /// With this exit code.
    With(u8),
}

/// What a client is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Ensure,
    List,
    AutoMerge,
}

/// What a fault may use.
pub(crate) struct Stage<'a> {
    pub(crate) double: &'a dyn Double,
    /// The origin of a server that must hear nothing.
    pub(crate) other: &'a str,
}

/// How a fault answers; `None` where it cannot happen to this forge.
pub(crate) type Answer = fn(&Stage<'_>, &Received) -> Option<Reply>;

/// One thing that goes wrong.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) verb: Verb,
    pub(crate) hits: Hits,
    /// How often, before all is well again.
    pub(crate) times: usize,
    /// Whether the forge does what it is asked for all the same.
    pub(crate) done: bool,
    pub(crate) answer: Answer,
    pub(crate) ends: Ends,
    /// How many requests are open at the end.
    pub(crate) requests: usize,
}

/// Short enough for a test, long enough for a busy machine.
pub(crate) fn limits() -> Limits {
    Limits {
        request: Duration::from_millis(700),
        pause: Duration::from_millis(5),
        wait: Duration::from_millis(500),
        tries: 2,
        body: 1 << 16,
        pages: 4,
    }
}

/// No fault takes longer: a few deadlines one after another.
const BOUND: Duration = Duration::from_secs(12);

pub(crate) fn draft() -> Draft {
    let team = Reviewer::Team { organization: "acme".to_owned(), name: "security".to_owned() };
    Draft {
        head: "promote/web/staging".to_owned(),
        base: "main".to_owned(),
        title: "Promote web v1.2.3 to staging".to_owned(),
        body: "What moves: `web`".to_owned(),
        draft: false,
        labels: vec!["promotion".to_owned()],
        reviewers: vec![Reviewer::Person("carol".to_owned()), team],
        milestone: None,
    }
}

/// Plays every fault against a new stand-in each; those that cannot happen to
/// the forge are named.
pub(crate) fn play(new: fn() -> Arc<dyn Double>) -> Vec<&'static str> {
    let faults = faults();
    let skipped: Vec<&str> =
        faults.iter().filter(|fault| !applies(fault, &*new())).map(name).collect();
    let due: Vec<&Fault> = faults.iter().filter(|fault| !skipped.contains(&fault.name)).collect();
    // Most of the time is waiting.
    for some in due.chunks(8) {
        std::thread::scope(|scope| {
            for fault in some {
                scope.spawn(|| one(fault, &new()));
            }
        });
    }
    skipped
}

fn name(fault: &Fault) -> &'static str {
    fault.name
}

fn applies(fault: &Fault, double: &dyn Double) -> bool {
    let stage = Stage { double, other: "http://127.0.0.1:9" };
    (fault.answer)(&stage, &Received::default()).is_some()
}

fn one(fault: &Fault, double: &Arc<dyn Double>) {
    let name = fault.name;
    let other = Server::start(|_| Reply::json(200, &serde_json::json!([])));
    let server = faulty(*fault, Arc::clone(double), other.origin());
    let forge = double.connect(&server.origin(), limits()).unwrap();
    let mut server = Some(server);
    if fault.hits == Hits::Connecting {
        server = None;
    }
    let start = Instant::now();
    let outcome = carry_out(fault.verb, &*forge, &double.draft());
    let took = start.elapsed();
    assert!(took < BOUND, "{name}: it took {took:?}");
    let mut said = format!("{outcome:?} {forge:?}");
    let ends = match &outcome {
        Ok(problems) => {
            for problem in problems {
                said.push_str(&problem.to_string());
            }
            problems.first().map_or(Ends::Well, |problem| Ends::Beside(problem.exit_code()))
        }
        Err(error) => {
            said.push_str(&error.to_string());
            Ends::With(error.exit_code())
        }
    };
    assert_eq!(ends, fault.ends, "{name}: {outcome:?}");
    assert_eq!(double.requests(), fault.requests, "{name}: {outcome:?}");
    assert!(other.received().is_empty(), "{name}: another host was asked");
    for received in server.iter().flat_map(Server::received) {
        said.push_str(&format!(" {}?{:?}", received.path, received.query));
    }
    nothing_secret(name, &said, &**double);
}

/// No token, and nothing that moves the cursor of a terminal or turns its text
/// around.
fn nothing_secret(name: &str, said: &str, double: &dyn Double) {
    for secret in double.secrets().iter().map(String::as_str).chain([TOKEN]) {
        assert!(!said.contains(secret), "{name}: the token is seen: {said}");
    }
    let strange = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!said.contains(strange), "{name}: {said:?}");
    // What Debug makes of them.
    for text in ["\\u{1b}", "\\u{202e}", "\\0"] {
        assert!(!said.contains(text), "{name}: {said}");
    }
}

fn faulty(fault: Fault, double: Arc<dyn Double>, other: String) -> Server {
    let hit = AtomicUsize::new(0);
    Server::start(move |received| {
        let hits = match fault.hits {
            Hits::Reads => received.method == "GET",
            Hits::Opening => double.opens(received),
            Hits::Reviewers => double.asks_reviewers(received),
            Hits::Merging => double.merges(received),
            Hits::Connecting => false,
        };
        if !hits || hit.fetch_add(1, Ordering::SeqCst) >= fault.times {
            return double.answer(received);
        }
        if fault.done {
            double.answer(received);
        }
        let stage = Stage { double: &*double, other: &other };
        (fault.answer)(&stage, received).unwrap()
    })
}

/// What a verb ends with: the problems beside it.
fn carry_out(verb: Verb, forge: &dyn Forge, draft: &Draft) -> Result<Vec<ForgeError>, ForgeError> {
    match verb {
        Verb::Ensure => Ok(ensure(forge, draft, Duration::from_millis(5))?.problems),
        Verb::List => forge.open_requests().map(|_| Vec::new()),
        Verb::AutoMerge => {
            let ensured = ensure(forge, draft, Duration::from_millis(5))?;
            forge.set_auto_merge(&ensured.request, Some(MergeMethod::Squash))?;
            Ok(Vec::new())
        }
    }
}
