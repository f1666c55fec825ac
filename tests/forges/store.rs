//! What the stand-ins for forges share: the requests that they keep, and what
//! a client asked for, one line a request.

use std::sync::Mutex;

use promote::forge::{Forge, ForgeError, Limits, Place, Token, connect};
use promote::model::ForgeKind;
use serde_json::Value;

use crate::faults::TOKEN;
use crate::server::{Received, Server};

/// A request that was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened {
    pub(crate) number: u64,
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) draft: bool,
    /// Whether the forge merges it once it may.
    pub(crate) auto_merge: bool,
    /// Ids of those who were asked, as the forge writes them.
    pub(crate) reviewers: Vec<Value>,
}

/// The requests of a stand-in.
#[derive(Default)]
pub(crate) struct Store(Mutex<Vec<Opened>>);

impl Store {
    /// Opens one, or says that the branches have one.
    pub(crate) fn open(&self, opened: Opened) -> Option<Opened> {
        let mut all = self.0.lock().unwrap();
        if all.iter().any(|known| (&known.head, &known.base) == (&opened.head, &opened.base)) {
            return None;
        }
        let number = all.len() as u64 + 1;
        all.push(Opened { number, ..opened });
        all.last().cloned()
    }

    pub(crate) fn all(&self) -> Vec<Opened> {
        self.0.lock().unwrap().clone()
    }

    /// Changes the one that is named by a path, wherever in it its number is.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Opened)) -> Opened {
        let mut all = self.0.lock().unwrap();
        let number = path.split('/').find_map(|part| part.parse::<u64>().ok()).unwrap();
        let opened = all.iter_mut().find(|known| known.number == number).unwrap();
        change(opened);
        opened.clone()
    }
}

/// A text of a document; empty where there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A client for a server at this origin, whose interface is at `api`.
pub(crate) fn client(
    kind: ForgeKind,
    (origin, api): (&str, &str),
    repository: &str,
    limits: Limits,
) -> Result<Box<dyn Forge>, ForgeError> {
    client_with(kind, (origin, api), repository, (&Token::new(TOKEN, "TOKEN"), limits))
}

/// The same with another token.
pub(crate) fn client_with(
    kind: ForgeKind,
    (origin, api): (&str, &str),
    repository: &str,
    (token, limits): (&Token, Limits),
) -> Result<Box<dyn Forge>, ForgeError> {
    let place = Place {
        kind,
        host: origin.trim_start_matches("http://").to_owned(),
        api: format!("{origin}{api}"),
        web: origin.to_owned(),
        repository: repository.to_owned(),
    };
    connect(&place, token, limits)
}

/// What was asked, each as `GET /path?key=value {"body": 1}`.
pub(crate) fn asked(server: &Server) -> Vec<String> {
    server.received().iter().map(shown).collect()
}

fn shown(received: &Received) -> String {
    let query: Vec<String> =
        received.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut line = format!("{} {}", received.method, received.path);
    if !query.is_empty() {
        line.push_str(&format!("?{}", query.join("&")));
    }
    if !received.body.is_empty() {
        line.push_str(&format!(" {}", received.json()));
    }
    line
}
