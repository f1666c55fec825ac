//! How a request stands and who is in a team: what the forges have in common
//! here. What each of them answers is in the modules beside it.

use std::collections::BTreeMap;

use promote::forge::{Forge, ForgeError, Limits, Request, Standing};
use promote::model::ForgeKind;
use serde_json::{Value, json};

use crate::faults::limits;
use crate::server::{Received, Reply, Server};
use crate::store::client;

/// What is asked for, and what is answered; everything else is not there.
#[derive(Clone, Default)]
pub(crate) struct Answers(BTreeMap<String, Reply>);

impl Answers {
    /// The same with another answer at a path.
    pub(crate) fn with(self, path: &str, value: &Value) -> Self {
        self.replies(path, Reply::json(200, value))
    }

    pub(crate) fn replies(mut self, path: &str, reply: Reply) -> Self {
        self.0.insert(path.to_owned(), reply);
        self
    }

    /// The same without an answer at a path.
    pub(crate) fn without(mut self, path: &str) -> Self {
        self.0.remove(path);
        self
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// A forge that answers so.
    pub(crate) fn forge(
        self,
        kind: ForgeKind,
        api: &str,
        repository: &str,
    ) -> (Server, Box<dyn Forge>) {
        answering(kind, api, repository, move |received| {
            let known = self.0.get(&received.path).cloned();
            known.unwrap_or_else(|| Reply::json(404, &json!({"message": "404 Not Found"})))
        })
    }
}

/// A client of a server that answers as it is told to.
pub(crate) fn answering(
    kind: ForgeKind,
    api: &str,
    repository: &str,
    answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
) -> (Server, Box<dyn Forge>) {
    let server = Server::start(answer);
    let to = (&*server.origin(), api);
    let limits = Limits { body: 1 << 20, pages: 9, ..limits() };
    let forge = client(kind, to, repository, limits).unwrap();
    (server, forge)
}

pub(crate) fn first() -> Request {
    Request { number: 1, ..Request::default() }
}

/// Everybody who had a say, each as `+carol` or `-carol`, behind it `now`,
/// `before` or `?`.
pub(crate) fn told(standing: &Standing) -> Vec<String> {
    let one = |review: &promote::forge::Review| {
        let word = if review.approves { '+' } else { '-' };
        let when = match review.current {
            Some(true) => "now",
            Some(false) => "before",
            None => "?",
        };
        format!("{word}{} {when}", review.person)
    };
    standing.reviews.iter().map(one).collect()
}

/// That nothing which goes wrong with one of these answers is taken for a
/// request that nobody has anything against.
pub(crate) fn bad_answers_end_as_errors(
    paths: &[String],
    of: impl Fn(&str, Reply) -> Result<Standing, ForgeError>,
) {
    let page = "<html><title>Sign in</title></html>";
    for path in paths {
        for (reply, code) in [
            (Reply::json(401, &json!({"message": "401 Unauthorized"})), 4),
            (Reply::json(403, &json!({"message": "403 Forbidden"})), 4),
            (Reply::json(500, &json!({"message": "500"})), 7),
            (Reply::text(200, "text/html", page), 7),
            (Reply::text(200, "application/json", "{\"approved_by\": ["), 7),
            (Reply::text(200, "application/json", ""), 7),
            (Reply::json(200, &json!(null)), 7),
            (Reply::json(200, &json!("all is well")), 7),
            (Reply::json(200, &json!([{"a": 1}])), 7),
            (Reply::json(200, &json!({"a": 1})), 7),
        ] {
            let shown = String::from_utf8_lossy(&reply.body).into_owned();
            let ended = of(path, reply).map_err(|error| error.exit_code());
            assert_eq!(ended, Err(code), "{path}: {shown}");
        }
    }
}
