//! How we are let in: nothing first, then a token for anybody, then the
//! credentials of this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use promote::registry::{Copy, Credential, Keys, Meter, Registries, RepositoryName};
use serde_json::json;

use crate::double::{Double, error};
use crate::faults::{PASSWORD, keys, limits};
use crate::image::Image;
use crate::server::{Received, Reply};

const BASIC: &str = "Basic cm9ib3Q6czNjcmV0LXBhc3N3MHJk";

fn none() -> Keys {
    Keys::new(|_| Ok(None))
}

fn asked_for() -> (Keys, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&count);
    let keys = Keys::new(move |_| {
        own.fetch_add(1, Ordering::SeqCst);
        let (user, password) = ("robot".to_owned(), PASSWORD.to_owned());
        Ok(Some(Credential::Password { user, password }))
    });
    (keys, count)
}

/// A registry with a token service of its own, which gives a token to anybody
/// and a better one for the password.
fn with_tokens(anybody: bool) -> Double {
    Double::start(move |received: &Received| {
        if received.path == "/token" {
            let known = received.header("authorization") == BASIC;
            assert!(received.query("scope").starts_with("repository:acme/web:pull"));
            return Some(match (known, anybody) {
                (true, _) => {
                    Reply::json(200, &json!({ "access_token": "better", "expires_in": 300 }))
                }
                (false, true) => Reply::json(200, &json!({ "token": "anybody" })),
                (false, false) => error(401, "UNAUTHORIZED", "not for anybody"),
            });
        }
        let needed =
            if anybody { ["Bearer anybody", "Bearer better"] } else { ["Bearer better"; 2] };
        if needed.contains(&received.header("authorization")) {
            return None;
        }
        let challenge = "Bearer realm=\"/token\",service=\"registry\"";
        Some(error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", challenge))
    })
}

fn look(double: &Double, keys: Keys) -> Result<bool, promote::registry::RegistryError> {
    let registries = Registries::new(keys, Vec::new(), limits()).unwrap();
    let name = format!("{}/acme/web", double.host()).parse().unwrap();
    registries.look(&name, &"v1".parse().unwrap()).map(|found| found.is_some())
}

#[test]
fn nobody_is_asked_for_credentials_where_none_are_needed() {
    let (keys, count) = asked_for();
    let open = Double::start(|_| None);
    open.hold("acme/web", "v1", &Image::single(1));
    assert_eq!(look(&open, keys.clone()), Ok(true));
    let tokens = with_tokens(true);
    tokens.hold("acme/web", "v1", &Image::single(1));
    assert_eq!(look(&tokens, keys), Ok(true));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(tokens.server.received().iter().all(|r| r.header("authorization") != BASIC));
}

#[test]
fn credentials_are_used_where_a_token_for_anybody_is_not_given() {
    let double = with_tokens(false);
    double.hold("acme/web", "v1", &Image::single(1));
    assert_eq!(look(&double, keys()), Ok(true));
    // The password goes to the token service and nowhere else.
    for received in double.server.received() {
        let is_secret = received.header("authorization") == BASIC;
        assert!(!is_secret || received.path == "/token", "{received:?}");
        assert!(!received.query.iter().any(|(_, value)| value.contains(PASSWORD)));
    }
    let error = look(&double, none()).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains("no credentials"), "{error}");
    let host = double.host();
    assert_eq!(error.hint(), Some(format!("docker login {host}")));
}

