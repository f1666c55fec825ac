//! GitHub Apps: the key becomes a token of one repository.

use std::process::Command;

use octocrab::jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use promote::forge::{ForgeError, Form, Token, connect};
use serde_json::{Value, json};

use crate::faults::limits;
use crate::github_double::place;
use crate::server::{Received, Reply, Server};

const FRESH: &str = "ghs_fresh0123456789";

/// A new RSA key and its public half, both as PEM; `None`, said aloud, where
/// nothing can make one.
pub(crate) fn keys() -> Option<(String, String)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let make = |args: &[&str]| {
        let output = Command::new("ssh-keygen").args(args).arg("-f").arg(&path).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    };
    let written = make(&["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]);
    let public = written.and_then(|_| make(&["-e", "-m", "PKCS8"]));
    if public.is_none() {
        skipped("there is no ssh-keygen to make a key");
    }
    Some((std::fs::read_to_string(&path).ok()?, public?))
}

/// Says aloud that a test was not carried out.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// GitHub as an app sees it: installation 5 is on the repository.
fn answer(received: &Received, public: &str) -> Reply {
    let bearer = received.header("authorization").trim_start_matches("Bearer ");
    let repository = "/api/v3/repos/acme/config";
    if received.path.starts_with(&format!("{repository}/pulls")) {
        let status = if bearer == FRESH { 200 } else { 401 };
        return Reply::json(status, &json!([]));
    }
    // All else is for the app alone.
    let mut rules = Validation::new(Algorithm::RS256);
    // The app is written as a number, which it takes for no name.
    rules.set_required_spec_claims(&["exp"]);
    let key = DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
    let Ok(token) = decode::<Value>(bearer, &key, &rules) else {
        return Reply::json(401, &json!({ "message": format!("{bearer} could not be decoded") }));
    };
    if token.claims["iss"] != 42 {
        return Reply::json(404, &json!({ "message": "Integration not found" }));
    }
    if received.is("GET", &format!("{repository}/installation")) {
        return Reply::json(200, &json!({ "id": 5, "app_id": 42 }));
    }
    if received.is("POST", "/api/v3/app/installations/5/access_tokens") {
        assert_eq!(received.json(), json!({ "repositories": ["config"] }));
        return Reply::json(201, &json!({ "token": FRESH, "expires_at": "2030-01-01T00:00:00Z" }));
    }
    Reply::json(404, &json!({ "message": "Not Found" }))
}

fn app(id: u64, installation: Option<u64>, key: &str) -> Token {
    Token::with(Form::App { id, installation }, key, "GIT_PROMOTE_APP_KEY")
}

#[test]
fn an_app_gets_a_token_for_the_repository() {
    let Some((private, public)) = keys() else { return };
    let server = Server::start(move |received| answer(received, &public));
    let place = place(&format!("{}/api/v3", server.origin()));
    let asked = |from: usize| -> Vec<String> {
        server.received()[from..].iter().map(|one| one.path.replace("/api/v3/", "")).collect()
    };

    let forge = connect(&place, &app(42, None, &private), limits()).unwrap();
    assert_eq!(forge.open_requests().unwrap(), []);
    let wanted = [
        "repos/acme/config/installation",
        "app/installations/5/access_tokens",
        "repos/acme/config/pulls",
    ];
    assert_eq!(asked(0), wanted);
    assert!(!format!("{forge:?}").contains(FRESH));

    // Where it is installed is told.
    connect(&place, &app(42, Some(5), &private), limits()).unwrap();
    assert_eq!(asked(3), ["app/installations/5/access_tokens"]);
    let error = connect(&place, &app(42, Some(6), &private), limits()).unwrap_err();
    let wanted = "GitHub does not know installation 6 of app 42: Not Found";
    assert_eq!((error.exit_code(), &*error.to_string()), (5, wanted));
    let error = connect(&place, &app(43, None, &private), limits()).unwrap_err();
    assert_eq!(error.exit_code(), 5, "{error}");
}

#[test]
fn keys_and_tokens_of_apps_are_not_seen() {
    let Some((private, _)) = keys() else { return };
    let Some((_, other)) = keys() else { return };
    // Its key is not known there, and the server says the token back.
    let server = Server::start(move |received| answer(received, &other));
    let place = place(&format!("{}/api/v3", server.origin()));
    let error = connect(&place, &app(42, None, &private), limits()).unwrap_err();
    assert!(
        matches!(&error, ForgeError::Unauthorized { message, .. } if message == "*** could not be decoded"),
        "{error}"
    );

    let line = private.lines().nth(3).unwrap();
    for key in [private.replacen(line, "", 1), "-----BEGIN".to_owned(), String::new()] {
        let token = app(42, None, &key);
        let error = connect(&place, &token, limits()).unwrap_err();
        let said = format!("{error} {error:?} {token:?}");
        assert_eq!(error.exit_code(), 8, "{said}");
        assert!(said.contains("holds no private key of an app"), "{said}");
        assert!(!private.lines().any(|line| said.contains(line)), "{said}");
    }
}
