//! What the client of GitHub sends and reads, against GitHub's own
//! descriptions: the npm packages `@octokit/openapi` (GitHub and its Enterprise
//! Server) and `@octokit/graphql-schema`, which `.ci/run` puts into
//! `target/forge-schemas`. Without them these tests say that they are skipped.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use promote::forge::{Draft, Form, Token, connect, ensure};
use promote::model::MergeMethod;
use serde_json::{Map, Value, json};

use crate::faults::{TOKEN, draft, limits};
use crate::github::scene;
use crate::github_app::{keys, skipped};
use crate::github_double::{GitHubDouble, place};
use crate::server::{Received, Reply, Server};

/// The folder of descriptions.
pub(crate) fn folder() -> PathBuf {
    let root = std::env::var_os("FORGE_SCHEMAS").map(PathBuf::from);
    root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/forge-schemas"))
}

/// The folder of the packages; `None`, said aloud, where they are not.
fn packages() -> Option<PathBuf> {
    let packages = folder().join("node_modules");
    if packages.join("@octokit/openapi").is_dir() {
        return Some(packages);
    }
    skipped("GitHub's descriptions are not installed, requests were not held against them");
    None
}

/// Every description of REST that the package has.
fn descriptions() -> Vec<(String, Value)> {
    let Some(packages) = packages() else { return Vec::new() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(packages.join("@octokit/openapi/generated")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_json = path.extension().is_some_and(|end| end == "json");
        if is_json && !name.contains(".deref.") {
            let text = std::fs::read(&path).unwrap();
            found.push((name, serde_json::from_slice(&text).unwrap()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.iter().any(|(name, _)| name == "api.github.com.json"));
    assert!(found.iter().any(|(name, _)| name.starts_with("ghes-")));
    found
}

/// A description and what it says of one request.
pub(crate) struct Operation<'a> {
    description: &'a Value,
    operation: &'a Value,
}

impl<'a> Operation<'a> {
    /// The operation of a request; paths are below `/api/v3`.
    fn find(description: &'a Value, received: &Received) -> Option<Self> {
        Self::find_below("/api/v3", description, received)
    }

    /// The operation of a request to an interface that is somewhere else.
    pub(crate) fn find_below(
        api: &str,
        description: &'a Value,
        received: &Received,
    ) -> Option<Self> {
        let path = received.path.strip_prefix(api)?;
        let fits = |template: &str| {
            let (mut wanted, mut given) = (template.split('/'), path.split('/'));
            let same = wanted.by_ref().zip(given.by_ref()).all(|(wanted, given)| {
                wanted == given || (wanted.starts_with('{') && !given.is_empty())
            });
            same && template.split('/').count() == path.split('/').count()
        };
        let method = received.method.to_ascii_lowercase();
        let paths = description["paths"].as_object().unwrap().iter();
        // A path that is written out goes before one with names.
        let found = paths.filter(|(template, _)| fits(template));
        let (_, operations) = found.min_by_key(|(template, _)| template.matches('{').count())?;
        Some(Self { description, operation: operations.get(&method)? })
    }

    /// What a `$ref` points to.
    fn resolved(&self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(at) => self.description.pointer(at.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    pub(crate) fn problems(&self, received: &Received) -> Vec<String> {
        let mut problems = self.of_query(received);
        let body = self.resolved(&self.operation["requestBody"]);
        let schema = &body["content"]["application/json"]["schema"];
        match (schema, received.body.is_empty()) {
            (Value::Null, true) => {}
            (Value::Null, false) => problems.push("it has no body".to_owned()),
            (schema, _) => problems.extend(self.of_body(schema, &received.json())),
        }
        problems
    }

    fn of_query(&self, received: &Received) -> Vec<String> {
        let known = self.operation["parameters"].as_array().into_iter().flatten();
        let known: Vec<&Value> = known.map(|known| self.resolved(known)).collect();
        let of_one = |(key, value): &(String, String)| {
            let mut named = known.iter().filter(|known| known["in"] == "query");
            let Some(parameter) = named.find(|known| known["name"] == **key) else {
                return vec![format!("there is no `{key}` in its query")];
            };
            let value = value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number));
            self.invalid(&parameter["schema"], &value)
        };
        received.query.iter().flat_map(of_one).collect()
    }

    fn of_body(&self, schema: &'a Value, body: &Value) -> Vec<String> {
        let mut problems = self.invalid(schema, body);
        // Most descriptions allow any field, which hides misspelled ones.
        let schema = self.resolved(schema);
        let choices = schema["oneOf"].as_array().into_iter().flatten();
        let choices: Vec<&Value> = choices.chain([schema]).collect();
        for key in body.as_object().unwrap().keys() {
            if !choices.iter().any(|choice| choice["properties"].get(key).is_some()) {
                problems.push(format!("there is no `{key}` in its body"));
            }
        }
        problems
    }

    fn invalid(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut root = json!({ "allOf": [schema] });
        if schema.to_string().contains("\"$ref\"") {
            root["components"] = self.description["components"].clone();
        }
        let validator = jsonschema::validator_for(&root).unwrap();
        validator.iter_errors(value).map(|error| error.to_string()).collect()
    }

    /// The example of an answer where all is well.
    fn example(&self) -> Option<Reply> {
        let answers = self.operation["responses"].as_object()?;
        let (status, answer) = answers.iter().find(|(status, _)| status.starts_with('2'))?;
        let examples = self.resolved(answer)["content"]["application/json"]["examples"].clone();
        let first = examples.as_object().and_then(|examples| examples.values().next().cloned());
        let pointer = first.as_ref().and_then(|first| first["$ref"].as_str());
        let example = match pointer {
            Some(at) => self.description.pointer(at.trim_start_matches('#')).cloned(),
            None => first,
        };
        Some(Reply::json(status.parse().unwrap(), &example?["value"]))
    }
}

/// Every request that the client can make.
fn every_request() -> Vec<Received> {
    let scene = scene(GitHubDouble::default());
    let forge = &*scene.forge;
    let all = Draft { milestone: Some("Spring".to_owned()), ..draft() };
    let request = ensure(forge, &all, Duration::ZERO).unwrap().request;
    let other = Draft { title: "Another".to_owned(), draft: true, ..all.clone() };
    let changed = ensure(forge, &other, Duration::ZERO).unwrap().request;
    forge.update(&changed, &all).unwrap();
    for method in [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase] {
        forge.set_auto_merge(&request, Some(method)).unwrap();
    }
    forge.set_auto_merge(&request, None).unwrap();
    forge.open_requests().unwrap();
    forge.checks("0123456789abcdef0123456789abcdef01234567").unwrap();
    forge.comment(&request, "Superseded").unwrap();
    forge.close(&request).unwrap();
    let mut received = scene.server.received();
    received.extend(requests_of_an_app());
    received
}

fn requests_of_an_app() -> Vec<Received> {
    let Some((private, _)) = keys() else { return Vec::new() };
    let server = Server::start(|_| Reply::json(200, &json!({ "id": 5, "token": "ghs_0123" })));
    let form = Form::App { id: 42, installation: None };
    let place = place(&format!("{}/api/v3", server.origin()));
    connect(&place, &Token::with(form, private, "a test"), limits()).unwrap();
    server.received()
}

#[test]
fn what_is_sent_is_what_github_describes() {
    let descriptions = descriptions();
    let requests = if descriptions.is_empty() { Vec::new() } else { every_request() };
    for (name, description) in &descriptions {
        let rest = requests.iter().filter(|received| received.path != "/api/graphql");
        for received in rest {
            let asked = format!("{name}: {} {}", received.method, received.path);
            let operation = Operation::find(description, received);
            let operation = operation.unwrap_or_else(|| panic!("{asked} is not described"));
            let problems = operation.problems(received);
            assert_eq!(problems, [""; 0], "{asked} {}", received.json());
        }
    }
}

#[test]
fn what_is_not_described_is_found() {
    let Some((_, description)) = descriptions().into_iter().next() else { return };
    let pulls = |method: &str, query: &[(&str, &str)], body: Value| {
        let received = Received {
            method: method.to_owned(),
            path: "/api/v3/repos/acme/config/pulls".to_owned(),
            query: query.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
            ..Received::default()
        };
        Operation::find(&description, &received).map(|found| found.problems(&received).len())
    };
    assert_eq!(pulls("DELETE", &[], Value::Null), None);
    assert_eq!(pulls("GET", &[("state", "opened"), ("heads", "a:b")], Value::Null), Some(2));
    assert_eq!(pulls("GET", &[], json!({})), Some(1));
    assert_eq!(pulls("POST", &[], json!({ "head": "a", "base": 1, "drafts": true })), Some(2));
}

#[test]
fn what_github_answers_is_read() {
    let request = promote::forge::Request { number: 1347, ..Default::default() };
    for (name, description) in descriptions() {
        let description = Arc::new(description);
        let missing = Arc::new(Mutex::new(Vec::new()));
        let (own, none) = (Arc::clone(&description), Arc::clone(&missing));
        let server = Server::start(move |received| {
            let found = Operation::find(&own, received);
            found.and_then(|found| found.example()).unwrap_or_else(|| {
                none.lock().unwrap().push(received.path.clone());
                Reply::json(404, &Value::Object(Map::new()))
            })
        });
        let place = place(&format!("{}/api/v3", server.origin()));
        let forge = connect(&place, &Token::new(TOKEN, "a test"), limits()).unwrap();
        let opened = forge.create(&draft()).unwrap();
        assert_eq!((opened.number, &*opened.head), (1347, "new-topic"), "{name}");
        assert!(!opened.id.is_empty() && opened.url.starts_with("https://"), "{opened:?}");
        assert_eq!(forge.open_requests().unwrap()[0].number, 1347);
        assert_eq!(forge.update(&request, &draft()).unwrap().base, "master");
        let all = Draft { milestone: Some("v1.0".to_owned()), ..draft() };
        forge.decorate(&request, &all).unwrap();
        let checks = forge.checks("6dcb09b").unwrap();
        let names: Vec<&str> = checks.iter().map(|check| &*check.context).collect();
        assert_eq!(names, ["continuous-integration/jenkins", "mighty_readme", "security/brakeman"]);
        assert!(checks.iter().all(|check| check.updated > 1_300_000_000), "{checks:?}");
        forge.comment(&request, "a").unwrap();
        forge.close(&request).unwrap();
        assert_eq!(*missing.lock().unwrap(), [""; 0], "{name}");
    }
}

#[test]
fn mutations_are_those_of_the_schema() {
    let Some(packages) = packages() else { return };
    let mut sent: Vec<Value> = every_request().iter().map(Received::json).collect();
    sent.retain(|body| body.get("query").is_some());
    assert_eq!(sent.len(), 6, "{sent:?}");
    let Some(said) = checked(&packages, &sent) else { return };
    assert_eq!(said, "");
    // That it can find something.
    let wrong = json!([
        { "query": "mutation { mergeAtOnce { id } }", "variables": {} },
        { "query": sent[2]["query"], "variables": { "id": "a", "method": "QUICK" } },
    ]);
    let said = checked(&packages, wrong.as_array().unwrap()).unwrap();
    assert!(said.contains("mergeAtOnce") && said.contains("QUICK"), "{said}");
}

/// What graphql-js says of documents; `None`, said aloud, where there is no
/// Node.js.
fn checked(packages: &PathBuf, documents: &[Value]) -> Option<String> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/forges/graphql.cjs");
    let mut node = Command::new("node");
    node.arg(script).arg(packages).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut node) = node.spawn() else {
        skipped("there is no Node.js, the mutations were not held against the schema");
        return None;
    };
    node.stdin.take().unwrap().write_all(json!(documents).to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