#[test]
fn a_password_is_sent_where_the_registry_wants_one() {
    let double = Double::start(|received| {
        let basic = "Basic realm=\"x\"";
        (received.header("authorization") != BASIC)
            .then(|| error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", basic))
    });
    double.hold("acme/web", "v1", &Image::single(1));
    assert_eq!(look(&double, keys()), Ok(true));
    assert_eq!(look(&double, none()).unwrap_err().exit_code(), 4);
}

#[test]
fn a_long_lived_token_is_exchanged_in_a_body() {
    let double = Double::start(|received| {
        if received.path == "/token" {
            let body = String::from_utf8_lossy(&received.body).into_owned();
            assert!(
                received.query.is_empty() && received.method == "POST" || received.body.is_empty()
            );
            let good =
                body.contains("refresh_token=long%2Flived") && body.contains("grant_type=refresh");
            return Some(if good {
                Reply::json(200, &json!({ "access_token": "better" }))
            } else {
                error(401, "UNAUTHORIZED", "who")
            });
        }
        let challenge = "Bearer realm=\"/token\"";
        (received.header("authorization") != "Bearer better")
            .then(|| error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", challenge))
    });
    double.hold("acme/web", "v1", &Image::single(1));
    let keys = Keys::new(|_| Ok(Some(Credential::Identity("long/lived".to_owned()))));
    assert_eq!(look(&double, keys), Ok(true));
}

#[test]
fn a_token_service_on_another_host_is_asked_where_it_is_named() {
    let service = crate::server::Server::start(|received| {
        if received.header("authorization") == BASIC {
            return Reply::json(200, &json!({ "token": "better" }));
        }
        error(401, "UNAUTHORIZED", "not for anybody")
    });
    let realm = service.origin();
    let double = Double::start(move |received| {
        let challenge = format!("Bearer realm=\"{realm}/token\"");
        (received.header("authorization") != "Bearer better")
            .then(|| error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", &challenge))
    });
    double.hold("acme/web", "v1", &Image::single(1));
    let named = service.origin().trim_start_matches("http://").to_owned();
    let from = format!("{}/acme/web", double.host()).parse().unwrap();
    let to = format!("{}/prod/web", double.host()).parse().unwrap();
    let meter = Arc::new(Meter::default());
    let pin = "v1".parse().unwrap();
    let copy =
        Copy { from: &from, to: &to, pin: &pin, still: true, referrers: false, meter: &meter };
    let strict = Registries::new(keys(), Vec::new(), limits()).unwrap();
    let refused = strict.copy(&copy).unwrap_err();
    assert_eq!(refused.exit_code(), 4);
    assert_eq!(refused.hint(), Some(format!("export GIT_PROMOTE_REGISTRY_REALM={named}")));
    assert!(service.received().iter().all(|r| r.header("authorization").is_empty()));
    let told = Registries::new(keys(), vec![named], limits()).unwrap();
    assert!(!told.copy(&copy).unwrap().unchanged);
}

#[test]
fn who_may_not_read_at_the_source_sends_the_blobs() {
    const WRITER: &str = "Basic d3JpdGVyOnMzY3JldC1wYXNzdzByZA==";
    // The writer may write to prod/web, and a token for anything else is denied.
    let double = Double::start(|received| {
        if received.path == "/token" {
            let scopes: Vec<&str> = received
                .query
                .iter()
                .filter(|(name, _)| name == "scope")
                .map(|(_, scope)| scope.as_str())
                .collect();
            return Some(match (received.header("authorization"), scopes.as_slice()) {
                (WRITER, ["repository:prod/web:pull,push"]) => {
                    Reply::json(200, &json!({ "token": "writer" }))
                }
                (BASIC, ["repository:acme/web:pull"]) => {
                    Reply::json(200, &json!({ "token": "reader" }))
                }
                _ => error(403, "DENIED", "not for you"),
            });
        }
        let to_prod = received.path.starts_with("/v2/prod/web/");
        let needed = if to_prod { "Bearer writer" } else { "Bearer reader" };
        (received.header("authorization") != needed).then(|| {
            error(401, "UNAUTHORIZED", "who").header("WWW-Authenticate", "Bearer realm=\"/token\"")
        })
    });
    double.hold("acme/web", "v1", &Image::single(1));
    let from: RepositoryName = format!("{}/acme/web", double.host()).parse().unwrap();
    let to = format!("{}/prod/web", double.host()).parse().unwrap();
    let source = from.clone();
    let keys = Keys::new(move |name| {
        let user = if *name == source { "robot" } else { "writer" }.to_owned();
        Ok(Some(Credential::Password { user, password: PASSWORD.to_owned() }))
    });
    let registries = Registries::new(keys, Vec::new(), limits()).unwrap();
    let (pin, meter) = ("v1".parse().unwrap(), Arc::new(Meter::default()));
    let copy =
        Copy { from: &from, to: &to, pin: &pin, still: true, referrers: false, meter: &meter };
    let copied = registries.copy(&copy).unwrap();
    assert_eq!((copied.mounted, copied.sent), (0, 2), "{copied:?}");
    assert_eq!(double.tag("prod/web", "v1"), double.tag("acme/web", "v1"));
}
